"""The shader is the network: every plane and variant passes, and every deliberate mistake is caught."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadergen import compiler, hookfile, reference, verify
from shadergen.graph import Conv, Graph
from shadergen.runtime import libplacebo
from shadergen.runtime.compare import RGBA16F, compare
from shadergen.runtime.context import open_context
from shadergen.runtime.images import SITINGS, chroma_420, rgb_to_ycbcr
from shadergen.runtime.runner import Frame, Runner
from shadergen.schedule import ConvStep
from shadergen.sources import load
from shadergen.target import VARIANTS, Target
from tests.nets import PLANES, c_model, random_graph

FRAGMENT, COMPUTE, COMPUTE_FP16 = VARIANTS
ROOT = Path(__file__).parent.parent.parent
SIZES = ((1, 1), (2, 3), (17, 13), (70, 50))

pytestmark = pytest.mark.usefixtures("gl")

needs_libplacebo = pytest.mark.usefixtures("real_libplacebo")


def explain(report: verify.Report) -> str:
    failed = [f"{c.size} {c.storage} {c.siting} {c.problem or c.comparison}" for c in report.checks if not c.passed]
    return "\n".join([report.status, report.reason, *failed])


# ---------------------------------------------------------------------------------------------------------------------
# What must pass


@pytest.mark.parametrize("target", [FRAGMENT, COMPUTE], ids=["fragment", "compute"])
@pytest.mark.parametrize("plane", PLANES)
def test_every_plane_and_stage_equals_the_reference(plane: Any, target: Target) -> None:
    report = verify.verify(c_model(plane, filters=6), target, sizes=SIZES, layers=True)
    assert report.status == "passed", explain(report)
    assert not any(layer.departs for check in report.checks for layer in check.layers)


@needs_libplacebo
@pytest.mark.parametrize("target", VARIANTS, ids=["fragment", "compute", "fp16"])
@pytest.mark.parametrize("plane", ["luma", "chroma"])
def test_libplacebo_gives_the_same_picture(plane: Any, target: Target) -> None:
    sizes = ((1, 1), (17, 13), (70, 50))
    report = verify.verify(c_model(plane, filters=6), target, runner="libplacebo", sizes=sizes)
    assert report.status == "passed", explain(report)


@needs_libplacebo
@pytest.mark.parametrize("full_range", [True, False], ids=["full", "limited"])
@pytest.mark.parametrize("subsampled", [True, False], ids=["yuv420p", "yuv444p"])
def test_libplacebo_with_the_formats_of_video(subsampled: bool, full_range: bool) -> None:
    """The network sees luma in the video's own range: limited luma is not expanded, neither here nor in the player."""
    graph = c_model("luma", filters=6)
    ycbcr = rgb_to_ycbcr(verify.test_picture(49, 33), full_range=full_range)
    luma, chroma = ycbcr[:1], chroma_420(ycbcr[1:], SITINGS["left"]) if subsampled else ycbcr[1:]
    text = hookfile.format(compiler.compile(graph, COMPUTE))
    picture = libplacebo.run(text, luma, chroma, (98, 66), full_range=full_range)
    comparison = compare(picture[:1], reference.evaluate(graph, luma)[graph.output])
    assert RGBA16F.holds(comparison), comparison


@pytest.mark.parametrize("target", [FRAGMENT, COMPUTE], ids=["fragment", "compute"])
@pytest.mark.parametrize("seed", range(8))
def test_random_graphs_of_every_operator(seed: int, target: Target) -> None:
    """rgba32f only: what 16-bit storage costs depends on the random weights."""
    report = verify.verify(random_graph(seed), target, sizes=((1, 1), (17, 13)))
    exact = [check for check in report.checks if check.storage == "rgba32f"]
    assert exact
    assert all(check.passed for check in exact), explain(report)


@pytest.mark.parametrize("workgroup", [(8, 8), (5, 3), (32, 1)])
def test_the_workgroup_does_not_change_the_picture(workgroup: tuple[int, int]) -> None:
    report = verify.verify(c_model("luma", filters=6), Target("compute", workgroup=workgroup), sizes=((17, 13),))
    assert report.status == "passed", explain(report)


def test_a_source_too_wide_for_shared_memory_is_staged_in_rounds() -> None:
    target = Target("compute", workgroup=(32, 32))
    convs = [
        step for p in compiler.plan(c_model("luma"), target).passes for step in p.steps if isinstance(step, ConvStep)
    ]
    assert max(len(step.rounds) for step in convs) == 2
    report = verify.verify(c_model("luma"), target, sizes=((17, 13), (70, 50)))
    assert report.status == "passed", explain(report)


@pytest.mark.parametrize("path", sorted(ROOT.glob("shaders/*.glsl")), ids=lambda path: path.stem)
def test_the_committed_shaders(path: Path, request: pytest.FixtureRequest) -> None:
    model, _, suffix = path.stem.partition("_CMP")
    target = {"": COMPUTE, "_FP16": COMPUTE_FP16}[suffix] if "_CMP" in path.stem else FRAGMENT
    if target is COMPUTE_FP16:
        request.getfixturevalue("real_libplacebo")
    sizes = ((17, 13), (250, 187))
    text = path.read_text()
    report = verify.verify(load(ROOT / "weights" / f"{model}.npz"), target, text=text, sizes=sizes)
    assert report.status == "passed", explain(report)


def test_models_of_others() -> None:
    """SHADERGEN_MODELS names a folder of .npz files to hold to the same bounds."""
    folder = os.environ.get("SHADERGEN_MODELS")
    if not folder:
        pytest.skip("SHADERGEN_MODELS is not set")
    for path in sorted(Path(folder).glob("*.npz")):
        report = verify.verify(load(path), COMPUTE, sizes=(*verify.SIZES, (640, 360)))
        assert report.status == "passed", f"{path}: {explain(report)}"


# ---------------------------------------------------------------------------------------------------------------------
# What must fail: a shader built from a network that is a little wrong, held to the right one


def change_conv(graph: Graph, name: str, change: Callable[[Conv], Conv]) -> Graph:
    nodes = []
    for node in graph.nodes:
        op = change(node.op) if node.name == name and isinstance(node.op, Conv) else node.op
        nodes.append(replace(node, op=op))
    return replace(graph, nodes=tuple(nodes))


def permute(order: list[int]) -> Callable[[Conv], Conv]:
    return lambda op: replace(op, weight=op.weight[order], bias=op.bias[order])


def swapped_lanes(graph: Graph) -> Graph:
    return change_conv(graph, "conv1", permute([1, 0, 2, 3, 4, 5]))


def dropped_negative_bias(graph: Graph) -> Graph:
    return change_conv(graph, "conv2", lambda op: replace(op, bias=np.maximum(op.bias, 0)))


def depth_column_row_order(graph: Graph) -> Graph:
    channels = graph.output_channels
    crd = np.arange(4 * channels).reshape(channels, 4)
    return change_conv(graph, "conv4", permute([int(channel) for channel in crd.T.reshape(-1)]))


def one_pixel_offset(graph: Graph) -> Graph:
    return change_conv(graph, "conv2", lambda op: replace(op, pads=(1, 0, 1, 2)))


def clamped_border(graph: Graph) -> Graph:
    return change_conv(graph, "conv3", lambda op: replace(op, pad_mode="edge"))


def wrong_skip(graph: Graph) -> Graph:
    nodes = (replace(node, inputs=("conv3", "relu1")) if node.name == "skip" else node for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


BREAKAGES = {
    # the mistake, the plane it is made in, and the value where it first shows
    "swapped lanes": (swapped_lanes, "luma", "relu1"),
    "dropped negative bias": (dropped_negative_bias, "luma", "relu2"),
    "DCR for CRD": (depth_column_row_order, "rgb", ""),
    "one-pixel offset": (one_pixel_offset, "luma", "relu2"),
    "clamped border": (clamped_border, "luma", "skip"),
    "wrong skip": (wrong_skip, "luma", "skip"),
}


@pytest.mark.parametrize("target", [FRAGMENT, COMPUTE], ids=["fragment", "compute"])
@pytest.mark.parametrize("mistake", BREAKAGES)
def test_verify_catches(mistake: str, target: Target) -> None:
    breaks, plane, first = BREAKAGES[mistake]
    right = c_model(plane, filters=6)  # type: ignore[arg-type]
    wrong = hookfile.format(compiler.compile(breaks(right), target))
    report = verify.verify(right, target, text=wrong, sizes=((17, 13),), layers=True)
    assert report.status == "failed"
    assert all(not check.passed for check in report.checks), explain(report)
    expected = f"{right.name}{target.suffix}_{first}" if first else ""
    assert all(check.departing.startswith(expected) for check in report.checks)


def test_a_bias_that_is_negative_throughout_is_not_lost() -> None:
    right = change_conv(c_model("luma"), "conv1", lambda op: replace(op, bias=-np.abs(op.bias) - np.float32(0.1)))
    without = change_conv(right, "conv1", lambda op: replace(op, bias=np.zeros_like(op.bias)))
    assert verify.verify(right, COMPUTE, sizes=((17, 13),)).status == "passed"
    wrong = hookfile.format(compiler.compile(without, COMPUTE))
    assert verify.verify(right, COMPUTE, text=wrong, sizes=((17, 13),)).status == "failed"


def test_a_shader_that_stays_off_did_not_pass() -> None:
    file = compiler.compile(c_model("luma"), COMPUTE)
    never = hookfile.Rpn.parse("0")
    off = replace(file, blocks=tuple(replace(item, when=never) for item in file.passes))
    report = verify.verify(c_model("luma"), COMPUTE, text=hookfile.format(off), sizes=((17, 13),))
    assert report.status == "failed"
    assert "did not run" in report.checks[0].problem


def test_fp16_is_not_verified_on_opengl() -> None:
    report = verify.verify(c_model("luma"), COMPUTE_FP16, runner="gl")
    assert report.status == "not verified"
    assert "libplacebo" in report.reason


# ---------------------------------------------------------------------------------------------------------------------
# Chroma


def zero_network(graph: Graph) -> Graph:
    for name in [node.name for node in graph.nodes if isinstance(node.op, Conv)]:
        graph = change_conv(graph, name, lambda op: replace(op, weight=op.weight * 0, bias=op.bias * 0))
    return graph


@needs_libplacebo
@pytest.mark.parametrize("size", [(32, 24), (17, 13)])
def test_a_chroma_network_of_zeros_is_the_bilinear_picture_at_either_siting(size: tuple[int, int]) -> None:
    """So nothing is shifted: the reference interpolates at the siting, and the real player agrees."""
    report = verify.verify(zero_network(c_model("chroma")), FRAGMENT, runner="libplacebo", sizes=(size,))
    assert [check.siting for check in report.checks] == ["left", "center"]
    assert all(check.comparison.max_abs < 1.5e-3 for check in report.checks), explain(report)


@needs_libplacebo
def test_a_chroma_shader_stays_off_for_444() -> None:
    text = hookfile.format(compiler.compile(c_model("chroma"), COMPUTE))
    grey = np.full((1, 16, 16), 0.5, np.float32)
    played = libplacebo.play(text, grey, np.full((2, 16, 16), 0.5, np.float32), (16, 16))
    assert played.ran == ("C2F8_Chroma is the chroma subsampled",)


def test_a_chroma_shader_works_beside_a_luma_doubler() -> None:
    """On a luma doubled by repetition the average of each four texels is the source's texel, so nothing changes."""
    doubler = hookfile.HookPass(
        hooks=("LUMA",),
        binds=("HOOKED",),
        width=hookfile.Rpn.parse("HOOKED.w 2 *"),
        height=hookfile.Rpn.parse("HOOKED.h 2 *"),
        components=1,
        body="vec4 hook() { return HOOKED_tex((floor(HOOKED_pos * HOOKED_size) + 0.5) / HOOKED_size); }\n",
    )
    alone = compiler.compile(c_model("chroma"), FRAGMENT)
    beside = replace(alone, blocks=(doubler, *alone.blocks))
    case = next(verify._chroma_cases(verify.test_picture(17, 13)))
    frame = Frame(case.planes, siting=(-0.5, 0.0), full_range=True)
    results = []
    for file in (alone, beside):
        context = open_context()
        with Runner(context, file, storage="rgba32f") as runner:
            results.append(runner.run(frame, (34, 26), stop_after="CHROMA").planes["CHROMA"])
        context.release()
    assert np.abs(results[0] - results[1]).max() < 1e-4
