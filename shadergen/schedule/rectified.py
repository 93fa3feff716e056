"""Concatenated rectifiers: values that are kept once, with their sign."""

from __future__ import annotations

import numpy as np

from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Affine, Concat, Conv, Relu
from shadergen.ir.types import TensorType
from shadergen.storage.layout import PACK


def signed(graph: Graph, types: dict[str, TensorType]) -> frozenset[str]:
    """Values that are max(x, 0) and behind it max(-x, 0), of an x of whole packs, and that convolutions alone read."""
    nodes = {node.name: node for node in graph.nodes}
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node)
    return frozenset(
        node.name
        for node in graph.nodes
        if isinstance(node.op, Relu)
        and _joins_opposites(nodes, node.inputs[0])
        and types[node.name].channels % (2 * PACK) == 0
        and node.name != graph.output
        and all(isinstance(reader.op, Conv) for reader in readers[node.name])
    )


def _joins_opposites(nodes: dict[str, Node], name: str) -> bool:
    """Whether a value is x and -x."""
    node = nodes.get(name)
    if node is None or not isinstance(node.op, Concat) or len(node.inputs) != 2:
        return False
    first, second = node.inputs
    other = nodes.get(second)
    if other is None or not isinstance(other.op, Affine) or other.inputs != (first,):
        return False
    return bool(np.all(other.op.scale == -1) and not np.any(other.op.shift))
