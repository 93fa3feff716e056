"""Rules over blocks and their directives: what stands in a file, and under which names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator

from shadergen.hookfile import HookPass, Param, UserBuffer, UserTexture
from shadergen.hookfile.preamble import RESERVED
from shadergen.hookfile.stages import STAGE_ORDER
from shadergen.lint.rule import Finding, Rule, Shader, line_of, registrar

RULES: list[Rule] = []
rule = registrar(RULES)


@rule("no-hook", "error", "CM:298-300, US:519-521")
def _no_hook(shader: Shader) -> Iterator[Finding]:
    """A pass without HOOK, or with no HOOK that any player knows, never runs."""
    for block in shader.file.passes:
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            found = f"HOOK {', '.join(block.hooks)}" if block.hooks else "no HOOK"
            message = f"found {found}, expected one of {', '.join(STAGE_ORDER)}; the pass never runs"
            yield Finding(line_of(block, "HOOK"), message)


@rule("unknown-stage", "warning", "CM:832-874")
def _unknown_stage(shader: Shader) -> Iterator[Finding]:
    """A HOOK that no player knows, beside one that fires; and PREOUTPUT, which only libplacebo has (CM:868)."""
    for block in shader.file.passes:
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            continue  # no-hook has reported it
        for hook in block.hooks:
            if hook == "PREOUTPUT":
                yield Finding(
                    line_of(block, "HOOK", hook), "found HOOK PREOUTPUT, which vo=gpu never fires; use SCALED"
                )
            elif hook not in STAGE_ORDER:
                message = f"found HOOK {hook}, which no player fires, expected one of {', '.join(STAGE_ORDER)}"
                yield Finding(line_of(block, "HOOK", hook), message)


@rule("invalid-name", "error", "CM:1153-1183, 1312-1318, 1401-1426")
def _invalid_name(shader: Shader) -> Iterator[Finding]:
    """Names become GLSL macros: they must be identifiers and, of TEXTURE, BUFFER or PARAM, none that is taken."""
    for block in shader.file.blocks:
        if isinstance(block, HookPass):
            names = [("BIND", bind) for bind in block.binds if bind]
        else:
            names = [(block.source[0].name, block.name)]
        for directive, name in names:
            if re.fullmatch(r"(?!gl_)[A-Za-z_]\w*", name, re.ASCII) is None:
                message = f"found {directive} {name!r}, expected a GLSL identifier; letters, digits and _ only"
                yield Finding(line_of(block, directive, name), message)
            elif directive != "BIND" and name in RESERVED | {"hook", "main", "HOOKED"}:
                message = f"found {directive} {name}, a name that the player defines itself; choose another"
                yield Finding(line_of(block, directive, name), message)


@rule("duplicate-param", "error", "CM:1396-1427")
def _duplicate_param(shader: Shader) -> Iterator[Finding]:
    """Two PARAM of one name define one macro twice, which does not compile in libplacebo."""
    yield from _repeated(shader.file.params, "PARAM", "the macro is defined twice; rename one")


@rule("duplicate-texture", "warning", "CM:1308-1320, VC:1557-1563")
def _duplicate_texture(shader: Shader) -> Iterator[Finding]:
    """Of two TEXTURE or BUFFER of one name, players bind the first; the second is dead weight."""
    blocks = [block for block in shader.file.blocks if isinstance(block, UserTexture | UserBuffer)]
    yield from _repeated(blocks, "", "only the first is ever bound; rename or delete this one")


def _repeated(blocks: Iterable[Param | UserTexture | UserBuffer], directive: str, remedy: str) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for block in blocks:
        line = line_of(block, directive)
        if block.name in first:
            message = f"found {block.source[0].name} {block.name} again, first on line {first[block.name]}; {remedy}"
            yield Finding(line, message)
        first.setdefault(block.name, line)


@rule("param-value", "error", "CM:824-825, US:73-83")
def _param_value(shader: Shader) -> Iterator[Finding]:
    """The initial value of a PARAM must lie within its bounds, or both players reject the file."""
    for param in shader.file.params:
        low = -math.inf if param.minimum is None else param.minimum
        high = math.inf if param.maximum is None else param.maximum
        if not param.names and not low <= param.initial <= high:
            message = f"found initial value {param.initial:g} of {param.name}, expected {low:g} to {high:g}"
            yield Finding(param.body_line, message)


@rule("param-enum", "error", "CM:758-761, US:152-158")
def _param_enum(shader: Shader) -> Iterator[Finding]:
    """ENUM goes with int or DEFINE only."""
    for param in shader.file.params:
        if param.names and param.type != "int":
            yield Finding(line_of(param, "TYPE"), f"found TYPE ENUM {param.type}, expected ENUM int or ENUM DEFINE")


_MISSING = {
    r"r(g|gb|gba)?32f": "OpenGL ES does not have, nor filters",
    r"r(g|gb|gba)?16f": "vo=gpu does not have on Direct3D 11",
    r"r(g|gb|gba)?16hf": "vo=gpu does not have on OpenGL",
    r"r(g|gb|gba)?16": "many phones do not have",
    r"r(g|gb|gba)?(8|16|32)ui": "vo=gpu-next does not have (it calls them u)",
    r"r(g|gb|gba)?(8|16|32)u": "vo=gpu does not have on OpenGL (it calls them ui)",
}
"""Names of texel formats, as patterns, that not every renderer knows."""


@rule("texture-format", "warning", "mpv formats.c, ra_d3d11.c; libplacebo opengl/formats.c, d3d11/formats.c")
def _texture_format(shader: Shader) -> Iterator[Finding]:
    """A TEXTURE of a format that the renderer lacks is the end of the whole file; all renderers have r8, rg8 and rgba8.

    Compute passes run on no OpenGL ES, so what they alone bind may have 32-bit floats.
    """
    for texture in shader.file.textures:
        lacks = next((why for pattern, why in _MISSING.items() if re.fullmatch(pattern, texture.format)), None)
        readers = [item for item in shader.file.passes if texture.name in item.binds]
        alone = "OpenGL ES" in (lacks or "") and readers and all(item.compute for item in readers)
        if lacks and not texture.storage and not alone:
            message = f"found FORMAT {texture.format}, which {lacks}, and the file is rejected there"
            yield Finding(line_of(texture, "FORMAT"), f"{message}; rgba8 is everywhere")


@rule("texture-bytes", "error", "CM:476-486, US:639-645")
def _texture_bytes(shader: Shader) -> Iterator[Finding]:
    """The data of a TEXTURE must fill its SIZE exactly; `16f` formats take 32-bit floats, `16hf` 16-bit ones."""
    for texture in shader.file.textures:
        format = re.fullmatch(r"(r|rg|rgb|rgba)(8|16|32)(|f|hf|u|i|s)", texture.format)
        if format is None or (texture.storage and not texture.data):
            continue  # a format this rule does not know, or an image that starts out empty
        sample = 4 if format[3] == "f" else int(format[2]) // 8
        expected = math.prod(texture.size) * len(format[1]) * sample
        if len(texture.data) != expected:
            size = "x".join(map(str, texture.size))
            message = f"found {len(texture.data)} bytes, expected {expected} for {size} {texture.format}"
            yield Finding(texture.body_line, message)
