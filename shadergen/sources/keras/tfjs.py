"""Layers models of TensorFlow.js: `model.json` with Keras's description, and weights in files beside it.

https://github.com/tensorflow/tfjs/blob/master/tfjs-core/src/io/types.ts has the format. A graph model is another one,
with operators in place of layers, which tf2onnx reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from shadergen.errors import ModelError, quoted
from shadergen.sources.check import MAX_BYTES, file_content
from shadergen.sources.keras.description import Array, Model, described, layers, model, name_of

_TYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "uint8": "u1", "uint16": "<u2"}


def read(path: Path, content: bytes) -> Model:
    """The model in a file. Raises ValueError for whatever is wrong with it, ModelError for a file of weights."""
    try:
        file = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError("found no JSON, expected a layers model of TensorFlow.js") from None
    topology = file.get("modelTopology") if isinstance(file, dict) else None
    config = topology.get("model_config") if isinstance(topology, dict) else None
    if config is None:
        problem = "found no layers, expected a layers model of TensorFlow.js"
        raise ModelError(path, problem, "a graph model becomes ONNX by tf2onnx (docs/models.md)")
    config = described(config if isinstance(config, str) else json.dumps(config))
    arrays: dict[str, Array] = {}
    for group in _list(file, "weightsManifest"):
        arrays |= _arrays(path, group)
    by_layer = {
        name_of(layer): tuple(array for name, array in arrays.items() if name.rpartition("/")[0] == name_of(layer))
        for layer in layers(config)
    }
    return model(config, by_layer)


def _arrays(path: Path, group: Mapping[str, Any]) -> Iterator[tuple[str, Array]]:
    """The weights of a group by name, one behind the other in its files."""
    content = b"".join(_shard(path, name) for name in _list(group, "paths"))
    at = 0
    for item in _list(group, "weights"):
        name, shape, quantization = str(item.get("name")), item.get("shape"), item.get("quantization") or {}
        kind = _TYPES.get(quantization.get("dtype", item.get("dtype")))
        if kind is None or not isinstance(shape, list) or not all(isinstance(n, int) and n > 0 for n in shape):
            raise ValueError(f"found weights {quoted(name)} of another type or shape, expected {', '.join(_TYPES)}")
        size = prod(shape) * np.dtype(kind).itemsize
        if at + size > len(content):
            raise ValueError(f"found {len(content)} bytes of weights, expected {at + size} or more")
        stored = np.frombuffer(content, kind, prod(shape), at).reshape(shape).astype(np.float32)
        at += size
        yield name, stored * np.float32(quantization.get("scale", 1)) + np.float32(quantization.get("min", 0))


def _shard(path: Path, name: Any) -> bytes:
    """A file of weights, which must be in the folder of the model."""
    if not isinstance(name, str) or Path(name).name != name:
        raise ValueError(f"found weights in {quoted(str(name))}, expected a file in the model's folder")
    return file_content(path.with_name(name), MAX_BYTES, f"the weights of {path.name}")


def _list(value: Mapping[str, Any], key: str) -> list[Any]:
    found = value.get(key) if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise ValueError(f"found no {key}, expected that of a layers model of TensorFlow.js")
    return found
