"""What a pass reads where its neighbourhood leaves the picture: found at the cells around the border."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from shadergen.lift.affine import Arena, Form, LiftError, Scalar, texel_atom, texel_of
from shadergen.lift.compare import Comparison
from shadergen.lift.hookpass import Evaluation, Size
from shadergen.lift.inner import Inner
from shadergen.lift.periods import Cells

Border = Literal["zero", "edge", "reflect"]
"""What stands for a pixel outside: zeros, the nearest pixel, or that as far inside. The names are those of a Conv's
`pad_mode`."""

BORDERS: tuple[Border, ...] = ("edge", "zero", "reflect")

Forms = Mapping[tuple[int, int, int], Scalar]
"""The forms of a cell by row, column and component, relative to the cell."""


def borders(run: Evaluation, cells: Cells, forms: Forms, inner: Inner | None = None) -> dict[int, Border]:
    """How each texture is read outside of it, by number. Raises LiftError where no rule explains the border's cells.

    With `inner` the functions are read in that way as well, as layers of their own.
    """
    numbers = list(cells.sources)
    for choice in _choices(len(numbers)):
        rules = dict(zip(numbers, choice, strict=True))
        if all(_holds(run, cells, forms, Placement(cells, rules, cell, inner)) for cell in _at_the_border(cells.count)):
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


def _holds(run: Evaluation, cells: Cells, forms: Forms, placement: Placement) -> bool:
    """Whether the forms at a cell are those of the rules."""
    comparison = Comparison(run.arena, cells.moves((0, 0)))
    for (row, column, component), form in forms.items():
        expected = placement.form(run.arena, form)
        if not comparison.same(expected, run.at(*cells.texel(placement.cell, column, row))[component]):
            return False
    return True


@dataclass
class Placement:
    """What forms that are relative to a cell are in the picture, at one cell."""

    cells: Cells
    rules: Mapping[int, Border]
    cell: Size
    inner: Inner | None = None
    """Where functions are; None where they are all of what is read at the cell."""
    _known: dict[int, Scalar] = field(default_factory=dict)

    def form(self, arena: Arena, form: Scalar) -> Scalar:
        """A form in the picture."""
        return arena.rewritten(form, self._texel, self._known, self._function)

    def _texel(self, atom: int) -> Scalar:
        number, component, x, y = texel_of(atom)
        width, height = self.cells.sources[number]
        place = self._in_picture(x // width, y // height, self.rules[number])
        if place is None:
            return 0.0
        x, y = place[0] * width + x % width, place[1] * height + y % height
        return Form({texel_atom(number, component, x, y): 1.0})

    def _in_picture(self, dx: int, dy: int, rule: Border) -> Size | None:
        """The cell that is read for one; None where that is zero."""
        columns, rows = self.cells.count
        column, row = dx + self.cell[0], dy + self.cell[1]
        near_column, near_row = min(max(column, 0), columns - 1), min(max(row, 0), rows - 1)
        if rule == "zero" and (column, row) != (near_column, near_row):
            return None
        if rule == "reflect":
            return 2 * near_column - column, 2 * near_row - row
        return near_column, near_row

    def _function(self, number: int) -> Scalar | None:
        """A layer outside of the picture; None where it is what it computes."""
        place = self.inner.place(number) if self.inner is not None else None
        if self.inner is None or place is None:
            return None
        rules = {self.rules[texture] for texture in self.inner.reads(number)[1]}
        if len(rules) != 1:
            return None
        near = self._in_picture(*place, rules.pop())
        if near is None:
            return 0.0
        by = (near[0] - self.cell[0] - place[0], near[1] - self.cell[1] - place[1])
        return None if by == (0, 0) else self.form(self.inner.arena, Form({self.inner.moved(number, by): 1.0}))
