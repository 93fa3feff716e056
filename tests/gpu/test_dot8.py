"""Layers of bytes: what their passes compute is what the network means, to the bit.

OpenGL has no product of four bytes, so the file's own function stands for it there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from shadergen import compiler, quantise, sources
from shadergen.emit import emit
from shadergen.hookfile import HookPass
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.runtime.program import Storage
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import DOT8
from tests.nets import wide_network

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def layer_on(
    gl: moderngl.Context, graph: Graph, size: tuple[int, int], storage: Storage = "rgba32f"
) -> tuple[Array, Array]:
    """What the wide layer's pass gives, and what the network makes of the bytes that this pass has read."""
    planned = compiler.plan(graph, DOT8)
    textures = {value: planned.textures[value][0] for value in ("b_bytes", "d")}
    width, height = size
    image = np.random.default_rng(1).random((1, height, width), np.float32)
    with Runner(gl, emit(planned), storage=storage) as runner:
        names = [texture.name for texture in textures.values()]
        saved = runner.run(Frame({"LUMA": image}), (2 * width, 2 * height), keep=names).saved
    found = {value: texture.unpack(saved[texture.name]) for value, texture in textures.items()}
    expected = found["b_bytes"]
    for name in ("c_sums", "c", "d"):
        expected = reference.apply(graph.node(name).op, [expected])
    return found["d"], expected


def test_bytes_without_a_sign(gl: moderngl.Context) -> None:
    """More pixels than a workgroup has, and zeros around the picture."""
    found, expected = layer_on(
        gl, quantise.quantised(wide_network(16, 16, (2, 2), (1, 0, 0, 1)), {"b": (0.0, 4.0)}), (18, 9)
    )
    assert np.abs(expected).max() > 0.5
    assert np.array_equal(found, expected)


def test_bytes_with_a_sign_any_kernel_and_packs_that_fill_no_word(gl: moderngl.Context) -> None:
    graph = quantise.quantised(wide_network(20, 16, (1, 2), (0, 0, 0, 1)), {"b": (-3.0, 4.0)})
    found, expected = layer_on(gl, graph, (9, 7))
    assert np.array_equal(found, expected)


def test_many_channels_whose_invocations_have_a_pixel_each(gl: moderngl.Context) -> None:
    graph = quantise.quantised(wide_network(24, 36, (2, 1), (1, 0, 0, 0)), {"b": (0.0, 4.0)})
    found, expected = layer_on(gl, graph, (9, 10))
    assert np.array_equal(found, expected)


def qdq_model(path: Path) -> None:
    """A QDQ model as quantisers write them: activations by one scale, weights by one for each output channel."""
    rng = np.random.default_rng(0)
    arrays = {
        "first": rng.normal(0, 0.5, (16, 1, 3, 3)).astype(np.float32),
        "w": rng.integers(-127, 128, (16, 16, 3, 3), np.int8),
        "w_scale": rng.uniform(5e-4, 2e-3, 16).astype(np.float32),
        "w_zero": np.zeros(16, np.int8),
        "bias": rng.normal(0, 0.1, 16).astype(np.float32),
        "fine": np.float32(0.0093),
        "zero": np.uint8(0),
        "last": rng.normal(0, 0.05, (4, 16, 3, 3)).astype(np.float32),
    }
    pads: dict[str, Any] = {"pads": [1, 1, 1, 1]}
    nodes = [
        *(helper.make_node("Conv", ["x", "first"], ["a"], **pads), helper.make_node("Relu", ["a"], ["b"])),
        helper.make_node("QuantizeLinear", ["b", "fine", "zero"], ["steps"]),
        helper.make_node("DequantizeLinear", ["steps", "fine", "zero"], ["c"]),
        helper.make_node("DequantizeLinear", ["w", "w_scale", "w_zero"], ["weights"], axis=0),
        *(helper.make_node("Conv", ["c", "weights", "bias"], ["d"], **pads), helper.make_node("Relu", ["d"], ["e"])),
        helper.make_node("Conv", ["e", "last"], ["f"], **pads),
        helper.make_node("DepthToSpace", ["f"], ["y"], blocksize=2, mode="CRD"),
    ]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, f"{name}h", f"{name}w"]) for name in ("x", "y")
    ]
    initialisers = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "qdq", ends[:1], ends[1:], initialisers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def test_a_qdq_model_of_others(gl: moderngl.Context, tmp_path: Path) -> None:
    """From the file to a pass of bytes, whose picture is what the reference and onnxruntime make of it."""
    qdq_model(tmp_path / "qdq.onnx")
    graph = sources.load(tmp_path / "qdq.onnx")
    file = compiler.compile(graph, DOT8)
    assert sum("dotPacked4x8EXT(int(" in block.body for block in file.blocks if isinstance(block, HookPass)) == 1
    image = np.random.default_rng(1).random((1, 9, 18), np.float32)
    with Runner(gl, file, storage="rgba32f") as runner:
        found = runner.run(Frame({"LUMA": image}), (36, 18)).planes["LUMA"]
    expected = reference.evaluate(graph, image)[graph.output]
    assert np.abs(expected).max() > 0.3
    assert np.abs(found - expected).max() < 1e-5
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(tmp_path / "qdq.onnx"), options)
    assert np.abs(session.run(None, {"x": image[None]})[0][0] - expected).max() < 1e-5


def test_stored_in_16_bits_bytes_lose_nothing(gl: moderngl.Context) -> None:
    """The layer's own value is rounded when it is stored, and only then."""
    graph = quantise.quantised(wide_network(16, 16, (1, 1), (0, 0, 0, 0)), {"b": (0.0, 4.0)})
    found, expected = layer_on(gl, graph, (9, 7), "rgba16f")
    assert np.abs(found - expected).max() <= 2.0**-10 * np.abs(expected).max()
