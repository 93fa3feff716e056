"""A graph as a torch module, and back. The graph stays the one description of the network: `forward` walks its nodes.

tests/test_train.py holds every operator here against reference.py.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, assert_never

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from shadergen.errors import ModelError
from shadergen.graph import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Elu,
    Graph,
    LeakyRelu,
    Mul,
    Node,
    Op,
    PRelu,
    Relu,
    Rim,
    Selu,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
)

_PAD_MODES = {"zero": "constant", "edge": "replicate", "reflect": "reflect"}
_FIELDS = ("weight", "bias", "slope")


class Network(nn.Module):  # type: ignore[misc, unused-ignore]
    """(n, channels, height, width) to the graph's output, float32; parameters are `<node>__<field>`."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.arrays = nn.ParameterDict()
        for node in graph.nodes:
            if isinstance(node.op, Rim):
                raise ModelError(f"{graph.name}: node {node.name!r}", "found a Rim, expected a graph as it was trained")
            for field in _FIELDS:
                if hasattr(node.op, field):
                    self.arrays[_key(node, field)] = nn.Parameter(torch.from_numpy(getattr(node.op, field).copy()))

    def forward(self, image: Tensor, clip: bool = True) -> Tensor:
        """The picture. Without `clip`, a last Clip is left out: where it acts, it would stop the gradient."""
        values = {self.graph.input: image}
        for node in self.graph.nodes:
            inputs = [values[name] for name in node.inputs]
            last_clip = node.name == self.graph.output and isinstance(node.op, Clip)
            values[node.name] = inputs[0] if last_clip and not clip else self._value(node, inputs)
        return values[self.graph.output]

    def _value(self, node: Node, inputs: list[Tensor]) -> Tensor:  # noqa: C901  # one case per operator
        x = inputs[0]
        match node.op:
            case Conv():
                return self._conv(node, node.op, x)
            case Relu():
                return F.relu(x)
            case LeakyRelu(alpha):
                return F.leaky_relu(x, alpha)
            case PRelu():
                return F.prelu(x, self.arrays[_key(node, "slope")])
            case Elu(alpha):
                return F.elu(x, alpha)
            case Selu(alpha, gamma):
                return gamma * F.elu(x, alpha)
            case Sigmoid():
                return torch.sigmoid(x)
            case Tanh():
                return torch.tanh(x)
            case Clip(minimum, maximum):
                return torch.clamp(x, minimum, maximum)
            case Add():
                return x + inputs[1]
            case Mul():
                return x * inputs[1]
            case Concat():
                return torch.cat(inputs, 1)
            case Slice(start, stop):
                return x[:, start:stop]
            case DepthToSpace(block):
                return F.pixel_shuffle(x, block)
            case SpaceToDepth(block):
                return F.pixel_unshuffle(x, block)
            case Rim():
                raise AssertionError("refused by __init__")
            case _:
                assert_never(node.op)

    def _conv(self, node: Node, op: Conv, x: Tensor) -> Tensor:
        weight, bias = self.arrays[_key(node, "weight")], self.arrays[_key(node, "bias")]
        top, left, bottom, right = op.pads
        if op.pad_mode == "zero" and (top, left) == (bottom, right):  # faster than a padded copy
            return F.conv2d(x, weight, bias, padding=(top, left))
        return F.conv2d(F.pad(x, (left, right, top, bottom), _PAD_MODES[op.pad_mode]), weight, bias)

    def trained(self, weights: dict[str, Tensor]) -> Graph:
        """The graph with these weights, named as the parameters of `arrays` are."""

        def op(node: Node) -> Op:
            arrays: dict[str, Any] = {
                field: np.array(weights[_key(node, field)].detach().cpu().numpy(), np.float32, order="C")
                for field in _FIELDS
                if hasattr(node.op, field)
            }
            return replace(node.op, **arrays)

        return replace(self.graph, nodes=tuple(replace(node, op=op(node)) for node in self.graph.nodes))


def _key(node: Node, field: str) -> str:
    """Node names join words by single underscores, so this names one array only."""
    return f"{node.name}__{field}"


def reach(graph: Graph) -> int:
    """How many pixels of the input, at most, lie between an output pixel and the farthest pixel it depends on.

    An estimate from above: kernels' halves are added up along the longest path, in pixels of the input.
    """
    from shadergen.graph import verify

    types = verify(graph)
    far = {graph.input: 0.0}
    for node in graph.nodes:
        far[node.name] = max(far[name] for name in node.inputs)
        if isinstance(node.op, Conv):
            kernel = max(node.op.weight.shape[2:])
            far[node.name] += (kernel // 2) / float(types[node.inputs[0]].width.scale)
    return int(np.ceil(far[graph.output]))
