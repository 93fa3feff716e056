"""What luma predicts of chroma, as more channels for a chroma model's first convolution.

Where two flat colours meet, chroma is a linear function of luma. The slope is seen in the blurred planes, luma of full
resolution says where the edge lies: a local linear regression, as in K. He, J. Sun and X. Tang, Guided Image Filtering
(https://doi.org/10.1109/TPAMI.2012.213), and as codecs predict chroma from luma. Where the two do not go together, as
their correlation tells, the prediction is no more than the interpolated chroma.

The regression is over the 3x3 samples around, weighted 1 2 1. With these weights the mean and the eight filters of
`_basis` are orthonormal, so a covariance is the sum of the filters' products: exact, with none of the digits lost
that the difference between a mean of products and a product of means loses in 16-bit textures.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Add, Array, Clip, Concat, Conv, Div, Mul, Op, Slice, SpaceToDepth, Sub

PREFIX = "guide_"
"""Of the nodes' names; their weights are formulas and no run changes them (`Network`)."""
GAIN = 16.0
"""Times which the filters' results are stored: a step of one code of luma then has a variance of 0.004."""
LEAST = 2e-5 * GAIN**2
"""The smallest variance that is divided by: about that of a step of one code."""
STEEPEST = 4.0
"""The largest slope of chroma over luma. Beyond it, luma's rounding would be chroma's noise."""
HALVES, HALF = 2, 4
"""The filters' products are added in halves of four, a texel each, before they are stored: half as many textures."""
MEANS = 3 * HALVES * HALF
"""Where the means stand, behind the filters."""
CHANNELS = 8
"""By what the prediction differs from the interpolated chroma: Cb and Cr of the four pixels of a block."""


def guided(graph: Graph, weight: Array | None = None) -> Graph:
    """A chroma model of the C architecture whose first convolution sees the prediction too, with this weight,
    (out, CHANNELS, 3, 3). It is zero unless given, and the picture then as before. Raises ModelError for other models,
    and for one that has a guide already.
    """
    first = next((node for node in graph.nodes if node.name == "conv0"), None)
    blocks = next((node.name for node in graph.nodes if node.op == SpaceToDepth(2)), None)
    if graph.plane != "chroma" or not first or not isinstance(first.op, Conv) or first.inputs != (blocks,):
        expected = "expected a chroma model of the C architecture without a guide"
        raise ModelError(graph.name, f"found a {graph.plane} model with other nodes, {expected}")
    assert blocks is not None
    nodes = _Nodes()
    seen = nodes.add("seen", Concat(), blocks, _prediction(nodes, blocks))
    out, _, *kernel = first.op.weight.shape
    weight = np.zeros((out, CHANNELS, *kernel), np.float32) if weight is None else weight
    wider = replace(first, op=replace(first.op, weight=np.concatenate([first.op.weight, weight], 1)), inputs=(seen,))
    at = graph.nodes.index(first)
    return replace(graph, nodes=(*graph.nodes[:at], *nodes.made, wider, *graph.nodes[at + 1 :]))


def has_guide(graph: Graph) -> bool:
    """Whether the model sees a prediction, by its nodes' names."""
    return any(node.name.startswith(PREFIX) for node in graph.nodes)


class _Nodes:
    """The guide's nodes, in their order."""

    def __init__(self) -> None:
        self.made: list[Node] = []

    def add(self, name: str, op: Op, *inputs: str) -> str:
        self.made.append(Node(PREFIX + name, op, inputs))
        return PREFIX + name

    def conv(self, name: str, weight: Array, value: str) -> str:
        pad = weight.shape[2] // 2
        return self.add(name, Conv(weight, np.zeros(len(weight), np.float32), (pad,) * 4, "edge"), value)

    def slice(self, name: str, value: str, start: int, count: int) -> str:
        return self.add(name, Slice(start, start + count), value)


def _prediction(nodes: _Nodes, blocks: str) -> str:
    """CHANNELS, from blocks of Y, Cb and Cr, four channels each."""
    near = nodes.conv("near", _near(), nodes.conv("small", _small(), blocks))
    products = nodes.add("products", Add(), *(_products(nodes, near, half) for half in range(HALVES)))
    sums = nodes.conv("sums", np.kron(np.eye(5), np.ones((1, HALF)))[:, :, None, None].astype(np.float32), products)
    variances = nodes.add("variances", Clip(LEAST, math.inf), sums)
    luma_variance = nodes.slice("luma_variance", variances, 0, 1)
    mean = nodes.slice("luma_mean", near, MEANS, 1)
    detail = nodes.add("detail", Sub(), nodes.slice("luma", blocks, 0, 4), mean)
    planes = []
    for i, plane in enumerate(("blue", "red"), 1):
        covariance = nodes.slice(f"{plane}_covariance", sums, i, 1)
        slope = nodes.add(f"{plane}_slope", Div(), covariance, luma_variance)
        back = nodes.add(f"{plane}_back", Div(), covariance, nodes.slice(f"{plane}_variance", variances, 2 + i, 1))
        likeness = nodes.add(f"{plane}_likeness", Mul(), slope, back)
        share = nodes.add(f"{plane}_share", Mul(), likeness, likeness)
        held = nodes.add(f"{plane}_held", Clip(-STEEPEST, STEEPEST), slope)
        above = nodes.add(f"{plane}_above", Mul(), detail, held)
        level = nodes.add(f"{plane}_level", Add(), above, nodes.slice(f"{plane}_mean", near, MEANS + i, 1))
        change = nodes.add(f"{plane}_change", Sub(), level, nodes.slice(f"{plane}", blocks, 4 * i, 4))
        planes.append(nodes.add(f"{plane}_taken", Mul(), change, share))
    return nodes.add("prediction", Concat(), *planes)


def _products(nodes: _Nodes, near: str, half: int) -> str:
    """Of half of the filters: luma squared, luma times Cb and Cr, and these squared, (5 HALF)."""
    luma, blue, red = (nodes.slice(f"edges{half}{i}", near, (3 * half + i) * HALF, HALF) for i in range(3))
    left = nodes.add(f"left{half}", Concat(), luma, luma, luma, blue, red)
    right = nodes.add(f"right{half}", Concat(), luma, blue, red, blue, red)
    return nodes.add(f"products{half}", Mul(), left, right)


def _small() -> Array:
    """Y, Cb and Cr of a block as one sample each, (3, 12, 3, 3): luma is blurred as the interpolation blurs chroma."""
    weight = np.zeros((3, 12, 3, 3), np.float32)
    taps = np.array([1, 1, 6, 6, 1, 1]) / 16
    weight[0, :4] = np.outer(taps, taps).reshape(3, 2, 3, 2).transpose(1, 3, 0, 2).reshape(4, 3, 3)
    weight[1, 4:8, 1, 1] = weight[2, 8:, 1, 1] = 0.25
    return weight


def _near() -> Array:
    """Half of the filters of Y, Cb and Cr, the other half, then the three means, (27, 3, 3, 3)."""
    mean, filters = np.split(_basis(), [1])
    weight = np.zeros((MEANS + 3, 3, 3, 3), np.float32)
    for plane in range(3):
        for half, some in enumerate(np.split(GAIN * filters, HALVES)):
            start = (3 * half + plane) * HALF
            weight[start : start + HALF, plane] = some
        weight[MEANS + plane, plane] = mean
    return weight


def _basis() -> Array:
    """The mean, then the eight filters: all products of mean, slope and bend across and along, (9, 3, 3)."""
    parts = [np.array(taps) / 4 for taps in ([1, 2, 1], [-math.sqrt(2), 0, math.sqrt(2)], [1, -2, 1])]
    return np.array([np.outer(down, right) for down in parts for right in parts], np.float32)
