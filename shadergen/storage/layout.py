"""Which channels live in which texture, cell and lane.

A pack is four channels in one texel: channel c is lane c % 4 of pack c // 4. A texture holds consecutive packs of one
value. With more than one, each pixel becomes columns x rows cells, a texel for each pack: one fetch address per pixel,
and one texture per value (compute). With one, the texture is the pack (fragment): neighbouring invocations of a
fragment pass then do the same work, where cells would make them diverge. Where that is too many textures, they are
planar: each pack is an image of its own, side by side with the others in columns x rows.

Where the readers ask for it, a texture has a zero edge: a column and a row of zeros behind the picture's last. A
position outside of the picture, taken as an unsigned number and moved to the edge, then reads the padding's zero, and
no texel need be told from it.

A value whose second half is the negative part of what the first half is the positive part of (concatenated rectifiers,
Shang et al. 2016) is stored once, with its sign: half of the traffic.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shadergen.ir.types import TensorType

PACK = 4
"""Channels in a pack, and lanes in a texel: what a vec4 holds."""
LANES = "xyzw"
MAX_COLUMNS = 4
"""4 x 4096 texels is Direct3D 11's widest texture."""


def pack_of(channel: int) -> int:
    """The pack that a channel is in."""
    return channel // PACK


def lane_of(channel: int) -> str:
    """The lane of its pack that a channel is in, as a swizzle."""
    return LANES[channel % PACK]


def lanes(channels: int, first: int, packs: int = 1) -> int:
    """How many of the lanes of `packs` packs from `first` on are in use, of a value of so many channels."""
    return max(0, min(channels - PACK * first, PACK * packs))


def channels_of(pack: int, channels: int) -> range:
    """The channels in a pack of a value that has `channels` in all."""
    return range(PACK * pack, PACK * pack + lanes(channels, pack))


def packs_of(channels: Iterable[int]) -> tuple[int, ...]:
    """The packs that some channels are in, each once, in order."""
    return tuple(sorted({pack_of(channel) for channel in channels}))


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
    """Whether each pack is an image of its own, instead of a cell of every pixel."""
    texel_bytes: int = 8
    zero_edge: bool = False
    """Whether a column and a row of zeros lie behind the picture's last."""
    signed: bool = False
    """Whether its texels have a sign: the first half of the packs is their positive part, the second the negative."""

    def __post_init__(self) -> None:
        assert self.columns * self.rows >= self.stored, "there must be a cell for every pack that is stored"
        assert not (self.planar and self.zero_edge), "images side by side have no edge between them"

    @property
    def stored(self) -> int:
        """How many packs are stored."""
        return self.packs // 2 if self.signed else self.packs

    def cell(self, pack: int) -> tuple[int, int]:
        """Column and row of the value's pack `pack`."""
        number = (pack - self.first) % self.stored
        return number % self.columns, number // self.columns

    def part(self, pack: int) -> str:
        """Which part of a stored texel is the value's pack `pack`: `whole`, `positive` or `negative`."""
        if not self.signed:
            return "whole"
        return "positive" if pack - self.first < self.stored else "negative"

    def holds(self, pack: int) -> bool:
        """Whether the value's pack `pack` is in this texture."""
        return self.first <= pack < self.first + self.packs

    def texels(self) -> int:
        """Texels per pixel of the value."""
        return self.columns * self.rows

    def beyond(self, texels: npt.NDArray[np.float32], height: int, width: int) -> npt.NDArray[np.float32]:
        """All that texels (4, rows, columns) have behind those of a picture of that size, flat: the zero edge."""
        rows, columns = height * self.rows, width * self.columns
        return np.concatenate([texels[:, rows:].ravel(), texels[:, :rows, columns:].ravel()])

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in texels for a picture of that size."""
        return (height + self.zero_edge) * self.rows, (width + self.zero_edge) * self.columns

    def unpack(self, texels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The value's channels in this texture, (channels, h, w), from its texels (4, h * rows, w * columns)."""
        _, height, width = texels.shape
        h, w = height // self.rows, width // self.columns
        if self.zero_edge:
            h, w = h - 1, w - 1
            texels = texels[:, : h * self.rows, : w * self.columns]
        if self.planar:
            packs = texels.reshape(PACK, self.rows, h, self.columns, w).transpose(1, 3, 0, 2, 4)
        else:
            packs = texels.reshape(PACK, h, self.rows, w, self.columns).transpose(2, 4, 0, 1, 3)
        channels = packs.reshape(-1, h, w)
        if self.signed:
            stored = channels[: PACK * self.stored]
            channels = np.concatenate([np.maximum(stored, 0), np.maximum(-stored, 0)])
        return channels[: lanes(self.type.channels, self.first, self.packs)]

    def pack(self, channels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The inverse of `unpack`: texels (4, h * rows, w * columns), zero where there is no channel."""
        if self.signed:
            positive, negative = np.split(channels, 2)
            channels = positive - negative
        count, h, w = channels.shape
        every = np.zeros((PACK * self.texels(), h, w), np.float32)
        every[:count] = channels
        cells = every.reshape(self.rows, self.columns, PACK, h, w)
        order = (2, 0, 3, 1, 4) if self.planar else (2, 3, 0, 4, 1)
        texels = cells.transpose(order).reshape(PACK, h * self.rows, w * self.columns)
        edge = ((0, 0), (0, self.rows * self.zero_edge), (0, self.columns * self.zero_edge))
        return np.pad(texels, edge)


@dataclass(frozen=True)
class Layout:
    """How a value that passes exchange lies in textures."""

    packs_per_texture: int = 1
    planar: bool = False
    """Whether the packs of a texture are images side by side, instead of cells of every pixel."""
    texel_bytes: int = 8
    """rgba16f, in which both players store hook results."""
    zero_edge: bool = False
    """Whether a column and a row of zeros lie behind the picture's last."""
    signed: bool = False
    """Whether the second half of the packs is the negative part of what the first half is the positive part of, so that
    one of them is stored. All packs must then be in one texture."""

    def textures(self, name: str, value: str, type: TensorType) -> tuple[Texture, ...]:
        """The textures of a value, all but perhaps the last of them full; numbered where there are several."""
        most = self.packs_per_texture * (1 + self.signed)
        firsts = range(0, type.packs, most)
        assert len(firsts) == 1 or not self.signed
        found = []
        for index, first in enumerate(firsts):
            packs = min(most, type.packs - first)
            columns, rows = grid(packs // (1 + self.signed))
            numbered = name if len(firsts) == 1 else f"{name}_{index}"
            planar = self.planar and packs > 1
            cells = (first, packs, columns, rows, planar)
            found.append(Texture(numbered, value, type, *cells, self.texel_bytes, self.zero_edge, self.signed))
        return tuple(found)


def grid(packs: int) -> tuple[int, int]:
    """Columns and rows of the fewest cells for `packs` packs, the squarest among equals, wider than high."""
    widest = max(MAX_COLUMNS, -(-packs // MAX_COLUMNS))
    shapes = [(columns, -(-packs // columns)) for columns in range(1, widest + 1)]
    return min((shape for shape in shapes if shape[0] >= shape[1]), key=lambda shape: (shape[0] * shape[1], shape[0]))
