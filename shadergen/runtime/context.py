"""OpenGL contexts without a window: the only place where one is made.

Wanted is OpenGL 4.3, the first with compute shaders; 3.3 is enough for fragment passes (macOS stops at 4.1).
"""

from __future__ import annotations

import ctypes
import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import moderngl

from shadergen.errors import NoDeviceError

_VERSIONS = (430, 330)
_MIN_SHARED_BYTES = 32768
"""What every OpenGL 4.3 driver has at least (the standard's table 23.60)."""
_MAX_COMPUTE_SHARED_MEMORY_SIZE = 0x8262
_GL_TEXTURE_2D, _GL_TEXTURE_3D = 0x0DE1, 0x806F
_GL_TEXTURE_WRAP = (0x2802, 0x2803, 0x8072)
"""Of the coordinates s, t and r; drivers leave the last aside for textures of two dimensions."""
_GL_MIRRORED_REPEAT = 0x8370


@dataclass(frozen=True)
class Device:
    """What runs the shaders. Sizes in texels and bytes; `max_shared_bytes` is 0 without compute shaders."""

    vendor: str
    renderer: str
    version: str
    max_texture_size: int
    max_shared_bytes: int
    has_compute: bool


def open_context() -> moderngl.Context:
    """A new headless context, current on this thread. Release it with its `release()`.

    Raises NoDeviceError with every driver's message when no driver gives OpenGL 3.3.
    """
    failures: dict[str, None] = {}  # an ordered set: most attempts fail for the same reason
    for settings, version in itertools.product(_settings(), _VERSIONS):
        try:
            return moderngl.create_context(standalone=True, require=version, **settings)
        except Exception as error:  # glcontext raises bare Exception
            failures[str(error)] = None
    raise NoDeviceError(
        "OpenGL", f"found no driver ({', '.join(failures)}), expected OpenGL 3.3 or later", _install_hint()
    )


def describe(context: moderngl.Context) -> Device:
    """The device behind a context."""
    has_compute = context.version_code >= 430
    return Device(
        vendor=context.info["GL_VENDOR"],
        renderer=context.info["GL_RENDERER"],
        version=context.info["GL_VERSION"],
        max_texture_size=context.info["GL_MAX_TEXTURE_SIZE"],
        max_shared_bytes=_shared_bytes(context) if has_compute else 0,
        has_compute=has_compute,
    )


def _settings() -> Iterator[dict[str, Any]]:
    if sys.platform.startswith("linux"):
        # The unversioned names that glcontext asks for exist only where development packages are installed.
        yield {"backend": "egl", "libgl": "libGL.so.1", "libegl": "libEGL.so.1"}
        yield {"backend": "egl", "libgl": "libOpenGL.so.0", "libegl": "libEGL.so.1"}
        yield {"backend": "egl"}
    yield {}


def _install_hint() -> str:
    if not sys.platform.startswith("linux"):
        return "install your graphics card's driver"
    return (
        "run `apt install libegl1 libgl1-mesa-dri` on Debian or Ubuntu, "
        "`dnf install mesa-libEGL mesa-dri-drivers` on Fedora"
    )


def mirror(context: moderngl.Context, texture: moderngl.Texture | moderngl.Texture3D) -> None:
    """Repeat a texture mirrored beyond its edges, which moderngl has no word for. Raises ValueError where the driver's
    functions cannot be had."""
    kind = _GL_TEXTURE_3D if isinstance(texture, moderngl.Texture3D) else _GL_TEXTURE_2D
    address = _function(context, "glTexParameteri")
    if address is None:
        raise ValueError("found BORDER MIRROR, expected CLAMP or REPEAT with this version of moderngl")
    set_parameter = ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.c_uint, ctypes.c_int)(address)
    texture.use(0)
    for axis in _GL_TEXTURE_WRAP:
        set_parameter(kind, axis, _GL_MIRRORED_REPEAT)


def _shared_bytes(context: moderngl.Context) -> int:
    address = _function(context, "glGetIntegerv")
    if address is None:
        return _MIN_SHARED_BYTES
    value = ctypes.c_int(0)
    ctypes.CFUNCTYPE(None, ctypes.c_uint, ctypes.POINTER(ctypes.c_int))(address)(
        _MAX_COMPUTE_SHARED_MEMORY_SIZE, ctypes.byref(value)
    )
    return value.value or _MIN_SHARED_BYTES


def _function(context: moderngl.Context, name: str) -> int | None:
    """The address of a driver's function that moderngl does not call, through the loader that it uses itself."""
    try:
        address: int = context.mglo._context.load_opengl_function(name)
    except AttributeError:
        return None
    return address
