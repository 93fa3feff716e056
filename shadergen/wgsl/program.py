"""What is written: passes, the values between them, and the numbers that they read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from math import lcm

from shadergen.ir.extent import Extent
from shadergen.ir.graph import Plane
from shadergen.ir.ops import Array
from shadergen.wgsl.small import bare, small


@dataclass(frozen=True)
class Size:
    """A size along an axis, for a picture of n pixels: (times * n + plus[n mod its length]) / over."""

    times: int
    over: int
    plus: tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """A value in a texture: an array of layers, one for each pack, with a column and a row of zeros behind the last."""

    name: str
    packs: int
    width: Size
    height: Size


@dataclass(frozen=True)
class ComputePass:
    """A compute pass in WGSL, entered at `main` by workgroups of `WORKGROUP` threads.

    Its bindings, all of group 0: 0 the numbers as 32-bit floats, 1 the numbers in the precision of products, 2 sizes,
    3 the texture it writes, from 4 on those it reads.
    """

    writes: str
    reads: tuple[str, ...]
    block: tuple[int, int]
    """Pixels of the result, (width, height), that a thread computes."""
    layers: int
    """How many of the threads lie behind each other, each for other packs."""
    code: str


WORKGROUP = (8, 8)
"""Threads, (width, height): 64, a whole number of waves on every GPU."""


@dataclass(frozen=True)
class Program:
    """A model as compute passes of WebGPU."""

    plane: Plane
    input: str
    output: str
    values: tuple[Value, ...]
    """What is in textures, the input and the output among them."""
    sizes: tuple[tuple[Size, Size], ...]
    """Pairs of (width, height) that passes ask for, besides those of textures."""
    head: str
    """WGSL in front of every pass. It leaves `half4` and matrices of it to the page, which has them in 16 bits where
    the GPU can; `rgba16float` is the one format of textures, which tests replace."""
    passes: tuple[ComputePass, ...]
    tables: tuple[Array, ...]
    """The numbers, each of shape (rows, columns, 4), one behind the other in the buffer."""

    def text(self) -> str:
        """The program as text for a page: a line of JSON, then the numbers as in hook files, a line for each table.

        `templates/web/program.js` reads it.
        """
        described = {name: value for name, value in asdict(self).items() if name != "tables"}
        passes = [asdict(item) | {"code": small(item.code)} for item in self.passes]
        described |= {"head": bare(self.head), "passes": passes}
        return "\n".join([json.dumps(described), "//!FORMAT rgba32f", *_hexadecimal(self.tables), ""])


def size_of(extent: Extent) -> Size:
    """A size in whole numbers."""
    parts = [Fraction(extent.offset) + rest for rest in extent.rest or (Fraction(0),)]
    over = lcm(extent.scale.denominator, *(part.denominator for part in parts))
    return Size(int(extent.scale * over), over, tuple(int(part * over) for part in parts))


def _hexadecimal(tables: tuple[Array, ...]) -> Iterator[str]:
    yield from (table.astype("<f4").tobytes().hex() for table in tables)
