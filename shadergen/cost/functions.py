"""The functions of a SPIR-V module: their blocks, their constructs, and which of their values decide on branches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from shadergen.cost.module import Module
from shadergen.spirv.binary import Instruction
from shadergen.spirv.opcodes import Op

_TERMINATORS = frozenset(
    {
        Op.BRANCH,
        Op.BRANCH_CONDITIONAL,
        Op.SWITCH,
        Op.KILL,
        Op.RETURN,
        Op.RETURN_VALUE,
        Op.UNREACHABLE,
        Op.TERMINATE_INVOCATION,
    }
)
_NO_RESULT = frozenset(
    {
        Op.NOP,
        Op.LINE,
        Op.NO_LINE,
        Op.STORE,
        Op.COPY_MEMORY,
        Op.COPY_MEMORY_SIZED,
        Op.IMAGE_WRITE,
        Op.CONTROL_BARRIER,
        Op.MEMORY_BARRIER,
        Op.LOOP_MERGE,
        Op.SELECTION_MERGE,
    }
)


@dataclass(frozen=True)
class Block:
    """Instructions from a label to the branch that ends them, neither included."""

    label: int
    body: tuple[Instruction, ...]
    merge: Instruction | None
    """OpLoopMerge or OpSelectionMerge, where the block is the header of a construct."""
    end: Instruction

    @property
    def successors(self) -> tuple[int, ...]:
        """The labels of the blocks that may follow."""
        words = self.end.words
        match self.end.op:
            case Op.BRANCH:
                return words[:1]
            case Op.BRANCH_CONDITIONAL:
                return words[1:3]
            case Op.SWITCH:
                return (words[1], *words[3::2])
        return ()


@dataclass(frozen=True)
class Function:
    """A function of a module."""

    id: int
    parameters: tuple[int, ...]
    blocks: tuple[Block, ...]

    @cached_property
    def index(self) -> Mapping[int, int]:
        """The place of every block by its label."""
        return {block.label: number for number, block in enumerate(self.blocks)}

    def inside(self, first: int, *ends: int) -> frozenset[int]:
        """The labels of a construct: what is reached from its first block without passing the ends."""
        found, work = set(), [first]
        while work:
            label = work.pop()
            if label not in found and label not in ends:
                found.add(label)
                work.extend(self.blocks[self.index[label]].successors)
        return frozenset(found)


def functions(module: Module) -> dict[int, Function]:
    """The functions of a module by id."""
    found: dict[int, Function] = {}
    id, label = 0, 0
    parameters: list[int] = []
    blocks: list[Block] = []
    body: list[Instruction] = []
    merge: Instruction | None = None
    for instruction in module.instructions:
        op, words = instruction.op, instruction.words
        if op == Op.FUNCTION:
            id, parameters, blocks = words[1], [], []
        elif op == Op.FUNCTION_PARAMETER:
            parameters.append(words[1])
        elif op == Op.FUNCTION_END:
            found[id] = Function(id, tuple(parameters), tuple(blocks))
        elif op == Op.LABEL:
            label, body, merge = words[0], [], None
        elif op in (Op.LOOP_MERGE, Op.SELECTION_MERGE):
            merge = instruction
        elif op in _TERMINATORS and label:
            blocks.append(Block(label, tuple(body), merge, instruction))
            label = 0
        elif label:
            body.append(instruction)
    return found


def entry_point(module: Module) -> int:
    """The id of the function that runs. Raises ValueError without one."""
    for instruction in module.instructions:
        if instruction.op == Op.ENTRY_POINT:
            return instruction.words[1]
    raise ValueError("found no entry point")


# ---------------------------------------------------------------------------------------------------------------------
# What decides


def result(instruction: Instruction) -> int | None:
    """The id that an instruction of a body defines."""
    if instruction.op in _NO_RESULT or len(instruction.words) < 2:
        return None
    return instruction.words[1]


def deciding(known: Mapping[int, Function]) -> frozenset[int]:
    """The ids of values and variables on which a branch depends.

    Most of a shader computes colours; what is left after this slice is cheap to follow.
    """
    uses = _Uses(known)
    found: set[int] = set()
    work = [*uses.deciding]
    while work:
        id = work.pop()
        if id not in found:
            found.add(id)
            work.extend(uses.of(id))
    return frozenset(found)


class _Uses:
    """What each value is made of."""

    def __init__(self, known: Mapping[int, Function]) -> None:
        self.definitions = definitions(known)
        self.deciding: list[int] = []
        self._stores: dict[int, list[Instruction]] = {}
        self._arguments: dict[int, list[int]] = {}
        self._returned: dict[int, list[int]] = {}
        for function in known.values():
            for block in function.blocks:
                for instruction in block.body:
                    self._note(instruction, known)
                if block.end.op in (Op.BRANCH_CONDITIONAL, Op.SWITCH):
                    self.deciding.append(block.end.words[0])
                elif block.end.op == Op.RETURN_VALUE:
                    self._returned.setdefault(function.id, []).append(block.end.words[0])

    def _note(self, instruction: Instruction, known: Mapping[int, Function]) -> None:
        if instruction.op == Op.STORE:
            self._stores.setdefault(base(instruction.words[0], self.definitions), []).append(instruction)
        elif instruction.op == Op.FUNCTION_CALL and (called := known.get(instruction.words[2])):
            for parameter, argument in zip(called.parameters, instruction.words[3:], strict=True):
                self._arguments.setdefault(parameter, []).append(argument)
                # A parameter that is a pointer is written through, too: what reads its variable reads the parameter.
                self._arguments.setdefault(base(argument, self.definitions), []).append(parameter)

    def of(self, id: int) -> Iterator[int]:
        yield from self._arguments.get(id, ())
        for store in self._stores.get(id, ()):
            yield from store.words[:2]
        definition = self.definitions.get(id)
        if definition is not None:
            yield from definition.words[2:]  # literals among them do no harm, as few ids are that small
            if definition.op == Op.FUNCTION_CALL:
                yield from self._returned.get(definition.words[2], ())


def definitions(known: Mapping[int, Function]) -> dict[int, Instruction]:
    """The instruction that defines each id within functions."""
    return {
        id: instruction
        for function in known.values()
        for block in function.blocks
        for instruction in block.body
        if (id := result(instruction)) is not None
    }


def base(pointer: int, definitions: Mapping[int, Instruction]) -> int:
    """The variable or parameter that a pointer leads into."""
    while (definition := definitions.get(pointer)) is not None and definition.op in (
        Op.ACCESS_CHAIN,
        Op.IN_BOUNDS_ACCESS_CHAIN,
        Op.COPY_OBJECT,
    ):
        pointer = definition.words[2]
    return pointer
