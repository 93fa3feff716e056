"""Layers of each element by itself: activations and arithmetic."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from shadergen.sources.ncnn.call import Blob, Call, Handler, Registry, numbers, per_channel

HANDLERS = Registry()
handles = HANDLERS.handles


# ---------------------------------------------------------------------------------------------------------------------
# Activations


def _unary(op: str, **parameters: tuple[int, float]) -> Handler:
    """The handler of a layer that is one operator, with attributes from parameters (number, default)."""

    def handler(call: Call) -> Blob:
        attributes: dict[str, Any] = {
            name: float(call.number(index, default)) for name, (index, default) in parameters.items()
        }
        return call.like(call.blob(), op, call.blob().tensor, **attributes)

    return handler


HANDLERS |= {
    "AbsVal": _unary("Abs"),
    "CELU": _unary("Celu", alpha=(0, 1.0)),
    "ELU": _unary("Elu", alpha=(0, 0.1)),
    "HardSigmoid": _unary("HardSigmoid", alpha=(0, 0.2), beta=(1, 0.5)),
    "Mish": _unary("Mish"),
    "SELU": _unary("Selu", alpha=(0, 1.67326324), gamma=(1, 1.050700987)),
    "Sigmoid": _unary("Sigmoid"),
    "Softplus": _unary("Softplus"),
    "Swish": _unary("Swish"),
    "TanH": _unary("Tanh"),
}


@handles("ReLU")
def _relu(call: Call) -> Blob:
    slope, blob = float(call.number(0)), call.blob()
    return call.like(blob, "LeakyRelu", blob.tensor, alpha=slope) if slope else call.like(blob, "Relu", blob.tensor)


@handles("PReLU")
def _prelu(call: Call) -> Blob:
    return call.like(call.blob(), "PRelu", call.blob().tensor, per_channel(call.plain(call.integer(0))))


@handles("Clip")
def _clip(call: Call) -> Blob:
    largest = float(np.finfo(np.float32).max)
    bounds = numbers(call.number(0, -largest)), numbers(call.number(1, largest))
    return call.like(call.blob(), "Clip", call.blob().tensor, *bounds)


@handles("GELU")
def _gelu(call: Call) -> Blob:
    return call.like(call.blob(), "Gelu", call.blob().tensor, approximate="tanh" if call.integer(0) else "none")


@handles("HardSwish")
def _hard_swish(call: Call) -> Blob:
    """ncnn's may have another slope than ONNX's."""
    blob = call.blob()
    gate = call.node("HardSigmoid", blob.tensor, tag="gate", alpha=call.number(0, 0.2), beta=call.number(1, 0.5))
    return call.like(blob, "Mul", blob.tensor, gate)


_UNARY = {0: "Abs", 1: "Neg", 5: "Sqrt", 15: "Reciprocal", 16: "Tanh", 18: "Round"}


@handles("UnaryOp")
def _unary_op(call: Call) -> Blob:
    blob = call.blob()
    match call.integer(0):
        case 4:
            return call.like(blob, "Mul", blob.tensor, blob.tensor)
        case 6:
            return call.like(blob, "Reciprocal", call.node("Sqrt", blob.tensor, tag="root"))
        case kind if kind in _UNARY:
            return call.like(blob, _UNARY[kind], blob.tensor)
        case kind:
            raise ValueError(f"found operation {kind}, expected one of {', '.join(map(str, sorted({*_UNARY, 4, 6})))}")


@handles("Power")
def _power(call: Call) -> Blob:
    blob = call.blob()
    line = call.node("Mul", blob.tensor, numbers(call.number(1, 1)), tag="scaled")
    line = call.node("Add", line, numbers(call.number(2)), tag="shifted")
    return call.like(blob, "Pow", line, numbers(call.number(0, 1)))


# ---------------------------------------------------------------------------------------------------------------------
# Arithmetic

_BINARY = {0: "Add", 1: "Sub", 2: "Mul", 3: "Div", 4: "Max", 5: "Min", 6: "Pow", 7: "Sub", 8: "Div"}
_REVERSED = (7, 8)
"""Those that take the second operand first."""


@handles("BinaryOp")
def _binary_op(call: Call) -> Blob:
    kind, a = call.integer(0), call.blob()
    if kind not in _BINARY:
        raise ValueError(f"found operation {kind}, expected 0 to {max(_BINARY)}")
    alone = bool(call.integer(1))
    b = a if alone else call.blob(1)
    operands = [a.tensor, numbers(call.number(2)) if alone else b.tensor]
    if kind in _REVERSED:
        operands.reverse()
    wider = max(a, b, key=lambda blob: ("vector", "pixel", "picture").index(blob.kind))
    return call.like(wider, _BINARY[kind], *operands)


@handles("Eltwise")
def _eltwise(call: Call) -> Blob:
    blobs, kind, factors = call.blobs(), call.integer(0), call.array(1)
    if len(blobs) < 2 or kind not in (0, 1, 2):
        raise ValueError(f"found operation {kind} of {len(blobs)} blobs, expected 0, 1 or 2 of two or more")
    tensors = [blob.tensor for blob in blobs]
    if kind == 1 and factors:
        if len(factors) != len(blobs):
            raise ValueError(f"found {len(factors)} factors of {len(blobs)} blobs, expected as many")
        tensors = [
            call.node("Mul", tensor, numbers(factor), tag="scaled")
            for tensor, factor in zip(tensors, factors, strict=True)
        ]
    op = ("Mul", "Add", "Max")[kind]
    return Blob(reduce(lambda a, b: call.node(op, a, b), tensors), blobs[0].kind)
