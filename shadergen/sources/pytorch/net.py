"""A graph that grows layer by layer, with the weights of a state dict."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from shadergen.ir.extent import Extent
from shadergen.ir.graph import Node
from shadergen.ir.names import Namer, word
from shadergen.ir.ops import (
    Add,
    Affine,
    Array,
    Concat,
    Conv,
    DepthToSpace,
    LeakyRelu,
    Mul,
    Op,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Sigmoid,
    Tanh,
)
from shadergen.sources.pytorch.state import State

INPUT = "input"


class Net:
    """Nodes by the names of the layers that they come from; values are names."""

    def __init__(self, state: State, scale: int | None) -> None:
        self.state = state
        self.scale = scale
        """The factor that the user gave, for networks whose weights do not say it."""
        self.nodes: list[Node] = []
        self.names = Namer([INPUT])

    def op(self, op: Op, *inputs: str, name: str) -> str:
        name = self.names.fresh(word(name))
        self.nodes.append(Node(name, op, inputs))
        return name

    # Convolutions

    def weights(self, key: str) -> tuple[Array, Array]:
        """The weight and bias of a convolution; without a bias, zeros."""
        weight = self.state.array(f"{key}.weight", 4)
        if f"{key}.bias" in self.state:
            return weight, self.state.array(f"{key}.bias", 1)
        return weight, np.zeros(len(weight), np.float32)

    def conv(self, key: str, x: str, mode: PadMode = "zero", stride: int = 1, pad: bool = True) -> str:
        """A convolution; `pad` keeps the size, as odd kernels with half their size around the picture do."""
        return self.convolution(key, x, self.weights(key), mode, stride, pad)

    def convolution(
        self, name: str, x: str, weights: tuple[Array, Array], mode: PadMode = "zero", stride: int = 1, pad: bool = True
    ) -> str:
        """A convolution with this weight and bias."""
        weight, bias = weights
        rows, columns = (side // 2 for side in weight.shape[2:])
        pads = (rows, columns, rows, columns) if pad else (0, 0, 0, 0)
        return self.op(Conv(weight, bias, pads, mode, (stride, stride)), x, name=name)

    def shuffled(
        self, name: str, x: str, weights: tuple[Array, Array], channels: int, mode: PadMode = "zero"
    ) -> tuple[str, int]:
        """A convolution to blocks of pixels, and its factor: so that so many channels come out."""
        out = len(weights[0])
        factor = round((out / channels) ** 0.5)
        if factor < 1 or channels * factor**2 != out:
            problem = f"found {out} channels in the last convolution ({name})"
            raise ValueError(f"{problem}, expected {channels} times the square of a factor")
        x = self.convolution(name, x, weights, mode)
        return (x, 1) if factor == 1 else (self.op(DepthToSpace(factor), x, name="shuffle"), factor)

    @property
    def factor(self) -> int:
        """The factor that the user gave. Raises ValueError where it is not there."""
        if self.scale is None:
            raise ValueError("found weights that fit any factor, expected one to be given: say it with --scale")
        return self.scale

    # What has no weights, or few

    def prelu(self, key: str, x: str) -> str:
        slopes = self.state.array(f"{key}.weight", 1)
        channels = self.channels(x)
        return self.op(PRelu(np.broadcast_to(slopes, channels).copy() if len(slopes) == 1 else slopes), x, name=key)

    def relu(self, x: str) -> str:
        return self.op(Relu(), x, name=f"{x}_relu")

    def leaky(self, x: str, slope: float) -> str:
        return self.op(LeakyRelu(slope), x, name=f"{x}_relu")

    def tanh(self, x: str) -> str:
        return self.op(Tanh(), x, name=f"{x}_tanh")

    def sigmoid(self, x: str) -> str:
        return self.op(Sigmoid(), x, name=f"{x}_sigmoid")

    def add(self, a: str, b: str, name: str = "") -> str:
        return self.op(Add(), a, b, name=name or f"{a}_sum")

    def mul(self, a: str, b: str, name: str = "") -> str:
        return self.op(Mul(), a, b, name=name or f"{a}_product")

    def concat(self, *values: str, name: str) -> str:
        return self.op(Concat(), *values, name=name)

    def line(self, x: str, channels: int, scale: float, shift: Array | float = 0.0, name: str = "line") -> str:
        """`scale * x + shift`, the shift perhaps another for each channel."""
        shifts = np.broadcast_to(np.float32(shift), channels).copy()
        return self.op(Affine(np.full(channels, scale, np.float32), shifts), x, name=name)

    def enlarged(self, x: str, factor: int, name: str = "nearest") -> str:
        """Each pixel `factor` times as large."""
        scales = (Fraction(factor), Fraction(factor))
        return x if factor == 1 else self.op(Resize(scales, "nearest", "asymmetric", "floor"), x, name=name)

    def resized(self, x: str, name: str) -> str:
        """The value at the size of the picture, pixels' centres on each other, interpolated linearly."""
        return self.op(Resize((Extent(), Extent()), "linear", "half_pixel"), x, INPUT, name=name)

    def channels(self, x: str) -> int:
        """How many channels the value of the nearest convolution before it has."""
        node = next(node for node in self.nodes if node.name == x)
        return len(node.op.weight) if isinstance(node.op, Conv) else self.channels(node.inputs[0])


def in_a_row(
    first: tuple[Array, Array], second: tuple[Array, Array], third: tuple[Array, Array]
) -> tuple[Array, Array]:
    """The weight and bias of one convolution that is three in a row, of kernels 1x1, any, and 1x1.

    What is around the picture must be the same for both: what the first makes of what is around it.
    """
    (a, a_bias), (b, b_bias), (c, c_bias) = (
        (weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in (first, second, third)
    )
    weight = np.einsum("op,pqyx,qi->oiyx", c[:, :, 0, 0], b, a[:, :, 0, 0])
    bias = c[:, :, 0, 0] @ (np.einsum("pqyx,q->p", b, a_bias) + b_bias) + c_bias
    return weight.astype(np.float32), bias.astype(np.float32)


def plus_pixel(weights: tuple[Array, Array], matrix: Array, bias: Array | float = 0.0) -> tuple[Array, Array]:
    """The weight and bias with a 1x1 convolution beside them, which is added to their centre."""
    weight = weights[0].copy()
    weight[:, :, weight.shape[2] // 2, weight.shape[3] // 2] += matrix
    return weight, np.asarray(weights[1] + bias, np.float32)
