"""Rules over the GLSL of a pass: what its text calls, declares and writes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from shadergen.hookfile.preamble import INPUTS
from shadergen.hookfile.stages import PLANES, STAGE_ORDER, canonical, saved_names
from shadergen.lint import glsltext
from shadergen.lint.rule import Finding, Rule, Shader, line_in_body, line_of, registrar, stored_into

RULES: list[Rule] = []
rule = registrar(RULES)


@rule("hook-function", "error", "CM:1502, 1521; VC:2220-2225")
def _hook_function(shader: Shader) -> Iterator[Finding]:
    """The body defines `vec4 hook()`, or `void hook()` in a compute pass."""
    for block, code in shader.passes:
        found = glsltext.hook_types(code)
        expected = "vec4 hook()" if block.compute is None else "void hook()"
        if re.search(r"\bhook\b", code) is None:
            yield Finding(block.body_line, f"found no hook() in the pass, expected {expected}")
        elif block.compute is None and found and all(type in _NOT_A_COLOUR for type, _ in found):
            type, offset = found[0]
            message = f"found {type} hook() in a fragment pass, expected {expected}; or add COMPUTE"
            yield Finding(line_in_body(block, code, offset), message)


_NOT_A_COLOUR = {"void", "float", "int", "uint", "bool", "vec2", "vec3"}


@rule("hook-result", "warning", "CM:1502, VC:2220-2222")
def _hook_result(shader: Shader) -> Iterator[Finding]:
    """What `hook()` returns in a compute pass is thrown away: it must write out_image itself."""
    for block, code in shader.passes:
        if block.compute is None or stored_into(shader.file, block):
            continue
        if all(type != "void" for type, _ in glsltext.hook_types(code)) and glsltext.hook_types(code):
            type, offset = glsltext.hook_types(code)[0]
            line = line_in_body(block, code, offset)
            yield Finding(line, f"found {type} hook() in a compute pass, expected void hook(); the result is dropped")
        elif re.search(r"\bimageStore\s*\(\s*out_image\b", code) is None and "imageStore" not in code:
            message = (
                "found no imageStore in a compute pass, expected imageStore(out_image, ...); the result is undefined"
            )
            yield Finding(line_of(block, "COMPUTE"), message)


@rule("out-image-in-fragment", "error", "CM:1482-1498")
def _out_image_in_fragment(shader: Shader) -> Iterator[Finding]:
    """out_image exists in compute passes only."""
    for block, code in shader.passes:
        match = re.search(r"\bout_image\b", code)
        if block.compute is None and match is not None and not glsltext.has_conditionals(code):
            line = line_in_body(block, code, match.start())
            yield Finding(
                line, "found out_image in a fragment pass, where it does not exist; add COMPUTE or return vec4"
            )


@rule("unbound-texture", "error", "CM:1153-1213, VC:1548-1549, 1574")
def _unbound_texture(shader: Shader) -> Iterator[Finding]:
    """NAME_tex and its kin exist for the names a pass binds; HOOKED_tex only with BIND HOOKED."""
    names = saved_names(shader.file) | STAGE_ORDER.keys() | {"HOOKED"}
    for block, code in shader.passes:
        given = {canonical(bind) for bind in block.binds}
        given |= {canonical(hook) for hook in block.hooks if "HOOKED" in block.binds}
        for name, offset in _macros_used(code, names):
            if canonical(name) not in given:
                line = line_in_body(block, code, offset)
                yield Finding(line, f"found a macro of {name}, which the pass does not bind; add BIND {name}")


def _macros_used(code: str, names: Collection[str]) -> Iterator[tuple[str, int]]:
    """The first place where each texture is used, conditional and self-made macros left out."""
    if glsltext.has_conditionals(code):
        return
    plain = glsltext.without_directives(code)
    seen: set[str] = set()
    for match in re.finditer(r"\b([A-Za-z]\w*)_(?:tex|texOff|gather|raw|pos|pt|size)\b", plain):
        if match[1] not in names or match[1] in seen:
            continue
        declared = re.search(rf"(?:\b\w+\s+|#\s*define\s+){re.escape(match[0])}\s*[=;(,)]", code)
        if declared is None or declared[0].startswith("return"):
            seen.add(match[1])
            yield match[1], match.start()


@rule("reserved-function", "error", "CM:1364-1393, VC:1741-1756")
def _reserved_function(shader: Shader) -> Iterator[Finding]:
    """A function or global called as one of the player's variables (`random`, `frame`, ...) is a redefinition."""
    for block, code in shader.passes:
        if glsltext.has_conditionals(code):
            continue
        pattern = rf"^[ \t]*(?:vec[234]|float|int|uint|bool)\s+({'|'.join(INPUTS)})\s*\("
        for match in re.finditer(pattern, code, re.M):
            line = line_in_body(block, code, match.start(1))
            yield Finding(line, f"found a function {match[1]}, a variable of the player's; choose another name")


@rule("lut-pos", "error", "mpv #9390, shader_cache.c:805-807")
def _lut_pos(shader: Shader) -> Iterator[Finding]:
    """LUT_POS is vo=gpu's own; in vo=gpu-next a body that uses it must define it."""
    for block, code in shader.passes:
        match = re.search(r"\bLUT_POS\s*\(", code)
        if match is not None and not glsltext.defines(code, "LUT_POS"):
            line = line_in_body(block, code, match.start())
            yield Finding(line, "found LUT_POS, which vo=gpu-next does not have; define it in the pass")


@rule("raw-without-mul", "warning", "CM:1166-1175, VC:1467, 1483")
def _raw_without_mul(shader: Shader) -> Iterator[Finding]:
    """A plane read through NAME_raw has not been scaled to [0, 1]: multiply by NAME_mul (10 bits in 16 are 1/64)."""
    for block, code in shader.passes:
        for plane in dict.fromkeys((*block.binds, *block.hooks)):
            stages = block.hooks if plane == "HOOKED" else (plane,)
            if not any(stage in PLANES for stage in stages) or re.search(rf"\b{plane}_mul\b", code):
                continue
            match = re.search(rf"\b(?:texelFetch\w*|texture\w*)\s*\(\s*{plane}_raw\b", code)
            match = match if match is None or not match[0].startswith("textureSize") else None
            if match is not None:
                line = line_in_body(block, code, match.start())
                yield Finding(line, f"found a fetch of {plane}_raw, expected it multiplied by {plane}_mul")


@rule("extension-directive", "warning", "ArtCNN #21")
def _extension_directive(shader: Shader) -> Iterator[Finding]:
    """Mesa's OpenGL refuses #extension after the first declaration, and players put the body after theirs."""
    found: dict[str, tuple[int, int]] = {}
    for block, code in shader.passes:
        for match in re.finditer(r"^[ \t]*#[ \t]*extension[ \t]+(\w+)", code, re.M):
            if re.search(rf"#[ \t]*ifdef[ \t]+{match[1]}[ \t]*\n\Z", code[: match.start()]):
                continue  # Mesa's OpenGL does not read what it leaves out
            line, count = found.get(match[1], (line_in_body(block, code, match.start()), 0))
            found[match[1]] = (line, count + 1)
    for name, (line, count) in found.items():
        times = f" ({count} times)" if count > 1 else ""
        yield Finding(line, f"found #extension {name}{times} in a body, which gpu-api=opengl refuses on Mesa")


@rule("cooperative-matrix", "warning", "VK_KHR_cooperative_matrix")
def _cooperative_matrix(shader: Shader) -> Iterator[Finding]:
    """Matrices of a subgroup need tensor cores, and a GPU says to no shader whether it has them, and of which shape.

    glslang defines GL_KHR_cooperative_matrix always; Mesa's RADV ends the process on an AMD GPU without WMMA.
    """
    for block, code in shader.passes:
        match = re.search(r"^[ \t]*#[ \t]*extension[ \t]+GL_KHR_cooperative_matrix\b", code, re.M)
        if match is not None:
            message = "found GL_KHR_cooperative_matrix, with which players end or fail on GPUs without tensor cores"
            yield Finding(line_in_body(block, code, match.start()), message)
            return


@rule("integer-dot-product", "warning", "VUID-VkShaderModuleCreateInfo-pCode-08740")
def _integer_dot_product(shader: Shader) -> Iterator[Finding]:
    """Products of four bytes are a feature that no player switches on; drivers compile them all the same."""
    for block, code in shader.passes:
        match = re.search(r"^[ \t]*#[ \t]*extension[ \t]+GL_EXT_integer_dot_product\b", code, re.M)
        if match is not None:
            message = "found GL_EXT_integer_dot_product, for which players do not switch on shaderIntegerDotProduct"
            yield Finding(line_in_body(block, code, match.start()), message)
            return


@rule("version-directive", "error", "DP:306-308")
def _version_directive(shader: Shader) -> Iterator[Finding]:
    """#version stands first in a program; the player has written it before the body comes."""
    for block, code in shader.passes:
        match = re.search(r"^[ \t]*#[ \t]*version\b", code, re.M)
        if match is not None:
            line = line_in_body(block, code, match.start())
            yield Finding(line, "found #version in a body, which does not compile there; delete the line")
