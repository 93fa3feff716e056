"""A materialised value at the invocation's own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadergen.emit.written import Written
from shadergen.glsl.addressing import Addressing
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import Statement
from shadergen.schedule.steps import ReadStep


@dataclass(frozen=True)
class ReadPixel:
    """A pixel's position, and its texels as registers."""

    position: str
    at: str
    registers: tuple[Statement, ...]


@dataclass(frozen=True)
class ReadView:
    """What `read.glsl.j2` lays out."""

    node: str
    pixels: tuple[ReadPixel, ...]


def write(step: ReadStep, pixels: Sequence[Pixel], at: Addressing, above: bool) -> Written:
    """The step; `above` a shuffle the pixel is one of the result, whose position is in the variable `at`."""
    found = []
    for pixel in pixels:
        position = at.names.fresh(f"{step.node}_at{pixel.letter}")
        registers = tuple(
            (
                at.register(step.node, place.pack, pixel),
                at.own_texel(step.node, place.pack, f"{position}.x", f"{position}.y"),
            )
            for place in at.places(step.packs)
        )
        found.append(ReadPixel(position, at.inside("at" if above else pixel.at, step.node), registers))
    return Written("steps/read.glsl.j2", ReadView(step.node, tuple(found)))
