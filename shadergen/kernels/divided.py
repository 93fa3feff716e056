"""Winograd's F(2x2,3x3), its workgroup divided: each part sums up packs of the result of its own, from shared memory.

Four products for each pair of channels and pixel, instead of nine. What makes that cost more than it saves elsewhere,
transforming the source's texels and holding 16 sums for each pack, is shared out here: an invocation has sums for one
or two packs, and the parts of a workgroup transform the packs of the source in turn, each for all of them, into shared
memory. Every part reads weights of its own from uniform buffers, where its waves agree on the address; so the code is
short, and no weight takes a vector register. Zeros behind the picture are the padding.

A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308, section 4.1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from shadergen.glsl import tables
from shadergen.glsl.addressing import Addressing, Names, Place, zero_edged
from shadergen.glsl.index import Index
from shadergen.glsl.spelling import FP16, FP32, Statement
from shadergen.kernels.axis import F23, combination, transformed
from shadergen.kernels.buffered import Buffered, PartView, ProductsView, is_readable, largest
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Dispatch, Limits, SharedArray, Task, Work
from shadergen.kernels.uniforms import Uniforms
from shadergen.storage.layout import PACK
from shadergen.target import Weights

WAVE = 64
"""Invocations in a part: a whole number of waves on every GPU whose waves have 64 lanes or fewer."""
AREA = (8, 8)
"""How they lie in the picture."""
LOCALS = ("edge", "corner", "window", "first", "pack", "cell", "part", "weights", "texel")
"""What the template calls things within its block."""
POSITIONS = 4
"""Rows, and columns, of a transformed tile."""


@dataclass(frozen=True)
class TransformView:
    """What one of the parts that share a pack does: some rows of B^T d B."""

    texels: tuple[Statement, ...]
    statements: tuple[Statement, ...]
    stores: tuple[Statement, ...]
    """Places in shared memory, from the pack's first, and what is stored there."""


@dataclass(frozen=True)
class DividedView:
    """What `divided.glsl.j2` lays out."""

    title: str
    type: str
    """Of texels and factors."""
    sum_type: str
    sums: tuple[Statement, ...]
    part: PartView | None
    tile_first: str
    """The place of the window's first texel where the pass has computed the source for itself; else empty."""
    edge: str
    corner: str
    cells: tuple[Statement, ...]
    packs: int
    """Of the source."""
    together: int
    """Packs between two barriers."""
    pack: str
    cell: str
    tile: str
    slot: str
    """The place in shared memory of the pack that the part transforms."""
    transforms: tuple[TransformView, ...]
    partial: tuple[str, ...]
    """fp16 sums of the packs between two barriers, which are then added to the fp32 sums; may be empty."""
    slots: tuple[ProductsView, ...]
    settled: tuple[tuple[str, str], ...]
    columns: tuple[Statement, ...]
    """A^T M."""
    results: tuple[Statement, ...]


@dataclass(frozen=True)
class DividedPlan(Buffered):
    """2x2 pixels of some packs of the result for each invocation."""

    kernel: ClassVar[str] = "divided"
    template: ClassVar[str] = "divided.glsl.j2"
    reads_tiles: ClassVar[bool] = True

    @property
    def growth(self) -> float:
        return F23.growth**2

    @property
    def half_sums(self) -> bool:
        """Whether the sums are fp16, as the products are."""
        return self.types is FP16 and self.heuristics.half_sums

    @property
    def dispatch(self) -> Dispatch:
        # In a row: a wave is then a run of the index, and within one part.
        return Dispatch((2, 2), (WAVE * self.parts, 1), AREA, self.at_once)

    @property
    def sums(self) -> int:
        return self.at_once * POSITIONS**2 // (2 if self.half_sums else 1)

    @property
    def factors(self) -> int:
        return self.together * POSITIONS**2 * WAVE

    @property
    def work(self) -> Work:
        texels = Fraction(POSITIONS**2, 4 * self.parts)  # each pack is read by one part
        return Work(Fraction(POSITIONS**2, 4), texels, tuple(range(self.task.source.type.packs)))

    @cached_property
    def weights(self) -> Uniforms:
        """A record for each part and source pack: for each position, and each pack at once, a matrix's columns."""
        matrices = tables.columns(transformed(F23, F23, self.task.op.weight), PACK)
        results, sources = matrices.shape[:2]
        grouped = matrices.reshape(results // self.at_once, self.at_once, sources, POSITIONS**2, PACK, PACK)
        records = grouped.transpose(0, 2, 3, 1, 4, 5).reshape(results // self.at_once * sources, -1, PACK)
        return Uniforms(f"{self.name}w", records, self.types, self.heuristics.looked_up)

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        comment = "Transformed tiles: pack after pack, position after position, invocation after invocation"
        return (self.shared_factors(comment, at),)

    # Code

    def view(self, at: Addressing) -> DividedView:
        places = at.places(self.task.packs)
        own = {
            (number, row, column): at.names.fresh(f"{self.task.node}_{place.pack}_sum{row}_{column}")
            for number, place in enumerate(places)
            for row, column in np.ndindex(POSITIONS, POSITIONS)
        }
        columns = {
            (number, row, column): at.names.fresh(f"{self.task.node}_{place.pack}_column{row}_{column}")
            for number, place in enumerate(places)
            for row in range(F23.outputs)
            for column in range(POSITIONS)
        }
        local = at.names.block(*LOCALS)
        partial = self.types is FP16 and not self.half_sums
        into = {key: local.named(f"{name}_part") for key, name in own.items()} if partial else own
        tile = at.shared(self.task.source.value)
        top, left = self.task.op.pads[:2]
        share = self.parts // self.together
        return DividedView(
            title=self.title(),
            type=self.types.vec(PACK),
            sum_type=(FP16 if self.half_sums else FP32).vec(PACK),
            sums=tuple(self._begins(own, places)),
            part=self.part,
            tile_first=at.first_in_tile(tile, left, top) if tile else "",
            edge="" if tile else at.sizes.of(self.task.source.value),
            corner=f"pixel - ivec2({left}, {top})" if left or top else "pixel",
            cells=tuple(self._cells(local)),
            packs=self.task.source.type.packs,
            together=self.together,
            pack=f"first + part % {self.together}" if share > 1 else "first + part",
            cell="" if tile else at.cell(self.texture(at), "pack"),
            tile=self.array(at),
            slot=f"(pack - first) * {POSITIONS**2 * WAVE} + invocation",
            transforms=tuple(self._transform(rows, local, at) for rows in _shared_out(share)),
            partial=tuple(into.values()) if partial else (),
            slots=tuple(self._slot(number, into, local, at) for number in range(self.together)),
            settled=tuple((own[key], name) for key, name in into.items()) if partial else (),
            columns=tuple(self._columns(own, columns)),
            results=tuple(self._results(columns, places, at)),
        )

    def title(self) -> str:
        """What a comment says of it."""
        out, in_, kh, kw = self.task.op.weight.shape
        return f"{self.task.node}: {kw}x{kh} kernel, {in_} to {out} channels of 2x2 pixels, by Winograd's F(2x2,3x3)"

    def _begins(self, sums: dict[tuple[int, int, int], str], places: tuple[Place, ...]) -> Iterator[Statement]:
        """The bias is in the sum that all four results contain: added at their end it would be carried through them,
        and keep all products alive (Mesa reassociates constants inwards, 651 spills of a C4F32 pass)."""
        type_ = (FP16 if self.half_sums else FP32).vec(PACK)
        for (number, row, column), name in sums.items():
            value = f"{type_}(0.0)"
            if (row, column) == (1, 1):
                bias = self.bias.element(str(places[number].number), 0)
                value = f"{type_}({bias})" if self.half_sums else bias
            yield name, value

    def _cells(self, local: Names) -> Iterator[Statement]:
        """The columns and rows of the tile; what lies outside of the picture is at its zero edge."""
        for axis in "xy":
            for number in range(POSITIONS):
                at = f"corner.{axis} + {number}" if number else f"corner.{axis}"
                yield local.named(f"{axis}{number}"), zero_edged(at, f"edge.{axis}")

    def _transform(self, rows: range, local: Names, at: Addressing) -> TransformView:
        """Some rows of B^T d B: along y those rows, then along x all columns."""
        read = [y for y in range(POSITIONS) if any(F23.b_t[row][y] for row in rows)]
        texels = []
        for y in read:
            for x in range(POSITIONS):
                texels.append((local.named(f"s_{y}_{x}"), self._texel(x, y, local, at)))
        statements, stores = [], []
        for row in rows:
            columns = [local.named(f"h_{row}_{x}") for x in range(POSITIONS)]
            for x, name in enumerate(columns):
                names = [local.named(f"s_{y}_{x}") for y in range(POSITIONS)]
                statements.append((name, combination(F23.b_t[row], names)))
            for column in range(POSITIONS):
                value = combination(F23.b_t[column], columns)
                place = Index.of("texel").plus((row * POSITIONS + column) * WAVE)
                stores.append((str(place), self.stored(value)))
        return TransformView(tuple(texels), tuple(statements), tuple(stores))

    def _texel(self, x: int, y: int, local: Names, at: Addressing) -> str:
        """A texel of the source's tile, from a texture or from what the pass has computed for itself."""
        tile = at.shared(self.task.source.value)
        if tile:
            return at.any_tile_texel(tile, "window", "pack", y, x)
        return self.texel(local.named(f"x{x}"), local.named(f"y{y}"), at)

    def _slot(self, number: int, sums: dict[tuple[int, int, int], str], local: Names, at: Addressing) -> ProductsView:
        """The products of a pack of the source between two barriers, position after position."""
        record = Index.of("part").times(self.task.source.type.packs).plus(Index.of("first")).plus(number)
        begin = Index.number(number * POSITIONS**2 * WAVE).plus(Index.of("invocation"))
        matrices = [[sums[pack, row, column] for pack in range(self.at_once)] for row, column in _POSITIONS]
        return self.products(record, begin, WAVE, matrices, at)

    def _columns(
        self, sums: dict[tuple[int, int, int], str], columns: dict[tuple[int, int, int], str]
    ) -> Iterator[Statement]:
        """A^T M: the sums added up along y."""
        for (number, row, column), name in columns.items():
            yield name, combination(F23.a_t[row], [sums[number, y, column] for y in range(POSITIONS)])

    def _results(
        self, columns: dict[tuple[int, int, int], str], places: tuple[Place, ...], at: Addressing
    ) -> Iterator[Statement]:
        """Y = A^T M A: then along x."""
        for number, place in enumerate(places):
            for row, column in np.ndindex(F23.outputs, F23.outputs):
                value = combination(F23.a_t[column], [columns[number, row, x] for x in range(POSITIONS)])
                register = at.register(self.task.node, place.pack, at.pixels[row * F23.outputs + column])
                yield register, f"vec4({value})" if self.half_sums else value


_POSITIONS = tuple(np.ndindex(POSITIONS, POSITIONS))


def _shared_out(share: int) -> Iterator[range]:
    """The rows of a transformed tile for each of the parts that transform a pack together."""
    rows = POSITIONS // share
    yield from (range(first, first + rows) for first in range(0, POSITIONS, rows))


class Divided:
    """Convolutions of 3x3 kernels between several packs, padded with zeros."""

    name: ClassVar[str] = "divided"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = True

    def plan(self, task: Task, limits: Limits) -> Iterator[DividedPlan]:
        """A plan for the most packs between two barriers that the parts can share and shared memory holds."""
        heuristics = limits.heuristics
        suits = task.any_pack and task.op.weight.shape[2:] == (3, 3) and is_readable(task, limits)
        if not (suits and heuristics.packs_at_once):
            return
        for at_once in range(heuristics.packs_at_once, len(task.packs) + 1):
            plans = list(_sharing(task, at_once, heuristics))
            if plans:
                yield from largest(plans, limits)
                return


def _sharing(task: Task, at_once: int, heuristics: Heuristics) -> Iterator[DividedPlan]:
    """Plans for parts of `at_once` packs each, of which 1, 2 or 4 transform a pack of the source together."""
    parts, rest = divmod(len(task.packs), at_once)
    # Without these three, one part would compute all three packs, which spills 21 registers on a RX 7900 XTX.
    most = 3 if parts == 3 else heuristics.packs_together
    for together in range(1, min(parts, most) + 1):
        if not rest and task.source.type.packs % together == 0 and parts in (together, 2 * together, 4 * together):
            yield DividedPlan(task, at_once, together, heuristics)
