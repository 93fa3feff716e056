"""How often each block of a driver's code runs: as often as what it was made of, which `trace` has counted.

A compiler unrolls loops, turns branches into selections, takes out what is dead, and puts functions in place of their
calls; it does not change the order of what stays. So the constructs of the code are aligned with the shader's as two
forests, by what they contain: texture reads, stores, shared memory, barriers. A construct of the shader without a
partner is gone, and its inner ones stand in its place, once for each turn of an unrolled loop; one of the code without
a partner is the compiler's own, and runs as often as what is around it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from shadergen.cost.code import Code, Region
from shadergen.cost.constructs import Coded, Content, FeatureOf, Source, coded


@dataclass(frozen=True)
class Counted:
    """A construct of the code, and how often it runs."""

    region: Region
    count: float
    """How often an average wave runs it in all."""
    around: float
    """How often it runs what is around it."""
    source: Source | None
    """What it was counted as."""


def counted(code: Code, sources: Sequence[Source], feature: FeatureOf) -> tuple[Counted, ...]:
    """Every construct of the code, outer ones first, with how often it runs."""
    forest = coded(code, feature)
    pairs = _align(sources, forest)
    found: list[Counted] = []

    def note(item: Coded, around: float) -> None:
        source, copies = pairs.get(item.region, (None, 1))
        count = around if source is None else source.count / copies
        found.append(Counted(item.region, count, around, source))
        for child in item.children:
            note(child, count)

    for item in forest:
        note(item, 1.0)
    return tuple(found)


def frequencies(code: Code, constructs: Sequence[Counted]) -> list[float]:
    """How often an average wave runs each block: as often as the innermost construct that it is in."""
    found = [1.0] * len(code.blocks)
    for item in constructs:
        for number in item.region.blocks:
            found[number] = item.count
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Alignment

_PAIR = {"loop": 4.0, "arm": 2.0}
_ALONE = {"loop": -6.0, "arm": -1.0}
"""Scores of a pair, and of a construct of the code without a partner."""
_GONE = {"loop": -0.5, "arm": -0.25}
_GONE_ANYWAY = -12.0
"""Scores of a construct of the shader without a partner, and of a loop that says it is to stay."""
_EQUAL, _SIMILAR, _MISSING = 1.0, 0.5, -3.0
"""Scores of a pair for each kind of content: as much of it, of both some, or of one none."""
_MOST = 100_000
"""Pairs of places in the two forests that are looked at before something is left out."""

Pairs = Mapping[Region, tuple[Source, int]]
"""By a construct of the code: the shader's, and how many copies there are of it."""


def _align(sources: Sequence[Source], forest: Sequence[Coded]) -> Pairs:
    """The best pairs. Where the forests are too large, branches that contain nothing are left out, then all."""
    for simpler in (lambda item: True, _has_content, lambda item: item.kind == "loop"):
        try:
            return _Aligner().pairs(tuple(_kept(sources, simpler)), tuple(_kept(forest, simpler)))
        except _TooManyError:
            pass
    return {}


def _has_content(item: Source | Coded) -> bool:
    return item.kind == "loop" or bool(item.content) or any(map(_has_content, item.children))


_Item = TypeVar("_Item", Source, Coded)


def _kept(forest: Sequence[_Item], wanted: Callable[[_Item], bool]) -> Iterator[_Item]:
    """A forest without some constructs, whose inner ones stand in their place."""
    for item in forest:
        inner = tuple(_kept(item.children, wanted))
        if wanted(item):
            yield replace(item, children=inner)
        else:
            yield from inner


class _TooManyError(Exception):
    pass


@dataclass(frozen=True, eq=False)
class _Row:
    """A construct, and what stands behind it: rows share their ends, so a row is known by its identity."""

    item: Any
    rest: _Row | None


def _row(items: Iterable[Any], rest: _Row | None = None) -> _Row | None:
    for item in reversed(list(items)):
        rest = _Row(item, rest)
    return rest


_Place = tuple[_Row | None, _Row | None]
"""What is left of the shader's constructs, each with its number of copies, and of the code's."""


class _Aligner:
    """Finds the best alignment, place by place: each has a score, and the places that give it, a pair among them."""

    def __init__(self) -> None:
        self._known: dict[_Place, tuple[float, tuple[_Place, ...], bool]] = {}
        self._spliced: dict[tuple[Any, ...], _Row | None] = {}

    def pairs(self, sources: tuple[Source, ...], forest: tuple[Coded, ...]) -> Pairs:
        place = (_row((source, 1) for source in sources), _row(forest))
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(_MOST + limit)
        try:
            self._score(place)
        finally:
            sys.setrecursionlimit(limit)
        found: dict[Region, tuple[Source, int]] = {}
        work = [place]
        while work:
            here = work.pop()
            if here not in self._known:
                continue  # one of both is empty
            _, following, paired = self._known[here]
            if paired and here[0] is not None and here[1] is not None:
                found[here[1].item.region] = here[0].item
            work.extend(following)
        return found

    def _score(self, place: _Place) -> float:
        sources, forest = place
        if forest is None or sources is None:
            return _rest_score(sources, forest)
        known = self._known.get(place)
        if known is None:
            if len(self._known) >= _MOST:
                raise _TooManyError
            self._known[place] = (0.0, (), False)
            known = self._known[place] = max(self._options(sources, forest), key=lambda option: option[0])
        return known[0]

    def _options(self, sources: _Row, forest: _Row) -> Iterator[tuple[float, tuple[_Place, ...], bool]]:
        (source, copies), item = sources.item, forest.item
        if source.kind == item.kind:
            inner = (self._within(source, copies, 1, None), self._inside(item, None))
            after = (sources.rest, forest.rest)
            yield _pair(source, item) + self._score(inner) + self._score(after), (inner, after), True
        for number in _numbers_of_copies(source):
            place = (self._within(source, copies, number, sources.rest), forest)
            yield _gone_score(source) + self._score(place), (place,), False
        opened = (sources, self._inside(item, forest.rest))
        yield _ALONE[item.kind] + self._score(opened), (opened,), False

    def _within(self, source: Source, copies: int, number: int, rest: _Row | None) -> _Row | None:
        """What is in a construct of the shader, so many times over, in front of a row."""
        key = (source, copies, number, rest)
        if key not in self._spliced:
            children = [(child, copies * number) for _ in range(number) for child in source.children]
            self._spliced[key] = _row(children, rest)
        return self._spliced[key]

    def _inside(self, item: Coded, rest: _Row | None) -> _Row | None:
        key = (item, rest)
        if key not in self._spliced:
            self._spliced[key] = _row(item.children, rest)
        return self._spliced[key]


def _rest_score(sources: _Row | None, forest: _Row | None) -> float:
    """The score where one of both has ended."""
    total = 0.0
    while sources is not None:
        total += _gone(sources.item[0])
        sources = sources.rest
    while forest is not None:
        total += _alone(forest.item)
        forest = forest.rest
    return total


def _gone(source: Source) -> float:
    """The score of a construct of the shader that is gone with all in it."""
    return _gone_score(source) + sum(map(_gone, source.children))


def _gone_score(source: Source) -> float:
    return _GONE_ANYWAY if source.keep else _GONE[source.kind]


def _alone(item: Coded) -> float:
    return _ALONE[item.kind] + sum(map(_alone, item.children))


def _numbers_of_copies(source: Source) -> tuple[int, ...]:
    """How many copies of what is in it a construct may leave when it goes."""
    trips = round(source.trips)
    many = source.kind == "loop" and source.children and 1 < trips <= 64
    return (trips,) if many and trips * len(source.children) <= 256 else (1,)


def _pair(source: Source, item: Coded) -> float:
    return _PAIR[source.kind] + _likeness(source.content, item.content)


def _likeness(one: Content, other: Content) -> float:
    first, second = dict(one), dict(other)
    return sum(_shared(first.get(kind, 0), second.get(kind, 0)) for kind in first.keys() | second.keys())


def _shared(one: int, other: int) -> float:
    return _MISSING if not one or not other else _EQUAL if one == other else _SIMILAR
