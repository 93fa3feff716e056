"""Where things are within one pass: registers, texels and sizes, as WGSL expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shadergen.errors import TargetError
from shadergen.glsl.addressing import RESULT, Names, Place
from shadergen.glsl.index import Index
from shadergen.glsl.pixels import Pixel
from shadergen.ir.extent import Extent
from shadergen.ir.ops import Array
from shadergen.ir.types import TensorType
from shadergen.storage.layout import PACK, lanes
from shadergen.wgsl.numbers import Numbers, Sizes, Table

PIXEL = "pixel"
"""The variable with the position of the thread's first pixel."""


def vec2i(pair: Sequence[object]) -> str:
    """A pair of integers in WGSL."""
    return f"vec2i({pair[0]}, {pair[1]})"


@dataclass(frozen=True)
class Places:
    """Registers and texels of one pass."""

    names: Names
    """Names of what `main` declares."""
    textures: Mapping[str, str]
    """The names of the textures that are read, by value."""
    pixels: tuple[Pixel, ...]
    """The pixels that a thread computes."""
    types: Mapping[str, TensorType]
    root: str
    """The value that the pass gives."""
    shuffle: int
    """Each of the pixels becomes shuffle x shuffle pixels of the result."""
    together: int
    """Where the code is for any packs of the result, from the one on that the variable `result` numbers: how many a
    thread computes. 0 where each pack has code of its own."""
    numbers: Numbers
    sizes: Sizes
    above: int | None = None
    """The number of the pixel in the block that a shuffle makes, row by row, where the code is for that one."""

    def at_block(self, place: int) -> Places:
        """The places of a pixel above the shuffle."""
        return replace(self, names=self.names.scope(), above=place)

    # Registers

    def register(self, value: str, pack: int, pixel: Pixel) -> str:
        """The vec4f that holds a pack of a value at one of the thread's pixels."""
        return self.names.named(f"{value}_{pack}{pixel.letter}")

    def places(self, packs: Sequence[int]) -> tuple[Place, ...]:
        """Of a step's packs, those that the code has registers for: all, or the first ones stand for any."""
        if self.together:
            first = packs[: self.together]
            return tuple(Place(pack, Index.of(RESULT).plus(number)) for number, pack in enumerate(first))
        return tuple(Place(pack, Index.number(number)) for number, pack in enumerate(packs))

    def layer(self, place: Place) -> str:
        """The layer of a pack in the texture of a value that has the result's packs."""
        return str(place.number) if self.together else str(place.pack)

    # Pixels and texels

    def at(self, pixel: Pixel) -> str:
        """A pixel's position; above a shuffle, that of the pixel of the result."""
        scale, place = (1, 0) if self.above is None else (self.shuffle, self.above)
        x, y = pixel.x * scale + place % self.shuffle, pixel.y * scale + place // self.shuffle
        scaled = PIXEL if scale == 1 else f"{PIXEL} * {scale}"
        return f"{scaled} + {vec2i((x, y))}" if x or y else scaled

    def size(self, value: str) -> str:
        """The size in pixels of a value that is read from its texture."""
        return f"extent({self.textures[value]})"

    def whole_size(self, value: str) -> str:
        """The size in pixels of a value that need not be in a texture."""
        type_ = self.types[value]
        return self.sizes.add(type_.width, type_.height)

    def size_after(self, width: Extent, height: Extent, value: str) -> str:
        """Functions of the width and the height of a value that need not be in a texture, as a vec2i.

        Raises TargetError for one that is too long to tell.
        """
        type_ = self.types[value]
        try:
            return self.sizes.add(width.after(type_.width), height.after(type_.height))
        except ValueError as error:
            raise TargetError(value, str(error)) from None

    def own_size(self) -> str:
        """The size in pixels of the picture of which the thread's pixels are part."""
        return "size" if self.above is not None or self.shuffle == 1 else f"size / {self.shuffle}"

    def texel(self, value: str, at: str, layer: str) -> str:
        """A texel of a value, a vec4f; lanes beyond its channels are zero, as they are stored."""
        return f"textureLoad({self.textures[value]}, {at}, {layer}, 0)"

    def lane_count(self, value: str, pack: int = 0) -> int:
        """Live lanes of a value's pack."""
        return lanes(self.types[value].channels, pack)

    def table(self, texels: Array) -> Table:
        """A table of the numbers that the passes read."""
        return self.numbers.add(texels)


def vec4(parts: Sequence[str]) -> str:
    """A vec4f of up to four scalars, filled up with zeros."""
    return f"vec4f({', '.join([*parts, *['0.0'] * (PACK - len(parts))])})"
