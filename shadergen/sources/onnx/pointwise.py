"""Operators of each element by itself: activations, normalisation, arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import onnx

from shadergen.ir.graph import Node
from shadergen.ir.ops import (
    Add,
    Affine,
    Array,
    Clip,
    Div,
    Elu,
    Erf,
    Gather,
    GlobalAveragePool,
    LeakyRelu,
    Mul,
    Op,
    PRelu,
    Relu,
    Round,
    Selu,
    Sigmoid,
    Softplus,
    Sqrt,
    Sub,
    Tanh,
)
from shadergen.sources.onnx.build import Call, Handler, Registry, SymbolicTensor, Tensor, shortest, weights
from shadergen.sources.onnx.view import TensorView

HANDLERS = Registry()
handles = HANDLERS.handles


# ---------------------------------------------------------------------------------------------------------------------
# Operators of one picture


def _unary(make: Callable[[Call], Op]) -> Handler:
    """The handler of an operator that takes each element by itself, so that the axes do not matter."""

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
    "Round": _unary(lambda call: Round()),
    "Neg": lambda call: call.scaled(call.view(), -1.0, 0.0),
    "Identity": lambda call: call.tensor(0),
    "Dropout": lambda call: [call.tensor(0)],
    "Cast": lambda call: _cast(call),
}


def _cast(call: Call) -> Tensor:
    """Nothing, between floating-point types: what a network means does not depend on its precision."""
    to = onnx.TensorProto.DataType.Name(call.attribute("to"))
    if to not in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"):
        raise ValueError(f"found a picture cast to {to}, expected a floating-point type")
    return call.view()


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
    """Gelu is x / 2 * (1 + erf(x / sqrt(2))), or with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) for erf."""
    x = call.view()
    if call.expect("approximate", "none", "tanh") == "none":
        inner = call.emit(Erf(), call.scaled(x, math.sqrt(0.5), 0, "scaled").value, tag="erf")
    else:
        root = math.sqrt(2 / math.pi)
        square = x.of(call.emit(Mul(), x.value, x.value, tag="square"))
        factor = call.scaled(square, root * 0.044715, root, "factor")
        inner = call.emit(Tanh(), call.emit(Mul(), x.value, factor.value, tag="inner"), tag="tanh")
    half = call.scaled(x.of(inner), 0.5, 0.5, "half")
    return x.of(call.emit(Mul(), x.value, half.value))


@handles("Celu")
def _celu(call: Call) -> Tensor:
    """Celu is alpha * elu(x / alpha)."""
    alpha = call.attribute("alpha", 1.0)
    if alpha == 1:
        return call.view().of(call.emit(Elu(), call.view().value))
    inner = call.scaled(call.view(), 1 / alpha, 0, "scaled")
    return call.scaled(inner.of(call.emit(Elu(), inner.value, tag="elu")), alpha, 0)


@handles("HardSigmoid", "HardSwish")
def _hard_sigmoid(call: Call) -> Tensor:
    swish = call.node.op_type == "HardSwish"
    alpha, beta = (1 / 6, 0.5) if swish else (call.attribute("alpha", 0.2), call.attribute("beta", 0.5))
    x = call.view()
    line = call.scaled(x, alpha, beta, "line")
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
    inner = x if alpha == 1 else call.scaled(x, alpha, 0, "scaled")
    return x.of(call.emit(Mul(), x.value, call.emit(Sigmoid(), inner.value, tag="sigmoid")))


@handles("Abs")
def _abs(call: Call) -> Tensor:
    x = call.view()
    negative = call.emit(Relu(), call.scaled(x, -1, 0, "negated").value, tag="negative")
    return x.of(call.emit(Add(), call.emit(Relu(), x.value, tag="positive"), negative))


@handles("BatchNormalization", "InstanceNormalization")
def _normalization(call: Call) -> Tensor:
    """With stored statistics this is one scale and shift per channel; with the picture's own, more."""
    value, view = call.image(), call.simple()
    scale, shift = call.array(1), call.array(2)
    epsilon = call.attribute("epsilon", 1e-5)
    if call.node.op_type == "BatchNormalization":
        if call.attribute("training_mode", 0):
            raise ValueError("found training mode, expected a model for inference")
        mean, variance = call.array(3).astype(np.float64), call.array(4).astype(np.float64)
        factor = scale.astype(np.float64) / np.sqrt(variance + epsilon)
        op = Affine(weights(np.asarray(factor)), weights(np.asarray(shift - factor * mean)))
        return call.nchw(call.emit(op, value))
    centred = call.emit(Sub(), value, call.emit(GlobalAveragePool(), value, tag="mean"), tag="centred")
    square = call.emit(Mul(), centred, centred, tag="square")
    variance_view = call.nchw(call.emit(GlobalAveragePool(), square, tag="variance"))
    deviation = call.emit(Sqrt(), call.scaled(variance_view, 1, epsilon, "epsilon").value, tag="deviation")
    normal = call.emit(Div(), centred, deviation, tag="normal")
    return view.of(call.emit(Affine(scale, shift), normal))


# ---------------------------------------------------------------------------------------------------------------------
# Operators of two pictures, or of a picture and a constant


@handles("Add", "Sub", "Mul", "Div", "Sum", "Max", "Min", "Pow", "PRelu")
def _binary(call: Call) -> Tensor:
    name, tensors = call.node.op_type, call.tensors()
    if any(isinstance(tensor, SymbolicTensor) for tensor in tensors):
        raise ValueError("found arithmetic with the picture's size, expected constants and pictures")
    if name == "Sum":
        return reduce(lambda a, b: _of_two(call, "Add", a, b), tensors) if len(tensors) > 1 else tensors[0]
    if len(tensors) != 2:
        raise ValueError(f"found {len(tensors)} inputs, expected 2")
    return _of_two(call, name, *tensors)


def _of_two(call: Call, name: str, a: Tensor, b: Tensor) -> TensorView:
    if isinstance(a, TensorView) and isinstance(b, TensorView):
        return _of_views(call, name, a, b)
    view, constant = (a, b) if isinstance(a, TensorView) else (b, a)
    assert isinstance(view, TensorView), "a picture goes through the node"
    assert isinstance(constant, np.ndarray), "sizes are refused"
    view, numbers = _aligned(call, view, weights(constant))
    if name == "Pow" and isinstance(a, TensorView):
        return _power(call, view, numbers)
    if name == "Div" and not isinstance(a, TensorView):
        numerator = call.emit(Affine(np.zeros_like(numbers), numbers), view.value, tag="numerator")
        return view.of(call.emit(Div(), numerator, view.value))
    return view.of(call.emit(_with_constant(name, numbers, isinstance(a, TensorView)), view.value))


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


def _aligned(call: Call, view: TensorView, constant: Array) -> tuple[TensorView, Array]:
    """The view with as many axes as the constant has, and the constant as one number per channel."""
    missing = constant.ndim - len(view.axes)
    if missing > 0:
        view = TensorView(view.value, view.parts, ((),) * missing + view.axes)
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


def _of_views(call: Call, name: str, a: TensorView, b: TensorView) -> TensorView:
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
    a, b = (TensorView(view.value, view.parts, ((),) * (rank - len(view.axes)) + view.axes) for view in (a, b))
    a, b = call.settle(a), call.settle(b)
    pairs = list(zip(a.kinds, b.kinds, strict=True))
    kinds = [x or y for x, y in pairs]
    named = [kind for kind in kinds if kind]
    if any(x and y and x != y for x, y in pairs) or len(set(named)) < len(named):
        raise ValueError(f"found operands with axes {a.layout} and {b.layout}, expected the same order")
    value = call.emit(op, a.value, b.value)
    return call.laid(value, "".join(kind or "n" for kind in kinds))


def _power(call: Call, view: TensorView, exponents: Array) -> TensorView:
    exponent = float(exponents[0])
    if len(set(exponents.tolist())) > 1 or exponent not in (0.5, *range(1, 9)):
        raise ValueError(f"found exponent {exponent:g}, expected 0.5 or an integer from 1 to 8")
    if exponent == 0.5:
        return view.of(call.emit(Sqrt(), view.value))
    value = view.value
    for factor in range(2, int(exponent) + 1):
        value = call.emit(Mul(), value, view.value, tag="" if factor == exponent else "power")
    return view.of(value)


@dataclass(frozen=True, eq=False)
class _Above:
    """A tensor of truth values: where a picture is above a number."""

    view: TensorView
    threshold: float


@handles("Greater", "Where")
def _softplus_s_threshold(call: Call) -> Any:
    """PyTorch writes softplus as x where x > 20, though float32 has no other value there: it is taken for Softplus."""
    if call.node.op_type == "Greater":
        return _Above(call.view(0), float(call.constant(1).reshape(())))
    above, x, softplus = call.tensor(0), call.tensor(1), call.tensor(2)
    if isinstance(above, _Above) and isinstance(x, TensorView) and isinstance(softplus, TensorView):
        expected = Node(softplus.value, Softplus(), (x.value,))
        same = above.view.value == x.value and expected in call.builder.nodes
        if same and above.threshold >= 17:  # from there on, float32 cannot hold the difference
            return softplus
    raise ValueError("found a choice between pictures, expected Softplus with a threshold")


@handles("Reciprocal")
def _reciprocal(call: Call) -> Tensor:
    return _of_two(call, "Div", np.ones((), np.float32), call.view())
