"""Distances between arrays, and bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shadergen.runtime.compare import RGBA32F, Bound, compare


def test_equal_arrays() -> None:
    comparison = compare(np.ones((1, 2, 3)), np.ones((1, 2, 3)))
    assert (comparison.max_abs, comparison.mean_abs, comparison.psnr) == (0, 0, math.inf)
    assert RGBA32F.holds(comparison)


def test_the_worst_value_is_found() -> None:
    actual, expected = np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, 4), np.float32)
    actual[1, 2, 0], expected[1, 2, 0] = 0.5, 0.25
    comparison = compare(actual, expected)
    assert comparison.worst == (1, 2, 0)
    assert (comparison.actual, comparison.expected) == (0.5, 0.25)
    assert comparison.max_abs == 0.25
    assert comparison.mean_abs == pytest.approx(0.25 / 24)
    assert comparison.psnr == pytest.approx(-10 * math.log10(0.0625 / 24))
    assert "channel 1, y 2, x 0: found 0.5, expected 0.25" in str(comparison)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("both", [True, False])
def test_what_is_not_finite_fails_everywhere(bad: float, both: bool) -> None:
    actual, expected = np.zeros((1, 2, 2)), np.zeros((1, 2, 2))
    actual[0, 1, 0] = bad
    if both:
        expected[0, 1, 0] = bad
    comparison = compare(actual, expected)
    assert (comparison.max_abs, comparison.psnr, comparison.worst) == (math.inf, -math.inf, (0, 1, 0))
    assert not Bound(1e30, 1e30).holds(comparison)


@pytest.mark.parametrize(("a", "b"), [((1, 2, 3), (1, 3, 2)), ((2, 3), (2, 3)), ((1, 0, 3), (1, 0, 3))])
def test_shapes_must_agree(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="found shape"):
        compare(np.zeros(a), np.zeros(b))


def test_a_bound_needs_both_and_says_which_is_not_held() -> None:
    comparison = compare(np.full((2, 1, 3), 0.1), np.zeros((2, 1, 3)))
    assert Bound(0.2, 0.2).holds(comparison)
    assert Bound(0.2, 0.05).failure(comparison) == "mean 0.1 is above 0.05"
    assert Bound(0.05, 0.2).failure(comparison) == "max 0.1 is above 0.05"
    assert not Bound(0.05, 0.05).holds(comparison)
