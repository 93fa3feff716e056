"""A shader in a GPU's own instructions: blocks with edges between them, and the loops and branches that these make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal


@dataclass(frozen=True)
class Instruction:
    """An instruction as the driver prints it."""

    op: str
    """The opcode with its suffixes."""
    text: str
    """All of it, the opcode included."""


@dataclass(frozen=True)
class Block:
    """Instructions that run one after the other."""

    name: str
    instructions: tuple[Instruction, ...]
    successors: tuple[int, ...]
    """The numbers of the blocks that may follow."""


@dataclass(frozen=True)
class Region:
    """Blocks that run together: those of a natural loop, or those on one side of a branch."""

    kind: Literal["loop", "arm"]
    first: int
    blocks: frozenset[int]
    children: tuple[Region, ...] = field(default=(), compare=False)
    """The regions within, in the order of their first blocks."""


@dataclass(frozen=True)
class Code:
    """All blocks of a shader, in the order in which they are printed; the first is where it starts."""

    blocks: tuple[Block, ...]

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        """The outermost regions in the order of their first blocks."""
        found: list[_Blocks] = [("loop", header, frozenset(body)) for header, body in self._loops.items()]
        found += [("arm", first, body) for first, body in self._arms()]
        return _nested(sorted(found, key=lambda region: (region[1], -len(region[2]))))

    def instructions(self, blocks: Iterable[int]) -> Iterator[Instruction]:
        """The instructions of some blocks."""
        return (instruction for number in sorted(blocks) for instruction in self.blocks[number].instructions)

    @cached_property
    def _predecessors(self) -> list[list[int]]:
        found: list[list[int]] = [[] for _ in self.blocks]
        for number, block in enumerate(self.blocks):
            for successor in block.successors:
                found[successor].append(number)
        return found

    @cached_property
    def _loops(self) -> dict[int, set[int]]:
        """The blocks of every natural loop by its header."""
        found: dict[int, set[int]] = {}
        for tail, block in enumerate(self.blocks):
            for header in block.successors:
                if header <= tail:  # drivers print a loop's header before its body
                    found.setdefault(header, {header}).update(self._reaching(header, tail))
        return found

    def _reaching(self, header: int, tail: int) -> set[int]:
        """The blocks from which a loop's end is reached without passing its header."""
        found, work = {header}, [tail]
        while work:
            number = work.pop()
            if number not in found:
                found.add(number)
                work.extend(self._predecessors[number])
        return found

    def _arms(self) -> Iterator[tuple[int, frozenset[int]]]:
        """Both sides of every branch that does not leave a loop, without those that are empty."""
        joins = self._joins()
        innermost = {n: body for body in sorted(self._loops.values(), key=len, reverse=True) for n in body}
        for number, block in enumerate(self.blocks):
            loop = innermost.get(number, set(range(len(self.blocks))))
            if len(block.successors) != 2 or not loop.issuperset(block.successors):
                continue
            for start in block.successors:
                if start <= number or start == joins[number]:
                    continue
                body = self._until(start, joins[number])
                if body <= loop and number not in body:
                    yield start, frozenset(body)

    def _until(self, start: int, join: int | None) -> set[int]:
        found, work = set(), [start]
        while work:
            number = work.pop()
            if number not in found and number != join:
                found.add(number)
                work.extend(self.blocks[number].successors)
        return found

    def _joins(self) -> list[int | None]:
        """The block at which all ways from a block meet again, of every block: its immediate postdominator."""
        end = len(self.blocks)
        order = list(range(end - 1, -1, -1))
        found: list[int | None] = [None] * end + [end]

        def meet(one: int, other: int) -> int:
            while one != other:  # a later block has a larger number, but for the way back of a loop
                if one < other:
                    one = _known(found[one], end)
                else:
                    other = _known(found[other], end)
            return one

        for _ in range(_ROUNDS):
            before = list(found)
            for number in order:
                following = [s for s in self.blocks[number].successors if s > number] or [end]
                join: int | None = None
                for successor in following:
                    join = successor if join is None else meet(join, successor)
                found[number] = join
            if found == before:
                break
        return found[:-1]


_ROUNDS = 8
_Blocks = tuple[Literal["loop", "arm"], int, frozenset[int]]
"""A region: what it is, its first block, and all of them."""


def _known(join: int | None, end: int) -> int:
    return end if join is None else join


def _nested(regions: Sequence[_Blocks]) -> tuple[Region, ...]:
    """Regions in the order of their first blocks, as a forest: one is within another that has all its blocks."""
    found: list[Region] = []
    position = 0
    while position < len(regions):
        kind, first, blocks = regions[position]
        end = position + 1
        while end < len(regions) and regions[end][2] <= blocks:
            end += 1
        found.append(Region(kind, first, blocks, _nested(regions[position + 1 : end])))
        position = end
    return tuple(found)


@dataclass
class Work:
    """What 64 invocations take, in cycles of one unit's pipes; `gpus.Gpu.simds` of the vector pipes share a unit."""

    valu: float = 0.0
    """Of a SIMD's vector pipe, or of the busier of several."""
    salu: float = 0.0
    """Of a SIMD's scalar pipe; NVIDIA: issue slots."""
    texture: float = 0.0
    """Of the unit's texture and memory path."""
    lds: float = 0.0
    """Of the unit's shared memory; Intel: of the data port."""
    instructions: float = 0.0
    """Instructions of waves that are executed."""
