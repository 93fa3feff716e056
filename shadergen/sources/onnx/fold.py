"""What exporters write as several nodes and means one: constants folded into convolutions, padding into their pads.

Each rewrite is exact, but for the rounding of weights to float32. A value that something else reads stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.ir.graph import Graph, Node
from shadergen.ir.merge import padded
from shadergen.ir.ops import Affine, Array, Conv, ConvTranspose, DepthToSpace, Fit, Gather, Op, Pad, SpaceToDepth

MAX_PASSES = 100


def fold(graph: Graph, spelled: bool = False) -> Graph:
    """The graph with neighbours merged until there is nothing to merge.

    With `spelled`, only what one node of a graph was written as: the first node's name is the second's with a word
    behind.
    """
    for _ in range(MAX_PASSES):
        smaller = _folded(graph, spelled)
        if len(smaller.nodes) == len(graph.nodes):
            return _reordered(smaller, spelled)
        graph = smaller
    return _reordered(graph, spelled)


def _reordered(graph: Graph, spelled: bool) -> Graph:
    """The graph in which convolutions that alone read the channels of a SpaceToDepth in another order have weights in
    that order: ONNX's SpaceToDepth has the place in the block before the channel. It gets the name of the order."""
    for gather in graph.nodes:
        before = next((node for node in graph.nodes if node.name == gather.inputs[0]), None)
        if not (isinstance(gather.op, Gather) and before and isinstance(before.op, SpaceToDepth)):
            continue
        if spelled and not before.name.startswith(f"{gather.name}_"):
            continue
        uses = [node for node in graph.nodes if before.name in node.inputs]
        readers = [node for node in graph.nodes if gather.name in node.inputs]
        convs = all(isinstance(node.op, Conv) and node.op.group == 1 for node in readers)
        if uses == [gather] and convs and graph.output not in (gather.name, before.name):
            order = np.argsort(gather.op.indices)
            changed = {node.name: replace(node, op=_of_channels(node.op, order)) for node in readers}
            changed[before.name] = replace(before, name=gather.name)
            kept = (changed.get(node.name, node) for node in graph.nodes if node is not gather)
            return _reordered(replace(graph, nodes=tuple(kept)), spelled)
    return graph


def _of_channels(op: Op, order: npt.NDArray[np.int64]) -> Op:
    """The convolution of the same channels in another order."""
    assert isinstance(op, Conv)
    return replace(op, weight=op.weight[:, order])


def _folded(graph: Graph, spelled: bool) -> Graph:
    """One round over the nodes, each merged with the node it reads where that has no other reader, or left out where
    nothing reads it."""
    uses = Counter(name for node in graph.nodes for name in node.inputs)
    uses[graph.output] += 1
    kept: dict[str, Node] = {}
    for node in graph.nodes:
        if not uses[node.name]:
            continue
        before = kept.get(node.inputs[0])
        if before and node.inputs[1:] not in ((), before.inputs[1:]):
            before = None
        near = before and uses[before.name] == 1 and (not spelled or _spells(before, node))
        op = _merged(before.op, node.op) if before and near else None
        if before and op is not None:
            del kept[before.name]
            kept[node.name] = Node(node.name, op, before.inputs)
        else:
            kept[node.name] = node
    return replace(graph, nodes=tuple(kept.values()))


def _spells(before: Node, node: Node) -> bool:
    """Whether two nodes of a file of ours may be what one was written as: that never takes an Affine."""
    return before.name.startswith(f"{node.name}_") and not isinstance(node.op, Affine)


def _merged(first: Op, second: Op) -> Op | None:
    """One operator for `second` of `first`, or None."""
    match first, second:
        case Conv() | ConvTranspose(), Affine(scale, shift):
            return _scaled(first, scale, shift)
        case Affine(), Conv():
            return _of_scaled(first, second)
        case Affine(a, b), Affine(scale, shift):
            return _finite(Affine, scale=_product(a, scale), shift=_single(_double(b) * scale + shift))
        case Conv(), Gather(indices) if first.group == 1:
            return replace(first, weight=first.weight[list(indices)], bias=first.bias[list(indices)])
        case Gather(a), Gather(b):
            return Gather(tuple(a[i] for i in b))
        case SpaceToDepth() | DepthToSpace(), Gather(indices) if indices == tuple(range(len(indices))):
            return first
        case Pad(), Conv():
            return padded(second, first)
        case Fit(), Fit():
            return _fitted(first, second)
    return None


def _scaled(op: Conv | ConvTranspose, scale: Array, shift: Array) -> Op | None:
    bias = _single(_double(op.bias) * scale + shift)
    if isinstance(op, Conv):
        weight = _product(op.weight, scale[:, None, None, None])
    else:
        groups, out = op.group, op.weight.shape[1]
        per_input = np.repeat(scale.reshape(groups, out), op.weight.shape[0] // groups, axis=0)
        weight = _product(op.weight, per_input[:, :, None, None])
    return _finite(lambda **arrays: replace(op, **arrays), weight=weight, bias=bias)


def _of_scaled(first: Affine, op: Conv) -> Op | None:
    """The convolution of what is scaled: the scale goes into the weights, the shift into the bias.

    None where zero padding lies between the two, which is not shifted.
    """
    if any(op.pads) and op.pad_mode == "zero" and first.shift.any():
        return None
    out, per_group, _, _ = op.weight.shape
    group_of = np.arange(out) // (out // op.group)
    channels = group_of[:, None] * per_group + np.arange(per_group)
    weight = _product(op.weight, first.scale[channels][:, :, None, None])
    shift = (_double(op.weight).sum((2, 3)) * first.shift[channels]).sum(1)
    return _finite(lambda **arrays: replace(op, **arrays), weight=weight, bias=_single(op.bias + shift))


def _fitted(first: Fit, second: Fit) -> Op | None:
    """One Fit for a picture that is continued and then cropped."""
    front = [corner.times(-1) for corner in second.corner]
    behind = [a - b - crop for a, b, crop in zip(first.size, second.size, front, strict=True)]
    if not all(side.never_below_zero for side in front + behind):  # it puts more around, at some sizes at least
        return None
    down, right = (a - crop for a, crop in zip(first.corner, front, strict=True))
    return replace(second, corner=(down, right), mode=first.mode)


def _double(array: Array) -> Any:
    return array.astype(np.float64)


def _single(array: Any) -> Array:
    with np.errstate(over="ignore"):
        return np.asarray(array, np.float32)


def _product(a: Array, b: Array) -> Array:
    return _single(_double(a) * b)


def _finite(make: Callable[..., Op], **arrays: Array) -> Op | None:
    """The operator with these arrays; None where float32 cannot hold their numbers."""
    return make(**arrays) if all(np.isfinite(array).all() for array in arrays.values()) else None
