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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from shadergen.errors import ShaderRunError
from shadergen.hookfile import parse
from shadergen.runtime.colour import SITINGS, Array, chroma_420, rgb_to_ycbcr
from shadergen.runtime.context import open_context
from shadergen.runtime.program import Storage
from shadergen.runtime.runner import Frame, Result, Runner
from shadergen.upscale.pictures import Codes, Depth, to_codes

Progress = Callable[[float], None]
"""A function that is told the share that is done, 0 to 1."""

GRID = 32
"""Where tiles begin and how they grow, in texels."""
_OVERLAPS = (32, 64, 128, 256)
_BUDGET = 1 << 30
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

    def __call__(self, pixels: Array, depth: Depth = 8, progress: Progress = lambda share: None) -> Codes:
        """Enlarge `pixels` (1, 3 or 4, h, w) in 0..1 to codes of `depth` bits, (same, factor * h, factor * w).

        Colour goes in as full-range 4:4:4 YCbCr, so that shaders for LUMA, CHROMA and MAIN all find their plane. Alpha
        is played by itself as a grey picture; colours next to what is fully transparent are spread into it before, lest
        the unseen ones bleed out.
        """
        if len(pixels) == 4 and pixels[3].min() < 1:
            colour = self._enlarge(spread(pixels), depth, lambda share: progress(share / 2))
            alpha = self._enlarge(pixels[3:], depth, lambda share: progress((1 + share) / 2))
            return np.concatenate([colour, alpha])
        codes = self._enlarge(pixels[:3], depth, progress)
        if len(pixels) == 4:
            opaque = np.full((1, *codes.shape[1:]), np.iinfo(codes.dtype).max, codes.dtype)
            codes = np.concatenate([codes, opaque])
        return codes

    # Frames ----------------------------------------------------------------------------------------------------------

    def _enlarge(self, pixels: Array, depth: Depth, progress: Progress) -> Codes:
        tiling = self._tiling(pixels)
        if tiling is None:
            return to_codes(self._play(pixels), depth)
        for overlap in (tiling.overlap, 2 * tiling.overlap):
            try:
                return self._in_tiles(pixels, depth, Tiling(tiling.side, overlap), progress)
            except _SeamError:
                continue
        raise self._untileable(overlap)

    def _play(self, pixels: Array) -> Array:
        channels = len(pixels)
        result = self._run(pixels, only=("OUTPUT",))
        result.require_a_pass(self.where)
        return result.planes["OUTPUT"][:channels]

    def _run(self, pixels: Array, only: tuple[str, ...] = ()) -> Result:
        height, width = pixels.shape[1:]
        size = (max(1, round(width * self.factor)), max(1, round(height * self.factor)))
        return self._runner.run(self._frame(pixels), size, only=only)

    def _frame(self, pixels: Array) -> Frame:
        if len(pixels) == 1:
            return Frame({"LUMA": pixels}, full_range=True)
        ycbcr = rgb_to_ycbcr(pixels)
        chroma = chroma_420(ycbcr[1:], SITINGS["center"]) if self.subsampled else ycbcr[1:]
        return Frame({"LUMA": ycbcr[:1], "CHROMA": chroma}, full_range=True)

    # Tiles -----------------------------------------------------------------------------------------------------------

    def _tiling(self, pixels: Array) -> Tiling | None:
        """How to cut a picture, or None where it is played whole."""
        height, width = pixels.shape[1:]
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

    def _in_tiles(self, pixels: Array, depth: Depth, tiling: Tiling, progress: Progress) -> Codes:
        channels, height, width = pixels.shape
        codes = np.empty(
            (channels, round(height * self.factor), round(width * self.factor)), np.uint8 if depth == 8 else np.uint16
        )
        rows, columns = tiling.spans(height), tiling.spans(width)
        for done, (row, column) in enumerate((row, column) for row in rows for column in columns):
            progress(done / (len(rows) * len(columns)))
            played = to_codes(self._play(pixels[:, row.played, column.played]), depth)
            if row.kept.start:
                self._check_seam(codes, played, row, column, above=_STRIP)
            if column.kept.start:
                self._check_seam(codes, played, row, column, left=_STRIP)
            top, start = row.kept.start - row.played.start, column.kept.start - column.played.start
            size = (row.kept.stop - row.kept.start, column.kept.stop - column.kept.start)
            self._cut(codes, row.kept.start, column.kept.start, *size)[:] = self._cut(played, top, start, *size)
        return codes

    def _check_seam(self, codes: Codes, played: Codes, row: Span, column: Span, above: int = 0, left: int = 0) -> None:
        """Raise _SeamError unless the tile says the same as what its neighbour wrote `above` it or at its `left`."""
        size = (above or row.kept.stop - row.kept.start, left or column.kept.stop - column.kept.start)
        top, start = row.kept.start - above, column.kept.start - left
        again = self._cut(played, top - row.played.start, start - column.played.start, *size)
        if not np.array_equal(self._cut(codes, top, start, *size), again):
            raise _SeamError

    def _cut(self, codes: Codes, top: int, left: int, height: int, width: int) -> Codes:
        """Cut out a rectangle that is given in texels of the source."""
        y, x = round(top * self.factor), round(left * self.factor)
        return codes[:, y : y + round(height * self.factor), x : x + round(width * self.factor)]


class _SeamError(Exception):
    """Two tiles do not say the same where they meet."""


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
    if np.issubdtype(after.dtype, np.integer):
        after = after.astype(np.float32) / np.iinfo(after.dtype).max
    height, width = after.shape[1:]
    halves = [enlarge(before, (width, height)), after]
    colours: list[Array] = [half[[0, 0, 0]] if len(half) == 1 else half[:3] for half in halves]
    return np.concatenate(colours, axis=2)


def enlarge(pixels: Array, size: tuple[int, int]) -> Array:
    """Scale (c, h, w) bicubically to `size` (width, height), in 0..1, by Pillow."""
    resized = [np.asarray(Image.fromarray(channel, "F").resize(size, Image.Resampling.BICUBIC)) for channel in pixels]
    return np.clip(np.array(resized, np.float32), 0, 1)
