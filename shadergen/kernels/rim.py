"""A Rim as GLSL: what it adds to the pixels near the borders, from a table, in loops that the others do not enter.

Loops instead of one literal per weight keep the code short, and they are what keeps the interior cheap: Mesa's drivers
for CPUs run both sides of an `if`, but leave a loop after its first turn where no pixel goes on (gallivm's
lp_exec_mask_cond_push and lp_exec_endloop).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from shadergen.glsl import tables
from shadergen.glsl.places import Places
from shadergen.glsl.spelling import FP32
from shadergen.glsl.tables import Table
from shadergen.ir.ops import Array, RimTerm
from shadergen.schedule.schedule import RimStep

EVERY = -32768
"""In the table, a row or column number for all of them; beyond any texture, and still an integer of 16 bits."""


@dataclass(frozen=True)
class RimText:
    """One RimStep of a pass."""

    step: RimStep
    places: Places

    @property
    def lanes(self) -> int:
        """Of the source's texels."""
        return min(4, self.places.schedule.types[self.step.source].channels)

    @cached_property
    def table(self) -> Table:
        """A row for each term: column, row, its first and last tap's row (exclusive); the bias of each result pack.

        After them a row for each tap: dx, dy; matrices by source and result pack.
        """
        terms = self.step.op.terms
        ends = len(terms) + np.cumsum([term.weight[0, 0].size for term in terms])
        rows = [self._term(term, int(end)) for term, end in zip(terms, ends, strict=True)]
        rows += [row for term in terms for row in self._taps(term)]
        texels = np.zeros((len(rows), max(map(len, rows)), 4), np.float32)
        for number, row in enumerate(rows):
            texels[number, : len(row)] = row
        return Table(self.places.table_name(self.step.node, self.step.packs), texels)

    def _term(self, term: RimTerm, end: int) -> Array:
        at = [EVERY if number is None else number for number in (term.column, term.row)]
        place = np.array([[*at, end - term.weight[0, 0].size, end]], np.float32)
        return np.concatenate([place, tables.packs(term.bias)[list(self.step.packs)]])

    def _taps(self, term: RimTerm) -> Iterator[Array]:
        matrices = tables.columns(term.weight, self.lanes)[list(self.step.packs)]
        for ky, kx in np.ndindex(term.weight.shape[2:]):
            offset = np.array([[term.dx + kx, term.dy + ky, 0, 0]], np.float32)
            yield np.concatenate([offset, matrices[:, :, ky, kx].transpose(1, 0, 2, 3).reshape(-1, 4)])

    def view(self) -> dict[str, Any]:
        """What the templates see."""
        step, places, terms = self.step, self.places, self.step.op.terms
        last = places.pixels[-1]
        numbers = {"x": [term.column for term in terms], "y": [term.row for term in terms]}
        reach = {axis: [n for n in found if n is not None] for axis, found in numbers.items()}
        return {
            "kind": "rim",
            "title": f"{step.node}: near the borders, what zero padding between two convolutions takes away",
            "zeros": [places.register(step.node, pack, pixel) for pack, _ in self._packs for pixel in places.pixels],
            "size": places.size(step.source),
            "first": [max((n + 1 for n in reach[axis] if n >= 0), default=0) for axis in "xy"],
            "last": [max((-n for n in reach[axis] if n < 0), default=0) for axis in "xy"],
            "beyond": (last.x, last.y),
            "width": last.x + 1,
            "pixels": len(places.pixels),
            "terms": len(terms),
            "term": self.table.fetch(0, "term"),
            "offset": self.table.fetch(0, "tap"),
            "sums": [(f"sum_{pack}", self._bias(place)) for pack, place in self._packs],
            "products": list(self._products()),
            "assignments": [self._assignment(index) for index in range(len(places.pixels))],
        }

    @property
    def _packs(self) -> Sequence[tuple[int, str | int]]:
        return self.places.packs(self.step.packs)

    def _bias(self, place: str | int) -> str:
        return self.table.fetch(tables.index(place, 1, 1), "term")

    def _products(self) -> Iterator[dict[str, Any]]:
        """For a source pack (each, or the loop's): its texel, and the matrix for each sum."""
        step, places = self.step, self.places
        every = range(places.schedule.types[step.source].packs)
        for group in places.groups(step.source, every):
            pack = group if isinstance(group, int) else "pack"
            products = []
            for result, place in self._packs:
                fetches = [self._column(pack, place, lane) for lane in range(self.lanes)]
                products.append((f"sum_{result}", tables.matrix(FP32.mat(self.lanes), fetches)))
            view = {"type": FP32.vec(self.lanes), "products": products}
            if isinstance(group, int):
                texel = places.widened(step.source, group, "q.x", "q.y", self.lanes)
                yield view | {"texel": texel, "loop": None}
            else:
                loop = (group.first, group.first + group.packs)
                texel = places.fetch_loop(group, "q.x", "q.y")
                yield view | {"texel": texel, "loop": loop, "cell": places.cell(group)}

    def _column(self, pack: str | int, place: str | int, lane: int) -> str:
        """One column of the matrix for a source pack and the result pack at `place`."""
        results = len(self.step.packs)
        if isinstance(place, int):
            column = tables.index(pack, results * self.lanes, 1 + place * self.lanes + lane)
        else:
            column = f"{tables.index(pack, results * self.lanes, 1 + lane)} + {tables.index(place, self.lanes, 0)}"
        return self.table.fetch(column, "tap")

    def _assignment(self, number: int) -> dict[str, Any]:
        pixel = self.places.pixels[number]
        registers = [(self.places.register(self.step.node, pack, pixel), f"sum_{pack}") for pack, _ in self._packs]
        return {"number": number, "registers": registers}
