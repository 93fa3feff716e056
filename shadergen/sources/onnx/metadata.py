"""What the native format has and ONNX has not, as JSON in the model's metadata: written by `save`, read by `load`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import onnx

from shadergen.errors import ModelError, one_line, quoted
from shadergen.ir.graph import Graph, Plane, Record
from shadergen.sources.onnx.read import File

KEY = "shadergen"
_KINDS = {"name": str, "plane": str, "licence": str, "training": dict, "scores": dict}


@dataclass(frozen=True)
class Metadata:
    """A graph's name, plane and record, but for the hash of the file."""

    name: str
    plane: Plane
    licence: str
    training: Mapping[str, Any]
    scores: Mapping[str, Any]

    def record(self, sha256: str) -> Record:
        return Record(self.licence, sha256, self.training, self.scores)


def write(graph: Graph, model: onnx.ModelProto) -> None:
    """Put the graph's metadata into the model."""
    record = graph.record
    found = {"name": graph.name, "plane": graph.plane, "licence": record.licence}
    text = json.dumps({**found, "training": dict(record.training), "scores": dict(record.scores)})
    onnx.helper.set_model_props(model, {KEY: text})


def read(file: File) -> Metadata | None:
    """What `write` put there; None for the file of another program. Raises ModelError for anything else."""
    text = {entry.key: entry.value for entry in file.model.metadata_props}.get(KEY)
    if text is None:
        return None
    where = f"{file.path}: metadata {KEY!r}"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(where, f"found no valid JSON ({one_line(error)}), expected an object") from None
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in _KINDS.items()):
        raise ModelError(where, f"found something else, expected an object with {', '.join(_KINDS)}")
    if found["plane"] not in get_args(Plane):
        raise ModelError(where, f"found plane {quoted(found['plane'])}, expected one of {', '.join(get_args(Plane))}")
    return Metadata(**{key: found[key] for key in _KINDS})
