"""Convolutions, fully connected layers, and means and maxima over pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from shadergen.ir.ops import (
    Affine,
    Array,
    AveragePool,
    Conv,
    ConvTranspose,
    GlobalAveragePool,
    MaxPool,
    Pad,
    PadMode,
    Sides,
    Spatial,
)
from shadergen.ir.types import TensorType
from shadergen.sources.onnx.build import Call, Registry, Tensor, along
from shadergen.sources.onnx.integers import Stored
from shadergen.sources.onnx.view import Dim, SymbolicSize, larger

Dims = tuple[Dim, Dim, Dim, Dim]
"""Padding at the top, left, bottom and right in pixels, which may depend on the picture's size."""

HANDLERS = Registry()
handles = HANDLERS.handles


@handles("Conv")
def _conv(call: Call) -> Tensor:
    value, weight = call.image(), _kernel(call)
    strides, dilations = call.pair("strides"), call.pair("dilations")
    bias = call.array(2) if call.has(2) else np.zeros(len(weight), np.float32)
    reach = [(side - 1) * dilation + 1 for side, dilation in zip(weight.shape[2:], dilations, strict=True)]
    value, pads = _padded(call, value, _pads(call, call.type(call.simple()), reach, strides), "zero")
    op = Conv(weight, bias, pads, "zero", strides, dilations, call.attribute("group", 1))
    stored = _of_integers(call)
    if stored is None:
        return call.nchw(call.emit(op, value))
    numbers, offset = stored
    sums = call.emit(replace(op, weight=numbers.floats, bias=offset.floats), value)
    return call.nchw(call.emit_last(Affine(numbers.scale, np.zeros_like(numbers.scale)), sums))


def _of_integers(call: Call) -> tuple[Stored, Stored] | None:
    """Weights and bias, where both are integers of the same scales: their sums are whole numbers, and scaled then."""
    found = [call.builder.stored.get(name) for name in call.node.input[1:]]
    match found:
        case [Stored() as weight, Stored() as bias] if np.array_equal(weight.scale, bias.scale):
            return weight, bias
    return None


def _kernel(call: Call) -> Array:
    weight = call.array(1)
    if weight.ndim != 4:
        raise ValueError(f"found a kernel of shape {weight.shape}, expected (out, in, height, width)")
    return weight


def _padded(call: Call, value: str, pads: Dims, mode: PadMode) -> tuple[str, Sides]:
    """The value and padding by fixed numbers: padding that depends on the picture's size becomes a node in front."""
    if not any(isinstance(pad, SymbolicSize) for pad in pads):
        return value, pads  # type: ignore[return-value]  # they are integers
    op, more = call.around(call.view(), pads, mode)
    return call.emit(op, value, *more, tag="pad"), (0, 0, 0, 0)


def _pads(call: Call, type: TensorType, reach: Sequence[int], strides: Sequence[int]) -> Dims:
    """The padding that a node's `pads` or `auto_pad` asks for, its window being `reach` rows and columns large."""
    mode = call.expect("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode == "NOTSET":
        return _sides(call.attribute("pads", [0, 0, 0, 0]))
    if mode == "VALID":
        return (0, 0, 0, 0)
    totals: list[Any] = []
    for kind, extent, side, stride in zip("hw", type.area, reach, strides, strict=True):
        size: Any = extent.at(1) if extent.constant else SymbolicSize(kind, extent)  # type: ignore[arg-type]
        totals.append(larger((-(-size // stride) - 1) * stride + side - size, 0))
    return _shared(totals, mode == "SAME_UPPER")


def _sides(pads: Sequence[int]) -> Sides:
    top, left, bottom, right = (int(pad) for pad in pads)
    return top, left, bottom, right


def _shared(totals: Sequence[Any], more_behind: bool) -> Dims:
    """Half of the rows and columns on each side; of an odd number, the larger half is behind or in front."""
    top, left = (total // 2 if more_behind else -(-total // 2) for total in totals)
    return top, left, totals[0] - top, totals[1] - left


@handles("ConvTranspose")
def _conv_transpose(call: Call) -> Tensor:
    value, weight = call.image(), _kernel(call)
    strides, group = call.pair("strides"), call.attribute("group", 1)
    weight = _dilated(weight, call.pair("dilations"))
    out = weight.shape[1] * group
    bias = call.array(2) if call.has(2) else np.zeros(out, np.float32)
    more = call.attribute("output_padding", [0, 0])
    mode = call.expect("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    wanted = call.attribute("output_shape")
    if wanted is not None or mode.startswith("SAME"):
        totals = [side - stride + m for side, stride, m in zip(weight.shape[2:], strides, more, strict=True)]
        type_ = call.type(call.simple())
        if wanted is not None:
            now = [call.now(extent, i) or 0 for i, extent in enumerate((type_.height, type_.width))]
            if list(wanted[-2:]) != [n * s for n, s in zip(now, strides, strict=True)]:
                raise ValueError(f"found output_shape {list(wanted)}, expected the input's size times the strides")
        if min(totals) < 0:
            raise ValueError(f"found auto_pad {mode} with a kernel smaller than the stride, expected explicit pads")
        sides: Any = _shared(totals, mode != "SAME_LOWER")
    else:
        sides = _sides(call.attribute("pads", [0, 0, 0, 0]))
    pads = (*sides[:2], sides[2] - more[0], sides[3] - more[1])
    return call.nchw(call.emit(ConvTranspose(weight, bias, pads, strides, group), value))


def _dilated(weight: Array, dilations: tuple[int, int]) -> Array:
    """The kernel with zeros between its taps, as a dilation of so many rows and columns spreads it."""
    if dilations == (1, 1):
        return weight
    sides = [(side - 1) * dilation + 1 for side, dilation in zip(weight.shape[2:], dilations, strict=True)]
    if max(sides) > 1024:
        raise ValueError(f"found a kernel that reaches over {max(sides)} pixels, expected up to 1024")
    result = np.zeros((*weight.shape[:2], *sides), np.float32)
    result[:, :, :: dilations[0], :: dilations[1]] = weight
    return result


@handles("MatMul", "Gemm")
def _dense(call: Call) -> Tensor:
    """A fully connected layer over the channels is a convolution with a kernel of one pixel."""
    view, matrix = call.simple(), call.array(1)
    gemm = call.node.op_type == "Gemm"
    if matrix.ndim != 2 or view.layout[-1] != "c" or (gemm and call.attribute("transA", 0)):
        raise ValueError(f"found axes {view.layout} by {matrix.shape}, expected channels last, by a matrix")
    matrix = matrix if gemm and call.attribute("transB", 0) else matrix.T
    bias = call.array(2) if call.has(2) else np.zeros(1, np.float32)
    alpha, beta = (np.float32(call.attribute(name, 1.0)) for name in ("alpha", "beta"))
    weight = np.ascontiguousarray(matrix * alpha)[:, :, None, None]
    op = Conv(weight, np.broadcast_to(bias.reshape(-1) * beta, len(weight)).copy())
    return call.laid(call.emit(op, view.value), view.layout)


# ---------------------------------------------------------------------------------------------------------------------
# Pools


@handles("MaxPool", "AveragePool")
def _pool(call: Call) -> Tensor:
    value, type_ = call.image(), call.type(call.simple())
    if len(call.node.output) > 1 and call.node.output[1]:
        raise ValueError("found indices as a second output, expected the picture only")
    if call.pair("dilations") != (1, 1):
        raise ValueError(f"found dilations {call.pair('dilations')}, expected none")
    kernel, strides = call.pair("kernel_shape"), call.pair("strides")
    sides = _pads(call, type_, kernel, strides)
    if call.node.op_type == "AveragePool" and any(isinstance(side, SymbolicSize) for side in sides):
        sides = _widest(sides, type_, kernel, strides)
    value, pads = _padded(call, value, sides, "edge")  # the maximum with a pixel that is in the window anyway
    if call.attribute("ceil_mode", 0) and strides != (1, 1):
        # Rounding up is more padding behind, unless a window would begin in it.
        if any(side < stride + pad for side, stride, pad in zip(kernel, strides, pads[2:], strict=True)):
            raise ValueError(f"found ceil_mode with kernel {kernel} and strides {strides}, expected larger kernels")
        pads = (*pads[:2], pads[2] + strides[0] - 1, pads[3] + strides[1] - 1)
    if call.node.op_type == "MaxPool":
        return call.nchw(call.emit(MaxPool(kernel, strides, pads), value))
    if call.attribute("count_include_pad", 0) and any(pads):
        if call.attribute("ceil_mode", 0):
            raise ValueError("found ceil_mode with count_include_pad, expected one of them")
        value, pads = call.emit(Pad(pads), value, tag="pad"), (0, 0, 0, 0)
    return call.nchw(call.emit(AveragePool(kernel, strides, pads), value))


def _widest(sides: Dims, type: TensorType, kernel: Spatial, strides: Spatial) -> Dims:
    """As much padding behind as the picture's least favourable size needs.

    In a mean, padding does not count; that there is no window more at any size is checked. Raises ValueError for one.
    """
    top, left, *behind = sides
    extents = [along(side, kind) for side, kind in zip(behind, "hw", strict=True)]
    most = [max(map(extent.at, range(extent.period))) for extent in extents]
    windows = [
        (size.plus(before + after - side).over(stride).plus(1), size.plus(stride - 1).over(stride))
        for size, before, after, side, stride in zip(type.area, (top, left), most, kernel, strides, strict=True)
        if not isinstance(before, SymbolicSize)
    ]
    if len(windows) < 2 or any(found != wanted for found, wanted in windows):
        problem = f"found 'same' padding of a size of {type.height} x {type.width} with strides {strides}"
        raise ValueError(f"{problem}, expected padding that does not depend on the picture's size")
    return top, left, most[0], most[1]


@handles("GlobalAveragePool")
def _global_average(call: Call) -> Tensor:
    return call.nchw(call.emit(GlobalAveragePool(), call.image()))


@handles("ReduceMean", "ReduceSum")
def _reduce(call: Call) -> Tensor:
    """A mean over rows and columns is GlobalAveragePool; a mean or sum over channels is a convolution."""
    view = call.simple()
    rank = len(view.axes)
    axes = {axis % rank for axis in call.listed("axes", 1) or range(rank)}
    letters = {view.layout[axis] for axis in axes} - {"n"}
    mean = call.node.op_type == "ReduceMean"
    if letters == {"h", "w"} and mean:
        value = call.emit(GlobalAveragePool(), view.value)
    elif letters == {"c"}:
        channels = call.type(view).channels
        row = np.full((1, channels, 1, 1), 1 / channels if mean else 1, np.float32)
        value = call.emit(Conv(row, np.zeros(1, np.float32)), view.value)
    else:
        raise ValueError(
            f"found axes {sorted(axes)} of {view.layout}, expected rows and columns for a mean, or channels"
        )
    kept = call.attribute("keepdims", 1)
    return call.laid(value, "".join(c for i, c in enumerate(view.layout) if kept or i not in axes))
