"""A hook file in the real libplacebo, through ffmpeg's filter of that name.

This is the second opinion on `runner`, and the only one on files that OpenGL drivers refuse (fp16 arithmetic): the same
text, run by the library that mpv's vo=gpu-next uses, on whatever Vulkan device is there.

**Values.** Planes go in and come out as 16-bit codes, and a value is code/65535: exactly what LUMA and CHROMA hooks
read (`*_mul` is 1, as sample and colour depth are both 16). Limited range is not expanded: black is 4096/65535, white
60160/65535, neutral chroma 32768/65535. Around the file stands YCbCr -> RGB -> YCbCr in 32-bit floats; nothing is
clipped on the way, not even colours outside RGB, and nothing is dithered, debanded, tone-mapped or linearised. A hooked
plane that ends up at the output size is passed on texel by texel; what is left to scale is scaled bilinearly,
also down, without a wider filter.

**Noise.** libplacebo keeps what a hook returns in rgba16f, and also the last picture before it is split into planes:
two roundings to fp16 after the last hook pass. lavapipe (Mesa 22.3) rounds toward zero, so both errors are negative: a
luma doubler that only copies is at most 64/65535 = 9.8e-4 too dark, 2.4e-4 on average over [0.3, 0.7] (worst in
[0.5, 1), where one fp16 step is 32/65535). A plane that meets no hook has one rounding: at most 32/65535 = 4.9e-4.

**Siting** reaches libplacebo as the frame's chroma location: ffmpeg's decoder stamps each frame with
`-chroma_sample_location`. (The setparams filter of ffmpeg 5.1 cannot set it, and Y4M has no tag for it in 16 bits.)
libplacebo takes "unspecified" for "left".
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from shadergen.errors import NoDeviceError, ShaderRunError
from shadergen.runtime.colour import Array, SitingName

Siting = Literal[SitingName, "unspecified"]

_FILTER = (
    "setparams=range={range}:colorspace=bt709:color_primaries=bt709:color_trc=bt709,format={format},{upload}"
    "libplacebo=w={width}:h={height}:format={output}:range={range}:custom_shader_path=shader.glsl:"
    "upscaler=bilinear:downscaler=none:dithering=none:disable_linear=1:sigmoid=0:deband=0:peak_detect=0:"
    "apply_filmgrain=0,{download}format={output}"
)
_TRANSFERS: tuple[tuple[str, str], ...] = (("", ""), ("hwupload,", "hwdownload,"))
"""What stands before and after the filter. It takes frames from memory since ffmpeg 6.1; before, only uploaded ones,
which in turn come back with their planes mixed up from ffmpeg 7.1 on Mesa 25's lavapipe."""

PICTURE = "picture.raw"
"""What ffmpeg writes."""

TIMEOUT = 300.0
"""Seconds until a frame counts as never coming. Mesa 26.2 compiles one small file with shared fp16 weights for 70 s of
CPU time, which a busy machine took more than 120 s for."""

_TRIAL = """//!HOOK LUMA
//!BIND HOOKED
//!DESC trial
//!WIDTH HOOKED.w 2 *
//!HEIGHT HOOKED.h 2 *
//!COMPONENTS 1
vec4 hook() { return vec4(1.0 - HOOKED_tex(HOOKED_pos).x, 0.0, 0.0, 1.0); }
"""


@dataclass(frozen=True)
class Played:
    """What became of one frame."""

    picture: Array
    """Y, Cb and Cr, or R, G and B where that was asked for: (3, height, width) in 0..1."""
    ran: tuple[str, ...]
    """DESC of every hook pass that ran, in order, from libplacebo's own log."""
    skipped: tuple[str, ...]
    """DESC of every hook pass whose WHEN said no, or that binds a texture that is not there."""
    device: str
    """The Vulkan device's name."""


def run(
    shader_text: str,
    luma: npt.NDArray[np.floating],
    chroma: npt.NDArray[np.floating],
    output_size: tuple[int, int],
    *,
    full_range: bool = True,
    siting: Siting = "left",
    timeout: float = TIMEOUT,
    where: str = "<shader>",
) -> Array:
    """The picture that `play` gives; raises ShaderRunError as well when not one pass of the file ran."""
    played = play(
        shader_text,
        luma,
        chroma,
        output_size,
        full_range=full_range,
        siting=siting,
        timeout=timeout,
        where=where,
    )
    if not played.ran:
        problem = f"found no hook pass that ran ({len(played.skipped)} skipped by WHEN or BIND), expected at least one"
        raise ShaderRunError(where, problem, "check HOOK, WHEN and the output size")
    return played.picture


def play(
    shader_text: str,
    luma: npt.NDArray[np.floating],
    chroma: npt.NDArray[np.floating],
    output_size: tuple[int, int],
    *,
    full_range: bool = True,
    siting: Siting = "left",
    timeout: float = TIMEOUT,
    where: str = "<shader>",
    rgb: bool = False,
    validate: bool = False,
    known: str = "",
) -> Played:
    """Run the file over one frame and scale to `output_size` (width, height).

    `luma` is (1, h, w); `chroma` is (2, h, w) for 4:4:4, or (2, ceil(h/2), ceil(w/2)) for 4:2:0. With `rgb` the picture
    is RGB, and hooks of OUTPUT see it so, as they do in players. With `validate` Vulkan's validation layer reads along
    (ffmpeg 7.1 or newer), and what it reports as an error is one, but for what the pattern `known` is found in.

    Raises ShaderRunError with libplacebo's own words when the file does not parse, compile or run, or takes longer than
    `timeout` seconds, and NoDeviceError where there is no libplacebo, or no such layer.
    """
    reason = unavailable()
    if reason is not None:
        raise NoDeviceError("libplacebo", reason)
    transfer = next(transfer for transfer in _TRANSFERS if _trial(transfer) is None)
    return _play(
        shader_text, luma, chroma, output_size, full_range, siting, timeout, where, transfer, rgb, validate, known
    )


@functools.cache
def unavailable() -> str | None:
    """None where `run` works; else why not, in one line. Runs one frame, because a listing proves nothing."""
    if shutil.which("ffmpeg") is None:
        return "found no ffmpeg, expected one with the libplacebo filter; install ffmpeg"
    listing = subprocess.run(["ffmpeg", "-hide_banner", "-filters"], capture_output=True, text=True, check=False)
    if " libplacebo " not in listing.stdout:
        return "found an ffmpeg without the libplacebo filter, expected ffmpeg >= 5.1 built with --enable-libplacebo"
    problem: str | None = None
    for transfer in _TRANSFERS:
        problem = _trial(transfer)
        if problem is None:
            return None
    return problem


@functools.cache
def _trial(transfer: tuple[str, str]) -> str | None:
    """None where a trial frame comes out right; else what is wrong."""
    grey = np.full((1, 16, 16), 0.25, np.float32)
    neutral = np.full((2, 16, 16), 0.5, np.float32)
    try:
        played = _play(_TRIAL, grey, neutral, (32, 32), True, "left", 60.0, "trial frame", transfer)
    except ShaderRunError as error:
        problem = error.problem.partition(", expected")[0]
        return f"{problem}, expected a Vulkan device that draws a trial frame; install mesa-vulkan-drivers"
    off = np.abs(played.picture - np.reshape((0.75, 0.5, 0.5), (3, 1, 1))).max()
    if len(played.ran) != 1 or off > 0.002:
        return f"found a trial frame that {played.device or 'the device'} renders wrongly, expected an inverted grey"
    return None


def _play(
    shader_text: str,
    luma: npt.NDArray[np.floating],
    chroma: npt.NDArray[np.floating],
    output_size: tuple[int, int],
    full_range: bool,
    siting: Siting,
    timeout: float,
    where: str,
    transfer: tuple[str, str],
    rgb: bool = False,
    validate: bool = False,
    known: str = "",
) -> Played:
    command = _command(luma.shape, chroma.shape, output_size, full_range, siting, transfer, rgb, validate)
    # The files have plain names in a folder of their own: paths in a filter string would need two levels of escaping.
    # The picture comes as a file, since the validation layer writes to standard output.
    with tempfile.TemporaryDirectory(prefix="shadergen-") as folder:
        Path(folder, "shader.glsl").write_text(shader_text, "utf-8")
        stderr, code = _execute(command, _codes(luma) + _codes(chroma), folder, timeout, where)
        written = Path(folder, PICTURE)
        codes = np.frombuffer(written.read_bytes() if written.exists() else b"", "<u2")
    log = _Log.read(stderr.decode("utf-8", "replace"), known)
    if validate and not log.validated:
        raise NoDeviceError("libplacebo", "found no validation layer, expected one; install vulkan-validationlayers")
    if log.fault is not None:
        raise ShaderRunError(where, log.fault)
    width, height = output_size
    expected = (4 if rgb else 3) * width * height
    if codes.size != expected:
        problem = f"found {codes.size} samples from ffmpeg (exit code {code}), expected {expected}"
        raise ShaderRunError(where, problem)
    if rgb:  # packed, with alpha: planes of RGB make ffmpeg 5.1 crash
        codes = codes.reshape(height, width, 4)[:, :, :3].transpose(2, 0, 1)
    picture = codes.reshape(3, height, width).astype(np.float32) / np.float32(65535)
    return Played(picture, log.ran, log.skipped, log.device)


def _command(
    luma: tuple[int, ...],
    chroma: tuple[int, ...],
    output_size: tuple[int, int],
    full_range: bool,
    siting: Siting,
    transfer: tuple[str, str],
    rgb: bool,
    validate: bool,
) -> list[str]:
    """The call of ffmpeg for planes of these shapes, which come by standard input as codes of 16 bits."""
    height, width = luma[1:]
    pixel_format = _pixel_format(luma, chroma)
    command = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "level+trace"]
    command += ["-init_hw_device", "vulkan=vk:0" + ",debug=validate" * validate, "-filter_hw_device", "vk"]
    command += ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", f"{width}x{height}"]
    if siting != "unspecified":
        command += ["-chroma_sample_location", siting]
    range_ = "pc" if full_range else "tv"
    upload, download = transfer
    filters = _FILTER.format(
        range=range_,
        format=pixel_format,
        output="rgba64le" if rgb else "yuv444p16le",
        width=output_size[0],
        height=output_size[1],
        upload=upload,
        download=download,
    )
    return [*command, "-i", "-", "-vf", filters, "-frames:v", "1", "-f", "rawvideo", PICTURE]


def _pixel_format(luma: tuple[int, ...], chroma: tuple[int, ...]) -> str:
    if len(luma) == 3 and luma[0] == 1:
        height, width = luma[1:]
        if chroma == (2, height, width):
            return "yuv444p16le"
        if chroma == (2, (height + 1) // 2, (width + 1) // 2):
            return "yuv420p16le"
    raise ValueError(f"found luma {luma} and chroma {chroma}, expected (1, h, w) with 4:4:4 or 4:2:0 chroma")


def _codes(plane: npt.NDArray[np.floating]) -> bytes:
    codes: npt.NDArray[np.uint16] = np.rint(np.clip(plane, 0.0, 1.0) * 65535.0).astype("<u2")
    return codes.tobytes()


def _execute(command: list[str], stdin: bytes, folder: str, timeout: float, where: str) -> tuple[bytes, int]:
    """What the command says on standard error, and its exit code."""
    # Mesa can spend minutes in its compiler and does not heed SIGTERM meanwhile; SIGKILL to the whole group it is.
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired:
        problem = f"found libplacebo still busy after {timeout:g} s, expected a picture by then"
        raise ShaderRunError(where, problem, "the driver may need minutes to compile it; try a smaller size") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return stderr, process.returncode


_HARMLESS = re.compile("slow!|validation is adjusting settings")
"""Warnings that are no reason for an error."""


@dataclass(frozen=True)
class _Log:
    """What ffmpeg's log at level `trace` says; libplacebo reports a failed hook there and nowhere else."""

    fault: str | None
    ran: tuple[str, ...]
    skipped: tuple[str, ...]
    device: str
    validated: bool
    """Whether the validation layer read along."""

    @classmethod
    def read(cls, text: str, known: str = "") -> _Log:
        """What the log says, without the messages that the pattern `known` is found in."""
        ran: list[str] = []
        skipped: list[str] = []
        complaints: list[str] = []
        failed = validated = False
        device = ""
        for level, message in re.findall(r"^(?:\[[^\]]* @ \w+\] )?\[(\w+)\] (.*)$", text, re.MULTILINE):
            if known and re.search(known, message):
                continue
            if level in ("error", "fatal", "panic"):
                failed = True
            # A warning just before the error is often the reason: "Variable 'X' not found in RPN expression!".
            if level in ("warning", "error", "fatal", "panic") and not _HARMLESS.search(message):
                complaints.append(message)
            if match := re.match(r"Executing hook pass \d+ on stage '\w+': (.*)", message):
                ran.append(match[1].strip())
            elif message.startswith("Skipping hook"):
                skipped.append(ran.pop())
            elif match := re.match(r"\s+Device Name: (.*)", message):
                device = match[1].strip()
            validated |= message == "Standard validation layer VK_LAYER_KHRONOS_validation is enabled"
        fault = _telling(complaints) if failed else None
        return cls(fault, tuple(ran), tuple(skipped), device, validated)


def _telling(complaints: list[str]) -> str:
    """The first complaint; for a compile error with the line of generated GLSL that it points at."""
    first = complaints[0].strip()
    numbered = re.search(r"ERROR: \d+:(\d+):", first)
    if numbered is not None:
        # Dumps of the vertex and of the failing shader follow, each line as "[ 75] text"; the failing one comes last.
        lines = [
            match[2]
            for line in complaints
            if (match := re.match(r"\[ *(\d+)\] (.*)", line)) and match[1] == numbered[1]
        ]
        if lines:
            return f"libplacebo reported {first!r} in the line {lines[-1].strip()!r}, expected a shader that compiles"
    return f"libplacebo reported {first!r}, expected a shader that runs"
