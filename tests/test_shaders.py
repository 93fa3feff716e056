"""shaders/ is what weights/ gives; `make shaders` writes it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadergen import compiler, hookfile
from shadergen.sources import load
from shadergen.target import VARIANTS, Target

ROOT = Path(__file__).parent.parent
MODELS = sorted(ROOT.glob("weights/*.npz"))


@pytest.mark.parametrize("target", VARIANTS, ids=["fragment", "compute", "fp16", "instant"])
@pytest.mark.parametrize("model", MODELS, ids=lambda path: path.stem)
def test_the_committed_file_is_what_the_weights_give(model: Path, target: Target) -> None:
    graph = load(model)
    committed = ROOT / "shaders" / f"{graph.name}{target.suffix}.glsl"
    # Compared as a bool: a diff of a megabyte helps nobody.
    assert committed.read_text() == hookfile.format(compiler.compile(graph, target)) or pytest.fail(
        "run `make shaders`"
    )


def test_there_is_no_shader_without_weights() -> None:
    expected = {f"{model.stem}{target.suffix}.glsl" for model in MODELS for target in VARIANTS}
    assert {path.name for path in ROOT.glob("shaders/*.glsl")} == expected
