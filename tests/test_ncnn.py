"""ncnn models: a layer is what onnxruntime computes for its ONNX twin, and what ncnn does, where that is installed."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.ir.extent import Extent
from shadergen.ir.graph import verify
from shadergen.sources import load
from shadergen.sources.border import bordered
from tests.ncnn_files import LAYERS, Layers, Pair, convolution, pair, unet

SIZE = (13, 18)


def picture(size: tuple[int, int] = SIZE) -> Any:
    return np.random.default_rng(1).uniform(-1, 1, (3, *size)).astype(np.float32)


def assert_close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("layers", LAYERS, ids=lambda layers: layers.__name__)
def test_a_layer_in_onnxruntime(layers: Layers, tmp_path: Path) -> None:
    files, model = pair(layers)
    graph = load(files.write(tmp_path))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    expected = session.run(None, {"input": picture()[None]})[0][0]
    assert_close(reference.evaluate(graph, picture())[graph.output], expected)


@pytest.mark.parametrize("layers", LAYERS, ids=lambda layers: layers.__name__)
def test_a_layer_in_ncnn(layers: Layers, tmp_path: Path) -> None:
    ncnn = pytest.importorskip("ncnn", reason="needs the package ncnn, which judges its own layers")
    files, _ = pair(layers)
    path = files.write(tmp_path)
    net = ncnn.Net()
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    assert net.load_param(str(path)) == 0
    assert net.load_model(str(path.with_suffix(".bin"))) == 0
    extractor, image = net.create_extractor(), picture()
    extractor.input("data", ncnn.Mat(image).clone())  # what is not cloned is not kept, and written to
    _, result = extractor.extract(net.output_names()[0])
    graph = load(path)
    assert_close(reference.evaluate(graph, image)[graph.output], np.array(result))


def test_either_file_names_the_model(tmp_path: Path) -> None:
    path = pair(unet)[0].write(tmp_path)
    assert dump(load(path)) == dump(load(path.with_suffix(".bin")))


def test_blobs_that_are_named_twice_and_layers_without_names_of_their_own(tmp_path: Path) -> None:
    """Names are the file's; what they become in a graph is unique."""
    files = Pair()
    weight = files.net.weights(3, 3, 1, 1)
    files.layer("Convolution same 1 1 data 4 0=3 1=1 6=9", weight)
    files.layer("Convolution same 1 1 4 5 0=3 1=1 6=9", weight)
    names = [node.name for node in load(files.write(tmp_path)).nodes]
    assert names == ["same", "same_v2"]


def test_how_many_channels_go_in_follows_from_the_first_convolution(tmp_path: Path) -> None:
    files = Pair(1)
    files.lines = ["Input input 0 1 data"]
    files.layer("Convolution conv 1 1 data out 0=1 1=1 6=1", files.net.weights(1, 1, 1, 1))
    assert load(files.write(tmp_path)).plane == "luma"


def test_how_many_channels_go_in_as_blocks(tmp_path: Path) -> None:
    """As pnnx writes a network that begins with a pixel unshuffle: its Input has no size."""
    files = Pair()
    files.lines = ["Input in0 0 1 data"]
    files.layer("Reorg blocks 1 1 data blocks 0=2 1=0")
    files.layer("Convolution conv 1 1 blocks wide 0=12 1=1 6=144", files.net.weights(12, 12, 1, 1))
    files.layer("PixelShuffle shuffle 1 1 wide out 0=2 1=0")
    assert load(files.write(tmp_path)).plane == "rgb"


# ---------------------------------------------------------------------------------------------------------------------
# The border of valid networks with strides


@pytest.mark.parametrize("size", [(12, 18), (13, 17), (3, 1)])
def test_a_valid_u_net_gives_the_whole_picture(size: tuple[int, int], tmp_path: Path) -> None:
    """As waifu2x and Real-CUGAN do it: continued by the border, then to a multiple of the strides, and cropped."""
    graph = load(pair(unet)[0].write(tmp_path))
    assert str(verify(graph)[graph.output].height) == "2floor(n/2)-4"
    whole = bordered(graph)
    assert verify(whole)[whole.output].area == (Extent(), Extent())
    height, width = size
    behind = (height % 2, width % 2)
    by_hand = np.pad(picture(size), ((0, 0), (2, 2 + behind[0]), (2, 2 + behind[1])), "edge")
    expected = reference.evaluate(graph, by_hand)[graph.output][:, :height, :width]
    np.testing.assert_array_equal(reference.evaluate(whole, picture(size))[whole.output], expected)


# ---------------------------------------------------------------------------------------------------------------------
# Files that are none


def complaint(path: Path) -> str:
    """The error for a model: one line that says what was found and expected, without the path."""
    with pytest.raises(ModelError) as caught:
        load(path)
    message = str(caught.value)
    assert message.splitlines() == [message]
    assert "found" in message
    assert "expected" in message
    return message.replace(str(path.parent), "")


REFUSED = {
    "Softmax soft 1 1 data out 0=0": "layer 'soft' (Softmax): found such a layer, expected one of AbsVal, BatchNorm",
    "Interp up 1 1 data out 0=2 3=100 4=100": "layer 'up' (Interp): found a resize to 100 x 100, expected factors",
    "Interp up 1 1 data out 0=4 1=2.0": "found type 4, expected 1 to 3",
    "UnaryOp exp 1 1 data out 0=7": "layer 'exp' (UnaryOp): found operation 7, expected one of 0, 1, 4, 5",
    "BinaryOp atan 1 1 data out 0=10 1=1 2=3": "found operation 10, expected 0 to 8",
    "Pooling max 1 1 data out 0=0 4=1": "found the maximum of a picture, expected its mean",
    "Concat rows 1 1 data out 0=1": "layer 'rows' (Concat): found axis 1, expected 0: the channels",
    "Reshape flat 1 1 data out 0=-1 1=3": "found a shape of -233 x 3 x -1, expected a vector",
    "InnerProduct fc 1 1 data out 0=3 2=9": "layer 'fc' (InnerProduct): found 0 bytes left in model.bin, expected 4",
    "Flatten flat 1 1 data out": "layer 'flat' (Flatten): found a picture, expected a vector, such as",
    "Convolution conv 1 1 data out 0=3 1=3 6=80": "found 80 weights for 3 channels and a kernel of (3, 3), expected",
    "Convolution conv 1 1 data out 0=3 1=3 6=81 8=1": "found int8 arithmetic (8=1), expected none",
    "Convolution conv 1 1 data out 0=3 1=3 6=81 18=0.5": "found padding with another number (18=0.5), expected none",
    "Convolution conv 1 1 data out 0=1.5 1=3 6=81": "found parameter 0=1.5, expected an integer",
    "Convolution conv 1 1 data out 0=3 1=3 6=81 5": "line 4: found '5', expected a parameter such as 0=16",
    "ReLU relu 1 1 data out 0=inf": "found parameter 0='inf', expected a number",
    "ReLU relu 1 1 data out -23310=1,1_0": "line 4: found '1_0', expected a number",
    "Convolution conv 1 1 data out 0=three": "found parameter 0='three', expected a number",
    "ReLU relu 1 1 other out": "layer 'relu' (ReLU): found input 'other', expected a blob of an earlier layer",
    "ReLU relu 1 2 data out more": "found 2 outputs, expected 1",
    "ReLU relu 1": "line 4: found 'ReLU relu 1', expected a layer's type, name and numbers of blobs",
    "ReLU relu 2 1 data": "line 4: found 1 blobs of layer 'relu', expected 3",
    "ReLU relu 1 1 data out -23310=3,1": "found '-23310=3,1', expected an array with its length first",
    "Split split 1 2 data a b": "found 2 outputs (data, data), expected one picture",
    "Crop crop 1 1 data out 3=100 4=100": "found a crop at 0 to a size of 0, expected one that follows the picture's",
    "Crop crop 1 1 data out 19=2 20=-2": "found an expression of the size (19=2), expected none",
    "Slice parts 1 2 data a b -23300=2,4,-233": "expected",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_cannot_be_done_names_the_layer(line: str, tmp_path: Path) -> None:
    (tmp_path / "model.param").write_text(f"7767517\n2 2\n{Pair().lines[0]}\n{line}\n", "utf-8")
    (tmp_path / "model.bin").write_bytes(b"")
    assert REFUSED[line] in complaint(tmp_path / "model.param")


def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    files = pair(convolution)[0]
    path = files.write(tmp_path)
    weights = path.with_suffix(".bin")
    weights.write_bytes(files.content[:-1])
    assert complaint(path) == (
        "/model.param: layer 'conv' (Convolution): found 11 bytes left in model.bin, expected 12 of weights: "
        "is it truncated, or of another .param?"
    )
    weights.write_bytes(files.content + b"\0" * 8)
    assert complaint(path).startswith("/model.bin: found 8 bytes more than the layers of model.param have weights")
    weights.write_bytes(b"\x38\x4b\x0d\x00" + files.content[4:])
    assert "layer 'conv' (Convolution): found int8 weights, expected float32 or float16" in complaint(path)
    weights.write_bytes(b"\x47\x6b\x30\x01\xff\x7f" + files.content[6:])
    assert "layer 'conv' (Convolution): found weights that are not finite" in complaint(path)
    weights.unlink()
    assert "/model.bin: found no readable file (No such file" in complaint(path)
    assert "a .param and a .bin in one folder" in complaint(path)


def test_what_is_no_param(tmp_path: Path) -> None:
    path = tmp_path / "model.param"
    path.with_suffix(".bin").write_bytes(b"")
    for content in (b"", b"7767517", b"7767517\n3 3\nInput a 0 1 b", b"\xdd\x85\x76\x00\x03", b"\xff\xfe", b"1\n2 3\n"):
        path.write_bytes(content)
        complaint(path)


WHOLE = pair(unet)[0]
TEXT = "\n".join(["7767517", "8 8", *WHOLE.lines]).encode()


@given(st.lists(st.tuples(st.integers(8, len(TEXT) - 1), st.integers(32, 126)), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_damaged_param(tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, int]]) -> None:
    """It is read, or is no model; nothing else is raised."""
    damaged = bytearray(TEXT)
    for place, value in changes:
        damaged[place] = value
    path = tmp_path_factory.mktemp("damaged") / "model.param"
    path.write_bytes(damaged)
    path.with_suffix(".bin").write_bytes(WHOLE.content)
    with suppress(ModelError):
        load(path)
