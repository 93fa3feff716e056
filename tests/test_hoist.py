"""Pointwise work moves in front of a shuffle, and means what it meant."""

from __future__ import annotations

import numpy as np
import pytest

from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Add, Clip, Conv, DepthToSpace, Op, PRelu, Relu, Sigmoid
from shadergen.passes.hoist import hoist_pointwise
from tests.nets import random_conv

CONV = Conv(*random_conv(np.random.default_rng(0), 1, 4, 1))


def net(*nodes: tuple[str, Op, str]) -> Graph:
    listed = tuple(Node(name, op, tuple(inputs.split())) for name, op, inputs in nodes)
    return Graph("net", "luma", listed, listed[-1].name)


def operators(graph: Graph) -> list[tuple[str, str]]:
    return [(node.name, type(node.op).__name__) for node in graph.nodes]


def test_a_clip_behind_a_shuffle_is_done_before_it() -> None:
    graph = net(("conv", CONV, "input"), ("shuffle", DepthToSpace(2), "conv"), ("output", Clip(), "shuffle"))
    assert operators(hoist_pointwise(graph)) == [
        ("conv", "Conv"),
        ("output_phases", "Clip"),
        ("output", "DepthToSpace"),
    ]


def test_several_operators_move_in_their_order() -> None:
    graph = net(
        ("conv", CONV, "input"), ("shuffle", DepthToSpace(2), "conv"), ("relu", Relu(), "shuffle"),
        ("output", Sigmoid(), "relu"),
    )  # fmt: skip
    found = hoist_pointwise(graph)
    assert [kind for _, kind in operators(found)] == ["Conv", "Relu", "Sigmoid", "DepthToSpace"]
    image = np.random.default_rng(1).random((1, 3, 5), np.float32)
    expected = reference.evaluate(graph, image)["output"]
    np.testing.assert_array_equal(reference.evaluate(found, image)["output"], expected)


STAYS = {
    "others read the shuffle": net(
        ("conv", CONV, "input"), ("shuffle", DepthToSpace(2), "conv"), ("relu", Relu(), "shuffle"),
        ("output", Add(), "relu shuffle"),
    ),
    "it has a number for each channel": net(
        ("conv", CONV, "input"), ("shuffle", DepthToSpace(2), "conv"),
        ("output", PRelu(np.full(1, 0.5, np.float32)), "shuffle"),
    ),
    "it has two inputs": net(
        ("conv", CONV, "input"), ("shuffle", DepthToSpace(2), "conv"), ("other", DepthToSpace(2), "conv"),
        ("output", Add(), "shuffle other"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", STAYS)
def test_it_stays_where(why: str) -> None:
    assert hoist_pointwise(STAYS[why]) == STAYS[why]


def test_names_that_are_taken() -> None:
    graph = net(
        ("output_phases", CONV, "input"), ("shuffle", DepthToSpace(2), "output_phases"), ("output", Clip(), "shuffle")
    )
    assert [name for name, _ in operators(hoist_pointwise(graph))] == ["output_phases", "output_phases_v2", "output"]
