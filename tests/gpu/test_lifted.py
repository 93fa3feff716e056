"""Lifted networks against the shaders that they come from, on the GPU."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from shadergen import hookfile
from shadergen.cli import main
from shadergen.hookfile import Rpn
from shadergen.ir.ops import Conv
from shadergen.judge.lifted import SIZES, prove
from shadergen.lift import lift
from shadergen.lint.glslang import glslang_program
from shadergen.sources import load
from shadergen.target import Target
from tests.lift.shaders import built, compute, fragment, native
from tests.nets import c_model

pytestmark = pytest.mark.skipif(glslang_program() is None, reason="glslang is not installed")

TAPS = "vec4 s = vec4(0.0);"
PLANES = (
    "//!HOOK NATIVE\n//!BIND NATIVE\n//!SAVE first\nvec4 hook() {\n"
    "    return max(mat4(0.5) * NATIVE_texOff(vec2(1, 0)) - mat4(0.25) * NATIVE_texOff(vec2(0, -2)).zxyw, 0.0); }\n",
    "//!HOOK NATIVE\n//!BIND NATIVE\n//!BIND first\n//!WIDTH NATIVE.w 2 *\n//!HEIGHT NATIVE.h 2 *\n"
    "//!WHEN OUTPUT.w NATIVE.w 1.5 * >\nvec4 hook() {\n"
    "    vec2 f = fract(first_pos * first_size); int i = int(f.y * 2.0) * 2 + int(f.x * 2.0);\n"
    "    vec2 p = first_pos + (0.5 - f) * first_pt; vec4 c = first_tex(p);\n"
    "    return vec4(c[i % 3], c[(i + 1) % 3], 0.5 * c.y, 1.0) + 0.125 * float(i) * NATIVE_tex(p).yzxw; }\n",
)
"""Passes at NATIVE that enlarge Y, Cb and Cr to twice their size."""

INNER = (
    "//!HOOK LUMA\n//!BIND HOOKED\n"
    "ivec2 nearest(ivec2 p) {{ return clamp(p, ivec2(0), ivec2(HOOKED_size) - 1); }}\n"
    "bool inside(ivec2 p) {{ return p == nearest(p); }}\n"
    "float source(ivec2 p) {{ return texelFetch(HOOKED_raw, p, 0).x; }}\n"
    "float texel(ivec2 p) {{ return inside(p) ? source(p) : {outside}; }}\n"
    "float layer(ivec2 o) {{ ivec2 p = ivec2(HOOKED_pos * HOOKED_size), q = {at}; float x = 0.25;\n"
    "    for (int i = -1; i <= 1; i++) x += (0.5 * float(i) - 0.3) * texel(q + ivec2(i, 2 * i));\n"
    "    return inside(q) ? max(x, 0.0) + 0.3 * min(x, 0.0) : 0.0; }}\n"
    "vec4 hook() {{ return vec4(0.5 * layer(ivec2(-1, 1)) + 0.75 * layer(ivec2(0)) - 0.125 * layer(ivec2(1, -1))); }}\n"
)
"""A leaky rectifier of a convolution, and a convolution of that."""

NETWORKS = {
    "offsets": fragment("return vec4(HOOKED_texOff(vec2(-1, 2)) * 0.5 + max(HOOKED_texOff(1.0), 0.25));"),
    "bilinear, enlarged": fragment("return HOOKED_tex(HOOKED_pos);", "WIDTH HOOKED.w 2 *", "HEIGHT HOOKED.h 2 *"),
    "three times": fragment("return HOOKED_tex(HOOKED_pos);", "WIDTH HOOKED.w 3 *", "HEIGHT HOOKED.h 3 *"),
    "three times, then rectified": fragment(
        "vec4 a = HOOKED_texOff(0.0) - 0.5, b = HOOKED_texOff(vec2(0.6666667, -0.6666667)) - 0.25;\n"
        "    return 0.5 * max(a, 0.0) - 0.25 * max(-a, 0.0) + max(b, 0.0);",
        "WIDTH HOOKED.w 3 *",
        "HEIGHT HOOKED.h 3 *",
    ),
    "gather": fragment(
        "vec4 g = HOOKED_gather(HOOKED_pos + 0.5 * HOOKED_pt, 0); return vec4(dot(g, vec4(0.1, 0.2, 0.3, 0.5)));"
    ),
    "loops and functions": (
        "//!HOOK LUMA\n//!BIND HOOKED\n"
        "float weigh(float x, int i) { return x * (i % 2 == 0 ? 0.25 : -0.125); }\n"
        "vec4 hook() { float s = 0.1; for (int y = -1; y <= 1; y++) for (int x = -1; x <= 1; x++)\n"
        "    s += weigh(HOOKED_texOff(vec2(x, y)).x, 3 * y + x + 4); return vec4(max(s, 0.3 * s)); }\n"
    ),
    "reflection": fragment(
        "ivec2 n = ivec2(HOOKED_size), p = ivec2(HOOKED_pos * HOOKED_size); float s = 0.2;\n"
        "    for (int i = -2; i <= 1; i++) { ivec2 q = abs(p + ivec2(i, 2 * i)); q = n - 1 - abs(n - 1 - q);\n"
        "        s += 0.1 * float(i + 3) * texelFetch(HOOKED_raw, q, 0).x; } return vec4(s);"
    ),
    "a layer within a pass, zero outside": INNER.format(at="p + o", outside="0.0"),
    "a layer within a pass, the nearest outside": INNER.format(at="nearest(p + o)", outside="source(nearest(p))"),
    "concatenated rectifiers": fragment(
        "vec4 a = HOOKED_texOff(vec2(1, 0)) - HOOKED_texOff(vec2(-1, 0));\n"
        "    return 0.5 * max(a, 0.0) + 0.25 * max(-a, 0.0) + max(-HOOKED_texOff(0.0) + 0.5, 0.0);"
    ),
    "a function of what is above": fragment(
        "return max(HOOKED_texOff(vec2(0, -2)) - 0.5 * HOOKED_texOff(vec2(0, -1)) + 0.2, 0.0);"
    ),
    "a function that is not zero outside": fragment(
        "ivec2 p = ivec2(HOOKED_pos * HOOKED_size) - 1; vec4 s = texelFetch(HOOKED_raw, max(p, 0), 0);\n"
        "    s *= float(p.x >= 0 && p.y >= 0); return max(s + 0.5, 0.75) + 0.1 * HOOKED_texOff(0.0);"
    ),
    "bytes": fragment("return 0.5 * unpackSnorm4x8(packSnorm4x8(HOOKED_texOff(1.0).xxxx)) + HOOKED_texOff(0.0);"),
    "products": fragment("float a = HOOKED_texOff(1.0).x, b = HOOKED_texOff(-1.0).x; return vec4(a * b + 0.5 * a);"),
    "colours": fragment("return vec4(mat3(0.5) * HOOKED_texOff(1.0).rgb + 0.1, 1.0);", hook="MAIN"),
    "planes": native(*PLANES),
    "planes as the player puts them together": "".join(PLANES),
    "shared memory": compute(
        "    ivec2 p = ivec2(gl_LocalInvocationID.xy), corner = ivec2(gl_WorkGroupID.xy) * 8 - 1;\n"
        "    for (int y = p.y; y < 10; y += 8) for (int x = p.x; x < 10; x += 8)\n"
        "        tile[y][x] = HOOKED_tex((vec2(corner + ivec2(x, y)) + 0.5) * HOOKED_pt).x;\n"
        "    barrier();\n"
        "    float s = 0.0;\n"
        "    for (int i = 0; i < 9; i++) s += float(i + 1) / 45.0 * tile[p.y + i / 3][p.x + i % 3];\n"
        "    imageStore(out_image, ivec2(gl_GlobalInvocationID), vec4(s));",
        "8 8",
        before="shared float tile[10][10];",
    ),
    "shared memory, three times": compute(
        "    ivec2 p = ivec2(gl_LocalInvocationID.xy), corner = ivec2(gl_WorkGroupID.xy) * 8 - 1;\n"
        "    for (int y = p.y; y < 10; y += 8) for (int x = p.x; x < 10; x += 8)\n"
        "        tile[y][x] = HOOKED_tex((vec2(corner + ivec2(x, y)) + 0.5) * HOOKED_pt).x;\n"
        "    barrier();\n"
        "    float s = tile[p.y][p.x + 1] + 0.5 * tile[p.y + 2][p.x + 1];\n"
        "    barrier();\n"
        "    tile[p.x][p.y] = max(s - 0.3, 0.0);\n"
        "    barrier();\n"
        "    imageStore(out_image, ivec2(gl_GlobalInvocationID), vec4(0.4 * tile[p.x][p.y] + 0.2 * s));",
        "8 8",
        before="shared float tile[10][10];",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_small_shader_is_its_network(name: str, gl: object) -> None:
    text = NETWORKS[name]
    lifted = lift(text, f"{name}.glsl")
    assert all(proof.holds for proof in prove(lifted, text, name)), lifted.graph


def test_a_wrong_network_is_not_proven(gl: object) -> None:
    text = NETWORKS["offsets"]
    other = text.replace("0.5", "0.501")
    proofs = prove(lift(other, "x.glsl"), text, "x.glsl")
    assert [proof.size for proof in proofs] == list(SIZES)
    assert not any(proof.holds for proof in proofs)


def test_what_a_sampler_adds_of_neighbours_is_no_difference(gl: object) -> None:
    """llvmpipe's is off by 1e-5 of what lies beside a texel, which is much where that is large."""
    first = fragment("return 100.0 * HOOKED_texOff(0.0) + 50.0;", "SAVE large")
    last = fragment("return max(large_tex(large_pos) - 100.0 * HOOKED_texOff(vec2(1, 0)), 0.0);", "BIND large")
    text = first + last
    assert all(proof.holds for proof in prove(lift(text, "x.glsl"), text, "x.glsl"))


def test_chroma_that_is_not_brought_to_luma_is_not_proven(gl: object) -> None:
    """Without ALIGN it lies half a pixel beside luma where its samples are at the left."""
    text = native(*PLANES, align=False)
    proofs = prove(lift(text, "x.glsl"), text, "x.glsl")
    assert [proof.holds for proof in proofs] == [False, True] * 3, "left and center"


@pytest.mark.parametrize(("weight", "same"), [("0.5", True), ("0.501", False)])
def test_what_is_half_way_may_be_rounded_to_either_side(weight: str, same: bool, gl: object) -> None:
    """Two ways of adding differ in the last bits; a wrong weight shows wherever those do not count."""
    text = fragment(
        "vec4 x = HOOKED_texOff(0.0).x * vec4(0.3, 0.4, 0.5, 0.6) + HOOKED_texOff(1.0).x * vec4(0.1, 0.3, 0.2, 0.4);\n"
        "    return vec4(0.5 * dot(unpackSnorm4x8(packSnorm4x8(x)), vec4(0.25)) + 0.1 * HOOKED_texOff(0.0).x);"
    )
    proofs = prove(lift(text.replace("0.5 * dot", f"{weight} * dot"), "x.glsl"), text, "x.glsl")
    assert 0.9 < min(proof.decided for proof in proofs) < 1
    assert all(proof.holds == same for proof in proofs)


def test_values_are_the_same_before_they_are_rounded(gl: object) -> None:
    """Steep sums, in which a hundred thousandth of a neighbour's texel would be a five hundredth of a step."""
    text = fragment(
        "vec4 x = 5.0 * (HOOKED_texOff(1.0) - HOOKED_texOff(-1.0)).xxxx * vec4(0.7, 0.8, 0.9, 1.0);\n"
        "    return vec4(dot(unpackSnorm4x8(packSnorm4x8(x)), vec4(0.25, 0.5, 0.125, 1.0)));"
    )
    assert all(proof.holds for proof in prove(lift(text, "x.glsl"), text, "x.glsl"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_lift_writes_a_model_that_builds_the_shader_anew(tmp_path: Path, gl: object) -> None:
    graph = c_model(filters=4)
    shader, model = tmp_path / "C2F4.glsl", tmp_path / "again.npz"
    shader.write_text(built(graph, Target(without=frozenset({"compose"}))))
    result = run("lift", shader, "-o", model)
    assert result.exit_code == 0, result.output
    assert result.output.count("ok ") == len(SIZES)
    assert load(model).record.sha256
    assert run("verify", model, "--shader", shader).exit_code == 0
    assert run("build", shader, "--compute", "-o", tmp_path / "new.glsl").exit_code == 0, "a shader is a model"


def test_a_network_of_planes_is_built_anew_and_verified(tmp_path: Path, gl: object) -> None:
    shader, model = tmp_path / "planes.glsl", tmp_path / "planes.npz"
    shader.write_text(native(*PLANES))
    assert run("lift", shader, "-o", model).exit_code == 0
    for stage in ("--fragment", "--compute"):
        assert run("build", model, stage, "-o", tmp_path / "new.glsl").exit_code == 0
        result = run("verify", model, stage, "--shader", tmp_path / "new.glsl", "--size", "17x13", "--layers")
        assert result.exit_code == 0, result.output
        assert result.output.count("ok ") == 4, "left and center, stored in 32 bits and in 16"


def test_one_of_several_networks_in_a_file(tmp_path: Path, gl: object) -> None:
    """Both would run, one after the other; the record has the whole file's hash."""
    shader, model = tmp_path / "two.glsl", tmp_path / "one.npz"
    first = fragment("return 0.5 * HOOKED_texOff(1.0);", "WHEN OUTPUT.w LUMA.w 1.5 * >")
    second = fragment("return 0.25 * HOOKED_texOff(-1.0);", "WHEN OUTPUT.h LUMA.h 1.5 * >")
    shader.write_text(first + second)
    assert run("lift", shader, "-o", model, "--when-index", 2).exit_code == 0
    graph = load(model)
    (weight,) = (node.op.weight.sum() for node in graph.nodes if isinstance(node.op, Conv))
    assert weight == 0.25
    record = json.loads(run("lift", shader, "--when-index", 1, "--json").output)["sha256"]
    assert record == sha256(shader.read_bytes()).hexdigest()
    result = run("lift", shader, "-o", model, "--when-index", 3)
    assert result.exit_code == 1
    assert "found --when-index 3, expected one of 1 (OUTPUT.w LUMA.w 1.5 * >), 2 (OUTPUT.h" in result.output


def test_an_unproven_network_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gl: object) -> None:
    shader, model = tmp_path / "x.glsl", tmp_path / "x.npz"
    shader.write_text(NETWORKS["offsets"])
    monkeypatch.setattr("shadergen.judge.lifted.BOUND", -1.0)
    result = run("lift", shader, "-o", model)
    assert result.exit_code == 1
    assert result.output.splitlines()[-1].startswith(f"shadergen: {shader}: found a network whose picture is another")
    assert not model.exists()
    assert run("lift", shader, "-o", model, "--unproven").exit_code == 0
    assert np.isfinite(load(model).output_channels)


def test_faster_keeps_hooks_conditions_and_header(tmp_path: Path, gl: object) -> None:
    shader, output = tmp_path / "x.glsl", tmp_path / "fast.glsl"
    when = "//!WHEN OUTPUT.w LUMA.w 1.5 * >"
    built_anew = hookfile.parse(built(c_model(filters=4), Target(when=1.0, without=frozenset({"compose"}))))
    conditional = replace(
        built_anew,
        header="// Licence: MIT\n",
        blocks=tuple(replace(block, when=Rpn.parse(when[8:])) for block in built_anew.passes),
    )
    shader.write_text(hookfile.format(conditional))
    result = run("faster", shader, "-o", output, "--size", "64x48")
    assert result.exit_code == 0, result.output
    text = output.read_text()
    assert text.startswith("// Licence: MIT\n")
    written = hookfile.parse(text)
    assert {str(item.when) for item in written.passes} == {when[8:]}
    assert {item.hooks for item in written.passes} == {("LUMA",)}
    assert ("the original" in result.output) == (text == shader.read_text())


def test_a_shader_is_a_model_only_if_it_is_proven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gl: object) -> None:
    shader = tmp_path / "x.glsl"
    shader.write_text(NETWORKS["offsets"])
    assert run("convert", shader, tmp_path / "x.npz").exit_code == 0
    monkeypatch.setattr("shadergen.judge.lifted.BOUND", -1.0)
    result = run("convert", shader, tmp_path / "y.npz")
    assert result.exit_code == 1
    assert "a network whose picture is another than the shader's" in result.output
    assert not (tmp_path / "y.npz").exists()
