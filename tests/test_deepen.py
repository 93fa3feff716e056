"""A deepened network makes the same picture with twice as many layers."""

from __future__ import annotations

import numpy as np
import pytest

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Plane
from shadergen.ir.ops import Relu
from shadergen.train import arch
from shadergen.train.deepen import deepened
from shadergen.train.guide import CHANNELS, guided


@pytest.mark.parametrize("plane", ["luma", "chroma", "rgb"])
def test_the_picture_is_as_before(plane: Plane) -> None:
    _require_the_same_picture(arch.build("C2F8", plane, "net"))


def test_a_guide_stays() -> None:
    bare = arch.build("C2F8", "chroma", "net")
    weight = np.random.default_rng(1).standard_normal((8, CHANNELS, 3, 3)).astype(np.float32)
    _require_the_same_picture(guided(bare, weight))


def _require_the_same_picture(graph: Graph) -> None:
    deeper = deepened(graph)
    assert sum(isinstance(node.op, Relu) for node in deeper.nodes) == 4
    image = np.random.default_rng(0).random((graph.input_type.channels, 8, 10), np.float32)
    before, after = (reference.evaluate(network, image)[network.output] for network in (graph, deeper))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("name", ["R2F8", "ESPCN", "SRCNN-9-1-5"])
def test_others_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match="found another architecture, expected C"):
        deepened(arch.build(name, "luma", "net"))
