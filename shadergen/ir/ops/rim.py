"""What a rewrite puts right near the borders of an image."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.ir.ops.checks import Array, Inputs, expect_kernel, one
from shadergen.ir.types import TensorType


@dataclass(frozen=True, eq=False)
class RimTerm:
    """A convolution that counts only in one row, in one column, or at the one pixel where both meet.

    Indices are Python's: 0 the first, 1 the second, -1 the last. What an image is too small to have does not count,
    and in an image of one row both 0 and -1 are that row.
    """

    row: int | None
    """None: every row, if `column` is given."""
    column: int | None
    """None: every column, if `row` is given."""
    weight: Array
    """(out, in, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    dy: int
    """How many rows below the pixel the first tap lies; the others follow it downwards."""
    dx: int
    """How many columns right of the pixel the first tap lies; the others follow it to the right."""


@dataclass(frozen=True, eq=False)
class Rim:
    """Near the borders, a sum of convolutions; zero elsewhere. The size stays.

    At (y, x), y[o] = sum over the terms for that row and column of bias[o] + sum over i, ky, kx of
    weight[o, i, ky, kx] * x[i, y+dy+ky, x+dx+kx], where x is zero outside of the image. No file has it: it is what
    rewrites put right at the borders, and a vanishing part of a picture's work.
    """

    terms: tuple[RimTerm, ...]
    """One or more, all from and to the same numbers of channels."""

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        if not self.terms:
            raise ValueError("found no terms, expected one or more")
        for term in self.terms:
            expect_kernel(term.weight, term.bias, 1, x)
            if term.row is None and term.column is None:
                raise ValueError("found a term for every pixel, expected a row or a column")
        outs = {len(term.bias) for term in self.terms}
        if len(outs) > 1:
            raise ValueError(f"found terms with {sorted(outs)} output channels, expected the same number")
        return TensorType(outs.pop(), x.height, x.width)
