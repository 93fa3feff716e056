"""A network on its own result: what a doubler is for fourfold enlargement."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from shadergen.errors import ModelError
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.names import Namer

MAX_STAGES = 4
"""A fifth stage of a doubler would have 256 times the pixels to work on."""


def stages(graph: Graph, factor: int) -> int:
    """How often a network has to run for a result that is `factor` times as large as the picture.

    Raises ModelError where its own factor has no such power, and for a network that does not enlarge, or not in the
    same way along both axes.
    """
    area = verify(graph)[graph.output].area
    own = area[0].scale
    if graph.plane == "chroma" or own <= 1 or area != (Extent().scaled(own),) * 2:
        found = f"found a {graph.plane} model with a result of {area[0]} x {area[1]}"
        raise ModelError(f"{graph.name}: factor", f"{found}, expected luma or rgb, and the size times a number")
    powers = {own**count: count for count in range(1, MAX_STAGES + 1)}
    if Fraction(factor) not in powers:
        known = ", ".join(str(power) for power in powers)
        raise ModelError(f"{graph.name}: factor", f"found {factor}, expected one of {known}: the model makes {own}")
    return powers[Fraction(factor)]


def repeated(graph: Graph, count: int) -> Graph:
    """The network that runs `count` times, each time on the result of the time before; of the same name."""
    names = Namer(graph.names)
    nodes, picture = list(graph.nodes), graph.output
    for _ in range(count - 1):
        renamed = {graph.input: picture}
        for node in graph.nodes:
            renamed[node.name] = names.fresh(node.name)
            nodes.append(Node(renamed[node.name], node.op, tuple(renamed[name] for name in node.inputs)))
        picture = renamed[graph.output]
    return replace(graph, nodes=tuple(nodes), output=picture)
