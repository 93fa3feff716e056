"""ONNX files: parsed, checked, and with their weights as arrays. Nothing in a file is trusted.

Weights beside the file are read only from its own folder, and only as many bytes as their shapes need. onnx's checker
and shape inference come first, because what they say names the node.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError, EncodeError
from onnx import external_data_helper, numpy_helper, shape_inference, version_converter

from shadergen.errors import ModelError, one_line, quoted
from shadergen.sources.check import MAX_BYTES, file_content

Constant = npt.NDArray[Any]

MIN_OPSET, MAX_OPSET = 7, 28
"""Those whose operators the importer knows the meaning of. Before 7, broadcasting was an attribute: onnx converts such
models."""
_CONVERTED = 13
"""The opset that older models are converted to."""
MAX_NODES = 20000


@dataclass(frozen=True, eq=False)
class File:
    """A checked model."""

    path: Path
    model: onnx.ModelProto
    opset: int
    constants: dict[str, Constant]
    """The initialisers by name."""
    sha256: str
    layers: tuple[str, ...] = ()
    """By node, how an error names what the node was made of, for a model that was converted from another format."""

    def words(self, index: int) -> str:
        """How an error names a node."""
        return self.layers[index] if self.layers else node_words(index, self.model.graph.node[index])


def read(path: Path) -> File:
    """The model in a file. Raises ModelError with one line for whatever is wrong with it."""
    content = _content(path)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except (DecodeError, ValueError, RuntimeError):
        problem = "found no ONNX model, expected one as torch.onnx or tf2onnx write it"
        raise ModelError(path, problem, "is it truncated, or a different format?") from None
    _expect_sane(path, model)
    _opset(path, model)
    total = sum(_bytes_of(f"{path}: initialiser {quoted(tensor.name)}", tensor) for tensor in _tensors(model))
    if total > MAX_BYTES:
        raise ModelError(path, f"found weights of {total} bytes, expected at most {MAX_BYTES}")
    for tensor in _tensors(model):
        _load_external(path, tensor)
    model = _modern(path, model)
    opset = _opset(path, model)
    constants = {
        tensor.name: to_array(f"{path}: initialiser {quoted(tensor.name)}", tensor)
        for tensor in model.graph.initializer
    }
    _check(path, model)
    return File(path, model, opset, constants, hashlib.sha256(content).hexdigest())


def _content(path: Path) -> bytes:
    found = file_content(path, MAX_BYTES, "an ONNX model")
    if not found:
        raise ModelError(path, "found an empty file, expected an ONNX model")
    return found


def _expect_sane(path: Path, model: onnx.ModelProto) -> None:
    graph = model.graph
    if any(isinstance(text, bytes) for text in _texts(graph)):  # what protobuf gives for bytes that are not UTF-8
        raise ModelError(path, "found names that are not UTF-8, expected text", "the file is damaged")
    if not graph.node or len(graph.node) > MAX_NODES:
        problem = f"found a graph of {len(graph.node)} nodes, expected 1 to {MAX_NODES}"
        raise ModelError(path, problem, "is it truncated, or a different format?")
    if graph.sparse_initializer:
        raise ModelError(path, "found sparse initialisers, expected dense ones")
    if model.functions:
        names = ", ".join(function.name for function in model.functions[:3])
        raise ModelError(
            path, f"found functions ({quoted(names)}), expected operators", "export with inlined functions"
        )
    known = {schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain == ""}
    for index, node in enumerate(graph.node):
        if node.domain not in ("", "ai.onnx") or node.op_type not in known:
            domain = f"{node.domain}." if node.domain else ""
            problem = f"found operator {quoted(domain + node.op_type)}, expected one of ONNX's own"
            raise ModelError(f"{path}: {node_words(index, node)}", problem)


def _texts(graph: onnx.GraphProto) -> Iterator[str | bytes]:
    """Every name in the graph."""
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        for attribute in node.attribute:
            yield from (attribute.name, attribute.t.name)
    for entry in (*graph.input, *graph.output, *graph.initializer):
        yield entry.name


def node_words(index: int, node: onnx.NodeProto) -> str:
    """How an error names a node: by its name, or else its first output, or its number."""
    name, kind = node.name or next(iter(node.output), ""), re.sub(r"[^ -~]", "?", node.op_type[:40])
    return f"node {quoted(name)} ({kind})" if name else f"node {index} ({kind})"


def _opset(path: Path, model: onnx.ModelProto) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if len(versions) != 1 or not 1 <= versions[0] <= MAX_OPSET:
        found = ", ".join(map(str, versions)) or "none"
        raise ModelError(path, f"found opset {found}, expected 1 to {MAX_OPSET}", "export with another opset")
    return int(versions[0])


def _modern(path: Path, model: onnx.ModelProto) -> onnx.ModelProto:
    """The model, converted by onnx where its opset is too old to be read."""
    opset = _opset(path, model)
    if opset >= MIN_OPSET:
        return model
    try:
        onnx.checker.check_model(model)  # the converter, in C++, trusts what it gets
        converted = version_converter.convert_version(model, _CONVERTED)
        shape_inference.infer_shapes(converted, check_type=True, strict_mode=True)  # of Add with an axis it is wrong
        return converted
    except Exception as error:  # of several kinds, none of them onnx's own
        problem = f"found opset {opset}, expected {MIN_OPSET} to {MAX_OPSET}; onnx cannot convert it ({_line(error)})"
        raise ModelError(path, problem, f"export with opset {_CONVERTED}") from None


def _tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """The initialisers and the tensors in attributes."""
    yield from model.graph.initializer
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield attribute.t


def _load_external(path: Path, tensor: onnx.TensorProto) -> None:
    """Put a tensor's bytes from the file beside the model into it."""
    if tensor.data_location != onnx.TensorProto.EXTERNAL:
        return
    where = f"{path}: initialiser {quoted(tensor.name)}"
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    folder = path.parent.resolve()
    beside = (folder / location).resolve()
    # Where the model itself is a link, as in caches of downloads, its data may be one to the same place.
    allowed = {folder, path.resolve().parent}
    strays = Path(location).is_absolute() or ".." in Path(location).parts
    if not location or strays or not any(beside.is_relative_to(place) for place in allowed):
        raise ModelError(where, f"found its data in {location!r}, expected a file in the model's own folder")
    if not beside.is_file():
        raise ModelError(where, f"found no file {location!r} beside the model, expected the tensor's data")
    offset, length = entries.get("offset", "0"), _bytes_of(where, tensor)
    claimed = entries.get("length", str(length))
    if not (offset.isdecimal() and claimed.isdecimal() and len(offset) < 16) or int(claimed) != length:
        problem = f"found {claimed[:20]!r} bytes at {offset[:20]!r}, expected {length} bytes for its shape"
        raise ModelError(where, problem)
    with beside.open("rb") as stream:
        stream.seek(int(offset))
        data = stream.read(length)
    if len(data) != length:
        raise ModelError(where, f"found {len(data)} bytes in {location!r}, expected {length}", "is it truncated?")
    tensor.raw_data = data
    tensor.data_location = onnx.TensorProto.DEFAULT
    del tensor.external_data[:]


def _bytes_of(where: str, tensor: onnx.TensorProto) -> int:
    """The bytes that a tensor's shape needs."""
    if min(tensor.dims, default=0) < 0 or len(tensor.dims) > 16:
        raise ModelError(where, f"found shape {list(tensor.dims)[:20]}, expected one of an array")
    try:
        item = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    except (KeyError, TypeError, ValueError):
        raise ModelError(where, f"found element type {tensor.data_type}, expected one of ONNX's") from None
    length = int(math.prod(tensor.dims)) * int(item)
    if length > MAX_BYTES:
        raise ModelError(where, f"found {length} bytes, expected at most {MAX_BYTES}")
    return length


def to_array(where: str, tensor: onnx.TensorProto) -> Constant:
    """A tensor as an array. Raises ModelError where its shape and its data do not agree."""
    _bytes_of(where, tensor)
    if external_data_helper.uses_external_data(tensor):
        raise ModelError(where, "found data outside of the file, expected it beside an initialiser")
    try:
        return numpy_helper.to_array(tensor)
    except Exception as error:  # onnx and numpy raise several kinds
        raise ModelError(where, f"found no readable tensor ({_line(error)}), expected one of its shape") from None


def _check(path: Path, model: onnx.ModelProto) -> None:
    """onnx's own checks."""
    try:
        onnx.checker.check_model(model)
        shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except (
        onnx.checker.ValidationError,
        shape_inference.InferenceError,
        ValueError,
        RuntimeError,
        EncodeError,
    ) as error:
        raise ModelError(path, f"found an invalid model ({_line(error)}), expected a valid one") from None


def _line(error: BaseException) -> str:
    """The first of what onnx found, in one line, without what it says about its own sources."""
    text = one_line(error)
    found = re.search(r"\(op_type: ?(\w+)(?:, node name: ([^)]*))?\): *(.*)", text)
    if found:
        text = f"node {found[2]!r} ({found[1]}): {found[3].split('(op_type:')[0]}"
    text = re.sub(r"\[[A-Za-z]*Error\] *", "", text)
    return (text[:300] or type(error).__name__).strip()
