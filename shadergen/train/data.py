"""Pictures, decoded once into memory, and patches drawn from them. NumPy only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.errors import ImageError, ShadergenError
from shadergen.train.options import Options
from shadergen.upscale.pictures import load

Pixels = npt.NDArray[np.uint8]

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".ppm"})

SOFT = " softened "
"""Within the name of a blurred copy, before its weight."""


@dataclass(frozen=True)
class Pictures:
    """Decoded pictures, uint8 (height, width, 3), sRGB-encoded."""

    names: tuple[str, ...]
    """Paths within their data folder, with slashes."""
    pixels: tuple[Pixels, ...]
    sha256: str
    """Of all names and files' bytes, in order."""
    skipped: tuple[str, ...] = ()
    """A line for each file that was left out."""

    def select(self, indices: Sequence[int]) -> Pictures:
        names = tuple(self.names[i] for i in indices)
        return Pictures(names, tuple(self.pixels[i] for i in indices), self.sha256, self.skipped)


def find(folders: Sequence[Path], exclude: Sequence[str] = ()) -> list[tuple[str, Path]]:
    """(name, path) of every picture below the folders, sorted by name; `exclude` are patterns of names."""
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise ShadergenError(folder, "found no folder, expected one with pictures")
        for path in folder.rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.suffix.lower() in SUFFIXES and not any(fnmatch(name, pattern) for pattern in exclude):
                found.append((name, path))
    return sorted(found)


def read(
    folders: Sequence[Path],
    side: int,
    exclude: Sequence[str] = (),
    on_picture: Callable[[int, int], None] = lambda done, total: None,
) -> Pictures:
    """Decode every picture that is at least `side` pixels wide and high.

    Grey ones become RGB of equal channels, transparent ones are laid over grey; what cannot be read or is too small is
    listed in `skipped`. Raises ShadergenError where nothing is left, or not everything fits into memory.
    """
    files = find(folders, exclude)
    names, pixels, skipped = [], [], []
    digest = hashlib.sha256()
    where = ", ".join(str(folder) for folder in folders)
    for number, (name, path) in enumerate(files):
        on_picture(number, len(files))
        try:
            picture = _rgb(path)
        except ImageError as error:
            skipped.append(str(error))
            continue
        except MemoryError:
            problem = f"found more pictures than fit into memory, {number} of {len(files)} were read"
            raise ShadergenError(where, problem, "train on fewer, or leave some out with --exclude") from None
        height, width, _ = picture.shape
        if min(height, width) < side:
            skipped.append(f"{path}: found {width}x{height} pixels, expected {side} or more a side")
            continue
        digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        names.append(name)
        pixels.append(picture)
    on_picture(len(files), len(files))
    if not pixels:
        found = f"found {len(files)} pictures, none of which can be used" if files else "found no pictures"
        problem = f"{found}, expected PNG, JPEG or WebP of at least {side}x{side} pixels"
        raise ShadergenError(where, problem + (f" (the first: {skipped[0]})" if skipped else ""))
    return Pictures(tuple(names), tuple(pixels), digest.hexdigest(), tuple(skipped))


def _rgb(path: Path) -> Pixels:
    picture = load(path).pixels
    if len(picture) == 4:
        picture = picture[:3] * picture[3:] + np.float32(0.5) * (1 - picture[3:])
    if len(picture) == 1:
        picture = np.repeat(picture, 3, 0)
    return np.ascontiguousarray(np.moveaxis(np.rint(picture * 255).astype(np.uint8), 0, -1))


def with_soft_copies(pictures: Pictures, soften: Mapping[str, float]) -> Pictures:
    """The pictures, and a copy of each that a pattern matches, blurred by 0.4 to 1.2 pixels."""
    names, pixels = list(pictures.names), list(pictures.pixels)
    for name, picture in zip(pictures.names, pictures.pixels, strict=True):
        shares = [share for pattern, share in soften.items() if fnmatch(name, pattern)]
        if shares:
            sigma = 0.4 + 0.8 * hashlib.sha256(name.encode()).digest()[0] / 255
            names.append(f"{name}{SOFT}{float(np.prod(shares))}")
            pixels.append(_blurred(picture, sigma))
    return replace(pictures, names=tuple(names), pixels=tuple(pixels))


def _blurred(picture: Pixels, sigma: float) -> Pixels:
    """With a Gaussian; rows and columns one after the other, edges repeated."""
    taps = np.exp(-0.5 * (np.arange(-3, 4) / sigma) ** 2)
    taps /= taps.sum()
    values = picture.astype(np.float32)
    for axis in (0, 1):
        extent, blurred = values.shape[axis], np.zeros_like(values)
        for step, tap in zip(range(-3, 4), taps, strict=True):
            blurred += np.float32(tap) * values.take(np.clip(np.arange(extent) + step, 0, extent - 1), axis)
        values = blurred
    return np.rint(values).astype(np.uint8)


def hold_out(pictures: Pictures, count: int) -> tuple[Pictures, Pictures]:
    """The pictures to train on, and `count` others (a fifth at most), which their names choose."""

    def order(index: int) -> bytes:
        return hashlib.sha256(pictures.names[index].encode()).digest()

    ranked = sorted(range(len(pictures.names)), key=order)
    held = sorted(ranked[: min(count, len(ranked) // 5)])
    kept = [i for i in range(len(pictures.names)) if i not in set(held)]
    return pictures.select(kept), pictures.select(held)


class Patches:
    """Random square patches, flipped and turned: the same for the same seed, step and rank."""

    def __init__(self, pictures: Pictures, options: Options, side: int) -> None:
        self._pictures = pictures.pixels
        self._options = options
        self._side = side
        chance = chances(pictures, options)
        self._edges = np.cumsum(chance / chance.sum())

    def batch(self, step: int, count: int, rank: int = 0) -> Pixels:
        """(count, side, side, 3)."""
        rng = np.random.default_rng([self._options.seed, step, rank])
        return np.stack([self._patch(rng) for _ in range(count)])

    def _patch(self, rng: np.random.Generator) -> Pixels:
        drawn = [self._crop(rng) for _ in range(self._options.detail)]
        crop = max(drawn, key=_contrast) if len(drawn) > 1 else drawn[0]
        turns, mirrored = rng.integers(4), rng.integers(2)
        turned = np.rot90(crop, int(turns))
        return turned[:, ::-1] if mirrored else turned

    def _crop(self, rng: np.random.Generator) -> Pixels:
        index = min(int(np.searchsorted(self._edges, rng.random(), "right")), len(self._pictures) - 1)
        picture = self._pictures[index]
        y, x = (int(rng.integers(extent - self._side + 1)) for extent in picture.shape[:2])
        return picture[y : y + self._side, x : x + self._side]


def chances(pictures: Pictures, options: Options) -> npt.NDArray[np.float64]:
    """How often each picture is drawn: by its area, times its weight. Raises ShadergenError where all are 0."""
    areas = [picture.shape[0] * picture.shape[1] for picture in pictures.pixels]
    chance = np.asarray([_weight(name, options.weights) for name in pictures.names], np.float64) * np.asarray(areas)
    if not chance.sum() > 0:
        raise ShadergenError("--weight", "found no picture with a weight above 0, expected some")
    return np.asarray(chance, np.float64)


def _weight(name: str, weights: Mapping[str, float]) -> float:
    """The product of the weights of all patterns that match; a blurred copy's name ends with its own weight."""
    name, _, factor = name.partition(SOFT)
    product = np.prod([weight for pattern, weight in weights.items() if fnmatch(name, pattern)])
    return float(product) * float(factor or 1)


def _contrast(crop: Pixels) -> Any:
    """How much neighbouring pixels differ, on every other row: what there is to learn from."""
    green = crop[::2, :, 1].astype(np.int16)
    return np.abs(np.diff(green, axis=1)).mean()
