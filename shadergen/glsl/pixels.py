"""The pixels that an invocation computes."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.glsl.index import Index

LETTERS = "abcdefghijklmnop"
MAX_PIXELS = len(LETTERS)
"""Of an invocation: each has a letter."""


@dataclass(frozen=True)
class Pixel:
    """One of an invocation's pixels."""

    letter: str
    """What its registers' names end with; empty where there is only one."""
    x: int
    y: int
    """From the invocation's first pixel, whose position is in the variable `pixel`."""

    @property
    def at(self) -> str:
        """Its position, an ivec2."""
        return f"pixel + ivec2({self.x}, {self.y})" if self.x or self.y else "pixel"

    def times(self, factors: tuple[int, int]) -> str:
        """Its position times a factor along x, and one along y."""
        if factors == (1, 1):
            return self.at
        at = f"({self.at})" if self.x or self.y else self.at
        return f"{at} * {factors[0]}" if factors[0] == factors[1] else f"{at} * ivec2({factors[0]}, {factors[1]})"


def moved(at: str, columns: Index | int, rows: Index | int) -> str:
    """A position that lies so many columns and rows from another."""
    offset = f"{columns}, {rows}"
    return at if offset == "0, 0" else f"{at} + ivec2({offset})"


def pixels(size: tuple[int, int]) -> tuple[Pixel, ...]:
    """The pixels of an invocation that computes (width, height) of them, row by row."""
    width, height = size
    many = width * height > 1
    return tuple(Pixel(LETTERS[y * width + x] if many else "", x, y) for y in range(height) for x in range(width))
