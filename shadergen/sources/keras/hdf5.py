"""Weights in HDF5. Nothing in a file is trusted.

A `.keras` archive has `config.json` and `model.weights.h5`, where a layer's weights are a group `vars`; an `.h5` file
has the description as an attribute and says the names of each layer's weights.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shadergen.errors import ModelError, quoted
from shadergen.sources.check import MAX_BYTES
from shadergen.sources.keras.description import Array, Layers, Model, described, layers, model, name_of, text_of

MAX_TEXT = 16 << 20
"""Bytes of a description."""


def read(path: Path, content: bytes) -> Model:
    """The model in a file. Raises ValueError for whatever is wrong with it."""
    if zipfile.is_zipfile(io.BytesIO(content)):
        text, content = _unpacked(content)
        with _opened(path, content) as file:
            datasets, groups = _contents(file)
            config = described(text)
            weights = _of_archive(datasets, groups, layers(config))
    else:
        with _opened(path, content) as file:
            text = file.attrs.get("model_config")
            if text is None:
                raise ValueError("found weights without a description, expected a whole model: write it by model.save")
            datasets, groups = _contents(file)
            config = described(text)
            weights = _of_groups(datasets, groups, layers(config))
    return model(config, weights)


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


def _of_archive(datasets: Mapping[str, Any], groups: Mapping[str, Any], given: Layers) -> dict[str, tuple[Array, ...]]:
    """Weights by the name of the layer, which newer versions write beside them; older ones number the layers of a class
    in their order."""
    found = {name: group for name, group in groups.items() if name.split("/")[-1] == "vars"}
    written = {name: group.attrs.get("name") for name, group in found.items() if len(group)}
    if any(name is None for name in written.values()):
        numbered = dict(_numbered(given))
        written = {path: numbered.get(re.split(r"[/\\]", path)[-2]) for path in written}
    weights = {}
    for path, layer in written.items():
        numbers = sorted(datasets.keys() & {f"{path}/{number}" for number in found[path]})
        if layer is not None:
            weights[str(layer)] = tuple(_array(name, datasets[name]) for name in numbers)
    return weights


def _numbered(given: Layers) -> Iterator[tuple[str, str]]:
    """What older versions call a layer's group, and the layer's name."""
    count: Counter[str] = Counter()
    for layer in given:
        kind = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", text_of(layer, "class_name"))
        kind = re.sub(r"([a-z])([A-Z])", r"\1_\2", kind).lower()
        yield (f"{kind}_{count[kind]}" if count[kind] else kind), name_of(layer)
        count[kind] += 1


def _of_groups(datasets: Mapping[str, Any], groups: Mapping[str, Any], given: Layers) -> dict[str, tuple[Array, ...]]:
    weights = {}
    for layer in given:
        name = name_of(layer)
        group = groups.get(f"model_weights/{name}")
        names = [] if group is None else group.attrs.get("weight_names", ())
        paths = [f"model_weights/{name}/{item if isinstance(item, str) else item.decode()}" for item in names]
        if missing := [path for path in paths if path not in datasets]:
            raise ValueError(f"found no weights {quoted(missing[0])}, expected those of layer {quoted(name)}")
        weights[name] = tuple(_array(path, datasets[path]) for path in paths)
    return weights
