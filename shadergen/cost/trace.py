"""Follows one workgroup of a shader through its branches, without a GPU: how often every block runs.

All threads of a workgroup in the middle of the picture go through the module side by side, as on a GPU: those of a wave
that stand at the same block run it together. Only what decides where they branch is computed (`functions.deciding`):
whole numbers, sizes of textures, positions, parameters at their initial values. What depends on texels or on shared
memory is not known; where such a value decides, half of the threads go each way, and a loop runs once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from shadergen.cost import functions as f
from shadergen.cost.functions import Function
from shadergen.cost.module import Module
from shadergen.cost.values import EXTENDED, OPERATIONS, UNSET, Array, Value, applied, element, merged, replaced
from shadergen.spirv.binary import Instruction, text
from shadergen.spirv.opcodes import BuiltIn, Decoration, Op, Storage

Path = tuple[int, ...]
"""The calls that led to a function, by the ids of their results, from the entry point's on."""

STEPS = 20_000
"""Blocks that are run at most: what takes longer is not counted."""


class NotCountedError(Exception):
    """A shader that takes too long to follow, or uses what is not known here."""


@dataclass(frozen=True)
class Situation:
    """What a workgroup finds around it."""

    threads: tuple[int, int]
    """Of a workgroup, across and down."""
    group: tuple[int, int]
    """Which workgroup it is."""
    groups: tuple[int, int]
    """How many there are."""
    wave: int
    """Threads of a wave."""
    uniforms: Mapping[str, Sequence[float] | float | int | bool]
    """The values of uniforms by name."""
    sizes: Mapping[str, tuple[int, ...]]
    """The sizes of textures and images by the name of their variable."""
    size: tuple[int, int]
    """Of the result."""
    position: tuple[float, float] | None = None
    """Fragment shaders: the middle of the first texel of the workgroup; its threads are the texels."""
    varyings: frozenset[str] = frozenset()
    """The names of inputs that go from 0 to 1 across the result."""


@dataclass
class Counts:
    """How often blocks ran, by the calls to their function and their label."""

    waves: dict[tuple[Path, int], float] = field(default_factory=dict)
    """Runs of a block by an average wave."""
    assumed: set[tuple[Path, int]] = field(default_factory=set)
    """Blocks that end with a branch of which nothing is known."""


def trace(module: Module, situation: Situation) -> Counts:
    """Count. Raises NotCountedError."""
    return _Tracer(module, situation).run()


class _Tracer:
    def __init__(self, module: Module, situation: Situation) -> None:
        self.module, self.situation = module, situation
        self.functions = f.functions(module)
        self.definitions = f.definitions(self.functions)
        self.needed = f.deciding(self.functions)
        self.count = situation.threads[0] * situation.threads[1]
        self.wave_of = np.arange(self.count) // situation.wave
        self.wave_count = int(self.wave_of[-1]) + 1
        self.values: dict[int, Value] = {}
        self.memory: dict[int, Value] = {}
        self.pointers: dict[int, tuple[int, tuple[Value, ...]]] = {}
        self.counts = Counts()
        self.steps = 0
        self._constants()
        self._variables()

    def run(self) -> Counts:
        with np.errstate(all="ignore"):
            everyone = np.ones(self.count, bool)
            self._call(self.functions[f.entry_point(self.module)], (), everyone)
        return self.counts

    # Values ----------------------------------------------------------------------------------------------------------

    def _constants(self) -> None:
        for instruction in self.module.instructions:
            words = instruction.words
            if instruction.op == Op.CONSTANT:
                self.values[words[1]] = self._constant(words[0], words[2])
            elif instruction.op in (Op.CONSTANT_TRUE, Op.CONSTANT_FALSE):
                self.values[words[1]] = np.full(self.count, instruction.op == Op.CONSTANT_TRUE)
            elif instruction.op in (Op.CONSTANT_COMPOSITE, Op.SPEC_CONSTANT_COMPOSITE):
                self.values[words[1]] = tuple(self.values.get(word) for word in words[2:])
            elif instruction.op == Op.SPEC_CONSTANT:
                self.values[words[1]] = self._constant(words[0], words[2])

    def _constant(self, type: int, word: int) -> Value:
        kind = self.module.types[type]
        if kind.op == Op.TYPE_FLOAT:
            if kind.words[0] != 32:
                return None
            return np.full(self.count, np.array(word, np.uint32).view(np.float32))
        return np.full(self.count, word, np.uint32).view(np.int32)

    def _variables(self) -> None:
        for id, (type, storage) in self.module.variables.items():
            self.memory[id] = self._initial(id, type, storage)

    def _initial(self, id: int, type: int, storage: int) -> Value:
        decorations = self.module.decorations.get(id, {})
        if storage == Storage.INPUT and Decoration.BUILT_IN in decorations:
            return self._built_in(decorations[Decoration.BUILT_IN])
        if storage == Storage.INPUT and self.module.names.get(id) in self.situation.varyings:
            coordinates = self._built_in(BuiltIn.FRAG_COORD)[:2]
            return tuple(x / np.float32(n) for x, n in zip(coordinates, self.situation.size, strict=True))
        if storage == Storage.UNIFORM:
            return self._uniforms(type)
        return None

    def _built_in(self, number: int) -> Value:
        across, down = self.situation.threads
        index = np.arange(self.count, dtype=np.int32)
        local = (index % across, index // across, np.zeros(self.count, np.int32))
        group = tuple(np.full(self.count, n, np.int32) for n in (*self.situation.group, 0))
        match number:
            case BuiltIn.FRAG_COORD:
                x, y = self.situation.position or (0.5, 0.5)
                zero = np.zeros(self.count, np.float32)
                return ((x + local[0]).astype(np.float32), (y + local[1]).astype(np.float32), zero, zero + 1)
            case BuiltIn.NUM_WORKGROUPS:
                return tuple(np.full(self.count, n, np.int32) for n in (*self.situation.groups, 1))
            case BuiltIn.WORKGROUP_SIZE:
                return tuple(np.full(self.count, n, np.int32) for n in (across, down, 1))
            case BuiltIn.WORKGROUP_ID:
                return group
            case BuiltIn.LOCAL_INVOCATION_ID:
                return local
            case BuiltIn.GLOBAL_INVOCATION_ID:
                size = (across, down, 1)
                return tuple(g * np.int32(s) + n for g, s, n in zip(group, size, local, strict=True))
            case BuiltIn.LOCAL_INVOCATION_INDEX:
                return index
            case BuiltIn.SUBGROUP_SIZE:
                return np.full(self.count, self.situation.wave, np.int32)
            case BuiltIn.NUM_SUBGROUPS:
                return np.full(self.count, self.wave_count, np.int32)
            case BuiltIn.SUBGROUP_ID:
                return self.wave_of.astype(np.int32)
            case BuiltIn.SUBGROUP_LOCAL_INVOCATION_ID:
                return index % np.int32(self.situation.wave)
        return None

    def _uniforms(self, type: int) -> Value:
        """The members of a block whose values are known."""
        members: dict[int, str] = {}
        for words in self.module.of(Op.MEMBER_NAME):
            if words[0] == type:
                members[words[1]] = text(words[2:])
        if self.module.types[type].op != Op.TYPE_STRUCT:
            return None
        kinds = self.module.types[type].words
        return tuple(self._uniform(members.get(number, ""), kind) for number, kind in enumerate(kinds))

    def _uniform(self, name: str, type: int) -> Value:
        value = self.situation.uniforms.get(name)
        if value is None:
            return None
        if isinstance(value, int | float | bool):
            kind = np.float32 if self.module.types[type].op == Op.TYPE_FLOAT else np.int32
            return np.full(self.count, value, kind)
        return tuple(np.full(self.count, part, np.float32) for part in value)

    # Control ---------------------------------------------------------------------------------------------------------

    def _call(self, function: Function, path: Path, mask: Array) -> Value:
        """Run a function for the threads of a mask, and give what it returns."""
        end = len(function.blocks)
        at = np.where(mask, 0, end)
        came: dict[int, Array] = {}
        returned: Value = None
        while True:
            number = int(at.min())
            if number == end:
                return returned
            self.steps += 1
            if self.steps > STEPS:
                raise NotCountedError(f"it takes more than {STEPS} steps")
            here = at == number
            block = function.blocks[number]
            waves = np.unique(self.wave_of[here]).size / self.wave_count
            key = (path, block.label)
            self.counts.waves[key] = self.counts.waves.get(key, 0.0) + waves
            for instruction in block.body:
                self._execute(instruction, path, here, came)
            if block.end.op == Op.RETURN_VALUE and block.end.words[0] in self.needed:
                returned = merged(here, self.values.get(block.end.words[0]), returned)
            at = np.where(here, self._next(function, block, path, here, end), at)
            for label in set(block.successors):
                arrived = here & (at == function.index[label])
                came[label] = np.where(arrived, block.label, came.get(label, np.zeros(self.count, np.int64)))

    def _next(self, function: Function, block: f.Block, path: Path, here: Array, end: int) -> Array:
        """The place of the block to which each thread goes."""
        words = block.end.words
        match block.end.op:
            case Op.BRANCH:
                return np.full(self.count, function.index[words[0]])
            case Op.BRANCH_CONDITIONAL:
                yes, no = function.index[words[1]], function.index[words[2]]
                condition = self.values.get(words[0])
                if condition is None:
                    return self._divided(function, block, path, here, yes, no)
                return np.where(condition, yes, no)
            case Op.SWITCH:
                selector = self.values.get(words[0])
                target = np.full(self.count, function.index[words[1]])
                for literal, label in zip(words[2::2], words[3::2], strict=True):
                    if selector is None:  # the cases in turn
                        share = len(words) // 2
                        chosen = np.arange(self.count) % share == literal % share
                        self.counts.assumed.add((path, block.label))
                    else:
                        chosen = selector.view(np.uint32) == literal
                    target = np.where(chosen, function.index[label], target)
                return target
        return np.full(self.count, end)

    def _divided(self, function: Function, block: f.Block, path: Path, here: Array, yes: int, no: int) -> Array:
        """Where to go when nobody knows: out of a loop the second time, else every other thread."""
        self.counts.assumed.add((path, block.label))
        for header in function.blocks:
            if header.merge is None or header.merge.op != Op.LOOP_MERGE:
                continue
            out = function.index[header.merge.words[0]]
            inside = function.inside(header.label, header.merge.words[0])
            if block.label in inside and out in (yes, no):
                stay = no if out == yes else yes
                seen = self.values.setdefault(-block.label, np.zeros(self.count, bool))
                self.values[-block.label] = np.where(here, ~seen, seen)
                return np.where(seen, out, stay)
        return np.where(np.arange(self.count) % 2 == 0, yes, no)

    # Instructions ----------------------------------------------------------------------------------------------------

    def _execute(self, instruction: Instruction, path: Path, here: Array, came: Mapping[int, Array]) -> None:
        op, words = instruction.op, instruction.words
        if op == Op.FUNCTION_CALL:
            self._enter(instruction, path, here)
            return
        if op == Op.STORE:
            self._store(words[0], words[1], here)
            return
        id = f.result(instruction)
        if id is None or (id not in self.needed and op not in (Op.ACCESS_CHAIN, Op.IN_BOUNDS_ACCESS_CHAIN)):
            return
        if op == Op.VARIABLE:
            self.memory[id] = self.values.get(words[3]) if len(words) > 3 else UNSET
            return
        if op in (Op.ACCESS_CHAIN, Op.IN_BOUNDS_ACCESS_CHAIN):
            base, chain = self.pointers.get(words[2], (words[2], ()))
            self.pointers[id] = (base, (*chain, *(self.values.get(word) for word in words[3:])))
            return
        if op == Op.LOAD:
            value = self._load(words[2])
        elif op == Op.PHI:
            value = self._phi(words, came)
        else:
            value = self._compute(instruction)
        self.values[id] = merged(here, value, self.values.get(id, UNSET))

    def _phi(self, words: Sequence[int], came: Mapping[int, Array]) -> Value:
        """The value of the block that each thread came from; `came` is by the block it came to, so any will do."""
        value: Value = UNSET
        for source, label in zip(words[2::2], words[3::2], strict=True):
            origin = np.zeros(self.count, bool)
            for from_label in came.values():
                origin |= from_label == label
            value = merged(origin, self.values.get(source), value)
        return value

    def _enter(self, instruction: Instruction, path: Path, here: Array) -> None:
        function = self.functions.get(instruction.words[2])
        if function is None:
            return
        for parameter, argument in zip(function.parameters, instruction.words[3:], strict=True):
            if argument in self.pointers or argument in self.memory:
                self.pointers[parameter] = self.pointers.get(argument, (argument, ()))
            else:
                self.values[parameter] = self.values.get(argument)
        value = self._call(function, (*path, instruction.words[1]), here)
        self.values[instruction.words[1]] = value

    def _load(self, pointer: int) -> Value:
        base, chain = self.pointers.get(pointer, (pointer, ()))
        value = self.memory.get(base)
        for index in chain:
            value = element(value, index)
        return value

    def _store(self, pointer: int, source: int, here: Array) -> None:
        base, chain = self.pointers.get(pointer, (pointer, ()))
        if base not in self.needed and pointer not in self.needed:
            return
        self.memory[base] = replaced(self.memory.get(base), chain, self.values.get(source), here)

    def _compute(self, instruction: Instruction) -> Value:
        op, words = instruction.op, instruction.words
        match op:
            case Op.VECTOR_SHUFFLE:
                first, second = self.values.get(words[2]), self.values.get(words[3])
                if not isinstance(first, tuple) or not isinstance(second, tuple):
                    return None
                joined = first + second
                return tuple(joined[n] if n < len(joined) else None for n in words[4:])
            case Op.COMPOSITE_CONSTRUCT:
                parts = [self.values.get(word) for word in words[2:]]
                flat: list[Value] = []
                vector = self.module.types[words[0]].op == Op.TYPE_VECTOR
                for part in parts:
                    flat.extend(part if vector and isinstance(part, tuple) else [part])
                size = self.module.types[words[0]].words[1] if vector else len(flat)
                return tuple(flat) if len(flat) == size else None
            case Op.COMPOSITE_EXTRACT:
                value = self.values.get(words[2])
                for number in words[3:]:
                    value = value[number] if isinstance(value, tuple) and number < len(value) else None
                return value
            case Op.ANY | Op.ALL:
                vector_value = self.values.get(words[2])
                if not isinstance(vector_value, tuple) or any(part is None for part in vector_value):
                    return None
                return (np.logical_or if op == Op.ANY else np.logical_and).reduce(vector_value)
            case Op.IMAGE_QUERY_SIZE_LOD | Op.IMAGE_QUERY_SIZE:
                return self._size(words[2])
            case Op.EXT_INST:
                function = EXTENDED.get(words[3])
                values = [self.values.get(word) for word in words[4:]]
            case Op.GROUP_NON_UNIFORM_BROADCAST | Op.GROUP_NON_UNIFORM_BROADCAST_FIRST:
                return self._broadcast(words)
            case Op.COPY_OBJECT | Op.IMAGE | Op.SAMPLED_IMAGE:
                return self.values.get(words[2])
            case _:
                function = OPERATIONS.get(op)
                values = [self.values.get(word) for word in words[2:]]
        return None if function is None else applied(function, values)

    def _broadcast(self, words: Sequence[int]) -> Value:
        """The value of the first thread of each wave, or of the one that is named."""
        value = self.values.get(words[3])
        lane = self.values.get(words[4]) if len(words) > 4 else 0
        if not isinstance(value, np.ndarray) or lane is None:
            return None
        first = self.wave_of * self.situation.wave + lane
        return value[np.minimum(first, self.count - 1)]

    def _size(self, image: int) -> Value:
        """The size of a texture: its variable is found through the loads in front."""
        for _ in range(4):
            name = self.module.names.get(image, "")
            if name in self.situation.sizes:
                parts = tuple(np.full(self.count, n, np.int32) for n in self.situation.sizes[name])
                return parts if len(parts) > 1 else parts[0]
            definition = self.definitions.get(image)
            if definition is None:
                return None
            image = definition.words[2]
        return None
