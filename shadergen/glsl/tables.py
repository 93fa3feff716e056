"""Numbers that a shader reads from a texture of its own instead of from its code.

Which format a TEXTURE may have depends on the renderer (mpv at b955aa28f: video/out/opengl/formats.c,
video/out/d3d11/ra_d3d11.c; libplacebo at 3be579e6: src/opengl/formats.c, src/vulkan/formats.c, src/d3d11/formats.c):

| format | vo=gpu: OpenGL | OpenGL ES | Direct3D 11 | libplacebo: OpenGL | OpenGL ES | Vulkan, Direct3D 11 |
|---|---|---|---|---|---|---|
| rgba32f | yes | no | yes | yes | no, it cannot be sampled | yes |
| rgba16f | yes | yes | no | yes | yes | yes |
| rgba16hf | no | no | yes | yes | yes | yes |
| rgba8 | yes | yes | yes | yes | yes | yes |

Compute passes run on no OpenGL ES, since neither player tries: their tables are rgba32f. Fragment passes run everywhere
and have theirs in rgba8, where a number is 24 bits of fixed point in three bytes. What is lost is 6e-8 of the table's
largest number, as much as in fp32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from shadergen.glsl import spelling
from shadergen.glsl.index import Index
from shadergen.glsl.spelling import FP32
from shadergen.hookfile import UserTexture
from shadergen.ir.ops import Array
from shadergen.storage.layout import PACK
from shadergen.target import TableFormat

BYTES = 3
"""Of a number in rgba8, the first of them the highest. A texel has one byte of four numbers."""
ZERO = 1 << 8 * BYTES - 1
"""Which number of units zero is kept as."""
EXPONENTS = (-126, 127)
"""Of normal numbers of fp32."""


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers as a `TEXTURE` block, and the GLSL that reads them."""

    name: str
    texels: Array
    """(rows, columns, 4)."""
    format: TableFormat
    places: int = 0
    """How many of the first columns hold whole numbers below 2^23 in size. In rgba8 each is kept as so many units."""

    @cached_property
    def unit(self) -> float:
        """In rgba8, the power of two that the numbers are multiples of: the smallest with which they fit."""
        largest = float(np.abs(self.texels[:, self.places :]).max(initial=0))
        exponent = math.frexp(largest)[1] - (8 * BYTES - 1)
        if largest > (ZERO - 1) * math.ldexp(1, exponent):
            exponent += 1  # it would round to one more than there is
        return math.ldexp(1, max(exponent, EXPONENTS[0]))

    def block(self) -> UserTexture:
        """The block that defines it; in rgba8 a row has the first bytes of all numbers, then the second, the third."""
        rows, columns, _ = self.texels.shape
        if self.format == "rgba32f":
            data = np.ascontiguousarray(self.texels, "<f4").tobytes()
            return UserTexture(self.name, (columns, rows), self.format, data, filter="NEAREST")
        units = np.array(self.texels, np.float64)
        units[:, self.places :] /= self.unit
        data = np.concatenate(_bytes(np.rint(units).astype(np.int64) + ZERO), axis=1).tobytes()
        return UserTexture(self.name, (BYTES * columns, rows), self.format, data, filter="NEAREST")

    @property
    def reader(self) -> str:
        """In rgba8, the name of the function that reads it; else empty."""
        return "" if self.format == "rgba32f" else f"{self.name}_at"

    @property
    def value(self) -> str:
        """What that function returns for its `column` and `row`; it calls `number`."""
        offsets = [self.texels.shape[1] * byte for byte in range(BYTES)]
        fetches = [self._texel(Index.of("column").plus(offset), "row") for offset in offsets]
        return f"number({', '.join(fetches)}, {spelling.literal(self.unit, FP32)})"

    def fetch(self, column: Index | str, row: Index | str, scale: float = 1.0) -> str:
        """The numbers in a column and row times a power of two, as a vec4."""
        numbers = f"{self.reader}({column}, {row})" if self.reader else self._texel(column, row)
        return numbers if scale == 1 else f"{spelling.literal(scale, FP32)} * {numbers}"

    def fetch_whole(self, column: Index | str, row: Index | str) -> str:
        """The whole numbers in one of the first columns, as an ivec4."""
        numbers = self.fetch(column, row, 1 / self.unit if self.reader else 1.0)
        return f"ivec4(round({numbers}))" if self.reader else f"ivec4({numbers})"

    def _texel(self, column: Index | str, row: Index | str) -> str:
        return f"texelFetch({self.name}, ivec2({column}, {row}), 0)"


def _bytes(units: npt.NDArray[np.int64]) -> list[npt.NDArray[np.uint8]]:
    """The bytes of whole numbers, the highest first."""
    return [(units >> 8 * (BYTES - 1 - byte) & 255).astype(np.uint8) for byte in range(BYTES)]


def scale(numbers: Array, format: TableFormat) -> float:
    """What some of a table's numbers are to be divided by, so that they have all digits beside much larger ones: in
    rgba8 the power of two that brings the largest of them to between a half and 1.
    """
    largest = float(np.abs(numbers).max(initial=0))
    return math.ldexp(1, min(math.frexp(largest)[1], EXPONENTS[1])) if largest and format == "rgba8" else 1.0


def columns(weight: Array, lanes: int) -> Array:
    """Weights (out, in, kh, kw) as the columns of 4x4 matrices: (result packs, source packs, kh, kw, lanes, 4).

    `lanes` are those of the source's texels; missing channels are zero.
    """
    out, in_, kh, kw = weight.shape
    results, sources = -(-out // PACK), -(-in_ // lanes)
    padded = np.zeros((PACK * results, lanes * sources, kh, kw), np.float32)
    padded[:out, :in_] = weight
    return padded.reshape(results, PACK, sources, lanes, kh, kw).transpose(0, 2, 4, 5, 3, 1)


def packs(bias: Array) -> Array:
    """A bias (out,) as (result packs, 4)."""
    padded = np.zeros(-(-len(bias) // PACK) * PACK, np.float32)
    padded[: len(bias)] = bias
    return padded.reshape(-1, PACK)


def rows(weight: Array, bias: Array, lanes: int, results: Sequence[int]) -> Array:
    """A table's numbers (result packs x source packs, columns, 4) for some packs of the result, from (out, in, kh, kw).

    A row has in its first column the bias of the result pack, if it is the pack's first row, then the matrices' columns
    tap by tap.
    """
    matrices = columns(weight, lanes)[list(results)]
    count, sources = matrices.shape[:2]
    biases = np.zeros((count, sources, 1, PACK), np.float32)
    biases[:, 0, 0] = packs(bias)[list(results)]
    taps = matrices.reshape(count, sources, -1, PACK)
    return np.concatenate([biases, taps], axis=2).reshape(count * sources, -1, PACK)


def matrix(type_: str, columns: Sequence[str]) -> str:
    """A matrix (of one column, a vector) from its columns, each a vec4."""
    return columns[0] if len(columns) == 1 else f"{type_}({', '.join(columns)})"
