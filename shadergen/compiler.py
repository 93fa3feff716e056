"""From a model to a hook file, top to bottom."""

from __future__ import annotations

from shadergen import passes
from shadergen.emit import emit
from shadergen.graph import Graph
from shadergen.hookfile import HookFile
from shadergen.schedule import Schedule, schedule
from shadergen.target import Target


def plan(graph: Graph, target: Target) -> Schedule:
    """The hook passes of `graph` for `target`. Raises ModelError and TargetError."""
    for rewrite in passes.DEFAULT_PASSES:
        graph = rewrite(graph)
    return schedule(graph, target)


def compile(graph: Graph, target: Target) -> HookFile:
    """The hook file of `graph` for `target`: the same input gives the same file, byte by byte."""
    return emit(plan(graph, target))
