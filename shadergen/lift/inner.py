"""Layers within a pass: functions of neighbourhoods, at the pass's own pixel and at those around it.

A fused pass computes a layer around its pixels as well, and the layer behind reads that. Outside of the picture it is
zero there, or that of the nearest pixel, whatever the layer would be of what lies outside. So a function has a place of
its own: the pixel in the middle of those that it reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shadergen.lift.affine import Arena, Form, Scalar, texel_of
from shadergen.lift.periods import Cells

Place = tuple[int, int]
"""Cells to the right and below."""


@dataclass
class Inner:
    """The functions of a pass that are layers of their own, by the numbers that the arena has for them."""

    arena: Arena
    cells: Cells
    _reads: dict[int, tuple[frozenset[Place], frozenset[int]]] = field(default_factory=dict)

    def reads(self, number: int) -> tuple[frozenset[Place], frozenset[int]]:
        """The cells and the textures that a function reads."""
        if number not in self._reads:
            places, textures = set(), set()
            for atom in self.arena.texels(Form({number: 1.0})):
                texture, _, x, y = texel_of(atom)
                width, height = self.cells.sources[texture]
                places.add((x // width, y // height))
                textures.add(texture)
            self._reads[number] = frozenset(places), frozenset(textures)
        return self._reads[number]

    def place(self, number: int) -> Place | None:
        """Where a function is: in the middle of what it reads; None where there is no middle."""
        places, _ = self.reads(number)
        sums = [min(extents) + max(extents) for extents in zip(*places, strict=True)]
        return None if any(total % 2 for total in sums) else (sums[0] // 2, sums[1] // 2)

    def moved(self, number: int, by: Place) -> int:
        """The same function of another neighbourhood."""
        ((other, _),) = self.arena.moved(Form({number: 1.0}), self.cells.moves(by)).terms.items()
        return int(other)

    def any_around(self, forms: Mapping[tuple[int, int, int], Scalar]) -> bool:
        """Whether some function is at another pixel than the forms are."""
        return any(self.place(number) not in (None, (0, 0)) for number in self.arena.functions(forms.values()))
