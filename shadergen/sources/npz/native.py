"""The native document: a graph as JSON, beside the arrays of its weights."""

from __future__ import annotations

import json
import reprlib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from shadergen.errors import ModelError, quoted
from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.ops import Op
from shadergen.sources.npz.archive import weights
from shadergen.sources.npz.schema import NAMES, SCHEMAS, ArrayField, Attribute, json_of

FORMAT = 1
Arrays = dict[str, npt.NDArray[Any]]


def read(path: Path, arrays: Arrays, sha256: str) -> Graph:
    """The graph that the array `graph` describes. Raises ModelError; what the graph means is not checked."""
    return _Reader(path, arrays).graph(sha256)


def write(graph: Graph) -> Arrays:
    """The arrays of the graph's file, its weights first. Raises ModelError for a graph that was rewritten."""
    arrays: Arrays = {}
    nodes = [_written(graph, node, arrays) for node in graph.nodes]
    document = {
        "format": FORMAT,
        "name": graph.name,
        "plane": graph.plane,
        "input": graph.input,
        "output": graph.output,
        "nodes": nodes,
        "licence": graph.record.licence,
        "training": dict(graph.record.training),
        "scores": dict(graph.record.scores),
    }
    return arrays | {"graph": np.array(json.dumps(document, default=json_of))}


def _written(graph: Graph, node: Node, arrays: Arrays) -> dict[str, Any]:
    """A node's entry; its weights go to `arrays`."""
    name = NAMES.get(type(node.op))
    if name is None:
        problem = f"found operator {type(node.op).__name__!r}, expected one of {', '.join(SCHEMAS)}"
        raise ModelError(f"{graph.name}: node {quoted(node.name)}", problem, "save the graph before it is rewritten")
    attributes = {}
    for field in SCHEMAS[name].fields:
        value = getattr(node.op, field.name)
        match field:
            case ArrayField():
                arrays[f"{node.name}.{field.name}"] = value
            case Attribute():
                attributes[field.name] = value
    return {"name": node.name, "op": name, "inputs": list(node.inputs), "attributes": attributes}


class _Reader:
    """Reads one file; every error names it."""

    def __init__(self, path: Path, arrays: Arrays) -> None:
        self.path = path
        self.arrays = arrays

    def graph(self, sha256: str) -> Graph:
        document = self._document()
        version = self._get(document, "format", int, "graph")
        if version != FORMAT:
            problem = f"found format {version}, expected {FORMAT}"
            raise ModelError(f"{self.path}: graph", problem, "update shadergen")
        plane = self._get(document, "plane", str, "graph")
        if plane not in get_args(Plane):
            problem = f"found plane {quoted(plane)}, expected one of {', '.join(get_args(Plane))}"
            raise ModelError(f"{self.path}: graph", problem)
        nodes = tuple(self._node(i, entry) for i, entry in enumerate(self._get(document, "nodes", list, "graph")))
        return Graph(
            name=self._get(document, "name", str, "graph"),
            plane=plane,
            nodes=nodes,
            output=self._get(document, "output", str, "graph"),
            input=self._get(document, "input", str, "graph"),
            record=Record(
                licence=self._get(document, "licence", str, "graph"),
                sha256=sha256,
                training=self._get(document, "training", dict, "graph"),
                scores=self._get(document, "scores", dict, "graph"),
            ),
        )

    def _document(self) -> dict[str, Any]:
        text = self.arrays["graph"]
        where = f"{self.path}: graph"
        if text.dtype.kind != "U" or text.ndim != 0:
            raise ModelError(where, f"found {text.dtype} of shape {text.shape}, expected one string")
        try:
            document = json.loads(str(text))
        except (ValueError, RecursionError, SystemError) as error:  # SystemError: characters that Unicode lacks
            raise ModelError(where, f"found no valid JSON ({error}), expected an object") from None
        if not isinstance(document, dict):
            raise ModelError(where, f"found JSON of type {type(document).__name__}, expected an object")
        return document

    def _get(self, entry: dict[str, Any], key: str, kind: type, where: str) -> Any:
        if key not in entry:
            raise ModelError(f"{self.path}: {where}", f"found no {key!r}, expected one")
        if not isinstance(entry[key], kind):
            found = type(entry[key]).__name__
            raise ModelError(f"{self.path}: {where}", f"found {key!r} of type {found}, expected {kind.__name__}")
        return entry[key]

    def _node(self, index: int, entry: object) -> Node:
        where = f"graph node {index}"
        if not isinstance(entry, dict):
            raise ModelError(f"{self.path}: {where}", f"found {type(entry).__name__}, expected an object")
        name = self._get(entry, "name", str, where)
        where = f"node {quoted(name)}"
        inputs = self._get(entry, "inputs", list, where)
        if not all(isinstance(item, str) for item in inputs):
            raise ModelError(f"{self.path}: {where}", "found an input that is no name, expected strings")
        op = self._op(name, self._get(entry, "op", str, where), self._get(entry, "attributes", dict, where))
        return Node(name, op, tuple(inputs))

    def _op(self, node: str, name: str, attributes: dict[str, Any]) -> Op:
        where = f"{self.path}: node {quoted(node)}"
        if name not in SCHEMAS:
            raise ModelError(where, f"found operator {quoted(name)}, expected one of {', '.join(SCHEMAS)}")
        schema = SCHEMAS[name]
        known = {field.name for field in schema.fields if isinstance(field, Attribute)}
        unknown = sorted(set(attributes) - known)
        if unknown:
            raise ModelError(where, f"found attribute {quoted(unknown[0])}, expected those of {name}")
        arguments: dict[str, Any] = {}
        for field in schema.fields:
            match field:
                case ArrayField():
                    arguments[field.name] = self._weights(where, node, field)
                case Attribute() if field.name in attributes:
                    arguments[field.name] = _attribute(where, field, attributes[field.name])
        missing = {field.name for field in fields(schema.op) if field.default is MISSING} - set(arguments)
        if missing:
            raise ModelError(where, f"found attributes {sorted(arguments)}, expected all of {name}'s")
        return schema.op(**arguments)

    def _weights(self, where: str, node: str, field: ArrayField) -> Any:
        array = self.arrays.get(f"{node}.{field.name}")
        if array is None:
            raise ModelError(where, f"found no array {quoted(f'{node}.{field.name}')}, expected one")
        return weights(f"{where} {field.name}", array, field.axes)


def _attribute(where: str, field: Attribute, value: object) -> Any:
    found = field.read(value)
    if found is None:
        raise ModelError(where, f"found {field.name} = {reprlib.repr(value)}, expected {field.expected}")
    return found
