"""Each operator's type from its inputs' types, or what is wrong with it."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable
from fractions import Fraction
from typing import assert_never

import numpy as np

from shadergen.ir.extent import Extent, fixed
from shadergen.ir.ops import (
    Add,
    Affine,
    Array,
    AveragePool,
    Binary,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Fit,
    Gather,
    GlobalAveragePool,
    LeakyRelu,
    MaxPool,
    MeanOfMeans,
    Mul,
    Op,
    Pad,
    Pair,
    PRelu,
    Relu,
    Resize,
    Rim,
    RimTerm,
    Selu,
    Sides,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
    Unary,
    takes_size,
)
from shadergen.ir.types import Area, TensorType

MAX_CHANNELS = 65536
"""Ten times what fits into a texture at all: a limit so that a hostile file is an error and not a long computation."""
MAX_SCALE = 64
MAX_OFFSET = 4096


def infer(op: Op, inputs: list[TensorType]) -> TensorType:
    """The type of `op`'s value. Raises ValueError with what was found and expected."""
    return _checked(_inferred(op, inputs))


def _checked(type_: TensorType) -> TensorType:
    scales = (type_.height.scale, type_.width.scale)
    limits = max(max(scale.numerator, scale.denominator) for scale in scales)
    if type_.channels > MAX_CHANNELS or limits > MAX_SCALE:
        raise ValueError(
            f"found more than {MAX_CHANNELS} channels or a size of more than {MAX_SCALE} times the input's"
        )
    offsets = max(abs(float(size.offset)) for size in type_.area)
    if offsets > MAX_OFFSET or any(size.scale < 0 or (not size.scale and size.at(1) < 1) for size in type_.area):
        raise ValueError(
            f"found size {type_.height} x {type_.width}, expected pixels, and up to {MAX_OFFSET} of padding"
        )
    return type_


def _inferred(op: Op, inputs: list[TensorType]) -> TensorType:  # noqa: C901  # one case per operator
    expected = 2 if isinstance(op, Binary | MeanOfMeans) or takes_size(op) else 1
    if len(inputs) != expected and not (isinstance(op, Concat) and inputs):
        raise ValueError(f"found {len(inputs)} inputs, expected {expected}")
    x = inputs[0]
    match op:
        case Conv():
            return _infer_conv(op, x)
        case ConvTranspose():
            return _infer_conv_transpose(op, x)
        case Rim():
            return _infer_rim(op, x)
        case Relu() | LeakyRelu() | PRelu() | Elu() | Selu() | Sigmoid() | Tanh() | Softplus() | Erf() | Sqrt():
            return _infer_unary(op, x)
        case Clip() | Affine():
            return _infer_unary(op, x)
        case Add() | Sub() | Mul() | Div():
            return _infer_binary(x, inputs[1])
        case Concat():
            if any((other.height, other.width) != (x.height, x.width) for other in inputs):
                raise ValueError(f"found inputs of different sizes, {_sizes(inputs)}, expected equal ones")
            return TensorType(sum(other.channels for other in inputs), x.height, x.width)
        case Slice(start, stop):
            if not 0 <= start < stop <= x.channels:
                raise ValueError(f"found channels {start} to {stop}, expected a range within {x.channels}")
            return TensorType(stop - start, x.height, x.width)
        case Gather(indices):
            if not indices or not 0 <= min(indices) <= max(indices) < x.channels:
                raise ValueError(f"found channels {reprlib.repr(indices)}, expected some of {x.channels}")
            return TensorType(len(indices), x.height, x.width)
        case DepthToSpace(block):
            if block < 1 or x.channels % block**2:
                raise ValueError(f"found {x.channels} channels, expected a multiple of {block**2} for block {block}")
            return TensorType(x.channels // block**2, x.height.times(block), x.width.times(block))
        case SpaceToDepth(block):
            if block < 1:
                raise ValueError(f"found block {block}, expected 1 or more")
            if any(size.offset % block for size in x.area):
                raise ValueError(f"found size {x.height} x {x.width}, expected multiples of {block}")
            factor = Fraction(1, block)
            return TensorType(x.channels * block**2, x.height.times(factor), x.width.times(factor))
        case Pad():
            return _infer_pad(op, x)
        case Fit(size, corner):
            for at in corner:
                if not at.whole or abs(at.scale) > MAX_SCALE or abs(at.value(0)) > MAX_OFFSET:
                    raise ValueError(f"found a corner at {at}, expected a whole number up to {MAX_OFFSET}")
            return _sized(x, size, inputs[1])
        case Resize():
            if len({type(number) for number in op.to}) > 1:
                raise ValueError(f"found {op.to[0]} and {op.to[1]}, expected two factors or two sizes")
            if not math.isfinite(op.cubic):
                raise ValueError(f"found the cubic kernel's parameter {op.cubic}, expected a finite number")
            if op.size:
                return _sized(x, op.size, inputs[1])
            down, right = op.scales
            parts = (down.numerator, down.denominator, right.numerator, right.denominator)
            if min(op.scales) <= 0 or max(parts) > MAX_SCALE:
                raise ValueError(f"found factors {down} and {right}, expected some up to {MAX_SCALE}")
            return TensorType(x.channels, x.height.scaled(down), x.width.scaled(right))
        case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
            if min(pads) < 0 or any(pad >= side for pad, side in zip(pads, kernel * 2, strict=True)):
                raise ValueError(f"found pads {pads}, expected 0 or more, each less than the kernel {kernel}")
            return TensorType(x.channels, *_strided(x, kernel, strides, pads))
        case GlobalAveragePool() | MeanOfMeans():
            return TensorType(x.channels, fixed(1), fixed(1))
        case _:
            assert_never(op)


def _sized(x: TensorType, size: Area, like: TensorType) -> TensorType:
    height, width = (extent.after(own) for extent, own in zip(size, like.area, strict=True))
    if not (height.whole and width.whole):
        raise ValueError(f"found size {height} x {width}, expected whole numbers")
    return TensorType(x.channels, height, width)


def _sizes(types: Iterable[TensorType]) -> str:
    return " and ".join(dict.fromkeys(f"{type_.height} x {type_.width}" for type_ in types))


def _infer_unary(op: Unary, x: TensorType) -> TensorType:
    match op:
        case PRelu(slope):
            _expect_per_channel(slope, "slope", x)
        case Affine(scale, shift):
            _expect_per_channel(scale, "scale", x)
            _expect_per_channel(shift, "shift", x)
        case LeakyRelu() | Elu() | Selu():
            _expect_finite(np.array(list(vars(op).values()), np.float32), "its numbers")
        case Clip(minimum, maximum):
            if not minimum <= maximum:
                raise ValueError(f"found minimum {minimum:g} and maximum {maximum:g}, expected them in order")
    return x


def _infer_binary(a: TensorType, b: TensorType) -> TensorType:
    """Along each axis the sizes are equal, or one of them is 1."""
    axes = [(a.channels, b.channels, 1), (a.height, b.height, fixed(1)), (a.width, b.width, fixed(1))]
    if any(one not in (left, right) and left != right for left, right, one in axes):
        raise ValueError(f"found operands of {a} and {b}, expected equal types, or 1 along an axis")
    channels, height, width = (right if left == one else left for left, right, one in axes)
    return TensorType(channels, height, width)  # type: ignore[arg-type]  # three axes of two kinds


def _infer_conv(op: Conv, x: TensorType) -> TensorType:
    _expect_kernel(op, x, op.group)
    if min(op.pads) < 0:
        raise ValueError(f"found pads {op.pads}, expected none below 0")
    if min(op.dilations) < 1:
        raise ValueError(f"found dilations {op.dilations}, expected 1 or more")
    out, _, kh, kw = op.weight.shape
    reach = ((kh - 1) * op.dilations[0] + 1, (kw - 1) * op.dilations[1] + 1)
    return TensorType(out, *_strided(x, reach, op.strides, op.pads))


def _strided(x: TensorType, reach: Pair, strides: Pair, pads: Sides) -> tuple[Extent, Extent]:
    """Height and width of what a window of so many rows and columns gives."""
    if min(reach) < 1 or min(strides) < 1 or max(*reach, *strides) > MAX_OFFSET:
        raise ValueError(f"found kernel {reach} and strides {strides}, expected 1 or more")
    top, left, bottom, right = pads
    height = x.height.plus(top + bottom - reach[0]).over(strides[0]).plus(1)
    return height, x.width.plus(left + right - reach[1]).over(strides[1]).plus(1)


def _infer_conv_transpose(op: ConvTranspose, x: TensorType) -> TensorType:
    if op.weight.ndim != 4 or not op.weight.size:
        raise ValueError(f"found weight of shape {op.weight.shape}, expected (in, out, kh, kw)")
    in_, out, kh, kw = op.weight.shape
    if in_ != x.channels or op.group < 1 or in_ % op.group:
        raise ValueError(f"found weight for {in_} input channels in {op.group} groups, expected {x.channels}")
    if op.bias.shape != (out * op.group,):
        raise ValueError(f"found bias of shape {op.bias.shape}, expected ({out * op.group},)")
    _expect_finite(op.weight, "weight")
    _expect_finite(op.bias, "bias")
    if min(op.strides) < 1 or min(op.pads[:2]) < 0:
        raise ValueError(f"found strides {op.strides} and pads {op.pads}, expected 1 or more, and 0 or more before")
    top, left, bottom, right = op.pads
    height = x.height.plus(-1).times(op.strides[0]).plus(kh - top - bottom)
    return TensorType(out * op.group, height, x.width.plus(-1).times(op.strides[1]).plus(kw - left - right))


def _infer_pad(op: Pad, x: TensorType) -> TensorType:
    if not math.isfinite(op.value) or (op.value and op.mode != "zero"):
        raise ValueError(f"found value {op.value:g} for mode {op.mode}, expected a finite one, and 0 but for zero")
    top, left, bottom, right = op.pads
    return TensorType(x.channels, x.height.plus(top + bottom), x.width.plus(left + right))


def _infer_rim(op: Rim, x: TensorType) -> TensorType:
    if not op.terms:
        raise ValueError("found no terms, expected one or more")
    for term in op.terms:
        _expect_kernel(term, x)
        if term.row is None and term.column is None:
            raise ValueError("found a term for every pixel, expected a row or a column")
    outs = {len(term.bias) for term in op.terms}
    if len(outs) > 1:
        raise ValueError(f"found terms with {sorted(outs)} output channels, expected the same number")
    return TensorType(outs.pop(), x.height, x.width)


def _expect_kernel(op: Conv | RimTerm, x: TensorType, group: int = 1) -> None:
    if op.weight.ndim != 4 or not op.weight.size:
        raise ValueError(f"found weight of shape {op.weight.shape}, expected (out, in, kh, kw)")
    out, in_, _, _ = op.weight.shape
    if group < 1 or out % group:
        raise ValueError(f"found {group} groups of {out} output channels, expected a divisor")
    if in_ * group != x.channels:
        raise ValueError(f"found weight for {in_ * group} input channels, expected {x.channels}")
    if op.bias.shape != (out,):
        raise ValueError(f"found bias of shape {op.bias.shape}, expected ({out},)")
    _expect_finite(op.weight, "weight")
    _expect_finite(op.bias, "bias")


def _expect_per_channel(array: Array, what: str, x: TensorType) -> None:
    if array.shape != (x.channels,):
        raise ValueError(f"found {what} of shape {array.shape}, expected ({x.channels},)")
    _expect_finite(array, what)


def _expect_finite(array: Array, what: str) -> None:
    if np.isfinite(array).all():
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise ValueError(f"found {array[index]} in {what}{list(index)}, expected finite numbers")
