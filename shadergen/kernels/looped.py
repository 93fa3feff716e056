"""The weights in a table, read in loops over result packs, source packs and rows of taps: short code, starts at once.

It takes a tenth of the time to compile, and is slower where a load costs as much as a multiplication.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from shadergen.glsl import spelling, tables
from shadergen.glsl.addressing import Addressing, Packs, Place
from shadergen.glsl.index import Index
from shadergen.glsl.names import table_name
from shadergen.glsl.spelling import FP16, Statement
from shadergen.glsl.tables import Table
from shadergen.hookfile import UserTexture
from shadergen.kernels.blocked import Blocked, Columns, PackView, Products, WindowView, axes, turn_of, window_view
from shadergen.kernels.kernel import Function, Limits, Needs, Resources, Task, readers
from shadergen.kernels.window import LOCALS, Window
from shadergen.target import Weights


@dataclass(frozen=True)
class LoopedView:
    """What `looped.glsl.j2` lays out."""

    title: str
    sums: tuple[Statement, ...]
    window: WindowView
    row_loop: int
    """The rows of taps, where a loop goes over them; else 0."""
    packs: tuple[PackView, ...]


@dataclass(frozen=True)
class LoopedPlan(Blocked):
    """Each pixel times each tap, in loops."""

    loops_rows: bool
    reads_tiles: ClassVar[bool] = False
    """An invocation has eight pixels, and the tile of 64 of them fits into no GPU's shared memory."""
    kernel: ClassVar[str] = "looped"
    template: ClassVar[str] = "looped.glsl.j2"

    @property
    def resources(self) -> Resources:
        return Resources(sums=self.sums, tables=1, extensions=self.extensions)

    @cached_property
    def table(self) -> Table:
        """A row for each result and source pack: a bias (in the first of a result pack), then matrices tap by tap."""
        op, bias = self.task.op, self.task.op.bias / np.float32(self._bias_scale)
        texels = tables.rows(op.weight, bias, self.lanes, self.task.packs)
        return Table(table_name(self.task.label, self.task.packs, self.task.type.packs), texels, self.task.tables)

    @property
    def _bias_scale(self) -> float:
        """What the bias is divided by, so that it is of the size of the weights; 1 in fp32."""
        op, format = self.task.op, self.task.tables
        return tables.scale(op.bias, format) / tables.scale(op.weight, format)

    def blocks(self) -> tuple[UserTexture, ...]:
        return (self.table.block(),)

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return readers(self.table)

    def needs(self, at: Addressing) -> Needs:
        return super().needs(at) | Needs(number=bool(self.table.reader))

    def view(self, at: Addressing) -> LoopedView:
        places = at.places(self.task.packs)
        sums = {
            (place.pack, row, column): at.register(self.task.node, place.pack, at.pixels[row * self.x.outputs + column])
            for place in places
            for row in range(self.y.sums)
            for column in range(self.x.sums)
        }
        window = self.window(at, at.names.block(*LOCALS), "ky" if self.loops_rows else "")
        spelling.rounded(self.task.op.weight, window.types)  # the table is fp32, what is read from it need not be
        begins = tuple(self._begins(places, sums))
        groups = at.packs(self.task.source.value, self.sources)
        packs = tuple(self._pack(packs, places, window, sums, at, len(groups) > 1) for packs in groups)
        rows = self.y.taps if self.loops_rows else 0
        return LoopedView(self.title(), begins, window_view(window), rows, packs)

    def _begins(self, places: tuple[Place, ...], sums: dict[tuple[int, int, int], str]) -> Iterator[Statement]:
        """What the sums begin with: the bias, which is read once for all pixels."""
        for place in places:
            names = [name for (pack, _, _), name in sums.items() if pack == place.pack]
            row = place.number.times(self.task.source.type.packs)
            yield names[0], self.table.fetch("0", row, self._bias_scale)
            yield from ((name, names[0]) for name in names[1:])

    def _pack(
        self,
        packs: Packs,
        places: tuple[Place, ...],
        window: Window,
        sums: dict[tuple[int, int, int], str],
        at: Addressing,
        several: bool,
    ) -> PackView:
        turn = turn_of(packs, several, at)
        products = Products(self.x, window.y, window.types, window.names, sums)
        weights = {place.pack: self._weights(place, turn.number, window) for place in places}
        return PackView(
            title=turn.title,
            loop=turn.loop,
            cell=turn.cell,
            type=window.types.vec(self.lanes),
            texels=tuple(window.texels(packs, self.lanes)),
            factors=(),
            matrix=products.matrix(self.lanes),
            products=tuple(products.assignments(weights)),
        )

    def _weights(self, place: Place, pack: Index, window: Window) -> dict[tuple[int, int], Columns]:
        """By row and column: the weights of a source pack, as matrices from the table."""
        kw, row = self.x.taps, place.number.times(self.task.source.type.packs).plus(pack)
        taps = {}
        for ky, kx in np.ndindex(window.y.taps, kw):
            first = Index.number(1 + (ky * kw + kx) * self.lanes)
            column = Index.of("ky").times(kw * self.lanes).plus(first) if self.loops_rows else first
            fetches = (self.table.fetch(column.plus(lane), row) for lane in range(self.lanes))
            taps[ky, kx] = tuple(f"f16vec4({fetch})" if window.types is FP16 else fetch for fetch in fetches)
        return taps


class Looped:
    """Convolutions whose weights are read from a TEXTURE block in loops."""

    name: ClassVar[str] = "looped"
    weights: ClassVar[Weights] = "texture"
    any_pack: ClassVar[bool] = True

    def plan(self, task: Task, limits: Limits) -> Iterator[LoopedPlan]:
        """A plan for each number of pixels: the code is short for any of them."""
        loops_rows = task.op.weight.shape[2] >= limits.heuristics.loop_rows_from
        yield from (LoopedPlan(task, *axes(task.op, pixels), loops_rows) for pixels in limits.blocks)
