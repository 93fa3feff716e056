"""Makes models of TensorFlow's in a folder, and what it computes by them: `python tests/tensorflow_models.py FOLDER`.

Needs TensorFlow. `opencv.pb` is a frozen graph as OpenCV's dnn_superres has them, whose input has no shape; `tfjs` is
the same as a graph model of TensorFlow.js. Without onnxruntime or shadergen; test_tensorflow.py calls it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict

v1 = tf.compat.v1


def frozen() -> Any:
    """ESPCN's shape, with PReLU as TensorFlow 1 spells it, and a pixel shuffle."""
    random = np.random.default_rng(1)
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float32, name="picture")
        for number, (rows, before, after) in enumerate([(5, 1, 6), (3, 6, 6), (3, 6, 4)]):
            kernel = random.uniform(-0.3, 0.3, (rows, rows, before, after)).astype(np.float32)
            x = tf.nn.conv2d(x, tf.constant(kernel), 1, "SAME") + random.uniform(-0.1, 0.1, after).astype(np.float32)
            if number < 2:
                slopes = random.uniform(0, 0.3, after).astype(np.float32)
                x = tf.nn.relu(x) + slopes * (x - abs(x)) * 0.5
        tf.identity(tf.nn.depth_to_space(x, 2), name="result")
    definition = graph.as_graph_def()
    for node in definition.node:
        if node.op == "Placeholder":
            del node.attr["shape"]
    return definition


def main(folder: Path) -> None:
    definition = frozen()
    (folder / "opencv.pb").write_bytes(definition.SerializeToString())
    picture = np.random.default_rng(2).random((1, 9, 7, 1), np.float32)
    with v1.Session(graph=tf.Graph()) as session:
        given = v1.placeholder(tf.float32, picture.shape)
        (result,) = tf.import_graph_def(definition, {"picture:0": given}, ["result:0"])
        np.savez(folder / "expected.npz", picture=picture, expected=session.run(result, {given: picture}))
    web_model(definition, folder / "tfjs")


def web_model(definition: Any, folder: Path) -> None:
    """Constants are in a file of weights, everything else as JSON."""
    folder.mkdir()
    weights, content = [], b""
    for node in definition.node:
        if node.op == "Const":
            array = tf.make_ndarray(node.attr["value"].tensor)
            kind = {"f": "float32", "i": "int32"}[array.dtype.kind]
            weights.append({"name": node.name, "shape": list(array.shape), "dtype": kind})
            content += array.astype(kind).tobytes()
            node.attr["value"].tensor.Clear()
    (folder / "group1-shard1of1.bin").write_bytes(content)
    manifest = [{"paths": ["group1-shard1of1.bin"], "weights": weights}]
    topology = MessageToDict(definition)
    text = {"format": "graph-model", "modelTopology": topology, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(text))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
