"""Pictures through hook files, as a player would show them enlarged; in tiles where a picture is too large for the GPU.

**Tiles** overlap by at least as much as the file was seen to need: before the first tile, a small noise picture is
played whole and in two parts, and the overlap grows until both are the same bit by bit; the overlap used is one step
larger than that. Every tile is then compared with its neighbours where they meet. Tiles begin at multiples of 32, so
that whatever a shader does by pairs or blocks of texels falls alike. The result is the same as that of the whole
picture, bit by bit, for files whose result depends on a neighbourhood alone, as all networks do. Refused are files
whose picture changes with its place, its size or the time (noise, vignettes), where no overlap would help.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from shadergen.errors import ShaderRunError
from shadergen.hookfile import parse
from shadergen.runtime.colour import SITINGS, Array, chroma_420, rgb_to_ycbcr
from shadergen.runtime.context import open_context
from shadergen.runtime.program import Storage
from shadergen.runtime.runner import Frame, Result, Runner
from shadergen.upscale.pictures import Codes, Depth, largest, to_codes, to_pixels

Progress = Callable[[float], None]
"""A function that is told the share that is done, 0 to 1."""
Written = TypeVar("Written")

GRID = 32
"""Where tiles begin and how they grow, in texels."""
_OVERLAPS = (32, 64, 128, 256)
_BUDGET = 1 << 28
"""How many bytes of textures a frame may take: no driver says how many it has."""
_STRIP = 8
"""How far beyond its own edge a tile is compared with its neighbour, in texels of the source."""


class Span(NamedTuple):
    """A part of one axis: what is kept, and what is played for it, in texels of the source."""

    kept: slice
    played: slice


@dataclass(frozen=True)
class Tiling:
    """How a picture is cut: the side of what is kept of a tile, and the overlap around it."""

    side: int
    overlap: int

    def spans(self, extent: int) -> list[Span]:
        """The spans of an axis of so many texels, which cover it once."""
        cuts = [*range(0, extent, self.side), extent]
        return [
            Span(slice(start, stop), slice(max(0, start - self.overlap), min(extent, stop + self.overlap)))
            for start, stop in itertools.pairwise(cuts)
        ]


class Upscaler:
    """Hook files on this machine's GPU, ready for one picture after the other.

    `files` are texts by name, in the player's order. With `subsampled`, colour is halved first, as it is in JPEG and in
    video, for files that rebuild it. `side` overrides how large a tile may be; 0 never cuts. Errors begin with the
    file's name. Raises NoDeviceError, HookFileError and ShaderRunError.
    """

    def __init__(
        self,
        files: Mapping[str, str],
        *,
        factor: float = 2.0,
        storage: Storage = "rgba16f",
        subsampled: bool = False,
        side: int | None = None,
    ) -> None:
        parsed = {name: parse(text, name) for name, text in files.items()}
        self.where, first = next(iter(parsed.items()))
        self.factor = factor
        self.subsampled = subsampled
        self._side = side
        self._overlap: int | None = None
        self._context = open_context()
        try:
            after = {name: file for name, file in parsed.items() if name != self.where}
            self._runner = Runner(self._context, first, storage=storage, where=self.where, after=after)
        except BaseException:
            self._context.release()
            raise

    def close(self) -> None:
        """Give the GPU back."""
        self._runner.release()
        self._context.release()

    def __enter__(self) -> Upscaler:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, picture: Array | Codes, depth: Depth = 8, progress: Progress = lambda share: None) -> Codes:
        """Enlarge `picture` (1, 3 or 4, h, w) to codes of `depth` bits, (same, factor * h, factor * w).

        It holds codes, or values in 0..1. Colour goes in as full-range 4:4:4 YCbCr, so that shaders for LUMA, CHROMA
        and MAIN all find their plane. Alpha is played by itself as a grey picture; colours next to what is fully
        transparent are spread into it before, lest the unseen ones bleed out.
        """
        return self.write(picture, lambda bands: np.concatenate(list(bands), axis=1), depth, progress)

    def extent(self, texels: int) -> int:
        """How many texels an axis of so many has in the result."""
        return max(1, round(texels * self.factor))

    def write(
        self,
        picture: Array | Codes,
        sink: Callable[[Iterator[Codes]], Written],
        depth: Depth = 8,
        progress: Progress = lambda share: None,
    ) -> Written:
        """Enlarge a picture as above, and hand it to `sink` in bands (channels, rows, width) from top to bottom.

        Where two tiles do not say the same, the sink is left by an exception, and called again with tiles that overlap
        further. Returns what it does.
        """
        tiling = self._tiling(picture)
        play = self._player(picture, depth)
        if tiling is None:
            return sink(iter([play(picture)]))
        for overlap in (tiling.overlap, 2 * tiling.overlap):
            try:
                return sink(self._bands(picture, play, Tiling(tiling.side, overlap), progress))
            except _SeamError:
                continue
        raise self._untileable(overlap)

    # Frames ----------------------------------------------------------------------------------------------------------

    def _player(self, picture: Array | Codes, depth: Depth) -> Callable[[Array | Codes], Codes]:
        """A function that enlarges a part of the picture, to codes."""
        sees_through = len(picture) == 4 and picture[3].min() < largest(picture)

        def play(part: Array | Codes) -> Codes:
            pixels = to_pixels(part)
            colour = to_codes(self._play(spread(pixels) if sees_through else pixels[:3]), depth)
            if sees_through:
                return np.concatenate([colour, to_codes(self._play(pixels[3:]), depth)])
            return np.concatenate([colour, np.full_like(colour[: len(part) - len(colour)], 2**depth - 1)])

        return play

    def _play(self, pixels: Array) -> Array:
        channels = len(pixels)
        result = self._run(pixels, only=("OUTPUT",))
        result.require_a_pass(self.where)
        return result.planes["OUTPUT"][:channels]

    def _run(self, pixels: Array, only: tuple[str, ...] = ()) -> Result:
        height, width = pixels.shape[1:]
        return self._runner.run(self._frame(pixels), (self.extent(width), self.extent(height)), only=only)

    def _frame(self, pixels: Array) -> Frame:
        if len(pixels) == 1:
            return Frame({"LUMA": pixels}, full_range=True)
        ycbcr = rgb_to_ycbcr(pixels)
        chroma = chroma_420(ycbcr[1:], SITINGS["center"]) if self.subsampled else ycbcr[1:]
        return Frame({"LUMA": ycbcr[:1], "CHROMA": chroma}, full_range=True)

    # Tiles -----------------------------------------------------------------------------------------------------------

    def _tiling(self, picture: Array | Codes) -> Tiling | None:
        """How to cut a picture, or None where it is played whole."""
        height, width = picture.shape[1:]
        side = self._largest() if self._side is None else self._side
        if side == 0 or (max(height, width) <= side and height * width <= side * side):
            return None
        if GRID * self.factor != int(GRID * self.factor):
            problem = f"found a {width}x{height} picture, too large to enlarge by {self.factor:g} in one piece"
            raise ShaderRunError(self.where, problem, f"choose a factor that is a multiple of 1/{GRID}")
        if self._overlap is None:
            self._overlap = self._measured_overlap()
        kept = max(GRID, (side - 2 * self._overlap) // GRID * GRID)
        return Tiling(kept, self._overlap)

    def _largest(self) -> int:
        """The side of the largest square that the device's textures, and our share of its memory, can hold."""
        probe = self._run(np.full((3, GRID, GRID), 0.5, np.float32))
        sizes = [run.size for run in probe.passes if run.ran] + [(round(GRID * self.factor),) * 2] * 3
        widest = max(max(size) for size in sizes) / GRID
        bytes_each = 16 if self._runner.storage == "rgba32f" else 8
        per_texel = 32 + sum(width * height for width, height in sizes) * bytes_each / GRID**2
        limit = self._context.info["GL_MAX_TEXTURE_SIZE"]
        return int(min(limit / widest, math.sqrt(_BUDGET / per_texel)) // GRID * GRID)

    def _measured_overlap(self) -> int:
        """The smallest of a few overlaps at which parts of noise are the same as the whole, and a step more."""
        for overlap in _OVERLAPS:
            if all(self._same_in_parts(overlap, across) for across in (False, True)):
                return overlap + GRID
        raise self._untileable(overlap)

    def _untileable(self, overlap: int) -> ShaderRunError:
        problem = f"found a picture too large for one frame, and a result that depends on more than {overlap} texels"
        return ShaderRunError(self.where, problem, "or on the place, the size or the time; choose a smaller picture")

    def _same_in_parts(self, overlap: int, across: bool) -> bool:
        random = np.random.default_rng(overlap)
        width, height = 2 * overlap + 3 * GRID, 2 * GRID
        noise = random.random((3, height, width), np.float32)
        noise[:, : height // 2] = 0.4 + 0.2 * noise[:, : height // 2]  # rough and smooth
        if across:
            noise = noise.transpose(0, 2, 1)
        whole = self._play(noise)
        axis, cut = (1, GRID) if across else (2, GRID)
        part = self._play(noise.take(range(cut, width), axis))
        kept = round((cut + overlap) * self.factor), round(cut * self.factor)
        right = whole.take(range(kept[0], whole.shape[axis]), axis)
        again = part.take(range(kept[0] - kept[1], part.shape[axis]), axis)
        last = width - overlap
        part = self._play(noise.take(range(last), axis))
        left = whole.take(range(round((last - overlap) * self.factor)), axis)
        return np.array_equal(right, again) and np.array_equal(left, part.take(range(left.shape[axis]), axis))

    def _bands(
        self,
        picture: Array | Codes,
        play: Callable[[Array | Codes], Codes],
        tiling: Tiling,
        progress: Progress,
    ) -> Iterator[Codes]:
        """The result from top to bottom. Raises _SeamError where a tile differs from its neighbour."""
        rows, columns = tiling.spans(picture.shape[1]), tiling.spans(picture.shape[2])
        above = None
        for number, row in enumerate(rows):
            tiles = (play(picture[:, row.played, column.played]) for column in columns)
            band = self._band(_told(tiles, progress, number, len(rows), len(columns)), row, columns, above)
            above = self._cut(band, row.kept.stop - row.kept.start - _STRIP, 0, _STRIP, picture.shape[2]).copy()
            yield band
            del band  # it is the reader's now, and may take 200 MB

    def _band(self, tiles: Iterator[Codes], row: Span, columns: list[Span], above: Codes | None) -> Codes:
        """A row of tiles, each compared with what is at its left and with the strip `above`."""
        height = row.kept.stop - row.kept.start
        top = row.kept.start - row.played.start
        parts: list[Codes] = []
        for tile, column in zip(tiles, columns, strict=True):
            left, width = column.kept.start - column.played.start, column.kept.stop - column.kept.start
            if above is not None:
                known = self._cut(above, 0, column.kept.start, _STRIP, width)
                _check_seam(known, self._cut(tile, top - _STRIP, left, _STRIP, width))
            if parts:
                known = parts[-1][..., parts[-1].shape[2] - round(_STRIP * self.factor) :]
                _check_seam(known, self._cut(tile, top, left - _STRIP, height, _STRIP))
            parts.append(self._cut(tile, top, left, height, width).copy())
        return np.concatenate(parts, axis=2)

    def _cut(self, codes: Codes, top: int, left: int, height: int, width: int) -> Codes:
        """Cut out a rectangle that is given in texels of the source."""
        y, x = round(top * self.factor), round(left * self.factor)
        return codes[:, y : y + round(height * self.factor), x : x + round(width * self.factor)]


class _SeamError(Exception):
    """Two tiles do not say the same where they meet."""


def _told(tiles: Iterator[Codes], progress: Progress, row: int, rows: int, columns: int) -> Iterator[Codes]:
    """The tiles of a row, telling how far the picture is before each."""
    for column in range(columns):
        progress((row + column / columns) / rows)
        yield next(tiles)


def _check_seam(known: Codes, again: Codes) -> None:
    if not np.array_equal(known, again):
        raise _SeamError


def spread(pixels: Array, reach: int = 16) -> Array:
    """The colours (3, h, w) of RGB with alpha, those of fully transparent texels replaced by their neighbours' mean,
    `reach` texels far."""
    known = pixels[3] > 0
    colour = np.where(known, pixels[:3], 0)
    for _ in range(reach):
        if known.all():
            break
        weights = _sum3(known[np.newaxis].astype(np.float32))
        near = (weights[0] > 0) & ~known
        colour = np.where(near, _sum3(colour) / np.maximum(weights, 1), colour)
        known = known | near
    return colour.astype(np.float32)


def _sum3(values: Array) -> Array:
    """The sum of each texel and its eight neighbours."""
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    rows: Array = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    sums: Array = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    return sums


def side_by_side(before: Array, after: npt.NDArray[Any]) -> Array:
    """The picture enlarged bicubically, and the shader's, next to each other: (3, h, 2w) for `after` of (c, h, w)."""
    height, width = after.shape[1:]
    halves = [enlarge(before, (width, height)), to_pixels(after)]
    colours: list[Array] = [half[[0, 0, 0]] if len(half) == 1 else half[:3] for half in halves]
    return np.concatenate(colours, axis=2)


def enlarge(pixels: Array, size: tuple[int, int]) -> Array:
    """Scale (c, h, w) bicubically to `size` (width, height), in 0..1, by Pillow."""
    resized = [np.asarray(Image.fromarray(channel, "F").resize(size, Image.Resampling.BICUBIC)) for channel in pixels]
    return np.clip(np.array(resized, np.float32), 0, 1)
