"""SPIR-V as data: instructions by words, and what a module says of its types, names and resources.

The numbers are those of the specification, version 1.6: https://registry.khronos.org/SPIR-V/specs/unified1/SPIRV.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

MAGIC = 0x07230203

COMBINED_IMAGE_SAMPLER, STORAGE_IMAGE, UNIFORM_BUFFER, STORAGE_BUFFER = 1, 3, 6, 7
"""Kinds of descriptors, by Vulkan's numbers."""


class Op:
    """Opcodes that are looked at."""

    NAME, MEMBER_NAME, EXECUTION_MODE = 5, 6, 16
    TYPE_VOID, TYPE_BOOL, TYPE_INT, TYPE_FLOAT, TYPE_VECTOR, TYPE_MATRIX = 19, 20, 21, 22, 23, 24
    TYPE_IMAGE, TYPE_SAMPLED_IMAGE, TYPE_ARRAY, TYPE_RUNTIME_ARRAY, TYPE_STRUCT, TYPE_POINTER = 25, 27, 28, 29, 30, 32
    CONSTANT_TRUE, CONSTANT_FALSE, CONSTANT, CONSTANT_COMPOSITE = 41, 42, 43, 44
    FUNCTION, VARIABLE, DECORATE, MEMBER_DECORATE = 54, 59, 71, 72


class StorageClass:
    """Storage classes that are looked at."""

    UNIFORM_CONSTANT, INPUT, UNIFORM, WORKGROUP, STORAGE_BUFFER = 0, 1, 2, 4, 12


class Decoration:
    """Decorations that are looked at."""

    BLOCK, BUFFER_BLOCK, BUILT_IN, BINDING = 2, 3, 11, 33


@dataclass(frozen=True)
class Instruction:
    """An instruction: its opcode, and the words behind the first."""

    op: int
    words: tuple[int, ...]


@dataclass(frozen=True)
class Module:
    """A module, in the order of its words."""

    instructions: tuple[Instruction, ...]
    names: dict[int, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Module:
        """Read a module. Raises ValueError for bytes that are none."""
        if len(data) < 20 or len(data) % 4 or struct.unpack_from("<I", data)[0] != MAGIC:
            raise ValueError("found no SPIR-V")
        words = struct.unpack(f"<{len(data) // 4}I", data)
        found, names, at = [], {}, 5
        while at < len(words):
            length, op = words[at] >> 16, words[at] & 0xFFFF
            if not length:
                raise ValueError(f"found an instruction of no words at {at}")
            found.append(Instruction(op, words[at + 1 : at + length]))
            if op == Op.NAME:
                names[words[at + 1]] = _text(words[at + 2 : at + length])
            at += length
        return cls(tuple(found), names)

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
        if storage == StorageClass.UNIFORM_CONSTANT:
            return COMBINED_IMAGE_SAMPLER if self.types[type].op == Op.TYPE_SAMPLED_IMAGE else STORAGE_IMAGE
        written = Decoration.BUFFER_BLOCK in self.decorations.get(type, {}) or storage == StorageClass.STORAGE_BUFFER
        return STORAGE_BUFFER if written else UNIFORM_BUFFER

    def shared_bytes(self) -> int:
        """How many bytes of shared memory a workgroup declares."""
        return sum(self._bytes(type) for type, storage in self.variables.values() if storage == StorageClass.WORKGROUP)

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


def _text(words: tuple[int, ...]) -> str:
    return struct.pack(f"<{len(words)}I", *words).split(b"\0")[0].decode("utf-8", "replace")
