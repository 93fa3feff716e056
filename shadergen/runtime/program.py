"""The GLSL program of a hook pass: its text around the pass's own body, and what the driver says to it.

The program's own names begin with `sg_`; what a body may use (NAME_tex, NAME_pos, ..., parameters, inputs) is a macro
over them. The module `runner` tells where this differs from the players.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import moderngl
import numpy as np

from shadergen.errors import ShaderRunError
from shadergen.hookfile import HookFile, HookPass, Param, UserBuffer, UserTexture
from shadergen.hookfile.stages import bindings, canonical, initial_values, resources
from shadergen.runtime.resources import storage_slots

Storage = Literal["rgba32f", "rgba16f"]
"""The format of every texture that a hook pass writes."""


def param_values(file: HookFile, overrides: Mapping[str, float], where: str) -> dict[str, float]:
    """The value of every PARAM; raises ShaderRunError for an override that names none or lies outside its range."""
    values = initial_values(file)
    for name in overrides:
        if name not in values:
            known = ", ".join(values) or "none: the file has no PARAM"
            raise ShaderRunError(where, f"found parameter {name!r}, expected one of {known}")
    for param in file.params:
        value = values[param.name] = overrides.get(param.name, values[param.name])
        low = 0.0 if param.names else -math.inf if param.minimum is None else param.minimum
        high = len(param.names) - 1.0 if param.names else math.inf if param.maximum is None else param.maximum
        if not low <= value <= high:
            raise ShaderRunError(where, f"found {param.name} = {value:g}, expected {low:g} to {high:g}")
        if param.type != "float" and value != int(value):
            raise ShaderRunError(where, f"found {param.name} = {value:g}, expected a whole number for {param.type}")
    return values


# ---------------------------------------------------------------------------------------------------------------------
# Text

_GLUE_LINES = 1_000_000
"""Lines of a program that are not the hook file's own are numbered from here, so that messages tell them apart."""
_SUBGROUPS = ("basic", "vote", "arithmetic", "ballot", "shuffle", "clustered", "quad")
_EXTENSION = re.compile(r"^[ \t]*#[ \t]*extension[ \t]+(\w+)[ \t]*:[ \t]*(\w+)[^\n]*$", re.MULTILINE)
_DOT_PRODUCT = re.compile(
    r"spirv_instruction\s*\((?:[^()]*,)?\s*id\s*=\s*4450\s*\)\s*int\s+(\w+)\s*"
    r"\(\s*int\s*\w*\s*,\s*int\s*\w*\s*,\s*spirv_literal\s+int\s*\w*\s*\)\s*;"
)
"""The declaration of SPIR-V's OpSDotKHR, through which shaders for Vulkan multiply four bytes at once (dp4a)."""
_IF, _ENDIF = (re.compile(rf"^[ \t]*#[ \t]*{word}", re.MULTILINE) for word in ("if", "endif"))

_CURVES = """\
uniform bool sg_video;
const float sg_lift = 0.0595848, sg_gain = 0.8703105;  // BT.1886 on a display of contrast 1000:1
vec4 sg_linearize(vec4 c) {
    vec3 v = max(c.rgb, 0.0);
    vec3 low = v / 12.92, high = pow((v + 0.055) / 1.055, vec3(2.4));
    vec3 srgb = mix(high, low, lessThanEqual(v, vec3(0.04045)));
    return vec4(sg_video ? sg_gain * pow(v + sg_lift, vec3(2.4)) : srgb, c.a);
}
vec4 sg_delinearize(vec4 c) {
    vec3 v = max(c.rgb, 0.0);
    vec3 low = v * 12.92, high = 1.055 * pow(v, vec3(1.0 / 2.4)) - 0.055;
    vec3 srgb = mix(high, low, lessThanEqual(v, vec3(0.0031308)));
    return vec4(sg_video ? pow(v / sg_gain, vec3(1.0 / 2.4)) - sg_lift : srgb, c.a);
}
"""


def glsl(
    file: HookFile,
    item: HookPass,
    stage: str,
    *,
    storage: Storage = "rgba16f",
    version: int = 450,
    extensions: Collection[str] = (),
    values: Mapping[str, float] | None = None,
) -> str:
    """The complete program of one pass hooked at `stage`: a fragment shader, or a compute shader if it has COMPUTE.

    `#line` gives the body the hook file's line numbers; all other lines count from a million.
    `extensions` are the device's, `values` the PARAM values (the file's own when None).
    """
    compute = item.compute
    body = _without_intrinsics(item.body)
    extension_lines = list(_extension_lines(body))
    if "GL_KHR_shader_subgroup" in extensions:
        extension_lines += [f"#extension GL_KHR_shader_subgroup_{name} : enable" for name in _SUBGROUPS]
    lines = [f"#version {version}", f"#line {_GLUE_LINES}", *dict.fromkeys(extension_lines)]
    # Before any macro of the file: a PARAM may well be called `a` or `low`.
    lines += [_CURVES, "uniform vec2 sg_out_size;"]
    if compute is not None:
        width, height = compute.threads
        lines += [
            f"layout(local_size_x = {width}, local_size_y = {height}) in;",
            f"layout({storage}, binding = 0) writeonly restrict uniform image2D sg_out_image;",
            "#define out_image sg_out_image",
            "#define gl_FragCoord vec4(vec2(gl_GlobalInvocationID) + 0.5, 0.0, 1.0)",
        ]
    own, slots = resources(file), storage_slots(file)
    for unit, (name, hooked) in enumerate(bindings(item, stage).items()):
        block = own.get(name)
        if isinstance(block, UserTexture):
            lines += _texture_lines(block, unit, slots)
        elif isinstance(block, UserBuffer):
            lines += _buffer_lines(block, unit, slots)
        else:
            lines += _bind_lines(name, unit, hooked, compute is not None, version)
    lines += _input_lines()
    lines += _param_lines(file.params, values if values is not None else param_values(file, {}, ""))
    body = _EXTENSION.sub("", body)
    epilogue = "void main() { hook(); }" if compute else "out vec4 sg_color;\nvoid main() { sg_color = hook(); }"
    parts = ["\n".join(lines), f"#line {item.body_line or 1}", body, f"#line {_GLUE_LINES}", epilogue]
    return "\n".join(parts) + "\n"


def _without_intrinsics(body: str) -> str:
    """The dot product of four bytes in GLSL instead of GL_EXT_spirv_intrinsics, which OpenGL has not; same lines."""
    if "spirv_instruction" not in body:
        return body

    def written_out(match: re.Match[str]) -> str:
        shifts = "ivec4(24, 16, 8, 0)"
        bytes_a, bytes_b = (f"((ivec4({word}) << {shifts}) >> 24)" for word in "ab")
        product = f"ivec4 p = {bytes_a} * {bytes_b}; return p.x + p.y + p.z + p.w;"
        return f"int {match[1]}(int a, int b, int format) {{ {product} }}" + "\n" * match[0].count("\n")

    plain = _DOT_PRODUCT.sub(written_out, body)
    if "spirv_instruction" in plain:  # another one: the driver may know it
        return body
    return re.sub(r"^[ \t]*#[ \t]*extension[ \t]+GL_EXT_spirv_intrinsics\b.*$", "", plain, flags=re.MULTILINE)


def _extension_lines(body: str) -> Iterator[str]:
    """The body's `#extension` lines, to stand at the top; one inside an `#if` may not require anything there."""
    for match in _EXTENSION.finditer(body):
        before = body[: match.start()]
        conditional = len(_IF.findall(before)) > len(_ENDIF.findall(before))
        yield f"#extension {match[1]} : {'enable' if conditional else match[2]}"


def _bind_lines(name: str, unit: int, hooked: bool, compute: bool, version: int) -> Iterator[str]:
    yield f"uniform sampler2D sg_tex{unit};"
    yield f"uniform vec4 sg_rect{unit};"
    yield f"uniform vec2 sg_pt{unit}, sg_off{unit};"
    yield f"uniform float sg_mul{unit};"
    if not compute:
        yield f"in vec2 sg_pos{unit};"
    origin = f"sg_rect{unit}.xy + sg_rect{unit}.zw"
    pos = f"({origin} * (gl_FragCoord.xy / sg_out_size))" if compute else f"sg_pos{unit}"
    macros = {
        "raw": f"sg_tex{unit}",
        "pos": pos,
        "size": f"vec2(textureSize(sg_tex{unit}, 0))",
        "pt": f"sg_pt{unit}",
        "off": f"sg_off{unit}",
        "mul": f"sg_mul{unit}",
        "rot": "mat2(1.0, 0.0, 0.0, 1.0)",
        "tex(pos)": f"(sg_mul{unit} * textureLod(sg_tex{unit}, pos, 0.0))",
        "texOff(off)": f"(sg_mul{unit} * textureLod(sg_tex{unit}, {pos} + sg_pt{unit} * vec2(off), 0.0))",
    }
    if compute:
        macros["map(id)"] = f"({origin} * ((vec2(id) + 0.5) / sg_out_size))"
    if version >= 400:  # before, textureGather takes no component
        macros["gather(pos, c)"] = f"(sg_mul{unit} * textureGather(sg_tex{unit}, pos, c))"
    # Every name gets the whole text: Mesa cannot follow an alias of a macro whose arguments go over several lines.
    for prefix in (name, *(["HOOKED"] if hooked else []), *(["MAIN"] if name == "MAINPRESUB" else [])):
        for macro, text in macros.items():
            yield f"#define {prefix}_{macro} {text}"


def _texture_lines(block: UserTexture, unit: int, slots: Mapping[str, int]) -> Iterator[str]:
    dimensions = 3 if len(block.size) == 3 else 2
    if block.storage:
        format = block.format.replace("hf", "f")
        layout = f"layout({format}, binding = {slots[block.name]})"
        yield f"{layout} coherent restrict uniform image{dimensions}D sg_tex{unit};"
        yield f"#define {block.name} sg_tex{unit}"
        return
    yield f"uniform sampler{dimensions}D sg_tex{unit};"
    yield f"#define {block.name} sg_tex{unit}"
    position = "vec2(pos, 0.5)" if len(block.size) == 1 else "pos"
    yield f"#define {block.name}_tex(pos) (textureLod(sg_tex{unit}, {position}, 0.0))"


def _buffer_lines(block: UserBuffer, unit: int, slots: Mapping[str, int]) -> Iterator[str]:
    kind = "layout(std140) uniform"
    if block.storage:
        kind = f"layout(std430, binding = {slots[block.name]}) coherent restrict buffer"
    yield f"{kind} sg_block{unit} {{"
    for variable in block.variables:
        yield f"    {variable.type} {variable.name}" + (f"[{variable.length}];" if variable.length else ";")
    yield "};"


def _input_lines() -> Iterator[str]:
    types = {"frame": "int", "random": "float", "input_size": "vec2", "target_size": "vec2", "tex_offset": "vec2"}
    for name, type_ in types.items():
        yield f"uniform {type_} sg_{name};"
        yield f"#define {name} sg_{name}"
    yield "#define linearize sg_linearize"
    yield "#define delinearize sg_delinearize"


def _param_lines(params: Iterable[Param], values: Mapping[str, float]) -> Iterator[str]:
    for param in params:
        value = values[param.name]
        if param.mode == "DEFINE":
            yield f"#define {param.name} {int(value)}"
        elif param.mode == "CONSTANT":
            text = f"{float(np.float32(value))!r}" if param.type == "float" else f"{int(value)}"
            yield f"const {param.type} sg_param_{param.name} = {param.type}({text});"
            yield f"#define {param.name} sg_param_{param.name}"
        else:
            yield f"uniform {param.type} sg_param_{param.name};"
            yield f"#define {param.name} sg_param_{param.name}"
        for number, name in enumerate(param.names):
            yield f"#define {name} {number}"


# ---------------------------------------------------------------------------------------------------------------------
# Compiling

_POSITION = re.compile(r"^in vec2 sg_pos(\d+);$", re.MULTILINE)


def _vertex_shader(fragment: str) -> str:
    """Four vertices that cover the target. NAME_pos is interpolated between them as in libplacebo, not computed from
    gl_FragCoord: shaders floor() it, and where it lies on a texel's edge the last bit decides (KrigBilateral, CfL)."""
    units = _POSITION.findall(fragment)
    declared = "".join(f"uniform vec4 sg_rect{unit};\nout vec2 sg_pos{unit};\n" for unit in units)
    set_ = "".join(f"    sg_pos{unit} = sg_rect{unit}.xy + sg_rect{unit}.zw * corner;\n" for unit in units)
    return (
        f"{declared}void main() {{\n"
        "    vec2 corner = vec2(gl_VertexID % 2, gl_VertexID / 2);\n"
        f"{set_}    gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);\n}}\n"
    )


@dataclass(frozen=True)
class Program:
    """A compiled program; `vertices` is None for a compute shader."""

    program: moderngl.Program | moderngl.ComputeShader
    vertices: moderngl.VertexArray | None
    seconds: float

    def set(self, uniforms: Mapping[str, Any]) -> None:
        """Set those of the uniforms that the program kept: drivers drop the ones it does not use."""
        for name, value in uniforms.items():
            member = self.program.get(name, None)
            if isinstance(member, moderngl.Uniform):
                member.value = value

    def release(self) -> None:
        if self.vertices is not None:
            self.vertices.release()
        self.program.release()


@dataclass(frozen=True)
class CompileFault:
    """One line of the driver's complaint about one pass; `line` is the hook file's, counted from 1."""

    line: int
    message: str


class CompileError(ShaderRunError):
    """A pass that the driver refuses; the message is the first fault."""

    def __init__(self, where: str, faults: Sequence[CompileFault]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{where}:{faults[0].line}", faults[0].message + more)
        self.faults = faults


class Programs:
    """A hook file's programs on one context, each compiled when first asked for."""

    def __init__(self, context: moderngl.Context, file: HookFile, storage: Storage, where: str) -> None:
        self._context = context
        self._file = file
        self._storage = storage
        self._where = where
        self._known: dict[str, Program] = {}

    def of_pass(self, item: HookPass, stage: str, values: Mapping[str, float]) -> tuple[Program, float | None]:
        """The program of a pass hooked at `stage`, and the seconds it took to compile if it was not there already.

        Raises CompileError.
        """
        source = glsl(
            self._file,
            item,
            stage,
            storage=self._storage,
            version=self._version,
            extensions=self._context.extensions,
            values=values,
        )
        known = source in self._known
        try:
            program = self._program(source, compute=item.compute is not None)
        except moderngl.Error as error:
            raise CompileError(self._where, _driver_faults(str(error), item)) from None
        return program, None if known else program.seconds

    def of_fragment(self, source: str) -> Program:
        """The program of a fragment shader without its version line."""
        return self._program(f"#version {self._version}\n{source}")

    def release(self) -> None:
        for program in self._known.values():
            program.release()
        self._known.clear()

    @property
    def _version(self) -> int:
        return min(self._context.version_code, 450)

    def _program(self, source: str, *, compute: bool = False) -> Program:
        if source not in self._known:
            self._known[source] = _compile(self._context, source, compute)
        return self._known[source]


def compile_passes(
    context: moderngl.Context,
    file: HookFile,
    storage: Storage = "rgba16f",
    params: Mapping[str, float] | None = None,
) -> list[CompileFault]:
    """Compile every pass once, for the first stage it hooks, without running anything.

    Raises ShaderRunError when `params` do not fit the file.
    """
    values = param_values(file, params or {}, "params")
    programs = Programs(context, file, storage, "<shader>")
    faults: list[CompileFault] = []
    for item in file.passes:
        stage = canonical(item.hooks[0]) if item.hooks else "LUMA"
        try:
            programs.of_pass(item, stage, values)
        except CompileError as error:
            faults += error.faults
    programs.release()
    return faults


def _compile(context: moderngl.Context, source: str, compute: bool) -> Program:
    """Raises moderngl.Error with the driver's log, or saying that the device has no compute shaders."""
    start = time.perf_counter()
    if compute:
        if context.version_code < 430:
            found = f"OpenGL {context.version_code / 100:.1f}"
            raise moderngl.Error(f"found {found}, expected 4.3 or later for COMPUTE")
        return Program(context.compute_shader(source), None, time.perf_counter() - start)
    version = source.partition("\n")[0]
    program = context.program(vertex_shader=f"{version}\n{_vertex_shader(source)}", fragment_shader=source)
    vertices = context.vertex_array(program, [])
    return Program(program, vertices, time.perf_counter() - start)


# `0:12(3): error: text` (Mesa), `0(12) : error C1: text` (NVIDIA), `ERROR: 0:12: text` (AMD, Apple, Intel)
_LOG_LINE = re.compile(
    r"^\s*(?:ERROR: )?\d+(?::(\d+)(?:\(\d+\))?|\((\d+)\))\s*:\s*(?:error(?: C\d+)?:\s*)?(.*)$", re.MULTILINE
)


def _driver_faults(log: str, item: HookPass) -> list[CompileFault]:
    """The driver's errors at hook-file lines; what it says about other lines is put at the pass's first directive."""
    first = item.source[0].line if item.source else 1
    faults = []
    for match in _LOG_LINE.finditer(log):
        line, message = int(match[1] or match[2]), match[3].strip()
        if not message.lower().startswith("warning"):
            faults.append(CompileFault(line if line < _GLUE_LINES else first, message))
    return faults or [CompileFault(first, " ".join(log.split()))]
