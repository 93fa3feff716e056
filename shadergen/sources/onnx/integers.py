"""What ONNX has as integers (QDQ): values that are rounded and cut off to a byte, and layers of whole numbers.

A value that is rounded and cut off to all that a byte holds is QuantizeLinear and DequantizeLinear of scale 1. A
convolution of such a value whose weights are bytes, and whose sums are scaled by the channel, has its weights and its
bias as integers of these scales. So runtimes that know QDQ multiply bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Affine, Array, Clip, Conv, Round

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Stored:
    """Integers, and the scale of each index of their first axis."""

    numbers: Integers
    scale: Array

    @property
    def floats(self) -> Array:
        """The integers as float32, which holds those of a byte, and others up to 2^24."""
        return self.numbers.astype(np.float32)


@dataclass(frozen=True)
class Layer:
    """A convolution of whole numbers, and the node that scales its sums."""

    conv: Node
    weight: Stored
    bias: Stored


@dataclass(frozen=True)
class Integral:
    """What a graph has as integers."""

    bytes: Mapping[str, tuple[Node, np.dtype[np.integer]]]
    """By the node that cuts off: the one that rounds before, and the integers' type."""
    layers: Mapping[str, Layer]
    """By the node that scales."""

    @property
    def within(self) -> frozenset[str]:
        """Nodes that are written together with those behind them."""
        rounds = (node.name for node, _ in self.bytes.values())
        return frozenset([*rounds, *(layer.conv.name for layer in self.layers.values())])


def integral(graph: Graph) -> Integral:
    """What of a graph is integers; a value that something else reads, too, is none."""
    nodes = {node.name: node for node in graph.nodes}
    readers: dict[str, int] = {graph.output: 1}
    for name in (name for node in graph.nodes for name in node.inputs):
        readers[name] = readers.get(name, 0) + 1
    pairs = ((nodes.get(node.inputs[0]), node) for node in graph.nodes)
    alone = [(before, node) for before, node in pairs if before and readers[before.name] == 1]
    found = {
        node.name: (before, _BYTES[node.op.minimum, node.op.maximum])
        for before, node in alone
        if isinstance(before.op, Round) and isinstance(node.op, Clip) and (node.op.minimum, node.op.maximum) in _BYTES
    }
    layers = {node.name: _layer(before, node) for before, node in alone if before.inputs[0] in found}
    return Integral(found, {name: layer for name, layer in layers.items() if layer})


_BYTES = {(0.0, 255.0): np.dtype(np.uint8), (-128.0, 127.0): np.dtype(np.int8)}


def _layer(before: Node, node: Node) -> Layer | None:
    """The two nodes as one layer of integers, or None."""
    conv, affine = before.op, node.op
    if not (isinstance(conv, Conv) and isinstance(affine, Affine)):
        return None
    weight, bias = _as(np.int8, conv.weight), _as(np.int32, conv.bias)
    scaled = (affine.scale > 0).all() and not affine.shift.any()
    if weight is None or bias is None or not scaled or conv.pad_mode != "zero":
        return None
    return Layer(before, Stored(weight, affine.scale), Stored(bias, affine.scale))


EXACT = 1 << 24
"""Whole numbers up to this are exact in float32."""


def _as(kind: type[np.int8] | type[np.int32], array: Array) -> Integers | None:
    """The array as integers of a type, whose zero has no sign; None where it is something else."""
    limits = np.iinfo(kind)
    within = limits.min <= array.min() and array.max() <= limits.max and np.abs(array).max() <= EXACT
    if not within or not (np.rint(array) == array).all():
        return None
    return array.astype(kind)
