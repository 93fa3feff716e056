"""The GLSL that a player puts before the body of a pass: everything that the body may use without declaring it.

It exists here once, as declarations: what there is, under which name, in which order. A dialect spells them: OpenGL for
the runner, Vulkan for the linter's compiler. After libplacebo's src/shaders/custom_mpv.c (CM) and src/dispatch.c (DP)
at 3be579e6: the macros of each bound texture (CM:1153-1213), TEXTURE and BUFFER (CM:1308-1320), the frame's variables
(CM:1364-1393), PARAM (CM:1396-1437), linearize and delinearize (CM:1439-1453) and out_image (CM:1491-1498).

Names of the program's own begin with `sg_`; what a body may use is a macro over them. Unit `n` is the place of a name
in `bindings`: its texture is `sg_tex<n>`, its buffer `sg_block<n>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from shadergen.hookfile.blocks import HookFile, HookPass, Param, UserBuffer, UserTexture
from shadergen.hookfile.stages import bindings, names_of, resources

INPUTS: Mapping[str, str] = {
    "frame": "int",
    "random": "float",
    "input_size": "vec2",
    "target_size": "vec2",
    "tex_offset": "vec2",
}
"""What a body knows of the frame: name and type (CM:1364-1393)."""

RESERVED = frozenset(INPUTS) | {"linearize", "delinearize", "out_image"}
"""Names that are macros in front of every body, so that no block of the file may have them."""

SUBGROUPS = ("basic", "vote", "arithmetic", "ballot", "shuffle", "clustered", "quad")
"""The parts of GL_KHR_shader_subgroup that libplacebo enables where the device has them."""

# ---------------------------------------------------------------------------------------------------------------------
# Declarations


@dataclass(frozen=True)
class Uniform:
    """A number that the player sets before the pass runs."""

    type: str
    name: str


@dataclass(frozen=True)
class Scale:
    """NAME_mul of a texture: a float that libplacebo writes into the program as a constant."""

    name: str


@dataclass(frozen=True)
class Varying:
    """A vec2 that is interpolated between the corners of the target; fragment passes only."""

    name: str


@dataclass(frozen=True)
class Sampler:
    """A texture to sample."""

    type: str
    name: str


@dataclass(frozen=True)
class StorageImage:
    """A texture to load from and store to: a pass's result, or a TEXTURE with STORAGE."""

    type: str
    name: str
    format: str
    access: str
    """Memory qualifiers."""
    slot: int
    """0 is the pass's result; the file's own STORAGE blocks count from 1."""


@dataclass(frozen=True)
class Buffer:
    """A BUFFER of the file; its variables are visible by their own names."""

    name: str
    block: UserBuffer
    slot: int
    """Counts with the images; 0 for a uniform buffer, which is bound otherwise."""

    @property
    def members(self) -> str:
        """The variables, a line each."""
        lengths = (f"[{variable.length}]" if variable.length else "" for variable in self.block.variables)
        pairs = zip(self.block.variables, lengths, strict=True)
        return "".join(f"    {variable.type} {variable.name}{length};\n" for variable, length in pairs)


@dataclass(frozen=True)
class Workgroup:
    """The threads of a workgroup of a compute pass, across and down."""

    width: int
    height: int


@dataclass(frozen=True)
class Constant:
    """A constant of the language, which may size an array."""

    type: str
    name: str
    value: str


@dataclass(frozen=True)
class Macro:
    """A macro; `name` has the parameters with it."""

    name: str
    text: str


@dataclass(frozen=True)
class Code:
    """Text that all dialects share."""

    text: str


Declaration = Uniform | Scale | Varying | Sampler | StorageImage | Buffer | Workgroup | Constant | Macro | Code


class Dialect(Protocol):
    """A flavour of GLSL: what it can declare, and how."""

    @property
    def has_1d(self) -> bool:
        """Whether there are samplers of one dimension; else they are two-dimensional of height 1."""
        ...

    @property
    def has_gather(self) -> bool:
        """Whether textureGather takes a component."""
        ...

    @property
    def exact(self) -> bool:
        """Whether NAME_tex at the centre of a texel reads that texel and nothing of its neighbours.

        GPUs do: they count coordinates in 256ths of a texel (8 bits in Direct3D 11 and in most of Vulkan's drivers). A
        driver that interpolates in floats adds up to 1e-5 of the neighbours, as coordinates are rounded.
        """
        ...

    def spell(self, declarations: Iterable[Declaration]) -> str:
        """The declarations as lines of a program; they keep their order as far as the dialect allows."""
        ...


# ---------------------------------------------------------------------------------------------------------------------
# The preamble

_CURVES = """\
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
}"""


_READ = """\
vec4 sg_read(sampler2D image, vec2 pos) {
    ivec2 last = textureSize(image, 0) - 1;
    vec2 place = pos * vec2(last + 1) - 0.5, centre = floor(place + 0.5);
    vec2 beside = abs(place - centre);
    if (max(beside.x, beside.y) < 1.0 / 512.0) return texelFetch(image, clamp(ivec2(centre), ivec2(0), last), 0);
    return textureLod(image, pos, 0.0);
}"""
"""Reads the nearest texel where coordinates in 256ths of a texel are its centre's."""

_SCALE = re.compile(r"^uniform float (sg_mul\d+);$", re.MULTILINE)


def preamble(
    file: HookFile,
    item: HookPass,
    stage: str,
    values: Mapping[str, float],
    dialect: Dialect,
    storage: str = "rgba16f",
) -> str:
    """What stands before the body of a pass hooked at a stage, given by its canonical name, in a dialect.

    `values` has the value of every PARAM, `storage` is the format of the result, as out_image declares it.
    """
    return dialect.spell(tuple(_declarations(file, item, stage, values, dialect, storage)))


def for_spirv(text: str) -> str:
    """An OpenGL preamble for a program that becomes SPIR-V to be written in another language.

    SPIR-V has no uniforms of booleans, and textures of who plays it need no factor.
    """
    text = _SCALE.sub(r"const float \1 = 1.0;", text)
    return text.replace("uniform bool sg_video;", "uniform int sg_video;").replace("sg_video ?", "sg_video != 0 ?")


def storage_slots(file: HookFile) -> dict[str, int]:
    """The slot of every STORAGE block by its name, from 1: devices have few of them, and 0 is out_image's."""
    names = [name for name, block in resources(file).items() if block.storage]
    return {name: slot for slot, name in enumerate(names, 1)}


def _declarations(
    file: HookFile, item: HookPass, stage: str, values: Mapping[str, float], dialect: Dialect, storage: str
) -> Iterator[Declaration]:
    # Functions come before any macro of the file: a PARAM may well be called `a` or `low`.
    yield Uniform("bool", "sg_video")
    yield Code(_CURVES)
    if dialect.exact:
        yield Code(_READ)
    yield Uniform("vec2", "sg_out_size")
    if item.compute is not None:
        yield Workgroup(*item.compute.threads)
        yield StorageImage("image2D", "sg_out_image", storage, "writeonly restrict", 0)
        yield Macro("out_image", "sg_out_image")
        yield Macro("gl_FragCoord", "vec4(vec2(gl_GlobalInvocationID) + 0.5, 0.0, 1.0)")  # as DP does
    own, slots = resources(file), storage_slots(file)
    for unit, (name, hooked) in enumerate(bindings(item, stage).items()):
        match own.get(name):
            case UserTexture() as block:
                yield from _user_texture(block, unit, slots.get(name, 0), dialect)
            case UserBuffer() as block:
                yield Buffer(f"sg_block{unit}", block, slots.get(name, 0))
                yield Macro(name, f"sg_block{unit}")
            case None:
                yield from _texture(name, unit, hooked, item.compute is not None, dialect)
    for name, type in INPUTS.items():
        yield Uniform(type, f"sg_{name}")
        yield Macro(name, f"sg_{name}")
    yield Macro("linearize", "sg_linearize")
    yield Macro("delinearize", "sg_delinearize")
    for param in file.params:
        yield from _param(param, values[param.name])


def _texture(name: str, unit: int, hooked: bool, compute: bool, dialect: Dialect) -> Iterator[Declaration]:
    """A stage's picture or a saved texture, with its macros under every name that it has."""
    yield Sampler("sampler2D", f"sg_tex{unit}")
    yield Uniform("vec4", f"sg_rect{unit}")
    yield Uniform("vec2", f"sg_pt{unit}")
    yield Uniform("vec2", f"sg_off{unit}")
    yield Scale(f"sg_mul{unit}")
    if not compute:
        yield Varying(f"sg_pos{unit}")
    # Every name gets the whole text: Mesa cannot follow an alias of a macro whose arguments go over several lines.
    for prefix in (*names_of(name), *(["HOOKED"] if hooked else [])):
        for suffix, text in _texture_macros(unit, compute, dialect).items():
            yield Macro(f"{prefix}_{suffix}", text)


def _texture_macros(unit: int, compute: bool, dialect: Dialect) -> dict[str, str]:
    """What a texture NAME gives as NAME_raw, NAME_pos, ... (CM:1153-1183, VC:1460-1500)."""
    sampler, mul, pt = f"sg_tex{unit}", f"sg_mul{unit}", f"sg_pt{unit}"
    corner = f"sg_rect{unit}.xy + sg_rect{unit}.zw"
    pos = f"({corner} * (gl_FragCoord.xy / sg_out_size))" if compute else f"sg_pos{unit}"

    def read(place: str) -> str:
        return f"sg_read({sampler}, {place})" if dialect.exact else f"textureLod({sampler}, {place}, 0.0)"

    macros = {
        "raw": sampler,
        "pos": pos,
        "size": f"vec2(textureSize({sampler}, 0))",
        "pt": pt,
        "off": f"sg_off{unit}",
        "mul": mul,
        "rot": "mat2(1.0, 0.0, 0.0, 1.0)",
        "tex(pos)": f"({mul} * {read('pos')})",
        "texOff(off)": f"({mul} * {read(f'{pos} + {pt} * vec2(off)')})",
    }
    if compute:
        macros["map(id)"] = f"({corner} * ((vec2(id) + 0.5) / sg_out_size))"
    if dialect.has_gather:
        macros["gather(pos, c)"] = f"({mul} * textureGather({sampler}, pos, c))"
    return macros


def _user_texture(block: UserTexture, unit: int, slot: int, dialect: Dialect) -> Iterator[Declaration]:
    flat = len(block.size) == 1 and not dialect.has_1d
    dimensions = 2 if flat else len(block.size)
    scalar = "u" if block.format.endswith("u") else "i" if block.format.endswith("i") else ""
    name = f"sg_tex{unit}"
    if block.storage:
        format = block.format.replace("hf", "f")
        yield StorageImage(f"{scalar}image{dimensions}D", name, format, "coherent restrict", slot)
        yield Macro(block.name, name)
        return
    yield Sampler(f"{scalar}sampler{dimensions}D", name)
    yield Macro(block.name, name)
    yield Macro(f"{block.name}_tex(pos)", f"(textureLod({name}, {'vec2(pos, 0.5)' if flat else 'pos'}, 0.0))")


def _param(param: Param, value: float) -> Iterator[Declaration]:
    name = f"sg_param_{param.name}"
    match param.mode:
        case "DEFINE":
            name = str(int(value))
        case "CONSTANT":
            yield Constant(param.type, name, repr(float(value)) if param.type == "float" else str(int(value)))
        case "VARIABLE" | "DYNAMIC":
            yield Uniform(param.type, name)
    yield Macro(param.name, name)
    for number, word in enumerate(param.names):
        yield Macro(word, str(number))
