"""The network as data: tensor types, operators, nodes, graphs.

Operators have ONNX's names and meanings, restricted to one image of shape (channels, height, width). Two differ, and
say so: DepthToSpace is always CRD and SpaceToDepth is its inverse. A node's name is also the name of the one value it
gives. Everything is frozen; a rewrite makes a new graph.

Sizes are known only at playback, so an extent is affine in that of the graph's input: `scale * n + offset`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt

from shadergen.errors import ModelError

Array = npt.NDArray[np.float32]
Plane = Literal["luma", "chroma", "rgb"]
PadMode = Literal["zero", "edge", "reflect"]

# ---------------------------------------------------------------------------------------------------------------------
# Types


@dataclass(frozen=True)
class Extent:
    """The size along one axis: `scale * n + offset` for an input of size n."""

    scale: Fraction = Fraction(1)
    offset: int = 0

    def __str__(self) -> str:
        offset = f"{self.offset:+d}" if self.offset else ""
        return f"{'' if self.scale == 1 else self.scale}n{offset}"

    def at(self, n: int) -> int:
        """The size for an input of size `n`."""
        size = self.scale * n + self.offset
        if size.denominator != 1:
            raise ValueError(f"{self} is not an integer at n = {n}")
        return int(size)

    def times(self, factor: Fraction) -> Extent:
        """The extent after scaling by `factor`; the offset must stay an integer."""
        offset = self.offset * factor
        if offset.denominator != 1:
            raise ValueError(f"{self} times {factor} has no integer offset")
        return Extent(self.scale * factor, int(offset))

    def plus(self, texels: int) -> Extent:
        """The extent with `texels` more."""
        return Extent(self.scale, self.offset + texels)


@dataclass(frozen=True)
class TensorType:
    """What is known of a value before playback."""

    channels: int
    height: Extent = Extent()
    width: Extent = Extent()

    def __str__(self) -> str:
        return f"{self.channels} x {self.height} x {self.width}"

    @property
    def packs(self) -> int:
        """Groups of four channels, the last perhaps partly filled."""
        return -(-self.channels // 4)

    def pixels(self) -> Fraction:
        """Pixels per pixel of the graph's input, offsets left out."""
        return self.height.scale * self.width.scale


# ---------------------------------------------------------------------------------------------------------------------
# Operators


@dataclass(frozen=True, eq=False)
class Conv:
    """Cross-correlation at stride 1: y[o] = bias[o] + sum over i, ky, kx of weight[o, i, ky, kx] * x[i, y+ky, x+kx].

    `x` is first padded by `pads`, with the values that `pad_mode` says.
    """

    weight: Array
    """(out, in, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Top, left, bottom, right, as in ONNX."""
    pad_mode: PadMode = "zero"


@dataclass(frozen=True, eq=False)
class RimTerm:
    """A convolution that counts only in one row, in one column, or at the one pixel where both meet.

    Indices are Python's: 0 the first, 1 the second, -1 the last. What an image is too small to have does not count,
    and in an image of one row both 0 and -1 are that row.
    """

    row: int | None
    """None: every row, if `column` is given."""
    column: int | None
    """None: every column, if `row` is given."""
    weight: Array
    """(out, in, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    dy: int
    """How many rows below the pixel the first tap lies; the others follow it downwards."""
    dx: int
    """How many columns right of the pixel the first tap lies; the others follow it to the right."""


@dataclass(frozen=True, eq=False)
class Rim:
    """Near the borders, a sum of convolutions; zero elsewhere. The size stays.

    At (y, x), y[o] = sum over the terms for that row and column of bias[o] + sum over i, ky, kx of
    weight[o, i, ky, kx] * x[i, y+dy+ky, x+dx+kx], where x is zero outside of the image. No file has it: it is what
    rewrites put right at the borders, and a vanishing part of a picture's work.
    """

    terms: tuple[RimTerm, ...]
    """One or more, all from and to the same numbers of channels."""


@dataclass(frozen=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True)
class LeakyRelu:
    """x where x >= 0, else alpha * x."""

    alpha: float = 0.01


@dataclass(frozen=True, eq=False)
class PRelu:
    """x where x >= 0, else slope * x, with one slope per channel."""

    slope: Array
    """(channels,), finite."""


@dataclass(frozen=True)
class Elu:
    """x where x >= 0, else alpha * (exp(x) - 1)."""

    alpha: float = 1.0


@dataclass(frozen=True)
class Selu:
    """gamma * x where x > 0, else gamma * alpha * (exp(x) - 1); ONNX's constants."""

    alpha: float = 1.67326319217681884765625
    gamma: float = 1.05070102214813232421875


@dataclass(frozen=True)
class Sigmoid:
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True)
class Tanh:
    """The hyperbolic tangent."""


@dataclass(frozen=True)
class Clip:
    """min(max(x, minimum), maximum)."""

    minimum: float = 0.0
    maximum: float = 1.0


@dataclass(frozen=True)
class Add:
    """a + b, of equal types."""


@dataclass(frozen=True)
class Mul:
    """a * b, of equal types."""


@dataclass(frozen=True)
class Concat:
    """The inputs' channels one after another; equal extents."""


@dataclass(frozen=True)
class Slice:
    """Channels start to stop (exclusive)."""

    start: int
    stop: int


@dataclass(frozen=True)
class DepthToSpace:
    """Channel c * block^2 + dy * block + dx becomes channel c at (y * block + dy, x * block + dx).

    ONNX's mode CRD, PyTorch's PixelShuffle; the only order here. Sources permute weights that want DCR.
    """

    block: int


@dataclass(frozen=True)
class SpaceToDepth:
    """The inverse of DepthToSpace, PyTorch's PixelUnshuffle (ONNX's SpaceToDepth orders channels otherwise)."""

    block: int


Op = (
    Conv
    | Rim
    | Relu
    | LeakyRelu
    | PRelu
    | Elu
    | Selu
    | Sigmoid
    | Tanh
    | Clip
    | Add
    | Mul
    | Concat
    | Slice
    | DepthToSpace
    | SpaceToDepth
)
Pointwise = Relu | LeakyRelu | PRelu | Elu | Selu | Sigmoid | Tanh | Clip | Add | Mul
"""Operators whose value at a channel and pixel needs only the operands at that channel and pixel."""

# ---------------------------------------------------------------------------------------------------------------------
# Nodes and graphs


@dataclass(frozen=True)
class Node:
    """One operator applied to named values."""

    name: str
    """Words of letters and digits that begin with a letter, joined by `_`: the name is used in GLSL, with numbers
    after it."""
    op: Op
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class Record:
    """Where the weights come from; carried into the shader's header and the native file."""

    licence: str = ""
    """One line."""
    sha256: str = ""
    """Of the file the graph was read from, hexadecimal."""
    training: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """A network from one image to one image.

    plane `luma`: 1 channel to 1. plane `rgb`: 3 channels to 3. plane `chroma`: 3 channels (Y, Cb, Cr, all at luma's
    resolution, chroma interpolated bilinearly at its siting) to 2 (Cb, Cr) of the same size.
    """

    name: str
    """Letters, digits and ` .+-_`; the shader's file is named after it."""
    plane: Plane
    nodes: tuple[Node, ...]
    """In an order in which every input comes before its use."""
    output: str
    input: str = "input"
    record: Record = field(default_factory=Record)

    @property
    def input_type(self) -> TensorType:
        """The type of the graph's input."""
        return TensorType(1 if self.plane == "luma" else 3)

    @property
    def output_channels(self) -> int:
        """How many channels the plane has in the player."""
        return {"luma": 1, "chroma": 2, "rgb": 3}[self.plane]

    def node(self, name: str) -> Node:
        """The node that gives the value `name`."""
        return next(node for node in self.nodes if node.name == name)


# ---------------------------------------------------------------------------------------------------------------------
# Checking

MAX_CHANNELS = 65536
"""Ten times what fits into a texture at all: a limit so that a hostile file is an error and not a long computation."""
MAX_SCALE = 64


def verify(graph: Graph) -> dict[str, TensorType]:
    """Every value's type by name. Raises ModelError naming the node where the graph does not hold together."""
    _verify_words(graph)
    types = {graph.input: graph.input_type}
    for node in graph.nodes:
        where = f"{graph.name}: node {node.name!r}"
        if not _NODE_NAME.fullmatch(node.name):
            raise ModelError(where, "found that name, expected words of letters and digits joined by '_'", "rename it")
        if node.name in types:
            raise ModelError(where, "found the name twice, expected unique names")
        for name in node.inputs:
            if name not in types:
                raise ModelError(where, f"found input {name!r}, expected an earlier node or {graph.input!r}")
        try:
            types[node.name] = _checked(infer(node.op, [types[name] for name in node.inputs]))
        except ValueError as error:
            raise ModelError(where, str(error)) from None
    if graph.output not in types:
        raise ModelError(graph.name, f"found output {graph.output!r}, expected the name of a node")
    _verify_output(graph, types[graph.output])
    return types


_NODE_NAME = re.compile(r"(?!gl_)[A-Za-z][A-Za-z0-9]*(_[A-Za-z][A-Za-z0-9]*)*")
_GRAPH_NAME = re.compile(r"[^\W_][\w.+ -]{0,99}")


def _verify_words(graph: Graph) -> None:
    """What ends up in a file's name and in its comments must not be able to leave them."""
    if not _GRAPH_NAME.fullmatch(graph.name):
        problem = (
            f"found name {graph.name[:120]!r}, expected up to 100 letters, digits and ' .+-_', a letter or digit first"
        )
        raise ModelError("graph", problem, "rename the file or the model")
    licence = graph.record.licence
    if not licence.isprintable() or "//!" in licence or len(licence) > 200:
        raise ModelError(graph.name, f"found licence {licence[:40]!r}, expected one line of up to 200 characters")


def _verify_output(graph: Graph, output: TensorType) -> None:
    where = f"{graph.name}: output {graph.output!r}"
    if output.channels != graph.output_channels:
        problem = f"found {output.channels} channels, expected {graph.output_channels} for a {graph.plane} model"
        raise ModelError(where, problem)
    if output.height != output.width or output.height.offset or output.height.scale < 1:
        raise ModelError(where, f"found size {output.height} x {output.width}, expected the input's times 1, 2, 3, ...")
    if graph.plane == "chroma" and output.height.scale != 1:
        raise ModelError(where, f"found size {output.height}, expected the input's: a chroma model keeps luma's size")


def _checked(type_: TensorType) -> TensorType:
    if type_.channels > MAX_CHANNELS or max(type_.height.scale.numerator, type_.height.scale.denominator) > MAX_SCALE:
        raise ValueError(
            f"found more than {MAX_CHANNELS} channels or a size of more than {MAX_SCALE} times the input's"
        )
    return type_


def infer(op: Op, inputs: list[TensorType]) -> TensorType:  # noqa: C901  # one case per operator
    """The type of `op`'s value. Raises ValueError with what was found and expected."""
    binary = isinstance(op, Add | Mul)
    expected = 2 if binary else 1
    if len(inputs) != expected and not (isinstance(op, Concat) and inputs):
        raise ValueError(f"found {len(inputs)} inputs, expected {expected}")
    x = inputs[0]
    match op:
        case Conv():
            return _infer_conv(op, x)
        case Rim():
            return _infer_rim(op, x)
        case PRelu(slope):
            if slope.shape != (x.channels,):
                raise ValueError(f"found slope of shape {slope.shape}, expected ({x.channels},)")
            _expect_finite(slope, "slope")
            return x
        case Clip(minimum, maximum):
            if not minimum <= maximum:
                raise ValueError(f"found minimum {minimum:g} and maximum {maximum:g}, expected them in order")
            return x
        case Relu() | LeakyRelu() | Elu() | Selu() | Sigmoid() | Tanh():
            return x
        case Add() | Mul():
            if inputs[1] != x:
                raise ValueError(f"found operands of {x} and {inputs[1]}, expected equal types")
            return x
        case Concat():
            if any((other.height, other.width) != (x.height, x.width) for other in inputs):
                raise ValueError("found inputs of different sizes, expected equal ones")
            return TensorType(sum(other.channels for other in inputs), x.height, x.width)
        case Slice(start, stop):
            if not 0 <= start < stop <= x.channels:
                raise ValueError(f"found channels {start} to {stop}, expected a range within {x.channels}")
            return TensorType(stop - start, x.height, x.width)
        case DepthToSpace(block):
            if block < 1 or x.channels % block**2:
                raise ValueError(f"found {x.channels} channels, expected a multiple of {block**2} for block {block}")
            factor = Fraction(block)
            return TensorType(x.channels // block**2, x.height.times(factor), x.width.times(factor))
        case SpaceToDepth(block):
            if block < 1:
                raise ValueError(f"found block {block}, expected 1 or more")
            factor = Fraction(1, block)
            return TensorType(x.channels * block**2, x.height.times(factor), x.width.times(factor))
        case _:
            assert_never(op)


def _infer_conv(op: Conv, x: TensorType) -> TensorType:
    _expect_kernel(op, x)
    if min(op.pads) < 0:
        raise ValueError(f"found pads {op.pads}, expected none below 0")
    out, _, kh, kw = op.weight.shape
    top, left, bottom, right = op.pads
    return TensorType(out, x.height.plus(top + bottom + 1 - kh), x.width.plus(left + right + 1 - kw))


def _infer_rim(op: Rim, x: TensorType) -> TensorType:
    if not op.terms:
        raise ValueError("found no terms, expected one or more")
    for term in op.terms:
        _expect_kernel(term, x)
        if term.row is None and term.column is None:
            raise ValueError("found a term for every pixel, expected a row or a column")
    outs = {len(term.bias) for term in op.terms}
    if len(outs) > 1:
        raise ValueError(f"found terms with {sorted(outs)} output channels, expected the same number")
    return TensorType(outs.pop(), x.height, x.width)


def _expect_kernel(op: Conv | RimTerm, x: TensorType) -> None:
    if op.weight.ndim != 4 or not op.weight.size:
        raise ValueError(f"found weight of shape {op.weight.shape}, expected (out, in, kh, kw)")
    out, in_, _, _ = op.weight.shape
    if in_ != x.channels:
        raise ValueError(f"found weight for {in_} input channels, expected {x.channels}")
    if op.bias.shape != (out,):
        raise ValueError(f"found bias of shape {op.bias.shape}, expected ({out},)")
    _expect_finite(op.weight, "weight")
    _expect_finite(op.bias, "bias")


def _expect_finite(array: Array, what: str) -> None:
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = tuple(int(i) for i in bad[0])
        raise ValueError(f"found {array[index]} in {what}{list(index)}, expected finite numbers")


def dump(graph: Graph) -> str:
    """The graph as text, a line per node: name, operator, inputs, type."""
    types = verify(graph)
    lines = [f"{graph.name}: {graph.plane}, input {graph.input!r} {types[graph.input]}"]
    for node in graph.nodes:
        inputs = ", ".join(node.inputs)
        lines.append(f"  {node.name:<12} {describe(node.op):<28} {inputs:<24} {types[node.name]}")
    return "\n".join(lines)


def describe(op: Op) -> str:
    """The operator with its attributes, weights as their shape."""
    if isinstance(op, Conv):
        out, in_, kh, kw = op.weight.shape
        padding = f" pads {op.pads} {op.pad_mode}" if any(op.pads) else ""
        return f"Conv {out}x{kh}x{kw}x{in_}{padding}"
    if isinstance(op, Rim):
        out, in_, _, _ = op.terms[0].weight.shape
        return f"Rim {out}x{in_}, terms {len(op.terms)}"
    name = type(op).__name__
    attributes = [f"{value:g}" for value in vars(op).values() if isinstance(value, int | float)]
    return f"{name}({', '.join(attributes)})" if attributes else name
