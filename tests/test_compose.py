"""Composed convolutions mean the same, borders included, cost less, and nothing else is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from shadergen import passes
from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import Add, Array, Conv, Op, PadMode, Relu, Rim, RimTerm
from shadergen.passes.compose import MAX_KERNEL, compose_linear, macs
from shadergen.passes.hoist import hoist_pointwise
from shadergen.sources import npz
from tests.nets import PLANES, c_model
from tests.random_graphs import random_graph

C4F32 = npz.load(Path(__file__).parents[1] / "weights" / "C4F32.npz")
SIZES = ((1, 1), (1, 2), (2, 1), (2, 2), (3, 3), (1, 17), (17, 13), (5, 4), (40, 23))
SMALL = tuple((height, width) for height in range(1, 7) for width in range(1, 7))

Pads = tuple[int, int, int, int]
Entry = tuple[str, Op, str]

# ---------------------------------------------------------------------------------------------------------------------
# Networks whose arithmetic is exact: weights are few bits, and so are those of composites and all sums


def exact(graph: Graph) -> Graph:
    """The graph with weights rounded to quarters, so that composing rounds nothing."""

    def quarters(array: Array) -> Array:
        return (np.rint(array * 4) / 4).astype(np.float32)

    ops = (replace(op, weight=quarters(op.weight), bias=quarters(op.bias)) for op in convs(graph))
    nodes = (replace(node, op=next(ops)) if isinstance(node.op, Conv) else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


def conv(
    channels: int, out: int, kernel: int | tuple[int, int] = 3, pads: Pads | None = None, mode: PadMode = "zero"
) -> Conv:
    """Random weights; without `pads`, the size stays."""
    kh, kw = (kernel, kernel) if isinstance(kernel, int) else kernel
    rng = np.random.default_rng((channels, out, kh, kw))
    weight = rng.integers(-4, 5, (out, channels, kh, kw)).astype(np.float32) * np.float32(0.25)
    bias = rng.integers(1, 5, out).astype(np.float32) * np.float32(0.25)
    top, left = (kh - 1) // 2, (kw - 1) // 2
    return Conv(weight, bias, pads or (top, left, kh - 1 - top, kw - 1 - left), mode)


def net(*nodes: Entry) -> Graph:
    """A luma model from nodes with their inputs in one string."""
    return Graph(
        "net", "luma", tuple(Node(name, op, tuple(inputs.split())) for name, op, inputs in nodes), nodes[-1][0]
    )


def convs(graph: Graph) -> Iterable[Conv]:
    return (node.op for node in graph.nodes if isinstance(node.op, Conv))


def kinds(graph: Graph) -> list[tuple[str, str]]:
    return [(node.name, type(node.op).__name__) for node in graph.nodes]


def image(graph: Graph, size: tuple[int, ...]) -> Any:
    """Eighths between -1 and 1."""
    return np.random.default_rng(0).integers(-8, 9, (graph.input_type.channels, *size)) / 8


def assert_same(before: Graph, after: Graph, sizes: Iterable[tuple[int, ...]]) -> None:
    verify(after)
    for size in sizes:
        x = image(before, size)
        ours, theirs = reference.evaluate(after, x), reference.evaluate(before, x)
        for name in set(ours) & set(theirs):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-9, err_msg=f"{name} {size}")


def composed(graph: Graph, sizes: Iterable[tuple[int, ...]] = SMALL) -> Graph:
    """What composing gives, after checking it as far as any result can be."""
    after = compose_linear(graph)
    assert_same(graph, after, sizes)
    assert {node.name for node in after.nodes} >= {graph.output}
    assert len({node.name for node in after.nodes}) == len(after.nodes)
    assert max((max(op.weight.shape[2:]) for op in convs(after)), default=0) <= MAX_KERNEL
    assert (macs(after) < macs(graph)) == (dump(after) != dump(graph)), "changed if it costs less, and only then"
    assert compose_linear(after) is after
    return after


# ---------------------------------------------------------------------------------------------------------------------
# C models


def test_c4f32_costs_a_third_less() -> None:
    after = compose_linear(C4F32)
    assert [macs(C4F32), macs(after)] == [47520, 31748]
    # conv0 is gone: conv1 reads the input, and so does conv6, besides relu4.
    assert kinds(after) == [
        *(("conv1_whole", "Conv"), ("conv1_rim", "Rim"), ("conv1", "Add"), ("relu1", "Relu")),
        *((f"{kind.lower()}{i}", kind) for i in (2, 3, 4) for kind in ("Conv", "Relu")),
        *(("conv6_relu4_whole", "Conv"), ("conv6_input_whole", "Conv")),
        *(("conv6_relu4_rim", "Rim"), ("conv6_input_rim", "Rim")),
        *(("conv6_sum", "Add"), ("conv6_sum2", "Add"), ("conv6", "Add")),
        *(("shuffle", "DepthToSpace"), ("output", "Clip")),
    ]
    shapes = {node.name: node.op.weight.shape for node in after.nodes if isinstance(node.op, Conv)}
    assert shapes["conv1_whole"] == (32, 1, 5, 5)
    assert shapes["conv6_relu4_whole"] == (4, 32, 5, 5)
    assert shapes["conv6_input_whole"] == (4, 1, 5, 5)
    assert compose_linear(after) is after
    assert dump(compose_linear(C4F32)) == dump(after)


def test_c4f32_stays_the_same_picture() -> None:
    """Composites are rounded to float32: some 1e-7 of a value."""
    after = compose_linear(C4F32)
    assert_same(exact(C4F32), compose_linear(exact(C4F32)), SIZES)
    for kind in (np.float32, np.float64):
        for size in SIZES:
            x: Any = np.random.default_rng(1).random((1, *size)).astype(kind)
            ours, theirs = (reference.evaluate(graph, x)["output"] for graph in (after, C4F32))
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=2e-6)


def test_a_rim_reads_single_rows_and_columns() -> None:
    """Of a 3x3 kernel's taps beyond the border, only the row next to it reads anything."""
    (rim,) = (node.op for node in compose_linear(C4F32).nodes if node.name == "conv1_rim")
    assert isinstance(rim, Rim)
    kernels = {(term.row, term.column): (*term.weight.shape[2:], term.dy, term.dx) for term in rim.terms}
    rows, columns, corners = (1, 5, 0, -2), (5, 1, -2, 0), (1, 1, 0, 0)
    assert [kernels.pop(place) for place in ((0, None), (-1, None))] == [rows] * 2
    assert [kernels.pop(place) for place in ((None, 0), (None, -1))] == [columns] * 2
    assert [kernels.pop(place) for place in ((0, 0), (0, -1), (-1, 0), (-1, -1))] == [corners] * 4
    assert not kernels


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("kernel", [3, 5])
def test_c_models_of_every_plane(plane: str, kernel: int) -> None:
    graph = exact(c_model(next(name for name in PLANES if name == plane), filters=24, layers=1, kernel=kernel))
    even = plane == "chroma"
    composed(graph, [(h * 2, w * 2) if even else (h, w) for h, w in SIZES[:-1]])


# ---------------------------------------------------------------------------------------------------------------------
# Pairs and chains

Pair = tuple[int, int]
MODES: st.SearchStrategy[PadMode] = st.sampled_from(("zero", "zero", "zero", "edge", "reflect"))


@st.composite
def growing_convs(draw: st.DrawFn, channels: int, out: int, growth: Pair, longest: int = 5) -> Conv:
    """Any kernel, off-centre, that makes the height and the width grow by so many texels, which may be negative."""
    kh, kw = (draw(st.integers(max(1 - more, 1), max(1 - more, longest))) for more in growth)
    tall, wide = kh - 1 + growth[0], kw - 1 + growth[1]
    top, left = draw(st.integers(0, tall)), draw(st.integers(0, wide))
    return conv(channels, out, (kh, kw), (top, left, tall - top, wide - left), draw(MODES))


@st.composite
def linear_nets(draw: st.DrawFn) -> Graph:
    """Wide linear convolutions of one channel, their sum, perhaps another wide one, and one back to one channel."""
    growths = st.sampled_from(((0, 0), (0, 0), (0, 0), (1, 2), (-1, -2), (-2, 1)))
    first, last = draw(growths), draw(growths)
    longest = draw(st.sampled_from((1, 3, 3, 3, 5)))
    nodes: list[Entry] = [("bent", Relu(), "input")]
    for i in range(draw(st.integers(1, 3))):
        before = nodes[-1][0]
        source = draw(st.sampled_from(("input", "bent")))
        nodes.append((f"a{i}", draw(growing_convs(1, 8, first, longest)), source))
        if i:
            nodes.append((f"sum{i}", Add(), f"{before} a{i}"))
    if draw(st.booleans()):
        nodes.append(("b", draw(growing_convs(8, 8, (0, 0), longest)), nodes[-1][0]))
    nodes.append(("c", draw(growing_convs(8, 1, last, longest)), nodes[-1][0]))
    nodes.append(("d", Relu(), "c"))
    back = (-first[0] - last[0], -first[1] - last[1])
    nodes.append(("fit", draw(growing_convs(1, 1, back, 1)), "d"))
    return net(*nodes)


@settings(deadline=None)
@given(linear_nets())
def test_a_random_linear_net(graph: Graph) -> None:
    smallest = [
        max(1 - extent.offset for extent in extents)
        for extents in zip(*((type_.height, type_.width) for type_ in verify(graph).values()), strict=True)
    ]
    more = ((0, 0), (0, 1), (1, 0), (1, 1), (2, 3), (4, 2), (9, 0), (8, 10))
    after = composed(graph, [(smallest[0] + h, smallest[1] + w) for h, w in more])
    rims = sum(isinstance(node.op, Rim) for node in after.nodes)
    event(f"{rims} rims" if macs(after) < macs(graph) else "as before")


@pytest.mark.parametrize("seed", range(24))
def test_a_random_graph_of_every_operator(seed: int) -> None:
    """Weights that are not exact, up to 1e-6 of a value."""
    graph = random_graph(seed, any_size=True)
    after = passes.optimise(graph)
    for size in ((1, 1), (3, 2), (13, 17)):
        x = image(graph, size)
        ours, theirs = (reference.evaluate(which, x)[graph.output] for which in (after, graph))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "kernels", [(3, 3), (5, 5), (2, 4), (4, 3), (1, 3), (3, 1), ((1, 5), (5, 1)), ((5, 2), (3, 4))]
)
def test_a_pair_at_every_size(kernels: tuple[Any, Any]) -> None:
    first, second = kernels
    after = composed(net(("a", conv(1, 8, first), "input"), ("b", conv(8, 1, second), "a")))
    # Only a second convolution that reads its neighbours reads zeros that the first did not give.
    expected = [("b_whole", "Conv"), ("b_rim", "Rim"), ("b", "Add")] if second != 1 else [("b", "Conv")]
    assert kinds(after) == expected


@pytest.mark.parametrize("pads", [(0, 0, 2, 2), (2, 2, 0, 0), (2, 0, 0, 2), (1, 2, 1, 0)])
def test_pads_that_are_not_centred(pads: Pads) -> None:
    for first, second in ((pads, None), (None, pads), (pads, pads)):
        after = composed(net(("a", conv(1, 8, 3, first), "input"), ("b", conv(8, 1, 3, second), "a")))
        assert [kind for _, kind in kinds(after)] == ["Conv", "Rim", "Add"]


def test_a_chain_of_three() -> None:
    after = composed(net(("a", conv(1, 8), "input"), ("b", conv(8, 8), "a"), ("c", conv(8, 1), "b")))
    assert kinds(after) == [("c_whole", "Conv"), ("c_rim", "Rim"), ("c", "Add")]
    assert macs(after) == 7 * 7


def test_a_chain_of_five_is_composed_as_far_as_it_is_exact() -> None:
    """A rim two rows deep is not composed with taps that look outwards: an image of one row lacks the second."""
    chain: list[Entry] = [(f"c{i}", conv(8, 8), f"c{i - 1}") for i in range(1, 4)]
    graph = net(("c0", conv(1, 8), "input"), *chain, ("c4", conv(8, 1), "c3"))
    assert macs(composed(graph)) < macs(graph) / 2


def test_a_rim_that_is_there_is_composed() -> None:
    """b is wanted as it is, so c finds it composed."""
    nodes: list[Entry] = [("a", conv(1, 16), "input"), ("b", conv(16, 16), "a")]
    first = composed(net(*nodes, ("relu", Relu(), "b"), ("end", conv(16, 1, 1), "relu")))
    assert "Rim" in dict(kinds(first)).values()
    more = (Node("c", conv(16, 1), ("b",)), Node("total", Add(), ("end", "c")))
    second = composed(replace(first, nodes=first.nodes + more, output="total"))
    assert macs(first) == 400 + 16
    assert macs(second) == macs(first) + 7 * 7


def test_leaves_that_read_one_value_share_a_convolution() -> None:
    """And one that is not composed stays as it is: the sum of x and a(x), read by b, is one convolution of x."""
    wide: list[Entry] = [("w", conv(1, 8), "input"), ("x", Relu(), "w")]
    after = composed(net(*wide, ("a", conv(8, 8, 1), "x"), ("s", Add(), "a x"), ("b", conv(8, 1), "s")))
    assert [name for name, _ in kinds(after)] == ["w", "x", "b_whole", "b_rim", "b"]
    twice = composed(net(("a", conv(1, 8), "input"), ("s", Add(), "a a"), ("b", conv(8, 1), "s")))
    assert macs(twice) == 25


def test_sums_within_sums() -> None:
    nodes: list[Entry] = [("x", Relu(), "input"), ("y", Relu(), "x")]
    nodes += [(f"{name}_wide", conv(1, 8), name) for name in ("input", "x", "y")]
    nodes += [("s", Add(), "input_wide x_wide"), ("t", Add(), "y_wide s"), ("b", conv(8, 1), "t")]
    after = composed(net(*nodes))
    assert macs(after) == 3 * 25
    assert kinds(after)[2:] == [
        *((f"b_{name}_whole", "Conv") for name in ("y", "input", "x")),
        *((f"b_{name}_rim", "Rim") for name in ("y", "input", "x")),
        *((f"b_sum{number}", "Add") for number in ("", 2, 3, 4)),
        ("b", "Add"),
    ]


def test_without_padding_in_the_second_there_is_no_rim() -> None:
    for mode in get_args(PadMode):
        after = composed(
            net(("a", conv(1, 8, 3, (2, 2, 2, 2), mode), "input"), ("b", conv(8, 1, 3, (0, 0, 0, 0)), "a"))
        )
        (op,) = convs(after)
        assert (kinds(after), op.pads, op.pad_mode) == ([("b", "Conv")], (2, 2, 2, 2), mode)


def test_single_pixels_first_may_be_padded_by_any_rule() -> None:
    for mode in ("edge", "reflect"):
        after = composed(net(("a", conv(1, 8, 1), "input"), ("b", conv(8, 1, 3, mode=mode), "a")))
        (op,) = convs(after)
        assert (kinds(after), op.pads, op.pad_mode) == ([("b", "Conv")], (1, 1, 1, 1), mode)


def test_a_rim_only_where_something_is_missing() -> None:
    """The bias of single pixels is missing outside; without one nothing is."""
    first, second = conv(1, 8, 1), conv(8, 1)
    assert "b_rim" in dict(kinds(composed(net(("a", first, "input"), ("b", second, "a")))))
    first = replace(first, bias=np.zeros_like(first.bias))
    assert kinds(composed(net(("a", first, "input"), ("b", second, "a")))) == [("b", "Conv")]


# ---------------------------------------------------------------------------------------------------------------------
# What is left alone

ALONE: dict[str, Graph] = {
    "an activation between": net(("a", conv(1, 8), "input"), ("r", Relu(), "a"), ("b", conv(8, 1), "r")),
    "the second padded by its edge": net(("a", conv(1, 8), "input"), ("b", conv(8, 1, mode="edge"), "a")),
    "the second padded by reflection": net(("a", conv(1, 8), "input"), ("b", conv(8, 1, mode="reflect"), "a")),
    "the first padded by its edge": net(("a", conv(1, 8, mode="edge"), "input"), ("b", conv(8, 1), "a")),
    "padding after a smaller value": net(
        ("a", conv(1, 8, 3, (0, 0, 0, 0)), "input"), ("b", conv(8, 1, 3, (2, 2, 2, 2)), "a")
    ),
    "padding after a larger value": net(
        ("a", conv(1, 8, 3, (2, 2, 2, 2)), "input"), ("b", conv(8, 1, 5, (1, 1, 1, 1)), "a")
    ),
    "a composite that costs more": net(
        ("w", conv(1, 8), "input"), ("x", Relu(), "w"), ("a", conv(8, 8), "x"), ("b", conv(8, 8), "a"),
        ("r", Relu(), "b"), ("end", conv(8, 1, 1), "r"),
    ),
    "a composite that costs the same": net(("a", conv(1, 1, (1, 2)), "input"), ("b", conv(1, 1, (2, 1)), "a")),
    "a first that others want": net(
        ("w", conv(1, 4), "input"), ("x", Relu(), "w"), ("a", conv(4, 4), "x"), ("b", conv(4, 1), "a"),
        ("r", Relu(), "a"), ("c", conv(4, 1), "r"), ("end", Add(), "b c"),
    ),
    "a kernel that is too large": net(
        ("a", conv(1, 8, 5), "input"), ("b", conv(8, 1, 6), "a"),
    ),
    "more in the rim than is saved": net(("a", conv(1, 2, 5), "input"), ("b", conv(2, 1, 5), "a")),
    "no convolution": net(("a", Relu(), "input")),
}  # fmt: skip


@pytest.mark.parametrize("graph", ALONE.values(), ids=list(ALONE))
def test_left_alone(graph: Graph) -> None:
    assert compose_linear(graph) is graph


def test_a_first_that_others_want_is_saved_with_the_last_of_them() -> None:
    """Each of two that read it is composed since that alone pays; then nobody reads it."""
    both: list[Entry] = [("b", conv(8, 1), "a"), ("c", conv(8, 1, 5), "a"), ("end", Add(), "b c")]
    after = composed(net(("a", conv(1, 8), "input"), *both))
    assert macs(after) == 25 + 49
    assert "a" not in dict(kinds(after))


def test_what_is_no_longer_finite_is_left_alone() -> None:
    a, b = (replace(op, weight=np.full_like(op.weight, 1e30)) for op in (conv(1, 8), conv(8, 1)))
    graph = net(("a", a, "input"), ("b", b, "a"))
    assert compose_linear(graph) is graph


# ---------------------------------------------------------------------------------------------------------------------
# Names, the list of passes, files


def test_names_that_are_taken() -> None:
    nodes: list[Entry] = [("b_whole", Relu(), "input"), ("b_rim", Relu(), "b_whole")]
    graph = net(*nodes, ("a", conv(1, 8), "b_rim"), ("b", conv(8, 1), "a"))
    after = composed(graph)
    assert [name for name, _ in kinds(after)] == ["b_whole", "b_rim", "b_whole_v2", "b_rim_v2", "b"]


def test_a_sum_over_the_input_is_named_after_it() -> None:
    nodes = tuple(
        replace(node, inputs=tuple("image" if name == "input" else name for name in node.inputs))
        for node in C4F32.nodes
    )
    found = kinds(compose_linear(replace(C4F32, nodes=nodes, input="image")))
    assert found == [(name.replace("input", "image"), op) for name, op in kinds(compose_linear(C4F32))]


def test_weights_are_finite_float32() -> None:
    for node in compose_linear(C4F32).nodes:
        terms: tuple[Conv | RimTerm, ...]
        terms = node.op.terms if isinstance(node.op, Rim) else (node.op,) if isinstance(node.op, Conv) else ()
        for term in terms:
            assert term.weight.dtype == term.bias.dtype == np.float32
            assert np.isfinite(term.weight).all()
            assert np.isfinite(term.bias).all()


def test_optimisations_can_be_switched_off() -> None:
    dead = replace(C4F32, nodes=(*C4F32.nodes, Node("unused", Relu(), ("conv1",))))
    assert macs(passes.optimise(dead)) == 31748
    assert dump(passes.optimise(dead, frozenset({"compose"}))) == dump(hoist_pointwise(C4F32))


def test_a_rewritten_graph_is_not_for_files(tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"node 'conv1_rim': found operator 'Rim', expected one of Conv, ConvTranspose"
    ):
        npz.save(compose_linear(C4F32), tmp_path / "a.npz")
    assert not list(tmp_path.iterdir())


def test_long_chains_and_towers_take_no_long_time() -> None:
    """Choices are limited; without that they double with every sum."""
    nodes: list[Entry] = [("c0", conv(1, 8), "input"), ("r", Relu(), "c0"), ("s0", Add(), "c0 r")]
    for i in range(1, 17):
        nodes += [(f"b{i}", conv(8, 8), "r"), (f"s{i}", Add(), f"s{i - 1} b{i}")]
    graph = net(*nodes, ("z", conv(8, 1), "s16"))
    assert macs(compose_linear(graph)) < macs(graph) / 4
