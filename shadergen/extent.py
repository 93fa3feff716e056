"""Sizes that are known only at playback, as functions of the size of the graph's input.

Padding, kernels and upscales make a size affine in the input's: `scale * n + offset`. A stride rounds down, and what
follows it is affine in that: `2floor((n+1)/2)-1`. Two extents are equal when they are the same function, written alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import gcd


@dataclass(frozen=True)
class Floor:
    """`extent / divisor`, rounded down."""

    extent: Extent
    """Never a multiple of the divisor for every n: that needs no rounding."""
    divisor: int
    """2 or more."""

    def __str__(self) -> str:
        inner = f"({self.extent})" if self.extent.offset else f"{self.extent}"
        return f"floor({inner}/{self.divisor})"

    @property
    def scale(self) -> Fraction:
        """Its growth for each texel of the input."""
        return self.extent.scale / self.divisor

    def at(self, n: int) -> int:
        """Its value for an input of size `n`."""
        return self.extent.at(n) // self.divisor


@dataclass(frozen=True)
class Extent:
    """The size along one axis: `scale * n + offset` for an input of size n, where nothing was rounded down."""

    scale: Fraction = Fraction(1)
    """Growth for each texel of the input, roundings left out; 0 for a size that does not depend on it."""
    offset: int = 0
    of: Floor | None = None
    """What takes n's place: the extent is `ratio * of + offset`."""

    @property
    def ratio(self) -> Fraction:
        """The factor of `of`, or of n."""
        return self.scale / self.of.scale if self.of else self.scale

    @property
    def constant(self) -> bool:
        """Whether it does not depend on the input."""
        return self.scale == 0

    @property
    def whole(self) -> bool:
        """Whether it is an integer for every n."""
        return self.ratio.denominator == 1

    def __str__(self) -> str:
        if self.constant:
            return str(self.offset)
        offset = f"{self.offset:+d}" if self.offset else ""
        return f"{'' if self.ratio == 1 else self.ratio}{self.of or 'n'}{offset}"

    def at(self, n: int) -> int:
        """The size for an input of size `n`. Raises ValueError where it is no integer."""
        size = self.ratio * (self.of.at(n) if self.of else n) + self.offset
        if size.denominator != 1:
            raise ValueError(f"{self} is not an integer at n = {n}")
        return int(size)

    def times(self, factor: Fraction | int) -> Extent:
        """The extent after scaling by `factor`, exactly; the offset must stay an integer."""
        offset = self.offset * Fraction(factor)
        if offset.denominator != 1:
            raise ValueError(f"{self} times {factor} has no integer offset")
        return Extent(self.scale * factor, int(offset), self.of if factor else None)

    def plus(self, texels: int) -> Extent:
        """The extent with `texels` more."""
        return Extent(self.scale, self.offset + texels, self.of)

    def over(self, divisor: int) -> Extent:
        """The extent divided by `divisor`, 1 or more, and rounded down."""
        if self.constant:
            return fixed(self.offset // divisor)
        if divisor == 1:
            return self
        # ratio * of + offset is an integer, so its numerators over one denominator may be divided by what they share.
        common = gcd(self.ratio.numerator, self.ratio.denominator * divisor)
        below = self.ratio.denominator * divisor // common
        whole, rest = divmod(self.ratio.denominator * self.offset // common, below)
        scale = self.scale / divisor
        if below == 1:
            return Extent(scale, whole, self.of)
        base = self.of.scale if self.of else Fraction(1)
        over = Extent(base * (self.ratio.numerator // common), rest, self.of)
        if self.of and self.ratio.numerator == common:  # floor((floor(a / b) + c) / d) is floor((a + b * c) / (b * d))
            whole_, rest = divmod(self.of.extent.offset + self.of.divisor * rest, self.of.divisor * below)
            inner = self.of.extent
            return Extent(scale, whole + whole_, Floor(Extent(inner.scale, rest, inner.of), self.of.divisor * below))
        return Extent(scale, whole, Floor(over, below))

    def scaled(self, factor: Fraction) -> Extent:
        """The extent times `factor`, rounded down."""
        return self.times(factor.numerator).over(factor.denominator)

    def up_to(self, multiple: int) -> Extent:
        """The next multiple."""
        return self.plus(multiple - 1).over(multiple).times(multiple)


def fixed(size: int) -> Extent:
    """A size that does not depend on the input."""
    return Extent(Fraction(0), size)


@dataclass(frozen=True)
class TensorType:
    """What is known of a value before playback."""

    channels: int
    height: Extent = Extent()
    width: Extent = Extent()

    def __str__(self) -> str:
        return f"{self.channels} x {self.height} x {self.width}"

    @property
    def packs(self) -> int:
        """Groups of four channels, the last perhaps partly filled."""
        return -(-self.channels // 4)

    def pixels(self) -> Fraction:
        """Pixels per pixel of the graph's input, offsets left out."""
        return self.height.scale * self.width.scale
