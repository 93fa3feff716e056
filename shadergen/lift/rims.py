"""Borders of two convolutions that were folded into one: zeros around both are another sum near the border.

Our own files have such layers (`passes/compose`): what the padding between the two would have changed is taken away in
the rows and columns at the border. Here it is found again, as a form for each of those rows and columns and for each of
their corners. A layer's sum may be within an activation or a product, whose sums are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shadergen.lift.activations import call
from shadergen.lift.affine import (
    Arena,
    Form,
    LiftError,
    Scalar,
    equal,
    number_or_form,
    subtract,
    texel_of,
)
from shadergen.lift.borders import NO_CONVOLUTION, Border, Forms, Placement
from shadergen.lift.compare import TOLERANCE
from shadergen.lift.hookpass import Evaluation, Size
from shadergen.lift.periods import Cells

DEEPEST = 4
"""Rows and columns from the border in which sums may be others."""


@dataclass(frozen=True)
class Correction:
    """What is added in a row, a column, or where both meet; None is all of them. Below zero they count from the end."""

    row: int | None
    column: int | None
    form: Scalar
    """Relative to the cell, zeros outside."""


@dataclass(frozen=True)
class Sum:
    """A form that is a function of nothing that `call` knows, and the calls that it is within, the outermost first."""

    within: tuple[tuple[str, tuple[float, ...]], ...]
    form: Scalar


def sums(arena: Arena, form: Scalar) -> list[Sum]:
    """What a form is a function of, in the order of the operands: itself, where it is a sum."""
    found = call(arena, form)
    if found is None:
        return [Sum((), form)]
    own = (found.kind, found.parameters)
    return [Sum((own, *inner.within), inner.form) for operand in found.operands for inner in sums(arena, operand)]


Place = tuple[tuple[int, int, int], int]
"""A component of a cell, by row, column and component, and which of its `sums`."""
Corrections = Mapping[Place, list[Correction]]


def rims(run: Evaluation, cells: Cells, forms: Forms) -> Corrections:
    """What is added to the sums of zero-padded neighbourhoods near the border. Raises LiftError for anything else."""
    finder = _Finder(run, cells, forms)
    across, down = cells.middle
    rows = [row for row in _indices() if finder.differs((across, _at(row, cells.count[1])))]
    columns = [column for column in _indices() if finder.differs((_at(column, cells.count[0]), down))]
    found: dict[Place, list[Correction]] = {}
    for place in finder.places:
        lines = [Correction(row, None, finder.difference(place, (across, _at(row, cells.count[1])))) for row in rows]
        lines += [
            Correction(None, column, finder.difference(place, (_at(column, cells.count[0]), down)))
            for column in columns
        ]
        corners = [_corner(finder, place, lines, row, column) for row in rows for column in columns]
        found[place] = [one for one in lines + corners if type(one.form) is Form or one.form]
    _check_reach(run.arena, forms, found)
    return found


def _corner(finder: _Finder, place: Place, lines: Sequence[Correction], row: int, column: int) -> Correction:
    """What is added where a row and a column meet, beyond what each of them adds."""
    cell = (_at(column, finder.cells.count[0]), _at(row, finder.cells.count[1]))
    rest = finder.difference(place, cell)
    for line in lines:
        if line.row == row or line.column == column:
            rest = subtract(rest, finder.seen_from(line.form, cell))
    return Correction(row, column, rest)


def _check_reach(arena: Arena, forms: Forms, found: Corrections) -> None:
    """Raises LiftError for corrections that read what lies beyond the neighbourhood of a cell in the middle: what two
    folded layers read is all within it."""
    read = _boxes(texel for form in forms.values() for texel in arena.texels(form))
    for number, box in _boxes(
        texel for ones in found.values() for one in ones for texel in arena.texels(one.form)
    ).items():
        if number not in read or not read[number].holds(box):
            raise LiftError(NO_CONVOLUTION)


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
        self.cells = cells
        self._run, self._forms = run, forms
        self._rules: dict[int, Border] = dict.fromkeys(cells.sources, "zero")
        self._sums = {component: sums(run.arena, form) for component, form in forms.items()}
        self._known: dict[tuple[tuple[int, int, int], Size], list[Scalar]] = {}

    @property
    def places(self) -> list[Place]:
        """The sums of all components."""
        return [(component, number) for component, found in self._sums.items() for number in range(len(found))]

    def differs(self, cell: Size) -> bool:
        """Whether some component of a cell is another sum."""
        forms = [self.difference(place, cell) for place in self.places]
        return any(type(form) is Form or form for form in forms)

    def difference(self, place: Place, cell: Size) -> Scalar:
        """What a sum has at a cell beyond the zero-padded one, relative to the cell."""
        component, number = place
        if (component, cell) not in self._known:
            self._known[component, cell] = self._differences(component, cell)
        return self._known[component, cell][number]

    def _differences(self, component: tuple[int, int, int], cell: Size) -> list[Scalar]:
        row, column, index = component
        actual = self._run.at(*self.cells.texel(cell, column, row))[index]
        if equal(actual, self._outside_is_zero(self._forms[component], cell)):
            return [0.0 for _ in self._sums[component]]
        expected = [Sum(one.within, self._outside_is_zero(one.form, cell)) for one in self._sums[component]]
        pairs = zip(_paired(sums(self._run.arena, actual), expected), expected, strict=True)
        return [self._relative(_beyond(found.form, wanted.form), cell) for found, wanted in pairs]

    def _relative(self, form: Scalar, cell: Size) -> Scalar:
        return self._run.arena.moved(form, self.cells.back(cell))

    def seen_from(self, form: Scalar, cell: Size) -> Scalar:
        """A relative form at a cell, relative again: without what lies outside there."""
        return self._relative(self._outside_is_zero(form, cell), cell)

    def _outside_is_zero(self, form: Scalar, cell: Size) -> Scalar:
        return Placement(self.cells, self._rules, cell).form(self._run.arena, form)


def _paired(actual: Sequence[Sum], expected: Sequence[Sum]) -> list[Sum]:
    """The actual sum for each expected one. The factors of a product have no order: equal ones are a pair, and so are
    the two that are left. Raises LiftError where more than one is another than expected."""
    left = list(actual)
    pairs: list[Sum | None] = []
    for wanted in expected:
        same = next((one for one in left if one.within == wanted.within and equal(one.form, wanted.form)), None)
        if same is not None:
            left.remove(same)
        pairs.append(same)
    missing = [wanted for wanted, found in zip(expected, pairs, strict=True) if found is None]
    if len(missing) > 1 or [one.within for one in left] != [one.within for one in missing]:
        raise LiftError(NO_CONVOLUTION)
    return [found or left[0] for found in pairs]


def _beyond(actual: Scalar, expected: Scalar) -> Scalar:
    """The difference of two sums; 0 where rounding is all."""
    largest = max(
        (abs(w) for form in (actual, expected) if type(form) is Form for w in form.terms.values()), default=1.0
    )
    difference = subtract(actual, expected)
    if type(difference) is not Form:
        return difference if abs(difference) > TOLERANCE * largest else 0.0
    kept = {atom: weight for atom, weight in difference.terms.items() if abs(weight) > TOLERANCE * largest}
    if any(atom < 0 for atom in kept):
        raise LiftError(NO_CONVOLUTION)
    constant = difference.constant if abs(difference.constant) > TOLERANCE * largest else 0.0
    return number_or_form(kept, constant)
