"""Which packs of which values a pass needs in registers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shadergen.forms.form import Form
from shadergen.ir.graph import Node
from shadergen.ir.ops import Concat, DepthToSpace, Gather, Slice
from shadergen.ir.types import TensorType
from shadergen.schedule.steps import Lane, Neighbourhood
from shadergen.storage.layout import channels_of, pack_of

Demand = dict[str, tuple[int, ...]]
"""By value, the packs that are needed of it, in ascending order."""


def demanded(
    nodes: tuple[Node, ...], root: str, packs: Iterable[int], types: dict[str, TensorType], form: Form
) -> Demand:
    """What a pass that computes `nodes` needs in registers for some packs of `root`.

    What convolutions read is not in registers.
    """
    demand: dict[str, set[int]] = {root: set(packs)}
    for node in reversed(nodes):
        for pack in demand.get(node.name, ()):
            for lane in _operand_lanes(node, pack, types, form):
                demand.setdefault(lane.value, set()).add(pack_of(lane.channel))
    return {name: tuple(sorted(packs)) for name, packs in demand.items()}


def _operand_lanes(node: Node, pack: int, types: dict[str, TensorType], form: Form) -> Iterator[Lane]:
    """What a pack of `node` needs of its operands in registers."""
    channels = channels_of(pack, types[node.name].channels)
    match node.op:
        case op if isinstance(op, Neighbourhood):
            return
        case DepthToSpace(block):
            if form.shuffles:
                size = block**2
                yield from (Lane(node.inputs[0], c * size + place) for c in channels for place in range(size))
        case Slice() | Gather() | Concat():
            yield from (moved(node, channel, types) for channel in channels)
        case _:
            for name in node.inputs:
                alone = types[name].channels == 1
                yield from (Lane(name, 0 if alone else channel) for channel in channels)


def moved(node: Node, channel: int, types: dict[str, TensorType]) -> Lane:
    """Where a channel of a Slice, Gather or Concat comes from."""
    match node.op:
        case Gather(indices):
            return Lane(node.inputs[0], indices[channel])
        case Slice(start):
            return Lane(node.inputs[0], channel + start)
        case _:
            for name in node.inputs:
                if channel < types[name].channels:
                    return Lane(name, channel)
                channel -= types[name].channels
    raise AssertionError("the channel is within the type that verify gave")
