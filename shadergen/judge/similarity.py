"""How alike two pictures are: PSNR, and SSIM in the form that scikit-image computes.

Another form of SSIM, as it was published, is in shadergen/runtime/compare.py; scores of the two do not compare.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[np.floating[Any]]


def psnr(a: Real, b: Real) -> float:
    """The peak signal-to-noise ratio of two arrays of one shape, in dB for a peak of 1; inf where they are equal."""
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
