"""Winograd's F(m,r) along x, from rows in shared memory: large kernels in short loops over packs and rows of taps.

A workgroup transforms the rows that its pixels read, once for all that read them, into shared memory. An invocation
computes m pixels in a row; for each pack of the source and each row of the kernel it multiplies as many factors as
there are sums, which are few: a 5x5 kernel takes 8 products a row for four pixels, instead of 20. Weights come from
uniform buffers. Where the result has several packs, the workgroup may be divided, a part computing some of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import gcd, prod
from typing import ClassVar

from shadergen.glsl import tables
from shadergen.glsl.addressing import Addressing, Place, zero_edged
from shadergen.glsl.index import Index
from shadergen.glsl.spelling import FP16, Statement
from shadergen.kernels.axis import Axis, combination, direct, statements, toom_cook, transformed
from shadergen.kernels.buffered import Buffered, PartView, ProductsView, fitting, is_readable
from shadergen.kernels.kernel import Dispatch, Limits, Pair, SharedArray, Task, Work
from shadergen.kernels.uniforms import Uniforms
from shadergen.storage.layout import PACK
from shadergen.target import Weights

OUTPUTS = 4
"""Pixels of an invocation."""
LOCALS = (
    "edge",
    "first",
    "corner",
    "slot",
    "ky",
    "n",
    "column",
    "row",
    "pack",
    "cell",
    "y",
    "texel",
    "weights",
    "f",
    "part",
)
"""What the template calls things within its block."""


@dataclass(frozen=True)
class RowsView:
    """What `rows.glsl.j2` lays out."""

    title: str
    type: str
    sums: tuple[Statement, ...]
    part: PartView | None
    edge: str
    corner: str
    """Of the workgroup's first pixel: where its first row of texels begins."""
    packs: int
    """Of the source."""
    together: int
    """Packs between two barriers."""
    area: Pair
    """Invocations that lie side by side."""
    height: int
    """Rows of texels that they read."""
    threads: int
    taps: int
    outputs: int
    """Pixels of an invocation."""
    y: str
    """Of the row of texels that is read."""
    cell: str
    texels: tuple[Statement, ...]
    factors: tuple[Statement, ...]
    stores: tuple[Statement, ...]
    tile: str
    partial: tuple[str, ...]
    """fp16 sums of a row of taps, which are then added to the fp32 sums; may be empty."""
    rows: tuple[ProductsView, ...]
    """Of each row of taps; or of any, in a loop."""
    settled: tuple[tuple[str, str], ...]
    results: tuple[Statement, ...]


@dataclass(frozen=True)
class RowsPlan(Buffered):
    """A row of pixels for each invocation."""

    kernel: ClassVar[str] = "rows"
    template: ClassVar[str] = "rows.glsl.j2"
    reads_tiles: ClassVar[bool] = False

    @cached_property
    def x(self) -> Axis:
        return toom_cook(OUTPUTS, self.task.op.weight.shape[3])

    @property
    def growth(self) -> float:
        return self.x.growth

    @property
    def taps(self) -> int:
        """Of the kernel, along y."""
        return int(self.task.op.weight.shape[2])

    @property
    def area(self) -> Pair:
        """Invocations that lie side by side."""
        return self.heuristics.rows_area

    @property
    def height(self) -> int:
        """Rows of texels that a workgroup reads."""
        return self.area[1] + self.taps - 1

    @property
    def dispatch(self) -> Dispatch:
        workgroup = self.area if self.parts == 1 else (prod(self.area) * self.parts, 1)
        return Dispatch((OUTPUTS, 1), workgroup, self.area, self.at_once if self.task.any_pack else 1)

    @property
    def sums(self) -> int:
        return self.at_once * self.x.sums

    @property
    def factors(self) -> int:
        return self.together * self.height * self.x.sums * self.area[0]

    @property
    def work(self) -> Work:
        read = Fraction(self.x.window * self.height, OUTPUTS * self.area[1] * self.parts)
        return Work(Fraction(self.x.sums * self.taps, OUTPUTS), read, tuple(range(self.task.source.type.packs)))

    @cached_property
    def weights(self) -> Uniforms:
        """A record for each part, source pack and row of taps: for each factor and pack at once, a matrix's columns."""
        matrices = tables.columns(transformed(self.x, direct(1, self.taps), self.task.op.weight), PACK)
        matrices = matrices[list(self.task.packs)]
        grouped = matrices.reshape(self.parts, self.at_once, *matrices.shape[1:])  # part, pack, source, ky, k, lane, 4
        records = grouped.transpose(0, 2, 3, 4, 1, 5, 6).reshape(-1, self.x.sums * self.at_once * PACK, PACK)
        return Uniforms(f"{self.name}w", records, self.types, self.heuristics.looked_up)

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        comment = "Transformed texels: pack after pack, row after row, factor after factor, invocation after invocation"
        return (self.shared_factors(comment, at),)

    # Code

    def view(self, at: Addressing) -> RowsView:
        places = at.places(self.task.packs)
        own = {
            (number, k): at.names.fresh(f"{self.task.node}_{place.pack}_sum{k}")
            for number, place in enumerate(places)
            for k in range(self.x.sums)
        }
        results = tuple(self._results(own, places, at))
        local = at.names.block(*LOCALS)
        partial = self.types is FP16
        into = {key: local.named(f"{name}_part") for key, name in own.items()} if partial else own
        factors = [local.named(f"f_{k}") for k in range(self.x.sums)]
        texels = [local.named(f"s_{x}") for x in range(self.x.window)]
        top, left = self.task.op.pads[:2]
        rows = (
            [self._row(None, into, at)]
            if self.heuristics.loops_rows
            else [self._row(ky, into, at) for ky in range(self.taps)]
        )
        return RowsView(
            title=self.title(),
            type=self.types.vec(PACK),
            sums=tuple(self._begins(own, places)),
            part=self.part,
            edge=at.sizes.of(self.task.source.value),
            corner=f"{self._workgroup} - ivec2({left}, {top})" if left or top else self._workgroup,
            packs=self.task.source.type.packs,
            together=self.together,
            area=self.area,
            height=self.height,
            threads=prod(self.area) * self.parts,
            taps=self.taps,
            outputs=OUTPUTS,
            y=zero_edged("corner.y", "edge.y"),
            cell=at.cell(self.texture(at), "pack"),
            texels=tuple(self._read(texels, at)),
            factors=tuple(statements(self.x.b_t, texels, factors, self.types, local)),
            stores=tuple(self._stores(factors)),
            tile=self.array(at),
            partial=tuple(into.values()) if partial else (),
            rows=tuple(rows),
            settled=tuple((own[key], name) for key, name in into.items()) if partial else (),
            results=results,
        )

    def title(self) -> str:
        """What a comment says of it."""
        out, in_, kh, kw = self.task.op.weight.shape
        return f"{self.task.node}: {kw}x{kh} kernel, {in_} to {out} channels, by Winograd's F({OUTPUTS},{kw}) along x"

    @property
    def _workgroup(self) -> str:
        """The workgroup's first pixel."""
        return f"ivec2(gl_WorkGroupID.xy) * ivec2({self.area[0] * OUTPUTS}, {self.area[1]})"

    def _begins(self, sums: dict[tuple[int, int], str], places: tuple[Place, ...]) -> Iterator[Statement]:
        """The bias is in the sum that all results contain, see `divided`."""
        for (number, k), name in sums.items():
            value = self.bias.element(str(places[number].number), 0) if k == self.x.common else "vec4(0.0)"
            yield name, value

    def _read(self, texels: list[str], at: Addressing) -> Iterator[Statement]:
        """The texels of a row; what lies outside of the picture is at its zero edge."""
        for x, name in enumerate(texels):
            column = f"corner.x + {x}" if x else "corner.x"
            yield name, self.texel(zero_edged(column, "edge.x"), "y", at)

    def _stores(self, factors: list[str]) -> Iterator[Statement]:
        for k, name in enumerate(factors):
            yield str(Index.of("texel").plus(k * self.area[0])), self.stored(name)

    def _row(self, ky: int | None, sums: dict[tuple[int, int], str], at: Addressing) -> ProductsView:
        """The products of one row of taps; of the one in the variable `ky`, where it is a loop over them."""
        row = Index.of("ky") if ky is None else Index.number(ky)
        source = Index.of("first").plus(Index.of("slot")) if self.together > 1 else Index.of("first")
        record = source.times(self.taps).plus(row)
        if self.part:
            record = Index.of("part").times(self.task.source.type.packs * self.taps).plus(record)
        column, line = at.invocation
        in_tile = Index.of("slot").times(self.height) if self.together > 1 else Index()
        texel = in_tile.plus(Index.of(line)).plus(row).times(self.x.sums * self.area[0]).plus(Index.of(column))
        own = [[sums[pack, k] for pack in range(self.at_once)] for k in range(self.x.sums)]
        return self.products(record, texel, self.area[0], own, at)

    def _results(
        self, sums: dict[tuple[int, int], str], places: tuple[Place, ...], at: Addressing
    ) -> Iterator[Statement]:
        """Y = A^T M for each pixel."""
        for number, place in enumerate(places):
            own = [sums[number, k] for k in range(self.x.sums)]
            for pixel, coefficients in zip(at.pixels, self.x.a_t, strict=True):
                yield at.register(self.task.node, place.pack, pixel), combination(coefficients, own)


class Rows:
    """Convolutions of kernels three to five wide, from several packs, padded with zeros."""

    name: ClassVar[str] = "rows"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = True

    def plan(self, task: Task, limits: Limits) -> Iterator[RowsPlan]:
        """Plans for the packs between two barriers that shared memory holds: the most first, as their prices are equal.

        Fewer are for a pass whose other convolution needs shared memory as well.
        """
        heuristics, sources = limits.heuristics, task.source.type.packs
        if not (limits.workgroups and 3 <= task.op.weight.shape[3] <= 5 and is_readable(task, limits)):
            return
        # Three at once spill: 12 to 12 channels take 0.57 ms on an Arc A770, with a part for each 0.41.
        at_once = gcd(len(task.packs), heuristics.rows_packs_at_once) if task.any_pack else len(task.packs)
        together = (packs for packs in range(heuristics.rows_together, 0, -1) if sources % packs == 0)
        yield from fitting((RowsPlan(task, at_once, packs, heuristics) for packs in together), limits)
