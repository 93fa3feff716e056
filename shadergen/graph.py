"""The network as data: tensor types, operators, nodes, graphs.

Operators have ONNX's names and meanings, restricted to one image of shape (channels, height, width). Two differ, and
say so: DepthToSpace is always CRD and SpaceToDepth is its inverse. What ONNX lacks is Rim, Fit, Affine and
MeanOfMeans. A node's
name is also the name of the one value it gives. Everything is frozen; a rewrite makes a new graph.

Sizes are known only at playback, so an extent is a function of that of the graph's input (extent.py).
"""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from typing import Any, Literal, assert_never

import numpy as np
import numpy.typing as npt

from shadergen.errors import ModelError
from shadergen.extent import Area as Area  # types are made of them
from shadergen.extent import Extent as Extent
from shadergen.extent import TensorType as TensorType
from shadergen.extent import fixed

Array = npt.NDArray[np.float32]
Plane = Literal["luma", "chroma", "rgb"]
PadMode = Literal["zero", "edge", "reflect"]
Filter = Literal["nearest", "linear", "cubic"]
Coordinates = Literal["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
Rounding = Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
Pair = tuple[int, int]
"""Down and right."""
Sides = tuple[int, int, int, int]
"""Top, left, bottom, right, as in ONNX."""
Scales = tuple[Fraction, Fraction]
"""Down and right."""
Bound = float
"""May be infinite."""

# ---------------------------------------------------------------------------------------------------------------------
# Operators


@dataclass(frozen=True, eq=False)
class Conv:
    """Cross-correlation: y[o, r, c] = bias[o] + sum over i, ky, kx of weight[o, i, ky, kx] * x[i, r', c'].

    With strides s and dilations d, the pixel read is r' = s * r + d * ky, c' = s * c + d * kx. `x` is first padded by
    `pads`, with the values that `pad_mode` says. With groups, an output channel sums over the input channels of its own
    group only.
    """

    weight: Array
    """(out, in / group, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    pads: Sides = (0, 0, 0, 0)
    """Top, left, bottom, right, as in ONNX; 0 or more."""
    pad_mode: PadMode = "zero"
    strides: Pair = (1, 1)
    """Down and right; 1 or more, as are the dilations."""
    dilations: Pair = (1, 1)
    group: int = 1
    """Divides the numbers of channels."""

    @property
    def plain(self) -> bool:
        """Whether every pixel reads the pixels next to its own, all channels of them."""
        return (self.strides, self.dilations, self.group) == ((1, 1), (1, 1), 1)


@dataclass(frozen=True, eq=False)
class ConvTranspose:
    """The adjoint of a convolution: x[i, y, x] * weight[i, o, ky, kx] is added to y[o, y*sy+ky, x*sx+kx], then bias[o].

    The result is then cropped by `pads`. With groups, an input channel adds to the output channels of its own group.
    """

    weight: Array
    """(in, out / group, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    pads: Sides = (0, 0, 0, 0)
    """Top, left, bottom, right. Bottom and right may be below zero, for rows and columns that have the bias alone:
    ONNX's output_padding is subtracted from them."""
    strides: Pair = (1, 1)
    group: int = 1


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
class Softplus:
    """log(1 + exp(x)). Mish is x * tanh(softplus(x))."""


@dataclass(frozen=True)
class Erf:
    """The error function. Gelu is x / 2 * (1 + erf(x / sqrt(2)))."""


@dataclass(frozen=True)
class Sqrt:
    """The square root; not a number below zero."""


@dataclass(frozen=True)
class Clip:
    """min(max(x, minimum), maximum)."""

    minimum: Bound = 0.0
    maximum: Bound = 1.0


@dataclass(frozen=True, eq=False)
class Affine:
    """scale * x + shift, with one of each per channel: a constant's Add, Mul, Sub and Div, and BatchNormalization."""

    scale: Array
    """(channels,), finite."""
    shift: Array
    """(channels,), finite."""


@dataclass(frozen=True)
class Add:
    """a + b. Along each axis, of channels, rows and columns, an operand of size 1 counts everywhere."""


@dataclass(frozen=True)
class Sub:
    """a - b; sizes as for Add."""


@dataclass(frozen=True)
class Mul:
    """a * b; sizes as for Add."""


@dataclass(frozen=True)
class Div:
    """a / b; sizes as for Add."""


@dataclass(frozen=True)
class Concat:
    """The inputs' channels one after another; equal extents."""


@dataclass(frozen=True)
class Slice:
    """Channels start to stop (exclusive)."""

    start: int
    stop: int


@dataclass(frozen=True)
class Gather:
    """Channel c is the input's channel indices[c]: a permutation, a repetition, any choice."""

    indices: tuple[int, ...]


@dataclass(frozen=True)
class DepthToSpace:
    """Channel c * block^2 + dy * block + dx becomes channel c at (y * block + dy, x * block + dx).

    ONNX's mode CRD, PyTorch's PixelShuffle; the only order here. Sources permute weights that want DCR.
    """

    block: int


@dataclass(frozen=True)
class SpaceToDepth:
    """The inverse of DepthToSpace, PyTorch's PixelUnshuffle (ONNX's SpaceToDepth orders channels otherwise).

    The size must be a multiple of the block.
    """

    block: int


@dataclass(frozen=True)
class Pad:
    """More rows and columns around the image, or fewer.

    Where a number is below zero, so many are cropped, before others are padded.
    """

    pads: Sides
    mode: PadMode = "zero"
    value: float = 0.0
    """What mode `zero` pads with; finite."""


@dataclass(frozen=True)
class Fit:
    """The first input, cropped or continued to a size that depends on that of the second, of which nothing else counts.

    Pixel (y, x) is that of the first input at (y - corner[0], x - corner[1]). In front of a network that needs a
    multiple of its strides, and behind it, it makes every size possible.
    """

    size: Area = (Extent(), Extent())
    """Height and width as functions of the second input's height and width: without any other, its own."""
    corner: Area = (Extent(Fraction(0)), Extent(Fraction(0)))
    """Where the first pixel of the first input comes to lie: how many rows and columns are put in front of it. Below
    zero, so many are cropped."""
    mode: PadMode = "edge"
    """What lies outside of the first input: zeros, its nearest pixel, or its mirror image."""


@dataclass(frozen=True)
class Resize:
    """Resampling, each axis on its own: by fixed factors, the size rounded down, or to a size.

    A size depends on that of a second input, of which nothing else counts; the factors, which are called scale here,
    are then the result's size over the input's.

    Pixel i reads at the coordinate x of the input: half_pixel (i + 0.5) / scale - 0.5; pytorch_half_pixel the same, but
    0 where the result has one pixel; asymmetric i / scale; align_corners i * (input - 1) / (result - 1), or 0 where the
    result has one pixel. What a filter reads outside of the image is the nearest pixel of it.
    """

    to: Scales | Area
    """Two factors, down and right, or height and width as functions of the second input's height and width."""
    filter: Filter
    """linear: between the two pixels around x. cubic: Keys' kernel over four. nearest: the pixel at x, rounded."""
    coordinates: Coordinates = "half_pixel"
    rounding: Rounding = "round_prefer_floor"
    """For nearest; `round_prefer_floor` takes the lower of two pixels equally near."""
    cubic: float = -0.75
    """For cubic: the kernel's parameter a. ONNX's and PyTorch's is -0.75; -0.5 is Catmull and Rom's."""
    exclude_outside: bool = False
    """For cubic: what lies outside of the image has no weight; others are scaled to add up to 1, as in TensorFlow."""

    @property
    def size(self) -> Area | None:
        """The size it is to, if it is."""
        height, width = self.to
        return (height, width) if isinstance(height, Extent) and isinstance(width, Extent) else None

    @property
    def scales(self) -> Scales:
        """The factors, where it is by factors."""
        down, right = self.to
        assert isinstance(down, Fraction), "it is to a size"
        assert isinstance(right, Fraction), "it is to a size"
        return down, right


@dataclass(frozen=True)
class MaxPool:
    """The maximum of each kernel's pixels; padding does not count."""

    kernel: Pair
    """Height and width."""
    strides: Pair = (1, 1)
    pads: Sides = (0, 0, 0, 0)
    """Each less than the kernel."""


@dataclass(frozen=True)
class AveragePool:
    """The mean of each kernel's pixels; padding does not count."""

    kernel: Pair
    """Height and width."""
    strides: Pair = (1, 1)
    pads: Sides = (0, 0, 0, 0)
    """Each less than the kernel."""


@dataclass(frozen=True)
class GlobalAveragePool:
    """The mean of each channel: an image of one pixel."""


@dataclass(frozen=True)
class MeanOfMeans:
    """The mean of each channel of an image, from the means of its blocks: an image of one pixel.

    The first input has the means that an AveragePool of `block` pixels and strides gave, with `block` - 1 padding at
    the bottom and right; of the second, the image, only the size counts, for the blocks that are cut off. No file has
    it.
    """

    block: int


Op = (
    Conv
    | ConvTranspose
    | Rim
    | Relu
    | LeakyRelu
    | PRelu
    | Elu
    | Selu
    | Sigmoid
    | Tanh
    | Softplus
    | Erf
    | Sqrt
    | Clip
    | Affine
    | Add
    | Sub
    | Mul
    | Div
    | Concat
    | Slice
    | Gather
    | DepthToSpace
    | SpaceToDepth
    | Pad
    | Fit
    | Resize
    | MaxPool
    | AveragePool
    | GlobalAveragePool
    | MeanOfMeans
)
Internal = Rim | MeanOfMeans
"""Operators that rewrites make and no file has: a file has the network as it was trained."""
Binary = Add | Sub | Mul | Div
Unary = Relu | LeakyRelu | PRelu | Elu | Selu | Sigmoid | Tanh | Softplus | Erf | Sqrt | Clip | Affine
Pointwise = Unary | Binary
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

    Players stretch whatever size comes out to the picture's frame: one that is not the input's times a factor, such as
    that of a valid convolution, is shown a little too large.
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
MAX_OFFSET = 4096


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
            types[node.name] = infer(node.op, [types[name] for name in node.inputs])
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
    if min(output.height.scale, output.width.scale) < 1:
        raise ModelError(where, f"found size {output.height} x {output.width}, expected the input's or a larger one")
    if graph.plane == "chroma" and (output.height, output.width) != (Extent(), Extent()):
        problem = f"found size {output.height} x {output.width}, expected the input's: a chroma model keeps luma's size"
        raise ModelError(where, problem)


def infer(op: Op, inputs: list[TensorType]) -> TensorType:
    """The type of `op`'s value. Raises ValueError with what was found and expected."""
    return _checked(_inferred(op, inputs))


def _checked(type_: TensorType) -> TensorType:
    scales = (type_.height.scale, type_.width.scale)
    limits = max(max(scale.numerator, scale.denominator) for scale in scales)
    if type_.channels > MAX_CHANNELS or limits > MAX_SCALE:
        raise ValueError(
            f"found more than {MAX_CHANNELS} channels or a size of more than {MAX_SCALE} times the input's"
        )
    offsets = max(abs(float(size.offset)) for size in type_.area)
    if offsets > MAX_OFFSET or any(size.scale < 0 or (not size.scale and size.at(1) < 1) for size in type_.area):
        raise ValueError(
            f"found size {type_.height} x {type_.width}, expected pixels, and up to {MAX_OFFSET} of padding"
        )
    return type_


def _inferred(op: Op, inputs: list[TensorType]) -> TensorType:  # noqa: C901  # one case per operator
    expected = 2 if isinstance(op, Binary | MeanOfMeans) or takes_size(op) else 1
    if len(inputs) != expected and not (isinstance(op, Concat) and inputs):
        raise ValueError(f"found {len(inputs)} inputs, expected {expected}")
    x = inputs[0]
    match op:
        case Conv():
            return _infer_conv(op, x)
        case ConvTranspose():
            return _infer_conv_transpose(op, x)
        case Rim():
            return _infer_rim(op, x)
        case Relu() | LeakyRelu() | PRelu() | Elu() | Selu() | Sigmoid() | Tanh() | Softplus() | Erf() | Sqrt():
            return _infer_unary(op, x)
        case Clip() | Affine():
            return _infer_unary(op, x)
        case Add() | Sub() | Mul() | Div():
            return _infer_binary(x, inputs[1])
        case Concat():
            if any((other.height, other.width) != (x.height, x.width) for other in inputs):
                raise ValueError(f"found inputs of different sizes, {_sizes(inputs)}, expected equal ones")
            return TensorType(sum(other.channels for other in inputs), x.height, x.width)
        case Slice(start, stop):
            if not 0 <= start < stop <= x.channels:
                raise ValueError(f"found channels {start} to {stop}, expected a range within {x.channels}")
            return TensorType(stop - start, x.height, x.width)
        case Gather(indices):
            if not indices or not 0 <= min(indices) <= max(indices) < x.channels:
                raise ValueError(f"found channels {reprlib.repr(indices)}, expected some of {x.channels}")
            return TensorType(len(indices), x.height, x.width)
        case DepthToSpace(block):
            if block < 1 or x.channels % block**2:
                raise ValueError(f"found {x.channels} channels, expected a multiple of {block**2} for block {block}")
            return TensorType(x.channels // block**2, x.height.times(block), x.width.times(block))
        case SpaceToDepth(block):
            if block < 1:
                raise ValueError(f"found block {block}, expected 1 or more")
            if any(size.offset % block for size in x.area):
                raise ValueError(f"found size {x.height} x {x.width}, expected multiples of {block}")
            factor = Fraction(1, block)
            return TensorType(x.channels * block**2, x.height.times(factor), x.width.times(factor))
        case Pad():
            return _infer_pad(op, x)
        case Fit(size, corner):
            for at in corner:
                if not at.whole or abs(at.scale) > MAX_SCALE or abs(at.value(0)) > MAX_OFFSET:
                    raise ValueError(f"found a corner at {at}, expected a whole number up to {MAX_OFFSET}")
            return _sized(x, size, inputs[1])
        case Resize():
            if len({type(number) for number in op.to}) > 1:
                raise ValueError(f"found {op.to[0]} and {op.to[1]}, expected two factors or two sizes")
            if not math.isfinite(op.cubic):
                raise ValueError(f"found the cubic kernel's parameter {op.cubic}, expected a finite number")
            if op.size:
                return _sized(x, op.size, inputs[1])
            down, right = op.scales
            parts = (down.numerator, down.denominator, right.numerator, right.denominator)
            if min(op.scales) <= 0 or max(parts) > MAX_SCALE:
                raise ValueError(f"found factors {down} and {right}, expected some up to {MAX_SCALE}")
            return TensorType(x.channels, x.height.scaled(down), x.width.scaled(right))
        case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
            if min(pads) < 0 or any(pad >= side for pad, side in zip(pads, kernel * 2, strict=True)):
                raise ValueError(f"found pads {pads}, expected 0 or more, each less than the kernel {kernel}")
            return TensorType(x.channels, *_strided(x, kernel, strides, pads))
        case GlobalAveragePool() | MeanOfMeans():
            return TensorType(x.channels, fixed(1), fixed(1))
        case _:
            assert_never(op)


def takes_size(op: Op) -> bool:
    """Whether the operator's second input is there for its size alone."""
    return isinstance(op, Fit) or (isinstance(op, Resize) and op.size is not None)


def _sized(x: TensorType, size: Area, like: TensorType) -> TensorType:
    height, width = (extent.after(own) for extent, own in zip(size, like.area, strict=True))
    if not (height.whole and width.whole):
        raise ValueError(f"found size {height} x {width}, expected whole numbers")
    return TensorType(x.channels, height, width)


def _sizes(types: Iterable[TensorType]) -> str:
    return " and ".join(dict.fromkeys(f"{type_.height} x {type_.width}" for type_ in types))


def _infer_unary(op: Unary, x: TensorType) -> TensorType:
    match op:
        case PRelu(slope):
            _expect_per_channel(slope, "slope", x)
        case Affine(scale, shift):
            _expect_per_channel(scale, "scale", x)
            _expect_per_channel(shift, "shift", x)
        case LeakyRelu() | Elu() | Selu():
            _expect_finite(np.array(list(vars(op).values()), np.float32), "its numbers")
        case Clip(minimum, maximum):
            if not minimum <= maximum:
                raise ValueError(f"found minimum {minimum:g} and maximum {maximum:g}, expected them in order")
    return x


def _infer_binary(a: TensorType, b: TensorType) -> TensorType:
    """Along each axis the sizes are equal, or one of them is 1."""
    axes = [(a.channels, b.channels, 1), (a.height, b.height, fixed(1)), (a.width, b.width, fixed(1))]
    if any(one not in (left, right) and left != right for left, right, one in axes):
        raise ValueError(f"found operands of {a} and {b}, expected equal types, or 1 along an axis")
    channels, height, width = (right if left == one else left for left, right, one in axes)
    return TensorType(channels, height, width)  # type: ignore[arg-type]  # three axes of two kinds


def _infer_conv(op: Conv, x: TensorType) -> TensorType:
    _expect_kernel(op, x, op.group)
    if min(op.pads) < 0:
        raise ValueError(f"found pads {op.pads}, expected none below 0")
    if min(op.dilations) < 1:
        raise ValueError(f"found dilations {op.dilations}, expected 1 or more")
    out, _, kh, kw = op.weight.shape
    reach = ((kh - 1) * op.dilations[0] + 1, (kw - 1) * op.dilations[1] + 1)
    return TensorType(out, *_strided(x, reach, op.strides, op.pads))


def _strided(x: TensorType, reach: Pair, strides: Pair, pads: Sides) -> tuple[Extent, Extent]:
    """Height and width of what a window of so many rows and columns gives."""
    if min(reach) < 1 or min(strides) < 1 or max(*reach, *strides) > MAX_OFFSET:
        raise ValueError(f"found kernel {reach} and strides {strides}, expected 1 or more")
    top, left, bottom, right = pads
    height = x.height.plus(top + bottom - reach[0]).over(strides[0]).plus(1)
    return height, x.width.plus(left + right - reach[1]).over(strides[1]).plus(1)


def _infer_conv_transpose(op: ConvTranspose, x: TensorType) -> TensorType:
    if op.weight.ndim != 4 or not op.weight.size:
        raise ValueError(f"found weight of shape {op.weight.shape}, expected (in, out, kh, kw)")
    in_, out, kh, kw = op.weight.shape
    if in_ != x.channels or op.group < 1 or in_ % op.group:
        raise ValueError(f"found weight for {in_} input channels in {op.group} groups, expected {x.channels}")
    if op.bias.shape != (out * op.group,):
        raise ValueError(f"found bias of shape {op.bias.shape}, expected ({out * op.group},)")
    _expect_finite(op.weight, "weight")
    _expect_finite(op.bias, "bias")
    if min(op.strides) < 1 or min(op.pads[:2]) < 0:
        raise ValueError(f"found strides {op.strides} and pads {op.pads}, expected 1 or more, and 0 or more before")
    top, left, bottom, right = op.pads
    height = x.height.plus(-1).times(op.strides[0]).plus(kh - top - bottom)
    return TensorType(out * op.group, height, x.width.plus(-1).times(op.strides[1]).plus(kw - left - right))


def _infer_pad(op: Pad, x: TensorType) -> TensorType:
    if not math.isfinite(op.value) or (op.value and op.mode != "zero"):
        raise ValueError(f"found value {op.value:g} for mode {op.mode}, expected a finite one, and 0 but for zero")
    top, left, bottom, right = op.pads
    return TensorType(x.channels, x.height.plus(top + bottom), x.width.plus(left + right))


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


def _expect_kernel(op: Conv | RimTerm, x: TensorType, group: int = 1) -> None:
    if op.weight.ndim != 4 or not op.weight.size:
        raise ValueError(f"found weight of shape {op.weight.shape}, expected (out, in, kh, kw)")
    out, in_, _, _ = op.weight.shape
    if group < 1 or out % group:
        raise ValueError(f"found {group} groups of {out} output channels, expected a divisor")
    if in_ * group != x.channels:
        raise ValueError(f"found weight for {in_ * group} input channels, expected {x.channels}")
    if op.bias.shape != (out,):
        raise ValueError(f"found bias of shape {op.bias.shape}, expected ({out},)")
    _expect_finite(op.weight, "weight")
    _expect_finite(op.bias, "bias")


def _expect_per_channel(array: Array, what: str, x: TensorType) -> None:
    if array.shape != (x.channels,):
        raise ValueError(f"found {what} of shape {array.shape}, expected ({x.channels},)")
    _expect_finite(array, what)


def _expect_finite(array: Array, what: str) -> None:
    if np.isfinite(array).all():
        return
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
    raise ValueError(f"found {array[index]} in {what}{list(index)}, expected finite numbers")


def dump(graph: Graph) -> str:
    """The graph as text, a line per node: name, operator, inputs, type."""
    types = verify(graph)
    rows = [(node.name, describe(node.op), ", ".join(node.inputs), str(types[node.name])) for node in graph.nodes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{graph.name}: {graph.plane}, input {graph.input!r} {types[graph.input]}"]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def describe(op: Op) -> str:
    """The operator with its attributes where they are not the default, weights as their shape."""
    match op:
        case Conv():
            out, in_, kh, kw = op.weight.shape
            padding = f" pads {op.pads} {op.pad_mode}" if any(op.pads) else ""
            return f"Conv {out}x{kh}x{kw}x{in_}{padding}{_more(op, 'strides', 'dilations', 'group')}"
        case ConvTranspose():
            in_, out, kh, kw = op.weight.shape
            return f"ConvTranspose {out}x{kh}x{kw}x{in_}{_more(op, 'pads', 'strides', 'group')}"
        case Rim():
            out, in_, _, _ = op.terms[0].weight.shape
            return f"Rim {out}x{in_}, terms {len(op.terms)}"
        case Gather(indices):
            return f"Gather({reprlib.repr(indices)[1:-1]})"
        case Resize(to, filter):
            factors = f"{'to ' if op.size else ''}{to[0]} {to[1]}"
            return f"Resize {filter} {factors}{_more(op, 'coordinates', 'rounding', 'cubic', 'exclude_outside')}"
        case Fit(size, corner):
            around = f" from {corner[0]} {corner[1]}" if corner != Fit().corner else ""
            return f"Fit to {size[0]} {size[1]}{around}{_more(op, 'mode')}"
        case Pad() | MaxPool() | AveragePool():
            return type(op).__name__ + _more(op, *(field.name for field in fields(op)))
        case _:
            numbers = [f"{value:g}" for value in vars(op).values() if isinstance(value, int | float)]
            return type(op).__name__ + (f"({', '.join(numbers)})" if numbers else "")


def _more(op: Op, *names: str) -> str:
    """These attributes, where they differ from their default."""
    defaults = {field.name: field.default for field in fields(op)}
    return "".join(f" {name} {getattr(op, name)}" for name in names if getattr(op, name) != defaults[name])
