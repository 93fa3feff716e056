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
from shadergen.train.guide import CHANNELS, PREFIX, guided, has_guide

Layer = tuple[Array, Array]
"""The weight, (out, in, kh, kw), and bias of a convolution."""


def deepened(graph: Graph) -> Graph:
    """A model of the C architecture, with or without a guide, with twice as many ReLU layers and the same picture to
    the bit. Raises ModelError for others.
    """
    convs = [
        (node.op.weight, node.op.bias)
        for node in graph.nodes
        if isinstance(node.op, Conv) and not node.name.startswith(PREFIX)
    ]
    if not _is_c(graph, convs):
        raise ModelError(graph.name, "found another architecture, expected C to deepen")
    first, layers, last = convs[:1], convs[1:-2], convs[-2:]
    longer = chain.from_iterable((layer, _identity(len(layer[1]))) for layer in layers)
    return _build(graph, [*first, *longer, *last])


def _identity(channels: int) -> Layer:
    """The layer that passes on what it gets, its weight (channels, channels, 3, 3)."""
    weight = np.zeros((channels, channels, 3, 3), np.float32)
    weight[range(channels), range(channels), 1, 1] = 1
    return weight, np.zeros(channels, np.float32)


def _build(graph: Graph, convs: list[Layer]) -> Graph:
    """The C model of these convolutions, with a guide where the graph has one. Raises ValueError as cmodel.build."""
    if not has_guide(graph):
        return cmodel.build(graph.name, convs, graph.record)
    (weight, bias), *others = convs
    bare = cmodel.build(graph.name, [(weight[:, :-CHANNELS], bias), *others], graph.record)
    return guided(bare, weight[:, -CHANNELS:])


def _is_c(graph: Graph, convs: list[Layer]) -> bool:
    """Whether these convolutions, and a guide if it has one, are all that tells the graph from others of C."""
    try:
        model = _build(graph, convs)
    except ValueError:
        return False
    found, expected = ([(node.name, type(node.op), node.inputs) for node in one.nodes] for one in (graph, model))
    return found == expected
