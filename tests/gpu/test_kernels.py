"""Kernels that need buffers, which no default file has: each in small networks, on both players' drivers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shadergen import compiler, hookfile
from shadergen.emit import emit
from shadergen.errors import TargetError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Clip, Conv, DepthToSpace, Relu
from shadergen.judge.verify import verify
from shadergen.kernels.heuristics import Heuristics
from shadergen.lint import lint_text
from shadergen.schedule.evaluate import evaluate
from shadergen.schedule.hookpass import Schedule
from shadergen.schedule.steps import ConvStep
from shadergen.target import DEVICES, INTEL, NEXT, Device, Target
from tests.nets import random_conv

SIZES = ((1, 1), (17, 13), (70, 50))
TARGET = Target("compute", kernel="divided")
FP16 = replace(TARGET, precision="fp16")
BLOCKS = ((2, 2), (4, 1), (2, 1), (1, 1))
TRADE_OFFS = {
    "one pack a part": Heuristics(blocks=BLOCKS, packs_at_once=1, packs_together=4, loops_rows=False),
    "two packs a part": Heuristics(blocks=BLOCKS, packs_at_once=2, packs_together=1, rows_together=2),
    "by wave": Heuristics(blocks=BLOCKS, scalar_weights="waves of 64", half_sums=True, rows_area=(4, 8)),
    "looked up": Heuristics(
        blocks=BLOCKS, packs_at_once=0, scalar_weights="always", looked_up=True, rows_area=(4, 8), rows_together=8
    ),
}


NEXT_DEVICES: tuple[Device, ...] = ("amd-rdna2", "amd-rdna3", "nvidia")


def network(channels: int, kernel: int = 3) -> Graph:
    """Two layers of 3x3, then four channels that become 2x2 pixels."""
    rng = np.random.default_rng(channels)

    def conv(inputs: int, out: int, kernel: int) -> Conv:
        return Conv(*random_conv(rng, inputs, out, kernel), (kernel // 2,) * 2 + (kernel // 2,) * 2)

    nodes = (
        Node("a", conv(1, channels, 3), ("input",)),
        Node("b", Relu(), ("a",)),
        Node("c", conv(channels, channels, 3), ("b",)),
        Node("d", Relu(), ("c",)),
        Node("e", conv(channels, 4, kernel), ("d",)),
        Node("f", DepthToSpace(2), ("e",)),
        Node("g", Clip(0.0, 1.0), ("f",)),
    )
    return Graph("net", "luma", nodes, "g")


def kernels(planned: Schedule) -> dict[str, str]:
    """Which kernel computes each convolution."""
    steps = [step for scheduled in planned.passes for step in scheduled.every_step() if isinstance(step, ConvStep)]
    return {step.node: step.plan.kernel for step in steps}


def test_each_is_taken_where_it_is_cheapest() -> None:
    planned = compiler.plan(network(16, 5), TARGET, heuristics=TRADE_OFFS["one pack a part"])
    assert kernels(planned) == {"a": "unrolled", "c": "divided", "e": "rows"}


def test_none_is_taken_unasked() -> None:
    assert not {"divided", "rows"} & set(kernels(compiler.plan(network(16), Target("compute"))).values())


def test_gpus_of_amd_and_nvidia_have_one_file() -> None:
    texts = {hookfile.format(compiler.compile(network(16, 5), DEVICES[device])) for device in NEXT_DEVICES}
    assert len(texts) == 1
    assert kernels(compiler.plan(network(16, 5), NEXT)) == {"a": "unrolled", "c": "divided", "e": "rows"}
    assert kernels(compiler.plan(network(16, 5), INTEL)) == {"a": "unrolled", "c": "rows", "e": "rows"}


def test_a_layer_that_a_divided_workgroup_reads_is_computed_by_it() -> None:
    planned = compiler.plan(network(16, 5), NEXT)
    assert [scheduled.root for scheduled in planned.passes] == ["d", "g"], "a and b are in shared memory"
    image = np.random.default_rng(1).random((1, 7, 9), np.float32)
    expected = reference.evaluate(network(16, 5), image)["g"]
    np.testing.assert_allclose(evaluate(planned, image), expected, atol=1e-5)


@pytest.mark.parametrize("channels", [8, 12, 16, 32, 48, 64])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("heuristics", TRADE_OFFS.values(), ids=TRADE_OFFS)
def test_their_schedules_mean_the_graph(channels: int, kernel: int, heuristics: Heuristics) -> None:
    graph = network(channels, kernel)
    image = np.random.default_rng(1).random((1, 7, 9), np.float32)
    planned = compiler.plan(graph, TARGET, heuristics=heuristics)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(evaluate(planned, image), expected, atol=1e-5)
    assert [finding for finding in lint_text(hookfile.format(emit(planned))) if finding.severity == "error"] == []


def test_wide_layers_have_parts_of_several_packs() -> None:
    for channels, parts in ((32, 8), (48, 4), (64, 8)):
        planned = compiler.plan(network(channels), NEXT)
        steps = [step for scheduled in planned.passes for step in scheduled.steps if isinstance(step, ConvStep)]
        (plan,) = [step.plan for step in steps if step.node == "c"]
        assert (plan.kernel, plan.dispatch.parts) == ("divided", parts)


def test_weights_that_fp16_cannot_hold() -> None:
    graph = network(16)
    node = graph.node("c")
    assert isinstance(node.op, Conv)
    wide = replace(node, op=replace(node.op, weight=node.op.weight * np.float32(1e6)))
    graph = replace(graph, nodes=tuple(wide if other.name == "c" else other for other in graph.nodes))
    with pytest.raises(TargetError, match=r"^net: node 'c': found a weight of .* for fp16; use --precision fp32"):
        compiler.compile(graph, NEXT)


# Their compilation is what takes time: each trade-off is tried with another network.
CASES = [(8, 3, "one pack a part"), (12, 5, "two packs a part"), (16, 5, "by wave"), (16, 3, "looked up")]


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize(("channels", "kernel", "trade_offs"), CASES)
def test_they_are_verified(channels: int, kernel: int, trade_offs: str) -> None:
    graph = network(channels, kernel)
    text = hookfile.format(emit(compiler.plan(graph, TARGET, heuristics=TRADE_OFFS[trade_offs])))
    report = verify(graph, TARGET, text=text, sizes=SIZES)
    assert report.status == "passed", [check.comparison for check in report.checks]


@pytest.mark.usefixtures("real_libplacebo")
@pytest.mark.parametrize("target", [NEXT, INTEL], ids=["next", "intel"])
def test_the_files_of_devices_are_verified(target: Target) -> None:
    report = verify(network(16, 5), target, sizes=SIZES, runner="libplacebo")
    assert report.status == "passed", [check.comparison for check in report.checks]


@pytest.mark.usefixtures("real_libplacebo")
@pytest.mark.parametrize("target", [TARGET, FP16], ids=["fp32", "fp16"])
@pytest.mark.parametrize(("channels", "kernel", "trade_offs"), CASES[1:])
def test_they_are_verified_in_libplacebo(channels: int, kernel: int, trade_offs: str, target: Target) -> None:
    graph = network(channels, kernel)
    text = hookfile.format(emit(compiler.plan(graph, target, heuristics=TRADE_OFFS[trade_offs])))
    report = verify(graph, target, text=text, sizes=SIZES, runner="libplacebo")
    assert report.status == "passed", [check.comparison for check in report.checks]
