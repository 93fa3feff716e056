"""A pointwise operator on registers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.emit.written import Written
from shadergen.glsl import spelling, tables
from shadergen.glsl.addressing import Addressing, Place
from shadergen.glsl.names import table_name
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import FP32
from shadergen.glsl.tables import Table
from shadergen.ir.ops import Affine, Array, Erf, PRelu
from shadergen.kernels.kernel import Needs, readers
from shadergen.schedule.steps import PointwiseStep


@dataclass(frozen=True)
class RegistersView:
    """What `registers.glsl.j2` lays out: a comment, and registers with what they hold."""

    title: str
    registers: tuple[tuple[str, str], ...]


def write(step: PointwiseStep, pixels: Sequence[Pixel], at: Addressing, prefix: str) -> Written:
    """The step; `prefix` is what the names of the file's tables start with."""
    rows = _parameters(step) if at.any_pack else []
    table = _table(step, rows, at, prefix) if rows else None
    scales = [tables.scale(row, at.tables) for row in rows]

    def parameters(place: Place) -> list[str]:
        return [table.fetch(place.number, str(row), scale) for row, scale in enumerate(scales)] if table else []

    view = RegistersView(type(step.op).__name__, tuple(_registers(step, pixels, at, parameters)))
    functions, blocks = (readers(table), (table.block(),)) if table else ((), ())
    needs = Needs(erf=isinstance(step.op, Erf), number=bool(functions))
    return Written("steps/registers.glsl.j2", view, needs, functions, blocks=blocks)


def _registers(
    step: PointwiseStep, pixels: Sequence[Pixel], at: Addressing, parameters: Callable[[Place], list[str]]
) -> Iterator[tuple[str, str]]:
    for pixel in pixels:
        for place in at.places(step.packs):
            operands = [_operand(value, step.node, place.pack, pixel, at) for value in step.inputs]
            value = spelling.pointwise(step.op, operands, place.pack, FP32, parameters(place))
            yield at.register(step.node, place.pack, pixel), value


def _operand(value: str, node: str, pack: int, pixel: Pixel, at: Addressing) -> str:
    """A pack of an operand; the only channel of one counts for all of the result's."""
    if at.types[value].channels == 1 < at.types[node].channels:
        return f"{at.register(value, 0, pixel)}.xxxx"
    return at.register(value, pack, pixel)


def _parameters(step: PointwiseStep) -> list[Array]:
    """What a pointwise operator has for each channel, for code that is for any pack."""
    match step.op:
        case PRelu(slope):
            return [slope]
        case Affine(scale, shift):
            return [scale, shift]
        case _:
            return []


def _table(step: PointwiseStep, rows: Sequence[Array], at: Addressing, prefix: str) -> Table:
    """A row for each parameter, divided by its own scale; a column for each pack."""
    scaled = [row / np.float32(tables.scale(row, at.tables)) for row in rows]
    texels = np.stack([tables.packs(row)[list(step.packs)] for row in scaled])
    return Table(table_name(f"{prefix}_{step.node}", step.packs, at.types[step.node].packs), texels, at.tables)
