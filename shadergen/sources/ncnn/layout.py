"""Layers that move elements: channels, blocks, borders, sizes; and those that do no work at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from shadergen.sources.ncnn.call import NOT_GIVEN, Blob, Call, Kind, Registry, integers

HANDLERS = Registry()
handles = HANDLERS.handles

END = 1 << 31
"""An end of a Slice that means the end of the axis."""


# ---------------------------------------------------------------------------------------------------------------------
# What comes in, and what stays as it is


@handles("Input")
def _input(call: Call) -> Blob:
    """The picture. Height and width, where they are given, say what the model was tried with."""
    name = call.layer.outputs[0] if call.layer.outputs else call.layer.name
    return Blob(call.conversion.assembly.input(name, call.integer(2) or None))


@handles("MemoryData")
def _memory_data(call: Call) -> Blob:
    """A constant: a vector, or a picture's worth of numbers."""
    call.refuse(11, "a constant of four axes")
    call.refuse(21, "a constant that is not float32", 1)
    width, height, channels = (call.integer(i) for i in range(3))
    if height and not channels:
        raise ValueError(f"found a constant of {height} x {width}, expected a vector, or channels")
    kind: Kind = "picture" if channels else "vector"
    value = call.plain(channels, height, width) if channels else call.plain(width, 1, 1)
    return Blob(call.conversion.assembly.constant(call.layer.name, value[None]), kind)


@handles("Split")
def _split(call: Call) -> list[Blob]:
    return [call.blob()] * len(call.layer.outputs)


@handles("Noop", "DeepCopy", "Cast")
def _same(call: Call) -> Blob:
    """A Cast is between floating-point types, or it would not be in front of a picture's layers."""
    if call.layer.kind == "Cast" and not {call.integer(0), call.integer(1)} <= {0, 1, 2, 4}:
        raise ValueError("found a cast to int8, expected a floating-point type")
    return call.blob()


@handles("Dropout")
def _dropout(call: Call) -> Blob:
    call.refuse(0, "a factor", 1.0)
    return call.blob()


@handles("Flatten")
def _flatten(call: Call) -> Blob:
    return Blob(call.vector(), "vector")


@handles("Reshape")
def _reshape(call: Call) -> Blob:
    """Of a vector, or of one pixel, into the other."""
    call.refuse(11, "four axes", NOT_GIVEN)
    call.refuse(6, "an expression of the size", "")
    width, height, channels = (call.integer(i, NOT_GIVEN) for i in range(3))
    if (height, channels) == (NOT_GIVEN, NOT_GIVEN):
        return Blob(call.vector(), "vector")
    if (width, height) != (1, 1) or channels == NOT_GIVEN:
        raise ValueError(f"found a shape of {channels} x {height} x {width}, expected a vector, or one pixel")
    return Blob(call.vector(), "pixel")


@handles("Squeeze", "ExpandDims")
def _squeeze(call: Call) -> Blob:
    """A vector becomes one pixel, or one pixel a vector."""
    axes = {axis % 3 for axis in call.integers(3)}
    if axes != {1, 2}:
        raise ValueError(f"found axes {call.integers(3)}, expected those of rows and columns")
    return Blob(call.vector(), "vector" if call.layer.kind == "Squeeze" else "pixel")


@handles("Permute")
def _permute(call: Call) -> Blob:
    call.refuse(0, "another order of the axes")
    return call.blob()


# ---------------------------------------------------------------------------------------------------------------------
# Channels


@handles("Concat")
def _concat(call: Call) -> Blob:
    blobs = call.blobs()
    kinds = {blob.kind for blob in blobs}
    _expect_channels(call.integer(0), blobs[0])
    if len(kinds) > 1:
        raise ValueError("found vectors beside pictures, expected either")
    return call.like(blobs[0], "Concat", *(blob.tensor for blob in blobs), axis=1)


def _expect_channels(axis: int, blob: Blob) -> None:
    if axis not in (0, -1 if blob.kind == "vector" else -3):
        raise ValueError(f"found axis {axis}, expected 0: the channels")


@handles("Slice")
def _slice(call: Call) -> list[Blob]:
    blob, count = call.blob(), len(call.layer.outputs)
    _expect_channels(call.integer(1), blob)
    sizes, ends = call.integers(0), call.integers(2)
    if not ends and sizes == [NOT_GIVEN] * count:
        return [Blob(part, blob.kind) for part in call.nodes("Split", count, blob.tensor, axis=1)]
    if not ends:
        if len(sizes) != count or any(size < 1 for size in sizes[:-1]):
            raise ValueError(f"found parts of {sizes} for {count} outputs, expected sizes")
        ends = np.cumsum(sizes[:-1]).tolist()
    if len(ends) != count - 1:
        raise ValueError(f"found {len(ends)} places to cut for {count} outputs, expected {count - 1}")
    places = zip([0, *ends], [*ends, END], strict=True)
    return [
        call.like(blob, "Slice", blob.tensor, *map(integers, (start, end, 1)), tag=f"part{i}")
        for i, (start, end) in enumerate(places)
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Blocks


@handles("PixelShuffle")
def _pixel_shuffle(call: Call) -> Blob:
    mode = "DCR" if call.integer(1) else "CRD"
    return Blob(call.node("DepthToSpace", call.picture(), blocksize=call.integer(0, 1), mode=mode))


@handles("Reorg")
def _reorg(call: Call) -> Blob:
    mode = "DCR" if call.integer(1) else "CRD"
    return Blob(call.node("SpaceToDepth", call.picture(), blocksize=call.integer(0, 1), mode=mode))


# ---------------------------------------------------------------------------------------------------------------------
# Space


@handles("Padding")
def _padding(call: Call) -> Blob:
    call.refuse(6, "a number per channel around the picture")
    call.refuse(7, "channels in front")
    call.refuse(8, "channels behind")
    modes = ("constant", "edge", "reflect")
    if not 0 <= call.integer(4) < len(modes):
        raise ValueError(f"found type {call.integer(4)}, expected 0 to {len(modes) - 1}")
    top, bottom, left, right = (call.integer(i) for i in range(4))
    pads = integers(0, 0, top, left, 0, 0, bottom, right)
    value = np.array(call.number(5), np.float32)
    return Blob(call.node("Pad", call.picture(), pads, value, mode=modes[call.integer(4)]))


@handles("Crop")
def _crop(call: Call) -> Blob:
    """By places along axes, to the size of another blob, or by what is left out on each side."""
    for index in (19, 20, 21):
        call.refuse(index, "an expression of the size", "")
    blob = call.blob()
    starts, ends, axes = call.integers(9), call.integers(10), call.integers(11)
    if starts and ends:
        return call.like(blob, "Slice", blob.tensor, *_places(call, starts, ends, axes))
    if len(call.layer.inputs) > 1:
        return _cropped_to(call)
    call.refuse(14, "four axes")
    sides = [(call.integer(i), call.integer(i + 3), call.integer(i + 6)) for i in (2, 1, 0)]
    for front, size, _ in sides:
        if size != NOT_GIVEN:
            raise ValueError(f"found a crop at {front} to a size of {size}, expected one that follows the picture's")
    starts, ends = [front for front, _, _ in sides], [-behind or END for _, _, behind in sides]
    return Blob(call.node("Slice", call.picture(), *(integers(*places) for places in (starts, ends, [1, 2, 3]))))


def _places(call: Call, starts: list[int], ends: list[int], axes: list[int]) -> list[Any]:
    """The inputs of a Slice: its axes are counted with the batch in front, and an end of 0 is that of the axis."""
    rank = 1 if call.blob().kind == "vector" else 3
    axes = [axis % rank for axis in axes] or list(range(rank))
    if not len(starts) == len(ends) == len(axes):
        raise ValueError(f"found {len(starts)} starts and {len(ends)} ends for {len(axes)} axes, expected as many")
    starts = [0 if start == NOT_GIVEN else start for start in starts]
    ends = [END if end in (0, NOT_GIVEN) else end for end in ends]
    return [integers(*starts), integers(*ends), integers(*(axis + 1 for axis in axes))]


def _cropped_to(call: Call) -> Blob:
    """The part of a picture at an offset that is as large as another picture."""
    call.refuse(2, "channels that are left out")
    offset = integers(call.integer(1), call.integer(0))
    size = _size_of(call, call.picture(1))
    end = call.node("Add", size, offset, tag="end")
    return Blob(call.node("Slice", call.picture(), offset, end, integers(2, 3)))


def _size_of(call: Call, tensor: str) -> str:
    """Height and width of a picture."""
    shape = call.node("Shape", tensor, tag="shape")
    return call.node("Slice", shape, integers(2), integers(4), integers(0), tag="size")


_FILTERS = {1: "nearest", 2: "linear", 3: "cubic"}


@handles("Interp")
def _interp(call: Call) -> Blob:
    """By factors, or to the size of another blob: centres or corners meet; `nearest` takes the pixel above and left."""
    call.refuse(9, "an expression of the size", "")
    filter = _FILTERS.get(call.integer(0))
    if filter is None:
        raise ValueError(f"found type {call.integer(0)}, expected 1 to 3")
    attributes: dict[str, Any] = {"mode": filter, "coordinate_transformation_mode": "half_pixel"}
    if filter == "nearest":
        attributes |= {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    elif call.integer(6):
        attributes["coordinate_transformation_mode"] = "align_corners"
    picture = call.picture()
    if call.integer(5):
        first = call.node("Slice", call.node("Shape", picture, tag="own"), *map(integers, (0, 2, 0)), tag="channels")
        sizes = call.node("Concat", first, _size_of(call, call.picture(1)), tag="sizes", axis=0)
        return Blob(call.node("Resize", picture, "", "", sizes, **attributes))
    if call.integer(3) or call.integer(4):
        size = f"{call.integer(4)} x {call.integer(3)}"
        raise ValueError(f"found a resize to {size}, expected factors, or the size of another blob")
    factors = np.array([1, 1, call.number(1, 1), call.number(2, 1)], np.float32)
    return Blob(call.node("Resize", picture, "", factors, **attributes))


@handles("Reduction")
def _reduction(call: Call) -> Blob:
    """A mean or a sum over rows and columns, or over channels."""
    ops = {0: "ReduceSum", 3: "ReduceMean"}
    if call.integer(0) not in ops:
        raise ValueError(f"found operation {call.integer(0)}, expected 0 (sum) or 3 (mean)")
    axes = {axis % 3 for axis in call.integers(3)}
    if call.integer(1, 1) or axes not in ({1, 2}, {0}):
        raise ValueError(f"found axes {sorted(axes) or 'of all kinds'}, expected rows and columns, or channels")
    kept = call.integer(4)
    if axes == {0} and not kept:
        raise ValueError("found channels reduced to a picture of two axes, expected keepdims")
    wanted = integers(*(axis + 1 for axis in sorted(axes)))
    result = call.node(ops[call.integer(0)], call.picture(), wanted, tag="reduced", keepdims=1)
    factor = np.array(call.number(2, 1), np.float32)
    return Blob(call.node("Mul", result, factor), "picture" if axes == {0} else "pixel" if kept else "vector")
