"""Weights as literals in the code."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shadergen.glsl import spelling
from shadergen.glsl.spelling import Types
from shadergen.ir.ops import Array
from shadergen.kernels.axis import Axis, transformed
from shadergen.storage.layout import PACK, channels_of

Matrices = dict[int, dict[tuple[int, int], str]]
"""By result pack, and by row and column of the weights: a matrix constructor."""


def matrices(weight: Array, x: Axis, y: Axis, results: Sequence[int], source: int, types: Types) -> Matrices:
    """The weights (out, in, kh, kw) of one source pack for some result packs, as the axes multiply them.

    Those that are all zero are left out. Raises PrecisionError for a number that the precision cannot hold.
    """
    columns = channels_of(source, weight.shape[1])
    found: Matrices = {}
    for result in results:
        rows = channels_of(result, weight.shape[0])
        used = transformed(x, y, weight[rows.start : rows.stop, columns.start : columns.stop])
        padded = np.zeros((PACK, *used.shape[1:]), np.float32)
        padded[: len(rows)] = used
        texts = spelling.literals(padded, types)
        found[result] = {
            (row, column): spelling.matrix(texts[:, :, row, column].T, types)
            for row, column in np.ndindex(padded.shape[2:])
            if padded[:, :, row, column].any()
        }
    return found
