"""What every file's graph must be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, NodeError, verify

MAX_BYTES = 512 << 20
"""Of a model's file, and of all its weights together, unpacked: 1000 times C4F32, 10 times an R16F96 in float32. A
hostile file does not fill the memory."""


def verified(graph: Graph, path: Path, origins: Mapping[str, str] | None = None) -> Graph:
    """The graph that was read from `path`, if it holds together. Raises ModelError that names the file and the node.

    `origins` says by the names of nodes what such an error calls the file's node that they were made for, where the
    file has other names than the graph.
    """
    try:
        verify(graph)
    except ModelError as error:
        where = f"{path}: {error.where}"
        if origins and isinstance(error, NodeError):
            where = origins.get(error.node, where)
        raise ModelError(where, error.problem, error.remedy) from None
    return graph


def file_content(path: Path, most: int, expected: str, remedy: str = "") -> bytes:
    """The bytes of a model's file.

    Raises ModelError for more than `most`, and where it cannot be read: what was `expected`, and the remedy.
    """
    try:
        size = path.stat().st_size
        if size > most:
            raise ModelError(path, f"found {size} bytes, expected at most {most}")
        return path.read_bytes()
    except OSError as error:
        raise ModelError(path, f"found no readable file ({error.strerror}), expected {expected}", remedy) from None


def graph_name(stem: str) -> str:
    """A file's name, without its suffix, as that of a graph."""
    return re.sub(r"[^\w.+ -]", "_", stem)[:100].lstrip("_.+ -") or "model"
