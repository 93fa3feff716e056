"""A network of floats as one whose wide layers multiply bytes: see docs/tensor.md, "Eight-bit integers".

What a wide layer reads is divided by a step, rounded (halves to even) and cut off to a byte; its weights are whole
numbers of 8 bits times a scale for each channel of the result, with which the sum is multiplied at the end. All of that
is in the graph, as Affine, Round and Clip around a convolution of whole numbers, so the reference means it, and the
sums are exact in float32. Nothing is trained: steps are measured, as what a value reaches on pictures.

Layers that the compiler composes with their neighbours stay as they are. So do narrow ones, the first and the last
among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from shadergen import passes
from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node, Record, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import Affine, Array, Clip, Conv, Op, Relu, Round
from shadergen.judge.cases import CONDITIONS, Picture, cases, picture_files, picture_of
from shadergen.kernels.dot8 import WIDE, is_wide
from shadergen.passes.dead import remove_dead

SIDE = 192
"""Of the crop of each picture that ranges are measured on: 96 pixels a side of what a 2x network reads. 64 such crops
give C4F32 ranges with which it loses 0.04 dB at most (weights/README.md)."""
LARGEST = 127
"""Of the weights as whole numbers, which have a sign."""
EXACT = 1 << 24
"""Whole numbers up to this are exact in float32."""

Range = tuple[float, float]
"""The smallest and the largest number that a value has."""


def quantised_on(
    graph: Graph, folders: Sequence[Path], count: int, on_progress: Callable[[str], None] = lambda text: None
) -> Graph:
    """The graph whose wide layers multiply bytes, of ranges that are measured on pictures below the folders.

    `count` of them are taken, at equal distances in the order of their names; all, where there are fewer. The record
    says which weights these were. Raises ShadergenError.
    """
    files = [file for folder in folders for file in picture_files(folder, below=True)]
    chosen = [files[number * len(files) // count] for number in range(count)] if len(files) > count else files

    def pictures() -> Iterator[Picture]:
        for number, file in enumerate(chosen, 1):
            on_progress(f"picture {number} of {len(chosen)}")
            yield picture_of(file)

    layers = wide_layers(graph)
    made = quantised(graph, measured(graph, layers, pictures()))
    known = graph.record
    training: dict[str, Any] = {
        "quantised": "wide layers multiply bytes, by measured ranges",
        "pictures": len(chosen),
        "layers": " ".join(layers),
    }
    if known.sha256 or known.training:
        training["from"] = {"sha256": known.sha256, "training": dict(known.training)}
    return replace(made, record=Record(known.licence, training=training))


def wide_layers(graph: Graph) -> tuple[str, ...]:
    """The convolutions that can be of bytes, by name: of WIDE channels on both sides, left alone by the compiler.

    Raises ModelError where there is none.
    """
    compiled = {node.name: node.op for node in passes.optimise(graph).nodes}
    found = tuple(node.name for node in graph.nodes if _is_candidate(node.op, compiled.get(node.name)))
    if not found:
        problem = f"found no layer of {WIDE} channels and more on both sides, expected one that bytes are for"
        raise ModelError(graph.name, problem)
    return found


def _is_candidate(op: Op, compiled: Op | None) -> bool:
    """Whether an operator is a wide convolution that the compiler leaves as it is."""
    return (
        isinstance(op, Conv)
        and is_wide(op)
        and isinstance(compiled, Conv)
        and np.array_equal(compiled.weight, op.weight)
    )


def measured(graph: Graph, layers: Iterable[str], pictures: Iterable[Picture], seed: int = 0) -> dict[str, Range]:
    """What the values that some layers read reach on a crop of each picture, by the value's name.

    The pictures are made small as `score` makes them. Raises ShadergenError where there is no picture.
    """
    read = {graph.node(name).inputs[0] for name in layers}
    rng = np.random.default_rng(seed)
    found: dict[str, Range] = {}
    for picture in pictures:
        (case,) = cases(_cropped(picture, rng), graph.plane, CONDITIONS[graph.plane][:1])
        values = reference.evaluate(graph, case.source)
        for name in read:
            least, most = found.get(name, (0.0, 0.0))
            found[name] = (min(least, float(values[name].min())), max(most, float(values[name].max())))
    if not found:
        raise ModelError(graph.name, "found no picture to measure ranges on, expected some")
    return found


def _cropped(picture: Picture, rng: np.random.Generator) -> Picture:
    corner = [int(rng.integers(max(1, extent - SIDE + 1))) for extent in picture.rgb.shape[1:]]
    return replace(picture, rgb=picture.rgb[:, corner[0] : corner[0] + SIDE, corner[1] : corner[1] + SIDE])


def quantised(graph: Graph, ranges: Mapping[str, Range]) -> Graph:
    """The graph whose wide layers multiply bytes, of values that have these ranges.

    Raises ModelError for a layer whose sums would not be exact.
    """
    return _Rewriter(graph, wide_layers(graph), ranges).rewritten()


@dataclass(frozen=True)
class _Whole:
    """A convolution as whole numbers, with the scale of each channel of its result."""

    op: Conv
    scale: Array


class _Rewriter:
    """One graph's rewriting."""

    def __init__(self, graph: Graph, layers: tuple[str, ...], ranges: Mapping[str, Range]) -> None:
        self.graph = graph
        self.layers = layers
        self.types = verify(graph)
        self.names = Namer(graph.names)
        self.steps = {graph.node(name).inputs[0]: step_of(ranges[graph.node(name).inputs[0]]) for name in layers}
        self.bytes = {value: self.names.fresh(f"{value}_bytes") for value in self.steps}
        self.sums = {name: self.names.fresh(f"{name}_sums") for name in layers}
        self.whole = {name: self._whole(graph.node(name)) for name in layers}

    def rewritten(self) -> Graph:
        """The graph, without what is then not needed."""
        nodes = list(chain.from_iterable(self._nodes(node) for node in self.graph.nodes))
        return remove_dead(replace(self.graph, nodes=tuple(nodes)))

    def _nodes(self, node: Node) -> Iterator[Node]:
        """What stands for a node, and the bytes of its value behind it."""
        if node.name in self.layers:
            whole = self.whole[node.name]
            yield Node(self.sums[node.name], whole.op, (self.bytes[node.inputs[0]],))
            yield Node(node.name, _scaled(whole.scale), (self.sums[node.name],))
        else:
            yield node
        if node.name in self.steps:
            yield from self._bytes(node)

    def _bytes(self, node: Node) -> Iterator[Node]:
        """A value divided by its step, rounded and cut off; what is cut off at zero needs no Relu before."""
        value, (step, limits) = node.name, self.steps[node.name]
        scale, source = np.full(self.types[value].channels, 1 / step), value
        if isinstance(node.op, Relu) and limits.minimum == 0:
            source = node.inputs[0]
            if source in self.layers:  # one scale for two: nothing is rounded in between
                scale, source = scale * self.whole[source].scale, self.sums[source]
        steps, rounded = (self.names.fresh(f"{value}_{word}") for word in ("steps", "rounded"))
        yield Node(steps, _scaled(scale), (source,))
        yield Node(rounded, Round(), (steps,))
        yield Node(self.bytes[value], limits, (rounded,))

    def _whole(self, node: Node) -> _Whole:
        assert isinstance(node.op, Conv)
        step, limits = self.steps[node.inputs[0]]
        weight, bias = step * node.op.weight.astype(np.float64), node.op.bias.astype(np.float64)
        largest = np.abs(weight).max((1, 2, 3))
        scale = np.maximum(np.where(largest > 0, largest / LARGEST, 1.0), np.abs(bias) / (EXACT / 4))
        whole, offset = _rounded(weight / scale[:, None, None, None]), _rounded(bias / scale)
        reach = max(limits.maximum, -limits.minimum) * np.abs(whole).sum((1, 2, 3)) + np.abs(offset)
        if reach.max() > EXACT:
            problem = f"found sums of up to {reach.max():.0f}, expected at most {EXACT}, which float32 holds exactly"
            raise ModelError(f"{self.graph.name}: node {node.name!r}", problem)
        return _Whole(replace(node.op, weight=whole.astype(np.float32), bias=offset.astype(np.float32)), scale)


def _rounded(numbers: Any) -> Any:
    """Whole numbers, halves to even; zeros have no sign, since integers have none."""
    return np.rint(numbers) + 0.0


def step_of(range: Range) -> tuple[float, Clip]:
    """The step of a value that has this range, and the bytes there are: without a sign where it is never below 0."""
    least, most = range
    if least >= 0:
        return (most or 1.0) / 255, Clip(0.0, 255.0)
    return max(most / 127, -least / 128), Clip(-128.0, 127.0)


def _scaled(scale: Array) -> Affine:
    rounded = np.asarray(scale, np.float32)
    return Affine(rounded, np.zeros_like(rounded))
