"""The textures of one frame, and what the renderer itself draws between the stages.

Those drawings are bilinear, in 32-bit float, without clamping. Sizes are (width, height), arrays are (channels, height,
width), and texel row 0 is array row 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import moderngl
import numpy as np
import numpy.typing as npt

from shadergen.errors import ShaderRunError
from shadergen.hookfile.stages import Rect
from shadergen.runtime.colour import Array
from shadergen.runtime.program import Program, Programs, Storage
from shadergen.runtime.resources import check_texture_size

Size = tuple[int, int]
"""The size of a texture in texels: (width, height)."""


@dataclass(frozen=True)
class Picture:
    """A texture with what is known about it: its content's rect, its meaningful channels, its NAME_mul."""

    texture: moderngl.Texture
    rect: Rect
    channels: int
    mul: float = 1.0

    @property
    def size(self) -> Size:
        width, height = self.texture.size
        return (width, height)

    def read(self) -> Array:
        """Read the texture's values (4, height, width); channels it lacks are what sampling gives: 0, 0 and 1."""
        width, height = self.size
        components = self.texture.components
        # moderngl's f1 is a byte, and nu2 two of them, for 0..1.
        kind, one = {"f1": ("u1", 255), "nu2": ("<u2", 65535)}.get(self.texture.dtype, (self.texture.dtype, 1))
        flat = np.frombuffer(self.texture.read(), kind).astype(np.float32) / np.float32(one)
        values = np.zeros((4, height, width), np.float32)
        values[3] = 1.0
        values[:components] = np.moveaxis(flat.reshape(height, width, components), -1, 0)
        return values


@dataclass(frozen=True)
class CodedPlane:
    """A plane to be read back as integer codes of `depth` bits; more than 8 are stored in 16."""

    row: tuple[float, float, float, float]
    """The plane is row[:3] @ rgb + row[3], where 1 is the largest code."""
    depth: int
    size: Size
    ratio: tuple[float, float] = (1.0, 1.0)
    """How many texels of the picture make one of the plane, across and down: 1 or 2."""
    origin: tuple[float, float] = (0.0, 0.0)
    """Where the plane's samples lie, in texels of the picture: (-0.5, 0) is left."""


def whole(size: Size) -> Rect:
    """The rect of content that fills its texture."""
    return (0.0, 0.0, float(size[0]), float(size[1]))


_HEAD = """\
uniform vec2 size;
out vec4 color;
vec4 texel(sampler2D image, ivec2 at) {
    return texelFetch(image, clamp(at, ivec2(0), textureSize(image, 0) - 1), 0);
}
"""
# By hand, because drivers' bilinear filters weigh with 8 bits.
_RESAMPLE = """\
uniform sampler2D image;
uniform vec2 origin;
uniform vec2 step;  // texels per texel; twofold enlarging is exact anywhere in the picture, so that tiles are
uniform float mul;
void main() {
    vec2 at = origin + step * gl_FragCoord.xy - 0.5;
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


_CODES = """\
uniform sampler2D image;
uniform vec4 row;
uniform float levels, container;
uniform vec2 ratio, origin;
vec4 bilinear(vec2 at) {
    ivec2 p = ivec2(floor(at - 0.5));
    vec2 w = fract(at - 0.5);
    return mix(mix(texel(image, p), texel(image, p + ivec2(1, 0)), w.x),
               mix(texel(image, p + ivec2(0, 1)), texel(image, p + ivec2(1, 1)), w.x), w.y);
}
void main() {
    vec2 at = ratio * gl_FragCoord.xy + origin;
    vec2 far = 0.5 * (ratio - 1.0);
    // Halving in a direction: the mean of two texels where the sample is between them, 1 2 1 where it is on one.
    vec4 seen = 0.25 * (bilinear(at - far) + bilinear(at + far)
                      + bilinear(at + vec2(far.x, -far.y)) + bilinear(at + vec2(-far.x, far.y)));
    float value = dot(row.rgb, seen.rgb) + row.a;
    color = vec4(clamp(floor(value * levels + 0.5), 0.0, levels) / container);
}
"""


class Canvas:
    """Makes textures and draws into them; they live until `release`. Errors begin with `where`, the file's name."""

    def __init__(self, context: moderngl.Context, programs: Programs, where: str) -> None:
        self.context = context
        self._programs = programs
        self._where = where
        self._textures: list[moderngl.Texture] = []

    def upload(self, what: str, values: npt.NDArray[Any]) -> moderngl.Texture:
        """Make a texture of values (channels, height, width): floats as they are, uint8 and uint16 as codes of
        0..1."""
        channels, height, width = values.shape
        dtype, kind = {"u1": ("f1", np.uint8), "u2": ("nu2", np.uint16)}.get(values.dtype.str[1:], ("f4", np.float32))
        texels = np.ascontiguousarray(np.moveaxis(values, 0, -1), kind)
        return self._texture(what, (width, height), channels, dtype, texels.tobytes())

    def target(self, storage: Storage, what: str, size: Size, line: int = 0) -> moderngl.Texture:
        """Make a texture of four channels to draw into; errors name `line` of the hook file."""
        return self._texture(what, size, 4, "f4" if storage == "rgba32f" else "f2", None, line)

    def draw(self, program: Program, target: moderngl.Texture) -> None:
        """Run a fragment program once for every texel of the target."""
        assert program.vertices is not None
        framebuffer = self.context.framebuffer([target])
        framebuffer.use()
        program.vertices.render(moderngl.TRIANGLE_STRIP, vertices=4)
        self.context.detect_framebuffer(0).use()  # moderngl would bind the one it last used again, released or not
        framebuffer.release()

    def resample(self, picture: Picture, rect: Rect, size: Size) -> Picture:
        """Scale `rect` of the picture to another size and apply its mul."""
        x0, y0, x1, y1 = rect
        step = ((x1 - x0) / size[0], (y1 - y0) / size[1])
        uniforms = {"origin": (x0, y0), "step": step, "mul": picture.mul}
        texture = self._draw(_RESAMPLE, size, {"image": picture}, uniforms)
        return Picture(texture, whole(size), picture.channels)

    def merge(self, planes: Mapping[str, Picture], size: Size) -> moderngl.Texture:
        """Put RGB, or LUMA with or without CHROMA, and ALPHA if there is one, into one texture; all have that size."""
        luma = "LUMA" in planes
        images = {
            "base": planes["LUMA" if luma else "RGB"],
            "chroma": planes.get("CHROMA"),
            "alpha": planes.get("ALPHA"),
        }
        uniforms = {"has_luma": luma, "has_chroma": "CHROMA" in planes, "has_alpha": "ALPHA" in planes}
        return self._draw(_MERGE, size, images, uniforms)

    def decode(
        self, picture: Picture, matrix: npt.NDArray[np.float64], offset: npt.NDArray[np.float64]
    ) -> moderngl.Texture:
        """Turn every texel into matrix @ (texel + offset), multiplied by alpha where there is one."""
        uniforms = {
            "matrix": tuple(float(v) for v in matrix.T.flat),  # GL is column-major
            "offset": tuple(float(v) for v in offset),
            "premultiply": picture.channels == 4,
        }
        return self._draw(_DECODE, picture.size, {"image": picture}, uniforms)

    def codes(self, picture: Picture, plane: CodedPlane) -> bytes:
        """Read one plane of the picture as the integer codes of a raw video frame, row after row, little-endian."""
        wide = plane.depth > 8
        target = self._texture("the plane", plane.size, 1, "nu2" if wide else "f1", None)
        uniforms = {
            "row": plane.row,
            "levels": 2.0**plane.depth - 1,
            "container": 65535.0 if wide else 255.0,
            "ratio": plane.ratio,
            "origin": plane.origin,
        }
        self._draw(_CODES, plane.size, {"image": picture}, uniforms, target)
        return bytes(target.read(alignment=1))

    def release(self) -> None:
        for texture in self._textures:
            texture.release()
        self._textures.clear()

    def _draw(
        self,
        source: str,
        size: Size,
        images: Mapping[str, Picture | None],
        uniforms: Mapping[str, Any],
        target: moderngl.Texture | None = None,
    ) -> moderngl.Texture:
        program = self._programs.of_fragment(_HEAD + source)
        units = {}
        for unit, (name, image) in enumerate(images.items()):
            units[name] = unit
            if image is not None:
                image.texture.use(unit)
        target = target or self.target("rgba32f", "the picture", size)
        program.set({"size": size, **units, **uniforms})
        self.draw(program, target)
        return target

    def _texture(
        self, what: str, size: Size, channels: int, dtype: str, data: bytes | None, line: int = 0
    ) -> moderngl.Texture:
        try:
            check_texture_size(self.context, what, size)
            texture = self.context.texture(size, channels, data, dtype=dtype)
        except (ValueError, moderngl.Error) as error:
            where = f"{self._where}:{line}" if line else self._where
            raise ShaderRunError(where, str(error)) from None
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        self._textures.append(texture)
        return texture
