"""A SPIR-V module as data: types, constants, variables, and functions as lists of instructions."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shadergen.lift.affine import LiftError
from shadergen.spirv import binary
from shadergen.spirv.binary import Instruction
from shadergen.spirv.opcodes import Decoration, Op

Words = tuple[int, ...]

LARGEST = 100_000
"""Numbers that an array may have: more than shared memory holds."""

_IGNORED = {Op.LOOP_MERGE, Op.SELECTION_MERGE, Op.LINE, Op.NO_LINE, Op.NAME, Op.MEMORY_BARRIER}


@dataclass(frozen=True)
class Type:
    """A type: its kind, as in the instruction's name, and the instruction's operands."""

    kind: str
    operands: Words = ()


@dataclass(frozen=True)
class Variable:
    """A variable of the module: the id of its type, which is a pointer, its storage class, its first value or None."""

    type: int
    storage: int
    initial: Any


@dataclass
class Function:
    """A function: parameters by id, and blocks of instructions by label."""

    type: int
    parameters: list[int] = field(default_factory=list)
    blocks: dict[int, list[tuple[int, Words]]] = field(default_factory=dict)
    entry: int = 0


_TYPES = {
    Op.TYPE_VOID: "void",
    Op.TYPE_BOOL: "bool",
    Op.TYPE_INT: "int",
    Op.TYPE_FLOAT: "float",
    Op.TYPE_VECTOR: "vector",
    Op.TYPE_MATRIX: "matrix",
    Op.TYPE_IMAGE: "image",
    Op.TYPE_SAMPLED_IMAGE: "sampled image",
    Op.TYPE_RUNTIME_ARRAY: "runtime array",
    Op.TYPE_STRUCT: "struct",
    Op.TYPE_POINTER: "pointer",
    Op.TYPE_FUNCTION: "function",
}


class Module:
    """What a binary of SPIR-V says. Raises LiftError where it is none, or has what no shader of a hook file has."""

    def __init__(self, data: bytes) -> None:
        try:
            words = binary.read(data)
        except ValueError as error:
            raise LiftError("glslang gave no SPIR-V") from error
        self.bound = words[binary.BOUND]
        """Above every id."""
        self.names: dict[int, str] = {}
        self.members: dict[tuple[int, int], str] = {}
        """The names of the members of structs, by the struct's id and the member's number."""
        self.types: dict[int, Type] = {}
        self.constants: dict[int, Any] = {}
        self.variables: dict[int, Variable] = {}
        self.builtins: dict[int, int] = {}
        """The kinds of the variables that the device sets."""
        self.functions: dict[int, Function] = {}
        self.entry = 0
        self._zeros: dict[int, Any] = {}
        self._read(binary.instructions(words))
        self.initial_values: list[Any] = [None] * self.bound
        """What every id stands for before anything is run: constants."""
        for id, value in self.constants.items():
            self.initial_values[id] = value

    @property
    def has_barriers(self) -> bool:
        """Whether invocations wait for one another."""
        blocks = (block for function in self.functions.values() for block in function.blocks.values())
        return any(op == Op.CONTROL_BARRIER for block in blocks for op, _ in block)

    def locals(self, function: Function) -> list[int]:
        """The ids that stand for nothing once a function has returned: its parameters, and what it computes."""
        instructions = (words for block in function.blocks.values() for _, words in block)
        named = {*function.parameters, *(words[1] for words in instructions if len(words) > 1)}
        return [id for id in named if id < self.bound and self.initial_values[id] is None and id not in self.variables]

    def _read(self, instructions: Iterator[Instruction]) -> None:
        function: Function | None = None
        block: list[tuple[int, Words]] = []
        for op, operands in instructions:
            if op == Op.FUNCTION:
                function = self.functions[operands[1]] = Function(operands[0])
            elif function is None:
                self._declare(op, operands)
            elif op == Op.FUNCTION_END:
                function = None
            elif op == Op.FUNCTION_PARAMETER:
                function.parameters.append(operands[1])
            elif op == Op.LABEL:
                block = function.blocks[operands[0]] = []
                function.entry = function.entry or operands[0]
            elif op not in _IGNORED:
                block.append((op, operands))

    def _declare(self, op: int, w: Words) -> None:
        """Read an instruction outside of functions."""
        match op:
            case Op.NAME:
                self.names[w[0]] = binary.text(w[1:])
            case Op.MEMBER_NAME:
                self.members[w[0], w[1]] = binary.text(w[2:])
            case Op.ENTRY_POINT:
                self.entry = w[1]
            case Op.DECORATE if w[1] == Decoration.BUILT_IN:
                self.builtins[w[0]] = w[2]
            case Op.TYPE_ARRAY:
                self.types[w[0]] = Type("array", (w[1], int(self.constants[w[2]])))
            case Op.CONSTANT_TRUE | Op.CONSTANT_FALSE:
                self.constants[w[1]] = op == Op.CONSTANT_TRUE
            case Op.CONSTANT:
                self.constants[w[1]] = _number(self.types[w[0]], w[2:])
            case Op.CONSTANT_COMPOSITE:
                values = [self.constants[part] for part in w[2:]]
                self.constants[w[1]] = values if self.types[w[0]].kind in ("array", "struct") else tuple(values)
            case Op.CONSTANT_NULL | Op.UNDEF:
                self.constants[w[1]] = self.zero(w[0])
            case Op.VARIABLE:
                self.variables[w[1]] = Variable(w[0], w[2], self.constants[w[3]] if len(w) > 3 else None)
            case _ if op in _TYPES:
                self.types[w[0]] = Type(_TYPES[Op(op)], w[1:])

    def zero(self, type: int) -> Any:
        """The zero of a type by id: vectors and matrices are tuples, which are values, arrays and structs are lists."""
        if type not in self._zeros:
            self._zeros[type] = self._made_zero(type)
        value = self._zeros[type]
        return copied(value) if isinstance(value, list) else value

    def _size(self, type: int) -> int:
        """How many scalars a type is of."""
        known = self.types[type]
        match known.kind:
            case "array" | "vector" | "matrix":
                return self._size(known.operands[0]) * known.operands[1]
            case "struct":
                return sum(map(self._size, known.operands))
            case _:
                return 1

    def _check_size(self, type: int) -> None:
        if self._size(type) > LARGEST:
            raise LiftError(f"has an array of {self._size(type)} numbers, expected at most {LARGEST}")

    def _made_zero(self, type: int) -> Any:
        known = self.types[type]
        match known.kind:
            case "float":
                return 0.0
            case "int":
                return 0
            case "bool":
                return False
            case "vector" | "matrix":
                return (self.zero(known.operands[0]),) * known.operands[1]
            case "array":
                self._check_size(type)
                return [self.zero(known.operands[0]) for _ in range(known.operands[1])]
            case "struct":
                return [self.zero(member) for member in known.operands]
            case kind:
                raise LiftError(f"has a variable of type {kind}")


def copied(value: list[Any]) -> list[Any]:
    """An array or struct of its own, which shares no list with another."""
    return [copied(part) if type(part) is list else part for part in value]


def _number(type: Type, words: Words) -> float | int:
    if type.kind == "float":
        bits = type.operands[0]
        raw = struct.pack(f"<{len(words)}I", *words)[: bits // 8]
        return float(struct.unpack({16: "<e", 32: "<f", 64: "<d"}[bits], raw)[0])
    bits, signed = type.operands
    value = words[0]
    return value - (1 << 32) if signed and value >> 31 else value
