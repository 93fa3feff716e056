"""Putting shaders into mpv's folder: where that is, and that nobody's work is lost."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from shadergen.cli import main
from shadergen.cli.doctor import advise
from shadergen.errors import NoDeviceError
from shadergen.measure.report import FileReport
from shadergen.runtime import context, libplacebo, players
from shadergen.runtime.mpvfolder import mpv_folder


def install(folder: Path, *arguments: str, input: str | None = None) -> Result:
    return CliRunner().invoke(main, ["install", "--mpv-dir", str(folder), *arguments], input=input)


def test_mpvs_folder_on_each_system(tmp_path: Path) -> None:
    home = tmp_path
    assert mpv_folder({"MPV_HOME": "/own"}, home, "linux") == Path("/own")
    assert mpv_folder({"XDG_CONFIG_HOME": "/xdg"}, home, "darwin") == Path("/xdg/mpv")
    assert mpv_folder({}, home, "linux") == home / ".config/mpv"
    assert mpv_folder({"APPDATA": "/roaming"}, home, "win32") == Path("/roaming/mpv")
    (home / ".var/app/io.mpv.Mpv/config/mpv").mkdir(parents=True)
    assert mpv_folder({"PATH": ""}, home, "linux") == home / ".var/app/io.mpv.Mpv/config/mpv"
    (home / ".config/mpv").mkdir(parents=True)
    assert mpv_folder({"PATH": ""}, home, "linux") == home / ".config/mpv"
    portable = home / "player"
    (portable / "portable_config").mkdir(parents=True)
    (portable / "mpv").touch(mode=0o755)
    assert mpv_folder({"PATH": str(portable)}, home, "win32") == portable / "portable_config"


def test_install_says_what_to_write_and_does_it_once(tmp_path: Path) -> None:
    result = install(tmp_path, "C4F16", "C4F16_CMP.glsl")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "shaders/C4F16.glsl").read_bytes() == players.bundled()["C4F16"].read_bytes()
    assert 'glsl-shader="~~/shaders/C4F16_CMP.glsl"\n' in result.stdout
    assert 'CTRL+1 no-osd change-list glsl-shaders toggle "~~/shaders/C4F16.glsl"' in result.stdout
    assert install(tmp_path, "C4F16").stderr.startswith("unchanged")


def test_install_takes_the_file_for_a_class_of_gpus(tmp_path: Path) -> None:
    result = install(tmp_path, "--for", "nvidia", "C4F32")
    assert (tmp_path / "shaders/C4F32_NEXT.glsl").exists()
    assert "vo=gpu-next\n" in result.stdout
    assert "C4F16" in install(tmp_path, "--dry-run").stderr, "without a name it is C4F16 for this machine"


def test_the_list_says_what_each_file_is_for() -> None:
    lines = CliRunner().invoke(main, ["install", "--list"]).output.splitlines()
    assert len(lines) == len(players.bundled())
    assert all(
        re.fullmatch(r"\w+ +\d+ kB  (luma upscaler|chroma reconstruction) .*passes, fp(32|16).*", line)
        for line in lines
    )


def test_a_hook_file_keeps_its_name_in_the_lines(tmp_path: Path) -> None:
    (tmp_path / "other.hook").write_text("text")
    result = install(tmp_path / "mpv", str(tmp_path / "other.hook"))
    assert 'glsl-shader="~~/shaders/other.hook"\n' in result.stdout


@pytest.mark.parametrize(("block", "renderer"), [("BUFFER weights", "vo=gpu-next\n"), ("PARAM strength", "")])
def test_a_file_that_vo_gpu_refuses_says_so(tmp_path: Path, block: str, renderer: str) -> None:
    (tmp_path / "other.glsl").write_text(f"//!{block}\n")
    assert f"one of these\n{renderer}glsl-shader=" in install(tmp_path / "mpv", str(tmp_path / "other.glsl")).stdout


def test_two_files_of_one_name_do_not_replace_each_other(tmp_path: Path) -> None:
    (tmp_path / "C4F16.glsl").write_text("text")
    result = install(tmp_path / "mpv", str(tmp_path / "C4F16.glsl"), "C4F16")
    assert result.exit_code == 1
    assert "C4F16.glsl: found two files of this name" in result.output
    assert not (tmp_path / "mpv").exists()


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file and folder, whatever its name, with its bytes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.mark.parametrize(
    "conf",
    [None, b"", b"vo=gpu\n\n[mine]\nscale=bilinear", b"\xef\xbb\xbfvo=gpu\r\n# the end\r\n"],
    ids=["no mpv.conf", "empty", "ends in a profile", "of Windows"],
)
def test_uninstalling_leaves_the_folder_as_it_was(conf: bytes | None, tmp_path: Path) -> None:
    folder = tmp_path / "mpv"
    if conf is not None:
        (folder / "scripts").mkdir(parents=True)
        (folder / "mpv.conf").write_bytes(conf)
        (folder / "mpv.conf").chmod(0o600)
    before = contents(tmp_path)
    assert install(folder, "--auto", "--for", "nvidia").exit_code == 0
    assert install(folder, "C4F32_CMP_INSTANT").exit_code == 0
    lines = (folder / "mpv.conf").read_bytes().splitlines()
    assert lines[1] == b'include="~~/shadergen.conf"'
    assert (folder / "mpv.conf").read_bytes().endswith((conf or b"").removeprefix(b"\xef\xbb\xbf"))
    again = install(folder, "--auto", "--for", "nvidia")
    assert {line.partition(" ")[0] for line in again.stderr.splitlines()} == {"unchanged"}
    assert install(folder, "--uninstall", "--dry-run").exit_code == 0
    assert (folder / "scripts/shadergen.lua").exists()
    assert install(folder, "--uninstall").exit_code == 0
    assert contents(tmp_path) == before
    if conf is not None:
        assert (folder / "mpv.conf").stat().st_mode & 0o777 == 0o600
    assert "found nothing" in install(folder, "--uninstall").stderr


def test_what_was_edited_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    install(tmp_path, "--auto", "--for", "nvidia")
    profiles = tmp_path / "shadergen.conf"
    profiles.write_text("mine")
    result = install(tmp_path, "--auto", "--for", "intel")
    assert result.exit_code == 1
    assert f"kept       {profiles}: it was edited" in result.stderr
    assert (tmp_path / "shaders/C4F16_INTEL.glsl").exists()
    (tmp_path / "shaders/C4F16_NEXT.glsl").write_text("mine, too")
    assert install(tmp_path, "--uninstall").exit_code == 1
    assert contents(tmp_path) == {
        "shadergen.conf": b"mine",
        "shaders": None,
        "shaders/C4F16_NEXT.glsl": b"mine, too",
    }


def test_a_line_that_was_written_by_hand_is_told(tmp_path: Path) -> None:
    """A doubler of mpv.conf would run beside the one that is chosen."""
    (tmp_path / "mpv.conf").write_text(
        '# glsl-shader="~~/shaders/C4F16.glsl"\nglsl-shader="~~/shaders/C4F16_CMP.glsl"\n'
    )
    told = install(tmp_path, "--auto", "--for", "nvidia").stderr
    assert told.count("warning: found 'glsl-shader=\"~~/shaders/C4F16_CMP.glsl\"'; take it out") == 1


def test_what_an_older_version_installed_is_known(tmp_path: Path) -> None:
    """Its record has names of shaders and nothing else."""
    install(tmp_path, "C4F16_CMP")
    checksum = hashlib.sha256((tmp_path / "shaders/C4F16_CMP.glsl").read_bytes()).hexdigest()
    (tmp_path / "shaders/.shadergen.json").write_text(json.dumps({"C4F16_CMP.glsl": checksum}))
    assert install(tmp_path, "--uninstall").stderr.startswith("removed")
    assert contents(tmp_path) == {"shaders": None}, "who made the folder is not known"


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_the_profiles_name_files_that_are_installed(
    platform: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each system, where mpv looks there; macOS has fragment passes, which its OpenGL can run."""
    home = {"win32": tmp_path / "Roaming/mpv", "linux": tmp_path / ".config/mpv", "darwin": tmp_path / ".config/mpv"}
    monkeypatch.setattr(sys, "platform", platform)
    folder = mpv_folder({"APPDATA": str(tmp_path / "Roaming"), "PATH": ""}, tmp_path, platform)
    assert folder == home[platform]
    result = install(folder, "--auto", "--for", "nvidia", "--anime", "My Cartoons")
    assert result.exit_code == 0, result.output
    text = (folder / "shadergen.conf").read_text()
    assert "@" not in text
    assert ("vo=gpu-next\ngpu-api=vulkan\n" in text) == (platform != "darwin")
    assert text.count(':find("my cartoons", 1, true)') == 2
    steps = re.findall(r"shadergen-steps(?:_fast)?=([^\"]*)", text)
    models = {model for step in steps for model in re.split("[+ ]", step)}
    endings = re.findall(r"shadergen-(?:suffix|fallback)=(\S*)", text)
    assert endings == (["", ""] if platform == "darwin" else ["_NEXT", "_CMP"])
    named = {f"{model}{ending}.glsl" for model in models for ending in endings}
    named |= {f"{model}_DS{ending}.glsl" for model in models if "Chroma" not in model for ending in endings}
    assert named == {path.name for path in (folder / "shaders").glob("*.glsl")}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--auto", "--uninstall"), "expected one of them"),
        (("--auto", "C4F16"), "expected it alone"),
        (("--uninstall", "--all"), "expected it alone"),
        (("--anime", "cartoons"), "expected both"),
        (("--auto", "--anime", 'a"b'), "expected a word"),
    ],
)
def test_options_that_do_not_go_together(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    result = install(tmp_path, *arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    """Who keeps mpv's folder in a repository of dotfiles has links there."""
    (tmp_path / "mpv/shaders").mkdir(parents=True)
    (tmp_path / "dotfile").write_text("edited")
    (tmp_path / "mpv/shaders/C4F16.glsl").symlink_to(tmp_path / "dotfile")
    assert install(tmp_path / "mpv", "C4F16").exit_code == 1
    assert install(tmp_path / "mpv", "C4F16", "--force").exit_code == 0
    assert (tmp_path / "mpv/shaders/C4F16.glsl").is_symlink()
    assert (tmp_path / "dotfile").read_bytes() == players.bundled()["C4F16"].read_bytes()


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    assert "would be installed" in install(tmp_path / "mpv", "--all", "--dry-run").output
    assert list(tmp_path.iterdir()) == []


def test_an_edited_file_is_kept_and_an_old_one_updated(tmp_path: Path) -> None:
    source, installed = tmp_path / "mine.glsl", tmp_path / "mpv/shaders/mine.glsl"
    source.write_text("first")
    install(tmp_path / "mpv", str(source))
    source.write_text("second")
    assert install(tmp_path / "mpv", str(source)).stderr.startswith("updated")
    assert installed.read_text() == "second"
    installed.write_text("edited")
    result = install(tmp_path / "mpv", str(source))
    assert result.exit_code == 1
    assert "it was edited" in result.stderr
    assert installed.read_text() == "edited"
    assert install(tmp_path / "mpv", str(source), "--force").exit_code == 0
    assert installed.read_text() == "second"


def test_names_and_folders_that_cannot_be(tmp_path: Path) -> None:
    assert "expected a .glsl file or one of C2F12" in install(tmp_path, "C5F99").output
    (tmp_path / "file").touch()
    result = install(tmp_path / "file")
    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_doctor_reports_and_names_the_file_for_this_gpu() -> None:
    result = CliRunner().invoke(main, ["doctor", "--no-bench"])
    assert "mpv's folder" in result.output
    if "OpenGL          found no" not in result.output:
        assert result.exit_code == 0
        suited = re.search(r"^for this GPU +(\w+) or", result.output, re.M)
        assert suited
        assert f"{suited[1]} " in result.output.splitlines()[-1]


def test_doctor_without_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where ffmpeg's libplacebo works, most commands do not."""

    def fails() -> None:
        raise NoDeviceError("OpenGL", "found no driver")

    monkeypatch.setattr(context, "open_context", fails)
    for reason, words in ((None, "without OpenGL no bench"), ("found no ffmpeg", "nothing here can run a shader")):
        monkeypatch.setattr(libplacebo, "unavailable", lambda reason=reason: reason)
        result = CliRunner().invoke(main, ["doctor"])
        assert result.exit_code == 1
        assert result.output.splitlines()[-1].startswith(words)


@pytest.mark.parametrize(
    ("compile_seconds", "affordable", "suffix", "chosen"),
    [
        (1.0, ("C4F32_CMP", "C4F32_CMP_INSTANT", "C4F16_CMP"), "_CMP", "C4F32_CMP:"),
        (20.0, ("C4F32_CMP", "C4F32_CMP_INSTANT", "C4F16_CMP"), "_CMP", "C4F32_CMP_INSTANT:"),
        (20.0, ("C4F32_CMP", "C4F16_CMP"), "_CMP", "C4F32_CMP:"),
        (1.0, (), "_CMP", "C3F12_CMP for small videos"),
        (20.0, ("C4F32_CMP", "C4F32_CMP_INSTANT", "C4F16_CMP"), "_NEXT", "C4F32_NEXT:"),
        (1.0, ("C4F16_CMP",), "_INTEL", "C4F16_INTEL:"),
        (1.0, (), "_NEXT", "C3F12_NEXT for small videos"),
    ],
)
def test_advice(compile_seconds: float, affordable: tuple[str, ...], suffix: str, chosen: str) -> None:
    files = {name: FileReport(name, compile_seconds=compile_seconds) for name in affordable}
    assert advise(files, has_compute=True, suffix=suffix).startswith(chosen)
