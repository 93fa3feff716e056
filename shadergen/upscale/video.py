"""Clips through hook files: ffmpeg decodes and encodes, one frame at a time is in memory.

The frames keep their format (grey, 4:2:0, 4:2:2 or 4:4:4, 8 to 16 bits, alpha), range, matrix, transfer and chroma
siting as far as the encoder can. All are written into the new file's tags, also those that a player would have guessed
from the old size, and so is HDR10's metadata. Sound, subtitles, chapters and attachments are copied. Frame rates that
vary become constant, so that sound and picture stay together: every frame is shown when it was, by its own time and not
by its number, since files of varying rate say "constant", too.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from shadergen.errors import ShadergenError
from shadergen.files import whole_file
from shadergen.hookfile import parse
from shadergen.runtime.colour import ycbcr_decoding
from shadergen.runtime.context import open_context
from shadergen.runtime.program import Storage
from shadergen.runtime.runner import CodedPlane, Frame, Runner
from shadergen.upscale import encoder as encoding
from shadergen.upscale.clip import Clip, probe

SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in "mkv mp4 m4v mov webm avi ts m2ts mts mpg mpeg vob wmv flv ogv y4m".split()  # noqa: SIM905 - readable
)
"""The suffixes of files that are clips."""
_TEXT_SUBTITLES = frozenset({"subrip", "ass", "ssa", "mov_text", "webvtt", "text"})
_MP4 = frozenset({".mp4", ".m4v", ".mov"})
_SILENT = "no reason given"


def upscale_clip(
    path: Path,
    output: Path,
    files: Mapping[str, str],
    *,
    factor: float = 2.0,
    encoder: Sequence[str] | None = None,
    deinterlace: bool = False,
    check: Callable[[tuple[int, int]], None] = lambda size: None,
    progress: Callable[[int, int], None] = lambda done, frames: None,
    warn: Callable[[str], None] = lambda words: None,
) -> int:
    """Write `path` enlarged by hook files (texts by name, in the player's order), and count the frames.

    The new file appears under its name only when it is finished. `encoder` has ffmpeg's output arguments; with
    `deinterlace`, whole frames are made of fields first. `check` is called with the size of a frame before any work,
    and may raise. `progress` is told frames done and expected, `warn` what will be otherwise than in the clip, and what
    ffmpeg says of a damaged file that it can go on with.
    Raises NoDeviceError, HookFileError, ShaderRunError, and ShadergenError with ffmpeg's words.
    """
    clip = probe(path)
    check(clip.size)
    arguments = list(encoder or encoding.default_arguments(output).split())
    for words in _notes(clip, arguments, deinterlace):
        warn(words)
    if clip.has_alpha and not encoding.keeps_alpha(arguments):
        clip = replace(clip, has_alpha=False)
    parsed = {name: parse(text, name) for name, text in files.items()}
    where, first = next(iter(parsed.items()))
    size = _enlarged(clip, factor)
    layout = _layout(clip, size)
    context = open_context()
    try:
        after = {name: file for name, file in parsed.items() if name != where}
        storage: Storage = "rgba16f" if clip.depth <= 10 else "rgba32f"  # 16-bit floats have 11 bits
        with (
            Runner(context, first, storage=storage, where=where, after=after) as runner,
            _encoder(path, output, clip, size, arguments) as write,
            decoded(path, clip, warn, deinterlace) as frames,
        ):
            count = 0
            for frame in frames:
                opaque, alpha = _without_alpha(frame, clip.depth)
                result = runner.run(opaque, size, only=(), coded=layout)
                if count == 0:
                    result.require_a_pass(where)
                for plane in result.coded:
                    write(plane)
                if alpha:
                    for plane in runner.run(alpha, size, only=(), coded=[CodedPlane(_GREEN, clip.depth, size)]).coded:
                        write(plane)
                count += 1
                progress(count, clip.frames)
            if count == 0:
                raise ShadergenError(path, "found no frame that ffmpeg can decode, expected a clip")
            return count
    finally:
        context.release()


_GREEN = (0.0, 1.0, 0.0, 0.0)
"""A grey picture as it is: all its colours are the same."""


def _without_alpha(frame: Frame, depth: int) -> tuple[Frame, Frame | None]:
    """The frame, and its alpha as a grey picture of the full range, for itself: colours are not multiplied by it."""
    if "ALPHA" not in frame.planes:
        return frame, None
    codes = frame.planes["ALPHA"]
    opaque = {name: plane for name, plane in frame.planes.items() if name != "ALPHA"}
    mul = 1.0 if codes.dtype == np.uint8 else 65535 / (2**depth - 1)
    return replace(frame, planes=opaque), Frame({"LUMA": codes}, mul, full_range=True)


def _notes(clip: Clip, arguments: Sequence[str], deinterlace: bool) -> Iterator[str]:
    """What the new clip has not as the old one had it."""
    if clip.is_rgb:
        yield "found RGB, written as YCbCr 4:4:4 of BT.709"
    if clip.foreign_matrix:
        yield f"found the matrix {clip.foreign_matrix}, taken for {clip.colorspace}"
    if clip.average:
        yield (
            f"found frames at varying times, {float(clip.average):.4g} a second on average; written at "
            f"{float(clip.rate):.4g} a second, each at its time"
        )
    if clip.first_field and not deinterlace:
        yield f"found interlaced video, {clip.first_field} field first; --deinterlace makes whole frames of it"
    yield from encoding.lost(clip, arguments)
    if (clip.mastering or clip.light) and encoding.with_brightness(arguments, clip.mastering, clip.light) is None:
        name = encoding.name_of(arguments) or "the encoder"
        yield f"found HDR10's metadata, for which {name} has no option here; libx265 keeps them"


def _enlarged(clip: Clip, factor: float) -> tuple[int, int]:
    """The new size: whole chroma samples, since most encoders refuse parts of them."""
    across, down = (
        max(ratio, round(extent * factor / ratio) * ratio) for extent, ratio in zip(clip.size, clip.ratio, strict=True)
    )
    return across, down


def _layout(clip: Clip, size: tuple[int, int]) -> tuple[CodedPlane, ...]:
    """The planes of a raw frame of the enlarged clip."""
    decode, offset = ycbcr_decoding(clip.matrix, clip.full_range, clip.depth)
    encode = np.linalg.inv(decode)
    ratio = clip.ratio
    chroma = (-(-size[0] // ratio[0]), -(-size[1] // ratio[1]))
    rows = [(*(float(v) for v in row), -float(shift)) for row, shift in zip(encode, offset, strict=True)]
    y, cb, cr = ((r, g, b, shift) for r, g, b, shift in rows)
    if clip.subsampling == "400":
        return (CodedPlane(y, clip.depth, size),)
    return (
        CodedPlane(y, clip.depth, size),
        *(CodedPlane(row, clip.depth, chroma, (float(ratio[0]), float(ratio[1])), clip.shift) for row in (cb, cr)),
    )


# ---------------------------------------------------------------------------------------------------------------------
# ffmpeg


@contextlib.contextmanager
def decoded(
    path: Path, clip: Clip, warn: Callable[[str], None] = lambda words: None, deinterlace: bool = False
) -> Iterator[Iterator[Frame]]:
    """The frames of a clip, as a player uploads them.

    Raises ShadergenError at the end where ffmpeg gave up; `warn` gets its first complaint where it went on.
    """
    filters = "setpts=PTS-STARTPTS"  # the encoder is told when the first frame is
    if clip.is_rgb:
        filters += ",scale=out_color_matrix=bt709:out_range=tv"
    elif (
        clip.full_range and clip.subsampling != "400"
    ):  # some decoders give yuvj420p, which ffmpeg would squeeze into the limited range
        filters += ",scale=out_range=pc"
    if deinterlace:
        filters = f"bwdif=mode=send_frame,{filters}"
    decoder = ["-c:v", clip.decoder] if clip.decoder else []
    command = ["ffmpeg", "-v", "error", "-nostdin", *decoder, "-i", str(path), "-map", "0:v:0", "-vf", filters]
    command += ["-fps_mode", "cfr", "-r", str(clip.rate), "-f", "rawvideo", "-pix_fmt", clip.format, "-"]
    with _process(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as (process, complaint):
        assert process.stdout is not None
        yield _frames(process.stdout, clip)
        if process.wait() != 0:
            raise ShadergenError(path, f"ffmpeg cannot decode it: {complaint() or _SILENT}")
        if words := complaint():
            warn(f"ffmpeg says {words!r}")


def _frames(stream: IO[bytes], clip: Clip) -> Iterator[Frame]:
    (width, height), ratio = clip.size, clip.ratio
    chroma = (2, -(-height // ratio[1]), -(-width // ratio[0]))
    kind = np.dtype("<u2" if clip.depth > 8 else "u1")
    shapes = {"LUMA": (1, height, width)}
    if clip.subsampling != "400":
        shapes["CHROMA"] = chroma
    if clip.has_alpha:
        shapes["ALPHA"] = (1, height, width)
    counts = [math.prod(shape) for shape in shapes.values()]
    # Codes of limited range are shifted to 16 bits, full range is stretched: what NAME_mul does in players.
    mul = 1.0 if clip.depth == 8 else 65535 / (2**clip.depth - 1) if clip.full_range else 2.0 ** (16 - clip.depth)
    depth = clip.depth if clip.full_range or clip.depth == 8 else 16
    brightness = clip.brightness
    for number in itertools.count():
        data = stream.read(sum(counts) * kind.itemsize)
        codes = np.frombuffer(data, kind)
        if codes.size < sum(counts):
            return
        parts = np.split(codes, np.cumsum(counts)[:-1])
        planes = {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        pts = clip.start + float(number / clip.rate)
        yield Frame(planes, mul, clip.shift, clip.matrix, clip.full_range, depth, pts, brightness)


@contextlib.contextmanager
def _encoder(
    path: Path, output: Path, clip: Clip, size: tuple[int, int], arguments: Sequence[str]
) -> Iterator[Callable[[bytes], None]]:
    colours = ["-color_range", "pc" if clip.full_range else "tv", "-colorspace", clip.colorspace]
    colours += ["-chroma_sample_location", clip.siting] if clip.subsampling in ("420", "422") else []
    colours += [word for option, value in clip.tags.items() if option != "-vf" for word in (option, value)]
    aspect = ["-vf", clip.tags["-vf"]] if "-vf" in clip.tags else []
    arguments = encoding.with_brightness(arguments, clip.mastering, clip.light) or arguments
    with whole_file(output) as temporary:
        raw = ["-f", "rawvideo", "-pix_fmt", clip.format, "-s", f"{size[0]}x{size[1]}", "-r", str(clip.rate)]
        start = ["-itsoffset", f"{clip.start:.6f}"]
        command = ["ffmpeg", "-v", "error", "-nostdin", "-y", *start, *raw, *colours, "-i", "-"]
        command += ["-i", str(path)]
        command += ["-map", "0:v", "-map", "1:a?", "-c", "copy", *_other_streams(clip, output)]
        command += ["-map_metadata", "1", "-map_chapters", "1", *aspect, *colours, *arguments, str(temporary)]
        with _process(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (process, complaint):
            stream = process.stdin
            assert stream is not None

            def write(plane: bytes) -> None:
                try:
                    stream.write(plane)
                except BrokenPipeError:
                    process.wait()
                    raise ShadergenError(output, f"ffmpeg cannot encode it: {complaint() or _SILENT}") from None

            yield write
            with contextlib.suppress(BrokenPipeError):
                stream.close()
            if process.wait() != 0:
                raise ShadergenError(output, f"ffmpeg cannot encode it: {complaint() or _SILENT}")


def _other_streams(clip: Clip, output: Path) -> list[str]:
    """What to do with subtitles and attachments: what the new container can hold is kept."""
    suffix = output.suffix.lower()
    arguments: list[str] = []
    written = 0
    for number, codec in enumerate(clip.subtitles):
        if suffix in _MP4 and codec in _TEXT_SUBTITLES:
            kind = "mov_text"
        elif suffix == ".mkv":
            kind = "subrip" if codec == "mov_text" else "copy"
        else:
            continue
        arguments += ["-map", f"1:s:{number}", f"-c:s:{written}", kind]
        written += 1
    return [*arguments, "-map", "1:t?"] if suffix == ".mkv" else arguments


@contextlib.contextmanager
def _process(command: list[str], **streams: Any) -> Iterator[tuple[subprocess.Popen[bytes], Callable[[], str]]]:
    """A process that ends with the block, and what tells its first complaint: later ones follow from it."""
    with tempfile.TemporaryFile() as errors:

        def complaint() -> str:
            errors.seek(0)
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
            return re.sub(r"^\[[^\]]* @ \w+\] ", "", lines[0]).strip() if lines else ""

        # In a session of its own, lest Ctrl-C reach it before us.
        process = subprocess.Popen(command, stderr=errors, start_new_session=True, **streams)
        try:
            yield process, complaint
        finally:
            if process.poll() is None:
                process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()
