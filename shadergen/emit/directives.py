"""The directives of a hook pass: what it is called, what it binds, how large it is."""

from __future__ import annotations

from collections.abc import Sequence

from shadergen.emit import plane
from shadergen.emit.sizes import result_size
from shadergen.glsl.sizes import Sizes
from shadergen.hookfile import HookPass
from shadergen.ir.graph import Node
from shadergen.ir.ops import Add, Conv, Fit, Rim
from shadergen.kernels.kernel import Pair
from shadergen.schedule.hookpass import Schedule, ScheduledPass


def hook_pass(schedule: Schedule, scheduled: ScheduledPass, binds: tuple[str, ...], body: str) -> HookPass:
    """The directives around a body."""
    graph, writes = schedule.graph, scheduled.writes
    index, parts = scheduled.part
    part = f" [{index + 1}/{parts}]" if parts > 1 else ""
    width, height = (side * scheduled.shuffle for side in scheduled.pixels)
    threads = workgroup(schedule, scheduled)
    return HookPass(
        hooks=(plane.PLANES[graph.plane].hook,),
        desc=f"{graph.name} {describe(scheduled.nodes)}{part}",
        binds=binds,
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
    """Threads of a compute pass: what a plan or a tile wants, or else the target's."""
    own = scheduled.tile.area if scheduled.tile else schedule.target.workgroup
    return scheduled.dispatch.workgroup or own


def bound(schedule: Schedule, scheduled: ScheduledPass) -> tuple[str, ...]:
    """The textures of pictures that the pass binds: HOOKED (and LUMA) first, where it needs them."""
    names = [texture.name for texture in scheduled.binds]
    if not _needs_hooked(schedule, scheduled):
        return tuple(names)
    return ("HOOKED", *(["LUMA"] if schedule.graph.plane == "chroma" else []), *names)


def _needs_hooked(schedule: Schedule, scheduled: ScheduledPass) -> bool:
    """Whether the pass reads the graph's input, passes its alpha on, or derives from its size what no other has."""
    if schedule.graph.input in scheduled.reads or passes_alpha(schedule, scheduled):
        return True
    sizes = Sizes(schedule.types, schedule.graph.input_type, False, scheduled.binds)
    for node in scheduled.nodes:
        if isinstance(node.op, Fit):
            corner = [sizes.of_input(node.op.corner[i], node.inputs[1], "yx"[i]) for i in (0, 1)]
            if not all(extent.constant for extent in corner):
                return True
    inputs = {name for node in scheduled.nodes for name in node.inputs}
    return not all(sizes.follows(value) for value in {scheduled.root, *scheduled.reads, *inputs})


def passes_alpha(schedule: Schedule, scheduled: ScheduledPass) -> bool:
    """Whether the pass writes the plane itself and there is alpha to pass on."""
    return plane.PLANES[schedule.graph.plane].rest == "alpha" and scheduled.writes is None
