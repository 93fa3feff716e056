"""Which work happens in which hook pass."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from shadergen import compiler
from shadergen.compiler import scheduled as schedule
from shadergen.errors import TargetError
from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.ops import (
    Add,
    Affine,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Op,
    PRelu,
    Relu,
    Resize,
    Rim,
    Slice,
    SpaceToDepth,
)
from shadergen.kernels.axis import F23, direct
from shadergen.kernels.blocked import Blocked
from shadergen.kernels.divided import DividedPlan
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Limits
from shadergen.kernels.rows import RowsPlan
from shadergen.schedule.hookpass import Schedule, ScheduledPass
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SpaceToDepthStep,
)
from shadergen.storage.layout import lanes
from shadergen.target import INTEL, NEXT, VARIANTS, Target
from tests.nets import PLANES, c_model, random_conv
from tests.random_graphs import random_graph

FRAGMENT, COMPUTE, FP16, INSTANT = VARIANTS
FUSED = replace(COMPUTE, fuse=True)
MAX_SUMS = Heuristics().max_sums
MAX_PRODUCTS = Heuristics().max_products


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


def test_a_composed_c_model_in_compute() -> None:
    """conv0 is gone: what is kept are the results of the activations."""
    assert lines(compiler.plan(c_model(filters=8), COMPUTE)) == [
        "relu1 <- input: conv1_whole conv1_rim conv1 relu1",
        "relu2 <- relu1: conv2 relu2",
        "plane <- relu2: conv4_relu2_whole conv4_input_whole conv4_relu2_rim conv4_input_rim"
        " conv4_sum conv4_sum2 conv4 output_phases output",
    ]
    assert kept(compiler.plan(c_model(filters=32, layers=4), COMPUTE)) == ["relu1", "relu2", "relu3", "relu4"]


def test_a_composed_c_model_in_fragments() -> None:
    composed = "conv3_relu1_whole conv3_input_whole conv3_relu1_rim conv3_input_rim conv3_sum conv3_sum2 conv3"
    assert lines(compiler.plan(c_model(filters=8, layers=1), FRAGMENT)) == [
        "relu1_0 <- input: conv1_whole conv1_rim conv1 relu1",
        "relu1_1 <- input: conv1_whole conv1_rim conv1 relu1",
        f"output_phases <- relu1_0 relu1_1: {composed} output_phases",
        "plane <- output_phases: output",
    ]


def test_a_rim_is_done_where_its_convolution_is() -> None:
    """Its steps have the same source, packs and pixels; what it reads is bound once."""
    for target in VARIANTS:
        first, *_ = compiler.plan(c_model(filters=8), target).passes
        whole, rim, relu = first.steps
        assert isinstance(whole, ConvStep)
        assert isinstance(rim, RimStep)
        assert rim.onto == whole.node
        assert isinstance(relu, PointwiseStep)
        assert (whole.source, whole.packs) == (rim.source, rim.packs)
        assert first.reads == ("input",)


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
    assert len(set().union(*names)) == sum(map(len, names))
    assert "C2F8_CMP_FP16_conv0" in names[2]


def test_depth_to_space_is_in_the_last_pass() -> None:
    last = schedule(c_model(), COMPUTE).passes[-1]
    assert last.shuffle == 2
    assert [type(step) for step in last.steps] == [ConvStep]
    assert isinstance(last.block_steps[0], LaneStep)
    assert schedule(c_model(), FRAGMENT).passes[-1].shuffle == 1
    assert isinstance(schedule(c_model(), FRAGMENT).passes[-1].steps[0], DepthToSpaceStep)


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
    assert isinstance(planned.passes[1].steps[0], SpaceToDepthStep)


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
# Pixels of an invocation


def pixels(planned: Schedule) -> dict[str, tuple[int, int]]:
    return {scheduled.root: scheduled.pixels for scheduled in planned.passes}


def convs(scheduled: ScheduledPass) -> list[Blocked]:
    """The plans of a pass's convolutions."""
    plans = [step.plan for step in scheduled.steps if isinstance(step, ConvStep)]
    assert all(isinstance(plan, Blocked) for plan in plans)
    return plans  # type: ignore[return-value]  # as just asserted


@pytest.mark.parametrize("target", [COMPUTE, FP16], ids=["compute", "fp16"])
@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("channels", [1, 3, 8, 20, 32, 64, 256])
def test_sums_stay_within_the_registers_and_code_stays_short(channels: int, kernel: int, target: Target) -> None:
    graph = net(
        a=(conv(1, channels, kernel), "input"),
        b=(conv(channels, channels, kernel), "a"),
        c=(conv(channels, 4, kernel), "b"),
        d=(DepthToSpace(2), "c"),
    )
    for scheduled in schedule(graph, target).passes:
        (step,) = convs(scheduled)
        assert (step.x.outputs, step.y.outputs) == scheduled.pixels
        if scheduled.pixels != (1, 1):
            assert step.sums <= MAX_SUMS
            assert step.resources.products <= MAX_PRODUCTS
        if scheduled.pixels == (2, 2) and len(step.task.packs) > 1:
            assert step.resources.products <= MAX_PRODUCTS / 4


@pytest.mark.parametrize(
    ("channels", "kernel", "expected", "winograd"),
    [
        (4, (3, 3), (2, 2), False),  # too few channels for Winograd's sums to pay
        (8, (3, 3), (2, 2), True),
        (16, (3, 3), (2, 1), True),  # four pixels would be 4 packs x 16 channels x 4 x 2 x 3 products: long code
        (32, (3, 3), (2, 1), True),  # 8 packs of 4 sums: exactly all registers
        (36, (1, 3), (2, 1), False),  # 9 packs of 4 sums are too many, of 2 they are not
        (36, (3, 3), (1, 1), False),  # 9 packs x 36 channels x 2 x 9 products
        (64, (1, 1), (2, 1), False),
        (64, (3, 3), (1, 1), False),
    ],
)
def test_wider_nets_have_fewer_pixels_at_a_time(
    channels: int, kernel: tuple[int, int], expected: tuple[int, int], winograd: bool
) -> None:
    kh, kw = kernel
    wide = conv(channels, channels)
    op = Conv(wide.weight[:, :, :kh, :kw], wide.bias, (kh // 2, kw // 2, kh // 2, kw // 2))
    graph = net(a=(conv(1, channels), "input"), b=(op, "a"), c=(conv(channels, 1), "b"))
    for target in (COMPUTE, FP16):
        scheduled = schedule(graph, target).passes[1]
        (step,) = convs(scheduled)
        assert (scheduled.pixels, step.x == F23) == (expected, winograd)


def test_no_kernel_is_too_large() -> None:
    """Its code is long enough for one pixel."""
    graph = net(a=(conv(1, 4), "input"), b=(conv(4, 1, 41), "a"))
    for target, expected in ((FRAGMENT, (1, 1)), (COMPUTE, (1, 1)), (INSTANT, (4, 2))):
        assert schedule(graph, target).passes[1].pixels == expected


def test_intel_s_compiler_gets_no_pass_that_it_would_not_end_with() -> None:
    """A wide layer at the end has its weights in code; on Intel's GPUs they are all in tables then."""
    graph = net(a=(conv(1, 48), "input"), r=(Relu(), "a"), b=(conv(48, 64), "r"), c=(DepthToSpace(8), "b"))
    assert compiler.plan(graph, NEXT).most_products >= 16 * 48 * 9
    assert compiler.plan(graph, INTEL).most_products == 0


def test_sums_of_all_of_a_pass_s_convolutions_count() -> None:
    wide = [(conv(1, 64, 7), "input"), (conv(1, 64, 7), "input"), (conv(1, 64, 7), "input")]
    one, two, three = (
        net(
            **{f"a{i}": wide[i] for i in range(count)},
            **{f"s{i}": (Add(), f"{f's{i - 1}' if i > 1 else 'a0'} a{i}") for i in range(1, count)},
            z=(conv(64, 1), f"s{count - 1}" if count > 1 else "a0"),
        )
        for count in (1, 2, 3)
    )
    found = [schedule(graph, COMPUTE).passes[0] for graph in (one, two, three)]
    assert [sum(step.sums for step in convs(scheduled)) for scheduled in found] == [32, 32, 48]
    assert [scheduled.pixels for scheduled in found] == [(2, 1), (1, 1), (1, 1)]


def test_plans_that_do_not_fit_together_make_way_for_others_that_do() -> None:
    """Two times Winograd's 20 sums are more than the registers hold; once 20 and 10 are not."""
    graph = net(
        a=(conv(1, 20, 7), "input"),
        v=(Relu(), "a"),
        w=(Clip(), "a"),
        p=(conv(20, 20), "v"),
        q=(conv(20, 20), "w"),
        s=(Add(), "p q"),
        z=(conv(20, 1), "s"),
    )
    (scheduled,) = [each for each in schedule(graph, COMPUTE).passes if each.root == "s"]
    assert scheduled.pixels == (2, 1)
    assert sum(step.sums for step in convs(scheduled)) <= MAX_SUMS


def test_two_convolutions_share_what_shared_memory_there_is() -> None:
    """The most packs between two barriers would take 24 KiB for one kernel and 30 for the other."""
    (*_, last) = compiler.plan(c_model("chroma", 32, 4), INTEL).passes
    plans = [step.plan for step in last.steps if isinstance(step, ConvStep)]
    assert [(plan.kernel, plan.task.op.weight.shape[2]) for plan in plans] == [("rows", 5), ("rows", 3)]
    assert sum(plan.resources.shared_bytes for plan in plans) <= Limits.shared_bytes


@pytest.mark.parametrize(("channels", "at_once"), [(12, 1), (16, 4), (24, 2), (32, 4)])
def test_parts_for_intel_have_no_three_packs(channels: int, at_once: int) -> None:
    (_, second, *_) = compiler.plan(c_model("luma", channels, 4), INTEL).passes
    (plan,) = (step.plan for step in second.steps if isinstance(step, ConvStep))
    assert isinstance(plan, RowsPlan)
    assert plan.at_once == at_once


@pytest.mark.parametrize(("channels", "parts", "together"), [(12, 3, 3), (16, 4, 2), (24, 3, 3), (32, 8, 2)])
def test_parts_of_a_workgroup_share_what_they_transform(channels: int, parts: int, together: int) -> None:
    plans = [
        step.plan
        for scheduled in compiler.plan(c_model("luma", channels, 4), NEXT).passes
        for step in scheduled.steps
        if isinstance(step, ConvStep) and isinstance(step.plan, DividedPlan)
    ]
    assert {(plan.parts, plan.together) for plan in plans} == {(parts, together)}


def test_products_are_the_multiplications_of_a_block() -> None:
    """Of vec4 with scalars: 2 packs of result times 8 channels, for each pixel the taps, or Winograd's 4 for two."""
    second = schedule(c_model(filters=8), COMPUTE).passes[1]
    (step,) = convs(second)
    assert step.resources.products == 2 * 8 * (4 * 2) * 3
    second = schedule(c_model(filters=8), replace(COMPUTE, without=frozenset({"winograd"}))).passes[1]
    (step,) = convs(second)
    assert (step.resources.products, step.sums) == (2 * 8 * 4 * 9, 2 * 4)


@pytest.mark.parametrize(
    ("op", "winograd"),
    [
        (conv(8, 8), True),
        (replace(conv(8, 8), weight=conv(8, 8).weight[:, :, :1], pads=(0, 1, 0, 1)), True),  # 1 high, 3 wide
        (replace(conv(8, 8), weight=conv(8, 8).weight[:, :, :, :1], pads=(1, 0, 1, 0)), False),
        (conv(8, 8, 1), False),
        (conv(8, 8, 5), False),
        (conv(8, 7), False),
        (conv(7, 8), False),
    ],
)
def test_winograd_is_for_kernels_three_wide_between_many_channels(op: Conv, winograd: bool) -> None:
    out, channels = op.weight.shape[:2]
    graph = net(a=(conv(1, channels), "input"), b=(op, "a"), c=(conv(out, 1), "b"))
    for target in VARIANTS:
        (step,) = convs(schedule(graph, target).passes[-2])
        assert (step.x == F23) == (winograd and target.stage == "compute" and target.weights == "code")
        assert step.y.is_direct
    (step,) = convs(schedule(graph, replace(COMPUTE, without=frozenset({"winograd"}))).passes[1])
    assert step.x == direct(2, op.weight.shape[3])


@pytest.mark.parametrize("seed", range(8))
def test_an_invocation_has_one_pixel_without_blocks(seed: int) -> None:
    graph = random_graph(seed)
    for target in VARIANTS:
        planned = compiler.plan(graph, replace(target, without=frozenset({"block"})))
        assert {scheduled.pixels for scheduled in planned.passes} == {(1, 1)}
    assert set(pixels(compiler.plan(graph, FRAGMENT)).values()) == {(1, 1)}


def test_work_without_a_convolution_has_one_pixel_at_a_time() -> None:
    """There is nothing that neighbours share."""
    graph = net(a=(conv(1, 4), "input"), b=(DepthToSpace(2), "a"), c=(SpaceToDepth(2), "b"), d=(conv(4, 1), "c"))
    assert pixels(schedule(graph, COMPUTE)) == {"b": (2, 2), "c": (1, 1), "d": (2, 2)}


# ---------------------------------------------------------------------------------------------------------------------
# Weights in a texture


def test_a_loop_goes_over_the_result_where_each_pack_is_done_alike() -> None:
    slope = PRelu(np.full(8, 0.25, np.float32))
    for op in (Relu(), Clip(-1, 1), slope):
        graph = net(a=(conv(1, 8), "input"), b=(op, "a"), c=(conv(8, 1), "b"))
        assert [scheduled.any_pack for scheduled in schedule(graph, INSTANT).passes] == [True, False]
        assert not any(scheduled.any_pack for target in VARIANTS[:3] for scheduled in schedule(graph, target).passes)


def test_what_is_moved_has_no_loop() -> None:
    graph = net(
        a=(conv(1, 8, 7), "input"),
        b=(conv(8, 8), "a"),
        c=(Add(), "b a"),
        d=(conv(8, 8), "c"),
        e=(Concat(), "d d"),
        f=(conv(16, 4), "e"),
        g=(DepthToSpace(2), "f"),
    )
    found = {scheduled.root: scheduled.any_pack for scheduled in schedule(graph, INSTANT).passes}
    assert found == {"a": True, "c": True, "e": False, "g": False}


def test_loops_make_no_code_so_there_are_more_pixels() -> None:
    """With a loop over the result, an invocation has the sums of one pack at a time, whatever the width."""
    for scheduled in compiler.plan(c_model(filters=32, layers=4), INSTANT).passes:
        assert scheduled.pixels == (4, 2)
        assert sum(step.sums for step in convs(scheduled)) <= MAX_SUMS


# ---------------------------------------------------------------------------------------------------------------------
# Binds


def test_at_most_10_packs_in_fragments() -> None:
    """12 textures, of which two are the player's: HOOKED, and LUMA beside it for chroma."""
    fine = net(a=(conv(1, 40), "input"), b=(conv(40, 1), "a"))
    assert max(len(scheduled.binds) for scheduled in schedule(fine, FRAGMENT).passes) == 10
    many = net(a=(conv(1, 44), "input"), b=(conv(44, 1), "a"))
    message = "net: pass for 'b': found 13 textures to bind, expected at most 12"
    with pytest.raises(TargetError, match=message):
        schedule(many, FRAGMENT)
    schedule(many, COMPUTE)
    apart = net(a=(conv(1, 44), "input"), relu=(Relu(), "a"), b=(conv(44, 1), "relu"))
    (texture,) = compiler.plan(apart, FRAGMENT).textures["relu"]
    assert (texture.packs, texture.planar) == (11, True), "side by side in one texture"


def test_a_sum_of_more_than_a_pass_can_bind_is_parted() -> None:
    """Twelve textures are too many; some of what is added up is kept."""
    wide = {f"x{i}": (conv(1, 8, 7), "input") for i in range(12)}
    convs = {f"y{i}": (conv(8, 1), f"x{i}") for i in range(12)}
    sums = {f"s{i}": (Add(), f"{f's{i - 1}' if i > 1 else 'y0'} y{i}") for i in range(1, 12)}
    parted = schedule(net(**wide, **convs, **sums), COMPUTE)
    assert max(len(scheduled.binds) for scheduled in parted.passes) <= 10
    assert set(parted.textures) > set(wide)


def test_a_wide_value_takes_several_textures_in_compute_too() -> None:
    graph = net(a=(conv(1, 80), "input"), b=(conv(80, 1), "a"))
    assert lines(schedule(graph, COMPUTE)) == ["a_0 <- input: a", "a_1 <- input: a", "plane <- a_0 a_1: b"]


# ---------------------------------------------------------------------------------------------------------------------
# Cost


def multiplies(target: Target, model: Graph, *without: str) -> Fraction:
    return compiler.plan(model, replace(target, without=frozenset(without))).cost().macs


@pytest.mark.parametrize("target", VARIANTS, ids=lambda target: target.suffix)
@pytest.mark.parametrize(
    ("filters", "published", "composed", "three", "five"),
    [(16, 12_240, 9_012, 6_708, 6_068), (32, 47_520, 31_748, 22_532, 21_252)],
)
def test_macs_of_the_c4_models(
    filters: int, published: int, composed: int, three: int, five: int, target: Target
) -> None:
    """Uncomposed the published numbers, and conv0 once more where the skip connection wants it.

    Winograd's are for kernels three wide, and for five, whose precision must be fp32.
    """
    model = c_model(filters=filters, layers=4)
    again = filters * 3 * 3
    assert multiplies(target, model, "compose", "winograd") == published + again
    assert multiplies(target, model, "winograd") == composed
    blocks = target.stage == "compute" and target.weights == "code"
    winograd = five if target.precision == "fp32" else three
    assert multiplies(target, model) == (winograd if blocks else composed)
    assert multiplies(target, model, "block") == composed, "Winograd's are for two pixels"


@pytest.mark.parametrize("plane", PLANES)
def test_macs_by_counting(plane: Plane) -> None:
    """Without the pass that computes conv0 again, the sum is that of the weights, per pixel of their own size."""
    planned = schedule(c_model(plane), replace(COMPUTE, without=frozenset({"winograd"})))
    cost = sum(scheduled.cost.macs for scheduled in planned.passes if scheduled.root != "skip")
    expected = sum(
        node.op.weight.size * planned.types[node.name].pixels()
        for node in planned.graph.nodes
        if isinstance(node.op, Conv) and node.name != "conv3"
    )
    assert cost == expected


def test_winograd_takes_two_thirds() -> None:
    for target in (COMPUTE, FP16):
        plain = schedule(c_model(filters=8), replace(target, without=frozenset({"winograd"})))
        for before, after in zip(plain.passes, schedule(c_model(filters=8), target).passes, strict=True):
            saved = sum((Fraction(step.task.op.weight.size, 3) for step in convs(after) if step.x == F23), Fraction(0))
            assert before.cost.macs - after.cost.macs == saved
            assert (saved > 0) == (before.root in ("relu1", "relu2", "skip"))


def test_bytes_and_fetches_of_a_pass() -> None:
    """Two packs, each texel of a window once for all of its pixels."""
    second = schedule(c_model(filters=8), COMPUTE).passes[1]
    assert second.cost.bytes == 8 * (2 + 2), "two packs read, two written, 8 bytes each"
    assert second.cost.fetches == Fraction(2 * 4 * 4, 2 * 2)
    assert schedule(c_model(filters=8), INSTANT).passes[1].cost.fetches == Fraction(2 * 6 * 4, 4 * 2)
    single = replace(COMPUTE, without=frozenset({"block"}))
    assert schedule(c_model(filters=8), single).passes[1].cost.fetches == 2 * 9
    assert schedule(c_model(filters=8), FRAGMENT).passes[2].cost.fetches == 2 * 9


def test_vram_of_all_results() -> None:
    """conv0, relu1 and skip of two packs each, and four pixels of luma."""
    assert schedule(c_model(filters=8, layers=1), COMPUTE).vram_bytes() == 8 * (3 * 2 + 4)


# ---------------------------------------------------------------------------------------------------------------------
# Layers that share a pass


def tiles(planned: Schedule) -> list[str]:
    """Of each pass that has one: the value, the workgroup and the tile's size in pixels."""
    found = [(tile.value, *tile.area, *tile.size) for tile in planned.tiles()]
    return ["{} {}x{} {}x{}".format(*numbers) for numbers in found]


def after(reader: Conv, source: Conv | None = None) -> Graph:
    """A convolution of a convolution's ReLU; the third mirrors the image, so that it shares no pass."""
    last = replace(conv(reader.weight.shape[0], 1), pad_mode="reflect")
    return net(a=(source or conv(1, 4), "input"), b=(Relu(), "a"), c=(reader, "b"), d=(Relu(), "c"), e=(last, "d"))


def test_the_first_two_layers_share_a_pass() -> None:
    """The texture between them is gone: C4F32 keeps 24 texels per pixel and the result instead of 32."""
    plain, fused = (compiler.plan(c_model(filters=32, layers=4), target) for target in (COMPUTE, FUSED))
    assert lines(fused)[0] == "relu2 <- input: conv1_whole conv1_rim conv1 relu1 conv2 relu2"
    assert lines(fused)[1:] == lines(plain)[2:]
    assert (kept(plain), kept(fused)) == (["relu1", "relu2", "relu3", "relu4"], ["relu2", "relu3", "relu4"])
    assert plain.vram_bytes() == 8 * (32 + 4)
    assert fused.vram_bytes() == 8 * (24 + 4)


def test_what_the_halo_costs() -> None:
    """8x8 threads of 2x1 pixels read 18x10 pixels of 8 packs; each is computed once for its 16x8."""
    first, second, *_ = compiler.plan(c_model(filters=32, layers=4), COMPUTE).passes
    fused = compiler.plan(c_model(filters=32, layers=4), FUSED).passes[0]
    assert fused.tile is not None
    assert tiles(compiler.plan(c_model(filters=32, layers=4), FUSED)) == ["relu1 8x8 18x10"]
    assert fused.tile.bytes == 18 * 10 * 8 * 16 <= 32 * 1024
    assert fused.tile.share == Fraction(18 * 10, 16 * 8)
    assert fused.cost.macs == second.cost.macs + first.cost.macs * fused.tile.share
    assert fused.cost.fetches == first.cost.fetches * fused.tile.share
    assert fused.cost.bytes == 8 * (1 + 8), "luma once, and relu2"


@pytest.mark.parametrize(
    ("channels", "workgroup", "expected"),
    [
        (8, (16, 8), "b 16x8 34x18"),  # four pixels an invocation
        (8, (8, 4), "b 8x4 18x10"),
        (16, (16, 8), "b 16x8 34x10"),
        (16, (32, 16), "b 16x8 34x10"),  # the target's own would take 74 KiB
        (32, (16, 8), "b 8x8 18x10"),  # 42 KiB
        (64, (16, 8), "b 8x8 10x10"),  # one pixel, since two would make the code long
        (65, (16, 8), ""),  # two textures
        (4, (1, 1), "b 16x8 34x18"),  # a thread alone would compute four times the pixels it stands for
    ],
)
def test_the_workgroup_is_the_target_s_or_one_whose_tile_fits(
    channels: int, workgroup: tuple[int, int], expected: str
) -> None:
    graph = after(conv(channels, channels), conv(1, channels))
    found = compiler.plan(graph, replace(FUSED, workgroup=workgroup))
    assert " ".join(tiles(found)) == expected


def test_a_tile_has_what_the_kernel_reaches() -> None:
    one, below = conv(4, 4, 1), replace(conv(4, 4), pads=(0, 2, 2, 0))
    assert tiles(compiler.plan(after(one), FUSED)) == ["b 16x8 32x16"]
    (tile,) = compiler.plan(after(below), FUSED).tiles()
    assert (tile.margin, tile.size) == ((2, 0), (34, 18))
    larger = replace(conv(1, 4), pads=(2, 2, 2, 2))
    (tile,) = compiler.plan(after(replace(conv(4, 4), pads=(0, 0, 0, 0)), larger), FUSED).tiles()
    assert (tile.margin, tile.size) == ((0, 0), (34, 18))


MUST_NOT = {
    "another pass reads it": net(
        a=(conv(1, 4, 7), "input"),
        b=(Relu(), "a"),
        c=(conv(4, 4), "b"),
        d=(Relu(), "c"),
        e=(Add(), "b d"),
        f=(conv(4, 1), "e"),
    ),
    "it is wanted at the pixel": net(
        a=(conv(1, 4, 7), "input"), b=(Relu(), "a"), c=(conv(4, 4), "b"), d=(Add(), "b c"), e=(Slice(0, 1), "d")
    ),
    "the padding mirrors the image": after(replace(conv(4, 4), pad_mode="reflect")),
    "the halo is dear": after(conv(4, 4), conv(1, 4, 13)),
    "it is of another size": net(a=(conv(1, 4), "input"), b=(DepthToSpace(2), "a"), c=(conv(1, 1), "b")),
    "it is gathered": net(
        a=(conv(1, 4), "input"), b=(DepthToSpace(2), "a"), c=(SpaceToDepth(2), "b"), d=(conv(4, 1, 1), "c")
    ),
}


@pytest.mark.parametrize("why", MUST_NOT)
def test_a_value_stays_a_texture_where(why: str) -> None:
    assert tiles(compiler.plan(MUST_NOT[why], FUSED)) == []
    assert lines(compiler.plan(MUST_NOT[why], FUSED)) == lines(compiler.plan(MUST_NOT[why], COMPUTE))


def rectifiers(channels: int, *, last: int = 3) -> Graph:
    """A convolution whose concatenated rectifiers two others read."""
    ones = np.ones(channels, np.float32)
    return net(
        a=(conv(1, channels), "input"), b=(Affine(-ones, 0 * ones), "a"), c=(Concat(), "a b"), d=(Relu(), "c"),
        e=(replace(conv(2 * channels, 4), pad_mode="edge"), "d"), f=(conv(2 * channels, 4, 1), "d"),
        g=(Add(), "e f"), h=(conv(4, 1, last), "g"),
    )  # fmt: skip


def test_concatenated_rectifiers_are_stored_once() -> None:
    (texture,) = compiler.plan(rectifiers(8), COMPUTE).textures["d"]
    assert (texture.packs, texture.stored, texture.texels()) == (4, 2, 2)
    assert [texture.cell(pack) for pack in range(4)] == [(0, 0), (1, 0), (0, 0), (1, 0)]
    assert [texture.part(pack) for pack in range(4)] == ["positive", "positive", "negative", "negative"]
    channels = np.random.default_rng(0).standard_normal((8, 3, 5)).astype(np.float32)
    channels = np.concatenate([np.maximum(channels, 0), np.maximum(-channels, 0)])
    assert np.array_equal(texture.unpack(texture.pack(channels)), channels)


@pytest.mark.parametrize(
    ("channels", "target"), [(6, COMPUTE), (8, Target()), (8, Target("compute", weights="texture"))]
)
def test_rectifiers_that_do_not_fill_packs_or_are_read_in_loops_are_stored_as_they_are(
    channels: int, target: Target
) -> None:
    textures = compiler.plan(rectifiers(channels), target).textures["d"]
    assert sum(texture.stored for texture in textures) == 2 * channels // 4


def test_what_pads_with_the_nearest_pixel_may_be_in_shared_memory() -> None:
    (tile,) = compiler.plan(after(replace(conv(4, 4), pad_mode="edge")), FUSED).tiles()
    assert tile.continued
    assert "continue_tile();" in compiler.compile(after(replace(conv(4, 4), pad_mode="edge")), FUSED).passes[0].body


def test_what_is_enlarged_may_be_in_shared_memory() -> None:
    enlarged = Resize((Fraction(2), Fraction(2)), "linear")
    graph = net(a=(conv(1, 4), "input"), b=(enlarged, "a"), c=(replace(conv(4, 1), pad_mode="edge"), "b"))
    assert lines(compiler.plan(graph, FUSED)) == ["a <- input: a", "plane <- a: b c"]


def test_a_value_that_a_rim_reads_stays_a_texture() -> None:
    """Composed, the last convolution's rim reads relu2 as well; uncomposed, conv3 reads it alone, but is too dear."""
    assert tiles(compiler.plan(c_model(filters=32), FUSED)) == ["relu1 8x8 18x10"]
    alone = replace(FUSED, without=frozenset({"compose"}))
    assert tiles(compiler.plan(c_model(filters=32), alone)) == ["conv0 8x8 18x10"]


def test_a_pass_has_one_tile_and_what_fills_it_none() -> None:
    graph = net(
        a=(conv(1, 4, 1), "input"), b=(Relu(), "a"), c=(conv(4, 4, 1), "b"), d=(Relu(), "c"), e=(conv(4, 4, 1), "d"),
        f=(Relu(), "e"), g=(conv(4, 1), "f"),
    )  # fmt: skip
    assert lines(compiler.plan(graph, FUSED)) == ["d <- input: a b c d", "plane <- d: e f g"]


def test_fusing_needs_compute_passes_and_weights_in_the_code() -> None:
    for changes in ({"stage": "fragment"}, {"weights": "texture"}):
        with pytest.raises(TargetError, match=r"^--fuse: found it with --"):
            replace(FUSED, **changes)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------------
# Any graph


@pytest.mark.parametrize("target", VARIANTS, ids=lambda target: target.suffix)
@pytest.mark.parametrize("seed", range(24))
def test_a_random_graph_s_passes_hold_together(seed: int, target: Target) -> None:
    hold_together(compiler.plan(random_graph(seed), replace(target, without=frozenset({"compose"}))))


@pytest.mark.parametrize("target", [*VARIANTS, FUSED], ids=["fragment", "compute", "fp16", "instant", "fused"])
@pytest.mark.parametrize("seed", range(24))
def test_a_composed_random_graph_s_passes_hold_together(seed: int, target: Target) -> None:
    planned = compiler.plan(random_graph(seed), target)
    hold_together(planned)
    rims = {node.op for node in planned.graph.nodes if isinstance(node.op, Rim)}
    every = [*planned.passes, *(tile.source for tile in planned.tiles())]
    assert rims == {step.op for scheduled in every for step in scheduled.steps if isinstance(step, RimStep)}


def hold_together(planned: Schedule) -> None:
    written = {planned.graph.input}
    packs: dict[str, int] = {}
    for scheduled in planned.passes:
        assert set(scheduled.reads) <= written, "only what an earlier pass gave"
        assert {texture.value for texture in scheduled.binds} <= set(scheduled.reads)
        assert not scheduled.tile or scheduled.tile.value not in written, "it is in shared memory only"
        packs[scheduled.root] = packs.get(scheduled.root, 0) + (scheduled.writes.packs if scheduled.writes else 1)
        if scheduled.part[0] == scheduled.part[1] - 1:
            written.add(scheduled.root)
        for step in convs(scheduled):
            assert (step.x.outputs, step.y.outputs) == scheduled.pixels
            assert (step.y.taps, step.x.taps) == step.task.op.weight.shape[2:]
        if scheduled.pixels != (1, 1) and planned.target.weights == "code":
            assert sum(step.sums for step in convs(scheduled)) <= MAX_SUMS
        if scheduled.any_pack:
            assert scheduled.writes is not None
            assert scheduled.writes.packs > 1
    for root, count in packs.items():
        assert count == planned.types[root].packs, "every pack is written once"


def test_lanes_of_a_partial_pack() -> None:
    assert lanes(schedule(c_model(filters=6), COMPUTE).types["conv0"].channels, 1) == 2
