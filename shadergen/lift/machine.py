"""Runs a module for one invocation: control flow and addresses are numbers, what textures hold are forms.

Values are Python's: a scalar is a number or a form, vectors and matrices (of columns) are tuples, arrays and structs
are lists. A pointer is a variable with a path of indices into it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shadergen.lift.affine import Arena, LiftError
from shadergen.lift.module import Module, Words, copied
from shadergen.lift.textures import Texture
from shadergen.spirv.opcodes import Op, Storage

BUDGET = 1_000_000_000
"""Instructions that a file may take in all. ArtCNN_C4F16 takes 9 million, and four seconds."""

SECONDS = 600.0
"""Seconds of the processor that a file may take in all, whatever its instructions are."""

LONGEST = 4_000_000
"""Instructions that one invocation may take: a few seconds. The longest that was seen takes 1.3 million."""


class Pointer:
    """A place in a variable."""

    __slots__ = ("path", "variable")

    def __init__(self, variable: list[Any], path: tuple[int, ...] = ()) -> None:
        self.variable = variable
        """A list of one: the value."""
        self.path = path

    def load(self) -> Any:
        value = self.variable[0]
        for index in self.path:
            value = value[index]
        return copied(value) if type(value) is list else value

    def store(self, value: Any) -> None:
        self.variable[0] = _replaced(self.variable[0], self.path, copied(value) if type(value) is list else value)


def _replaced(whole: Any, path: tuple[int, ...], value: Any) -> Any:
    """`whole` with another value at a path: lists are changed, tuples made anew."""
    if not path:
        return value
    if not 0 <= path[0] < len(whole):
        raise LiftError(f"stores at index {path[0]} of {len(whole)}")
    part = _replaced(whole[path[0]], path[1:], value)
    if type(whole) is list:
        whole[path[0]] = part
        return whole
    return (*whole[: path[0]], part, *whole[path[0] + 1 :])


class Budget:
    """How many instructions are left, and how much of the processor's time."""

    def __init__(self, left: int = BUDGET, seconds: float = SECONDS) -> None:
        self.left = left
        self._end = time.process_time() + seconds

    def take(self, instructions: int) -> None:
        self.left -= instructions
        if self.left < 0:
            raise LiftError(f"takes more than {BUDGET} instructions for a few texels")
        if time.process_time() > self._end:
            raise LiftError(f"takes more than {SECONDS:g} seconds for a few texels")


class Uniforms:
    """The members of a uniform block by number; a LiftError is raised for one whose value no network has."""

    def __init__(self, values: Mapping[int, Any], refused: Mapping[int, str]) -> None:
        self._values = values
        self._refused = refused

    def __getitem__(self, index: int) -> Any:
        if index in self._refused:
            raise LiftError(self._refused[index])
        return self._values[index]


@dataclass
class Surroundings:
    """What all invocations of a pass share."""

    module: Module
    arena: Arena
    textures: Mapping[str, Texture]
    """By the names of the samplers."""
    uniforms: Mapping[str, Any]
    """The values of the blocks by the names of their types."""
    budget: Budget = field(default_factory=Budget)
    refused: Mapping[str, str] = field(default_factory=dict)
    """Functions that must not be called, by the beginning of their names, with the reason."""

    def __post_init__(self) -> None:
        blocks = (block for function in self.module.functions.values() for block in function.blocks.items())
        self.code: dict[int, list[tuple[Handler | None, int, Words]]] = {
            label: [(HANDLERS.get(op), op, words) for op, words in instructions] for label, instructions in blocks
        }
        """The instructions of every block, with what handles them; labels are unique in a module."""
        self.locals = {id: self.module.locals(function) for id, function in self.module.functions.items()}
        """What functions leave behind, by their ids. Who waits at a barrier would keep all sums of an unrolled one: for
        a layer of 19 to 8 channels a workgroup's are 7 GB."""
        self.spare: list[list[Any]] = []
        """The values of invocations that are over, for those to come: constants are the same, all else is assigned
        before it is read. Fresh copies of megabytes took half of the time."""


Handler = Callable[["Invocation", Words], None]
HANDLERS: dict[int, Handler] = {}
"""What an instruction does, by its number; control flow is the machine's own."""


def handles(*ops: Op) -> Callable[[Handler], Handler]:
    """Register a handler for some instructions."""

    def register(handler: Handler) -> Handler:
        for op in ops:
            assert op not in HANDLERS
            HANDLERS[op] = handler
        return handler

    return register


@dataclass
class _Frame:
    """A call: where to go on, and which id gets what the function returns."""

    block: int
    at: int = 0
    before: int = 0
    result: int = 0
    function: int = 0


class Invocation:
    """One invocation on its way through a module; it can wait at a barrier.

    `inputs` has the values of the variables that the device sets, by kind, and of those that are interpolated, by name.
    `shared` holds the variables of the workgroup, `written` what is stored into the result, by place.
    """

    def __init__(
        self,
        around: Surroundings,
        inputs: Mapping[int | str, Any],
        shared: dict[int, list[Any]],
        written: dict[tuple[int, int], Any],
    ) -> None:
        self.around = around
        self.module = around.module
        self.arena = around.arena
        self.written = written
        self.values: list[Any] = around.spare.pop() if around.spare else self.module.initial_values.copy()
        self.done = False
        self._left = LONGEST
        self.outputs: dict[str, Pointer] = {}
        for id in self.module.variables:
            self.values[id] = self._variable(id, inputs, shared)
        entry = self.module.functions[self.module.entry]
        self._stack = [_Frame(entry.entry)]

    def _variable(self, id: int, inputs: Mapping[int | str, Any], shared: dict[int, list[Any]]) -> Pointer:
        variable = self.module.variables[id]
        pointee = self.module.types[variable.type].operands[1]
        name = self.module.names.get(id, "")
        match variable.storage:
            case Storage.WORKGROUP:
                if id not in shared:
                    shared[id] = [self.module.zero(pointee)]
                return Pointer(shared[id])
            case Storage.UNIFORM_CONSTANT:
                return Pointer([name])
            case Storage.INPUT:
                key = self.module.builtins.get(id, name)
                if key not in inputs:
                    raise LiftError(f"reads the device's variable {key}")
                return Pointer([inputs[key]])
            case Storage.UNIFORM | Storage.STORAGE_BUFFER:
                block = self.module.names.get(pointee, "")
                if block not in self.around.uniforms:
                    raise LiftError(f"reads the buffer {block}")
                return Pointer([self.around.uniforms[block]])
            case storage:
                first = variable.initial
                value = self.module.zero(pointee) if first is None else first
                pointer = Pointer([copied(value) if type(value) is list else value])
                if storage == Storage.OUTPUT:
                    self.outputs[name] = pointer
                return pointer

    def leave(self) -> None:
        """Leave the values to others; nothing may be run any more."""
        self.around.spare.append(self.values)
        self.values = []

    def run(self) -> None:
        """Go on to the next barrier, or to the end, after which `done` is true."""
        while not self._run_block(self._stack[-1]):
            pass

    def _run_block(self, frame: _Frame) -> bool:
        """Run to the end of a block or into a call; whether it is time to stop."""
        instructions = self.around.code[frame.block]
        count = len(instructions) - frame.at + 1
        self.around.budget.take(count)
        self._left -= count
        if self._left < 0:
            raise LiftError(f"takes more than {LONGEST} instructions for a texel: a loop without an end?")
        at = frame.at
        while True:
            handler, op, words = instructions[at]
            at += 1
            if handler is not None:
                handler(self, words)
                continue
            frame.at = at
            match op:
                case Op.PHI:
                    sources = {words[i + 1]: words[i] for i in range(2, len(words), 2)}
                    self.values[words[1]] = self.values[sources[frame.before]]
                case Op.FUNCTION_CALL:
                    self._call(words)
                    return False
                case Op.BRANCH | Op.BRANCH_CONDITIONAL | Op.SWITCH:
                    frame.before, frame.block, frame.at = frame.block, self._target(op, words), 0
                    return False
                case Op.RETURN | Op.RETURN_VALUE:
                    return self._return(self.values[words[0]] if op == Op.RETURN_VALUE else None)
                case Op.CONTROL_BARRIER:
                    return True
                case Op.KILL | Op.UNREACHABLE:
                    raise LiftError("discards texels")
                case _:
                    raise LiftError(f"uses SPIR-V's instruction {_name(op)}, which no network needs")

    def _call(self, words: Words) -> None:
        name = self.module.names.get(words[2], "")
        for beginning, reason in self.around.refused.items():
            if name.startswith(beginning):
                raise LiftError(reason)
        function = self.module.functions[words[2]]
        for parameter, argument in zip(function.parameters, words[3:], strict=True):
            self.values[parameter] = self.values[argument]
        self._stack.append(_Frame(function.entry, result=words[1], function=words[2]))

    def _return(self, value: Any) -> bool:
        frame = self._stack.pop()
        if not self._stack:
            self.done = True
            return True
        for id in self.around.locals[frame.function]:
            self.values[id] = None
        self.values[frame.result] = value
        return False

    def _target(self, op: int, words: Words) -> int:
        if op == Op.BRANCH:
            return words[0]
        selector = self.values[words[0]]
        if op == Op.BRANCH_CONDITIONAL:
            if type(selector) is not bool:
                raise LiftError("has a branch that depends on the picture")
            return words[1] if selector else words[2]
        if type(selector) is not int:
            raise LiftError("has a switch that depends on the picture")
        targets = {words[i]: words[i + 1] for i in range(2, len(words), 2)}
        return targets.get(selector & 0xFFFFFFFF, words[1])


def _name(op: int) -> str:
    return Op(op).name if op in set(Op) else str(op)
