"""The types of attributes, and what several operators expect of theirs.

Every check raises ValueError with what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from shadergen.ir.types import Area, TensorType

Array = npt.NDArray[np.float32]
PadMode = Literal["zero", "edge", "reflect"]
"""What lies outside of an image: zeros, its nearest pixel, or its mirror image, the border's pixel not repeated."""
Spatial = tuple[int, int]
"""A whole number for each spatial axis, rows first: a kernel's height and width, strides down and to the right."""
Sides = tuple[int, int, int, int]
"""Rows and columns at the top, left, bottom and right of an image, in ONNX's order."""
Scales = tuple[Fraction, Fraction]
"""Factors of the height and of the width."""
Inputs = Sequence[TensorType]
"""The types of an operator's inputs, in their order."""

MAX_CHANNELS = 65536
"""Ten times what fits into a texture at all: a limit so that a hostile file is an error and not a long computation."""
MAX_SCALE = 64
"""The largest numerator and denominator of a size over the input's size, for the same reason."""
MAX_OFFSET = 4096
"""How many pixels a size may differ, for any size of the input, from a multiple of it; also the longest kernel."""


def one(inputs: Inputs) -> TensorType:
    """The only input's type."""
    if len(inputs) != 1:
        raise ValueError(f"found {len(inputs)} inputs, expected 1")
    return inputs[0]


def two(inputs: Inputs) -> tuple[TensorType, TensorType]:
    """The types of two inputs."""
    if len(inputs) != 2:
        raise ValueError(f"found {len(inputs)} inputs, expected 2")
    return inputs[0], inputs[1]


def expect_bounded(type: TensorType) -> None:
    """A value's channels and sizes are within the limits above, and no fixed size is below 1."""
    largest = max(max(size.scale.numerator, size.scale.denominator) for size in type.area)
    if type.channels > MAX_CHANNELS or largest > MAX_SCALE:
        raise ValueError(
            f"found more than {MAX_CHANNELS} channels or a size of more than {MAX_SCALE} times the input's"
        )
    offset = max(abs(float(size.offset)) for size in type.area)
    if offset > MAX_OFFSET or any(size.scale < 0 or (not size.scale and size.at(1) < 1) for size in type.area):
        raise ValueError(f"found size {type.height} x {type.width}, expected pixels, and up to {MAX_OFFSET} of padding")


def expect_finite(array: Array, name: str) -> None:
    """No element is infinite or not a number."""
    if np.isfinite(array).all():
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise ValueError(f"found {array[index]} in {name}{list(index)}, expected finite numbers")


def expect_per_channel(array: Array, name: str, x: TensorType) -> None:
    """The array has one finite number for each channel of `x`."""
    if array.shape != (x.channels,):
        raise ValueError(f"found {name} of shape {array.shape}, expected ({x.channels},)")
    expect_finite(array, name)


def expect_kernel(weight: Array, bias: Array, group: int, x: TensorType) -> None:
    """A convolution's weight (out, in / group, kh, kw) and bias (out,) are finite and for the channels of `x`."""
    if weight.ndim != 4 or not weight.size:
        raise ValueError(f"found weight of shape {weight.shape}, expected (out, in, kh, kw)")
    out, per_group, _, _ = weight.shape
    if group < 1 or out % group:
        raise ValueError(f"found {group} groups of {out} output channels, expected a divisor")
    if per_group * group != x.channels:
        raise ValueError(f"found weight for {per_group * group} input channels, expected {x.channels}")
    if bias.shape != (out,):
        raise ValueError(f"found bias of shape {bias.shape}, expected ({out},)")
    expect_finite(weight, "weight")
    expect_finite(bias, "bias")


def windows(x: TensorType, reach: Spatial, strides: Spatial, pads: Sides) -> Area:
    """How many windows of `reach` rows and columns, `strides` apart, the padded image has down and to the right."""
    if min(reach) < 1 or min(strides) < 1 or max(*reach, *strides) > MAX_OFFSET:
        raise ValueError(f"found kernel {reach} and strides {strides}, expected 1 or more")
    top, left, bottom, right = pads
    height = x.height.plus(top + bottom - reach[0]).over(strides[0]).plus(1)
    return height, x.width.plus(left + right - reach[1]).over(strides[1]).plus(1)


def sized(x: TensorType, size: Area, like: TensorType) -> TensorType:
    """The type of `x` with another height and width, which are functions of those of `like`."""
    height, width = (extent.after(own) for extent, own in zip(size, like.area, strict=True))
    if not (height.whole and width.whole):
        raise ValueError(f"found size {height} x {width}, expected whole numbers")
    return TensorType(x.channels, height, width)
