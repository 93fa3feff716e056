"""The hook files as text: what must hold for every one, and goldens of tiny nets."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from shadergen import __version__, compiler, hookfile
from shadergen.emit.plane import CHROMA_GUARD
from shadergen.errors import TargetError
from shadergen.hookfile import Compute, HookFile, HookPass, Rpn, UserTexture
from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.ops import Clip, Concat, Conv, Op, PRelu, Relu, Slice
from shadergen.lint import glslang_compiler, lint_text
from shadergen.lint.glsltext import shared_bytes, without_comments
from shadergen.target import VARIANTS, Target, Weights
from tests.nets import PLANES, c_model, packs_of_two_passes, random_conv
from tests.random_graphs import random_graph

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"

GRAPHS = [
    *(c_model(plane, filters=filters) for plane in PLANES for filters in (6, 9)),
    *(random_graph(seed) for seed in range(8)),
    packs_of_two_passes(),
]
C_MODELS = [graph.name for graph in GRAPHS[:6]]
CASES = [(graph, target) for graph in GRAPHS for target in VARIANTS]
IDS = [f"{graph.name}{target.suffix}" for graph, target in CASES]
WEIGHTS = r"vec4\([^ ()]+,[^ ()]+\)"
"""Those of a source channel for four of the result, without the spaces that other vectors have."""

every_case = pytest.mark.parametrize(("graph", "target"), CASES, ids=IDS)


@cache
def _compiled(case: int) -> HookFile:
    return compiler.compile(*CASES[case])


def file_of(graph: Graph, target: Target) -> HookFile:
    """The file of one of CASES, compiled once for all tests."""
    return _compiled(IDS.index(f"{graph.name}{target.suffix}"))


def text_of(graph: Graph, target: Target) -> str:
    return hookfile.format(compiler.compile(graph, target))


# ---------------------------------------------------------------------------------------------------------------------
# Every file


@every_case
def test_the_text_reads_back_as_the_same_file(graph: Graph, target: Target) -> None:
    file = file_of(graph, target)
    assert hookfile.parse(hookfile.format(file)) == file


@every_case
def test_lint_has_nothing_to_say(graph: Graph, target: Target) -> None:
    expected = known_findings(graph)
    if target.precision == "fp16":
        expected |= {"extension-directive"}  # why the fp16 file is one of its own
    assert {finding.rule for finding in lint_text(hookfile.format(file_of(graph, target)))} <= expected


def known_findings(graph: Graph) -> set[str]:
    """Rules of lint that a file may break: a random network may be wide, and four times as large in between."""
    return set() if graph.name in C_MODELS else {"texture-extent"}


@every_case
def test_what_is_saved_is_bound_later_and_is_the_file_s_own(graph: Graph, target: Target) -> None:
    file = file_of(graph, target)
    saves = [block.save for block in file.passes]
    prefix = "".join(f"{word}_" for word in re.findall("[A-Za-z0-9]+", f"{graph.name}{target.suffix}"))
    for index, save in enumerate(saves[:-1]):
        if save is None:
            assert graph.plane == "chroma", "chroma is brought to luma's size first"
            assert index == 1
            continue
        assert save.startswith(prefix)
        assert saves.count(save) == 1
        later = file.passes[index + 1 :]
        asked = {name for block in later for rpn in (block.when,) if rpn for name in rpn.names()}
        assert save in asked or any(save in block.binds for block in later)
    assert saves[-1] is None


@every_case
def test_players_limits(graph: Graph, target: Target) -> None:
    for block in file_of(graph, target).passes:
        assert 1 <= len(block.binds) <= 12
        assert len(set(block.binds)) == len(block.binds)
        for rpn in (block.width, block.height, block.when):
            assert rpn is None or len(rpn.tokens) < 32
        assert (
            (block.compute is None) == (target.stage == "fragment")
            or block.offset == "ALIGN"
            or "is420" in str(block.save)
        )


@every_case
def test_components(graph: Graph, target: Target) -> None:
    *saved, last = file_of(graph, target).passes
    assert last.components == {"luma": 1, "chroma": 2, "rgb": None}[graph.plane]
    assert {block.components for block in saved if block.save} == {4}


@every_case
def test_extensions_only_for_fp16(graph: Graph, target: Target) -> None:
    assert ("#extension" in hookfile.format(file_of(graph, target))) == (target.precision == "fp16")
    assert "#version" not in hookfile.format(file_of(graph, target))


@every_case
def test_a_header_that_says_everything(graph: Graph, target: Target) -> None:
    header = file_of(graph, target).header
    file = f"{graph.name}{target.suffix}.glsl"
    stated = (file, graph.plane, target.stage, target.precision, graph.record.licence, graph.record.sha256, __version__)
    for words in (*stated, "glsl-shader=", "multiply-adds"):
        assert words, "empty words are in any header"
        assert words in header, words
    assert all(line.startswith("//") or not line for line in header.splitlines())


@every_case
def test_the_same_text_twice(graph: Graph, target: Target) -> None:
    assert text_of(graph, target) == hookfile.format(file_of(graph, target))


def test_the_same_text_in_another_process() -> None:
    """Of every fifth case, in one whose sets and dictionaries of strings are ordered otherwise."""
    program = (
        "import hashlib; from tests.test_emit import CASES, text_of;"
        "print(hashlib.sha256(''.join(text_of(*case) for case in CASES[::5]).encode()).hexdigest())"
    )
    here = hashlib.sha256("".join(text_of(*case) for case in CASES[::5]).encode()).hexdigest()
    environment = os.environ | {"PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == here


# ---------------------------------------------------------------------------------------------------------------------
# WHEN


def running(block: HookPass, **sizes: tuple[float, float]) -> bool:
    return block.when is None or bool(block.when.evaluate(sizes.get))


@pytest.mark.parametrize("target", VARIANTS, ids=lambda target: target.suffix)
@pytest.mark.parametrize("plane", ["luma", "rgb"])
def test_an_upscaler_stays_off_unless_the_picture_is_enlarged(plane: str, target: Target) -> None:
    graph = c_model("luma" if plane == "luma" else "rgb", filters=4)
    for block in compiler.compile(graph, replace(target, when=1.5)).passes:
        assert str(block.when) == "OUTPUT.w HOOKED.w 1.5 * > OUTPUT.h HOOKED.h 1.5 * > *"
        assert running(block, HOOKED=(100, 50), OUTPUT=(151, 76))
        assert not running(block, HOOKED=(100, 50), OUTPUT=(150, 100))
        assert not running(block, HOOKED=(100, 50), OUTPUT=(200, 75))


def test_a_filter_of_one_size_always_runs() -> None:
    graph = net(("a", conv(1, 8), "input"), ("b", Relu(), "a"), ("c", conv(8, 1), "b"))
    assert all(block.when is None for block in compiler.compile(graph, Target()).passes)


@pytest.mark.parametrize(
    ("chroma", "runs"),
    [
        ((960, 540), True),
        ((9, 7), True),  # of 17x13, odd sizes
        ((1920, 1080), False),  # 4:4:4
        ((960, 1080), False),  # 4:2:2
        ((1920, 540), False),  # 4:4:0
    ],
)
def test_a_chroma_model_runs_for_420_only(chroma: tuple[int, int], runs: bool) -> None:
    luma = (17, 13) if chroma == (9, 7) else (1920, 1080)
    assert Rpn.parse(CHROMA_GUARD).evaluate({"HOOKED": chroma, "LUMA": luma}.get) == runs
    remember, *others = compiler.compile(c_model("chroma", filters=4), Target()).passes
    assert remember.width is not None
    width = remember.width.evaluate({"HOOKED": chroma, "LUMA": luma}.get)
    assert width == 1 + runs
    for block in others:
        assert remember.save is not None
        assert running(block, **{remember.save: (width, 1)}) == runs


def test_chroma_becomes_twice_as_large_and_stays_so() -> None:
    _, interpolate, *model = compiler.compile(c_model("chroma", filters=4), Target("compute")).passes
    assert str(interpolate.width) == "HOOKED.w 2 * LUMA.w 2 % 0.001 * +"
    assert str(interpolate.height) == "HOOKED.h 2 * LUMA.h 2 % 0.001 * +"
    assert interpolate.save is None
    assert interpolate.offset == "ALIGN"
    assert str(model[0].width) == "HOOKED.w 3 * 2 /", "blocks of 12 channels at chroma's resolution, a 3x1 tile"
    assert str(model[1].width) == "HOOKED.w 2 /"
    assert str(model[-1].width) == "HOOKED.w"


# ---------------------------------------------------------------------------------------------------------------------
# One pass


def net(*nodes: tuple[str, Op, str], name: str = "net") -> Graph:
    listed = tuple(Node(node, op, tuple(inputs.split())) for node, op, inputs in nodes)
    return Graph(name, "luma", listed, listed[-1].name)


def conv(channels: int, out: int, kernel: int = 3) -> Conv:
    weight, bias = random_conv(np.random.default_rng(0), channels, out, kernel)
    return Conv(weight, bias, (kernel // 2,) * 2 + (kernel // 2,) * 2)


def test_desc_says_what_a_pass_computes() -> None:
    model, plain = c_model(filters=32, layers=4), frozenset({"compose"})
    descs = [block.desc for block in compiler.compile(model, Target("compute", without=plain)).passes]
    assert descs[0] == "C4F32 conv0 32x3x3x1"
    assert descs[2] == "C4F32 conv2 32x3x3x32 + Relu"
    assert descs[-1] == "C4F32 conv6 4x3x3x32 + Clip + DepthToSpace"
    fragments = [block.desc for block in compiler.compile(c_model(filters=8), Target(without=plain)).passes]
    assert fragments[:2] == ["C2F8 conv0 8x3x3x1 [1/2]", "C2F8 conv0 8x3x3x1 [2/2]"]
    composed = [block.desc for block in compiler.compile(model, Target("compute")).passes]
    assert composed[:2] == ["C4F32 conv1_whole 32x5x5x1 + Relu", "C4F32 conv2 32x3x3x32 + Relu"]
    assert composed[-1] == "C4F32 conv6_relu4_whole 4x5x5x32 + conv6_input_whole 4x5x5x1 + Clip + DepthToSpace"


@pytest.mark.parametrize(
    ("target", "blocks"),
    [
        # 8x4 threads, times their pixels, times 2x1 packs or the 2x2 pixels of the result
        (Target("compute"), [(8 * 2 * 2, 4 * 2), (8 * 2 * 2, 4 * 2), (8 * 2 * 2, 4 * 2 * 2)]),
        (Target("compute", weights="texture"), [(8 * 4 * 2, 4 * 2), (8 * 4 * 2, 4 * 2), (8 * 4 * 2, 4 * 2 * 2)]),
        (Target("compute", without=frozenset({"block"})), [(8 * 2, 4), (8 * 2, 4), (8 * 2, 4 * 2)]),
    ],
    ids=["compute", "instant", "single pixels"],
)
def test_a_workgroup_writes_its_threads_tiles(target: Target, blocks: list[tuple[int, int]]) -> None:
    file = compiler.compile(c_model(filters=8), replace(target, workgroup=(8, 4)))
    assert [block.compute for block in file.passes] == [Compute(block, (8, 4)) for block in blocks]


def test_an_all_negative_bias_is_written() -> None:
    op = conv(1, 1)
    op = Conv(op.weight, np.array([-0.25], np.float32), op.pads)
    for target in VARIANTS[:3]:
        assert "vec4(-.25, 0.0, 0.0, 0.0)" in text_of(net(("a", op, "input")), target)
    table, _ = compiler.compile(net(("a", op, "input")), VARIANTS[3]).blocks
    assert isinstance(table, UserTexture)
    assert np.frombuffer(table.data, "<f4")[:4].tolist() == [-0.25, 0, 0, 0]


def test_zero_padding_tests_the_bounds() -> None:
    for target in VARIANTS:
        assert "inside ? " in text_of(c_model(), target)
    edge = replace(conv(1, 1), pad_mode="edge")
    assert "inside" not in text_of(net(("a", edge, "input")), Target())


def test_a_matrix_of_zeros_is_left_out() -> None:
    weight = np.zeros((4, 8, 1, 1), np.float32)
    weight[0, 0] = 1
    graph = net(("a", conv(1, 8), "input"), ("b", Conv(weight, np.zeros(4, np.float32)), "a"), ("c", Slice(0, 1), "b"))
    for target in VARIANTS[:3]:
        last = compiler.compile(graph, replace(target, without=frozenset({"compose"}))).passes[-1].body
        assert len(re.findall(WEIGHTS, last)) == 4


def test_every_weight_of_a_block_is_written_once() -> None:
    """However many pixels use it: 25 of 5x5 from luma, and of 3x3 by 2 by 2 packs those of Winograd, 4 for 3."""
    counts = {
        Target(): (25, 2 * 9 * 4),  # a pass for each pack of the result
        Target("compute"): (2 * 25, 4 * 3 * 4 * 4),
        Target("compute", without=frozenset({"winograd"})): (2 * 25, 4 * 9 * 4),
        Target("compute", without=frozenset({"winograd", "block"})): (2 * 25, 4 * 9 * 4),
    }
    for target, found in counts.items():
        passes = compiler.compile(c_model(filters=8), target).passes
        first = passes[0].body
        second = passes[2 if target.stage == "fragment" else 1].body
        assert (len(re.findall(WEIGHTS, first)), len(re.findall(WEIGHTS, second))) == found


def test_products_are_multiply_adds_one_after_the_other() -> None:
    """Column by column onto the sum; `matrix * vector` would be summed up before it is added."""
    fragment = compiler.compile(c_model(filters=8), Target()).passes[2].body
    columns = r" \+ ".join(rf"{WEIGHTS}\*s_0_0\.{lane}" for lane in "xyzw")
    assert re.search(rf"(conv2_0) = \1 \+ {columns};", fragment)
    compute = compiler.compile(c_model(filters=8), Target("compute")).passes[1].body
    products = "w[0]*f_0_0.x + w[1]*f_0_0.y + w[2]*f_0_0.z + w[3]*f_0_0.w"
    assert f"conv2_0_sum0_0 = conv2_0_sum0_0 + {products};" in compute


def test_winograd_in_a_compute_pass() -> None:
    """Factors along x, a sum for each of the four products, and from them two pixels with the bias."""
    body = compiler.compile(c_model(filters=8), Target("compute")).passes[1].body
    for line in (
        "vec4 f_0_0 = s_0_0 - s_0_2;",
        "vec4 f_0_1 = s_0_1 + s_0_2;",
        "vec4 f_0_2 = s_0_2 - s_0_1;",
        "vec4 f_0_3 = s_0_1 - s_0_3;",
        "conv2_0_sum0_0 + conv2_0_sum0_1 + conv2_0_sum0_2;",
        "conv2_0_sum0_1 - conv2_0_sum0_2 - conv2_0_sum0_3;",
    ):
        assert line in body
    assert "f_0_0" not in text_of(c_model(filters=8), Target("compute", without=frozenset({"winograd"})))


def test_fp16_keeps_sums_and_the_input_in_fp32() -> None:
    first, second, *_ = compiler.compile(c_model(), Target("compute", "fp16")).passes
    assert "f16" not in first.body
    assert "f16vec4 s_0_0 = padded(f16vec4(" in second.body
    assert "f16vec4 f_0_0 = " in second.body
    assert re.search(r"^ *vec4 conv2_0_sum0_0 = vec4\(0.0\);", second.body, re.M)
    assert "conv2_0_sum0_0 += vec4(conv2_0_sum0_0_pack);" in second.body


def test_a_weight_too_large_for_fp16() -> None:
    large = Conv(np.full((4, 4, 1, 1), 1e5, np.float32), np.zeros(4, np.float32))
    graph = net(("a", conv(1, 4), "input"), ("r", Relu(), "a"), ("b", large, "r"), ("c", Slice(0, 1), "b"))
    message = "net: node 'b': found a weight of 100000, expected at most 65504 for fp16; use --precision fp32"
    with pytest.raises(TargetError, match=message):
        compiler.compile(graph, Target("compute", "fp16"))
    compiler.compile(graph, Target("compute"))


def test_a_transformed_weight_too_large_for_fp16() -> None:
    """Winograd's would be sums of three halves, so the products are written as they are."""
    weight = np.full((8, 8, 1, 3), 5e4, np.float32)
    wide = Conv(weight, np.zeros(8, np.float32), (0, 1, 0, 1))
    graph = net(("a", conv(1, 8), "input"), ("r", Relu(), "a"), ("b", wide, "r"), ("c", Slice(0, 1), "b"))
    text = hookfile.format(compiler.compile(graph, Target("compute", "fp16")))
    assert "Winograd's F(2,3)" not in text
    assert "5e+04" in text


def test_packs_that_a_part_does_not_need_are_not_computed() -> None:
    """Each part of a concatenation has the convolution it shows, and no other."""
    graph = net(
        ("a", conv(1, 4, 7), "input"), ("b", conv(1, 4, 7), "input"), ("c", Concat(), "a b"), ("d", conv(8, 1), "c")
    )
    assert [block.desc for block in compiler.compile(graph, Target()).passes] == [
        "net a 4x7x7x1 + Concat [1/2]",
        "net b 4x7x7x1 + Concat [2/2]",
        "net d 1x3x3x8",
    ]


# ---------------------------------------------------------------------------------------------------------------------
# Layers that share a pass


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)
def test_fused_files_are_sound(graph: Graph) -> None:
    """They read back, lint has nothing to say, and each pass has the shared memory that its schedule says."""
    target = Target("compute", fuse=True)
    file, planned = compiler.compile(graph, target), compiler.plan(graph, target)
    text = hookfile.format(file)
    assert hookfile.parse(text) == file
    assert {finding.rule for finding in lint_text(text)} <= known_findings(graph)
    own = [block for block in file.passes if f"{graph.name} " in str(block.desc)][-len(planned.passes) :]
    for block, scheduled in zip(own, planned.passes, strict=True):
        assert block.compute is not None
        expected = scheduled.tile.bytes if scheduled.tile else 0
        assert shared_bytes(without_comments(block.body), block.compute.threads) == expected
        assert block.compute.threads == (scheduled.tile.area if scheduled.tile else target.workgroup)
        assert block.body.count("barrier();") == (1 + scheduled.tile.continued if scheduled.tile else 0)
    assert all(f"{tile.value} is kept in shared memory" in file.header for tile in planned.tiles())


def test_a_tile_in_fp16_holds_what_a_texture_would() -> None:
    first = compiler.compile(c_model(), Target("compute", "fp16", fuse=True)).passes[0].body
    assert "shared f16vec4 tile[" in first
    assert "] = f16vec4(padded(relu1_0a, inside));" in first
    assert "f16vec4 s_0_0 = tile[first];" in first


# ---------------------------------------------------------------------------------------------------------------------
# Tables


@every_case
def test_tables_are_where_they_are_needed(graph: Graph, target: Target) -> None:
    """Each has one name in the file, is bound by a pass after it, and read there."""
    file = file_of(graph, target)
    tables = [block for block in file.blocks if isinstance(block, UserTexture)]
    names = [table.name for table in tables]
    assert len(set(names)) == len(names)
    for table in tables:
        place = file.blocks.index(table)
        (user, *_) = [block for block in file.blocks[place:] if isinstance(block, HookPass)]
        assert table.name in user.binds
        assert f"texelFetch({table.name}, " in user.body
        format, texel = ("rgba8", 4) if target.stage == "fragment" else ("rgba32f", 16)
        assert (table.format, table.filter, len(table.size)) == (format, "NEAREST", 2)
        assert len(table.data) == texel * table.size[0] * table.size[1]
    rims = any("is_at(" in block.body for block in file.passes)
    assert bool(tables) == (compiler.plan(graph, target).starts_at_once or rims)


def test_weights_in_a_texture_are_not_in_the_code() -> None:
    def numbers(target: Target) -> set[str]:
        return {
            number for block in compiler.compile(c_model(), target).passes for number in FRACTION.findall(block.body)
        }

    assert numbers(Target("compute", weights="texture")) == {"0.0", "1.0"}
    assert len(numbers(Target("compute"))) > 1000


FRACTION = re.compile(r"\d*\.\d+")


def test_tables_count_among_the_textures_of_a_pass() -> None:
    """With rims, 10 packs and HOOKED are one too many for fragment passes, so nothing is composed there."""
    composed = {}
    for filters in (32, 36, 40):
        file = compiler.compile(c_model(filters=filters), Target())
        assert max(len(block.binds) for block in file.passes) <= 12
        composed[filters] = any("is_at(" in block.body for block in file.passes)
    assert composed == {32: True, 36: True, 40: False}


# ---------------------------------------------------------------------------------------------------------------------
# Goldens: the whole text of a few tiny files, so that a change of the templates shows in review


def tiny(plane: Plane) -> Graph:
    """A C model of two filters; of 1x1, since 3x3 kernels would make the file long."""
    return with_one_digit(c_model(plane, filters=2, layers=1, kernel=1))


def with_one_digit(graph: Graph) -> Graph:
    """So that the weights are easily found in the text."""
    nodes = tuple(replace(node, op=rounded(node.op)) for node in graph.nodes)
    return replace(graph, nodes=nodes)


def rounded(op: Op) -> Op:
    return replace(op, weight=op.weight.round(1), bias=op.bias.round(1)) if isinstance(op, Conv) else op


def every_step() -> Graph:
    """What the C models have not: lanes moved about, a slope per channel, padding by reflection."""
    op = Conv(np.ones((3, 1, 1, 3), np.float32), np.full(3, -0.5, np.float32), (0, 2, 0, 0), "reflect")
    slope = PRelu(np.array([0.25, -1, 0], np.float32))
    return net(
        ("conv", op, "input"),
        ("slope", slope, "conv"),
        ("both", Concat(), "slope input input"),
        ("relu", Relu(), "both"),
        ("last", Slice(2, 3), "relu"),
        name="Steps",
    )


def composed() -> Graph:
    """A tall kernel and a row of taps, which become one of 5x5 and a Rim."""
    tall, row = conv(1, 8, 5), conv(8, 1, 3)
    tall = Conv(tall.weight[..., 1:4], tall.bias, (2, 1, 2, 1))
    row = Conv(row.weight[:, :, 1:2], row.bias, (0, 1, 0, 1))
    return with_one_digit(net(("tall", tall, "input"), ("row", row, "tall"), ("last", Relu(), "row"), name="Rim"))


def wide() -> Graph:
    """Eight channels: Winograd's products, several packs, and loops over them where the weights are in a texture."""
    row = conv(8, 8)
    row = Conv(row.weight[:, :, 1:2], row.bias, (0, 1, 0, 1))
    graph = net(
        ("one", conv(1, 8, 1), "input"),
        ("relu", Relu(), "one"),
        ("row", row, "relu"),
        ("clip", Clip(), "row"),
        ("last", conv(8, 1, 1), "clip"),
        name="Wide",
    )
    return with_one_digit(graph)


def fused() -> Graph:
    """Six channels, so that the tile's second pack has two lanes, and a kernel that reaches two pixels up and left."""
    last = replace(conv(6, 1), pads=(2, 2, 0, 0))
    return with_one_digit(
        net(("one", conv(1, 6, 1), "input"), ("relu", Relu(), "one"), ("last", last, "relu"), name="Fused")
    )


GOLDENS = (
    {
        f"{graph.name}{target.suffix}.glsl": (graph, target)
        for graph in (*map(tiny, PLANES), every_step(), composed(), wide())
        for target in VARIANTS
        if graph.plane == "luma" or target.weights == "code"  # the others' loops are the same
    }
    | {f"Fused{target.suffix}.glsl": (fused(), replace(target, fuse=True)) for target in VARIANTS[1:3]}
)


@pytest.mark.parametrize("name", GOLDENS)
def test_golden(name: str, request: pytest.FixtureRequest) -> None:
    text = text_of(*GOLDENS[name]).replace(__version__, "VERSION")
    if request.config.getoption("--rewrite-goldens"):
        (GOLDEN / name).write_text(text, "utf-8")
    assert text == (GOLDEN / name).read_text("utf-8"), "run `pytest --rewrite-goldens` and look at the difference"


def test_there_are_no_other_goldens() -> None:
    assert {path.name for path in GOLDEN.glob("*.glsl")} == set(GOLDENS)


def test_the_goldens_are_short_and_show_every_way_of_computing() -> None:
    texts = {path.stem: path.read_text("utf-8") for path in GOLDEN.glob("*.glsl")}
    assert max(map(len, texts.values())) < 30_000
    winograd, pixels, rim = "Winograd's F(2,3) along x", "channels of 2x2 pixels", "near the borders"
    assert {name for name in texts if winograd in texts[name]} == {"Wide_CMP", "Wide_CMP_FP16"}
    assert {name for name in texts if pixels in texts[name]} >= {"Rim_CMP", "Rim_CMP_FP16", "Wide_CMP"}
    assert {name for name in texts if rim in texts[name]} == {"Rim", "Rim_CMP", "Rim_CMP_FP16", "Rim_CMP_INSTANT"}
    assert "for (int result = 0; result < 2; result++)" in texts["Wide_CMP_INSTANT"]
    assert "for (int pack = 0; pack < 2; pack++)" in texts["Wide_CMP_INSTANT"]
    assert "for (int ky = 0; ky < 5; ky++)" in texts["Rim_CMP_INSTANT"]


@pytest.mark.parametrize("name", GOLDENS)
def test_glslang_compiles_the_golden(name: str) -> None:
    assert glslang_faults(hookfile.parse((GOLDEN / name).read_text("utf-8"))) == []


def glslang_faults(file: HookFile) -> list[str]:
    compile = glslang_compiler()
    if compile is None:
        pytest.skip("glslang is not installed")
    return [f"{fault.line}: {fault.message}" for fault in compile(file)]


def heavy(weight: float) -> Graph:
    """Eight channels to eight, every weight the same."""
    weights = np.full((8, 8, 3, 3), weight, np.float32)
    nodes = (
        Node("a", Conv(*random_conv(np.random.default_rng(0), 1, 8, 1)), ("input",)),
        Node("relu", Relu(), ("a",)),
        Node("b", Conv(weights, np.zeros(8, np.float32), (1, 1, 1, 1)), ("relu",)),
        Node("clip", Clip(), ("b",)),
        Node("c", Conv(*random_conv(np.random.default_rng(1), 8, 1, 1)), ("clip",)),
    )
    return Graph("heavy", "luma", nodes, "c")


def test_weights_that_a_transform_would_make_too_large_are_used_as_they_are() -> None:
    assert "e+38" in hookfile.format(compiler.compile(heavy(3e38), Target("compute")))
    assert "5e+04" in hookfile.format(compiler.compile(heavy(5e4), Target("compute", "fp16")))


@pytest.mark.parametrize("weights", ["code", "texture"])
def test_weights_that_fp16_cannot_hold(weights: Weights) -> None:
    with pytest.raises(
        TargetError, match=r"^heavy: node 'b': found a weight of 1e\+06, expected at most 65504 for fp16"
    ):
        compiler.compile(heavy(1e6), Target("compute", "fp16", weights=weights))


def test_a_network_that_does_nothing_has_no_file() -> None:
    with pytest.raises(TargetError, match=r"^nothing: found no operator between input and output, expected one$"):
        compiler.compile(Graph("nothing", "luma", (), "input"), Target())
