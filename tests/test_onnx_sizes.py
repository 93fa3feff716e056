"""Networks that compute sizes: onnxruntime judges odd and tiny ones; what is written means the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, RuntimeException

from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Fit, Resize
from shadergen.sources import load, save
from tests.systems import Net
from tests.test_random_graphs import contents

pytest.importorskip("torch")
from tests.odd_sizes import NETS, export  # needs torch

SIZES = ((21, 26), (16, 24), (13, 17), (11, 30), (22, 23), (31, 15), (9, 10))
TINY = ((5, 6), (3, 4), (2, 3), (1, 1))


def judged(path: Path, graph: Graph, size: tuple[int, int]) -> bool:
    """Holds the reference against onnxruntime; whether that takes a picture of this size."""
    image = np.random.default_rng(0).random((graph.input_type.channels, *size), np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(path, options)
    try:
        (expected,) = session.run(None, {"input": image[None]})
    except (RuntimeException, InvalidArgument):
        return False
    actual = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(actual, expected[0], rtol=0, atol=1e-5, err_msg=f"{size}\n{dump(graph)}")
    return True


@pytest.mark.parametrize("name", NETS)
def test_a_network_for_any_size(name: str, tmp_path: Path) -> None:
    path = export(name, tmp_path / "net.onnx")
    graph = load(path)
    assert any(isinstance(node.op, Fit | Resize) for node in graph.nodes), dump(graph)
    least = 16 if name == "cropped like" else 0
    assert all(judged(path, graph, size) for size in SIZES if min(size) > least)
    for size in TINY if name not in ("cropped like", "padded like") else ():  # no pixel is left of so few
        judged(path, graph, size)
    for copy in (tmp_path / "copy.onnx", tmp_path / "copy.npz"):
        save(graph, copy)
        same = load(copy)
        assert [node[1:] for node in contents(same)[7:]] == [node[1:] for node in contents(graph)[7:]], dump(same)
    assert judged(tmp_path / "copy.onnx", load(tmp_path / "copy.npz"), (21, 26))


def test_pytorchs_other_exporter(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    older, newer = (load(export("around", tmp_path / f"{dynamo}.onnx", dynamo)) for dynamo in (False, True))
    assert [node[1::2] for node in contents(newer)[7:]] == [node[1::2] for node in contents(older)[7:]]


@pytest.mark.parametrize("side", ["SAME_UPPER", "SAME_LOWER"])
def test_same_padding_of_odd_sizes(side: str, tmp_path: Path) -> None:
    """TensorFlow's: with a stride it depends on whether the size is odd."""
    net = Net(1)
    x = net.node("MaxPool", net.conv("input", 4), kernel_shape=[3, 3], strides=[2, 2], auto_pad=side)
    x = net.node("Conv", x, net.weights(4, 4, 4, 3), strides=[3, 2], auto_pad=side)
    if side == "SAME_UPPER":  # what is in front of the picture is then always the same
        x = net.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2], auto_pad=side)
    model = net.model(net.transposed(x, 1, 12, strides=[12, 12]))
    onnx.save(model, tmp_path / "net.onnx")
    graph = load(tmp_path / "net.onnx")
    assert all(judged(tmp_path / "net.onnx", graph, size) for size in (*SIZES, *TINY))
