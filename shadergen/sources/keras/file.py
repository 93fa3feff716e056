"""The files of Keras: a description in JSON and weights in HDF5. Nothing in them is trusted.

A `.keras` archive has `config.json` and `model.weights.h5`, where a layer's weights are a group `vars`; an `.h5` file
has the description as an attribute and says the names of each layer's weights.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.errors import ModelError, quoted

Array = npt.NDArray[np.float32]
Layers = Sequence[Mapping[str, Any]]

MAX_BYTES = 512 << 20
"""Of the file, and of its weights together: 10 times an R16F96 in float32."""
MAX_TEXT = 16 << 20
"""Bytes of a description."""
MAX_LAYERS = 20000


@dataclass(frozen=True, eq=False)
class Call:
    """A layer where it is called: a layer that is called twice is two of these."""

    kind: str
    """The class of the layer."""
    name: str
    output: str
    """What the result is called."""
    config: Mapping[str, Any]
    inputs: tuple[str | float, ...]
    """The results that go in, or numbers."""
    options: Mapping[str, Any]
    """What the call was given by name."""
    weights: tuple[Array, ...]
    """In the order of Keras: kernel, bias."""

    @property
    def words(self) -> str:
        """How an error names the layer."""
        return f"layer {quoted(self.name)} ({quoted(self.kind)[1:-1]})"


@dataclass(frozen=True, eq=False)
class Model:
    """A model's calls in an order in which they can be made, and the names of its results."""

    calls: tuple[Call, ...]
    outputs: tuple[str, ...]


def read(path: Path, content: bytes) -> Model:
    """The model in a file. Raises ValueError for whatever is wrong with it."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        text, content = _unpacked(content)
        with _opened(path, content) as file:
            datasets, groups = _contents(file)
            config = _described(text)
            weights = _of_archive(datasets, groups, _layers(config))
    else:
        with _opened(path, content) as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise ValueError("found weights without a description, expected a whole model: write it by model.save")
            datasets, groups = _contents(file)
            config = _described(text)
            weights = _of_groups(datasets, groups, _layers(config))
    return _model(config, weights)


def _unpacked(content: bytes) -> tuple[bytes, bytes]:
    """The description and the weights of an archive."""
    members = {"config.json": MAX_TEXT, "model.weights.h5": MAX_BYTES}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for name, most in members.items():
                if name not in archive.namelist():
                    raise ValueError(f"found an archive without {name}, expected a model of Keras 3")
                if archive.getinfo(name).file_size > most:
                    raise ValueError(
                        f"found {archive.getinfo(name).file_size} bytes of {name}, expected at most {most}"
                    )
            text, weights = (archive.read(name) for name in members)
            return text, weights
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"found a damaged archive ({error}), expected a model of Keras 3") from None


def _opened(path: Path, content: bytes) -> Any:
    h5py = _h5py(path)
    try:
        return h5py.File(io.BytesIO(content), "r")
    except (OSError, ValueError, RuntimeError, KeyError):
        raise ValueError("found no HDF5 file, expected what Keras's model.save writes; is it truncated?") from None


def _h5py(path: Path) -> Any:
    try:
        import h5py
    except ImportError:
        problem = "found a model of Keras, whose weights the package h5py reads, and that is not installed"
        raise ModelError(path, problem, "install it: pip install h5py") from None
    return h5py


# ---------------------------------------------------------------------------------------------------------------------
# Weights


def _contents(file: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """All datasets and groups by path: those of this file alone, no links and no data elsewhere."""
    datasets, groups, total = {}, {}, 0

    def visit(name: str, item: Any) -> None:
        nonlocal total
        if not hasattr(item, "shape"):
            groups[name] = item
            return
        if item.is_virtual or item.external:
            raise ValueError(f"found weights {quoted(name)} in another file, expected them in this one")
        total += item.size * item.dtype.itemsize
        if total > MAX_BYTES:
            raise ValueError(f"found weights of more than {MAX_BYTES} bytes")
        datasets[name] = item

    try:
        file.visititems(visit)
    except (OSError, RuntimeError, KeyError, TypeError) as error:
        raise ValueError(f"found damaged HDF5 ({error}), expected what Keras's model.save writes") from None
    return datasets, groups


def _array(name: str, dataset: Any) -> Array:
    if dataset.dtype.kind not in "fiu":
        raise ValueError(f"found weights {quoted(name)} of type {dataset.dtype}, expected numbers")
    try:
        return np.asarray(dataset[()], np.float32)
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(f"found damaged weights {quoted(name)} ({error})") from None


def _of_archive(datasets: Mapping[str, Any], groups: Mapping[str, Any], layers: Layers) -> dict[str, tuple[Array, ...]]:
    """Weights by the name of the layer, which newer versions write beside them; older ones number the layers of a class
    in their order."""
    found = {name: group for name, group in groups.items() if name.split("/")[-1] == "vars"}
    written = {name: group.attrs.get("name") for name, group in found.items() if len(group)}
    if any(name is None for name in written.values()):
        numbered = dict(_numbered(layers))
        written = {path: numbered.get(re.split(r"[/\\]", path)[-2]) for path in written}
    weights = {}
    for path, layer in written.items():
        numbers = sorted(datasets.keys() & {f"{path}/{number}" for number in found[path]})
        if layer is not None:
            weights[str(layer)] = tuple(_array(name, datasets[name]) for name in numbers)
    return weights


def _numbered(layers: Layers) -> Iterator[tuple[str, str]]:
    """What older versions call a layer's group, and the layer's name."""
    count: Counter[str] = Counter()
    for layer in layers:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", _text(layer, "class_name"))
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        yield (f"{kind}_{count[kind]}" if count[kind] else kind), _name(layer)
        count[kind] += 1


def _of_groups(datasets: Mapping[str, Any], groups: Mapping[str, Any], layers: Layers) -> dict[str, tuple[Array, ...]]:
    weights = {}
    for layer in layers:
        name = _name(layer)
        group = groups.get(f"model_weights/{name}")
        names = [] if group is None else group.attrs.get("weight_names", ())
        paths = [f"model_weights/{name}/{item if isinstance(item, str) else item.decode()}" for item in names]
        if missing := [path for path in paths if path not in datasets]:
            raise ValueError(f"found no weights {quoted(missing[0])}, expected those of layer {quoted(name)}")
        weights[name] = tuple(_array(path, datasets[path]) for path in paths)
    return weights


# ---------------------------------------------------------------------------------------------------------------------
# The description


def _described(text: str | bytes) -> Mapping[str, Any]:
    try:
        config = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("found a description that is no JSON, expected that of a model") from None
    if not isinstance(config, dict) or config.get("class_name") not in ("Functional", "Model", "Sequential"):
        kind = config.get("class_name") if isinstance(config, dict) else config
        raise ValueError(f"found {quoted(str(kind))[:60]}, expected a Functional or a Sequential model")
    return config


def _layers(config: Mapping[str, Any]) -> Layers:
    given = config.get("config")
    layers = given.get("layers") if isinstance(given, dict) else given
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise ValueError("found a description without layers, expected that of a model")
    if len(layers) > MAX_LAYERS:
        raise ValueError(f"found {len(layers)} layers, expected at most {MAX_LAYERS}")
    return layers


def _model(config: Mapping[str, Any], weights: Mapping[str, tuple[Array, ...]]) -> Model:
    layers = _layers(config)
    if config["class_name"] == "Sequential":
        return _sequence(layers, weights)
    waiting = [call for layer in layers for call in _calls(layer, weights)]
    ready: dict[str, Call] = {}
    while waiting:
        able = [call for call in waiting if all(value in ready for value in call.inputs if isinstance(value, str))]
        if not able:
            raise ValueError(f"found {waiting[0].words} before what goes into it, expected a model without circles")
        ready |= {call.output: call for call in able}
        waiting = [call for call in waiting if call.output not in ready]
    outputs = config["config"].get("output_layers")
    return Model(tuple(ready.values()), tuple(_histories(outputs)))


def _sequence(layers: Layers, weights: Mapping[str, tuple[Array, ...]]) -> Model:
    calls: list[Call] = []
    for layer in layers:
        if not calls and _text(layer, "class_name") != "InputLayer":
            shape = _config(layer).get("batch_input_shape") or _config(layer).get("batch_shape")
            if shape is None:
                raise ValueError("found no input, expected the shape of what goes into the first layer")
            calls.append(Call("InputLayer", "input", "input", {"batch_shape": shape}, (), {}, ()))
        inputs = tuple(call.output for call in calls[-1:])
        calls.append(_call(layer, 0, inputs, {}, weights))
    return Model(tuple(calls), tuple(call.output for call in calls[-1:]))


def _calls(layer: Mapping[str, Any], weights: Mapping[str, tuple[Array, ...]]) -> Iterator[Call]:
    """A layer's calls, an input's being one."""
    nodes = layer.get("inbound_nodes") or [[]]
    for number, node in enumerate(nodes):
        if isinstance(node, dict):  # of Keras 3
            inputs, options = list(_arguments(node.get("args"))), node.get("kwargs", {})
        else:
            nested = node if node and isinstance(node[0], list) else [node] if node else []
            inputs = [value for item in nested for value in _histories([item[:3]])]
            options = nested[0][3] if nested and len(nested[0]) > 3 else {}
        if not isinstance(options, dict):
            raise ValueError(f"found {str(options)[:60]} for layer {quoted(_name(layer))}, expected options by name")
        named = [value for item in options.values() for value in _arguments(item) if isinstance(value, str)]
        yield _call(layer, number, (*inputs, *named), options, weights)


def _call(
    layer: Mapping[str, Any],
    number: int,
    inputs: tuple[str | float, ...],
    options: Mapping[str, Any],
    weights: Mapping[str, tuple[Array, ...]],
) -> Call:
    name = _name(layer)
    return Call(
        kind=_text(layer, "class_name").split(">")[-1],  # behind the package of a class that is not Keras's own
        name=name,
        output=_output(name, number),
        config=_config(layer),
        inputs=inputs,
        options=options,
        weights=weights.get(name, ()),
    )


def _arguments(value: Any) -> Iterator[str | float]:
    """The results and numbers among a call's arguments."""
    match value:
        case [str(), int(), int()]:
            yield from _histories(value)
        case {"class_name": "__keras_tensor__", "config": {"keras_history": history}}:
            yield from _histories([history])
        case list():
            for item in value:
                yield from _arguments(item)
        case int() | float() if not isinstance(value, bool):
            yield float(value)


def _histories(value: Any) -> Iterator[str]:
    """The results of [layer, call, tensor], one or a list of them. Only a layer's first tensor is one."""
    match value:
        case [str() as name, int() as call, 0]:
            yield _output(name, call)
        case list() if value:
            for item in value:
                yield from _histories(item)
        case _:
            raise ValueError(f"found {str(value)[:60]}, expected a layer, the number of its call, and 0")


def _output(name: str, call: int) -> str:
    return f"{name}/{call}" if call else name


def _name(layer: Mapping[str, Any]) -> str:
    return str(layer.get("name") or _config(layer).get("name") or "")


def _config(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    config = layer.get("config")
    if not isinstance(config, dict):
        raise ValueError(f"found {str(config)[:60]} as a layer's description, expected its settings by name")
    return config


def _text(layer: Mapping[str, Any], key: str) -> str:
    value = layer.get(key)
    if not isinstance(value, str):
        raise ValueError(f"found a layer's {key} to be {str(value)[:60]}, expected a name")
    return value
