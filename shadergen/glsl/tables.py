"""Numbers that a shader reads from a texture of its own instead of from its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.glsl.index import Index
from shadergen.hookfile import UserTexture
from shadergen.ir.ops import Array
from shadergen.storage.layout import PACK


@dataclass(frozen=True, eq=False)
class Table:
    """A `TEXTURE` block of 32-bit floats, which both players take."""

    name: str
    texels: Array
    """(rows, columns, 4)."""

    def block(self) -> UserTexture:
        """The block that defines it."""
        rows, columns, _ = self.texels.shape
        data = np.ascontiguousarray(self.texels, "<f4").tobytes()
        return UserTexture(self.name, (columns, rows), "rgba32f", data, filter="NEAREST")

    def fetch(self, column: Index | str, row: Index | str) -> str:
        """The texel in a column and row, as a vec4."""
        return f"texelFetch({self.name}, ivec2({column}, {row}), 0)"


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


def matrix(type_: str, fetches: Sequence[str], vector: str = "") -> str:
    """A matrix (of one column, a vector) from its columns, each as a vec4; `vector` converts them."""
    converted = [f"{vector}({fetch})" if vector else fetch for fetch in fetches]
    return converted[0] if len(converted) == 1 else f"{type_}({', '.join(converted)})"
