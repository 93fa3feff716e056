"""The OpenGL runner against the real libplacebo: the same small files, the same frames, the same pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import moderngl
import numpy as np
import numpy.typing as npt
import pytest

from shadergen.hookfile import parse
from shadergen.runtime import libplacebo
from shadergen.runtime.colour import SITINGS, SitingName, rgb_to_ycbcr
from shadergen.runtime.runner import Frame, Runner

pytestmark = pytest.mark.usefixtures("real_libplacebo")

Array = npt.NDArray[np.float32]
Size = tuple[int, int]

NOISE = 66 / 65535
"""Two roundings to fp16 below 1 (32 codes of 65535 each): one of the last hook's output, which may fall differently
in the two, and one that only libplacebo makes, of the finished picture. And two codes for its 16-bit planes."""

NEUTRAL = 128 / 255 - 32768 / 65535
"""Neutral chroma has the levels of 8-bit video in the runner, and those of 16-bit video in libplacebo."""

SIZES: tuple[Size, ...] = ((32, 24), (17, 13))


@dataclass(frozen=True)
class Case:
    """A hook file, and how much larger than the frame its picture is."""

    name: str
    text: str
    scale: int = 1

    def __str__(self) -> str:
        return self.name


def hooks(name: str, *passes: str, scale: int = 1) -> Case:
    """Passes that begin with what they hook; each gets a DESC, so that the log can tell which ran."""
    described = (f"//!HOOK {text}".replace("\n", f"\n//!DESC {name} {i}\n", 1) for i, text in enumerate(passes))
    return Case(name, "".join(described), scale)


DOUBLE = "//!WIDTH HOOKED.w 2 *\n//!HEIGHT HOOKED.h 2 *\n"

LUMA = [
    hooks(
        "texOff",
        """LUMA
//!BIND HOOKED
vec4 hook() { return 0.5 * HOOKED_texOff(vec2(-1.0, 2.0)) + 0.25 * HOOKED_texOff(0) + 0.25 * HOOKED_texOff(1.0); }
""",
    ),
    hooks(
        "gather",
        """LUMA
//!BIND LUMA
vec4 hook() {
    vec4 corners = LUMA_gather(LUMA_pos + 0.5 * LUMA_pt, 0);
    return vec4(dot(corners, vec4(0.1, 0.2, 0.3, 0.4)), 0.0, 0.0, 1.0);
}
""",
    ),
    hooks(
        "names",
        """LUMA
//!BIND HOOKED
vec4 hook() {
    vec2 texel = HOOKED_rot * (HOOKED_pos * HOOKED_size - 0.5) + HOOKED_off;
    vec4 here = HOOKED_mul * texelFetch(HOOKED_raw, ivec2(texel + 0.25), 0);
    vec4 right = HOOKED_tex(HOOKED_pos + vec2(HOOKED_pt.x, 0.0));
    return mix(here, right, (texel.x + 2.0 * texel.y) / (HOOKED_size.x + 2.0 * HOOKED_size.y));
}
""",
    ),
    hooks(
        "inputs",
        """LUMA
//!BIND HOOKED
vec4 hook() {
    float sum = input_size.x + 2.0 * input_size.y + 3.0 * target_size.x + 4.0 * target_size.y;
    return vec4(0.3 + sum / 4096.0 + tex_offset.x + 0.125 * float(frame));
}
""",
    ),
    hooks(
        "luma 2x",
        f"""LUMA
//!BIND HOOKED
{DOUBLE}vec4 hook() {{
    vec2 side = sign(fract(HOOKED_pos * HOOKED_size) - 0.5);
    return 0.75 * HOOKED_tex(HOOKED_pos) + 0.25 * HOOKED_texOff(side);
}}
""",
        scale=2,
    ),
    hooks(
        "chain",
        """LUMA
//!BIND HOOKED
//!SAVE FEATURES
//!COMPONENTS 4
vec4 hook() {
    return vec4(HOOKED_texOff(vec2(-1.0, 0.0)).x, HOOKED_texOff(vec2(1.0, 0.0)).x,
                HOOKED_texOff(vec2(0.0, -1.0)).x, HOOKED_texOff(vec2(0.0, 1.0)).x) - HOOKED_texOff(0).x;
}
""",
        """LUMA
//!BIND FEATURES
//!SAVE FEATURES
//!COMPONENTS 4
vec4 hook() { return max(FEATURES_texOff(0), 0.25 * FEATURES_texOff(vec2(0.0, 1.0)).wzyx); }
""",
        """LUMA
//!BIND HOOKED
//!BIND FEATURES
//!WIDTH FEATURES.w 2 *
//!HEIGHT LUMA.height 2 *
//!WHEN OUTPUT.w NATIVE_CROPPED.w / 1.5 >
vec4 hook() {
    vec2 at = FEATURES_pos * FEATURES_size;
    ivec2 odd = ivec2(2.0 * fract(at));
    float feature = texelFetch(FEATURES_raw, ivec2(at), 0)[odd.x + 2 * odd.y];
    return vec4(texelFetch(HOOKED_raw, ivec2(at), 0).x * HOOKED_mul + 0.125 * feature, 0.0, 0.0, 1.0);
}
""",
        """LUMA
//!BIND HOOKED
//!WHEN OUTPUT.w HOOKED.w 1.5 * >
vec4 hook() { return vec4(0.0); }
""",
        scale=2,
    ),
    hooks(
        "compute",
        """LUMA
//!BIND HOOKED
//!COMPUTE 8 4
shared float tile[4][8];
void hook() {
    ivec2 in_tile = ivec2(gl_LocalInvocationID);
    tile[in_tile.y][in_tile.x] = HOOKED_tex(HOOKED_pos).x;
    barrier();
    float mirrored = tile[3 - in_tile.y][7 - in_tile.x];
    bool edge = any(greaterThanEqual(gl_WorkGroupID.xy, uvec2(HOOKED_size) / uvec2(8, 4)));
    imageStore(out_image, ivec2(gl_GlobalInvocationID), vec4(edge ? tile[in_tile.y][in_tile.x] : mirrored));
}
""",
    ),
    hooks(
        "compute of larger blocks",
        f"""LUMA
//!BIND HOOKED
{DOUBLE}//!COMPUTE 16 8 8 4
void hook() {{
    for (int i = 0; i < 4; i++) {{
        ivec2 at = 2 * ivec2(gl_GlobalInvocationID) + ivec2(i % 2, i / 2);
        imageStore(out_image, at, HOOKED_tex(HOOKED_map(at)) * (0.7 + 0.1 * float(i)));
    }}
}}
""",
        scale=2,
    ),
]


def texture(name: str, format: str, values: npt.NDArray[Any], directives: str) -> Case:
    """A texture of 4x2 texels over the frame, twice in each direction and off the borders between texels."""
    block = f"//!TEXTURE CURVE\n//!SIZE 4 2\n//!FORMAT {format}\n{directives}{values.tobytes().hex()}\n"
    body = "vec4 hook() { return vec4(CURVE_tex(2.0 * HOOKED_pos + vec2(0.01, 0.02)).x); }\n"
    return Case(name, f"{block}//!HOOK LUMA\n//!DESC {name}\n//!BIND HOOKED\n//!BIND CURVE\n{body}")


RESOURCES = [
    texture("texture", "r16", np.arange(8, dtype="<u2") * 9000, ""),
    texture("linear texture", "r32f", np.arange(8, dtype="<f4") / 10, "//!FILTER LINEAR\n"),
    texture("repeated texture", "rg8", np.arange(16, dtype="u1") * 15, "//!BORDER REPEAT\n"),
    texture(
        "linear repeated texture",
        "rgba16hf",
        np.linspace(0.1, 0.9, 32).astype("<f2"),
        "//!FILTER LINEAR\n//!BORDER REPEAT\n",
    ),
    Case(
        "buffer",
        "//!BUFFER WEIGHTS\n//!VAR vec3 low\n//!VAR float tail[2]\n"
        + np.array([0.1, 0.2, 0.3, 0, 0.25, 0, 0, 0, 0.5, 0, 0, 0], "<f4").tobytes().hex()
        + """
//!HOOK LUMA
//!DESC buffer
//!BIND HOOKED
//!BIND WEIGHTS
vec4 hook() { return HOOKED_tex(HOOKED_pos) * tail[1] + vec4(dot(low, vec3(HOOKED_pos, 1.0)) * tail[0]); }
""",
    ),
]

CHROMA = [
    hooks(
        "chroma 2x",
        f"CHROMA\n//!BIND HOOKED\n{DOUBLE}vec4 hook() {{ return HOOKED_tex(HOOKED_pos); }}\n",
    ),
    hooks(
        "chroma 2x, aligned",
        f"CHROMA\n//!BIND HOOKED\n{DOUBLE}//!OFFSET ALIGN\nvec4 hook() {{ return HOOKED_tex(HOOKED_pos); }}\n",
    ),
    hooks(
        "chroma from luma, aligned",
        """CHROMA
//!BIND HOOKED
//!BIND LUMA
//!WIDTH LUMA.w
//!HEIGHT LUMA.h
//!OFFSET ALIGN
vec4 hook() { return HOOKED_tex(HOOKED_pos) + 0.125 * (LUMA_texOff(0).x - LUMA_texOff(1.0).x); }
""",
    ),
    hooks(
        "shifted by a pass that says so",
        """CHROMA
//!BIND HOOKED
//!OFFSET 1.0 -0.5
vec4 hook() { return HOOKED_texOff(vec2(-1.0, 0.5)); }
""",
    ),
    hooks(
        "luma and chroma 2x",
        f"LUMA\n//!BIND HOOKED\n{DOUBLE}vec4 hook() {{ return HOOKED_texOff(0.25); }}\n",
        f"CHROMA\n//!BIND HOOKED\n{DOUBLE}//!OFFSET ALIGN\nvec4 hook() {{ return HOOKED_tex(HOOKED_pos); }}\n",
        scale=2,
    ),
]

MAIN = [
    hooks(
        "main",
        """MAIN
//!BIND HOOKED
vec4 hook() { return mix(HOOKED_texOff(0), HOOKED_texOff(vec2(1.0, -1.0)).gbra, 0.25); }
""",
    ),
    hooks(
        "main 2x",
        f"""MAIN
//!BIND MAIN
{DOUBLE}vec4 hook() {{ return MAIN_tex(MAIN_pos); }}
""",
        scale=2,
    ),
    hooks(
        "main chain",
        "MAINPRESUB\n//!BIND HOOKED\n//!SAVE KEPT\nvec4 hook() { return HOOKED_texOff(vec2(0.0, 1.0)); }\n",
        "MAIN\n//!BIND KEPT\n//!BIND MAIN\nvec4 hook() { return mix(KEPT_texOff(0), MAINPRESUB_texOff(0), 0.5); }\n",
    ),
    hooks(
        "native",
        "NATIVE\n//!BIND NATIVE\nvec4 hook() { return NATIVE_texOff(vec2(1.0, 0.0)); }\n",
    ),
]


def frame(size: Size, subsampled: bool) -> tuple[Array, Array]:
    """Noise, in colours that stay between 0 and 1 as RGB."""
    width, height = size
    rng = np.random.default_rng(7)
    chroma = (2, (height + 1) // 2, (width + 1) // 2) if subsampled else (2, height, width)
    luma: Array = rng.uniform(0.25, 0.75, (1, height, width)).astype(np.float32)
    return luma, rng.uniform(0.4, 0.6, chroma).astype(np.float32)


def assert_agreement(gl: moderngl.Context, case: Case, size: Size, siting: SitingName, subsampled: bool) -> None:
    luma, chroma = frame(size, subsampled)
    output = (size[0] * case.scale, size[1] * case.scale)
    theirs = libplacebo.play(case.text, luma, chroma, output, siting=siting)
    planes = {"LUMA": luma, "CHROMA": chroma + np.float32(NEUTRAL)}
    shift = SITINGS[siting] if subsampled else (0.0, 0.0)
    with Runner(gl, parse(case.text)) as runner:
        ours = runner.run(Frame(planes, siting=shift, full_range=True), output)
    assert tuple(run.desc for run in ours.passes if run.ran) == theirs.ran
    assert tuple(run.desc for run in ours.passes if not run.ran) == theirs.skipped
    picture = rgb_to_ycbcr(ours.planes["OUTPUT"])
    picture[1:] -= np.float32(NEUTRAL)
    assert np.abs(picture - theirs.picture).max() < NOISE


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", [*LUMA, *MAIN], ids=str)
def test_luma_and_main_on_444(gl: moderngl.Context, case: Case, size: Size) -> None:
    assert_agreement(gl, case, size, "left", subsampled=False)


@pytest.mark.parametrize("case", RESOURCES, ids=str)
def test_resources(gl: moderngl.Context, case: Case) -> None:
    assert_agreement(gl, case, SIZES[1], "left", subsampled=False)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("siting", get_args(SitingName))
@pytest.mark.parametrize("case", CHROMA, ids=str)
def test_chroma_at_its_siting(gl: moderngl.Context, case: Case, siting: SitingName, size: Size) -> None:
    assert_agreement(gl, case, size, siting, subsampled=True)
