"""What the native file says of each operator, in the order in which it is written.

The names here are those of the format. They are spelled out rather than read off the operators' classes, so that a
renamed field or type leaves every file readable, and the same graph the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any, get_args

from shadergen.ir.extent import MAX_PERIOD, Extent, fixed
from shadergen.ir.ops import (
    Add,
    Affine,
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
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
)


@dataclass(frozen=True)
class ArrayField:
    """A field that is the archive's array `<node>.<name>`."""

    name: str
    axes: int


@dataclass(frozen=True)
class Attribute:
    """A field that is an entry of the node's attributes."""

    name: str
    expected: str
    """What an error says it should have been."""
    read: Callable[[object], Any]
    """The field's value from what JSON has; None where that is something else."""


@dataclass(frozen=True)
class Schema:
    """An operator's class, and its fields."""

    op: type[Op]
    fields: tuple[ArrayField | Attribute, ...] = ()


# ---------------------------------------------------------------------------------------------------------------------
# Values. A fraction is the string `3/2`; a size is a list of its growth, its value at 0, and what repeats.


def json_of(value: object) -> Any:
    """What `json.dumps` should write for a fraction or a size."""
    return [value.scale, value.offset, *value.rest] if isinstance(value, Extent) else str(value)


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**31) < value < 2**31 else None


def _number(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and -(2**31) < value < 2**31
    return float(value) if number else None  # type: ignore[arg-type]


def _bound(value: object) -> float | None:
    """A number, or infinity, which JSON lacks: Python writes it as `Infinity`."""
    return value if value in (inf, -inf) and isinstance(value, float) else _number(value)


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _fraction(value: object) -> Fraction | None:
    match = re.fullmatch(r"([0-9]{1,9})(?:/([1-9][0-9]{0,8}))?", str(value)) if isinstance(value, str | int) else None
    return Fraction(int(match[1]), int(match[2] or 1)) if match else None


def _signed(value: object) -> Fraction | None:
    text = str(value)
    number = _fraction(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number


def _extent(value: object) -> Extent | None:
    numbers = [_signed(item) for item in value] if isinstance(value, list) else []
    if len(numbers) < 2 or len(numbers) > MAX_PERIOD + 2 or None in numbers:
        return None
    scale, offset, *rest = (number for number in numbers if number is not None)
    extent = Extent(scale, offset.numerator if offset.denominator == 1 else offset, tuple(rest))
    return extent if extent == extent.plus(0) + fixed(0) else None  # each function is written in one way


def _factor_or_size(value: object) -> Fraction | Extent | None:
    return _extent(value) if isinstance(value, list) else _fraction(value)


def _tuple(read: Callable[[object], Any], length: int | None = None) -> Callable[[object], tuple[Any, ...] | None]:
    """A list of `length` values, or of one or more."""

    def read_tuple(value: object) -> tuple[Any, ...] | None:
        items = [read(item) for item in value] if isinstance(value, list) else []
        valid = None not in items and (len(items) == length if length else bool(items))
        return tuple(items) if valid else None

    return read_tuple


# ---------------------------------------------------------------------------------------------------------------------
# Attributes


def _word(name: str, words: Any) -> Attribute:
    """One of the words of a Literal."""
    allowed = get_args(words)
    return Attribute(name, f"one of {', '.join(allowed)}", lambda value: value if value in allowed else None)


def _whole(name: str) -> Attribute:
    return Attribute(name, "an integer", _integer)


def _real(name: str) -> Attribute:
    return Attribute(name, "a finite number", _number)


def _down_right(name: str) -> Attribute:
    return Attribute(name, "two integers", _tuple(_integer, 2))


def _area(name: str) -> Attribute:
    return Attribute(name, "two sizes", _tuple(_extent, 2))


_PADS = Attribute("pads", "four integers", _tuple(_integer, 4))
_WINDOW = (_down_right("kernel"), _down_right("strides"), _PADS)
_KERNEL = (ArrayField("weight", axes=4), ArrayField("bias", axes=1))

SCHEMAS: dict[str, Schema] = {
    "Conv": Schema(
        Conv,
        (
            *_KERNEL,
            _PADS,
            _word("pad_mode", PadMode),
            _down_right("strides"),
            _down_right("dilations"),
            _whole("group"),
        ),
    ),
    "ConvTranspose": Schema(ConvTranspose, (*_KERNEL, _PADS, _down_right("strides"), _whole("group"))),
    "Relu": Schema(Relu),
    "LeakyRelu": Schema(LeakyRelu, (_real("alpha"),)),
    "PRelu": Schema(PRelu, (ArrayField("slope", axes=1),)),
    "Elu": Schema(Elu, (_real("alpha"),)),
    "Selu": Schema(Selu, (_real("alpha"), _real("gamma"))),
    "Sigmoid": Schema(Sigmoid),
    "Tanh": Schema(Tanh),
    "Softplus": Schema(Softplus),
    "Erf": Schema(Erf),
    "Sqrt": Schema(Sqrt),
    "Round": Schema(Round),
    "Clip": Schema(Clip, (Attribute("minimum", "a number", _bound), Attribute("maximum", "a number", _bound))),
    "Affine": Schema(Affine, (ArrayField("scale", axes=1), ArrayField("shift", axes=1))),
    "Add": Schema(Add),
    "Sub": Schema(Sub),
    "Mul": Schema(Mul),
    "Div": Schema(Div),
    "Concat": Schema(Concat),
    "Slice": Schema(Slice, (_whole("start"), _whole("stop"))),
    "Gather": Schema(Gather, (Attribute("indices", "one or more integers", _tuple(_integer)),)),
    "DepthToSpace": Schema(DepthToSpace, (_whole("block"),)),
    "SpaceToDepth": Schema(SpaceToDepth, (_whole("block"),)),
    "Pad": Schema(Pad, (_PADS, _word("mode", PadMode), _real("value"))),
    "Fit": Schema(Fit, (_area("size"), _area("corner"), _word("mode", PadMode))),
    "Resize": Schema(
        Resize,
        (
            Attribute("to", "two factors or two sizes", _tuple(_factor_or_size, 2)),
            _word("filter", Filter),
            _word("coordinates", Coordinates),
            _word("rounding", Rounding),
            _real("cubic"),
            Attribute("exclude_outside", "true or false", _truth),
        ),
    ),
    "MaxPool": Schema(MaxPool, _WINDOW),
    "AveragePool": Schema(AveragePool, _WINDOW),
    "GlobalAveragePool": Schema(GlobalAveragePool),
}
"""Every operator that a file can hold, by its name there."""

NAMES: dict[type[Op], str] = {schema.op: name for name, schema in SCHEMAS.items()}
"""The other way round."""
