"""A border in front of a network whose convolutions take away from the picture (waifu2x, Real-CUGAN).

Such a network is meant for pictures that are continued beforehand, as all its tools do: its result is then the picture
enlarged, and not a part of it, which a player would stretch to the whole.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Literal

from shadergen.ir.extent import Extent, fixed
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import Fit, Op, Pad, PadMode

Border = Literal["auto", "edge", "reflect", "none"]
"""How the picture is continued: by its outermost pixels (`edge`, and `auto`), by reflection at them, or not at all."""


def bordered(graph: Graph, border: Border = "auto") -> Graph:
    """The graph with its input continued at all sides by what its result lacks, and what is then too much cut off.

    A network with strides gets its picture continued to the next multiple of what they repeat after, behind that. The
    graph itself where the result lacks nothing, or is not the picture times a factor but for what it lacks and rounds,
    and for `none`.
    """
    area = verify(graph)[graph.output].area
    lost = [_lost(extent) for extent in area]
    if border == "none" or not any(lost):
        return graph
    sides = [ceil(less / (2 * extent.scale)) for less, extent in zip(lost, area, strict=True)]
    more = [int(2 * side * extent.scale - less) for side, extent, less in zip(sides, area, lost, strict=True)]
    mode: PadMode = "reflect" if border == "reflect" else "edge"
    front: Op = Pad((*sides, *sides), mode)  # type: ignore[arg-type]
    crop: Op | None = Pad((-(more[0] // 2), -(more[1] // 2), more[0] // 2 - more[0], more[1] // 2 - more[1]))
    if not all(extent.affine for extent in area):
        height, width = (Extent().plus(2 * side).up_to(extent.period) for side, extent in zip(sides, area, strict=True))
        front = Fit((height, width), (fixed(sides[0]), fixed(sides[1])), mode)
        whole = (Extent().scaled(area[0].scale), Extent().scaled(area[1].scale))
        crop = Fit(whole, (fixed(-(more[0] // 2)), fixed(-(more[1] // 2))))
    elif not any(more):
        crop = None
    return _between(graph, front, crop)


def _lost(extent: Extent) -> Fraction:
    """How many pixels less than the input times a factor there are, where nothing is rounded."""
    return max(Fraction(-extent.offset), Fraction(0)) if extent.scale > 0 else Fraction(0)


def _between(graph: Graph, front: Op, behind: Op | None) -> Graph:
    """The graph with an operator in front of it, and perhaps one behind. A Fit reads the size of the picture itself."""
    names = Namer(graph.names)
    name = names.fresh("border")
    sizes = (graph.input,)
    nodes = [Node(name, front, (graph.input, *(sizes if isinstance(front, Fit) else ())))]
    nodes += [replace(node, inputs=tuple(name if i == graph.input else i for i in node.inputs)) for node in graph.nodes]
    output = graph.output
    if behind:
        output = names.fresh("inside")
        nodes.append(Node(output, behind, (graph.output, *(sizes if isinstance(behind, Fit) else ()))))
    return _without_idle(replace(graph, nodes=tuple(nodes), output=output))


def _without_idle(graph: Graph) -> Graph:
    """The graph without a Fit that has nothing to do, such as one to multiples in a network that has them now."""
    types = verify(graph)
    same: dict[str, str] = {}
    kept = []
    for node in graph.nodes:
        inputs = tuple(same.get(name, name) for name in node.inputs)
        still = isinstance(node.op, Fit) and node.op.corner == (fixed(0), fixed(0))
        if still and types[inputs[0]].area == types[node.name].area and node.name != graph.output:
            same[node.name] = inputs[0]
        else:
            kept.append(replace(node, inputs=inputs))
    return replace(graph, nodes=tuple(kept))
