"""What ffprobe tells of a clip, as players take it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from shadergen.errors import ShadergenError
from shadergen.runtime.colour import SITINGS, Matrix, Siting, SitingName
from shadergen.runtime.frame import Brightness

_MATRICES: Mapping[str, Matrix] = {
    "bt709": "bt709",
    "smpte170m": "bt601",
    "bt470bg": "bt601",
    "bt2020nc": "bt2020",
}
_SITINGS: Mapping[str, SitingName] = {"left": "left", "center": "center", "topleft": "topleft"}
_RATIOS = {"400": (2, 2), "420": (2, 2), "422": (2, 1), "444": (1, 1)}
_LUMINANCE = {"smpte2084": (1e-6, 10000.0), "arib-std-b67": (1e-6, 1000.0)}
"""The least and the greatest in cd/m2 that libplacebo takes a transfer to mean (colorspace.h, PL_COLOR_HDR_BLACK)."""
_ORDERS = {"tt": "top", "tb": "top", "bb": "bottom", "bt": "bottom"}
"""Which field comes first, by ffprobe's `field_order`; progressive and unknown video has another word."""
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Of codecs whose alpha ffmpeg's own decoder leaves aside, the one that reads it."""


@dataclass(frozen=True)
class Mastering:
    """The display that an HDR10 clip was made on (SMPTE ST 2086)."""

    primaries: tuple[tuple[float, float], ...]
    """The chromaticities (x, y) of red, green, blue and white."""
    luminance: tuple[float, float]
    """The least and the greatest, in cd/m2."""


@dataclass(frozen=True)
class Light:
    """How bright an HDR10 clip becomes (CTA-861.3), in cd/m2."""

    max_content: int
    """MaxCLL: the brightest pixel."""
    max_average: int
    """MaxFALL: the brightest frame, on average."""


@dataclass(frozen=True)
class Clip:
    """What is known of a clip's picture."""

    size: tuple[int, int]
    """The size of a frame, upright: (width, height)."""
    subsampling: str
    """How chroma is subsampled: 420, 422 or 444; 400 where there is none."""
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
    has_alpha: bool = False
    decoder: str = ""
    """The decoder to ask for; empty for ffmpeg's choice."""
    first_field: str = ""
    """`top` or `bottom` for interlaced video, else empty."""
    average: Fraction = Fraction(0)
    """Frames per second on average where the rate varies, else 0."""
    foreign_matrix: str = ""
    """ffmpeg's name of a matrix that is not known here, so that `colorspace` is another."""
    mastering: Mastering | None = None
    light: Light | None = None

    @property
    def format(self) -> str:
        """The pixel format of the raw frames."""
        bits = f"{self.depth}le" if self.depth > 8 else ""
        if self.subsampling == "400":
            return f"gray{bits}"
        return f"yuv{'a' if self.has_alpha else ''}{self.subsampling}p{bits}"

    @property
    def matrix(self) -> Matrix:
        return _MATRICES[self.colorspace]

    @property
    def brightness(self) -> Brightness:
        """What players know of the light: of HDR's transfers the whole range where the clip says no more."""
        transfer = self.tags.get("-color_trc", "")
        low, high = self.mastering.luminance if self.mastering else _LUMINANCE.get(transfer, (0.0, 0.0))
        light = self.light or Light(0, 0)
        return Brightness(low, high, light.max_content, light.max_average)

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
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_format", "-show_streams", "-show_packets"]
    command += ["-read_intervals", f"%+#{_FIRST_PACKETS}", str(path)]
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
    clip = _clip(path, pictures[0], found.get("format", {}), tuple(subtitles))
    times = [
        packet["pts_time"]
        for packet in found.get("packets", ())
        if packet["stream_index"] == pictures[0]["index"] and "pts_time" in packet
    ]
    return replace(clip, average=clip.average or _average(times, clip.rate), **_as_decoded(path, clip))


def _as_decoded(path: Path, clip: Clip) -> dict[str, Any]:
    """What the first frame tells: fields, and HDR10's metadata, which may be in the stream or the container alone."""
    command = ["ffprobe", "-v", "error", "-of", "json", "-select_streams", "v:0", "-read_intervals", "%+#1"]
    done = subprocess.run([*command, "-show_frames", "-show_streams", str(path)], capture_output=True, check=False)
    found = json.loads(done.stdout or b"{}")
    frames = found.get("frames", ())
    known: dict[str, Any] = {}
    if frames and frames[0].get("interlaced_frame") == 1 and not clip.first_field:
        known["first_field"] = "top" if frames[0].get("top_field_first") else "bottom"
    for part in (*found.get("streams", ()), *frames):
        for data in part.get("side_data_list", ()):
            if data["side_data_type"] == "Mastering display metadata" and "red_x" in data:
                known["mastering"] = _mastering(data)
            elif data["side_data_type"] == "Content light level metadata":
                known["light"] = Light(int(data["max_content"]), int(data["max_average"]))
    return known


def _average(times: Sequence[str], rate: Fraction) -> Fraction:
    """The average rate of the first frames where they are not evenly apart, as the file may not say; else 0."""
    seconds = sorted(_fraction(time) for time in times)
    gaps = [later - earlier for earlier, later in pairwise(seconds)]
    if all(1 < 2 * gap * rate < 3 for gap in gaps):
        return Fraction(0)
    return len(gaps) / (seconds[-1] - seconds[0]) if seconds[-1] > seconds[0] else Fraction(0)


def _mastering(data: Mapping[str, Any]) -> Mastering:
    names = ("red", "green", "blue", "white_point")
    primaries = tuple((float(_fraction(data[f"{name}_x"])), float(_fraction(data[f"{name}_y"]))) for name in names)
    luminance = (_fraction(data.get("min_luminance")), _fraction(data.get("max_luminance")))
    return Mastering(primaries, (float(luminance[0]), float(luminance[1])))


def _clip(path: Path, stream: Mapping[str, Any], container: Mapping[str, Any], subtitles: tuple[str, ...]) -> Clip:
    size = (int(stream["width"]), int(stream["height"]))
    turned = [float(data["rotation"]) for data in stream.get("side_data_list", ()) if "rotation" in data]
    if turned and round(turned[0] / 90) % 2:
        size = size[::-1]
    subsampling, depth, is_rgb = pixel_format(stream.get("pix_fmt", ""))
    decoder = _ALPHA_DECODERS.get(stream.get("codec_name", ""), "") if _says_alpha(stream) else ""
    alpha = with_alpha(stream.get("pix_fmt", "")) or bool(decoder)
    if alpha and subsampling == "420" and depth == 12:
        depth = 16  # ffmpeg has no such format with alpha
    rate, average = _fraction(stream.get("r_frame_rate")), _fraction(stream.get("avg_frame_rate"))
    first_field = _ORDERS.get(stream.get("field_order", ""), "")
    if not 0 < rate <= 240 or (first_field and rate == 2 * average):  # twice where fields are counted
        rate = average
    if not 0 < rate <= 240:
        raise ShadergenError(path, f"found a frame rate of {float(rate):g}, expected one up to 240")
    seconds = float(stream.get("duration") or container.get("duration") or 0)
    colorspace = named = stream.get("color_space", "unknown")
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
        has_alpha=alpha and subsampling != "400",
        decoder=decoder,
        first_field=first_field,
        average=average if average and abs(average / rate - 1) > _STEADY else Fraction(0),
        foreign_matrix="" if is_rgb or named in ("unknown", colorspace) else named,
    )


def _says_alpha(stream: Mapping[str, Any]) -> bool:
    tags = {key.lower(): value for key, value in stream.get("tags", {}).items()}
    return tags.get("alpha_mode") == "1"


def with_alpha(name: str) -> bool:
    """Whether ffmpeg's pixel format has alpha."""
    return name.startswith(("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "ayuv", "vuya"))


def pixel_format(name: str) -> tuple[str, int, bool]:
    """Subsampling, bits and whether it is RGB, of ffmpeg's pixel format; rare formats become the next larger one."""
    deep = re.search(r"(9|10|12|14|16)(?:le|be)$|^p\d(10|12|16)|(48|64)(?:le|be)$|^x2\w+(10)(?:le|be)$", name)
    depth = int(next(filter(None, deep.groups()))) if deep else 8
    depth = {9: 10, 14: 16, 48: 16, 64: 16}.get(depth, depth)
    if name.startswith("gray"):
        return "400", depth, False
    if name.startswith(("p010", "p012", "p016", "nv12", "nv21")) or "420" in name or "411" in name or "410" in name:
        return "420", depth, False
    if name.startswith(("yuyv", "uyvy", "nv16", "p210")) or "422" in name or "440" in name:
        return "422", depth, False
    return "444", depth, not name.startswith(("yuv", "nv24", "p410", "ayuv", "vuya"))


_FIRST_PACKETS = 500
_STEADY = Fraction(1, 50)
"""How far the average rate may be from the nominal one where the rate does not vary: a frame may be missing."""


def _fraction(text: Any) -> Fraction:
    try:
        return Fraction(str(text))
    except (ValueError, ZeroDivisionError):
        return Fraction(0)
