"""The picture itself, added to what a network gives: for networks that give only what is to be added to it.

Real-CUGAN's 4x is one: its tools add the picture, each pixel four times as large, behind the network.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from shadergen.errors import ModelError
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import Add
from shadergen.sources.prescale import PrescaleFilter, upscale


def added(graph: Graph, filter: PrescaleFilter | None) -> Graph:
    """The graph with its input, enlarged to the result's size by `filter`, added to its result; itself for None.

    Raises ModelError for a chroma model, and for a result that is not the picture's size times an integer.
    """
    if filter is None:
        return graph
    area = verify(graph)[graph.output].area
    factor = int(area[0].scale)
    if graph.plane == "chroma" or area != (Extent().scaled(Fraction(factor)),) * 2:
        found = f"found a {graph.plane} model with a result of {area[0]} x {area[1]}"
        raise ModelError(f"{graph.name}: residual", f"{found}, expected luma or rgb, and the size times an integer")
    names = Namer(graph.names)
    nodes = upscale(graph.input, factor, filter, graph.input_type.channels, "picture", names) if factor > 1 else ()
    picture = nodes[-1].name if nodes else graph.input
    result = Node(names.fresh("residual"), Add(), (graph.output, picture))
    return replace(graph, nodes=(*graph.nodes, *nodes, result), output=result.name)
