"""The shader is the network: every plane and variant passes, and every deliberate mistake is caught."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import moderngl
import numpy as np
import pytest

from shadergen import compiler, hookfile, passes
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Affine, Clip, Concat, Conv, Relu, Resize, Rim, Sigmoid
from shadergen.judge import verify
from shadergen.judge.stimuli import SIZES as VERIFIED
from shadergen.judge.stimuli import chroma_stimuli, stimuli, synthetic_picture
from shadergen.judge.verification import Verification
from shadergen.kernels.unrolled import UnrolledPlan
from shadergen.runtime import libplacebo
from shadergen.runtime.colour import SITINGS, chroma_420, rgb_to_ycbcr
from shadergen.runtime.compare import RGBA32F, Bound, Comparison, compare
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.schedule.steps import ConvStep
from shadergen.sources import load
from shadergen.target import OPTIMISATIONS, VARIANTS, Target, variants
from tests.nets import PLANES, c_model, packs_of_two_passes, random_conv
from tests.random_graphs import random_graph

ALL = os.environ.get("SHADERGEN_ALL_SEEDS") == "1"
"""Whether tests that take a CPU's driver minutes are run as well."""

FRAGMENT, COMPUTE, COMPUTE_FP16, INSTANT = VARIANTS
FUSED = replace(COMPUTE, fuse=True)
ON_OPENGL = pytest.mark.parametrize("target", [FRAGMENT, COMPUTE, INSTANT], ids=["fragment", "compute", "instant"])
ROOT = Path(__file__).parent.parent.parent
SIZES = ((1, 1), (2, 3), (17, 13), (70, 50))

pytestmark = pytest.mark.usefixtures("gl")

needs_libplacebo = pytest.mark.usefixtures("real_libplacebo")


def explain(report: Verification) -> str:
    failed = [f"{c.size} {c.storage} {c.siting} {c.problem or c.comparison}" for c in report.checks if not c.passed]
    return "\n".join([report.status, report.reason, *failed])


# ---------------------------------------------------------------------------------------------------------------------
# What must pass


@ON_OPENGL
@pytest.mark.parametrize("plane", PLANES)
def test_every_plane_and_stage_equals_the_reference(plane: Any, target: Target) -> None:
    """9 filters are enough for Winograd's products, and leave a pack of one lane."""
    report = verify.verify(c_model(plane, filters=9), target, sizes=SIZES, layers=True)
    assert report.status == "passed", explain(report)
    assert not any(layer.departs for check in report.checks for layer in check.layers)


@pytest.mark.parametrize(
    ("graph", "values"),
    [
        (c_model(filters=8), ["relu1"]),
        (c_model("rgb", filters=4), ["conv0", "relu2"]),
        (c_model("chroma", filters=4, layers=1), ["relu1"]),  # from a texture; the others' are from the graph's input
    ],
    ids=["luma", "rgb", "chroma"],
)
def test_layers_that_share_a_pass_equal_the_reference(graph: Graph, values: list[str]) -> None:
    report = verify.verify(graph, FUSED, sizes=SIZES, layers=True)
    assert report.status == "passed", explain(report)
    assert [tile.value for tile in compiler.plan(graph, FUSED).tiles()] == values


@pytest.mark.parametrize("target", [COMPUTE, FUSED], ids=["stored", "fused"])
def test_concatenated_rectifiers_and_their_enlargement_equal_the_reference(target: Target) -> None:
    """max(x, 0) and max(-x, 0), stored once; and the same of what is enlarged, with the nearest pixel outside."""
    nodes: list[Node] = []
    value = "input"
    for number, (channels, out) in enumerate([(1, 4), (8, 4), (8, 1)]):
        weight, bias = random_conv(np.random.default_rng(number), channels, out, 3)
        nodes.append(Node(f"conv{number}", Conv(weight, bias, (1, 1, 1, 1), "edge"), (value,)))
        if number == 1:
            nodes.append(Node("large", Resize((Fraction(2), Fraction(2)), "linear"), ("conv1",)))
        value = nodes[-1].name
        if number < 2:
            ones = np.ones(4, np.float32)
            nodes.append(Node(f"opposite{number}", Affine(-ones, 0 * ones), (value,)))
            nodes.append(Node(f"both{number}", Concat(), (value, f"opposite{number}")))
            nodes.append(Node(f"relu{number}", Relu(), (f"both{number}",)))
            value = f"relu{number}"
    graph = Graph("rectified", "luma", tuple(nodes), value)
    planned = compiler.plan(graph, target)
    assert {name for name, found in planned.textures.items() if found[0].signed} or planned.tiles()
    report = verify.verify(graph, target, sizes=SIZES, layers=True)
    assert report.status == "passed", explain(report)


@needs_libplacebo
def test_layers_share_a_pass_in_libplacebo_in_fp16() -> None:
    target = replace(COMPUTE_FP16, fuse=True)
    report = verify.verify(c_model(filters=6), target, runner="libplacebo", sizes=((1, 1), (70, 50)))
    assert report.status == "passed", explain(report)


@needs_libplacebo
@pytest.mark.parametrize("target", VARIANTS, ids=["fragment", "compute", "fp16", "instant"])
@pytest.mark.parametrize("plane", ["luma", "chroma"])
def test_libplacebo_gives_the_same_picture(plane: Any, target: Target) -> None:
    sizes = ((1, 1), (17, 13), (70, 50))
    report = verify.verify(c_model(plane, filters=9), target, runner="libplacebo", sizes=sizes)
    assert report.status == "passed", explain(report)


@needs_libplacebo
@pytest.mark.parametrize("full_range", [True, False], ids=["full", "limited"])
@pytest.mark.parametrize("subsampled", [True, False], ids=["yuv420p", "yuv444p"])
def test_libplacebo_with_the_formats_of_video(subsampled: bool, full_range: bool) -> None:
    """The network sees luma in the video's own range: limited luma is not expanded, neither here nor in the player."""
    graph = c_model("luma", filters=6)
    ycbcr = rgb_to_ycbcr(synthetic_picture(49, 33), full_range=full_range)
    luma, chroma = ycbcr[:1], chroma_420(ycbcr[1:], SITINGS["left"]) if subsampled else ycbcr[1:]
    text = hookfile.format(compiler.compile(graph, COMPUTE))
    picture = libplacebo.run(text, luma, chroma, (98, 66), full_range=full_range)
    comparison = compare(picture[:1], reference.evaluate(graph, luma)[graph.output])
    assert Bound(4e-3, 5e-4).holds(comparison), "a step of 8-bit video, and an eighth of it in the mean"


TINY_SIZES = ((1, 1), (7, 1), (2, 2), (17, 13))
"""Where everything is near a border, every block reaches beyond it, and a row or column is the first and the last."""

UNCOMPOSED = frozenset({"compose"})


def differences(gl: moderngl.Context, graph: Graph, target: Target, shown: Graph | None = None) -> list[Comparison]:
    """The picture of `graph`, or of what it has become in `shown`, against the graph as it was before any rewrite.

    With rgba32f only: what 16-bit storage costs depends on the random weights.
    """
    text = hookfile.format(compiler.compile(shown or graph, target))
    found = []
    with Runner(gl, hookfile.parse(text), storage="rgba32f") as runner:
        for case in stimuli(graph.plane, TINY_SIZES):
            width, height = case.size
            result = runner.run(Frame(case.planes, full_range=True), (64 * width, 64 * height), stop_after="LUMA")
            assert all(run.ran for run in result.passes)
            found.append(compare(result.planes["LUMA"][:1], reference.evaluate(graph, case.image)[graph.output]))
    assert len(found) == len(TINY_SIZES)
    return found


@ON_OPENGL
@pytest.mark.parametrize("seed", range(300 if ALL else 4))
def test_random_graphs_of_every_operator(gl: moderngl.Context, seed: int, target: Target) -> None:
    for comparison in differences(gl, random_graph(seed, any_size=True), target):
        assert RGBA32F.holds(comparison), comparison


@pytest.mark.parametrize("seed", [0, 7, 38])
def test_random_graphs_whose_layers_share_a_pass(gl: moderngl.Context, seed: int) -> None:
    """Kernels off centre, tiles with and without a halo, of one pack and of several, up to three in a file."""
    assert compiler.plan(random_graph(seed, any_size=True), FUSED).tiles()
    for comparison in differences(gl, random_graph(seed, any_size=True), FUSED):
        assert RGBA32F.holds(comparison), comparison


@ON_OPENGL
@pytest.mark.parametrize("without", OPTIMISATIONS)
@pytest.mark.parametrize("graph", [random_graph(2, any_size=True), c_model(filters=9)], ids=lambda graph: graph.name)
def test_an_optimisation_changes_no_picture(gl: moderngl.Context, graph: Graph, target: Target, without: str) -> None:
    """Each is switched off alone; where that changes no text, there is nothing to run."""
    off = replace(target, without=frozenset({without}))
    if compiler.compile(graph, off) == compiler.compile(graph, target):
        assert target.stage == "fragment" or without == "winograd"
        return
    for comparison in differences(gl, graph, off):
        assert RGBA32F.holds(comparison), comparison


@ON_OPENGL
def test_two_passes_that_want_other_packs_of_a_convolution(gl: moderngl.Context, target: Target) -> None:
    for comparison in differences(gl, packs_of_two_passes(), target):
        assert RGBA32F.holds(comparison), comparison


@needs_libplacebo
@pytest.mark.parametrize("seed", range(300 if ALL else 4))
def test_random_graphs_of_every_operator_in_fp16(seed: int) -> None:
    graph = random_graph(seed, any_size=True)
    text = hookfile.format(compiler.compile(graph, COMPUTE_FP16))
    report = verify.verify(graph, replace(COMPUTE_FP16, without=UNCOMPOSED), text=text, sizes=((17, 13),))
    assert report.status == "passed", explain(report)


@needs_libplacebo
@pytest.mark.parametrize("without", OPTIMISATIONS)
def test_an_optimisation_changes_no_fp16_picture(without: str) -> None:
    graph = c_model("luma", filters=9)
    target = replace(COMPUTE_FP16, without=frozenset({without}))
    text = hookfile.format(compiler.compile(graph, target))
    report = verify.verify(graph, replace(target, without=UNCOMPOSED), text=text, sizes=((17, 13),))
    assert report.status == "passed", explain(report)


@pytest.mark.parametrize("workgroup", [(8, 8), (5, 3), (32, 1)])
def test_the_workgroup_does_not_change_the_picture(workgroup: tuple[int, int]) -> None:
    report = verify.verify(c_model("luma", filters=6), Target("compute", workgroup=workgroup), sizes=((17, 13),))
    assert report.status == "passed", explain(report)


def test_a_wide_value_has_fewer_pixels_at_a_time(gl: moderngl.Context) -> None:
    """36 channels to 36 are too many sums for Winograd, and for four pixels."""
    rng = np.random.default_rng(0)
    one, row, last = (random_conv(rng, *shape) for shape in ((1, 36, 1), (36, 36, 3), (36, 1, 1)))
    nodes = (
        *(Node("one", Conv(*one), ("input",)), Node("relu", Relu(), ("one",))),
        *(Node("row", Conv(row[0][:, :, :1], row[1], (0, 1, 0, 1)), ("relu",)), Node("clip", Clip(0, 1), ("row",))),
        *(Node("weighted", Conv(*last), ("clip",)), Node("last", Sigmoid(), ("weighted",))),
    )
    graph = Graph("Wide", "luma", nodes, "last")
    (scheduled,) = [scheduled for scheduled in compiler.plan(graph, COMPUTE).passes if scheduled.root == "clip"]
    (step,) = [step for step in scheduled.steps if isinstance(step, ConvStep)]
    assert (scheduled.pixels, isinstance(step.plan, UnrolledPlan)) == ((2, 1), True)
    for comparison in differences(gl, graph, COMPUTE):
        assert RGBA32F.holds(comparison), comparison


QUICK = {f"C4F16{suffix}" for suffix in ("", "_CMP", "_CMP_FP16", "_CMP_INSTANT", "_NEXT", "_INTEL")} | {
    *("C4F16_Chroma", "C4F16_Chroma_CMP", "C4F16_Chroma_NEXT", "C4F32_CMP", "C4F32_NEXT")
}
"""One of each way to write a file. Others differ in numbers, or take a CPU's driver minutes to compile."""


@pytest.mark.parametrize("path", sorted(ROOT.glob("shaders/*.glsl")), ids=lambda path: path.stem)
def test_the_committed_shaders(path: Path, request: pytest.FixtureRequest) -> None:
    model = re.sub(r"_(CMP|NEXT|INTEL).*", "", path.stem)
    graph = load(ROOT / "weights" / f"{model}.npz")
    (target,) = [target for target in variants(graph.plane) if model + target.suffix == path.stem]
    if path.stem not in QUICK and not ALL:
        pytest.skip("SHADERGEN_ALL_SEEDS=1 verifies it as well")
    for_vulkan = target.precision == "fp16" or target.buffers
    if for_vulkan:
        request.getfixturevalue("real_libplacebo")
    sizes = ((17, 13), (250, 187))
    text = path.read_text()
    runner: Literal["gl", "libplacebo"] = "libplacebo" if for_vulkan else "gl"
    report = verify.verify(graph, target, text=text, sizes=sizes, runner=runner)
    assert report.status == "passed", explain(report)


def test_models_of_others() -> None:
    """SHADERGEN_MODELS names a folder of .npz files to hold to the same bounds."""
    folder = os.environ.get("SHADERGEN_MODELS")
    if not folder:
        pytest.skip("SHADERGEN_MODELS is not set")
    for path in sorted(Path(folder).glob("*.npz")):
        report = verify.verify(load(path), COMPUTE, sizes=(*VERIFIED, (640, 360)))
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


def wrong_rim_sign(graph: Graph) -> Graph:
    """Of the rewritten graph: one of the terms is added that should be subtracted."""

    def change(op: Rim) -> Rim:
        first, *others = op.terms
        return Rim((replace(first, weight=-first.weight, bias=-first.bias), *others))

    return change_rim(passes.optimise(graph), "conv1_rim", change)


def missing_rim_row(graph: Graph) -> Graph:
    return without_term(graph, -1, None)


def without_term(graph: Graph, row: int | None, column: int | None) -> Graph:
    def change(op: Rim) -> Rim:
        return Rim(tuple(term for term in op.terms if (term.row, term.column) != (row, column)))

    return change_rim(passes.optimise(graph), "conv1_rim", change)


def shifted_rim(graph: Graph) -> Graph:
    def change(op: Rim) -> Rim:
        return Rim(tuple(replace(term, dx=term.dx + 1) if term.row is not None else term for term in op.terms))

    return change_rim(passes.optimise(graph), "conv1_rim", change)


def change_rim(graph: Graph, name: str, change: Callable[[Rim], Rim]) -> Graph:
    nodes = []
    for node in graph.nodes:
        if node.name == name:
            assert isinstance(node.op, Rim)
            node = replace(node, op=change(node.op))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


BREAKAGES = {
    # the mistake, the plane it is made in, and the value where it first shows
    "swapped lanes": (swapped_lanes, "luma", "relu1"),
    "dropped negative bias": (dropped_negative_bias, "luma", "relu2"),
    "DCR for CRD": (depth_column_row_order, "rgb", ""),
    "one-pixel offset": (one_pixel_offset, "luma", "relu2"),
    "clamped border": (clamped_border, "luma", "skip"),
    "wrong skip": (wrong_skip, "luma", "skip"),
    "a rim's sign": (wrong_rim_sign, "luma", "relu1"),
    "a rim without the last row": (missing_rim_row, "luma", "relu1"),
    "a rim one pixel off": (shifted_rim, "luma", "relu1"),
}


@ON_OPENGL
@pytest.mark.parametrize("mistake", BREAKAGES)
def test_verify_catches(mistake: str, target: Target) -> None:
    breaks, plane, first = BREAKAGES[mistake]
    right = c_model(plane, filters=6)  # type: ignore[arg-type]
    wrong = hookfile.format(compiler.compile(breaks(right), target))
    report = verify.verify(right, target, text=wrong, sizes=((17, 13),), layers=True)
    assert report.status == "failed"
    assert all(not check.passed for check in report.checks), explain(report)
    kept = compiler.plan(right, target).textures  # a value that is composed away shows in what it became a part of
    for check in report.checks:
        departing = check.departing.removeprefix(f"{right.name}{target.suffix}_")
        if first in kept:
            assert departing.startswith(first)
        else:  # the picture itself, or in fragments, which shuffle a kept value, that value
            assert departing.partition("_")[0] == ("conv4" if target.stage == "fragment" else "")


@ON_OPENGL
@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_a_missing_corner_of_a_rim_is_caught(gl: moderngl.Context, corner: tuple[int, int], target: Target) -> None:
    """A single pixel's; in 16-bit storage it may be too little to see."""
    graph = c_model("luma", filters=6, layers=1)
    found = differences(gl, graph, target, without_term(graph, *corner))
    assert not all(RGBA32F.holds(comparison) for comparison in found)


def changed_once(text: str, pattern: str, change: Callable[[re.Match[str]], str]) -> str:
    """The text with its first match of the pattern changed."""
    found = re.search(pattern, text)
    assert found, pattern
    return text[: found.start()] + change(found) + text[found.end() :]


def swapped_products(text: str) -> str:
    """Two of Winograd's weights, each used for the other's factor."""
    weights = list(re.finditer(r"w = (mat4\(.+\));\n\s+conv2_0_sum0_([12])", text))
    first, second = weights[0], weights[1]
    assert (first[2], second[2]) == ("1", "2")
    return text[: first.start(1)] + second[1] + text[first.end(1) : second.start(1)] + first[1] + text[second.end(1) :]


def wrong_factor(text: str) -> str:
    return changed_once(text, r"s_1_2 - s_1_1;", lambda found: "s_1_1 - s_1_2;")


def wrong_output(text: str) -> str:
    return changed_once(text, r"conv2_0_sum0_1 - conv2_0_sum0_2 - ", lambda found: found[0][:-2] + "+ ")


def wrong_tap(text: str) -> str:
    product = r"(conv1_whole_0d = conv1_whole_0d \+ w\*s_\d)_(\d);"
    return changed_once(text, product, lambda found: f"{found[1]}_{int(found[2]) - 1};")


def pixel_stored_twice(text: str) -> str:
    return changed_once(text, r"relu2_0b\);", lambda found: "relu2_0a);")


def narrow_border(text: str) -> str:
    """The interior begins one column too early."""
    return changed_once(text, r"greaterThanEqual\(pixel, ivec2\(1, 1\)", lambda found: found[0].replace("(1, ", "(0, "))


def column_of_another_weight(text: str) -> str:
    return changed_once(text, r"(conv2_0w, ivec2\()5, ", lambda found: f"{found[1]}6, ")


def halo_beyond_the_border(text: str) -> str:
    return changed_once(text, r"padded\(relu1_0a, inside\)", lambda found: "relu1_0a")


SLIPS = {
    "swapped products": (swapped_products, COMPUTE, "relu2"),
    "a factor's sign": (wrong_factor, COMPUTE, "relu2"),
    "an output's sign": (wrong_output, COMPUTE, "relu2"),
    "a pixel's tap": (wrong_tap, COMPUTE, "relu1"),
    "a pixel for its neighbour": (pixel_stored_twice, COMPUTE, "relu2"),
    "a border too narrow": (narrow_border, COMPUTE, "relu1"),
    "a table's column": (column_of_another_weight, INSTANT, "relu2"),
    "a halo that is not zero outside": (halo_beyond_the_border, FUSED, "relu2"),
}
"""Mistakes of what is written for a graph that is right: what changes the text, the variant, where it first shows."""


@pytest.mark.parametrize("slip", SLIPS)
def test_verify_catches_slips_of_the_pen(slip: str) -> None:
    change, target, first = SLIPS[slip]
    graph = c_model("luma", filters=8)
    wrong = change(hookfile.format(compiler.compile(graph, target)))
    report = verify.verify(graph, target, text=wrong, sizes=((17, 13),), layers=True)
    assert report.status == "failed"
    expected = f"{graph.name}{target.suffix}_{first}"
    assert all(check.departing == expected for check in report.checks), explain(report)


@pytest.mark.parametrize("target", [FRAGMENT, COMPUTE, INSTANT], ids=["fragment", "compute", "instant"])
def test_verify_catches_a_wrong_number_in_any_table(target: Target) -> None:
    """The largest number of each table becomes half of what it was; in bytes its first one is set to zero's."""
    graph = c_model("luma", filters=6, layers=1)
    file = compiler.compile(graph, target)
    for place, block in enumerate(file.blocks):
        if isinstance(block, hookfile.UserTexture):
            if block.format == "rgba8":
                numbers = np.frombuffer(block.data, np.uint8).reshape(*block.size[::-1], 4).copy()
                weights = numbers[:, 1 : block.size[0] // 3]
                weights[np.unravel_index(np.abs(weights.astype(int) - 128).argmax(), weights.shape)] = 128
            else:
                numbers = np.frombuffer(block.data, "<f4").reshape(*block.size[::-1], 4).copy()
                weights = numbers[:, 1:]  # the first column has places
                weights[np.unravel_index(np.abs(weights).argmax(), weights.shape)] *= 0.5
            changed = replace(block, data=numbers.tobytes())
            blocks = (*file.blocks[:place], changed, *file.blocks[place + 1 :])
            text = hookfile.format(replace(file, blocks=blocks))
            report = verify.verify(graph, target, text=text, sizes=((17, 13),))
            assert report.status == "failed", block.name


@needs_libplacebo
@pytest.mark.parametrize("runner", ["gl", "libplacebo"])
def test_a_network_that_rounds_badly_is_not_called_wrong(runner: Any) -> None:
    """Its mean is above what once was the bound of all networks, 5e-4."""
    graph = change_conv(c_model("luma", filters=8), "conv4", lambda op: replace(op, weight=op.weight * 16))
    report = verify.verify(graph, COMPUTE, runner=runner, sizes=((70, 60),))
    assert report.status == "passed", explain(report)
    assert report.checks[-1].comparison.mean_abs > 5e-4


def test_a_small_mistake_in_a_network_that_rounds_well_is_caught() -> None:
    """It is half of a step of 8-bit video, and was within the bound of all networks on a small frame, 4e-3."""
    right = c_model("luma", filters=8)
    wrong = change_conv(right, "conv4", lambda op: replace(op, bias=op.bias + np.float32(2e-3)))
    text = hookfile.format(compiler.compile(wrong, COMPUTE))
    report = verify.verify(right, COMPUTE, text=text, sizes=((1, 1), (17, 13)))
    assert all(check.comparison.max_abs < 4e-3 for check in report.checks), explain(report)
    assert not any(check.passed for check in report.checks), explain(report)
    assert "is above" in report.checks[-1].failure


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
    case = next(chroma_stimuli(synthetic_picture(17, 13)))
    frame = Frame(case.planes, siting=(-0.5, 0.0), full_range=True)
    results = []
    for file in (alone, beside):
        context = open_context()
        with Runner(context, file, storage="rgba32f") as runner:
            results.append(runner.run(frame, (34, 26), stop_after="CHROMA").planes["CHROMA"])
        context.release()
    assert np.abs(results[0] - results[1]).max() < 1e-4
