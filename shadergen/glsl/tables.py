"""Numbers that a shader reads from a texture of its own instead of from its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.hookfile import UserTexture
from shadergen.ir.ops import Array


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

    def fetch(self, column: str | int, row: str | int) -> str:
        """The texel in a column and row, as a vec4."""
        return f"texelFetch({self.name}, ivec2({column}, {row}), 0)"


def index(major: str | int, count: int, minor: str | int) -> str:
    """`major * count + minor` in GLSL, computed as far as it can be now. Expressions must be names or products."""
    if isinstance(major, int):
        start = major * count
        if isinstance(minor, int):
            return str(start + minor)
        return f"{start} + {minor}" if start else minor
    scaled = major if count == 1 else f"{major} * {count}"
    return scaled if minor == 0 else f"{scaled} + {minor}"


def table_name(prefix: str, node: str, packs: Sequence[int], every: int) -> str:
    """The name of the table for some of a node's packs, `every` in all.

    No saved texture has it: its last word is neither a word nor a number.
    """
    numbers = "0" if len(packs) == every else f"{'_'.join(map(str, packs))}of{every}"
    return f"{prefix}_{node}_{numbers}w"


def columns(weight: Array, lanes: int) -> Array:
    """Weights (out, in, kh, kw) as the columns of 4x4 matrices: (result packs, source packs, kh, kw, lanes, 4).

    `lanes` are those of the source's texels; missing channels are zero.
    """
    out, in_, kh, kw = weight.shape
    results, sources = -(-out // 4), -(-in_ // lanes)
    padded = np.zeros((4 * results, lanes * sources, kh, kw), np.float32)
    padded[:out, :in_] = weight
    return padded.reshape(results, 4, sources, lanes, kh, kw).transpose(0, 2, 4, 5, 3, 1)


def packs(bias: Array) -> Array:
    """A bias (out,) as (result packs, 4)."""
    padded = np.zeros(-(-len(bias) // 4) * 4, np.float32)
    padded[: len(bias)] = bias
    return padded.reshape(-1, 4)


def matrix(type_: str, fetches: Sequence[str], vector: str = "") -> str:
    """A matrix (of one column, a vector) from its columns, each as a vec4; `vector` converts them."""
    converted = [f"{vector}({fetch})" if vector else fetch for fetch in fetches]
    return converted[0] if len(converted) == 1 else f"{type_}({', '.join(converted)})"
