"""What is known of a value before playback: channels, and sizes as functions of the input's."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from shadergen.ir.extent import SAME, Extent

Area = tuple[Extent, Extent]
"""Height and width."""


@dataclass(frozen=True)
class TensorType:
    """What is known of a value before playback."""

    channels: int
    height: Extent = SAME
    width: Extent = SAME

    def __str__(self) -> str:
        return f"{self.channels} x {self.height} x {self.width}"

    @property
    def area(self) -> Area:
        """Height and width."""
        return self.height, self.width

    @property
    def packs(self) -> int:
        """Groups of four channels, the last perhaps partly filled."""
        return -(-self.channels // 4)

    def pixels(self) -> Fraction:
        """Pixels per pixel of the graph's input, offsets left out."""
        return self.height.scale * self.width.scale
