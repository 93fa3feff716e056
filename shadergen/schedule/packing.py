"""Which channels live in which texture, lane and tile.

A pack is four channels in one texel: channel c is lane c % 4 of pack c // 4. A texture holds consecutive packs of one
value. With more than one, each pixel becomes a tile of columns x rows texels: one fetch address per pixel, and one
texture per value (compute). With one, the texture is the pack (fragment): neighbouring invocations of a fragment pass
then do the same work, where tiles would make them diverge. Where that is too many textures, they are planar: each pack
is an image of its own, side by side with the others in columns x rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shadergen.ir.types import TensorType

LANES = "xyzw"
MAX_COLUMNS = 4
"""4 x 4096 texels is Direct3D 11's widest texture."""


@dataclass(frozen=True)
class Texture:
    """A saved texture: packs `first` to `first + packs` (exclusive) of `value`."""

    name: str
    value: str
    type: TensorType
    first: int
    packs: int
    columns: int = 1
    rows: int = 1
    planar: bool = False
    """Whether the tile is of images instead of texels."""

    def __post_init__(self) -> None:
        assert self.columns * self.rows >= self.packs, "the tile must hold every pack"

    def cell(self, pack: int) -> tuple[int, int]:
        """Column and row of the value's pack `pack` within the tile."""
        return (pack - self.first) % self.columns, (pack - self.first) // self.columns

    def holds(self, pack: int) -> bool:
        """Whether the value's pack `pack` is in this texture."""
        return self.first <= pack < self.first + self.packs

    def texels(self) -> int:
        """Texels per pixel of the value."""
        return self.columns * self.rows

    def unpack(self, texels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The value's channels in this texture, (channels, h, w), from its texels (4, h * rows, w * columns)."""
        _, height, width = texels.shape
        if self.planar:
            images = texels.reshape(4, self.rows, height // self.rows, self.columns, width // self.columns)
            packs = images.transpose(1, 3, 0, 2, 4).reshape(-1, height // self.rows, width // self.columns)
            return packs[: lanes(self.type.channels, self.first, self.packs)]
        tiles = texels.reshape(4, height // self.rows, self.rows, width // self.columns, self.columns)
        packs = tiles.transpose(2, 4, 0, 1, 3).reshape(-1, height // self.rows, width // self.columns)
        return packs[: lanes(self.type.channels, self.first, self.packs)]


def lanes(channels: int, first: int, packs: int = 1) -> int:
    """How many of the lanes of `packs` packs from `first` on are in use."""
    return max(0, min(channels - 4 * first, 4 * packs))


def pack_value(
    name: str, value: str, type: TensorType, packs_per_texture: int, planar: bool = False
) -> tuple[Texture, ...]:
    """The textures for a value, `packs_per_texture` packs in each but perhaps the last."""
    firsts = range(0, type.packs, packs_per_texture)
    textures = []
    for index, first in enumerate(firsts):
        packs = min(packs_per_texture, type.packs - first)
        columns, rows = tile(packs)
        texture_name = name if len(firsts) == 1 else f"{name}_{index}"
        textures.append(Texture(texture_name, value, type, first, packs, columns, rows, planar and packs > 1))
    return tuple(textures)


def tile(packs: int) -> tuple[int, int]:
    """Columns and rows of the smallest tile for `packs` packs, the squarest among equals, wider than high."""
    widest = max(MAX_COLUMNS, -(-packs // MAX_COLUMNS))
    shapes = [(columns, -(-packs // columns)) for columns in range(1, widest + 1)]
    return min((shape for shape in shapes if shape[0] >= shape[1]), key=lambda shape: (shape[0] * shape[1], shape[0]))
