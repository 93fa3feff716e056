"""Passes of others for WebGL2, where the browser's GLSL ES is stricter than the GLSL that they are written in.

GLSL ES 3.00 converts no integers to floats, among others. glslang makes SPIR-V of a pass, SPIRV-Cross writes that as
GLSL ES: the uniforms keep their names, so the page's player (`templates/web/player.js`) takes it as its own. Arrays of
arrays, which GLSL ES 3.00 has not either, fall into single values once the loops over them are unrolled: by spirv-opt.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from shadergen.files import shipped
from shadergen.hookfile import HookFile, HookPass
from shadergen.hookfile.dialects import OpenGL
from shadergen.hookfile.preamble import for_spirv, preamble
from shadergen.hookfile.stages import canonical, initial_values

TIME_LIMIT = 120.0
"""How many seconds a program may take for a pass."""

Translation = tuple[Mapping[str, str], ...]
"""For every pass of a file, its fragment shader by the stage that it hooks."""

_ES = "\n".join(
    ["#version 300 es", *(f"precision highp {type};" for type in ("float", "int", "sampler2D", "sampler3D"))]
)
_EXTENSION = re.compile(r"^[ \t]*#[ \t]*extension\b.*$", re.MULTILINE)
_FOR = re.compile(r"\bfor\s*\(")
_UNROLL = "#extension GL_EXT_control_flow_attributes : enable"
_OPTIMISATIONS = (
    *("--inline-entry-points-exhaustive", "--merge-return", "--private-to-local", "--eliminate-local-single-block"),
    *("--ssa-rewrite", "--ccp", "--loop-unroll", "--ccp", "--simplify-instructions", "--scalar-replacement=0"),
    *("--ssa-rewrite", "--ccp", "--simplify-instructions", "--eliminate-dead-branches", "--merge-blocks"),
    "--eliminate-dead-code-aggressive",
)
"""What makes single values of arrays: loops, whose counters then are constants, and arrays of any size."""
_LIST = re.compile(r"=\s*\{")
_ENTRY = "layout(location = 0) out vec4 sg_color;\nvoid main() { sg_color = hook(); }\n"


def tools() -> tuple[str, str] | None:
    """The paths of glslang and SPIRV-Cross, or None where one is not installed."""
    glslang, cross = shutil.which("glslangValidator") or shutil.which("glslang"), shutil.which("spirv-cross")
    return (glslang, cross) if glslang and cross else None


def translate(file: HookFile) -> Translation:
    """The passes of a file in GLSL ES 3.00, if it needs that: nothing where all of its passes are GLSL ES already, and
    where the tools are not installed or refuse one. A PARAM that is compiled in has the file's own value.
    """
    found = tools()
    if not found:
        return ()
    glslang, cross = found
    hooked = [(item, stage) for item in file.passes for stage in dict.fromkeys(map(canonical, item.hooks))]
    with tempfile.TemporaryDirectory(prefix="shadergen-") as name:
        folder = Path(name)
        if all(_is_es(glslang, folder, _program(file, item, stage, _ES)) for item, stage in hooked):
            return ()
        texts = {
            (id(item), stage): _translated(glslang, cross, folder, _program(file, item, stage, "#version 450"))
            for item, stage in hooked
        }
    if not all(texts.values()):
        return ()
    return tuple(
        {stage: texts[id(item), stage] for stage in dict.fromkeys(map(canonical, item.hooks))} for item in file.passes
    )


def _program(file: HookFile, item: HookPass, stage: str, head: str) -> str:
    """The fragment shader of a pass, with the page's functions for what GLSL ES 3.00 lacks."""
    shims = [path.read_text("utf-8") for path in sorted((shipped("templates") / "web" / "shims").glob("*.glsl"))]
    before = for_spirv(preamble(file, item, stage, initial_values(file), OpenGL(300 if head == _ES else 450)))
    return "\n".join([head, *shims, before, _EXTENSION.sub("", item.body), _ENTRY])


def _is_es(glslang: str, folder: Path, text: str) -> bool:
    """Whether browsers take a program as it is. glslang takes lists in braces as well, which they refuse."""
    if _LIST.search(text):
        return False
    (folder / "es.frag").write_text(text, "utf-8")
    return _run(folder, [glslang, "-S", "frag", "es.frag"])


def _translated(glslang: str, cross: str, folder: Path, text: str) -> str:
    """A fragment shader in GLSL ES 3.00; empty where one of the programs refuses it."""
    to_es = [cross, "pass.spv", "--es", "--version", "300", "--output", "pass.es", "--flatten-multidimensional-arrays"]
    done = _to_spirv(glslang, folder, text) and (
        _run(folder, to_es) or (_unrolled(glslang, folder, text) and _run(folder, to_es))
    )
    return (folder / "pass.es").read_text("utf-8") if done else ""


def _to_spirv(glslang: str, folder: Path, text: str) -> bool:
    """Make pass.spv of a fragment shader."""
    (folder / "pass.frag").write_text(text, "utf-8")
    command = [
        glslang,
        "-G",
        "--auto-map-locations",
        "--auto-map-bindings",
        "-S",
        "frag",
        "-o",
        "pass.spv",
        "pass.frag",
    ]
    return _run(folder, command)


def _unrolled(glslang: str, folder: Path, text: str) -> bool:
    """Make pass.spv without loops and arrays, if spirv-opt is installed."""
    optimiser = shutil.which("spirv-opt")
    head, _, rest = text.partition("\n")
    marked = "\n".join([head, _UNROLL, _FOR.sub("[[unroll]] for (", rest)])
    command = [optimiser or "", *_OPTIMISATIONS, "pass.spv", "-o", "pass.spv"]
    return optimiser is not None and _to_spirv(glslang, folder, marked) and _run(folder, command)


def _run(folder: Path, command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=TIME_LIMIT, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
