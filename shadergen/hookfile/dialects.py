"""Flavours of GLSL in which a preamble can be spelled."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import assert_never

from shadergen.hookfile.preamble import (
    Buffer,
    Code,
    Constant,
    Declaration,
    Macro,
    Sampler,
    Scale,
    StorageImage,
    Uniform,
    Varying,
    Workgroup,
)


@dataclass(frozen=True)
class OpenGL:
    """GLSL of OpenGL: uniforms stand alone and are set by name, as are texture units; STORAGE is bound by slot."""

    version: int
    """Of the language: 330, 430, 450, ..."""
    exact: bool = False

    @property
    def has_1d(self) -> bool:
        return False  # OpenGL has them, the library through which the runner talks to it has not

    @property
    def has_gather(self) -> bool:
        return self.version >= 400

    def spell(self, declarations: Iterable[Declaration]) -> str:
        return "\n".join(self._line(declaration) for declaration in declarations)

    def _line(self, declaration: Declaration) -> str:
        match declaration:
            case Uniform(type, name) | Sampler(type, name):
                return f"uniform {type} {name};"
            case Scale(name):
                return f"uniform float {name};"
            case Varying(name):
                return f"in vec2 {name};"
            case StorageImage(type, name, format, access, slot):
                return f"layout({format}, binding = {slot}) {access} uniform {type} {name};"
            case Buffer(name, block, slot):
                layout = f"layout(std430, binding = {slot})" if block.storage else "layout(std140)"
                return f"{layout} {_buffer(declaration)}"
            case Workgroup() | Constant() | Macro() | Code():
                return _shared(declaration)
            case _:
                assert_never(declaration)


@dataclass(frozen=True)
class Vulkan:
    """GLSL of Vulkan: everything is bound by a number, and all uniforms stand in one block at the top.

    Binding numbers count up, as libplacebo gives them out.
    """

    @property
    def exact(self) -> bool:
        return False

    @property
    def has_1d(self) -> bool:
        return True

    @property
    def has_gather(self) -> bool:
        return True

    def spell(self, declarations: Iterable[Declaration]) -> str:
        declarations = tuple(declarations)
        bindings, locations = itertools.count(), itertools.count()
        uniforms = (item for item in declarations if isinstance(item, Uniform))
        members = "".join(f"    {uniform.type} {uniform.name};\n" for uniform in uniforms)
        lines = [f"layout(std140, binding = {next(bindings)}) uniform SgUniforms {{\n{members}}};"]
        for declaration in declarations:
            match declaration:
                case Uniform():
                    pass
                case Scale(name):
                    lines.append(f"const float {name} = 1.0;")
                case Varying(name):
                    lines.append(f"layout(location = {next(locations)}) in vec2 {name};")
                case Sampler(type, name):
                    lines.append(f"layout(binding = {next(bindings)}) uniform {type} {name};")
                case StorageImage(type, name, format, access):
                    lines.append(f"layout({format}, binding = {next(bindings)}) {access} uniform {type} {name};")
                case Buffer(block=block):
                    layout = f"layout({'std430' if block.storage else 'std140'}, binding = {next(bindings)})"
                    lines.append(f"{layout} {_buffer(declaration)}")
                case Workgroup() | Constant() | Macro() | Code():
                    lines.append(_shared(declaration))
                case _:
                    assert_never(declaration)
        return "\n".join(lines)


def _buffer(buffer: Buffer) -> str:
    kind = "coherent restrict buffer" if buffer.block.storage else "uniform"
    return f"{kind} {buffer.name} {{\n{buffer.members}}};"


def _shared(declaration: Workgroup | Constant | Macro | Code) -> str:
    """What is spelled alike everywhere."""
    match declaration:
        case Workgroup(width, height):
            return f"layout(local_size_x = {width}, local_size_y = {height}) in;"
        case Constant(type, name, value):
            return f"const {type} {name} = {type}({value});"
        case Macro(name, text):
            return f"#define {name} {text}"
        case Code(text):
            return text
