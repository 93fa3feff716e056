"""Small random networks over every operator, sizes, paddings and names, as graphs and as ONNX models.

`random_graph(seed)` and `random_model(seed)` are the same network; OPERATORS lists what they are made of. Seeds 0 to
299 use every operator. Every value stays at least MIN_SIDE pixels wide and high for pictures of `sizes(seed)`, so that
reflection has something to reflect.

Part of them are narrow or wide, shuffle pixels several times in what becomes one hook pass, and are called what GLSL,
players or the writer of hook files call something, too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TypeVar, get_args

import numpy as np
import onnx

from shadergen.ir.extent import Extent, fixed
from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.infer import infer
from shadergen.ir.ops import (
    Add,
    Affine,
    Array,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Coordinates,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Filter,
    Fit,
    Gather,
    GlobalAveragePool,
    Internal,
    LeakyRelu,
    MaxPool,
    Mul,
    Op,
    Pad,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Round,
    Rounding,
    Selu,
    Sides,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
)
from shadergen.ir.types import TensorType
from shadergen.sources.onnx import write as onnx_write

Item = TypeVar("Item")

OPERATORS: tuple[type[Op], ...] = tuple(op for op in get_args(Op) if op not in (*get_args(Internal), Round))
"""What the networks are made of: what a file can hold, but Round, whose value jumps where a device rounds."""
SIZES = ((17, 13), (16, 16), (11, 30))
"""Height and width of pictures that most networks take."""
FOLDED_SIZES = ((16, 24), (20, 12), (32, 16))
"""Of those that begin by folding the picture, as SpaceToDepth takes multiples of its block alone."""
TINY_SIZES = ((1, 1), (1, 7), (2, 2), (3, 2), (17, 13))
"""Of those for any size: everything is near a border, and a row or column is the first and the last."""
MIN_SIDE = 5
MAX_SIDE = 130
MAX_CHANNELS = 12
WIDTHS: tuple[tuple[int, ...], ...] = ((1, 2, 3), *[(2, 3, 4, 6, 8)] * 4, (4, 9, 17, 34))
"""How many channels a network's convolutions give, from narrow to wide."""
MAX_WEIGHTS = 5000
"""Of a convolution; its kernel is 1x1 instead, so that no file is long."""
SUMS: tuple[Op, ...] = (Add(), Sub(), Mul())


ODD_NAMES: tuple[str, ...] = (
    # Words of GLSL, and functions it has
    *("float", "vec4", "int", "main", "return", "void", "out", "in", "mix", "clamp", "texture", "precision", "input"),
    # What players define for a pass
    *("hook", "out_image", "HOOKED", "LUMA", "MAIN", "CHROMA", "frame", "random", "input_size", "target_size"),
    *("linearize", "HOOKED_pos", "HOOKED_raw", "sg_pos1", "tex_offset", "color"),
    # What the writer of hook files calls something
    *("pixel", "result", "pack", "tile", "first", "edge", "source", "padded", "mirror", "erf", "at", "is", "corner"),
    *("place", "within", "inside", "size", "cell", "image", "region", "texel", "alpha", "sum", "s", "f", "w", "x", "y"),
    *("input_at", "source_at", "fill_tile", "in_tile", "interior", "term", "taps", "here", "weights", "is420", "of2"),
)
"""Names of nodes that could meet another's."""
ODD_ENDINGS: tuple[str, ...] = (
    *"abcdefgh",
    *("x", "_at", "_at", "_at", "_in", "_sum", "_sum0", "_pack", "_w", "_weights", "_pos", "_raw", "_v2", "_b"),
)
"""What makes another odd name of a name."""
ODD_MODELS = ("HOOKED", "LUMA", "vec4", "gl_model", "2x v1.5+rc", "a - b", "model.glsl", "net_CMP", "Größer", "拡大 x2")
ODD_LICENCES = (
    "CC0-1.0",
    "CC BY 4.0 */ #endif",
    "© {{ name }} {% raw %} 100%d",
    "MIT // !HOOK MAIN",
    "see LICENSE; all rights reserved",
    "}",
)
ODD_INPUTS = ("x", "picture", "source", "HOOKED", "pixel", "is", "LUMA", "a_b", "main")


def random_model(seed: int) -> onnx.ModelProto:
    """`random_graph(seed)` as an ONNX model, opset 13, NCHW, any height and width."""
    return onnx_write.model(random_graph(seed))


def sizes(seed: int) -> tuple[tuple[int, int], ...]:
    """Height and width of pictures that `random_graph(seed)` takes."""
    return FOLDED_SIZES if _folds(seed) else SIZES


def _folds(seed: int) -> bool:
    return seed % 8 == 7


def random_graph(seed: int, *, any_size: bool = False) -> Graph:
    """A valid network of about 20 nodes, for pictures of `sizes(seed)` at least.

    With `any_size` a luma network for every picture, down to a single pixel, whose result is within 0..1, as the bounds
    of `verify` want it.
    """
    rng = np.random.default_rng(seed)
    plane: Plane = "luma"
    if not any_size:
        plane = "rgb" if seed % 3 == 0 else "chroma" if seed % 12 in (2, 7) else "luma"
    odd, folds = seed % 2 == 1, _folds(seed) and not any_size
    pictures = TINY_SIZES if any_size else sizes(seed)
    net = _Net(rng, plane, pictures, odd, input=str(rng.choice(ODD_INPUTS)) if odd else "input")
    x = net.input
    if seed % 5 == 0:
        x = net.add(Fit((Extent().up_to(net.pick((2, 4))),) * 2), net.input, net.input, name="fit")
    fitted = x
    x = _folded(net, x) if folds else net.conv(x)
    for turn in range(net.rng.integers(3, 7)):
        x = BLOCKS[(3 * seed + turn) % len(BLOCKS)](net, x)
    while min(side.scale for side in net.types[x].area) < 1:
        down, right = (Fraction(2 if side.scale < 1 else 1) for side in net.types[x].area)
        x = net.add(Resize((down, right), "linear"), x)
    x = net.pick(TAILS)(net, x)
    x = net.add(Sigmoid(), x) if any_size else x
    before, after = net.types[fitted], net.types[x]
    scale = after.height.scale
    if fitted != net.input and after.area == (before.height.scaled(scale),) * 2:
        x = net.add(Fit((Extent().scaled(scale),) * 2), x, net.input, name="crop")
    x = _own_size(net, x) if plane == "chroma" else x
    name = f"{net.pick(ODD_MODELS)} {seed}" if seed % 7 == 1 else f"random{seed}"
    record = Record(net.pick(ODD_LICENCES) if odd else "MIT", sha256=f"{seed:064x}")
    return Graph(name, plane, tuple(net.nodes), x, net.input, record)


@dataclass
class _Net:
    """Nodes that are added one after another."""

    rng: np.random.Generator
    plane: Plane
    sizes: tuple[tuple[int, int], ...]
    """Of the pictures that it must take."""
    odd: bool = False
    """Whether names are."""
    input: str = "input"
    widths: tuple[int, ...] = ()
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.types[self.input] = TensorType(1 if self.plane == "luma" else 3)
        self.widths = self.pick(WIDTHS)

    @property
    def any_size(self) -> bool:
        return self.sizes == TINY_SIZES

    @property
    def out(self) -> int:
        """Channels of the result."""
        return {"luma": 1, "chroma": 2, "rgb": 3}[self.plane]

    def add(self, op: Op, *inputs: str, name: str = "") -> str:
        name = name or self.name(op)
        self.types[name] = infer(op, [self.types[value] for value in inputs])
        self.nodes.append(Node(name, op, inputs))
        return name

    def name(self, op: Op) -> str:
        """One that is free: what the operator is and a number, or an odd one."""
        plain = f"{type(op).__name__.lower()}{len(self.nodes)}"
        similar = self.pick((self.input, *self.types, plain)) + self.pick(ODD_ENDINGS)
        chosen = self.pick((plain, self.pick(ODD_NAMES), self.pick(ODD_NAMES), similar)) if self.odd else plain
        return chosen if chosen not in self.types else plain

    def maybe(self, op: Op, x: str, *more: str) -> str:
        """The operator's value, or `x` where pictures would become too small or too large for the others."""
        return self.add(op, x, *more) if self.fits(op, x, *more) else x

    def fits(self, op: Op, *inputs: str) -> bool:
        try:
            return self.takes(infer(op, [self.types[value] for value in inputs]))
        except ValueError:
            return False

    def takes(self, type_: TensorType) -> bool:
        """Whether a value is neither too small nor too large, and has a size for every picture."""
        try:
            sides = [extent.at(n) for size in self.sizes for extent, n in zip(type_.area, size, strict=True)]
        except ValueError:
            return False
        whole = all(size.whole for size in type_.area) or self.sizes == FOLDED_SIZES
        return min(sides) >= (1 if self.any_size else MIN_SIDE) and max(sides) <= MAX_SIDE and whole

    def whole(self, x: str) -> bool:
        """Whether the value has a size for pictures of any size."""
        return all(size.whole for size in self.types[x].area)

    def has_room(self, x: str, factor: int) -> bool:
        """Whether the value may become so many times larger."""
        return self.fits(Resize((Fraction(factor), Fraction(factor)), "nearest"), x)

    def pick(self, choices: tuple[Item, ...]) -> Item:
        return choices[self.rng.integers(len(choices))]

    def channels(self, x: str) -> int:
        return self.types[x].channels

    def weights(self, *shape: int) -> Array:
        """Weights that keep activations near 1."""
        inputs = math.prod(shape[1:]) if len(shape) > 1 else 4
        return self.rng.normal(0, 1 / np.sqrt(inputs), shape).astype(np.float32)

    def sides(self, most: int) -> Sides:
        top, left, bottom, right = (int(n) for n in self.rng.integers(0, most + 1, 4))
        return top, left, bottom, right

    def conv(self, x: str, out: int = 0, kernel: int = 0) -> str:
        """A convolution that keeps the size."""
        kernel, out, channels = kernel or self.pick((1, 3, 5)), out or self.pick(self.widths), self.channels(x)
        kernel = kernel if out * channels * kernel**2 <= MAX_WEIGHTS else 1
        weight = self.weights(out, channels, kernel, kernel)
        top, left = (int(n) for n in self.rng.integers(0, kernel, 2))
        pads = (top, left, kernel - 1 - top, kernel - 1 - left)
        return self.add(Conv(weight, self.weights(len(weight)), pads, self.mode(pads)), x)

    def mode(self, pads: Sides) -> PadMode:
        """Any where there is padding."""
        mode: PadMode = self.pick(get_args(PadMode))
        return mode if any(pads) else "zero"

    def narrow(self, x: str) -> str:
        most = max(MAX_CHANNELS, *self.widths)
        return self.conv(x, out=self.pick((3, 4, 5)), kernel=1) if self.channels(x) > most else x

    def shuffled(self, x: str, channels: int, block: int, between: bool = True) -> str:
        """A convolution, perhaps something pointwise, and a block of pixels from its channels."""
        x = self.conv(x, out=channels * block**2)
        return self.add(DepthToSpace(block), _pointwise(self, x) if between else x)


def _pointwise(net: _Net, x: str) -> str:
    c = net.channels(x)
    ops: tuple[Op, ...] = (
        *(Relu(), LeakyRelu(0.2), PRelu(net.weights(c)), Elu(), Elu(0.7), Selu(), Sigmoid(), Tanh(), Softplus(), Erf()),
        *(Clip(-0.5, 0.75), Clip(-math.inf, 0.5), Clip(-0.25, math.inf), Affine(net.weights(c), net.weights(c))),
    )
    return net.add(net.pick(ops), x)


def _strided(net: _Net, x: str) -> str:
    """Any convolution: strides, dilations, groups, pads."""
    c = net.channels(x)
    group = net.pick(tuple(g for g in (1, 2, 3, c) if c % g == 0))
    kernel = (net.pick((1, 2, 3)), net.pick((1, 3, 4)))
    weight = net.weights(group * net.pick((1, 2)), c // group, *kernel)
    strides, dilations = (net.pick((1, 2, 3)), net.pick((1, 2))), (net.pick((1, 2)), net.pick((1, 3)))
    pads = net.sides(2)
    return net.maybe(Conv(weight, net.weights(len(weight)), pads, net.mode(pads), strides, dilations, group), x)


def _transposed(net: _Net, x: str) -> str:
    if not net.whole(x):
        return x  # behind it, half of a size is not the same as half of it rounded down
    c = net.channels(x)
    group = net.pick(tuple(g for g in (1, 2, 3) if c % g == 0))
    kernel, strides = (net.pick((2, 3, 4)), net.pick((2, 4, 5))), (2, net.pick((1, 2)))
    weight = net.weights(c, net.pick((1, 2, 3)), *kernel)
    top, left, bottom, right = net.sides(1)
    pads = (top, left, net.pick((bottom, -1)), right)
    return net.maybe(ConvTranspose(weight, net.weights(weight.shape[1] * group), pads, strides, group), x)


def _residual(net: _Net, x: str) -> str:
    return net.add(net.pick(SUMS), net.conv(net.conv(x), out=net.channels(x)), x)


def _squeeze_and_excite(net: _Net, x: str) -> str:
    if any(side.scale.denominator > 2 for side in net.types[x].area):
        return x  # a mean is made of blocks of 32 pixels, and no size may be less than 1/64 of the input's
    c = net.channels(x)
    inner = net.add(Relu(), net.add(Conv(net.weights(3, c, 1, 1), net.weights(3)), net.add(GlobalAveragePool(), x)))
    return net.add(Mul(), x, net.add(Sigmoid(), net.add(Conv(net.weights(c, 3, 1, 1), net.weights(c)), inner)))


def _gate(net: _Net, x: str) -> str:
    """One channel for all."""
    return net.add(net.pick(SUMS), net.add(Tanh(), net.conv(x, out=1)), x)


def _normalised(net: _Net, x: str) -> str:
    root = net.add(Sqrt(), net.add(Softplus(), net.conv(x, out=net.pick((1, net.channels(x))))))
    return net.add(Div(), x, net.add(Clip(0.5, math.inf), root))


def _concat(net: _Net, x: str) -> str:
    return net.narrow(net.add(Concat(), x, net.conv(x), x))


def _channels(net: _Net, x: str) -> str:
    x = x if net.channels(x) > 1 else net.conv(x, out=3)
    c = net.channels(x)
    indices = tuple(int(i) for i in net.rng.integers(0, c, net.pick((1, 3, 5))))
    start = int(net.rng.integers(1, c))
    return net.add(Concat(), net.add(Gather(indices), x), net.add(Slice(start, c), x))


def _finer(net: _Net, x: str) -> str:
    block = net.pick((2, 3))
    return net.maybe(DepthToSpace(block), net.conv(x, out=block**2 * net.pick((1, 2))))


def _coarser(net: _Net, x: str) -> str:
    return net.narrow(net.maybe(SpaceToDepth(2), _finer(net, x)))


def _finer_twice_over(net: _Net, x: str) -> str:
    """Two shuffles of the same block that meet at the finer pixel."""
    block = net.pick((2, 3))
    return _two_shuffles(net, x, block, net.pick((1, 2, 5))) if net.has_room(x, block) else x


def _two_shuffles(net: _Net, x: str, block: int, channels: int) -> str:
    left, right = (net.add(op, net.conv(x, out=channels * block**2)) for op in (Relu(), Sigmoid()))
    shuffled = [net.add(DepthToSpace(block), value) for value in (left, right)]
    return net.add(net.pick((*SUMS, Concat())), *shuffled)


def _pyramid(net: _Net, x: str) -> str:
    """A block of 4 beside two of 2 that follow one another, as networks with several scales have them."""
    if not net.has_room(x, 4):
        return x
    x = _two_scales(net, x, net.pick((1, 2)))
    return net.narrow(net.add(SpaceToDepth(2), x)) if net.rng.random() < 0.7 else x


def _two_scales(net: _Net, x: str, channels: int) -> str:
    if net.rng.random() < 0.5:
        fine = net.shuffled(x, net.pick((1, 2, 3)), 2)
        fine = net.shuffled(fine, channels, 2)
    else:
        fine = net.shuffled(x, 4 * channels, 2)
        fine = net.add(DepthToSpace(2), _pointwise(net, fine) if net.rng.random() < 0.5 else fine)
    coarse = net.shuffled(x, channels, 4, between=net.rng.random() < 0.5)
    return net.add(net.pick(SUMS), *((fine, coarse) if net.rng.random() < 0.5 else (coarse, fine)))


def _folded_twice_over(net: _Net, x: str) -> str:
    """Two values folded, or one value twice, that meet at the coarser pixel."""
    x = net.shuffled(x, net.pick((1, 2)), 4 if net.has_room(x, 4) else 2) if net.has_room(x, 2) else x
    return _folded(net, x) if net.has_room(x, 1) and not net.types[x].height.offset else x


def _folded(net: _Net, x: str) -> str:
    """SpaceToDepth in several branches of one value, of the same block or of 4 beside 2 of 2."""
    if not net.fits(SpaceToDepth(2), x):
        return net.conv(x)
    folded = net.add(SpaceToDepth(2), x)
    turn = net.rng.integers(4 if net.fits(SpaceToDepth(4), x) else 3)
    if turn == 0:
        other = net.add(SpaceToDepth(2), x)
    elif turn == 1:
        other = net.add(SpaceToDepth(2), _pointwise(net, x))
    elif turn == 2:
        other = _pointwise(net, net.add(SpaceToDepth(2), _pointwise(net, x)))
    else:
        folded = net.add(SpaceToDepth(2), _pointwise(net, folded))
        other = net.add(SpaceToDepth(4), x)
    return net.narrow(net.add(net.pick((*SUMS, Concat())), folded, other))


def _shared(net: _Net, x: str) -> str:
    """One value that several branches read: at the pixel, around it, some of its channels, and shuffled."""
    c = net.channels(x)
    branches = [_pointwise(net, x), net.conv(x, out=c), x]
    if c > 1:
        part = net.add(Slice(1, c), x)
        branches.append(net.add(Concat(), part, net.add(Slice(0, 1), x)))
    if c % 4 == 0 and net.has_room(x, 2):
        fine = net.add(DepthToSpace(2), x)
        branches.append(net.add(SpaceToDepth(2), _pointwise(net, fine)))
    total = branches[0]
    for branch in branches[1:]:
        total = net.add(net.pick(SUMS), *((total, branch) if net.rng.random() < 0.5 else (branch, total)))
    return net.add(Tanh(), total)


def _pad(net: _Net, x: str) -> str:
    mode: PadMode = net.pick(get_args(PadMode))
    value = net.pick((0.0, 0.25)) if mode == "zero" else 0.0
    least = 0 if net.any_size else -2  # of a single pixel nothing can be cropped
    top, left, bottom, right = (int(n) for n in net.rng.integers(least, 4, 4))
    return net.maybe(Pad((top, left, bottom, right), mode, value), x)


def _resize(net: _Net, x: str) -> str:
    factors = tuple(Fraction(n, d) for n, d in ((1, 1), (2, 1), (3, 1), (1, 2), (3, 2)))
    filter: Filter = net.pick(get_args(Filter))
    coordinates: Coordinates = net.pick(get_args(Coordinates))
    scales = (net.pick(factors), net.pick(factors))
    if set(scales) == {Fraction(1)}:
        scales = (Fraction(2), Fraction(2))
    if filter == "nearest":
        # Where two pixels are equally near, onnxruntime's float32 takes either: only asymmetric with floor is sure.
        rounding: Rounding = net.pick(("floor", "ceil"))
        return net.maybe(Resize(scales, filter, "asymmetric", rounding), x)
    if filter == "cubic":
        return net.maybe(
            Resize(scales, filter, coordinates, cubic=net.pick((-0.75, -0.5)), exclude_outside=net.pick((True, False))),
            x,
        )
    return net.maybe(Resize(scales, filter, coordinates), x)


def _pool(net: _Net, x: str) -> str:
    kernel, strides = (net.pick((2, 3)), net.pick((2, 3))), (net.pick((1, 2)), net.pick((1, 2)))
    ops: tuple[Op, ...] = (MaxPool(kernel, strides, net.sides(1)), AveragePool(kernel, strides, net.sides(1)))
    return net.maybe(net.pick(ops), x)


def _sized(net: _Net, x: str) -> str:
    """To a size that is not the value's own times a factor, nor so many pixels more."""
    if not net.whole(x):
        return x
    own, k = net.types[x].area, net.pick((2, 3, 4))
    resize = net.pick((True, False))
    sizes = tuple(net.pick((size.up_to(k), size.over(k).times(k + resize))) for size in own)
    height, width = (mine if (size - mine).constant else size for size, mine in zip(sizes, own, strict=True))
    area = (height, width)
    missing = [size - mine for size, mine in zip(area, own, strict=True)]
    in_proportion = all(size == mine.scaled(size.scale / mine.scale) for size, mine in zip(area, own, strict=True))
    if all(rest.constant or (resize and not rest.rest) for rest in missing) or (resize and in_proportion):
        return x  # a Pad, or a Resize by factors
    if resize:
        filter, coordinates = net.pick((("linear", "half_pixel"), ("linear", "align_corners"), ("cubic", "asymmetric")))
        return net.maybe(Resize(area, filter, coordinates), x, net.input)  # type: ignore[arg-type]
    down, right = (fixed(0) if rest.constant else net.pick((fixed(0), rest.over(2), fixed(-1))) for rest in missing)
    if not _crops((down, right), missing):
        # What crops in front and pads behind is two nodes in ONNX, which stay two.
        down, right = (fixed(0) if side == fixed(-1) else side for side in (down, right))
    op = Fit(area, (down, right), net.pick(get_args(PadMode)))
    return net.maybe(replace(op, mode="edge") if _crops((down, right), missing) else op, x, net.input)


def _crops(before: Sequence[Extent], missing: Sequence[Extent]) -> bool:
    """Whether a Fit adds pixels on no side, whatever the size."""
    behind = [rest - side for side, rest in zip(before, missing, strict=True)]
    return all(side.at(n) <= 0 for side in (*before, *behind) for n in range(1, 100))


def _own_size(net: _Net, x: str) -> str:
    """The value at the picture's size."""
    own, wanted = net.types[x].area, net.types[net.input].area
    missing = [size - mine for size, mine in zip(wanted, own, strict=True)]
    if all(rest.constant for rest in missing):
        bottom, right = (int(rest.offset) for rest in missing)
        return net.add(Pad((0, 0, bottom, right), "edge"), x) if own != wanted else x
    factors = (1 / own[0].scale, 1 / own[1].scale)
    if all(mine.scaled(factor) == size for mine, factor, size in zip(own, factors, wanted, strict=True)):
        return net.add(Resize(factors, "linear"), x)
    return net.add(Resize(wanted, "linear"), x, net.input)


BLOCKS: tuple[Callable[[_Net, str], str], ...] = (
    *(_pointwise, _strided, _transposed, _residual, _squeeze_and_excite, _gate, _normalised, _concat, _channels),
    *(_finer, _coarser, _pad, _resize, _pool, _sized, _finer_twice_over, _pyramid, _folded_twice_over, _shared),
)


def _plain_tail(net: _Net, x: str) -> str:
    x = net.conv(x, out=net.out)
    return net.add(Sigmoid(), x) if net.rng.random() < 0.5 else x


def _shuffled_tail(net: _Net, x: str) -> str:
    block = net.pick((2, 3, 4))
    return net.shuffled(x, net.out, block) if net.has_room(x, block) else _plain_tail(net, x)


def _joined_tail(net: _Net, x: str) -> str:
    block = net.pick((2, 3))
    if not net.has_room(x, block):
        return _plain_tail(net, x)
    left, right = net.shuffled(x, net.out, block), net.shuffled(x, net.out, block)
    return net.add(net.pick(SUMS), left, right)


def _pyramid_tail(net: _Net, x: str) -> str:
    return _two_scales(net, x, net.out) if net.has_room(x, 4) else _plain_tail(net, x)


TAILS: tuple[Callable[[_Net, str], str], ...] = (_plain_tail, _plain_tail, _shuffled_tail, _joined_tail, _pyramid_tail)
"""What gives the plane; half of them in several shuffles."""
