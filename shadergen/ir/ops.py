"""The operators of a network, as data.

They have ONNX's names and meanings, restricted to one image of shape (channels, height, width). Two differ, and say so:
DepthToSpace is always CRD and SpaceToDepth is its inverse. What ONNX lacks is Rim, Fit, Affine and MeanOfMeans.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
import numpy.typing as npt

from shadergen.ir.extent import Extent
from shadergen.ir.types import Area

Array = npt.NDArray[np.float32]
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


def takes_size(op: Op) -> bool:
    """Whether the operator's second input is there for its size alone."""
    return isinstance(op, Fit) or (isinstance(op, Resize) and op.size is not None)
