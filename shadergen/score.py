"""How close a network comes to pictures that were made small: PSNR and SSIM of BT.709 luma, or PSNR of chroma.

The convention, under which every figure of the project is measured: luma in floats from the 8-bit picture, an odd last
row or column left out, halved by a box or by Pillow's bicubic, rounded to 8 bits, enlarged, clipped to 0..1, compared
without a border of 4 pixels. The pictures' mean is the mean of their dB. Chroma: Cb and Cr subsampled to 4:2:0 at a
siting, rounded to 8 bits, brought back, compared alike.
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

from shadergen import reference
from shadergen.errors import ImageError, ShadergenError
from shadergen.graph import Graph, Plane, verify
from shadergen.runtime import images

Array = npt.NDArray[np.float32]
Real = npt.NDArray[np.floating[Any]]

BORDER = 4
CONDITIONS: Mapping[Plane, tuple[str, ...]] = {
    "luma": ("box", "bicubic"),
    "rgb": ("box", "bicubic"),
    "chroma": ("left", "center"),
}
"""What is done to the pictures, by the plane that brings them back."""
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
    on_case: Callable[[Case, Mapping[str, Array]], None] = lambda case, results: None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Score models of one plane, by name, on every picture of the folders, the usual filters first.

    `on_case` gets the pictures that each method made. Raises ShadergenError for folders without pictures and for models
    that cannot be compared.
    """
    plane = _common_plane(models)
    found: list[Score] = []
    for folder in folders:
        for path in picture_files(folder):
            for case in cases(path, plane):
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


def cases(path: Path, plane: Plane) -> list[Case]:
    """The picture under each condition of the plane. Raises ImageError."""
    pixels = images.load(path).pixels.astype(np.float64)
    rgb = np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3]
    height, width = (extent // 2 * 2 for extent in rgb.shape[1:])
    if min(height, width) < 2 * BORDER + 2:
        raise ImageError(path, f"found {rgb.shape[2]}x{rgb.shape[1]} pixels, expected at least {2 * BORDER + 2} a side")
    rgb = rgb[:, :height, :width]
    if plane == "chroma":
        return [_chroma_case(path, rgb, siting) for siting in ("left", "center")]
    truth = luma(rgb)[np.newaxis] if plane == "luma" else rgb
    return [
        Case(path.parent.name, path.name, condition, _levels(halve(truth, condition)), truth.astype(np.float32))
        for condition in CONDITIONS[plane]
    ]


def _chroma_case(path: Path, rgb: Real, siting: images.SitingName) -> Case:
    ycbcr = images.rgb_to_ycbcr(rgb)
    size = (rgb.shape[2], rgb.shape[1])
    subsampled = _levels(images.chroma_420(ycbcr[1:], images.SITINGS[siting]))
    chroma = images.upsample_chroma(subsampled, images.SITINGS[siting], size)
    return Case(path.parent.name, path.name, siting, np.concatenate([_levels(ycbcr[:1]), chroma]), ycbcr[1:])


def luma(rgb: Real) -> npt.NDArray[np.float64]:
    """BT.709 luma, full range: (3, h, w) to (h, w)."""
    return np.tensordot(np.array([0.2126, 0.7152, 0.0722]), rgb.astype(np.float64), axes=1)


def halve(x: Real, condition: str) -> npt.NDArray[np.float64]:
    """(channels, 2 h, 2 w) to (channels, h, w)."""
    channels, height, width = x.shape
    if condition == "box":
        return np.asarray(x.reshape(channels, height // 2, 2, width // 2, 2).mean((2, 4)), np.float64)
    return _resized(x, (width // 2, height // 2), condition).astype(np.float64)


def _resized(x: Real, size: tuple[int, int], filter: str) -> Array:
    resized = [PIL.Image.fromarray(channel).resize(size, _FILTERS[filter]) for channel in np.asarray(x, np.float32)]
    return np.stack([np.asarray(channel) for channel in resized])


def _levels(x: Real) -> Array:
    """Rounded to the values of 8 bits."""
    return np.asarray(np.rint(np.clip(x, 0, 1) * 255.0) / 255.0, np.float32)


def baseline(method: str, case: Case, plane: Plane) -> Array:
    """What a player's own filter makes of the case."""
    if plane != "chroma":
        size = (case.truth.shape[2], case.truth.shape[1])
        return np.clip(_resized(case.source, size, method), 0, 1)
    return case.source[1:]


def enlarge(graph: Graph, case: Case) -> Array:
    """What the network makes of the case, clipped."""
    return np.asarray(np.clip(reference.evaluate(graph, case.source)[graph.output], 0, 1), np.float32)


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
