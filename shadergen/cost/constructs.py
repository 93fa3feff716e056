"""The loops and branches of a shader and of a driver's code, as forests in the order in which they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from shadergen.cost import functions as f
from shadergen.cost.code import Code, Instruction, Region
from shadergen.cost.functions import Function
from shadergen.cost.module import Module
from shadergen.cost.trace import Counts, Path
from shadergen.spirv import binary
from shadergen.spirv.opcodes import DONT_UNROLL, Op, Storage

FETCH, STORE, SHARED_READ, SHARED_WRITE, BARRIER = "fetch", "store", "shared read", "shared write", "barrier"
"""What a construct may contain that no compiler adds, and hardly one moves out of it."""

Kind = Literal["loop", "arm"]
"""A loop, or what runs on one side of a branch."""
Content = tuple[tuple[str, int], ...]
"""How many instructions of each of the kinds above there are, without those that are not."""
FeatureOf = Callable[[Instruction], str | None]


@dataclass(frozen=True, eq=False)
class Source:
    """A construct of the shader, where it is called."""

    kind: Kind
    name: str
    """Of a variable on which it depends, or empty."""
    count: float
    """How often an average wave runs its body in all."""
    entered: float
    """How often an average wave comes to it."""
    content: Content
    keep: bool
    """Whether it is a loop of which the shader says `dont_unroll`."""
    assumed: bool
    """Whether it depends on what is not known."""
    children: tuple[Source, ...]

    @property
    def trips(self) -> float:
        """Runs of the body by a wave that comes to it."""
        return self.count / self.entered if self.entered else 0.0


@dataclass(frozen=True, eq=False)
class Coded:
    """A construct of the code."""

    region: Region
    content: Content
    children: tuple[Coded, ...]

    @property
    def kind(self) -> Kind:
        return self.region.kind


def coded(code: Code, feature: FeatureOf) -> tuple[Coded, ...]:
    """The outermost constructs of the code."""

    def one(region: Region) -> Coded:
        found = Counter(kind for item in code.instructions(region.blocks) if (kind := feature(item)) is not None)
        return Coded(region, tuple(sorted(found.items())), tuple(map(one, region.children)))

    return tuple(map(one, code.regions))


def sources(module: Module, counts: Counts) -> tuple[Source, ...]:
    """The outermost constructs of a shader, those of called functions in their place."""
    return _Reader(module, counts).read()


class _Reader:
    def __init__(self, module: Module, counts: Counts) -> None:
        self.module, self.counts = module, counts
        self.functions = f.functions(module)
        self.definitions = f.definitions(self.functions)

    def read(self) -> tuple[Source, ...]:
        main = self.functions[f.entry_point(self.module)]
        return tuple(self._within(main, (), frozenset(main.index)))

    def _within(self, function: Function, path: Path, labels: frozenset[int], *turns: int) -> Iterator[Source]:
        """The outermost constructs in some blocks of a function; `turns` are the ends of the loop around them."""
        done: set[int] = set()
        for block in function.blocks:
            if block.label not in labels or block.label in done:
                continue
            if block.merge is not None and block.merge.op == Op.LOOP_MERGE:
                inside = function.inside(block.label, block.merge.words[0]) & labels
                done |= inside
                yield self._loop(function, path, block, inside)
                continue
            yield from self._called(block, path)
            if block.merge is not None:
                for start in dict.fromkeys(block.successors):
                    inside = function.inside(start, block.merge.words[0], *turns) & labels - done
                    if start in inside:
                        done |= inside
                        yield self._arm(function, path, block, start, inside, *turns)

    def _called(self, block: f.Block, path: Path) -> Iterator[Source]:
        for instruction in block.body:
            if instruction.op == Op.FUNCTION_CALL and (called := self.functions.get(instruction.words[2])):
                yield from self._within(called, (*path, instruction.words[1]), frozenset(called.index))

    def _arm(
        self, function: Function, path: Path, header: f.Block, start: int, inside: frozenset[int], *turns: int
    ) -> Source:
        return Source(
            kind="arm",
            name=self._name(function, frozenset({header.label})),
            count=self._runs(path, start),
            entered=self._runs(path, header.label),
            content=self._content(function, inside),
            keep=False,
            assumed=(path, header.label) in self.counts.assumed,
            children=tuple(self._within(function, path, inside, *turns)),
        )

    def _loop(self, function: Function, path: Path, header: f.Block, inside: frozenset[int]) -> Source:
        assert header.merge is not None
        end, turn = header.merge.words[:2]
        inner = self._within(function, path, inside - {header.label}, header.label, end, turn)
        test = self._test(function, header, inside)
        body = inside - test - self._nested(function, inside - {header.label})
        runs = [self._runs(path, label) for label in body] or [self._runs(path, header.label)]
        return Source(
            kind="loop",
            name=self._name(function, test),
            count=max(runs),
            entered=max(0.0, self._runs(path, header.label) - self._runs(path, turn)),
            content=self._content(function, inside),
            keep=bool(header.merge.words[2] & DONT_UNROLL),
            assumed=any((path, label) in self.counts.assumed for label in test),
            children=(*self._called(header, path), *inner),
        )

    def _runs(self, path: Path, label: int) -> float:
        return self.counts.waves.get((path, label), 0.0)

    def _nested(self, function: Function, labels: frozenset[int]) -> frozenset[int]:
        """The blocks of all loops that begin in some blocks."""
        found: set[int] = set()
        for block in function.blocks:
            if block.label in labels and block.merge is not None and block.merge.op == Op.LOOP_MERGE:
                found |= function.inside(block.label, block.merge.words[0])
        return frozenset(found)

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
        """The variable of the shader's own that is read first for the condition at the end of some blocks."""
        conditions = [b.end.words[0] for b in function.blocks if b.label in test and len(b.successors) > 1]
        work, seen = conditions[-1:], set(conditions)
        while work:
            definition = self.definitions.get(work.pop())
            if definition is None:
                continue
            if definition.op == Op.LOAD and (
                name := self.module.names.get(f.base(definition.words[2], self.definitions))
            ):
                return name
            operands = [word for word in definition.words[2:] if word not in seen]
            seen.update(operands)
            work += reversed(operands)
        return ""

    def _content(self, function: Function, labels: frozenset[int]) -> Content:
        return tuple(sorted(self._counted(function, labels).items()))

    def _counted(self, function: Function, labels: frozenset[int]) -> Counter[str]:
        found: Counter[str] = Counter()
        for block in function.blocks:
            for instruction in block.body if block.label in labels else ():
                if instruction.op == Op.FUNCTION_CALL and (called := self.functions.get(instruction.words[2])):
                    found += self._counted(called, frozenset(called.index))
                elif kind := self._feature(instruction):
                    found[kind] += 1
        return found

    def _feature(self, instruction: binary.Instruction) -> str | None:
        op, words = instruction.op, instruction.words
        if op in range(87, 99):  # OpImageSampleImplicitLod to OpImageRead
            return FETCH
        if op in _FEATURES:
            return _FEATURES[op]
        if op == Op.LOAD and self._is_shared(words[2]):
            return SHARED_READ
        return SHARED_WRITE if op == Op.STORE and self._is_shared(words[0]) else None

    def _is_shared(self, pointer: int) -> bool:
        variable = f.base(pointer, self.definitions)
        return self.module.variables.get(variable, (0, 0))[1] == Storage.WORKGROUP


_FEATURES: Mapping[int, str] = {Op.IMAGE_WRITE: STORE, Op.CONTROL_BARRIER: BARRIER}
