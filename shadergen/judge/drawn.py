"""Small pictures that stand for what viewers see, drawn here: subtitles, credits, grain, dark gradients, tone, sprites.

They are named, need no files, and each has a spot to look at. They are the same for the same Pillow and NumPy. The
words are the project's own, the letters those of the font within Pillow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from shadergen.ir.graph import Plane
from shadergen.judge.cases import Picture, blurred
from shadergen.judge.pen import SCALE, Colour, Pen, bezier, reduced

WIDTH, HEIGHT = 256, 192
FOLDER = "cases"
"""What stands where the folder of a picture does."""
Real = npt.NDArray[np.float64]
"""RGB of shape (HEIGHT, WIDTH, 3) in 0..255, unless said otherwise."""


def named_cases(plane: Plane) -> list[Picture]:
    """The pictures, for models of a plane: without colour, there is nothing for those of chroma to bring back."""
    found = []
    for name, (draw, spot) in _CASES.items():
        levels = np.rint(np.clip(draw(), 0, 255))
        if plane != "chroma" or np.ptp(levels, axis=2).any():
            found.append(Picture(FOLDER, name, np.moveaxis(levels / 255, 2, 0), spot))
    return found


def _subtitles() -> Real:
    """White and yellow letters with a black edge over a picture that is out of focus."""
    canvas, pen = _canvas(_landscape())
    pen.text((34, 148), "Leave the lamp on,", 22, (250, 250, 250), 2)
    pen.text((52, 175), "they'll see it.", 22, (246, 222, 64), 2)
    return _levels(canvas)


def _credits() -> Real:
    """Names in white on black, small and smaller, with thin rules."""
    canvas, pen = _canvas((0, 0, 0))
    for row, (role, name) in enumerate((("Drawn by", "A Short Script"), ("Halved by", "The Box"), ("Sound", "None"))):
        y = 34 + 46 * row
        pen.text((24, y), role, 10, (186, 172, 128))
        pen.text((92, y), name, 16, (240, 240, 240))
        pen.line([(24, y + 10), (232, y + 10)], 0.75, (120, 120, 120))
    for row, size in enumerate((9, 8, 7)):
        pen.text((24, 158 + 12 * row), "This picture has no other rights reserved.", size, (220, 220, 220))
    return _levels(canvas)


def _film_grain() -> Real:
    """A soft scene with one sharp edge, behind grain a little wider than a pixel, as scanned film has it."""
    y, x = _grid()
    scene = 96 + 56 * np.sin(x / 61 + 0.4) * np.cos(y / 47) + np.where(x * 0.34 + y > 150, -44.0, 0.0)
    rgb = blurred(scene, 0.8)[..., None] * np.array([1.06, 1.0, 0.9])
    random = np.random.default_rng(20)
    for channel, strength in enumerate((9.0, 8.0, 11.0)):
        grain = blurred(random.normal(0, 1, (HEIGHT, WIDTH)), 0.7)
        rgb[..., channel] += strength * grain / grain.std()
    return np.asarray(rgb)


def _dark_gradients() -> Real:
    """A moon's glow at night, codes 6 to 40, with a dim silhouette: steps of a code are wide here."""
    y, x = _grid()
    glow = np.exp(-np.hypot(x - 170, y - 60) / 80)
    rgb = np.array([7.0, 8.0, 13.0]) + glow[..., None] * np.array([26.0, 28.0, 34.0])
    hill = y > 150 - 22 * np.sin(x / 40) - 6 * np.sin(x / 9)
    return np.asarray(np.where(blurred(hill.astype(float), 0.7)[..., None] > 0.5, rgb * 0.45 + 2, rgb))


def _screen_tone() -> Real:
    """A page in ink: dots of three pitches, hatching, and outlines over them."""
    canvas, pen = _canvas((255, 255, 255))
    for left, pitch, radius in ((10, 4.4, 0.8), (92, 5.6, 1.3), (174, 7.0, 2.0)):  # 20, 35 and 50 percent of black
        for row in range(int(96 / (pitch / 2))):
            for column in range(int(70 / pitch)):
                pen.disc(left + pitch * (column + 0.5 * (row % 2)), 12 + pitch / 2 * row, radius, (0, 0, 0))
    for k in range(40):
        pen.line([(12 + 6 * k, 182), (22 + 6 * k, 126 + 0.6 * k)], 0.4 + 0.03 * k, (0, 0, 0))
    pen.line(bezier((4, 120), (90, 40), (150, 150), (252, 60)), 2.4, (0, 0, 0))
    pen.line(bezier((4, 60), (80, 130), (180, 20), (252, 110)), 1.2, (0, 0, 0))
    return _levels(canvas)


_SPRITE = (
    "....1111....", "..11222211..", ".1222222221.", ".1233223321.", "123453345321", "123543354321",
    "122233332221", ".1226666221.", ".1222222221.", "..17711771..", ".1777117771.", ".111....111.",
)  # fmt: skip
"""A figure, a letter for each pixel: a colour of `_PALETTE`, or nothing."""
_PALETTE: tuple[Colour, ...] = (
    (92, 148, 252), (24, 20, 37), (62, 137, 72), (254, 231, 97),
    (255, 255, 255), (38, 43, 68), (228, 59, 68), (184, 111, 80),
)  # fmt: skip


def _pixel_art() -> Real:
    """Sprites on a chequered floor, enlarged four times: the corners are square and are to stay so."""
    small = np.zeros((HEIGHT // 4, WIDTH // 4), int)
    small[34:] = np.where((np.add(*np.indices(small[34:].shape)) // 2) % 2, 7, 2)
    figure = np.array([[0 if letter == "." else int(letter) for letter in row] for row in _SPRITE])
    for top, left in ((22, 6), (10, 27), (22, 46)):
        place = small[top : top + 12, left : left + 12]
        place[figure > 0] = figure[figure > 0]
    return np.asarray(_PALETTE, np.float64)[small.repeat(4, 0).repeat(4, 1)]


def _red_text() -> Real:
    """Red letters on black, blue and white: in 4:2:0 their colour has half the resolution of their edges."""
    canvas, pen = _canvas((0, 0, 0))
    pen.fill([(0, 64), (WIDTH, 64), (WIDTH, 128), (0, 128)], (24, 40, 120))
    pen.fill([(0, 128), (WIDTH, 128), (WIDTH, HEIGHT), (0, HEIGHT)], (250, 250, 250))
    for row in range(3):
        pen.text((14, 30 + 64 * row), "Danger: red ink", 20, (225, 16, 24))
        pen.text((14, 52 + 64 * row), "and smaller letters of it, too", 12, (225, 16, 24))
    return _levels(canvas)


def _pink_lines() -> Real:
    """Thin pink and red lines on skin, white and dark hair, as cels have them."""
    canvas, pen = _canvas((252, 222, 204))
    pen.fill([(96, 0), (176, 0), (160, HEIGHT), (80, HEIGHT)], (255, 255, 255))
    pen.fill([(176, 0), (WIDTH, 0), (WIDTH, HEIGHT), (160, HEIGHT)], (44, 30, 62))
    for k in range(14):
        y, width = 14.0 + 13 * k, 0.7 + 0.1 * k
        colour = (240, 96, 150) if k % 2 else (214, 40, 72)
        pen.line(bezier((6, y), (80, y - 22), (170, y + 22), (250, y - 6)), width, colour)
    return _levels(canvas)


_CASES: dict[str, tuple[Callable[[], Real], tuple[int, int]]] = {
    "subtitles": (_subtitles, (96, 120)),
    "credits": (_credits, (24, 138)),
    "film-grain": (_film_grain, (100, 84)),
    "dark-gradients": (_dark_gradients, (140, 136)),
    "screen-tone": (_screen_tone, (70, 44)),
    "pixel-art": (_pixel_art, (104, 36)),
    "red-text": (_red_text, (60, 30)),
    "pink-lines": (_pink_lines, (130, 60)),
}
"""How each is drawn, and the left and top of what there is to look at."""


# ---------------------------------------------------------------------------------------------------------------------
# Backgrounds


def _grid() -> tuple[Real, Real]:
    y, x = np.indices((HEIGHT, WIDTH)) + 0.5
    return y, x


def _landscape() -> Image.Image:
    """Evening light and soft hills, as the canvas has it."""
    y, x = _grid()
    hills = 1 / (1 + np.exp(-(y - 104 - 16 * np.sin(x / 34)) / 5))
    sky = np.array([150.0, 130.0, 160.0]) + (y / HEIGHT)[..., None] * np.array([90.0, 20.0, -60.0])
    land = np.array([52.0, 74.0, 58.0]) + 10 * np.sin(x / 7 + y / 11)[..., None]
    rgb = sky + hills[..., None] * (land - sky)
    return Image.fromarray(np.uint8(np.rint(rgb))).resize((WIDTH * SCALE, HEIGHT * SCALE), Image.Resampling.BICUBIC)


def _canvas(ground: Colour | Image.Image) -> tuple[Image.Image, Pen]:
    """A canvas of a colour, or that picture of its size, and a pen for it."""
    size = (WIDTH * SCALE, HEIGHT * SCALE)
    canvas = ground if isinstance(ground, Image.Image) else Image.new("RGB", size, ground)
    return canvas, Pen(ImageDraw.Draw(canvas))


def _levels(canvas: Image.Image) -> Real:
    return np.asarray(reduced(canvas, WIDTH, HEIGHT), np.float64)
