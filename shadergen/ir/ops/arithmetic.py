"""Arithmetic with two images, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.ir.extent import fixed
from shadergen.ir.ops.checks import Inputs, two
from shadergen.ir.types import TensorType


class _Arithmetic:
    """An operator of two images. Along each axis their sizes are equal, or one of them is 1 and counts everywhere."""

    def infer(self, inputs: Inputs) -> TensorType:
        a, b = two(inputs)
        axes = [(a.channels, b.channels, 1), (a.height, b.height, fixed(1)), (a.width, b.width, fixed(1))]
        if any(one not in (left, right) and left != right for left, right, one in axes):
            raise ValueError(f"found operands of {a} and {b}, expected equal types, or 1 along an axis")
        channels, height, width = (right if left == one else left for left, right, one in axes)
        return TensorType(channels, height, width)  # type: ignore[arg-type]  # three axes of two kinds


@dataclass(frozen=True)
class Add(_Arithmetic):
    """a + b. Along each axis, of channels, rows and columns, an operand of size 1 counts everywhere."""


@dataclass(frozen=True)
class Sub(_Arithmetic):
    """a - b; sizes as for Add."""


@dataclass(frozen=True)
class Mul(_Arithmetic):
    """a * b; sizes as for Add."""


@dataclass(frozen=True)
class Div(_Arithmetic):
    """a / b; sizes as for Add."""


Binary = Add | Sub | Mul | Div
