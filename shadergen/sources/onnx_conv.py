"""Convolutions, fully connected layers, and means and maxima over pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from shadergen.extent import Extent
from shadergen.graph import Array, AveragePool, Conv, ConvTranspose, GlobalAveragePool, MaxPool, Pad, Sides
from shadergen.sources.onnx_build import Call, Registry, Tensor
from shadergen.sources.onnx_view import Size, SizeError

HANDLERS = Registry()
handles = HANDLERS.handles


@handles("Conv")
def _conv(call: Call) -> Tensor:
    value, weight = call.image(), _kernel(call)
    strides, dilations = call.pair("strides"), call.pair("dilations")
    bias = call.array(2) if call.has(2) else np.zeros(len(weight), np.float32)
    reach = [(side - 1) * dilation + 1 for side, dilation in zip(weight.shape[2:], dilations, strict=True)]
    pads = _pads(call, call.type(call.simple()), reach, strides)
    return call.nchw(call.emit(Conv(weight, bias, pads, "zero", strides, dilations, call.attribute("group", 1)), value))


def _kernel(call: Call) -> Array:
    weight = call.array(1)
    if weight.ndim != 4:
        raise ValueError(f"found a kernel of shape {weight.shape}, expected (out, in, height, width)")
    return weight


def _pads(call: Call, type: Any, reach: Sequence[int], strides: Sequence[int]) -> Sides:
    """Explicit or automatic padding of a window of `reach` rows and columns."""
    mode = call.expect("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode == "NOTSET":
        return _sides(call.attribute("pads", [0, 0, 0, 0]))
    if mode == "VALID":
        return (0, 0, 0, 0)
    totals = [
        max(side - (_residue(extent, stride) or stride), 0)
        for extent, side, stride in zip((type.height, type.width), reach, strides, strict=True)
    ]
    return _shared(totals, mode == "SAME_UPPER")


def _sides(pads: Sequence[int]) -> Sides:
    top, left, bottom, right = (int(pad) for pad in pads)
    return top, left, bottom, right


def _shared(totals: Sequence[int], more_behind: bool) -> Sides:
    """Half of the padding on each side, and what is odd of it behind or in front."""
    top, left = (total // 2 if more_behind else -(-total // 2) for total in totals)
    return top, left, totals[0] - top, totals[1] - left


def _residue(extent: Extent, stride: int) -> int:
    """The size modulo the stride, where that is the same for every picture."""
    try:
        rest = Size("h", extent) % stride
    except SizeError:
        problem = f"found 'same' padding with stride {stride} of a size of {extent}"
        raise SizeError(f"{problem}, expected padding that does not depend on the picture's size") from None
    assert isinstance(rest, int), "a remainder that is a number or fails"
    return rest


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
        top, left, bottom, right = _shared(totals, mode != "SAME_LOWER")
    else:
        top, left, bottom, right = _sides(call.attribute("pads", [0, 0, 0, 0]))
    pads = (top, left, bottom - more[0], right - more[1])
    return call.nchw(call.emit(ConvTranspose(weight, bias, pads, strides, group), value))


def _dilated(weight: Array, dilations: tuple[int, int]) -> Array:
    """The kernel with zeros between its taps."""
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
    pads = _pads(call, type_, kernel, strides)
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


@handles("GlobalAveragePool")
def _global_average(call: Call) -> Tensor:
    return call.nchw(call.emit(GlobalAveragePool(), call.image()))


@handles("ReduceMean", "ReduceSum")
def _reduce(call: Call) -> Tensor:
    """Over rows and columns together, or over channels."""
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
