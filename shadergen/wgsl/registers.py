"""Steps that are expressions: what is read at the thread's own pixels, pointwise operators, lanes put in place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.glsl import spelling, tables
from shadergen.glsl.addressing import Place
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import Statement
from shadergen.ir.ops import Affine, Array, Pointwise, PRelu
from shadergen.schedule.steps import LaneStep, PointwiseStep, ReadStep, SpaceToDepthStep
from shadergen.storage.layout import channels_of, lane_of, pack_of
from shadergen.wgsl.places import Places, vec2i, vec4


@dataclass(frozen=True)
class RegistersView:
    """What `registers.wgsl.j2` lays out: a comment, and registers with what they hold."""

    title: str
    registers: tuple[Statement, ...]


def read(step: ReadStep, pixels: Sequence[Pixel], places: Places) -> RegistersView:
    """Packs of a value at the thread's own pixels; along an axis, a single pixel counts everywhere."""

    def registers() -> Iterator[Statement]:
        for pixel in pixels:
            at = f"min({places.at(pixel)}, {places.size(step.node)} - 1)"
            for place in places.places(step.packs):
                yield places.register(step.node, place.pack, pixel), places.texel(step.node, at, places.layer(place))

    return RegistersView(f"{step.node} at this pixel", tuple(registers()))


def space_to_depth(step: SpaceToDepthStep, pixels: Sequence[Pixel], places: Places) -> RegistersView:
    """Every lane from the pixel of the block that its channel stands for."""
    size, channels = step.block**2, places.types[step.node].channels

    def lane(channel: int, pixel: Pixel) -> str:
        source, place = divmod(channel, size)
        corner = f"({places.at(pixel)}) * {step.block} + {vec2i((place % step.block, place // step.block))}"
        at = f"min({corner}, {places.size(step.source)} - 1)"
        return f"{places.texel(step.source, at, str(pack_of(source)))}.{lane_of(source)}"

    found = (
        (places.register(step.node, pack, pixel), vec4([lane(c, pixel) for c in channels_of(pack, channels)]))
        for pixel in pixels
        for pack in step.packs
    )
    return RegistersView(f"{step.node}: each block of pixels becomes channels", tuple(found))


def lanes(step: LaneStep, pixels: Sequence[Pixel], places: Places) -> RegistersView:
    """Slice, Gather, Concat; and DepthToSpace, of the pixel of the block that the code is for."""
    offset = places.above or 0 if step.block > 1 else 0

    def lane(value: str, channel: int, pixel: Pixel) -> str:
        return f"{places.register(value, pack_of(channel), pixel)}.{lane_of(channel)}"

    found = (
        (
            places.register(step.node, pack, pixel),
            vec4([lane(source.value, source.channel + offset, pixel) for source in wanted]),
        )
        for pixel in pixels
        for pack, wanted in zip(step.packs, step.lanes, strict=True)
    )
    return RegistersView(f"{step.node}: channels put in place", tuple(found))


# ---------------------------------------------------------------------------------------------------------------------
# Pointwise operators


def pointwise(step: PointwiseStep, pixels: Sequence[Pixel], places: Places) -> RegistersView:
    """A pointwise operator; what it has for each channel is in the buffer, a row for each parameter."""
    rows = _parameters(step.op)
    table = places.table(np.stack([tables.packs(row)[list(step.packs)] for row in rows], axis=1)) if rows else None

    def parameters(place: Place) -> list[str]:
        return [table.fetch(number, place.number) for number in range(len(rows))] if table else []

    def operand(value: str, pack: int, pixel: Pixel) -> str:
        if places.types[value].channels == 1 < places.types[step.node].channels:
            return f"{places.register(value, 0, pixel)}.xxxx"
        return places.register(value, pack, pixel)

    found = (
        (
            places.register(step.node, place.pack, pixel),
            spelling.pointwise(
                step.op,
                [operand(value, place.pack, pixel) for value in step.inputs],
                place.pack,
                spelling.WGSL,
                parameters(place),
            ),
        )
        for pixel in pixels
        for place in places.places(step.packs)
    )
    return RegistersView(f"{step.node}: {type(step.op).__name__}", tuple(found))


def _parameters(op: Pointwise) -> list[Array]:
    match op:
        case PRelu(slope):
            return [slope]
        case Affine(scale, shift):
            return [scale, shift]
        case _:
            return []
