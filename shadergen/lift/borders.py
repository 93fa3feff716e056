"""What a pass reads where its neighbourhood leaves the picture: found at the cells around the border."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

from shadergen.lift.affine import Form, LiftError, Scalar, texel_atom, texel_of, texture_of
from shadergen.lift.compare import Comparison
from shadergen.lift.hookpass import Evaluation, Size
from shadergen.lift.periods import Cells

Border = Literal["zero", "edge", "reflect"]
"""What stands for a pixel outside: zeros, the nearest pixel, or that as far inside. The names are those of a Conv's
`pad_mode`."""

BORDERS: tuple[Border, ...] = ("edge", "zero", "reflect")

Forms = Mapping[tuple[int, int, int], Scalar]
"""The forms of a cell by row, column and component, relative to the cell."""


def borders(run: Evaluation, cells: Cells, forms: Forms) -> dict[int, Border]:
    """How each texture is read outside of it, by number. Raises LiftError where no rule explains the border's cells."""
    numbers = list(cells.sources)
    for choice in _choices(len(numbers)):
        rules = dict(zip(numbers, choice, strict=True))
        if all(_holds(run, cells, forms, rules, cell) for cell in _at_the_border(cells.count)):
            return rules
    raise LiftError("treats the picture's border in a way that no convolution does")


def _choices(count: int) -> Iterator[tuple[Border, ...]]:
    """One rule for all first, then one of them otherwise."""
    for rule in BORDERS:
        yield (rule,) * count
    if count > 1:
        yield from (choice for choice in itertools.product(BORDERS, repeat=min(count, 6)) if len(set(choice)) > 1)


def _at_the_border(count: Size) -> list[Size]:
    right, down = count[0] - 1, count[1] - 1
    return [(0, 0), (right, down), (count[0] // 2, 0), (0, count[1] // 2), (right, count[1] // 2)]


def _holds(run: Evaluation, cells: Cells, forms: Forms, rules: Mapping[int, Border], cell: Size) -> bool:
    """Whether the forms at a cell are those of the rules."""
    place = placed(cells, rules, cell)
    known: dict[int, Scalar] = {}
    comparison = Comparison(run.arena, cells.moves((0, 0)))
    for (row, column, component), form in forms.items():
        expected = run.arena.rewritten(form, place, known)
        if not comparison.same(expected, run.at(*cells.texel(cell, column, row))[component]):
            return False
    return True


def placed(cells: Cells, rules: Mapping[int, Border], cell: Size) -> Callable[[int], Scalar]:
    """What a texel that is relative to a cell is in the picture."""
    columns, rows = cells.count

    def place(atom: int) -> Scalar:
        number = texture_of(atom)
        width, height = cells.sources[number]
        _, component, x, y = texel_of(atom)
        column, row = x // width + cell[0], y // height + cell[1]
        near_column, near_row = min(max(column, 0), columns - 1), min(max(row, 0), rows - 1)
        if rules[number] == "zero" and (column, row) != (near_column, near_row):
            return 0.0
        if rules[number] == "reflect":
            near_column, near_row = 2 * near_column - column, 2 * near_row - row
        x, y = near_column * width + x % width, near_row * height + y % height
        return Form({texel_atom(number, component, x, y): 1.0})

    return place
