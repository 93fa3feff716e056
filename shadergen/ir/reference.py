"""What every operator means, in NumPy. Shaders, rewrites and importers are tested against this.

Images are arrays (channels, height, width) of float32 or float64; every function works in the type it is given. Sums
are taken in the order that is fastest, so float32 results differ from a GPU's in the last digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar, assert_never

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph
from shadergen.ir.ops import (
    Add,
    Affine,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Fit,
    Gather,
    GlobalAveragePool,
    LeakyRelu,
    MaxPool,
    MeanOfMeans,
    Mul,
    Op,
    Pad,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Rim,
    RimTerm,
    Round,
    Rounding,
    Selu,
    Sides,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Spatial,
    Sqrt,
    Sub,
    Tanh,
    Unary,
)

Real = TypeVar("Real", np.float32, np.float64)
Image = npt.NDArray[Real]

_PAD_MODES: dict[str, Any] = {"zero": "constant", "edge": "edge", "reflect": "reflect"}
_BAND_BYTES = 4 << 20
"""How much of a convolution's windows is gathered at a time, so that they stay in the cache."""


def evaluate(
    graph: Graph,
    image: Image[Real],
    on_value: Callable[[str], None] = lambda name: None,
) -> dict[str, Image[Real]]:
    """Every value of the graph by name, the input among them.

    `image` is (channels, height, width), float32 or float64; the arithmetic is done in its type. `on_value` is called
    with each name as its value is ready. Raises ValueError for an image that is not of the graph's input type, and,
    naming the node, for one that is too small for an operator.
    """
    channels = graph.input_type.channels
    if image.ndim != 3 or image.shape[0] != channels or 0 in image.shape:
        raise ValueError(f"found an image of shape {image.shape}, expected ({channels}, height, width)")
    values = {graph.input: image}
    for node in graph.nodes:
        try:
            values[node.name] = apply(node.op, [values[name] for name in node.inputs])
        except ValueError as error:
            raise ValueError(f"node {node.name!r}: {error}") from None
        on_value(node.name)
    return values


def apply(op: Op, inputs: list[Image[Real]]) -> Image[Real]:  # noqa: C901  # one case per operator
    """The value of `op` for inputs of shape (channels, height, width), of which only the numbers may be anything.

    Raises ValueError for an image that is too small for it.
    """
    x = inputs[0]
    if isinstance(op, Unary):
        return unary(op, x)
    match op:
        case Conv():
            return conv(op, x)
        case ConvTranspose():
            return conv_transpose(op, x)
        case Rim():
            return rim(op, x)
        case Add():
            return x + inputs[1]
        case Sub():
            return x - inputs[1]
        case Mul():
            return x * inputs[1]
        case Div():
            return x / inputs[1]
        case Concat():
            return np.concatenate(inputs)
        case Slice(start, stop):
            return x[start:stop]
        case Gather(indices):
            return x[list(indices)]
        case DepthToSpace(block):
            return depth_to_space(x, block)
        case SpaceToDepth(block):
            return space_to_depth(x, block)
        case Pad(pads, mode, value):
            return pad(x, pads, mode, value)
        case Fit():
            return fit(op, x, inputs[1])
        case Resize():
            return resize(op, x, inputs[-1].shape[1:])
        case MaxPool(kernel, strides, pads):
            return np.asarray(_windows(pad(x, pads, value=-np.inf), kernel, strides).max((3, 4)), x.dtype)
        case AveragePool(kernel, strides, pads):
            sums, counts = (_windows(pad(y, pads), kernel, strides).sum((3, 4)) for y in (x, np.ones_like(x[:1])))
            return np.asarray(sums / counts, x.dtype)
        case MeanOfMeans(block):
            return mean_of_means(x, inputs[1].shape[1:], block)
        case GlobalAveragePool():
            return np.asarray(x.mean((1, 2), keepdims=True, dtype=np.float64), x.dtype)
        case _:
            assert_never(op)


def unary(op: Unary, x: Image[Real]) -> Image[Real]:
    """The value of an operator that takes each number by itself, of the shape of `x`."""
    number = x.dtype.type
    match op:
        case Relu():
            return np.maximum(x, 0)
        case LeakyRelu(alpha):
            return np.where(x >= 0, x, number(alpha) * x)
        case PRelu(slope):
            return np.where(x >= 0, x, slope.astype(x.dtype)[:, None, None] * x)
        case Elu(alpha):
            return np.where(x >= 0, x, number(alpha) * np.expm1(np.minimum(x, 0)))
        case Selu(alpha, gamma):
            return number(gamma) * np.where(x > 0, x, number(alpha) * np.expm1(np.minimum(x, 0)))
        case Sigmoid():
            return np.exp(-np.logaddexp(0, -x))
        case Tanh():
            return np.tanh(x)
        case Softplus():
            return np.logaddexp(0, x)
        case Erf():
            return _erf(x)
        case Sqrt():
            return np.sqrt(x)
        case Round():
            return np.rint(x)
        case Clip(minimum, maximum):
            return np.clip(x, number(minimum), number(maximum))
        case Affine(scale, shift):
            return scale.astype(x.dtype)[:, None, None] * x + shift.astype(x.dtype)[:, None, None]
        case _:
            assert_never(op)


def _erf(x: Image[Real]) -> Image[Real]:
    """The error function, which NumPy lacks, by the C library's: a second for 10 million values."""
    return np.fromiter(map(math.erf, x.ravel().tolist()), x.dtype, x.size).reshape(x.shape)


# ---------------------------------------------------------------------------------------------------------------------
# Neighbourhoods


def conv(op: Conv, x: Image[Real]) -> Image[Real]:
    """The value of a convolution, as one matrix product for each band of rows of `_BAND_BYTES`."""
    out, per_group, kh, kw = op.weight.shape
    windows = _windows(pad(x, op.pads, op.pad_mode), (kh, kw), op.strides, op.dilations)
    height, width = windows.shape[1:3]
    weight = op.weight.reshape(op.group, out // op.group, -1).astype(x.dtype)
    result = np.empty((out, height, width), x.dtype)
    taps = per_group * kh * kw
    rows = max(1, _BAND_BYTES // (op.group * taps * width * x.itemsize))
    for y in range(0, height, rows):
        band = windows[:, y : y + rows].transpose(0, 3, 4, 1, 2)
        result[:, y : y + rows] = (weight @ band.reshape(op.group, taps, -1)).reshape(out, -1, width)
    result += op.bias.astype(x.dtype)[:, None, None]
    return result


def _windows(x: Image[Real], kernel: Spatial, strides: Spatial, dilations: Spatial = (1, 1)) -> Image[Real]:
    """What a kernel of this height and width reads at each of its places: (channels, height, width, kh, kw)."""
    reach = [(side - 1) * dilation + 1 for side, dilation in zip(kernel, dilations, strict=True)]
    if x.shape[1] < reach[0] or x.shape[2] < reach[1]:
        raise ValueError(f"found {x.shape[2]}x{x.shape[1]} texels, too small for a {reach[1]}x{reach[0]} kernel")
    windows = sliding_window_view(x, reach, axis=(1, 2))
    return windows[:, :: strides[0], :: strides[1], :: dilations[0], :: dilations[1]]


def conv_transpose(op: ConvTranspose, x: Image[Real]) -> Image[Real]:
    """The value of a transposed convolution: of the input, zeros between its pixels, by the kernel turned."""
    channels, height, width = x.shape
    in_, out, kh, kw = op.weight.shape
    sy, sx = op.strides
    spread = np.zeros((channels, (height - 1) * sy + 1, (width - 1) * sx + 1), x.dtype)
    spread[:, ::sy, ::sx] = x
    grouped = op.weight.reshape(op.group, in_ // op.group, out, kh, kw)[..., ::-1, ::-1]
    weight = np.ascontiguousarray(grouped.swapaxes(1, 2)).reshape(op.group * out, in_ // op.group, kh, kw)
    whole = Conv(weight, np.zeros_like(op.bias), (kh - 1, kw - 1, kh - 1, kw - 1), group=op.group)
    top, left, bottom, right = op.pads
    return pad(conv(whole, spread), (-top, -left, -bottom, -right)) + op.bias.astype(x.dtype)[:, None, None]


def pad(x: Image[Real], pads: Sides, mode: PadMode = "zero", value: float = 0.0) -> Image[Real]:
    """`x` with so many more rows and columns at the top, left, bottom and right, or fewer where a number is below zero.

    Raises ValueError where nothing would be left.
    """
    top, left, bottom, right = (max(-side, 0) for side in pads)
    cropped = x[:, top : x.shape[1] - bottom, left : x.shape[2] - right]
    if 0 in cropped.shape:
        raise ValueError(f"found {x.shape[2]}x{x.shape[1]} texels, too small to crop by {pads}")
    top, left, bottom, right = (max(side, 0) for side in pads)
    if not top + left + bottom + right:
        return cropped
    options: dict[str, Any] = {"constant_values": x.dtype.type(value)} if mode == "zero" else {}
    return np.pad(cropped, ((0, 0), (top, bottom), (left, right)), _PAD_MODES[mode], **options)


def fit(op: Fit, x: Image[Real], like: Image[Real]) -> Image[Real]:
    """`x` cropped or continued to a size that depends on that of `like`. Raises ValueError where that is below 1."""
    rows, columns = fitted(op, x.shape[1:], like.shape[1:])
    result = x[:, rows.clip(0)[:, None], columns.clip(0)]
    return np.where((rows >= 0)[:, None] & (columns >= 0), result, 0) if op.mode == "zero" else result


def fitted(op: Fit, size: tuple[int, ...], like: tuple[int, ...]) -> list[npt.NDArray[np.int64]]:
    """For the rows and for the columns of a Fit's value, which of the first input's each is; -1 for zeros.

    `size` and `like` are the heights and widths of its inputs.
    """
    result = []
    for new, corner, n, old in zip(op.size, op.corner, like, size, strict=True):
        if new.at(n) < 1:
            raise ValueError(f"found {like[1]}x{like[0]} texels, too few for a size of {new}")
        at = np.arange(new.at(n)) - corner.at(n)
        match op.mode:
            case "zero":
                at[(at < 0) | (at >= old)] = -1
            case "edge":
                at = at.clip(0, old - 1)
            case "reflect":
                at = np.abs((at + old - 1) % max(2 * old - 2, 1) - (old - 1))
        result.append(at)
    return result


def mean_of_means(x: Image[Real], size: tuple[int, ...], block: int) -> Image[Real]:
    """The mean of an image of height and width `size` from the means `x` of its blocks.

    They are weighted by their pixels: a block in the last row or column may have fewer than the others.
    """
    rows, columns = (np.minimum(block, n - block * np.arange(-(-n // block))) for n in size)
    weights = rows[:, None] * columns / (size[0] * size[1])
    return np.asarray((x.astype(np.float64) * weights).sum((1, 2), keepdims=True), x.dtype)


def resize(op: Resize, x: Image[Real], like: tuple[int, ...]) -> Image[Real]:
    """The value of a Resize: first every column, then every row. `like` is the height and width its size follows.

    Raises ValueError where the size would be below 1.
    """
    return _resized(op, op.to[1], _resized(op, op.to[0], x, 1, like[0]), 2, like[1])


def _resized(op: Resize, to: Fraction | Extent, x: Image[Real], axis: int, like: int) -> Image[Real]:
    size = x.shape[axis]
    wanted = to.at(like) if isinstance(to, Extent) else size * to.numerator // to.denominator
    if wanted < 1:
        raise ValueError(f"found {size} texels, too few to resize {'to' if isinstance(to, Extent) else 'by'} {to}")
    scale = Fraction(wanted, size) if isinstance(to, Extent) else to
    at = _coordinates(op, scale, size, wanted)
    if op.filter == "nearest":
        return x.take(_rounded(at, op.rounding).clip(0, size - 1), axis)
    first = np.floor(at).astype(int)
    taps = np.array({"linear": (0, 1), "cubic": (-1, 0, 1, 2)}[op.filter])[:, None] + first
    distances = np.abs(at - taps)
    weights = 1 - distances if op.filter == "linear" else keys(distances, op.cubic)
    if op.exclude_outside:
        weights[(taps < 0) | (taps >= size)] = 0
        weights /= weights.sum(0)
    shape = (-1, 1) if axis == 1 else (1, -1)
    parts = (
        x.take(tap.clip(0, size - 1), axis) * weight.astype(x.dtype).reshape(shape)
        for tap, weight in zip(taps, weights, strict=True)
    )
    return np.asarray(sum(parts), x.dtype)


def _coordinates(op: Resize, scale: Fraction, size: int, wanted: int) -> npt.NDArray[np.float64]:
    """Where along an axis of the input each of the `wanted` pixels of the result reads."""
    pixels = np.arange(wanted)
    if wanted == 1 and op.coordinates in ("pytorch_half_pixel", "align_corners"):
        return np.zeros(1)
    match op.coordinates:
        case "half_pixel" | "pytorch_half_pixel":
            return (2 * pixels + 1) * scale.denominator / (2 * scale.numerator) - 0.5
        case "asymmetric":
            return pixels * scale.denominator / scale.numerator
        case "align_corners":
            return pixels * (size - 1) / (wanted - 1)


def _rounded(at: npt.NDArray[np.float64], rounding: Rounding) -> npt.NDArray[np.int64]:
    match rounding:
        case "floor":
            return np.floor(at).astype(np.int64)
        case "ceil":
            return np.ceil(at).astype(np.int64)
        case "round_prefer_floor":
            return np.ceil(at - 0.5).astype(np.int64)
        case "round_prefer_ceil":
            return np.floor(at + 0.5).astype(np.int64)


def keys(x: npt.NDArray[np.float64], a: float) -> npt.NDArray[np.float64]:
    """Keys' cubic convolution kernel of parameter `a` at the distances `x`, 0 or more; it is 0 from 2 on.

    R. Keys, Cubic convolution interpolation for digital image processing, 1981.
    """
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0))


def rim(op: Rim, x: Image[Real]) -> Image[Real]:
    """The value of a Rim: each term as a convolution of what its rows and columns read, added to zeros."""
    _, height, width = x.shape
    result = np.zeros((len(op.terms[0].bias), height, width), x.dtype)
    for term in op.terms:
        rows, columns = _span(term.row, height), _span(term.column, width)
        if rows and columns:
            read = _read_by(term, x, rows, columns)
            result[:, rows.start : rows.stop, columns.start : columns.stop] += conv(Conv(term.weight, term.bias), read)
    return result


def _span(index: int | None, size: int) -> range:
    """The rows, or columns, that an index of a RimTerm means where there are `size`: all, one, or none."""
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
    """The value of DepthToSpace: (c * block^2, h, w) to (c, h * block, w * block)."""
    channels, height, width = x.shape
    blocks = x.reshape(channels // block**2, block, block, height, width).transpose(0, 3, 1, 4, 2)
    return blocks.reshape(channels // block**2, height * block, width * block)


def space_to_depth(x: Image[Real], block: int) -> Image[Real]:
    """The value of SpaceToDepth: (c, h * block, w * block) to (c * block^2, h, w)."""
    channels, height, width = x.shape
    blocks = x.reshape(channels, height // block, block, width // block, block).transpose(0, 2, 4, 1, 3)
    return blocks.reshape(channels * block**2, height // block, width // block)
