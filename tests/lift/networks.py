"""Small random networks of what others' shaders are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar, get_args

import numpy as np

from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.ops import (
    Add,
    Affine,
    Array,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    LeakyRelu,
    Mul,
    Op,
    PadMode,
    PRelu,
    Relu,
    Sigmoid,
    Tanh,
)

T = TypeVar("T")


def network(seed: int) -> Graph:
    """Two to four convolutions with activations, skips and a depth-to-space, for pictures of 12 pixels at least.

    Weights are whole 256ths below 1, which every format of weights holds to the last bit.
    """
    net = _Net(np.random.default_rng(seed))
    plane: Plane = "rgb" if seed % 3 == 0 else "luma"
    colours = 3 if plane == "rgb" else 1
    net.widths["input"] = colours
    net.mode = net.pick(get_args(PadMode))
    value = "input"
    earlier: list[str] = []
    for _ in range(net.rng.integers(1, 4)):
        value = net.activated(net.conv(value, net.pick((3, 4, 6, 8))))
        value = net.joined(value, earlier)
        earlier.append(value)
    block = net.pick((1, 2, 2, 3))
    value = net.conv(value, colours * block**2)
    if block > 1:
        value = net.add(DepthToSpace(block), colours, value)
    if net.rng.random() < 0.3:
        value = net.add(Clip(0.0, 1.0), colours, value)
    return Graph(f"random{seed}", plane, tuple(net.nodes), value)


@dataclass
class _Net:
    rng: np.random.Generator
    mode: PadMode = "zero"
    nodes: list[Node] = field(default_factory=list)
    widths: dict[str, int] = field(default_factory=dict)

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.rng.integers(len(choices)))]

    def add(self, op: Op, width: int, *inputs: str) -> str:
        name = f"n{len(self.nodes)}"
        self.nodes.append(Node(name, op, inputs))
        self.widths[name] = width
        return name

    def numbers(self, *shape: int) -> Array:
        return (self.rng.integers(-99, 100, shape) / 256).astype(np.float32)

    def conv(self, value: str, out: int) -> str:
        height, width = (self.pick((1, 3, 3, 5)) for _ in range(2))
        pads = (height // 2, width // 2, height // 2, width // 2)
        op = Conv(self.numbers(out, self.widths[value], height, width), self.numbers(out), pads, self.mode)
        return self.add(op, out, value)

    def activated(self, value: str) -> str:
        width = self.widths[value]
        match self.rng.integers(9):
            case 0 | 1:
                return self.add(Relu(), width, value)
            case 2:
                return self.add(LeakyRelu(0.125), width, value)
            case 3:
                return self.add(PRelu(self.numbers(width)), width, value)
            case 4:
                return self.add(Clip(-0.5, 1.0), width, value)
            case 5:
                return self.add(Tanh() if width % 2 else Sigmoid(), width, value)
            case 6 | 7:
                ones = np.ones(width, np.float32)
                both = self.add(Concat(), 2 * width, value, self.add(Affine(-ones, 0 * ones), width, value))
                return self.add(Relu(), 2 * width, both)
            case _:
                return value

    def joined(self, value: str, earlier: list[str]) -> str:
        """The value with an earlier one, or as it is."""
        alike = [name for name in earlier if self.widths[name] == self.widths[value]]
        choice = self.rng.random()
        if alike and choice < 0.6:
            return self.add(Mul() if choice < 0.1 else Add(), self.widths[value], value, self.pick(alike))
        if earlier and choice > 0.8:
            other = self.pick(earlier)
            return self.add(Concat(), self.widths[value] + self.widths[other], value, other)
        return value
