"""A clip of known codes for tests of the page."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

WIDTH, HEIGHT, FRAMES = 64, 48, 10


def frame(number: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Luma (height, width) of every code of limited range, and colours (2, height / 2, width / 2) that RGB can show."""
    codes = 16 + (np.arange(WIDTH * HEIGHT).reshape(HEIGHT, WIDTH) // 3 + 20 * number) % 220
    chroma = np.stack([np.full((HEIGHT // 2, WIDTH // 2), 128), np.full((HEIGHT // 2, WIDTH // 2), 128)])
    middle = np.abs(codes[::2, ::2].astype(int) - 126) < 60
    chroma[:, middle] = [[120], [136]]
    return codes.astype(np.uint8), chroma.astype(np.uint8)


def lossless(folder: Path) -> bytes:
    """A lossless VP9 clip of BT.709 in limited range, ten frames a second; skips the test without ffmpeg."""
    if not shutil.which("ffmpeg"):
        pytest.skip("found no ffmpeg, expected one to make a clip")
    path = folder / "clip.webm"
    raw = b"".join(plane.tobytes() for number in range(FRAMES) for plane in frame(number))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{WIDTH}x{HEIGHT}", "-r", "10"]
    command += ["-i", "-", "-c:v", "libvpx-vp9", "-lossless", "1", "-colorspace", "bt709", "-color_range", "tv"]
    command += ["-color_primaries", "bt709", "-color_trc", "bt709", str(path)]
    subprocess.run(command, input=raw, check=True)
    return path.read_bytes()
