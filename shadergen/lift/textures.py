"""What a pass can read: textures of unknown texels, and those of numbers that the file brings along."""

from __future__ import annotations

import math
import re
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shadergen.hookfile import UserTexture
from shadergen.lift.affine import Form, LiftError, Scalar, add, scale, texel_atom

Texel = tuple[Scalar, Scalar, Scalar, Scalar]
Coordinates = tuple[float, ...]

_PARTS = 48
"""Coordinates that are a 48th of a texel but for rounding are that: texels' centres, and places between them at the
factors by which pictures are enlarged."""
_OUTSIDE: Texel = (0.0, 0.0, 0.0, 0.0)


class Texture(Protocol):
    """What a sampler reads."""

    size: tuple[int, int]
    """(width, height)."""

    def fetch(self, x: int, y: int) -> Texel:
        """The texel at a place; zeros outside."""
        ...

    def sample(self, at: Coordinates, offset: tuple[int, int]) -> Texel:
        """What is read at normalised coordinates, moved by whole texels."""
        ...

    def gather(self, at: Coordinates, offset: tuple[int, int], component: int) -> Texel:
        """A component of the four texels around, in textureGather's order."""
        ...


def _four(values: list[Scalar]) -> Texel:
    first, second, third, fourth = values
    return first, second, third, fourth


def _place(at: Coordinates, size: tuple[int, int], offset: tuple[int, int]) -> tuple[float, float]:
    """Normalised coordinates in texels, 0 at the centre of the first."""
    if not all(map(math.isfinite, at)):
        raise LiftError("reads a texture at a place that is no number")
    x, y = (_snapped(u * n - 0.5) for u, n in zip((*at, 0.5), size, strict=False))
    return x + offset[0], y + offset[1]


def _snapped(place: float) -> float:
    near = round(place * _PARTS) / _PARTS
    return near if abs(place - near) < 1e-6 else place


class Symbols:
    """A texture of a picture or of a pass: texels are unknown.

    `images` says how many pictures stand side by side, across and down, each of which has a number of its own from
    `number` on. `components` are known to be there; the others read as 0, 0 and 1.
    """

    def __init__(
        self, number: int, size: tuple[int, int], components: int = 4, images: tuple[int, int] = (1, 1)
    ) -> None:
        self.number = number
        self.size = size
        self.components = components
        self.images = images
        self.read_between = False
        """Whether something was read between the texels, so far."""
        self._known: dict[tuple[int, int], Texel] = {}

    @property
    def image_size(self) -> tuple[int, int]:
        """The size of one of the pictures."""
        return self.size[0] // self.images[0], self.size[1] // self.images[1]

    @property
    def numbers(self) -> range:
        """Those of the pictures, row by row."""
        return range(self.number, self.number + self.images[0] * self.images[1])

    def texel(self, x: int, y: int) -> Texel:
        """A texel within the texture."""
        known = self._known.get((x, y))
        if known is None:
            width, height = self.image_size
            column, row = x // width, y // height
            number = self.number + row * self.images[0] + column
            forms = [
                Form({texel_atom(number, component, x - column * width, y - row * height): 1.0})
                for component in range(self.components)
            ]
            known = self._known[x, y] = _four([*forms, *(0.0, 0.0, 0.0, 1.0)[self.components :]])
        return known

    def fetch(self, x: int, y: int) -> Texel:
        width, height = self.size
        return self.texel(x, y) if 0 <= x < width and 0 <= y < height else _OUTSIDE

    def clamped(self, x: int, y: int) -> Texel:
        """The texel that is nearest to a place."""
        width, height = self.size
        return self.texel(min(max(x, 0), width - 1), min(max(y, 0), height - 1))

    def sample(self, at: Coordinates, offset: tuple[int, int]) -> Texel:
        u, v = _place(at, self.size, offset)
        x, y = math.floor(u), math.floor(v)
        right, down = u - x, v - y
        if not right and not down:
            return self.clamped(x, y)
        self.read_between = True
        result: Texel = _OUTSIDE
        for dy, weight_y in ((0, 1 - down), (1, down)):
            for dx, weight_x in ((0, 1 - right), (1, right)):
                weight = weight_x * weight_y
                if weight:
                    texel = self.clamped(x + dx, y + dy)
                    parts = zip(result, texel, strict=True)
                    result = _four([add(total, scale(value, weight)) for total, value in parts])
        return result

    def gather(self, at: Coordinates, offset: tuple[int, int], component: int) -> Texel:
        u, v = _place(at, self.size, offset)
        x, y = math.floor(u), math.floor(v)
        return _four([self.clamped(x + dx, y + dy)[component] for dx, dy in ((0, 1), (1, 1), (1, 0), (0, 0))])


class Enlarged:
    """A texture whose reads are reads of a larger one that is interpolated from it.

    Those at the larger one's texels, that is; others are what they are. A texel of its own is one of these where the
    larger one is an odd number of times as large.
    """

    def __init__(self, source: Symbols, fine: Symbols) -> None:
        self.source = source
        self.fine = fine
        self.size = source.size

    def fetch(self, x: int, y: int) -> Texel:
        return self.source.fetch(x, y)

    def sample(self, at: Coordinates, offset: tuple[int, int]) -> Texel:
        coarse = _place(at, self.size, offset)
        ratio = self.fine.size[0] // self.size[0]
        x, y = (_snapped((place + 0.5) * ratio - 0.5) for place in coarse)
        if x != math.floor(x) or y != math.floor(y):
            return self.source.sample(at, offset)
        self.fine.read_between = True
        return self.fine.clamped(math.floor(x), math.floor(y))

    def gather(self, at: Coordinates, offset: tuple[int, int], component: int) -> Texel:
        return self.source.gather(at, offset, component)


_FORMAT = re.compile(r"(r|rg|rgba)(8|16|16h|32)f?")
_TYPES = {"8": np.uint8, "16": np.uint16, "16h": np.float16, "32": np.float32}


class Numbers:
    """A TEXTURE of the file. Raises LiftError for a format that holds no numbers between texels."""

    def __init__(self, block: UserTexture) -> None:
        match = _FORMAT.fullmatch(block.format)
        if match is None or len(block.size) > 2 or block.storage:
            raise LiftError(f"reads the TEXTURE {block.name}, which has {len(block.size)} dimensions of {block.format}")
        kind = np.dtype(np.float32 if block.format.endswith("16f") else _TYPES[match[2]])
        width, height = (*block.size, 1)[:2]
        values = np.frombuffer(block.data, kind)
        if values.size != width * height * len(match[1]):
            raise LiftError(f"reads the TEXTURE {block.name}, whose numbers are not as many as its SIZE says")
        values = values / (256**kind.itemsize - 1) if kind.kind == "u" else values
        self.size = (width, height)
        self._name = block.name
        self._linear = block.filter == "LINEAR"
        self._values: npt.NDArray[np.float64] = values.astype(np.float64).reshape(height, width, len(match[1]))
        self._rest = (0.0, 0.0, 0.0, 1.0)[len(match[1]) :]

    def fetch(self, x: int, y: int) -> Texel:
        if not (0 <= x < self.size[0] and 0 <= y < self.size[1]):
            return _OUTSIDE
        return _four([*self._values[y, x].tolist(), *self._rest])

    def sample(self, at: Coordinates, offset: tuple[int, int]) -> Texel:
        u, v = _place(at, self.size, offset)
        if self._linear and (u != round(u) or v != round(v)):
            raise LiftError(f"reads the TEXTURE {self._name} between its texels")
        x, y = (min(max(math.floor(place + 0.5), 0), n - 1) for place, n in zip((u, v), self.size, strict=True))
        return self.fetch(x, y)

    def gather(self, at: Coordinates, offset: tuple[int, int], component: int) -> Texel:
        raise LiftError(f"gathers from the TEXTURE {self._name}")
