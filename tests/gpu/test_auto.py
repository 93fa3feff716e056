"""mpv chooses among shaders by itself: what `install --auto` writes, in the real mpv, by what its properties say.

The shaders are stand-ins that compute nothing, or that take long where the picture is bright, so that a CPU can play.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.runtime import mpv
from tests.conftest import missing

IDENTITY = "//!HOOK LUMA\n//!BIND HOOKED\n//!DESC stand-in\nvec4 hook() { return HOOKED_tex(HOOKED_pos); }\n"
SLOW = """//!HOOK LUMA
//!BIND HOOKED
//!DESC slow where it is bright
vec4 hook() {
    float sum = 0.0;
    if (HOOKED_tex(vec2(0.5)).x > 0.5) {
        for (int i = 0; i < 500; i++) sum += fract(sin(float(i) + HOOKED_pos.x + sum));
    }
    return HOOKED_tex(HOOKED_pos) + 1e-9 * sum;
}
"""
SIZES = {480: (854, 480), 720: (1280, 720), 1080: (1920, 1080), 2160: (3840, 2160)}
EVERYTHING = "1" in (os.environ.get("SHADERGEN_ALL_SEEDS"), os.environ.get("SHADERGEN_ALL_PLAYS"))
WINDOW = "4700x2650" if EVERYTHING else "2400x1350"
ANIME, FILM, FAST = "C4F32+C4F16_Chroma", "C4F16", "C4F16+C4F16_Chroma"
EXPECTED = {
    **{(content, lines, rate): ANIME if content == "Anime" else FILM
       for content in ("Anime", "film") for lines, rate in ((480, 24), (480, 60), (720, 24), (720, 60), (1080, 24))},
    ("Anime", 1080, 60): FAST, ("film", 1080, 60): FILM,
    ("Anime", 2160, 24): FAST, ("film", 2160, 24): FILM,
    ("Anime", 2160, 60): "", ("film", 2160, 60): "",
}  # fmt: skip
"""What is played with, by content, lines and frame rate."""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    reason = mpv.unavailable()
    if reason:
        missing("SHADERGEN_REQUIRE_MPV", reason)
    with mpv.screen((4800, 2700)) as name:
        yield name


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, display: str) -> Path:
    """Two folders of clips, named by content: two frames each, as they are in memory, and some that were compressed."""
    folder = tmp_path_factory.mktemp("clips")
    for content in ("Anime", "film"):
        (folder / content).mkdir()
        for lines, (width, height) in SIZES.items():
            for rate in (24, 60):
                if EVERYTHING or (lines, rate) in ((480, 24), (1080, 60)):
                    made(folder / content / f"{lines}-{rate}.avi", f"color=gray:{width}x{height}:{rate}", 2, "rawvideo")
    made(folder / "film" / "compressed.mkv", "color=gray:640x360:24", 48, "ffv1")
    white = "color=white:320x180:24"
    made(folder / "Anime" / "bright.mkv", white, 24 * 30, "ffv1")
    if EVERYTHING:
        darker = "drawbox=t=fill:c=black:enable=gt(t\\,12)"
        made(folder / "Anime" / "bright-then-dark.mkv", f"{white},{darker}", 24 * 60, "ffv1")
    made(folder / "Anime" / "dark.avi", "color=black:352x198:24", 48, "rawvideo")
    return folder


def made(path: Path, source: str, frames: int, codec: str) -> None:
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-frames:v", str(frames)]
    subprocess.run([*command, "-pix_fmt", "yuv420p", "-c:v", codec, str(path)], check=True)


@dataclass
class Session:
    """An mpv to talk to."""

    player: mpv.Player
    clips: Path

    def get(self, name: str) -> Any:
        return self.player.ask("get_property", name).get("data")

    def set(self, name: str, value: object) -> None:
        assert self.player.ask("set_property", name, value)["error"] == "success", name

    def open(self, clip: str) -> None:
        assert self.player.ask("loadfile", str(self.clips / clip))["error"] == "success"
        self.wait(lambda: self.get("path") == str(self.clips / clip) and self.get("video-out-params/w"))

    def can_open(self, clip: str) -> bool:
        """Whether there is a window that shows it."""
        self.player.ask("loadfile", str(self.clips / clip))
        self.wait(lambda: self.get("video-out-params/w") or self.get("idle-active"))
        return not self.get("idle-active")

    def wait(self, condition: Any) -> None:
        """Until something is so; the player's own deadline ends it."""
        while not condition():
            time.sleep(0.05)

    def shaders(self) -> str:
        """Names of the files, as a step's."""
        return "+".join(Path(file).stem.removesuffix("_CMP").removesuffix("_NEXT") for file in self.get("glsl-shaders"))

    def settled(self, expected: str) -> str:
        """The shaders once they are the expected ones and stay so; else what they are after some seconds."""
        for _ in range(600):
            if self.shaders() == expected:
                break
            time.sleep(0.1)
        time.sleep(0.5)
        return self.shaders()


@contextlib.contextmanager
def playing(folder: Path, clips: Path, display: str, *options: str, api: mpv.Api = "opengl") -> Iterator[Session]:
    """An mpv with the folder for its own that shows nothing yet."""
    pipe = folder / "ipc"
    command = ["mpv", f"--config-dir={folder}", f"--input-ipc-server={pipe}", "--idle", "--force-window", "--pause"]
    command += ["--no-audio", "--keep-open", "--loop-file=inf", "--hwdec=no", "--no-input-terminal", "--gpu-sw=yes"]
    command += [
        *("--scale=bilinear", "--cscale=bilinear", "--dscale=bilinear", "--dither-depth=no", "--deband=no"),
        *("--correct-downscaling=no", "--sigmoid-upscaling=no"),
        "--gpu-shader-cache-dir=",
        "--msg-level=shadergen=v",
        f"--gpu-api={api}",
        f"--gpu-context={mpv.CONTEXTS[api]}",
        "--no-border",
    ]
    with (folder / "said").open("w", encoding="utf-8") as said:
        process = subprocess.Popen(
            [*command, *options], env=mpv.environment(display), stdin=subprocess.DEVNULL, stdout=said, stderr=said
        )
        try:
            with mpv.connected(process, pipe, 600) as player:
                player.ask("set_property", "auto-window-resize", False)  # mpv 0.35 has no such option, and no need
                yield Session(player, clips)
        finally:
            process.kill()
            process.wait()


def installed(folder: Path, *options: str, shaders: dict[str, str] | None = None) -> Path:
    """mpv's folder, with stand-ins for the shaders."""
    done = CliRunner().invoke(main, ["install", "--auto", "--mpv-dir", str(folder), *options])
    assert done.exit_code == 0, done.output
    for path in (folder / "shaders").glob("*.glsl"):
        path.write_text((shaders or {}).get(path.name, IDENTITY), encoding="utf-8")
    return folder


RENDERERS = ["gpu", "gpu-next"]


@pytest.mark.parametrize("renderer", RENDERERS)
def test_what_is_played_decides(renderer: str, clips: Path, display: str, tmp_path: Path) -> None:
    folder = installed(tmp_path / "mpv", "--for", "nvidia")
    with playing(folder, clips, display, f"--vo={renderer}", f"--geometry={WINDOW}") as session:
        for (content, lines, rate), expected in EXPECTED.items():
            clip = f"{content}/{lines}-{rate}.avi"
            if (clips / clip).exists():
                session.open(clip)
                assert session.settled(expected) == expected, clip
        session.open("film/compressed.mkv")
        assert session.settled("C4F16_DS") == "C4F16_DS"
        # The file for anything is what plays on OpenGL.
        assert session.get("glsl-shaders") == ["~~/shaders/C4F16_DS_CMP.glsl"]


def test_the_zip_file_for_mpv(clips: Path, display: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["pack", "mpv", "-o", str(tmp_path)])
    assert done.exit_code == 0, done.output
    shutil.unpack_archive(tmp_path / "shadergen-mpv.zip", tmp_path / "mpv")
    for path in (tmp_path / "mpv" / "shaders").iterdir():
        path.write_text(IDENTITY)
    with playing(tmp_path / "mpv", clips, display, "--geometry=1300x730") as session:
        session.open("Anime/480-24.avi")
        assert session.settled(ANIME) == ANIME


def test_vulkan_has_the_file_for_the_gpu(clips: Path, display: str, tmp_path: Path) -> None:
    folder = installed(tmp_path / "mpv", "--for", "nvidia")
    (folder / "mpv.conf").write_text("glsl-shader=~~/mine.glsl\n" + (folder / "mpv.conf").read_text())
    (folder / "mine.glsl").write_text(IDENTITY)
    with playing(folder, clips, display, "--geometry=1300x730", api="vulkan") as session:
        time.sleep(1)  # until it is idle
        if not session.can_open("film/480-24.avi"):
            pytest.skip("this mpv takes no software Vulkan device")
        assert session.settled("mine+C4F16") == "mine+C4F16"
        assert session.get("glsl-shaders") == ["~~/mine.glsl", "~~/shaders/C4F16_NEXT.glsl"]


def test_a_step_without_its_files_is_left_out(clips: Path, display: str, tmp_path: Path) -> None:
    """Of C8F32 there is one file here, which is not for streams."""
    folder = installed(tmp_path / "mpv", "--for", "unknown")
    (folder / "shaders" / "C8F32_CMP.glsl").write_text(IDENTITY)
    profiles = folder / "shadergen.conf"
    profiles.write_text(profiles.read_text().replace("shadergen-steps=", "shadergen-steps=C8F32 "))
    with playing(folder, clips, display, "--vo=gpu", "--geometry=1300x730") as session:
        session.open("film/480-24.avi")
        assert session.settled("C8F32") == "C8F32"
        session.open("film/compressed.mkv")
        assert session.settled("C4F16_DS") == "C4F16_DS"


def test_windows_keys_and_files(clips: Path, display: str, tmp_path: Path) -> None:
    """What the user does while nothing is slow."""
    folder = installed(tmp_path / "mpv", "--for", "unknown")
    (folder / "mine.glsl").write_text(IDENTITY)
    with playing(folder, clips, display, "--vo=gpu", "--glsl-shaders=~~/mine.glsl") as session:
        session.open("Anime/dark.avi")
        session.set("window-scale", 1.5)
        assert session.settled(f"mine+{ANIME}") == f"mine+{ANIME}"
        session.set("window-scale", 1.15)
        assert session.settled("mine") == "mine", "hardly enlarged"
        session.set("window-scale", 2)
        assert session.settled(f"mine+{ANIME}") == f"mine+{ANIME}"
        for key, expected in (("Ctrl+,", "C4F32"), ("Ctrl+,", "C4F16"), ("Ctrl+.", "C4F32"), ("Ctrl+0", "")):
            session.player.ask("keypress", key)
            wanted = f"mine+{expected}".strip("+")
            assert session.settled(wanted) == wanted, key
        session.player.ask("keypress", "Ctrl+0")
        assert session.settled(f"mine+{ANIME}") == f"mine+{ANIME}"
        session.player.ask("stop")
        assert session.settled("mine") == "mine", "what others put there stays"


@pytest.mark.parametrize("renderer", RENDERERS if EVERYTHING else RENDERERS[:1])
def test_dropped_frames(renderer: str, clips: Path, display: str, tmp_path: Path) -> None:
    """A step that is too slow is left, tried again once, and then left alone, whatever is seeked."""
    slow = {"C4F32_CMP.glsl": SLOW, "C4F32_DS_CMP.glsl": SLOW}
    folder = installed(tmp_path / "mpv", "--for", "unknown", shaders=slow)
    with playing(folder, clips, display, f"--vo={renderer}", "--geometry=480x270") as session:
        session.open("Anime/bright.mkv")
        best = "C4F32_DS+C4F16_Chroma"
        assert session.settled(best) == best, "as few bits a pixel as a picture of one colour has are compressed"
        session.set("pause", False)
        session.wait(lambda: "C4F32" not in session.shaders())
        session.player.ask("seek", 1, "absolute")
        session.wait(lambda: "C4F32" in session.shaders())
        for _ in range(2):  # both steps with C4F32 for the second time, as both were tried for the first
            session.wait(lambda: "C4F32" not in session.shaders())
            session.player.ask("seek", 1, "absolute")
            time.sleep(1)
        assert "C4F32" not in session.shaders()
        session.open("Anime/dark.avi")
        assert session.settled(ANIME) == ANIME, "which is of another size"


@pytest.mark.skipif(not EVERYTHING, reason="takes half a minute; SHADERGEN_ALL_SEEDS=1 runs it")
@pytest.mark.parametrize("renderer", RENDERERS)
def test_up_again(renderer: str, clips: Path, display: str, tmp_path: Path) -> None:
    slow = {"C4F32_CMP.glsl": SLOW, "C4F32_DS_CMP.glsl": SLOW}
    folder = installed(tmp_path / "mpv", "--for", "unknown", shaders=slow)
    options = (f"--vo={renderer}", "--geometry=480x270", "--script-opts-append=shadergen-up_after=2")
    with playing(folder, clips, display, *options) as session:
        session.open("Anime/bright-then-dark.mkv")
        session.set("pause", False)
        session.wait(lambda: session.shaders() == "C4F16_DS")
        session.wait(lambda: session.shaders() == "C4F32_DS+C4F16_Chroma")
    with playing(folder, clips, display, *options) as session:
        session.open("Anime/bright.mkv")
        session.set("pause", False)
        tried: list[str] = [""]
        end = 0.0
        while not end or time.monotonic() < end:
            if session.shaders() != tried[-1]:
                tried.append(session.shaders())
            # Two steps have it, and each is tried twice.
            if not end and sum("C4F32" in names for names in tried) == 4 and "C4F32" not in tried[-1]:
                end = time.monotonic() + 8
            time.sleep(0.05)
        assert sum("C4F32" in names for names in tried) == 4, tried
        assert "C4F32" not in tried[-1]
