"""A benchmark's report as a bar chart: frame times and compile times, relative to the first file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shadergen.measure.drawing import BLUE, FAINT, GREY, INK, RED, Box, Label, Shape, cut, save
from shadergen.measure.report import FileReport, Report
from shadergen.measure.table import title

_WIDTH, _MARGIN, _NAMES, _ROW, _BAR, _VALUES = 900, 24, 250, 30, 18, 170


def save_chart(path: Path, report: Report) -> None:
    """Write the chart as .svg or .png, by the path's suffix. Raises ShadergenError where it cannot be written."""
    shapes, height = _shapes(report)
    save(path, shapes, _WIDTH, height)


def _shapes(report: Report) -> tuple[list[Shape], int]:
    files = [file for file in report.files if file.seconds is not None]
    shapes: list[Shape] = [Label(_MARGIN, 26, cut(title(report), 110), 14, INK)]
    top = 52.0
    first = files[0].name if files else "no file"
    panels: tuple[tuple[str, str, Callable[[FileReport], float | None], Callable[[FileReport], str]], ...] = (
        ("Time of a frame", BLUE, lambda file: file.ratio, lambda file: _ms(file.seconds.median)),  # type: ignore[union-attr]
        (
            "Time to compile",
            RED,
            lambda file: file.compile_ratio,
            lambda file: f"{file.compile_seconds or 0:.2f} s",
        ),
    )
    for heading, colour, ratio_of, value_of in panels:
        shapes.append(Label(_MARGIN, top + 10, f"{heading}, relative to {cut(first, 60)}; less is better", 13, FAINT))
        top += 26
        longest = max((ratio_of(file) or 0.0 for file in files), default=0.0) or 1.0
        room = _WIDTH - 2 * _MARGIN - _NAMES - _VALUES
        for number, file in enumerate(files):
            ratio = ratio_of(file)
            middle, length = top + _ROW / 2, room * (ratio or 0.0) / longest
            shapes += [
                Label(_MARGIN + _NAMES - 10, middle, cut(file.name, 34), 13, INK, "end"),
                Box(_MARGIN + _NAMES, middle - _BAR / 2, max(length, 1.0), _BAR, colour if number else GREY),
                Label(_MARGIN + _NAMES + length + 8, middle, _value(ratio, value_of(file)), 13, INK),
            ]
            top += _ROW
        top += 18
    return shapes, round(top)


def _value(ratio: float | None, value: str) -> str:
    return value if ratio is None else f"{ratio:.2f}   {value}"


def _ms(seconds: float) -> str:
    digits = 1 if seconds >= 0.01 else 2 if seconds >= 0.001 else 3
    return f"{seconds * 1e3:.{digits}f} ms"
