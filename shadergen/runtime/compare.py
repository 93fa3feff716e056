"""How far two arrays are apart, and how far they may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Comparison:
    """Distances between two arrays of shape (channels, height, width), in the arrays' units."""

    max_abs: float
    """The largest absolute difference; inf when either array holds a NaN or an infinity."""
    mean_abs: float
    texels: int
    """How many values of each channel the mean is over: height * width."""
    psnr: float
    """The peak signal-to-noise ratio in dB for a peak of 1; inf when equal, -inf when max_abs is inf."""
    worst: tuple[int, int, int]
    """Where the largest difference is, or the first value that is not finite: (channel, y, x)."""
    actual: float
    """The first array's value at `worst`."""
    expected: float
    """The second array's value at `worst`."""

    def __str__(self) -> str:
        channel, y, x = self.worst
        return (
            f"max {self.max_abs:.3g}, mean {self.mean_abs:.3g}, {self.psnr:.1f} dB; "
            f"worst at channel {channel}, y {y}, x {x}: found {self.actual:.6g}, expected {self.expected:.6g}"
        )


@dataclass(frozen=True)
class Bound:
    """The largest differences that still count as equal."""

    max_abs: float
    mean_abs: float

    def holds(self, comparison: Comparison) -> bool:
        """Whether both distances are within the bound."""
        return not self.failure(comparison)

    def failure(self, comparison: Comparison) -> str:
        """Which distance is above the bound, and what that is, as words; empty where both are within it."""
        pairs = (("max", comparison.max_abs, self.max_abs), ("mean", comparison.mean_abs, self.mean_abs))
        above = (f"{name} {found:.3g} is above {bound:.3g}" for name, found, bound in pairs if not found <= bound)
        return ", ".join(above)


RGBA32F = Bound(max_abs=1e-4, mean_abs=1e-4)
"""Is the arithmetic right? 32-bit float storage leaves only the order of additions, about 1e-6 for the nets here; a
wrong weight, lane or border shows far above this. What 16-bit storage leaves is in `judge.rounding`."""


def compare(actual: npt.NDArray[Any], expected: npt.NDArray[Any]) -> Comparison:
    """Compare two arrays of shape (channels, height, width).

    Raises ValueError when the shapes differ, are not three-dimensional or are empty.
    """
    if actual.shape != expected.shape:
        raise ValueError(f"found shape {actual.shape}, expected {expected.shape}")
    if actual.ndim != 3 or actual.size == 0:
        raise ValueError(f"found shape {actual.shape}, expected (channels, height, width) with no zero")
    a, b = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    finite = np.isfinite(a) & np.isfinite(b)
    # The subtraction runs on the finite values only: inf - inf would warn.
    difference = np.abs(np.subtract(a, b, out=np.full(a.shape, np.inf), where=finite))
    channel, y, x = (int(i) for i in np.unravel_index(int(np.argmax(difference)), difference.shape))
    mean_square = float(np.mean(difference**2))
    return Comparison(
        max_abs=float(difference[channel, y, x]),
        mean_abs=float(np.mean(difference)),
        texels=a.shape[1] * a.shape[2],
        psnr=math.inf if mean_square == 0 else -10 * math.log10(mean_square),
        worst=(channel, y, x),
        actual=float(a[channel, y, x]),
        expected=float(b[channel, y, x]),
    )


def ssim(actual: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """The structural similarity of two arrays (channels, height, width) in 0..1: the mean over texels and channels.

    As published (Wang et al. 2004): Gaussian windows of 11x11 with sigma 1.5, constants for a peak of 1; windows lie
    within the picture. Pictures smaller than a window get a window of their size. Raises ValueError as `compare`.
    """
    compare(actual, expected)
    a, b = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variance_a, variance_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float(np.mean(likeness / ((mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2))))


def _windowed(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The Gaussian mean around every texel that has its whole window in the picture."""
    for axis in (1, 2):
        taps = min(11, values.shape[axis])
        weights = np.exp(-((np.arange(taps) - (taps - 1) / 2) ** 2) / (2 * 1.5**2))
        windows = np.lib.stride_tricks.sliding_window_view(values, taps, axis)
        values = windows @ (weights / weights.sum())
    return values
