"""Rules on what mpv's vo=gpu rejects or shows otherwise, and libplacebo accepts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from shadergen.hookfile.stages import PLANE_COMPONENTS, overwrites
from shadergen.lint.rule import Finding, Rule, Shader, line_in_body, line_of, registrar

RULES: list[Rule] = []
rule = registrar(RULES)


@rule("vo-gpu-buffer", "warning", "US:506-508, 675-691")
def _vo_gpu_buffer(shader: Shader) -> Iterator[Finding]:
    """BUFFER exists in libplacebo only."""
    for buffer in shader.file.buffers:
        yield Finding(line_of(buffer), "found BUFFER, which vo=gpu rejects with the whole file; needs vo=gpu-next")


@rule("vo-gpu-texture", "warning", "US:596-610")
def _vo_gpu_texture(shader: Shader) -> Iterator[Finding]:
    """TEXTURE with STORAGE or BORDER MIRROR exists in libplacebo only."""
    for texture in shader.file.textures:
        if texture.storage:
            message = "found STORAGE, which vo=gpu rejects with the whole file; needs vo=gpu-next"
            yield Finding(line_of(texture, "STORAGE"), message)
        if texture.border == "MIRROR":
            message = "found BORDER MIRROR, which vo=gpu rejects with the whole file; use CLAMP or REPEAT"
            yield Finding(line_of(texture, "BORDER"), message)


@rule("vo-gpu-hex", "warning", "US:632-637")
def _vo_gpu_hex(shader: Shader) -> Iterator[Finding]:
    """vo=gpu reads the data of a TEXTURE from one line; libplacebo skips white space."""
    for texture in shader.file.textures:
        rest = itertools.takewhile(lambda line: "//!" not in line, shader.lines[texture.body_line - 1 :])
        lines = sum(1 for line in rest if line.strip())
        if lines > 1:
            message = f"found data on {lines} lines, expected one, or vo=gpu rejects the file; join them"
            yield Finding(texture.body_line, message)


@rule("vo-gpu-param", "warning", "US:196-205")
def _vo_gpu_param(shader: Shader) -> Iterator[Finding]:
    """vo=gpu knows PARAM of TYPE float, int and DEFINE; not uint, DYNAMIC or CONSTANT."""
    for param in shader.file.params:
        if param.type == "uint" or param.mode in ("DYNAMIC", "CONSTANT"):
            found = f"{param.mode} {param.type}".removeprefix("VARIABLE ")
            message = f"found TYPE {found}, which vo=gpu rejects with the whole file; use float, int or DEFINE"
            yield Finding(line_of(param, "TYPE"), message)


_VO_GPU_PARAMS = 16


@rule("vo-gpu-param-count", "warning", "US:111-114, user_shaders.h:26")
def _vo_gpu_param_count(shader: Shader) -> Iterator[Finding]:
    """vo=gpu holds 16 PARAM per file."""
    for param in shader.file.params[_VO_GPU_PARAMS : _VO_GPU_PARAMS + 1]:
        found = len(shader.file.params)
        message = f"found {found} PARAM, expected at most {_VO_GPU_PARAMS}; vo=gpu rejects the file from here"
        yield Finding(line_of(param), message)


@rule("vo-gpu-linearize", "warning", "VC:1737-1757, CM:1439-1453")
def _vo_gpu_linearize(shader: Shader) -> Iterator[Finding]:
    """linearize() and delinearize() are given by libplacebo only."""
    for block, code in shader.passes:
        match = re.search(r"\b(?:de)?linearize\s*\(", code)
        if match is not None and not re.search(r"\bvec[34]\s+(?:de)?linearize\s*\(", code):
            message = f"found {match[0]}), which vo=gpu does not have; needs vo=gpu-next"
            yield Finding(line_in_body(block, code, match.start()), message)


@rule("vo-gpu-components", "warning", "VC:1624-1629, 2397, 2517; mpv #9863")
def _vo_gpu_components(shader: Shader) -> Iterator[Finding]:
    """vo=gpu refuses to overwrite a plane with more COMPONENTS than it has, and skips the pass.

    Versions up to 0.41 combine the planes wrongly instead (a blue picture). A warning, because libplacebo takes
    COMPONENTS as a remark (CM:1559) and published shaders rely on that.
    """
    for block in shader.file.passes:
        for stage in sorted(overwrites(block)):
            have = PLANE_COMPONENTS.get(stage)
            if have is not None and block.components is not None and block.components > have:
                message = f"found COMPONENTS {block.components} on a pass that overwrites {stage}, expected {have}"
                yield Finding(line_of(block, "COMPONENTS"), f"{message}; vo=gpu skips the pass or shows false colours")


@rule("vo-gpu-unused-components", "warning", "VC:1443-1447, 1622, 1655")
def _vo_gpu_unused_components(shader: Shader) -> Iterator[Finding]:
    """Without COMPONENTS, vo=gpu gives a fragment pass as many as the hooked plane has and sets the others to 0, 0, 1.

    Reported when a later pass reads a component beyond those.
    """
    for block in shader.file.passes:
        planes = [hook for hook in block.hooks if hook in PLANE_COMPONENTS]
        if block.save is None or block.components is not None or block.compute is not None or not planes:
            continue
        have = PLANE_COMPONENTS[planes[0]]
        if overwrites(block) or not any(_reads_lanes(code, block.save, have) for _, code in shader.passes):
            continue
        message = f"found SAVE {block.save} without COMPONENTS, expected COMPONENTS 4"
        yield Finding(line_of(block, "SAVE"), f"{message}; on {planes[0]} vo=gpu keeps {have} and clears the others")


def _reads_lanes(code: str, name: str, have: int) -> bool:
    """Whether the code takes a component of the texture beyond the first `have`."""
    sample = rf"\b{re.escape(name)}_tex(?:Off)?\s*\((?:[^()]|\([^()]*\))*\)"
    beyond = "yzwgba" if have == 1 else "zwba"
    return re.search(rf"{sample}\s*\.\s*\w*[{beyond}]", code) is not None
