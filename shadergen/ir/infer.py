"""An operator's type from its inputs' types, within limits."""

from __future__ import annotations

from shadergen.ir.ops import Op
from shadergen.ir.ops.checks import Inputs, expect_bounded
from shadergen.ir.types import TensorType


def infer(op: Op, inputs: Inputs) -> TensorType:
    """The type of the value of `op`. Raises ValueError with what was found and expected."""
    result = op.infer(inputs)
    expect_bounded(result)
    return result
