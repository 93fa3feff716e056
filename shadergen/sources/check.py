"""What every file's graph must be."""

from __future__ import annotations

from pathlib import Path

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, verify


def verified(graph: Graph, path: Path) -> Graph:
    """The graph that was read from `path`, if it holds together. Raises ModelError, naming the file and the node."""
    try:
        verify(graph)
    except ModelError as error:
        raise ModelError(f"{path}: {error.where}", error.problem, error.remedy) from None
    return graph
