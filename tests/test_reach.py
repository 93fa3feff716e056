"""How far a network looks: as far as tiles must overlap, and no further."""

from __future__ import annotations

import numpy as np
import pytest

from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Add, Conv, GlobalAveragePool, MaxPool
from shadergen.ir.reach import reach
from shadergen.ir.reference import evaluate
from tests.nets import c_model


def result(graph: Graph, picture: np.ndarray) -> np.ndarray:
    return evaluate(graph, picture)[graph.output]


@pytest.mark.parametrize(("plane", "expected"), [("luma", 5), ("rgb", 5), ("chroma", 11)])
def test_a_tile_is_the_picture_where_the_network_looks_no_further(plane: str, expected: int) -> None:
    """Five layers of 3x3; those of chroma are on blocks of 2x2, of which a pixel may be the last."""
    graph = c_model(plane, filters=4)  # type: ignore[arg-type]
    assert reach(graph) == expected
    picture = np.random.default_rng(0).random((1 if plane == "luma" else 3, 16, 64), np.float32)
    whole = result(graph, picture)
    scale = whole.shape[2] // 64
    for overlap, same in ((expected + 1, True), (expected - 3, False)):  # even, as chroma's blocks are
        tile = result(graph, picture[:, :, 32 - overlap :])
        assert np.allclose(tile[:, :, overlap * scale :], whole[:, :, 32 * scale :], atol=1e-6) == same


def test_a_result_without_a_border_is_refused() -> None:
    graph = Graph("pooled", "luma", (Node("pool", MaxPool((2, 2), (1, 1)), ("input",)),), "pool")
    with pytest.raises(ValueError, match="expected a multiple of the picture"):
        reach(graph)


def test_a_mean_looks_everywhere() -> None:
    nodes = (Node("mean", GlobalAveragePool(), ("input",)), Node("sum", Add(), ("input", "mean")))
    assert reach(Graph("mean", "luma", nodes, "sum")) is None


def test_zero_weights_count() -> None:
    """A tile's border may be anything there, infinities included."""
    conv = Conv(np.zeros((1, 1, 7, 7), np.float32), np.zeros(1, np.float32), (3, 3, 3, 3))
    assert reach(Graph("zeros", "luma", (Node("conv", conv, ("input",)),), "conv")) == 3
