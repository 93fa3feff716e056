"""How GLSL, and for vectors WGSL, spell literals, types, vectors, matrices and pointwise operators."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt

from shadergen.ir.ops import (
    Add,
    Affine,
    Clip,
    Div,
    Elu,
    Erf,
    LeakyRelu,
    Mul,
    Pointwise,
    PRelu,
    Relu,
    Round,
    Selu,
    Sigmoid,
    Softplus,
    Sqrt,
    Sub,
    Tanh,
    Unary,
)
from shadergen.storage.layout import PACK

Statement = tuple[str, str]
"""A name, and the expression that it is declared with."""


class PrecisionError(ValueError):
    """A number that the precision cannot hold."""


@dataclass(frozen=True)
class Types:
    """The names of a precision's types."""

    scalar: str
    vector: str
    matrix: str
    number: type[np.floating[Any]]
    """What literals are rounded to."""
    suffix: str = ""
    """Of vectors' names, behind the number of lanes."""
    round_even: str = "roundEven"
    """The function that rounds to the even one of two whole numbers that are equally near."""

    def vec(self, lanes: int) -> str:
        """A vector of 1 to 4 lanes; of 1, the scalar."""
        return self.scalar if lanes == 1 else f"{self.vector}{lanes}{self.suffix}"

    def mat(self, columns: int) -> str:
        """A matrix of `columns` columns and 4 rows; of 1 column, the vector."""
        return f"{self.vector}4" if columns == 1 else f"{self.matrix}{columns}x4" if columns < 4 else f"{self.matrix}4"

    def zero(self, lanes: int) -> str:
        """A vector of 1 to 4 zeros."""
        return "0.0" if self.vec(lanes) == "float" else f"{self.vec(lanes)}(0.0)"


FP16_EXTENSION = "GL_EXT_shader_explicit_arithmetic_types_float16"
"""What FP16's types need."""

FP32 = Types("float", "vec", "mat", np.float32)
FP16 = Types("float16_t", "f16vec", "f16mat", np.float16)
WGSL = Types("f32", "vec", "mat", np.float32, suffix="f", round_even="round")
"""Of WebGPU's language, which spells pointwise operators alike."""


def literals(array: npt.NDArray[Any], types: Types) -> npt.NDArray[np.str_]:
    """Every element in the fewest digits that read back to the same number in the precision.

    Raises PrecisionError for a number that the precision cannot hold.
    """
    return _shorten(rounded(array, types).astype(np.str_)).reshape(array.shape)


def rounded(array: npt.NDArray[Any], types: Types) -> npt.NDArray[np.floating[Any]]:
    """The numbers as the precision holds them. Raises PrecisionError where it cannot."""
    with np.errstate(over="ignore"):
        found = array.astype(types.number)
    if not np.isfinite(found).all():
        worst, name = float(np.abs(array).max()), {FP32: "fp32", FP16: "fp16"}[types]
        problem = f"found a weight of {worst:g}, expected at most {float(np.finfo(types.number).max):g} for {name}"
        raise PrecisionError(problem)
    return found


def _shorten(numbers: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    """Without zeros that say nothing: `-0.25` as `-.25`. Of a hundred thousand weights that is a tenth of the file."""
    return np.array([_short(str(number)) for number in numbers.flat], np.str_)


def _short(number: str) -> str:
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    return sign + digits[1:] if digits.startswith("0.") and digits != "0.0" else number


def literal(value: float, types: Types) -> str:
    """One number, as `literals` writes it."""
    return str(literals(np.array(value), types)[()])


def vector(values: Sequence[float] | npt.NDArray[Any], types: Types) -> str:
    """A vec4 constructor; missing lanes are zero."""
    lanes = np.zeros(4, np.float32)
    lanes[: len(values)] = np.asarray(values) + 0.0  # -0 is 0
    return f"{types.vec(4)}({', '.join(literals(lanes, types))})"


def splat(value: float, types: Types) -> str:
    """A vec4 constructor with the same value in every lane."""
    return f"{types.vec(4)}({literal(value, types)})"


def columns(columns: npt.NDArray[np.str_], types: Types) -> tuple[str, ...]:
    """The columns of a matrix as vector constructors, from literals of shape (columns, 4).

    Without spaces: they are the bulk of a file.
    """
    return tuple(f"{types.vec(4)}({','.join(column)})" for column in columns)


def pointwise(op: Pointwise, operands: Sequence[str], pack: int, types: Types, parameters: Sequence[str] = ()) -> str:
    """The operator applied to vec4 expressions.

    What it has for each channel are literals for the channels of `pack`, or expressions where `parameters` has them.
    """
    match op:
        case Add():
            return " + ".join(operands)
        case Sub():
            return " - ".join(operands)
        case Mul():
            return " * ".join(operands)
        case Div():
            return " / ".join(operands)
        case _:
            return _unary(op, operands[0], pack, types, parameters)


def _unary(op: Unary, x: str, pack: int, types: Types, parameters: Sequence[str]) -> str:
    zero, one = splat(0.0, types), splat(1.0, types)

    def of_channels(number: int, values: npt.NDArray[Any]) -> str:
        return parameters[number] if parameters else vector(values[PACK * pack : PACK * pack + PACK], types)

    match op:
        case Relu():
            return f"max({x}, {zero})"
        case LeakyRelu(alpha):
            return f"max({x}, {zero}) + {splat(alpha, types)} * min({x}, {zero})"
        case PRelu(slope):
            return f"max({x}, {zero}) + {of_channels(0, slope)} * min({x}, {zero})"
        case Elu(alpha):
            return f"max({x}, {zero}) + {splat(alpha, types)} * (exp(min({x}, {zero})) - {one})"
        case Selu(alpha, gamma):
            negative = f"{splat(alpha, types)} * (exp(min({x}, {zero})) - {one})"
            return f"{splat(gamma, types)} * (max({x}, {zero}) + {negative})"
        case Sigmoid():
            return f"{one} / ({one} + exp(-{x}))"
        case Tanh():
            # Beyond 10 tanh is 1 in fp32; drivers that compute it from exp give NaN for large arguments.
            return f"tanh(clamp({x}, {splat(-10.0, types)}, {splat(10.0, types)}))"
        case Softplus():
            return f"max({x}, {zero}) + log({one} + exp(-abs({x})))"
        case Erf():
            return f"erf({x})"
        case Sqrt():
            return f"sqrt({x})"
        case Round():
            return f"{types.round_even}({x})"
        case Clip(minimum, maximum):
            return _clipped(x, minimum, maximum, types)
        case Affine(scale, shift):
            return f"{x} * {of_channels(0, scale)} + {of_channels(1, shift)}"
        case _:
            assert_never(op)


def _clipped(x: str, minimum: float, maximum: float, types: Types) -> str:
    if isfinite(minimum) and isfinite(maximum):
        return f"clamp({x}, {splat(minimum, types)}, {splat(maximum, types)})"
    if isfinite(minimum):
        return f"max({x}, {splat(minimum, types)})"
    return f"min({x}, {splat(maximum, types)})" if isfinite(maximum) else x
