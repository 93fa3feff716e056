"""Every `shadergen` command in the documentation does what it says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def commands() -> list[str]:
    """The commands of the fenced shell blocks, without comments."""
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.S)]
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in dict.fromkeys(lines) if line.startswith("shadergen ")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read, where they may write; no command needs another to have run."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("weights", "shaders", "tests/cases"):
        shutil.copytree(ROOT / name, folder / name)
    sources.save(sources.load(folder / "weights" / "C4F32.npz"), folder / "C4F32.onnx")
    shutil.copy(folder / "weights" / "C4F16.npz", folder / "my.npz")
    for name, count in (("PICTURES", 6), ("EVALUATION", 1)):
        (folder / name).mkdir()
        for number in range(count):
            shutil.copy(folder / "tests" / "cases" / "sample.png", folder / name / f"{number}.png")
    return folder


A_FEW_STEPS = "--steps 2 --warmup 1 --holdout 1 --batch 2 --threads 1"
"""What makes a training of hours one of seconds."""


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("command", commands())
def test_the_command(command: str, copy: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "libplacebo" in command:
        request.getfixturevalue("real_libplacebo")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("MPV_HOME", str(copy / "mpv"))
    if command.startswith("shadergen train"):
        pytest.importorskip("torch", reason="training needs the extra `train`")
        command = f"{command} {A_FEW_STEPS}"
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output


def test_there_are_commands() -> None:
    assert len(commands()) >= 10
