"""What a SPIR-V module says of its types, names and resources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from shadergen.spirv import binary
from shadergen.spirv.binary import Instruction
from shadergen.spirv.opcodes import Decoration, Op, Storage

COMBINED_IMAGE_SAMPLER, STORAGE_IMAGE, UNIFORM_BUFFER, STORAGE_BUFFER = 1, 3, 6, 7
"""Kinds of descriptors, by Vulkan's numbers."""


@dataclass(frozen=True)
class Module:
    """A module, in the order of its words."""

    instructions: tuple[Instruction, ...]
    names: dict[int, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Module:
        """Read a module. Raises ValueError for bytes that are none."""
        found = tuple(binary.instructions(binary.read(data)))
        return cls(found, {words[0]: binary.text(words[1:]) for op, words in found if op == Op.NAME})

    def of(self, op: int) -> Iterator[tuple[int, ...]]:
        """The words of every instruction of an opcode."""
        return (instruction.words for instruction in self.instructions if instruction.op == op)

    @cached_property
    def types(self) -> dict[int, Instruction]:
        """The declaration of every type by its id, whose words have the id left out."""
        kinds = range(Op.TYPE_VOID, Op.TYPE_POINTER + 1)
        return {i.words[0]: Instruction(i.op, i.words[1:]) for i in self.instructions if i.op in kinds}

    @cached_property
    def constants(self) -> dict[int, int]:
        """The value of every constant of one word by its id; a float's bits."""
        values = {words[1]: words[2] for words in self.of(Op.CONSTANT)}
        values |= {words[1]: 1 for words in self.of(Op.CONSTANT_TRUE)}
        return values | {words[1]: 0 for words in self.of(Op.CONSTANT_FALSE)}

    @cached_property
    def decorations(self) -> dict[int, dict[int, int]]:
        """The decorations of every id: their number, and their first operand or 0."""
        found: dict[int, dict[int, int]] = {}
        for target, kind, *rest in self.of(Op.DECORATE):
            found.setdefault(target, {})[kind] = rest[0] if rest else 0
        return found

    @cached_property
    def variables(self) -> dict[int, tuple[int, int]]:
        """The type and the storage class of every variable of the module by its id."""
        found = {}
        for words in self.of(Op.VARIABLE):
            found[words[1]] = (self.types[words[0]].words[1], words[2])
        return found

    def bindings(self) -> tuple[tuple[int, int], ...]:
        """The number and the kind of every descriptor."""
        found = []
        for variable, (type, storage) in self.variables.items():
            decorations = self.decorations.get(variable, {})
            if Decoration.BINDING in decorations:
                found.append((decorations[Decoration.BINDING], self._kind(type, storage)))
        return tuple(sorted(found))

    def _kind(self, type: int, storage: int) -> int:
        if storage == Storage.UNIFORM_CONSTANT:
            return COMBINED_IMAGE_SAMPLER if self.types[type].op == Op.TYPE_SAMPLED_IMAGE else STORAGE_IMAGE
        written = Decoration.BUFFER_BLOCK in self.decorations.get(type, {}) or storage == Storage.STORAGE_BUFFER
        return STORAGE_BUFFER if written else UNIFORM_BUFFER

    def shared_bytes(self) -> int:
        """How many bytes of shared memory a workgroup declares."""
        return sum(self._bytes(type) for type, storage in self.variables.values() if storage == Storage.WORKGROUP)

    def _bytes(self, type: int) -> int:
        """The size of a type, without the padding that a layout may ask for."""
        item = self.types[type]
        match item.op:
            case Op.TYPE_INT | Op.TYPE_FLOAT:
                return item.words[0] // 8
            case Op.TYPE_BOOL:
                return 4
            case Op.TYPE_VECTOR | Op.TYPE_MATRIX:
                return self._bytes(item.words[0]) * item.words[1]
            case Op.TYPE_ARRAY:
                return self._bytes(item.words[0]) * self.constants.get(item.words[1], 1)
            case Op.TYPE_STRUCT:
                return sum(map(self._bytes, item.words))
        return 0
