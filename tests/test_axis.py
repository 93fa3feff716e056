"""Blocked convolutions are convolutions, exactly."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadergen.glsl.addressing import Names
from shadergen.glsl.spelling import FP16, FP32
from shadergen.ir.names import Namer
from shadergen.ir.ops import Array
from shadergen.kernels.axis import F23, Axis, Matrix, combination, direct, statements, toom_cook, transformed
from tests.nets import random_conv

AXES = [*(direct(block, taps) for block in (1, 2, 4, 5) for taps in (1, 2, 3, 5, 9)), F23]
IDS = [f"direct({axis.outputs},{axis.taps})" for axis in AXES[:-1]] + ["winograd"]
every_axis = pytest.mark.parametrize("axis", AXES, ids=IDS)

Numbers = list[Fraction]


def times(matrix: Matrix, vector: Numbers) -> Numbers:
    return [sum((Fraction(m) * v for m, v in zip(row, vector, strict=True)), Fraction(0)) for row in matrix]


def blocked(axis: Axis, texels: Numbers, taps: Numbers) -> Numbers:
    """The block's pixels as the shader computes them."""
    factors, weights = times(axis.b_t, texels), times(axis.g, taps)
    sums = [Fraction(0)] * axis.sums
    for factor, weight, total in axis.products:
        sums[total] += factors[factor] * weights[weight]
    return times(axis.a_t, sums)


def convolved(texels: Numbers, taps: Numbers) -> Numbers:
    """One pixel for every place of the taps within the texels."""
    pixels = range(len(texels) - len(taps) + 1)
    return [sum((texels[pixel + i] * tap for i, tap in enumerate(taps)), Fraction(0)) for pixel in pixels]


@every_axis
@settings(max_examples=10)
@given(st.data())
def test_a_block_of_pixels_is_a_convolution(axis: Axis, data: st.DataObject) -> None:
    numbers = st.integers(-99, 99).map(Fraction)
    texels, taps = (data.draw(st.lists(numbers, min_size=n, max_size=n)) for n in (axis.window, axis.taps))
    assert blocked(axis, texels, taps) == convolved(texels, taps)


@every_axis
def test_shapes(axis: Axis) -> None:
    assert np.shape(axis.b_t)[1] == axis.window == axis.outputs + axis.taps - 1
    assert np.shape(axis.g)[1] == axis.taps
    assert np.shape(axis.a_t) == (axis.outputs, axis.sums)
    factors, weights, sums = (set(indices) for indices in zip(*axis.products, strict=True))
    assert factors == set(range(len(axis.b_t))), "every factor is used"
    assert weights == set(range(len(axis.g))), "every weight is used"
    assert sums == set(range(axis.sums)), "every sum has a product"


@every_axis
def test_texels_and_sums_are_only_added_and_subtracted(axis: Axis) -> None:
    """As the kernels writes them; and every combination has something to begin with."""
    for matrix in (axis.b_t, axis.a_t):
        assert {entry for row in matrix for entry in row} <= {-1, 0, 1}
        assert all(1 in row for row in matrix)


def test_winograd_takes_four_products_for_six() -> None:
    assert len(F23.products) == 4
    assert len(direct(F23.outputs, F23.taps).products) == 6
    assert F23.sums == 4
    assert not F23.is_direct


@given(st.integers(1, 6), st.integers(1, 9))
def test_a_direct_axis_uses_everything_as_it_is(block: int, taps: int) -> None:
    axis = direct(block, taps)
    assert axis.is_direct
    assert len(axis.products) == block * taps
    assert (axis.sums, axis.window) == (block, block + taps - 1)


# ---------------------------------------------------------------------------------------------------------------------
# Two axes


def weight(out: int, channels: int, kh: int, kw: int) -> Array:
    return random_conv(np.random.default_rng(0), channels, out, 9)[0][:, :, :kh, :kw]


def test_direct_axes_leave_the_weights_as_they_are() -> None:
    ours = weight(5, 3, 2, 7)
    found = transformed(direct(2, 7), direct(4, 2), ours)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, ours)


@pytest.mark.parametrize("kh", [1, 2, 3, 5])
def test_winograd_s_weights_along_x(kh: int) -> None:
    ours = weight(6, 2, kh, 3)
    found = transformed(F23, direct(2, kh), ours)
    assert found.shape == (6, 2, kh, 4)
    assert found.dtype == np.float32
    left, middle, right = (ours[..., i].astype(np.float64) for i in range(3))
    expected = np.stack([left, (left + middle + right) / 2, (left - middle + right) / 2, right], axis=-1)
    np.testing.assert_array_equal(found, expected.astype(np.float32), "summed in float64, rounded once")


def test_the_axes_are_not_mixed_up() -> None:
    ours = weight(1, 1, 3, 3)
    along_y = transformed(direct(1, 3), F23, ours)
    assert along_y.shape == (1, 1, 4, 3)
    transposed = transformed(F23, direct(1, 3), ours.transpose(0, 1, 3, 2))
    np.testing.assert_array_equal(along_y, transposed.transpose(0, 1, 3, 2))


@pytest.mark.parametrize("x", [direct(4, 3), direct(2, 3), F23], ids=["direct(4,3)", "direct(2,3)", "winograd"])
@pytest.mark.parametrize("y", [direct(1, 2), direct(2, 2)], ids=["direct(1,2)", "direct(2,2)"])
def test_a_block_in_two_dimensions_is_a_convolution(x: Axis, y: Axis) -> None:
    """Whole numbers, and doubled weights, so that halves of them are whole."""
    rng = np.random.default_rng(0)
    texels = rng.integers(-9, 10, (y.window, x.window)).astype(np.float64)
    kernel = 2 * rng.integers(-9, 10, (1, 1, y.taps, x.taps)).astype(np.float32)
    factors = np.array(y.b_t) @ texels @ np.array(x.b_t).T
    found = transformed(x, y, kernel)[0, 0]
    sums = np.zeros((y.sums, x.sums))
    for i, j, k in y.products:
        for m, n, o in x.products:
            sums[k, o] += factors[i, m] * found[j, n]
    pixels = np.array(y.a_t) @ sums @ np.array(x.a_t).T
    for row, column in np.ndindex(y.outputs, x.outputs):
        seen = texels[row : row + y.taps, column : column + x.taps]
        assert pixels[row, column] == (seen * kernel[0, 0]).sum()


def test_what_the_common_sum_begins_with_is_in_every_pixel_once() -> None:
    begun = [Fraction(column == F23.common) for column in range(F23.sums)]
    assert times(F23.a_t, begun) == [1, 1]


TOOM_COOK = [toom_cook(outputs, taps) for outputs, taps in ((2, 3), (4, 3), (6, 3), (2, 5), (4, 5))]


@pytest.mark.parametrize("axis", TOOM_COOK, ids=lambda axis: f"F({axis.outputs},{axis.taps})")
def test_toom_and_cook_take_a_product_for_each_texel(axis: Axis) -> None:
    """Their fractions are floats, so that the last bits may differ."""
    rng = np.random.default_rng(0)
    texels, taps = rng.random(axis.window), rng.normal(size=axis.taps)
    assert len(axis.products) == axis.window == axis.outputs + axis.taps - 1
    products = (np.array(axis.g) @ taps) * (np.array(axis.b_t) @ texels)
    np.testing.assert_allclose(np.array(axis.a_t) @ products, np.convolve(texels, taps[::-1], "valid"), atol=1e-12)
    assert axis.common == 1
    assert all(min(abs(factor) for factor in row if factor) == 1 for row in axis.b_t), "ones where it can"


def test_what_all_outputs_contain() -> None:
    assert F23.common == 1
    assert direct(1, 3).common == 0
    assert direct(2, 3).common is None


def test_a_sum_of_multiples() -> None:
    assert combination((-1, 0, 1), "abc") == "c - a"
    assert combination((0.25, -2, 1), "abc") == ".25 * a + c - 2.0 * b"
    assert combination((-4, 0, 0), "abc") == "-4.0 * a"
    assert combination((1, 0, -0.5), "abc", FP16) == "a - float16_t(.5) * c"


def test_a_matrix_whose_rows_differ_in_signs_shares_their_halves() -> None:
    names = Names(Namer(set()))
    assert list(statements(((1, 2, 3), (1, -2, 3), (0, 1, 0)), "abc", "xyz", FP32, names)) == [
        ("x_even", "a + 3.0 * c"),
        ("x_odd", "2.0 * b"),
        ("x", "x_even + x_odd"),
        ("y", "x_even - x_odd"),
        ("z", "b"),
    ]
