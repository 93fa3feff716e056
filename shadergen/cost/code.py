"""A shader in a GPU's own instructions: blocks with edges between them, and the loops that these make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property


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
class Loop:
    """A natural loop."""

    header: int
    blocks: frozenset[int]
    children: tuple[Loop, ...] = field(default=(), compare=False)
    """The loops within, in the order of their headers."""


@dataclass(frozen=True)
class Code:
    """All blocks of a shader, in the order in which they are printed; the first is where it starts."""

    blocks: tuple[Block, ...]

    @cached_property
    def loops(self) -> tuple[Loop, ...]:
        """The outermost loops in the order of their headers."""
        predecessors: list[list[int]] = [[] for _ in self.blocks]
        for number, block in enumerate(self.blocks):
            for successor in block.successors:
                predecessors[successor].append(number)
        bodies: dict[int, set[int]] = {}
        for tail, block in enumerate(self.blocks):
            for header in block.successors:
                if header <= tail:  # drivers print a loop's header before its body
                    bodies.setdefault(header, set()).update(_body(header, tail, predecessors))
        return _nested(sorted(bodies.items()))

    def instructions(self, blocks: Iterable[int]) -> Iterable[Instruction]:
        """The instructions of some blocks."""
        return (instruction for number in blocks for instruction in self.blocks[number].instructions)


def _body(header: int, tail: int, predecessors: Sequence[Sequence[int]]) -> set[int]:
    """The blocks from which the loop's end is reached without passing its header."""
    body, work = {header}, [tail]
    while work:
        number = work.pop()
        if number not in body:
            body.add(number)
            work.extend(predecessors[number])
    return body


def _nested(bodies: Sequence[tuple[int, set[int]]]) -> tuple[Loop, ...]:
    """Loops, given by header in order, as a forest: one is within another that has all its blocks."""
    loops: list[Loop] = []
    position = 0
    while position < len(bodies):
        header, body = bodies[position]
        end = position + 1
        while end < len(bodies) and bodies[end][0] in body:
            end += 1
        loops.append(Loop(header, frozenset(body), _nested(bodies[position + 1 : end])))
        position = end
    return tuple(loops)


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
