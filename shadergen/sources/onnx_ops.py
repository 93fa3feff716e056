"""What each ONNX operator is in the graph: a handler per operator, for nodes that a picture goes through."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import reduce
from typing import Any, get_args

import numpy as np

from shadergen.extent import Extent
from shadergen.graph import (
    Add,
    Affine,
    Array,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Coordinates,
    Div,
    Elu,
    Erf,
    Filter,
    Gather,
    GlobalAveragePool,
    LeakyRelu,
    MaxPool,
    Mul,
    Node,
    Op,
    Pad,
    PRelu,
    Relu,
    Resize,
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
from shadergen.sources.onnx_build import Call, Sizes, Tensor, shortest, weights
from shadergen.sources.onnx_view import Digit, Dim, Size, SizeError, View, reshaped, settled, words

Handler = Callable[[Call], Tensor | list[Tensor]]
HANDLERS: dict[str, Handler] = {}

FAR = 1 << 30
"""An end of a Slice from here on means the end of the axis."""


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Make a function the handler of operators."""

    def register(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


# ---------------------------------------------------------------------------------------------------------------------
# Convolutions


@handles("Conv")
def _conv(call: Call) -> Tensor:
    value, weight = call.image(), _kernel(call)
    strides, dilations = call.pair("strides"), call.pair("dilations")
    bias = call.array(2) if call.has(2) else np.zeros(len(weight), np.float32)
    reach = [(side - 1) * dilation + 1 for side, dilation in zip(weight.shape[2:], dilations, strict=True)]
    pads = _pads(call, call.type(call.view()), reach, strides)
    return call.nchw(call.emit(Conv(weight, bias, pads, "zero", strides, dilations, call.attribute("group", 1)), value))


def _kernel(call: Call) -> Array:
    weight = call.array(1)
    if weight.ndim != 4:
        raise ValueError(f"found a kernel of shape {weight.shape}, expected (out, in, height, width)")
    return weight


def _pads(call: Call, type: Any, reach: Sequence[int], strides: Sequence[int]) -> Sides:
    """Explicit or automatic padding of a window of `reach` rows and columns."""
    mode = call.expect("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    if mode == "NOTSET":
        return _sides(call.attribute("pads", [0, 0, 0, 0]))
    if mode == "VALID":
        return (0, 0, 0, 0)
    totals = [
        max(side - (_residue(extent, stride) or stride), 0)
        for extent, side, stride in zip((type.height, type.width), reach, strides, strict=True)
    ]
    return _shared(totals, mode == "SAME_UPPER")


def _sides(pads: Sequence[int]) -> Sides:
    top, left, bottom, right = (int(pad) for pad in pads)
    return top, left, bottom, right


def _shared(totals: Sequence[int], more_behind: bool) -> Sides:
    """Half of the padding on each side, and what is odd of it behind or in front."""
    top, left = (total // 2 if more_behind else -(-total // 2) for total in totals)
    return top, left, totals[0] - top, totals[1] - left


def _residue(extent: Extent, stride: int) -> int:
    """The size modulo the stride, where that is the same for every picture."""
    try:
        rest = Size("h", extent) % stride
    except SizeError:
        problem = f"found 'same' padding with stride {stride} of a size of {extent}"
        raise SizeError(f"{problem}, expected padding that does not depend on the picture's size") from None
    assert isinstance(rest, int), "a remainder that is a number or fails"
    return rest


@handles("ConvTranspose")
def _conv_transpose(call: Call) -> Tensor:
    value, weight = call.image(), _kernel(call)
    strides, group = call.pair("strides"), call.attribute("group", 1)
    weight = _dilated(weight, call.pair("dilations"))
    out = weight.shape[1] * group
    bias = call.array(2) if call.has(2) else np.zeros(out, np.float32)
    more = call.attribute("output_padding", [0, 0])
    mode = call.expect("auto_pad", "NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")
    wanted = call.attribute("output_shape")
    if wanted is not None or mode.startswith("SAME"):
        totals = [side - stride + m for side, stride, m in zip(weight.shape[2:], strides, more, strict=True)]
        type_ = call.type(call.view())
        if wanted is not None:
            now = [_now(call, extent, i) or 0 for i, extent in enumerate((type_.height, type_.width))]
            if list(wanted[-2:]) != [n * s for n, s in zip(now, strides, strict=True)]:
                raise ValueError(f"found output_shape {list(wanted)}, expected the input's size times the strides")
        if min(totals) < 0:
            raise ValueError(f"found auto_pad {mode} with a kernel smaller than the stride, expected explicit pads")
        top, left, bottom, right = _shared(totals, mode != "SAME_LOWER")
    else:
        top, left, bottom, right = _sides(call.attribute("pads", [0, 0, 0, 0]))
    pads = (top, left, bottom - more[0], right - more[1])
    return call.nchw(call.emit(ConvTranspose(weight, bias, pads, strides, group), value))


def _dilated(weight: Array, dilations: tuple[int, int]) -> Array:
    """The kernel with zeros between its taps."""
    if dilations == (1, 1):
        return weight
    sides = [(side - 1) * dilation + 1 for side, dilation in zip(weight.shape[2:], dilations, strict=True)]
    if max(sides) > 1024:
        raise ValueError(f"found a kernel that reaches over {max(sides)} pixels, expected up to 1024")
    result = np.zeros((*weight.shape[:2], *sides), np.float32)
    result[:, :, :: dilations[0], :: dilations[1]] = weight
    return result


def _now(call: Call, extent: Extent, axis: int) -> int | None:
    """A size for the only picture that the model was exported for, if it was."""
    return extent.at(call.builder.statics[axis]) if call.builder.statics else None


@handles("MatMul", "Gemm")
def _dense(call: Call) -> Tensor:
    """A fully connected layer over the channels is a convolution with a kernel of one pixel."""
    view, matrix = call.simple(), call.array(1)
    gemm = call.node.op_type == "Gemm"
    if matrix.ndim != 2 or view.layout[-1] != "c" or (gemm and call.attribute("transA", 0)):
        raise ValueError(f"found axes {view.layout} by {matrix.shape}, expected channels last, by a matrix")
    matrix = matrix if gemm and call.attribute("transB", 0) else matrix.T
    bias = call.array(2) if call.has(2) else np.zeros(1, np.float32)
    alpha, beta = (np.float32(call.attribute(name, 1.0)) for name in ("alpha", "beta"))
    weight = np.ascontiguousarray(matrix * alpha)[:, :, None, None]
    op = Conv(weight, np.broadcast_to(bias.reshape(-1) * beta, len(weight)).copy())
    return call.laid(call.emit(op, view.value), view.layout)


# ---------------------------------------------------------------------------------------------------------------------
# Pointwise operators of one picture


def _unary(make: Callable[[Call], Op]) -> Handler:
    """An operator of each element by itself, so that the axes do not matter."""

    def handler(call: Call) -> Tensor:
        view = call.view()
        return view.of(call.emit(make(call), view.value))

    return handler


HANDLERS |= {
    "Relu": _unary(lambda call: Relu()),
    "LeakyRelu": _unary(lambda call: LeakyRelu(call.attribute("alpha", 0.01))),
    "Elu": _unary(lambda call: Elu(call.attribute("alpha", 1.0))),
    "Selu": _unary(lambda call: Selu(call.attribute("alpha", Selu.alpha), call.attribute("gamma", Selu.gamma))),
    "Sigmoid": _unary(lambda call: Sigmoid()),
    "Tanh": _unary(lambda call: Tanh()),
    "Softplus": _unary(lambda call: Softplus()),
    "Erf": _unary(lambda call: Erf()),
    "Sqrt": _unary(lambda call: Sqrt()),
    "Neg": lambda call: _scaled(call, call.view(), -1.0, 0.0),
    "Identity": lambda call: call.tensor(0),
    "Dropout": lambda call: [call.tensor(0)],
    "Cast": lambda call: _cast(call),
}


def _cast(call: Call) -> Tensor:
    """Between floating-point types: what a network means does not depend on its precision."""
    import onnx

    to = onnx.TensorProto.DataType.Name(call.attribute("to"))
    if to not in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"):
        raise ValueError(f"found a picture cast to {to}, expected a floating-point type")
    return call.view()


def _scaled(call: Call, view: View, scale: float, shift: float, tag: str = "") -> View:
    """`scale * x + shift`, the same for every channel."""
    channels = call.type(view).channels
    op = Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))
    return view.of(call.emit(op, view.value, tag=tag))


@handles("Clip")
def _clip(call: Call) -> Tensor:
    bounds = []
    for index, name, default in ((1, "min", -math.inf), (2, "max", math.inf)):
        given = shortest(call.constant(index).reshape(())) if call.has(index) else call.attribute(name, default)
        bounds.append(given if abs(given) < 3.4e38 else default)  # float32's largest number means no bound
    view = call.view()
    if bounds[0] == -math.inf and bounds[1] == math.inf:
        return view
    if bounds[0] > bounds[1]:
        raise ValueError(f"found minimum {bounds[0]:g} above maximum {bounds[1]:g}, expected them in order")
    return view.of(call.emit(Relu() if bounds == [0.0, math.inf] else Clip(*bounds), view.value))


@handles("Gelu")
def _gelu(call: Call) -> Tensor:
    """x / 2 * (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) for the error function."""
    x = call.view()
    if call.expect("approximate", "none", "tanh") == "none":
        inner = call.emit(Erf(), _scaled(call, x, math.sqrt(0.5), 0, "scaled").value, tag="erf")
    else:
        root = math.sqrt(2 / math.pi)
        square = x.of(call.emit(Mul(), x.value, x.value, tag="square"))
        factor = _scaled(call, square, root * 0.044715, root, "factor")
        inner = call.emit(Tanh(), call.emit(Mul(), x.value, factor.value, tag="inner"), tag="tanh")
    half = _scaled(call, x.of(inner), 0.5, 0.5, "half")
    return x.of(call.emit(Mul(), x.value, half.value))


@handles("Celu")
def _celu(call: Call) -> Tensor:
    """alpha * elu(x / alpha)."""
    alpha = call.attribute("alpha", 1.0)
    if alpha == 1:
        return call.view().of(call.emit(Elu(), call.view().value))
    inner = _scaled(call, call.view(), 1 / alpha, 0, "scaled")
    return _scaled(call, inner.of(call.emit(Elu(), inner.value, tag="elu")), alpha, 0)


@handles("HardSigmoid", "HardSwish")
def _hard_sigmoid(call: Call) -> Tensor:
    swish = call.node.op_type == "HardSwish"
    alpha, beta = (1 / 6, 0.5) if swish else (call.attribute("alpha", 0.2), call.attribute("beta", 0.5))
    x = call.view()
    line = _scaled(call, x, alpha, beta, "line")
    gate = call.emit(Clip(0.0, 1.0), line.value, tag="gate" if swish else "")
    return x.of(call.emit(Mul(), x.value, gate) if swish else gate)


@handles("Mish")
def _mish(call: Call) -> Tensor:
    x = call.view()
    gate = call.emit(Tanh(), call.emit(Softplus(), x.value, tag="softplus"), tag="tanh")
    return x.of(call.emit(Mul(), x.value, gate))


@handles("Swish")
def _swish(call: Call) -> Tensor:
    x, alpha = call.view(), call.attribute("alpha", 1.0)
    inner = x if alpha == 1 else _scaled(call, x, alpha, 0, "scaled")
    return x.of(call.emit(Mul(), x.value, call.emit(Sigmoid(), inner.value, tag="sigmoid")))


@handles("Abs")
def _abs(call: Call) -> Tensor:
    x = call.view()
    negative = call.emit(Relu(), _scaled(call, x, -1, 0, "negated").value, tag="negative")
    return x.of(call.emit(Add(), call.emit(Relu(), x.value, tag="positive"), negative))


@handles("BatchNormalization", "InstanceNormalization")
def _normalization(call: Call) -> Tensor:
    """By stored statistics, one scale and shift per channel; by the picture's own, its mean and variance."""
    value, view = call.image(), call.simple()
    scale, shift = call.array(1), call.array(2)
    epsilon = call.attribute("epsilon", 1e-5)
    if call.node.op_type == "BatchNormalization":
        if call.attribute("training_mode", 0):
            raise ValueError("found training mode, expected a model for inference")
        mean, variance = call.array(3).astype(np.float64), call.array(4).astype(np.float64)
        factor = scale.astype(np.float64) / np.sqrt(variance + epsilon)
        return call.nchw(
            call.emit(Affine(weights(np.asarray(factor)), weights(np.asarray(shift - factor * mean))), value)
        )
    centred = call.emit(Sub(), value, call.emit(GlobalAveragePool(), value, tag="mean"), tag="centred")
    square = call.emit(Mul(), centred, centred, tag="square")
    variance_view = call.nchw(call.emit(GlobalAveragePool(), square, tag="variance"))
    deviation = call.emit(Sqrt(), _scaled(call, variance_view, 1, epsilon, "epsilon").value, tag="deviation")
    normal = call.emit(Div(), centred, deviation, tag="normal")
    return view.of(call.emit(Affine(scale, shift), normal))


# ---------------------------------------------------------------------------------------------------------------------
# Pointwise operators of two


@handles("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Pow", "PRelu")
def _binary(call: Call) -> Tensor:
    name, tensors = call.node.op_type, call.tensors()
    if any(isinstance(tensor, Sizes) for tensor in tensors):
        raise ValueError("found arithmetic with the picture's size, expected constants and pictures")
    if name == "Sum":
        return reduce(lambda a, b: _of_two(call, "Add", a, b), tensors) if len(tensors) > 1 else tensors[0]
    if len(tensors) != 2:
        raise ValueError(f"found {len(tensors)} inputs, expected 2")
    return _of_two(call, name, *tensors)


def _of_two(call: Call, name: str, a: Tensor, b: Tensor) -> View:
    if isinstance(a, View) and isinstance(b, View):
        return _of_views(call, name, a, b)
    view, constant = (a, b) if isinstance(a, View) else (b, a)
    assert isinstance(view, View), "a picture goes through the node"
    assert isinstance(constant, np.ndarray), "sizes are refused"
    view, numbers = _aligned(call, view, weights(constant))
    if name == "Pow" and isinstance(a, View):
        return _power(call, view, numbers)
    if name == "Div" and view is not a and not isinstance(a, View):
        numerator = call.emit(Affine(np.zeros_like(numbers), numbers), view.value, tag="numerator")
        return view.of(call.emit(Div(), numerator, view.value))
    return view.of(call.emit(_with_constant(name, numbers, isinstance(a, View)), view.value))


def _with_constant(name: str, numbers: Array, first: bool) -> Op:
    """The operator with one number per channel; `first` says whether the picture is the first operand."""
    zeros, ones = np.zeros_like(numbers), np.ones_like(numbers)
    with np.errstate(divide="ignore"):
        match name:
            case "Add":
                return Affine(ones, numbers)
            case "Sub":
                return Affine(ones, -numbers) if first else Affine(-ones, numbers)
            case "Mul":
                return Affine(numbers, zeros)
            case "Div" if first:
                return Affine(np.float32(1) / numbers, zeros)
            case "PRelu" if first:
                return PRelu(numbers)
            case "Max" | "Min" if len(set(numbers.tolist())) == 1:
                number = float(numbers[0])
                if name == "Min":
                    return Clip(-math.inf, number)
                return Relu() if number == 0 else Clip(number, math.inf)
    raise ValueError("found such a constant operand, expected a picture, or one number for all channels")


def _aligned(call: Call, view: View, constant: Array) -> tuple[View, Array]:
    """The view with as many axes as the constant has, and the constant as one number per channel."""
    missing = constant.ndim - len(view.axes)
    if missing > 0:
        view = View(view.value, view.parts, ((),) * missing + view.axes)
    if constant.size == 1:
        return view, np.full(call.type(view).channels, constant.reshape(()), np.float32)
    view = call.settle(view)
    letters = view.layout[len(view.axes) - constant.ndim :]
    varying = [letter for letter, size in zip(letters, constant.shape, strict=True) if size > 1]
    if varying != ["c"]:
        raise ValueError(f"found a constant of shape {constant.shape} for axes {letters}, expected one per channel")
    channels = call.type(view).channels
    if channels == 1:
        view = call.laid(call.emit(Gather((0,) * constant.size), view.value, tag="repeated"), view.layout)
    elif constant.size != channels:
        raise ValueError(f"found a constant of {constant.size} numbers, expected {channels}, one per channel")
    return view, constant.reshape(-1)


_OF_TWO: dict[str, type[Add | Sub | Mul | Div]] = {"Add": Add, "Sub": Sub, "Mul": Mul, "Div": Div}


def _of_views(call: Call, name: str, a: View, b: View) -> View:
    if name in ("Max", "Min"):  # a + max(b - a, 0) and a - max(a - b, 0)
        excess = _of_views(call, "Sub", b, a) if name == "Max" else _of_views(call, "Sub", a, b)
        excess = excess.of(call.emit(Relu(), excess.value, tag="excess"))
        return _of_views(call, "Add" if name == "Max" else "Sub", a, excess)
    if name not in _OF_TWO:
        raise ValueError("found two pictures, expected a picture and a constant")
    op = _OF_TWO[name]()
    if a.same_layout(b) and call.type(a).channels == call.type(b).channels:
        return a.of(call.emit(op, a.value, b.value))
    rank = max(len(a.axes), len(b.axes))
    a, b = (View(view.value, view.parts, ((),) * (rank - len(view.axes)) + view.axes) for view in (a, b))
    a, b = call.settle(a), call.settle(b)
    pairs = list(zip(a.kinds, b.kinds, strict=True))
    kinds = [x or y for x, y in pairs]
    named = [kind for kind in kinds if kind]
    if any(x and y and x != y for x, y in pairs) or len(set(named)) < len(named):
        raise ValueError(f"found operands with axes {a.layout} and {b.layout}, expected the same order")
    value = call.emit(op, a.value, b.value)
    return call.laid(value, "".join(kind or "n" for kind in kinds))


def _power(call: Call, view: View, exponents: Array) -> View:
    exponent = float(exponents[0])
    if len(set(exponents.tolist())) > 1 or exponent not in (0.5, *range(1, 9)):
        raise ValueError(f"found exponent {exponent:g}, expected 0.5 or an integer from 1 to 8")
    if exponent == 0.5:
        return view.of(call.emit(Sqrt(), view.value))
    value = view.value
    for _ in range(int(exponent) - 1):
        value = call.emit(Mul(), value, view.value, tag="" if _ == exponent - 2 else "power")
    return view.of(value)


@dataclass(frozen=True, eq=False)
class _Above:
    """Where a picture is above a number."""

    view: View
    threshold: float


@handles("Greater", "Where")
def _softplus_s_threshold(call: Call) -> Any:
    """PyTorch writes softplus as x where x > 20, as if float32 had another value there."""
    if call.node.op_type == "Greater":
        return _Above(call.view(0), float(call.constant(1).reshape(())))
    above, x, softplus = call.tensor(0), call.tensor(1), call.tensor(2)
    if isinstance(above, _Above) and isinstance(x, View) and isinstance(softplus, View):
        expected = Node(softplus.value, Softplus(), (x.value,))
        same = above.view.value == x.value and expected in call.builder.nodes
        if same and above.threshold >= 17:  # from there on, float32 cannot hold the difference
            return softplus
    raise ValueError("found a choice between pictures, expected Softplus with a threshold")


@handles("Reciprocal")
def _reciprocal(call: Call) -> Tensor:
    return _of_two(call, "Div", np.ones((), np.float32), call.view())


# ---------------------------------------------------------------------------------------------------------------------
# Channels and axes


@handles("Transpose")
def _transpose(call: Call) -> Tensor:
    view = call.view()
    order = call.attribute("perm", list(reversed(range(len(view.axes)))))
    if sorted(order) != list(range(len(view.axes))):
        raise ValueError(f"found perm {list(order)}, expected an order of {len(view.axes)} axes")
    return _as_picture(call, view.transposed(order))


def _as_picture(call: Call, view: View) -> View:
    """The view settled where it is a picture again: what has an order of its own is computed where it is written."""
    return call.settle(view) if len(view.axes) == 4 and settled(view) is not None else view


@handles("Reshape")
def _reshape(call: Call) -> Tensor:
    view = call.view()
    dims = call.numbers(1) if call.has(1) else list(call.attribute("shape"))
    return _reshaped(call, view, _resolved(dims, view, call.attribute("allowzero", 0)))


def _resolved(dims: list[Dim], view: View, allow_zero: int) -> list[Dim]:
    """0 means the size of that axis before."""
    before = view.dims()
    if len(dims) > 16 or dims.count(-1) > 1 or any(isinstance(dim, int) and dim < -1 for dim in dims):
        raise ValueError(f"found the shape {words(dims)}, expected sizes, and -1 at most once")
    return [before[i] if dim == 0 and not allow_zero and i < len(before) else dim for i, dim in enumerate(dims)]


def _reshaped(call: Call, view: View, dims: Sequence[Dim]) -> View:
    return _as_picture(call, reshaped(view, dims, call.builder.statics))


@handles("Flatten")
def _flatten(call: Call) -> Tensor:
    view = call.view()
    axis = call.attribute("axis", 1) % (len(view.axes) + 1)
    front, back = (sum(axes, ()) for axes in (view.axes[:axis], view.axes[axis:]))
    return View(view.value, view.parts, (front, back))


@handles("Squeeze", "Unsqueeze")
def _squeeze(call: Call) -> Tensor:
    view, axes = call.view(), call.listed("axes", 1)
    if call.node.op_type == "Unsqueeze":
        rank = len(view.axes) + len(axes or [])
        wanted = {axis % rank for axis in axes or []}
        rest = iter(view.axes)
        return View(view.value, view.parts, tuple(() if i in wanted else next(rest) for i in range(rank)))
    rank = len(view.axes)
    gone = {axis % rank for axis in axes} if axes is not None else {i for i in range(rank) if not view.axes[i]}
    if any(view.axes[i] for i in gone):
        raise ValueError(f"found axes {axes} of sizes {words(view.dims())}, expected some of size 1")
    return View(view.value, view.parts, tuple(axis for i, axis in enumerate(view.axes) if i not in gone))


@handles("DepthToSpace")
def _depth_to_space(call: Call) -> Tensor:
    """As the Reshape, Transpose and Reshape that ONNX defines it by."""
    call.image()
    view, block = call.simple(), _block(call)
    c, h, w = call.type(view).channels, *(view.dims()[2:])
    depth = c // block**2
    if c % block**2:
        raise ValueError(f"found {c} channels, expected a multiple of {block**2}")
    crd = call.expect("mode", "DCR", "CRD") == "CRD"
    first: list[Dim] = [1, depth, block, block, h, w] if crd else [1, block, block, depth, h, w]
    digits = reshaped(view, first, None).transposed((0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2))
    return call.settle(reshaped(digits, [1, depth, h * block, w * block], None))


@handles("SpaceToDepth")
def _space_to_depth(call: Call) -> Tensor:
    """ONNX has the place in the block before the channel."""
    value, block = call.image(), _block(call)
    channels = call.type(call.simple()).channels
    order = np.arange(channels * block**2).reshape(channels, block**2).T.ravel()
    if channels == 1 or block == 1:
        return call.nchw(call.emit(SpaceToDepth(block), value))
    blocks = call.emit(SpaceToDepth(block), value, tag="order")
    return call.nchw(call.emit(Gather(tuple(order.tolist())), blocks))


def _block(call: Call) -> int:
    block = call.attribute("blocksize")
    if not isinstance(block, int) or not 0 < block <= 64:
        raise ValueError(f"found blocksize {block}, expected 1 to 64")
    return block


@handles("Concat")
def _concat(call: Call) -> Tensor:
    views = [call.simple(i) for i in range(len(call.node.input))]
    layout = max((view.layout for view in views), key=lambda letters: letters == views[0].layout)
    axis = call.attribute("axis") % len(layout)
    if any(view.layout != layout for view in views) or layout[axis] != "c":
        found = ", ".join(dict.fromkeys(view.layout for view in views))
        raise ValueError(f"found axis {axis} of {found}, expected the channels of pictures in one order")
    return call.laid(call.emit(Concat(), *(view.value for view in views)), layout)


@handles("Split")
def _split(call: Call) -> list[Tensor]:
    view = call.simple()
    axis = call.attribute("axis", 0) % len(view.axes)
    size, count = view.dims()[axis], len(call.node.output)
    parts = call.listed("split", 1)
    if parts is None:
        if not isinstance(size, int):
            raise SizeError(f"found a size of {size} split into {count}, expected channels")
        whole = -(-size // count)
        parts = [min(whole, size - i * whole) for i in range(count)]
    ends = np.cumsum(parts).tolist()
    if len(parts) != count or min(parts) < 1 or ends[-1] != size:
        raise ValueError(f"found {size} split into {parts}, expected {count} parts of it")
    return [
        _cut(call, view, [(axis, end - part, end, 1)], tag=f"part{'abcdefghijklmnopqrstuvwxyz'[i % 26]}")
        for i, (end, part) in enumerate(zip(ends, parts, strict=True))
    ]


@handles("Slice")
def _slice(call: Call) -> Tensor:
    view = call.simple()
    if call.has(1):
        starts, ends = call.numbers(1), call.numbers(2)
    else:
        starts, ends = list(call.attribute("starts")), list(call.attribute("ends"))
    axes = call.listed("axes", 3) or list(range(len(starts)))
    steps = call.integers(4) if call.has(4) else [1] * len(starts)
    if not len(starts) == len(ends) == len(axes) == len(steps):
        raise ValueError("found starts, ends, axes and steps of different lengths, expected equal ones")
    cuts = [(axis % len(view.axes), *cut) for axis, *cut in zip(axes, starts, ends, steps, strict=True)]
    if len({axis for axis, *_ in cuts}) < len(cuts) or min(steps, default=1) < 1:
        raise ValueError(f"found axes {axes} and steps {steps}, expected each axis once, and 1 or more")
    return _cut(call, view, cuts)


def _cut(call: Call, view: View, cuts: Sequence[Any], tag: str = "") -> View:
    """Some elements along some axes, each given as (axis, start, end, step)."""
    crops, strides = {"h": (0, 0), "w": (0, 0)}, {"h": 1, "w": 1}
    ops: list[Op] = []
    channels = call.type(view).channels
    for axis, start, end, step in cuts:
        letter, size = view.layout[axis], view.dims()[axis]
        front, back = _from_start(start, size), _from_end(end, size)
        if letter in crops:
            crops[letter], strides[letter] = (front, back), step
        elif letter == "c" and (front, back, step) != (0, 0, 1):
            kept = range(front, channels - back, step)
            ops.append(Slice(front, channels - back) if step == 1 else Gather(tuple(kept)))
            channels = len(kept)
    if any(map(any, crops.values())):
        ops.append(Pad((-crops["h"][0], -crops["w"][0], -crops["h"][1], -crops["w"][1])))
    if max(strides.values()) > 1:
        ones, zeros = np.ones((channels, 1, 1, 1), np.float32), np.zeros(channels, np.float32)
        ops.append(Conv(ones, zeros, strides=(strides["h"], strides["w"]), group=channels))
    value = view.value
    for op in ops:
        value = call.emit(op, value, tag=tag if op is ops[-1] else f"{tag}_{type(op).__name__.lower()}".lstrip("_"))
    return call.laid(value, view.layout) if ops else view


def _from_start(start: Dim, size: Dim) -> int:
    """How many elements are left out in front."""
    if isinstance(start, Size) or start < 0:
        start = start if isinstance(start, Size) else size + start
    return min(_fixed(start), size) if isinstance(size, int) else _fixed(start)


def _from_end(end: Dim, size: Dim) -> int:
    """How many elements are left out behind."""
    if isinstance(end, int):
        if end >= FAR:
            return 0
        if end < 0:
            return -end
    return max(_fixed(size - end), 0)


def _fixed(number: Dim) -> int:
    if isinstance(number, Size):
        raise SizeError(f"found a crop by {number}, expected one that does not depend on the picture's size")
    return int(number)


@handles("Gather")
def _gather(call: Call) -> Tensor:
    view, indices = call.simple(), call.constant(1)
    axis = call.attribute("axis", 0) % len(view.axes)
    size = view.dims()[axis]
    if view.layout[axis] not in "nc" or not isinstance(size, int) or indices.ndim > 1:
        raise ValueError(
            f"found axis {axis} of {view.layout} with indices {indices.shape}, expected channels by a list"
        )
    chosen = tuple(int(i) % size for i in indices.ravel())
    value = call.emit(Gather(chosen), view.value)
    layout = view.layout if indices.ndim else view.layout.replace(view.layout[axis], "")
    return call.laid(value, layout)


@handles("Expand", "Tile")
def _expand(call: Call) -> Tensor:
    """Channels repeated. What has size 1 along rows or columns counts everywhere where it is used."""
    view, dims = call.view(), call.numbers(1)
    missing = len(dims) - len(view.axes)
    if missing > 0:
        view = View(view.value, view.parts, ((),) * missing + view.axes)
    sizes = view.dims()
    first = len(sizes) - len(dims)
    for axis, (size, dim) in enumerate(zip(sizes[first:], dims, strict=True), first):
        tiled = call.node.op_type == "Tile"
        if dim == 1 or (not tiled and (dim == size or isinstance(dim, Size))):
            continue
        if isinstance(dim, Size) or dim < 1 or any(digit.kind != "c" for digit in view.axes[axis]):
            raise ValueError(f"found {words(view.dims())} repeated to {words(dims)}, expected channels repeated")
        if not tiled and size != 1:
            raise ValueError(f"found a size of {size} expanded to {dim}, expected 1")
        view = _repeated(call, view, axis, dim)
    return _as_picture(call, view)


def _repeated(call: Call, view: View, axis: int, times: int) -> View:
    """Each channel `times` times, told apart by a new digit in front of the axis."""
    indices = np.repeat(np.arange(call.type(view).channels), times)
    value = call.emit(Gather(tuple(indices.tolist())), view.value, tag="repeated")
    digit = Digit("c", times)
    axes = tuple((digit, *digits) if i == axis else digits for i, digits in enumerate(view.axes))
    return View(value, view.parts | {"c": (*view.parts["c"], digit)}, axes)


# ---------------------------------------------------------------------------------------------------------------------
# Space


@handles("Pad")
def _pad(call: Call) -> Tensor:
    view = call.simple()
    rank = len(view.axes)
    numbers = call.listed("pads", 1)
    axes = [axis % rank for axis in call.integers(3)] if call.has(3) else list(range(rank))
    mode = call.expect("mode", "constant", "edge", "reflect")
    if numbers is None or len(numbers) != 2 * len(axes):
        raise ValueError(f"found pads {numbers}, expected two for each of {len(axes)} axes")
    value = shortest(call.constant(2).reshape(())) if call.has(2) else call.attribute("value", 0.0)
    before = {view.layout[axis]: number for axis, number in zip(axes, numbers, strict=False)}
    behind = {view.layout[axis]: number for axis, number in zip(axes, numbers[len(axes) :], strict=True)}
    if any(sides.get(letter) for sides in (before, behind) for letter in "nc"):
        raise ValueError(f"found pads {numbers} for {view.layout}, expected rows and columns only")
    pads = (before.get("h", 0), before.get("w", 0), behind.get("h", 0), behind.get("w", 0))
    if not any(pads):
        return view
    op = Pad(pads, "zero", value) if mode == "constant" else Pad(pads, mode)
    return call.laid(call.emit(op, view.value), view.layout)


@handles("Resize", "Upsample")
def _resize(call: Call) -> Tensor:
    view = call.simple()
    type_ = call.type(view)
    factors = dict.fromkeys("nchw", Fraction(1)) | _factors(call, view)
    if factors["n"] != 1 or factors["c"] != 1:
        raise ValueError(f"found factors for {view.layout}, expected rows and columns only")
    old = call.node.op_type == "Upsample" or (not call.has(2) and call.builder.file.opset < 11)
    filter: Any = call.attribute("mode", "nearest").replace("bilinear", "linear")
    coordinates: Any = call.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding: Any = call.attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    scales = (factors["h"], factors["w"])
    whole = max(scale.denominator for scale in scales) == 1
    exact = all(_exact(e, s) for e, s in zip((type_.height, type_.width), scales, strict=True))
    if coordinates == "half_pixel_symmetric" and exact:
        coordinates = "half_pixel"
    if coordinates == "tf_half_pixel_for_nn" and filter == "nearest" and rounding == "floor" and whole:
        coordinates = "asymmetric"
    for found, allowed in ((filter, Filter), (coordinates, Coordinates), (rounding, Rounding)):
        if found not in get_args(allowed):
            raise ValueError(f"found {found!r}, expected one of {', '.join(get_args(allowed))}")
    if call.attribute("antialias", 0) and min(scales) < 1:
        raise ValueError("found antialias, expected none")
    if all(scale == 1 for scale in scales):
        return view
    op = Resize(scales, filter, coordinates)
    if filter == "nearest":
        op = replace(op, rounding=rounding)
    if filter == "cubic":
        excluded = bool(call.attribute("exclude_outside", 0))
        op = replace(op, cubic=call.attribute("cubic_coeff_a", -0.75), exclude_outside=excluded)
    return call.laid(call.emit(op, view.value), view.layout)


def _factors(call: Call, view: View) -> dict[str, Fraction]:
    """The factor of each axis, from scales or from sizes."""
    axes = [axis % len(view.axes) for axis in call.attribute("axes", range(len(view.axes)))]
    letters = [view.layout[axis] for axis in axes]
    numbers: list[Any]
    if call.has(3):
        before = [view.dims()[axis] for axis in axes]
        return {
            letter: _grown(call, letter, size, wanted)
            for letter, size, wanted in zip(letters, before, call.numbers(3), strict=True)
        }
    index = 1 if call.node.op_type == "Upsample" or not call.has(2) else 2
    if call.has(index):
        tensor = call.tensor(index)
        if not isinstance(tensor, np.ndarray):
            raise SizeError("found factors that depend on the picture's size, expected fixed ones")
        numbers = tensor.ravel().tolist()
    else:
        numbers = list(call.attribute("scales", []))
    if len(numbers) != len(letters):
        raise ValueError(f"found {len(numbers)} factors, expected {len(letters)}")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"found factors {numbers}, expected finite ones")
    return {letter: Fraction(n).limit_denominator(64) for letter, n in zip(letters, numbers, strict=True)}


def _grown(call: Call, letter: str, size: Dim, wanted: Dim) -> Fraction:
    """The factor from one size to another, where it is the same for every picture."""
    if isinstance(wanted, int) and isinstance(size, Size):
        now = _now(call, size.extent, "hw".index(letter))
        if now is None:
            raise ValueError(
                f"found a resize of {size} to {wanted}, expected a factor, or a size that follows the picture's"
            )
        return Fraction(wanted, now)
    ratio = wanted / size if isinstance(wanted, Size) and isinstance(size, Size) else Fraction(int(wanted), int(size))  # type: ignore[arg-type]
    assert isinstance(ratio, Fraction), "a ratio of sizes"
    return ratio


def _exact(extent: Extent, scale: Fraction) -> bool:
    return extent.offset * scale.numerator % scale.denominator == 0 and extent.times(scale).whole


@handles("MaxPool", "AveragePool")
def _pool(call: Call) -> Tensor:
    value, type_ = call.image(), call.type(call.simple())
    if len(call.node.output) > 1 and call.node.output[1]:
        raise ValueError("found indices as a second output, expected the picture only")
    if call.pair("dilations") != (1, 1):
        raise ValueError(f"found dilations {call.pair('dilations')}, expected none")
    kernel, strides = call.pair("kernel_shape"), call.pair("strides")
    pads = _pads(call, type_, kernel, strides)
    if call.attribute("ceil_mode", 0) and strides != (1, 1):
        # Rounding up is more padding behind, unless a window would begin in it.
        if any(side < stride + pad for side, stride, pad in zip(kernel, strides, pads[2:], strict=True)):
            raise ValueError(f"found ceil_mode with kernel {kernel} and strides {strides}, expected larger kernels")
        pads = (*pads[:2], pads[2] + strides[0] - 1, pads[3] + strides[1] - 1)
    if call.node.op_type == "MaxPool":
        return call.nchw(call.emit(MaxPool(kernel, strides, pads), value))
    if call.attribute("count_include_pad", 0) and any(pads):
        if call.attribute("ceil_mode", 0):
            raise ValueError("found ceil_mode with count_include_pad, expected one of them")
        value, pads = call.emit(Pad(pads), value, tag="pad"), (0, 0, 0, 0)
    return call.nchw(call.emit(AveragePool(kernel, strides, pads), value))


@handles("GlobalAveragePool")
def _global_average(call: Call) -> Tensor:
    return call.nchw(call.emit(GlobalAveragePool(), call.image()))


@handles("ReduceMean", "ReduceSum")
def _reduce(call: Call) -> Tensor:
    """Over rows and columns together, or over channels."""
    view = call.simple()
    rank = len(view.axes)
    axes = {axis % rank for axis in call.listed("axes", 1) or range(rank)}
    letters = {view.layout[axis] for axis in axes} - {"n"}
    mean = call.node.op_type == "ReduceMean"
    if letters == {"h", "w"} and mean:
        value = call.emit(GlobalAveragePool(), view.value)
    elif letters == {"c"}:
        channels = call.type(view).channels
        row = np.full((1, channels, 1, 1), 1 / channels if mean else 1, np.float32)
        value = call.emit(Conv(row, np.zeros(1, np.float32)), view.value)
    else:
        raise ValueError(
            f"found axes {sorted(axes)} of {view.layout}, expected rows and columns for a mean, or channels"
        )
    kept = call.attribute("keepdims", 1)
    return call.laid(value, "".join(c for i, c in enumerate(view.layout) if kept or i not in axes))
