"""Boxes, lines, dots and labels as an SVG or PNG.

Latin letters only: the font that Pillow brings along has little more.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from shadergen.files import write_whole

INK, FAINT, GREY, PALE, BLUE, RED = "#1f2328", "#656d76", "#8c959f", "#d0d7de", "#0969da", "#bc4c00"

Anchor = Literal["start", "middle", "end"]
_PNG_SCALE = 2
_PNG_ANCHORS = {"start": "lm", "middle": "mm", "end": "rm"}


@dataclass(frozen=True)
class Box:
    """A filled rectangle; all lengths here are pixels of the SVG, from the left and the top."""

    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class Line:
    """A line through points, (x, y)."""

    points: tuple[tuple[float, float], ...]
    colour: str
    width: float = 1.0


@dataclass(frozen=True)
class Dot:
    """A disc."""

    x: float
    y: float
    radius: float
    colour: str


@dataclass(frozen=True)
class Label:
    """A line of text."""

    x: float
    y: float
    """Where the text's middle is; `x` is its start, middle or end, by `anchor`."""
    text: str
    size: int
    colour: str
    anchor: Anchor = "start"


Shape = Box | Line | Dot | Label


def save(path: Path, shapes: Sequence[Shape], width: int, height: int) -> None:
    """Write the shapes on white as .svg or .png, by the path's suffix. Raises ShadergenError where that is refused."""
    draw = svg if path.suffix.lower() == ".svg" else _png
    write_whole(path, draw(shapes, width, height))


def cut(text: str, length: int) -> str:
    """The text, or so many letters of it with dots at the end."""
    return text if len(text) <= length else text[: length - 2] + ".."


def svg(shapes: Sequence[Shape], width: int, height: int) -> bytes:
    """The shapes on white, as the text of an SVG."""
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="system-ui, sans-serif">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    return "\n".join([*lines, *map(_svg_element, shapes), "</svg>\n"]).encode()


def _svg_element(shape: Shape) -> str:
    match shape:
        case Box():
            size = f'width="{shape.width:.1f}" height="{shape.height:.1f}"'
            return f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" {size} fill="{shape.colour}"/>'
        case Line():
            points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
            stroke = f'stroke="{shape.colour}" stroke-width="{shape.width:g}"'
            return f'<polyline points="{points}" fill="none" {stroke}/>'
        case Dot():
            return f'<circle cx="{shape.x:.1f}" cy="{shape.y:.1f}" r="{shape.radius:g}" fill="{shape.colour}"/>'
        case Label():
            return (
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" dy="0.35em" font-size="{shape.size}"'
                f' text-anchor="{shape.anchor}" fill="{shape.colour}">{escape(shape.text)}</text>'
            )


def _png(shapes: Sequence[Shape], width: int, height: int) -> bytes:
    image = Image.new("RGB", (width * _PNG_SCALE, height * _PNG_SCALE), "#ffffff")
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        _png_element(draw, shape)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()


def _png_element(draw: ImageDraw.ImageDraw, shape: Shape) -> None:
    scale = _PNG_SCALE
    match shape:
        case Box():
            x, y = shape.x * scale, shape.y * scale
            draw.rectangle((x, y, x + shape.width * scale, y + shape.height * scale), shape.colour)
        case Line():
            draw.line([(x * scale, y * scale) for x, y in shape.points], shape.colour, round(shape.width * scale))
        case Dot():
            x, y, radius = shape.x * scale, shape.y * scale, shape.radius * scale
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), shape.colour)
        case Label():
            font = ImageFont.load_default(shape.size * scale)
            draw.text((shape.x * scale, shape.y * scale), shape.text, shape.colour, font, _PNG_ANCHORS[shape.anchor])
