"""ONNX's tensors as views of images: what Transpose and Reshape make of one, and arithmetic with its sizes.

Exporters write an image with its channels second or last, and spell pixel shuffles as a Reshape into six axes, a
Transpose and a Reshape. None of these computes anything. A view follows them: every axis is a list of digits, each a
part of the image's channels, rows or columns, most significant first. Where the axes are those of an image again, the
view is settled: it is the image after a choice of channels, a SpaceToDepth or a DepthToSpace.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, permutations
from math import prod
from typing import Any, Literal

import numpy as np

from shadergen.ir.extent import Extent
from shadergen.ir.ops import DepthToSpace, Gather, Op, SpaceToDepth
from shadergen.ir.types import TensorType

Kind = Literal["c", "h", "w"]
Kinds = tuple[Kind | None, ...]
"""What each axis of a tensor is: an image's channels, rows or columns; None for one of size 1, such as the batch."""
Statics = tuple[int, int] | None
"""Height and width of the picture in pixels, for a model that was exported for one size only; else None."""


class SizeError(ValueError):
    """Sizes that do not fit together for every picture, but may for those whose size is a multiple of something.

    What an Extent cannot say is another error: it would be another picture where the size is no multiple.
    """


# ---------------------------------------------------------------------------------------------------------------------
# Sizes


@dataclass(frozen=True)
class SymbolicSize:
    """A number that depends on the picture's height or width; the operators of arithmetic give others."""

    kind: Kind
    extent: Extent
    """A function that is not constant. Where it is not whole, a rounding is still to come."""

    def __str__(self) -> str:
        return str(self.extent)

    def __mul__(self, other: object) -> Number:
        return _number_of(self.kind, self.extent.times(_factor(other)))

    __rmul__ = __mul__

    def __truediv__(self, other: object) -> Number:
        if not isinstance(other, SymbolicSize):
            if not _factor(other):
                raise ValueError(f"found a size of {self} divided by 0, expected another number")
            return self * (1 / _factor(other))
        ratio = self.extent.scale / other.extent.scale if other.extent.scale else Fraction(0)
        if self.kind != other.kind or self.extent != other.extent.times(ratio):
            raise ValueError(f"found a size of {self} divided by one of {other}, expected a multiple")
        return ratio

    def __add__(self, other: object) -> Number:
        if not isinstance(other, SymbolicSize):
            return SymbolicSize(self.kind, self.extent.plus(_factor(other)))
        if self.kind != other.kind:
            raise ValueError(f"found a size of {self} and one of {other} along another axis, expected one axis")
        return _number_of(self.kind, self.extent + other.extent)

    __radd__ = __add__

    def __neg__(self) -> Number:
        return self * -1

    def __sub__(self, other: object) -> Number:
        return self + (-other if isinstance(other, SymbolicSize) else -_factor(other))

    def __rsub__(self, other: object) -> Number:
        return -(self - other)

    def __floordiv__(self, other: object) -> Number:
        divisor = _factor(other)
        if divisor <= 0:
            raise ValueError(f"found a size of {self} divided by {divisor}, expected 1 or more")
        return _number_of(self.kind, self.extent.times(1 / divisor).floor())

    def __mod__(self, other: object) -> Number:
        return self - (self // other) * _factor(other)

    def where(self, condition: Number) -> Number:
        """The number where the condition is 1, and 0 where it is 0."""
        if not isinstance(condition, SymbolicSize):
            return self if condition else 0
        if condition.kind != self.kind:
            raise ValueError(f"found a size of {self} that depends on another axis, expected one axis")
        return _number_of(self.kind, self.extent.where(condition.extent))


Dim = int | SymbolicSize
Number = int | Fraction | SymbolicSize


def _factor(value: object) -> Fraction:
    if isinstance(value, SymbolicSize):
        raise ValueError(f"found a size of {value} as a factor, expected a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"found {value} where sizes are computed, expected a finite number")
    return value if isinstance(value, Fraction) else Fraction(value).limit_denominator(1 << 20)  # type: ignore[call-overload]


def _number_of(kind: Kind, extent: Extent) -> Number:
    if not extent.constant:
        return SymbolicSize(kind, extent)
    return extent.offset if isinstance(extent.offset, int) or extent.offset.denominator > 1 else int(extent.offset)


def below_zero(number: Number) -> Number:
    """1 where the number is below zero, else 0. Raises ValueError where that depends on how large the picture is."""
    if not isinstance(number, SymbolicSize):
        return int(number < 0)
    return _number_of(number.kind, number.extent.below_zero())


def chosen(condition: Number, number: Number) -> Number:
    """The number where the condition is 1, and 0 where it is 0."""
    if isinstance(condition, SymbolicSize) and not isinstance(number, SymbolicSize):
        return condition * number
    return number.where(condition) if isinstance(number, SymbolicSize) else number * condition


def larger(a: Number, b: Number) -> Number:
    """The larger of two numbers."""
    return a + chosen(below_zero(a - b), b - a)


# ---------------------------------------------------------------------------------------------------------------------
# Views


@dataclass(frozen=True, eq=False)
class Digit:
    """A part of the number of an image's channel, row or column, as a digit is one of a number.

    Told apart by identity: a split makes new ones.
    """

    kind: Kind
    size: int | Extent
    """How many values the digit has: an extent for the most significant part of rows or columns, else an integer."""


Axes = tuple[tuple[Digit, ...], ...]


@dataclass(frozen=True, eq=False)
class TensorView:
    """A tensor whose elements are those of a graph's value."""

    value: str
    parts: dict[Kind, tuple[Digit, ...]]
    """The digits of the value's channel, row and column, most significant first; none where there is only one."""
    axes: Axes
    """All those digits, in the tensor's order. An axis without any has size 1."""

    @property
    def kinds(self) -> Kinds:
        """For a simple view, what each axis is; None for one of size 1."""
        return tuple(axis[0].kind if axis else None for axis in self.axes)

    @property
    def layout(self) -> str:
        """For a simple view, a letter per axis, `nchw` or `nhwc` where it may be."""
        rank = len(self.axes)
        usual = {4: ("nchw", "nhwc"), 3: ("chw", "hwc", "nch", "nhc"), 2: ("nc", "hw"), 1: ("c",)}.get(rank, ())
        others = ("".join(order) for order in permutations("nchw", rank)) if rank <= 4 else ()
        for letters in chain(usual, others):
            if all(kind in (None, letter) for kind, letter in zip(self.kinds, letters, strict=True)):
                return letters
        raise ValueError(f"found a tensor of {rank} axes, expected an image's channels, rows and columns")

    @property
    def simple(self) -> bool:
        """Whether every axis is the channels, the rows or the columns, or has size 1."""
        return all(not axis or axis == self.parts[axis[0].kind] for axis in self.axes)

    def dims(self) -> list[Dim]:
        """The size of each axis."""
        return [_dim(axis) for axis in self.axes]

    def same_layout(self, other: TensorView) -> bool:
        """Whether equal elements of the two tensors are equal elements of the two values."""
        return self._places() == other._places()

    def _places(self) -> list[list[tuple[Kind, int, int | Extent]]]:
        return [[(d.kind, self.parts[d.kind].index(d), d.size) for d in axis] for axis in self.axes]

    def of(self, value: str) -> TensorView:
        """The same view of `value`, which has the same type as this one's."""
        return TensorView(value, self.parts, self.axes)

    def transposed(self, order: Sequence[int]) -> TensorView:
        """The view with its axes in another order, as Transpose's `perm` says it."""
        return TensorView(self.value, self.parts, tuple(self.axes[i] for i in order))


def simple_view(value: str, type: TensorType, kinds: Iterable[Kind | None]) -> TensorView:
    """The view of a value whose axes are its channels, rows and columns in this order; None is an axis of size 1."""
    sizes: dict[Kind, int | Extent] = {"c": type.channels, "h": _plain(type.height), "w": _plain(type.width)}
    parts: dict[Kind, tuple[Digit, ...]] = {
        kind: (Digit(kind, size),) if size != 1 else () for kind, size in sizes.items()
    }
    return TensorView(value, parts, tuple(parts[kind] if kind else () for kind in kinds))


def _plain(extent: Extent) -> int | Extent:
    return extent.at(1) if extent.constant else extent


def _dim(axis: Iterable[Digit]) -> Dim:
    size: Any = 1
    for digit in axis:
        size = size * (SymbolicSize(digit.kind, digit.size) if isinstance(digit.size, Extent) else digit.size)
    return size  # type: ignore[no-any-return]


# ---------------------------------------------------------------------------------------------------------------------
# Reshape


def reshaped(view: TensorView, dims: Sequence[Dim], statics: Statics) -> TensorView:
    """The view with axes of these sizes, -1 for what is left. Raises SizeError where digits would have to be cut."""
    queue = deque(digit for axis in view.axes for digit in axis)
    splits: dict[Digit, tuple[Digit, ...]] = {}
    hole = dims.index(-1) if -1 in dims else len(dims)
    front = [_taken(queue, dim, splits, statics, left=True) for dim in dims[:hole]]
    back = [_taken(queue, dim, splits, statics, left=False) for dim in reversed(dims[hole + 1 :])]
    middle = [tuple(queue)] if hole < len(dims) else []
    if not middle and queue:
        raise SizeError(f"found a Reshape to {words(dims)}, expected the size {words(view.dims())}")
    axes = tuple(tuple(axis) for axis in (*front, *middle, *reversed(back)))
    parts: dict[Kind, tuple[Digit, ...]] = {
        kind: tuple(piece for digit in digits for piece in _pieces(digit, splits))
        for kind, digits in view.parts.items()
    }
    return TensorView(view.value, parts, axes)


def words(dims: Iterable[Dim]) -> str:
    """Sizes as an error message has them, such as `1x3xnxn`."""
    return "x".join(map(str, dims))


def _pieces(digit: Digit, splits: dict[Digit, tuple[Digit, ...]]) -> Iterable[Digit]:
    if digit not in splits:
        return (digit,)
    return (piece for part in splits[digit] for piece in _pieces(part, splits))


def _taken(
    queue: deque[Digit], dim: Dim, splits: dict[Digit, tuple[Digit, ...]], statics: Statics, left: bool
) -> list[Digit]:
    """Digits for an axis of size `dim` from one end of the queue, the last of them split where it is too large."""
    taken: list[Digit] = []
    rest: int | Extent = dim.extent if isinstance(dim, SymbolicSize) else dim
    while rest != 1:
        if not queue:
            raise SizeError(f"found a Reshape to an axis of {dim}, expected sizes that divide")
        digit = queue.popleft() if left else queue.pop()
        high, low, rest = _cut(digit, rest, statics, left)
        if high and low:
            splits[digit] = (high, low)
            (queue.appendleft if left else queue.append)(low if left else high)
        kept = high if left else low
        assert kept is not None, "a cut leaves something on the side that is taken"
        taken.append(kept)
    return taken if left else taken[::-1]


def _cut(
    digit: Digit, wanted: int | Extent, statics: Statics, left: bool
) -> tuple[Digit | None, Digit | None, int | Extent]:
    """The digit cut so that one part has `wanted` values, or all of it where it has fewer.

    The result is its high part, its low part, one of which is None where it stays whole, and the size that is then
    still wanted. Raises SizeError where neither divides the other.
    """
    whole = (digit, None) if left else (None, digit)
    size = digit.size
    if isinstance(size, Extent) and isinstance(wanted, int) and statics and (left or size.scale):
        now = size.at(statics[digit.kind == "w"])
        if now == wanted or (left and wanted % now == 0):
            return (*whole, wanted // now)
        if left and now % wanted == 0:
            wanted = size.times(Fraction(wanted, now))
    if size == wanted:
        return (*whole, 1)
    match size, wanted:
        case int(), int() if wanted > 0 and size % wanted == 0:
            high, low = (wanted, size // wanted) if left else (size // wanted, wanted)
            return Digit(digit.kind, high), Digit(digit.kind, low), 1
        case int(), int() if wanted > 0 and wanted % size == 0:
            return (*whole, wanted // size)
        case Extent(), Extent() if left and (factor := _multiple(size, wanted)):
            return Digit(digit.kind, wanted), Digit(digit.kind, factor), 1
        case Extent(), Extent() if factor := _multiple(wanted, size):
            return (*whole, factor)
        case Extent(), int() if not left and (high_size := _divided(size, wanted)):
            return Digit(digit.kind, high_size), Digit(digit.kind, wanted), 1
        case int(), Extent() if rest := _divided(wanted, size):
            return (*whole, rest)
    raise SizeError(f"found a Reshape that takes {wanted} of {size}, expected sizes that divide")


def _multiple(large: Extent, small: Extent) -> int | None:
    """`large / small`, where that is an integer for every picture."""
    ratio = large.scale / small.scale if small.scale else Fraction(0)
    return int(ratio) if ratio > 0 and ratio.denominator == 1 and small.times(ratio) == large else None


def _divided(extent: Extent, divisor: int) -> Extent | None:
    """`extent / divisor`, where that is an integer for every picture."""
    if divisor < 1:
        return None
    result = extent.times(Fraction(1, divisor))
    return result if result.whole else None


# ---------------------------------------------------------------------------------------------------------------------
# Settling


def settled(view: TensorView) -> tuple[list[Op], Kinds] | None:
    """Operators that make the view's value one whose view is simple, and what each axis then is.

    None where no image has such axes (yet).
    """
    if view.simple:
        return [], view.kinds
    kinds = [_kind(view, axis) for axis in view.axes]
    found = [kind for kind in kinds if kind]
    if "mixed" in found or len(set(found)) < len(found):
        return None
    by_kind = {kind: axis for kind, axis in zip(kinds, view.axes, strict=True) if kind}
    ops: list[Op] = []
    channels = view.parts["c"]
    from_channels: list[tuple[Digit, ...]] = []  # digits behind the rows' own, and behind the columns'
    to_channels: list[tuple[Digit, ...]] = []  # the rows' and the columns' own but the first, where they are elsewhere
    for kind in ("h", "w"):
        axis, own = by_kind.get(kind, ()), view.parts[kind]
        together = axis[: len(own)] == own
        from_channels.append(axis[len(own) :] if together else axis[1:])
        to_channels.append(() if together else own[1:])
    down, up = _square(to_channels), _square(from_channels)
    if down is None or up is None:
        return None
    if down > 1:
        ops.append(SpaceToDepth(down))
        channels += to_channels[0] + to_channels[1]
    order = by_kind.get("c", ()) + from_channels[0] + from_channels[1]
    if set(order) != set(channels):
        return None
    sizes = [_integer(digit) for digit in channels]
    indices = np.arange(prod(sizes)).reshape(sizes).transpose([channels.index(digit) for digit in order]).ravel()
    if (np.diff(indices) != 1).any():
        ops.append(Gather(tuple(indices.tolist())))
    if up > 1:
        ops.append(DepthToSpace(up))
    return ops, tuple(kind if kind != "mixed" else None for kind in kinds)


def _square(digits: Iterable[Iterable[Digit]]) -> int | None:
    """The side of the block that these digits of rows and columns make; None where it is not square."""
    rows, columns = (prod(_integer(digit) for digit in axis) for axis in digits)
    return rows if rows == columns else None


def _kind(view: TensorView, axis: tuple[Digit, ...]) -> Kind | Literal["mixed"] | None:
    """What an image's axis is: of rows or columns if it begins with their most significant digit, else of channels."""
    mains = [digits[0] for kind, digits in view.parts.items() if kind != "c" and digits]
    inside = [digit for digit in axis if digit in mains]
    if not inside:
        return "c" if axis else None
    return inside[0].kind if len(inside) == 1 and inside[0] is axis[0] else "mixed"


def _integer(digit: Digit) -> int:
    assert isinstance(digit.size, int), "only the most significant digit of rows and columns is an extent"
    return digit.size
