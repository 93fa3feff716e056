"""The steps of a pass, in order."""

from __future__ import annotations

from shadergen.ir.graph import Node
from shadergen.ir.ops import (
    Add,
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Fit,
    Gather,
    GlobalAveragePool,
    MaxPool,
    MeanOfMeans,
    Op,
    Pad,
    Resize,
    Rim,
    Slice,
    SpaceToDepth,
)
from shadergen.kernels.kernel import Plan
from shadergen.schedule.demand import moved
from shadergen.schedule.section import Section
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    Lane,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    SpaceToDepthStep,
    Step,
    sources,
)

Steps = tuple[Step, ...]


def sequence(section: Section, plans: dict[str, Plan]) -> tuple[Steps, Steps]:
    """The steps at the invocation's pixels, and those for each pixel that a shuffle makes of them."""
    steps: list[Step] = []
    block_steps: list[Step] = []
    read: set[str] = set()
    types, shuffled = section.setting.types, section.shuffle > 1

    def add(step: Step) -> None:
        sides = zip(types[step.node].area, types[section.root].area, strict=True)
        above = shuffled and any(own == result for own, result in sides)  # along the other it may be a single pixel
        (block_steps if above else steps).append(step)

    rims = _rims_added(section)
    nodes = [node for node in section.nodes if node.name not in {rim.name for rim, _ in rims.values()}]
    for node in nodes:
        for name in sources(node):
            if name in section.demand and name not in section.computed | read:
                add(ReadStep(name, section.demand[name]))
                read.add(name)
        if node.name in rims:
            rim, other = rims[node.name]
            assert isinstance(rim.op, Rim)
            add(RimStep(node.name, rim.op, rim.inputs[0], section.demand[node.name], onto=other))
        else:
            add(_step(section, node, plans))
    return tuple(steps), tuple(block_steps)


def _rims_added(section: Section) -> dict[str, tuple[Node, str]]:
    """By sum: a rim that nothing else reads, and the value of the same shape that it is added to."""
    types, found = section.setting.types, {}
    rims = {node.name: node for node in section.nodes if isinstance(node.op, Rim) and node.name != section.root}
    for node in section.nodes:
        own = [name for name in node.inputs if name in rims]
        if isinstance(node.op, Add) and len(node.inputs) == 2 and len(own) == 1:
            (other,) = (name for name in node.inputs if name not in own)
            readers = [reader for reader in section.nodes if own[0] in reader.inputs]
            if len(readers) == 1 and types[own[0]] == types[other] == types[node.name]:
                found[node.name] = rims[own[0]], other
    return found


def _step(section: Section, node: Node, plans: dict[str, Plan]) -> Step:
    packs = section.demand[node.name]
    op: Op = node.op
    match op:
        case Conv():
            return ConvStep(plans[node.name])
        case Rim():
            return RimStep(node.name, op, node.inputs[0], packs)
        case SpaceToDepth(block):
            return SpaceToDepthStep(node.name, block, node.inputs[0], packs)
        case DepthToSpace(block):
            if not section.setting.form.shuffles:
                return DepthToSpaceStep(node.name, block, node.inputs[0], packs)
            first = [[Lane(node.inputs[0], c * block**2) for c in section.channels(node, pack)] for pack in packs]
            return LaneStep(node.name, packs, tuple(map(tuple, first)), block)
        case Pad() | Fit() | Resize() | MaxPool() | AveragePool() | MeanOfMeans():
            return SampleStep(node.name, op, node.inputs, packs)
        case Slice() | Gather() | Concat():
            types = section.setting.types
            lanes = [[moved(node, channel, types) for channel in section.channels(node, pack)] for pack in packs]
            return LaneStep(node.name, packs, tuple(map(tuple, lanes)))
        case ConvTranspose() | GlobalAveragePool():
            raise AssertionError("lowered before")
        case _:
            return PointwiseStep(node.name, op, node.inputs, packs)
