"""What repeats: a result is made of cells, which are alike but for where they read, or of several pictures of cells."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shadergen.lift.affine import LiftError, shift, texture_of
from shadergen.lift.compare import Comparison
from shadergen.lift.hookpass import Evaluation, Size

LONGEST = 16
"""Texels that a pattern may be long."""


@dataclass(frozen=True)
class Region:
    """One of the pictures that stand side by side in a result: where its first texel is, and its size."""

    corner: Size
    size: Size


@dataclass(frozen=True)
class Cells:
    """How a region repeats: the size of a cell, and of what belongs to it in each texture that is read, by number."""

    region: Region
    period: Size
    sources: Mapping[int, Size]

    @property
    def count(self) -> Size:
        """How many there are, across and down."""
        return self.region.size[0] // self.period[0], self.region.size[1] // self.period[1]

    def texel(self, cell: Size, x: int, y: int) -> Size:
        """Where a texel of a cell is in the result."""
        return (
            self.region.corner[0] + cell[0] * self.period[0] + x,
            self.region.corner[1] + cell[1] * self.period[1] + y,
        )

    def moves(self, cell: Size) -> dict[int, int]:
        """By how much what is read moves from the first cell to this."""
        return {number: shift(cell[0] * width, cell[1] * height) for number, (width, height) in self.sources.items()}

    def back(self, cell: Size) -> dict[int, int]:
        """By how much what is read moves from a cell to the first."""
        return {number: -move for number, move in self.moves(cell).items()}

    @property
    def middle(self) -> Size:
        """A cell far from the borders."""
        return self.count[0] // 2, self.count[1] // 2


def regions(size: Size, images: Size) -> list[Region]:
    """The pictures of a result, row by row."""
    width, height = size[0] // images[0], size[1] // images[1]
    return [Region((x * width, y * height), (width, height)) for y in range(images[1]) for x in range(images[0])]


def find(run: Evaluation) -> tuple[Size, list[Cells]]:
    """How many pictures stand side by side in a result, and the cells of each. Raises LiftError where nothing repeats.

    The fewest pictures are taken with which something repeats.
    """
    failure: LiftError | None = None
    for images in _arrangements(run.situation.size):
        try:
            return images, [_cells(run, region) for region in regions(run.situation.size, images)]
        except _NoPatternError as error:
            failure = failure or error
    assert failure is not None
    raise failure


class _NoPatternError(LiftError):
    pass


def _arrangements(size: Size) -> Iterator[Size]:
    for count in sorted(((x, y) for x in range(1, 5) for y in range(1, 5)), key=math.prod):
        if size[0] % count[0] == 0 and size[1] % count[1] == 0:
            yield count


def _cells(run: Evaluation, region: Region) -> Cells:
    sizes = {number: source.image_size for source in run.sources for number in source.numbers}
    width, height = (_period(run, region, sizes, axis) for axis in (0, 1))
    x, y = _middle(region)
    texels = (run.at(x + dx, y + dy) for dx in range(width) for dy in range(height))
    read = {texture_of(atom) for texel in texels for form in texel for atom in run.arena.texels(form)}
    per_cell = {
        number: (sizes[number][0] * width // region.size[0], sizes[number][1] * height // region.size[1])
        for number in sorted(read)
    }
    return Cells(region, (width, height), per_cell)


def _middle(region: Region) -> Size:
    return region.corner[0] + region.size[0] // 2, region.corner[1] + region.size[1] // 2


def _period(run: Evaluation, region: Region, sizes: Mapping[int, Size], axis: int) -> int:
    """How many texels along an axis make a cell."""
    for n in range(1, LONGEST + 1):
        if region.size[axis] >= 4 * n and _repeats(run, region, sizes, axis, n):
            return n
    direction = "across" if axis == 0 else "down"
    raise _NoPatternError(f"has no pattern of up to {LONGEST} texels that repeats {direction}")


def _repeats(run: Evaluation, region: Region, sizes: Mapping[int, Size], axis: int, n: int) -> bool:
    """Whether the texels of a cell in the middle are those of the cell behind it, moved."""
    x, y = _middle(region)
    moves = {}
    for number, size in sizes.items():
        by, rest = divmod(size[axis] * n, region.size[axis])
        if not rest:
            moves[number] = shift(by, 0) if axis == 0 else shift(0, by)
    comparison = Comparison(run.arena, moves)
    for d in range(n):
        here, there = ((x + d, y), (x + d + n, y)) if axis == 0 else ((x, y + d), (x, y + d + n))
        if not all(comparison.same(a, b) for a, b in zip(run.at(*here), run.at(*there), strict=True)):
            return False
    return True
