"""Networks without padding get their border back: the picture is continued, and nothing is stretched."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main
from shadergen.cli.base import load_model
from shadergen.ir import reference
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import Conv, DepthToSpace, Relu
from shadergen.sources.border import bordered
from tests.nets import c_model, random_conv


def valid_net(factor: int = 2) -> Graph:
    """Two convolutions of the picture without padding, one behind a shuffle: the result has 2n - 4 - 2 or so."""
    rng = np.random.default_rng(0)
    nodes = (
        Node("a", Conv(*random_conv(rng, 1, 4, 3)), ("input",)),
        Node("b", Relu(), ("a",)),
        Node("c", Conv(*random_conv(rng, 4, factor**2, 3)), ("b",)),
        Node("fine", DepthToSpace(factor), ("c",)),
        Node("last", Conv(*random_conv(rng, 1, 1, 3)), ("fine",)),
    )
    return Graph("valid", "luma", nodes, "last")


@pytest.mark.parametrize(("border", "mode"), [("auto", "edge"), ("edge", "edge"), ("reflect", "reflect")])
@pytest.mark.parametrize("factor", [2, 3])
def test_the_result_is_that_of_a_picture_continued_by_hand(factor: int, border: str, mode: str) -> None:
    """Twofold, 10 pixels are missing: 3 more at each side of the input are 12, of which one each is cut off."""
    graph = valid_net(factor)
    missing = -int(verify(graph)["last"].width.offset)
    found = bordered(graph, border)  # type: ignore[arg-type]
    assert verify(found)[found.output].area == (Extent().scaled(Fraction(factor)),) * 2
    picture = np.random.default_rng(1).random((1, 9, 12)).astype(np.float32)
    pixels = -(-missing // (2 * factor))
    by_hand = np.pad(picture, ((0, 0), (pixels, pixels), (pixels, pixels)), mode)  # type: ignore[call-overload]
    expected = reference.evaluate(graph, by_hand)["last"]
    before = (expected.shape[1] - 9 * factor) // 2
    expected = expected[:, before : before + 9 * factor, before : before + 12 * factor]
    np.testing.assert_array_equal(reference.evaluate(found, picture)[found.output], expected)


def test_a_network_that_pads_is_left_alone() -> None:
    graph = c_model()
    assert bordered(graph) is graph
    graph = valid_net()
    assert bordered(graph, "none") is graph


def test_every_command_that_reads_a_model_continues_the_picture(tmp_path: Path) -> None:
    model, converted = tmp_path / "valid.npz", tmp_path / "out.npz"
    sources.save(valid_net(), model)
    assert load_model(model).nodes[0].name == "border"
    assert load_model(model, pad="none").nodes[0].name == "a"
    assert CliRunner().invoke(main, ["convert", str(model), str(converted), "--pad", "reflect"]).exit_code == 0
    assert "reflect" in str(sources.load(converted).nodes[0].op)
