"""The forms of a pass as channels of the network."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shadergen.lift.activations import Call, call, of_atom
from shadergen.lift.affine import Arena, Atom, Form, LiftError, Scalar, texel_of
from shadergen.lift.borders import Border, Forms, borders
from shadergen.lift.channels import Channels, Entry, Grid, Table, Tables, Tap
from shadergen.lift.hookpass import Evaluation
from shadergen.lift.inner import Inner
from shadergen.lift.periods import Cells
from shadergen.lift.rims import Correction, Corrections, rims, sums


def table_of(run: Evaluation, cells: Cells, components: int, channels: Channels, tables: Tables) -> Table:
    """What a region of a pass's result holds. Raises LiftError."""
    forms = relative_forms(run, cells, components)
    inner = Inner(run.arena, cells)
    rules, layered, corrections = _border(run, cells, forms, inner)
    grid = _grid(cells, tables)
    lowering = Lowering(run.arena, cells, rules, grid, channels, tables, inner, layered)
    entries = {place: lowering.corrected(place, form, corrections) for place, form in forms.items()}
    return Table(cells.period, grid, entries)


def _border(
    run: Evaluation, cells: Cells, forms: Forms, inner: Inner
) -> tuple[Mapping[int, Border], bool, Corrections]:
    """What is read outside, whether layers within the pass are read so as well, and what is added near the border."""
    for layered in (False, True) if inner.any_around(forms) else (False,):
        with contextlib.suppress(LiftError):
            return borders(run, cells, forms, inner if layered else None), layered, {}
    return dict.fromkeys(cells.sources, "zero"), False, rims(run, cells, forms)


def relative_forms(run: Evaluation, cells: Cells, components: int) -> Forms:
    """The forms of a cell in the middle, with texels counted from that cell."""
    back = cells.back(cells.middle)
    known: dict[int, Scalar] = {}
    forms = {}
    for row in range(cells.period[1]):
        for column in range(cells.period[0]):
            texel = run.at(*cells.texel(cells.middle, column, row))
            for component in range(components):
                forms[row, column, component] = run.arena.moved(texel[component], back, known)
    return forms


def _grid(cells: Cells, tables: Tables) -> Grid:
    """How many cells there are for each pixel of the picture."""
    for number, (width, height) in cells.sources.items():
        table = tables[number]
        return table.grid[0] * table.period[0] / width, table.grid[1] * table.period[1] / height
    raise LiftError("reads no picture")


@dataclass
class Lowering:
    """Makes channels of the forms of one cell."""

    arena: Arena
    cells: Cells
    rules: Mapping[int, Border]
    grid: Grid
    channels: Channels
    tables: Tables
    inner: Inner
    layered: bool
    """Whether functions of several pixels are layers within the pass, each at the pixel in the middle."""

    def entry(self, form: Scalar) -> Entry:
        """The channel that a form is, or the number. Raises LiftError for what no operator of a graph computes."""
        if type(form) is not Form:
            return float(form)
        found = call(self.arena, form)
        if found is not None and found.kind == "prelu":  # any other is an atom, which may be one of another pixel
            return self._function_of(found)
        taps, bias = self._taps(form)
        return self.channels.linear(taps, bias, self.grid) if taps else bias

    def corrected(self, component: tuple[int, int, int], form: Scalar, corrections: Corrections) -> Entry:
        """The channel of a component's form, some of whose sums are others near the border."""
        mine = [corrections.get((component, number), []) for number in range(len(sums(self.arena, form)))]
        return self._corrected(form, iter(mine)) if any(mine) else self.entry(form)

    def _corrected(self, form: Scalar, corrections: Iterator[Sequence[Correction]]) -> Entry:
        """A form with the next corrections for each of its sums."""
        found = call(self.arena, form)
        if found is None:
            return self._with_rims(form, next(corrections))
        operands = [self.tables.channel(self._corrected(one, corrections), self.grid) for one in found.operands]
        return self.channels.of(found.kind, operands, self.grid, found.parameters)

    def _with_rims(self, form: Scalar, corrections: Sequence[Correction]) -> Entry:
        """A sum, and what is added near the border: products with a mask, which is 1 in a row or column, else 0."""
        if not corrections or type(form) is not Form:
            return self.entry(form)
        taps, bias = self._taps(form)
        for one in corrections:
            mask = self._mask(one)
            added = self._channel(one.form)
            taps[Tap(self.channels.of("mul", [mask, added], self.grid))] = 1.0
        return self.channels.linear(taps, bias, self.grid)

    def _mask(self, where: Correction) -> int:
        """A channel that is 1 where a correction counts, made of ones and the zeros around them."""
        ones = self.tables.channel(1.0, self.grid)
        masks = []
        for index, dy, dx in ((where.row, 1, 0), (where.column, 0, 1)):
            if index is not None:
                near, far = (-index, -index - 1) if index >= 0 else (-index - 1, -index)
                taps = {Tap(ones, dy * near, dx * near): 1.0, Tap(ones, dy * far, dx * far): -1.0}
                masks.append(self.channels.linear(taps, 0.0, self.grid))
        return masks[0] if len(masks) == 1 else self.channels.of("mul", masks, self.grid)

    def _channel(self, form: Scalar) -> int:
        return self.tables.channel(self.entry(form), self.grid)

    def _taps(self, form: Form) -> tuple[dict[Tap, float], float]:
        """A form as a sum of channels here and at neighbours."""
        taps: dict[Tap, float] = defaultdict(float)
        bias = form.constant
        for atom, weight in form.terms.items():
            entry, dx, dy, border = self._texel(atom) if atom >= 0 else self._function(atom)
            if isinstance(entry, float):
                bias += weight * entry
            else:
                taps[Tap(entry, dy, dx, border if dx or dy else "zero")] += weight
        return _with_one_border(taps), bias

    def _texel(self, atom: int) -> tuple[Entry, int, int, Border]:
        number, component, x, y = texel_of(atom)
        width, height = self.cells.sources[number]
        table = self.tables.view(number, (width, height))
        return table.entries[y % height, x % width, component], x // width, y // height, self.rules[number]

    def _function(self, number: int) -> tuple[Entry, int, int, Border]:
        """A function as a channel of the pixel that it reads, or of this one where it reads several."""
        dx, dy, border = self._anchor(number)
        atom = self.arena.atom(number)
        if dx or dy:
            atom = self.arena.atom(self.inner.moved(number, (-dx, -dy)))
        return self._activation(atom), dx, dy, border

    def _anchor(self, number: int) -> tuple[int, int, Border]:
        """The one pixel that a function reads, and what stands for it outside of the picture.

        Of several pixels each has its own place outside, which that of the function is not, unless it is a layer within
        the pass. Neither is the function of zeros outside unless it is zero.
        """
        places, textures = self.inner.reads(number)
        place = self.inner.place(number) if self.layered or len(places) == 1 else None
        rules = {self.rules[texture] for texture in textures}
        if place is None or len(rules) != 1:
            return 0, 0, "zero"
        (dx, dy), (rule,) = place, rules
        zeros = Form({number: 1.0})
        if not self.layered and rule == "zero" and self.arena.rewritten(zeros, lambda texel: 0.0, {}) != 0.0:
            return 0, 0, "zero"
        return dx, dy, rule

    def _activation(self, atom: Atom) -> Entry:
        found = of_atom(self.arena, atom)
        if found is not None:
            return self._function_of(found)
        match atom.name:
            case "div":
                return self.channels.of("div", map(self._channel, atom.operands), self.grid)
            case "step" | "select":
                raise LiftError("chooses between values, depending on the picture")
            case name:
                raise LiftError(f"computes {name} of a picture's value, which no operator of a graph does")

    def _function_of(self, found: Call) -> int:
        operands = [self._channel(operand) for operand in found.operands]
        inner = self.channels[operands[0]]
        if found.kind == inner.kind == "clip":
            low, high = found.parameters
            if inner.parameters[0] >= low and inner.parameters[1] <= high:
                return operands[0]  # cut off already, by the pass that made it
        return self.channels.of(found.kind, operands, self.grid, found.parameters)


def _with_one_border(taps: Mapping[Tap, float]) -> dict[Tap, float]:
    """The taps without those of no weight; one at the pixel itself has the border of its neighbours."""
    borders = {tap.channel: tap.border for tap in taps if tap.dx or tap.dy}
    return {
        Tap(tap.channel, tap.dy, tap.dx, borders.get(tap.channel, "zero")): weight
        for tap, weight in taps.items()
        if weight
    }
