"""What a hook file does when libplacebo runs it, one small file per fact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt
import pytest

from shadergen.errors import ShaderRunError
from shadergen.hookfile import parse
from shadergen.runtime.colour import SITINGS, rgb_to_ycbcr, upsample_chroma
from shadergen.runtime.context import describe
from shadergen.runtime.frame import Brightness
from shadergen.runtime.program import compile_passes, glsl
from shadergen.runtime.runner import Frame, PassRun, Result, Runner, Storage

Array = npt.NDArray[np.float32]


FETCH = "texelFetch(HOOKED_raw, ivec2(gl_FragCoord.xy), 0)"


def noise(*shape: int) -> Array:
    values: Array = np.random.default_rng(sum(shape)).random(shape).astype(np.float32)
    return values


def luma_frame(width: int = 17, height: int = 13, **fields: Any) -> Frame:
    return Frame({"LUMA": noise(1, height, width)}, **fields)


def play(
    gl: moderngl.Context,
    text: str,
    frame: Frame | None = None,
    output: tuple[int, int] = (34, 26),
    storage: Storage = "rgba32f",
    params: Mapping[str, float] | None = None,
    **options: Any,
) -> Result:
    with Runner(gl, parse(text), storage=storage, params=params) as runner:
        return runner.run(frame or luma_frame(), output, **options)


def luma_pass(expression: str, directives: str = "") -> str:
    return f"//!HOOK LUMA\n//!BIND HOOKED\n{directives}vec4 hook() {{ return vec4({expression}); }}\n"


def luma(gl: moderngl.Context, expression: str, frame: Frame | None = None, directives: str = "") -> Array:
    """The LUMA plane after a pass that returns `expression`."""
    plane: Array = play(gl, luma_pass(expression, directives), frame, stop_after="LUMA").planes["LUMA"][0]
    return plane


# Sampling and macros -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (17, 13), (64, 5)])
def test_a_copy_is_not_flipped(gl: moderngl.Context, size: tuple[int, int]) -> None:
    frame = luma_frame(*size)
    assert np.allclose(luma(gl, "HOOKED_tex(HOOKED_pos)", frame), frame.planes["LUMA"][0], atol=1e-5)
    assert np.array_equal(luma(gl, FETCH, frame), frame.planes["LUMA"][0])


def test_every_name_of_a_texture(gl: moderngl.Context) -> None:
    copies = ("HOOKED_tex(HOOKED_pos)", "HOOKED_texOff(0)", FETCH)
    frame = luma_frame()
    for name in ("HOOKED", "LUMA"):
        for copy in copies:
            found = luma(gl, copy.replace("HOOKED", name), frame, "//!BIND LUMA\n")
            assert np.allclose(found, frame.planes["LUMA"][0], atol=1e-5), (name, copy)


def test_pos_size_pt_off_rot(gl: moderngl.Context) -> None:
    assert np.allclose(luma(gl, "HOOKED_pos.x")[0], (np.arange(17) + 0.5) / 17)
    assert np.allclose(luma(gl, "HOOKED_pos.y")[:, 0], (np.arange(13) + 0.5) / 13)
    assert np.all(luma(gl, "HOOKED_size.x * 100.0 + HOOKED_size.y") == 1713)
    assert np.allclose(luma(gl, "HOOKED_pt.y"), 1 / 13)
    assert np.all(luma(gl, "HOOKED_off.x + (HOOKED_rot * vec2(2.0, 3.0)).y") == 3)


def test_texoff_clamps_to_the_edge(gl: moderngl.Context) -> None:
    frame = luma_frame()
    source = frame.planes["LUMA"][0]
    assert np.allclose(luma(gl, "HOOKED_texOff(vec2(-1, 0))", frame), source[:, np.r_[0, :16]], atol=1e-5)


@pytest.mark.parametrize("x", [0, -1])
def test_exact_reads_at_the_centre_of_a_texel_are_of_that_texel(gl: moderngl.Context, x: int) -> None:
    frame = luma_frame(61, 47)
    source = frame.planes["LUMA"][0]
    text = luma_pass(f"HOOKED_texOff(vec2({x}, 0)).x, HOOKED_texOff(vec2({x}.5, 0)).x, HOOKED_tex(HOOKED_pos).xx")
    with Runner(gl, parse(text.replace("LUMA", "MAIN")), storage="rgba32f", exact=True) as runner:
        result = runner.run(Frame({"RGB": source[None].repeat(3, 0)}), (61, 47), stop_after="MAIN").planes["MAIN"]
    here = source[:, np.arange(61).clip(-x) + x]
    beside = here[:, np.arange(1, 62).clip(max=60)] if x == 0 else here[:, np.arange(-1, 60).clip(0)]
    np.testing.assert_array_equal(result[0], here)
    np.testing.assert_array_equal(result[2], source)
    inner = np.s_[:, 2:-2]
    np.testing.assert_allclose(result[1][inner], ((here + beside) / 2)[inner], rtol=0, atol=1e-4)


def test_gather_order(gl: moderngl.Context) -> None:
    # w z / x y: x is the lower left in GL's words, which is the next array row.
    frame = luma_frame()
    found = luma(gl, "HOOKED_gather(HOOKED_pos + 0.5 * HOOKED_pt, 0).x", frame)
    assert np.array_equal(found[:-1, :-1], frame.planes["LUMA"][0][1:, :-1])


def test_mul_is_applied_by_tex_and_not_by_raw(gl: moderngl.Context) -> None:
    frame = luma_frame(mul=4.0)
    source = frame.planes["LUMA"][0]
    # NAME_pos is interpolated between the corners, a few bits off the texel's centre.
    assert np.allclose(luma(gl, "HOOKED_tex(HOOKED_pos)", frame), source, atol=1e-5)
    assert np.allclose(luma(gl, "texture(HOOKED_raw, HOOKED_pos)", frame), source / 4, atol=1e-5)
    assert np.all(luma(gl, "HOOKED_mul", frame) == 4)


def test_a_hooks_output_has_mul_1(gl: moderngl.Context) -> None:
    text = luma_pass("HOOKED_tex(HOOKED_pos)") + luma_pass("HOOKED_mul")
    assert np.all(play(gl, text, luma_frame(mul=4.0)).planes["LUMA"] == 1)


def test_an_untouched_plane_comes_back_with_its_mul(gl: moderngl.Context) -> None:
    frame = luma_frame(mul=4.0)
    assert np.allclose(play(gl, luma_pass("0", "//!WHEN 0\n"), frame).planes["LUMA"], frame.planes["LUMA"])


def test_main_and_mainpresub_are_one(gl: moderngl.Context) -> None:
    text = (
        "//!HOOK MAINPRESUB\n//!BIND HOOKED\n//!SAVE MAIN\nvec4 hook() { return vec4(0.25); }\n"
        "//!HOOK MAIN\n//!BIND MAIN\n//!BIND MAINPRESUB\n"
        "vec4 hook() { return MAIN_texOff(0) + MAINPRESUB_texOff(0); }\n"
    )
    result = play(gl, text)
    assert np.all(result.planes["MAIN"] == 0.5)
    assert np.all(result.planes["MAINPRESUB"] == 0.5)


def test_inputs(gl: moderngl.Context) -> None:
    assert np.all(luma(gl, "input_size.x * 100.0 + input_size.y") == 1713)
    assert np.all(luma(gl, "target_size.x * 100.0 + target_size.y") == 3426)
    assert np.all(luma(gl, "tex_offset.x + float(frame)") == 1)
    assert np.unique(luma(gl, "random")).size == 1


def test_linearize_and_back(gl: moderngl.Context) -> None:
    # BT.1886 for video, on a display of contrast 1000:1: a (v + b)^2.4 with b = l / (1 - l), l = 0.001^(1 / 2.4).
    lift = 0.001 ** (1 / 2.4)
    expected = (1 - lift) ** 2.4 * (0.5 + lift / (1 - lift)) ** 2.4
    assert np.allclose(luma(gl, "linearize(vec4(0.5)).r"), expected, atol=1e-5)
    rgb = play(
        gl,
        "//!HOOK RGB\n//!BIND HOOKED\nvec4 hook() { return linearize(vec4(0.5)); }\n",
        Frame({"RGB": noise(3, 4, 4)}),
    )
    assert np.allclose(rgb.planes["RGB"], 0.21404, atol=1e-5)  # sRGB
    assert np.allclose(
        luma(gl, "delinearize(linearize(HOOKED_tex(HOOKED_pos))) - HOOKED_tex(HOOKED_pos)"), 0, atol=1e-6
    )


# Passes --------------------------------------------------------------------------------------------------------------


def test_save_and_bind(gl: moderngl.Context) -> None:
    text = luma_pass("1, 2, 3, 4", "//!SAVE four\n") + luma_pass("four_texOff(0).w", "//!BIND four\n")
    result = play(gl, text, keep=["four", "absent"])
    assert result.saved["four"].shape == (4, 13, 17)
    assert result.saved["four"][:, 0, 0].tolist() == [1, 2, 3, 4]
    assert "absent" not in result.saved
    assert np.all(result.planes["LUMA"] == 4)


def test_sizes_come_from_expressions_and_round_half_up(gl: moderngl.Context) -> None:
    text = luma_pass("0", "//!WIDTH HOOKED.w 2 /\n//!HEIGHT NATIVE_CROPPED.h 2 * OUTPUT.h 26 / +\n")
    assert play(gl, text).planes["LUMA"].shape == (1, 27, 9)


def test_when_skips(gl: moderngl.Context) -> None:
    result = play(gl, luma_pass("1", "//!WHEN OUTPUT.w LUMA.w 3 * >\n"))
    (run,) = result.passes
    assert (run.ran, run.reason) == (False, "WHEN OUTPUT.w LUMA.w 3 * > is 0")


def test_a_missing_bind_skips(gl: moderngl.Context) -> None:
    (run,) = play(gl, luma_pass("1", "//!BIND nothing\n")).passes
    assert (run.ran, run.reason) == (False, "there is no texture named nothing")


def test_a_failed_expression_disables_the_file_and_undoes_the_stage(gl: moderngl.Context) -> None:
    text = luma_pass("1") + luma_pass("2", "//!WHEN CHROMA.w\n") + luma_pass("3")
    frame = luma_frame()
    result = play(gl, text, frame)
    assert [run.ran for run in result.passes] == [False, False, False]
    assert "no texture named 'CHROMA'" in result.passes[2].reason
    assert np.array_equal(result.planes["LUMA"], frame.planes["LUMA"])


def test_a_fixed_stage_cannot_be_resized(gl: moderngl.Context) -> None:
    text = "//!HOOK OUTPUT\n//!BIND HOOKED\n//!WIDTH 5\nvec4 hook() { return vec4(0); }\n"
    result = play(gl, text)
    assert result.planes["OUTPUT"].shape == (3, 26, 34)
    assert result.passes[0].reason == "the file is disabled since it resized stage OUTPUT from 34x26 to 5x26"


@pytest.mark.parametrize(
    ("stage", "reason"), [("LINEAR", "linear light"), ("CHROMA", "this frame has no stage"), ("FOO", "no stage FOO")]
)
def test_a_stage_that_does_not_fire_is_named(gl: moderngl.Context, stage: str, reason: str) -> None:
    (run,) = play(gl, f"//!HOOK {stage}\n//!BIND HOOKED\nvec4 hook() {{ return vec4(0); }}\n").passes
    assert not run.ran
    assert reason in run.reason


def test_rgba16f_stores_a_neighbouring_float16(gl: moderngl.Context) -> None:
    # The standard leaves the rounding open: GPUs take the nearest value, Mesa's llvmpipe the one towards zero.
    frame = luma_frame(64, 64)
    source = frame.planes["LUMA"].astype(np.float32)
    found = play(gl, luma_pass(FETCH), frame, storage="rgba16f", stop_after="LUMA").planes["LUMA"]
    assert np.array_equal(found, found.astype(np.float16))
    assert np.all(abs(found - source) < np.spacing(source.astype(np.float16)).astype(np.float32))


def test_components_is_metadata(gl: moderngl.Context) -> None:
    result = play(gl, luma_pass("1, 2, 3, 4", "//!COMPONENTS 4\n//!SAVE x\n"), keep=["x"])
    assert result.saved["x"][:, 0, 0].tolist() == [1, 2, 3, 4]


def test_progress_and_timers(gl: moderngl.Context) -> None:
    seen: list[PassRun] = []
    with Runner(gl, parse(luma_pass("1", "//!DESC one\n"))) as runner:
        result = runner.run(luma_frame(), (34, 26), timers=True, progress=seen.append)
        again = runner.run(luma_frame(), (34, 26))
    assert tuple(seen) == result.passes
    (run,) = seen
    assert (run.desc, run.stage, run.size) == ("one", "LUMA", (17, 13))
    assert run.gpu_seconds is not None
    assert run.compile_seconds is not None
    assert (again.passes[0].gpu_seconds, again.passes[0].compile_seconds) == (None, None)


# Compute -------------------------------------------------------------------------------------------------------------

COMPUTE = """\
//!HOOK LUMA
//!BIND HOOKED
//!COMPUTE 8 4
void hook() {
    imageStore(out_image, ivec2(gl_GlobalInvocationID), HOOKED_tex(HOOKED_map(gl_GlobalInvocationID)));
}
"""


@pytest.mark.parametrize("size", [(1, 1), (17, 13), (8, 4)])
def test_compute_covers_odd_sizes(gl: moderngl.Context, size: tuple[int, int]) -> None:
    frame = luma_frame(*size)
    for text in (COMPUTE, COMPUTE.replace("HOOKED_map(gl_GlobalInvocationID)", "HOOKED_pos")):
        result = play(gl, text, frame)
        assert np.allclose(result.planes["LUMA"], frame.planes["LUMA"], atol=1e-5)


def test_compute_block_differs_from_threads(gl: moderngl.Context) -> None:
    body = (
        "void hook() { for (int i = 0; i < 2; i++) {\n"
        "    ivec2 at = ivec2(gl_WorkGroupID) * ivec2(16, 4) + ivec2(gl_LocalInvocationID) + ivec2(8 * i, 0);\n"
        "    imageStore(out_image, at, vec4(at.x)); } }\n"
    )
    result = play(gl, f"//!HOOK LUMA\n//!COMPUTE 16 4 8 4\n{body}")
    assert np.array_equal(result.planes["LUMA"][0], np.tile(np.arange(17, dtype=np.float32), (13, 1)))


# Offsets and chroma --------------------------------------------------------------------------------------------------


def chroma_frame(siting: tuple[float, float], width: int = 16, height: int = 12) -> Frame:
    chroma = noise(2, (height + 1) // 2, (width + 1) // 2)
    return Frame({"LUMA": noise(1, height, width), "CHROMA": chroma}, siting=siting)


@pytest.mark.parametrize("siting", SITINGS.values())
@pytest.mark.parametrize("size", [(16, 12), (17, 13), (1, 1)])
def test_chroma_is_scaled_at_its_siting(
    gl: moderngl.Context, siting: tuple[float, float], size: tuple[int, int]
) -> None:
    frame = chroma_frame(siting, *size)
    native = play(gl, luma_pass("0", "//!WHEN 0\n"), frame).planes["NATIVE"]
    assert np.array_equal(native[:1], frame.planes["LUMA"])
    assert np.allclose(native[1:], upsample_chroma(frame.planes["CHROMA"], siting, size), atol=1e-6)


def test_chroma_follows_a_doubled_luma(gl: moderngl.Context) -> None:
    frame = chroma_frame(SITINGS["left"])
    native = play(gl, luma_pass("HOOKED_texOff(0)", "//!WIDTH LUMA.w 2 *\n//!HEIGHT LUMA.h 2 *\n"), frame)
    expected = upsample_chroma(frame.planes["CHROMA"], SITINGS["left"], (32, 24))
    assert np.allclose(native.planes["CHROMA_SCALED"], expected, atol=1e-6)


def test_offset_moves_the_rect_and_the_renderer_undoes_it(gl: moderngl.Context) -> None:
    # A pass that shifts its picture one texel to the right says so with OFFSET.
    frame = luma_frame(16, 12)
    result = play(gl, luma_pass("HOOKED_texOff(vec2(-1, 0))", "//!OFFSET 1 0\n"), frame)
    assert result.rects["LUMA"] == (1, 0, 17, 12)
    assert np.allclose(result.planes["NATIVE"][0][:, :15], frame.planes["LUMA"][0][:, :15], atol=1e-6)


def test_offset_align_moves_pos_and_only_pos(gl: moderngl.Context) -> None:
    text = (
        "//!HOOK CHROMA\n//!BIND HOOKED\n//!OFFSET ALIGN\n"
        "vec4 hook() { return vec4((HOOKED_pos - gl_FragCoord.xy * HOOKED_pt) * HOOKED_size, 0.0, 1.0); }\n"
    )
    result = play(gl, text, chroma_frame(SITINGS["left"]))
    assert np.allclose(result.planes["CHROMA"][0], 0.25, atol=1e-6)
    assert np.allclose(result.planes["CHROMA"][1], 0, atol=1e-6)
    assert result.rects["CHROMA"] == (0, 0, 8, 6)


def test_without_align_the_chroma_rect_keeps_its_siting(gl: moderngl.Context) -> None:
    text = "//!HOOK CHROMA\n//!BIND HOOKED\n//!WIDTH HOOKED.w 2 *\nvec4 hook() { return HOOKED_tex(HOOKED_pos); }\n"
    assert play(gl, text, chroma_frame(SITINGS["left"])).rects["CHROMA"] == (0.5, 0, 16.5, 6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("PTS", 1.5), ("chroma_offset_x", -0.5), ("chroma_offset_y", 0.0)),
        *(("min_luma", 0.005), ("max_luma", 1000.0), ("max_cll", 900.0), ("max_fall", 300.0)),
        *((name, 0.0) for name in ("scene_max_r", "scene_max_g", "scene_max_b", "scene_avg", "max_pq_y", "avg_pq_y")),
    ],
)
def test_mpv_fills_in_parameters_of_its_names(gl: moderngl.Context, name: str, value: float) -> None:
    """Also beyond the limits that the file has for them; as mpv 0.41 does, seen by painting the values."""
    text = f"//!PARAM {name}\n//!TYPE float\n//!MINIMUM -7.0\n//!MAXIMUM -6.0\n-6.5\n" + luma_pass(name)
    brightness = Brightness(min_luma=0.005, max_luma=1000.0, max_cll=900.0, max_fall=300.0)
    frame = replace(chroma_frame(SITINGS["left"]), pts=1.5, brightness=brightness)
    found = play(gl, text, frame).planes["LUMA"]
    assert np.allclose(found, value, atol=1e-7)


# Colour and the later stages -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("full_range", [True, False])
def test_main_is_rgb(gl: moderngl.Context, full_range: bool) -> None:
    rgb = noise(3, 6, 8)
    ycbcr = rgb_to_ycbcr(rgb, "bt601", full_range)
    frame = Frame({"LUMA": ycbcr[:1], "CHROMA": ycbcr[1:]}, matrix="bt601", full_range=full_range)
    result = play(gl, luma_pass("0", "//!WHEN 0\n"), frame, output=(8, 6))
    assert np.allclose(result.planes["MAIN"], rgb, atol=1e-5)
    assert np.allclose(result.planes["OUTPUT"], rgb, atol=1e-5)


def test_an_rgb_frame_goes_through_rgb_native_and_main(gl: moderngl.Context) -> None:
    rgb = noise(3, 6, 8)
    stages = "".join(
        f"//!HOOK {stage}\n//!BIND HOOKED\nvec4 hook() {{ return HOOKED_tex(HOOKED_pos) + vec4(1.0); }}\n"
        for stage in ("RGB", "NATIVE", "MAIN", "PREKERNEL", "POSTKERNEL", "SCALED", "PREOUTPUT", "OUTPUT")
    )
    result = play(gl, stages, Frame({"RGB": rgb}), output=(8, 6))
    assert np.allclose(result.planes["OUTPUT"], rgb + 8, atol=1e-5)


def test_alpha_is_premultiplied_at_main(gl: moderngl.Context) -> None:
    rgba = noise(4, 6, 8)
    for planes in ({"RGB": rgba}, {"RGB": rgba[:3], "ALPHA": rgba[3:]}):
        main = play(gl, luma_pass("0"), Frame(planes)).planes["MAIN"]
        assert np.allclose(main, np.concatenate([rgba[:3] * rgba[3:], rgba[3:]]), atol=1e-6)


def test_stop_after(gl: moderngl.Context) -> None:
    text = luma_pass("1") + "//!HOOK MAIN\nvec4 hook() { return vec4(0); }\n"
    result = play(gl, text, stop_after="LUMA")
    assert list(result.planes) == ["LUMA"]
    assert result.passes[1].reason == "stopped after LUMA"
    assert list(play(gl, text, Frame({"RGB": noise(3, 4, 4)}), stop_after="LUMA").planes) == ["RGB"]


# Textures, buffers, parameters ---------------------------------------------------------------------------------------


def texture(size: str, format: str, values: npt.NDArray[Any], extra: str = "") -> str:
    return f"//!TEXTURE LUT\n//!SIZE {size}\n//!FORMAT {format}\n{extra}{values.tobytes().hex()}\n"


@pytest.mark.parametrize(
    ("format", "dtype", "scale"),
    [("8", "u1", 255), ("16", "<u2", 65535), ("16f", "<f4", 1), ("16hf", "<f2", 1), ("32f", "<f4", 1)],
)
@pytest.mark.parametrize("channels", ["r", "rg", "rgba"])
def test_texture_formats(gl: moderngl.Context, format: str, dtype: str, scale: int, channels: str) -> None:
    values = (np.arange(6 * len(channels)) % 7).astype(dtype)
    text = texture("3 2", channels + format, values) + luma_pass(
        f"texelFetch(LUT, ivec2(gl_FragCoord.xy) % ivec2(3, 2), 0).{channels[-1]}", "//!BIND LUT\n"
    )
    found = play(gl, text).planes["LUMA"][0, :2, :3]
    assert np.allclose(found.ravel() * scale, values.astype(np.float32)[len(channels) - 1 :: len(channels)], atol=1e-3)


def test_texture_filter_and_border(gl: moderngl.Context) -> None:
    values = np.array([0, 1], "<f4")
    for extra, at, expected in [
        ("", "vec2(0.45, 0)", 0.0),
        ("//!FILTER LINEAR\n", "vec2(0.5, 0)", 0.5),
        ("//!BORDER REPEAT\n", "vec2(1.2, 0)", 0.0),
        ("//!BORDER CLAMP\n", "vec2(1.2, 0)", 1.0),
        ("//!BORDER MIRROR\n", "vec2(1.2, 0)", 1.0),
        ("//!BORDER MIRROR\n", "vec2(1.7, 0)", 0.0),
        ("//!BORDER MIRROR\n", "vec2(-0.7, 0)", 1.0),
    ]:
        text = texture("2 1", "r32f", values, extra) + luma_pass(f"LUT_tex({at})", "//!BIND LUT\n")
        assert np.allclose(play(gl, text).planes["LUMA"], expected), extra


def test_texture_of_one_and_three_dimensions(gl: moderngl.Context) -> None:
    values = np.arange(8, dtype="<f4")
    line = texture("8", "r32f", values) + luma_pass("LUT_tex(0.2)", "//!BIND LUT\n")
    cube = texture("2 2 2", "r32f", values) + luma_pass("texelFetch(LUT, ivec3(1, 0, 1), 0)", "//!BIND LUT\n")
    assert np.all(play(gl, line).planes["LUMA"] == 1)
    assert np.all(play(gl, cube).planes["LUMA"] == 5)


def test_of_two_textures_with_one_name_the_first_is_bound(gl: moderngl.Context) -> None:
    text = "".join(f"//!TEXTURE LUT\n//!SIZE 1 1\n//!FORMAT r8\n{data}\n" for data in ("ff", "00"))
    assert np.all(play(gl, text + luma_pass("LUT_tex(vec2(0.5)).r", "//!BIND LUT\n")).planes["LUMA"] == 1)


def test_storage_texture_lives_from_frame_to_frame(gl: moderngl.Context) -> None:
    body = "imageStore(LUT, ivec2(0), imageLoad(LUT, ivec2(0)) + 1.0); imageStore(out_image, ivec2(0), vec4(0.0));"
    text = (
        texture("1 1", "r32f", np.zeros(0, "u1"), "//!STORAGE\n")
        + f"//!HOOK LUMA\n//!BIND LUT\n//!COMPUTE 64 64 1 1\nvoid hook() {{ {body} }}\n"
        + luma_pass("imageLoad(LUT, ivec2(0)).x", "//!BIND LUT\n")
    )
    with Runner(gl, parse(text)) as runner:
        values = [runner.run(luma_frame(), (17, 13)).planes["LUMA"][0, 0, 0] for _ in range(3)]
    assert values == [1, 2, 3]


@pytest.mark.parametrize("storage", ["", "//!STORAGE\n"])
def test_buffer_layout(gl: moderngl.Context, storage: str) -> None:
    # float, vec3 at 16, float at 28, float[2] with elements 16 apart in std140 and 4 in std430
    values = np.zeros(16 if not storage else 10, "<f4")
    values[0], values[4:7], values[7] = 1, (2, 3, 4), 5
    values[[8, 12] if not storage else [8, 9]] = (6, 7)
    text = (
        f"//!BUFFER B\n{storage}//!VAR float a\n//!VAR vec3 b\n//!VAR float c\n//!VAR float d[2]\n"
        f"{values.tobytes().hex()}\n" + luma_pass("a + 10.0 * b.z + 100.0 * c + 1000.0 * d[1]", "//!BIND B\n")
    )
    assert np.all(play(gl, text).planes["LUMA"] == 7541)


def test_params_of_every_kind(gl: moderngl.Context) -> None:
    text = (
        "//!PARAM a\n//!TYPE float\n//!MINIMUM 0\n//!MAXIMUM 2\n0.5\n"
        "//!PARAM b\n//!TYPE DYNAMIC int\n2\n"
        "//!PARAM c\n//!TYPE CONSTANT uint\n3\n"
        "//!PARAM d\n//!TYPE DEFINE\n4\n"
        "//!PARAM e\n//!TYPE ENUM int\nnone\nsome\n"
        + luma_pass(
            "a + float(b) * 10.0 + float(c) * 100.0 + float(d * 1000 + (e == some ? 10000 : 0))", "//!WHEN d some >\n"
        )
    )
    assert np.all(play(gl, text).planes["LUMA"] == 4320.5)
    assert np.all(play(gl, text, params={"a": 1, "e": 1, "d": 5}).planes["LUMA"] == 15321)
    with pytest.raises(ShaderRunError, match="found a = 3, expected 0 to 2"):
        play(gl, text, params={"a": 3})
    with pytest.raises(ShaderRunError, match="found parameter 'x', expected one of a, b, c, d, e"):
        play(gl, text, params={"x": 3})


# Errors --------------------------------------------------------------------------------------------------------------


def test_a_compile_error_names_the_line(gl: moderngl.Context) -> None:
    text = "// header\n\n//!HOOK LUMA\n//!BIND HOOKED\n\nvec4 hook() {\n    return missing(HOOKED_pos);\n}\n"
    with pytest.raises(ShaderRunError, match=r"^<shader>:7: .*missing"):
        play(gl, text)
    assert {fault.line for fault in compile_passes(gl, parse(text))} == {7}


def test_a_missing_hook_function_is_put_at_the_pass(gl: moderngl.Context) -> None:
    text = luma_pass("1") + "//!HOOK LUMA\nvec4 hoook() { return vec4(0); }\n"
    assert {fault.line for fault in compile_passes(gl, parse(text))} == {4}
    assert compile_passes(gl, parse(luma_pass("1"))) == []


def test_extension_lines_in_the_body_are_moved_up(gl: moderngl.Context) -> None:
    text = luma_pass("1").replace("vec4 hook", "#extension GL_ARB_gpu_shader_fp64 : enable\n\nvec4 hook", 1)
    assert np.all(play(gl, text).planes["LUMA"] == 1)
    assert compile_passes(gl, parse(text.replace("vec4(1)", "oops"))) != []
    (item,) = parse(text).passes
    program = glsl(parse(text), item, "LUMA")
    assert program.index("#extension") < program.index("uniform")
    (fault,) = compile_passes(gl, parse(text.replace("GL_ARB_gpu_shader_fp64 : enable", "GL_XX_no : require")))
    assert "GL_XX_no" in fault.message
    assert fault.line == 1


def test_the_dot_product_of_vulkan_shaders_is_written_out(gl: moderngl.Context) -> None:
    """As CuNNy's files for Vulkan have it: four signed bytes of each number, multiplied and summed."""
    declaration = """#extension GL_EXT_spirv_intrinsics : require
spirv_instruction (extensions = ["SPV_KHR_integer_dot_product"], capabilities = [6019, 6018], id = 4450)
int dp4(int a, int b, spirv_literal int fmt);
"""
    # (1, -2, 3, -128) . (5, 6, -7, 1) = 5 - 12 - 21 - 128
    text = luma_pass("float(dp4(0x8003FE01, 0x01F90605, 0) == -156)").replace("vec4 hook", f"{declaration}vec4 hook", 1)
    assert np.all(play(gl, text).planes["LUMA"] == 1)
    fault, *_ = compile_passes(gl, parse(text.replace("vec4(float", "vec4(oops")))
    assert "oops" in fault.message
    assert fault.line == 6, "the lines are those of the file"


def test_a_huge_texture_says_the_numbers(gl: moderngl.Context) -> None:
    limit = describe(gl).max_texture_size
    with pytest.raises(ShaderRunError, match=rf"<shader>:1: found a {limit + 1}x13 texture .* at most {limit}"):
        play(gl, luma_pass("1", f"//!WIDTH {limit + 1}\n"))


@pytest.mark.parametrize(
    ("directives", "problem"),
    [
        ("//!SIZE 2 2\n//!FORMAT r8ui\n00", "found FORMAT 'r8ui'"),
        ("//!SIZE 2 2\n//!FORMAT r8\n00", "found 1 bytes in TEXTURE T, expected 4"),
    ],
)
def test_an_unsupported_texture_is_refused(gl: moderngl.Context, directives: str, problem: str) -> None:
    with pytest.raises(ShaderRunError, match=problem):
        Runner(gl, parse(f"//!TEXTURE T\n{directives}\n" + luma_pass("1")))


def test_a_frame_checks_its_planes() -> None:
    with pytest.raises(ValueError, match="found planes"):
        Frame({"CHROMA": noise(2, 4, 4)})
    with pytest.raises(ValueError, match="found plane LUMA of shape"):
        Frame({"LUMA": noise(2, 4, 4)})


def test_opengl_33_does_fragment_passes_only(gl: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "version_code", 330)
    buffer = "//!BUFFER B\n//!VAR float a\n0000803f\n"
    assert np.all(play(gl, buffer + luma_pass("a", "//!BIND B\n")).planes["LUMA"] == 1)
    with pytest.raises(ShaderRunError, match=r"<shader>:1: found OpenGL 3\.3, expected 4\.3 or later for COMPUTE"):
        play(gl, COMPUTE)
    with pytest.raises(ShaderRunError, match="found STORAGE in B"):
        Runner(gl, parse(buffer.replace("//!VAR", "//!STORAGE\n//!VAR") + luma_pass("a")))


def test_one_context_serves_many_runners(gl: moderngl.Context) -> None:
    for _ in range(3):
        play(gl, luma_pass("1"))
    assert gl.error == "GL_NO_ERROR"
