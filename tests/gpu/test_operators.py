"""Every operator, on the GPU as the reference says: borders, odd sizes, and sizes that are not in proportion.

Each network is written in two of the four ways, in turn; together the networks use every operator in all of them.
With SHADERGEN_ALL_SEEDS=1 all 300 random networks run, each in all ways, and published networks at their full width: an
hour and a half.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import get_args

import moderngl
import numpy as np
import pytest

from shadergen import compiler, hookfile
from shadergen.ir import reference
from shadergen.ir.extent import Extent, fixed
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import (
    Add,
    Affine,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Coordinates,
    DepthToSpace,
    Div,
    Erf,
    Filter,
    Fit,
    Gather,
    GlobalAveragePool,
    MaxPool,
    Mul,
    Op,
    Pad,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Round,
    Sigmoid,
    Slice,
    Softplus,
    Sqrt,
    Sub,
    takes_size,
)
from shadergen.judge import verify
from shadergen.judge.stimuli import stimuli
from shadergen.runtime.colour import SITINGS
from shadergen.runtime.compare import RGBA32F, compare
from shadergen.runtime.runner import Frame, Runner
from shadergen.sources import load
from shadergen.target import Stage, Target
from tests import random_graphs
from tests.nets import EVEN_SIZES, ONCE_BROKEN, random_conv
from tests.systems import FULL, SYSTEMS

WAYS = (
    Target("compute", weights="texture"),
    Target(weights="texture"),
    Target("compute"),
    Target(),
)
SIZES = ((17, 13), (5, 4))
ALL_SEEDS = os.environ.get("SHADERGEN_ALL_SEEDS") == "1"
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.usefixtures("gl")


def assert_is_reference(gl: moderngl.Context, graph: Graph, target: Target, sizes: tuple[tuple[int, int], ...]) -> None:
    """The picture with rgba32f storage; errors relative to the picture's range, as random networks have any."""
    text = hookfile.format(compiler.compile(graph, target))
    plane = {"luma": "LUMA", "chroma": "CHROMA", "rgb": "MAIN"}[graph.plane]
    channels = graph.output_channels
    with Runner(gl, hookfile.parse(text), storage="rgba32f") as runner:
        for case in stimuli(graph.plane, sizes):
            width, height = case.size
            expected = reference.evaluate(graph, case.image)[graph.output]
            frame = Frame(case.planes, siting=SITINGS[case.siting] if case.siting else (0.0, 0.0), full_range=True)
            result = runner.run(frame, (64 * width, 64 * height), stop_after=plane)
            assert all(run.ran for run in result.passes), [run.reason for run in result.passes if not run.ran]
            scale = np.float32(max(1.0, np.abs(expected).max()))
            comparison = compare(result.planes[plane][:channels] / scale, expected / scale)
            assert RGBA32F.holds(comparison), f"{graph.name} {target.suffix} {case.size}: {comparison}"


# ---------------------------------------------------------------------------------------------------------------------
# One operator at a time


def conv(channels: int, out: int, kernel: int = 3, pad: int | None = None, group: int = 1, **more: object) -> Conv:
    """With "same" padding unless told."""
    weight, bias = random_conv(RNG, channels // group, out, kernel)
    return Conv(weight, bias, (kernel // 2 if pad is None else pad,) * 4, group=group, **more)  # type: ignore[arg-type]


def up(channels: int, out: int, kernel: int, stride: int, *pads: int, group: int = 1) -> ConvTranspose:
    weight = RNG.normal(0, 1 / kernel, (channels, out // group, kernel, kernel)).astype(np.float32)
    return ConvTranspose(weight, random_conv(RNG, 1, out, 1)[1], pads, (stride, stride), group)  # type: ignore[arg-type]


def through(op: Op, channels: int = 6, out: int = 6, enlarge: int = 1) -> Graph:
    """A network around one operator, of the picture's own size."""
    nodes = [
        Node("a", conv(1, channels), ("input",)),
        Node("relu", Relu(), ("a",)),
        Node("tried", op, ("relu", "input") if takes_size(op) else ("relu",)),
        Node("z", conv(out, 1), ("tried",)),
        Node("large", Resize((Fraction(enlarge), Fraction(enlarge)), "nearest"), ("z",)),
        Node("fit", Fit(), ("large" if enlarge > 1 else "z", "input")),
    ]
    return Graph("net", "luma", tuple(node for node in nodes if enlarge > 1 or node.name != "large"), "fit")


def several(name: str, *nodes: tuple[str, Op, str]) -> Graph:
    listed = tuple(Node(node, op, tuple(inputs.split())) for node, op, inputs in nodes)
    return Graph(name, "luma", listed, listed[-1].name)


TWO, HALF = Fraction(2), Fraction(1, 2)
UP_TO_4 = Extent().up_to(4)
SIZED: tuple[tuple[Filter, Coordinates], ...]
SIZED = (("nearest", "asymmetric"), ("linear", "half_pixel"), ("cubic", "align_corners"))
AROUND = (UP_TO_4 - Extent()).over(2)
SLOPE = np.linspace(-0.5, 0.5, 6).astype(np.float32)
OPERATORS: dict[str, Graph] = {
    "strides": through(conv(6, 10, strides=(2, 2)), out=10, enlarge=2),
    "strides wider than the kernel": through(conv(6, 5, 1, strides=(3, 2)), out=5, enlarge=3),
    "dilated rows and Winograd's columns": through(conv(8, 8, pad=2, dilations=(2, 1)), 8, 8),
    "dilations": through(conv(6, 8, pad=2, dilations=(2, 2)), out=8),
    "strides and dilations": through(conv(6, 8, pad=3, dilations=(3, 3), strides=(2, 2)), out=8, enlarge=2),
    "no padding": through(conv(6, 8, pad=0), out=8),
    "groups": through(conv(8, 12, group=2), 8, 12),
    "depthwise": through(conv(8, 8, group=8), 8, 8),
    "transposed": through(up(6, 5, 4, 2, 1, 1, 1, 1), out=5),
    "transposed and cropped": through(up(6, 5, 3, 2, 0, 0, 0, 0), out=5),
    "transposed with much padding": through(up(6, 5, 4, 2, 3, 3, 3, 3), out=5),
    "transposed with output padding": through(up(6, 4, 2, 3, 0, 0, -1, -1), out=4),
    "transposed in groups": through(up(8, 12, 4, 2, 1, 1, 1, 1, group=2), 8, 12),
    "pad edge": through(Pad((1, 2, 3, 0), "edge")),
    "pad reflect": through(Pad((1, 2, 3, 0), "reflect")),
    "pad by a value": through(Pad((1, 2, 3, 0), "zero", 0.5)),
    "crop and pad": through(Pad((-1, 2, 1, -1), "edge")),
    **{
        f"resize {filter} {place}": through(Resize((TWO, Fraction(3, 2)), filter, place))
        for filter in ("nearest", "linear", "cubic")
        for place in ("half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners")
        if (filter, place) not in (("nearest", "pytorch_half_pixel"), ("linear", "asymmetric"))
    },
    **{
        f"resize {rounding}": through(Resize((Fraction(3, 2), HALF), "nearest", rounding=rounding), enlarge=2)
        for rounding in ("round_prefer_ceil", "floor", "ceil")
    },
    **{
        f"resize {filter} {place} to a size": through(Resize((UP_TO_4, UP_TO_4), filter, place))
        for filter, place in SIZED
    },
    **{
        f"fit {mode} around": through(Fit((UP_TO_4, UP_TO_4), (AROUND, fixed(1)), mode), enlarge=1)
        for mode in get_args(PadMode)
    },
    "resize without what is outside": through(Resize((TWO, Fraction(3, 2)), "cubic", exclude_outside=True)),
    "max pool": through(MaxPool((2, 3), (2, 1), (0, 1, 1, 1)), enlarge=2),
    "average pool": through(AveragePool((3, 3), (1, 1), (1, 1, 1, 1))),
    "affine": through(Affine(1 + SLOPE, SLOPE)),
    "softplus": through(Softplus()),
    "erf": through(Erf()),
    "sqrt": through(Sqrt()),
    "round": through(Round()),
    "clip above": through(Clip(-np.inf, 0.4)),
    "prelu": through(PRelu(SLOPE)),
    "gather": through(Gather((5, 0, 3, 3, 1, 2, 4)), out=7),
    "squeeze and excite": several(
        "excite",
        *(("a", conv(1, 8), "input"), ("mean", GlobalAveragePool(), "a"), ("b", conv(8, 8, 1), "mean")),
        *(("gate", Sigmoid(), "b"), ("gated", Mul(), "a gate"), ("z", conv(8, 1), "gated")),
    ),
    "one channel for all": several(
        "attention",
        *(("a", conv(1, 8), "input"), ("b", conv(8, 1), "a"), ("gate", Sigmoid(), "b"), ("c", Mul(), "a gate")),
        *(("d", Sub(), "c a"), ("e", Clip(0.5, 3.0), "a"), ("f", Div(), "d e"), ("z", conv(8, 1), "f")),
    ),
    "a texture of one pack, partly filled": several(
        "partly",
        *(("a", conv(1, 66, 1), "input"), ("r", Relu(), "a"), ("b", conv(66, 4), "r"), ("z", DepthToSpace(2), "b")),
    ),
    "more packs than a pass can bind": several(
        "wide",
        *(("a", conv(1, 100), "input"), ("r", PRelu(np.linspace(-1, 1, 100).astype(np.float32)), "a")),
        *(("b", conv(100, 72, 1), "r"), ("c", Concat(), "b r"), ("d", conv(172, 16, 1), "c"), ("e", Slice(3, 11), "d")),
        *(("f", conv(8, 4), "e"), ("z", DepthToSpace(2), "f")),
    ),
    "sizes rounded down twice, and back": several(
        "rounded",
        *(("a", conv(1, 8, strides=(2, 2)), "input"), ("b", conv(8, 12, strides=(2, 2)), "a")),
        *(("c", up(12, 8, 4, 2, 1, 1, 1, 1), "b"), ("d", Fit(), "c a"), ("e", Add(), "d a")),
        *(("f", up(8, 1, 4, 2, 1, 1, 1, 1), "e"), ("z", Fit(), "f input")),
    ),
}


@pytest.mark.parametrize("number", range(len(OPERATORS)), ids=list(OPERATORS))
def test_an_operator(gl: moderngl.Context, number: int) -> None:
    graph = list(OPERATORS.values())[number]
    for target in (WAYS[number % 4], WAYS[(number + 1) % 4]):
        assert_is_reference(gl, graph, target, SIZES)


@pytest.mark.parametrize("name", ONCE_BROKEN)
def test_a_network_whose_file_did_not_compile_once(gl: moderngl.Context, name: str) -> None:
    sizes = ((16, 12), (2, 4)) if name in EVEN_SIZES else ((17, 13), (1, 1), (5, 4))
    for target in (*WAYS, Target("compute", fuse=True)):
        assert_is_reference(gl, ONCE_BROKEN[name](), target, sizes)


@pytest.mark.usefixtures("real_libplacebo")
@pytest.mark.parametrize("name", ONCE_BROKEN)
def test_a_network_whose_file_did_not_compile_once_in_fp16(name: str) -> None:
    sizes = ((16, 12),) if name in EVEN_SIZES else ((17, 13),)
    report = verify.verify(ONCE_BROKEN[name](), Target("compute", "fp16"), runner="libplacebo", sizes=sizes)
    assert report.status == "passed", [check.comparison for check in report.checks]


# ---------------------------------------------------------------------------------------------------------------------
# Whole networks


@pytest.mark.parametrize("seed", range(300 if ALL_SEEDS else 24))
def test_a_random_network(gl: moderngl.Context, seed: int) -> None:
    height, width = random_graphs.sizes(seed)[seed % 3]
    for target in WAYS if ALL_SEEDS else (WAYS[seed % 4],):
        assert_is_reference(gl, random_graphs.random_graph(seed), target, ((width, height),))


@pytest.mark.parametrize("number", range(12) if ALL_SEEDS else (0, 7, 8, 11))
def test_a_network_that_computes_sizes(gl: moderngl.Context, number: int, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.odd_sizes import NETS, export

    graph = load(export(list(NETS)[number], tmp_path / "net.onnx"))
    for target in WAYS if ALL_SEEDS else (WAYS[number % 4],):
        assert_is_reference(gl, graph, target, ((23, 17),) if "cropped" in list(NETS)[number] else ((17, 13), (9, 11)))


SYSTEM_SIZES = {"imageSR_first": (92, 51), "imageSR_UNet": (12, 16)}
"""Width and height where a network cannot take any."""


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_network_that_people_use(gl: moderngl.Context, name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(SYSTEMS[name]().SerializeToString())
    for target in WAYS if ALL_SEEDS else WAYS[1:2]:
        assert_is_reference(gl, load(path), target, (SYSTEM_SIZES.get(name, (17, 13)),))


TEXTURE = {"Compact", "ESPCN_7", "CARN_M", "ArtCNN_R8F64", "EDSR_baseline", "DCSCN_12", "ArtCNN_R16F96"}
"""With weights in code, llvmpipe compiles for longer than a quarter of an hour."""


@pytest.mark.skipif(not ALL_SEEDS, reason="half an hour; SHADERGEN_ALL_SEEDS=1 runs it")
@pytest.mark.parametrize("stage", ["compute", "fragment"])
@pytest.mark.parametrize("name", FULL)
def test_a_network_at_its_full_width(gl: moderngl.Context, name: str, stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.onnx"
    path.write_bytes(FULL[name]().SerializeToString())
    target = Target(stage, weights="texture" if name in TEXTURE else "code")
    assert_is_reference(gl, load(path), target, (SYSTEM_SIZES.get(name, (16, 12)),))
