"""A benchmark's report as a bar chart: frame times and compile times, relative to the first file.

Latin letters only: the font that Pillow brings along has little more.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from shadergen.files import write_whole
from shadergen.measure.report import FileReport, Report
from shadergen.measure.table import title

Anchor = Literal["start", "end"]

_INK, _FAINT, _REFERENCE, _FRAME, _COMPILE = "#1f2328", "#656d76", "#8c959f", "#0969da", "#bc4c00"
_WIDTH, _MARGIN, _NAMES, _ROW, _BAR, _VALUES = 900, 24, 250, 30, 18, 170
_PNG_SCALE = 2


@dataclass(frozen=True)
class _Box:
    x: float
    y: float
    width: float
    height: float
    colour: str


@dataclass(frozen=True)
class _Label:
    x: float
    y: float
    """Where the text's middle is; `x` is its start or end, by `anchor`."""
    text: str
    size: int
    colour: str
    anchor: Anchor = "start"


_Shape = _Box | _Label


def save_chart(path: Path, report: Report) -> None:
    """Write the chart as .svg or .png, by the path's suffix. Raises ShadergenError where it cannot be written."""
    shapes, height = _shapes(report)
    data = _svg(shapes, height) if path.suffix.lower() == ".svg" else _png(shapes, height)
    write_whole(path, data)


def _shapes(report: Report) -> tuple[list[_Shape], int]:
    files = [file for file in report.files if file.seconds is not None]
    shapes: list[_Shape] = [_Label(_MARGIN, 26, _cut(title(report), 110), 14, _INK)]
    top = 52.0
    first = files[0].name if files else "no file"
    panels: tuple[tuple[str, str, Callable[[FileReport], float | None], Callable[[FileReport], str]], ...] = (
        ("Time of a frame", _FRAME, lambda file: file.ratio, lambda file: _ms(file.seconds.median)),  # type: ignore[union-attr]
        (
            "Time to compile",
            _COMPILE,
            lambda file: file.compile_ratio,
            lambda file: f"{file.compile_seconds or 0:.2f} s",
        ),
    )
    for heading, colour, ratio_of, value_of in panels:
        shapes.append(
            _Label(_MARGIN, top + 10, f"{heading}, relative to {_cut(first, 60)}; less is better", 13, _FAINT)
        )
        top += 26
        longest = max((ratio_of(file) or 0.0 for file in files), default=0.0) or 1.0
        room = _WIDTH - 2 * _MARGIN - _NAMES - _VALUES
        for number, file in enumerate(files):
            ratio = ratio_of(file)
            middle, length = top + _ROW / 2, room * (ratio or 0.0) / longest
            shapes += [
                _Label(_MARGIN + _NAMES - 10, middle, _cut(file.name, 34), 13, _INK, "end"),
                _Box(_MARGIN + _NAMES, middle - _BAR / 2, max(length, 1.0), _BAR, colour if number else _REFERENCE),
                _Label(_MARGIN + _NAMES + length + 8, middle, _value(ratio, value_of(file)), 13, _INK),
            ]
            top += _ROW
        top += 18
    return shapes, round(top)


def _value(ratio: float | None, value: str) -> str:
    return value if ratio is None else f"{ratio:.2f}   {value}"


def _ms(seconds: float) -> str:
    digits = 1 if seconds >= 0.01 else 2 if seconds >= 0.001 else 3
    return f"{seconds * 1e3:.{digits}f} ms"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 2] + ".."


def _svg(shapes: Sequence[_Shape], height: int) -> bytes:
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        ' font-family="system-ui, sans-serif">',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for shape in shapes:
        if isinstance(shape, _Box):
            size = f'width="{shape.width:.1f}" height="{shape.height:.1f}"'
            lines.append(f'<rect x="{shape.x:.1f}" y="{shape.y:.1f}" {size} fill="{shape.colour}"/>')
        else:
            lines.append(
                f'<text x="{shape.x:.1f}" y="{shape.y:.1f}" dy="0.35em" font-size="{shape.size}"'
                f' text-anchor="{shape.anchor}" fill="{shape.colour}">{escape(shape.text)}</text>'
            )
    return "\n".join([*lines, "</svg>\n"]).encode()


def _png(shapes: Sequence[_Shape], height: int) -> bytes:
    image = Image.new("RGB", (_WIDTH * _PNG_SCALE, height * _PNG_SCALE), "#ffffff")
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        x, y = shape.x * _PNG_SCALE, shape.y * _PNG_SCALE
        if isinstance(shape, _Box):
            draw.rectangle((x, y, x + shape.width * _PNG_SCALE, y + shape.height * _PNG_SCALE), shape.colour)
        else:
            font = ImageFont.load_default(shape.size * _PNG_SCALE)
            anchor = "lm" if shape.anchor == "start" else "rm"
            draw.text((x, y), shape.text, shape.colour, font, anchor)
    stream = io.BytesIO()
    image.save(stream, "PNG", optimize=True)
    return stream.getvalue()
