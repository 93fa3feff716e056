"""A hook pass that can be asked what it leaves at a texel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shadergen.hookfile import HookFile, HookPass, UserBuffer, UserTexture
from shadergen.hookfile.preamble import INPUTS
from shadergen.hookfile.stages import bindings, resources
from shadergen.lift.affine import Arena, LiftError
from shadergen.lift.buffers import members
from shadergen.lift.handlers import MODULES
from shadergen.lift.machine import Budget, Invocation, Surroundings, Uniforms
from shadergen.lift.module import Module
from shadergen.lift.textures import Enlarged, Numbers, Symbols, Texel, Texture
from shadergen.spirv.opcodes import BuiltIn

Size = tuple[int, int]

assert MODULES, "the machine knows the instructions"
_UNIFORMS = "SgUniforms"
_REFUSED_CALLS = {
    "sg_linearize(": "calls linearize(), which depends on the video's tags",
    "sg_delinearize(": "calls delinearize(), which depends on the video's tags",
}


@dataclass(frozen=True)
class Situation:
    """What a pass finds when the player fires it."""

    file: HookFile
    stage: str
    textures: Mapping[str, Symbols]
    """The stages' pictures and the saved textures, by canonical name."""
    size: Size
    """Of the pass's result."""
    native: tuple[float, float]
    output: tuple[float, float]
    values: Mapping[str, float]
    """Of every PARAM."""
    budget: Budget
    """What all passes of the file may take."""


@dataclass
class Evaluation:
    """A pass in a situation; `at` gives what it leaves at a texel of its result.

    `fine` has the number of a texture for each that is to count as enlarged to the size of the result where it is read
    between its texels, by the name of the coarse one.
    """

    item: HookPass
    situation: Situation
    module: Module
    fine: Mapping[str, int] = field(default_factory=dict)
    arena: Arena = field(default_factory=Arena)

    def __post_init__(self) -> None:
        situation, module = self.situation, self.module
        own = resources(situation.file)
        textures: dict[str, Texture] = {}
        blocks: dict[str, Any] = {_UNIFORMS: _uniforms(module, self._uniform_values(), _refused_inputs())}
        self.sources: list[Symbols] = []
        """The textures of pictures and passes that the pass binds."""
        for unit, name in enumerate(bindings(self.item, situation.stage)):
            match own.get(name):
                case UserTexture() as block:
                    textures[f"sg_tex{unit}"] = Numbers(block)
                case UserBuffer() as block:
                    blocks[f"sg_block{unit}"] = members(block)
                case None:
                    source = situation.textures[name]
                    self.sources.append(source)
                    textures[f"sg_tex{unit}"] = source
                    if name in self.fine:
                        fine = Symbols(self.fine[name], situation.size, source.components)
                        self.sources.append(fine)
                        textures[f"sg_tex{unit}"] = Enlarged(source, fine)
        self._around = Surroundings(module, self.arena, textures, blocks, situation.budget, _REFUSED_CALLS)
        self._known: dict[tuple[int, int], Texel] = {}
        self._groups: dict[tuple[int, int], _Group] = {}

    def at(self, x: int, y: int) -> Texel:
        """The four components at a texel of the result. Raises LiftError."""
        if (x, y) not in self._known:
            if self.item.compute is None:
                self._known[x, y] = self._fragment(x, y)
            else:
                self._group(x, y).reach((x, y))
        if (x, y) not in self._known:
            if not self._known:
                raise LiftError("writes nothing")
            self._known[x, y] = (0.0, 0.0, 0.0, 0.0)  # left over, as where five packs have six texels
        return self._known[x, y]

    def _fragment(self, x: int, y: int) -> Texel:
        width, height = self.situation.size
        place = ((x + 0.5) / width, (y + 0.5) / height)
        inputs: dict[int | str, Any] = {f"sg_pos{unit}": place for unit in range(len(self._bound()))}
        inputs[BuiltIn.FRAG_COORD] = (x + 0.5, y + 0.5, 0.0, 1.0)
        invocation = Invocation(self._around, inputs, {}, {})
        invocation.run()
        invocation.leave()
        texel: Texel = invocation.outputs["sg_color"].load()
        return texel

    def _bound(self) -> list[str]:
        return list(bindings(self.item, self.situation.stage))

    def _group(self, x: int, y: int) -> _Group:
        assert self.item.compute is not None
        width, height = self.item.compute.block
        at = (x // width, y // height)
        if at not in self._groups:
            counts = tuple(-(-n // block) for n, block in zip(self.situation.size, (width, height), strict=True))
            self._groups[at] = _Group(self._around, at, (counts[0], counts[1]), self.item, self._known)
        return self._groups[at]

    def _uniform_values(self) -> dict[str, Any]:
        situation = self.situation
        values: dict[str, Any] = {
            "sg_input_size": situation.native,
            "sg_target_size": situation.output,
            "sg_tex_offset": (0.0, 0.0),
            "sg_out_size": tuple(map(float, situation.size)),
        }
        for param in situation.file.params:
            value = situation.values[param.name]
            values[f"sg_param_{param.name}"] = float(value) if param.type == "float" else int(value)
        for unit, name in enumerate(self._bound()):
            if name in situation.textures:
                width, height = situation.textures[name].size
                values[f"sg_rect{unit}"] = (0.0, 0.0, 1.0, 1.0)
                values[f"sg_pt{unit}"] = (1 / width, 1 / height)
                values[f"sg_off{unit}"] = (0.0, 0.0)
        return values


def _refused_inputs() -> dict[str, str]:
    """Inputs whose value no network has, with the reason."""
    return {f"sg_{name}": f"reads `{name}`, which no network does" for name in INPUTS if name in ("frame", "random")}


def _uniforms(module: Module, values: Mapping[str, Any], refused: Mapping[str, str]) -> Uniforms:
    """The uniform block of a module, whose members it names."""
    block = next((id for id, name in module.names.items() if name == _UNIFORMS), 0)
    members = {number: name for (id, number), name in module.members.items() if id == block}
    return Uniforms(
        {number: values[name] for number, name in members.items() if name in values},
        {number: refused.get(name, f"reads {name}") for number, name in members.items() if name not in values},
    )


class _Group:
    """A workgroup: everyone comes to a barrier before anyone goes on, and after the last only who is asked for.

    Most have one barrier, behind what everyone writes into shared memory. Who comes there is forgotten, and runs anew
    where it is asked for: it writes the same again. With a second barrier that is not so, and all are kept.
    """

    def __init__(
        self,
        around: Surroundings,
        at: tuple[int, int],
        groups: tuple[int, int],
        item: HookPass,
        written: dict[tuple[int, int], Any],
    ) -> None:
        assert item.compute is not None
        self._around, self._at, self._groups, self._written = around, at, groups, written
        self._compute = item.compute
        self._waits = around.module.has_barriers
        self._forgets, self._filled = True, False
        self._shared: dict[int, list[Any]] = {}
        self._invocations: dict[tuple[int, int], Invocation] = {}
        self._barriers: dict[tuple[int, int], int] = {}

    def reach(self, texel: tuple[int, int]) -> None:
        """Run invocations, the likeliest first, until one has stored this texel."""
        (block_x, block_y), (threads_x, threads_y) = self._compute.block, self._compute.threads
        guess = (
            (texel[0] - self._at[0] * block_x) * threads_x // block_x,
            (texel[1] - self._at[1] * block_y) * threads_y // block_y,
        )
        for thread in sorted(self._threads(), key=lambda at: abs(at[0] - guess[0]) + abs(at[1] - guess[1])):
            if texel in self._written:
                return
            self._finish(thread)

    def _threads(self) -> Iterable[tuple[int, int]]:
        width, height = self._compute.threads
        return ((x, y) for y in range(height) for x in range(width))

    def _started(self, thread: tuple[int, int]) -> Invocation:
        (x, y), (width, height), (gx, gy) = thread, self._compute.threads, self._at
        inputs: dict[int | str, Any] = {
            BuiltIn.NUM_WORKGROUPS: (*self._groups, 1),
            BuiltIn.WORKGROUP_ID: (gx, gy, 0),
            BuiltIn.LOCAL_INVOCATION_ID: (x, y, 0),
            BuiltIn.GLOBAL_INVOCATION_ID: (gx * width + x, gy * height + y, 0),
            BuiltIn.LOCAL_INVOCATION_INDEX: y * width + x,
        }
        return Invocation(self._around, inputs, self._shared, self._written)

    def _finish(self, thread: tuple[int, int]) -> None:
        """Run an invocation to its end, with everyone else at least at the barriers that it passes."""
        if self._forgets and not self._ends_after_one_barrier(thread):
            self._forgets = False
            self._shared.clear()
        if not self._forgets:
            self._finish_with_all(thread)

    def _ends_after_one_barrier(self, thread: tuple[int, int]) -> bool:
        """Run an invocation to its end, or to its second barrier."""
        if self._waits and not self._filled:
            for other in self._threads():
                first = self._started(other)
                first.run()
                first.leave()
            self._filled = True
        invocation = self._started(thread)
        invocation.run()
        if not invocation.done:
            invocation.run()
        invocation.leave()
        return invocation.done

    def _invocation(self, thread: tuple[int, int]) -> Invocation:
        if thread not in self._invocations:
            self._invocations[thread] = self._started(thread)
            self._barriers[thread] = 0
        return self._invocations[thread]

    def _advance(self, thread: tuple[int, int]) -> None:
        """Run to the next barrier or to the end."""
        self._invocation(thread).run()
        self._barriers[thread] += 1

    def _finish_with_all(self, thread: tuple[int, int]) -> None:
        invocation = self._invocation(thread)
        while not invocation.done:
            self._advance(thread)
            if invocation.done or not self._waits:
                continue
            for other in self._threads():
                while not self._invocation(other).done and self._barriers[other] < self._barriers[thread]:
                    self._advance(other)
