"""Small random networks over every operator, sizes and paddings, as graphs and as ONNX models.

`random_graph(seed)` and `random_model(seed)` are the same network; OPERATORS lists what they are made of. Seeds 0 to
299 use every operator. Every value stays at least MIN_SIDE pixels wide and high for pictures of SIZES, so that
reflection has something to reflect.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar, get_args

import numpy as np
import onnx

from shadergen.ir.extent import Extent, fixed
from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.infer import infer
from shadergen.ir.ops import (
    Add,
    Affine,
    Array,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Coordinates,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Filter,
    Fit,
    Gather,
    GlobalAveragePool,
    Internal,
    LeakyRelu,
    MaxPool,
    Mul,
    Op,
    Pad,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Rounding,
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
from shadergen.ir.types import TensorType
from shadergen.sources.onnx import write as onnx_write

Item = TypeVar("Item")

OPERATORS: tuple[type[Op], ...] = tuple(op for op in get_args(Op) if op not in get_args(Internal))
"""What the networks are made of: everything that a file can hold."""
SIZES = ((17, 13), (16, 16), (11, 30))
"""Height and width of pictures that every network takes."""
MIN_SIDE = 5
MAX_SIDE = 130
MAX_CHANNELS = 12
SUMS: tuple[Op, ...] = (Add(), Sub(), Mul())


def random_model(seed: int) -> onnx.ModelProto:
    """`random_graph(seed)` as an ONNX model, opset 13, NCHW, any height and width."""
    return onnx_write.model(random_graph(seed))


def random_graph(seed: int) -> Graph:
    """A valid luma or RGB network of about 10 nodes, for pictures of SIZES at least."""
    plane: Plane = "rgb" if seed % 3 == 0 else "luma"
    net = _Net(np.random.default_rng(seed), plane)
    x = (
        net.add(Fit((Extent().up_to(net.pick((2, 4))),) * 2), "input", "input", name="fit")
        if seed % 5 == 0
        else "input"
    )
    fitted = x
    x = net.conv(x)
    for turn in range(net.rng.integers(3, 7)):
        x = BLOCKS[(3 * seed + turn) % len(BLOCKS)](net, x)
    while net.types[x].height.scale < 1 or net.types[x].width.scale < 1:
        x = net.add(Resize((Fraction(2), Fraction(2)), "linear"), x)
    x = net.conv(x, out=1 if plane == "luma" else 3)
    x = net.add(Sigmoid(), x) if seed % 2 else x
    before, after = net.types[fitted], net.types[x]
    scale = after.height.scale
    if fitted != "input" and after.area == (before.height.scaled(scale),) * 2:
        x = net.add(Fit((Extent().scaled(scale),) * 2), x, "input", name="crop")
    return Graph(f"random{seed}", plane, tuple(net.nodes), x)


@dataclass
class _Net:
    """Nodes that are added one after another."""

    rng: np.random.Generator
    plane: Plane
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.types["input"] = TensorType(1 if self.plane == "luma" else 3)

    def add(self, op: Op, *inputs: str, name: str = "") -> str:
        name = name or f"{type(op).__name__.lower()}{len(self.nodes)}"
        self.types[name] = infer(op, [self.types[value] for value in inputs])
        self.nodes.append(Node(name, op, inputs))
        return name

    def maybe(self, op: Op, x: str, *more: str) -> str:
        """The operator's value, or `x` where pictures of SIZES would become too small or too large for the others."""
        try:
            type_ = infer(op, [self.types[value] for value in (x, *more)])
            sides = [
                extent.at(n) for size in SIZES for extent, n in zip((type_.height, type_.width), size, strict=True)
            ]
        except ValueError:
            return x
        fits = min(sides) >= MIN_SIDE and max(sides) <= MAX_SIDE and type_.height.whole and type_.width.whole
        return self.add(op, x, *more) if fits else x

    def pick(self, choices: tuple[Item, ...]) -> Item:
        return choices[self.rng.integers(len(choices))]

    def channels(self, x: str) -> int:
        return self.types[x].channels

    def weights(self, *shape: int) -> Array:
        """Weights that keep activations near 1."""
        inputs = math.prod(shape[1:]) if len(shape) > 1 else 4
        return self.rng.normal(0, 1 / np.sqrt(inputs), shape).astype(np.float32)

    def sides(self, most: int) -> Sides:
        top, left, bottom, right = (int(n) for n in self.rng.integers(0, most + 1, 4))
        return top, left, bottom, right

    def conv(self, x: str, out: int = 0, kernel: int = 0) -> str:
        """A convolution that keeps the size."""
        kernel = kernel or self.pick((1, 3, 5))
        weight = self.weights(out or self.pick((2, 3, 4, 6, 8)), self.channels(x), kernel, kernel)
        top, left = (int(n) for n in self.rng.integers(0, kernel, 2))
        pads = (top, left, kernel - 1 - top, kernel - 1 - left)
        return self.add(Conv(weight, self.weights(len(weight)), pads, self.mode(pads)), x)

    def mode(self, pads: Sides) -> PadMode:
        """Any where there is padding."""
        mode: PadMode = self.pick(get_args(PadMode))
        return mode if any(pads) else "zero"

    def narrow(self, x: str) -> str:
        return self.conv(x, out=self.pick((3, 4, 5)), kernel=1) if self.channels(x) > MAX_CHANNELS else x


def _pointwise(net: _Net, x: str) -> str:
    c = net.channels(x)
    ops: tuple[Op, ...] = (
        *(Relu(), LeakyRelu(0.2), PRelu(net.weights(c)), Elu(), Elu(0.7), Selu(), Sigmoid(), Tanh(), Softplus(), Erf()),
        *(Clip(-0.5, 0.75), Clip(-math.inf, 0.5), Clip(-0.25, math.inf), Affine(net.weights(c), net.weights(c))),
    )
    return net.add(net.pick(ops), x)


def _strided(net: _Net, x: str) -> str:
    """Any convolution: strides, dilations, groups, pads."""
    c = net.channels(x)
    group = net.pick(tuple(g for g in (1, 2, 3, c) if c % g == 0))
    kernel = (net.pick((1, 2, 3)), net.pick((1, 3, 4)))
    weight = net.weights(group * net.pick((1, 2)), c // group, *kernel)
    strides, dilations = (net.pick((1, 2, 3)), net.pick((1, 2))), (net.pick((1, 2)), net.pick((1, 3)))
    pads = net.sides(2)
    return net.maybe(Conv(weight, net.weights(len(weight)), pads, net.mode(pads), strides, dilations, group), x)


def _transposed(net: _Net, x: str) -> str:
    c = net.channels(x)
    group = net.pick(tuple(g for g in (1, 2, 3) if c % g == 0))
    kernel, strides = (net.pick((2, 3, 4)), net.pick((2, 4, 5))), (2, net.pick((1, 2)))
    weight = net.weights(c, net.pick((1, 2, 3)), *kernel)
    top, left, bottom, right = net.sides(1)
    pads = (top, left, net.pick((bottom, -1)), right)
    return net.maybe(ConvTranspose(weight, net.weights(weight.shape[1] * group), pads, strides, group), x)


def _residual(net: _Net, x: str) -> str:
    return net.add(net.pick(SUMS), net.conv(net.conv(x), out=net.channels(x)), x)


def _squeeze_and_excite(net: _Net, x: str) -> str:
    c = net.channels(x)
    inner = net.add(Relu(), net.add(Conv(net.weights(3, c, 1, 1), net.weights(3)), net.add(GlobalAveragePool(), x)))
    return net.add(Mul(), x, net.add(Sigmoid(), net.add(Conv(net.weights(c, 3, 1, 1), net.weights(c)), inner)))


def _gate(net: _Net, x: str) -> str:
    """One channel for all."""
    return net.add(net.pick(SUMS), net.add(Tanh(), net.conv(x, out=1)), x)


def _normalised(net: _Net, x: str) -> str:
    root = net.add(Sqrt(), net.add(Softplus(), net.conv(x, out=net.pick((1, net.channels(x))))))
    return net.add(Div(), x, net.add(Clip(0.5, math.inf), root))


def _concat(net: _Net, x: str) -> str:
    return net.narrow(net.add(Concat(), x, net.conv(x), x))


def _channels(net: _Net, x: str) -> str:
    x = x if net.channels(x) > 1 else net.conv(x)
    c = net.channels(x)
    indices = tuple(int(i) for i in net.rng.integers(0, c, net.pick((1, 3, 5))))
    start = int(net.rng.integers(1, c))
    return net.add(Concat(), net.add(Gather(indices), x), net.add(Slice(start, c), x))


def _finer(net: _Net, x: str) -> str:
    block = net.pick((2, 3))
    return net.maybe(DepthToSpace(block), net.conv(x, out=block**2 * net.pick((1, 2))))


def _coarser(net: _Net, x: str) -> str:
    return net.narrow(net.maybe(SpaceToDepth(2), _finer(net, x)))


def _pad(net: _Net, x: str) -> str:
    mode: PadMode = net.pick(get_args(PadMode))
    value = net.pick((0.0, 0.25)) if mode == "zero" else 0.0
    top, left, bottom, right = (int(n) for n in net.rng.integers(-2, 4, 4))
    return net.maybe(Pad((top, left, bottom, right), mode, value), x)


def _resize(net: _Net, x: str) -> str:
    factors = tuple(Fraction(n, d) for n, d in ((1, 1), (2, 1), (3, 1), (1, 2), (3, 2)))
    filter: Filter = net.pick(get_args(Filter))
    coordinates: Coordinates = net.pick(get_args(Coordinates))
    scales = (net.pick(factors), net.pick(factors))
    if set(scales) == {Fraction(1)}:
        scales = (Fraction(2), Fraction(2))
    if filter == "nearest":
        # Where two pixels are equally near, onnxruntime's float32 takes either: only asymmetric with floor is sure.
        rounding: Rounding = net.pick(("floor", "ceil"))
        return net.maybe(Resize(scales, filter, "asymmetric", rounding), x)
    if filter == "cubic":
        return net.maybe(
            Resize(scales, filter, coordinates, cubic=net.pick((-0.75, -0.5)), exclude_outside=net.pick((True, False))),
            x,
        )
    return net.maybe(Resize(scales, filter, coordinates), x)


def _pool(net: _Net, x: str) -> str:
    kernel, strides = (net.pick((2, 3)), net.pick((2, 3))), (net.pick((1, 2)), net.pick((1, 2)))
    ops: tuple[Op, ...] = (MaxPool(kernel, strides, net.sides(1)), AveragePool(kernel, strides, net.sides(1)))
    return net.maybe(net.pick(ops), x)


def _sized(net: _Net, x: str) -> str:
    """To a size that is not the value's own times a factor, nor so many pixels more."""
    own, k = net.types[x].area, net.pick((2, 3, 4))
    resize = net.pick((True, False))
    sizes = tuple(net.pick((size.up_to(k), size.over(k).times(k + resize))) for size in own)
    height, width = (mine if (size - mine).constant else size for size, mine in zip(sizes, own, strict=True))
    area = (height, width)
    missing = [size - mine for size, mine in zip(area, own, strict=True)]
    if all(rest.constant or (resize and not rest.rest) for rest in missing):
        return x  # a Pad, or a Resize by factors
    if resize:
        filter, coordinates = net.pick((("linear", "half_pixel"), ("linear", "align_corners"), ("cubic", "asymmetric")))
        return net.maybe(Resize(area, filter, coordinates), x, "input")  # type: ignore[arg-type]
    down, right = (fixed(0) if rest.constant else net.pick((fixed(0), rest.over(2), fixed(-1))) for rest in missing)
    op = Fit(area, (down, right), net.pick(get_args(PadMode)))
    crops = all(_never_above(side) for side in (down, right, missing[0] - down, missing[1] - right))
    return net.maybe(replace(op, mode="edge") if crops else op, x, "input")


def _never_above(extent: Extent) -> bool:
    return all(extent.at(n) <= 0 for n in range(1, 100))


BLOCKS: tuple[Callable[[_Net, str], str], ...] = (
    *(_pointwise, _strided, _transposed, _residual, _squeeze_and_excite, _gate, _normalised, _concat, _channels),
    *(_finer, _coarser, _pad, _resize, _pool, _sized),
)
