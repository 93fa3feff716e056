"""A Rim: what it adds to the pixels near the borders, from a table, in loops that the others do not enter.

Loops instead of one literal per weight keep the code short, and they are what keeps the interior cheap: Mesa's drivers
for CPUs run both sides of an `if`, but leave a loop after its first turn where no pixel goes on (gallivm's
lp_exec_mask_cond_push and lp_exec_endloop).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.emit.written import Written
from shadergen.glsl import tables
from shadergen.glsl.addressing import Addressing, EveryPack, OnePack, Packs, Place
from shadergen.glsl.index import Index
from shadergen.glsl.names import table_name
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import FP32, Statement
from shadergen.glsl.tables import Table
from shadergen.ir.ops import Array, Rim, RimTerm
from shadergen.kernels.kernel import Needs, Pair, readers
from shadergen.schedule.steps import RimStep
from shadergen.storage.layout import PACK

EVERY = -32768
"""In the table, a row or column number for all of them; beyond any texture, and still an integer of 16 bits, which is
all that OpenGL ES promises in a fragment. It may be read as a little more or less, see `is_at`."""

LOCALS = ("size", "interior", "i", "p", "within", "term", "taps", "here", "tap", "q", "inside", "pack", "cell", "s")
"""What the template calls things within its block."""


@dataclass(frozen=True)
class SourceView:
    """A pack of the source, or all packs of a texture in a loop: its texel, and what that is multiplied with."""

    loop: Pair | None
    cell: str
    type: str
    texel: str
    products: tuple[tuple[str, str], ...]
    """Sums, each with its matrix."""


@dataclass(frozen=True)
class RimView:
    """What `rim.glsl.j2` lays out."""

    node: str
    registers: tuple[Statement, ...]
    """Of every pack and pixel, each with what it begins with."""
    added: bool
    """Whether that is what the rim is added to, instead of zeros."""
    size: str
    first: Pair
    """The column and row from which on no term begins to count, from the left and the top."""
    last: Pair
    """The same from the right and the bottom."""
    beyond: Pair
    """From the invocation's first pixel to its last."""
    pixels: int
    terms: int
    term: str
    offset: str
    sums: tuple[tuple[str, str], ...]
    """Each with its bias."""
    sources: tuple[SourceView, ...]
    assignments: tuple[tuple[tuple[str, str], ...], ...]
    """For each pixel its registers, each with the sum that it gets."""


def write(step: RimStep, pixels: Sequence[Pixel], at: Addressing, prefix: str) -> Written:
    """The step; `prefix` is what the names of the file's tables start with."""
    lanes = min(PACK, at.types[step.source].channels)
    label = f"{prefix}_{step.node}"
    table = Table(table_name(label, step.packs, at.types[step.node].packs), texels(step, lanes), at.tables, 1)
    view = _view(step, pixels, at, table, lanes)
    needs = Needs(is_at=True, number=bool(table.reader))
    return Written("steps/rim.glsl.j2", view, needs, readers(table), blocks=(table.block(),))


def texels(step: RimStep, lanes: int) -> Array:
    """The table, of shape (rows, columns, 4), for a source whose texels have so many live lanes.

    A row for each term: column, row, its first and last tap's row (exclusive); the bias of each result pack.

    After them a row for each tap: dx, dy; matrices by source and result pack.
    """
    terms = step.op.terms
    ends = len(terms) + np.cumsum([term.weight[0, 0].size for term in terms])
    rows = [_term(step, term, int(end)) for term, end in zip(terms, ends, strict=True)]
    rows += [row for term in terms for row in _taps(step, term, lanes)]
    texels = np.zeros((len(rows), max(map(len, rows)), PACK), np.float32)
    for number, row in enumerate(rows):
        texels[number, : len(row)] = row
    return texels


def _term(step: RimStep, term: RimTerm, end: int) -> Array:
    at = [EVERY if number is None else number for number in (term.column, term.row)]
    place = np.array([[*at, end - term.weight[0, 0].size, end]], np.float32)
    return np.concatenate([place, tables.packs(term.bias)[list(step.packs)]])


def _taps(step: RimStep, term: RimTerm, lanes: int) -> Iterator[Array]:
    matrices = tables.columns(term.weight, lanes)[list(step.packs)]
    for ky, kx in np.ndindex(term.weight.shape[2:]):
        offset = np.array([[term.dx + kx, term.dy + ky, 0, 0]], np.float32)
        yield np.concatenate([offset, matrices[:, :, ky, kx].transpose(1, 0, 2, 3).reshape(-1, PACK)])


def _view(step: RimStep, pixels: Sequence[Pixel], at: Addressing, table: Table, lanes: int) -> RimView:
    terms, last, places = step.op.terms, pixels[-1], at.places(step.packs)
    registers = [[at.register(step.node, place.pack, pixel) for place in places] for pixel in pixels]
    begins = [[_begin(step, place, pixel, at) for place in places] for pixel in pixels]
    local = at.names.block(*LOCALS)  # behind the registers, which are named outside of it
    sums = [local.named(f"sum_{place.pack}") for place in places]
    first, beyond_last = reach(step.op)
    every = range(at.types[step.source].packs)
    return RimView(
        node=step.node,
        registers=tuple(
            statement
            for names, values in zip(zip(*registers, strict=True), zip(*begins, strict=True), strict=True)
            for statement in zip(names, values, strict=True)
        ),
        added=step.onto is not None,
        size=at.sizes.of(step.source),
        first=first,
        last=beyond_last,
        beyond=(last.x, last.y),
        pixels=len(pixels),
        terms=len(terms),
        term=table.fetch_whole("0", "term"),
        offset=table.fetch_whole("0", "tap"),
        sums=tuple((sum_, table.fetch(place.number.plus(1), "term")) for place, sum_ in zip(places, sums, strict=True)),
        sources=tuple(
            _source(step, packs, dict(zip(sums, places, strict=True)), at, table, lanes)
            for packs in at.packs(step.source, every)
        ),
        assignments=tuple(tuple(zip(names, sums, strict=True)) for names in registers),
    )


def _begin(step: RimStep, place: Place, pixel: Pixel, at: Addressing) -> str:
    return at.register(step.onto, place.pack, pixel) if step.onto else FP32.zero(PACK)


def reach(op: Rim) -> tuple[Pair, Pair]:
    """How many columns and rows a rim's terms count in, (columns, rows) from the left and the top, and from the right
    and the bottom; behind those of one side none does."""
    columns = [term.column for term in op.terms if term.column is not None]
    rows = [term.row for term in op.terms if term.row is not None]
    return (_ahead(columns), _ahead(rows)), (_back(columns), _back(rows))


def _ahead(numbers: list[int]) -> int:
    return max((number + 1 for number in numbers if number >= 0), default=0)


def _back(numbers: list[int]) -> int:
    return max((-number for number in numbers if number < 0), default=0)


def _source(
    step: RimStep, packs: Packs, places: dict[str, Place], at: Addressing, table: Table, lanes: int
) -> SourceView:
    loop: Pair | None
    match packs:
        case EveryPack(texture):
            number, loop, cell = Index.of("pack"), packs.packs, at.cell(texture, packs.within("pack"))
            texel = at.fetch_any(texture, "q.x", "q.y")
        case OnePack(pack):
            number, loop, cell = Index.number(pack), None, ""
            texel = at.widened(step.source, pack, "q.x", "q.y", lanes)
    products = []
    for sum_, place in places.items():
        columns = [
            number.times(len(step.packs) * lanes).plus(1 + lane).plus(place.number.times(lanes))
            for lane in range(lanes)
        ]
        fetches = [table.fetch(column, "tap") for column in columns]
        products.append((sum_, tables.matrix(FP32.mat(lanes), fetches)))
    return SourceView(loop, cell, FP32.vec(lanes), texel, tuple(products))
