"""SpaceToDepth, and DepthToSpace of a value in textures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadergen.emit.steps.lanes import vec4
from shadergen.emit.written import Written
from shadergen.glsl.addressing import Addressing
from shadergen.glsl.pixels import Pixel, moved
from shadergen.glsl.spelling import Statement
from shadergen.schedule.steps import DepthToSpaceStep, SpaceToDepthStep
from shadergen.storage.layout import PACK, channels_of, lane_of, pack_of


@dataclass(frozen=True)
class SpaceToDepthPixel:
    """The positions of a block's pixels, their texels, and the registers made of these."""

    positions: tuple[Statement, ...]
    texels: tuple[Statement, ...]
    registers: tuple[Statement, ...]


@dataclass(frozen=True)
class SpaceToDepthView:
    """What `space_to_depth.glsl.j2` lays out."""

    node: str
    pixels: tuple[SpaceToDepthPixel, ...]


def write_space_to_depth(step: SpaceToDepthStep, pixels: Sequence[Pixel], at: Addressing) -> Written:
    """The block's pixels of every source pack, then the lanes by channel and place in the block."""
    view = SpaceToDepthView(step.node, tuple(_space_to_depth(step, pixel, at) for pixel in pixels))
    return Written("steps/space_to_depth.glsl.j2", view)


def _space_to_depth(step: SpaceToDepthStep, pixel: Pixel, at: Addressing) -> SpaceToDepthPixel:
    size, source = step.block**2, step.source
    channels = [channels_of(pack, at.types[step.node].channels) for pack in step.packs]
    needed = sorted({(pack_of(c // size), c % size) for pack in channels for c in pack})
    places = sorted({place for _, place in needed})
    position = {place: at.names.fresh(f"{source}_at_{place}{pixel.letter}") for place in places}
    texel = {(pack, place): at.names.fresh(f"{source}_{pack}_{place}{pixel.letter}") for pack, place in needed}
    positions = [
        (
            position[place],
            at.inside(moved(pixel.times((step.block, step.block)), place % step.block, place // step.block), source),
        )
        for place in places
    ]
    texels = [
        (texel[pack, place], at.widened(source, pack, f"{position[place]}.x", f"{position[place]}.y"))
        for pack, place in needed
    ]
    registers = [
        (
            at.register(step.node, pack, pixel),
            vec4([f"{texel[pack_of(c // size), c % size]}.{lane_of(c // size)}" for c in wanted]),
        )
        for pack, wanted in zip(step.packs, channels, strict=True)
    ]
    return SpaceToDepthPixel(tuple(positions), tuple(texels), tuple(registers))


@dataclass(frozen=True)
class DepthToSpacePixel:
    """A pixel's block, its place in it, the texels there, and the registers made of these."""

    at: str
    corner: str
    within: str
    place: str
    texels: tuple[Statement, ...]
    registers: tuple[Statement, ...]


@dataclass(frozen=True)
class DepthToSpaceView:
    """What `depth_to_space.glsl.j2` lays out."""

    node: str
    block: int
    pixels: tuple[DepthToSpacePixel, ...]


def write_depth_to_space(step: DepthToSpaceStep, pixels: Sequence[Pixel], at: Addressing) -> Written:
    """Channel c takes lane c * block^2 + place, where `place` is the pixel's in its block, row by row."""
    view = DepthToSpaceView(step.node, step.block, tuple(_depth_to_space(step, pixel, at) for pixel in pixels))
    return Written("steps/depth_to_space.glsl.j2", view)


def _depth_to_space(step: DepthToSpaceStep, pixel: Pixel, at: Addressing) -> DepthToSpacePixel:
    size = step.block**2
    corner, within, place = (at.names.fresh(hint) for hint in ("corner", "within", "place"))
    firsts = [[c * size for c in channels_of(pack, at.types[step.node].channels)] for pack in step.packs]
    needed = sorted({pack_of(c) for pack in firsts for first in pack for c in range(first, first + size)})
    texel = {pack: at.names.fresh(f"{step.source}_{pack}") for pack in needed}
    texels = [(texel[pack], at.widened(step.source, pack, f"{corner}.x", f"{corner}.y")) for pack in needed]
    registers = [
        (at.register(step.node, pack, pixel), vec4([_picked(texel, first, size, place) for first in wanted]))
        for pack, wanted in zip(step.packs, firsts, strict=True)
    ]
    return DepthToSpacePixel(pixel.at, corner, within, place, tuple(texels), tuple(registers))


def _picked(texel: dict[int, str], first: int, size: int, place: str) -> str:
    """Channel `first + place` of some packs in registers, where `place` is below `size`."""
    packs = range(pack_of(first), pack_of(first + size - 1) + 1)
    if len(packs) == 1:
        offset = first % PACK
        return f"{texel[packs[0]]}[{f'{offset} + ' if offset else ''}{place}]"
    chosen = texel[packs[-1]]
    for pack in reversed(packs[:-1]):
        chosen = f"({first} + {place} < {PACK * pack + PACK} ? {texel[pack]} : {chosen})"
    return f"{chosen}[({first} + {place}) & {PACK - 1}]"
