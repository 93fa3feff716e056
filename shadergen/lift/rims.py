"""Borders of two convolutions that were folded into one: zeros around both are another sum near the border.

Our own files have such layers (`passes/compose`): what the padding between the two would have changed is taken away in
the rows and columns at the border. Here it is found again, as a form for each of those rows and columns and for each of
their corners.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shadergen.lift.activations import activation
from shadergen.lift.affine import (
    Arena,
    Form,
    LiftError,
    Scalar,
    add,
    negative,
    number_or_form,
    subtract,
    texel_of,
    texture_of,
)
from shadergen.lift.borders import Border, Forms, Placement
from shadergen.lift.compare import TOLERANCE
from shadergen.lift.hookpass import Evaluation, Size
from shadergen.lift.periods import Cells

_NO_CONVOLUTION = "treats the picture's border in a way that no convolution does"

DEEPEST = 4
"""Rows and columns from the border in which sums may be others."""


@dataclass(frozen=True)
class Correction:
    """What is added in a row, a column, or where both meet; None is all of them. Below zero they count from the end."""

    row: int | None
    column: int | None
    form: Scalar
    """Relative to the cell, zeros outside."""


Corrections = Mapping[tuple[int, int, int], list[Correction]]
"""For components of a cell, by row, column and component."""


def rims(run: Evaluation, cells: Cells, forms: Forms) -> Corrections:
    """What is added to the sums of zero-padded neighbourhoods near the border. Raises LiftError for anything else."""
    finder = _Finder(run, cells, forms)
    across, down = cells.middle
    rows = [row for row in _indices() if finder.differs((across, _at(row, cells.count[1])))]
    columns = [column for column in _indices() if finder.differs((_at(column, cells.count[0]), down))]
    found: dict[tuple[int, int, int], list[Correction]] = {}
    for place in forms:
        mine = [Correction(row, None, finder.difference(place, (across, _at(row, cells.count[1])))) for row in rows]
        mine += [
            Correction(None, column, finder.difference(place, (_at(column, cells.count[0]), down)))
            for column in columns
        ]
        corners = []
        for row in rows:
            for column in columns:
                cell = (_at(column, cells.count[0]), _at(row, cells.count[1]))
                rest = finder.difference(place, cell)
                for one in mine:
                    if one.row == row or one.column == column:
                        rest = subtract(rest, finder.seen_from(one.form, cell))
                corners.append(Correction(row, column, rest))
        found[place] = [one for one in mine + corners if type(one.form) is Form or one.form]
    _check_reach(run.arena, forms, found)
    return found


def _check_reach(arena: Arena, forms: Forms, found: Corrections) -> None:
    """Raises LiftError for corrections that read what lies beyond the neighbourhood of a cell in the middle: what two
    folded layers read is all within it."""
    read = _boxes(texel for form in forms.values() for texel in arena.texels(form))
    for number, box in _boxes(
        texel for ones in found.values() for one in ones for texel in arena.texels(one.form)
    ).items():
        if number not in read or not read[number].holds(box):
            raise LiftError(_NO_CONVOLUTION)


@dataclass(frozen=True)
class _Box:
    """Texels of a texture: the first and the last column, and the first and the last row."""

    left: int
    right: int
    top: int
    bottom: int

    def holds(self, other: _Box) -> bool:
        return (
            self.left <= other.left
            and other.right <= self.right
            and self.top <= other.top
            and other.bottom <= self.bottom
        )


def _boxes(texels: Iterable[int]) -> dict[int, _Box]:
    """The box around some texels, by texture."""
    places: dict[int, set[tuple[int, int]]] = {}
    for texel in texels:
        number, _, x, y = texel_of(texel)
        places.setdefault(number, set()).add((x, y))
    found = {}
    for number, all_of_it in places.items():
        columns, rows = zip(*all_of_it, strict=True)
        found[number] = _Box(min(columns), max(columns), min(rows), max(rows))
    return found


def _indices() -> list[int]:
    return [*range(DEEPEST), *range(-1, -DEEPEST - 1, -1)]


def _at(index: int, count: int) -> int:
    return index if index >= 0 else count + index


class _Finder:
    """Compares cells with what zero padding would leave there."""

    def __init__(self, run: Evaluation, cells: Cells, forms: Forms) -> None:
        self._run, self._cells, self._forms = run, cells, forms
        self._rules: dict[int, Border] = dict.fromkeys(cells.sources, "zero")
        self._known: dict[tuple[tuple[int, int, int], Size], Scalar] = {}

    def differs(self, cell: Size) -> bool:
        """Whether some component of a cell is another sum."""
        forms = [self.difference(place, cell) for place in self._forms]
        return any(type(form) is Form or form for form in forms)

    def difference(self, place: tuple[int, int, int], cell: Size) -> Scalar:
        """What a component has at a cell beyond the zero-padded sum, relative to the cell."""
        key = (place, cell)
        if key not in self._known:
            row, column, component = place
            actual = self._run.at(*self._cells.texel(cell, column, row))[component]
            back = {number: -move for number, move in self._cells.moves(cell).items()}

            def relative(atom: int) -> Scalar:
                return Form({atom + back[texture_of(atom)]: 1.0})

            expected = self._outside_is_zero(self._forms[place], cell)
            difference = _beyond(self._run.arena, actual, expected)
            self._known[key] = self._run.arena.rewritten(difference, relative, {})
        return self._known[key]

    def seen_from(self, form: Scalar, cell: Size) -> Scalar:
        """A relative form at a cell, relative again: without what lies outside there."""
        back = {number: -move for number, move in self._cells.moves(cell).items()}
        inside = self._outside_is_zero(form, cell)
        return self._run.arena.rewritten(inside, lambda atom: Form({atom + back[texture_of(atom)]: 1.0}), {})

    def _outside_is_zero(self, form: Scalar, cell: Size) -> Scalar:
        return Placement(self._cells, self._rules, cell).form(self._run.arena, form)


def _beyond(arena: Arena, actual: Scalar, expected: Scalar) -> Scalar:
    """The difference of two sums, or of those within one and the same function of each; 0 where rounding is all."""
    a, b = activation(arena, actual), activation(arena, expected)
    if a is not None and b is not None and (a.kind, a.parameters) == (b.kind, b.parameters):
        return _beyond(arena, a.operand, b.operand)
    largest = max(
        (abs(w) for form in (actual, expected) if type(form) is Form for w in form.terms.values()), default=1.0
    )
    difference = add(actual, negative(expected))
    if type(difference) is not Form:
        return difference if abs(difference) > TOLERANCE * largest else 0.0
    kept = {atom: weight for atom, weight in difference.terms.items() if abs(weight) > TOLERANCE * largest}
    if any(atom < 0 for atom in kept):
        raise LiftError(_NO_CONVOLUTION)
    constant = difference.constant if abs(difference.constant) > TOLERANCE * largest else 0.0
    return number_or_form(kept, constant)
