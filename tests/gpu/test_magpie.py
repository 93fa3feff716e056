"""An effect for Magpie: what its HLSL computes, pass by pass on OpenGL, is the network on luma.

glslang reads the HLSL, SPIRV-Cross writes it as GLSL: neither is the compiler that Magpie has, and Magpie itself runs
on Windows alone.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import api, hookfile, magpie, sources
from shadergen.cli import main
from shadergen.errors import TargetError
from shadergen.ir import reference
from shadergen.target import Target
from tests.nets import c_model

VERTEX = """#version 450
layout(location = 0) out vec2 pos;
void main() {
    pos = vec2(gl_VertexID & 1, gl_VertexID >> 1) * 2.0;
    gl_Position = vec4(pos * 2.0 - 1.0, 0.0, 1.0);
}
"""
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
WIDTH, HEIGHT = 17, 13


@pytest.fixture
def cross(glslang: None) -> str:
    found = shutil.which("spirv-cross")
    if found is None:
        pytest.skip("found no spirv-cross, expected it to write HLSL")
    return found


def effect(graph: Any) -> str:
    return magpie.effect(hookfile.parse(api.compile(graph, Target(without=frozenset({"compose"})))), graph.name)


def test_the_effect_is_the_network(gl: Any, cross: str, tmp_path: Path) -> None:
    graph = c_model(filters=4)
    picture = np.random.default_rng(2).random((3, HEIGHT, WIDTH), np.float32)
    enlarged, actual = played(gl, cross, tmp_path, effect(graph), picture)
    luma = np.tensordot(LUMA, picture, 1)[None]
    expected = reference.evaluate(graph, luma)[graph.output] - np.tensordot(LUMA, enlarged, 1) + enlarged
    assert np.abs(np.clip(enlarged, 0, 1) - np.clip(expected, 0, 1)).max() > 0.1, "which is not what bilinear makes"
    # Textures have 16 bits, of which the driver cuts digits off.
    np.testing.assert_allclose(actual, np.clip(expected, 0, 1), atol=5e-3)


def played(gl: Any, cross: str, folder: Path, text: str, picture: Any) -> tuple[Any, Any]:
    """The picture enlarged bilinearly, and the effect's result, both RGB (3, height, width)."""
    pixels = np.moveaxis(np.concatenate([picture, np.ones_like(picture[:1])]), 0, -1)
    textures = {"INPUT": gl.texture((WIDTH, HEIGHT), 4, np.ascontiguousarray(pixels).tobytes(), dtype="f4")}
    textures["INPUT"].repeat_x = textures["INPUT"].repeat_y = False
    bilinear = "float4 Pass1(float2 pos) { return INPUT.SampleLevel(linear_sampler, pos, 0); }"
    wide = "//!MAGPIE EFFECT\nTexture2D INPUT;\n//!PASS 1\n//!OUT OUTPUT\n" + bilinear
    results = []
    for source in (wide, text):
        for program, name in zip(magpie.programs(source), re.findall(r"^//!OUT (\w+)$", source, re.M), strict=True):
            scale, kind = (2, "f4") if name == "OUTPUT" else (1, "f2")
            textures[name] = gl.texture((scale * WIDTH, scale * HEIGHT), 4, dtype=kind)
            draw(gl, fragment(cross, folder, program), textures, textures[name])
        values = np.frombuffer(textures["OUTPUT"].read(), np.float32).reshape(2 * HEIGHT, 2 * WIDTH, 4)
        results.append(np.moveaxis(values, -1, 0)[:3])
    return results[0], results[1]


def fragment(cross: str, folder: Path, program: str) -> str:
    (folder / "pass.spv").write_bytes(magpie.compiled(program))
    command = [cross, str(folder / "pass.spv"), "--version", "450"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def draw(gl: Any, text: str, textures: dict[str, Any], target: Any) -> None:
    program = gl.program(vertex_shader=VERTEX, fragment_shader=text)
    for unit, sampler in enumerate(re.findall(r"uniform sampler2D (\w+);", text)):
        name = re.match(r"SPIRV_Cross_Combined(\w+?)(?:linear_sampler|SPIRV_Cross_DummySampler)$", sampler)
        assert name, sampler
        textures[name[1]].use(unit)
        program[sampler].value = unit
    framebuffer = gl.framebuffer([target])
    with gl.scope(framebuffer):  # what is bound when it is released is bound again by the next one, which is an error
        gl.vertex_array(program, []).render(vertices=3)
    framebuffer.release()


def test_a_mistake_is_seen(cross: str) -> None:
    first, *_ = magpie.programs(effect(c_model(filters=4)).replace("dot(", "dott(", 1))
    with pytest.raises(TargetError, match="glslang refuses"):
        magpie.compiled(first)


def test_a_program_that_takes_too_long_is_one_line(cross: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(magpie, "TIME_LIMIT", 1e-4)
    with pytest.raises(TargetError, match="still busy after"):
        effect(c_model(filters=4))


def test_what_an_effect_cannot_be(cross: str, tmp_path: Path) -> None:
    for graph, target in ((c_model("rgb"), Target()), (c_model(), Target("compute"))):
        with pytest.raises(TargetError, match="expected"):
            magpie.effect(hookfile.parse(api.compile(graph, target)), graph.name)
    sources.save(c_model(filters=4), tmp_path / "net.npz")
    build = ["build", str(tmp_path / "net.npz"), "--hlsl", "-o", f"{tmp_path}/"]
    assert CliRunner().invoke(main, build).exit_code == 0
    text = (tmp_path / "C2F4.hlsl").read_text("utf-8")
    assert text.startswith("//!MAGPIE EFFECT\n//!VERSION 4\n")
    assert "// Not tried in Magpie itself" in text
    assert CliRunner().invoke(main, [*build, "--compute"]).exit_code == 2
