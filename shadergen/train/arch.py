"""Networks by name, with random weights to start from.

`C<n>F<m>` is ArtCNN's C architecture with n ReLU layers of m filters; `R<n>F<m>` has n residual blocks instead;
`SRCNN-9-1-5` (Dong et al. 2014, https://arxiv.org/abs/1501.00092) works on luma enlarged by a convolution that
starts as bicubic; `ESPCN` (Shi et al. 2016, https://arxiv.org/abs/1609.05158) is 5-3-3 with 64 and 32 filters.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.ops import Add, Array, Clip, Conv, DepthToSpace, Op, Relu, Slice, SpaceToDepth, Tanh
from shadergen.sources import cmodel

ENDS = {plane: ends for ends, plane in cmodel.PLANES.items()}
"""Channels into the first convolution and out of the last, by plane."""
NAMES = "C<layers>F<filters>, R<blocks>F<filters>, SRCNN-9-1-5 or ESPCN"
MAX_LAYERS, MAX_FILTERS = 64, 512


def build(arch: str, plane: Plane, name: str, seed: int = 0) -> Graph:
    """The network `arch` for a plane, with weights drawn from `seed`. Raises ModelError for a name that is none."""
    rng = np.random.default_rng(seed)
    if match := re.fullmatch(r"([CR])(\d{1,3})F(\d{1,4})", arch):
        layers, filters = int(match[2]), int(match[3])
        if not (1 <= layers <= MAX_LAYERS and 1 <= filters <= MAX_FILTERS):
            problem = f"found {layers} layers of {filters} filters, expected 1 to {MAX_LAYERS} of 1 to {MAX_FILTERS}"
            raise ModelError(arch, problem)
        return (
            _c_model(name, plane, layers, filters, rng)
            if match[1] == "C"
            else _r_model(name, plane, layers, filters, rng)
        )
    if arch not in ("SRCNN-9-1-5", "ESPCN"):
        raise ModelError(arch, f"found no architecture of that name, expected {NAMES}, or a model's file")
    if plane != "luma":
        raise ModelError(arch, f"found plane {plane}, expected luma: this architecture has one channel")
    return _srcnn(name, rng) if arch == "SRCNN-9-1-5" else _espcn(name, rng)


def _conv(rng: np.random.Generator, channels: int, out: int, kernel: int, gain: float = 2.0) -> tuple[Array, Array]:
    """He's initialisation: the variance of the values is kept, `gain` 2 makes up for a ReLU."""
    spread = np.sqrt(gain / (channels * kernel**2))
    return rng.normal(0, spread, (out, channels, kernel, kernel)).astype(np.float32), np.zeros(out, np.float32)


def _c_model(name: str, plane: Plane, layers: int, filters: int, rng: np.random.Generator) -> Graph:
    channels, out = ENDS[plane]
    widths = [channels, *[filters] * (layers + 2), out]
    weights = [_conv(rng, i, o, 3) for i, o in pairwise(widths)]
    weights[-1] = _last(plane, weights[-1])
    return cmodel.build(name, weights, Record())


def _last(plane: Plane, conv: tuple[Array, Array]) -> tuple[Array, Array]:
    """A chroma model starts as the interpolation it is added to; the others start small, in the middle of the range."""
    weight, bias = conv
    return (weight * 0, bias) if plane == "chroma" else (weight * np.float32(0.1), bias + np.float32(0.5))


def _r_model(name: str, plane: Plane, blocks: int, filters: int, rng: np.random.Generator) -> Graph:
    """conv0; blocks of Conv, ReLU, Conv, ReLU, Conv with their input added; Conv with conv0 added; output."""
    channels, out = ENDS[plane]
    nodes: list[Node] = []

    def add(node: str, op: Op, *inputs: str) -> str:
        nodes.append(Node(node, op, inputs))
        return node

    def conv(node: str, value: str, i: int, o: int) -> str:
        weight, bias = _conv(rng, i, o, 3, gain=1.0)
        if node == "last":
            weight, bias = _last(plane, (weight, bias))
        return add(node, Conv(weight, bias, (1, 1, 1, 1)), value)

    value = add("blocks", SpaceToDepth(2), "input") if plane == "chroma" else "input"
    value = first = conv("first", value, channels, filters)
    for block in range(blocks):
        x = value
        for letter in "ab":
            x = add(f"relu{block}{letter}", Relu(), conv(f"conv{block}{letter}", x, filters, filters))
        value = add(f"add{block}", Add(), conv(f"conv{block}c", x, filters, filters), value)
    value = add("skip", Add(), conv("body", value, filters, filters), first)
    value = add("shuffle", DepthToSpace(2), conv("last", value, filters, out))
    if plane == "chroma":
        value = add("residual", Add(), value, add("bilinear", Slice(1, 3), "input"))
    if plane != "rgb":
        value = add("output", Clip(), value)
    return Graph(name, plane, tuple(nodes), value)


def _srcnn(name: str, rng: np.random.Generator) -> Graph:
    f1, f2 = _conv(rng, 1, 64, 9), _conv(rng, 64, 32, 1)
    f3, bias = _conv(rng, 32, 1, 5, gain=1.0)
    return Graph(
        name,
        "luma",
        (
            Node("enlarge", Conv(_bicubic_phases(), np.zeros(4, np.float32), (2, 2, 2, 2), "edge"), ("input",)),
            Node("enlarged", DepthToSpace(2), ("enlarge",)),
            Node("conv1", Conv(*f1, (4, 4, 4, 4)), ("enlarged",)),
            Node("relu1", Relu(), ("conv1",)),
            Node("conv2", Conv(*f2), ("relu1",)),
            Node("relu2", Relu(), ("conv2",)),
            Node("conv3", Conv(f3 * np.float32(0.1), bias + np.float32(0.5), (2, 2, 2, 2)), ("relu2",)),
            Node("output", Clip(), ("conv3",)),
        ),
        "output",
    )


def _bicubic_phases() -> Array:
    """Keys' bicubic (a = -0.5) to twice the size, as the four phases of a 5x5 convolution, (4, 1, 5, 5)."""

    def keys(x: float) -> float:
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    phases = np.array([[keys(tap - 2 - shift) for tap in range(5)] for shift in (-0.25, 0.25)])
    return np.asarray(np.einsum("ay,bx->abyx", phases, phases).reshape(4, 1, 5, 5), np.float32)


def _espcn(name: str, rng: np.random.Generator) -> Graph:
    f1, f2 = _conv(rng, 1, 64, 5, gain=1.0), _conv(rng, 64, 32, 3, gain=1.0)
    f3 = _last("luma", _conv(rng, 32, 4, 3, gain=1.0))
    return Graph(
        name,
        "luma",
        (
            Node("conv1", Conv(*f1, (2, 2, 2, 2)), ("input",)),
            Node("tanh1", Tanh(), ("conv1",)),
            Node("conv2", Conv(*f2, (1, 1, 1, 1)), ("tanh1",)),
            Node("tanh2", Tanh(), ("conv2",)),
            Node("conv3", Conv(*f3, (1, 1, 1, 1)), ("tanh2",)),
            Node("shuffle", DepthToSpace(2), ("conv3",)),
            Node("output", Clip(), ("shuffle",)),
        ),
        "output",
    )
