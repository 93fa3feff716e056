"""A network as scalars: channels, each one computed from others at the same pixel or at its neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from shadergen.lift.affine import LiftError
from shadergen.lift.borders import Border

Grid = tuple[Fraction, Fraction]
"""How many pixels a channel has for each of the picture's, across and down."""


@dataclass(frozen=True)
class Tap:
    """A read of a channel: at the pixel `dy` rows below and `dx` columns to the right."""

    channel: int
    dy: int = 0
    dx: int = 0
    border: Border = "zero"
    """What is read outside; `zero` where nothing is."""


@dataclass(frozen=True)
class Channel:
    """A scalar of the network.

    Kinds: `input`, number `parameters[0]` of the picture's channels; `linear`, the weighted sum of taps and a bias;
    `clip`, `prelu` (with a slope) and other functions of the operands; `shuffle`, whose operands are the pixels of a
    block, row by row; `unshuffle`, of which `parameters` are the block and the number of its pixel; `resize`, the
    operand bilinearly enlarged by `parameters[0]`.
    """

    kind: str
    grid: Grid
    parameters: tuple[float, ...] = ()
    operands: tuple[int, ...] = ()
    taps: tuple[tuple[Tap, float], ...] = ()
    bias: float = 0.0

    @property
    def sources(self) -> frozenset[int]:
        """The channels that it is computed from."""
        return frozenset(self.operands) | frozenset(tap.channel for tap, _ in self.taps)


@dataclass
class Channels:
    """All channels by number; equal ones are one, and each comes after its sources."""

    all: list[Channel] = field(default_factory=list)
    _numbers: dict[Channel, int] = field(default_factory=dict)

    def __getitem__(self, number: int) -> Channel:
        return self.all[number]

    def find(self, channel: Channel) -> int | None:
        """The number of a channel, or None where there is none like it."""
        return self._numbers.get(channel)

    def needed(self, outputs: Iterable[int]) -> list[int]:
        """The channels that some are computed from, and these, sources first."""
        needed: set[int] = set()
        stack = list(outputs)
        while stack:
            number = stack.pop()
            if number not in needed:
                needed.add(number)
                stack.extend(self.all[number].sources)
        return sorted(needed)

    def number(self, channel: Channel) -> int:
        """The number of a channel, which is added where there is none like it."""
        if channel not in self._numbers:
            self._numbers[channel] = len(self.all)
            self.all.append(channel)
        return self._numbers[channel]

    def linear(self, taps: Mapping[Tap, float], bias: float, grid: Grid) -> int:
        """The weighted sum of taps; a channel itself where that is all."""
        if len(taps) == 1 and not bias:
            ((tap, weight),) = taps.items()
            if (tap.dy, tap.dx, weight) == (0, 0, 1.0):
                return tap.channel
        order = sorted(taps.items(), key=lambda item: (item[0].channel, item[0].dy, item[0].dx, item[0].border))
        return self.number(Channel("linear", grid, taps=tuple(order), bias=bias))

    def of(self, kind: str, operands: Iterable[int], grid: Grid, parameters: tuple[float, ...] = ()) -> int:
        """A function of channels."""
        return self.number(Channel(kind, grid, parameters, tuple(operands)))


Entry = int | float
"""A channel's number, or a constant, which is a float."""


@dataclass(frozen=True)
class Table:
    """Which channel a component of a texel is: a texture's cells are pixels of the channels."""

    period: tuple[int, int]
    """The width and height of a cell in texels."""
    grid: Grid
    entries: Mapping[tuple[int, int, int], Entry]
    """By row, column and component."""


class Tables:
    """The tables of all textures by number, and how they look in larger or smaller cells."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels
        self._tables: dict[int, Table] = {}
        self._views: dict[tuple[int, tuple[int, int]], Table] = {}

    def __setitem__(self, number: int, table: Table) -> None:
        self._tables[number] = table

    def __getitem__(self, number: int) -> Table:
        return self._tables[number]

    def view(self, number: int, period: tuple[int, int]) -> Table:
        """A texture's table for cells of another size. Raises LiftError where the sizes are no whole multiples."""
        key = (number, period)
        if key not in self._views:
            self._views[key] = self._made(self._tables[number], period)
        return self._views[key]

    def _made(self, table: Table, period: tuple[int, int]) -> Table:
        if period == table.period:
            return table
        ratios = [Fraction(old, new) for old, new in zip(table.period, period, strict=True)]
        if ratios[0] == ratios[1]:
            if ratios[0].denominator == 1:
                return self._shuffled(table, period, ratios[0].numerator)
            if ratios[0].numerator == 1:
                return self._unshuffled(table, period, ratios[0].denominator)
        raise LiftError("reads cells of {}x{} texels of a texture of {}x{}".format(*period, *table.period))

    def _shuffled(self, table: Table, period: tuple[int, int], block: int) -> Table:
        width, height = period
        grid = (table.grid[0] * block, table.grid[1] * block)
        entries: dict[tuple[int, int, int], Entry] = {}
        for row, column, component in table.entries:
            if row < height and column < width:
                parts = [
                    table.entries[y * height + row, x * width + column, component]
                    for y in range(block)
                    for x in range(block)
                ]
                if all(isinstance(part, float) for part in parts) and len(set(parts)) == 1:
                    entries[row, column, component] = parts[0]
                else:
                    operands = [self.channel(part, table.grid) for part in parts]
                    entries[row, column, component] = self._channels.of("shuffle", operands, grid)
        return Table(period, grid, entries)

    def _unshuffled(self, table: Table, period: tuple[int, int], block: int) -> Table:
        width, height = table.period
        grid = (table.grid[0] / block, table.grid[1] / block)
        entries: dict[tuple[int, int, int], Entry] = {}
        for (row, column, component), entry in table.entries.items():
            for y in range(block):
                for x in range(block):
                    pixel = (float(block), float(y * block + x))
                    entries[y * height + row, x * width + column, component] = (
                        entry if isinstance(entry, float) else self._channels.of("unshuffle", [entry], grid, pixel)
                    )
        return Table(period, grid, entries)

    def enlarged(self, number: int, factor: int) -> Table:
        """The table of a texture that is interpolated. Raises LiftError where its components are several pixels."""
        table = self._tables[number]
        if table.period != (1, 1):
            raise LiftError("reads a texture of several pixels in a cell between its texels")
        grid = (table.grid[0] * factor, table.grid[1] * factor)
        entries = {
            place: entry if isinstance(entry, float) else self._channels.of("resize", [entry], grid, (float(factor),))
            for place, entry in table.entries.items()
        }
        return Table((1, 1), grid, entries)

    def channel(self, entry: Entry, grid: Grid) -> int:
        """An entry as a channel, also where it is constant."""
        return entry if isinstance(entry, int) else self._channels.number(Channel("linear", grid, bias=entry))
