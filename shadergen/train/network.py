"""A graph as a torch module, and back. The graph stays the one description of the network: `forward` walks its nodes.

tests/test_train.py holds every operator here against reference.py.
"""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any, assert_never

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor, nn

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.extent import fixed
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import (
    Add,
    Affine,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Fit,
    Gather,
    GlobalAveragePool,
    Internal,
    LeakyRelu,
    MaxPool,
    MeanOfMeans,
    Mul,
    Op,
    Pad,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Rim,
    Round,
    Selu,
    Sides,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
)
from shadergen.train.guide import PREFIX

_PAD_MODES = {"zero": "constant", "edge": "replicate", "reflect": "reflect"}


class Network(nn.Module):  # type: ignore[misc, unused-ignore]
    """The network of a graph, from images (n, channels, height, width) to images, float32.

    Its parameters are the operators' arrays, `arrays.<node>__<field>`; those of a guide are formulas and have no
    gradient. Raises ModelError for a rewritten graph.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.arrays = nn.ParameterDict()
        for node in graph.nodes:
            if isinstance(node.op, Internal):
                problem = f"found operator {type(node.op).__name__!r}, expected the graph as it was trained"
                raise ModelError(f"{graph.name}: node {node.name!r}", problem)
            for field, array in _arrays(node.op).items():
                tensor = _channels_last(torch.from_numpy(array.copy()))
                self.arrays[_key(node, field)] = nn.Parameter(tensor, requires_grad=not node.name.startswith(PREFIX))

    def forward(self, image: Tensor, clip: bool = True) -> Tensor:
        """The graph's output. Without `clip`, a last Clip is left out: where it acts, it would stop the gradient."""
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
            case Softplus():
                return F.softplus(x)
            case Erf():
                return torch.erf(x)
            case Sqrt():
                return torch.sqrt(x)
            case Round():
                return x + (torch.round(x) - x).detach()  # the gradient passes as if nothing were rounded
            case Clip(minimum, maximum):
                return torch.clamp(x, minimum, maximum)
            case Affine():
                return self._affine(node, x)
            case Add():
                return x + inputs[1]
            case Sub():
                return x - inputs[1]
            case Mul():
                return x * inputs[1]
            case Div():
                return x / inputs[1]
            case Concat():
                return torch.cat(inputs, 1)
            case Slice(start, stop):
                return x[:, start:stop]
            case Gather(indices):
                return x[:, list(indices)]
            case DepthToSpace(block):
                return F.pixel_shuffle(x, block)
            case SpaceToDepth(block):
                return F.pixel_unshuffle(x, block)
            case ConvTranspose():
                return self._conv_transpose(node, node.op, x)
            case Pad(pads, mode, value):
                return _padded(x, pads, mode, value)
            case Fit():
                return _fitted(node.op, x, inputs[1])
            case Resize():
                sizes = zip(x.shape[2:], inputs[-1].shape[2:], strict=True)
                rows, columns = (_resampling(node.op, axis, *size).to(x) for axis, size in enumerate(sizes))
                return rows @ x @ columns.T
            case MaxPool(kernel, strides, pads):
                return F.max_pool2d(_padded(x, pads, value=-torch.inf), kernel, strides)
            case AveragePool(kernel, strides, pads):
                total, count = (
                    F.avg_pool2d(_padded(y, pads), kernel, strides) for y in (x, torch.ones_like(x[:1, :1]))
                )
                return total / count
            case GlobalAveragePool():
                return x.mean((2, 3), keepdim=True)
            case Rim() | MeanOfMeans():
                raise AssertionError("refused by __init__")
            case _:
                assert_never(node.op)

    def _affine(self, node: Node, x: Tensor) -> Tensor:
        scale, shift = (self.arrays[_key(node, field)][:, None, None] for field in ("scale", "shift"))
        result: Tensor = scale * x + shift
        return result

    def _conv(self, node: Node, op: Conv, x: Tensor) -> Tensor:
        weight, bias = self.arrays[_key(node, "weight")], self.arrays[_key(node, "bias")]
        top, left, bottom, right = op.pads
        if op.pad_mode == "zero" and (top, left) == (bottom, right):  # faster than a padded copy
            return F.conv2d(x, weight, bias, op.strides, (top, left), op.dilations, op.group)
        return F.conv2d(_padded(x, op.pads, op.pad_mode), weight, bias, op.strides, 0, op.dilations, op.group)

    def _conv_transpose(self, node: Node, op: ConvTranspose, x: Tensor) -> Tensor:
        weight, bias = self.arrays[_key(node, "weight")], self.arrays[_key(node, "bias")]
        top, left, bottom, right = op.pads
        whole = F.conv_transpose2d(x, weight, None, op.strides, groups=op.group)
        result: Tensor = F.pad(whole, (-left, -right, -top, -bottom)) + bias[:, None, None]
        return result

    def trained(self, weights: dict[str, Tensor]) -> Graph:
        """The graph with these weights, which are named as the parameters in `arrays` are: `<node>__<field>`."""

        def op(node: Node) -> Op:
            arrays: dict[str, Any] = {
                field: np.array(weights[_key(node, field)].detach().cpu().numpy(), np.float32, order="C")
                for field in _arrays(node.op)
            }
            return replace(node.op, **arrays)

        return replace(self.graph, nodes=tuple(replace(node, op=op(node)) for node in self.graph.nodes))


def _padded(x: Tensor, pads: Sides, mode: PadMode = "zero", value: float = 0.0) -> Tensor:
    """What reference.pad gives: `x` cropped where a side is below zero, then padded at the others."""
    top, left, bottom, right = pads
    x = F.pad(x, (min(left, 0), min(right, 0), min(top, 0), min(bottom, 0)))
    sides = (max(left, 0), max(right, 0), max(top, 0), max(bottom, 0))
    if not any(sides):
        return x
    return F.pad(x, sides, value=value) if mode == "zero" else F.pad(x, sides, _PAD_MODES[mode])


def _fitted(op: Fit, x: Tensor, like: Tensor) -> Tensor:
    """What reference.fit gives."""
    for axis, indices in enumerate(reference.fitted(op, x.shape[2:], like.shape[2:]), 2):
        at = torch.from_numpy(indices).to(x.device)
        x = x.index_select(axis, at.clamp(0))
        if op.mode == "zero":
            x = x * (at >= 0).reshape((-1, 1) if axis == 2 else (1, -1))
    return x


@lru_cache(maxsize=64)
def _resampling(op: Resize, axis: int, size: int, like: int) -> Tensor:
    """A resize along one axis as a matrix, (result, size): what the reference makes of the identity."""
    to: Any = (op.to[axis], fixed(size) if op.size else Fraction(1))
    return torch.from_numpy(reference.resize(replace(op, to=to), np.eye(size, dtype=np.float32)[None], (like, size))[0])


def _channels_last(array: Tensor) -> Tensor:
    """Kernels in the memory order (out, kh, kw, in), which convolutions then give their results, too.

    A step in bfloat16 on one core takes 0.63 (C4F16) and 0.80 (C4F32) of the time that it takes in the usual order.
    """
    return array.contiguous(memory_format=torch.channels_last) if array.ndim == 4 else array


def _arrays(op: Op) -> dict[str, Any]:
    """The operator's arrays by field, which is what is trained."""
    values = {field.name: getattr(op, field.name) for field in fields(op)}
    return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}


def _key(node: Node, field: str) -> str:
    """The name of a parameter. Node names join words by single underscores, so it is no other array's."""
    return f"{node.name}__{field}"


def reach(graph: Graph) -> int:
    """How many pixels of the input, at most, lie between an output pixel and the farthest pixel it depends on.

    An estimate from above: kernels' halves are added up along the longest path, in pixels of the input.
    """
    from shadergen.ir.graph import verify

    types = verify(graph)
    far = {graph.input: 0.0}
    for node in graph.nodes:
        far[node.name] = max(far[name] for name in node.inputs)
        if isinstance(node.op, Conv):
            kernel = max(node.op.weight.shape[2:])
            far[node.name] += (kernel // 2) / float(types[node.inputs[0]].width.scale)
    return int(np.ceil(far[graph.output]))
