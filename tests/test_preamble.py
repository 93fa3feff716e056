"""What a player declares before the body of a pass, in each dialect."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shadergen.hookfile import HookFile, HookPass, parse
from shadergen.hookfile.dialects import OpenGL, Vulkan
from shadergen.hookfile.preamble import INPUTS, RESERVED, Dialect, preamble, storage_slots
from shadergen.hookfile.stages import initial_values

EVERY_BLOCK = """\
//!PARAM strength
//!TYPE float
0.5
//!PARAM mode
//!TYPE DEFINE
2
//!PARAM taps
//!TYPE CONSTANT int
3
//!PARAM kind
//!TYPE ENUM int
soft
hard
//!TEXTURE curve
//!SIZE 1
//!FORMAT r8
00
//!TEXTURE canvas
//!SIZE 4 4
//!FORMAT rgba16hf
//!STORAGE

//!BUFFER state
//!VAR uint count
//!VAR vec4 seen[2]
//!STORAGE

"""
BODY = "vec4 hook() { return vec4(0.0); }\n"


def lines(dialect: Dialect, directives: str = "//!HOOK MAIN\n//!BIND HOOKED\n", blocks: str = "") -> list[str]:
    file = parse(blocks + directives + BODY)
    return preamble(file, file.passes[0], "MAINPRESUB", initial_values(file), dialect).splitlines()


def test_a_bound_texture_has_its_macros_under_every_name() -> None:
    text = "\n".join(lines(OpenGL(450)))
    for name in ("HOOKED", "MAIN", "MAINPRESUB"):
        assert f"#define {name}_tex(pos) (sg_mul0 * textureLod(sg_tex0, pos, 0.0))" in text
        assert f"#define {name}_pos sg_pos0" in text
    assert "HOOKED" not in "\n".join(lines(OpenGL(450), "//!HOOK MAIN\n//!BIND MAIN\n"))


def test_opengl_sets_uniforms_by_name() -> None:
    text = lines(OpenGL(450))
    assert "uniform sampler2D sg_tex0;" in text
    assert "uniform float sg_mul0;" in text
    assert "uniform vec2 sg_target_size;" in text
    assert "in vec2 sg_pos0;" in text


def test_vulkan_binds_everything_by_number_and_the_uniforms_in_one_block_first() -> None:
    text = lines(Vulkan(), "//!HOOK MAIN\n//!BIND HOOKED\n//!BIND curve\n//!BIND state\n", EVERY_BLOCK)
    assert text[0] == "layout(std140, binding = 0) uniform SgUniforms {"
    assert "    vec2 sg_target_size;" in text
    assert "layout(binding = 1) uniform sampler2D sg_tex0;" in text
    assert "layout(binding = 2) uniform sampler1D sg_tex1;" in text
    assert "layout(std430, binding = 3) coherent restrict buffer sg_block2 {" in text
    assert not [line for line in text if re.match(r"uniform (?!SgUniforms)", line)]


def test_without_samplers_of_one_dimension_they_are_a_row() -> None:
    text = lines(OpenGL(450), "//!HOOK MAIN\n//!BIND curve\n", EVERY_BLOCK)
    assert "uniform sampler2D sg_tex0;" in text
    assert "#define curve_tex(pos) (textureLod(sg_tex0, vec2(pos, 0.5), 0.0))" in text


def test_old_opengl_gathers_no_component() -> None:
    assert any("_gather(" in line for line in lines(OpenGL(400)))
    assert not any("_gather(" in line for line in lines(OpenGL(330)))


def test_a_compute_pass_finds_its_place_by_its_thread() -> None:
    text = "\n".join(lines(OpenGL(450), "//!HOOK MAIN\n//!BIND HOOKED\n//!COMPUTE 32 16 8 4\n"))
    assert "layout(local_size_x = 8, local_size_y = 4) in;" in text
    assert "#define HOOKED_map(id)" in text
    assert "#define gl_FragCoord vec4(vec2(gl_GlobalInvocationID) + 0.5, 0.0, 1.0)" in text
    assert "sg_pos0" not in text


def test_every_kind_of_parameter() -> None:
    text = lines(OpenGL(450), blocks=EVERY_BLOCK)
    assert "uniform float sg_param_strength;" in text
    assert "#define strength sg_param_strength" in text
    assert "#define mode 2" in text
    assert "const int sg_param_taps = int(3);" in text
    assert [line for line in text if line.startswith(("#define soft", "#define hard"))] == [
        "#define soft 0",
        "#define hard 1",
    ]


def test_storage_has_slots_beside_the_result() -> None:
    assert storage_slots(parse(EVERY_BLOCK)) == {"canvas": 1, "state": 2}


def test_reserved_names_are_macros_in_front_of_every_body() -> None:
    text = lines(OpenGL(450), "//!HOOK MAIN\n//!BIND HOOKED\n//!COMPUTE 8 8\n")
    defined = {match[1] for line in text if (match := re.match(r"#define (\w+) ", line))}
    assert defined >= RESERVED >= INPUTS.keys()


@pytest.mark.parametrize("dialect", [OpenGL(450), Vulkan()], ids=["OpenGL", "Vulkan"])
@pytest.mark.parametrize("stage", ["frag", "comp"])
def test_a_preamble_compiles_in_its_dialect(dialect: Dialect, stage: str, tmp_path: Path) -> None:
    glslang = shutil.which("glslangValidator")
    if glslang is None:
        pytest.skip("glslangValidator is not installed")
    binds = "".join(f"//!BIND {name}\n" for name in ("HOOKED", "LUMA", "curve", "canvas", "state"))
    file = parse(EVERY_BLOCK + f"//!HOOK MAIN\n{binds}" + ("//!COMPUTE 8 8\n" if stage == "comp" else "") + BODY)
    source = tmp_path / f"pass.{stage}"
    source.write_text(_program(file, file.passes[0], dialect), "utf-8")
    target = ["-V", "--target-env", "vulkan1.1"] if isinstance(dialect, Vulkan) else []
    done = subprocess.run(
        [glslang, *target, "-S", stage, str(source)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def _program(file: HookFile, item: HookPass, dialect: Dialect) -> str:
    before = preamble(file, item, "MAINPRESUB", initial_values(file), dialect)
    body = """\
vec4 seen_here() {
    vec4 c = HOOKED_tex(HOOKED_pos) + LUMA_texOff(vec2(1.0)) + HOOKED_gather(HOOKED_pos + HOOKED_pt * HOOKED_off, 0);
    c += texelFetch(MAIN_raw, ivec2(MAIN_rot * MAIN_size), 0) * MAIN_mul + imageLoad(canvas, ivec2(1)) + seen[1];
    c += curve_tex(0.5) + strength * float(mode + taps + int(kind == hard) + frame + int(count)) + random;
    return delinearize(linearize(c)) + vec4(input_size / target_size, tex_offset) + gl_FragCoord;
}
"""
    if item.compute:
        entry = "void main() { imageStore(out_image, ivec2(gl_GlobalInvocationID), seen_here()); }"
    else:
        entry = "layout(location = 0) out vec4 color;\nvoid main() { color = seen_here(); }"
    return f"#version 450\n{before}\n{body}{entry}\n"
