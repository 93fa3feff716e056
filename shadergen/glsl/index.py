"""Integer expressions of GLSL that are computed as far as they can be when the shader is written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Index:
    """A sum of variables times numbers, and of a number, in the order in which they were added.

    `Index.of("pack").times(4).plus(1)` is written as `pack * 4 + 1`, and `Index.number(3).times(4).plus(1)` as `13`.
    A variable is a name, or an expression that binds as tightly as a product does.
    """

    terms: tuple[tuple[str, int], ...] = ()
    """Each a variable with its factor, which is not 0; one at most has no variable, and is the number."""

    @classmethod
    def of(cls, variable: str) -> Index:
        """A variable by itself."""
        return cls(((variable, 1),))

    @classmethod
    def number(cls, number: int) -> Index:
        """A number that is known now."""
        return cls((("", number),) if number else ())

    def times(self, factor: int) -> Index:
        """The expression multiplied by a number, term by term."""
        return Index(tuple((variable, own * factor) for variable, own in self.terms if factor))

    def plus(self, other: Index | int) -> Index:
        """The sum; equal variables, and numbers, are added up where the first of them stands."""
        total = dict(self.terms)
        for variable, factor in (Index.number(other) if isinstance(other, int) else other).terms:
            total[variable] = total.get(variable, 0) + factor
        return Index(tuple((variable, factor) for variable, factor in total.items() if factor))

    @property
    def factor(self) -> str:
        """The expression as a variable of another: in parentheses, where it is a sum."""
        return f"({self})" if len(self.terms) > 1 else str(self)

    def __str__(self) -> str:
        return " + ".join(_term(variable, factor) for variable, factor in self.terms) or "0"


def _term(variable: str, factor: int) -> str:
    if not variable:
        return str(factor)
    return variable if factor == 1 else f"{variable} * {factor}"
