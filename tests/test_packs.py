"""Packs for players: each opens, and its paths lead to files that are in it."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.lint import lint_text
from shadergen.runtime import packs
from shadergen.runtime.packs import PLAYERS, Player


@pytest.mark.parametrize("player", PLAYERS, ids=lambda player: player.name)
def test_a_pack_opens_and_its_paths_resolve(player: Player) -> None:
    data = packs.packed(player)
    assert data == packs.packed(player), "the same bytes each time"
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    assert "tried" in files["README.txt"].lower()
    named = set(re.findall(r'^#?(?:include|glsl-shader)="(.*)"$', files["mpv.conf"], re.M))
    assert named
    assert {path.removeprefix("~~/").removeprefix("/storage/emulated/0/mpv/") for path in named} <= set(files)
    if player.kind == "scripts":
        profiles = files["shadergen.conf"]
        (ending,) = set(re.findall(r"shadergen-(?:suffix|fallback)=(\S*)", profiles))
        models = {model for steps in re.findall(r"steps\w*=([^\"]*)", profiles) for model in re.split("[+ ]", steps)}
        restoring = {f"{model}_DS" for model in models if "Chroma" not in model}
        assert {f"shaders/{model}{ending}.glsl" for model in models | restoring} <= set(files)
        assert "scripts/shadergen.lua" in files
    else:
        names = [name for name in files if name.startswith("shaders/")]
        assert len(names) == 2
        for name in names:
            assert "//!COMPUTE" not in files[name], "phones have OpenGL ES"
            assert lint_text(files[name], name) == ()


def test_the_command_writes_them(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["pack", "mpv", "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["shadergen-mpv.zip"]
    refused = CliRunner().invoke(main, ["pack", "vlc"])
    assert refused.exit_code == 2
    assert "expected one of mpv, " in refused.output
