"""Lowering: the same picture in operators that hook passes compute."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadergen import compiler
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import Add, Conv, ConvTranspose, GlobalAveragePool, Mul, Op, Pad, PadMode, Relu
from shadergen.passes.lower import MAX_CHANNELS, MEAN_BLOCK, lower
from shadergen.target import Target

RNG = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return RNG.normal(0, 1 / np.sqrt(shape[1]), shape).astype(np.float32)


def net(**nodes: tuple[Op, str]) -> Graph:
    """A luma model of `name=(op, "inputs")`; the last node gives the output."""
    listed = tuple(Node(name, op, tuple(inputs.split())) for name, (op, inputs) in nodes.items())
    return Graph("net", "luma", listed, listed[-1].name)


def operators(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def assert_same(graph: Graph, *sizes: tuple[int, int]) -> Graph:
    """Lowering keeps types and values; the lowered graph."""
    lowered = lower(graph)
    assert verify(lowered)[graph.output] == verify(graph)[graph.output]
    for size in sizes:
        image = np.random.default_rng(1).random((1, *size))
        expected = reference.evaluate(graph, image)[graph.output]
        np.testing.assert_allclose(reference.evaluate(lowered, image)[graph.output], expected, rtol=0, atol=1e-12)
    return lowered


@given(
    kernel=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stride=st.integers(1, 4),
    sides=st.tuples(*[st.integers(0, 3)] * 2, *[st.integers(-2, 3)] * 2),
    group=st.sampled_from((1, 2)),
)
def test_a_transposed_convolution_is_one_for_each_phase(
    kernel: tuple[int, int], stride: int, sides: tuple[int, int, int, int], group: int
) -> None:
    up = ConvTranspose(weights(4, 3, *kernel), weights(3 * group, 1)[:, 0], sides, (stride, stride), group)
    graph = net(wide=(Conv(weights(4, 1, 1, 1), weights(4, 1)[:, 0]), "input"), up=(up, "wide"), z=(Relu(), "up"))
    lowered = assert_same_but_output(graph)
    assert not {"ConvTranspose"} & set(operators(lowered))


def assert_same_but_output(graph: Graph) -> Graph:
    """`assert_same` for a network whose output is no picture."""
    lowered = lower(graph)
    image = np.random.default_rng(1).random((1, 9, 8))
    expected, found = (reference.evaluate(one, image)[graph.output] for one in (graph, lowered))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    return lowered


def test_strides_that_differ_down_and_right() -> None:
    up = ConvTranspose(weights(4, 3, 3, 4), weights(3, 1)[:, 0], (1, 0, -1, 2), (3, 2))
    lowered = assert_same_but_output(
        net(wide=(Conv(weights(4, 1, 1, 1), np.zeros(4, np.float32)), "input"), up=(up, "wide"))
    )
    assert operators(lowered)[-1] == "MaxPool", "every so many rows and columns"


@pytest.mark.parametrize("group", [2, 8])
def test_groups_are_zeros_between_them(group: int) -> None:
    first = Conv(weights(8, 1, 3, 3), weights(8, 1)[:, 0], (1, 1, 1, 1))
    grouped = Conv(weights(16, 8 // group, 3, 3), weights(16, 1)[:, 0], (1, 1, 1, 1), group=group)
    last = Conv(weights(1, 16, 1, 1), np.zeros(1, np.float32))
    lowered = assert_same(net(a=(first, "input"), b=(grouped, "a"), c=(last, "b")), (5, 4), (1, 1))
    assert all(node.op.group == 1 for node in lowered.nodes if isinstance(node.op, Conv))


def test_very_many_channels_are_parts_that_are_added() -> None:
    first = Conv(weights(2 * MAX_CHANNELS + 3, 1, 1, 1), weights(2 * MAX_CHANNELS + 3, 1)[:, 0])
    last = Conv(weights(1, 2 * MAX_CHANNELS + 3, 3, 3), weights(1, 1)[:, 0], (1, 1, 1, 1))
    lowered = assert_same(net(a=(first, "input"), b=(last, "a")), (5, 4))
    assert operators(lowered) == ["Conv", "Conv", "Conv", "Add", "Conv", "Add"]


@pytest.mark.parametrize(
    ("mode", "own", "value", "folds"),
    [
        ("zero", 0, 0.0, True),
        ("zero", 1, 0.0, True),
        ("edge", 0, 0.0, True),
        ("reflect", 0, 0.0, True),
        ("edge", 1, 0.0, False),  # zeros around the continued edge
        ("zero", 0, 0.5, False),
    ],
)
def test_padding_in_front_of_a_convolution_becomes_its_own(mode: PadMode, own: int, value: float, folds: bool) -> None:
    conv = Conv(weights(1, 1, 5, 3), weights(1, 1)[:, 0], (own, own, own, own))
    pads = (2 - own, 1 - own, 2 - own, 1 - own)
    graph = net(pad=(Pad(pads, mode, value), "input"), conv=(conv, "pad"))
    if mode != "zero" and own:
        pads = (1, 1, 1, 1)
        graph = net(pad=(Pad(pads, mode, value), "input"), conv=(conv, "pad"), crop=(Pad((0, -1, 0, -1)), "conv"))
    lowered = assert_same(graph, (6, 5), (4, 4))
    assert (lowered.node("conv").inputs == ("input",)) == folds


def test_a_crop_stays() -> None:
    graph = net(
        pad=(Pad((-1, -1, -1, -1)), "input"),
        conv=(Conv(weights(1, 1, 1, 1), np.zeros(1, np.float32), (1, 1, 1, 1)), "pad"),
    )
    assert lower(graph).node("conv").inputs == ("pad",)


@pytest.mark.parametrize("size", [(1, 1), (MEAN_BLOCK, MEAN_BLOCK), (MEAN_BLOCK + 1, 3 * MEAN_BLOCK - 1)])
def test_a_mean_of_means(size: tuple[int, int]) -> None:
    lowered = assert_same(net(mean=(GlobalAveragePool(), "input"), sum=(Add(), "input mean")), size)
    assert operators(lowered) == ["AveragePool", "MeanOfMeans", "Add"]


def test_names_that_are_taken() -> None:
    relu, mean = Relu(), GlobalAveragePool()
    graph = net(mean_blocks=(relu, "input"), mean=(mean, "mean_blocks"), sum=(Add(), "mean_blocks mean"))
    assert [node.name for node in assert_same(graph, (3, 3)).nodes] == ["mean_blocks", "mean_blocks_v2", "mean", "sum"]


def test_what_hook_passes_compute_is_left_alone() -> None:
    graph = net(a=(Conv(weights(1, 1, 3, 3), np.zeros(1, np.float32), (1, 1, 1, 1)), "input"), b=(Relu(), "a"))
    assert [node.op for node in lower(graph).nodes][1] is graph.nodes[1].op


@pytest.mark.parametrize("strides", [(2,), (2, 2), (2, 2, 2), (3, 2)])
def test_the_mean_of_what_was_made_small_has_smaller_blocks(strides: tuple[int, ...]) -> None:
    """Blocks of 32 of a quarter of the picture are a size that no graph may have (waifu2x cunet, Real-CUGAN up3x)."""
    nodes: dict[str, tuple[Op, str]] = {"wide": (Conv(weights(4, 1, 1, 1), weights(4, 1)[:, 0]), "input")}
    value = "wide"
    for number, stride in enumerate(strides):
        op = Conv(
            weights(4, 4, stride, stride), weights(4, 1)[:, 0], (0, 0, stride - 1, stride - 1), strides=(stride,) * 2
        )
        nodes[f"small{number}"], value = (op, value), f"small{number}"
    nodes |= {"mean": (GlobalAveragePool(), value), "scaled": (Mul(), "wide mean")}
    graph = net(**nodes, last=(Conv(weights(1, 4, 1, 1), weights(1, 1)[:, 0]), "scaled"))
    compiler.compile(graph, Target())
    assert_same(graph, (1, 1), (70, 100))
