"""The wheel works away from the checkout: with its templates it builds a shader, its own it installs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_wheel_builds_and_installs_a_shader(tmp_path: Path) -> None:
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
        names = wheel.namelist()
    for folder in ("templates", "shaders"):
        files = [path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file()]
        assert files
        assert {f"shadergen/{file}" for file in files} <= set(names)
    assert "shadergen/py.typed" in names
    assert not any(name.startswith(("tests/", "weights/", "shaders/")) for name in names)
    code = "import shadergen, sys; from shadergen.cli import main; print(shadergen.__file__); main()"
    for arguments in (
        ["build", str(ROOT / "weights" / "C4F16.npz"), "--compute"],
        ["install", "C4F16_CMP", "--mpv-dir", "mpv"],
        ["install", "--auto", "--mpv-dir", "mpv"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(str(tmp_path / "site"))
    expected = (ROOT / "shaders" / "C4F16_CMP.glsl").read_text()
    assert (tmp_path / "shaders" / "C4F16_CMP.glsl").read_text() == expected
    assert (tmp_path / "mpv" / "shaders" / "C4F16_CMP.glsl").read_text() == expected
