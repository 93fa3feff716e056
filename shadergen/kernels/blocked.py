"""What kernels share that read a window, multiply its texels with weights, and add the products to sums in registers.

The window is read pack after pack. Each pack's texels become factors (see `axis`), every matrix of weights is used for
all pixels that need it, and what it gives is added to the sums, which live in registers throughout.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from shadergen.glsl import tables
from shadergen.glsl.addressing import Addressing, EveryPack, Names, OnePack, Packs
from shadergen.glsl.index import Index
from shadergen.glsl.spelling import FP16_EXTENSION, FP32, Statement, Types
from shadergen.ir.ops import Conv
from shadergen.kernels.axis import Axis, combination, direct
from shadergen.kernels.kernel import Definition, Dispatch, Function, Needs, Pair, Resources, SharedArray, Task, Work
from shadergen.kernels.window import Cell, Window
from shadergen.storage.layout import LANES, PACK, Layout, channels_of, packs_of

Columns = tuple[str, ...]
"""A matrix of weights: a vec4 expression for each lane of the texels that it is multiplied with."""

Assignment = tuple[str, str, str]
"""What is assigned to, perhaps declared with its type; the operator; and what is assigned."""


@dataclass(frozen=True)
class Blocked:
    """A plan of such a kernel."""

    task: Task
    x: Axis
    y: Axis
    """How the invocation's pixels are computed from the texels around them."""

    reads_tiles: ClassVar[bool] = True
    """Whether its window may be in shared memory instead of a texture."""

    @property
    def growth(self) -> float:
        return self.x.growth * self.y.growth

    @property
    def layout(self) -> Layout | None:
        return None

    @property
    def resources(self) -> Resources:
        """What it takes of a pass, whatever its weights take besides."""
        return Resources(sums=self.sums, extensions=self.extensions)

    @property
    def dispatch(self) -> Dispatch:
        return Dispatch((self.x.outputs, self.y.outputs))

    @property
    def sources(self) -> tuple[int, ...]:
        """The source's packs that are read: those whose weights are not all zero."""
        return live_packs(self.task.op, result_channels(self.task))

    @property
    def lanes(self) -> int:
        """Of the source's texels, where all are alike: the first pack's."""
        return min(PACK, self.task.source.type.channels)

    @property
    def sums(self) -> int:
        """vec4 registers that hold the sums."""
        return self.task.written(self.dispatch) * self.x.sums * self.y.sums

    @property
    def work(self) -> Work:
        pixels = self.x.outputs * self.y.outputs
        return Work(
            Fraction(len(self.x.products) * len(self.y.products), pixels),
            Fraction(len(self.x.read) * len(self.y.read), pixels),
            self.sources,
        )

    @property
    def extensions(self) -> frozenset[str]:
        """fp16 texels, whatever they are read from, are of a type that GLSL itself has not."""
        reads_input = self.task.source.layout is None and not self.task.half_input
        return frozenset({FP16_EXTENSION} if self.task.precision == "fp16" and not reads_input else ())

    def blocks(self) -> tuple[Definition, ...]:
        return ()

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return ()

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        return ()

    def window(self, at: Addressing, names: Names, looped_row: str = "") -> Window:
        """The window; in a loop over the rows of taps, of one row."""
        return Window(self.task, self.x, self._row_axis if looped_row else self.y, at, names, looped_row)

    @property
    def _row_axis(self) -> Axis:
        """Along y, within a loop over the rows of taps: one tap."""
        return direct(self.y.outputs, 1, self.task.op.strides[0])

    def needs(self, at: Addressing) -> Needs:
        """The functions that the window is read with."""
        window = Window(self.task, self.x, self.y, at, at.names)
        counts = {at.lane_count(self.task.source.value, pack) for pack in range(self.task.source.type.packs)}
        padded = {(window.types.vec(count), window.types.zero(count)) for count in counts if window.pads_with_zeros}
        return Needs(padded=frozenset(padded), mirror=window.mirrors)

    def results(self, sums: Mapping[tuple[int, int, int], str], pack: int, at: Addressing) -> Iterator[Statement]:
        """Y = A^T M of a pack of the result, for each row of pixels: its registers from the sums along x."""
        for row in range(self.y.outputs):
            own = [sums[pack, row, column] for column in range(self.x.sums)]
            for column, coefficients in enumerate(self.x.a_t):
                register = at.register(self.task.node, pack, at.pixels[row * self.x.outputs + column])
                yield register, combination(coefficients, own)

    def title(self) -> str:
        """What a comment says of it."""
        out, in_, kh, kw = self.task.op.weight.shape
        many = self.x.outputs * self.y.outputs > 1
        size = f" of {self.x.outputs}x{self.y.outputs} pixels" if many else ""
        return f"{self.task.node}: {kw}x{kh} kernel, {in_} to {out} channels{size}"


def live_packs(op: Conv, channels: Sequence[int] | slice = slice(None)) -> tuple[int, ...]:
    """The source's packs that count for some result channels; one at least, so that there is something to add up."""
    used = np.flatnonzero(op.weight[channels].any(axis=(0, 2, 3)))
    return packs_of(map(int, used)) or (0,)


def result_channels(task: Task) -> list[int]:
    """The channels in the packs that the pass wants."""
    count = len(task.op.bias)
    return [channel for pack in task.packs for channel in channels_of(pack, count)]


def axes(op: Conv, pixels: Pair) -> tuple[Axis, Axis]:
    """The axes, x and y, that multiply each of so many pixels with every tap."""
    kh, kw = op.weight.shape[2:]
    return (
        direct(pixels[0], kw, op.strides[1], op.dilations[1]),
        direct(pixels[1], kh, op.strides[0], op.dilations[0]),
    )


@dataclass(frozen=True)
class Products:
    """The statements that add the products of one source pack to the sums."""

    x: Axis
    y: Axis
    types: Types
    names: Names
    sums: Mapping[tuple[int, int, int], str]
    """The sums' names by result pack, row and column."""

    def matrix(self, lanes: int) -> str:
        """The type of the variable `w` that holds a matrix which several products use; empty where one does."""
        return self.types.mat(lanes) if len(self._uses(0, 0)) > 1 else ""

    def assignments(self, weights: Mapping[int, Mapping[tuple[int, int], Columns]]) -> Iterator[Assignment]:
        """For one result pack after the other; `weights` by result pack, and by the weight's row and column."""
        for result, taps in weights.items():
            yield from self._pack(result, taps)

    def _pack(self, result: int, taps: Mapping[tuple[int, int], Columns]) -> Iterator[Assignment]:
        begun: dict[str, str] = {}
        for (row, column), columns in taps.items():
            uses = self._uses(row, column)
            if len(uses) > 1:
                yield "w", "=", tables.matrix(self.types.mat(len(columns)), columns)
            for sum_row, sum_column, y, x in uses:
                total, factor = self.sums[result, sum_row, sum_column], self._factor(y, x)
                yield self._added(total, _product(columns, factor, len(uses) > 1), begun)
        yield from ((total, "+=", f"vec4({part})") for total, part in begun.items())

    def by_column(self, row: int, lanes: int, weights: tuple[str, int], begun: dict[str, str]) -> Iterator[Assignment]:
        """The products of a row of taps for the one result pack, a column of each matrix after the other in `w`.

        `weights` are an array, and the number behind the variable `weights` of the first column. fp16 sums of the pack
        are noted in `begun` under the sums that they belong to.
        """
        (result,) = {pack for pack, _, _ in self.sums}
        array, first = weights
        for column in range(len(self.x.g)):
            for lane in range(lanes):
                yield "w", "=", f"{array}[{Index.of('weights').plus(first + column * lanes + lane)}]"
                for sum_row, sum_column, y, x in self._uses(row, column):
                    factor = self._factor(y, x) + (f".{LANES[lane]}" if lanes > 1 else "")
                    yield self._added(self.sums[result, sum_row, sum_column], f"w*{factor}", begun)

    def _added(self, total: str, product: str, begun: dict[str, str]) -> Assignment:
        """One multiply-add after the other: `total += product` would add what the product sums up by itself.

        In fp16 a pack's products are summed by themselves before they reach the fp32 sums.
        """
        if self.types is FP32:
            return total, "=", f"{total} + {product}"
        if total in begun:
            return begun[total], "=", f"{begun[total]} + {product}"
        begun[total] = self.names.named(f"{total}_pack")
        return f"f16vec4 {begun[total]}", "=", product

    def _uses(self, weight_row: int, weight_column: int) -> list[tuple[int, int, int, int]]:
        """Every product of a weight: the sum's row and column, the factor's row and column."""
        return [
            (sum_row, sum_column, row, column)
            for row, j, sum_row in self.y.products
            if j == weight_row
            for column, k, sum_column in self.x.products
            if k == weight_column
        ]

    def _factor(self, row: int, column: int) -> str:
        return self.names.named(f"{'s' if self.x.is_direct else 'f'}_{row}_{column}")


def _product(columns: Columns, factor: str, in_matrix: bool) -> str:
    """A matrix times a vector, column by column: drivers make a multiply-add of each.

    Of `matrix * vector` they make a multiplication and three of those, and a sum that it is added to is a fifth
    instruction. `in_matrix` says that the columns are those of the variable `w`.
    """
    if len(columns) == 1:
        return f"{'w' if in_matrix else columns[0]}*{factor}"
    terms = zip([f"w[{lane}]" for lane in range(len(columns))] if in_matrix else columns, LANES, strict=False)
    return " + ".join(f"{column}*{factor}.{lane}" for column, lane in terms)


@dataclass(frozen=True)
class PackView:
    """One pack of the source, or all packs of one of its textures in a loop, as the templates lay it out."""

    title: str
    loop: Pair | None
    """The first pack and the one after the last, where it is a loop."""
    cell: str
    """In a loop, the place in the texture of the pack that the loop's variable numbers."""
    type: str
    """Of texels and factors."""
    texels: tuple[Statement, ...]
    factors: tuple[Statement, ...]
    matrix: str
    """The type of a matrix of weights that several products use, or empty."""
    products: tuple[Assignment, ...]


@dataclass(frozen=True)
class WindowView:
    """The window, as the templates lay it out."""

    first: str
    """The place of its first texel in a tile, or empty."""
    edge: str
    corner: str
    columns: tuple[Cell, ...]
    rows: tuple[Cell, ...]


def window_view(window: Window) -> WindowView:
    """What the templates see of a window."""
    first = window.first
    edge, corner = ("", "") if first else (window.edge, window.corner)
    return WindowView(first, edge, corner, window.columns(), window.rows())


@dataclass(frozen=True)
class Turn:
    """One pack of the source, or all packs of one of its textures in a loop, with the variable `pack` as its number."""

    title: str
    loop: Pair | None
    """The first pack and the one after the last, where it is a loop."""
    number: Index
    cell: str
    """In a loop, the place in the texture of the pack that the loop's variable numbers."""


def turn_of(packs: Packs, several: bool, at: Addressing) -> Turn:
    """What is done for packs that code goes over, of which there may be several."""
    match packs:
        case EveryPack(texture):
            return Turn("", packs.packs, Index.of("pack"), at.cell(texture, packs.within("pack")))
        case OnePack(pack):
            return Turn(pack_title(packs, several), None, Index.number(pack), "")


def pack_title(pack: OnePack, several: bool) -> str:
    """A comment for a source pack, where it is not the only one."""
    return f"Pack {pack.number}" if several else ""
