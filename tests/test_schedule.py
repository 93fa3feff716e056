"""Which work happens in which hook pass."""

from __future__ import annotations

import numpy as np
import pytest

from shadergen import compiler
from shadergen.errors import TargetError
from shadergen.graph import (
    Add,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Graph,
    Node,
    Op,
    Plane,
    Relu,
    Slice,
    SpaceToDepth,
)
from shadergen.packing import lanes
from shadergen.schedule import ConvStep, GatherStep, LaneStep, ReadStep, ScatterStep, Schedule, schedule
from shadergen.target import VARIANTS, Target
from tests.nets import PLANES, c_model, random_conv, random_graph

FRAGMENT, COMPUTE, FP16 = VARIANTS


def conv(channels: int, out: int, kernel: int = 3) -> Conv:
    weight, bias = random_conv(np.random.default_rng(0), channels, out, kernel)
    pad = kernel // 2
    return Conv(weight, bias, (pad, pad, pad, pad))


def net(**nodes: tuple[Op, str]) -> Graph:
    """A luma graph; each node as (operator, its inputs' names), the last one the output."""
    listed = tuple(Node(name, op, tuple(inputs.split())) for name, (op, inputs) in nodes.items())
    return Graph("net", "luma", listed, listed[-1].name)


def kept(planned: Schedule) -> list[str]:
    return list(planned.textures)


def lines(planned: Schedule) -> list[str]:
    """A line per pass: what it writes, from which textures, through which nodes."""
    prefix = f"{planned.prefix}_"
    return [
        f"{scheduled.writes.name.removeprefix(prefix) if scheduled.writes else 'plane'}"
        f" <- {' '.join(texture.name.removeprefix(prefix) for texture in scheduled.binds) or 'input'}"
        f": {' '.join(node.name for node in scheduled.nodes)}"
        for scheduled in planned.passes
    ]


# ---------------------------------------------------------------------------------------------------------------------
# C models


def test_a_c_model_in_compute() -> None:
    assert lines(schedule(c_model(filters=8), COMPUTE)) == [
        "conv0 <- input: conv0",
        "relu1 <- conv0: conv1 relu1",
        "relu2 <- relu1: conv2 relu2",
        "skip <- relu2: conv0 conv3 skip",
        "plane <- skip: conv4 shuffle output",
    ]


def test_a_c_model_in_fragments() -> None:
    assert lines(schedule(c_model(filters=8, layers=1), FRAGMENT)) == [
        "conv0_0 <- input: conv0",
        "conv0_1 <- input: conv0",
        "relu1_0 <- conv0_0 conv0_1: conv1 relu1",
        "relu1_1 <- conv0_0 conv0_1: conv1 relu1",
        "skip_0 <- relu1_0 relu1_1: conv0 conv2 skip",
        "skip_1 <- relu1_0 relu1_1: conv0 conv2 skip",
        "conv3 <- skip_0 skip_1: conv3",
        "plane <- conv3: shuffle output",
    ]


def test_a_chroma_model_in_compute() -> None:
    assert lines(schedule(c_model("chroma", filters=8, layers=1), COMPUTE)) == [
        "blocks <- input: blocks",
        "conv0 <- blocks: conv0",
        "relu1 <- conv0: conv1 relu1",
        "skip <- relu1 conv0: conv2 skip",
        "plane <- skip: conv3 shuffle bilinear residual output",
    ]


def test_an_rgb_model_in_compute() -> None:
    planned = schedule(c_model("rgb", filters=8, layers=1), COMPUTE)
    assert lines(planned)[-1] == "plane <- skip: conv3 shuffle"
    assert lines(planned)[-2] == "skip <- relu1: conv0 conv2 skip", "3x3 on three channels is still cheap"


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("target", VARIANTS, ids=lambda target: target.suffix)
def test_the_last_pass_alone_gives_the_plane(plane: Plane, target: Target) -> None:
    planned = schedule(c_model(plane), target)
    assert [scheduled.writes is None for scheduled in planned.passes] == [False] * (len(planned.passes) - 1) + [True]


def test_a_target_s_suffix_keeps_the_names_of_two_files_apart() -> None:
    names = [{t.name for ts in schedule(c_model(), target).textures.values() for t in ts} for target in VARIANTS]
    assert not names[0] & names[1]
    assert not names[1] & names[2]
    assert "C2F8_CMP_FP16_conv0" in names[2]


def test_depth_to_space_is_in_the_last_pass() -> None:
    last = schedule(c_model(), COMPUTE).passes[-1]
    assert last.block == 2
    assert [type(step) for step in last.steps] == [ConvStep]
    assert isinstance(last.block_steps[0], LaneStep)
    assert schedule(c_model(), FRAGMENT).passes[-1].block == 1
    assert isinstance(schedule(c_model(), FRAGMENT).passes[-1].steps[0], ScatterStep | ReadStep)


# ---------------------------------------------------------------------------------------------------------------------
# What is kept


def test_a_convolution_s_input_is_kept() -> None:
    graph = net(a=(conv(1, 4), "input"), b=(Relu(), "a"), c=(conv(4, 1), "b"))
    assert kept(schedule(graph, COMPUTE)) == ["b"]


def test_pointwise_work_is_done_where_it_is_wanted() -> None:
    graph = net(
        a=(conv(1, 4), "input"),
        b=(conv(4, 4), "a"),
        c=(Relu(), "b"),
        d=(conv(4, 4), "c"),
        e=(Add(), "d c"),
        f=(conv(4, 1), "e"),
    )
    planned = schedule(graph, COMPUTE)
    assert kept(planned) == ["a", "c", "e"]
    assert lines(planned)[2] == "e <- c: d e"


def test_a_convolution_that_two_passes_want_is_kept() -> None:
    graph = net(
        a=(conv(1, 4), "input"),
        b=(conv(4, 4), "a"),
        c=(Relu(), "b"),
        d=(Clip(), "b"),
        e=(conv(4, 4), "c"),
        f=(conv(4, 4), "d"),
        g=(Add(), "e f"),
        h=(conv(4, 1), "g"),
    )
    assert "b" in kept(schedule(graph, COMPUTE))


def test_a_cheap_convolution_of_the_input_is_computed_again() -> None:
    cheap, dear = (
        net(a=(conv(1, 4, kernel), "input"), b=(conv(4, 4), "a"), c=(Add(), "b a"), d=(conv(4, 1), "c"))
        for kernel in (5, 7)
    )
    planned = schedule(cheap, COMPUTE)
    assert lines(planned)[1] == "c <- a: a b c"
    assert not any(isinstance(step, ReadStep) for step in planned.passes[1].steps)
    planned = schedule(dear, COMPUTE)
    assert lines(planned)[1] == "c <- a: b c"
    assert any(isinstance(step, ReadStep) for step in planned.passes[1].steps)


def test_a_convolution_after_depth_to_space_is_another_pass() -> None:
    graph = net(a=(conv(1, 4), "input"), b=(DepthToSpace(2), "a"), c=(conv(1, 1), "b"))
    for target in VARIANTS:
        assert "b" in kept(schedule(graph, target))


def test_space_to_depth_reads_a_kept_value() -> None:
    graph = net(a=(conv(1, 4), "input"), b=(DepthToSpace(2), "a"), c=(SpaceToDepth(2), "b"), d=(conv(4, 1), "c"))
    planned = schedule(graph, COMPUTE)
    assert kept(planned) == ["b", "c"]
    assert isinstance(planned.passes[1].steps[0], GatherStep)


def test_slice_and_concat_are_lanes_in_registers() -> None:
    graph = net(a=(conv(1, 6), "input"), b=(Slice(3, 5), "a"), c=(Concat(), "b a"), d=(conv(8, 1), "c"))
    planned = schedule(graph, COMPUTE)
    assert kept(planned) == ["c"]
    (step,) = [step for step in planned.passes[0].steps if isinstance(step, LaneStep) and step.node == "c"]
    assert [[(lane.value, lane.channel) for lane in pack] for pack in step.lanes] == [
        [("b", 0), ("b", 1), ("a", 0), ("a", 1)],
        [("a", 2), ("a", 3), ("a", 4), ("a", 5)],
    ]


def test_a_pass_computes_only_the_packs_it_needs() -> None:
    graph = net(a=(conv(1, 12), "input"), b=(Slice(5, 7), "a"), c=(conv(2, 1), "b"))
    (step,) = [step for step in schedule(graph, COMPUTE).passes[0].steps if isinstance(step, ConvStep)]
    assert step.packs == (1,)


def test_what_nobody_sees_is_not_scheduled() -> None:
    graph = net(dead=(conv(1, 8), "input"), a=(Relu(), "dead"), b=(conv(1, 1), "input"))
    assert lines(compiler.plan(graph, COMPUTE)) == ["plane <- input: b"]


# ---------------------------------------------------------------------------------------------------------------------
# Shared memory


@pytest.mark.parametrize("workgroup", [(8, 8), (16, 8), (16, 16), (32, 4), (32, 32), (1, 1)])
@pytest.mark.parametrize("channels", [1, 3, 8, 20, 32, 64, 256])
def test_shared_memory_stays_within_the_limit(channels: int, workgroup: tuple[int, int]) -> None:
    graph = net(a=(conv(1, channels), "input"), b=(conv(channels, 4), "a"), c=(DepthToSpace(2), "b"))
    planned = schedule(graph, Target("compute", workgroup=workgroup))
    for scheduled in planned.passes:
        assert scheduled.shared_bytes <= 32 * 1024
        for step in scheduled.steps:
            if isinstance(step, ConvStep):
                every = [pack for packs in step.rounds for pack in packs]
                assert every == list(range(planned.types[step.source].packs)), "each pack once, in order"


def test_shared_memory_is_counted_in_fp32() -> None:
    tile = (16 + 2) * (8 + 2) * 16
    for target in (COMPUTE, FP16):
        first, second, *_ = schedule(c_model(filters=8), target).passes
        assert first.shared_bytes == tile // 4, "one lane of luma"
        assert second.shared_bytes == 2 * tile


def test_32_packs_come_in_rounds() -> None:
    graph = net(a=(conv(1, 128), "input"), b=(conv(128, 1), "a"))
    (step,) = schedule(graph, Target("compute", max_packs_per_texture=32)).passes[1].steps
    assert isinstance(step, ConvStep)
    assert [len(packs) for packs in step.rounds] == [11, 11, 10]


def test_a_kernel_too_large_for_shared_memory() -> None:
    graph = net(a=(conv(1, 4), "input"), b=(conv(4, 1, 41), "a"))
    message = r"net: pass for 'b': found 43008 bytes of shared memory at workgroup 16x8, expected at most 32768; choose"
    with pytest.raises(TargetError, match=message):
        schedule(graph, COMPUTE)
    schedule(graph, FRAGMENT)


# ---------------------------------------------------------------------------------------------------------------------
# Binds


def test_at_most_10_packs_in_fragments() -> None:
    """12 textures, of which two are the player's: HOOKED, and LUMA beside it for chroma."""
    fine = net(a=(conv(1, 40), "input"), b=(conv(40, 1), "a"))
    assert max(len(scheduled.binds) for scheduled in schedule(fine, FRAGMENT).passes) == 10
    many = net(a=(conv(1, 44), "input"), b=(conv(44, 1), "a"))
    message = "net: pass for 'b': found 13 textures to bind, expected at most 12; use --compute, which keeps"
    with pytest.raises(TargetError, match=message):
        schedule(many, FRAGMENT)
    schedule(many, COMPUTE)


def test_a_wide_value_takes_several_textures_in_compute_too() -> None:
    graph = net(a=(conv(1, 80), "input"), b=(conv(80, 1), "a"))
    assert lines(schedule(graph, COMPUTE)) == ["a_0 <- input: a", "a_1 <- input: a", "plane <- a_0 a_1: b"]


# ---------------------------------------------------------------------------------------------------------------------
# Cost


@pytest.mark.parametrize("target", VARIANTS, ids=lambda target: target.suffix)
@pytest.mark.parametrize(("filters", "macs"), [(16, 12_240), (32, 47_520)])
def test_macs_of_the_c4_models(filters: int, macs: int, target: Target) -> None:
    """The published numbers, and conv0 once more where the skip connection wants it."""
    again = filters * 3 * 3
    planned = schedule(c_model(filters=filters, layers=4), target)
    assert planned.cost().macs == macs + again


@pytest.mark.parametrize("plane", PLANES)
def test_macs_by_counting(plane: Plane) -> None:
    """Without the pass that computes conv0 again, the sum is that of the weights, per pixel of their own size."""
    planned = schedule(c_model(plane), COMPUTE)
    cost = sum(scheduled.cost.macs for scheduled in planned.passes if scheduled.root != "skip")
    expected = sum(
        node.op.weight.size * planned.types[node.name].pixels()
        for node in planned.graph.nodes
        if isinstance(node.op, Conv) and node.name != "conv3"
    )
    assert cost == expected


def test_bytes_and_fetches_of_a_pass() -> None:
    second = schedule(c_model(filters=8), COMPUTE).passes[1]
    assert second.cost.bytes == 8 * (2 + 2), "two packs read, two written, 8 bytes each"
    assert float(second.cost.fetches) == 2 * 18 * 10 / (16 * 8)
    assert schedule(c_model(filters=8), FRAGMENT).passes[2].cost.fetches == 2 * 9


def test_vram_of_all_results() -> None:
    """conv0, relu1 and skip of two packs each, and four pixels of luma."""
    assert schedule(c_model(filters=8, layers=1), COMPUTE).vram_bytes() == 8 * (3 * 2 + 4)


# ---------------------------------------------------------------------------------------------------------------------
# Any graph


@pytest.mark.parametrize("target", VARIANTS, ids=lambda target: target.suffix)
@pytest.mark.parametrize("seed", range(24))
def test_a_random_graph_s_passes_hold_together(seed: int, target: Target) -> None:
    planned = schedule(random_graph(seed), target)
    written = {planned.graph.input}
    packs: dict[str, int] = {}
    for scheduled in planned.passes:
        assert set(scheduled.reads) <= written, "only what an earlier pass gave"
        assert {texture.value for texture in scheduled.binds} <= set(scheduled.reads)
        packs[scheduled.root] = packs.get(scheduled.root, 0) + (scheduled.writes.packs if scheduled.writes else 1)
        if scheduled.part[0] == scheduled.part[1] - 1:
            written.add(scheduled.root)
    for root, count in packs.items():
        assert count == planned.types[root].packs, "every pack is written once"


def test_lanes_of_a_partial_pack() -> None:
    assert lanes(schedule(c_model(filters=6), COMPUTE).types["conv0"].channels, 1) == 2
