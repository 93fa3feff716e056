"""Runs a hook file on OpenGL the way libplacebo does, and reads back every texture.

The file goes through the stages of libplacebo's renderer: the planes (LUMA, CHROMA, ALPHA or RGB), CHROMA_SCALED and
ALPHA_SCALED, NATIVE, MAIN (= MAINPRESUB), PREKERNEL, POSTKERNEL, SCALED, PREOUTPUT, OUTPUT. Between the stages a few
small programs merge the planes, convert to RGB and scale; they are bilinear, in 32-bit float, without clamping. Only
the calls to `hook()` are the file's own.

Coordinates: sizes are (width, height), arrays are (channels, height, width), and texel row 0 is array row 0. A rect is
(x0, y0, x1, y1) in texels of its texture: where the frame's content lies in it.

Where the players differ, this is libplacebo (source: src/shaders/custom_mpv.c):

- An expression that fails, a size below 1 or a resized stage that must keep its size disables the file for the rest of
  the frame and drops what it did to the current stage. vo=gpu skips the pass. Here the passes that did not run say so.
- Saved textures live per file and frame; vo=gpu shares them between files.
- COMPONENTS is a note to the renderer; vo=gpu fills the channels above it with 0, 0, 1 in a fragment pass.
- Textures of TEXTURE blocks are filtered NEAREST unless they say LINEAR; vo=gpu filters LINEAR.
- BUFFER, STORAGE, the PARAM modes beyond vo=gpu's, linearize() and delinearize() exist.
- NAME_map exists in compute passes only (as in vo=gpu), NAME_rot is the identity.

Where this runner differs from libplacebo:

- Hook outputs are `storage`, nothing else; libplacebo takes rgba16f where it can and falls back to integer formats.
  The driver rounds to 16 bits: GPUs to the nearest value, Mesa's llvmpipe towards zero.
- LINEAR and SIGMOID never fire: scaling is in the picture's own light. Their passes are listed as not run.
- linearize() and delinearize() are the sRGB curve, whatever the video's is.
- Levels are 8-bit ones: limited luma is 16/255..235/255 and neutral chroma 128/255.
- `random` is a fixed sequence, another one than libplacebo's.
- `#extension` lines are moved to the top of the program. glslang takes them in the middle, OpenGL drivers do not.
- A name bound twice (`BIND HOOKED` and `BIND LUMA` on LUMA) is bound once; libplacebo defines its macros twice.
- A TEXTURE of one dimension is a sampler2D of height 1: NAME_tex(x) works, texture(NAME, x) does not compile.
- BORDER MIRROR and integer texture formats are refused.
- Alpha is premultiplied from MAIN on, as in libplacebo, and stays so in the results.
"""

from __future__ import annotations

import contextlib
import math
import random
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, NamedTuple

import moderngl
import numpy as np
import numpy.typing as npt

from shadergen.errors import ShaderRunError
from shadergen.hookfile import HookFile, HookPass, Param, Rpn, RpnError, UserBuffer, UserTexture
from shadergen.runtime.images import Matrix, ycbcr_decoding

Array = npt.NDArray[np.float32]
Rect = tuple[float, float, float, float]
Size = tuple[int, int]
Storage = Literal["rgba32f", "rgba16f"]

STAGES = (
    *("RGB", "LUMA", "CHROMA", "ALPHA", "CHROMA_SCALED", "ALPHA_SCALED", "NATIVE", "MAINPRESUB"),
    *("PREKERNEL", "POSTKERNEL", "SCALED", "PREOUTPUT", "OUTPUT"),
)
"""Every stage that can fire here, in order. MAIN is another name for MAINPRESUB."""
_RESIZABLE = frozenset({"RGB", "LUMA", "CHROMA", "ALPHA", "NATIVE", "MAINPRESUB"})
_NEVER_FIRES = {
    "LINEAR": "stage LINEAR fires only when scaling in linear light, which this runner does not do",
    "SIGMOID": "stage SIGMOID fires only when scaling in sigmoidized light, which this runner does not do",
    "XYZ": "stage XYZ fires only for XYZ video, which this runner does not do",
}
_PLANE_CHANNELS = {"RGB": (3, 4), "LUMA": (1,), "CHROMA": (2,), "ALPHA": (1,)}


@dataclass(frozen=True)
class Frame:
    """A decoded picture as the player uploads it.

    `planes` holds either RGB or LUMA with or without CHROMA, and in both cases ALPHA or not. Raises ValueError for
    other planes and shapes.
    """

    planes: Mapping[str, npt.NDArray[np.floating[Any]]]
    """By stage: LUMA (1, h, w), CHROMA (2, ch, cw), ALPHA (1, h, w), RGB (3 or 4, h, w). The values are what
    NAME_mul * NAME_raw gives, so limited-range luma runs from 16/255 to 235/255."""
    mul: float = 1.0
    """NAME_mul of every plane: the textures hold values / mul."""
    siting: tuple[float, float] = (0.0, 0.0)
    """Where the chroma samples lie, in luma texels from the centre of the luma texels they cover: center (0, 0), left
    (MPEG-2) (-0.5, 0), topleft (-0.5, -0.5)."""
    matrix: Matrix = "bt709"
    full_range: bool = False
    """`matrix` and `full_range` are used only to turn NATIVE into MAIN."""

    def __post_init__(self) -> None:
        names = frozenset(self.planes) - {"ALPHA"}
        if names not in ({"RGB"}, {"LUMA"}, {"LUMA", "CHROMA"}):
            raise ValueError(f"found planes {sorted(self.planes)}, expected RGB, LUMA or LUMA and CHROMA")
        for name, values in self.planes.items():
            if values.ndim != 3 or values.shape[0] not in _PLANE_CHANNELS[name] or values.size == 0:
                raise ValueError(f"found plane {name} of shape {values.shape}, expected (channels, height, width)")


@dataclass(frozen=True)
class PassRun:
    """What became of one hook pass at one stage."""

    index: int
    """Into HookFile.passes."""
    desc: str
    stage: str
    """The stage that fired; MAINPRESUB for MAIN."""
    ran: bool
    reason: str = ""
    """Why it did not run; empty when it ran."""
    size: Size = (0, 0)
    gpu_seconds: float | None = None
    """None unless timers were asked for."""
    compile_seconds: float | None = None
    """None when the program was there already. Some drivers leave part of the work to the first draw."""


@dataclass(frozen=True)
class Result:
    """Every texture after the hooks, and what ran. MAIN and MAINPRESUB are both keys."""

    planes: Mapping[str, Array]
    """By stage, (channels, height, width): LUMA has 1 channel, CHROMA 2, the stages from NATIVE on 3 or 4."""
    saved: Mapping[str, Array]
    """By name, (4, height, width): the textures asked for with `keep` that exist, as last saved."""
    passes: tuple[PassRun, ...]
    """In the order they came up; those whose stage never fired last."""
    rects: Mapping[str, Rect]
    """By stage: the rect of the content as OFFSET and OFFSET ALIGN made it."""


@dataclass(frozen=True)
class CompileFault:
    """One line of the driver's complaint about one pass; `line` is the hook file's, counted from 1."""

    line: int
    message: str


class Runner:
    """A hook file on a context, ready to run frame after frame; programs are compiled when first needed.

    `params` overrides PARAM values by name. Errors begin with `where`, the file's name.
    Raises ShaderRunError for a block this device or this runner cannot do.
    """

    def __init__(
        self,
        context: moderngl.Context,
        file: HookFile,
        *,
        storage: Storage = "rgba16f",
        params: Mapping[str, float] | None = None,
        where: str = "<shader>",
    ) -> None:
        self.context = context
        self.file = file
        self.storage: Storage = storage
        self.where = where
        self._overrides = dict(params or {})
        _param_values(file, self._overrides, where)  # before any work, so that a wrong name is found at once
        self._resources = _Resources(context, file, where)
        self._programs: dict[str, _Program] = {}
        self._frame_number = 0
        self._random = random.Random(1)

    def run(
        self,
        frame: Frame,
        output_size: Size,
        *,
        keep: Collection[str] = (),
        stop_after: str | None = None,
        timers: bool = False,
        progress: Callable[[PassRun], None] | None = None,
    ) -> Result:
        """Play one frame at `output_size`.

        `keep` names saved textures to return. `stop_after` names the last stage to run. With `timers` each pass is
        waited for, so that its GPU time is its own. `progress` is called after every pass that came up.
        Raises ShaderRunError for a pass that does not compile or needs a texture the device cannot make, ValueError
        for a `stop_after` or an output size that cannot be.
        """
        stop = _canonical(stop_after) if stop_after else None
        if stop is not None and stop not in STAGES:
            raise ValueError(f"found stop_after {stop_after!r}, expected one of {', '.join(STAGES)}")
        if min(output_size) < 1:
            raise ValueError(f"found output size {output_size}, expected positive numbers")
        playback = _Playback(self, frame, output_size, timers, progress)
        try:
            playback.play(stop)
            return playback.result(keep)
        finally:
            playback.release()

    def release(self) -> None:
        """Free every GL object; the runner cannot be used afterwards."""
        self._resources.release()
        for program in self._programs.values():
            program.release()
        self._programs.clear()

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _pass_program(self, item: HookPass, stage: str, values: Mapping[str, float]) -> tuple[_Program, float | None]:
        """The pass's program, and the seconds it took to compile it if it was not there already."""
        source = glsl(
            self.file,
            item,
            stage,
            storage=self.storage,
            version=_glsl_version(self.context),
            extensions=self.context.extensions,
            values=values,
        )
        known = source in self._programs
        try:
            program = self._program(source, compute=item.compute is not None)
        except moderngl.Error as error:
            faults = _driver_faults(str(error), item)
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise ShaderRunError(f"{self.where}:{faults[0].line}", faults[0].message + more) from None
        return program, None if known else program.seconds

    def _program(self, source: str, *, compute: bool = False) -> _Program:
        if source not in self._programs:
            self._programs[source] = _compile(self.context, source, compute)
        return self._programs[source]

    def _glue(self, body: str) -> _Program:
        return self._program(f"#version {_glsl_version(self.context)}\n{_GLUE_HEAD}{body}")


def compile_passes(
    context: moderngl.Context,
    file: HookFile,
    storage: Storage = "rgba16f",
    params: Mapping[str, float] | None = None,
) -> list[CompileFault]:
    """Compile every pass once, for the first stage it hooks, without running anything.

    Raises ShaderRunError when `params` do not fit the file.
    """
    values = _param_values(file, params or {}, "params")
    faults: list[CompileFault] = []
    for item in file.passes:
        stage = _canonical(item.hooks[0]) if item.hooks else "LUMA"
        source = glsl(
            file,
            item,
            stage,
            storage=storage,
            version=_glsl_version(context),
            extensions=context.extensions,
            values=values,
        )
        try:
            _compile(context, source, item.compute is not None).release()
        except moderngl.Error as error:
            faults += _driver_faults(str(error), item)
    return faults


# ---------------------------------------------------------------------------------------------------------------------
# GLSL text

_GLUE_LINES = 1_000_000
"""Lines of a program that are not the hook file's own are numbered from here, so that messages tell them apart."""
_SUBGROUPS = ("basic", "vote", "arithmetic", "ballot", "shuffle", "clustered", "quad")
_EXTENSION = re.compile(r"^[ \t]*#[ \t]*extension[ \t]+(\w+)[ \t]*:[ \t]*(\w+)[^\n]*$", re.MULTILINE)
_IF, _ENDIF = (re.compile(rf"^[ \t]*#[ \t]*{word}", re.MULTILINE) for word in ("if", "endif"))

_CURVES = """\
vec4 sg_linearize(vec4 c) {
    vec3 low = c.rgb / 12.92, high = pow((max(c.rgb, 0.0) + 0.055) / 1.055, vec3(2.4));
    return vec4(mix(high, low, lessThanEqual(c.rgb, vec3(0.04045))), c.a);
}
vec4 sg_delinearize(vec4 c) {
    vec3 low = c.rgb * 12.92, high = 1.055 * pow(max(c.rgb, 0.0), vec3(1.0 / 2.4)) - 0.055;
    return vec4(mix(high, low, lessThanEqual(c.rgb, vec3(0.0031308))), c.a);
}
"""

_VERTEX = """\
void main() {
    // One triangle that covers the target: no diagonal seam where derivatives would differ.
    gl_Position = vec4(vec2(gl_VertexID % 2, gl_VertexID / 2) * 4.0 - 1.0, 0.0, 1.0);
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
    extension_lines = list(_extension_lines(item.body))
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
    resources, slots = {block.name: block for block in _resource_blocks(file)}, _storage_slots(file)
    for unit, (name, hooked) in enumerate(_bindings(item, stage).items()):
        block = resources.get(name)
        if isinstance(block, UserTexture):
            lines += _texture_lines(block, unit, slots)
        elif isinstance(block, UserBuffer):
            lines += _buffer_lines(block, unit, slots)
        else:
            lines += _bind_lines(name, unit, hooked, compute is not None, version)
    lines += _input_lines()
    lines += _param_lines(file.params, values if values is not None else _param_values(file, {}, ""))
    body = _EXTENSION.sub("", item.body)
    epilogue = "void main() { hook(); }" if compute else "out vec4 sg_color;\nvoid main() { sg_color = hook(); }"
    parts = ["\n".join(lines), f"#line {item.body_line or 1}", body, f"#line {_GLUE_LINES}", epilogue]
    return "\n".join(parts) + "\n"


def _extension_lines(body: str) -> Iterator[str]:
    """The body's `#extension` lines, to stand at the top; one inside an `#if` may not require anything there."""
    for match in _EXTENSION.finditer(body):
        before = body[: match.start()]
        conditional = len(_IF.findall(before)) > len(_ENDIF.findall(before))
        yield f"#extension {match[1]} : {'enable' if conditional else match[2]}"


def _resource_blocks(file: HookFile) -> tuple[UserTexture | UserBuffer, ...]:
    return (*file.textures, *file.buffers)


def _storage_slots(file: HookFile) -> dict[str, int]:
    """The image or buffer unit of every STORAGE block. Devices have few of them; image 0 is out_image."""
    names = [block.name for block in _resource_blocks(file) if block.storage]
    return {name: slot for slot, name in enumerate(names, 1)}


def _bindings(item: HookPass, stage: str) -> dict[str, bool]:
    """Every bound name with HOOKED and MAIN resolved, and whether it is to be called HOOKED too."""
    bindings: dict[str, bool] = {}
    for bind in item.binds:
        name = stage if bind == "HOOKED" else _canonical(bind)
        bindings[name] = bindings.get(name, False) or bind == "HOOKED"
    return bindings


def _canonical(name: str) -> str:
    return "MAINPRESUB" if name == "MAIN" else name


def _bind_lines(name: str, unit: int, hooked: bool, compute: bool, version: int) -> Iterator[str]:
    yield f"uniform sampler2D sg_tex{unit};"
    yield f"uniform vec4 sg_rect{unit};"
    yield f"uniform vec2 sg_pt{unit}, sg_off{unit};"
    yield f"uniform float sg_mul{unit};"
    origin = f"sg_rect{unit}.xy + sg_rect{unit}.zw"
    pos = f"({origin} * (gl_FragCoord.xy / sg_out_size))"
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


def _param_values(file: HookFile, overrides: Mapping[str, float], where: str) -> dict[str, float]:
    """The value of every PARAM; raises ShaderRunError for an override that names none or lies outside its range."""
    values = {param.name: param.initial for param in file.params}
    for name in overrides:
        if name not in values:
            known = ", ".join(values) or "none: the file has no PARAM"
            raise ShaderRunError(where, f"found parameter {name!r}, expected one of {known}")
    for param in file.params:
        value = values[param.name] = overrides.get(param.name, param.initial)
        low = 0.0 if param.names else -math.inf if param.minimum is None else param.minimum
        high = len(param.names) - 1.0 if param.names else math.inf if param.maximum is None else param.maximum
        if not low <= value <= high:
            raise ShaderRunError(where, f"found {param.name} = {value:g}, expected {low:g} to {high:g}")
        if param.type != "float" and value != int(value):
            raise ShaderRunError(where, f"found {param.name} = {value:g}, expected a whole number for {param.type}")
    return values


def _glsl_version(context: moderngl.Context) -> int:
    return min(context.version_code, 450)


# `0:12(3): error: text` (Mesa), `0(12) : error C1: text` (NVIDIA), `ERROR: 0:12: text` (AMD, Apple, Intel)
_LOG_LINE = re.compile(r"^\s*(?:ERROR: )?\d+(?::(\d+)(?:\(\d+\))?|\((\d+)\))\s*:\s*(.*)$", re.MULTILINE)


def _driver_faults(log: str, item: HookPass) -> list[CompileFault]:
    """The driver's errors at hook-file lines; what it says about other lines is put at the pass's first directive."""
    first = item.source[0].line if item.source else 1
    faults = []
    for match in _LOG_LINE.finditer(log):
        line, message = int(match[1] or match[2]), match[3].strip()
        if not message.lower().startswith("warning"):
            faults.append(CompileFault(line if line < _GLUE_LINES else first, message))
    return faults or [CompileFault(first, " ".join(log.split()))]


# ---------------------------------------------------------------------------------------------------------------------
# GL objects


@dataclass(frozen=True)
class _Program:
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


def _compile(context: moderngl.Context, source: str, compute: bool) -> _Program:
    """Raises moderngl.Error with the driver's log, or saying that the device has no compute shaders."""
    start = time.perf_counter()
    if compute:
        if context.version_code < 430:
            found = f"OpenGL {context.version_code / 100:.1f}"
            raise moderngl.Error(f"found {found}, expected 4.3 or later for COMPUTE")
        return _Program(context.compute_shader(source), None, time.perf_counter() - start)
    version = source.partition("\n")[0]
    program = context.program(vertex_shader=f"{version}\n{_VERTEX}", fragment_shader=source)
    vertices = context.vertex_array(program, [])
    return _Program(program, vertices, time.perf_counter() - start)


class _Format(NamedTuple):
    components: int
    source: str
    """The numpy type of the file's bytes."""
    stored: str
    """The numpy type to upload."""
    dtype: str
    """moderngl's name of the texture's type."""


def _formats() -> Iterator[tuple[str, _Format]]:
    # libplacebo's `16f` reads 32-bit floats and stores 16-bit ones; `16hf` reads 16-bit ones.
    depths = {
        "8": ("u1", "u1", "f1"),
        "16": ("<u2", "<u2", "nu2"),
        "16f": ("<f4", "<f2", "f2"),
        "16hf": ("<f2", "<f2", "f2"),
        "32f": ("<f4", "<f4", "f4"),
    }
    for components, channels in enumerate(("r", "rg", "rgb", "rgba"), 1):
        for depth, types in depths.items():
            yield channels + depth, _Format(components, *types)


_FORMATS = dict(_formats())


class _Resources:
    """The textures and buffers that the file itself defines; STORAGE ones keep their contents between frames."""

    def __init__(self, context: moderngl.Context, file: HookFile, where: str) -> None:
        self.textures: dict[str, moderngl.Texture | moderngl.Texture3D] = {}
        self.buffers: dict[str, moderngl.Buffer] = {}
        self.slots = _storage_slots(file)
        self._context = context
        for block in _resource_blocks(file):
            line = block.source[0].line if block.source else 1
            try:
                self._create(block)
            except ValueError as error:
                self.release()
                raise ShaderRunError(f"{where}:{line}", str(error)) from None

    def bind(self, name: str, unit: int) -> Mapping[str, Any] | None:
        """Bind a texture or buffer; the uniforms to set, or None when the file defines no such name."""
        if name in self.buffers:
            if name in self.slots:
                self.buffers[name].bind_to_storage_buffer(self.slots[name])
            else:
                self.buffers[name].bind_to_uniform_block(unit)
            return {}
        texture = self.textures.get(name)
        if texture is None:
            return None
        if name in self.slots:
            texture.bind_to_image(self.slots[name], read=True, write=True)
            return {}
        texture.use(unit)
        return {f"sg_tex{unit}": unit}

    def release(self) -> None:
        for thing in (*self.textures.values(), *self.buffers.values()):
            thing.release()
        self.textures.clear()
        self.buffers.clear()

    def _create(self, block: UserTexture | UserBuffer) -> None:
        if block.storage and self._context.version_code < 430:
            raise ValueError(f"found STORAGE in {block.name}, expected OpenGL 4.3 or later for it")
        if isinstance(block, UserBuffer):
            self.buffers[block.name] = self._context.buffer(_buffer_bytes(block))
        else:
            self.textures[block.name] = _user_texture(self._context, block)


def _user_texture(context: moderngl.Context, block: UserTexture) -> moderngl.Texture | moderngl.Texture3D:
    if block.format not in _FORMATS:
        raise ValueError(f"found FORMAT {block.format!r}, expected one of {', '.join(_FORMATS)}")
    if block.border == "MIRROR":
        raise ValueError("found BORDER MIRROR, expected CLAMP or REPEAT (vo=gpu refuses it too)")
    format = _FORMATS[block.format]
    _check_texture_size(context, block.name, block.size)
    count = math.prod(block.size) * format.components
    data = block.data
    if not data and block.storage:
        data = bytes(count * np.dtype(format.source).itemsize)
    texels = np.frombuffer(data, np.uint8)
    expected = count * np.dtype(format.source).itemsize
    if texels.size != expected:
        raise ValueError(f"found {texels.size} bytes in TEXTURE {block.name}, expected {expected}")
    with np.errstate(over="ignore"):  # beyond 65504 a 16-bit float is infinite, on the GPU too
        stored = texels.view(format.source).astype(format.stored).tobytes()
    texture: moderngl.Texture | moderngl.Texture3D
    if len(block.size) == 3:
        width, height, depth = block.size
        texture = context.texture3d((width, height, depth), format.components, stored, dtype=format.dtype)
        texture.repeat_z = block.border == "REPEAT"
    else:
        width, height = (*block.size, 1)[:2]
        texture = context.texture((width, height), format.components, stored, dtype=format.dtype)
    mode = moderngl.LINEAR if block.filter == "LINEAR" else moderngl.NEAREST
    texture.filter = (mode, mode)
    texture.repeat_x = texture.repeat_y = block.border == "REPEAT"
    return texture


def _buffer_bytes(block: UserBuffer) -> bytes:
    size = _buffer_size(block)
    if not block.data and block.storage:
        return bytes(size)
    if len(block.data) != size:
        raise ValueError(f"found {len(block.data)} bytes in BUFFER {block.name}, expected {size}")
    # std140 blocks end on 16 bytes: the driver may ask for a buffer that long.
    return block.data + bytes(-size % 16)


_BUFFER_TYPE = re.compile(r"float|int|uint|[iu]?vec[234]|mat[234](?:x[234])?")


def _buffer_size(block: UserBuffer) -> int:
    """Bytes of the block in std140, or std430 with STORAGE, up to the end of the last variable."""
    end = 0
    for variable in block.variables:
        if _BUFFER_TYPE.fullmatch(variable.type) is None:
            raise ValueError(f"found VAR type {variable.type!r}, expected float, int, uint, a vector or a matrix")
        digits = [int(digit) for digit in re.findall(r"\d", variable.type)]
        matrix = variable.type.startswith("mat")
        columns, rows = (digits[0], digits[-1]) if matrix else (1, digits[0] if digits else 1)
        align = 4 * (4 if rows == 3 else rows)
        size = 4 * rows
        if variable.length or matrix:
            # Each element of an array and each column of a matrix starts aligned; std140 aligns those to a vec4.
            align = align if block.storage else max(align, 16)
            size = align * columns * (variable.length or 1)
        end = -(-end // align) * align + size
    return end


def _check_texture_size(context: moderngl.Context, what: str, size: tuple[int, ...]) -> None:
    key = "GL_MAX_3D_TEXTURE_SIZE" if len(size) == 3 else "GL_MAX_TEXTURE_SIZE"
    limit = context.info[key]
    if max(size) > limit:
        extent = "x".join(str(n) for n in size)
        raise ValueError(f"found a {extent} texture for {what}, expected at most {limit} per side on this device")


# ---------------------------------------------------------------------------------------------------------------------
# One frame

_GLUE_HEAD = """\
uniform vec2 size;
out vec4 color;
vec4 texel(sampler2D image, ivec2 at) {
    return texelFetch(image, clamp(at, ivec2(0), textureSize(image, 0) - 1), 0);
}
"""
# By hand, because drivers' bilinear filters weigh with 8 bits.
_RESAMPLE = """\
uniform sampler2D image;
uniform vec4 rect;
uniform float mul;
void main() {
    vec2 at = rect.xy + rect.zw * (gl_FragCoord.xy / size) - 0.5;
    ivec2 p = ivec2(floor(at));
    vec4 top = mix(texel(image, p), texel(image, p + ivec2(1, 0)), fract(at.x));
    vec4 bottom = mix(texel(image, p + ivec2(0, 1)), texel(image, p + ivec2(1, 1)), fract(at.x));
    color = mul * mix(top, bottom, fract(at.y));
}
"""
_MERGE = """\
uniform sampler2D base, chroma, alpha;
uniform bool has_luma, has_chroma, has_alpha;
void main() {
    ivec2 p = ivec2(gl_FragCoord.xy);
    color = texel(base, p);
    if (has_luma) color = vec4(color.r, vec2(128.0 / 255.0), 1.0);
    if (has_chroma) color.gb = texel(chroma, p).rg;
    if (has_alpha) color.a = texel(alpha, p).r;
}
"""
_DECODE = """\
uniform sampler2D image;
uniform mat3 matrix;
uniform vec3 offset;
uniform bool premultiply;
void main() {
    color = texel(image, ivec2(gl_FragCoord.xy));
    color.rgb = matrix * (color.rgb + offset);
    if (premultiply) color.rgb *= color.a;
}
"""


@dataclass(frozen=True)
class _Image:
    """A texture with what is known about it: its content's rect, its meaningful channels, its NAME_mul."""

    texture: moderngl.Texture
    rect: Rect
    channels: int
    mul: float = 1.0

    @property
    def size(self) -> Size:
        width, height = self.texture.size
        return (width, height)

    @property
    def is_whole(self) -> bool:
        return self.rect == (0.0, 0.0, float(self.size[0]), float(self.size[1]))


class _DisabledError(Exception):
    """libplacebo would disable the file here."""


class _Stop(Exception):  # noqa: N818 - the wanted stage is done; nothing is wrong
    pass


@dataclass
class _Playback:
    """One frame on its way through the stages."""

    runner: Runner
    frame: Frame
    output_size: Size
    timers: bool
    progress: Callable[[PassRun], None] | None
    source_rect: Rect = (0.0, 0.0, 0.0, 0.0)
    """What the expressions call NATIVE_CROPPED: the frame's rect, from NATIVE on that of the merged picture."""
    saved: dict[str, _Image] = field(default_factory=dict)
    stages: dict[str, _Image] = field(default_factory=dict)
    runs: list[PassRun] = field(default_factory=list)
    textures: list[moderngl.Texture] = field(default_factory=list)
    disabled: str = ""
    stop: str | None = None

    def __post_init__(self) -> None:
        siting = {"chroma_offset_x": self.frame.siting[0], "chroma_offset_y": self.frame.siting[1]}
        names = {param.name for param in self.runner.file.params}
        # mpv fills these two parameters in by itself (its manual, "chroma_offset_x").
        overrides = {name: value for name, value in siting.items() if name in names} | self.runner._overrides
        self.values = _param_values(self.runner.file, overrides, self.runner.where)

    @property
    def context(self) -> moderngl.Context:
        return self.runner.context

    # Stages ----------------------------------------------------------------------------------------------------------

    def play(self, stop: str | None) -> None:
        self.stop = stop
        self.context.enable_only(moderngl.NOTHING)
        with contextlib.suppress(_Stop):
            self._play()
        self._note_unfired()
        error = self.context.error
        if error != "GL_NO_ERROR":
            raise ShaderRunError(self.runner.where, f"found {error} from the driver, expected none")

    def _play(self) -> None:
        planes = self._planes()
        native = self._fire("NATIVE", self._merge(planes))
        main = self._fire("MAINPRESUB", self._to_rgb(native))
        image = self._fire("PREKERNEL", main)
        if image.size != self.output_size or not image.is_whole:
            image = self._resample(image, image.rect, self.output_size)
        for stage in ("POSTKERNEL", "SCALED", "PREOUTPUT", "OUTPUT"):
            image = self._fire(stage, image)

    def _planes(self) -> dict[str, _Image]:
        reference = self.frame.planes["RGB" if "RGB" in self.frame.planes else "LUMA"].shape
        width, height = reference[2], reference[1]
        self.source_rect = (0.0, 0.0, float(width), float(height))
        planes: dict[str, _Image] = {}
        for stage in ("RGB", "LUMA", "CHROMA", "ALPHA"):
            if stage not in self.frame.planes:
                continue
            values = self.frame.planes[stage]
            shift_x, shift_y = self.frame.siting if stage == "CHROMA" else (0.0, 0.0)
            ratio_x, ratio_y = _ratio(values.shape[2], width), _ratio(values.shape[1], height)
            rect = (
                -shift_x * ratio_x,
                -shift_y * ratio_y,
                (width - shift_x) * ratio_x,
                (height - shift_y) * ratio_y,
            )
            image = _Image(self._upload(stage, values), rect, values.shape[0], self.frame.mul)
            planes[stage] = self._fire(stage, image)
        return planes

    def _merge(self, planes: Mapping[str, _Image]) -> _Image:
        """The planes at the reference plane's size, one picture; the reference is LUMA or RGB."""
        base = planes.get("RGB") or planes["LUMA"]
        x0, y0, x1, y1 = base.rect
        width, height = x1 - x0, y1 - y0
        # The reference's fractional offset is left to the scaler; its size is rounded to whole texels.
        whole = (math.trunc(x0), math.trunc(y0))
        size = (_round(width), _round(height))
        offset = (x0 - whole[0], y0 - whole[1])
        aligned: dict[str, _Image] = {}
        for stage, image in planes.items():
            left, top = image.rect[:2]
            scale_x, scale_y = (image.rect[2] - left) / width, (image.rect[3] - top) / height
            left, top = left - scale_x * offset[0], top - scale_y * offset[1]
            rect = (left, top, left + scale_x * size[0], top + scale_y * size[1])
            if image.size != size or rect != (0.0, 0.0, float(size[0]), float(size[1])) or image.mul != 1.0:
                image = self._resample(image, rect, size)
            scaled = f"{stage}_SCALED"
            aligned[stage] = self._fire(scaled, image) if scaled in STAGES else image
        self.source_rect = (*offset, offset[0] + width, offset[1] + height)
        luma = "LUMA" in planes
        if set(planes) == {"RGB"}:
            return _Image(aligned["RGB"].texture, self.source_rect, base.channels)
        texture = self._draw_glue(
            _MERGE,
            size,
            {
                "base": aligned["LUMA" if luma else "RGB"],
                "chroma": aligned.get("CHROMA"),
                "alpha": aligned.get("ALPHA"),
            },
            {"has_luma": luma, "has_chroma": "CHROMA" in aligned, "has_alpha": "ALPHA" in aligned},
        )
        alpha = "ALPHA" in planes or base.channels == 4
        return _Image(texture, self.source_rect, 4 if alpha else 3)

    def _to_rgb(self, native: _Image) -> _Image:
        matrix, offset = np.eye(3), np.zeros(3)
        if "LUMA" in self.frame.planes:
            matrix, offset = ycbcr_decoding(self.frame.matrix, self.frame.full_range)
        elif native.channels == 3:
            return native
        uniforms = {
            "matrix": tuple(float(v) for v in matrix.T.flat),  # GL is column-major
            "offset": tuple(float(v) for v in offset),
            "premultiply": native.channels == 4,
        }
        texture = self._draw_glue(_DECODE, native.size, {"image": native}, uniforms)
        return _Image(texture, native.rect, native.channels)

    def _fire(self, stage: str, image: _Image) -> _Image:
        """Run every pass that hooks the stage, and give what they made of it."""
        if self.stop is not None and STAGES.index(stage) > STAGES.index(self.stop):
            raise _Stop  # this frame has no stage by the wanted name
        self.saved[stage] = image
        current = image
        for index, item in enumerate(self.runner.file.passes):
            if stage not in map(_canonical, item.hooks):
                continue
            try:
                current = self._try_pass(index, item, stage, current)
            except _DisabledError as error:
                self._disable(stage, f"the file is disabled since pass {index}: {error}")
                self._note(PassRun(index, item.desc, stage, ran=False, reason=self.disabled))
                current = image
        resized = (current.size, current.rect) != (image.size, image.rect)
        if resized and stage not in _RESIZABLE:
            sizes = "{}x{} to {}x{}".format(*image.size, *current.size)
            self._disable(stage, f"the file is disabled since it resized stage {stage} from {sizes}")
            current = image
        self.stages[stage] = current
        if stage == self.stop:
            raise _Stop
        return current

    def _disable(self, stage: str, reason: str) -> None:
        """Stop the file here; what it did to the current stage is dropped, so those passes count as not run."""
        self.disabled = reason
        for position, run in enumerate(self.runs):
            if run.stage == stage and run.ran:
                self.runs[position] = replace(run, ran=False, reason=reason)

    def _note(self, run: PassRun) -> None:
        self.runs.append(run)
        if self.progress is not None:
            self.progress(run)

    def _note_unfired(self) -> None:
        for index, item in enumerate(self.runner.file.passes):
            for hook in item.hooks:
                stage = _canonical(hook)
                if stage in self.stages:
                    continue
                if stage in _NEVER_FIRES:
                    reason = _NEVER_FIRES[stage]
                elif stage not in STAGES:
                    reason = f"there is no stage {hook}"
                elif self.stop is not None and STAGES.index(stage) > STAGES.index(self.stop):
                    reason = f"stopped after {self.stop}"
                else:
                    reason = f"this frame has no stage {hook}"
                self._note(PassRun(index, item.desc, stage, ran=False, reason=reason))

    # One pass --------------------------------------------------------------------------------------------------------

    def _try_pass(self, index: int, item: HookPass, stage: str, hooked: _Image) -> _Image:
        """The stage's picture after the pass: its output, or `hooked` when it saves elsewhere or does not run."""
        reason = self.disabled or self._skip_reason(item, stage, hooked)
        if reason:
            self._note(PassRun(index, item.desc, stage, ran=False, reason=reason))
            return hooked
        width = self._evaluate(item.width, hooked, hooked.size[0])
        height = self._evaluate(item.height, hooked, hooked.size[1])
        size = (_round(width), _round(height))
        if min(size) < 1:
            raise _DisabledError(f"its size is {size[0]}x{size[1]}")
        program, compile_seconds = self.runner._pass_program(item, stage, self.values)
        target = self._allocate(self.runner.storage, size, item)
        program.set(self._uniforms(item, stage, hooked, program))
        gpu_seconds = self._timed(lambda: self._execute(program, target, item))
        output = _Image(target, self._output_rect(item, size, hooked), hooked.channels)
        name = _canonical(item.save) if item.save is not None else stage
        self.saved[name] = output
        self._note(PassRun(index, item.desc, stage, True, "", size, gpu_seconds, compile_seconds))
        return output if name == stage else hooked

    def _skip_reason(self, item: HookPass, stage: str, hooked: _Image) -> str:
        if self._evaluate(item.when, hooked, 1.0) == 0:
            return f"WHEN {item.when} is 0"
        resources = self.runner._resources
        for name in _bindings(item, stage):
            if name not in self.saved and name not in resources.textures and name not in resources.buffers:
                return f"there is no texture named {name}"
        return ""

    def _evaluate(self, expression: Rpn | None, hooked: _Image, default: float) -> float:
        if expression is None:
            return default
        try:
            return expression.evaluate(lambda name: self._size_of(name, hooked), self._variable)
        except RpnError as error:
            raise _DisabledError(f"{error} in {expression}") from None

    def _size_of(self, name: str, hooked: _Image) -> tuple[float, float] | None:
        if name == "HOOKED":
            return hooked.size
        if name == "NATIVE_CROPPED":
            x0, y0, x1, y1 = self.source_rect
            return (x1 - x0, y1 - y0)
        if name == "OUTPUT":  # even after the stage OUTPUT was hooked
            return self.output_size
        image = self.saved.get(_canonical(name))
        return None if image is None else image.size

    def _variable(self, name: str) -> float | None:
        for param in self.runner.file.params:
            if name == param.name:
                return self.values[name]
            if name in param.names:
                return float(param.names.index(name))
        return None

    def _uniforms(self, item: HookPass, stage: str, hooked: _Image, program: _Program) -> dict[str, Any]:
        """Bind what the pass binds, and give the value of every uniform its program may have."""
        x0, y0, x1, y1 = self.source_rect
        self.runner._frame_number += 1
        uniforms: dict[str, Any] = {
            "sg_frame": self.runner._frame_number,
            "sg_random": self.runner._random.random(),
            "sg_input_size": (x1 - x0, y1 - y0),
            "sg_target_size": self.output_size,
            "sg_tex_offset": (x0, y0),
        }
        for param in self.runner.file.params:
            value = self.values[param.name]
            uniforms[f"sg_param_{param.name}"] = value if param.type == "float" else int(value)
        for unit, name in enumerate(_bindings(item, stage)):
            own = self.runner._resources.bind(name, unit)
            if own is None:
                own = self._bind_image(self.saved[name], unit, align=item.offset == "ALIGN" and name == stage)
            block = program.program.get(f"sg_block{unit}", None)
            if isinstance(block, moderngl.UniformBlock):
                block.binding = unit
            uniforms |= own
        return uniforms

    def _bind_image(self, image: _Image, unit: int, align: bool) -> dict[str, Any]:
        width, height = image.size
        # The whole texture, not its content's rect: hooks are written for that. Only ALIGN moves what _pos means.
        left, top = self._misalignment(image.rect) if align else (0.0, 0.0)
        image.texture.use(unit)
        return {
            f"sg_tex{unit}": unit,
            f"sg_rect{unit}": (left / width, top / height, 1.0, 1.0),
            f"sg_pt{unit}": (1 / width, 1 / height),
            f"sg_off{unit}": image.rect[:2],
            f"sg_mul{unit}": image.mul,
        }

    def _misalignment(self, rect: Rect) -> tuple[float, float]:
        """How far the rect's origin is from where the frame's would be, in texels of the rect's texture."""
        x0, y0, x1, y1 = self.source_rect
        scale_x, scale_y = (rect[2] - rect[0]) / (x1 - x0), (rect[3] - rect[1]) / (y1 - y0)
        return (rect[0] - scale_x * x0, rect[1] - scale_y * y0)

    def _output_rect(self, item: HookPass, size: Size, hooked: _Image) -> Rect:
        scale_x, scale_y = size[0] / hooked.size[0], size[1] / hooked.size[1]
        x0, y0, x1, y1 = (v * s for v, s in zip(hooked.rect, (scale_x, scale_y) * 2, strict=True))
        if item.offset == "ALIGN":
            left, top = self._misalignment((x0, y0, x1, y1))
            shift_x, shift_y = -left, -top
        else:
            shift_x, shift_y = item.offset or (0.0, 0.0)
        return (x0 + shift_x, y0 + shift_y, x1 + shift_x, y1 + shift_y)

    def _execute(self, program: _Program, target: moderngl.Texture, item: HookPass) -> None:
        width, height = target.size
        program.set({"sg_out_size": (width, height)})
        if isinstance(program.program, moderngl.ComputeShader):
            assert item.compute is not None
            block_width, block_height = item.compute.block
            target.bind_to_image(0, read=False, write=True)
            program.program.run(-(-width // block_width), -(-height // block_height))
        else:
            self._draw(program, target)
        if self.context.version_code >= 430:
            self.context.memory_barrier()

    def _timed(self, work: Callable[[], None]) -> float | None:
        if not self.timers:
            work()
            return None
        query = self.context.query(time=True)
        with query:
            work()
        return float(query.elapsed) * 1e-9

    # Glue ------------------------------------------------------------------------------------------------------------

    def _resample(self, image: _Image, rect: Rect, size: Size) -> _Image:
        """`rect` of the image at another size, bilinear, with its mul applied."""
        x0, y0, x1, y1 = rect
        uniforms = {"rect": (x0, y0, x1 - x0, y1 - y0), "mul": image.mul}
        texture = self._draw_glue(_RESAMPLE, size, {"image": image}, uniforms)
        return _Image(texture, (0.0, 0.0, float(size[0]), float(size[1])), image.channels)

    def _draw_glue(
        self, body: str, size: Size, images: Mapping[str, _Image | None], uniforms: Mapping[str, Any]
    ) -> moderngl.Texture:
        program = self.runner._glue(body)
        units = {}
        for unit, (name, image) in enumerate(images.items()):
            units[name] = unit
            if image is not None:
                image.texture.use(unit)
        target = self._allocate("rgba32f", size)
        program.set({"size": size, **units, **uniforms})
        self._draw(program, target)
        return target

    def _draw(self, program: _Program, target: moderngl.Texture) -> None:
        assert program.vertices is not None
        framebuffer = self.context.framebuffer([target])
        framebuffer.use()
        program.vertices.render(moderngl.TRIANGLES, vertices=3)
        self.context.detect_framebuffer(0).use()  # moderngl would bind the one it last used again, released or not
        framebuffer.release()

    def _upload(self, stage: str, values: npt.NDArray[Any]) -> moderngl.Texture:
        channels, height, width = values.shape
        texels = np.ascontiguousarray(np.moveaxis(values / self.frame.mul, 0, -1), np.float32)
        return self._texture(stage, (width, height), channels, "f4", texels.tobytes())

    def _allocate(self, storage: Storage, size: Size, item: HookPass | None = None) -> moderngl.Texture:
        line = f":{item.source[0].line}" if item is not None and item.source else ""
        what = item.desc or "the pass" if item is not None else "the picture"
        return self._texture(what, size, 4, "f4" if storage == "rgba32f" else "f2", None, line)

    def _texture(
        self, what: str, size: Size, channels: int, dtype: str, data: bytes | None, line: str = ""
    ) -> moderngl.Texture:
        try:
            _check_texture_size(self.context, what, size)
            texture = self.context.texture(size, channels, data, dtype=dtype)
        except (ValueError, moderngl.Error) as error:
            raise ShaderRunError(f"{self.runner.where}{line}", str(error)) from None
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        self.textures.append(texture)
        return texture

    # Results ---------------------------------------------------------------------------------------------------------

    def result(self, keep: Collection[str]) -> Result:
        texels: dict[int, Array] = {}

        def read(image: _Image, channels: int) -> Array:
            # A stage that no pass changed has the texture of the one before; it is read once.
            if image.texture.glo not in texels:
                texels[image.texture.glo] = _read(image)
            values = texels[image.texture.glo]
            return values[:channels] * np.float32(image.mul) if image.mul != 1.0 else values[:channels]

        names = [(name, image) for stage, image in self.stages.items() for name in _names(stage)]
        return Result(
            planes={name: read(image, image.channels) for name, image in names},
            saved={name: read(self.saved[_canonical(name)], 4) for name in keep if _canonical(name) in self.saved},
            passes=tuple(self.runs),
            rects={name: image.rect for name, image in names},
        )

    def release(self) -> None:
        for texture in self.textures:
            texture.release()
        self.textures.clear()


def _names(stage: str) -> tuple[str, ...]:
    return ("MAINPRESUB", "MAIN") if stage == "MAINPRESUB" else (stage,)


def _read(image: _Image) -> Array:
    """The texture's values, (4, height, width); channels it lacks are what sampling gives: 0, 0 and 1."""
    width, height = image.size
    components = image.texture.components
    flat = np.frombuffer(image.texture.read(), image.texture.dtype)
    values = np.zeros((4, height, width), np.float32)
    values[3] = 1.0
    values[:components] = np.moveaxis(flat.reshape(height, width, components), -1, 0)
    return values


def _round(value: float) -> int:
    """To the nearest integer, halves away from zero, as C's roundf."""
    return int(math.copysign(math.floor(abs(value) + 0.5), value))


def _ratio(extent: int, reference: int) -> float:
    """A plane's subsampling, as 1/n or n: the sizes of subsampled planes are rounded up, which must not count."""
    ratio = extent / reference
    return float(_round(ratio)) if ratio >= 1 else 1.0 / _round(1 / ratio)
