"""How a convolution is computed for a block of pixels at once, along one axis.

An invocation that computes several neighbouring pixels reads each texel and each weight once for all of them. Along an
axis the work is: a window of texels (`block + taps - 1` at stride 1) gives the factors, the taps give the weights,
products of factors and weights are added up into sums, and the sums give the block's pixels. The first and the last
step are linear, and so is what is done to the weights, at build time:

    factors = input @ window;  weights = weight @ taps;  sums[k] += factors[i] * weights[j];  pixels = output @ sums

`direct` multiplies every pixel with every tap. `winograd` is F(2,3), 4 products for two pixels instead of 6 (S.
Winograd 1980; A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308, section 4.1).
The two axes of an image are independent, so a pair of axes describes a two-dimensional convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shadergen.ir.ops import Array

Matrix = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Axis:
    """One axis of a blocked convolution."""

    block: int
    """Pixels."""
    taps: int
    input: Matrix
    """(factors, window); every entry is -1, 0 or 1."""
    weight: Matrix
    """(weights, taps)."""
    output: Matrix
    """(block, sums); every entry is -1, 0 or 1."""
    products: tuple[tuple[int, int, int], ...]
    """Indices (factor, weight, sum) of every product."""

    @property
    def window(self) -> int:
        """Texels from the first to the last that the block reads."""
        return len(self.input[0])

    @property
    def read(self) -> tuple[int, ...]:
        """Those texels of the window that count: with dilations, or strides wider than the taps, not all."""
        factors = {factor for factor, _, _ in self.products}
        return tuple(cell for cell in range(self.window) if any(self.input[factor][cell] for factor in factors))

    @property
    def sums(self) -> int:
        """Sums kept while the products are added up."""
        return len(self.output[0])

    @property
    def is_direct(self) -> bool:
        """Whether texels, taps and pixels are used as they are."""
        return len(self.weight) == self.taps


def _identity(size: int) -> Matrix:
    return tuple(tuple(float(row == column) for column in range(size)) for row in range(size))


def direct(block: int, taps: int, stride: int = 1, dilation: int = 1) -> Axis:
    """Every pixel of the block times every tap."""
    products = tuple((pixel * stride + tap * dilation, tap, pixel) for tap in range(taps) for pixel in range(block))
    window = (block - 1) * stride + (taps - 1) * dilation + 1
    return Axis(block, taps, _identity(window), _identity(taps), _identity(block), products)


WINOGRAD = Axis(
    block=2,
    taps=3,
    input=((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1)),
    weight=((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1)),
    output=((1, 1, 1, 0), (0, 1, -1, -1)),
    products=tuple((i, i, i) for i in range(4)),
)
"""F(2,3): two pixels of a convolution of three taps from four products."""


def weights(x: Axis, y: Axis, weight: Array) -> Array:
    """A convolution's weights (out, in, kh, kw) as the axes multiply them: (out, in, y's weights, x's weights)."""
    result: Array = np.einsum("rj,oijk,ck->oirc", y.weight, weight.astype(np.float64), x.weight).astype(np.float32)
    return result
