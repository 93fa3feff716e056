"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shadergen.errors import ShadergenError
from shadergen.files import write_whole


def test_a_new_file_in_a_new_folder(tmp_path: Path) -> None:
    write_whole(tmp_path / "shaders" / "x.glsl", b"text")
    assert (tmp_path / "shaders" / "x.glsl").read_bytes() == b"text"
    assert os.listdir(tmp_path / "shaders") == ["x.glsl"]


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.glsl"
    path.write_bytes(b"a much longer text than before")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Who keeps mpv's folder in a repository of dotfiles has links there."""
    (tmp_path / "kept.glsl").write_bytes(b"old")
    (tmp_path / "x.glsl").symlink_to("kept.glsl")
    write_whole(tmp_path / "x.glsl", b"new")
    assert (tmp_path / "x.glsl").is_symlink()
    assert (tmp_path / "kept.glsl").read_bytes() == b"new"


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_whole(Path("/dev/null"), b"away with it")
    assert Path("/dev/null").is_char_device()


def test_others_may_read_it_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_whole(tmp_path / "x.glsl", b"")
        assert (tmp_path / "x.glsl").stat().st_mode & 0o777 == 0o644
        assert os.umask(0o022) == 0o022, "the umask itself stays"
    finally:
        os.umask(before)


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_keeps_the_old_file_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    path = tmp_path / "x.glsl"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise failure

    monkeypatch.setattr(os, "replace", refuse)
    expected = ShadergenError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected) as caught:
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x.glsl"]
    if isinstance(caught.value, ShadergenError):
        assert str(caught.value) == f"{path}: cannot be written: No space left on device"


def test_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "x.glsl").mkdir()
    with pytest.raises(ShadergenError, match=r"x\.glsl: cannot be written: Is a directory"):
        write_whole(tmp_path / "x.glsl", b"new")
    assert os.listdir(tmp_path) == ["x.glsl"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "shaders").write_bytes(b"")
    with pytest.raises(ShadergenError, match="cannot be written"):
        write_whole(tmp_path / "shaders" / "x.glsl", b"new")
