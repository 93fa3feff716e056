"""Whether two forms are one and the same but for rounding, at different places of the picture."""

from __future__ import annotations

from collections.abc import Mapping

from shadergen.lift.affine import Arena, Form, Scalar, texture_of

TOLERANCE = 2e-6
"""By how much weights may differ, as a share of the largest beside them: that of Winograd's fp32 literals is 4e-7."""

Moves = Mapping[int, int]
"""By how much texels are moved, as `shift` has it, for each texture."""


class Comparison:
    """Compares forms of one arena, of which the second is of texels that are moved."""

    def __init__(self, arena: Arena, moves: Moves) -> None:
        self._arena = arena
        self._moves = moves
        self._known: dict[tuple[int, int], bool] = {}

    def same(self, a: Scalar, b: Scalar) -> bool:
        """Whether `b` is `a` with its texels moved."""
        if type(a) is not Form or type(b) is not Form:
            return type(a) is not Form and type(b) is not Form and _close(a, b, abs(a))
        largest = max(abs(weight) for weight in a.terms.values())
        if not _close(a.constant, b.constant, max(largest, abs(a.constant))):
            return False
        left = dict(b.terms)
        for atom, weight in a.terms.items():
            other = self._partner(atom, left)
            if not _close(weight, left.pop(other, 0.0) if other is not None else 0.0, largest):
                return False
        return all(_close(weight, 0.0, largest) for weight in left.values())

    def _partner(self, atom: int, among: Mapping[int, float]) -> int | None:
        """Which of some atoms is the moved one."""
        if atom >= 0:
            move = self._moves.get(texture_of(atom))
            return None if move is None else atom + move
        return next((other for other in among if other < 0 and self._same_atom(atom, other)), None)

    def _same_atom(self, a: int, b: int) -> bool:
        known = self._known.get((a, b))
        if known is None:
            left, right = self._arena.atom(a), self._arena.atom(b)
            known = (
                left.name == right.name
                and left.parameters == right.parameters
                and all(self.same(x, y) for x, y in zip(left.operands, right.operands, strict=True))
            )
            self._known[a, b] = known
        return known


def _close(a: float, b: float, largest: float) -> bool:
    return a == b or abs(a - b) <= TOLERANCE * largest
