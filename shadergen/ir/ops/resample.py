"""Operators that give an image another size: around it, up to a size, by a filter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from shadergen.ir.extent import Extent
from shadergen.ir.ops.checks import MAX_OFFSET, MAX_SCALE, Inputs, PadMode, Scales, Sides, one, sized, two
from shadergen.ir.types import Area, TensorType

Filter = Literal["nearest", "linear", "cubic"]
Coordinates = Literal["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
Rounding = Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]


@dataclass(frozen=True)
class Pad:
    """More rows and columns around the image, or fewer.

    Where a number is below zero, so many are cropped, before others are padded.
    """

    pads: Sides
    mode: PadMode = "zero"
    value: float = 0.0
    """What mode `zero` pads with, finite; 0 for the other modes."""

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        if not math.isfinite(self.value) or (self.value and self.mode != "zero"):
            raise ValueError(
                f"found value {self.value:g} for mode {self.mode}, expected a finite one, and 0 but for zero"
            )
        top, left, bottom, right = self.pads
        return TensorType(x.channels, x.height.plus(top + bottom), x.width.plus(left + right))


@dataclass(frozen=True)
class Fit:
    """The first input, cropped or continued to a size that depends on that of the second, of which nothing else counts.

    Pixel (y, x) is that of the first input at (y - corner[0], x - corner[1]). In front of a network that needs a
    multiple of its strides, and behind it, it makes every size possible.
    """

    size: Area = (Extent(), Extent())
    """Height and width as functions of the second input's height and width: without any other, its own."""
    corner: Area = (Extent(Fraction(0)), Extent(Fraction(0)))
    """Where the first pixel of the first input comes to lie: how many rows and columns are put in front of it. Below
    zero, so many are cropped."""
    mode: PadMode = "edge"
    """What lies outside of the first input."""

    def infer(self, inputs: Inputs) -> TensorType:
        x, like = two(inputs)
        for at in self.corner:
            if not at.whole or abs(at.scale) > MAX_SCALE or abs(at.value(0)) > MAX_OFFSET:
                raise ValueError(f"found a corner at {at}, expected a whole number up to {MAX_OFFSET}")
        return sized(x, self.size, like)


@dataclass(frozen=True)
class Resize:
    """Resampling, each axis on its own: by fixed factors, the size rounded down, or to a size.

    A size depends on that of a second input, of which nothing else counts; the factors, which are called scale here,
    are then the result's size over the input's.

    Pixel i reads at the coordinate x of the input: half_pixel (i + 0.5) / scale - 0.5; pytorch_half_pixel the same, but
    0 where the result has one pixel; asymmetric i / scale; align_corners i * (input - 1) / (result - 1), or 0 where the
    result has one pixel. What a filter reads outside of the image is the nearest pixel of it.
    """

    to: Scales | Area
    """Two factors, down and right, or height and width as functions of the second input's height and width."""
    filter: Filter
    """linear: between the two pixels around x. cubic: Keys' kernel over four. nearest: the pixel at x, rounded."""
    coordinates: Coordinates = "half_pixel"
    rounding: Rounding = "round_prefer_floor"
    """For nearest; `round_prefer_floor` takes the lower of two pixels equally near."""
    cubic: float = -0.75
    """For cubic: the kernel's parameter a. ONNX's and PyTorch's is -0.75; -0.5 is Catmull and Rom's."""
    exclude_outside: bool = False
    """For cubic: what lies outside of the image has no weight; others are scaled to add up to 1, as in TensorFlow."""

    @property
    def size(self) -> Area | None:
        """The size it is to, if it is."""
        height, width = self.to
        return (height, width) if isinstance(height, Extent) and isinstance(width, Extent) else None

    @property
    def scales(self) -> Scales:
        """The factors, where it is by factors."""
        down, right = self.to
        assert isinstance(down, Fraction), "it is to a size"
        assert isinstance(right, Fraction), "it is to a size"
        return down, right

    def infer(self, inputs: Inputs) -> TensorType:
        if len({type(number) for number in self.to}) > 1:
            raise ValueError(f"found {self.to[0]} and {self.to[1]}, expected two factors or two sizes")
        if not math.isfinite(self.cubic):
            raise ValueError(f"found the cubic kernel's parameter {self.cubic}, expected a finite number")
        if self.size:
            x, like = two(inputs)
            return sized(x, self.size, like)
        x, (down, right) = one(inputs), self.scales
        parts = (down.numerator, down.denominator, right.numerator, right.denominator)
        if min(down, right) <= 0 or max(parts) > MAX_SCALE:
            raise ValueError(f"found factors {down} and {right}, expected some up to {MAX_SCALE}")
        return TensorType(x.channels, x.height.scaled(down), x.width.scaled(right))
