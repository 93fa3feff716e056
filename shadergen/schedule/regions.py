"""Which nodes of the graph a hook pass computes."""

from __future__ import annotations

from collections.abc import Collection

from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Conv, DepthToSpace
from shadergen.kernels.heuristics import Heuristics
from shadergen.schedule.steps import Neighbourhood, sources


def is_recomputed(graph: Graph, node: Node, heuristics: Heuristics) -> bool:
    """Whether a pass that wants the node's value at its pixel computes it, although it may be in textures."""
    if not isinstance(node.op, Conv) or node.inputs != (graph.input,):
        return False
    return node.op.plain and node.op.weight[0].size <= heuristics.recompute_macs


def region(graph: Graph, root: str, stored: Collection[str], heuristics: Heuristics) -> tuple[Node, ...]:
    """The nodes that the pass for `root` computes: back to the `stored` values, in the graph's order."""
    wanted = {root}
    found = []
    for node in reversed(graph.nodes):
        is_computed_here = node.name == root or node.name not in stored or is_recomputed(graph, node, heuristics)
        if node.name in wanted and is_computed_here:
            found.append(node)
            # What a neighbourhood is read from comes from textures, even where it could be computed at the pixel.
            at_pixel = not isinstance(node.op, Neighbourhood)
            wanted.update(name for name in sources(node) if at_pixel or name not in stored)
    return _without_recomputed_above(graph, root, tuple(reversed(found)), stored, heuristics)


def _without_recomputed_above(
    graph: Graph, root: str, nodes: tuple[Node, ...], stored: Collection[str], heuristics: Heuristics
) -> tuple[Node, ...]:
    """The nodes, less convolutions that would be computed again above a shuffle, where a pass cannot: they are read."""
    if not shuffles(nodes):
        return nodes
    below = before_shuffles(nodes)
    return tuple(
        node
        for node in nodes
        if node.name == root
        or node.name in below
        or node.name not in stored
        or not is_recomputed(graph, node, heuristics)
    )


def shuffles(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """The DepthToSpace among some nodes."""
    return tuple(node for node in nodes if isinstance(node.op, DepthToSpace))


def before_shuffles(nodes: tuple[Node, ...]) -> frozenset[str]:
    """Those of a region's nodes that a DepthToSpace of the region depends on."""
    before: set[str] = set()
    for node in reversed(nodes):
        if isinstance(node.op, DepthToSpace) or node.name in before:
            before.update(node.inputs)
    return frozenset(before & {node.name for node in nodes})
