"""What a pass reads where its neighbourhood leaves the picture: found at the cells around the border."""

from __future__ import annotations

from collections.abc import Mapping
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

NO_CONVOLUTION = "treats the picture's border in a way that no convolution does"

Forms = Mapping[tuple[int, int, int], Scalar]
"""The forms of a cell by row, column and component, relative to the cell."""


def borders(run: Evaluation, cells: Cells, forms: Forms, inner: Inner | None = None) -> dict[int, Border]:
    """How each texture is read outside of it, by number. Raises LiftError where no rule explains the border's cells.

    With `inner` the functions are read in that way as well, as layers of their own.
    """
    for rule in BORDERS:
        rules = dict.fromkeys(cells.sources, rule)
        if _hold(run, cells, forms, rules, inner):
            return rules
    rules = {number: _rule_of(number, run, cells, forms, inner) for number in cells.sources}
    if not _hold(run, cells, forms, rules, inner):
        raise LiftError(NO_CONVOLUTION)
    return rules


def _rule_of(number: int, run: Evaluation, cells: Cells, forms: Forms, inner: Inner | None) -> Border:
    """The rule of one texture: that under which the forms hold with zeros in all others. Raises LiftError."""
    alone = {place: run.arena.of_texture(form, number) for place, form in forms.items()}
    for rule in BORDERS:
        if _hold(run, cells, alone, dict.fromkeys(cells.sources, rule), inner, number):
            return rule
    raise LiftError(NO_CONVOLUTION)


def _at_the_border(count: Size) -> list[Size]:
    right, down = count[0] - 1, count[1] - 1
    return [(0, 0), (right, down), (count[0] // 2, 0), (0, count[1] // 2), (right, count[1] // 2)]


def _hold(
    run: Evaluation,
    cells: Cells,
    forms: Forms,
    rules: Mapping[int, Border],
    inner: Inner | None,
    alone: int | None = None,
) -> bool:
    """Whether the forms at the border are those of the rules; of one texture `alone`, with zeros in all others."""
    arena = run.arena

    def holds(place: tuple[int, int, int], placement: Placement) -> bool:
        row, column, component = place
        actual = run.at(*cells.texel(placement.cell, column, row))[component]
        seen = actual if alone is None else arena.of_texture(actual, alone)
        return comparison.same(placement.form(arena, forms[place]), seen)

    comparison = Comparison(arena, cells.moves((0, 0)))
    placements = (Placement(cells, rules, cell, inner) for cell in _at_the_border(cells.count))
    return all(holds(place, placement) for placement in placements for place in forms)


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
