"""How often the loops of a driver's code run: those of the shader, counted by `trace`, in their order.

A compiler unrolls loops, takes others out, and puts functions in place of their calls; it does not change the order of
those that stay. So the code's loops are aligned with the shader's as two forests, by what they contain: texture reads,
stores, shared memory, barriers. A loop of the shader without a partner was unrolled; one of the code without a partner
is the compiler's own, and is taken to run once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from shadergen.cost import functions as f
from shadergen.cost.code import Code, Instruction, Loop
from shadergen.cost.functions import Function
from shadergen.cost.spirv import Module, StorageClass
from shadergen.cost.trace import Counts, Path

FETCH, STORE, SHARED_READ, SHARED_WRITE, BARRIER = "fetch", "store", "shared read", "shared write", "barrier"
"""What a loop may contain that no compiler adds, and hardly one moves out of it."""

Features = frozenset[str]
FeatureOf = Callable[[Instruction], str | None]


@dataclass(frozen=True)
class SourceLoop:
    """A loop of the shader, where it is called."""

    name: str
    """Of the variable that it counts with, or empty."""
    count: float
    """How often an average wave runs its body in all."""
    entered: float
    """How often an average wave comes to it."""
    features: Features
    keep: bool
    """Whether the shader says `dont_unroll`."""
    assumed: bool
    """Whether its end depends on what is not known."""
    children: tuple[SourceLoop, ...]

    @property
    def trips(self) -> float:
        """Runs of the body by a wave that comes to it."""
        return self.count / self.entered if self.entered else 0.0


@dataclass(frozen=True)
class CodeLoop:
    """A loop of the code, and how often it runs."""

    loop: Loop
    count: float
    """How often an average wave runs its body in all."""
    source: SourceLoop | None
    """What it was counted as."""


# ---------------------------------------------------------------------------------------------------------------------
# The shader's loops


def source_loops(module: Module, counts: Counts) -> tuple[SourceLoop, ...]:
    """The outermost loops of a shader in the order in which they run, those of called functions in their place."""
    return tuple(_Reader(module, counts).loops())


class _Reader:
    def __init__(self, module: Module, counts: Counts) -> None:
        self.module, self.counts = module, counts
        self.functions = f.functions(module)
        self.definitions = f.definitions(self.functions)

    def loops(self) -> Iterator[SourceLoop]:
        main = self.functions[f.entry_point(self.module)]
        return self._within(main, (), frozenset(main.index))

    def _within(self, function: Function, path: Path, labels: frozenset[int]) -> Iterator[SourceLoop]:
        """The outermost loops in some blocks of a function."""
        done: set[int] = set()
        for block in function.blocks:
            if block.label not in labels or block.label in done:
                continue
            if block.merge is not None and block.merge.op == f.LOOP_MERGE:
                inside = function.inside(block.label, block.merge.words[0])
                done |= inside
                yield self._loop(function, path, block, inside)
            else:
                yield from self._called(block, path)

    def _called(self, block: f.Block, path: Path) -> Iterator[SourceLoop]:
        for instruction in block.body:
            if instruction.op == f.FUNCTION_CALL and (called := self.functions.get(instruction.words[2])):
                yield from self._within(called, (*path, instruction.words[1]), frozenset(called.index))

    def _loop(self, function: Function, path: Path, header: f.Block, inside: frozenset[int]) -> SourceLoop:
        assert header.merge is not None
        runs = {label: self.counts.waves.get((path, label), 0.0) for label in inside}
        test = self._test(function, header, inside)
        tail = header.merge.words[1]
        body = [runs[label] for label in inside - test - self._nested(function, inside - {header.label})]
        children = (*self._called(header, path), *self._within(function, path, inside - {header.label}))
        return SourceLoop(
            name=self._name(function, test),
            count=max(body, default=runs[header.label]),
            entered=max(0.0, runs[header.label] - runs.get(tail, 0.0)),
            features=self._features(function, inside),
            keep=bool(header.merge.words[2] & f.DONT_UNROLL),
            assumed=any((path, label) in self.counts.assumed for label in test),
            children=children,
        )

    def _nested(self, function: Function, labels: frozenset[int]) -> frozenset[int]:
        """The blocks of all loops that begin in some blocks."""
        headers = (block for block in function.blocks if block.label in labels and block.merge is not None)
        loops = [block for block in headers if block.merge is not None and block.merge.op == f.LOOP_MERGE]
        return frozenset().union(
            *(function.inside(block.label, block.merge.words[0]) for block in loops if block.merge is not None)
        )

    def _test(self, function: Function, header: f.Block, inside: frozenset[int]) -> frozenset[int]:
        """The header and what follows it up to the block that may leave the loop: they run once more than the body."""
        found, block = [header.label], header
        while len(block.successors) == 1 and block.successors[0] in inside:
            block = function.blocks[function.index[block.successors[0]]]
            if block.label in found or block.merge is not None:
                return frozenset(found[:1])
            found.append(block.label)
        return frozenset(found) if any(label not in inside for label in block.successors) else frozenset(found[:1])

    def _name(self, function: Function, test: frozenset[int]) -> str:
        for block in function.blocks:
            for instruction in block.body if block.label in test else ():
                if instruction.op == f.LOAD and instruction.words[2] in self.module.names:
                    return self.module.names[instruction.words[2]]
        return ""

    def _features(self, function: Function, labels: frozenset[int]) -> Features:
        found: set[str] = set()
        for block in function.blocks:
            for instruction in block.body if block.label in labels else ():
                op, words = instruction.op, instruction.words
                if op in range(87, 99):
                    found.add(FETCH)
                elif op == f.IMAGE_WRITE:
                    found.add(STORE)
                elif op == f.CONTROL_BARRIER:
                    found.add(BARRIER)
                elif op == f.LOAD and self._is_shared(words[2]):
                    found.add(SHARED_READ)
                elif op == f.STORE and self._is_shared(words[0]):
                    found.add(SHARED_WRITE)
                elif op == f.FUNCTION_CALL and (called := self.functions.get(words[2])):
                    found |= self._features(called, frozenset(called.index))
        return frozenset(found)

    def _is_shared(self, pointer: int) -> bool:
        while (definition := self.definitions.get(pointer)) is not None and len(definition.words) > 2:
            pointer = definition.words[2]
        return self.module.variables.get(pointer, (0, 0))[1] == StorageClass.WORKGROUP


# ---------------------------------------------------------------------------------------------------------------------
# Alignment

_MATCH, _DIFFERENT, _UNROLLED_ANYWAY, _ALONE = 4, -3, -12, -6
"""Scores: for a pair, for each kind of content that only one of a pair has, for a loop that was unrolled although it
says not to, and for one of the code without a partner."""


def counted(code: Code, sources: Sequence[SourceLoop], feature: FeatureOf) -> tuple[CodeLoop, ...]:
    """Every loop of the code in the order of its header, with how often it runs."""
    features = {loop: _code_features(code, loop, feature) for loop in _all(code.loops)}
    _, pairs = _aligner(features)(tuple(sources), code.loops)
    found: list[CodeLoop] = []
    for loop in _all(code.loops):
        source, copies = pairs.get(loop.header, (None, 1))
        outer = _surrounding(loop, code.loops, found)
        found.append(CodeLoop(loop, outer if source is None else source.count / copies, source))
    return tuple(found)


def _surrounding(loop: Loop, loops: Sequence[Loop], known: Sequence[CodeLoop]) -> float:
    """How often what surrounds a loop runs."""
    around = [item for item in known if loop.header in item.loop.blocks]
    return around[-1].count if around else 1.0


def frequencies(code: Code, loops: Sequence[CodeLoop]) -> list[float]:
    """How often an average wave runs each block: as often as the innermost loop that it is in."""
    found = [1.0] * len(code.blocks)
    for item in loops:  # outer ones come first
        for number in item.loop.blocks:
            found[number] = item.count
    return found


def _all(loops: Sequence[Loop]) -> Iterator[Loop]:
    for loop in loops:
        yield loop
        yield from _all(loop.children)


def _code_features(code: Code, loop: Loop, feature: FeatureOf) -> Features:
    return frozenset(found for item in code.instructions(loop.blocks) if (found := feature(item)) is not None)


Pairs = Mapping[int, tuple[SourceLoop, int]]
"""By the header of a loop of the code: the shader's loop, and how many copies there are of it."""
Forest = tuple[tuple[SourceLoop, int], ...]
"""Loops of the shader, each with how many copies of it an unrolled loop around it has made."""


def _aligner(
    features: Mapping[Loop, Features],
) -> Callable[[Sequence[SourceLoop], Sequence[Loop]], tuple[float, Pairs]]:
    @cache
    def align(sources: Forest, loops: tuple[Loop, ...]) -> tuple[float, tuple[tuple[int, SourceLoop, int], ...]]:
        """The best score, and the pairs that give it."""
        if not loops:
            return sum(_unrolled_score(source) for source, _ in sources), ()
        if not sources:
            alone = align((), loops[1:])
            within = align((), loops[0].children)
            return _ALONE + alone[0] + within[0], (*within[1], *alone[1])
        (source, copies), rest = sources[0], sources[1:]
        options = []
        inner = align(tuple((child, copies) for child in source.children), loops[0].children)
        after = align(rest, loops[1:])
        score = _pair_score(source, features[loops[0]]) + inner[0] + after[0]
        options.append((score, ((loops[0].header, source, copies), *inner[1], *after[1])))
        for number in _numbers_of_copies(source):
            spliced = tuple((child, copies * number) for _ in range(number) for child in source.children)
            unrolled = align((*spliced, *rest), loops)
            options.append((_unrolled_score(source) + unrolled[0], unrolled[1]))
        alone = align(sources, loops[1:])
        within = align((), loops[0].children)
        options.append((_ALONE + alone[0] + within[0], (*within[1], *alone[1])))
        return max(options, key=lambda option: option[0])

    def run(sources: Sequence[SourceLoop], loops: Sequence[Loop]) -> tuple[float, Pairs]:
        score, pairs = align(tuple((source, 1) for source in sources), tuple(loops))
        return score, {header: (source, copies) for header, source, copies in pairs}

    return run


def _numbers_of_copies(source: SourceLoop) -> tuple[int, ...]:
    """How many copies of its inner loops an unrolled loop may have left."""
    if not source.children:
        return (1,)
    trips = round(source.trips)
    return (trips,) if 1 < trips <= 64 else (1,)


def _unrolled_score(source: SourceLoop) -> float:
    return _UNROLLED_ANYWAY if source.keep else -0.5


def _pair_score(source: SourceLoop, features: Features) -> float:
    return _MATCH + _DIFFERENT * len(source.features ^ features)
