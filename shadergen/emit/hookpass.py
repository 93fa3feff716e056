"""A scheduled pass as a hook pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shadergen.emit.directives import bound, hook_pass, passes_alpha
from shadergen.emit.filling import filling_of
from shadergen.emit.scope import Scope, addressing
from shadergen.emit.templates import render
from shadergen.emit.written import Written, joined
from shadergen.forms.form import Body, Result
from shadergen.glsl.addressing import Names
from shadergen.glsl.names import file_names
from shadergen.glsl.sizes import Sizes
from shadergen.glsl.spelling import FP32
from shadergen.hookfile import HookPass, Param
from shadergen.ir.graph import Plane
from shadergen.kernels.kernel import Definition, Function, SharedArray
from shadergen.schedule.hookpass import Schedule, ScheduledPass
from shadergen.schedule.steps import ConvStep
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
    number: bool
    dot8: bool


def write_pass(
    schedule: Schedule, scheduled: ScheduledPass, templates: tuple[Path, ...] = ()
) -> tuple[tuple[Definition, ...], HookPass]:
    """A hook pass, and the blocks that it needs, of which it binds all but PARAMs.

    `templates` are folders of kernels from elsewhere.
    """
    form, writes, tile = scheduled.form, scheduled.writes, scheduled.filled_tile
    textures = bound(schedule, scheduled)
    sizes = Sizes(schedule.types, schedule.graph.input_type, "HOOKED" in textures, scheduled.binds)
    functions = Names(file_names(textures))
    hook = Scope(schedule, scheduled, addressing(schedule, scheduled, sizes, functions))
    filler = Scope(schedule, tile.source, addressing(schedule, tile.source, sizes, functions, True)) if tile else None
    filled, steps, above = filler.written() if filler else (), hook.written(), tuple(hook.above())
    every = (*filled, *steps, *(step for written, _ in above for step in written))
    blocks = _blocks(every)

    def texts(written: Sequence[Written]) -> tuple[str, ...]:
        return tuple(render(step.template, step.view, templates) for step in written)

    body = Body(
        functions=_functions(schedule, scheduled, every),
        extensions=_extensions(scheduled),
        before=tuple(render(*before, templates) for step in steps for before in step.before),
        steps=texts(steps),
        results=tuple(Result(texts(written), texels) for written, texels in above),
        shuffle=scheduled.shuffle,
        at=hook.at,
        dispatch=scheduled.dispatch,
        writes=writes,
        passes_alpha=passes_alpha(schedule, scheduled),
        anchor=scheduled.binds[0].name if scheduled.binds else "HOOKED",
        filling=filling_of(schedule, scheduled, hook.at, filler.at, texts(filled)) if filler else None,
    )
    binds = (*textures, *(block.name for block in blocks if not isinstance(block, Param)))
    return blocks, hook_pass(schedule, scheduled, binds, render(f"forms/{form.template}", form.view(body)))


def _blocks(steps: Sequence[Written]) -> tuple[Definition, ...]:
    """What the steps read that the file defines, each once: weights, parameters of channels, rims."""
    order = ("kernels/", "steps/registers", "steps/rim")
    found = sorted(steps, key=lambda step: [step.template.startswith(start) for start in order], reverse=True)
    return tuple(dict.fromkeys(block for step in found for block in step.blocks))


def _functions(schedule: Schedule, scheduled: ScheduledPass, steps: Sequence[Written]) -> str:
    needs = joined(step.needs for step in steps)
    zeros = scheduled.filled_tile or (scheduled.writes and scheduled.writes.zero_edge)  # outside of the image
    filled = {(FP32.vec(PACK), FP32.zero(PACK))} if zeros else set()
    view = FunctionsView(
        plane=schedule.graph.plane,
        reads_input=schedule.graph.input in scheduled.reads,
        mirror=needs.mirror,
        erf=needs.erf,
        padded=tuple(sorted(needs.padded | filled)),
        shared=tuple(dict.fromkeys(array for step in steps for array in step.shared)),
        functions=tuple(dict.fromkeys(function for step in steps for function in step.functions)),
        is_at=needs.is_at,
        number=needs.number,
        dot8=needs.dot8,
    )
    return render("functions.glsl.j2", view)


def _extensions(scheduled: ScheduledPass) -> tuple[str, ...]:
    plans = [step.plan for step in scheduled.every_step() if isinstance(step, ConvStep)]
    return tuple(sorted(frozenset().union(*(plan.resources.extensions for plan in plans))))
