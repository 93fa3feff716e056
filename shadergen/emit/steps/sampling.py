"""What sampling has in every language: where along an axis a pixel of the result reads.

Positions along an axis are integers over an integer, so that a pixel is read at exactly the place the network means;
in floats, the half of a texel that decides between two neighbours would be lost far from the origin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from shadergen.ir.extent import Extent
from shadergen.ir.ops import Resize

LOWEST = -3.0e38
"""Less than what any network gives, and still a float."""
TAPS = {"nearest": 1, "linear": 2, "cubic": 4}
"""Pixels of the source that a filter reads along each axis."""

Chosen = Callable[[str, str, str], str]
"""How a language spells: where a condition holds the one expression, else the other."""
Floor = Callable[[str, str], str]
"""How a language spells the quotient of two integers, rounded down."""


@dataclass(frozen=True)
class SamplePixel:
    """A pixel of the result: its position, and its registers."""

    at: str
    registers: tuple[str, ...]


@dataclass(frozen=True)
class ResizeAxis:
    """One axis of a resampling: the position in the source is above / below."""

    name: str
    above: str
    below: str
    first: str
    """The pixel at the position, rounded, or the first of two around it."""


def axes(op: Resize, chosen: Chosen, floor: Floor) -> tuple[ResizeAxis, ResizeAxis]:
    """Along y and x, the position that a pixel of the result reads at, as a fraction."""
    y, x = (_axis(op, axis, scale, chosen, floor) for axis, scale in zip("yx", op.to, strict=True))
    return y, x


def _axis(op: Resize, axis: str, scale: object, chosen: Chosen, floor: Floor) -> ResizeAxis:
    i = f"at.{axis}"
    if isinstance(scale, Extent):
        num, den, double = f"wanted.{axis}", f"size.{axis}", f"2 * wanted.{axis}"
    else:
        numerator, denominator = op.scales["yx".index(axis)].as_integer_ratio()
        num, den, double = str(numerator), str(denominator), str(2 * numerator)
    match op.coordinates:
        case "half_pixel":
            above, below = f"(2 * {i} + 1) * {den} - {num}", double
        case "pytorch_half_pixel":
            above, below = chosen(f"wanted.{axis} == 1", "0", f"(2 * {i} + 1) * {den} - {num}"), double
        case "asymmetric":
            above, below = f"{i} * {den}", num
        case "align_corners":
            above, below = f"{i} * (size.{axis} - 1)", f"max(wanted.{axis} - 1, 1)"
        case _:
            assert_never(op.coordinates)
    return ResizeAxis(axis, above, below, _first(op, axis, floor))


def _first(op: Resize, axis: str, floor: Floor) -> str:
    """The first pixel that is read: the nearest, or the one at or in front of the position."""
    above, below = f"above_{axis}", f"below_{axis}"
    if op.filter != "nearest" or op.rounding == "floor":
        return floor(above, below)
    match op.rounding:
        case "ceil":
            return floor(f"{above} + {below} - 1", below)
        case "round_prefer_floor":
            return floor(f"2 * {above} + {below} - 1", f"(2 * {below})")
        case "round_prefer_ceil":
            return floor(f"2 * {above} + {below}", f"(2 * {below})")
        case _:
            assert_never(op.rounding)
