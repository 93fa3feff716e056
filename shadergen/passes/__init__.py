"""Rewrites from graph to graph, in the order in which the compiler applies them.

A pass takes a valid graph and returns a valid one of the same meaning, borders included; every value that is still
there has its name. `optimise` verifies the graph after each, and tells an observer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, NodeError, verify
from shadergen.passes.compose import compose_linear
from shadergen.passes.dead import remove_dead
from shadergen.passes.hoist import hoist_pointwise
from shadergen.passes.lower import lower

Pass = Callable[[Graph], Graph]
Observer = Callable[[str, Graph], None]
"""Is told the name of a pass and the graph after it."""

OPTIMISATIONS: dict[str, Pass] = {"compose": compose_linear}
"""What a user may switch off, by name, in the order of use."""


def optimise(graph: Graph, without: frozenset[str] = frozenset(), *, observer: Observer | None = None) -> Graph:
    """The graph in operators that hook passes compute, after every optimisation whose name is not in `without`.

    Raises ModelError naming the node of `graph` from which a pass made something that does not hold together.
    """
    rewritten = graph
    for name, rewrite in _passes(without):
        rewritten = rewrite(rewritten)
        _expect_valid(rewritten, name, graph)
        if observer:
            observer(name, rewritten)
    return rewritten


def _passes(without: frozenset[str]) -> Iterator[tuple[str, Pass]]:
    yield "dead", remove_dead  # first, so that no later pass and no hook pass is spent on what nobody sees
    yield "lower", lower  # before those that know convolutions only
    yield "dead", remove_dead  # what lowering left
    yield "hoist", hoist_pointwise  # a transposed convolution was lowered to a shuffle, too
    yield from ((name, rewrite) for name, rewrite in OPTIMISATIONS.items() if name not in without)
    yield "dead", remove_dead


def _expect_valid(rewritten: Graph, name: str, graph: Graph) -> None:
    try:
        verify(rewritten)
    except NodeError as error:
        where = f"{graph.name}: node {origin(error.node, rewritten, graph)!r} after the pass {name!r}"
        raise ModelError(where, error.problem, error.remedy) from None


def origin(name: str, rewritten: Graph, graph: Graph) -> str:
    """The node of `graph` for which a pass made the node `name` of `rewritten`: what an error should name.

    A pass puts several nodes in the place of one, of which the last has its name. The name itself where no node of
    `graph` follows.
    """
    known = set(graph.names)
    names = rewritten.names
    return next((other for other in names[names.index(name) :] if other in known), name)
