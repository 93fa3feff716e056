"""Pictures made small under a condition: what a model gets, and what it should make of it.

Luma is in floats from the 8-bit picture, an odd last row or column left out, halved by a box or by Pillow's bicubic and
rounded to 8 bits; in between it may be blurred and made a JPEG (`box+blur-0.5+jpeg-60`). Chroma is subsampled to 4:2:0
at a siting, rounded to 8 bits and brought back. A codec (`h264-23`, see codec.py) gets luma halved by a box, in limited
range.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.errors import ImageError, ShadergenError
from shadergen.ir.graph import Plane
from shadergen.judge import codec
from shadergen.judge.similarity import Real
from shadergen.runtime import colour
from shadergen.upscale import pictures

Array = npt.NDArray[np.float32]

BORDER = 4
"""Pixels at each edge of a result that are not compared."""
CONDITIONS: Mapping[Plane, tuple[str, ...]] = {
    "luma": ("box", "bicubic"),
    "rgb": ("box", "bicubic"),
    "chroma": ("left", "center"),
}
"""What is done to the pictures, by the plane that brings them back, unless something else is asked for."""
_FILTERS = {"bicubic": PIL.Image.Resampling.BICUBIC, "lanczos": PIL.Image.Resampling.LANCZOS}


@dataclass(frozen=True)
class Picture:
    """A picture to bring back."""

    folder: str
    name: str
    rgb: Real
    """(3, height, width) in 0..1, of 8 bits."""
    spot: tuple[int, int] | None = None
    """Left and top of what there is to look at, if it is known."""


@dataclass(frozen=True)
class Case:
    """A picture under a condition."""

    folder: str
    image: str
    condition: str
    source: Array
    """What the network gets: (channels, h, w)."""
    truth: Array
    """What it should give: (channels, height, width)."""
    held: Array
    """What the file holds of it: the source, or the subsampled chroma (2, h, w)."""
    levels: tuple[float, float] = (0.0, 1.0)
    """Black and white among the source's values."""
    spot: tuple[int, int] | None = None
    """The picture's."""


def within_border(picture: Real) -> Real:
    """What of (channels, height, width) is compared."""
    return picture[:, BORDER:-BORDER, BORDER:-BORDER]


def picture_files(folder: Path, below: bool = False) -> list[Path]:
    """The folder's pictures, by name; also those of folders `below`. Raises ShadergenError where there is none."""
    suffixes = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".ppm"}
    if not folder.is_dir():
        raise ShadergenError(folder, "found no folder, expected one with pictures")
    files = sorted(path for path in folder.glob("**/*" if below else "*") if path.suffix.lower() in suffixes)
    if not files:
        raise ShadergenError(folder, "found no pictures, expected PNG, JPEG, BMP, ...")
    return files


def pictures_of(folders: Sequence[Path]) -> Iterator[Picture]:
    """All pictures of the folders, read one by one. Raises ShadergenError for a folder without, and ImageError."""
    for folder in folders:
        yield from map(picture_of, picture_files(folder))


def picture_of(path: Path) -> Picture:
    """One picture. Raises ImageError for a file that is none, or one that is too small."""
    pixels = pictures.load(path).pixels.astype(np.float64)
    rgb = np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3]
    if min(rgb.shape[1:]) < 2 * BORDER + 2:
        expected = f"expected at least {2 * BORDER + 2} a side"
        raise ImageError(path, f"found {rgb.shape[2]}x{rgb.shape[1]} pixels, {expected}")
    return Picture(path.parent.name, path.name, rgb)


def cases(picture: Picture, plane: Plane, conditions: Sequence[str]) -> list[Case]:
    """The picture under each condition. Raises ShadergenError for a condition that is none."""
    height, width = (extent // 2 * 2 for extent in picture.rgb.shape[1:])
    even = replace(picture, rgb=picture.rgb[:, :height, :width])
    return [replace(_case(even, plane, condition), spot=picture.spot) for condition in conditions]


def _case(picture: Picture, plane: Plane, condition: str) -> Case:
    names, rgb = (picture.folder, picture.name, condition), picture.rgb
    if plane == "chroma" and condition in CONDITIONS["chroma"]:
        ycbcr = colour.rgb_to_ycbcr(rgb)
        siting = colour.SITINGS["left" if condition == "left" else "center"]
        held = _levels(colour.chroma_420(ycbcr[1:], siting))
        chroma = colour.upsample_chroma(held, siting, (rgb.shape[2], rgb.shape[1]))
        return Case(*names, np.concatenate([_levels(ycbcr[:1]), chroma]), ycbcr[1:], held)
    if plane != "chroma" and condition in CONDITIONS[plane]:
        truth = luma(rgb)[np.newaxis] if plane == "luma" else rgb
        source = _levels(halve(truth, condition))
        return Case(*names, source, truth.astype(np.float32), source)
    if plane == "luma" and "+" in condition:
        truth = luma(rgb)[np.newaxis]
        source = _worn(truth[0], condition)[np.newaxis]
        return Case(*names, source, truth.astype(np.float32), source)
    if plane == "luma" and "-" in condition:
        source = _encoded(rgb, codec.Setting.parse(condition))
        return Case(*names, source, luma(rgb)[np.newaxis].astype(np.float32), source, (16 / 255, 235 / 255))
    expected = ", ".join(CONDITIONS[plane]) + (", or a codec such as h264-23" if plane == "luma" else "")
    raise ShadergenError("--condition", f"found {condition!r} for {plane} models, expected {expected}")


def _worn(truth: Real, condition: str) -> Array:
    """Luma (h, w) halved, then blurred by a Gaussian of so many pixels and stored as a grey JPEG of that quality."""
    downscaler, *steps = condition.split("+")
    matches = [re.fullmatch(r"blur-(\d*\.?\d+)|jpeg-(\d{1,3})", step) for step in steps]
    if downscaler not in CONDITIONS["luma"] or not all(matches):
        problem = f"found {condition!r}, expected box or bicubic, then +blur-SIGMA or +jpeg-QUALITY"
        raise ShadergenError("--condition", problem)
    small = np.clip(halve(truth[np.newaxis], downscaler)[0], 0, 1)
    for match in matches:
        assert match is not None
        if match[1]:
            small = blurred(small, float(match[1]))
        else:
            small = codec.jpeg(np.rint(small * 255).astype(np.uint8), int(match[2])) / 255
    return _levels(small)


def blurred(picture: Real, sigma: float) -> npt.NDArray[np.float64]:
    """(h, w) with a Gaussian of `sigma` pixels, cut off at three of them; edges are repeated."""
    reach = max(1, int(np.ceil(3 * sigma)))
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sigma, 1e-6)) ** 2)
    result = picture.astype(np.float64)
    for axis in (0, 1):
        pads = [(reach, reach) if axis == other else (0, 0) for other in (0, 1)]
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(result, pads, mode="edge"), len(taps), axis)
        result = windows @ (taps / taps.sum())
    return np.asarray(result)


def _encoded(rgb: Real, setting: codec.Setting) -> Array:
    """The luma (1, h, w), in limited range, of RGB that was halved by a box, encoded and decoded."""
    if setting.bits != 8:
        raise ShadergenError("--condition", f"found {setting}, expected a codec of 8 bits")
    small = colour.rgb_to_ycbcr(halve(rgb, "box"), full_range=False)
    _, height, width = small.shape
    even = np.pad(small, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    planes = [even[0], *colour.chroma_420(even[1:], colour.SITINGS["left"])]
    decoded = codec.record([[np.rint(plane * 255).astype(np.uint8) for plane in planes]], setting)
    return decoded[0][0][np.newaxis, :height, :width].astype(np.float32) / np.float32(255)


def luma(rgb: Real) -> npt.NDArray[np.float64]:
    """The BT.709 luma (h, w) of RGB (3, h, w), in full range."""
    return np.tensordot(np.array([0.2126, 0.7152, 0.0722]), rgb.astype(np.float64), axes=1)


def halve(x: Real, condition: str) -> npt.NDArray[np.float64]:
    """A picture (channels, 2 h, 2 w) at half its size (channels, h, w), by a box or by Pillow's bicubic."""
    channels, height, width = x.shape
    if condition == "box":
        return np.asarray(x.reshape(channels, height // 2, 2, width // 2, 2).mean((2, 4)), np.float64)
    return resized(x, (width // 2, height // 2), condition).astype(np.float64)


def resized(x: Real, size: tuple[int, int], filter: str, box: tuple[float, float, float, float] | None = None) -> Array:
    """A picture (channels, h, w) at a size (width, height) by a filter of Pillow, in floats; `box` is the part that is
    read: left, top, right and bottom in pixels.
    """
    channels = [PIL.Image.fromarray(channel) for channel in np.asarray(x, np.float32)]
    resized = [channel.resize(size, _FILTERS[filter], box) for channel in channels]
    return np.stack([np.asarray(channel) for channel in resized])


def _levels(x: Real) -> Array:
    """Values in 0..1 rounded to those that 8 bits can hold."""
    return np.asarray(np.rint(np.clip(x, 0, 1) * 255.0) / 255.0, np.float32)
