"""The real mpv, both renderers: what its window shows is what the runner says, and its log has no complaint.

The window is exactly twice as large as the picture, so that nothing is scaled after a luma doubler but chroma. Software
drivers weigh the texels of 8-bit textures with 8 bits, so the test picture has pale colours: a step of theirs is then
below one of the window's. Most cases play tiny networks, as each mpv compiles anew; `bench/players.py` has the rest.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import pytest

from shadergen import api, compiler, hookfile
from shadergen.errors import ShaderRunError
from shadergen.hookfile import parse
from shadergen.runtime import mpv
from shadergen.runtime.colour import rgb_to_ycbcr
from shadergen.runtime.runner import Runner
from shadergen.sources import load
from shadergen.target import DOT8, TENSOR, TENSOR_TABLES, Target
from shadergen.upscale import video
from shadergen.upscale.clip import probe
from tests.conftest import missing
from tests.matrices import compiles_matrices, for_lavapipe
from tests.nets import bytes_network, c_model

ROOT = Path(__file__).parents[2]

BT709 = "colorspace=bt709:color_primaries=bt709:color_trc=bt709"
"""Said of every frame: since mpv 0.41 video of the full range is sRGB unless it says otherwise, and ffmpeg 9 takes the
tags from the frames and not from its options."""
X264 = ("-c:v", "libx264", "-crf", "12", "-preset", "ultrafast", "-x264-params")
CLIPS = {
    "8 bits, left": ("yuv420p", "96x64", "tv", (*X264, "chromaloc=0")),
    "10 bits, odd": ("yuv420p10le", "95x63", "tv", ("-c:v", "ffv1")),
    "colours, odd": ("yuv420p,lutyuv=y=128", "95x63", "tv", ("-c:v", "ffv1")),
    "center": ("yuv420p", "96x64", "tv", (*X264, "chromaloc=1")),
    "4:4:4, full": ("yuv444p", "96x64", "pc", (*X264, "fullrange=on")),
}
"""Pixel format, size, range, encoder. With loss, as real clips are; H.264 has no odd sizes in 4:2:0."""


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    reason = mpv.unavailable()
    if reason:
        missing("SHADERGEN_REQUIRE_MPV", reason)
    with mpv.screen() as name:
        yield name


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory, display: str) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {name: encode(folder / f"{number}.mkv", *CLIPS[name]) for number, name in enumerate(CLIPS)}


def encode(path: Path, format: str, size: str, range: str, encoder: tuple[str, ...]) -> Path:
    width, _, height = size.partition("x")
    crop = f"crop={width}:{height}:60:40:exact=1"
    planes = f"scale=out_color_matrix=bt709:out_range={range},format={format}"
    filters = f"hue=s=0.4,{crop},{planes},setparams=range={range}:{BT709}"
    source = ["-i", str(ROOT / "tests" / "cases" / "sample.png"), "-vf", filters]
    command = ["ffmpeg", "-v", "error", "-y", *source, *encoder, str(path)]
    subprocess.run(command, check=True)
    return path


def compiled(plane: Any, target: Target) -> str:
    return hookfile.format(compiler.compile(c_model(plane, filters=4), target))


LUMA = {"luma.glsl": compiled("luma", Target("compute"))}
CHROMA = {"chroma.glsl": compiled("chroma", Target("fragment"))}
ANYWHERE = {
    "code": {"anywhere.glsl": compiled("luma", Target("fragment"))},
    "texture": {"anywhere.glsl": compiled("luma", Target("fragment", weights="texture"))},
}
"""Fragment passes with tables: of a rim, and of all weights."""


def expected(gl: moderngl.Context, files: dict[str, str], path: Path, renderer: str, factor: int = 2) -> Any:
    """The runner's picture of what ffmpeg decodes, RGB in 0..1, at so many times its size."""
    clip = probe(path)
    (name, text), *others = files.items()
    after = {other: parse(text) for other, text in others}
    with video.decoded(path, clip) as frames, Runner(gl, parse(text), where=name, after=after) as runner:
        frame = next(frames)
        if renderer == "gpu":  # it merges the chroma planes into a texture of floats before anything reads them
            planes = {name: codes / np.float32(np.iinfo(codes.dtype).max) for name, codes in frame.planes.items()}
            frame = replace(frame, planes={name: values * np.float32(frame.mul) for name, values in planes.items()})
        result = runner.run(frame, (factor * clip.size[0], factor * clip.size[1]), only=("OUTPUT",))
        assert any(run.ran for run in result.passes)
        for _ in frames:
            pass
    return np.clip(result.planes["OUTPUT"][:3], 0, 1)


def assert_shown(
    gl: moderngl.Context,
    files: dict[str, str],
    path: Path,
    display: str,
    renderer: Any,
    api: Any = "opengl",
    *options: str,
    factor: int = 2,
) -> None:
    wanted = expected(gl, files, path, renderer, factor)
    size = (wanted.shape[2], wanted.shape[1])
    try:
        shown = mpv.show(files, path, size, display=display, renderer=renderer, api=api, options=options)
    except ShaderRunError as error:
        if api == "vulkan" and "suitable device" in str(error):
            pytest.skip("this mpv takes no software Vulkan device")
        raise
    assert shown.complaints == ()
    assert shown.picture.shape == wanted.shape
    distance = np.abs(rgb_to_ycbcr(shown.picture) - rgb_to_ycbcr(wanted)).max(axis=0)
    # Half a step of the window, the fp16 of the last passes, and chroma's weights.
    assert (distance <= 1.6 / 255).mean() >= 0.999
    assert distance.max() < 4 / 255
    assert distance.mean() < 0.8 / 255


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
@pytest.mark.parametrize("clip", ["10 bits, odd", "4:4:4, full"])
def test_a_clip(gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str, clip: str) -> None:
    assert_shown(gl, LUMA, clips[clip], display, renderer)


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
def test_nv12(gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str) -> None:
    assert_shown(gl, LUMA, clips["8 bits, left"], display, renderer, "opengl", "--vf=format=nv12")


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
@pytest.mark.parametrize("clip", ["8 bits, left", "center"])
def test_chroma_after_luma(
    gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str, clip: str
) -> None:
    assert_shown(gl, LUMA | CHROMA, clips[clip], display, renderer)


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
def test_chroma_of_odd_sizes(gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str) -> None:
    """Chroma's last sample stands for half of luma's pixels that it would: vo=gpu must not stretch it over the rest.

    At the clip's own size, as gpu-next's free bilinear sampling mixes that rest into the last pixel of a larger window.
    """
    assert_shown(gl, CHROMA, clips["colours, odd"], display, renderer, factor=1)


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
@pytest.mark.parametrize("clip", ["colours, odd", "center"])
def test_chroma_that_luma_predicts(
    gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str, clip: str
) -> None:
    """The guide's passes, whose products and quotients other drivers and storage could spoil."""
    name = "C4F32_Chroma_CMP_INSTANT.glsl"
    text = (ROOT / "shaders" / name).read_text("utf-8")
    assert_shown(gl, {name: text}, clips[clip], display, renderer, factor=1)


def test_chroma_before_luma(gl: moderngl.Context, clips: dict[str, Path], display: str) -> None:
    """In vo=gpu the order of the files does not matter: chroma's passes always come after luma's."""
    assert_shown(gl, CHROMA | LUMA, clips["center"], display, "gpu-next")


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
def test_a_shader_of_the_repository(gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str) -> None:
    name = "C4F16_CMP_INSTANT.glsl"
    text = (ROOT / "shaders" / name).read_text("utf-8")
    assert_shown(gl, {name: text}, clips["8 bits, left"], display, renderer)


@pytest.mark.parametrize("renderer", ["gpu", "gpu-next"])
def test_a_model_on_its_own_result(gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: str) -> None:
    """Both stages of a file, in a window four times as large as the clip."""
    text = api.compile(c_model("luma", filters=4), Target("compute"), factor=4)
    assert_shown(gl, {"fourfold.glsl": text}, clips["10 bits, odd"], display, renderer, factor=4)


def test_vulkan(gl: moderngl.Context, clips: dict[str, Path], display: str) -> None:
    assert_shown(gl, LUMA, clips["8 bits, left"], display, "gpu-next", "vulkan")


@compiles_matrices
@pytest.mark.parametrize("name", ["C4F16", "C4F32"])
@pytest.mark.parametrize(("renderer", "target"), [("gpu-next", TENSOR), ("gpu", TENSOR_TABLES)])
def test_tensor_cores(
    gl: moderngl.Context, clips: dict[str, Path], display: str, renderer: mpv.Renderer, target: Target, name: str
) -> None:
    """A file for tensor cores shows what the plain one does."""
    network, clip = load(ROOT / "weights" / f"{name}.npz"), clips["4:4:4, full"]
    wanted = expected(gl, {"plain.glsl": hookfile.format(compiler.compile(network, Target("compute")))}, clip, renderer)
    text = for_lavapipe(hookfile.format(compiler.compile(network, target)))
    size = (wanted.shape[2], wanted.shape[1])
    shown = mpv.show(
        {"tensor.glsl": text}, clip, size, display=display, renderer=renderer, api="vulkan", timeout=3600.0
    )
    assert shown.complaints == ()
    distance = np.abs(rgb_to_ycbcr(shown.picture) - rgb_to_ycbcr(wanted)).max(axis=0)
    # Half a step of the window, chroma's weights, and 4e-3 for 16-bit products.
    assert distance.max() < 4 / 255
    assert distance.mean() < 0.8 / 255


def test_layers_of_bytes(gl: moderngl.Context, clips: dict[str, Path], display: str) -> None:
    """With the instruction where mpv's compiler knows it."""
    text = hookfile.format(compiler.compile(bytes_network(), DOT8))
    assert_shown(gl, {"bytes.glsl": text}, clips["8 bits, left"], display, "gpu-next", "vulkan")


@pytest.mark.parametrize("version", ["3.0", "3.2"])
@pytest.mark.parametrize("weights", ANYWHERE)
def test_fragments_on_opengl_es(
    gl: moderngl.Context,
    clips: dict[str, Path],
    display: str,
    weights: str,
    version: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What phones have, in the renderer that is mpv's default there."""
    monkeypatch.setenv("MESA_GLES_VERSION_OVERRIDE", version)
    files = ANYWHERE[weights]
    assert "//!TEXTURE" in files["anywhere.glsl"]
    assert_shown(gl, files, clips["8 bits, left"], display, "gpu", "opengl", "--opengl-es=yes")


@pytest.mark.parametrize("weights", ANYWHERE)
def test_libplacebo_on_opengl_es(gl: moderngl.Context, clips: dict[str, Path], display: str, weights: str) -> None:
    """mpv 0.35 takes no picture of such a window, 0.41 does; both say in the log when they refuse a file."""
    try:
        assert_shown(gl, ANYWHERE[weights], clips["8 bits, left"], display, "gpu-next", "opengl", "--opengl-es=yes")
    except ShaderRunError as error:
        if "FBO for screenshot" not in str(error) or "FORMAT" in str(error):
            raise
        pytest.skip("this mpv takes no picture of such a window")


def test_a_file_that_mpv_rejects_is_seen(clips: dict[str, Path], display: str) -> None:
    broken = {"broken.glsl": "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return HOOKED_tex(HOOKED_pos) }\n"}
    try:  # mpv 0.35 takes no picture of such a window, 0.40 does
        told = mpv.show(broken, clips["center"], (192, 128), display=display, renderer="gpu", api="opengl").complaints
    except ShaderRunError as error:
        told = (str(error),)
    assert any("syntax error" in words for words in told)
