"""Draws tests/cases/sample.png, the project's own sample picture: what a viewer looks at when judging an upscaler.

    python scripts/sample.py [OUT]

Line art with curves, thin diagonals, hatching, small strokes like text, a shaded sky and flat colours. Everything is
drawn at four times the size and box-reduced, so that lines have the soft edges of a downscaled master. Deterministic.
"""

from __future__ import annotations

import sys
from math import cos, pi, sin, tau
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from shadergen.judge.pen import INK, SCALE, Colour, Pen, Point, arc, bezier, reduced

WIDTH, HEIGHT = 320, 240
HORIZON = 150
SUN = (86, 112)
LAMP = (272, 64)


def main() -> None:
    """Draw and save."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "tests/cases/sample.png"
    draw().save(out, optimize=True)
    print(f"{out}: {WIDTH}x{HEIGHT}, {out.stat().st_size} bytes")


def draw(zoom: int = 1) -> Image.Image:
    """The finished picture, or one `zoom` times as large."""
    canvas = Image.fromarray(sky())
    pen = Pen(ImageDraw.Draw(canvas))
    sun(pen)
    mountain(pen)
    sea(pen)
    lighthouse(pen)
    hill(pen)
    boat(pen)
    gulls(pen)
    sign(pen)
    return reduced(canvas, zoom * WIDTH, zoom * HEIGHT)


def sky() -> npt.NDArray[np.uint8]:
    """Dusk, the sun's glow and the lighthouse's beam: smooth shading, in floats and rounded once."""
    y, x = (np.indices((HEIGHT * SCALE, WIDTH * SCALE)) + 0.5) / SCALE
    stops = np.array([[58, 62, 128], [126, 92, 160], [226, 128, 142], [255, 196, 138]], float)
    t = np.clip(y / HORIZON, 0, 1)
    colour = np.stack([np.interp(t, np.linspace(0, 1, len(stops)), stops[:, channel]) for channel in range(3)], axis=-1)
    glow = np.clip(1.6 - np.hypot(x - SUN[0], y - SUN[1]) / 50, 0, 1)
    distance, angle = LAMP[0] - x, np.arctan2(y - LAMP[1], LAMP[0] - x)
    in_beam = np.clip((0.085 - np.abs(angle + 0.16)) * 200, 0, 1)
    beam = in_beam * np.clip(1 - distance / 190, 0, 1) * 0.75
    for light, tint in ((glow**2, (255, 214, 150)), (beam, (255, 236, 200))):
        colour += light[..., None] * (np.array(tint) - colour)
    rounded: npt.NDArray[np.uint8] = np.rint(colour).astype(np.uint8)
    return rounded


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a part `t` of the way from `a` to `b`."""
    red, green, blue = (round(p + (q - p) * t) for p, q in zip(a, b, strict=True))
    return (red, green, blue)


def sun(pen: Pen) -> None:
    """A disc and thin rays at every angle above the horizon."""
    x, y = SUN
    pen.disc(x, y, 30, (255, 240, 196))
    for turn in np.arange(0.5, 1.0, 1 / 32):
        near, far = 49, 62 if round(turn * 32) % 2 else 72
        dx, dy = cos(turn * tau), sin(turn * tau)
        pen.line([(x + near * dx, y + near * dy), (x + far * dx, y + far * dy)], 0.6, (255, 226, 178))


def mountain(pen: Pen) -> None:
    """A sharp ridge and hatching."""
    ridge: list[Point] = [(108, 150), (134, 118), (146, 127), (172, 86), (190, 108), (198, 102), (240, 150)]
    pen.shape(ridge, (150, 104, 150), 1.0)
    pen.shape([(172, 86), (160, 105), (167, 102), (171, 109), (177, 101), (184, 106), (190, 108)], (250, 226, 220), 0.8)
    for k in range(24):  # the shaded side, in hatching that thins out
        x = 178 + 1.5 * k + 0.045 * k * k
        top = float(np.interp(x, [178, 190, 198, 240], [112, 112, 105, 151]))
        pen.line([(x, top), (x - 0.32 * (146 - top), 146)], 0.5, (92, 62, 112))


def sea(pen: Pen) -> None:
    """A vertical gradient, the sun's path and long thin waves."""
    for row in range((HEIGHT - HORIZON) * SCALE):
        t = row / ((HEIGHT - HORIZON) * SCALE)
        y = HORIZON + row / SCALE
        pen.canvas.line([(0, y * SCALE), (WIDTH * SCALE, y * SCALE)], fill=mix((238, 150, 146), (36, 66, 118), t**0.45))
    for k in range(13):  # the sun's path on the water, wider as it nears
        y = 153 + 1.6 * k + 0.28 * k * k
        half = 22 - 8 * sin(k * 2.1) - 0.5 * k
        pen.line([(86 - half, y), (86 + half, y)], 0.7 + 0.05 * k, (255, 224, 176))
    for k in range(5):  # long thin waves
        y = 164 + 13 * k
        wave = [(float(x), y + (0.8 + 0.35 * k) * sin(x / (5 + 1.7 * k) + k)) for x in range(112, 262)]
        pen.line(wave, 0.55 + 0.06 * k, (214, 214, 236))
    pen.line([(0, HORIZON), (WIDTH, HORIZON)], 0.8)


def hill(pen: Pen) -> None:
    """A smooth curve, flat greens and grass."""
    top = bezier((204, 240), (222, 168), (262, 160), (320, 152))
    pen.fill([*top, (320, 240)], (52, 112, 92))
    pen.fill([*bezier((226, 240), (246, 194), (280, 190), (320, 186)), (320, 240)], (38, 84, 80))
    pen.line(top, 1.4)
    for k in range(60):  # grass: short curved strokes, spread by the golden ratio
        x = 236 + 84 * ((k * 0.618034) % 1)
        y = 196 + 40 * ((k * 0.754878) % 1) + max(0.0, 262 - x) * 0.7
        lean = 2.4 * sin(k * 1.7)
        pen.line(bezier((x, y), (x, y - 3), (x + lean / 2, y - 5), (x + lean, y - 7)), 0.6, (126, 178, 112))


def lighthouse(pen: Pen) -> None:
    """Straight slanting edges, bands and a fine railing."""

    def edge(y: float) -> float:
        return 9 + 7 * (y - 76) / 86  # half the tower's width

    pen.fill(
        [(272 - edge(76), 76), (272 + edge(76), 76), (272 + edge(174), 174), (272 - edge(174), 174)], (246, 236, 224)
    )
    for k in range(3):  # slanted red bands
        y = 84 + 27 * k
        pen.fill(
            [
                (272 - edge(y + 5), y + 5),
                (272 + edge(y), y),
                (272 + edge(y + 13), y + 13),
                (272 - edge(y + 18), y + 18),
            ],
            (206, 58, 66),
        )
    for k in range(28):  # shade on the right, as hatching
        y = 77 + 3 * k
        pen.line([(272 + edge(y) * 0.45, y + 3.5), (272 + edge(y), y)], 0.5)
    for y in (100, 128):
        pen.shape([(268, y + 7), (268, y), *arc(271, y, 3, 0.5, 1), (274, y + 7)], (66, 70, 128), 0.9)
    pen.line([(272 - edge(76), 76), (272 - edge(174), 174)], 1.4)
    pen.line([(272 + edge(76), 76), (272 + edge(174), 174)], 1.4)
    pen.shape([(259, 72), (285, 72), (284, 76), (260, 76)], (90, 82, 112))
    for k in range(9):  # railing
        pen.line([(260 + 3 * k, 66), (260 + 3 * k, 72)], 0.5)
    pen.line([(260, 66), (284, 66)], 0.6)
    pen.shape([(266, 72), (266, 57), (278, 57), (278, 72)], (255, 236, 150))
    pen.line([(270, 57), (270, 72)], 0.6)
    pen.line([(274, 57), (274, 72)], 0.6)
    pen.shape([(263, 57), *arc(272, 57, 9, 0.5, 1, 0.9), (281, 57)], (206, 58, 66))
    pen.line([(272, 49), (272, 42)], 0.8)
    pen.disc(272, 41, 1.4, INK)


def boat(pen: Pen) -> None:
    """Curved sails and thin rigging."""
    pen.line([(64, 206), (67, 136)], 1.3)
    pen.shape([*bezier((69, 140), (88, 158), (98, 176), (100, 197)), (67, 199)], (250, 240, 222), 1.1)
    pen.shape([*bezier((64, 146), (52, 166), (44, 182), (38, 198)), (62, 199)], (232, 92, 76), 1.1)
    for k in range(1, 7):  # seams
        t = k / 7
        pen.line([(68.5 - 1.4 * t, 140 + 58 * t), (69 + 31 * t**0.75, 140 + 56 * t)], 0.45, (150, 122, 140))
    pen.line([(67, 136), (30, 205)], 0.45)  # rigging
    pen.line([(67, 136), (108, 204)], 0.45)
    hull = bezier((28, 204), (38, 224), (84, 226), (108, 203))
    pen.shape([*hull, (28, 204)], (120, 66, 58), 1.4)
    pen.line(bezier((31, 209), (44, 222), (82, 223), (105, 208)), 0.7, (240, 214, 180))
    pen.line([(67, 136), (68, 128)], 0.7)
    pen.shape([(68, 128), *bezier((68, 128), (73, 125), (76, 132), (82, 128)), (68, 133)], (250, 206, 84), 0.7)
    for k in range(7):  # reflection
        y = 224 + 2.2 * k
        pen.line([(40 + 5 * sin(k * 2.4), y), (94 - 4 * k + 6 * sin(k * 1.9), y)], 0.6, (104, 86, 120))


def gulls(pen: Pen) -> None:
    """Small curves."""
    for x, y, size in ((150, 62, 9.0), (172, 70, 6.5), (134, 76, 5.0), (203, 54, 7.0), (38, 60, 6.0)):
        left = bezier(
            (x - size, y - size * 0.15), (x - size * 0.7, y - size * 0.6), (x - 0.3 * size, y - 0.4 * size), (x, y)
        )
        right = [(2 * x - p, q) for p, q in left]
        pen.line(left, 0.8)
        pen.line(right, 0.8)


def sign(pen: Pen) -> None:
    """A board with strokes the size of small print."""
    pen.line([(236, 240), (238, 204)], 2.0)
    pen.line([(296, 240), (294, 204)], 2.0)
    pen.shape([(228, 198), (304, 195), (306, 227), (230, 229)], (244, 226, 188), 1.3)
    x = 235.0
    for letter in "SHADERGEN":
        write(pen, letter, x, 202 - (x - 235) * 0.03, 5.4, 7.5, 0.95)
        x += 7.4
    x = 235.0
    for letter in "2X LINES HATCH CURVES":
        write(pen, letter, x, 213.5 - (x - 235) * 0.03, 2.3, 4, 0.5)
        x += 3.25
    for k in range(11):
        pen.line([(236 + 6 * k, 222), (238.5 + 6 * k + 1.2 * sin(k * pi / 3), 225.5)], 0.5)


GLYPHS: dict[str, str] = {  # strokes on a 3x3 grid, numbered 0-8 row by row
    "2": "0125 53 36 678", "A": "61 18 35", "C": "210 06 678", "D": "015 57 76 60", "E": "20 06 68 34",
    "G": "210 06 68 85 54", "H": "06 28 35", "I": "17", "L": "06 68", "N": "60 08 82", "R": "60 02 25 53 48",
    "S": "20 03 35 58 86", "T": "02 17", "U": "06 68 82", "V": "07 72", "X": "08 26", " ": "",
}  # fmt: skip


def write(pen: Pen, letter: str, x: float, y: float, width: float, height: float, weight: float) -> None:
    """One letter of straight strokes."""
    for stroke in GLYPHS[letter].split():
        points = [(x + (int(n) % 3) * width / 2, y + (int(n) // 3) * height / 2) for n in stroke]
        pen.line(points, weight)


if __name__ == "__main__":
    main()
