"""From a model to a hook file, top to bottom."""

from __future__ import annotations

from collections.abc import Iterator

from shadergen import passes
from shadergen.emit.emit import emit
from shadergen.errors import TargetError
from shadergen.hookfile import HookFile
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Conv, ConvTranspose
from shadergen.schedule.fusion import fuse
from shadergen.schedule.schedule import Schedule, schedule
from shadergen.target import Target, Weights

MAX_CODE_WEIGHTS = 65536
"""Of one convolution. 64 to 64 channels of 3x3 are 36 864, half a megabyte of code and several seconds to compile."""


def plan(graph: Graph, target: Target) -> Schedule:
    """The hook passes of `graph` for `target`. Raises ModelError and TargetError."""
    problem: TargetError | None = None
    for weights, without in _ways(graph, target):
        try:
            planned = schedule(passes.optimise(graph, without), target, weights)
        except TargetError as error:
            problem = problem or error
        else:
            return fuse(planned) if target.fuse and weights == "code" else planned
    assert problem, "there is always a way to try"
    raise problem


def _ways(graph: Graph, target: Target) -> Iterator[tuple[Weights, frozenset[str]]]:
    """Where the weights are and what is left out: as the target says, then what binds less in a pass."""
    places: list[Weights] = ["texture"] if _is_large(graph) else [target.weights]
    if target.stage == "fragment" and places == ["code"]:
        places.append("texture")  # planar textures: one for 16 packs, instead of one each
    for weights in places:
        yield weights, target.without
        if "compose" not in target.without:
            # A composite reads more values in one pass, and a table for each rim.
            yield weights, target.without | {"compose"}


def _is_large(graph: Graph) -> bool:
    """Whether the weights of a convolution are too many for code."""
    return any(
        isinstance(node.op, Conv | ConvTranspose) and node.op.weight.size > MAX_CODE_WEIGHTS for node in graph.nodes
    )


def compile(graph: Graph, target: Target) -> HookFile:
    """The hook file of `graph` for `target`: the same input gives the same file, byte by byte."""
    return emit(plan(graph, target))
