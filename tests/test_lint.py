"""Every rule of `lint`: a file that triggers it at the right line, and near misses that must not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadergen import lint
from shadergen.errors import ShadergenError
from shadergen.hookfile import HookFile
from shadergen.lint import CompileFault, Diagnostic, glslang_compiler, lint_file, lint_text

BODY = "vec4 hook() { return HOOKED_tex(HOOKED_pos); }\n"
COMPUTE_BODY = "void hook() { imageStore(out_image, ivec2(gl_GlobalInvocationID), vec4(0.0)); }\n"


def hook(*directives: str, body: str = BODY) -> str:
    """A pass on MAIN that is fine but for the given directives; the first of them is on line 3."""
    return "//!HOOK MAIN\n//!BIND HOOKED\n" + "".join(f"//!{directive}\n" for directive in directives) + body


def luma(*directives: str, body: str = BODY) -> str:
    return hook(*directives, body=body).replace("HOOK MAIN", "HOOK LUMA")


def param(type: str = "float", *directives: str, value: str = "1", name: str = "p") -> str:
    return f"//!PARAM {name}\n//!TYPE {type}\n" + "".join(f"//!{d}\n" for d in directives) + f"{value}\n"


def texture(*directives: str, name: str = "lut", data: str = "00112233") -> str:
    return f"//!TEXTURE {name}\n//!FORMAT rgba8\n" + "".join(f"//!{d}\n" for d in directives) + f"{data}\n"


def returning(expression: str) -> str:
    return f"vec4 hook() {{ return {expression}; }}\n"


def shared(declarations: str, *directives: str) -> str:
    return hook(*(directives or ("COMPUTE 8 8",)), body=f"{declarations}\n{COMPUTE_BODY}")


MAP = luma("SAVE map", "COMPONENTS 4")
STORAGE = "//!BUFFER sums\n//!VAR float total\n//!STORAGE\n\n"
BIND_MAP = luma("BIND map", body=returning("map_tex(map_pos)"))

# rule, line, text
TRIGGERS = [
    ("grammar", 2, "//!HOOK MAIN\n//!NOPE\n" + BODY),
    ("grammar", 1, "no directive at all"),
    ("no-hook", 1, "//!BIND MAIN\n" + BODY.replace("HOOKED", "MAIN")),
    ("no-hook", 1, hook().replace("HOOK MAIN", "HOOK MAINN")),
    ("unknown-stage", 3, hook("HOOK MAINN")),
    ("unknown-stage", 3, hook("HOOK PREOUTPUT")),
    ("invalid-name", 1, texture(name="my-lut") + hook()),
    ("invalid-name", 1, param(name="random") + hook()),
    ("invalid-name", 1, param(name="gl_x") + hook()),
    ("invalid-name", 8, luma("SAVE 2x", "COMPONENTS 4") + luma("SAVE b").replace("SAVE b", "BIND 2x")),
    ("duplicate-param", 4, param() + param() + hook()),
    ("duplicate-texture", 4, texture() + texture() + hook()),
    ("param-value", 4, param("float", "MAXIMUM 1", value="2") + hook()),
    ("param-enum", 2, param("ENUM float", value="a\nb") + hook()),
    ("texture-bytes", 3, texture(data="0011") + hook()),
    ("texture-bytes", 4, "//!TEXTURE a\n//!SIZE 1 1\n//!FORMAT rgba16f\n0011223344556677\n" + hook()),
    ("texture-format", 2, texture().replace("rgba8", "rgba32f") + hook("BIND lut")),
    ("texture-format", 2, texture().replace("rgba8", "r16f") + hook("COMPUTE 8 8", "BIND lut", body=COMPUTE_BODY)),
    ("texture-format", 2, texture().replace("rgba8", "rgba16hf") + hook("BIND lut")),
    ("texture-format", 2, texture().replace("rgba8", "rgba8ui") + hook("BIND lut")),
    ("vo-gpu-buffer", 1, "//!BUFFER b\n//!VAR float x\n//!STORAGE\n\n" + hook()),
    ("vo-gpu-texture", 3, texture("STORAGE") + hook()),
    ("vo-gpu-texture", 3, texture("BORDER MIRROR") + hook()),
    ("vo-gpu-hex", 3, texture(data="0011\n2233") + hook()),
    ("vo-gpu-param", 2, param("uint") + hook()),
    ("vo-gpu-param", 2, param("CONSTANT int") + hook()),
    ("vo-gpu-param", 2, param("DYNAMIC float") + hook()),
    ("vo-gpu-param-count", 49, "".join(param(name=f"p{index}") for index in range(17)) + hook()),
    ("vo-gpu-linearize", 4, hook(body="\n" + returning("linearize(HOOKED_texOff(0))"))),
    ("vo-gpu-components", 3, luma("COMPONENTS 4")),
    ("vo-gpu-components", 4, luma("SAVE LUMA", "COMPONENTS 2")),
    ("vo-gpu-unused-components", 3, luma("SAVE map") + luma("BIND map", body=returning("vec4(map_texOff(0).y)"))),
    ("rpn-length", 3, hook("WHEN 1" + " 1 *" * 16)),
    ("rpn-length", 3, hook("WHEN 1" + " 1 *" * 32)),
    ("rpn-operator", 3, hook("WHEN HOOKED.w 100 >=")),
    ("rpn-operator", 3, hook("WIDTH HOOKED.w 2 -1")),
    ("rpn-number", 3, hook("WIDTH 2x HOOKED.w *")),
    ("rpn-stack", 3, hook("WHEN HOOKED.w >")),
    ("rpn-stack", 3, hook("WIDTH HOOKED.w 2")),
    ("rpn-stack", 3, hook("HEIGHT")),
    ("rpn-name", 3, hook("WIDTH map.w")),
    ("rpn-name", 3, hook("WHEN strength")),
    ("rpn-name", 3, hook("WHEN HOOKED.w .5 >")),
    ("rpn-name", 6, texture() + hook("WIDTH lut.w")),
    ("rpn-equal", 3, hook("WHEN OUTPUT.w HOOKED.w / 2 =")),
    ("rpn-equal", 3, hook("WHEN HOOKED.w 0.3 =")),
    ("bind-unknown", 3, hook("BIND map")),
    ("bind-order", 3, luma("BIND NATIVE")),
    ("bind-order", 3, BIND_MAP + MAP),
    ("rpn-order", 3, luma("WHEN NATIVE.w 9 >")),
    ("rpn-order", 4, luma("BIND map", "WIDTH map.w") + MAP),
    ("rpn-plane", 3, hook("WHEN OUTPUT.w LUMA.w >")),
    ("save-unused", 3, luma("SAVE map", "COMPONENTS 4")),
    ("save-stage", 3, luma("SAVE MAIN", "COMPONENTS 4")),
    ("save-twice", 8, MAP + MAP + BIND_MAP),
    (
        "when-mismatch",
        10,
        luma("SAVE map", "WHEN LUMA.w 1000 <", "COMPONENTS 4") + luma("BIND map", "WHEN LUMA.w 2000 <"),
    ),
    ("many-binds", 19, MAP + hook(*["BIND map"] * 12)),
    ("texture-extent", 3, hook("WIDTH HOOKED.w 5 *")),
    ("texture-extent", 10, luma("SAVE map", "WIDTH LUMA.w 3 *", "COMPONENTS 4") + luma("BIND map", "WIDTH map.w 2 *")),
    ("hook-function", 3, hook(body="vec4 hock() { return vec4(0.0); }\n")),
    ("hook-function", 3, hook(body="// vec4 hook()\n")),
    ("hook-function", 4, hook(body="\nvoid hook() {}\n")),
    ("hook-result", 5, hook("COMPUTE 8 8", body="\nvec4 hook() { imageStore(out_image, ivec2(0), vec4(0)); }\n")),
    ("hook-result", 3, hook("COMPUTE 8 8", body="void hook() {}\n")),
    (
        "out-image-in-fragment",
        3,
        hook(body="vec4 hook() { imageStore(out_image, ivec2(0), vec4(0)); return vec4(0); }\n"),
    ),
    ("unbound-texture", 3, hook(body=returning("LUMA_tex(LUMA_pos)"))),
    ("unbound-texture", 4, "//!HOOK MAIN\n//!BIND MAIN\n\n" + BODY),
    ("reserved-function", 3, hook(body="float random(vec2 p) { return 0.5; }\n" + BODY)),
    ("lut-pos", 3, hook(body=returning("vec4(LUT_POS(0.5, 64.0))"))),
    ("raw-without-mul", 3, luma(body=returning("texelFetch(HOOKED_raw, ivec2(0), 0)"))),
    ("raw-without-mul", 3, luma(body=returning("texture(HOOKED_raw, HOOKED_pos)"))),
    ("extension-directive", 4, hook(body="\n#extension GL_EXT_shader_16bit_storage : enable\n" + BODY)),
    ("cooperative-matrix", 4, hook(body="\n#extension GL_KHR_cooperative_matrix : require\n" + BODY)),
    ("integer-dot-product", 4, hook(body="\n#extension GL_EXT_integer_dot_product : require\n" + BODY)),
    ("version-directive", 3, hook(body="#version 450\n" + BODY)),
    ("many-threads", 3, hook("COMPUTE 64 32", body=COMPUTE_BODY)),
    ("block-threads", 3, hook("COMPUTE 24 24 16 16", body=COMPUTE_BODY)),
    ("shared-memory", 4, shared("shared float tile[8193];")),
    ("shared-memory", 5, shared("#define N 91\nshared float tile[N][N];")),
    ("shared-memory", 5, shared("const ivec2 n = ivec2(46) * 2 - 1;\nshared vec2 a[n.x][n.y], b;")),
    ("shared-memory", 8, shared("#ifdef X\n#define V f16vec4\n#else\n#define V vec4\nshared V a[2049];\n#endif")),
    ("shared-memory", 4, shared("shared vec4 a[gl_WorkGroupSize.x][129];", "COMPUTE 16 8")),
    ("large-file", 1, hook(body="// " + "x" * (2 << 20) + "\n" + BODY)),
]

# rule, text
NEAR_MISSES = [
    ("grammar", hook().replace("\n", "\r\n")),
    ("grammar", "// é ü 漢\n" + hook("DESC ←")),
    ("no-hook", hook("HOOK MAINN")),
    ("unknown-stage", hook("HOOK MAINPRESUB", "HOOK CHROMA_SCALED")),
    ("invalid-name", texture(name="_lut2") + param(name="frames") + hook()),
    ("duplicate-param", param() + param(name="q") + hook()),
    ("duplicate-texture", texture() + param(name="lut") + hook()),
    ("param-value", param("float", "MAXIMUM 1", "MINIMUM 1") + hook()),
    ("param-enum", param("ENUM int", value="a\nb") + param("ENUM DEFINE", name="q", value="c") + hook()),
    ("texture-bytes", "//!TEXTURE a\n//!SIZE 2 1\n//!FORMAT rg16hf\n0011223344556677\n" + hook()),
    ("texture-bytes", texture("SIZE 64 64", "STORAGE", data="") + hook()),
    ("texture-bytes", "//!TEXTURE a\n//!SIZE 1\n//!FORMAT rgb10_a2\n0011\n" + hook()),
    ("texture-format", texture() + hook("BIND lut")),
    ("texture-format", texture().replace("rgba8", "r32f") + hook("COMPUTE 8 8", "BIND lut", body=COMPUTE_BODY)),
    ("texture-format", texture("STORAGE").replace("rgba8", "rgba16hf") + hook("BIND lut")),
    ("vo-gpu-texture", texture("BORDER REPEAT") + hook()),
    ("vo-gpu-hex", texture(data="00112233\n\n") + hook()),
    ("vo-gpu-param", param("DEFINE") + param("int", name="q") + param("ENUM DEFINE", name="r", value="x") + hook()),
    ("vo-gpu-param-count", "".join(param(name=f"p{index}") for index in range(16)) + hook()),
    ("vo-gpu-linearize", hook(body="vec4 linearize(vec4 c) { return c; }\n" + returning("linearize(vec4(0))"))),
    ("vo-gpu-components", luma("SAVE map", "COMPONENTS 4") + BIND_MAP),
    ("vo-gpu-components", luma("COMPONENTS 1")),
    ("vo-gpu-components", hook("COMPONENTS 4")),
    ("vo-gpu-unused-components", luma("SAVE map") + luma("BIND map", body=returning("vec4(map_texOff(0).x)"))),
    ("vo-gpu-unused-components", hook("SAVE map") + hook("BIND map", body=returning("vec4(map_texOff(0).y)"))),
    ("rpn-length", hook("WHEN 1" + " 1 *" * 15)),
    ("rpn-operator", hook("WHEN HOOKED.w 100 < !")),
    ("rpn-operator", hook("WHEN OUTPUT.w HOOKED.w 2 * ==")),
    ("rpn-number", hook("WHEN HOOKED.w 1.5e3 >")),
    ("rpn-stack", hook("WHEN 1 0 /  1 >")),
    ("rpn-name", param(name="strength") + hook("WHEN strength HOOKED.w OUTPUT.h NATIVE_CROPPED.w * * *")),
    ("rpn-name", param("ENUM int", value="soft\nhard") + hook("WHEN p hard =")),
    ("rpn-name", MAP + luma("BIND map", "WIDTH map.w")),
    ("rpn-equal", hook("WHEN OUTPUT.w HOOKED.w 2 * =")),
    ("bind-unknown", texture() + MAP + luma("BIND map", "BIND lut")),
    ("bind-order", MAP + hook("BIND map")),
    ("bind-order", hook("BIND map") + MAP),  # MAIN fires after LUMA, wherever the pass stands
    ("bind-order", hook("BIND NATIVE", "BIND LUMA", "BIND MAINPRESUB")),
    ("rpn-order", hook("WHEN NATIVE.w OUTPUT.w MAIN.w * * 9 >")),
    ("rpn-order", luma("WHEN OUTPUT.w 9 >") + MAP + luma("BIND map", "WIDTH map.w")),
    ("rpn-plane", luma("HOOK CHROMA", "WHEN OUTPUT.w LUMA.w >") + hook("WHEN OUTPUT.w HOOKED.w >")),
    ("save-unused", MAP + hook("WIDTH map.w")),
    ("save-unused", STORAGE + luma("BIND sums", "SAVE map", "COMPONENTS 4")),
    ("save-stage", hook("SAVE MAINPRESUB") + luma("SAVE LUMA")),
    ("save-twice", MAP + BIND_MAP + MAP + BIND_MAP),
    ("save-twice", MAP + luma("BIND map", "SAVE map", "COMPONENTS 4") + BIND_MAP),
    ("save-twice", luma("SAVE map", "WHEN HOOKED.w 9 >") + luma("SAVE map", "WHEN HOOKED.w 9 > !") + BIND_MAP),
    ("when-mismatch", luma("SAVE map", "WHEN LUMA.w 1000 <") + luma("BIND map", "WHEN LUMA.w 900 <")),
    ("when-mismatch", luma("SAVE map", "WHEN LUMA.w 1000 <") + luma("BIND map")),
    ("many-binds", MAP + hook(*["BIND map"] * 11)),
    ("texture-extent", hook("WIDTH HOOKED.w 4 *", "HEIGHT HOOKED.h 4 *")),
    ("hook-function", hook(body="vec4 hook()\n{\n return vec4(0.0);\n}\n")),
    ("hook-function", hook("COMPUTE 8 8", body=COMPUTE_BODY)),
    ("hook-function", hook(body="#define NAME hook\nvec4 NAME() { return vec4(0.0); }\n")),
    ("hook-result", hook("COMPUTE 8 8", body=COMPUTE_BODY)),
    ("hook-result", STORAGE + hook("COMPUTE 8 8", "BIND sums", body="void hook() { total = 1.0; }\n")),
    ("out-image-in-fragment", hook(body="// out_image\n" + BODY)),
    ("unbound-texture", hook(body=returning("MAIN_tex(MAINPRESUB_pos)"))),
    ("unbound-texture", hook(body="#define LUMA_tex(p) HOOKED_tex(p)\n" + returning("LUMA_tex(HOOKED_pos)"))),
    ("unbound-texture", hook(body="vec2 LUMA_size = vec2(2.0);\n" + returning("vec4(LUMA_size, 0.0, 0.0)"))),
    ("reserved-function", hook(body=returning("vec4(random(1))"))),
    (
        "lut-pos",
        hook(body="#define LUT_POS(x, n) mix(0.5 / (n), 1.0 - 0.5 / (n), (x))\n" + returning("vec4(LUT_POS(0, 2))")),
    ),
    ("raw-without-mul", luma(body=returning("HOOKED_mul * texelFetch(HOOKED_raw, ivec2(0), 0)"))),
    ("raw-without-mul", luma(body=returning("vec4(textureSize(HOOKED_raw, 0), 0, 0)"))),
    ("raw-without-mul", MAP + luma("BIND map", body=returning("texelFetch(map_raw, ivec2(0), 0)"))),
    ("extension-directive", hook(body="// #extension GL_KHR_memory_scope_semantics : enable\n" + BODY)),
    ("cooperative-matrix", hook(body="// #extension GL_KHR_cooperative_matrix : require\n" + BODY)),
    ("extension-directive", hook(body="#ifdef GL_EXT_x\n#extension GL_EXT_x : require\n#endif\n" + BODY)),
    ("integer-dot-product", hook(body="// #extension GL_EXT_integer_dot_product : require\n" + BODY)),
    ("version-directive", hook(body="// #version 450\n" + BODY)),
    ("many-threads", hook("COMPUTE 64 32 32 32", body=COMPUTE_BODY)),
    ("block-threads", hook("COMPUTE 32 32 256 1", body=COMPUTE_BODY)),
    ("block-threads", hook("COMPUTE 48 32 12 16", body=COMPUTE_BODY)),
    ("shared-memory", shared("shared float tile[8192];")),
    ("shared-memory", shared("shared float tile[UNKNOWN];")),
    ("shared-memory", shared("#ifdef X\n#define N 9\n#else\n#define N 9999\n#endif\nshared vec4 tile[N];")),
    ("large-file", "//!TEXTURE t\n//!SIZE 1024 1024\n//!FORMAT rgba8\n" + "00" * (4 << 20) + "\n" + hook()),
]


def name_of(case: tuple[object, ...]) -> str:
    return str(case[0])


@pytest.mark.parametrize("case", TRIGGERS, ids=name_of)
def test_a_rule_fires_where_it_should(case: tuple[str, int, str]) -> None:
    rule, line, text = case
    found = [(diagnostic.rule, diagnostic.line) for diagnostic in lint_text(text)]
    assert (rule, line) in found


@pytest.mark.parametrize("case", NEAR_MISSES, ids=name_of)
def test_a_rule_keeps_quiet_at_a_near_miss(case: tuple[str, str]) -> None:
    rule, text = case
    found = {diagnostic.rule for diagnostic in lint_text(text)}
    assert not found & {rule, "grammar"}, "a broken grammar would hide the rule"


def test_every_rule_is_tested_both_ways_and_documented() -> None:
    ids = [rule.id for rule in lint.RULES]
    assert len(ids) == len(set(ids))
    assert set(ids) <= {rule for rule, _, _ in TRIGGERS}
    assert set(ids) - {"vo-gpu-buffer"} <= {rule for rule, _ in NEAR_MISSES}
    for rule in lint.RULES:
        assert rule.summary
        assert rule.source


def test_a_good_file_has_no_findings() -> None:
    assert lint_text(hook() + MAP + luma("BIND map", "COMPONENTS 1", body=returning("map_tex(map_pos)"))) == ()


def test_a_broken_grammar_hides_the_other_rules() -> None:
    assert {diagnostic.rule for diagnostic in lint_text("//!NOPE\n" + hook("BIND nobody"))} == {"grammar"}


@given(st.lists(st.sampled_from([text for _, _, text in TRIGGERS if len(text) < 4000]), max_size=6).map("".join))
def test_any_mixture_is_linted_in_order(text: str) -> None:
    diagnostics = lint_text(text)
    assert list(diagnostics) == sorted(diagnostics, key=lambda d: (d.line, d.rule, d.message))
    assert diagnostics == lint_text(text)
    for diagnostic in diagnostics:
        assert 1 <= diagnostic.line <= text.count("\n") + 1
        assert "\n" not in diagnostic.message


@given(st.text())
def test_any_text_is_linted(text: str) -> None:
    lint_text(text)


@given(st.text(max_size=80))
def test_any_body_is_linted(body: str) -> None:
    lint_text(shared(f"shared float a[{body}];\nconst ivec2 n = {body};\n{body}"))


# ---------------------------------------------------------------------------------------------------------------------
# Files and reports


def test_a_file_is_read_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "x.glsl"
    path.write_text(hook("BIND nobody"), encoding="utf-8")
    (diagnostic,) = lint_file(path)
    assert (diagnostic.path, diagnostic.line, diagnostic.severity) == (str(path), 3, "error")


@pytest.mark.parametrize("content", [None, b"", b" \n", b"//!HOOK MAIN\n\xff\n"])
def test_what_is_no_text_is_refused_in_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.glsl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ShadergenError, match=r"\A[^\n]*x\.glsl: found [^\n]*expected[^\n]*\Z"):
        lint_file(path)


def test_a_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ShadergenError, match="expected a hook file"):
        lint_file(tmp_path)


REPORT = (Diagnostic("a,b:c.glsl", 7, "error", "some-rule", "found 50%\nof it", "CM:1"),)


def test_text_report() -> None:
    assert lint.format_text(REPORT[:0]) == ""
    assert lint.format_text(REPORT).startswith("a,b:c.glsl:7: error: found 50%")
    assert lint.format_text(REPORT).endswith("[some-rule] (CM:1)\n")


def test_json_report() -> None:
    assert json.loads(lint.format_json(())) == []
    (entry,) = json.loads(lint.format_json(REPORT))
    assert entry["line"] == 7
    assert Diagnostic(**entry) == REPORT[0]


def test_github_report_escapes_what_github_would_split_at() -> None:
    expected = "::error file=a%2Cb%3Ac.glsl,line=7,title=some-rule::found 50%25%0Aof it (CM:1)\n"
    assert lint.format_github(REPORT) == expected


# ---------------------------------------------------------------------------------------------------------------------
# Compilers


def test_a_compiler_adds_errors() -> None:
    def compiler(file: HookFile) -> list[CompileFault]:
        return [CompileFault(file.passes[0].body_line, "no such function")]

    (diagnostic,) = lint_text(hook(), compilers=[compiler])
    assert (diagnostic.line, diagnostic.severity, diagnostic.rule) == (3, "error", "glsl")


EVERYTHING = (
    param("float", name="strength")
    + param("int", name="steps")
    + param("DEFINE", name="mode", value="2")
    + param("CONSTANT uint", name="fixed")
    + param("ENUM int", name="kind", value="soft\nhard")
    + texture()
    + "//!TEXTURE canvas\n//!SIZE 4 4\n//!FORMAT rgba16f\n//!STORAGE\n\n"
    + "//!BUFFER state\n//!VAR uint count\n//!VAR vec4 seen[2]\n//!STORAGE\n\n"
    + luma(
        "BIND lut",
        "BIND LUMA",
        "SAVE map",
        "COMPONENTS 4",
        body="""vec4 hook() {
    #if mode != 2
    #error mode is a macro
    #endif
    vec4 c = HOOKED_texOff(vec2(1.0, 0.0)) + LUMA_gather(LUMA_pos + LUMA_pt * LUMA_off, 0);
    c += texelFetch(LUMA_raw, ivec2(LUMA_rot * LUMA_size), 0) * LUMA_mul + texture(lut, vec2(0.5)) + lut_tex(vec2(0.0));
    c += strength * steps * float(fixed) + float(kind == hard) + random + float(frame);
    return delinearize(linearize(c)) + vec4(input_size / target_size, tex_offset);
}
""",
    )
    + hook(
        "BIND map",
        "BIND canvas",
        "BIND state",
        "BIND MAIN",
        "COMPUTE 16 16 8 8",
        body="""shared vec4 tile[8][8];
void hook() {
    tile[gl_LocalInvocationID.x][gl_LocalInvocationID.y] = map_tex(map_pos) + MAIN_tex(MAIN_map(gl_GlobalInvocationID));
    barrier();
    imageStore(canvas, ivec2(0), imageLoad(canvas, ivec2(1)) + float(count++) * seen[1]);
    imageStore(out_image, ivec2(gl_GlobalInvocationID.xy), tile[0][0]);
}
""",
    )
)

needs_glslang = pytest.mark.usefixtures("glslang")


def faults(text: str) -> list[tuple[int, str]]:
    compiler = glslang_compiler()
    assert compiler is not None
    return [(d.line, d.message) for d in lint_text(text, compilers=[compiler]) if d.rule == "glsl"]


@needs_glslang
def test_glslang_knows_everything_a_player_gives() -> None:
    assert faults(EVERYTHING) == []


@needs_glslang
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_glslang_names_the_line_of_the_file(end: str) -> None:
    text = hook(body="\n\nvec4 hook() {\n  return nothing;\n}\n") + hook(body="float f() { return 1; }\nvec4 hook()\n")
    found = faults(text.replace("\n", end))
    assert {line for line, _ in found if line < 8} == {6}
    assert "nothing" in found[0][1]
    assert [line for line, _ in found if line >= 8]


@needs_glslang
def test_glslang_finds_what_the_pass_lacks() -> None:
    assert faults(hook(body="float f;\n"))
    assert faults(hook(body=returning("LUMA_tex(HOOKED_pos)")))
    assert faults(hook(body="void hook() {}\n"))


def test_glslang_may_say_it_on_the_standard_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As glslang 16 does."""
    said = """echo "ERROR: 1:4: 'nothing' : undeclared identifier" >&2"""
    (tmp_path / "glslangValidator").write_text(f"#!/bin/sh\n{said}\nexit 2\n")
    (tmp_path / "glslangValidator").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert faults(hook(body=returning("nothing"))) == [(4, "glslang: 'nothing' : undeclared identifier")]


def test_glslang_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert glslang_compiler() is None


# ---------------------------------------------------------------------------------------------------------------------
# Shaders of others

FOLDER = os.environ.get("SHADERGEN_THIRD_PARTY")


@pytest.mark.skipif(FOLDER is None, reason="SHADERGEN_THIRD_PARTY names no folder of published shaders")
def test_published_shaders_have_no_errors() -> None:
    paths = [path for path in sorted(Path(FOLDER or ".").glob("*.glsl")) if path.stat().st_size > 0]
    assert paths
    errors = [diagnostic for path in paths for diagnostic in lint_file(path) if diagnostic.severity == "error"]
    assert lint.format_text(errors) == ""
