"""Rewrites from graph to graph, in the order the compiler applies them.

A pass takes a valid graph and returns a valid one of the same meaning, borders included.
"""

from __future__ import annotations

from collections.abc import Callable

from shadergen.ir.graph import Graph
from shadergen.passes.compose import compose_linear
from shadergen.passes.dead import remove_dead
from shadergen.passes.hoist import hoist_pointwise
from shadergen.passes.lower import lower

Pass = Callable[[Graph], Graph]

DEFAULT_PASSES: tuple[Pass, ...] = (
    remove_dead,  # first, so that no later pass and no hook pass is spent on what nobody sees
    lower,  # before those that know convolutions only
    remove_dead,  # what lowering left
    hoist_pointwise,  # a transposed convolution was lowered to a shuffle, too
)

OPTIMISATIONS: dict[str, Pass] = {"compose": compose_linear}
"""What a user may switch off, by name, in the order of use."""


def optimise(graph: Graph, without: frozenset[str] = frozenset()) -> Graph:
    """The graph after DEFAULT_PASSES and every optimisation whose name is not in `without`."""
    for rewrite in DEFAULT_PASSES:
        graph = rewrite(graph)
    for name, rewrite in OPTIMISATIONS.items():
        if name not in without:
            graph = rewrite(graph)
    return remove_dead(graph)
