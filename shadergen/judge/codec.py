"""Pictures as they come out of a video: real encoders, run through ffmpeg, and libjpeg.

A still encoded alone is a key frame, which codecs treat better than the frames between. So each picture is encoded as
a short pan, and its last frame is what counts.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.errors import ShadergenError

Levels = npt.NDArray[np.integer[Any]]
Codec = Literal["h264", "h265", "vp9", "h265-10bit"]

FRAMES = 3
PAN = 2
"""Largest movement between two frames, in pixels."""

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "h264": ("-c:v", "libx264", "-preset", "medium"),
    "h265": ("-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=none:pools=none:frame-threads=1"),
    "h265-10bit": ("-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=none:pools=none:frame-threads=1"),
    "vp9": ("-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-cpu-used", "4"),
}


@dataclass(frozen=True)
class Setting:
    """How a video is encoded; written `h264-23`."""

    codec: Codec
    crf: int
    """Constant rate factor: 18 is hardly visible in H.264, 30 is poor; VP9's scale goes to 63."""

    def __str__(self) -> str:
        return f"{self.codec}-{self.crf}"

    @property
    def bits(self) -> int:
        return 10 if self.codec.endswith("10bit") else 8

    @classmethod
    def parse(cls, text: str) -> Setting:
        """The inverse of `str`. Raises ShadergenError."""
        codec, _, crf = text.rpartition("-")
        if codec not in get_args(Codec) or not crf.isdecimal() or int(crf) > 63:
            problem = f"found no codec and CRF, expected {', '.join(get_args(Codec))}, a hyphen and 0 to 63 (h264-23)"
            raise ShadergenError(text, problem)
        return cls(codec, int(crf))  # type: ignore[arg-type]


def record(pictures: Sequence[Sequence[Levels]], setting: Setting, seed: int = 0) -> list[list[Levels]]:
    """Each picture's planes after the codec.

    `pictures` are (Y, Cb, Cr) of 4:2:0 in limited range with integer levels of `setting.bits`, all of one size; width
    and height of luma are even. The same arguments give the same result with the same ffmpeg. Raises ShadergenError
    where ffmpeg is missing or refuses.
    """
    rng = np.random.default_rng(seed)
    height, width = pictures[0][0].shape
    moves = rng.integers(-PAN // 2, PAN // 2 + 1, (len(pictures), 2)) * 2
    dtype = np.dtype("<u2" if setting.bits > 8 else "u1")
    frames = bytearray()
    for planes, move in zip(pictures, moves, strict=True):
        for frame in reversed(range(FRAMES)):
            for plane, step in zip(planes, (move, move // 2, move // 2), strict=True):
                frames += _shifted(plane, frame * step).astype(dtype).tobytes()
    format = "yuv420p10le" if setting.bits > 8 else "yuv420p"
    raw = ("-f", "rawvideo", "-pix_fmt", format)
    size = ("-s", f"{width}x{height}", "-r", "25")
    coded = _ffmpeg(
        (*raw, *size, "-i", "-", "-threads", "1", *_ARGUMENTS[setting.codec], "-crf", str(setting.crf)),
        ("-f", "matroska", "-"),
        bytes(frames),
    )
    decoded = np.frombuffer(_ffmpeg(("-f", "matroska", "-i", "-"), (*raw, "-"), coded), dtype)
    luma, chroma = height * width, height * width // 4
    expected = len(pictures) * FRAMES * (luma + 2 * chroma)
    if decoded.size != expected:
        raise ShadergenError("ffmpeg", f"found {decoded.size} samples for {setting}, expected {expected}")
    last = decoded.reshape(len(pictures), FRAMES, -1)[:, -1]
    half = (height // 2, width // 2)
    return [
        [
            frame[:luma].reshape(height, width),
            frame[luma : luma + chroma].reshape(half),
            frame[luma + chroma :].reshape(half),
        ]
        for frame in last
    ]


def jpeg(plane: Levels, quality: int) -> npt.NDArray[np.uint8]:
    """A plane (h, w) of 8-bit levels after libjpeg, as a grey picture."""
    stream = io.BytesIO()
    PIL.Image.fromarray(plane.astype(np.uint8)).save(stream, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(stream))


def _shifted(plane: Levels, move: npt.NDArray[np.integer[Any]]) -> Levels:
    """The plane moved down and right, its edges repeated."""
    height, width = plane.shape
    rows = np.clip(np.arange(height) - int(move[0]), 0, height - 1)
    columns = np.clip(np.arange(width) - int(move[1]), 0, width - 1)
    return plane.take(rows, 0).take(columns, 1)


def _ffmpeg(before: tuple[str, ...], after: tuple[str, ...], data: bytes) -> bytes:
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", *before, *after]
    try:
        result = subprocess.run(command, input=data, capture_output=True, check=False)
    except OSError:
        raise ShadergenError(
            "ffmpeg", "found no such program, expected it for video codecs", "install ffmpeg"
        ) from None
    if result.returncode:
        detail = next(iter(result.stderr.decode(errors="replace").strip().splitlines()), f"exit {result.returncode}")
        raise ShadergenError("ffmpeg", f"found an error ({detail}), expected a video")
    return result.stdout
