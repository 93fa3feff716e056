"""An upscale in front of a network that was trained on enlarged pictures (SRCNN, VDSR, waifu2x's vgg_7).

All filters keep the picture's corners: pixel i of the result is at (i + 0.5) / factor - 0.5 of the input, and outside
of the picture its nearest pixel is read. bicubic is Keys' kernel with a = -0.5, that of MATLAB's imresize, Pillow and
TensorFlow, on which such networks were trained; lanczos is Lanczos' with three lobes, normalised for every phase.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Literal

import numpy as np

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, Node
from shadergen.ir.names import Namer
from shadergen.ir.ops import Array, ConvTranspose, Op, Pad, Resize
from shadergen.ir.ops.checks import MAX_SCALE

PrescaleFilter = Literal["bicubic", "lanczos", "bilinear", "nearest"]

LOBES = 3
"""Of the Lanczos kernel: how many pixels of the input to either side an enlarged pixel reads."""


def prescaled(graph: Graph, factor: int, filter: PrescaleFilter) -> Graph:
    """The graph with its input enlarged `factor` times, 1 to 32, down and to the right.

    Raises ModelError for another factor, and for a chroma model, whose result has the size of its input.
    """
    if factor == 1:
        return graph
    if graph.plane == "chroma" or not 1 < factor <= MAX_SCALE // 2:
        problem = f"found factor {factor} for a {graph.plane} model, expected 1 to {MAX_SCALE // 2} for luma or rgb"
        raise ModelError(f"{graph.name}: prescale", problem)
    front = upscale(graph.input, factor, filter, graph.input_type.channels, "prescale", Namer(graph.names))
    renamed = {graph.input: front[-1].name}
    behind = [replace(node, inputs=tuple(renamed.get(name, name) for name in node.inputs)) for node in graph.nodes]
    return replace(graph, nodes=(*front, *behind), output=renamed.get(graph.output, graph.output))


def upscale(
    source: str, factor: int, filter: PrescaleFilter, channels: int, name: str, names: Namer
) -> tuple[Node, ...]:
    """Nodes that enlarge an image of so many channels one after another; the last one's name is like `name`."""
    nodes: list[Node] = []
    for suffix, op in _upscale(factor, filter, channels):
        nodes.append(Node(names.fresh(f"{name}{suffix}"), op, (nodes[-1].name if nodes else source,)))
    return tuple(nodes)


def _upscale(factor: int, filter: PrescaleFilter, channels: int) -> list[tuple[str, Op]]:
    """What is put behind the names of nodes that enlarge an image of so many channels, and their operators."""
    scales = (Fraction(factor), Fraction(factor))
    match filter:
        case "nearest":
            return [("", Resize(scales, "nearest", "asymmetric", "floor"))]
        case "bilinear":
            return [("", Resize(scales, "linear"))]
        case "bicubic":
            return [("", Resize(scales, "cubic", cubic=-0.5))]
        case "lanczos":
            taps, before = _lanczos(factor)
            bias = np.zeros(channels, np.float32)
            weight = np.broadcast_to(taps, (channels, 1, len(taps)))
            # Behind the padding, the first pixel's centre tap is LOBES * factor + before rows into the whole result.
            first = LOBES * factor + before
            last = (2 * LOBES - 1) * factor + len(taps) - first
            rows = ConvTranspose(weight[..., None].copy(), bias, (first, 0, last, 0), (factor, 1), channels)
            columns = ConvTranspose(weight[:, :, None].copy(), bias, (0, first, 0, last), (1, factor), channels)
            around = Pad((LOBES,) * 2 + (LOBES,) * 2, "edge")
            return [("_edge", around), ("_rows", rows), ("", columns)]


def _lanczos(factor: int) -> tuple[Array, int]:
    """What an input pixel adds to the result's pixels, and how many of those are before `factor` times its place."""
    reach = np.arange(-LOBES * factor, (LOBES + 1) * factor)
    distance = (reach + 0.5) / factor - 0.5
    reach, distance = reach[abs(distance) < LOBES], distance[abs(distance) < LOBES]
    taps = np.sinc(distance) * np.sinc(distance / LOBES)
    for phase in range(factor):
        taps[reach % factor == phase] /= taps[reach % factor == phase].sum()
    return taps.astype(np.float32), -int(reach[0])
