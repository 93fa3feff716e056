"""From a model to a hook file, top to bottom."""

from __future__ import annotations

from shadergen import passes
from shadergen.emit import emit
from shadergen.errors import TargetError
from shadergen.fusion import fuse
from shadergen.graph import Graph
from shadergen.hookfile import HookFile
from shadergen.schedule import Schedule, schedule
from shadergen.target import Target


def plan(graph: Graph, target: Target) -> Schedule:
    """The hook passes of `graph` for `target`. Raises ModelError and TargetError."""
    planned = _plan(graph, target)
    return fuse(planned) if target.fuse else planned


def _plan(graph: Graph, target: Target) -> Schedule:
    try:
        return schedule(passes.optimise(graph, target.without), target)
    except TargetError:
        if "compose" in target.without:
            raise
        # A composite reads more values in one pass, and a table for each rim: perhaps more than a pass may bind.
        return schedule(passes.optimise(graph, target.without | {"compose"}), target)


def compile(graph: Graph, target: Target) -> HookFile:
    """The hook file of `graph` for `target`: the same input gives the same file, byte by byte."""
    return emit(plan(graph, target))
