"""Operators that move elements: axes, channels, blocks, borders, sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, get_args

import numpy as np

from shadergen.ir.extent import Extent
from shadergen.ir.ops import Concat, Conv, Coordinates, Filter, Gather, Op, Resize, Rounding, Slice, SpaceToDepth
from shadergen.sources.onnx.build import Call, Registry, Tensor, along, shortest
from shadergen.sources.onnx.view import (
    Digit,
    Dim,
    Number,
    SymbolicSize,
    TensorView,
    below_zero,
    larger,
    reshaped,
    settled,
    words,
)

HANDLERS = Registry()
handles = HANDLERS.handles


FAR = 1 << 30
"""An end of a Slice from here on means the end of the axis."""


# ---------------------------------------------------------------------------------------------------------------------
# Channels and axes


@handles("Transpose")
def _transpose(call: Call) -> Tensor:
    view = call.view()
    order = call.attribute("perm", list(reversed(range(len(view.axes)))))
    if sorted(order) != list(range(len(view.axes))):
        raise ValueError(f"found perm {list(order)}, expected an order of {len(view.axes)} axes")
    return _as_picture(call, view.transposed(order))


def _as_picture(call: Call, view: TensorView) -> TensorView:
    """The view as a value of its own where it is a picture again, reordered once and not by each reader."""
    return call.settle(view) if len(view.axes) == 4 and settled(view) is not None else view


@handles("Reshape")
def _reshape(call: Call) -> Tensor:
    view = call.view()
    dims = call.numbers(1) if call.has(1) else list(call.attribute("shape"))
    return _reshaped(call, view, _resolved(dims, view, call.attribute("allowzero", 0)))


def _resolved(dims: list[Dim], view: TensorView, allow_zero: int) -> list[Dim]:
    """The shape with sizes for zeros, which mean the size that the axis had before."""
    if len(dims) > 16 or dims.count(-1) > 1 or any(isinstance(dim, int) and dim < -1 for dim in dims):
        raise ValueError(f"found the shape {words(dims)}, expected sizes, and -1 at most once")
    kept = [i for i, dim in enumerate(dims) if dim == 0 and not allow_zero and i < len(view.axes)]
    return [view.dims()[i] if i in kept else dim for i, dim in enumerate(dims)]


def _reshaped(call: Call, view: TensorView, dims: Sequence[Dim]) -> TensorView:
    return _as_picture(call, reshaped(view, dims, call.builder.statics))


@handles("Flatten")
def _flatten(call: Call) -> Tensor:
    view = call.view()
    axis = call.attribute("axis", 1) % (len(view.axes) + 1)
    front, back = (sum(axes, ()) for axes in (view.axes[:axis], view.axes[axis:]))
    return TensorView(view.value, view.parts, (front, back))


@handles("Squeeze", "Unsqueeze")
def _squeeze(call: Call) -> Tensor:
    view, axes = call.view(), call.listed("axes", 1)
    if call.node.op_type == "Unsqueeze":
        rank = len(view.axes) + len(axes or [])
        wanted = {axis % rank for axis in axes or []}
        rest = iter(view.axes)
        return TensorView(view.value, view.parts, tuple(() if i in wanted else next(rest) for i in range(rank)))
    rank = len(view.axes)
    gone = {axis % rank for axis in axes} if axes is not None else {i for i in range(rank) if not view.axes[i]}
    if any(view.axes[i] for i in gone):
        raise ValueError(f"found axes {axes} of sizes {words(view.dims())}, expected some of size 1")
    return TensorView(view.value, view.parts, tuple(axis for i, axis in enumerate(view.axes) if i not in gone))


@handles("DepthToSpace")
def _depth_to_space(call: Call) -> Tensor:
    """DepthToSpace of either mode is the Reshape, Transpose and Reshape that ONNX defines it by."""
    call.image()
    view, block = call.simple(), _block(call)
    c, h, w = call.type(view).channels, *(view.dims()[2:])
    depth = c // block**2
    if c % block**2:
        raise ValueError(f"found {c} channels, expected a multiple of {block**2}")
    crd = call.expect("mode", "DCR", "CRD") == "CRD"
    first: list[Any] = [1, depth, block, block, h, w] if crd else [1, block, block, depth, h, w]
    digits = reshaped(view, first, None).transposed((0, 1, 4, 2, 5, 3) if crd else (0, 3, 4, 1, 5, 2))
    last: list[Any] = [1, depth, h * block, w * block]
    return call.settle(reshaped(digits, last, None))


@handles("SpaceToDepth")
def _space_to_depth(call: Call) -> Tensor:
    """ONNX's mode DCR, all there is before opset 28, orders channels by the place in the block first."""
    value, block = call.image(), _block(call)
    channels = call.type(call.simple()).channels
    order = np.arange(channels * block**2).reshape(channels, block**2).T.ravel()
    if channels == 1 or block == 1 or call.expect("mode", "DCR", "CRD") == "CRD":
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
    layout = views[0].layout
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
            raise ValueError(f"found a size of {size} split into {count}, expected channels")
        whole = -(-size // count)
        parts = [min(whole, size - i * whole) for i in range(count)]
    ends = np.cumsum(parts).tolist()
    if len(parts) != count or min(parts) < 1 or ends[-1] != size:
        raise ValueError(f"found {size} split into {parts}, expected {count} parts of it")
    return [
        _cut(call, view, [(axis, end - part, end, 1)], tag=f"part{i}")
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


def _cut(call: Call, view: TensorView, cuts: Sequence[Any], tag: str = "") -> TensorView:
    """The view of some elements along some axes; each cut is (axis, start, end, step), as ONNX's Slice has them."""
    crops: dict[str, tuple[Dim, Dim]] = {"h": (0, 0), "w": (0, 0)}
    strides = {"h": 1, "w": 1}
    ops: list[tuple[Op, tuple[str, ...]]] = []
    channels = call.type(view).channels
    for axis, start, end, step in cuts:
        letter, size = view.layout[axis], view.dims()[axis]
        now = call.now(size.extent, "hw".index(letter)) if isinstance(size, SymbolicSize) and letter in crops else None
        front, back = _from_start(start, size), _from_end(end, size if now is None else now)
        if letter in crops:
            crops[letter], strides[letter] = (front, back), step
        elif isinstance(front, SymbolicSize) or isinstance(back, SymbolicSize):
            raise ValueError(f"found channels from {front} to {back} before the end, expected fixed ones")
        elif letter == "c" and (front, back, step) != (0, 0, 1):
            kept = range(front, channels - back, step)
            ops.append((Slice(front, channels - back) if step == 1 else Gather(tuple(kept)), ()))
            channels = len(kept)
    if any(map(any, crops.values())):
        (top, bottom), (left, right) = ((_integer(-a), _integer(-b)) for a, b in crops.values())
        sides = (top, left, bottom, right)
        ops.append(
            call.around(view, sides, "edge" if any(isinstance(side, SymbolicSize) for side in sides) else "zero")
        )
    if max(strides.values()) > 1:
        ones, zeros = np.ones((channels, 1, 1, 1), np.float32), np.zeros(channels, np.float32)
        ops.append((Conv(ones, zeros, strides=(strides["h"], strides["w"]), group=channels), ()))
    value = view.value
    for i, (op, more) in enumerate(ops):
        last = i == len(ops) - 1
        value = call.emit(op, value, *more, tag=tag if last else f"{tag}_{type(op).__name__.lower()}".lstrip("_"))
    return call.laid(value, view.layout) if ops else view


def _from_start(start: Dim, size: Dim) -> Dim:
    """How many elements of `size` a Slice from `start` leaves out in front."""
    start = _integer(start + size if _is_negative(start) else start)
    return min(start, size) if isinstance(start, int) and isinstance(size, int) else start


def _from_end(end: Dim, size: Dim) -> Dim:
    """How many elements of `size` a Slice to `end` leaves out behind."""
    if isinstance(end, int) and end >= FAR:
        return 0
    if _is_negative(end):
        return _integer(-end)
    if isinstance(end, int) and isinstance(size, SymbolicSize):
        raise ValueError(f"found a crop of {size} to {end}, expected a size that follows the picture's")
    return _integer(larger(size - end, 0))


def _is_negative(place: Dim) -> bool:
    """Whether a Slice counts a place from the end of the axis: one that grows with the picture does not."""
    if isinstance(place, SymbolicSize) and place.extent.scale > 0:
        return False
    found = below_zero(place)
    if isinstance(found, SymbolicSize):
        raise ValueError(f"found a crop at {place}, expected one that is always or never below 0")
    return bool(found)


def _integer(number: Number) -> Dim:
    return number if isinstance(number, SymbolicSize) else int(number)


@handles("Gather")
def _gather(call: Call) -> Tensor:
    view, indices = call.simple(), call.constant(1)
    axis = call.attribute("axis", 0) % len(view.axes)
    size = view.dims()[axis]
    letter = view.layout[axis]
    if letter not in "nc" or not isinstance(size, int) or indices.ndim > 1:
        raise ValueError(
            f"found axis {axis} of {view.layout} with indices {indices.shape}, expected a list of channels"
        )
    if not indices.size or not -size <= indices.min() <= indices.max() < size:
        raise ValueError(f"found indices {indices.ravel().tolist()[:8]}, expected some of {size}")
    if letter == "n" and indices.size > 1:
        raise ValueError(f"found {indices.size} pictures of a batch, expected one")
    chosen = tuple(int(i) % size for i in indices.ravel())
    value = call.emit(Gather(chosen), view.value) if letter == "c" else view.value
    return call.laid(value, view.layout if indices.ndim else view.layout.replace(letter, ""))


@handles("Expand", "Tile")
def _expand(call: Call) -> Tensor:
    """Repeated channels are a Gather. Rows and columns of size 1 stay: they count everywhere where they are used."""
    view, dims = call.view(), call.numbers(1)
    missing = len(dims) - len(view.axes)
    if missing > 0:
        view = TensorView(view.value, view.parts, ((),) * missing + view.axes)
    sizes = view.dims()
    first = len(sizes) - len(dims)
    for axis, (size, dim) in enumerate(zip(sizes[first:], dims, strict=True), first):
        tiled = call.node.op_type == "Tile"
        fixed = isinstance(size, SymbolicSize) and dim == call.now(size.extent, "hw".index(size.kind))
        if dim == 1 or (not tiled and (dim == size or isinstance(dim, SymbolicSize) or fixed)):
            continue
        if isinstance(dim, SymbolicSize) or dim < 1 or any(digit.kind != "c" for digit in view.axes[axis]):
            raise ValueError(f"found {words(view.dims())} repeated to {words(dims)}, expected channels repeated")
        if not tiled and size != 1:
            raise ValueError(f"found a size of {size} expanded to {dim}, expected 1")
        view = _repeated(call, view, axis, dim)
    return _as_picture(call, view)


def _repeated(call: Call, view: TensorView, axis: int, times: int) -> TensorView:
    """The view with each channel `times` times, in a new digit in front of the axis."""
    indices = np.repeat(np.arange(call.type(view).channels), times)
    value = call.emit(Gather(tuple(indices.tolist())), view.value, tag="repeated")
    digit = Digit("c", times)
    axes = tuple((digit, *digits) if i == axis else digits for i, digits in enumerate(view.axes))
    return TensorView(value, view.parts | {"c": (*view.parts["c"], digit)}, axes)


# ---------------------------------------------------------------------------------------------------------------------
# Space


@handles("Pad")
def _pad(call: Call) -> Tensor:
    view = call.simple()
    rank = len(view.axes)
    numbers = call.numbers(1) if call.has(1) else call.listed("pads", 1)
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
    op, more = call.around(view, pads, *(("zero", value) if mode == "constant" else (mode,)))
    return call.laid(call.emit(op, view.value, *more), view.layout)


@handles("Resize", "Upsample")
def _resize(call: Call) -> Tensor:
    view = call.simple()
    type_ = call.type(view)
    to = _target(call, view)
    old = call.node.op_type == "Upsample" or (not call.has(2) and call.builder.file.opset < 11)
    filter: Any = call.attribute("mode", "nearest").replace("bilinear", "linear")
    coordinates: Any = call.attribute("coordinate_transformation_mode", "asymmetric" if old else "half_pixel")
    rounding: Any = call.attribute("nearest_mode", "floor" if old else "round_prefer_floor")
    sized = isinstance(to[0], Extent)
    whole = not sized and max(scale.denominator for scale in to) == 1
    exact = sized or all(_exact(e, s) for e, s in zip(type_.area, to, strict=True))
    if coordinates == "half_pixel_symmetric" and exact:
        coordinates = "half_pixel"
    if coordinates == "tf_half_pixel_for_nn" and filter == "nearest" and rounding == "floor" and whole:
        coordinates = "asymmetric"
    for found, allowed in ((filter, Filter), (coordinates, Coordinates), (rounding, Rounding)):
        if found not in get_args(allowed):
            raise ValueError(f"found {found!r}, expected one of {', '.join(get_args(allowed))}")
    call.expect("keep_aspect_ratio_policy", "stretch")
    if call.attribute("antialias", 0) and (sized or min(to) < 1):
        raise ValueError("found antialias, expected none")
    if to in ((1, 1), type_.area):
        return view
    op = Resize(to, filter, coordinates)
    if filter == "nearest":
        op = replace(op, rounding=rounding)
    if filter == "cubic":
        excluded = bool(call.attribute("exclude_outside", 0))
        op = replace(op, cubic=call.attribute("cubic_coeff_a", -0.75), exclude_outside=excluded)
    return call.laid(call.emit(op, view.value, *([call.builder.picture] if sized else [])), view.layout)


def _target(call: Call, view: TensorView) -> Any:
    """What a Resize is to: factors of the height and width, or the two as sizes where they follow the picture's."""
    axes = [axis % len(view.axes) for axis in call.attribute("axes", range(len(view.axes)))]
    letters = [view.layout[axis] for axis in axes]
    if not call.has(3):
        factors: dict[str, Any] = dict(zip(letters, _factors(call, len(letters)), strict=True))
        sizes: dict[str, Dim] = {}
    else:
        sizes = dict(zip(letters, call.numbers(3), strict=True))
        factors = {
            letter: _grown(call, letter, view.dims()[axis], sizes[letter])
            for letter, axis in zip(letters, axes, strict=True)
        }
    if factors.get("n", 1) != 1 or factors.get("c", 1) != 1:
        raise ValueError(f"found factors for {view.layout}, expected rows and columns only")
    if None not in factors.values():
        return factors.get("h", Fraction(1)), factors.get("w", Fraction(1))
    height, width = (
        along(sizes[letter], letter) if letter in sizes else own
        for letter, own in zip("hw", call.type(view).area, strict=True)
    )
    return height, width


def _factors(call: Call, count: int) -> list[Fraction]:
    """The factors that a Resize has for `count` axes."""
    numbers: list[Any]
    index = 1 if call.node.op_type == "Upsample" or not call.has(2) else 2
    if call.has(index):
        tensor = call.tensor(index)
        if not isinstance(tensor, np.ndarray):
            raise ValueError("found factors that depend on the picture's size, expected fixed ones")
        numbers = tensor.ravel().tolist()
    else:
        numbers = list(call.attribute("scales", []))
    if len(numbers) != count:
        raise ValueError(f"found {len(numbers)} factors, expected {count}")
    if not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"found factors {numbers}, expected finite ones")
    return [Fraction(number).limit_denominator(64) for number in numbers]


def _grown(call: Call, letter: str, size: Dim, wanted: Dim) -> Fraction | None:
    """The factor from one size to another; None where it depends on the picture."""
    if isinstance(wanted, int) and isinstance(size, SymbolicSize):
        now = call.now(size.extent, "hw".index(letter))
        if now is None:
            raise ValueError(
                f"found a resize of {size} to {wanted}, expected a factor, or a size that follows the picture's"
            )
        return Fraction(wanted, now)
    if not isinstance(wanted, SymbolicSize):
        return Fraction(int(wanted), int(size))  # type: ignore[arg-type]
    try:
        ratio = wanted / size
    except ValueError:
        return None
    return Fraction(ratio) if isinstance(ratio, int | Fraction) else None


def _exact(extent: Extent, scale: Fraction) -> bool:
    return extent.offset * scale.numerator % scale.denominator == 0 and extent.times(scale).whole
