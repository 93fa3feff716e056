"""How often each block of a driver's code runs: as often as what it was made of, which `trace` has counted.

A compiler unrolls loops, turns branches into selections, takes out what is dead, and puts functions in place of their
calls; it does not change the order of what stays. So the constructs of the code are aligned with the shader's as two
forests, by what they contain: texture reads, stores, shared memory, barriers. A construct of the shader without a
partner is gone, and its inner ones stand in its place, once for each turn of an unrolled loop; one of the code without
a partner is the compiler's own, and runs as often as what is around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

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
_MOST = 60_000
"""Pairs of constructs that are tried at most; branches are left out where there are more."""

Pairs = Mapping[Region, tuple[Source, int]]
"""By a construct of the code: the shader's, and how many copies there are of it."""
_Sources = tuple[tuple[Source, int], ...]
"""Each with how many copies of it the unrolled loops around it have made."""
_Found = tuple[float, tuple[tuple[Region, Source, int], ...]]
"""The best score, and the pairs that give it."""


def _align(sources: Sequence[Source], forest: Sequence[Coded]) -> Pairs:
    items, trees = tuple((source, 1) for source in sources), tuple(forest)
    if _size(sources) * _size(forest) > _MOST:
        items = tuple((source, copies) for source, copies in _loops_only(items))
        trees = tuple(_loops_of(trees))
    _, pairs = _aligner()(items, trees)
    return {region: (source, copies) for region, source, copies in pairs}


def _size(forest: Sequence[Source] | Sequence[Coded]) -> int:
    return sum(1 + _size(item.children) for item in forest)


def _loops_only(sources: _Sources) -> Iterator[tuple[Source, int]]:
    for source, copies in sources:
        inner = tuple(child for child, _ in _loops_only(tuple((child, 1) for child in source.children)))
        if source.kind == "loop":
            content = (source.kind, source.name, source.count, source.entered, source.content)
            yield Source(*content, source.keep, source.assumed, inner), copies
        else:
            yield from ((child, copies) for child in inner)


def _loops_of(forest: Sequence[Coded]) -> Iterator[Coded]:
    for item in forest:
        inner = tuple(_loops_of(item.children))
        if item.region.kind == "loop":
            yield Coded(item.region, item.content, inner)
        else:
            yield from inner


def _aligner() -> Callable[[_Sources, tuple[Coded, ...]], _Found]:
    @cache
    def align(sources: _Sources, forest: tuple[Coded, ...]) -> _Found:
        if not forest:
            return sum(_gone(source) for source, _ in sources), ()
        if not sources:
            return sum(_alone(item) for item in forest), ()
        (source, copies), item = sources[0], forest[0]
        options = []
        if source.kind == item.region.kind:
            inner = align(tuple((child, copies) for child in source.children), item.children)
            after = align(sources[1:], forest[1:])
            pair = (item.region, source, copies)
            options.append((_pair(source, item) + inner[0] + after[0], (pair, *inner[1], *after[1])))
        for number in _numbers_of_copies(source):
            spliced = tuple((child, copies * number) for _ in range(number) for child in source.children)
            score, pairs = align((*spliced, *sources[1:]), forest)
            options.append((score + _gone_score(source), pairs))
        score, pairs = align(sources, (*item.children, *forest[1:]))
        options.append((score + _ALONE[item.region.kind], pairs))
        return max(options, key=lambda option: option[0])

    return align


def _gone(source: Source) -> float:
    """The score of a construct of the shader that is gone with all in it."""
    return _gone_score(source) + sum(map(_gone, source.children))


def _gone_score(source: Source) -> float:
    return _GONE_ANYWAY if source.keep else _GONE[source.kind]


def _alone(item: Coded) -> float:
    return _ALONE[item.region.kind] + sum(map(_alone, item.children))


def _numbers_of_copies(source: Source) -> tuple[int, ...]:
    """How many copies of what is in it a construct may leave when it goes."""
    trips = round(source.trips)
    return (trips,) if source.kind == "loop" and source.children and 1 < trips <= 64 else (1,)


def _pair(source: Source, item: Coded) -> float:
    return _PAIR[source.kind] + _likeness(source.content, item.content)


def _likeness(one: Content, other: Content) -> float:
    first, second = dict(one), dict(other)
    return sum(_shared(first.get(kind, 0), second.get(kind, 0)) for kind in first.keys() | second.keys())


def _shared(one: int, other: int) -> float:
    return _MISSING if not one or not other else _EQUAL if one == other else _SIMILAR
