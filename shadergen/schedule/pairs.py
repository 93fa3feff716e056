"""Two layers in one hook pass by a kernel that knows how: a plan that computes what it reads as well.

`fusion` writes any pass's steps into a function that fills shared memory; here the plan of the layer that reads does
it, together with the layer before it. `Target.fuse` switches it on.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from shadergen.ir.ops import Pointwise
from shadergen.kernels.kernel import Joins, Limits, Plan
from shadergen.schedule.fusion import with_tile
from shadergen.schedule.hookpass import Schedule, ScheduledPass, Tile
from shadergen.schedule.steps import ConvStep, PointwiseStep, ReadStep

HALF_TEXEL_BYTES = 8
"""Of a pack in shared memory, as halves."""


def pair(planned: Schedule, limits: Limits) -> Schedule:
    """The same picture, two layers at a time in a pass where the plan of the second can be one for both.

    The first must be a convolution with pointwise operators on its result alone, which a single pass reads, through one
    convolution alone. Of three in a row the first two share a pass.
    """
    passes = {(scheduled.root, scheduled.part): scheduled for scheduled in planned.passes}
    for source in planned.passes:
        readers = [reader for reader in passes.values() if source.root in reader.reads]
        if len(readers) == 1 and (source.root, source.part) in passes:
            paired = _paired(planned, passes[source.root, source.part], readers[0], limits)
            if paired:
                passes[paired.root, paired.part] = paired
                del passes[source.root, source.part]
    return replace(planned, passes=tuple(passes.values()))


def _paired(planned: Schedule, source: ScheduledPass, reader: ScheduledPass, limits: Limits) -> ScheduledPass | None:
    """The reader's pass with the source's layer in it; None where that must not be, or the plan cannot."""
    layer, plan = _layer(source), _only_plan(reader)
    if layer is None or plan is None or reader.tile or source.part != (0, 1) or not _reads_once(reader, source.root):
        return None
    first, between = layer
    joined = plan.joined(first, between, limits) if isinstance(plan, Joins) else None
    area = joined.dispatch.area if joined else None
    if joined is None or area is None:
        return None
    stored = area[0] * joined.dispatch.pixels[0] * area[1] * joined.dispatch.pixels[1]
    share = Fraction(joined.tile[0] * joined.tile[1], stored)
    packs = planned.types[source.root].packs
    tile = Tile(source, area, joined.margin, joined.tile, packs, share, texel_bytes=HALF_TEXEL_BYTES, by_plan=True)
    steps = tuple(ConvStep(joined) if isinstance(step, ConvStep) else step for step in reader.steps)
    both = with_tile(planned, reader, [plan], tile)
    otherwise = (*source.otherwise, *reader.otherwise)
    found = replace(both, steps=steps, dispatch=joined.dispatch, otherwise=otherwise)
    return found if found.textures_bound() <= limits.binds else None


def _layer(source: ScheduledPass) -> tuple[Plan, tuple[Pointwise, ...]] | None:
    """The plan of the one convolution that a pass is, and what it does with the result, each with what was before."""
    first, *others = source.steps
    if not isinstance(first, ConvStep) or source.tile or source.block_steps:
        return None
    between: list[Pointwise] = []
    node = first.node
    for step in others:
        if not isinstance(step, PointwiseStep) or step.inputs != (node,):
            return None
        node = step.node
        between.append(step.op)
    return first.plan, tuple(between)


def _only_plan(reader: ScheduledPass) -> Plan | None:
    """The plan of the pass's convolution, where it is the only one."""
    plans = [step.plan for step in reader.every_step() if isinstance(step, ConvStep)]
    return plans[0] if len(plans) == 1 else None


def _reads_once(reader: ScheduledPass, value: str) -> bool:
    """Whether a convolution alone reads the value, in a pass of nothing but it and what is done at its pixels."""
    for step in reader.every_step():
        match step:
            case ConvStep() if step.source == value:
                pass
            case PointwiseStep():
                pass
            case ReadStep(node=name) if name != value:
                pass
            case _:
                return False
    return True
