"""Every `shadergen` command in the documentation does what it says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md"))]


def commands() -> list[str]:
    """The commands of the fenced shell blocks, without comments."""
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.S)]
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in dict.fromkeys(lines) if line.startswith("shadergen ")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read, where they may write."""
    folder = tmp_path_factory.mktemp("docs")
    for name in ("weights", "shaders", "tests/cases"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("command", commands())
def test_the_command(command: str, copy: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "libplacebo" in command:
        request.getfixturevalue("real_libplacebo")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("MPV_HOME", str(copy / "mpv"))
    result = CliRunner().invoke(main, shlex.split(command)[1:])
    assert result.exit_code == 0, result.output


def test_there_are_commands() -> None:
    assert len(commands()) >= 10
