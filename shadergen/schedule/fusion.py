"""Two layers in one hook pass: a value stays in the shared memory of the one pass that reads it.

A workgroup computes the value for its own pixels and for the halo, those that the convolutions read around them, which
its neighbours compute as well. That saves a texture, its write and its reads; it costs the halo's work, a barrier, and
shared memory. `Target.fuse` switches it on, because which of the two is dearer depends on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from shadergen.kernels.kernel import Limits, Pair, Plan
from shadergen.schedule.cost import bytes_moved, conv_fetches
from shadergen.schedule.hookpass import Cost, Schedule, ScheduledPass, Tile
from shadergen.schedule.steps import ConvStep, LaneStep, PointwiseStep, ReadStep, RimStep, SampleStep, SpaceToDepthStep

WORKGROUPS: tuple[Pair, ...] = ((16, 8), (8, 8))
"""Threads to try after the target's own until the tile fits; fewer than 64 would leave lanes of a GPU idle."""

_IN_REGISTERS = (ConvStep, RimStep, SampleStep, PointwiseStep, LaneStep)

SUBGROUP = 32
"""Invocations of a GPU that do the same work at the same time."""


def fuse(planned: Schedule, limits: Limits) -> Schedule:
    """The same picture, with values in shared memory instead of textures where they fit and their halo is cheap.

    A value moves there when a single pass reads it, through convolutions alone that pad with zeros, with the nearest
    pixel or not at all, and when convolutions, rims, samples and work on their results in registers give it. A pass has
    at most one tile, and what fills it reads textures. Per channel that is no longer stored the halo may take
    `Heuristics.recompute_macs`, the price paid elsewhere for not reading one back.
    """
    passes = {(scheduled.root, scheduled.part): scheduled for scheduled in planned.passes}
    for source in planned.passes:
        readers = [scheduled for scheduled in passes.values() if source.root in scheduled.reads]
        if len(readers) == 1 and not passes[source.root, source.part].tile:
            fused = _fused(planned, source, readers[0], limits)
            if fused:
                passes[fused.root, fused.part] = fused
                del passes[source.root, source.part]
    roots = {each.root for scheduled in passes.values() for each in (scheduled, *scheduled.otherwise)}
    textures = {value: textures for value, textures in planned.textures.items() if value in roots}
    return replace(planned, textures=textures, passes=tuple(passes.values()))


def _fused(planned: Schedule, source: ScheduledPass, reader: ScheduledPass, limits: Limits) -> ScheduledPass | None:
    """The reader with the source's value in shared memory, or None where that must not be, or does not pay."""
    plans = _plans(reader, source.root)
    in_registers = all(
        isinstance(step, ConvStep | RimStep | SampleStep | PointwiseStep | LaneStep) for step in source.steps
    )
    if reader.tile or reader.switch or not plans or not in_registers or source.shuffle > 1 or source.part != (0, 1):
        return None
    if source.any_pack or source.dispatch.workgroup:
        return None  # invocations that fill the tile are neither one of several packs nor of another workgroup
    own = reader.dispatch.area
    for area in (own,) if own else (planned.target.workgroup, *WORKGROUPS):
        tile = _tile(planned, source, reader, plans, area)
        if own and planned.target.precision == "fp16":
            tile = replace(tile, texel_bytes=8)
        if tile.bytes + _shared_bytes(source, reader) <= limits.shared_bytes and _is_cheap(planned, tile, limits):
            fused = with_tile(planned, reader, plans, tile)
            return fused if fused.textures_bound() <= limits.binds else None
    return None


def _shared_bytes(*passes: ScheduledPass) -> int:
    """What the plans of some passes take of shared memory besides the tile."""
    steps = [step for scheduled in passes for step in scheduled.every_step()]
    return sum(step.plan.resources.shared_bytes for step in steps if isinstance(step, ConvStep))


def _plans(reader: ScheduledPass, value: str) -> list[Plan]:
    """Those that read the value; none where something else reads it, too, or the padding is not the same for all.

    They must read a window, whose texels may come from a tile as well as from a texture.
    """
    plans: list[Plan] = []
    for step in reader.steps + reader.block_steps:
        match step:
            case ConvStep(plan) if step.source == value:
                op = plan.task.op
                if not plan.reads_tiles or not op.plain:
                    return []
                plans.append(plan)
            case ReadStep(node=name) | RimStep(source=name) | SpaceToDepthStep(source=name) if name == value:
                return []
            case SampleStep(inputs=names) if value in names:
                return []
            case _:
                pass
    return plans if len(_paddings(plans)) <= 1 and "reflect" not in _paddings(plans) else []


def _paddings(plans: Sequence[Plan]) -> set[str]:
    """What counts outside of the image, for those that read there."""
    return {plan.task.op.pad_mode for plan in plans if any(plan.task.op.pads)}


def _tile(planned: Schedule, source: ScheduledPass, reader: ScheduledPass, plans: list[Plan], area: Pair) -> Tile:
    """What a workgroup of so many invocations reads of the value, in whole blocks of the source's pixels."""
    left, top = (max(plan.task.op.pads[axis] for plan in plans) for axis in (1, 0))
    right, below = (
        max(plan.task.op.weight.shape[axis] - 1 - plan.task.op.pads[axis - 2] for plan in plans) for axis in (3, 2)
    )
    own = [area[axis] * reader.pixels[axis] for axis in (0, 1)]
    wanted = (left + own[0] + right, top + own[1] + below)
    width, height = (-(-wanted[axis] // source.pixels[axis]) * source.pixels[axis] for axis in (0, 1))
    share = Fraction(width * height, own[0] * own[1])
    continued = _paddings(plans) == {"edge"}
    return Tile(source, area, (left, top), (width, height), planned.types[source.root].packs, share, continued)


def _is_cheap(planned: Schedule, tile: Tile, limits: Limits) -> bool:
    """Whether the halo's multiply-adds are; lanes that find no block left count as well."""
    type_, blocks = planned.types[tile.value], tile.blocks[0] * tile.blocks[1]
    taken = tile.share * Fraction(-(-blocks // SUBGROUP) * SUBGROUP, blocks)
    return tile.source.cost.macs * (taken - 1) <= limits.heuristics.recompute_macs * type_.channels * type_.pixels()


def with_tile(planned: Schedule, reader: ScheduledPass, plans: list[Plan], tile: Tile) -> ScheduledPass:
    """The reader, which computes the tile as well; `plans` are those of its convolutions that read it."""
    source = tile.source
    reads = dict.fromkeys((*source.reads, *reader.reads))
    binds = dict.fromkeys((*source.binds, *reader.binds))
    for texture in planned.textures[tile.value]:
        del binds[texture]
    del reads[tile.value]
    fetched = [planned.types[plan.task.node].pixels() * conv_fetches(plan) for plan in plans]
    cost = Cost(
        reader.cost.macs + source.cost.macs * tile.share,
        reader.cost.fetches - sum(fetched) + source.cost.fetches * tile.share,
        bytes_moved(planned.graph.input in reads, binds, planned.types[reader.root], reader.writes),
    )
    nodes = tuple(dict.fromkeys((*source.nodes, *reader.nodes)))
    return replace(reader, nodes=nodes, reads=tuple(reads), binds=tuple(binds), cost=cost, tile=tile)
