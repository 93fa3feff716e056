"""Padding, cropping, resampling and pooling, for one pixel of the result after the other.

Positions along an axis are integers over an integer, as in `emit/steps/sample.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from shadergen.glsl.pixels import Pixel
from shadergen.ir.extent import Extent
from shadergen.ir.ops import AveragePool, Fit, MaxPool, MeanOfMeans, Pad, PadMode, Resize
from shadergen.schedule.steps import SampleStep
from shadergen.wgsl.places import Places, vec2i
from shadergen.wgsl.registers import number

LOWEST = -3.0e38
"""Less than what any network gives, and still a float."""


@dataclass(frozen=True)
class SamplePixel:
    """A pixel of the result: its position, and its registers."""

    at: str
    registers: tuple[str, ...]


@dataclass(frozen=True)
class PadView:
    """What `pad.wgsl.j2` lays out: the source continued beyond its edge, and cropped before, where it is."""

    title: str
    size: str
    """Of the source."""
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    """Of each pack, at the pixel `p`."""
    edge: str
    """The last column and row of what is left of the source."""
    moved: str
    """By how many columns and rows the source lies right of and below the result's first pixel."""
    near: str
    """The pixel within the edge that counts for the pixel `at`."""
    cropped: str
    """The columns and rows that are cut off at the left and the top."""
    outside: str
    """What counts outside of the edge; empty where what is read does."""


@dataclass(frozen=True)
class ResizeAxis:
    """One axis of a resampling: the position in the source is above / below."""

    name: str
    above: str
    below: str
    first: str
    """The pixel at the position, rounded, or the first of two around it."""


@dataclass(frozen=True)
class ResizeView:
    """What `resize.wgsl.j2` lays out."""

    title: str
    size: str
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    wanted: str
    """The size of the result."""
    axes: tuple[ResizeAxis, ...]
    taps: int
    """Pixels of the source that are read along each axis: 1 the nearest, 2 linear, 4 cubic."""
    excludes_outside: bool
    cubic: float
    """The kernel's parameter."""


@dataclass(frozen=True)
class PoolView:
    """What `pool.wgsl.j2` lays out."""

    title: str
    size: str
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    """Of each pack, at the pixel `p`."""
    strides: str
    pads: str
    """Columns and rows in front of the picture, left and top."""
    kernel: str
    lowest: str
    """What a maximum starts from; empty for a mean."""


@dataclass(frozen=True)
class MeanView:
    """What `mean.wgsl.j2` lays out."""

    title: str
    size: str
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    whole: str
    """The size of the picture whose blocks' means the source has."""
    block: int


SampleView = PadView | ResizeView | PoolView | MeanView
TEMPLATES = {PadView: "pad", ResizeView: "resize", PoolView: "pool", MeanView: "mean"}


def write(step: SampleStep, pixels: Sequence[Pixel], places: Places) -> SampleView:
    """The step."""
    op, size = step.op, places.size(step.source)
    title = f"{step.node}: {type(op).__name__}"
    own = places.places(step.packs)
    texels = tuple(places.texel(step.source, "p", places.layer(place)) for place in own)
    found = tuple(
        SamplePixel(places.at(p), tuple(places.register(step.node, place.pack, p) for place in own)) for p in pixels
    )
    match op:
        case Pad(pads, mode, value):
            crops, added = [max(-side, 0) for side in pads], [max(side, 0) for side in pads]
            edge = f"size - vec2i({crops[1] + crops[3]}, {crops[0] + crops[2]}) - 1"
            cropped, moved = vec2i((crops[1], crops[0])), vec2i((added[1], added[0]))
            outside = _outside(mode, value) if any(added) else ""
            return PadView(title, size, found, texels, edge, moved, _near(mode), cropped, outside)
        case Fit(_, corner, mode):
            moved = places.size_after(corner[1], corner[0], step.inputs[1])
            return PadView(title, size, found, texels, "size - 1", moved, _near(mode), vec2i((0, 0)), _outside(mode))
        case Resize():
            return ResizeView(
                title=title,
                size=size,
                pixels=found,
                texels=texels,
                wanted=places.own_size(),
                axes=(_axis(op, "y", op.to[0]), _axis(op, "x", op.to[1])),
                taps={"nearest": 1, "linear": 2, "cubic": 4}[op.filter],
                excludes_outside=op.exclude_outside,
                cubic=op.cubic,
            )
        case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
            lowest = number(LOWEST) if isinstance(op, MaxPool) else ""
            sides = (vec2i(strides[::-1]), vec2i((pads[1], pads[0])), vec2i(kernel[::-1]))
            return PoolView(title, size, found, texels, *sides, lowest)
        case MeanOfMeans(block):
            whole = places.whole_size(step.inputs[1])
            return MeanView(title, size, found, texels, whole, block)
        case _:
            assert_never(op)


def _near(mode: PadMode) -> str:
    if mode == "reflect":
        return "vec2i(mirror(at.x, edge.x), mirror(at.y, edge.y))"
    return "clamp(at, vec2i(0), edge)"


def _outside(mode: PadMode, value: float = 0.0) -> str:
    return number(value) if mode == "zero" else ""


def _axis(op: Resize, axis: str, scale: object) -> ResizeAxis:
    """Along one axis, the position that a pixel of the result reads at, as a fraction."""
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
            above, below = f"select((2 * {i} + 1) * {den} - {num}, 0, wanted.{axis} == 1)", double
        case "asymmetric":
            above, below = f"{i} * {den}", num
        case "align_corners":
            above, below = f"{i} * (size.{axis} - 1)", f"max(wanted.{axis} - 1, 1)"
        case _:
            assert_never(op.coordinates)
    return ResizeAxis(axis, above, below, _first(op, axis))


def _first(op: Resize, axis: str) -> str:
    """The first pixel that is read: the nearest, or the one at or in front of the position."""
    above, below = f"above_{axis}", f"below_{axis}"
    if op.filter != "nearest" or op.rounding == "floor":
        return f"floor_of({above}, {below})"
    match op.rounding:
        case "ceil":
            return f"floor_of({above} + {below} - 1, {below})"
        case "round_prefer_floor":
            return f"floor_of(2 * {above} + {below} - 1, 2 * {below})"
        case "round_prefer_ceil":
            return f"floor_of(2 * {above} + {below}, 2 * {below})"
        case _:
            assert_never(op.rounding)
