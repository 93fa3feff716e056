"""Padding, cropping, resampling and pooling, for one pixel of the result after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from shadergen.emit.steps.sampling import LOWEST, TAPS, ResizeAxis, SamplePixel, axes
from shadergen.glsl import spelling
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import WGSL
from shadergen.ir.ops import AveragePool, Fit, MaxPool, MeanOfMeans, Pad, PadMode, Resize
from shadergen.schedule.steps import SampleStep
from shadergen.wgsl.places import Places, vec2i


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
                axes=axes(op, _chosen, _floor),
                taps=TAPS[op.filter],
                excludes_outside=op.exclude_outside,
                cubic=op.cubic,
            )
        case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
            lowest = spelling.splat(LOWEST, WGSL) if isinstance(op, MaxPool) else ""
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
    return spelling.splat(value, WGSL) if mode == "zero" else ""


def _chosen(condition: str, yes: str, no: str) -> str:
    return f"select({no}, {yes}, {condition})"


def _floor(above: str, below: str) -> str:
    return f"floor_of({above}, {below})"
