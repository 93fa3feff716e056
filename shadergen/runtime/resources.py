"""The textures and buffers that a hook file defines itself: TEXTURE and BUFFER blocks, checked and uploaded."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import moderngl
import numpy as np

from shadergen.errors import ShaderRunError
from shadergen.hookfile import HookFile, UserBuffer, UserTexture
from shadergen.hookfile.preamble import storage_slots
from shadergen.hookfile.stages import resources
from shadergen.runtime.context import mirror


class Resources:
    """The textures and buffers that the file itself defines; STORAGE ones keep their contents between frames."""

    def __init__(self, context: moderngl.Context, file: HookFile, where: str) -> None:
        self._textures: dict[str, moderngl.Texture | moderngl.Texture3D] = {}
        self._buffers: dict[str, moderngl.Buffer] = {}
        self._slots = storage_slots(file)
        self._context = context
        for block in resources(file).values():
            line = block.source[0].line if block.source else 1
            try:
                self._create(block)
            except ValueError as error:
                self.release()
                raise ShaderRunError(f"{where}:{line}", str(error)) from None

    def __contains__(self, name: str) -> bool:
        return name in self._textures or name in self._buffers

    def bind(self, name: str, unit: int) -> Mapping[str, Any] | None:
        """Bind a texture or buffer; the uniforms to set, or None when the file defines no such name."""
        if name in self._buffers:
            if name in self._slots:
                self._buffers[name].bind_to_storage_buffer(self._slots[name])
            else:
                self._buffers[name].bind_to_uniform_block(unit)
            return {}
        texture = self._textures.get(name)
        if texture is None:
            return None
        if name in self._slots:
            texture.bind_to_image(self._slots[name], read=True, write=True)
            return {}
        texture.use(unit)
        return {f"sg_tex{unit}": unit}

    def release(self) -> None:
        for thing in (*self._textures.values(), *self._buffers.values()):
            thing.release()
        self._textures.clear()
        self._buffers.clear()

    def _create(self, block: UserTexture | UserBuffer) -> None:
        if block.storage and self._context.version_code < 430:
            raise ValueError(f"found STORAGE in {block.name}, expected OpenGL 4.3 or later for it")
        if isinstance(block, UserBuffer):
            self._buffers[block.name] = self._context.buffer(_buffer_bytes(block))
        else:
            self._textures[block.name] = _user_texture(self._context, block)


class _Format(NamedTuple):
    components: int
    source: str
    """The NumPy type of the file's bytes."""
    stored: str
    """The NumPy type of what is uploaded."""
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


def _user_texture(context: moderngl.Context, block: UserTexture) -> moderngl.Texture | moderngl.Texture3D:
    if block.format not in _FORMATS:
        raise ValueError(f"found FORMAT {block.format!r}, expected one of {', '.join(_FORMATS)}")
    format = _FORMATS[block.format]
    check_texture_size(context, block.name, block.size)
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
    if block.border == "MIRROR":
        mirror(context, texture)
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


def check_texture_size(context: moderngl.Context, what: str, size: tuple[int, ...]) -> None:
    """Raises ValueError for a texture that the device cannot make."""
    key = "GL_MAX_3D_TEXTURE_SIZE" if len(size) == 3 else "GL_MAX_TEXTURE_SIZE"
    limit = context.info[key]
    if max(size) > limit:
        extent = "x".join(str(n) for n in size)
        raise ValueError(f"found a {extent} texture for {what}, expected at most {limit} per side on this device")
