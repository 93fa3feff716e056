"""How close a network comes to pictures that were made small: PSNR and SSIM of BT.709 luma, or of chroma.

The convention, under which every figure of the project is measured: luma in floats from the 8-bit picture, an odd last
row or column left out, halved by a box or by Pillow's bicubic, rounded to 8 bits, enlarged, clipped to 0..1, compared
without a border of 4 pixels. The pictures' mean is the mean of their dB. Chroma: Cb and Cr subsampled to 4:2:0 at a
siting, rounded to 8 bits, brought back, compared alike. A codec (`h264-23`, see codec.py): halved by a box, encoded in
limited range, enlarged as a player does it in that range, and brought to full range before it is compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.errors import ImageError, ShadergenError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Plane, verify
from shadergen.judge import codec
from shadergen.runtime import colour
from shadergen.upscale import pictures

Array = npt.NDArray[np.float32]
Real = npt.NDArray[np.floating[Any]]

BORDER = 4
CONDITIONS: Mapping[Plane, tuple[str, ...]] = {
    "luma": ("box", "bicubic"),
    "rgb": ("box", "bicubic"),
    "chroma": ("left", "center"),
}
"""What is done to the pictures, by the plane that brings them back, unless something else is asked for."""
BASELINES: Mapping[Plane, tuple[str, ...]] = {
    "luma": ("bicubic", "lanczos"),
    "rgb": ("bicubic", "lanczos"),
    "chroma": ("bilinear", "lanczos"),
}
_FILTERS = {"bicubic": PIL.Image.Resampling.BICUBIC, "lanczos": PIL.Image.Resampling.LANCZOS}


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


@dataclass(frozen=True)
class Score:
    """One method on one case."""

    folder: str
    image: str
    condition: str
    method: str
    psnr: float
    """dB; inf where nothing differs."""
    ssim: float
    """NaN for pictures of less than 7 pixels a side."""


@dataclass(frozen=True)
class Report:
    """All scores, and their means."""

    scores: tuple[Score, ...]

    def means(self) -> list[Score]:
        """Over a folder's pictures, by condition and method, in the order in which they came."""
        groups: dict[tuple[str, str, str], list[Score]] = {}
        for score in self.scores:
            groups.setdefault((score.folder, score.condition, score.method), []).append(score)
        return [
            Score(
                *(folder, "", condition, method),
                float(np.mean([score.psnr for score in group])),
                float(np.mean([score.ssim for score in group])),
            )
            for (folder, condition, method), group in groups.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        return {"images": [vars(score) for score in self.scores], "means": [vars(mean) for mean in self.means()]}


def score(
    models: Mapping[str, Graph],
    folders: Sequence[Path],
    conditions: Sequence[str] = (),
    on_case: Callable[[Case, Mapping[str, Array]], None] = lambda case, results: None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Score models of one plane, by name, on every picture of the folders, the usual filters first.

    `conditions` are those of the plane, or settings of codecs (luma only); by default, all of the plane.
    `on_case` gets the pictures that each method made. Raises ShadergenError for folders without pictures and for models
    that cannot be compared.
    """
    plane = _common_plane(models)
    found: list[Score] = []
    for folder in folders:
        for path in picture_files(folder):
            for case in cases(path, plane, conditions or CONDITIONS[plane]):
                results: dict[str, Array] = {}
                for method in (*BASELINES[plane], *models):
                    on_progress(f"{case.image}, {case.condition}: {method}")
                    graph = models.get(method)
                    results[method] = enlarge(graph, case) if graph else baseline(method, case, plane)
                    found.append(_score(method, case, results[method], plane))
                on_case(case, results)
    return Report(tuple(found))


def _common_plane(models: Mapping[str, Graph]) -> Plane:
    planes = {graph.plane for graph in models.values()}
    if len(planes) != 1:
        raise ShadergenError("score", f"found models for {' and '.join(sorted(planes))}, expected one plane")
    plane = planes.pop()
    for name, graph in models.items():
        if name in BASELINES[plane]:
            raise ShadergenError(graph.name, "found that name, which is the filter's, expected another", "rename it")
        factor = verify(graph)[graph.output].height.scale
        if factor != (1 if plane == "chroma" else 2):
            raise ShadergenError(graph.name, f"found a model that enlarges {factor} times, expected 2")
    return plane


def picture_files(folder: Path) -> list[Path]:
    """The folder's pictures, by name. Raises ShadergenError where there is none."""
    suffixes = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".ppm"}
    if not folder.is_dir():
        raise ShadergenError(folder, "found no folder, expected one with pictures")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not files:
        raise ShadergenError(folder, "found no pictures, expected PNG, JPEG, BMP, ...")
    return files


# ---------------------------------------------------------------------------------------------------------------------
# Making pictures small, and large again


def cases(path: Path, plane: Plane, conditions: Sequence[str]) -> list[Case]:
    """The picture under each condition. Raises ImageError, and ShadergenError for a condition that is none."""
    pixels = pictures.load(path).pixels.astype(np.float64)
    rgb = np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3]
    height, width = (extent // 2 * 2 for extent in rgb.shape[1:])
    if min(height, width) < 2 * BORDER + 2:
        raise ImageError(path, f"found {rgb.shape[2]}x{rgb.shape[1]} pixels, expected at least {2 * BORDER + 2} a side")
    return [_case(path, rgb[:, :height, :width], plane, condition) for condition in conditions]


def _case(path: Path, rgb: Real, plane: Plane, condition: str) -> Case:
    names = (path.parent.name, path.name, condition)
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
    if plane == "luma" and "-" in condition:
        source = _encoded(rgb, codec.Setting.parse(condition))
        return Case(*names, source, luma(rgb)[np.newaxis].astype(np.float32), source, (16 / 255, 235 / 255))
    expected = ", ".join(CONDITIONS[plane]) + (", or a codec such as h264-23" if plane == "luma" else "")
    raise ShadergenError("--condition", f"found {condition!r} for {plane} models, expected {expected}")


def _encoded(rgb: Real, setting: codec.Setting) -> Array:
    """Luma (1, h, w) of the picture halved by a box and encoded, in limited range."""
    if setting.bits != 8:
        raise ShadergenError("--condition", f"found {setting}, expected a codec of 8 bits")
    small = colour.rgb_to_ycbcr(halve(rgb, "box"), full_range=False)
    _, height, width = small.shape
    even = np.pad(small, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    planes = [even[0], *colour.chroma_420(even[1:], colour.SITINGS["left"])]
    decoded = codec.record([[np.rint(plane * 255).astype(np.uint8) for plane in planes]], setting)
    return decoded[0][0][np.newaxis, :height, :width].astype(np.float32) / np.float32(255)


def luma(rgb: Real) -> npt.NDArray[np.float64]:
    """BT.709 luma, full range: (3, h, w) to (h, w)."""
    return np.tensordot(np.array([0.2126, 0.7152, 0.0722]), rgb.astype(np.float64), axes=1)


def halve(x: Real, condition: str) -> npt.NDArray[np.float64]:
    """(channels, 2 h, 2 w) to (channels, h, w)."""
    channels, height, width = x.shape
    if condition == "box":
        return np.asarray(x.reshape(channels, height // 2, 2, width // 2, 2).mean((2, 4)), np.float64)
    return _resized(x, (width // 2, height // 2), condition).astype(np.float64)


def _resized(
    x: Real, size: tuple[int, int], filter: str, box: tuple[float, float, float, float] | None = None
) -> Array:
    channels = [PIL.Image.fromarray(channel) for channel in np.asarray(x, np.float32)]
    resized = [channel.resize(size, _FILTERS[filter], box) for channel in channels]
    return np.stack([np.asarray(channel) for channel in resized])


def _levels(x: Real) -> Array:
    """Rounded to the values of 8 bits."""
    return np.asarray(np.rint(np.clip(x, 0, 1) * 255.0) / 255.0, np.float32)


def baseline(method: str, case: Case, plane: Plane) -> Array:
    """What a player's own filter makes of the case, in 0..1 of full range."""
    height, width = case.truth.shape[1:]
    if plane != "chroma":
        result = _resized(case.source, (width, height), method)
    elif method == "bilinear":
        result = case.source[1:]
    else:
        # A sample at the left lies a quarter of its width beside the middle of the luma it covers. Pillow reads no
        # further than the edge, so two columns of it are added.
        shift = 2 - colour.SITINGS["left" if case.condition == "left" else "center"][0] / 2
        padded = np.pad(case.held, ((0, 0), (0, 0), (2, 2)), mode="edge")
        box = (shift, 0, shift + width / 2, height / 2)
        result = _resized(padded, (width, height), method, box)
    return _full_range(result, case)


def enlarge(graph: Graph, case: Case) -> Array:
    """What the network makes of the case, in 0..1 of full range."""
    return _full_range(reference.evaluate(graph, case.source)[graph.output], case)


def _full_range(result: Array, case: Case) -> Array:
    black, white = case.levels
    return np.asarray(np.clip((result - black) / (white - black), 0, 1), np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Distances


def _score(method: str, case: Case, result: Array, plane: Plane) -> Score:
    found, truth = (result, case.truth) if plane != "rgb" else (luma(result)[None], luma(case.truth)[None])
    inner = (slice(None), slice(BORDER, -BORDER), slice(BORDER, -BORDER))
    found, truth = found[inner], truth[inner]
    similar = float(np.mean([ssim(a, b) for a, b in zip(found, truth, strict=True)]))
    return Score(case.folder, case.image, case.condition, method, psnr(found, truth), similar)


def psnr(a: Real, b: Real) -> float:
    """dB for a peak of 1."""
    square = float(np.mean((a.astype(np.float64) - b.astype(np.float64)) ** 2))
    return math.inf if square == 0 else -10 * math.log10(square)


def ssim(a: Real, b: Real, window: int = 7) -> float:
    """Structural similarity of (h, w) in 0..1, as scikit-image's `structural_similarity(a, b, data_range=1)` gives it:
    windows of 7x7 with equal weights, covariances of a sample, windows that leave the picture not counted.
    """
    if min(a.shape) < window:
        return math.nan
    x, y = a.astype(np.float64), b.astype(np.float64)
    mean_x, mean_y = _window_means(x, window), _window_means(y, window)
    unbiased = window**2 / (window**2 - 1)
    variance_x = unbiased * (_window_means(x * x, window) - mean_x**2)
    variance_y = unbiased * (_window_means(y * y, window) - mean_y**2)
    covariance = unbiased * (_window_means(x * y, window) - mean_x * mean_y)
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float(np.mean(luminance * structure))


def _window_means(x: npt.NDArray[np.float64], window: int) -> npt.NDArray[np.float64]:
    for axis in (0, 1):
        x = np.lib.stride_tricks.sliding_window_view(x, window, axis).mean(-1)
    return x
