"""Remove nodes that the output does not depend on."""

from __future__ import annotations

from dataclasses import replace

from shadergen.ir.graph import Graph


def remove_dead(graph: Graph) -> Graph:
    """The graph with only the nodes that its output depends on, in the same order."""
    needed = {graph.output}
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed.update(node.inputs)
    return replace(graph, nodes=tuple(node for node in graph.nodes if node.name in needed))
