"""The interface for other programs: what `shadergen` itself has, as a notebook uses it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import assert_type

import numpy as np
import pytest

import shadergen
from shadergen import hookfile
from shadergen.lint import Diagnostic
from shadergen.target import variants
from tests.nets import c_model

ROOT = Path(__file__).parent.parent


def test_a_path_and_its_graph_give_the_same_text(tmp_path: Path) -> None:
    path = tmp_path / "tiny.npz"
    shadergen.save(c_model("luma", filters=4), path)
    graph = assert_type(shadergen.load(path), shadergen.Graph)
    for target in variants("luma"):
        text = assert_type(shadergen.compile(graph, target), str)
        assert text == shadergen.compile(path, target) == shadergen.compile(str(path), target)
        assert hookfile.format(shadergen.parse(text)) == text
    assert shadergen.compile(graph) == shadergen.compile(graph, shadergen.Target())


def test_onnx_models_are_loaded_and_saved(tmp_path: Path) -> None:
    shadergen.save(c_model("chroma", filters=4), tmp_path / "tiny.npz")
    graph = shadergen.load(tmp_path / "tiny.npz")
    shadergen.save(graph, tmp_path / "tiny.onnx")
    assert shadergen.load(tmp_path / "tiny.onnx", "chroma").nodes[0].name == graph.nodes[0].name
    with pytest.raises(shadergen.ShadergenError, match="found 3 channels, expected 1 for a luma model"):
        shadergen.load(tmp_path / "tiny.onnx", "luma")


def test_an_observer_sees_every_pass() -> None:
    seen: dict[str, int] = {}
    graph = c_model("luma", filters=4)
    shadergen.compile(graph, observer=lambda name, graph: seen.update({name: len(graph.nodes)}))
    assert len(seen) > 1
    assert max(seen.values()) > len(graph.nodes), "composing adds what holds at the border"


def test_lint_finds_nothing_in_what_is_compiled_and_something_in_a_broken_file() -> None:
    text = shadergen.compile(c_model("luma", filters=4))
    assert assert_type(shadergen.lint.lint_text(text), tuple[Diagnostic, ...]) == ()
    (found,) = shadergen.lint.lint_text(text.replace("//!HOOK LUMA", "//!HOOKED LUMA", 1))
    assert found.severity == "error"


@pytest.mark.gpu
def test_verify_takes_the_right_text_and_refuses_a_wrong_one() -> None:
    graph = c_model("luma", filters=4)
    report = assert_type(shadergen.verify(graph, sizes=[(9, 5)]), shadergen.Verification)
    if report.status == "not verified":
        pytest.skip(report.reason)
    assert report.status == "passed"
    wrong = shadergen.compile(graph).replace("max(", "min(")
    assert shadergen.verify(graph, text=wrong, sizes=[(9, 5)]).status == "failed"


@pytest.mark.gpu
def test_the_runner_plays_a_text() -> None:
    try:
        context = shadergen.open_context()
    except shadergen.NoDeviceError as error:
        pytest.skip(str(error))
    luma = np.full((1, 6, 8), 0.25, np.float32)
    text = "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return 2.0 * HOOKED_tex(HOOKED_pos); }\n"
    with shadergen.Runner(context, shadergen.parse(text), storage="rgba32f") as runner:
        found = runner.run(shadergen.Frame({"LUMA": luma}), (8, 6), stop_after="LUMA").planes["LUMA"]
    context.release()
    np.testing.assert_allclose(found, 2 * luma)


def test_errors_are_one_line_and_of_one_kind(tmp_path: Path) -> None:
    with pytest.raises(shadergen.ShadergenError, match=r"nothing.npz: .*expected"):
        shadergen.compile(tmp_path / "nothing.npz")


# ---------------------------------------------------------------------------------------------------------------------
# The package


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_the_package_imports_nothing_until_it_is_asked() -> None:
    assert run("import shadergen, sys; print([m for m in sys.modules if m.startswith('shadergen')])") == (
        "['shadergen.version', 'shadergen']\n"
    )


@pytest.mark.parametrize("name", shadergen.__all__)
def test_every_name_is_there_by_itself(name: str) -> None:
    run(f"from shadergen import {name}")
    assert name in dir(shadergen)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        getattr(shadergen, "nonsense")  # noqa: B009  # mypy knows that it is none


def test_every_name_is_described() -> None:
    page = (ROOT / "docs" / "python.md").read_text("utf-8")
    assert [name for name in shadergen.__all__ if f"`shadergen.{name}" not in page] == []
