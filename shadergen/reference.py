"""What every operator means, in NumPy. Shaders, rewrites and importers are tested against this."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, assert_never

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from shadergen.graph import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Elu,
    Graph,
    LeakyRelu,
    Mul,
    Op,
    PRelu,
    Relu,
    Rim,
    RimTerm,
    Selu,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Tanh,
)

Real = TypeVar("Real", np.float32, np.float64)
Image = npt.NDArray[Real]

_PAD_MODES: dict[str, Any] = {"zero": "constant", "edge": "edge", "reflect": "reflect"}
_BAND_BYTES = 4 << 20
"""Windows gathered at a time, so that they stay in the cache."""


def evaluate(
    graph: Graph,
    image: Image[Real],
    on_value: Callable[[str], None] = lambda name: None,
) -> dict[str, Image[Real]]:
    """Every value of the graph by name, the input among them.

    `image` is (channels, height, width), float32 or float64; the arithmetic is done in its type. `on_value` is called
    with each name as its value is ready. Raises ValueError for an image that is not of the graph's input type.
    """
    channels = graph.input_type.channels
    if image.ndim != 3 or image.shape[0] != channels or 0 in image.shape:
        raise ValueError(f"found an image of shape {image.shape}, expected ({channels}, height, width)")
    values = {graph.input: image}
    for node in graph.nodes:
        values[node.name] = apply(node.op, [values[name] for name in node.inputs])
        on_value(node.name)
    return values


def apply(op: Op, inputs: list[Image[Real]]) -> Image[Real]:  # noqa: C901  # one case per operator
    """`op`'s value for inputs of shape (channels, height, width)."""
    x = inputs[0]
    match op:
        case Conv():
            return conv(op, x)
        case Rim():
            return rim(op, x)
        case Relu():
            return np.maximum(x, 0)
        case LeakyRelu(alpha):
            return np.where(x >= 0, x, x.dtype.type(alpha) * x)
        case PRelu(slope):
            return np.where(x >= 0, x, slope.astype(x.dtype)[:, None, None] * x)
        case Elu(alpha):
            return np.where(x >= 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))
        case Selu(alpha, gamma):
            return x.dtype.type(gamma) * np.where(x > 0, x, x.dtype.type(alpha) * np.expm1(np.minimum(x, 0)))
        case Sigmoid():
            return np.exp(-np.logaddexp(0, -x))
        case Tanh():
            return np.tanh(x)
        case Clip(minimum, maximum):
            return np.clip(x, x.dtype.type(minimum), x.dtype.type(maximum))
        case Add():
            return x + inputs[1]
        case Mul():
            return x * inputs[1]
        case Concat():
            return np.concatenate(inputs)
        case Slice(start, stop):
            return x[start:stop]
        case DepthToSpace(block):
            return depth_to_space(x, block)
        case SpaceToDepth(block):
            return space_to_depth(x, block)
        case _:
            assert_never(op)


def conv(op: Conv, x: Image[Real]) -> Image[Real]:
    """Cross-correlation as one matrix product per band of rows, so that the gathered windows stay in the cache."""
    out, _, kh, kw = op.weight.shape
    top, left, bottom, right = op.pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right)), mode=_PAD_MODES[op.pad_mode])
    height, width = padded.shape[1] - kh + 1, padded.shape[2] - kw + 1
    if height < 1 or width < 1:
        raise ValueError(f"found an image of {x.shape[2]}x{x.shape[1]}, too small for a {kw}x{kh} kernel")
    windows = sliding_window_view(padded, (kh, kw), axis=(1, 2))
    weight = op.weight.reshape(out, -1).astype(x.dtype)
    result = np.empty((out, height, width), x.dtype)
    rows = max(1, _BAND_BYTES // (weight.shape[1] * width * x.itemsize))
    for y in range(0, height, rows):
        band = windows[:, y : y + rows].transpose(0, 3, 4, 1, 2)
        result[:, y : y + rows] = (weight @ band.reshape(weight.shape[1], -1)).reshape(out, -1, width)
    result += op.bias.astype(x.dtype)[:, None, None]
    return result


def rim(op: Rim, x: Image[Real]) -> Image[Real]:
    """Every term as a convolution of the pixels that its row or column reads, added to zeros."""
    _, height, width = x.shape
    result = np.zeros((len(op.terms[0].bias), height, width), x.dtype)
    for term in op.terms:
        rows, columns = _span(term.row, height), _span(term.column, width)
        if rows and columns:
            read = _read_by(term, x, rows, columns)
            result[:, rows.start : rows.stop, columns.start : columns.stop] += conv(Conv(term.weight, term.bias), read)
    return result


def _span(index: int | None, size: int) -> range:
    """The rows (columns) that an index means in an image of `size` of them: all, one, or none where it has no such."""
    if index is None:
        return range(size)
    start = index if index >= 0 else size + index
    return range(start, start + 1) if 0 <= start < size else range(0)


def _read_by(term: RimTerm, x: Image[Real], rows: range, columns: range) -> Image[Real]:
    """What the term's kernel reads at these pixels, (channels, len(rows) + kh - 1, len(columns) + kw - 1)."""
    channels, height, width = x.shape
    kh, kw = term.weight.shape[2:]
    top, left = rows.start + term.dy, columns.start + term.dx
    result = np.zeros((channels, len(rows) + kh - 1, len(columns) + kw - 1), x.dtype)
    ys = np.arange(max(top, 0), min(top + result.shape[1], height))
    xs = np.arange(max(left, 0), min(left + result.shape[2], width))
    result[:, (ys - top)[:, None], xs - left] = x[:, ys[:, None], xs]
    return result


def depth_to_space(x: Image[Real], block: int) -> Image[Real]:
    """(c * block^2, h, w) to (c, h * block, w * block), order CRD."""
    channels, height, width = x.shape
    blocks = x.reshape(channels // block**2, block, block, height, width).transpose(0, 3, 1, 4, 2)
    return blocks.reshape(channels // block**2, height * block, width * block)


def space_to_depth(x: Image[Real], block: int) -> Image[Real]:
    """(c, h * block, w * block) to (c * block^2, h, w), order CRD."""
    channels, height, width = x.shape
    blocks = x.reshape(channels, height // block, block, width // block, block).transpose(0, 2, 4, 1, 3)
    return blocks.reshape(channels * block**2, height // block, width // block)
