"""Activations that a file stores as integers (QDQ): rounded to steps, cut off, and floats again.

The integers are numbers of a graph as others are, with Round and Clip between two scales; these are folded into
the convolutions before and behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx

from shadergen.ir.ops import Clip, Round
from shadergen.sources.onnx.build import Call, Registry, Tensor

HANDLERS = Registry()
handles = HANDLERS.handles

_TYPES = ("int8", "uint8", "int16", "uint16")


@handles("QuantizeLinear")
def _quantised(call: Call) -> Tensor:
    """clip(round(x / scale) + zero point), halves to even; the zero point is added last, which is the same."""
    scale, zero, limits = _steps(call)
    view = call.view()
    steps = call.scaled(view, 1 / scale, 0.0, "steps") if scale != 1 else view
    rounded = call.emit(Round(), steps.value)
    cut = view.of(call.emit_last(Clip(limits.min - zero, limits.max - zero), rounded))
    return call.scaled(cut, 1.0, zero, "shifted") if zero else cut


@handles("DequantizeLinear")
def _floats(call: Call) -> Tensor:
    """(x - zero point) * scale, in two steps: the first undoes QuantizeLinear's last one to the bit."""
    scale, zero, _ = _steps(call)
    centred = call.scaled(call.view(), 1.0, -zero, "centred") if zero else call.view()
    return call.scaled(centred, scale, 0.0) if scale != 1 else centred


def _steps(call: Call) -> tuple[float, float, Any]:
    """The scale, the zero point, and the integers there are. Raises ValueError where there is no such shader."""
    scale = call.constant(1)
    zero = np.asarray(call.constant(2)) if call.has(2) else np.zeros((), _type(call))
    if scale.size != 1 or zero.size != 1:
        raise ValueError(f"found {max(scale.size, zero.size)} scales of a picture, expected one for all channels")
    if str(zero.dtype) not in _TYPES:
        raise ValueError(f"found a picture in {zero.dtype}, expected one of {', '.join(_TYPES)}")
    step = float(scale.reshape(()))
    if not (np.isfinite(step) and step > 0):
        raise ValueError(f"found a scale of {step:g}, expected one above 0")
    return step, float(zero.reshape(())), np.iinfo(zero.dtype)


def _type(call: Call) -> Any:
    """The integers' type, where no zero point says it."""
    return onnx.helper.tensor_dtype_to_np_dtype(call.attribute("output_dtype") or onnx.TensorProto.UINT8)
