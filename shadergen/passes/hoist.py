"""Move pointwise work in front of a DepthToSpace: four channels at once instead of one after the other."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from shadergen.ir.graph import Graph, Node
from shadergen.ir.names import Namer
from shadergen.ir.ops import Affine, DepthToSpace, PRelu, Unary


def hoist_pointwise(graph: Graph) -> Graph:
    """The graph with each unary operator in front of the DepthToSpace whose value it alone reads.

    Both look at one channel of one pixel, so they commute. What has numbers for each channel (PRelu, Affine) stays
    where it is, since in front of the shuffle there are other channels. The operator's value gets a new name, and the
    shuffle has the name that the operator had.
    """
    names = Namer(graph.names)
    while True:
        found = _behind_a_shuffle(graph)
        if found is None:
            return graph
        shuffle, node = found
        before = Node(names.fresh(f"{node.name}_phases"), node.op, shuffle.inputs)
        after = Node(node.name, shuffle.op, (before.name,))
        moved = {shuffle.name: before, node.name: after}
        graph = replace(graph, nodes=tuple(moved.get(other.name, other) for other in graph.nodes))


def _behind_a_shuffle(graph: Graph) -> tuple[Node, Node] | None:
    """A DepthToSpace, and the operator that may change places with it."""
    nodes = {node.name: node for node in graph.nodes}
    readers = Counter(name for node in graph.nodes for name in node.inputs)
    for node in graph.nodes:
        shuffle = nodes.get(node.inputs[0])
        if shuffle and isinstance(shuffle.op, DepthToSpace) and readers[shuffle.name] == 1:
            alike = isinstance(node.op, Unary) and not isinstance(node.op, PRelu | Affine)
            if alike and shuffle.name != graph.output:
                return shuffle, node
    return None
