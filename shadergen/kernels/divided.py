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
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

import numpy as np

from shadergen.glsl import tables
from shadergen.glsl.addressing import Addressing, EveryPack, Names, Place
from shadergen.glsl.index import Index
from shadergen.glsl.spelling import FP16, FP16_EXTENSION, FP32, Statement, Types
from shadergen.hookfile import UserBuffer
from shadergen.kernels import halves
from shadergen.kernels.axis import F23, combination, transformed
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Dispatch, Function, Limits, Needs, Resources, SharedArray, Task, Work
from shadergen.kernels.uniforms import PartView, ProductsView, Uniforms, functions, part_view, products
from shadergen.storage.layout import PACK, Layout, Texture
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
class DividedPlan:
    """2x2 pixels of some packs of the result for each invocation."""

    task: Task
    at_once: int
    """Packs of the result that an invocation computes."""
    together: int
    """Packs of the source between two barriers."""
    heuristics: Heuristics

    kernel: ClassVar[str] = "divided"
    template: ClassVar[str] = "divided.glsl.j2"
    reads_tiles: ClassVar[bool] = True

    @property
    def half_sums(self) -> bool:
        return self.types is FP16 and self.heuristics.half_sums

    @property
    def types(self) -> Types:
        return FP16 if self.task.precision == "fp16" else FP32

    @property
    def layout(self) -> Layout:
        """That of the source, with the padding's zeros in it."""
        assert self.task.source.layout
        return replace(self.task.source.layout, zero_edge=True)

    @property
    def parts(self) -> int:
        return len(self.task.packs) // self.at_once

    @property
    def dispatch(self) -> Dispatch:
        # In a row: a wave is then a run of the index, and within one part.
        return Dispatch((2, 2), (WAVE * self.parts, 1), AREA, self.at_once)

    @property
    def resources(self) -> Resources:
        extensions = frozenset({FP16_EXTENSION} if self.types is FP16 else ())
        sums = self.at_once * POSITIONS**2
        return Resources(
            sums=sums // 2 if self.half_sums else sums,
            buffers=self._weights.buffers + 1,
            shared_bytes=self.together * POSITIONS**2 * WAVE * (8 if self.types is FP16 else 16),
            extensions=extensions,
        )

    @property
    def work(self) -> Work:
        texels = Fraction(POSITIONS**2, 4 * self.parts)  # each pack is read by one part
        return Work(Fraction(POSITIONS**2, 4), texels, tuple(range(self.task.source.type.packs)))

    # Weights

    @cached_property
    def _weights(self) -> Uniforms:
        """A record for each result and source pack: for each position, and each pack at once, a matrix's columns."""
        matrices = tables.columns(transformed(F23, F23, self.task.op.weight), PACK)
        results, sources = matrices.shape[:2]
        grouped = matrices.reshape(results // self.at_once, self.at_once, sources, POSITIONS**2, PACK, PACK)
        records = grouped.transpose(0, 2, 3, 1, 4, 5).reshape(results // self.at_once * sources, -1, PACK)
        return Uniforms(f"{self.task.label}_0w", records, self.types, self.heuristics.looked_up)

    @cached_property
    def _bias(self) -> Uniforms:
        return Uniforms(f"{self.task.label}_0b", tables.packs(self.task.op.bias)[:, None], FP32)

    def blocks(self) -> tuple[UserBuffer, ...]:
        return (*self._weights.blocks(), *self._bias.blocks())

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return functions(self.types)

    # Shared memory

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        comment = "Transformed tiles: pack after pack, position after position, invocation after invocation"
        type_ = "uvec2" if self.types is FP16 else "vec4"
        return (SharedArray(comment, type_, self._tile(at), self.together * POSITIONS**2 * WAVE),)

    def _tile(self, at: Addressing) -> str:
        return at.functions.named(f"{self.task.node}_tile")

    def needs(self, at: Addressing) -> Needs:
        return Needs()

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
            part=part_view(self.parts, self.at_once, self.heuristics),
            tile_first=at.first_in_tile(tile, left, top) if tile else "",
            edge="" if tile else at.sizes.of(self.task.source.value),
            corner=f"pixel - ivec2({left}, {top})" if left or top else "pixel",
            cells=tuple(self._cells(local)),
            packs=self.task.source.type.packs,
            together=self.together,
            pack=f"first + part % {self.together}" if share > 1 else "first + part",
            cell="" if tile else at.cell(self._texture(at), "pack"),
            tile=self._tile(at),
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
                bias = self._bias.element(str(places[number].number), 0)
                value = f"{type_}({bias})" if self.half_sums else bias
            yield name, value

    def _cells(self, local: Names) -> Iterator[Statement]:
        """The columns and rows of the tile; what lies outside of the picture is at its zero edge."""
        for axis in "xy":
            for number in range(POSITIONS):
                at = f"corner.{axis} + {number}" if number else f"corner.{axis}"
                yield local.named(f"{axis}{number}"), f"int(min(uint({at}), edge.{axis}))"

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
                stores.append((str(place), halves.written(value) if self.types is FP16 else value))
        return TransformView(tuple(texels), tuple(statements), tuple(stores))

    def _texture(self, at: Addressing) -> Texture:
        (every,) = at.packs(self.task.source.value, self.work.sources)
        assert isinstance(every, EveryPack), "a source of one texture with several packs"
        return every.texture

    def _texel(self, x: int, y: int, local: Names, at: Addressing) -> str:
        """A texel of the source's tile, from a texture or from what the pass has computed for itself."""
        tile = at.shared(self.task.source.value)
        if tile:
            return at.any_tile_texel(tile, "window", "pack", y, x)
        texel = at.fetch_any(self._texture(at), local.named(f"x{x}"), local.named(f"y{y}"))
        return f"f16vec4({texel})" if self.types is FP16 else texel

    def _slot(self, number: int, sums: dict[tuple[int, int, int], str], local: Names, at: Addressing) -> ProductsView:
        """The products of a pack of the source between two barriers, position after position."""
        record = Index.of("part").times(self.task.source.type.packs).plus(Index.of("first")).plus(number)
        begin = Index.number(number * POSITIONS**2 * WAVE).plus(Index.of("invocation"))
        matrices = [[sums[pack, row, column] for pack in range(self.at_once)] for row, column in _POSITIONS]
        return products(self._weights, record, self._tile(at), begin, WAVE, matrices)

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
        op, layout, heuristics = task.op, task.source.layout, limits.heuristics
        suits = op.weight.shape[2:] == (3, 3) and op.plain and op.pad_mode == "zero"
        if not (task.any_pack and suits and layout and limits.buffers and heuristics.packs_at_once):
            return
        sources = task.source.type.packs
        if layout.planar or sources < 2 or layout.packs_per_texture < sources:
            return
        for at_once in range(heuristics.packs_at_once, len(task.packs) + 1):
            plans = list(_sharing(task, at_once, heuristics))
            if plans:
                yield from [plan for plan in plans if plan.resources.shared_bytes <= limits.shared_bytes][-1:]
                return


def _sharing(task: Task, at_once: int, heuristics: Heuristics) -> Iterator[DividedPlan]:
    """Plans for parts of `at_once` packs each, of which 1, 2 or 4 transform a pack of the source together."""
    parts, rest = divmod(len(task.packs), at_once)
    for together in range(1, min(parts, heuristics.packs_together) + 1):
        if not rest and task.source.type.packs % together == 0 and parts in (together, 2 * together, 4 * together):
            yield DividedPlan(task, at_once, together, heuristics)
