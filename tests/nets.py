"""Small networks for the tests: C models, and what has gone wrong once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.ops import (
    Add,
    Array,
    Clip,
    Concat,
    Conv,
    Op,
    Relu,
    Slice,
)
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
