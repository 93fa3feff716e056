"""What ffprobe tells of a clip, as players take it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from shadergen.errors import ShadergenError
from shadergen.runtime.colour import SITINGS, Matrix, Siting, SitingName

_MATRICES: Mapping[str, Matrix] = {
    "bt709": "bt709",
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "bt2020nc": "bt2020",
}
_SITINGS: Mapping[str, SitingName] = {"left": "left", "center": "center", "topleft": "topleft"}
_RATIOS = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}


@dataclass(frozen=True)
class Clip:
    """What is known of a clip's picture."""

    size: tuple[int, int]
    """The size of a frame, upright: (width, height)."""
    subsampling: str
    """How chroma is subsampled: 420, 422 or 444."""
    depth: int
    full_range: bool
    colorspace: str
    """The matrix by ffmpeg's name, such as bt709, smpte170m or bt2020nc; guessed as players do where the file does not
    say."""
    siting: SitingName
    rate: Fraction
    """Frames per second of the new clip; where the rate varies, one that has every frame."""
    start: float
    """Seconds from the beginning of the file to the first frame: sound may be earlier."""
    frames: int
    """How many frames there are, estimated; 0 where nothing is known."""
    tags: Mapping[str, str]
    """ffmpeg's options for what is only passed on: primaries, transfer, aspect ratio of texels."""
    subtitles: tuple[str, ...]
    """The codec of each subtitle stream."""
    is_rgb: bool

    @property
    def format(self) -> str:
        """The pixel format of the raw frames."""
        return f"yuv{self.subsampling}p" + (f"{self.depth}le" if self.depth > 8 else "")

    @property
    def matrix(self) -> Matrix:
        return _MATRICES[self.colorspace]

    @property
    def ratio(self) -> tuple[int, int]:
        """How many luma texels stand for a chroma sample, across and down: 1 or 2."""
        return _RATIOS[self.subsampling]

    @property
    def shift(self) -> Siting:
        """The siting in luma texels, for the directions that are subsampled."""
        shift, ratio = SITINGS[self.siting], self.ratio
        return (shift[0] if ratio[0] == 2 else 0.0, shift[1] if ratio[1] == 2 else 0.0)


def probe(path: Path) -> Clip:
    """What ffprobe says about a clip. Raises ShadergenError where it is none, or there is no ffmpeg."""
    for program in ("ffmpeg", "ffprobe"):
        if shutil.which(program) is None:
            raise ShadergenError(path, f"found no {program}, expected it for clips", "install ffmpeg")
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1].rpartition(": ")[2] if done.stderr.strip() else "no reason given"
        raise ShadergenError(path, f"found nothing that ffmpeg can read ({reason}), expected a clip")
    found = json.loads(done.stdout)
    pictures = [
        stream
        for stream in found.get("streams", ())
        if stream["codec_type"] == "video" and not stream.get("disposition", {}).get("attached_pic")
    ]
    if not pictures or not pictures[0].get("width"):
        raise ShadergenError(path, "found no video in it, expected a clip")
    subtitles = (stream.get("codec_name", "") for stream in found["streams"] if stream["codec_type"] == "subtitle")
    return _clip(path, pictures[0], found.get("format", {}), tuple(subtitles))


def _clip(path: Path, stream: Mapping[str, Any], container: Mapping[str, Any], subtitles: tuple[str, ...]) -> Clip:
    size = (int(stream["width"]), int(stream["height"]))
    turned = [float(data["rotation"]) for data in stream.get("side_data_list", ()) if "rotation" in data]
    if turned and round(turned[0] / 90) % 2:
        size = size[::-1]
    subsampling, depth, is_rgb = _pixel_format(stream.get("pix_fmt", ""))
    rate, average = _fraction(stream.get("r_frame_rate")), _fraction(stream.get("avg_frame_rate"))
    if not 0 < rate <= 240:
        rate = average
    if not 0 < rate <= 240:
        raise ShadergenError(path, f"found a frame rate of {float(rate):g}, expected one up to 240")
    seconds = float(stream.get("duration") or container.get("duration") or 0)
    colorspace = stream.get("color_space", "unknown")
    if is_rgb or colorspace not in _MATRICES:
        # mpv and libplacebo guess by the size, too (mp_csp_guess_colorspace).
        colorspace = "bt709" if is_rgb or size[0] >= 1280 or size[1] > 576 else "smpte170m"
    tags = {
        option: stream[key]
        for option, key in (("-color_primaries", "color_primaries"), ("-color_trc", "color_transfer"))
        if stream.get(key, "unknown") not in ("unknown", "reserved")
    }
    aspect = stream.get("sample_aspect_ratio", "1:1").replace(":", "/")
    if aspect not in ("1/1", "0/1", "N/A"):
        tags["-vf"] = f"setsar={aspect}"
    return Clip(
        size=size,
        subsampling=subsampling,
        depth=depth,
        full_range=not is_rgb and stream.get("color_range", "tv") == "pc",
        colorspace=colorspace,
        siting=_SITINGS.get(stream.get("chroma_location", ""), "left"),
        rate=rate,
        start=max(0.0, float(stream.get("start_time") or 0) - float(container.get("start_time") or 0)),
        frames=round(seconds * rate),
        tags=tags,
        subtitles=subtitles,
        is_rgb=is_rgb,
    )


def _pixel_format(name: str) -> tuple[str, int, bool]:
    """Subsampling, bits and whether it is RGB, of ffmpeg's pixel format; rare formats become the next larger one."""
    depth = next((bits for bits in (10, 12, 14, 16) if f"{bits}le" in name or f"{bits}be" in name), 8)
    depth = {14: 16}.get(depth, depth)
    if name.startswith(("p010", "p016", "nv12", "nv21", "gray")) or "420" in name or "411" in name or "410" in name:
        return "420", depth, False
    if name.startswith(("yuyv", "uyvy", "nv16", "p210")) or "422" in name or "440" in name:
        return "422", depth, False
    return "444", depth, not name.startswith(("yuv", "nv24", "p410", "ayuv", "vuya"))


def _fraction(text: Any) -> Fraction:
    try:
        return Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
