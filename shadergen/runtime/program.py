"""The GLSL program of a hook pass: its text around the pass's own body, and what the driver says to it.

The program's own names begin with `sg_`; what a body may use (NAME_tex, NAME_pos, ..., parameters, inputs) is a macro
over them. The module `runner` tells where this differs from the players.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import moderngl

from shadergen.errors import ShaderRunError
from shadergen.hookfile import CompileFault, HookFile, HookPass
from shadergen.hookfile.dialects import OpenGL
from shadergen.hookfile.preamble import SUBGROUPS, preamble
from shadergen.hookfile.stages import first_stage, initial_values

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
_EXTENSION = re.compile(r"^[ \t]*#[ \t]*extension[ \t]+(\w+)[ \t]*:[ \t]*(\w+)[^\n]*$", re.MULTILINE)
_DOT_PRODUCT = re.compile(
    r"spirv_instruction\s*\((?:[^()]*,)?\s*id\s*=\s*4450\s*\)\s*int\s+(\w+)\s*"
    r"\(\s*int\s*\w*\s*,\s*int\s*\w*\s*,\s*spirv_literal\s+int\s*\w*\s*\)\s*;"
)
"""The declaration of SPIR-V's OpSDotKHR, through which shaders for Vulkan multiply four bytes at once (dp4a)."""
_IF, _ENDIF = (re.compile(rf"^[ \t]*#[ \t]*{word}", re.MULTILINE) for word in ("if", "endif"))


def glsl(
    file: HookFile,
    item: HookPass,
    stage: str,
    *,
    storage: Storage = "rgba16f",
    version: int = 450,
    extensions: Collection[str] = (),
    values: Mapping[str, float] | None = None,
    exact: bool = False,
) -> str:
    """The complete program of one pass hooked at `stage`: a fragment shader, or a compute shader if it has COMPUTE.

    `#line` gives the body the hook file's line numbers; all other lines count from a million.
    `extensions` are the device's, `values` the PARAM values (the file's own when None), `exact` is the dialect's.
    """
    body = _without_intrinsics(item.body)
    extension_lines = list(_extension_lines(body))
    if "GL_KHR_shader_subgroup" in extensions:
        extension_lines += [f"#extension GL_KHR_shader_subgroup_{name} : enable" for name in SUBGROUPS]
    head = [f"#version {version}", f"#line {_GLUE_LINES}", *dict.fromkeys(extension_lines)]
    values = initial_values(file) if values is None else values
    before = preamble(file, item, stage, values, OpenGL(version, exact), storage)
    body = _EXTENSION.sub("", body)
    entry = "void main() { hook(); }" if item.compute else "out vec4 sg_color;\nvoid main() { sg_color = hook(); }"
    parts = [*head, before, f"#line {item.body_line or 1}", body, f"#line {_GLUE_LINES}", entry]
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


class CompileError(ShaderRunError):
    """A pass that the driver refuses; the message is the first fault."""

    def __init__(self, where: str, faults: Sequence[CompileFault]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{where}:{faults[0].line}", faults[0].message + more)
        self.faults = faults


class Programs:
    """A hook file's programs on one context, each compiled when first asked for."""

    def __init__(
        self, context: moderngl.Context, file: HookFile, storage: Storage, where: str, exact: bool = False
    ) -> None:
        self._context = context
        self._exact = exact
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
            exact=self._exact,
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
        try:
            programs.of_pass(item, first_stage(item), values)
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
