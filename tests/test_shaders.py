"""shaders/ is what weights/ gives; `make shaders` writes it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadergen import compiler, hookfile
from shadergen.sources import load
from shadergen.target import Target, variants

ROOT = Path(__file__).parent.parent
MODELS = sorted(ROOT.glob("weights/*.npz"))


PAIRS = [(model, target) for model in MODELS for target in variants(load(model).plane)]


@pytest.mark.parametrize(("model", "target"), PAIRS, ids=[f"{model.stem}{target.suffix}" for model, target in PAIRS])
def test_the_committed_file_is_what_the_weights_give(model: Path, target: Target) -> None:
    graph = load(model)
    committed = ROOT / "shaders" / f"{graph.name}{target.suffix}.glsl"
    # Compared as a bool: a diff of a megabyte helps nobody.
    assert committed.read_text() == hookfile.format(compiler.compile(graph, target)) or pytest.fail(
        "run `make shaders`"
    )


def test_there_is_no_shader_without_weights() -> None:
    expected = {f"{model.stem}{target.suffix}.glsl" for model, target in PAIRS}
    assert {path.name for path in ROOT.glob("shaders/*.glsl")} == expected
