"""Files that are no model, or none that a shader can be: one clear line for each, quickly and in little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from shadergen.errors import ModelError
from shadergen.ir.graph import Plane
from shadergen.sources import load
from tests.systems import Net, artcnn, compact

Edit = Callable[[onnx.ModelProto], object]


def complaint(path: Path, plane: Plane | None = None) -> str:
    """The error for a file: one line that names it and says what was found."""
    with pytest.raises(ModelError) as caught:
        load(path, plane)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert message.startswith(f"{path}: ")
    assert "found" in message
    assert "expected" in message
    assert len(message) < 1500
    return message.removeprefix(f"{path}: ")


def written(model: onnx.ModelProto, folder: Path) -> Path:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


# ---------------------------------------------------------------------------------------------------------------------
# Bytes


@pytest.mark.parametrize("content", [b"", b"\0" * 1000, b"not a model at all", os.urandom(5000), b"\x08\x08\x12\x02x"])
def test_what_is_no_model(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(content)
    complaint(tmp_path / "bad.onnx")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    assert "found no readable file (No such file" in complaint(tmp_path / "none.onnx")
    (tmp_path / "folder.onnx").mkdir()
    assert "found a directory, expected the file of a model" in complaint(tmp_path / "folder.onnx")
    (tmp_path / "model.pkl").write_bytes(b"x")
    assert "found suffix '.pkl', expected .npz, .onnx, .param, .bin, .pth, .pt" in complaint(tmp_path / "model.pkl")


WHOLE = artcnn(2, 1).SerializeToString()


@given(st.integers(1, len(WHOLE) - 1))
@settings(max_examples=25, deadline=None)
def test_a_truncated_file(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.mktemp("cut") / "bad.onnx"
    path.write_bytes(WHOLE[:length])
    complaint(path)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_damaged_file(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]) -> None:
    """It is read, if the damage is in the weights, or is no model; nothing else is raised."""
    damaged = bytearray(WHOLE)
    for place, value in changes:
        damaged[place] = value
    path = tmp_path_factory.mktemp("damaged") / "bad.onnx"
    path.write_bytes(damaged)
    with suppress(ModelError):
        load(path)


def inspected_in_a_gigabyte(path: Path, command: str = "inspect", *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n"
        "from shadergen.__main__ import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code, command, str(path), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )


def test_garbage_of_100_megabytes_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "garbage.onnx"
    path.write_bytes(os.urandom(1 << 20) * 100)
    result = inspected_in_a_gigabyte(path)
    assert result.returncode == 1
    assert result.stderr.startswith(f"shadergen: {path}: found ")
    assert result.stderr.count("\n") == 1


def test_an_r16f96_is_read_in_a_gigabyte(tmp_path: Path) -> None:
    path = written(artcnn(96, 16), tmp_path)
    result = inspected_in_a_gigabyte(path, "convert", str(tmp_path / "again.onnx"))
    assert (result.returncode, result.stderr) == (0, "")
    assert path.stat().st_size == pytest.approx((tmp_path / "again.onnx").stat().st_size, rel=0.01)


# ---------------------------------------------------------------------------------------------------------------------
# Graphs


def node(**changes: object) -> Edit:
    """Change the first node."""

    def edit(model: onnx.ModelProto) -> None:
        for name, value in changes.items():
            setattr(model.graph.node[0], name, value)

    return edit


def attribute(name: str, value: object) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        first = model.graph.node[0]
        kept = [entry for entry in first.attribute if entry.name != name]
        del first.attribute[:]
        first.attribute.extend([*kept, helper.make_attribute(name, value)])

    return edit


def cycle(model: onnx.ModelProto) -> None:
    model.graph.node[0].input[0] = model.graph.node[-1].output[0]


def wrong_shape(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(np.zeros((2, 5, 3, 3), np.float32), model.graph.initializer[0].name)
    )


def shape_without_data(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 1000


def enormous_shape(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].dims[0] = 1 << 40


def not_a_number(model: onnx.ModelProto) -> None:
    weight = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weight[0, 0, 1, 1] = np.nan
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, model.graph.initializer[0].name))


def outside(location: str) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        tensor = model.graph.initializer[0]
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        entry = tensor.external_data.add()
        entry.key, entry.value = "location", location

    return edit


def second_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("noise", TensorProto.FLOAT, [1]))


def no_opset(model: onnx.ModelProto) -> None:
    del model.opset_import[:]


def opset(number: int) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = number

    return edit


def metadata(text: str) -> Edit:
    return lambda model: helper.set_model_props(model, {"shadergen": text})


def channels(number: int) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = number

    return edit


def elements(kind: int) -> Edit:
    def edit(model: onnx.ModelProto) -> None:
        model.graph.input[0].type.tensor_type.elem_type = kind

    return edit


FAULTS: list[tuple[Edit, str]] = [
    (node(op_type="Magic"), "node '/Conv_0/Conv' (Magic): found operator 'Magic', expected one of ONNX's own"),
    (node(op_type="LSTM"), "found an invalid model"),
    (node(domain="com.microsoft"), "found operator 'com.microsoft.Conv', expected one of ONNX's own"),
    (cycle, "Nodes in a graph must be topologically sorted"),
    (wrong_shape, "node '/Conv_0/Conv' (Conv): found weight for 5 input channels, expected 3"),
    (shape_without_data, "initialiser 'onnx::const_0': found no readable tensor"),
    (enormous_shape, "initialiser 'onnx::const_0': found 118747255799808 bytes, expected at most"),
    (not_a_number, "node '/Conv_0/Conv' (Conv): found nan in weight[0, 0, 1, 1], expected finite numbers"),
    (
        outside("../weights.bin"),
        "initialiser 'onnx::const_0': found its data in '../weights.bin', expected a file in the",
    ),
    (outside("/etc/passwd"), "found its data in '/etc/passwd', expected a file in the model's own folder"),
    (outside("none.bin"), "found no file 'none.bin' beside the model, expected the tensor's data"),
    (outside("link.bin"), "found its data in 'link.bin', expected a file in the model's own folder"),
    (second_input, "found 2 inputs (input, noise), expected one picture"),
    (no_opset, "found opset none, expected 1 to"),
    (opset(3), "found opset 3, expected 7 to 28; onnx cannot convert it"),
    (opset(900), "found opset 900, expected 1 to"),
    (channels(4), "found an invalid model (node '/Add_7/Add' (Add): Incompatible dimensions), expected a valid one"),
    (elements(TensorProto.UINT8), "found an invalid model (node '/Conv_0/Conv' (Conv): X typestr: T, has unsupported"),
    (attribute("group", 7), "node '/Conv_0/Conv' (Conv): found 7 groups of 4 output channels, expected a divisor"),
    (attribute("strides", [1]), "found"),
    (attribute("pads", [-1, 0, 0, 0]), "node '/Conv_0/Conv' (Conv): Attribute pads must not contain negative"),
    (attribute("auto_pad", "SOMEHOW"), "found"),
    (metadata("{"), "metadata 'shadergen': found no valid JSON"),
    (metadata("[]"), "metadata 'shadergen': found something else, expected an object with name, plane, licence"),
    (
        metadata('{"name": "a", "plane": "x", "licence": "", "training": {}, "scores": {}}'),
        "metadata 'shadergen': found plane 'x', expected one of luma, chroma, rgb",
    ),
    (
        metadata('{"name": "../a", "plane": "rgb", "licence": "", "training": {}, "scores": {}}'),
        "graph: found name '../a', expected up to 100 letters",
    ),
    (lambda model: model.graph.ClearField("node"), "found a graph of 0 nodes, expected 1 to"),
]


@pytest.mark.parametrize(("edit", "message"), FAULTS, ids=[message[:60] for _, message in FAULTS])
def test_a_graph_with_a_fault(edit: Edit, message: str, tmp_path: Path) -> None:
    (tmp_path / "link.bin").symlink_to("/etc/passwd")
    model = compact(4, 1)
    edit(model)
    assert message in complaint(written(model, tmp_path))


def test_weights_that_are_read_again_and_again(tmp_path: Path) -> None:
    """A small file that names the same large one for each of its tensors."""
    model = compact(4, 1)
    with (tmp_path / "large.bin").open("wb") as stream:
        stream.truncate(300 << 20)  # sparse
    for tensor in model.graph.initializer[:2]:
        tensor.CopyFrom(TensorProto(name=tensor.name, data_type=TensorProto.FLOAT, dims=[75 << 20]))
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="large.bin")
    assert "found weights of 629" in complaint(written(model, tmp_path))


def test_a_plane_that_does_not_fit(tmp_path: Path) -> None:
    path = written(compact(4, 1), tmp_path)
    assert "found 3 channels, expected 1 for a luma model" in complaint(path, "luma")
    assert "node '/Add_7/Add' (Add): found 3 channels, expected 2 for a chroma model" in complaint(path, "chroma")


# ---------------------------------------------------------------------------------------------------------------------
# What is ONNX, and no feed-forward image network


def softmax() -> Net:
    net = Net(3)
    net.node("Softmax", "input", axis=1, name="y")
    return net


def flattened() -> Net:
    net = Net(3)
    net.node("Reshape", "input", np.array([1, 3, -1]), name="y")
    return net


def two_channels() -> Net:
    net = Net(2)
    net.node("Relu", "input", name="y")
    return net


def grey_of_rgb() -> Net:
    net = Net(3)
    net.node("Relu", net.conv("input", 1), name="y")
    return net


def computed_weights() -> Net:
    net = Net(3)
    net.node("Conv", "input", net.node("ReduceMean", "input", axes=[2, 3]), channels=3, name="y")
    return net


def antialiased() -> Net:
    net = Net(3, opset=18)
    net.enlarged("input", 0.5, "linear", antialias=1)
    net.nodes[-1].output[0] = "y"
    net.channels["y"] = 3
    return net


def spatial_constant() -> Net:
    net = Net(3)
    net.node("Add", "input", np.ones((1, 1, 4, 4), np.float32), name="y")
    return net


def expanding() -> Net:
    """A constant of a terabyte."""
    net = Net(3)
    ones = net.node("ConstantOfShape", np.array([1 << 20, 1 << 20]))
    net.node("Add", "input", ones, channels=3, name="y")
    return net


def odd_padding() -> Net:
    net = Net(3)
    more: dict[str, Any] = {"kernel_shape": [3, 3], "auto_pad": "SAME_UPPER", "strides": [11, 11]}
    net.node("AveragePool", "input", name="y", **more)
    return net


def at_least(size: int = 64) -> Net:
    net = Net(1)
    height = net.node("Gather", net.node("Shape", "input"), np.array([2]))
    more = net.node("Max", net.node("Sub", np.array([size]), height), np.array([0]))
    pads = net.node("Concat", np.zeros(6, np.int64), more, np.zeros(1, np.int64), axis=0)
    net.node("Pad", "input", pads, name="y", channels=1, mode="edge")
    return net


def square() -> Net:
    net = Net(1)
    height, width = (net.node("Gather", net.node("Shape", "input"), np.array([axis])) for axis in (2, 3))
    pads = net.node("Concat", np.zeros(7, np.int64), net.node("Sub", height, width), axis=0)
    net.node("Pad", "input", pads, name="y", channels=1)
    return net


def divided_by_zero() -> Net:
    net = Net(1)
    height = net.node("Cast", net.node("Gather", net.node("Shape", "input"), np.array([2])), to=1)
    size = net.node("Cast", net.node("Div", height, np.zeros(1, np.float32)), to=7)
    sizes = net.node("Concat", np.ones(2, np.int64), size, np.ones(1, np.int64), axis=0)
    net.node("Resize", "input", "", "", sizes, name="y", channels=1)
    return net


REFUSED: list[tuple[Callable[[], Net], str]] = [
    (softmax, "node '/y/Softmax' (Softmax): found operator 'Softmax', expected one of Abs, Add, "),
    (
        flattened,
        "found an invalid model (node '/y/Reshape' (Reshape): Inferred shape and existing shape differ in rank",
    ),
    (two_channels, "input 'input': found 2 channels, expected 1 (luma) or 3 (rgb)"),
    (grey_of_rgb, "output 'y': found 3 channels to 1, expected 1 to 1 (luma), 3 to 3 (rgb), 3 to 2 (chroma)"),
    (computed_weights, "found input 1 computed from the picture, expected a constant"),
    (antialiased, "found antialias, expected none"),
    (spatial_constant, "found a constant of shape (1, 1, 4, 4) for axes nchw, expected one per channel"),
    (expanding, "found a constant of shape [1048576.0, 1048576.0], expected up to 16777216 elements"),
    (at_least, "(Max): found -n+64, which is below 0 for some pictures only, expected the same for all"),
    (square, "(Sub): found a size of n and one of -n along another axis, expected one axis"),
    (divided_by_zero, "(Div): found a size of n divided by 0, expected another number"),
    (odd_padding, "found 'same' padding of a size of n x n with strides (11, 11), expected padding that does not"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED, ids=[build.__name__ for build, _ in REFUSED])
def test_a_network_that_is_refused(build: Callable[[], Net], message: str, tmp_path: Path) -> None:
    found = complaint(written(build().model("y"), tmp_path))
    assert message in found, found
