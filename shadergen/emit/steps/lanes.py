"""Packs put together from lanes of registers: Slice, Gather, Concat, and DepthToSpace in registers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shadergen.emit.steps.pointwise import RegistersView
from shadergen.emit.written import Written
from shadergen.glsl.addressing import Addressing
from shadergen.glsl.pixels import Pixel
from shadergen.schedule.steps import LaneStep
from shadergen.storage.layout import PACK, lane_of, pack_of


def write(step: LaneStep, pixels: Sequence[Pixel], at: Addressing, place: int) -> Written:
    """The step; for a DepthToSpace, of the pixel that is number `place` of its block, row by row."""
    view = RegistersView(f"{step.node}: channels put in place", tuple(_registers(step, pixels, at, place)))
    return Written("steps/registers.glsl.j2", view)


def _registers(step: LaneStep, pixels: Sequence[Pixel], at: Addressing, place: int) -> Iterator[tuple[str, str]]:
    for pixel in pixels:
        for index, pack in enumerate(step.packs):
            yield at.register(step.node, pack, pixel), vec4(parts(step, index, pixel, at, place))


def parts(step: LaneStep, index: int, pixel: Pixel, at: Addressing, place: int) -> list[str]:
    """The live lanes of one of the step's packs, as scalar expressions."""
    offset = place if step.block > 1 else 0
    channels = [(source.value, source.channel + offset) for source in step.lanes[index]]
    return [f"{at.register(value, pack_of(channel), pixel)}.{lane_of(channel)}" for value, channel in channels]


def vec4(parts: list[str]) -> str:
    """A vec4 of up to four scalar expressions, filled up with zeros."""
    return f"vec4({', '.join(parts + ['0.0'] * (PACK - len(parts)))})"
