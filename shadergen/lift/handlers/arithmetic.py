"""Sums, products and quotients of scalars and vectors, and of the bits of whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from shadergen.lift.affine import LiftError, add, negative, subtract
from shadergen.lift.handlers.elementwise import each, numeric
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Words
from shadergen.spirv.opcodes import Op


def wrapped(machine: Invocation, type: int, value: Any) -> Any:
    """A whole number within the 32 bits of its type; anything else as it is."""
    if value.__class__ is int and 0 <= value < 1 << 31:
        return value
    if isinstance(value, tuple):
        return tuple(wrapped(machine, machine.module.types[type].operands[0], part) for part in value)
    if isinstance(value, int) and not -(1 << 31) <= value < 1 << 31:
        value &= 0xFFFFFFFF
        known = machine.module.types[type]
        return value - (1 << 32) if known.operands[1] and value >> 31 else value
    if isinstance(value, int) and value < 0 and not machine.module.types[type].operands[1]:
        return value & 0xFFFFFFFF
    return value


def _binary(op: Op, function: Callable[[Any, Any], Any]) -> None:
    def handler(machine: Invocation, w: Words) -> None:
        a, b = machine.values[w[2]], machine.values[w[3]]
        machine.values[w[1]] = each(function, a, b)

    handles(op)(handler)


def _whole(op: Op, function: Callable[[Any, Any], Any]) -> None:
    def handler(machine: Invocation, w: Words) -> None:
        value = each(function, machine.values[w[2]], machine.values[w[3]])
        machine.values[w[1]] = wrapped(machine, w[0], value)

    handles(op)(handler)


def _quotient(a: int, b: int) -> int:
    """Rounded toward zero, as C and GLSL do."""
    if not b:
        raise LiftError("divides by zero")
    q = abs(a) // abs(b)
    return q if (a >= 0) == (b >= 0) else -q


def _modulo(a: int, b: int) -> int:
    if not b:
        raise LiftError("divides by zero")
    return a % b


def _float_modulo(a: float, b: float) -> float:
    if not b:
        return math.nan
    return a - b * snapped_floor(a / b)


def snapped_floor(x: float) -> float:
    """floor(x) of what is a whole number but for rounding."""
    near = round(x) if math.isfinite(x) else 0
    return float(near if abs(x - near) < 1e-9 * max(1.0, abs(x)) else math.floor(x)) if math.isfinite(x) else x


_binary(Op.F_ADD, add)
_binary(Op.F_SUB, subtract)
_binary(Op.F_REM, numeric(lambda a, b: math.fmod(a, b) if b else math.nan, "a remainder"))
_binary(Op.F_MOD, numeric(_float_modulo, "a remainder"))
_whole(Op.I_ADD, add)
_whole(Op.I_SUB, subtract)
for _op in (Op.U_DIV, Op.S_DIV):
    _whole(_op, numeric(_quotient, "a whole quotient"))
for _op in (Op.U_MOD, Op.S_MOD):
    _whole(_op, numeric(_modulo, "a whole remainder"))
_whole(Op.S_REM, numeric(lambda a, b: a - _quotient(a, b) * b, "a whole remainder"))
_whole(Op.SHIFT_RIGHT_LOGICAL, numeric(lambda a, b: (a & 0xFFFFFFFF) >> (b & 31), "a shift"))
_whole(Op.SHIFT_RIGHT_ARITHMETIC, numeric(lambda a, b: a >> (b & 31), "a shift"))
_whole(Op.SHIFT_LEFT_LOGICAL, numeric(lambda a, b: a << (b & 31), "a shift"))
_whole(Op.BITWISE_OR, numeric(lambda a, b: a | b, "the bits"))
_whole(Op.BITWISE_XOR, numeric(lambda a, b: a ^ b, "the bits"))
_whole(Op.BITWISE_AND, numeric(lambda a, b: a & b, "the bits"))


@handles(Op.F_MUL)
def _multiply(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = each(machine.arena.multiply, machine.values[w[2]], machine.values[w[3]])


@handles(Op.I_MUL)
def _multiply_whole(machine: Invocation, w: Words) -> None:
    value = each(machine.arena.multiply, machine.values[w[2]], machine.values[w[3]])
    machine.values[w[1]] = wrapped(machine, w[0], value)


@handles(Op.F_DIV)
def _divide(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = each(machine.arena.divide, machine.values[w[2]], machine.values[w[3]])


@handles(Op.F_NEGATE, Op.S_NEGATE)
def _negate(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = each(negative, machine.values[w[2]])


@handles(Op.NOT)
def _complement(machine: Invocation, w: Words) -> None:
    value = each(numeric(lambda a: ~a, "the bits"), machine.values[w[2]])
    machine.values[w[1]] = wrapped(machine, w[0], value)


@handles(Op.BIT_FIELD_U_EXTRACT)
def _unsigned_bits(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = each(lambda word: _field(machine, word, w), machine.values[w[2]])


@handles(Op.BIT_FIELD_S_EXTRACT)
def _signed_bits(machine: Invocation, w: Words) -> None:
    half = 1 << max(machine.values[w[4]] - 1, 0)
    machine.values[w[1]] = each(lambda word: (_field(machine, word, w) ^ half) - half, machine.values[w[2]])


def _field(machine: Invocation, word: Any, w: Words) -> int:
    offset, count = machine.values[w[3]], machine.values[w[4]]
    field: int = numeric(lambda a: (a & 0xFFFFFFFF) >> offset & ((1 << count) - 1), "the bits")(word)
    return field
