"""Models from files: `load` by suffix, `save` beside it."""

from __future__ import annotations

from pathlib import Path

from shadergen.errors import ModelError
from shadergen.graph import Graph
from shadergen.sources import npz


def load(path: Path) -> Graph:
    """The graph in a model file. Raises ModelError with one line for whatever is wrong with it."""
    if path.is_dir():
        raise ModelError(path, "found a directory, expected a .npz file")
    if path.suffix == ".npz":
        return npz.load(path)
    raise ModelError(path, f"found suffix {path.suffix!r}, expected .npz")


def save(graph: Graph, path: Path) -> None:
    """Write the graph in the format of the path's suffix."""
    if path.suffix != ".npz":
        raise ModelError(path, f"found suffix {path.suffix!r}, expected .npz")
    npz.save(graph, path)
