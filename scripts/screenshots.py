"""Makes docs/compare.png and docs/stats.png: the page of `upscale --compare`, and mpv's page of statistics.

    python scripts/screenshots.py [OUT]

Both show tests/cases/sample.png. Needs an OpenGL driver, ffmpeg, mpv with Xvfb, and a headless Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from shadergen.runtime import mpv

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "tests" / "cases" / "sample.png"
SHADER = ROOT / "shaders" / "C4F16_CMP_INSTANT.glsl"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def main(out: Path) -> None:
    """Make both pictures."""
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), out / "compare.png")
        stats(Path(name), out / "stats.png")


def compare(folder: Path, target: Path) -> None:
    """A picture of the page, as a headless browser opens it."""
    page = folder / "compare.html"
    command = [sys.executable, "-m", "shadergen", "upscale", str(SAMPLE), "-o", f"{folder}/", "--shader", str(SHADER)]
    subprocess.run([*command, "--compare", str(page)], check=True)
    browser = next(found for found in map(shutil.which, BROWSERS) if found)
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=760,640"]
    subprocess.run([browser, *options, f"--screenshot={target}", page.as_uri()], check=True, capture_output=True)
    _small(target)


def stats(folder: Path, target: Path) -> None:
    """A picture of mpv's window, with the second page of its statistics."""
    clip, pipe = folder / "clip.mkv", folder / "ipc"
    film = ["ffmpeg", "-v", "error", "-loop", "1", "-framerate", "2", "-t", "60", "-i", str(SAMPLE)]
    subprocess.run([*film, "-pix_fmt", "yuv420p", "-c:v", "ffv1", str(clip)], check=True)
    command = ["mpv", "--no-config", "--no-audio", "--loop-file=inf", "--no-osc", "--vo=gpu", "--gpu-sw=yes"]
    command += ["--gpu-context=x11egl", "--geometry=760x570", "--no-border", f"--input-ipc-server={pipe}"]
    command += [f"--glsl-shaders={SHADER}", "--script-opts=stats-font_size=9", "--no-input-terminal", str(clip)]
    with mpv.screen() as display:
        process = subprocess.Popen(command, env=mpv.environment(display), stdin=subprocess.DEVNULL)
        try:
            with mpv.connected(process, pipe, 120) as player:
                while player.ask("get_property", "video-out-params/w")["error"] != "success":
                    time.sleep(0.1)
                for key in ("I", "2"):
                    player.ask("keypress", key)
                    time.sleep(5)
                player.ask("screenshot-to-file", str(target), "window")
        finally:
            process.kill()
            process.wait()
    _small(target)


def _small(path: Path) -> None:
    """The picture with 256 colours: a third of the bytes."""
    with Image.open(path) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs")
