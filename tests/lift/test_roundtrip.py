"""Our own files, back into the networks that they were built from."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
from typing import Any

import numpy as np
import pytest

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.ops import Add, Affine, Concat, Conv, Op
from shadergen.lift import lift
from shadergen.lint.glslang import glslang_program
from shadergen.target import Target
from tests.lift.networks import network
from tests.lift.shaders import built
from tests.nets import c_model

pytestmark = pytest.mark.skipif(glslang_program() is None, reason="glslang is not installed")

PLAIN = frozenset({"compose", "winograd"})
"""What folds weights into others."""
VARIANTS = {
    "fragment": Target(without=PLAIN),
    "compute": Target(stage="compute", without=PLAIN),
    "tables": Target(stage="compute", weights="texture", without=PLAIN),
    "fp16": Target(stage="compute", precision="fp16", without=PLAIN),
}


def weights(graph: Graph) -> set[float]:
    """All weights of a graph's convolutions. Not the biases: those of two convolutions that are added become one.

    A convolution of one pixel and one channel is a scale as well, and a scale of 1 or -1 has no weight of its own.
    """
    convolutions = [node.op.weight for node in graph.nodes if isinstance(node.op, Conv)]
    scales = [node.op.scale for node in graph.nodes if isinstance(node.op, Affine)]
    numbers = {float(weight) for op in (*convolutions, *scales) for weight in op.ravel()}
    return numbers - {0.0, 1.0, -1.0}


@pytest.mark.parametrize(("plane", "variant"), [*(("luma", variant) for variant in VARIANTS), ("rgb", "fragment")])
def test_the_weights_are_those_that_were_built(plane: Plane, variant: str) -> None:
    graph = c_model(plane, filters=6, layers=1)
    lifted = lift(built(graph, VARIANTS[variant]), f"{variant}.glsl").graph
    as_stored = halved if variant == "fp16" else set
    assert as_stored(weights(lifted)) == as_stored(weights(graph)), "to the last bit"


def test_weights_in_bytes_are_those_but_for_half_a_unit() -> None:
    """Fragment files keep tables in 24 bits, of which the largest weight needs all."""
    graph = c_model(filters=6, layers=1)
    lifted = weights(lift(built(graph, Target(weights="texture", without=PLAIN)), "planar.glsl").graph)
    numbers = np.sort(list(weights(graph)))
    nearest = np.abs(np.sort(list(lifted))[:, None] - numbers).min(axis=1)
    assert nearest.max() <= np.abs(numbers).max() * 2**-22


FOLDED = {
    "winograd": Target(stage="compute", without=frozenset({"compose"})),
    "composed": Target(stage="compute"),
    "composed, fragment": Target(),
}


@pytest.mark.parametrize("variant", FOLDED)
def test_folded_weights_are_those_but_for_rounding(variant: str) -> None:
    graph = c_model(filters=8, layers=1)
    lifted = lift(built(graph, FOLDED[variant]), f"{variant}.glsl").graph
    picture = np.random.default_rng(0).random((graph.input_type.channels, 15, 11)).astype(np.float32)
    expected = reference.evaluate(graph, picture)[graph.output]
    actual = reference.evaluate(lifted, picture)[lifted.output]
    assert np.abs(actual - expected).max() <= 2e-6


ROUND_TRIPS = {
    **VARIANTS,
    "planar": Target(weights="texture", without=PLAIN),
    **FOLDED,
    "fused": Target(stage="compute", fuse=True, without=PLAIN),
}
"""All ways of our own back end to write a network of those operators."""
ALL = os.environ.get("SHADERGEN_ALL_SEEDS") == "1"
SOME = [(1, "fp16"), (1, "tables"), (1, "composed, fragment"), (114, "composed")]
"""The last has a product with a layer that is folded."""


@pytest.mark.parametrize(("seed", "variant"), itertools.product(range(300), ROUND_TRIPS) if ALL else SOME)
def test_a_random_network_comes_back(seed: int, variant: str) -> None:
    """Of 16-bit literals, which are as long as those need, the nearest 16-bit numbers are the weights.

    A pass that computes a sum of sums has their products as its weights, and others near the border, which no
    convolution with the nearest pixels around it does: that is refused, and never comes back as another network. One
    that computes a layer with a lopsided kernel finds its middle elsewhere: the border then comes back as masks.
    """
    graph = network(seed)
    folded = variant == "fused" and has_sums_of_sums(graph)
    with contextlib.suppress(*([ModelError] if folded else [])):
        lifted = lift(built(graph, ROUND_TRIPS[variant]), f"{variant}.glsl").graph
        lifted = in_halves(lifted) if variant == "fp16" else lifted
        folded = folded or has_skips_over_sums(graph) or (variant == "fused" and has_lopsided_kernels(graph))
        compare_with(graph, lifted, exact=variant not in ("planar", *FOLDED) and not folded)


def compare_with(graph: Graph, lifted: Graph, exact: bool) -> None:
    """Whether a network has come back."""
    picture = np.random.default_rng(0).random((graph.input_type.channels, 13, 17)).astype(np.float32)
    expected = reference.evaluate(graph, picture)[graph.output]
    actual = reference.evaluate(lifted, picture)[lifted.output]
    assert np.abs(actual - expected).max() <= 2e-6 * max(1, np.abs(expected).max())
    if exact:
        assert sizes(lifted) == sizes(graph), "to the last bit"


def in_halves(graph: Graph) -> Graph:
    """The network with the nearest 16-bit floats as its numbers: those that were built, which are whole 256ths."""

    def rounded(op: Op) -> Op:
        arrays = {name: value for name, value in vars(op).items() if isinstance(value, np.ndarray)}
        halves: dict[str, Any] = {name: array.astype(np.float16).astype(np.float32) for name, array in arrays.items()}
        return dataclasses.replace(op, **halves)

    nodes = tuple(dataclasses.replace(node, op=rounded(node.op)) for node in graph.nodes)
    return dataclasses.replace(graph, nodes=nodes)


def has_sums_of_sums(graph: Graph) -> bool:
    """Whether a convolution reads another without a function between them."""
    linear: set[str] = set()
    for node in graph.nodes:
        reads = linear.intersection(node.inputs)
        if isinstance(node.op, Conv) and reads:
            return True
        if isinstance(node.op, Conv | Add) or (isinstance(node.op, Concat | Affine) and reads):
            linear.add(node.name)
    return False


def has_skips_over_sums(graph: Graph) -> bool:
    """Whether a convolution is added to what it reads, which adds 1 to weights of it: the sums are the same."""
    nodes = {node.name: node for node in graph.nodes}

    def reads(name: str, other: str) -> bool:
        node = nodes.get(name)
        if node is None or not isinstance(node.op, Conv | Concat | Affine | Add):
            return name == other
        return name == other or any(reads(source, other) for source in node.inputs)

    def skips(node: Node) -> bool:
        a, b = node.inputs
        return reads(a, b) or reads(b, a)

    return any(skips(node) for node in graph.nodes if isinstance(node.op, Add))


def has_lopsided_kernels(graph: Graph) -> bool:
    """Whether a channel's weights are all zero in an outer row or column of a convolution."""
    weights = [node.op.weight for node in graph.nodes if isinstance(node.op, Conv)]
    edges = [(0, axis) for axis in (2, 3)] + [(-1, axis) for axis in (2, 3)]
    return any(
        not np.take(weight, index, axis).any(axis=(1, 2)).all()
        for weight in weights
        for index, axis in edges
        if weight.shape[axis] > 1
    )


def sizes(graph: Graph) -> set[float]:
    """All weights of a graph's convolutions, without their signs: of x and -x, either is convolved."""
    return {abs(weight) for weight in weights(graph)}


def halved(numbers: set[float]) -> set[float]:
    """The numbers as 16-bit floats have them; the text has as many digits as those need."""
    return {float(np.float16(number)) for number in numbers}


def test_the_record_says_where_the_weights_come_from() -> None:
    text = "// Copyright 2026 Somebody\n// SPDX-License-Identifier: MIT\n" + built(c_model(), Target(without=PLAIN))
    record = lift(text, "x.glsl").graph.record
    assert record.licence == "Copyright 2026 Somebody; SPDX-License-Identifier: MIT; Licence of the weights: MIT"
    assert len(record.sha256) == 64
