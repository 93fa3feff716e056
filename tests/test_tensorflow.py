"""The recipes of docs/models.md for TensorFlow's models: run as they are written, they give TensorFlow's pictures.

SHADERGEN_TENSORFLOW names a Python that has TensorFlow and tf2onnx (`pip install tensorflow-cpu tf2onnx 'numpy<2'`); by
default it is the one that runs the tests.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from shadergen.ir import reference
from shadergen.sources import load

ROOT = Path(__file__).parents[1]
PYTHON = os.environ.get("SHADERGEN_TENSORFLOW", sys.executable)


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of tensorflow_models.py."""
    folder = tmp_path_factory.mktemp("tensorflow")
    if run([PYTHON, "-c", "import tensorflow, tf2onnx"], folder).returncode != 0:
        pytest.skip(f"{PYTHON} has no TensorFlow with tf2onnx; SHADERGEN_TENSORFLOW names one that has")
    made = run([PYTHON, str(ROOT / "tests" / "tensorflow_models.py"), str(folder)], folder)
    assert made.returncode == 0, made.stderr
    return folder


@pytest.mark.parametrize("source", ["FSRCNN_x2.pb", "tfjs/model.json"])
def test_a_recipe(source: str, models: Path) -> None:
    (line,) = re.findall(rf"^python (-m tf2onnx\.convert .*{re.escape(source)} .*)$", documentation(), re.MULTILINE)
    line = line.partition("  #")[0].replace("FSRCNN_x2.pb", "opencv.pb")
    line = line.replace("IteratorGetNext", "picture").replace("NHWC_output", "result")
    converted = run([PYTHON, *shlex.split(line)], models)
    assert converted.returncode == 0, converted.stderr[-2000:]
    graph = load(models / "model.onnx")
    assert "PRelu" in {type(node.op).__name__ for node in graph.nodes}
    known = np.load(models / "expected.npz")
    found = reference.evaluate(graph, known["picture"][0].transpose(2, 0, 1))[graph.output]
    assert np.abs(found - known["expected"][0].transpose(2, 0, 1)).max() < 1e-6


def documentation() -> str:
    return (ROOT / "docs" / "models.md").read_text("utf-8")
