"""Between whole numbers, floats and bits."""

from __future__ import annotations

import math
import struct
from typing import Any

from shadergen.lift.affine import Condition, Form, LiftError, Word
from shadergen.lift.handlers.elementwise import each
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Type, Words
from shadergen.spirv.opcodes import Op


def _whole(value: Any) -> int:
    """Toward zero, as GLSL does; what is a whole number but for rounding is that."""
    if isinstance(value, Form | Condition | Word):
        raise LiftError("makes a whole number of a picture's value")
    if not math.isfinite(value):
        return 0
    near: int = round(value)
    return near if abs(value - near) < 1e-6 else math.trunc(value)


@handles(Op.CONVERT_F_TO_S, Op.CONVERT_F_TO_U)
def _to_whole(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = each(_whole, machine.values[w[2]])


@handles(Op.CONVERT_S_TO_F, Op.CONVERT_U_TO_F)
def _to_float(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = each(lambda x: x if type(x) is Form else float(x), machine.values[w[2]])


@handles(Op.F_CONVERT)
def _other_float(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = machine.values[w[2]]


@handles(Op.U_CONVERT, Op.S_CONVERT)
def _other_whole(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = machine.values[w[2]]


@handles(Op.BITCAST)
def _bitcast(machine: Invocation, w: Words) -> None:
    type_ = machine.module.types[w[0]]
    scalar = machine.module.types[type_.operands[0]] if type_.kind == "vector" else type_
    machine.values[w[1]] = each(lambda x: _as_bits_of(scalar, x), machine.values[w[2]])


def _as_bits_of(type: Type, value: Any) -> Any:
    if isinstance(value, Form | Word):
        return value  # an unknown keeps its meaning on the way through a texture of another type and back
    bits = struct.pack("<f", value) if isinstance(value, float) else struct.pack("<I", value & 0xFFFFFFFF)
    if type.kind == "float":
        return float(struct.unpack("<f", bits)[0])
    return int(struct.unpack("<i" if type.operands[1] else "<I", bits)[0])
