"""ArtCNN's C architecture: the graph that a bare list of convolutions means.

conv0 is linear; the middle convolutions have ReLU; the last but one is linear and gets conv0 added; the last gives the
block of pixels that DepthToSpace spreads. Zero padding keeps the size everywhere. (ArtCNN's README and its released
shaders; C4F32 is four ReLU layers of 32 filters.)
"""

from __future__ import annotations

from collections.abc import Sequence

from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.ops import Add, Array, Clip, Conv, DepthToSpace, Relu, Slice, SpaceToDepth

PLANES: dict[tuple[int, int], Plane] = {(1, 4): "luma", (12, 8): "chroma", (3, 12): "rgb"}
"""The plane that a C model is for, by the channels of its first and last convolution."""


def build(name: str, weights: Sequence[tuple[Array, Array]], record: Record) -> Graph:
    """The graph of a C model from its (weight, bias) pairs, conv0 first.

    luma: 1 channel in, twice the size out, clipped to [0, 1]. rgb: 3 channels in, twice the size out, not clipped,
    since players carry HDR highlights above 1. chroma: runs at chroma's resolution on the 2x2 blocks of Y, Cb and Cr,
    and its output is added to the interpolated Cb and Cr, then clipped.
    Raises ValueError where the number of convolutions or their channels are not a C model's.
    """
    if len(weights) < 4:
        raise ValueError(f"found {len(weights)} convolutions, expected 4 or more (conv0, ReLU layers, linear, output)")
    channels = (weights[0][0].shape[1], weights[-1][0].shape[0])
    plane = PLANES.get(channels)
    if plane is None:
        expected = ", ".join(f"{i} to {o} ({plane})" for (i, o), plane in PLANES.items())
        raise ValueError(f"found {channels[0]} channels in and {channels[1]} out, expected {expected}")

    nodes: list[Node] = []

    def add(name: str, op: Conv | Relu | Add | Clip | Slice | DepthToSpace | SpaceToDepth, *inputs: str) -> str:
        nodes.append(Node(name, op, inputs))
        return name

    value = add("blocks", SpaceToDepth(2), "input") if plane == "chroma" else "input"
    last = len(weights) - 1
    for i, (weight, bias) in enumerate(weights):
        value = add(f"conv{i}", _same(weight, bias), value)
        if 0 < i < last - 1:
            value = add(f"relu{i}", Relu(), value)
        elif i == last - 1:
            value = add("skip", Add(), value, "conv0")
    value = add("shuffle", DepthToSpace(2), value)
    if plane == "chroma":
        value = add("residual", Add(), value, add("bilinear", Slice(1, 3), "input"))
    if plane != "rgb":
        value = add("output", Clip(0.0, 1.0), value)
    return Graph(name, plane, tuple(nodes), value, record=record)


def _same(weight: Array, bias: Array) -> Conv:
    kh, kw = weight.shape[2:]
    if kh % 2 == 0 or kw % 2 == 0:
        raise ValueError(f"found a {kw}x{kh} kernel, expected odd sizes")
    return Conv(weight, bias, (kh // 2, kw // 2, kh // 2, kw // 2))
