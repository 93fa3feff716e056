"""Small networks for the tests: C models, and random graphs that use every operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

import numpy as np

from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.infer import infer
from shadergen.ir.ops import (
    Add,
    Array,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Elu,
    LeakyRelu,
    Mul,
    Op,
    PadMode,
    PRelu,
    Relu,
    Selu,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
)
from shadergen.ir.types import TensorType
from shadergen.sources import cmodel

Item = TypeVar("Item")

RECORD = Record(licence="MIT", sha256="0123456789abcdef" * 4)
PLANES: tuple[Plane, ...] = ("luma", "chroma", "rgb")


def c_model(plane: Plane = "luma", filters: int = 8, layers: int = 2, kernel: int = 3, seed: int = 0) -> Graph:
    """A C model with `layers` ReLU layers and random weights; named such as `C2F8`, with the plane's suffix."""
    channels, out = next(ends for ends, model in cmodel.PLANES.items() if model == plane)
    widths = [channels, *[filters] * (layers + 2), out]
    rng = np.random.default_rng(seed)
    weights = [random_conv(rng, i, o, kernel) for i, o in pairwise(widths)]
    weight, bias = weights[-1]
    # Within the range that is shown: the error in a clipped pixel cannot be seen.
    middle = 0.5 if plane == "luma" else 0.0
    weights[-1] = (weight * np.float32(0.2), bias * np.float32(0.3) + np.float32(middle))
    suffix = {"luma": "", "chroma": "_Chroma", "rgb": "_RGB"}[plane]
    return cmodel.build(f"C{layers}F{filters}{suffix}", weights, RECORD)


def random_conv(rng: np.random.Generator, channels: int, out: int, kernel: int) -> tuple[Array, Array]:
    """Weight and bias that keep activations near 1; the first bias is negative, the others are of either sign."""
    weight = rng.normal(0, 1 / np.sqrt(channels * kernel**2), (out, channels, kernel, kernel)).astype(np.float32)
    bias = rng.normal(0, 0.2, out).astype(np.float32)
    bias[0] = -abs(bias[0])
    return weight, bias


def packs_of_two_passes() -> Graph:
    """Convolution `a` is computed in two passes, each of which wants other packs of it: 0 and 1, and 0 and 2."""
    rng = np.random.default_rng(0)

    def conv(channels: int, out: int, kernel: int) -> Conv:
        weight, bias = random_conv(rng, channels, out, kernel)
        return Conv(weight, bias, (kernel // 2,) * 2 + (kernel // 2,) * 2)

    nodes: tuple[tuple[str, Op, str], ...] = (
        ("a", conv(1, 12, 5), "input"),
        *(("low", Slice(0, 8), "a"), ("first", Slice(0, 4), "a"), ("high", Slice(8, 12), "a")),
        *(("ends", Concat(), "first high"), ("relu", Relu(), "low"), ("clip", Clip(0, 2), "ends")),
        *(("b", conv(8, 1, 3), "relu"), ("c", conv(8, 1, 3), "clip"), ("sum", Add(), "b c")),
    )
    listed = tuple(Node(name, op, tuple(inputs.split())) for name, op, inputs in nodes)
    return Graph("packs", "luma", listed, "sum", record=RECORD)


# ---------------------------------------------------------------------------------------------------------------------
# Random graphs


def random_graph(seed: int) -> Graph:
    """A valid luma model of about 15 nodes, 1, 2 or 4 times the size out; seeds 0 to 7 use every operator."""
    net = _Net(np.random.default_rng(seed), turn=3 * seed)
    x = net.conv("input")
    for i in range(net.rng.integers(3, 7)):
        x = BLOCKS[(seed + i) % len(BLOCKS)](net, x)
        x = net.conv(x) if net.channels(x) > 16 else x  # a fragment pass cannot bind many packs
    factor = net.pick((1, 2, 4))
    x = net.conv(x, out=factor**2)
    x = net.add(Sigmoid(), x)
    x = net.add(DepthToSpace(factor), x) if factor > 1 else x
    return Graph(f"random{seed}", "luma", tuple(net.nodes), x, record=RECORD)


@dataclass
class _Net:
    """Nodes that are added one after another; blocks leave the size as it was."""

    rng: np.random.Generator
    turn: int
    """Which pointwise operator comes next."""
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=lambda: {"input": TensorType(1)})

    def add(self, op: Op, *inputs: str) -> str:
        name = f"{type(op).__name__.lower()}{len(self.nodes)}"
        self.types[name] = infer(op, [self.types[value] for value in inputs])
        self.nodes.append(Node(name, op, inputs))
        return name

    def pick(self, choices: tuple[Item, ...]) -> Item:
        return choices[self.rng.integers(len(choices))]

    def channels(self, x: str) -> int:
        return self.types[x].channels

    def conv(self, x: str, out: int = 0, grow: int = 0) -> str:
        """A convolution, off-centre at random, that makes the image `grow` texels larger on each axis."""
        kernel = self.pick((1, 3, 5)) if grow == 0 else 3
        weight, bias = random_conv(self.rng, self.channels(x), out or self.pick((1, 2, 3, 4, 5, 6, 8, 9)), kernel)
        total = kernel - 1 + grow
        top, left = (int(n) for n in self.rng.integers(0, total + 1, 2))
        mode: PadMode = self.pick(("zero", "edge", "reflect"))
        return self.add(Conv(weight, bias, (top, left, total - top, total - left), mode), x)


def _pointwise(net: _Net, x: str) -> str:
    slope = net.rng.uniform(-0.5, 0.5, net.channels(x)).astype(np.float32)
    choices: tuple[Op, ...] = (
        *(Relu(), LeakyRelu(0.2), PRelu(slope), Elu(0.7), Selu()),
        *(Sigmoid(), Tanh(), Clip(-0.5, 0.75)),
    )
    net.turn += 1
    return net.add(choices[net.turn % len(choices)], x)


def _conv(net: _Net, x: str) -> str:
    return _pointwise(net, net.conv(x))


def _larger_between(net: _Net, x: str) -> str:
    return net.conv(net.conv(x, grow=2), grow=-2)


def _residual(net: _Net, x: str) -> str:
    return net.add(Add(), net.conv(net.conv(x), out=net.channels(x)), x)


def _gate(net: _Net, x: str) -> str:
    return net.add(Mul(), x, net.add(Sigmoid(), net.conv(x, out=net.channels(x))))


def _concat(net: _Net, x: str) -> str:
    return net.add(Concat(), x, net.conv("input"), net.conv(x))


def _slice(net: _Net, x: str) -> str:
    wide = net.conv(x, out=9)
    return net.add(Add(), net.add(Slice(1, 4), wide), net.add(Slice(6, 9), wide))


def _finer_between(net: _Net, x: str) -> str:
    fine = net.add(DepthToSpace(2), net.conv(x, out=net.pick((4, 8, 12))))
    return net.add(SpaceToDepth(2), _pointwise(net, net.conv(fine, out=net.pick((1, 2, 3, 5)))))


BLOCKS: tuple[Callable[[_Net, str], str], ...] = (
    *(_pointwise, _conv, _larger_between, _residual, _gate),
    *(_concat, _slice, _finer_between),
)
