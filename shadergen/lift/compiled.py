"""A pass as a SPIR-V module, with its weights as the text has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from shadergen.errors import NoDeviceError
from shadergen.hookfile import HookFile, HookPass
from shadergen.lift.affine import LiftError
from shadergen.lift.module import Module
from shadergen.lint.glslang import build_program, compile_source, glslang_program

_HALF_EXTENSION = re.compile(
    r"^[ \t]*#[ \t]*extension[ \t]+GL_\w+?_(?:explicit_arithmetic_types\w*|16bit_storage|gpu_shader_half_float)\b.*$",
    re.M,
)
_HALF_TYPE = re.compile(r"\bf16(vec[234]|mat[234](?:x[234])?)\b|\bfloat16_t\b")
_HALF_LITERAL = re.compile(r"(?<![\w.])((?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)(?:hf|HF)\b")


def in_full(body: str) -> str:
    """The body with 32-bit floats where it has 16-bit ones, so that a weight is the number that stands there."""
    body = _HALF_EXTENSION.sub("", body)
    body = _HALF_TYPE.sub(lambda match: match[1] or "float", body)
    return _HALF_LITERAL.sub(lambda match: match[1] if re.search(r"[.eE]", match[1]) else f"{match[1]}.0", body)


def compiled(file: HookFile, item: HookPass, stage: str, values: Mapping[str, float]) -> Module:
    """The module of a pass hooked at a stage, with the value of every PARAM.

    Raises LiftError for a pass that does not compile, NoDeviceError where glslang is not installed.
    """
    program = glslang_program()
    if program is None:
        raise NoDeviceError(
            "glslang", "not found", "install glslang-tools (Debian) or glslang (Fedora, Arch, Homebrew)"
        )
    source = build_program(file, replace(item, body=in_full(item.body)), stage, values)
    result = compile_source(program, source, "comp" if item.compute else "frag")
    if result.faults:
        raise LiftError(f"does not compile: {result.faults[0].message[:200]}")
    return Module(result.spirv)
