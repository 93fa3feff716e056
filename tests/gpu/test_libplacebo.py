"""The real libplacebo, driven through ffmpeg: that what goes in comes out, and that a failure is seen."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shadergen import compiler, hookfile
from shadergen.errors import ShaderRunError
from shadergen.ir import reference
from shadergen.judge.stimuli import stimuli
from shadergen.runtime import libplacebo
from shadergen.sources import load
from shadergen.target import DOT8, TENSOR, TENSOR_TABLES
from tests.matrices import compiles_matrices, for_lavapipe
from tests.nets import bytes_network, wide_network, wide_pair

pytestmark = pytest.mark.usefixtures("real_libplacebo")

Array = npt.NDArray[np.float64]

WEIGHTS = Path(__file__).parents[2] / "weights"

NOISE = 70 / 65535
"""Two truncations to fp16 below 1, and a few 16-bit codes for the matrices."""

DOUBLE = """//!HOOK LUMA
//!BIND HOOKED
//!DESC double
//!WIDTH HOOKED.w 2 *
//!HEIGHT HOOKED.h 2 *
//!COMPONENTS 1
vec4 hook() { return vec4(texelFetch(HOOKED_raw, ivec2(HOOKED_pos * HOOKED_size), 0).x * HOOKED_mul, 0.0, 0.0, 1.0); }
"""
IDLE = """//!HOOK LUMA
//!BIND HOOKED
//!DESC idle
vec4 hook() { return HOOKED_tex(HOOKED_pos); }
"""
ALIGNED = """//!HOOK CHROMA
//!BIND HOOKED
//!DESC aligned
//!WIDTH HOOKED.w 2 *
//!HEIGHT HOOKED.h 2 *
//!OFFSET ALIGN
//!COMPONENTS 2
vec4 hook() { return HOOKED_tex(HOOKED_pos); }
"""
FP16 = """//!HOOK LUMA
//!BIND HOOKED
//!SAVE ROUNDED
//!DESC fp16
//!COMPONENTS 4
//!COMPUTE 8 8
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
shared f16vec4 tile[8][8];
void hook() {
    ivec2 at = ivec2(gl_GlobalInvocationID.xy), in_tile = ivec2(gl_LocalInvocationID.xy);
    float16_t value = float16_t(HOOKED_mul * texelFetch(HOOKED_raw, min(at, ivec2(HOOKED_size) - 1), 0).x);
    tile[in_tile.y][in_tile.x] = f16mat4(1.0hf) * f16vec4(value + 16.0hf);
    barrier();
    imageStore(out_image, at, vec4(tile[in_tile.y][in_tile.x]) - 16.0);
}
//!HOOK LUMA
//!BIND ROUNDED
//!DESC read
vec4 hook() { return vec4(ROUNDED_tex(ROUNDED_pos).x, 0.0, 0.0, 1.0); }
"""


def planes(width: int, height: int, *, subsampled: bool, full_range: bool = True) -> tuple[Array, Array]:
    rng = np.random.default_rng(7)
    low, high = (0.02, 0.98) if full_range else (4096 / 65535, 60160 / 65535)
    chroma_size = ((height + 1) // 2, (width + 1) // 2) if subsampled else (height, width)
    return rng.uniform(low, high, (1, height, width)), rng.uniform(0.3, 0.7, (2, *chroma_size))


def bilinear(plane: Array, axis: int, positions: Array) -> Array:
    """Samples of `plane` at texel positions along one axis, edges repeated."""
    last = plane.shape[axis] - 1
    positions = np.clip(positions, 0, last)
    low = np.floor(positions).astype(int)
    weight = (positions - low).reshape([-1 if i == axis else 1 for i in range(plane.ndim)])
    upper = np.take(plane, np.minimum(low + 1, last), axis)
    return np.asarray(np.take(plane, low, axis) * (1 - weight) + upper * weight)


def at_luma(chroma: Array, width: int, height: int, siting: str) -> Array:
    """4:2:0 chroma at every luma position: a left-sited sample lies on its even luma column, a centred one between."""
    x = np.arange(width) / 2 - (0.25 if siting == "center" else 0.0)
    y = np.arange(height) / 2 - (0.0 if siting == "topleft" else 0.25)
    return bilinear(bilinear(chroma, 2, x), 1, y)


def worst(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float:
    return float(np.abs(a - b).max())


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("subsampled", [True, False])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 13), (64, 48)])
def test_a_copying_doubler_copies(width: int, height: int, subsampled: bool, full_range: bool) -> None:
    luma, chroma = planes(width, height, subsampled=subsampled, full_range=full_range)
    out = libplacebo.run(DOUBLE, luma, chroma, (2 * width, 2 * height), full_range=full_range)
    assert out.shape == (3, 2 * height, 2 * width)
    assert worst(out[0], np.kron(luma[0], np.ones((2, 2)))) < NOISE


@pytest.mark.parametrize("full_range", [True, False])
def test_without_scaling_every_plane_comes_back(full_range: bool) -> None:
    luma, chroma = planes(17, 13, subsampled=False, full_range=full_range)
    out = libplacebo.run(IDLE, luma, chroma, (17, 13), full_range=full_range)
    assert worst(out, np.concatenate([luma, chroma])) < NOISE


@pytest.mark.parametrize("full_range", [True, False])
def test_hooks_read_codes_over_65535(full_range: bool) -> None:
    luma, chroma = planes(4, 4, subsampled=False)
    mul = IDLE.replace("HOOKED_tex(HOOKED_pos)", "vec4(0.25 * HOOKED_mul)")
    assert worst(libplacebo.run(mul, luma, chroma, (4, 4), full_range=full_range)[0], np.array(0.25)) < NOISE


@pytest.mark.parametrize(("width", "height"), [(17, 13), (64, 48)])
@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
def test_siting_reaches_the_scaler(siting: libplacebo.Siting, width: int, height: int) -> None:
    luma, chroma = planes(width, height, subsampled=True)
    out = libplacebo.run(IDLE, luma, chroma, (width, height), siting=siting)
    assert worst(out[1:], at_luma(chroma, width, height, siting)) < NOISE
    other = "left" if siting == "center" else "center"
    assert worst(out[1:], at_luma(chroma, width, height, other)) > 10 * NOISE


@pytest.mark.parametrize(("width", "height"), [(1, 1), (17, 13), (64, 48)])
@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
def test_offset_align_moves_chroma_to_its_siting(siting: libplacebo.Siting, width: int, height: int) -> None:
    luma, chroma = planes(width, height, subsampled=True)
    out = libplacebo.run(ALIGNED, luma, chroma, (width, height), siting=siting)
    assert worst(out[1:], at_luma(chroma, width, height, siting)) < NOISE


def test_unspecified_siting_is_left() -> None:
    luma, chroma = planes(16, 16, subsampled=True)
    unspecified, left = (
        libplacebo.run(IDLE, luma, chroma, (16, 16), siting=siting) for siting in ("unspecified", "left")
    )
    assert (unspecified == left).all()


def test_float16_arithmetic_runs_and_rounds() -> None:
    luma, chroma = planes(21, 19, subsampled=False)
    out = libplacebo.run(FP16, luma, chroma, (21, 19))
    step = 1 / 64  # of fp16 in [16, 32)
    assert step / 4 < worst(out[0], luma[0]) <= step + NOISE


def test_the_log_tells_what_ran() -> None:
    luma, chroma = planes(8, 8, subsampled=False)
    never = IDLE.replace("//!DESC idle", "//!DESC never\n//!WHEN 0")
    played = libplacebo.play(never + DOUBLE, luma, chroma, (16, 16))
    assert played.ran == ("double",)
    assert played.skipped == ("never",)
    assert played.device


@compiles_matrices
@pytest.mark.parametrize("name", ["C4F16", "C4F32"])
def test_whole_networks_on_tensor_cores(name: str) -> None:
    """Vulkan's validation layer has nothing to say, and the picture is the reference's."""
    network = load(WEIGHTS / f"{name}.npz")
    text = for_lavapipe(hookfile.format(compiler.compile(network, TENSOR)))
    for stimulus in stimuli("luma", [(17, 13), (119, 77), (250, 187), (1, 1)]):
        width, height = stimulus.size
        neutral = np.full((2, height, width), 0.5, np.float32)
        played = libplacebo.play(
            text, stimulus.image, neutral, (2 * width, 2 * height), timeout=3600.0, validate=True, where=name
        )
        assert len(played.skipped) == 3  # the plain passes that stand beside the wide layers
        distance = np.abs(played.picture[:1] - reference.evaluate(network, stimulus.image)[network.output])
        assert distance.max() < 4e-3, stimulus.size
        assert distance.mean() < 5e-4, stimulus.size


@compiles_matrices
def test_the_form_for_vo_gpu_on_tensor_cores() -> None:
    """Of a small network: a CPU compiles copies of weights, with barriers around them, for two minutes a layer."""
    network = wide_network(16, 16)
    luma, chroma = planes(17, 13, subsampled=False)
    text = for_lavapipe(hookfile.format(compiler.compile(network, TENSOR_TABLES)))
    played = libplacebo.play(text, luma, chroma, (34, 26), timeout=7200.0, validate=True)
    assert not played.skipped
    expected = reference.evaluate(network, luma.astype(np.float32))[network.output]
    assert worst(played.picture[:1], np.clip(expected, 0.0, 1.0)) < 4e-3


@compiles_matrices
def test_two_layers_in_a_pass_on_tensor_cores() -> None:
    """Of a small network, with zero outside of the first layer at every border. Not validated: see docs/tensor.md."""
    network = wide_pair(16, 16, 16)
    text = for_lavapipe(hookfile.format(compiler.compile(network, replace(TENSOR, fuse=True))))
    for width, height in ((17, 13), (1, 1), (31, 37)):
        luma, chroma = planes(width, height, subsampled=False)
        played = libplacebo.play(text, luma, chroma, (2 * width, 2 * height), timeout=7200.0)
        assert len(played.skipped) == 2, "the plain passes of both layers"
        expected = reference.evaluate(network, luma.astype(np.float32))[network.output]
        assert worst(played.picture[:1], np.clip(expected, 0.0, 1.0)) < 4e-3


@compiles_matrices
def test_what_the_validation_layer_reports_is_an_error() -> None:
    """lavapipe has no matrices of 16x16."""
    luma, chroma = planes(17, 13, subsampled=False)
    text = hookfile.format(compiler.compile(wide_network(16, 16), TENSOR))
    with pytest.raises(ShaderRunError, match="vkCreateComputePipelines"):
        libplacebo.play(text, luma, chroma, (34, 26), timeout=3600.0, validate=True)


@pytest.mark.parametrize("size", [(17, 13), (119, 77)])
def test_layers_of_bytes(size: tuple[int, int]) -> None:
    """The product of four bytes is an instruction where glslang is new enough, and a function elsewhere."""
    network = bytes_network()
    (stimulus,) = stimuli("luma", [size])
    neutral = np.full((2, size[1], size[0]), 0.5, np.float32)
    text = hookfile.format(compiler.compile(network, DOT8))
    played = libplacebo.play(text, stimulus.image, neutral, (2 * size[0], 2 * size[1]), timeout=3600.0)
    expected = np.clip(reference.evaluate(network, stimulus.image)[network.output], 0.0, 1.0)
    distance = np.abs(played.picture[:1] - expected)
    assert distance.max() < 4e-3
    assert distance.mean() < 5e-4


@compiles_matrices
@pytest.mark.parametrize("size", [(17, 13), (119, 77), (250, 187)])
def test_a_whole_network_of_bytes(size: tuple[int, int]) -> None:
    """The reference reads the codes of 16 bits that ffmpeg is given: bytes fall the other way by less than a code."""
    network = load(WEIGHTS / "quantised" / "C4F32_INT8.npz")
    (stimulus,) = stimuli("luma", [size])
    image = (np.rint(stimulus.image * 65535) / 65535).astype(np.float32)
    neutral = np.full((2, size[1], size[0]), 0.5, np.float32)
    text = hookfile.format(compiler.compile(network, DOT8))
    played = libplacebo.play(text, image, neutral, (2 * size[0], 2 * size[1]), timeout=3600.0)
    assert sum("_sums" in name for name in played.ran) == 3
    distance = np.abs(played.picture[:1] - reference.evaluate(network, image)[network.output])
    assert distance.max() < 4e-3
    assert distance.mean() < 5e-4


@compiles_matrices
def test_of_the_instruction_for_bytes_the_validation_layer_reports_its_feature_alone() -> None:
    """VUID 08740: no player switches on `shaderIntegerDotProduct`."""
    luma, chroma = planes(17, 13, subsampled=False)
    text = hookfile.format(compiler.compile(bytes_network(), DOT8))
    with pytest.raises(ShaderRunError, match="Capability DotProductInput4x8BitPacked was declared"):
        libplacebo.play(text, luma, chroma, (34, 26), timeout=3600.0, validate=True)
    known = r"Capability DotProduct\w* was declared.*shaderIntegerDotProduct"
    played = libplacebo.play(text, luma, chroma, (34, 26), timeout=3600.0, validate=True, known=known)
    assert len(played.ran) == 3


@pytest.mark.parametrize(
    ("shader", "words"),
    [
        (DOUBLE.replace("vec4 hook()", "vec4 hock()"), "vec4 color = hook();"),
        (DOUBLE.replace("1.0); }", "1.0) }"), "syntax error"),
        (DOUBLE.replace("HOOKED.w 2", "NOWHERE.w 2"), "Variable 'NOWHERE' not found"),
        (DOUBLE.replace("BIND HOOKED", "BIND NOWHERE"), ("unknown texture 'NOWHERE'", "1 skipped")),  # old, new
        (DOUBLE.replace("//!DESC", "//!TITLE"), "Unrecognized command"),
        (DOUBLE.replace("//!DESC", "//!COMPUTE 8 8 64 64\n//!DESC"), "Failed dispatching COMPUTE"),
        (DOUBLE.replace("HOOK LUMA", "HOOK RGB"), "no hook pass that ran (0 skipped"),
        (DOUBLE.replace("//!DESC", "//!WHEN 0\n//!DESC"), "no hook pass that ran (1 skipped"),
        ("not a hook file\n", "no headers"),
        ("", "Failed parsing"),
    ],
)
def test_a_shader_that_does_not_run_raises(shader: str, words: str | tuple[str, ...]) -> None:
    luma, chroma = planes(8, 8, subsampled=False)
    with pytest.raises(ShaderRunError) as caught:
        libplacebo.run(shader, luma, chroma, (16, 16), where="broken.glsl")
    message = str(caught.value)
    assert message.startswith("broken.glsl: ")
    assert any(found in message for found in ([words] if isinstance(words, str) else words))
    assert "\n" not in message


def test_a_timeout_kills_and_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    luma, chroma = planes(64, 64, subsampled=False)
    # Less than any ffmpeg needs to start. (An endless shader is no test: llvmpipe leaves a loop after 65536 rounds.)
    with pytest.raises(ShaderRunError, match=r"still busy after 0\.01 s"):
        libplacebo.run(DOUBLE, luma, chroma, (128, 128), timeout=0.01)
    assert [process.returncode for process in started] == [-9]
    assert not list(tmp_path.iterdir())


def test_planes_that_do_not_fit_are_refused() -> None:
    luma, chroma = planes(8, 8, subsampled=False)
    with pytest.raises(ValueError, match="4:2:0"):
        libplacebo.run(DOUBLE, luma, chroma[:, :3], (16, 16))


def test_output_hooks_see_rgb_where_it_is_asked_for() -> None:
    """Filters of ffmpeg give YCbCr, and so do hooks of OUTPUT there; players show RGB."""
    red = "//!HOOK OUTPUT\n//!BIND HOOKED\nvec4 hook() { return vec4(1.0, 0.5, 0.25, 1.0); }\n"
    grey = np.full((1, 16, 16), 0.5, np.float32)
    played = libplacebo.play(red, grey, np.full((2, 16, 16), 0.5, np.float32), (16, 16), rgb=True)
    assert played.picture[:, 8, 8] == pytest.approx([1.0, 0.5, 0.25], abs=NOISE)
