"""A border in front of a network whose convolutions take away from the picture (waifu2x, Real-CUGAN).

Such a network is meant for pictures that are continued beforehand, as all its tools do: its result is then the picture
enlarged, and not a part of it, which a player would stretch to the whole.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Literal

from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import Pad

Border = Literal["auto", "edge", "reflect", "none"]
"""How the picture is continued: by its outermost pixels (`edge`, and `auto`), by reflection at them, or not at all."""


def bordered(graph: Graph, border: Border = "auto") -> Graph:
    """The graph with its input continued at all sides by what its result lacks, and what is then too much cut off.

    The graph itself where the result lacks nothing, or what it lacks depends on the picture's size by more than a
    factor, and for `none`.
    """
    output = verify(graph)[graph.output]
    lost = [_lost(extent) for extent in output.area]
    if border == "none" or not any(lost):
        return graph
    rows, columns = (ceil(less / (2 * extent.scale)) for less, extent in zip(lost, output.area, strict=True))
    names = Namer(graph.names)
    name = names.fresh("border")
    front = Node(name, Pad((rows, columns) * 2, "reflect" if border == "reflect" else "edge"), (graph.input,))
    nodes = [replace(node, inputs=tuple(name if i == graph.input else i for i in node.inputs)) for node in graph.nodes]
    more = [
        int(2 * pixels * extent.scale - less)
        for pixels, extent, less in zip((rows, columns), output.area, lost, strict=True)
    ]
    crop = (-(more[0] // 2), -(more[1] // 2), more[0] // 2 - more[0], more[1] // 2 - more[1])
    if any(crop):
        nodes.append(Node(names.fresh("inside"), Pad(crop), (graph.output,)))
    return replace(graph, nodes=(front, *nodes), output=nodes[-1].name if any(crop) else graph.output)


def _lost(extent: Extent) -> Fraction:
    """How many pixels less than the input times a factor there are; 0 where that is not the same for all inputs."""
    return max(Fraction(-extent.offset), Fraction(0)) if extent.affine and extent.scale else Fraction(0)
