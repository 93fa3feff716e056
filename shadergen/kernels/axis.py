"""How several neighbouring pixels of a convolution are computed at once, along one axis.

An invocation that computes several neighbouring pixels reads each texel and each weight once for all of them. With the
names of Lavin and Gray, F(m, r) gives m outputs of a filter of r taps from an input d of m + r - 1 texels (stride 1):

    U = G g,  V = B^T d,  Y = A^T M,  where M[k] is the sum of the products V[i] * U[j] that (i, j, k) lists

G is applied when the shader is written. `direct` has identities for all three: every pixel times every tap. `F23` takes
4 products for two pixels instead of 6 (S. Winograd 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural
Networks, arXiv:1509.09308, section 4.1). The two axes of an image are independent, so a pair of them describes a
two-dimensional convolution.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import numpy as np

from shadergen.glsl import spelling
from shadergen.glsl.addressing import Names
from shadergen.glsl.spelling import FP16, FP32, Statement, Types
from shadergen.ir.ops import Array

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Axis:
    """One axis of a convolution for several pixels."""

    outputs: int
    """Pixels, the paper's m."""
    taps: int
    """Of the kernel, the paper's r."""
    b_t: Matrix
    """(factors, window)."""
    g: Matrix
    """(weights, taps)."""
    a_t: Matrix
    """(outputs, sums)."""
    products: tuple[tuple[int, int, int], ...]
    """Indices (factor, weight, sum) of every product."""

    @property
    def window(self) -> int:
        """Texels from the first to the last that the pixels read."""
        return len(self.b_t[0])

    @property
    def read(self) -> tuple[int, ...]:
        """Those texels of the window that count: with dilations, or strides wider than the taps, not all."""
        factors = {factor for factor, _, _ in self.products}
        return tuple(texel for texel in range(self.window) if any(self.b_t[factor][texel] for factor in factors))

    @property
    def sums(self) -> int:
        """Sums kept while the products are added up."""
        return len(self.a_t[0])

    @property
    def common(self) -> int | None:
        """The sum that every pixel adds as it is, once: what it begins with, such as a bias, is in all of them."""
        return next((k for k, terms in enumerate(zip(*self.a_t, strict=True)) if set(terms) == {1}), None)

    @property
    def growth(self) -> float:
        """How many times larger the rounding errors of its products make a pixel's than those of a direct axis do.

        As standard deviations, of texels and taps that are all alike and of errors that are independent: a product's is
        in proportion to its factor and weight, and reaches each pixel times an entry of A^T.
        """
        factors, weights, pixels = (np.square(np.array(matrix, float)) for matrix in (self.b_t, self.g, self.a_t))
        sizes = factors.sum(axis=1), weights.sum(axis=1)
        variances = sum(sizes[0][i] * sizes[1][j] * pixels[:, k] for i, j, k in self.products)
        return float(np.sqrt(np.mean(variances) / self.taps))

    @property
    def is_direct(self) -> bool:
        """Whether texels, taps and pixels are used as they are."""
        return len(self.g) == self.taps


def _identity(size: int) -> Matrix:
    return tuple(tuple(float(row == column) for column in range(size)) for row in range(size))


def direct(outputs: int, taps: int, stride: int = 1, dilation: int = 1) -> Axis:
    """Every one of the pixels times every tap."""
    products = tuple((pixel * stride + tap * dilation, tap, pixel) for tap in range(taps) for pixel in range(outputs))
    window = (outputs - 1) * stride + (taps - 1) * dilation + 1
    return Axis(outputs, taps, _identity(window), _identity(taps), _identity(outputs), products)


F23 = Axis(
    outputs=2,
    taps=3,
    b_t=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    g=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    a_t=((1, 1, 1, 0), (0, 1, -1, -1)),
    products=tuple((i, i, i) for i in range(4)),
)
"""Winograd's F(2,3): two pixels of a convolution of three taps from four products."""


POINTS = tuple(map(Fraction, ("0", "1", "-1", "2", "-2", "1/2", "-1/2")))
"""Where Toom and Cook evaluate polynomials: those whose powers are small."""


def toom_cook(outputs: int, taps: int) -> Axis:
    """F(outputs, taps) for up to 8 texels: as many products as there are texels, instead of outputs * taps.

    An output is a coefficient of the product of two polynomials, which is known from its values at enough points, of
    which one is infinity; transposed, that is a correlation (Lavin and Gray, section 4; S. Winograd, Arithmetic
    Complexity of Computations, 1980). The transform of the texels has ones where it can, and the weights the fractions.
    """
    points = POINTS[: outputs + taps - 2]
    assert len(points) == outputs + taps - 2, "there are points for 8 texels"
    every = _from_roots(points)
    b_t, g = [], []
    for point in points:
        others = [other for other in points if other != point]
        row, scale = _from_roots(others), prod(point - other for other in others)
        least = min(abs(number) for number in row if number)
        b_t.append([number / least for number in row] + [Fraction(0)])
        g.append([point**tap * least / scale for tap in range(taps)])
    b_t.append(every)
    g.append([Fraction(tap == taps - 1) for tap in range(taps)])
    a_t = [[point**output for point in points] + [Fraction(output == outputs - 1)] for output in range(outputs)]
    products = tuple((i, i, i) for i in range(len(b_t)))
    return Axis(outputs, taps, _floats(b_t), _floats(g), _floats(a_t), products)


def _from_roots(roots: Sequence[Fraction]) -> list[Fraction]:
    """The coefficients, from the lowest power on, of the polynomial of leading coefficient 1 with those roots."""
    found = [Fraction(1)]
    for root in roots:
        found = [low - root * high for low, high in zip([Fraction(0), *found], [*found, Fraction(0)], strict=True)]
    return found


def _floats(matrix: Sequence[Sequence[Fraction]]) -> Matrix:
    return tuple(tuple(map(float, row)) for row in matrix)


def transformed(x: Axis, y: Axis, weight: Array) -> Array:
    """A convolution's weights (out, in, kh, kw) as the axes multiply them, U = G g along both axes.

    The result has the shape (out, in, y's weights, x's weights).
    """
    result: Array = np.einsum("rj,oijk,ck->oirc", y.g, weight.astype(np.float64), x.g).astype(np.float32)
    return result


def combination(coefficients: Sequence[float], names: Sequence[str], types: Types = FP32) -> str:
    """The sum of multiples of names, of which one factor at least is not 0; one that is added stands first.

    Factors other than 1 and -1 are literals of the scalar type of `types`.
    """
    terms = [(coefficient, name) for coefficient, name in zip(coefficients, names, strict=True) if coefficient]
    terms.sort(key=lambda term: term[0] < 0)
    text = ""
    for coefficient, name in terms:
        sign = "-" if coefficient < 0 else "+"
        factor = "" if abs(coefficient) == 1 else f"{_scalar(abs(coefficient), types)} * "
        text += f" {sign} {factor}{name}" if text else f"{'-' if sign == '-' else ''}{factor}{name}"
    return text


def _scalar(value: float, types: Types) -> str:
    literal = spelling.literal(value, types)
    return f"{types.scalar}({literal})" if types is FP16 else literal


def statements(
    matrix: Matrix, inputs: Sequence[str], outputs: Sequence[str], types: Types, names: Names
) -> Iterator[Statement]:
    """The products of a matrix with the vector of `inputs`, named as `outputs` says.

    Two rows that differ in the signs of some columns share the sums of those and of the others.
    """
    done = False
    for number, (row, output) in enumerate(zip(matrix, outputs, strict=True)):
        following = matrix[number + 1] if number + 1 < len(matrix) else None
        if done:
            done = False
        elif following and _differ_in_signs(row, following):
            same = [a if a == b else 0.0 for a, b in zip(row, following, strict=True)]
            other = [a if a != b else 0.0 for a, b in zip(row, following, strict=True)]
            even, odd = names.fresh(f"{output}_even"), names.fresh(f"{output}_odd")
            yield even, combination(same, inputs, types)
            yield odd, combination(other, inputs, types)
            yield output, f"{even} + {odd}"
            yield outputs[number + 1], f"{even} - {odd}"
            done = True
        else:
            yield output, combination(row, inputs, types)


def _differ_in_signs(row: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two rows are a sum and a difference of the same halves, of which one at least has several terms."""
    if any(abs(a) != abs(b) for a, b in zip(row, other, strict=True)):
        return False
    same = sum(a == b != 0 for a, b in zip(row, other, strict=True))
    opposite = sum(a == -b != 0 for a, b in zip(row, other, strict=True))
    return same > 0 and opposite > 0 and same + opposite > 2
