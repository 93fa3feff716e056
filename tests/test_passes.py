"""The order of the rewrites, what is verified between them, and who watches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shadergen import passes
from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import ConvTranspose, Relu, Slice
from tests.nets import c_model


def test_an_observer_sees_the_graph_after_each_pass() -> None:
    seen: list[tuple[str, Graph]] = []
    result = passes.optimise(c_model(), observer=lambda name, graph: seen.append((name, graph)))
    assert [name for name, _ in seen] == ["dead", "lower", "dead", "hoist", "compose", "dead"]
    assert seen[-1][1] is result
    assert [len(graph.nodes) for _, graph in seen] == [10, 10, 10, 10, 15, 15]


def test_what_is_left_out_is_not_run() -> None:
    seen: list[str] = []
    passes.optimise(c_model(), frozenset({"compose"}), observer=lambda name, graph: seen.append(name))
    assert seen == ["dead", "lower", "dead", "hoist", "dead"]


def test_a_pass_that_breaks_a_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(graph: Graph) -> Graph:
        nodes = tuple(replace(node, op=Slice(0, 99)) if node.name == "relu1" else node for node in graph.nodes)
        return replace(graph, nodes=nodes)

    monkeypatch.setitem(passes.OPTIMISATIONS, "cut", cut)
    with pytest.raises(ModelError, match=r"^C2F8: node 'relu1' after the pass 'cut': found channels 0 to 99, expected"):
        passes.optimise(c_model())


def test_an_error_names_the_node_that_was_there_before() -> None:
    """Strides of 9 and 8 are lowered through a network of 72 times the size, in nodes that the file does not have."""
    up = ConvTranspose(np.ones((1, 1, 2, 2), np.float32), np.zeros(1, np.float32), strides=(9, 8))
    graph = Graph("net", "luma", (Node("up", up, ("input",)), Node("y", Relu(), ("up",))), "y")
    verify(graph)
    with pytest.raises(ModelError, match=r"^net: node 'up' after the pass 'lower': found more than 65536 channels or"):
        passes.optimise(graph)
