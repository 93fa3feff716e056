"""The functions of GLSL.std.450, and the dot product of four bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from shadergen.lift.affine import Condition, Form, LiftError, Scalar, Word, add, scale, subtract, unary
from shadergen.lift.handlers.arithmetic import snapped_floor
from shadergen.lift.handlers.elementwise import each, numeric
from shadergen.lift.handlers.matrix import dot
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Words
from shadergen.spirv.opcodes import Ext, Op

_Function = Callable[..., Any]

_UNARY = {
    Ext.ROUND: "round",
    Ext.ROUND_EVEN: "round",
    Ext.TRUNC: "trunc",
    Ext.F_SIGN: "sign",
    Ext.FLOOR: "floor",
    Ext.CEIL: "ceil",
    Ext.FRACT: "fract",
    Ext.SIN: "sin",
    Ext.COS: "cos",
    Ext.TAN: "tan",
    Ext.TANH: "tanh",
    Ext.EXP: "exp",
    Ext.LOG: "log",
    Ext.EXP2: "exp2",
    Ext.LOG2: "log2",
    Ext.SQRT: "sqrt",
    Ext.INVERSE_SQRT: "inversesqrt",
}
_WHOLE: dict[Ext, _Function] = {
    Ext.S_ABS: abs,
    Ext.S_SIGN: lambda a: (a > 0) - (a < 0),
    Ext.U_MIN: min,
    Ext.S_MIN: min,
    Ext.U_MAX: max,
    Ext.S_MAX: max,
    Ext.U_CLAMP: lambda a, least, most: min(max(a, least), most),
    Ext.S_CLAMP: lambda a, least, most: min(max(a, least), most),
}


@handles(Op.EXT_INST)
def _extended(machine: Invocation, w: Words) -> None:
    arguments = [machine.values[id] for id in w[4:]]
    number = w[3]
    if number in _UNARY:
        name = _UNARY[Ext(number)]
        machine.values[w[1]] = each(lambda x: _unary(machine, name, x), arguments[0])
    elif number in _WHOLE:
        machine.values[w[1]] = each(numeric(_WHOLE[Ext(number)], "a whole number"), *arguments)
    elif number in _ELEMENTWISE:
        function = _ELEMENTWISE[Ext(number)]
        machine.values[w[1]] = each(lambda *x: function(machine, *x), *arguments)
    elif number in _OF_VECTORS:
        machine.values[w[1]] = _OF_VECTORS[Ext(number)](machine, *arguments)
    else:
        raise LiftError(f"uses GLSL's function number {number}, which no network needs")


def _unary(machine: Invocation, name: str, x: Scalar) -> Scalar:
    if type(x) is Form:
        return machine.arena.of(name, (x,))
    if name in ("floor", "fract", "trunc", "ceil"):
        low = snapped_floor(x)
        near = abs(x - low) < 1e-9 * max(1.0, abs(x))
        x = low if near else x
    return unary(name, x)


def _clamp(machine: Invocation, x: Scalar, least: Scalar, most: Scalar) -> Scalar:
    if type(least) is Form or type(most) is Form:
        return machine.arena.minimum(machine.arena.maximum(x, least), most)
    return machine.arena.clip(x, least, most)


def _mix(machine: Invocation, a: Scalar, b: Scalar, share: Scalar) -> Scalar:
    if type(share) is Form:
        return add(a, machine.arena.multiply(subtract(b, a), share))
    return add(scale(a, 1 - share), scale(b, share))


def _power(machine: Invocation, x: Scalar, exponent: Scalar) -> Scalar:
    if type(exponent) is Form:
        raise LiftError("computes a power whose exponent depends on the picture")
    if type(x) is Form:
        return x if exponent == 1 else machine.arena.of("pow", (x,), (float(exponent),))
    try:
        return float(x**exponent) if x >= 0 else math.nan
    except (OverflowError, ZeroDivisionError):
        return math.inf


def _step(machine: Invocation, edge: Scalar, x: Scalar) -> Scalar:
    if type(edge) is Form or type(x) is Form:
        return machine.arena.select(Condition(subtract(x, edge)), 1.0, 0.0)
    return 0.0 if x < edge else 1.0


def _smoothstep(low: float, high: float, x: float) -> float:
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)


_ELEMENTWISE: dict[Ext, _Function] = {
    Ext.F_ABS: lambda machine, x: machine.arena.absolute(x),
    Ext.F_MIN: lambda machine, a, b: machine.arena.minimum(a, b),
    Ext.N_MIN: lambda machine, a, b: machine.arena.minimum(a, b),
    Ext.F_MAX: lambda machine, a, b: machine.arena.maximum(a, b),
    Ext.N_MAX: lambda machine, a, b: machine.arena.maximum(a, b),
    Ext.F_CLAMP: _clamp,
    Ext.N_CLAMP: _clamp,
    Ext.F_MIX: _mix,
    Ext.POW: _power,
    Ext.STEP: _step,
    Ext.SMOOTH_STEP: lambda machine, *x: numeric(_smoothstep, "a smooth step")(*x),
    Ext.FMA: lambda machine, a, b, c: add(machine.arena.multiply(a, b), c),
}


def _rounded(machine: Invocation, x: Scalar, least: float, steps: float) -> Scalar:
    """A byte: the nearest whole number to what is cut off and multiplied."""
    value = scale(machine.arena.clip(x, least, 1.0), steps)
    return machine.arena.of("round", (value,)) if type(value) is Form else float(round(value))


def _unpacked(word: Any, steps: float) -> Any:
    if not isinstance(word, Word):
        raise LiftError("takes a word of the file apart")
    return tuple(scale(part, 1 / steps) for part in word.parts)


def _length(machine: Invocation, x: Any) -> Scalar:
    if type(x) is not tuple:
        return machine.arena.absolute(x)
    return _unary(machine, "sqrt", dot(machine, x, x))


def _normalize(machine: Invocation, x: Any) -> Any:
    length = _length(machine, x)
    return each(lambda part: machine.arena.divide(part, length), x)


_OF_VECTORS: dict[Ext, _Function] = {
    Ext.PACK_SNORM_4X8: lambda machine, x: Word(tuple(_rounded(machine, part, -1.0, 127.0) for part in x)),
    Ext.PACK_UNORM_4X8: lambda machine, x: Word(tuple(_rounded(machine, part, 0.0, 255.0) for part in x)),
    Ext.UNPACK_SNORM_4X8: lambda machine, word: _unpacked(word, 127.0),
    Ext.UNPACK_UNORM_4X8: lambda machine, word: _unpacked(word, 255.0),
    Ext.LENGTH: _length,
    Ext.DISTANCE: lambda machine, a, b: _length(machine, each(subtract, a, b)),
    Ext.NORMALIZE: _normalize,
}


@handles(Op.S_DOT)
def _dot_of_bytes(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = dot(machine, _bytes(machine.values[w[2]]), _bytes(machine.values[w[3]]))


def _bytes(word: Any) -> tuple[Scalar, ...]:
    """The four signed bytes of a word, the lowest first."""
    if isinstance(word, Word):
        return word.parts
    if type(word) is not int:
        raise LiftError("multiplies bytes of something else")
    return tuple((word >> bits & 255 ^ 128) - 128 for bits in (0, 8, 16, 24))
