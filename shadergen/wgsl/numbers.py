"""What the passes read from buffers: weights, biases, parameters of channels and rims; and sizes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from shadergen.glsl.index import Index
from shadergen.ir.extent import Extent
from shadergen.ir.ops import Array

FULL, HALF = "numbers", "weights"
"""The buffer's names in WGSL: as 32-bit floats, and in the precision that products are computed in."""


@dataclass(frozen=True)
class Table:
    """Rows of vec4 in the buffer."""

    first: int
    columns: int

    def row(self, number: Index) -> Index:
        """Where a row begins in the buffer."""
        return number.times(self.columns).plus(self.first)

    def fetch(self, column: Index | int, row: Index) -> str:
        """The vec4 in a column and row, in 32 bits."""
        return f"{FULL}[{self.row(row).plus(column)}]"


@dataclass
class Numbers:
    """The buffer while passes are written."""

    tables: list[Array] = field(default_factory=list)
    """Each of shape (rows, columns, 4)."""

    def add(self, texels: Array) -> Table:
        """Put a table behind the others."""
        first = sum(table.shape[0] * table.shape[1] for table in self.tables)
        self.tables.append(np.ascontiguousarray(texels, np.float32))
        return Table(first, texels.shape[1])


@dataclass
class Sizes:
    """Sizes that depend on the picture's in another way than those of textures, while passes are written."""

    pairs: list[tuple[Extent, Extent]] = field(default_factory=list)
    """Each (width, height), functions of the picture's."""

    def add(self, width: Extent, height: Extent) -> str:
        """A vec2i with the two."""
        self.pairs.append((width, height))
        return f"sizes[{len(self.pairs) - 1}]"
