"""A model on its own result, in one file: what it means, what its file says, and when which stage runs."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import api, compiler, hookfile, sources
from shadergen.cli import main
from shadergen.cost import frame
from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.repeat import repeated, stages
from shadergen.lint import lint_text
from shadergen.target import Target
from tests.nets import c_model, enlarger


@pytest.mark.parametrize(
    "graph", [c_model(), c_model("rgb"), enlarger(3)], ids=lambda graph: f"{graph.name} {graph.plane}"
)
def test_it_is_the_model_run_twice(graph: Graph) -> None:
    picture = np.random.default_rng(0).random((graph.input_type.channels, 5, 7), np.float32)
    once = reference.evaluate(graph, picture)[graph.output]
    twice = reference.evaluate(graph, once)[graph.output]
    both = repeated(graph, 2)
    np.testing.assert_array_equal(reference.evaluate(both, picture)[both.output], twice)


def test_factors_are_powers_of_the_models_own() -> None:
    assert [stages(c_model(), factor) for factor in (2, 4, 8, 16)] == [1, 2, 3, 4]
    assert [stages(enlarger(3), factor) for factor in (3, 9)] == [1, 2]
    with pytest.raises(ModelError, match="found 3, expected one of 2, 4, 8, 16: the model makes 2"):
        stages(c_model(), 3)
    with pytest.raises(ModelError, match="found a chroma model"):
        stages(c_model("chroma"), 4)


@pytest.mark.parametrize("target", [Target(), Target("compute"), Target("compute", weights="texture")])
def test_a_stage_runs_where_the_picture_is_shown_that_large(target: Target) -> None:
    graph = c_model()
    file = hookfile.parse(api.compile(graph, target, factor=4))
    of_one = len(hookfile.parse(api.compile(graph, target)).passes)
    assert len(file.passes) == 2 * of_one
    for factor, stage_count in ((1.1, 0), (2.0, 1), (2.39, 1), (2.5, 2), (6.0, 2)):
        assert len(frame.play(file, (100, 80), factor).runs) == stage_count * of_one, factor
    assert lint_text(hookfile.format(file)) == ()


def test_it_says_what_it_costs() -> None:
    """A doubler's second stage has four times the pixels to work on, and what is estimated has both stages."""
    graph, target = c_model(), Target("compute")
    cost = Fraction(compiler.plan(graph, target).cost().macs)
    text = api.compile(graph, target, factor=4)
    header = " ".join(line.removeprefix("//").strip() for line in text[:2000].splitlines())
    assert f"luma upscaler (4x): compute passes, fp32 arithmetic, {float(5 * cost):.0f} multiply-adds" in header
    assert "once more, on its own result, where the picture is shown at more than 2.4 times its size" in header
    played = frame.play(hookfile.parse(text), (100, 80))
    assert played.output == (400, 320)
    assert not played.skipped


def test_the_figures_of_the_page() -> None:
    root = Path(__file__).parents[1]
    cost = compiler.plan(sources.load(root / "weights" / "C4F16.npz"), Target("compute")).cost().macs
    assert f"{float(5 * cost):,.0f} per pixel of the source" in (root / "docs" / "models.md").read_text("utf-8")
    assert 854 * 480 * 5 < 1920 * 1080, "of which 480p are less than 1080p of C4F16"


def test_the_command_writes_it(tmp_path: Path) -> None:
    sources.save(c_model(), tmp_path / "Net.npz")
    build = ["build", str(tmp_path / "Net.npz"), "-o", f"{tmp_path}/", "--compute"]
    done = CliRunner().invoke(main, [*build, "--factor", "4"])
    assert done.exit_code == 0, done.output
    text = (tmp_path / "C2F8_4x_CMP.glsl").read_text("utf-8")
    assert text.startswith("// C2F8_4x_CMP.glsl\n")
    names = re.findall(r"^//!SAVE (.*)$", text, re.M)
    assert len(names) == len(set(names)), "vo=gpu keeps textures by name"
    refused = CliRunner().invoke(main, [*build, "--factor", "3"])
    assert refused.exit_code == 1
    assert "expected one of 2, 4, 8, 16" in refused.output
