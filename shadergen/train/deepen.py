"""Twice as many layers that compute the same: a deeper network that begins where a trained one ended.

Behind each layer with ReLU stands one more, whose kernel is the identity. What it gets is a ReLU's and so never below
zero, and its own ReLU changes nothing: T. Chen, I. Goodfellow and J. Shlens, Net2Net, arXiv:1511.05641, section 2.2.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Array, Conv
from shadergen.sources import cmodel


def deepened(graph: Graph) -> Graph:
    """A model of the C architecture with twice as many ReLU layers, its picture as before to the bit.

    Raises ModelError for others.
    """
    convs = [(node.op.weight, node.op.bias) for node in graph.nodes if isinstance(node.op, Conv)]
    if not _is_c(graph, convs):
        raise ModelError(graph.name, "found another architecture, expected C without a guide to deepen")
    first, layers, last = convs[:1], convs[1:-2], convs[-2:]
    longer = chain.from_iterable((layer, _identity(len(layer[1]))) for layer in layers)
    return cmodel.build(graph.name, [*first, *longer, *last], graph.record)


def _identity(channels: int) -> tuple[Array, Array]:
    """The weight, (channels, channels, 3, 3), and bias of a convolution that passes on what it gets."""
    weight = np.zeros((channels, channels, 3, 3), np.float32)
    weight[range(channels), range(channels), 1, 1] = 1
    return weight, np.zeros(channels, np.float32)


def _is_c(graph: Graph, convs: list[tuple[Array, Array]]) -> bool:
    """Whether these convolutions of the graph are all that tells it from others of the C architecture."""
    try:
        model = cmodel.build(graph.name, convs, graph.record)
    except ValueError:
        return False
    found, expected = ([(node.name, type(node.op), node.inputs) for node in one.nodes] for one in (graph, model))
    return found == expected
