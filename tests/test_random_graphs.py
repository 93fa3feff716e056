"""300 random networks: the reference against onnxruntime, and from graph to ONNX and back."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.ir.graph import Graph, verify
from shadergen.sources import load, save
from tests.random_graphs import OPERATORS, random_graph, random_model, sizes

SEEDS = range(300)
GROUPS = [range(first, first + 30) for first in SEEDS[::30]]


@pytest.mark.parametrize("seeds", GROUPS, ids=str)
def test_the_reference_is_onnxruntime(seeds: range) -> None:
    for seed in seeds:
        graph = random_graph(seed)
        session = onnxruntime.InferenceSession(random_model(seed).SerializeToString())
        size = sizes(seed)[seed % 3]
        image = np.random.default_rng(seed).random((graph.input_type.channels, *size), np.float32)
        expected = session.run(None, {graph.input: image[None]})[0][0]
        actual = reference.evaluate(graph, image)[graph.output]
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * scale, err_msg=dump(graph))


@pytest.mark.parametrize("seeds", GROUPS, ids=str)
def test_files_hold_every_operator(seeds: range, tmp_path: Path) -> None:
    """To ONNX and back, and to the native format and back, is the identity."""
    for seed in seeds[::2]:
        graph = random_graph(seed)
        for suffix in (".onnx", ".npz"):
            path = tmp_path / f"{seed}{suffix}"
            save(graph, path)
            assert contents(load(path)) == contents(graph), dump(graph)


def contents(graph: Graph) -> list[Any]:
    """Everything that a graph holds but the hash of its file, comparable."""
    nodes = [
        (node.name, type(node.op).__name__, node.inputs, [_plain(getattr(node.op, f.name)) for f in fields(node.op)])
        for node in graph.nodes
    ]
    record = graph.record
    return [graph.name, graph.plane, graph.input, graph.output, record.licence, record.training, record.scores, *nodes]


def _plain(value: Any) -> Any:
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def test_they_use_every_operator() -> None:
    graphs = [random_graph(seed) for seed in SEEDS]
    assert {type(node.op) for graph in graphs for node in graph.nodes} == set(OPERATORS)
    assert {graph.plane for graph in graphs} == {"luma", "chroma", "rgb"}
    for graph in graphs:
        verify(graph)


def test_a_seed_is_a_network() -> None:
    assert random_model(5).SerializeToString() == random_model(5).SerializeToString()
    assert dump(random_graph(5)) != dump(random_graph(6))
