"""Keras models: what a file holds is what Keras itself computes by it (tests/cases/keras/make.py)."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.sources import load

h5py = pytest.importorskip("h5py", reason="needs the package h5py")
CASES = Path(__file__).parent / "cases" / "keras"


def assert_computes(graph: Graph, case: str) -> None:
    """What Keras made of a picture (1, rows, columns, channels)."""
    known = np.load(CASES / f"{case}.npz")
    found = reference.evaluate(graph, known["picture"][0].transpose(2, 0, 1))[graph.output]
    np.testing.assert_allclose(found, known["expected"][0].transpose(2, 0, 1), rtol=0, atol=2e-6)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("case", ["chain", "sequence", "branches"])
def test_keras_computes_the_same(case: str, suffix: str) -> None:
    assert_computes(load(CASES / f"{case}{suffix}"), case)


def changed(case: str, tmp_path: Path, config: Any = None, weights: Any = lambda file: None) -> Path:
    """A copy of an archive whose description (`config` of it) or weights (of an h5py file) were changed."""
    path = tmp_path / f"{case}.keras"
    with zipfile.ZipFile(CASES / path.name) as archive:
        text, content = archive.read("config.json"), io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content, "r+") as file:
        weights(file)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config(json.loads(text))) if config else text)
        archive.writestr("model.weights.h5", content.getvalue())
    return path


def groups_without_names(file: Any) -> None:
    file.visititems(lambda name, item: item.attrs.pop("name", None) and None)


def test_the_first_versions_of_keras_3_wrote_no_names(tmp_path: Path) -> None:
    """They number the layers of a class: `conv2d_3` is not the layer of that name, but the fourth Conv2D."""
    for case in ("chain", "branches"):
        assert_computes(load(changed(case, tmp_path, weights=groups_without_names)), case)


def test_keras_2_calls_functions_of_tensorflow(tmp_path: Path) -> None:
    """As ArtCNN's first models were written: inbound nodes are lists, tf.nn.depth_to_space is a TFOpLambda."""

    def old(config: Any) -> Any:
        for layer in config["config"]["layers"]:
            nodes = layer["inbound_nodes"]
            histories = [tensor["config"]["keras_history"] for node in nodes for tensor in flat(node["args"])]
            layer["inbound_nodes"] = [[[*history, {}] for history in histories]] if histories else []
            if layer["class_name"] == "DepthToSpace":
                layer |= {"class_name": "TFOpLambda", "config": {"function": "nn.depth_to_space", "name": "tf.d2s"}}
                layer["inbound_nodes"] = [[*histories[0], {"block_size": 2}]]
        config["config"]["output_layers"] = [["depth_to_space", 0, 0]]
        return config

    assert_computes(load(changed("chain", tmp_path, old)), "chain")


def layers_model(tmp_path: Path, **changes: Any) -> Path:
    """The chain as TensorFlow.js has it: two files of weights, a kernel in float16, a bias in 8 bits."""
    with h5py.File(CASES / "chain.h5", "r") as file:
        config = json.loads(file.attrs["model_config"])
        groups = file["model_weights"]
        weights = {path: np.asarray(group[path]) for group in groups.values() for path in group.attrs["weight_names"]}
    entries, content = [], b""
    for number, (name, array) in enumerate(weights.items()):
        entry: dict[str, Any] = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        stored = array.astype("<f4")
        if number == 0:
            stored = array.astype("<f2")
            entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        if number == 1:
            low, scale = float(array.min()), float(np.ptp(array)) / 255
            stored = np.rint((array - low) / scale).astype("u1")
            entry["quantization"] = {"dtype": "uint8", "min": low, "scale": scale, "original_dtype": "float32"}
        entries.append(entry)
        content += stored.tobytes()
    (tmp_path / "one.bin").write_bytes(content[:100])
    (tmp_path / "two.bin").write_bytes(content[100:])
    group = {"paths": ["one.bin", "two.bin"], "weights": entries} | changes
    text = {"modelTopology": {"model_config": config}, "weightsManifest": [group]}
    (tmp_path / "model.json").write_text(json.dumps(text))
    return tmp_path / "model.json"


def test_a_layers_model_of_tensorflow_js(tmp_path: Path) -> None:
    known = np.load(CASES / "chain.npz")
    graph = load(layers_model(tmp_path))
    found = reference.evaluate(graph, known["picture"][0].transpose(2, 0, 1))[graph.output]
    wanted = known["expected"][0].transpose(2, 0, 1)
    assert np.abs(found - wanted).max() < 0.002 * np.abs(wanted).max()  # 11 bits of a kernel, 8 of a bias


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paths": ["../one.bin"]}, "found weights in '../one.bin', expected a file in the model's folder"),
        ({"paths": ["none.bin"]}, r"none.bin: found no readable file"),
        ({"paths": ["one.bin"]}, "found 100 bytes of weights, expected"),
        ({"weights": 3}, "found no weights, expected that of a layers model"),
    ],
)
def test_a_damaged_layers_model(changes: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=message):
        load(layers_model(tmp_path, **changes))


def test_a_graph_model_of_tensorflow_js(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(json.dumps({"format": "graph-model", "modelTopology": {"node": []}}))
    with pytest.raises(ModelError, match=r"expected a layers model of TensorFlow\.js; a graph model becomes ONNX by"):
        load(tmp_path / "model.json")


def flat(arguments: Any) -> list[Any]:
    return [tensor for item in arguments for tensor in (item if isinstance(item, list) else [item])]


def of_kind(kind: str, **settings: Any) -> Any:
    """A description with other settings, or another class, of its layers of a class."""

    def change(config: Any) -> Any:
        for layer in config["config"]["layers"]:
            if layer["class_name"] == kind:
                layer["class_name"] = settings.get("class_name", kind)
                layer["config"] |= settings
        return config

    return change


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (of_kind("Add", class_name="Lambda"), "chain.keras: layer 'add' (Lambda): found such a layer, expected one of"),
        (of_kind("Conv2D", data_format="channels_first"), "found data_format 'channels_first', expected channels_last"),
        (of_kind("Conv2D", activation="cube"), "found activation 'cube', expected elu, gelu"),
        (of_kind("Conv2D", strides="many"), "found strides many, expected two integers"),
        (of_kind("InputLayer", batch_shape=[None, 7]), "found an input of shape [None, 7], expected pictures"),
        (lambda config: ["Functional"], "found \"['Functional']\", expected a Functional or a Sequential model"),
        (lambda config: config | {"config": {}}, "found a description without layers, expected that of a model"),
    ],
)
def test_what_is_no_network_is_one_line(config: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load(changed("chain", tmp_path, config))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_come_from_the_file_alone(tmp_path: Path) -> None:
    """HDF5 can point to bytes of any other file."""
    (tmp_path / "secret").write_bytes(bytes(4 * 9 * 4))

    def elsewhere(file: Any) -> None:
        del file["layers/conv2d/vars/0"]
        external = [(str(tmp_path / "secret"), 0, 4 * 9 * 4)]
        file["layers/conv2d/vars"].create_dataset("0", (3, 3, 1, 4), "f4", external=external)

    with pytest.raises(ModelError, match="in another file, expected them in this one"):
        load(changed("chain", tmp_path, weights=elsewhere))


def test_missing_and_damaged_weights(tmp_path: Path) -> None:
    def without(file: Any) -> None:
        del file["layers/conv2d_1/vars"]

    with pytest.raises(ModelError, match=r"layer 'conv2d_1' \(Conv2D\): found 0 weights, expected 1 or more"):
        load(changed("chain", tmp_path, weights=without))
    whole = (CASES / "chain.keras").read_bytes()
    for content in (whole[:3000], b"", b"PK\x03\x04", (CASES / "chain.h5").read_bytes()[:2000]):
        (tmp_path / "cut.keras").write_bytes(content)
        with pytest.raises(ModelError, match=r"expected what Keras's model\.save writes"):
            load(tmp_path / "cut.keras")


def test_weights_without_a_description(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file["conv2d/kernel"] = np.zeros((3, 3, 1, 4), np.float32)
    with pytest.raises(ModelError, match="found weights without a description, expected a whole model"):
        load(tmp_path / "weights.h5")
