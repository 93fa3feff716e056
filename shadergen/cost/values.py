"""Values of all threads of a workgroup, and what instructions of SPIR-V do with them.

A value is an array with an element for each thread, or a tuple of values, or None where it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.spirv.opcodes import Ext, Op

Array = npt.NDArray[Any]
Value = Any  # Array | tuple[Value, ...] | None; a recursive type is of no help to mypy here

UNSET: Value = ()
"""The value of what nobody has written yet: anything."""


def merged(mask: Array, value: Value, old: Value) -> Value:
    """A value where the mask holds and the old one elsewhere."""
    if old is UNSET or value is old or mask.all():
        return value
    if value is None or old is None:
        return None
    if isinstance(value, tuple):
        if not isinstance(old, tuple) or len(old) != len(value):
            return value
        return tuple(merged(mask, *pair) for pair in zip(value, old, strict=True))
    return np.where(mask, value, old) if isinstance(old, np.ndarray) else value


def element(value: Value, index: Value) -> Value:
    """A part of a value, where all threads take the same."""
    if not isinstance(value, tuple) or not isinstance(index, np.ndarray) or (index != index[0]).any():
        return None
    return value[index[0]] if 0 <= index[0] < len(value) else None


def replaced(old: Value, chain: Sequence[Value], value: Value, mask: Array) -> Value:
    """A variable's value after a store to the part of it that a chain of indices leads to."""
    if not chain:
        return merged(mask, value, old)
    index = chain[0]
    if not isinstance(index, np.ndarray) or (index != index[0]).any():
        return None
    place = int(index[0])
    parts = list(old) if isinstance(old, tuple) else []
    parts += [UNSET] * (place + 1 - len(parts))
    parts[place] = replaced(parts[place], chain[1:], value, mask)
    return tuple(parts)


def applied(function: Callable[..., Value], values: Sequence[Value]) -> Value:
    """A function of numbers, component by component."""
    if any(value is None or value is UNSET for value in values):
        return None
    if any(isinstance(value, tuple) for value in values):
        size = max(len(value) for value in values if isinstance(value, tuple))
        spread = [value if isinstance(value, tuple) else (value,) * size for value in values]
        return tuple(applied(function, parts) for parts in zip(*spread, strict=True))
    return function(*values)


def _unsigned(function: Callable[..., Array]) -> Callable[..., Array]:
    def wrapped(*values: Array) -> Array:
        found = function(*(value.view(np.uint32) for value in values))
        return found.view(np.int32) if found.dtype == np.uint32 else found

    return wrapped


def _quotient(a: Array, b: Array) -> Array:
    """An integer quotient, rounded towards zero; 0 where there is none."""
    safe = np.where(b == 0, 1, b)
    return np.where(b == 0, 0, np.trunc(a / safe)).astype(a.dtype)


OPERATIONS: Mapping[int, Callable[..., Value]] = {
    Op.CONVERT_F_TO_U: lambda a: a.astype(np.int64).astype(np.uint32).view(np.int32),
    Op.CONVERT_F_TO_S: lambda a: a.astype(np.int32),
    Op.CONVERT_S_TO_F: lambda a: a.astype(np.float32),
    Op.CONVERT_U_TO_F: lambda a: a.view(np.uint32).astype(np.float32),
    Op.U_CONVERT: lambda a: a,
    Op.S_CONVERT: lambda a: a,
    Op.F_CONVERT: lambda a: a,
    Op.BITCAST: lambda a: a if a.dtype == np.int32 else None,
    Op.S_NEGATE: np.negative,
    Op.F_NEGATE: np.negative,
    Op.I_ADD: np.add,
    Op.F_ADD: np.add,
    Op.I_SUB: np.subtract,
    Op.F_SUB: np.subtract,
    Op.I_MUL: np.multiply,
    Op.F_MUL: np.multiply,
    Op.U_DIV: _unsigned(_quotient),
    Op.S_DIV: _quotient,
    Op.F_DIV: np.divide,
    Op.U_MOD: _unsigned(lambda a, b: a - b * _quotient(a, b)),
    Op.S_REM: lambda a, b: a - b * _quotient(a, b),
    Op.S_MOD: lambda a, b: np.where(b == 0, 0, a % np.where(b == 0, 1, b)),
    Op.F_MOD: lambda a, b: a - b * np.floor(a / b),
    Op.VECTOR_TIMES_SCALAR: np.multiply,
    Op.LOGICAL_EQUAL: np.equal,
    Op.LOGICAL_NOT_EQUAL: np.not_equal,
    Op.LOGICAL_OR: np.logical_or,
    Op.LOGICAL_AND: np.logical_and,
    Op.LOGICAL_NOT: np.logical_not,
    Op.SELECT: np.where,
    Op.I_EQUAL: np.equal,
    Op.I_NOT_EQUAL: np.not_equal,
    Op.U_GREATER_THAN: _unsigned(np.greater),
    Op.S_GREATER_THAN: np.greater,
    Op.U_GREATER_THAN_EQUAL: _unsigned(np.greater_equal),
    Op.S_GREATER_THAN_EQUAL: np.greater_equal,
    Op.U_LESS_THAN: _unsigned(np.less),
    Op.S_LESS_THAN: np.less,
    Op.U_LESS_THAN_EQUAL: _unsigned(np.less_equal),
    Op.S_LESS_THAN_EQUAL: np.less_equal,
    Op.F_ORD_EQUAL: np.equal,
    Op.F_ORD_NOT_EQUAL: np.not_equal,
    Op.F_ORD_LESS_THAN: np.less,
    Op.F_ORD_GREATER_THAN: np.greater,
    Op.F_ORD_LESS_THAN_EQUAL: np.less_equal,
    Op.F_ORD_GREATER_THAN_EQUAL: np.greater_equal,
    Op.SHIFT_RIGHT_LOGICAL: _unsigned(np.right_shift),
    Op.SHIFT_RIGHT_ARITHMETIC: np.right_shift,
    Op.SHIFT_LEFT_LOGICAL: np.left_shift,
    Op.BITWISE_OR: np.bitwise_or,
    Op.BITWISE_XOR: np.bitwise_xor,
    Op.BITWISE_AND: np.bitwise_and,
    Op.NOT: np.invert,
}
"""What instructions do with numbers, by opcode; see `applied`."""

EXTENDED: Mapping[int, Callable[..., Value]] = {
    Ext.ROUND: np.round,
    Ext.TRUNC: np.trunc,
    Ext.F_ABS: np.abs,
    Ext.S_ABS: np.abs,
    Ext.F_SIGN: np.sign,
    Ext.S_SIGN: np.sign,
    Ext.FLOOR: np.floor,
    Ext.CEIL: np.ceil,
    Ext.FRACT: lambda a: a - np.floor(a),
    Ext.SQRT: np.sqrt,
    Ext.F_MIN: np.minimum,
    Ext.U_MIN: _unsigned(np.minimum),
    Ext.S_MIN: np.minimum,
    Ext.F_MAX: np.maximum,
    Ext.U_MAX: _unsigned(np.maximum),
    Ext.S_MAX: np.maximum,
    Ext.F_CLAMP: lambda x, a, b: np.minimum(np.maximum(x, a), b),
    Ext.S_CLAMP: lambda x, a, b: np.minimum(np.maximum(x, a), b),
    Ext.U_CLAMP: _unsigned(lambda x, a, b: np.minimum(np.maximum(x, a), b)),
}
"""The same of GLSL.std.450's functions."""
