"""Small networks for the tests: C models, and what has gone wrong once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from shadergen.ir.extent import Extent, fixed
from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.ops import (
    Add,
    Array,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    GlobalAveragePool,
    Mul,
    Op,
    Relu,
    Resize,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Sub,
    Tanh,
)
from shadergen.quantise import quantised
from shadergen.sources import cmodel

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


def wide_network(
    channels: int, out: int, kernel: tuple[int, int] = (3, 3), pads: tuple[int, int, int, int] = (1, 1, 1, 1)
) -> Graph:
    """Two convolutions of 3x3 with a wide one between them."""
    rng = np.random.default_rng(0)
    weight, bias = random_conv(rng, channels, out, 5)
    wide = weight[:, :, : kernel[0], : kernel[1]] * np.float32(5 / np.sqrt(np.prod(kernel)))
    first, last = random_conv(rng, 1, channels, 3), random_conv(rng, out, 4, 3)
    nodes = (
        Node("a", Conv(*first, (1, 1, 1, 1)), ("input",)),
        Node("b", Relu(), ("a",)),
        Node("c", Conv(wide, bias, pads), ("b",)),
        Node("d", Relu(), ("c",)),
        Node("e", Conv(last[0] * np.float32(0.2), last[1], (1, 1, 1, 1)), ("d",)),
        Node("f", DepthToSpace(2), ("e",)),
    )
    return Graph("wide", "luma", nodes, "f")


RANGES = {"b": (0.0, 4.0)}
"""What the wide layer of `wide_network` reads."""


def bytes_network(channels: int = 16, out: int = 16, ranges: dict[str, tuple[float, float]] = RANGES) -> Graph:
    """The same network with a wide layer that multiplies bytes."""
    return quantised(wide_network(channels, out), ranges)


def wide_pair(channels: int, between: int, out: int, activation: Op | None = None, *, adds: bool = False) -> Graph:
    """Two wide convolutions of 3x3 one after the other; `adds` adds what the first one reads behind the second."""
    rng = np.random.default_rng(0)

    def conv(in_: int, out: int, scale: float = 1.0) -> Conv:
        weight, bias = random_conv(rng, in_, out, 3)
        return Conv(weight * np.float32(scale), bias, (1, 1, 1, 1))

    nodes: tuple[tuple[str, Op, str], ...] = (
        *(("a", conv(1, channels), "input"), ("b", Relu(), "a")),
        *(("c", conv(channels, between), "b"), ("d", activation or Relu(), "c"), ("e", conv(between, out), "d")),
        *((("sum", Add(), "e b"),) if adds else ()),
        ("f", Relu(), "sum" if adds else "e"),
        *(("last", conv(out, 4, 0.2), "f"), ("shown", DepthToSpace(2), "last")),
    )
    return Graph("pair", "luma", tuple(Node(name, op, tuple(inputs.split())) for name, op, inputs in nodes), "shown")


# ---------------------------------------------------------------------------------------------------------------------
# Networks whose hook files did not compile once


def shuffles_that_meet() -> Graph:
    """Two DepthToSpace of the same block, joined at the finer pixel: in a fragment pass both find their place."""
    return _net(
        "Meet",
        *(("a", _conv(1, 4), "input"), ("relu", Relu(), "a"), ("left", DepthToSpace(2), "relu")),
        *(("b", _conv(1, 4, 1), "input"), ("gate", Sigmoid(), "b"), ("right", DepthToSpace(2), "gate")),
        *(("sum", Add(), "left right"), ("last", Sigmoid(), "sum")),
    )


def two_scales() -> Graph:
    """A block of 4 at the picture's size beside one of 2 at twice its size, as LapSRN has them."""
    return _net(
        "Scales",
        *(("a", _conv(1, 8), "input"), ("relu", Relu(), "a"), ("b", _conv(8, 8), "relu")),
        *(("twice", DepthToSpace(2), "b"), ("c", _conv(2, 4), "twice"), ("fine", DepthToSpace(2), "c")),
        *(("d", _conv(8, 16), "relu"), ("coarse", DepthToSpace(4), "d")),
        *(("sum", Add(), "coarse fine"), ("last", Sigmoid(), "sum")),
    )


def block_of_blocks() -> Graph:
    """A block of 2 of a block of 2 beside one of 4: the same pixels in another order."""
    return _net(
        "Blocks",
        *(("a", _conv(1, 16), "input"), ("relu", Relu(), "a"), ("inner", DepthToSpace(2), "relu")),
        *(("clip", Clip(0, 2), "inner"), ("twice", DepthToSpace(2), "clip")),
        *(("b", _conv(1, 16, 1), "input"), ("tanh", Tanh(), "b"), ("once", DepthToSpace(4), "tanh")),
        *(("sum", Sub(), "twice once"), ("last", Sigmoid(), "sum")),
    )


def folded_twice() -> Graph:
    """Two SpaceToDepth of one value, each with something pointwise behind it, in one pass."""
    return _net(
        "Folded",
        *(("a", _conv(1, 8), "input"), ("fine", DepthToSpace(2), "a"), ("b", _conv(2, 2), "fine")),
        *(("one", SpaceToDepth(2), "b"), ("relu", Relu(), "one"), ("two", SpaceToDepth(2), "b")),
        *(("tanh", Tanh(), "two"), ("sum", Add(), "relu tanh"), ("c", _conv(8, 1), "sum"), ("last", Sigmoid(), "c")),
    )


def input_folded_twice() -> Graph:
    """Two SpaceToDepth of the picture itself in one pass; for even sizes."""
    return _net(
        "Picture",
        *(("one", SpaceToDepth(2), "input"), ("relu", Relu(), "one"), ("two", SpaceToDepth(2), "input")),
        *(("tanh", Tanh(), "two"), ("sum", Add(), "relu tanh"), ("fine", DepthToSpace(2), "sum")),
        ("last", Sigmoid(), "fine"),
    )


def name_of_a_position() -> Graph:
    """A node called `input_at` behind SpaceToDepth of the input, which reads at `input_at_0`; for even sizes."""
    return _net(
        "Position",
        *(("folded", SpaceToDepth(2), "input"), ("input_at", Tanh(), "folded"), ("clip", Clip(0, 1), "input_at")),
        ("fine", DepthToSpace(2), "clip"),
    )


def name_of_a_function() -> Graph:
    """A value called `is`, read at the pixel `is_at` before a rim asks `is_at()`."""
    return _net(
        "Function",
        *(("a", _conv(1, 8, 5), "input"), ("is", Relu(), "a"), ("tanh", Tanh(), "is")),
        *(("b", _conv(1, 8), "input"), ("c", _conv(8, 8), "b"), ("sum", Add(), "c tanh"), ("relu", Relu(), "sum")),
        *(("d", _conv(8, 1), "relu"), ("e", _conv(8, 1), "is"), ("both", Add(), "d e"), ("last", Sigmoid(), "both")),
    )


def fused_far_from_the_input() -> Graph:
    """What fills a tile needs a size that its pass, without the graph's input, knows from other textures alone."""
    half = replace(_conv(4, 4), strides=(2, 2))
    return _net(
        "far",
        ("first", _conv(1, 4), "input"),
        ("t", Relu(), "first"),
        ("left", half, "t"),
        ("u", Relu(), "left"),
        ("right", half, "t"),
        ("v", Sigmoid(), "right"),
        ("a", _conv(4, 16), "u"),
        ("b", _conv(4, 16), "v"),
        ("sum", Add(), "a b"),
        ("phases", Sigmoid(), "sum"),
        ("output", DepthToSpace(4), "phases"),
    )


def skip_beside_a_shuffle() -> Graph:
    """A cheap convolution of the picture, which may be computed again, joins what a shuffle makes larger."""
    return _net(
        "skip",
        ("blocks", SpaceToDepth(2), "input"),
        ("a", _conv(4, 4), "blocks"),
        ("fine", DepthToSpace(2), "a"),
        ("b", _conv(1, 1), "input"),
        ("sum", Add(), "fine b"),
        ("output", Sigmoid(), "sum"),
    )


def a_column_above_a_shuffle() -> Graph:
    """An operand as high as the result and one pixel wide."""
    return _net(
        "column",
        ("a", _conv(1, 4), "input"),
        ("fine", DepthToSpace(2), "a"),
        ("column", Resize((Extent().times(2), fixed(1)), "linear"), "input input"),
        ("product", Mul(), "fine column"),
        ("output", Sigmoid(), "product"),
    )


def a_shuffle_of_one_pixel() -> Graph:
    """The mean of the picture becomes a picture of three by three pixels, whatever the size."""
    return _net(
        "pixel",
        ("a", _conv(1, 9), "input"),
        ("mean", GlobalAveragePool(), "a"),
        ("nine", DepthToSpace(3), "mean"),
        ("large", Resize((Extent(), Extent()), "linear"), "nine input"),
        ("output", Sigmoid(), "large"),
    )


def name_of_the_flag() -> Graph:
    """A chroma network with a value called as the texture once was that remembers whether to run."""
    nodes = (
        Node("first", _conv(3, 4), ("input",)),
        Node("is420", Relu(), ("first",)),
        Node("last", _conv(4, 2), ("is420",)),
        Node("output", Sigmoid(), ("last",)),
    )
    return Graph("flag", "chroma", nodes, "output", record=RECORD)


ONCE_BROKEN: dict[str, Callable[[], Graph]] = {
    net.__name__: net
    for net in (
        *(shuffles_that_meet, two_scales, block_of_blocks, folded_twice, input_folded_twice),
        *(name_of_a_position, name_of_a_function, fused_far_from_the_input, name_of_the_flag),
        *(skip_beside_a_shuffle, a_column_above_a_shuffle, a_shuffle_of_one_pixel),
    )
}
EVEN_SIZES = {"input_folded_twice", "name_of_a_position", "fused_far_from_the_input", "skip_beside_a_shuffle"}
"""Which of them take pictures of even sizes alone."""


def _conv(channels: int, out: int, kernel: int = 3) -> Conv:
    """Of the same size; the same numbers for the same shape."""
    weight, bias = random_conv(np.random.default_rng(channels * out), channels, out, kernel)
    return Conv(weight, bias, (kernel // 2,) * 2 + (kernel // 2,) * 2)


def _net(name: str, *nodes: tuple[str, Op, str]) -> Graph:
    """A luma network of nodes, each a name, an operator and the names of its inputs; the last is the output."""
    listed = tuple(Node(node, op, tuple(inputs.split())) for node, op, inputs in nodes)
    return Graph(name, "luma", listed, listed[-1].name, record=RECORD)


def enlarger(factor: int) -> Graph:
    """A small network that makes a picture so many times as large."""
    hidden = ("first", _conv(1, 8), "input"), ("relu", Relu(), "first"), ("last", _conv(8, factor**2), "relu")
    return _net(f"Times{factor}", *hidden, ("shuffle", DepthToSpace(factor), "last"))
