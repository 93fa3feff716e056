"""Draws pictures to train on: bundles of thin lines, as hair, rigging, cables and hatching have them.

    python scripts/strokes.py FOLDER [COUNT]

Photographs and vector drawings have few lines that lie two pixels apart and are a little soft; networks that saw few
join them into beads. Every picture is drawn at four times its size, blurred by up to a pixel and box-reduced. The same
number gives the same picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

SIDE, SCALE = 512, 4
BUNDLES, STROKES = (10, 40), (2, 9)
WIDTH, GAP, BLUR = (0.6, 2.6), (1.6, 6.0), (0.1, 0.9)
"""Of strokes, between their middles, and of the lens, in pixels of the finished picture."""
Points = npt.NDArray[np.float64]


def main() -> None:
    """Draw and save."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 32
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        draw(np.random.default_rng(number)).save(folder / f"strokes{number:03}.png")
    print(f"{folder}: {count} pictures of {SIDE}x{SIDE}")


def draw(rng: np.random.Generator) -> Image.Image:
    """One picture."""
    canvas = Image.fromarray(shading(rng)).resize((SCALE * SIDE,) * 2, Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(*BUNDLES))):
        curve = bezier(rng.uniform(-0.2, 1.2, (4, 2)) * SIDE, straight=rng.random() < 0.4)
        bundle(pen, curve, rng)
    blurred = canvas.filter(ImageFilter.GaussianBlur(SCALE * rng.uniform(*BLUR)))
    return blurred.resize((SIDE, SIDE), Image.Resampling.BOX)


def shading(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Four corners of different colours, to be enlarged smoothly."""
    return rng.integers(0, 256, (2, 2, 3), np.uint8)


def bezier(corners: Points, straight: bool) -> Points:
    """(n, 2) points along a cubic curve, or along the line between its ends."""
    t = np.linspace(0, 1, 64)[:, None]
    if straight:
        return np.asarray(corners[0] * (1 - t) + corners[3] * t)
    shares = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
    return np.asarray(sum(share * corner for share, corner in zip(shares, corners, strict=True)))


def bundle(pen: ImageDraw.ImageDraw, curve: Points, rng: np.random.Generator) -> None:
    """Strokes beside each other along a curve, which may run together at one end."""
    along = np.gradient(curve, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    spread = np.linspace(rng.uniform(0, 1), 1, len(curve))[:, None] if rng.random() < 0.5 else 1.0
    width, gap = rng.uniform(*WIDTH), rng.uniform(*GAP)
    ink = tuple(int(level) for level in rng.integers(0, 256, 3))
    for number in range(int(rng.integers(*STROKES))):
        points = SCALE * (curve + across * number * gap * spread)
        pen.line([(x, y) for x, y in points], ink, max(1, round(SCALE * width)), "curve")


if __name__ == "__main__":
    main()
