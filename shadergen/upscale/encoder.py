"""What ffmpeg's encoders can hold of a clip, and how each is told what only the stream has."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path

from shadergen.upscale.clip import Clip, Light, Mastering, pixel_format, with_alpha

_ARGUMENTS: Mapping[str, str] = {".webm": "-c:v libvpx-vp9 -crf 18 -b:v 0 -row-mt 1"}
_DEFAULT = "-c:v libx264 -crf 14"


def default_arguments(output: Path) -> str:
    """What ffmpeg is told to encode with unless the user says otherwise."""
    return _ARGUMENTS.get(output.suffix.lower(), _DEFAULT)


def name_of(arguments: Sequence[str]) -> str:
    """The encoder of the picture that these arguments of ffmpeg ask for; empty where they leave it to ffmpeg."""
    asked = [value for option, value in pairwise(arguments) if option in _CODEC_OPTIONS]
    return asked[-1] if asked else ""


_CODEC_OPTIONS = frozenset({"-c:v", "-codec:v", "-vcodec", "-c", "-c:v:0"})


@cache
def formats(name: str) -> frozenset[str]:
    """The pixel formats of an encoder; none where it takes any, or is unknown."""
    command = ["ffmpeg", "-hide_banner", "-h", f"encoder={name}"]
    said = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout
    listed = re.search(r"Supported pixel formats: (.*)", said)
    return frozenset(listed[1].split()) if listed else frozenset()


def lost(clip: Clip, arguments: Sequence[str]) -> Iterator[str]:
    """What the encoder cannot hold of a clip, in words; nothing where the user chose the pixel format."""
    name = name_of(arguments)
    known = formats(name) if name else frozenset()
    if not known or "-pix_fmt" in arguments:
        return
    deepest = max(pixel_format(format)[1] for format in known)
    if clip.depth > deepest:
        yield f"found {clip.depth} bits, of which {name} keeps {deepest}; --encode '-c:v ffv1' keeps all in a .mkv"
    if clip.has_alpha and not keeps_alpha(arguments):
        yield f"found alpha, which {name} leaves out; --encode '-c:v ffv1' keeps it in a .mkv, libvpx-vp9 in a .webm"
    if clip.subsampling == "400" and not any(format.startswith("gray") for format in known):
        yield f"found grey, to which {name} adds neutral colour"


def keeps_alpha(arguments: Sequence[str]) -> bool:
    """Whether the encoder has a format with alpha, or takes any."""
    known = formats(name_of(arguments))
    return not known or any(with_alpha(format) for format in known)


# ---------------------------------------------------------------------------------------------------------------------
# HDR10

_PARAMETERS: Mapping[str, str] = {
    "libx264": "-x264-params",
    "libx265": "-x265-params",
    "libsvtav1": "-svtav1-params",
}
"""The option of each encoder that can write HDR10's metadata."""


def with_brightness(arguments: Sequence[str], mastering: Mastering | None, light: Light | None) -> list[str] | None:
    """The arguments, and HDR10's metadata in what the encoder calls it; None where it has no words for them."""
    if not mastering and not light:
        return list(arguments)
    name = name_of(arguments)
    option = _PARAMETERS.get(name)
    if option is None:
        return None
    integer = name != "libsvtav1"
    words = []
    if mastering is not None:
        key = "mastering-display" if name != "libx265" else "master-display"
        words.append(f"{key}={_display(mastering, integer)}")
    if light is not None:
        key = {"libx264": "cll", "libx265": "max-cll"}.get(name, "content-light")
        words.append(f"{key}={light.max_content},{light.max_average}")
    extended = list(arguments)
    if option in extended:
        at = extended.index(option) + 1
        extended[at] = ":".join([extended[at], *words])
        return extended
    return [*extended, option, ":".join(words)]


def _display(mastering: Mastering, integer: bool) -> str:
    """Green, blue, red, white, and luminance from the greatest to the least: whole numbers of 1/50000 and 1/10000 for
    x264 and x265, plain ones for SVT-AV1."""

    def pair(values: tuple[float, float], unit: int) -> str:
        return ",".join(f"{round(value * unit)}" if integer else f"{value:g}" for value in values)

    red, green, blue, white = (pair(point, 50000) for point in mastering.primaries)
    least, greatest = mastering.luminance
    return f"G({green})B({blue})R({red})WP({white})L({pair((greatest, least), 10000)})"
