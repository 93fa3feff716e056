"""`shadergen convert`, and an upscale in front of a network."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from click.testing import CliRunner
from PIL import Image

from shadergen.cli import main
from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.ir.graph import Graph, Node, Record, verify
from shadergen.ir.ops import Add, Affine, Clip, Conv, DepthToSpace, Op, Relu, Round, SpaceToDepth
from shadergen.quantise import quantised
from shadergen.sources import load, npz, save
from shadergen.sources.prescale import PrescaleFilter, prescaled
from tests.nets import PLANES, RECORD, bytes_network, c_model
from tests.random_graphs import random_graph
from tests.systems import SYSTEMS

ROOT = Path(__file__).parents[1]


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def onnxruntime_s(path: Path, image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    session = onnxruntime.InferenceSession(str(path))
    return session.run(None, {session.get_inputs()[0].name: image[None]})[0][0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["C4F16", "C4F32"])
def test_the_weights_become_onnx(name: str, tmp_path: Path) -> None:
    graph = load(ROOT / "weights" / f"{name}.npz")
    assert run("convert", ROOT / "weights" / f"{name}.npz", tmp_path / f"{name}.onnx").strip().endswith(".onnx")
    image = np.random.default_rng(0).random((1, 31, 46), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(onnxruntime_s(tmp_path / f"{name}.onnx", image), expected, rtol=0, atol=1e-5)


def test_what_vs_mlrt_wants(tmp_path: Path) -> None:
    save(c_model("rgb"), tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    (image,), (result,) = model.graph.input, model.graph.output
    for entry, channels in ((image, 3), (result, 3)):
        dims = entry.type.tensor_type.shape.dim
        assert (dims[0].dim_value, dims[1].dim_value, dims[2].dim_value, dims[3].dim_value) == (1, channels, 0, 0)
        assert entry.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert (model.opset_import[0].version, model.ir_version) == (13, 8)
    onnx.checker.check_model(model, full_check=True)


SIGNED = bytes_network(ranges={"b": (-3.0, 4.0)})
BYTES = quantised(c_model(filters=16, layers=3), {"relu1": (0.0, 3.0), "relu2": (0.0, 3.0)})
"""Two layers of bytes, with nothing between but a scale."""


@pytest.mark.parametrize("graph", [*map(c_model, PLANES), random_graph(1), SIGNED, BYTES], ids=lambda graph: graph.name)
def test_npz_to_onnx_to_npz_is_the_identity(graph: Graph, tmp_path: Path) -> None:
    record = Record("CC0-1.0", "", {"steps": 9, "data": ["ä", "b"]}, {"PSNR": 38.5})
    save(Graph(graph.name, graph.plane, graph.nodes, graph.output, graph.input, record), tmp_path / "a.npz")
    run("convert", tmp_path / "a.npz", tmp_path / "other.onnx")
    run("convert", tmp_path / "other.onnx", tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("graph", [SIGNED, BYTES], ids=lambda graph: graph.name)
def test_layers_of_bytes_are_integers_to_onnx(graph: Graph, tmp_path: Path) -> None:
    """QuantizeLinear and DequantizeLinear, of which onnxruntime makes layers of integers."""
    save(graph, tmp_path / "a.onnx")
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model, full_check=True)
    layers = sum(name.endswith("_sums") for name in graph.names)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("QuantizeLinear") == layers
    assert kinds.count("DequantizeLinear") == 3 * layers  # what is read, weights and bias
    assert {"Round", "Clip"} & set(kinds) <= {"Clip"}  # of the picture
    stored = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert {stored[name] for name in stored if name.endswith("_sums.weight")} == {onnx.TensorProto.INT8}

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")  # else sums overflow on processors without VNNI
    options.optimized_model_filepath = str(tmp_path / "run.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "a.onnx"), options)
    image = np.random.default_rng(0).random((1, 31, 46), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(session.run(None, {"input": image[None]})[0][0], expected, rtol=0, atol=1e-5)
    run = [node.op_type for node in onnx.load(tmp_path / "run.onnx").graph.node]
    assert run.count("QLinearConv") == layers - 1  # the last one's result is floats


def test_bytes_in_float16_stay_round_and_clip(tmp_path: Path) -> None:
    """QuantizeLinear takes float16 from opset 19 on."""
    save(SIGNED, tmp_path / "a.npz")
    run("convert", tmp_path / "a.npz", tmp_path / "half.onnx", "--fp16")
    kinds = {node.op_type for node in onnx.load(tmp_path / "half.onnx").graph.node}
    assert {"Round", "Clip"} <= kinds
    assert "QuantizeLinear" not in kinds


def test_bytes_that_something_else_reads_too(tmp_path: Path) -> None:
    """The value before it is cut off is no byte; the sums are read as well as what they are scaled to."""
    wide = Conv(np.full((16, 16, 1, 1), 3, np.float32), np.zeros(16, np.float32))
    halves = Affine(np.full(16, 0.5, np.float32), np.zeros(16, np.float32))
    nodes = (
        Node("a", Conv(np.full((16, 1, 1, 1), 300, np.float32), np.zeros(16, np.float32)), ("input",)),
        *(Node("rounded", Round(), ("a",)), Node("bytes", Clip(0, 255), ("rounded",))),
        *(Node("sums", wide, ("bytes",)), Node("half", halves, ("sums",))),
        *(Node("both", Add(), ("half", "sums")), Node("all", Add(), ("both", "rounded"))),
        Node("fine", DepthToSpace(4), ("all",)),
    )
    graph = Graph("net", "luma", nodes, "fine")
    save(graph, tmp_path / "a.onnx")
    assert dump(load(tmp_path / "a.onnx")) == dump(graph)
    assert "QuantizeLinear" not in {node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node}


def test_a_chroma_model_has_no_gather(tmp_path: Path) -> None:
    """OpenVINO 2026.4 loses one that stands between SpaceToDepth and a convolution: 0.96 off, without it 6e-7."""
    graph = c_model("chroma")
    save(graph, tmp_path / "a.onnx")
    assert "Gather" not in {node.op_type for node in onnx.load(tmp_path / "a.onnx").graph.node}
    image = np.random.default_rng(0).random((3, 12, 14), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(onnxruntime_s(tmp_path / "a.onnx", image), expected, rtol=0, atol=1e-5)
    again = load(tmp_path / "a.onnx")
    assert dump(again) == dump(graph)
    np.testing.assert_array_equal(reference.evaluate(again, image)[graph.output], expected)


def test_what_others_read_keeps_its_order(tmp_path: Path) -> None:
    """The channels that SpaceToDepth makes are added to something, so that their order counts."""
    conv = Conv(np.ones((12, 12, 1, 1), np.float32), np.zeros(12, np.float32))
    nodes = (
        *(Node("blocks", SpaceToDepth(2), ("input",)), Node("a", conv, ("blocks",))),
        *(Node("sum", Add(), ("a", "blocks")), Node("fine", DepthToSpace(2), ("sum",))),
    )
    graph = Graph("net", "rgb", nodes, "fine")
    save(graph, tmp_path / "a.onnx")
    image = np.random.default_rng(0).random((3, 12, 14), np.float32)
    expected = reference.evaluate(graph, image)["fine"]
    np.testing.assert_allclose(onnxruntime_s(tmp_path / "a.onnx", image), expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(reference.evaluate(load(tmp_path / "a.onnx"), image)["fine"], expected, atol=1e-5)


def test_a_node_that_onnx_spells_takes_no_other_s_name(tmp_path: Path) -> None:
    """Reflection is a Pad in front, `up_pad`; a node of the graph that has this name keeps it."""
    conv = Conv(np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32), (1, 1, 1, 1), "reflect")
    nodes = (Node("up", conv, ("input",)), Node("up_pad", Relu(), ("up",)))
    save(Graph("net", "luma", nodes, "up_pad"), tmp_path / "net.onnx")
    image = np.random.default_rng(0).random((1, 5, 4), np.float32)
    expected = reference.evaluate(load(tmp_path / "net.onnx"), image)
    assert list(expected) == ["input", "up", "up_pad"]
    np.testing.assert_allclose(onnxruntime_s(tmp_path / "net.onnx", image), expected["up_pad"], rtol=0, atol=1e-5)


def test_an_upscale_in_front_takes_no_other_s_name() -> None:
    again = prescaled(prescaled(c_model(), 2, "bilinear"), 2, "bilinear")
    assert [node.name for node in again.nodes[:3]] == ["prescale_v2", "prescale", "conv0"]
    assert again.node("prescale").inputs == ("prescale_v2",)


def test_fp16_is_half_the_size_and_near(tmp_path: Path) -> None:
    graph = c_model(filters=16)
    save(graph, tmp_path / "model.npz")
    run("convert", tmp_path / "model.npz", tmp_path / "single.onnx")
    run("convert", tmp_path / "model.npz", tmp_path / "half.onnx", "--fp16")
    assert (tmp_path / "half.onnx").stat().st_size < 0.62 * (tmp_path / "single.onnx").stat().st_size
    image = np.random.default_rng(0).random((1, 9, 14), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    found = onnxruntime_s(tmp_path / "half.onnx", image)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=4e-3)
    assert [node.name for node in load(tmp_path / "half.onnx").nodes] == [node.name for node in graph.nodes]


@pytest.mark.parametrize("inside", [(), ("--fp16",)])
def test_a_picture_in_float16_at_both_ends(inside: tuple[str, ...], tmp_path: Path) -> None:
    """As vs-mlrt wants it for clips of half precision; what is computed inside may be float32 all the same."""
    graph = c_model("rgb", filters=8)
    save(graph, tmp_path / "model.npz")
    run("convert", tmp_path / "model.npz", tmp_path / "half.onnx", "--fp16-io", *inside)
    model = onnx.load(tmp_path / "half.onnx")
    onnx.checker.check_model(model, full_check=True)
    casts = [node for node in model.graph.node if node.op_type == "Cast"]
    assert len(casts) == (0 if inside else 2)
    image = np.random.default_rng(0).random((3, 9, 14)).astype(np.float16)
    found = onnxruntime_s(tmp_path / "half.onnx", image)  # type: ignore[arg-type]
    assert found.dtype == np.float16
    expected = reference.evaluate(graph, image.astype(np.float32))[graph.output]
    bound = 4e-3 if inside else np.spacing(np.abs(expected).max().astype(np.float16)) / 2 + 1e-6
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound)
    assert [node.name for node in load(tmp_path / "half.onnx").nodes] == [node.name for node in graph.nodes]


def test_a_network_of_no_nodes_in_float16(tmp_path: Path) -> None:
    save(Graph("id", "luma", (), "input"), tmp_path / "id.onnx", fp16_io=True)
    image = np.random.default_rng(0).random((1, 4, 5)).astype(np.float16)
    np.testing.assert_array_equal(onnxruntime_s(tmp_path / "id.onnx", image), image)  # type: ignore[arg-type]


def test_mistakes(tmp_path: Path) -> None:
    source = ROOT / "weights" / "C4F16.npz"
    for arguments, code, message in (
        ((source, tmp_path / "a.pth"), 2, "expected a name that ends in .npz or .onnx"),
        ((source, tmp_path / "a.npz", "--fp16"), 2, "found --fp16 with a .npz file, expected .onnx"),
        ((source, tmp_path / "a.npz", "--fp16-io"), 2, "found --fp16-io with a .npz file, expected .onnx"),
        ((source, tmp_path / "a.onnx", "--plane", "rgb"), 1, "found a luma model, expected rgb"),
        ((tmp_path / "none.onnx", tmp_path / "a.npz"), 1, "found no readable file"),
        ((source, tmp_path / "a.onnx", "--prescale", "99"), 2, "99 is not in the range 1<=x<=32"),
    ):
        result = CliRunner().invoke(main, ["convert", *map(str, arguments)])
        assert (result.exit_code, message in result.output) == (code, True), result.output
    assert not list(tmp_path.iterdir())


def test_build_warns_of_what_a_player_cannot_do_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(c_model(filters=4), tmp_path / "model.npz")
    arguments = ["build", str(tmp_path / "model.npz"), "-o", str(tmp_path / "out.glsl")]
    assert "warning" not in CliRunner().invoke(main, arguments).output
    monkeypatch.setattr(sys.modules["shadergen.cli.build"], "LONG", 500)
    assert "MiB of GLSL, for which the player stands still" in CliRunner().invoke(main, arguments).output
    monkeypatch.setattr(sys.modules["shadergen.cli.build"], "HEAVY", 500)
    assert "warning: 612 multiply-adds per pixel: 24 frames of 1920x1080" in CliRunner().invoke(main, arguments).output
    valid = Conv(np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32))
    save(Graph("valid", "luma", (Node("y", valid, ("input",)),), "y"), tmp_path / "model.npz")
    assert "the result has a size" not in CliRunner().invoke(main, arguments).output
    stretched = CliRunner().invoke(main, [*arguments, "--pad", "none"]).output
    assert "the result has a size of n-2 by n-2, which players stretch" in stretched


# ---------------------------------------------------------------------------------------------------------------------
# Prescale


def network(channels: int = 1) -> Graph:
    """A network that shows the picture it gets."""
    plane = "luma" if channels == 1 else "rgb"
    op: Op = Relu()
    return Graph("net", plane, (Node("y", op, ("input",)),), "y", record=RECORD)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filter", "pillow"),
    [
        ("bicubic", Image.Resampling.BICUBIC),
        ("lanczos", Image.Resampling.LANCZOS),
        ("bilinear", Image.Resampling.BILINEAR),
        ("nearest", Image.Resampling.NEAREST),
    ],
)
@pytest.mark.parametrize("factor", [2, 3])
def test_a_prescale_is_pillow_s(filter: PrescaleFilter, pillow: Image.Resampling, factor: int) -> None:
    """Away from the border, where Pillow leaves out what is outside and we repeat the nearest pixel."""
    image = np.random.default_rng(0).random((1, 17, 13), np.float32)
    graph = prescaled(network(), factor, filter)
    actual = reference.evaluate(graph, image)[graph.output][0]
    expected = np.asarray(Image.fromarray(image[0]).resize((13 * factor, 17 * factor), pillow)).clip(0)
    inner = slice(3 * factor, -3 * factor) if filter in ("bicubic", "lanczos") else slice(None)
    np.testing.assert_allclose(actual[inner, inner], expected[inner, inner], rtol=0, atol=2e-6)


@pytest.mark.parametrize("filter", ["bicubic", "lanczos", "bilinear", "nearest"])
def test_a_prescale_keeps_flat_pictures_flat(filter: PrescaleFilter) -> None:
    """Up to the corners, at any size; the weights of each phase add up to 1."""
    for size in ((1, 1), (2, 5)):
        graph = prescaled(network(3), 4, filter)
        actual = reference.evaluate(graph, np.full((3, *size), 0.25, np.float32))[graph.output]
        assert actual.shape == (3, 4 * size[0], 4 * size[1])
        np.testing.assert_allclose(actual, 0.25, rtol=1e-6)


def test_srcnn_behind_a_prescale(tmp_path: Path) -> None:
    (tmp_path / "srcnn.onnx").write_bytes(SYSTEMS["SRCNN"]().SerializeToString())
    run("convert", tmp_path / "srcnn.onnx", tmp_path / "twice.onnx", "--prescale", "2", "--prescale-filter", "lanczos")
    graph = load(tmp_path / "twice.onnx")
    assert str(verify(graph)[graph.output]) == "1 x 2n x 2n"
    assert dump(graph).count("prescale") >= 3
    image = np.random.default_rng(0).random((1, 5, 8), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(onnxruntime_s(tmp_path / "twice.onnx", image), expected, rtol=0, atol=1e-5)


def test_a_chroma_model_cannot_be_enlarged_before() -> None:
    with pytest.raises(
        ModelError, match="prescale: found factor 2 for a chroma model, expected 1 to 32 for luma or rgb"
    ):
        prescaled(c_model("chroma"), 2, "bicubic")
    assert npz.load(ROOT / "weights" / "C4F16.npz").plane == "luma"
