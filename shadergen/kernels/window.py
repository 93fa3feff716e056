"""The texels that a convolution reads for an invocation's pixels: which, where, and what lies outside of the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shadergen.glsl.addressing import Addressing, EveryPack, Names, OnePack, Packs, SharedTile, zero_edged
from shadergen.glsl.spelling import FP16, FP32, Types
from shadergen.ir.ops import Conv
from shadergen.kernels.axis import Axis, statements
from shadergen.kernels.kernel import Task

LOCALS = ("edge", "corner", "first", "cell", "pack", "ky", "w")
"""What templates of kernels that read a window call things within its block."""


@dataclass(frozen=True)
class Cell:
    """A column (or row) of the window."""

    name: str
    """The variable that holds its number in the source."""
    read: str
    """What that is: moved inside of the image, or mirrored at its border."""
    inside: str
    """The variable that says whether it lay inside; empty where the padding need not be told from the picture."""
    test: str
    """What that variable says."""


def types_of(task: Task, input: str) -> Types:
    """The types of texels, factors, weights and the products of one pack. Sums are fp32.

    The graph's input stays fp32 too: 10-bit video has more steps near white than fp16.
    """
    return FP16 if task.precision == "fp16" and (task.half_input or task.source.value != input) else FP32


@dataclass(frozen=True)
class Window:
    """The window of a task's pixels, as columns of `x` and rows of `y`."""

    task: Task
    x: Axis
    y: Axis
    at: Addressing
    names: Names
    """Of the step's scope, in which its template says LOCALS itself."""
    looped_row: str = ""
    """The variable of a loop over the rows of taps, in which the window has the rows of one tap; else empty."""

    @property
    def op(self) -> Conv:
        return self.task.op

    @property
    def types(self) -> Types:
        return types_of(self.task, self.at.input)

    @property
    def tile(self) -> SharedTile | None:
        """The tile that it is read from: what lies outside of the image is zero in it."""
        return self.at.shared(self.task.source.value)

    @property
    def reads_zeros(self) -> bool:
        """Whether a column and a row of zeros lie behind the source's last, from which the padding is read."""
        layout = self.task.source.layout
        stored = None if self.tile or layout is None else self.at.textures[self.task.source.value][0]
        return stored is not None and stored.zero_edge and self.op.pad_mode == "zero"

    @property
    def pads_with_zeros(self) -> bool:
        """Whether its texels pass through `padded`, a function for each number of lanes."""
        return any(self.op.pads) and self.op.pad_mode == "zero" and not self.tile and not self.reads_zeros

    @property
    def mirrors(self) -> bool:
        return any(self.op.pads) and self.op.pad_mode == "reflect"

    @property
    def corner(self) -> str:
        """The window's first column and row, which may lie outside."""
        top, left = self.op.pads[:2]
        down, right = self.op.strides
        scaled = f"pixel * ivec2({right}, {down})" if (right, down) != (1, 1) else "pixel"
        return f"{scaled} - ivec2({left}, {top})" if left or top else scaled

    @property
    def edge(self) -> str:
        """The source's last column and row."""
        return f"{self.at.sizes.of(self.task.source.value)} - 1"

    @property
    def first(self) -> str:
        """The place of the window's first texel in the tile; empty where it is not read from one."""
        top, left = self.op.pads[:2]
        return self.at.first_in_tile(self.tile, left, top) if self.tile else ""

    def columns(self) -> tuple[Cell, ...]:
        """Its columns, none for a tile, whose texels need no test."""
        return () if self.tile else tuple(self._cell("x", number, "corner.x") for number in self.x.read)

    def rows(self) -> tuple[Cell, ...]:
        """Its rows; none for a tile."""
        return () if self.tile else tuple(self._cell("y", number, self._first_row) for number in self.y.read)

    @property
    def _first_row(self) -> str:
        if not self.looped_row:
            return "corner.y"
        dilation = self.op.dilations[0]
        return f"corner.y + {self.looped_row} * {dilation}" if dilation > 1 else f"corner.y + {self.looped_row}"

    def _cell(self, axis: str, number: int, first: str) -> Cell:
        at = f"{first} + {number}" if number else first
        mirrored = self.op.pad_mode == "reflect" and any(self._pads(axis))
        read = f"mirror({at}, edge.{axis})" if mirrored else f"clamp({at}, 0, edge.{axis})"
        if self.reads_zeros and any(self._pads(axis)):
            read = zero_edged(at, f"uint(edge.{axis} + 1)")
        name = self.names.named(f"{axis}{number}")
        tested = self._is_tested(axis, number)
        return Cell(name, read, self._inside(name) if tested else "", f"{name} == {at}" if tested else "")

    def _inside(self, cell: str) -> str:
        """The variable that says whether a column or row lay inside."""
        return self.names.named(f"{cell}_in")

    def _pads(self, axis: str) -> tuple[int, int]:
        """Before and after the image."""
        top, left, bottom, right = self.op.pads
        return (left, right) if axis == "x" else (top, bottom)

    def _is_tested(self, axis: str, number: int) -> bool:
        """Whether a column (or row) may lie in a padding of zeros.

        That of the first pixel itself does not, unless the result is larger than the source, or the pixels are those
        of a tile and begin outside.
        """
        before, after = self._pads(axis)
        if not (before or after) or self.op.pad_mode != "zero" or self.reads_zeros:
            return False
        looped = axis == "y" and bool(self.looped_row)
        taps, dilation = (self.op.weight.shape[3 if axis == "x" else 2], self.op.dilations[axis == "x"])
        larger = before + after > (taps - 1) * dilation
        return looped or larger or self.at.begins_outside or number != before

    def texels(self, packs: Packs, lanes: int, rows: Sequence[int] | None = None) -> Iterator[tuple[str, str]]:
        """Names and expressions of the window's texels of a pack, as vectors of `lanes` lanes, row by row.

        Of the rows that are read, some or all.
        """
        for row in self.y.read if rows is None else rows:
            for column in self.x.read:
                yield self.names.named(f"s_{row}_{column}"), self._texel(packs, lanes, row, column)

    def _texel(self, packs: Packs, lanes: int, row: int, column: int) -> str:
        value, x, y = self.task.source.value, self.names.named(f"x{column}"), self.names.named(f"y{row}")
        if isinstance(packs, OnePack) and self.tile:
            return self.at.tile_texel(self.tile, "first", packs.number, row, column)
        match packs:
            case EveryPack(texture):
                texel = self.at.fetch_any(texture, x, y)
            case OnePack(number):
                texel = self.at.widened(value, number, x, y, lanes)
        if self.types is FP16:  # before padding, which then selects half as many registers
            texel = f"{self.types.vec(lanes)}({texel})"
        tests = [self._inside(name) for axis, i, name in (("y", row, y), ("x", column, x)) if self._is_tested(axis, i)]
        return f"padded({texel}, {' && '.join(tests)})" if tests else texel

    def factors(self, rows: Sequence[int] | None = None) -> Iterator[tuple[str, str]]:
        """Names and expressions of what is multiplied, B^T d along x, where that is not the texels themselves.

        Of the rows that are read, some or all.
        """
        assert self.y.is_direct, "along y every axis is direct"
        if self.x.is_direct:
            return
        for row in self.y.read if rows is None else rows:
            texels = [self.names.named(f"s_{row}_{column}") for column in range(self.x.window)]
            factors = [self.names.named(f"f_{row}_{factor}") for factor in range(len(self.x.b_t))]
            yield from statements(self.x.b_t, texels, factors, self.types, self.names)
