"""YCbCr and chroma: levels, and where samples lie."""

from __future__ import annotations

from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadergen.runtime.colour import (
    SITINGS,
    Matrix,
    Siting,
    SitingName,
    chroma_420,
    rgb_to_ycbcr,
    upsample_chroma,
    ycbcr_to_rgb,
)


def noise(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).random(shape).astype(np.float32)


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full_range", [True, False])
def test_ycbcr_round_trip(matrix: Matrix, full_range: bool) -> None:
    rgb = noise(3, 5, 7)
    assert np.allclose(ycbcr_to_rgb(rgb_to_ycbcr(rgb, matrix, full_range), matrix, full_range), rgb, atol=1e-5)


@pytest.mark.parametrize(("full_range", "black", "white"), [(True, 0, 255), (False, 16, 235)])
def test_black_and_white_in_ycbcr(full_range: bool, black: int, white: int) -> None:
    levels = rgb_to_ycbcr(np.repeat([[[0.0, 1.0]]], 3, axis=0), "bt709", full_range)[:, 0].T * 255
    assert np.allclose(levels, [[black, 128, 128], [white, 128, 128]], atol=1e-3)


def test_red_in_ycbcr() -> None:
    y, cb, cr = rgb_to_ycbcr(np.array([1.0, 0, 0]).reshape(3, 1, 1), "bt601").ravel()
    assert np.allclose([y, cb - 128 / 255, cr - 128 / 255], [0.299, -0.168736, 0.5], atol=1e-5)


def test_every_siting_has_its_place() -> None:
    assert tuple(SITINGS) == get_args(SitingName)


@pytest.mark.parametrize("siting", SITINGS.values())
@given(width=st.integers(1, 9), height=st.integers(1, 9))
def test_flat_chroma_stays_flat(siting: Siting, width: int, height: int) -> None:
    small = chroma_420(np.full((2, height, width), 0.25), siting)
    assert small.shape == (2, (height + 1) // 2, (width + 1) // 2)
    assert np.allclose(small, 0.25)
    assert np.allclose(upsample_chroma(small, siting, (width, height)), np.full((2, height, width), 0.25))


@pytest.mark.parametrize("siting", SITINGS.values())
@pytest.mark.parametrize("scale", [1, 2])
def test_a_ramp_comes_back_in_place(siting: Siting, scale: int) -> None:
    # Down and up again, a ramp is unchanged away from the borders: any misplacement would shift it.
    y, x = np.mgrid[0:24, 0:32] + 0.5
    small = chroma_420(np.stack([x, y]), siting)
    big = upsample_chroma(small, siting, (32 * scale, 24 * scale))
    y, x = (np.mgrid[0 : 24 * scale, 0 : 32 * scale] + 0.5) / scale
    inner = np.s_[:, 4 * scale : -4 * scale, 4 * scale : -4 * scale]
    assert np.allclose(big[inner], np.stack([x, y])[inner], atol=1e-5)


def test_left_chroma_lies_on_even_columns() -> None:
    row = np.zeros((2, 1, 8))
    row[:, :, 4] = 1
    assert chroma_420(row, SITINGS["left"])[0, 0].tolist() == [0, 0, 0.5, 0]
    assert chroma_420(row, SITINGS["center"])[0, 0].tolist() == [0, 0, 0.5, 0]
    row[:, :, 5] = 1
    assert chroma_420(row, SITINGS["left"])[0, 0].tolist() == [0, 0, 0.75, 0.25]
