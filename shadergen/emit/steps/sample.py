"""Padding, cropping, resampling and pooling, for one pixel of the result after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from shadergen.emit.steps.sampling import LOWEST, TAPS, ResizeAxis, SamplePixel, axes
from shadergen.emit.written import Written
from shadergen.glsl import spelling
from shadergen.glsl.addressing import Addressing
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import FP32
from shadergen.ir.ops import AveragePool, Fit, MaxPool, MeanOfMeans, Pad, PadMode, Resize
from shadergen.kernels.kernel import Needs, View
from shadergen.schedule.steps import SampleStep


@dataclass(frozen=True)
class PadView:
    """What `pad.glsl.j2` lays out: the source continued beyond its edge, and cropped before, where it is."""

    title: str
    size: str
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    """Of each pack, at the pixel `p`."""
    edge: str
    """The last column and row of what is left of the source."""
    moved: str
    """By how many columns and rows the source lies right of and below the result's first pixel."""
    mirrors: bool
    near: str
    """The pixel of the source, from the variable `near`, which is within the edge."""
    outside: str
    """What counts outside of the edge; empty where what is read does."""


@dataclass(frozen=True)
class ResizeView:
    """What `resize.glsl.j2` lays out."""

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
    cubic: tuple[str, str, str]
    """The kernel's a, a + 2 and a + 3; empty for other filters."""


@dataclass(frozen=True)
class PoolView:
    """What `pool.glsl.j2` lays out."""

    title: str
    size: str
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    """Of each pack, at the column `x` and row `y`."""
    strides: tuple[int, int]
    pads: tuple[int, int]
    """Columns and rows in front of the picture, left and top."""
    kernel: tuple[int, int]
    """Width and height."""
    lowest: str
    """What a maximum starts from; empty for a mean."""


@dataclass(frozen=True)
class MeanView:
    """What `mean.glsl.j2` lays out."""

    title: str
    size: str
    pixels: tuple[SamplePixel, ...]
    texels: tuple[str, ...]
    whole: str
    """The size of the picture whose blocks' means the source has."""
    block: int


def write(step: SampleStep, pixels: Sequence[Pixel], at: Addressing) -> Written:
    """The step."""
    template, view = _view(step, pixels, at)
    mirror = isinstance(step.op, Pad | Fit) and step.op.mode == "reflect"
    return Written(f"steps/{template}.glsl.j2", view, Needs(mirror=mirror))


def _view(step: SampleStep, pixels: Sequence[Pixel], at: Addressing) -> tuple[str, View]:
    op, packs = step.op, [place.pack for place in at.places(step.packs)]
    title, size = f"{step.node}: {type(op).__name__}", at.sizes.of(step.source)
    found = tuple(SamplePixel(p.at, tuple(at.register(step.node, pack, p) for pack in packs)) for p in pixels)

    def texels(x: str, y: str) -> tuple[str, ...]:
        return tuple(at.own_texel(step.source, pack, x, y) for pack in packs)

    match op:
        case Pad(pads, mode, value):
            crops, added = [max(-side, 0) for side in pads], [max(side, 0) for side in pads]
            edge = f"size - ivec2({crops[1] + crops[3]}, {crops[0] + crops[2]}) - 1"
            near = f"near + ivec2({crops[1]}, {crops[0]})"
            moved = f"ivec2({added[1]}, {added[0]})"
            outside = _outside(mode, value) if any(added) else ""
            return "pad", PadView(
                title, size, found, texels("p.x", "p.y"), edge, moved, mode == "reflect", near, outside
            )
        case Fit(_, corner, mode):
            down, right = (at.sizes.extent(corner[i], step.inputs[1], "yx"[i]) for i in (0, 1))
            moved = f"ivec2({right}, {down})"
            return "pad", PadView(
                title, size, found, texels("p.x", "p.y"), "size - 1", moved, mode == "reflect", "near", _outside(mode)
            )
        case Resize():
            return "resize", ResizeView(
                title=title,
                size=size,
                pixels=found,
                texels=texels("p.x", "p.y"),
                wanted=at.sizes.of(step.node),
                axes=axes(op, _chosen, _floor),
                taps=TAPS[op.filter],
                excludes_outside=op.exclude_outside,
                cubic=(_number(op.cubic), _number(op.cubic + 2), _number(op.cubic + 3)),
            )
        case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
            lowest = f"vec4({LOWEST})" if isinstance(op, MaxPool) else ""
            return "pool", PoolView(
                title, size, found, texels("x", "y"), strides[::-1], (pads[1], pads[0]), kernel[::-1], lowest
            )
        case MeanOfMeans(block):
            return "mean", MeanView(title, size, found, texels("x", "y"), at.sizes.of(step.inputs[1]), block)
        case _:
            assert_never(op)


def _number(value: float) -> str:
    return spelling.literal(value, FP32)


def _outside(mode: PadMode, value: float = 0.0) -> str:
    return spelling.splat(value, FP32) if mode == "zero" else ""


def _chosen(condition: str, yes: str, no: str) -> str:
    return f"{condition} ? {yes} : {no}"


def _floor(above: str, below: str) -> str:
    """`above / below` rounded down, for quotients above -8: GLSL rounds towards zero, and not always the same way."""
    return f"({above} + 8 * {below}) / {below} - 8"
