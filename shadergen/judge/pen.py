"""A pen for drawn pictures: lines, shapes and letters at four times the size, made small by a box.

So lines have the soft edges of a downscaled master. What it draws is the same for the same Pillow.
"""

from __future__ import annotations

from math import cos, sin, tau

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SCALE = 4
"""Pixels of the canvas for one of the picture."""
INK = (38, 30, 58)
Point = tuple[float, float]
Colour = tuple[int, int, int]


class Pen:
    """ImageDraw in the picture's coordinates, on a canvas SCALE times as large, with round joints and caps."""

    def __init__(self, canvas: ImageDraw.ImageDraw) -> None:
        self.canvas = canvas

    def fill(self, points: list[Point], colour: Colour) -> None:
        self.canvas.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=colour)

    def line(self, points: list[Point], width: float = 1.2, colour: Colour = INK) -> None:
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self.canvas.line(scaled, fill=colour, width=round(width * SCALE), joint="curve")
        for x, y in (scaled[0], scaled[-1]):
            r = width * SCALE / 2
            self.canvas.ellipse((x - r, y - r, x + r, y + r), fill=colour)

    def shape(self, points: list[Point], colour: Colour, width: float = 1.2) -> None:
        self.fill(points, colour)
        self.line([*points, points[0]], width)

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.fill(arc(x, y, radius, 0, 1), colour)

    def text(self, at: Point, text: str, height: float, colour: Colour, outline: float = 0) -> None:
        """Letters of Pillow's own font from `at`, on its baseline, with so many pixels of black about them.

        They are set one by one, so that no shaper, which Pillow may have or not, moves them.
        """
        font = ImageFont.load_default(height * SCALE)
        lefts = np.cumsum([at[0] * SCALE, *(font.getlength(letter) + outline * SCALE / 2 for letter in text)])
        for width, shade in ((round(outline * SCALE), (0, 0, 0)), (0, colour)):
            for left, letter in zip(lefts, text, strict=False):
                self.canvas.text((left, at[1] * SCALE), letter, shade, font, "ls", stroke_width=width)


def arc(x: float, y: float, radius: float, start: float, end: float, squash: float = 1.0) -> list[Point]:
    """Points of an arc; angles in turns, clockwise from three o'clock."""
    angles = np.linspace(start * tau, end * tau, 96)
    return [(x + radius * cos(a), y + radius * squash * sin(a)) for a in angles]


def bezier(*points: Point) -> list[Point]:
    """A cubic curve through its first and last point."""
    a, b, c, d = (np.array(point, float) for point in points)
    curve = [
        (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d for t in np.linspace(0, 1, 48)
    ]
    return [(float(x), float(y)) for x, y in curve]


def reduced(canvas: Image.Image, width: int, height: int) -> Image.Image:
    """The canvas as a picture of that size, by a box."""
    return canvas.resize((width, height), Image.Resampling.BOX)
