"""A scheduled pass as a hook pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from shadergen.emit import plane
from shadergen.emit.sizes import result_size
from shadergen.emit.steps import conv, lanes, pointwise, read, rim, sample, shuffle
from shadergen.emit.templates import render
from shadergen.emit.written import Written, joined
from shadergen.forms.form import Body, Filling, Result, TileStore
from shadergen.glsl import spelling
from shadergen.glsl.addressing import Addressing, Names, SharedTile
from shadergen.glsl.index import Index
from shadergen.glsl.names import file_names
from shadergen.glsl.pixels import Pixel, pixels
from shadergen.glsl.sizes import Sizes
from shadergen.glsl.spelling import FP16, FP32
from shadergen.hookfile import HookPass, UserBuffer, UserTexture
from shadergen.ir.graph import Node, Plane
from shadergen.ir.ops import Add, Conv, Fit, Rim
from shadergen.kernels.kernel import Function, Pair, SharedArray
from shadergen.schedule.hookpass import Schedule, ScheduledPass
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    SpaceToDepthStep,
    Step,
)
from shadergen.storage.layout import PACK


@dataclass(frozen=True)
class FunctionsView:
    """What `functions.glsl.j2` lays out: functions in front of `hook()`."""

    plane: Plane
    reads_input: bool
    mirror: bool
    erf: bool
    padded: tuple[tuple[str, str], ...]
    """Types of texels that zeros may stand for, each with its zero."""
    shared: tuple[SharedArray, ...]
    functions: tuple[Function, ...]
    is_at: bool


@dataclass(frozen=True)
class _Scope:
    """One function of the pass, `hook()` or the one that fills the tile: a scheduled pass's steps and their places."""

    schedule: Schedule
    scheduled: ScheduledPass
    at: Addressing

    def written(self) -> tuple[Written, ...]:
        """The steps for all of the invocation's pixels."""
        return tuple(self._step(step, self.at.pixels, self.at, 0, above=False) for step in self.scheduled.steps)

    def above(self) -> Iterator[tuple[tuple[Written, ...], tuple[str, ...]]]:
        """For each pixel of the result, row by row within each of the invocation's, the steps above a shuffle and what
        is stored: a texel for each pack that the code has registers for."""
        for pixel in self.at.pixels:
            for place in range(self.scheduled.shuffle**2):
                at = replace(self.at, names=self.at.names.scope())
                steps = () if self._last else self.scheduled.block_steps
                written = tuple(self._step(step, (pixel,), at, place, above=True) for step in steps)
                yield written, tuple(self._texels(pixel, at, place))

    @property
    def _last(self) -> LaneStep | None:
        """The shuffle that all there is above it consists of: its lanes are stored as they are."""
        steps = self.scheduled.block_steps
        return steps[0] if len(steps) == 1 and isinstance(steps[0], LaneStep) else None

    def _texels(self, pixel: Pixel, at: Addressing, place: int) -> Iterator[str]:
        writes, facts = self.scheduled.writes, plane.PLANES[self.schedule.graph.plane]
        packs = range(writes.first, writes.first + writes.packs) if writes else (0,)
        for index, pack in enumerate(packs[:1] if at.any_pack else packs):
            if self._last:
                parts = lanes.parts(self._last, index, pixel, at, place)
                yield lanes.vec4(parts) if writes else facts.texel(", ".join(parts))
            else:
                register = at.register(self.scheduled.root, pack, pixel)
                yield register if writes else facts.texel(f"{register}.{facts.lanes}")

    def _step(self, step: Step, pixels: Sequence[Pixel], at: Addressing, place: int, above: bool) -> Written:
        match step:
            case ConvStep():
                return conv.write(step, at, self.schedule.graph.name)
            case RimStep():
                return rim.write(step, pixels, at, self.schedule.prefix)
            case ReadStep():
                return read.write(step, pixels, at, above)
            case SpaceToDepthStep():
                return shuffle.write_space_to_depth(step, pixels, at)
            case DepthToSpaceStep():
                return shuffle.write_depth_to_space(step, pixels, at)
            case SampleStep():
                return sample.write(step, pixels, at)
            case PointwiseStep():
                return pointwise.write(step, pixels, at, self.schedule.prefix)
            case LaneStep():
                return lanes.write(step, pixels, at, place)
            case _:
                assert_never(step)


def write_pass(
    schedule: Schedule, scheduled: ScheduledPass, templates: tuple[Path, ...] = ()
) -> tuple[tuple[UserTexture | UserBuffer, ...], HookPass]:
    """A hook pass, and the blocks that it binds. `templates` are folders of kernels from elsewhere."""
    form, writes, tile = scheduled.form, scheduled.writes, scheduled.tile
    functions = Names(file_names(bound(schedule, scheduled)))
    hook = _Scope(schedule, scheduled, _addressing(schedule, scheduled, scheduled, functions))
    filler = _Scope(schedule, tile.source, _addressing(schedule, tile.source, scheduled, functions)) if tile else None
    filled, steps, above = filler.written() if filler else (), hook.written(), tuple(hook.above())
    every = (*filled, *steps, *(step for written, _ in above for step in written))
    blocks = _blocks(every)

    def texts(written: Sequence[Written]) -> tuple[str, ...]:
        return tuple(render(step.template, step.view, templates) for step in written)

    body = Body(
        functions=_functions(schedule, scheduled, every),
        extensions=_extensions(scheduled),
        steps=texts(steps),
        results=tuple(Result(texts(written), texels) for written, texels in above),
        shuffle=scheduled.shuffle,
        at=hook.at,
        dispatch=scheduled.dispatch,
        writes=writes,
        passes_alpha=_passes_alpha(schedule, scheduled),
        anchor=scheduled.binds[0].name if scheduled.binds else "HOOKED",
        filling=_filling(schedule, scheduled, hook.at, filler.at, texts(filled)) if filler else None,
    )
    return blocks, _hook_pass(schedule, scheduled, blocks, render(f"forms/{form.template}", form.view(body)))


def _hook_pass(
    schedule: Schedule, scheduled: ScheduledPass, blocks: Sequence[UserTexture | UserBuffer], body: str
) -> HookPass:
    """The directives around a body."""
    graph, writes = schedule.graph, scheduled.writes
    index, parts = scheduled.part
    part = f" [{index + 1}/{parts}]" if parts > 1 else ""
    width, height = (side * scheduled.shuffle for side in scheduled.pixels)
    threads = workgroup(schedule, scheduled)
    return HookPass(
        hooks=(plane.PLANES[graph.plane].hook,),
        desc=f"{graph.name} {describe(scheduled.nodes)}{part}",
        binds=(*bound(schedule, scheduled), *(block.name for block in blocks)),
        save=writes.name if writes else None,
        width=result_size(schedule, scheduled, "w"),
        height=result_size(schedule, scheduled, "h"),
        when=plane.when(schedule),
        offset="ALIGN" if graph.plane == "chroma" and not writes else None,
        components=4 if writes else plane.PLANES[graph.plane].components,
        compute=scheduled.form.dispatch((width, height), threads, scheduled.dispatch.area or threads, writes),
        body=body,
    )


def describe(nodes: Sequence[Node]) -> str:
    """What a pass computes, for its DESC: convolutions as name and shape, other operators by name.

    What convolutions are put together with, rims and sums of them, is left out.
    """
    words = []
    linear: set[str] = set()
    for node in nodes:
        match node.op:
            case Conv(weight):
                linear.add(node.name)
                words.append(f"{node.name} {'x'.join(str(weight.shape[i]) for i in (0, 2, 3, 1))}")
            case Rim():
                linear.add(node.name)
            case Add() if linear.issuperset(node.inputs):
                linear.add(node.name)
            case op:
                words.append(type(op).__name__)
    return " + ".join(words)


def workgroup(schedule: Schedule, scheduled: ScheduledPass) -> Pair:
    """Threads of a compute pass: what a tile or a plan wants, or else the target's."""
    if scheduled.tile:
        return scheduled.tile.workgroup
    return scheduled.dispatch.workgroup or schedule.target.workgroup


# What a pass binds


def bound(schedule: Schedule, scheduled: ScheduledPass) -> tuple[str, ...]:
    """The textures of pictures that the pass binds: HOOKED (and LUMA) first, where it needs them."""
    names = [texture.name for texture in scheduled.binds]
    if not _needs_hooked(schedule, scheduled):
        return tuple(names)
    return ("HOOKED", *(["LUMA"] if schedule.graph.plane == "chroma" else []), *names)


def _needs_hooked(schedule: Schedule, scheduled: ScheduledPass) -> bool:
    """Whether the pass reads the graph's input, passes its alpha on, or derives from its size what no other has."""
    if schedule.graph.input in scheduled.reads or _passes_alpha(schedule, scheduled):
        return True
    sizes = Sizes(schedule.types, schedule.graph.input_type, False, scheduled.binds)
    for node in scheduled.nodes:
        if isinstance(node.op, Fit):
            corner = [sizes.of_input(node.op.corner[i], node.inputs[1], "yx"[i]) for i in (0, 1)]
            if not all(extent.constant for extent in corner):
                return True
    inputs = {name for node in scheduled.nodes for name in node.inputs}
    return not all(sizes.follows(value) for value in {scheduled.root, *scheduled.reads, *inputs})


def _passes_alpha(schedule: Schedule, scheduled: ScheduledPass) -> bool:
    """Whether the pass writes the plane itself and there is alpha to pass on."""
    return schedule.graph.plane == "rgb" and scheduled.writes is None


def _blocks(steps: Sequence[Written]) -> tuple[UserTexture | UserBuffer, ...]:
    """What the steps read that the file defines, each once: weights, parameters of channels, rims."""
    order = ("kernels/", "steps/registers", "steps/rim")
    found = sorted(steps, key=lambda step: [step.template.startswith(start) for start in order], reverse=True)
    return tuple({block.name: block for step in found for block in step.blocks}.values())


# Parts of the body


def _addressing(schedule: Schedule, computed: ScheduledPass, written: ScheduledPass, functions: Names) -> Addressing:
    """Where things are in `hook()`, or in the function that fills the tile with what another pass would have computed.

    Both know what the pass that is written binds.
    """
    tile = computed.tile
    return Addressing(
        functions=functions,
        names=functions.scope(),
        pixels=pixels(computed.pixels),
        sizes=Sizes(schedule.types, schedule.graph.input_type, "HOOKED" in bound(schedule, written), written.binds),
        types=schedule.types,
        textures=schedule.textures,
        input=schedule.graph.input,
        root=computed.root,
        any_pack=computed.any_pack,
        overhangs=computed.form.overhangs,
        begins_outside=computed is not written,
        tile=SharedTile(tile.value, TILE, tile.size, tile.margin) if tile else None,
    )


TILE = "tile"
"""The array in shared memory."""


def _functions(schedule: Schedule, scheduled: ScheduledPass, steps: Sequence[Written]) -> str:
    needs = joined(step.needs for step in steps)
    lanes = needs.padded | ({PACK} if scheduled.tile else set())  # what is outside of the image is zero in a tile
    view = FunctionsView(
        plane=schedule.graph.plane,
        reads_input=schedule.graph.input in scheduled.reads,
        mirror=needs.mirror,
        erf=needs.erf,
        padded=tuple((FP32.vec(count), spelling.zero(count, FP32)) for count in sorted(lanes)),
        shared=tuple(dict.fromkeys(array for step in steps for array in step.shared)),
        functions=tuple(dict.fromkeys(function for step in steps for function in step.functions)),
        is_at=needs.is_at,
    )
    return render("functions.glsl.j2", view)


def _extensions(scheduled: ScheduledPass) -> tuple[str, ...]:
    plans = [step.plan for step in scheduled.every_step() if isinstance(step, ConvStep)]
    return tuple(sorted(frozenset().union(*(plan.resources.extensions for plan in plans))))


def _filling(
    schedule: Schedule, scheduled: ScheduledPass, hook: Addressing, at: Addressing, steps: tuple[str, ...]
) -> Filling:
    """How the steps of the tile's source fill it. In fp16 where that is the precision: a texture holds no more."""
    types = FP16 if schedule.target.precision == "fp16" else FP32
    tile, array = scheduled.tile, hook.tile
    assert tile, "the pass has a tile to fill"
    assert array, "and says where it is"
    threads, own = tile.workgroup, scheduled.pixels

    def store(pixel: Pixel) -> TileStore:
        texels = []
        for pack in range(tile.packs):
            value = f"padded({at.register(tile.value, pack, pixel)}, inside)"
            number = Index.of("first").plus(array.number(pack, pixel.y, pixel.x))
            texels.append((str(number), value if types is FP32 else f"{types.vec(PACK)}({value})"))
        return TileStore(pixel.at, tuple(texels))

    return Filling(
        value=tile.value,
        type=types.vec(PACK),
        texels=tile.texels,
        width=tile.size[0],
        margin=tile.margin,
        moved=(threads[0] * own[0], threads[1] * own[1]),
        threads=threads[0] * threads[1],
        blocks=tile.blocks,
        pixels=tile.source.pixels,
        steps=steps,
        stores=tuple(store(pixel) for pixel in at.pixels),
        image=at.sizes.of(tile.value),
    )
