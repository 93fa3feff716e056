"""What is no network, and what nobody should have to wait for, is refused in one line with the pass and the reason."""

from __future__ import annotations

import pytest

from shadergen.errors import ModelError
from shadergen.lift import lift
from shadergen.lint.glslang import glslang_program
from tests.lift.shaders import compute, fragment

pytestmark = pytest.mark.skipif(glslang_program() is None, reason="glslang is not installed")

TEXEL = "vec4 c = HOOKED_texOff(vec2(0.0));"

REFUSED = {
    "frame": (fragment(f"{TEXEL} return c * float(frame % 2);"), "reads `frame`"),
    "random": (fragment(f"{TEXEL} return c + random;"), "reads `random`"),
    "linear light": (fragment(f"{TEXEL} return linearize(c);"), "linearize"),
    "branch": (fragment(f"{TEXEL} if (c.x > 0.5) return vec4(0.0); return c;"), "a branch that depends on the picture"),
    "index": (fragment(f"{TEXEL} float a[4] = float[](0., 1., 2., 3.); return vec4(a[int(c.x)]);"), "a whole number"),
    "address": (fragment("return HOOKED_tex(HOOKED_pos + HOOKED_tex(HOOKED_pos).xx);"), "a place that depends"),
    "choice": (fragment(f"{TEXEL} return vec4(c.x > 0.5 ? 0.25 : c.x * c.x);"), "a branch that depends"),
    "step": (fragment(f"{TEXEL} return step(0.5, c);"), "chooses between values"),
    "function": (fragment(f"{TEXEL} return cos(c);"), "computes cos"),
    "discard": (fragment(f"{TEXEL} if (gl_FragCoord.x > 3.0) discard; return c;"), "discards texels"),
    "no pattern": (fragment("return vec4(HOOKED_tex(HOOKED_pos * HOOKED_pos).x);"), "no pattern"),
    "border": (
        fragment("vec2 p = fract(HOOKED_pos + HOOKED_pt); return HOOKED_tex(p) + HOOKED_tex(HOOKED_pos);"),
        "border",
    ),
    "endless": (
        compute("int n = 1; while (n > 0) { n = (n + 2) | 1; } imageStore(out_image, ivec2(0), vec4(n));", "8 8"),
        "a loop without an end",
    ),
    "a sum over the picture": (
        fragment(
            "vec4 s = vec4(0.0); for (int y = 0; y < 128; y++) for (int x = 0; x < 256; x++)\n"
            "    s += texelFetch(HOOKED_raw, ivec2(x, y), 0); return s;"
        ),
        "adds up more than 10000 numbers",
    ),
    "a huge array": (
        fragment(f"{TEXEL} float a[100000000]; a[7] = c.x; return vec4(a[7]);"),
        "has an array of 100000000 numbers",
    ),
    "a place that is none": (
        fragment("return HOOKED_tex(HOOKED_pos * sqrt(vec2(-1.0 - HOOKED_pos.x)));"),
        "computes sqrt of",
    ),
    "a division by zero": (
        fragment("return HOOKED_tex(HOOKED_pos / (HOOKED_pos - HOOKED_pos));"),
        "a place that is no number",
    ),
    "functions of functions": (
        fragment(f"{TEXEL} for (int i = 0; i < 5000; i++) c = max(c * c - 0.5 * c, 0.25 * c.yxwz); return c;"),
        "functions of functions, more than 100 deep",
    ),
    "syntax": (fragment("return vec4(1.0"), "does not compile"),
    "writes nothing": (compute("", "8 8"), "writes nothing"),
    "constant": (fragment("return vec4(0.5);"), "reads no picture"),
    "stage": (fragment(f"{TEXEL} return c;", hook="OUTPUT"), "passes that hook OUTPUT"),
    "nothing": (fragment(f"{TEXEL} return c;"), "leaves the picture as it is"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_line_says_why(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(ModelError) as refusal:
        lift(text, "x.glsl")
    message = str(refusal.value)
    assert reason in message
    assert message.startswith("x.glsl")
    assert "\n" not in message


def test_of_several_networks_one_can_be_chosen() -> None:
    text = fragment(f"{TEXEL} return c;", hook="PREKERNEL") + fragment("return 0.5 * c;", "WHEN OUTPUT.w LUMA.w >")
    with pytest.raises(ModelError, match=r"hook PREKERNEL, LUMA, .* with --when-index"):
        lift(text, "x.glsl")


def test_an_unknown_param_is_named() -> None:
    with pytest.raises(ModelError, match="found parameter 'strength', expected one of none"):
        lift(fragment(f"{TEXEL} return 0.5 * c;"), "x.glsl", params={"strength": 1.0})
