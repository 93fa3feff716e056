"""The shaders in the real mpv: both renderers, both APIs, several kinds of video; a table for docs/players.md.

    python bench/players.py [SHADER...] [--video NAME]...        (default: all of shaders/, all kinds of video)

Each cell is the largest difference, in steps of 8-bit video, between mpv's window at twice the video's size and the
runner's picture, and the share of pixels within 1.6 steps; or why there is none. Files with fp16 arithmetic or buffers
are compared with the runner's picture of `_CMP`, as OpenGL runs neither. Chroma files play alone. Needs mpv, Xvfb and
ffmpeg. A driver without optimisation compiles several times faster: GALLIVM_PERF=nopt.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from shadergen.errors import ShadergenError
from shadergen.hookfile import parse
from shadergen.runtime import mpv
from shadergen.runtime.colour import rgb_to_ycbcr
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.upscale import video
from shadergen.upscale.clip import probe

ROOT = Path(__file__).resolve().parent.parent
X264 = ("-c:v", "libx264", "-crf", "12", "-x264-params")
CLIPS = {
    "8 bits": ("yuv420p", "192x128", "tv", (*X264, "chromaloc=0"), ()),
    "NV12": ("yuv420p", "192x128", "tv", (*X264, "chromaloc=0"), ("--vf=format=nv12",)),
    "center": ("yuv420p", "192x128", "tv", (*X264, "chromaloc=1"), ()),
    "10 bits": ("yuv420p10le", "192x128", "tv", (*X264, "chromaloc=0"), ()),
    "odd size": ("yuv420p10le", "191x127", "tv", ("-c:v", "ffv1"), ()),
    "4:4:4 full": ("yuv444p", "192x128", "pc", (*X264, "fullrange=on"), ()),
    "JPEG": ("yuvj420p", "192x128", "pc", ("-c:v", "mjpeg", "-q:v", "2"), ()),
}


def encode(path: Path, format: str, size: str, range: str, encoder: tuple[str, ...]) -> None:
    """The sample picture, in pale colours, as a clip."""
    width, _, height = size.partition("x")
    planes = f"scale=out_color_matrix=bt709:out_range={range},format={format}"
    # Said of every frame: ffmpeg 9 takes the tags from there, and mpv 0.41 takes untagged full range for sRGB.
    tags = f"setparams=range={range}:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    filters = f"hue=s=0.4,crop={width}:{height}:60:40:exact=1,{planes},{tags}"
    source = ["-i", str(ROOT / "tests" / "cases" / "sample.png"), "-vf", filters]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *source, *encoder, str(path)], check=True)


def expected(text: str, name: str, path: Path, floats: bool) -> np.ndarray:
    """The runner's RGB picture; `floats` where the player merges chroma planes into a texture of floats first."""
    clip = probe(path)
    context = open_context()
    try:
        with video.decoded(path, clip) as frames, Runner(context, parse(text, name), where=name) as runner:
            (frame,) = frames
            if floats:
                planes = {
                    stage: codes * (frame.mul / np.iinfo(codes.dtype).max) for stage, codes in frame.planes.items()
                }
                frame = Frame(planes, frame.mul, frame.siting, frame.matrix, frame.full_range, frame.depth)
            size = (2 * clip.size[0], 2 * clip.size[1])
            return np.clip(runner.run(frame, size, only=("OUTPUT",)).planes["OUTPUT"][:3], 0, 1)
    finally:
        context.release()


def cell(file: Path, path: Path, options: tuple[str, ...], renderer: mpv.Renderer, api: mpv.Api, display: str) -> str:
    """One entry of the table."""
    name, text = file.name, file.read_text("utf-8")
    try:
        wide = file.with_name(re.sub("_CMP_FP16|_NEXT|_INTEL", "_CMP", name))
        wanted = expected(wide.read_text("utf-8"), wide.name, path, floats=renderer == "gpu")
        size = (wanted.shape[2], wanted.shape[1])
        shown = mpv.show(
            {name: text}, path, size, display=display, renderer=renderer, api=api, options=options, timeout=600
        )
    except ShadergenError as error:
        return error.problem[:60]
    distance = np.abs(rgb_to_ycbcr(shown.picture) - rgb_to_ycbcr(wanted)).max(axis=0) * 255
    share = 100 * float((distance <= 1.6).mean())
    return f"{distance.max():.2f}, {share:.2f} %" + (f" ({shown.complaints[0]})" if shown.complaints else "")


def main(arguments: list[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shaders", nargs="*", type=Path)
    parser.add_argument("--video", action="append", choices=list(CLIPS))
    options = parser.parse_args(arguments)
    paths = options.shaders or sorted((ROOT / "shaders").glob("*.glsl"))
    videos = {name: CLIPS[name] for name in options.video or CLIPS}
    columns: list[tuple[mpv.Renderer, mpv.Api]] = [
        ("gpu", "opengl"),
        ("gpu", "vulkan"),
        ("gpu-next", "opengl"),
        ("gpu-next", "vulkan"),
    ]
    print("| shader, video | " + " | ".join(f"{renderer} {api}" for renderer, api in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    with tempfile.TemporaryDirectory() as folder, mpv.screen() as display:
        clips = {}
        for number, (name, (format, size, range, encoder, player)) in enumerate(videos.items()):
            clips[name] = (Path(folder) / f"{number}.{'jpg' if name == 'JPEG' else 'mkv'}", player)
            encode(clips[name][0], format, size, range, encoder)
        for path in paths:
            for name, (clip, player) in clips.items():
                cells = (cell(path, clip, player, *column, display) for column in columns)
                print(f"| {path.stem}, {name} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
