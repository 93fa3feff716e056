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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
    """(factors, window); every entry is -1, 0 or 1."""
    g: Matrix
    """(weights, taps)."""
    a_t: Matrix
    """(outputs, sums); every entry is -1, 0 or 1."""
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
    def common(self) -> int:
        """The sum that every pixel adds as it is, once: what it begins with, such as a bias, is in all of them."""
        return next(column for column, terms in enumerate(zip(*self.a_t, strict=True)) if set(terms) == {1})

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


def transformed(x: Axis, y: Axis, weight: Array) -> Array:
    """A convolution's weights (out, in, kh, kw) as the axes multiply them, U = G g along both axes.

    The result has the shape (out, in, y's weights, x's weights).
    """
    result: Array = np.einsum("rj,oijk,ck->oirc", y.g, weight.astype(np.float64), x.g).astype(np.float32)
    return result


def combination(coefficients: Sequence[float], names: Sequence[str]) -> str:
    """The sum of names with coefficients of -1, 0 and 1, of which one at least is 1."""
    terms = [(coefficient, name) for coefficient, name in zip(coefficients, names, strict=True) if coefficient]
    terms.sort(key=lambda term: term[0] < 0)
    text = terms[0][1]
    for coefficient, name in terms[1:]:
        text += f" {'-' if coefficient < 0 else '+'} {name}"
    return text
