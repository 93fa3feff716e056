"""What is known of a value before playback: channels, and sizes as functions of the input's."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from shadergen.ir.extent import SAME, Extent

Area = tuple[Extent, Extent]
"""The height and the width of a value."""


@dataclass(frozen=True)
class TensorType:
    """The shape of a value, (channels, height, width), of which height and width follow the size of the graph's input.

    Its text is `3 x 2n x n-2`, where n is the input's height or width.
    """

    channels: int
    """1 or more."""
    height: Extent = SAME
    width: Extent = SAME

    def __str__(self) -> str:
        return f"{self.channels} x {self.height} x {self.width}"

    @property
    def area(self) -> Area:
        """The height and the width."""
        return self.height, self.width

    @property
    def packs(self) -> int:
        """How many groups of four channels there are, the last perhaps partly filled: one texel holds a group."""
        return -(-self.channels // 4)

    def pixels(self) -> Fraction:
        """How many pixels the value has for each pixel of the graph's input, in the limit of large pictures."""
        return self.height.scale * self.width.scale
