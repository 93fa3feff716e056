"""What a clip says about itself, after it was enlarged: kept where the encoder can, and told in one line where not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt
import pytest

from shadergen import compiler, hookfile
from shadergen.hookfile import parse
from shadergen.ir.reference import evaluate
from shadergen.runtime.colour import ycbcr_to_rgb
from shadergen.runtime.frame import Brightness
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import Target
from shadergen.upscale import encoder
from shadergen.upscale.clip import Light, Mastering, probe
from tests.gpu.test_upscale import COPY, run
from tests.nets import c_model

pytestmark = pytest.mark.usefixtures("gl", "ffmpeg")

LOSSLESS = ("--encode", "-c:v ffv1")
QUIET_X265 = "-c:v libx265 -preset ultrafast -x265-params log-level=none:lossless=1"
MASTERING = Mastering(((0.68, 0.32), (0.265, 0.69), (0.15, 0.06), (0.3127, 0.329)), (0.0001, 1000.0))
LIGHT = Light(900, 300)


@pytest.fixture
def copying(tmp_path: Path) -> Path:
    path = tmp_path / "copy.glsl"
    path.write_text(COPY)
    return path


def encoded(path: Path, source: str, *options: str, audio: bool = False) -> Path:
    """Three frames of a source of lavfi."""
    sound = ("-f", "lavfi", "-i", "sine=d=0.12") if audio else ()
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        source,
        *sound,
        "-frames:v",
        "3",
        *options,
        str(path),
    ]
    subprocess.run(command, check=True)
    return path


def raw(path: Path, format: str, *decoder: str) -> npt.NDArray[Any]:
    """The first frame's samples as ffmpeg decodes them, all planes after each other."""
    command = ["ffmpeg", "-v", "error", *decoder, "-i", str(path), "-frames:v", "1"]
    command += ["-f", "rawvideo", "-pix_fmt", format, "-"]
    done = subprocess.run(command, check=True, capture_output=True)
    return np.frombuffer(done.stdout, "<u2" if format.endswith("le") else "u1")


def enlarged(copying: Path, clip: Path, *options: str, suffix: str = ".mkv") -> tuple[Path, str]:
    """The new clip, and what was said on the way."""
    output = clip.with_name(f"out{suffix}")
    result = run("upscale", clip, "-o", output, "--shader", copying, *options)
    assert result.exit_code == 0, result.output
    return output, result.stderr


# HDR


def hdr(path: Path, transfer: str, *options: str) -> Path:
    """A ramp of 10 bits over all codes, those beyond white included."""
    ramp = "color=s=256x16:r=25,format=yuv420p10le,geq=lum='4+X*4':cb='512+Y':cr='512-Y'"
    tags = f"setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020:color_trc={transfer}"
    named = ("-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", transfer)  # for ffmpeg before 7
    return encoded(path, f"{ramp},{tags}", *named, *options)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_pq_and_hlg_keep_codes_and_tags(copying: Path, tmp_path: Path, transfer: str) -> None:
    clip = hdr(tmp_path / "in.mkv", transfer, "-c:v", "ffv1")
    output, said = enlarged(copying, clip, *LOSSLESS)
    assert said == ""
    old, new = probe(clip), probe(output)
    assert new.tags == old.tags == {"-color_primaries": "bt2020", "-color_trc": transfer}
    assert (new.colorspace, new.full_range, new.depth) == ("bt2020nc", False, 10)
    codes, before = raw(output, "yuv420p10le")[:512], raw(clip, "yuv420p10le")[:256]
    assert before.min() < 64 < 940 < before.max()
    assert np.abs(codes.astype(int) - before.repeat(2)).max() <= 1  # of 10 bits, 16-bit floats keep 11


def test_hdr10_s_metadata(copying: Path, tmp_path: Path) -> None:
    arguments = encoder.with_brightness(QUIET_X265.split(), MASTERING, LIGHT)
    assert arguments
    clip = hdr(tmp_path / "in.mkv", "smpte2084", *arguments)
    assert (probe(clip).mastering, probe(clip).light) == (MASTERING, LIGHT)
    output, said = enlarged(copying, clip, "--encode", QUIET_X265)
    assert said == ""
    assert (probe(output).mastering, probe(output).light) == (MASTERING, LIGHT)
    assert probe(output).brightness == Brightness(0.0001, 1000.0, 900, 300)
    assert encoder.with_brightness(["-c:v", "ffv1"], MASTERING, LIGHT) is None


def test_hdr10_s_metadata_as_x264_writes_them(tmp_path: Path) -> None:
    """ffmpeg 5.1 does not show them, so the stream's bits are read."""
    arguments = encoder.with_brightness(["-c:v", "libx264", "-x264-params", "log-level=error"], MASTERING, LIGHT)
    assert arguments
    clip = hdr(tmp_path / "in.mkv", "smpte2084", *arguments)
    command = ["ffmpeg", "-v", "info", "-i", str(clip), "-c", "copy", "-bsf:v", "trace_headers", "-f", "null", "-"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    values = {line.split()[4]: line.split()[-1] for line in said.splitlines() if "max_" in line and " = " in line}
    assert values["max_display_mastering_luminance"] == "10000000"
    assert values["max_content_light_level"] == "900"


def test_svt_av1_is_told_in_plain_numbers() -> None:
    arguments = encoder.with_brightness(["-c:v", "libsvtav1"], MASTERING, LIGHT)
    display = "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.0001)"
    assert arguments == ["-c:v", "libsvtav1", "-svtav1-params", f"mastering-display={display}:content-light=900,300"]


def test_values_above_one_go_through_a_network(gl: moderngl.Context) -> None:
    """PQ of BT.2020 in the limited range: codes beyond white are colours above 1 in MAIN, and nothing cuts them off."""
    graph = c_model("rgb", filters=4)
    rng = np.random.default_rng(0)
    luma = rng.integers(64, 1020, (1, 12, 16), np.uint16)
    chroma = rng.integers(400, 624, (2, 12, 16), np.uint16)
    planes = {"LUMA": luma, "CHROMA": chroma}
    frame = Frame(planes, mul=64.0, matrix="bt2020", full_range=False, depth=16)
    text = hookfile.format(compiler.compile(graph, Target("compute")))
    with Runner(gl, parse(text), storage="rgba32f") as runner:
        found = runner.run(frame, (32, 24)).planes["OUTPUT"]
    values = np.concatenate([luma, chroma]).astype(np.float32) * np.float32(64 / 65535)
    rgb = _decoded(values)
    assert rgb.max() > 1.05
    wanted = evaluate(graph, rgb)[graph.output]
    assert np.abs(found[:3] - wanted).max() < 1e-4


def _decoded(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """RGB from codes of 16 bits over 65535: black is 4096/65535, where `ycbcr_to_rgb` has 16/255."""
    scaled = values * np.float32(65535 / 65280)
    return ycbcr_to_rgb(scaled, "bt2020", full_range=False)


# Alpha, depth, grey, RGB


def with_alpha(path: Path, format: str, *options: str) -> Path:
    return encoded(path, f"testsrc2=s=32x16,format=yuva444p,geq=lum='p(X,Y)':a='8*X',format={format}", *options)


def test_alpha_is_kept(copying: Path, tmp_path: Path) -> None:
    format = "yuva444p10le"
    clip = with_alpha(tmp_path / "in.mkv", format, "-c:v", "ffv1")
    output, said = enlarged(copying, clip, *LOSSLESS)
    assert said == ""
    assert probe(output).format == format
    before, after = raw(clip, format)[-32 * 16 :].reshape(16, 32), raw(output, format)[-64 * 32 :].reshape(32, 64)
    assert np.abs(after.astype(int) - before.repeat(2, 0).repeat(2, 1)).max() <= 1


def test_alpha_that_cannot_be_kept_is_told(copying: Path, tmp_path: Path) -> None:
    clip = with_alpha(tmp_path / "in.mkv", "yuva420p", "-c:v", "ffv1")
    output, said = enlarged(copying, clip)
    assert said.count("\n") == 1
    assert "found alpha, which libx264 leaves out" in said
    assert probe(output).format == "yuv420p"


def test_alpha_in_webm(copying: Path, tmp_path: Path) -> None:
    """Of VP9, ffmpeg's own decoder does not read it."""
    clip = with_alpha(tmp_path / "in.webm", "yuva420p", "-c:v", "libvpx-vp9", "-lossless", "1")
    output, _ = enlarged(copying, clip, "--encode", "-c:v libvpx-vp9 -lossless 1", suffix=".webm")
    decoder = ("-c:v", "libvpx-vp9")
    before, after = raw(clip, "yuva420p", *decoder)[-512:], raw(output, "yuva420p", *decoder)[-2048:]
    assert len(set(before)) > 20
    assert np.array_equal(after.reshape(32, 64)[::2, ::2], before.reshape(16, 32))


@pytest.mark.parametrize(("format", "depth"), [("yuv420p12le", 12), ("yuv444p16le", 16)])
def test_deep_clips(copying: Path, tmp_path: Path, format: str, depth: int) -> None:
    source = f"testsrc2=s=32x16,format={format},setparams=range=tv:colorspace=bt709"
    clip = encoded(tmp_path / "in.mkv", source, "-c:v", "ffv1")
    output, said = enlarged(copying, clip, *LOSSLESS)
    assert said == ""
    assert probe(output).depth == depth
    before, after = raw(clip, format)[:512].reshape(16, 32), raw(output, format)[:2048].reshape(32, 64)
    assert np.abs(after.astype(int) - before.repeat(2, 0).repeat(2, 1)).max() <= (0 if depth == 12 else 1)
    (words,) = encoder.lost(probe(clip), ["-c:v", "libx264"])
    assert words.startswith(f"found {depth} bits, of which libx264 keeps 10")
    assert list(encoder.lost(probe(clip), ["-c:v", "libx264", "-pix_fmt", "yuv420p"])) == [], "the user chose"


def test_grey_stays_grey(copying: Path, tmp_path: Path) -> None:
    source = "testsrc2=s=32x16,format=gray,setparams=range=tv"
    clip = encoded(tmp_path / "in.mkv", source, "-c:v", "ffv1")
    output, said = enlarged(copying, clip, *LOSSLESS)
    assert said == ""
    assert probe(output).format == "gray"
    before, after = raw(clip, "gray").reshape(16, 32), raw(output, "gray").reshape(32, 64)
    assert np.array_equal(after, before.repeat(2, 0).repeat(2, 1))
    assert list(encoder.lost(probe(clip), ["-c:v", "mpeg4"])) == ["found grey, to which mpeg4 adds neutral colour"]


def test_rgb_is_told(copying: Path, tmp_path: Path) -> None:
    clip = encoded(tmp_path / "in.mkv", "testsrc2=s=32x16,format=gbrp", "-c:v", "ffv1")
    _, said = enlarged(copying, clip)
    assert said.count("\n") == 1
    assert "found RGB, written as YCbCr 4:4:4 of BT.709" in said


# Time


def test_interlaced_video_is_told_or_made_whole(copying: Path, tmp_path: Path) -> None:
    """Of a picture that moves, the fields are apart: rows differ from their neighbours, but not of a whole frame."""
    source = "color=s=64x32:r=50,format=yuv420p,geq=lum='if(gt(X,8*N),200,50)':cb=128:cr=128,interlace"
    clip = encoded(tmp_path / "in.mkv", source, "-c:v", "libx264", "-flags", "+ildct+ilme", "-qp", "0")
    first = probe(clip).first_field
    assert first in ("top", "bottom")
    output, said = enlarged(copying, clip, *LOSSLESS)
    assert f"found interlaced video, {first} field first; --deinterlace" in said
    whole, said = enlarged(copying, clip, *LOSSLESS, "--deinterlace", "--overwrite", suffix=".avi")
    assert "interlaced" not in said
    combs = [
        np.abs(np.diff(raw(path, "yuv420p")[: 128 * 64].reshape(64, 128).astype(int), axis=0)[1::2]).mean()
        for path in (output, whole)
    ]
    assert combs[0] > 5 * max(combs[1], 0.2)


def test_varying_times_are_told(copying: Path, tmp_path: Path) -> None:
    chosen = "testsrc2=s=32x16:r=25:d=2,select=lt(n\\,10)+not(mod(n\\,3))"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", chosen, "-fps_mode", "vfr", str(tmp_path / "in.mkv")]
    subprocess.run(command, check=True)
    _, said = enlarged(copying, tmp_path / "in.mkv")
    assert said.count("\n") == 1
    assert "found frames at varying times" in said
    assert "written at 25 a second" in said


def test_a_shader_is_told_when_each_frame_is_shown(tmp_path: Path) -> None:
    """mpv fills in PTS, and what HDR10's metadata say."""
    name = tmp_path / "time.glsl"
    body = "vec4 hook() { return vec4(PTS * 1000.0 / 255.0, 0.0, 0.0, 1.0); }\n"
    name.write_text(f"//!PARAM PTS\n//!TYPE float\n0.0\n\n//!HOOK LUMA\n//!BIND HOOKED\n{body}")
    clip = encoded(tmp_path / "in.mkv", "testsrc2=s=32x16:r=25,format=yuv420p", "-c:v", "ffv1")
    output, _ = enlarged(name, clip, *LOSSLESS, "--factor", "1")
    command = ["ffmpeg", "-v", "error", "-i", str(output), "-f", "rawvideo", "-pix_fmt", "yuv420p", "-"]
    frames = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, "u1").reshape(3, -1)
    assert frames[:, 0].tolist() == [0, 40, 80]


def test_sound_alone_is_refused_in_one_line(copying: Path, tmp_path: Path) -> None:
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "sine=d=0.1", str(tmp_path / "in.mkv")]
    subprocess.run(command, check=True)
    result = run("upscale", tmp_path / "in.mkv", "-o", tmp_path / "out.mkv", "--shader", copying)
    assert result.exit_code == 1
    assert result.stderr == f"shadergen: {tmp_path}/in.mkv: found no video in it, expected a clip\n"


def test_a_foreign_matrix_is_told(copying: Path, tmp_path: Path) -> None:
    source = "testsrc2=s=32x16,format=yuv444p,setparams=colorspace=ycgco"
    clip = encoded(tmp_path / "in.mkv", source, "-colorspace", "ycgco", "-c:v", "ffv1")
    _, said = enlarged(copying, clip, *LOSSLESS)
    assert "found the matrix ycgco, taken for smpte170m" in said
