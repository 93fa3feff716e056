"""Pictures and clips through shaders: what goes in comes out, larger, and nothing is lost on the way."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from click.testing import CliRunner, Result

from shadergen import compiler, hookfile, sources
from shadergen.cli import main
from shadergen.errors import ShaderRunError
from shadergen.hookfile import parse
from shadergen.target import Target
from shadergen.upscale import png
from shadergen.upscale.clip import probe
from shadergen.upscale.pictures import load
from shadergen.upscale.upscale import Tiling, Upscaler
from tests.nets import c_model

pytestmark = pytest.mark.usefixtures("gl")

needs_ffmpeg = pytest.mark.usefixtures("ffmpeg")

COPY = """//!HOOK LUMA
//!BIND HOOKED
//!DESC each texel four times
//!WIDTH HOOKED.w 2 *
//!HEIGHT HOOKED.h 2 *
//!COMPONENTS 1
vec4 hook() { return vec4(HOOKED_mul * texelFetch(HOOKED_raw, ivec2(HOOKED_pos * HOOKED_size), 0).x, 0.0, 0.0, 1.0); }
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def copying(tmp_path: Path) -> Path:
    path = tmp_path / "copy.glsl"
    path.write_text(COPY)
    return path


def noise(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).random(shape).astype(np.float32)


# Tiles


def test_a_tiling_covers_an_axis_once() -> None:
    tiles = Tiling(side=64, overlap=32).spans(150)
    assert [(tile.kept.start, tile.kept.stop) for tile in tiles] == [(0, 64), (64, 128), (128, 150)]
    assert [(tile.played.start, tile.played.stop) for tile in tiles] == [(0, 96), (32, 150), (96, 150)]


@pytest.mark.parametrize(("channels", "weights"), [(1, "texture"), (4, "code")])
def test_tiles_are_the_whole_picture_bit_by_bit(channels: int, weights: Any) -> None:
    text = hookfile.format(compiler.compile(c_model("luma", filters=4), Target("compute", weights=weights)))
    pixels = noise(channels, 98, 170)
    with Upscaler({"net": text}, side=0) as whole, Upscaler({"net": text}, side=160) as tiled:
        assert np.array_equal(whole(pixels), tiled(pixels))


def test_a_picture_with_alpha_in_tiles() -> None:
    """Colours that are spread into what is transparent come from the same texels in each tile."""
    text = hookfile.format(compiler.compile(c_model("luma", filters=4), Target("compute")))
    picture = np.random.default_rng(3).integers(0, 256, (4, 98, 170), np.uint8)
    picture[3, 30:70, 40:130] = 0
    with Upscaler({"net": text}, side=0) as whole, Upscaler({"net": text}, side=160) as tiled:
        assert np.array_equal(whole(picture), tiled(picture))


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_picture_is_written_in_bands(suffix: str, copying: Path, tmp_path: Path) -> None:
    """PNG from top to bottom as the tiles come; what cannot be written so is put together first."""
    codes = np.random.default_rng(1).integers(0, 256, (150, 90, 3), np.uint8)
    PIL.Image.fromarray(codes).save(tmp_path / "in.png")
    for name, tile in (("whole", 0), ("tiled", 128)):
        out = tmp_path / f"{name}{suffix}"
        assert run("upscale", tmp_path / "in.png", "-o", out, "--shader", copying, "--tile", tile).exit_code == 0
    tiled, whole = (np.asarray(PIL.Image.open(tmp_path / f"{name}{suffix}")) for name in ("tiled", "whole"))
    assert tiled.shape == (300, 180, 3)
    assert np.array_equal(tiled, whole)


def test_the_overlap_is_as_large_as_the_file_needs() -> None:
    blur = """//!HOOK LUMA
//!BIND HOOKED
vec4 hook() {
    vec4 sum = vec4(0.0);
    for (int x = -70; x <= 70; x++) sum += HOOKED_mul * texelFetch(HOOKED_raw,
        clamp(ivec2(HOOKED_pos * HOOKED_size) + ivec2(x, 0), ivec2(0), ivec2(HOOKED_size) - 1), 0);
    return sum / 141.0;
}
"""
    pixels = noise(1, 64, 700)
    with Upscaler({"blur": blur}, side=0) as whole, Upscaler({"blur": blur}, side=400) as tiled:
        assert np.array_equal(whole(pixels), tiled(pixels))
        assert tiled._overlap == 128 + 32


def test_a_file_that_depends_on_the_place_is_refused_in_tiles() -> None:
    vignette = "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return HOOKED_texOff(0) * HOOKED_pos.x; }\n"
    with Upscaler({"vignette": vignette}, side=96) as tiled, pytest.raises(ShaderRunError, match="depends on more"):
        tiled(noise(1, 200, 200))


# Pictures


def test_alpha_does_not_let_hidden_colours_bleed(tmp_path: Path) -> None:
    smooth = COPY.replace("HOOK LUMA", "HOOK MAIN").replace("COMPONENTS 1", "COMPONENTS 4")
    smooth = smooth.partition("vec4 hook")[0] + "vec4 hook() { return HOOKED_tex(HOOKED_pos); }\n"
    pixels = np.zeros((4, 8, 8), np.float32)
    pixels[:, :, :4] = [[[1.0]], [[0.5]], [[0.0]], [[1.0]]]  # the other half is black and transparent
    with Upscaler({"smooth": smooth}) as upscaler:
        codes = upscaler(pixels)
    assert (np.abs(codes[:3, :, :10].astype(int) - [[[255]], [[128]], [[0]]]) <= 1).all()
    assert codes[3, 0].tolist() == [255] * 7 + [191, 64] + [0] * 7


@pytest.mark.parametrize(
    ("mode", "colour"), [("L", 77), ("RGB", (200, 100, 50)), ("RGBA", (200, 100, 50, 255)), ("P", 1)]
)
def test_profiles_exif_and_pixel_types(copying: Path, tmp_path: Path, mode: str, colour: Any) -> None:
    image = PIL.Image.new(mode, (5, 3), colour)
    if mode == "P":
        image.putpalette([0, 0, 0, 200, 100, 50])
    exif = PIL.Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"  # the orientation: turn clockwise
    space = b"GRAY" if mode == "L" else b"RGB "
    image.save(tmp_path / "in.png", exif=exif, icc_profile=b"\0" * 16 + space + b"\0" * 108)
    assert run("upscale", tmp_path / "in.png", "-o", tmp_path / "out", "--shader", copying).exit_code == 0
    with PIL.Image.open(tmp_path / "out" / "in.png") as result:
        assert result.size == (6, 10)
        assert result.mode == ("RGB" if mode == "P" else mode)
        expected = (200, 100, 50) if mode == "P" else colour
        pixel: Any = result.getpixel((0, 0))
        assert np.allclose(pixel, expected, atol=1)
        assert result.info["icc_profile"][16:20] == space
        assert dict(result.getexif()) == {0x010F: "a camera"}, "the picture is upright, so no orientation is left"


def test_16_bits_stay_16_bits(copying: Path, tmp_path: Path) -> None:
    codes = np.random.default_rng(0).integers(0, 65536, (3, 9, 7), np.uint16)
    (tmp_path / "in.png").write_bytes(b"".join(png.encoded(iter([codes]), codes.shape, 16)))
    assert run("upscale", tmp_path / "in.png", "-o", tmp_path / "out.png", "--shader", copying).exit_code == 0
    luma = [0.2126, 0.7152, 0.0722]
    result = png.read((tmp_path / "out.png").read_bytes())
    once = np.tensordot(luma, result[:, ::2, ::2].astype(float), 1)
    # Clipping of colours that bilinear chroma takes outside RGB aside, luma is what it was.
    inside: Any = ((result > 0) & (result < 65535)).all(axis=0)
    inside = inside[::2, ::2]
    assert inside.sum() > 20
    assert np.abs(once - np.tensordot(luma, codes.astype(float), 1))[inside].max() < 2


def test_what_exists_is_left_alone(copying: Path, tmp_path: Path) -> None:
    PIL.Image.new("L", (3, 3)).save(tmp_path / "in.png")
    (tmp_path / "out.png").write_text("precious")
    arguments = ("upscale", tmp_path / "in.png", "-o", tmp_path / "out.png", "--shader", copying)
    result = run(*arguments)
    assert result.exit_code == 1
    assert "--overwrite" in result.output
    assert run(*arguments, "--skip-existing").exit_code == 0
    assert (tmp_path / "out.png").read_text() == "precious"
    assert run(*arguments, "--overwrite").exit_code == 0
    assert load(tmp_path / "out.png").pixels.shape == (1, 6, 6)


def test_a_tiff_and_its_tags(copying: Path, tmp_path: Path) -> None:
    image = PIL.Image.new("RGB", (5, 3))
    exif = image.getexif()
    exif[0x010F] = "a camera"
    image.save(tmp_path / "in.tif", exif=exif, compression="tiff_lzw")
    assert run("upscale", tmp_path / "in.tif", "-o", tmp_path / "out.tif", "--shader", copying).exit_code == 0
    with PIL.Image.open(tmp_path / "out.tif") as written:
        assert (written.size, written.getexif()[0x010F]) == ((10, 6), "a camera")


def test_one_damaged_picture_does_not_stop_the_others(copying: Path, tmp_path: Path) -> None:
    first, *others = (PIL.Image.new("RGB", (3, 3), colour) for colour in ("red", "green", "blue"))
    first.save(tmp_path / "animated.gif", save_all=True, append_images=others)
    (tmp_path / "bad.png").write_bytes(b"no picture")
    first.save(tmp_path / "good.png")
    result = run("upscale", tmp_path / "*.[pg]*[gf]", "-o", tmp_path / "out", "--shader", copying)
    assert result.exit_code == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["animated.png", "good.png"]
    assert "found 3 pictures, took the first" in result.stderr
    assert "bad.png: found something that is no picture" in result.stderr


def test_a_shader_that_stays_off_is_told(tmp_path: Path, copying: Path) -> None:
    """What came out would be the picture, merely scaled."""
    PIL.Image.new("RGB", (3, 3)).save(tmp_path / "in.png")
    copying.write_text(COPY.replace("//!DESC", "//!WHEN OUTPUT.w HOOKED.w 1.2 * >\n//!DESC"))
    result = run("upscale", tmp_path / "in.png", "-o", tmp_path / "out.png", "--shader", copying, "--factor", 1)
    assert result.exit_code == 1
    assert "found no hook pass that runs" in result.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_chroma_file_is_told_that_a_picture_has_all_its_colours(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (4, 4)).save(tmp_path / "in.png")
    sources.save(c_model("chroma", filters=4, layers=1), tmp_path / "chroma.npz")
    result = run("upscale", tmp_path / "in.png", "-o", tmp_path / "out.png", "--shader", tmp_path / "chroma.npz")
    assert result.exit_code == 0, result.output
    assert "they are only scaled; use it as --chroma" in result.stderr


def test_a_model_is_read_as_build_reads_it(tmp_path: Path) -> None:
    """With its options, and the picture becomes as large as the model makes it."""
    PIL.Image.new("RGB", (4, 3), "red").save(tmp_path / "in.png")
    sources.save(c_model("luma", filters=4), tmp_path / "model.onnx")
    arguments = ("upscale", tmp_path / "in.png", "-o", tmp_path / "out.png", "--shader", tmp_path / "model.onnx")
    result = run(*arguments, "--prescale", 2)
    assert result.exit_code == 0, result.output
    assert load(tmp_path / "out.png").pixels.shape == (3, 12, 16)
    result = run(*arguments, "--plane", "rgb", "--overwrite")
    assert result.exit_code == 1
    assert "expected 3 for a rgb model" in result.stderr


def test_wildcards_and_folders(copying: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.gif"):
        PIL.Image.new("RGB", (3, 3)).save(tmp_path / name)
    result = run("upscale", tmp_path / "?.[pg]*", "-o", tmp_path / "out", "--shader", copying)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    assert run("upscale", tmp_path / "*.png", tmp_path / "b.gif", "-o", "x.png", "--shader", copying).exit_code == 2


# Clips


def make_clip(path: Path, format: str, *options: str, size: str = "32x18") -> npt.NDArray[np.integer[Any]]:
    """A lossless clip of three frames with a sound; the luma codes of its frames, (3, h, w)."""
    source = ["-f", "lavfi", "-i", f"testsrc2=s={size}:r=25:d=0.12,format={format}", "-f", "lavfi", "-i", "sine=d=0.12"]
    command = ["ffmpeg", "-v", "error", "-y", *source, *options, "-c:v", "ffv1", "-c:a", "pcm_s16le", str(path)]
    subprocess.run(command, check=True)
    return luma(path, format)


def luma(path: Path, format: str) -> npt.NDArray[np.integer[Any]]:
    clip = probe(path)
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", format, "-"]
    raw = subprocess.run(command, check=True, capture_output=True).stdout
    frames = np.frombuffer(raw, "<u2" if clip.depth > 8 else "u1").reshape(3, -1)
    return frames[:, : clip.size[0] * clip.size[1]].reshape(3, clip.size[1], clip.size[0])


@needs_ffmpeg
@pytest.mark.parametrize(
    ("format", "options", "size"),
    [
        ("yuv420p", ("-color_range", "tv", "-colorspace", "smpte170m"), "32x18"),
        ("yuv420p10le", ("-color_range", "tv", "-colorspace", "bt709"), "33x17"),
        ("yuv444p", ("-color_range", "pc", "-colorspace", "bt709"), "31x19"),
        ("yuv422p10le", ("-color_range", "pc", "-colorspace", "bt2020nc"), "32x18"),
    ],
)
def test_a_clip_keeps_its_codes(
    copying: Path, tmp_path: Path, format: str, options: tuple[str, ...], size: str
) -> None:
    before = make_clip(tmp_path / "in.mkv", format, *options, size=size)
    arguments = (
        "upscale",
        tmp_path / "in.mkv",
        "-o",
        tmp_path / "out.mkv",
        "--shader",
        copying,
        "--encode",
        "-c:v ffv1",
    )
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    after = luma(tmp_path / "out.mkv", format)
    # fp16 has 11 bits: codes of 10 may be off by one, those of 8 not.
    assert np.abs(after.astype(int) - before.repeat(2, 1).repeat(2, 2)).max() <= (1 if "10" in format else 0)
    old, new = probe(tmp_path / "in.mkv"), probe(tmp_path / "out.mkv")
    assert (new.format, new.full_range, new.colorspace, new.siting) == (
        old.format,
        old.full_range,
        old.colorspace,
        old.siting,
    )
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@needs_ffmpeg
def test_sound_is_copied_and_a_guessed_matrix_is_written_down(copying: Path, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", "yuv420p", size="640x400")  # twice this, players would guess BT.709
    run("upscale", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--shader", copying)
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_streams", "-count_packets", f"{tmp_path}/out.mkv"]
    streams = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["streams"]
    assert [stream["codec_name"] for stream in streams] == ["h264", "pcm_s16le"]
    assert streams[0]["color_space"] == "smpte170m"
    assert int(streams[0]["nb_read_packets"]) == 3


@needs_ffmpeg
def test_frames_keep_their_time(copying: Path, tmp_path: Path) -> None:
    """A rate that varies, in a file that says it does not: two seconds stay two seconds."""
    chosen = "testsrc2=s=32x18:r=25:d=2,select=lt(n\\,10)+not(mod(n\\,3))"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", chosen, "-fps_mode", "vfr", f"{tmp_path}/in.mkv"]
    subprocess.run(command, check=True)
    assert run("upscale", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--shader", copying).exit_code == 0
    command = ["ffprobe", "-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration", f"{tmp_path}/out.mkv"]
    seconds = float(subprocess.run(command, check=True, capture_output=True).stdout)
    assert seconds == pytest.approx(49 / 25, abs=0.05)  # the last frame that is chosen is number 48


@needs_ffmpeg
def test_a_clip_gets_whole_chroma_samples(copying: Path, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", "yuv420p", size="32x18")  # 1.39 times this is 44.5 by 25
    result = run("upscale", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--shader", copying, "--factor", 1.39)
    assert result.exit_code == 0, result.output
    assert probe(tmp_path / "out.mkv").size == (44, 26)


@needs_ffmpeg
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_clip_leaves_no_file(copying: Path, tmp_path: Path, end: signal.Signals) -> None:
    long = ["-f", "lavfi", "-i", "color=s=64x36:d=200", "-c:v", "mpeg4", f"{tmp_path}/long.avi"]
    subprocess.run(["ffmpeg", "-v", "error", *long], check=True)
    command = [sys.executable, "-m", "shadergen", "upscale", f"{tmp_path}/long.avi", "-o", f"{tmp_path}/out/x.mkv"]
    # Jobs in a shell's background ignore SIGINT, and so would what they start.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen([*command, "--shader", str(copying)], stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    while process.poll() is None and not any(tmp_path.glob("out/.*.mkv")):
        time.sleep(0.02)
    time.sleep(0.5)  # until ffmpeg has it, too
    process.send_signal(end)
    _, words = process.communicate(timeout=30)
    assert process.returncode == 128 + end, words
    assert "Traceback" not in words
    assert not any((tmp_path / "out").iterdir())


@needs_ffmpeg
def test_a_clip_that_breaks_leaves_no_file(copying: Path, tmp_path: Path) -> None:
    make_clip(tmp_path / "in.mkv", "yuv420p")
    result = run(
        "upscale", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--shader", copying, "--encode", "-c:v none"
    )
    assert result.exit_code == 1
    assert "ffmpeg cannot encode it" in result.output
    (tmp_path / "bad.mkv").write_bytes(b"no clip")
    result = run("upscale", tmp_path / "bad.mkv", "-o", tmp_path / "out.mkv", "--shader", copying)
    assert "found nothing that ffmpeg can read" in result.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.mkv", "copy.glsl", "in.mkv"]


def test_a_file_list_runs_in_order() -> None:
    """As in the player's list: the second file sees what the first one made."""
    half = "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return 0.5 * HOOKED_texOff(0); }\n"
    shift = "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return HOOKED_texOff(0) + 0.25; }\n"
    grey = np.full((1, 4, 4), 1.0, np.float32)
    with (
        Upscaler({"half": half, "shift": shift}, factor=1) as one,
        Upscaler({"s": shift, "h": half}, factor=1) as other,
    ):
        assert one(grey).max() == 191
        assert other(grey).max() == 159
    assert parse(half).passes
