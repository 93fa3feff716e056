"""`--residual`: the picture is added to what a network gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Conv
from shadergen.sources import load, save
from shadergen.sources.prescale import PrescaleFilter, prescaled
from shadergen.sources.residual import added
from tests.nets import c_model, random_conv


def same_size() -> Graph:
    conv = Conv(*random_conv(np.random.default_rng(0), 1, 1, 3), (1, 1, 1, 1))
    return Graph("same", "luma", (Node("conv", conv, ("input",)),), "conv")


@pytest.mark.parametrize("filter", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_the_picture_is_enlarged_as_in_front_of_a_network(filter: PrescaleFilter) -> None:
    image = np.random.default_rng(1).random((1, 7, 9), np.float32)
    graph = c_model()
    enlarged = prescaled(Graph("id", "luma", (), "input"), 2, filter)
    expected = reference.evaluate(graph, image)[graph.output] + reference.evaluate(enlarged, image)[enlarged.output]
    sum_ = added(graph, filter)
    np.testing.assert_array_equal(reference.evaluate(sum_, image)[sum_.output], expected)


def test_a_network_of_the_same_size_and_none_at_all() -> None:
    graph, image = same_size(), np.random.default_rng(1).random((1, 5, 6), np.float32)
    sum_ = added(graph, "nearest")
    expected = reference.evaluate(graph, image)["conv"] + image
    np.testing.assert_array_equal(reference.evaluate(sum_, image)[sum_.output], expected)
    assert added(graph, None) is graph


def test_a_chroma_model_is_refused() -> None:
    with pytest.raises(ModelError, match="residual: found a chroma model with a result of n x n, expected luma or rgb"):
        added(c_model("chroma"), "nearest")


def test_convert_has_the_option(tmp_path: Path) -> None:
    save(same_size(), tmp_path / "in.npz")
    arguments = ["convert", str(tmp_path / "in.npz"), str(tmp_path / "out.npz"), "--residual", "nearest"]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert [node.name for node in load(tmp_path / "out.npz").nodes] == ["conv", "residual"]
