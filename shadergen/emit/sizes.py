"""Sizes of results in RPN, for WIDTH and HEIGHT."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from shadergen.errors import TargetError
from shadergen.hookfile import Rpn
from shadergen.ir.extent import SAME, Extent, Term, rounding
from shadergen.schedule.hookpass import Schedule, ScheduledPass

MAX_RPN_WORDS = 31
"""mpv and older libplacebo read 32, the end included."""

Axis = Literal["w", "h"]


def result_size(schedule: Schedule, scheduled: ScheduledPass, axis: Axis) -> Rpn:
    """The size of what a pass writes, from HOOKED's, which has the size of the graph's input, or a bound texture's.

    Raises TargetError where that takes more words than players read.
    """
    type_, writes = schedule.types[scheduled.root], scheduled.writes
    extent = type_.width if axis == "w" else type_.height
    if writes and writes.zero_edge:
        extent = extent.plus(1)
    cells = 1 if writes is None else writes.columns if axis == "w" else writes.rows
    for base, size in _bases(scheduled, axis):
        whole = extent if extent.offset or extent.rest else extent.times(cells)
        words = _words(whole, base, size)
        if words and whole is extent and cells > 1:
            words += [str(cells), "*"]
        if words and len(words) <= MAX_RPN_WORDS:
            return Rpn.parse(" ".join(words))
    where = f"{schedule.graph.name}: pass for {scheduled.root!r}"
    raise TargetError(where, f"found size {extent}, too long for the {MAX_RPN_WORDS} words that players read")


def _bases(scheduled: ScheduledPass, axis: Axis) -> Iterator[tuple[list[str], Extent]]:
    """Sizes that are known when the pass runs, in RPN: HOOKED's, which is that of the graph's input, and others."""
    yield [f"HOOKED.{axis}"], SAME
    for texture in scheduled.binds:
        cells = texture.columns if axis == "w" else texture.rows
        size = texture.type.width if axis == "w" else texture.type.height
        edge = ["1", "-"] if texture.zero_edge else []
        yield [f"{texture.name}.{axis}", *([str(cells), "/"] if cells > 1 else []), *edge], size


def _words(extent: Extent, base: list[str], size: Extent) -> list[str] | None:
    """A size in RPN, from `base`, the words for another size; None where it does not follow from that."""
    found = extent.terms() if size == SAME else rounding(extent, size)
    if not found:
        return None
    terms, offset = found
    words: list[str] = []
    for term in sorted(terms, key=lambda term: term.ratio < 0):
        joined = [] if not words else ["+"] if term.ratio > 0 else ["-"]
        words += [*_term(term, base), *joined]
    offset = Fraction(offset)
    if offset.denominator != 1:  # terms[0] is a fraction, too: what both are parts of is an integer
        words = [*base, *_times(terms[0].ratio * offset.denominator), *_plus(offset.numerator)]
        return words + _times(Fraction(1, offset.denominator))
    return words + _plus(offset.numerator) if words else [str(offset)]


def _term(term: Term, base: list[str]) -> list[str]:
    """Without its sign: RPN has no negative numbers."""
    words = [*base, *_times(Fraction(term.factor)), *_plus(term.shift)]
    if term.divisor > 1:
        words += [*words, str(term.divisor), "%", "-"]  # RPN cannot round down, but has the remainder
    return words + _times(term.ratio / term.divisor)


def _times(factor: Fraction) -> list[str]:
    words = [str(abs(factor.numerator)), "*"] if abs(factor.numerator) != 1 else []
    return words + ([str(factor.denominator), "/"] if factor.denominator != 1 else [])


def _plus(offset: int) -> list[str]:
    return [str(abs(offset)), "+" if offset > 0 else "-"] if offset else []
