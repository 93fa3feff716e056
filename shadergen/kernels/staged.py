"""The weights in a table, which each workgroup copies into shared memory: short code that is as fast as literals.

For one pack of the result after the other, a workgroup copies the pack's weights from a TEXTURE into shared memory,
where all its invocations read them. An invocation computes a few pixels with the products of `axis.toom_cook` along
x, in a loop over the source's packs. A weight is read once for all rows of its pixels, and the rows of texels are
transformed as they are needed, so that few are in registers at a time.

On GPUs that is the fastest there is without BUFFER blocks (bench/log.md). On a CPU shared memory is read lane by lane.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from shadergen.glsl import spelling, tables
from shadergen.glsl.addressing import Addressing, Packs, Place
from shadergen.glsl.index import Index
from shadergen.glsl.names import table_name
from shadergen.glsl.spelling import FP16, FP32, Statement, Types
from shadergen.glsl.tables import Table
from shadergen.hookfile import UserTexture
from shadergen.kernels.axis import Axis, direct, toom_cook, transformed
from shadergen.kernels.blocked import Assignment, Blocked, Products, WindowView, axes, turn_of, window_view
from shadergen.kernels.kernel import Limits, Pair, Resources, SharedArray, Task
from shadergen.kernels.window import Window
from shadergen.storage.layout import PACK, Layout
from shadergen.target import Weights

LOCALS = ("edge", "corner", "first", "cell", "pack", "ky", "w", "opaque", "weights")
"""What the template calls things within its block."""

MAX_TEXELS = 8
"""Along x, of the products' window: `axis.toom_cook` has points for no more."""


@dataclass(frozen=True)
class RowView:
    """The texels of the window that a row of taps is the first to need, what they become, and the row's products."""

    texels: tuple[Statement, ...]
    factors: tuple[Statement, ...]
    products: tuple[Assignment, ...]


@dataclass(frozen=True)
class StagedPack:
    """One pack of the source, or all packs of one of its textures in a loop."""

    title: str
    loop: Pair | None
    """The first pack and the one after the last, where it is a loop."""
    cell: str
    weights: str
    """The place in shared memory of the pack's weights; in a loop over rows of taps, of the row's."""
    rows: tuple[RowView, ...]
    settled: tuple[Statement, ...]
    """fp16 sums of this pack (or row), by the fp32 sums that they are added to."""


@dataclass(frozen=True)
class StagedView:
    """What `staged.glsl.j2` lays out."""

    title: str
    repeats: bool
    """Whether the same is done for another pack of the result before: its weights must have been read."""
    array: str
    length: int
    copied: str
    """The weight of number `n`."""
    sums: tuple[Statement, ...]
    window: WindowView
    row_loop: int
    """The rows of taps, where a loop goes over them; else 0."""
    type: str
    """Of texels and factors."""
    vector: str
    """Of weights."""
    uniform: bool
    """Whether the compiler may know that all invocations read the same weight."""
    packs: tuple[StagedPack, ...]
    results: tuple[Statement, ...]


@dataclass(frozen=True)
class StagedPlan(Blocked):
    """A block of pixels, whose weights are in shared memory."""

    loops_rows: bool
    uniform: bool
    zero_edge: bool
    """Whether the padding is read from a column and a row of zeros behind the source's last."""
    reads_tiles: ClassVar[bool] = False
    kernel: ClassVar[str] = "staged"
    template: ClassVar[str] = "staged.glsl.j2"

    @property
    def layout(self) -> Layout | None:
        own = self.task.source.layout
        return replace(own, zero_edge=True) if own and self.zero_edge else None

    @property
    def resources(self) -> Resources:
        """A half in shared memory counts as a float: Direct3D 11 gives it the room of one."""
        return Resources(sums=self.sums, tables=1, shared_bytes=self._length * PACK * 4, extensions=self.extensions)

    @property
    def _per_row(self) -> int:
        """Vectors of weights of a source pack and a row of taps."""
        return len(self.x.g) * self.lanes

    @property
    def _per_pack(self) -> int:
        return self._per_row * self.y.taps

    @property
    def _length(self) -> int:
        """Vectors of weights of a result pack."""
        return self._per_pack * self.task.source.type.packs

    @cached_property
    def table(self) -> Table:
        """A row for each result and source pack: a bias (in the first of a result pack), then matrices tap by tap."""
        op = self.task.op
        texels = tables.rows(transformed(self.x, self.y, op.weight), op.bias, self.lanes, self.task.packs)
        return Table(table_name(self.task.label, self.task.packs, self.task.type.packs), texels, "rgba32f")

    def blocks(self) -> tuple[UserTexture, ...]:
        return (self.table.block(),)

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        vector = self._types(at).vec(PACK)
        return (SharedArray(f"{self.task.node}'s weights for a pack", vector, self._array(at), self._length),)

    def _array(self, at: Addressing) -> str:
        return at.functions.named(f"{self.task.node}_weights")

    def _types(self, at: Addressing) -> Types:
        return Window(self.task, self.x, self.y, at, at.names).types

    def view(self, at: Addressing) -> StagedView:
        (place,) = at.places(self.task.packs)
        sums = self._sums(place, at)
        results = () if self.x.is_direct else tuple(self.results(sums, place.pack, at))
        window = self.window(at, at.names.block(*LOCALS), "ky" if self.loops_rows else "")
        spelling.rounded(self.task.op.weight, window.types)  # the table is fp32, what is copied from it need not be
        groups = at.packs(self.task.source.value, self.sources)
        return StagedView(
            title=self.title(),
            repeats=at.any_pack,
            array=self._array(at),
            length=self._length,
            copied=self._copied(place, window.types),
            sums=tuple(self._begins(place, sums)),
            window=window_view(window),
            row_loop=self.y.taps if self.loops_rows else 0,
            type=window.types.vec(self.lanes),
            vector=window.types.vec(PACK),
            uniform=self.uniform,
            packs=tuple(self._pack(packs, window, sums, at, len(groups) > 1) for packs in groups),
            results=results,
        )

    def _sums(self, place: Place, at: Addressing) -> dict[tuple[int, int, int], str]:
        """Names by pack, row and column: of the result's registers where the axes are direct."""
        node, pack = self.task.node, place.pack
        return {
            (pack, row, column): at.register(node, pack, at.pixels[row * self.x.outputs + column])
            if self.x.is_direct
            else at.names.fresh(f"{node}_{pack}_sum{row}_{column}")
            for row in range(self.y.sums)
            for column in range(self.x.sums)
        }

    def _row(self, place: Place) -> Index:
        """The table's first row of a result pack."""
        return place.number.times(self.task.source.type.packs)

    def _copied(self, place: Place, types: Types) -> str:
        column = Index.of(f"n % {self._per_pack}").plus(1)
        row = Index.of(f"n / {self._per_pack}").plus(self._row(place))
        fetch = self.table.fetch(column, row)
        return f"{types.vec(PACK)}({fetch})" if types is FP16 else fetch

    def _begins(self, place: Place, sums: Mapping[tuple[int, int, int], str]) -> Iterator[Statement]:
        """What the sums begin with: the bias in those that are in every result (see `winograd`), else zero."""
        bias, begun = self.table.fetch("0", self._row(place)), ""
        for (_, _, column), name in sums.items():
            if self.x.is_direct or column == self.x.common:
                yield name, begun or bias
                begun = begun or name
            else:
                yield name, spelling.splat(0.0, FP32)

    def _pack(
        self, packs: Packs, window: Window, sums: Mapping[tuple[int, int, int], str], at: Addressing, several: bool
    ) -> StagedPack:
        turn = turn_of(packs, several, at)
        first = turn.number.times(self._per_pack)
        if self.loops_rows:
            first = first.plus(Index.of("ky").times(self._per_row))
        if not self.uniform:
            first = first.plus(Index.of("opaque"))
        begun: dict[str, str] = {}
        products = Products(self.x, window.y, window.types, window.names, sums)
        rows = tuple(self._rows(packs, window, products, at, begun))
        return StagedPack(turn.title, turn.loop, turn.cell, str(first), rows, tuple(begun.items()))

    def _rows(
        self, packs: Packs, window: Window, products: Products, at: Addressing, begun: dict[str, str]
    ) -> Iterator[RowView]:
        """The rows of taps, each with the rows of the window that none before it needs."""
        read: set[int] = set()
        for ky in range(window.y.taps):
            needed = sorted({row for row, weight, _ in window.y.products if weight == ky} - read)
            read |= set(needed)
            yield RowView(
                texels=tuple(window.texels(packs, self.lanes, needed)),
                factors=tuple(window.factors(needed)),
                products=tuple(products.by_column(ky, self.lanes, self._weight(ky, at), begun)),
            )

    def _weight(self, ky: int, at: Addressing) -> tuple[str, int]:
        """The array, and the number behind the variable `weights` of a row's first vector."""
        return self._array(at), ky * self._per_row


class Staged:
    """Convolutions whose weights a workgroup shares: for passes whose invocations have one pack at a time."""

    name: ClassVar[str] = "staged"
    weights: ClassVar[Weights] = "texture"
    any_pack: ClassVar[bool] = True

    def plan(self, task: Task, limits: Limits) -> Iterator[StagedPlan]:
        """A plan for each number of pixels, where a workgroup is to share weights."""
        heuristics = limits.heuristics
        if not (limits.workgroups and heuristics.shares_weights) or (len(task.packs) > 1 and not task.any_pack):
            return
        loops_rows = heuristics.staged_row_loop and task.op.weight.shape[2] > 1
        for pixels in limits.blocks:
            x, y = axes(task.op, pixels)
            for zero_edge in (True, False) if _may_read_zeros(task) else (False,):
                yield StagedPlan(task, _fewer_products(task, x), y, loops_rows, heuristics.uniform_weights, zero_edge)


def _may_read_zeros(task: Task) -> bool:
    """Whether zeros behind the source's last column and row spare a test for each texel."""
    layout = task.source.layout
    return layout is not None and not layout.planar and any(task.op.pads) and task.op.pad_mode == "zero"


def _fewer_products(task: Task, x: Axis) -> Axis:
    """An axis with a product for each texel, where there is one and the precision allows it: else `x`.

    In fp16 the factors of such axes would take too many of the digits.
    """
    dense = x == direct(x.outputs, x.taps) and 1 not in (x.outputs, x.taps)
    return toom_cook(x.outputs, x.taps) if dense and x.window <= MAX_TEXELS and task.precision == "fp32" else x
