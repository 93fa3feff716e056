"""Operators that no hook pass computes as they are, by those that do.

- ConvTranspose: each residue of the stride is a convolution of its own, and DepthToSpace puts them side by side.
- Conv in groups: the weights between groups are zeros, which the passes leave out.
- Conv of very many channels: a sum of convolutions of some of them, since a pass binds a dozen textures.
- Pad in front of convolutions: padding of their own.
- GlobalAveragePool: the mean of blocks' means, since one invocation would read a whole frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import lcm

import numpy as np

from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.merge import padded
from shadergen.ir.names import Namer
from shadergen.ir.ops import (
    Add,
    Array,
    AveragePool,
    Conv,
    ConvTranspose,
    DepthToSpace,
    GlobalAveragePool,
    MaxPool,
    MeanOfMeans,
    Pad,
    Sides,
)
from shadergen.ir.ops.checks import MAX_SCALE
from shadergen.ir.types import TensorType

MAX_CHANNELS = 512
"""The most channels that a convolution reads: eight textures of 16 packs of four."""
MEAN_BLOCK = 32
"""The side in pixels of the blocks whose means make the mean: of 3840x2160 pixels, 120x68 blocks are left for the one
invocation that adds them up. Smaller for what has been made so small already that the number of blocks would no
longer be a size that a graph may have."""


def lower(graph: Graph) -> Graph:
    """The graph in operators that hook passes compute, of the same values; those that stay have their names."""
    names = Namer(graph.names)
    types = verify(graph) if any(isinstance(node.op, GlobalAveragePool) for node in graph.nodes) else {}
    nodes = [lowered for node in graph.nodes for lowered in _lowered(node, names, types)]
    return _padded(replace(graph, nodes=tuple(nodes)))


def _lowered(node: Node, names: Namer, types: Mapping[str, TensorType]) -> Iterator[Node]:
    """The nodes that stand for a node: the last has its name, the others have names like it."""
    match node.op:
        case Conv() as op:
            yield from _parts(replace(node, op=replace(op, weight=_dense(op.weight, op.group), group=1)), names)
        case ConvTranspose() as op if op.strides[0] != op.strides[1]:
            yield from _transposed_unevenly(node, op, names)
        case ConvTranspose() as op:
            yield from _transposed(node, op, names)
        case GlobalAveragePool():
            means, block = names.fresh(f"{node.name}_blocks"), _mean_block(types[node.inputs[0]])
            yield Node(means, AveragePool((block,) * 2, (block,) * 2, (0, 0, block - 1, block - 1)), node.inputs)
            yield Node(node.name, MeanOfMeans(block), (means, *node.inputs))
        case _:
            yield node


def _mean_block(type: TensorType) -> int:
    """The side of the blocks whose means make the mean of such a value: MEAN_BLOCK, or half of it, a quarter, ..."""
    block = MEAN_BLOCK
    while block > 1 and max((extent.scale / block).denominator for extent in type.area) > MAX_SCALE:
        block //= 2
    return block


def _parts(node: Node, names: Namer) -> Iterator[Node]:
    """A convolution of one group as a sum of some that read MAX_CHANNELS each: all other weights are zero."""
    op = node.op
    assert isinstance(op, Conv)
    total: str | None = None
    starts = range(0, op.weight.shape[1], MAX_CHANNELS)
    for start in starts:
        weight = np.zeros_like(op.weight)
        weight[:, start : start + MAX_CHANNELS] = op.weight[:, start : start + MAX_CHANNELS]
        bias = op.bias if total is None else np.zeros_like(op.bias)
        name = node.name if len(starts) == 1 else names.fresh(f"{node.name}_part")
        yield Node(name, replace(op, weight=weight, bias=bias), node.inputs)
        if total is not None:
            added = node.name if start == starts[-1] else names.fresh(f"{node.name}_sum")
            yield Node(added, Add(), (total, name))
            name = added
        total = name


def _dense(weight: Array, group: int) -> Array:
    """Weights in groups, (out, in / group, kh, kw), as (out, in, kh, kw)."""
    out, per_group = weight.shape[:2]
    dense = np.zeros((out, per_group * group, *weight.shape[2:]), np.float32)
    for number in range(group):
        rows = slice(number * out // group, (number + 1) * out // group)
        dense[rows, number * per_group : (number + 1) * per_group] = weight[rows]
    return dense


# ---------------------------------------------------------------------------------------------------------------------
# ConvTranspose


@dataclass(frozen=True)
class _Phases:
    """A transposed convolution along one axis, as a convolution that gives `stride` pixels for each of its own.

    With p pixels cropped in front, pixel q * stride + r is the sum over t of weight[t] * x[q + (r + p - t) / stride],
    where that is an integer.
    """

    taps: tuple[tuple[int | None, ...], ...]
    """For each phase (stride), for each pixel that it reads (window): the tap of the kernel, or None for a zero."""
    pads: tuple[int, int]
    """Padding before and behind, in pixels of the input."""
    crop: int
    """How many pixels the last block has too many."""


def _phases(kernel: int, stride: int, before: int, after: int) -> _Phases:
    offsets = {
        (phase, (phase + before - tap) // stride): tap
        for phase in range(stride)
        for tap in range(kernel)
        if (phase + before - tap) % stride == 0
    }
    reached = [offset for _, offset in offsets] or [0]
    first, last = min(0, *reached), max(0, *reached)
    surplus = kernel - stride - before - after  # the result has stride * n + surplus pixels
    blocks = -(-surplus // stride)  # beyond n
    last = max(last, -blocks)  # padding is not below zero: a longer window instead
    window = last - first + 1
    taps = tuple(tuple(offsets.get((phase, first + i)) for i in range(window)) for phase in range(stride))
    return _Phases(taps, (-first, blocks + first + window - 1), blocks * stride - surplus)


def _transposed(node: Node, op: ConvTranspose, names: Namer) -> Iterator[Node]:
    stride = op.strides[0]
    weight = _transposed_dense(op)
    out, in_, kh, kw = weight.shape
    rows, columns = (_phases(kh, stride, op.pads[0], op.pads[2]), _phases(kw, stride, op.pads[1], op.pads[3]))
    spread = np.zeros((out, stride, stride, in_, len(rows.taps[0]), len(columns.taps[0])), np.float32)
    for y, x, i, j in np.ndindex(stride, stride, *spread.shape[4:]):
        ky, kx = rows.taps[y][i], columns.taps[x][j]
        if ky is not None and kx is not None:
            spread[:, y, x, :, i, j] = weight[:, :, ky, kx]
    pads: Sides = (rows.pads[0], columns.pads[0], rows.pads[1], columns.pads[1])
    conv = Conv(spread.reshape(-1, *spread.shape[3:]), np.repeat(op.bias, stride**2), pads)
    crops = (0, 0, -rows.crop, -columns.crop)
    phases = names.fresh(f"{node.name}_phases")
    whole = names.fresh(f"{node.name}_uncropped") if any(crops) else node.name
    yield Node(phases, conv, node.inputs)
    yield Node(whole, DepthToSpace(stride), (phases,))
    if any(crops):
        yield Node(node.name, Pad(crops), (whole,))


def _transposed_unevenly(node: Node, op: ConvTranspose, names: Namer) -> Iterator[Node]:
    """A transposed convolution whose strides differ: one with their least common multiple for both, its kernel spread,
    of whose rows and columns the result are some.
    """
    stride = lcm(*op.strides)
    down, right = stride // op.strides[0], stride // op.strides[1]
    in_, out, kh, kw = op.weight.shape
    weight = np.zeros((in_, out, down * (kh - 1) + 1, right * (kw - 1) + 1), np.float32)
    weight[:, :, ::down, ::right] = op.weight
    a, b, c, d = op.pads
    even = replace(op, weight=weight, strides=(stride, stride), pads=(a * down, b * right, c * down, d * right))
    name = names.fresh(f"{node.name}_even")
    yield from _transposed(Node(name, even, node.inputs), even, names)
    yield Node(node.name, MaxPool((1, 1), (down, right)), (name,))


def _transposed_dense(op: ConvTranspose) -> Array:
    """(in, out / group, kh, kw) as (out, in, kh, kw), zero between the groups."""
    in_, per_group, kh, kw = op.weight.shape
    grouped = op.weight.reshape(op.group, in_ // op.group, per_group, kh, kw).swapaxes(1, 2)
    return _dense(grouped.reshape(op.group * per_group, in_ // op.group, kh, kw), op.group)


# ---------------------------------------------------------------------------------------------------------------------
# Pad


def _padded(graph: Graph) -> Graph:
    """The graph in which convolutions pad by themselves where they can; a Pad that nobody reads then is dead."""
    named = {node.name: node for node in graph.nodes}
    return replace(graph, nodes=tuple(_reading_what_is_padded(node, named) for node in graph.nodes))


def _reading_what_is_padded(node: Node, named: dict[str, Node]) -> Node:
    before = named.get(node.inputs[0])
    if before and isinstance(node.op, Conv) and isinstance(before.op, Pad):
        op = padded(node.op, before.op)
        if op:
            return Node(node.name, op, before.inputs)
    return node
