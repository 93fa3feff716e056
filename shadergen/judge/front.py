"""Quality against static milliseconds: models as points, the front of those that none beats, and a chart of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from shadergen.judge.score import Scores
from shadergen.measure.drawing import BLUE, FAINT, GREY, INK, PALE, Anchor, Dot, Label, Line, Shape, cut, save


@dataclass(frozen=True)
class Point:
    """A model on a set of pictures."""

    model: str
    milliseconds: float
    psnr: float
    """The mean over the pictures, in dB."""


@dataclass(frozen=True)
class Panel:
    """The models on one set of pictures, under one condition."""

    title: str
    points: tuple[Point, ...]

    @property
    def front(self) -> tuple[Point, ...]:
        """The points that no other beats, which is as fast and better, or faster and as good; the fastest first."""
        found: list[Point] = []
        for point in sorted(self.points, key=lambda point: (point.milliseconds, -point.psnr)):
            if not found or point.psnr > found[-1].psnr:
                found.append(point)
        return tuple(found)


def panels(report: Scores, milliseconds: Mapping[str, float]) -> tuple[Panel, ...]:
    """A panel for each folder and condition of the scores, with the models whose milliseconds are given.

    What brings every picture back exactly has no place on a scale in dB, and is left out.
    """
    found: dict[str, list[Point]] = {}
    for mean in report.means():
        points = found.setdefault(f"{mean.folder}, {mean.condition}", [])
        if mean.method in milliseconds and math.isfinite(mean.psnr):
            points.append(Point(mean.method, milliseconds[mean.method], mean.psnr))
    return tuple(Panel(title, tuple(points)) for title, points in found.items())


def as_dict(found: Sequence[Panel]) -> list[dict[str, object]]:
    """The panels as JSON can hold them."""
    return [{"title": panel.title, "points": [_point_dict(point, panel) for point in panel.points]} for panel in found]


def _point_dict(point: Point, panel: Panel) -> dict[str, object]:
    return {
        "model": point.model,
        "ms": point.milliseconds,
        "psnr": point.psnr,
        "front": point in panel.front,
    }


def text(found: Sequence[Panel], title: str) -> str:
    """A table: milliseconds, and dB in each panel, with a star on the front."""
    times = {point.model: point.milliseconds for panel in found for point in panel.points}
    width = max(map(len, [title, *times]))
    lines = [f"{title:<{width}}{'ms':>9}" + "".join(f"  {panel.title:>10}" for panel in found)]
    for model, time in sorted(times.items(), key=lambda item: item[1]):
        lines.append(f"{model:<{width}}{time:>9.3f}" + "".join(f"  {_cell(model, panel)}" for panel in found))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _cell(model: str, panel: Panel) -> str:
    width = max(10, len(panel.title))
    point = next((point for point in panel.points if point.model == model), None)
    return f"{f'{point.psnr:.3f}' + ('*' if point in panel.front else ' '):>{width}}" if point else " " * width


# ---------------------------------------------------------------------------------------------------------------------
# The chart

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 380, 64, 24, 36, 44
_HEAD = 40
_DOT, _LETTERS = 5, 12
_LETTER_WIDTH = 0.58
"""Of a letter's height, in most fonts without serifs."""
_PLACES: tuple[tuple[float, float, Anchor], ...] = (
    *((9.0, 0.0, "start"), (-9.0, 0.0, "end")),
    *((0.0, -14.0, "middle"), (0.0, 14.0, "middle")),
    *((7.0, -12.0, "start"), (7.0, 12.0, "start"), (-7.0, -12.0, "end"), (-7.0, 12.0, "end")),
    *((9.0, -24.0, "start"), (9.0, 24.0, "start"), (-9.0, -24.0, "end"), (-9.0, 24.0, "end")),
)
"""Where a name may stand beside its point, the best first."""


def save_chart(path: Path, found: Sequence[Panel], title: str) -> None:
    """Write the chart as .svg or .png, by the path's suffix. Raises ShadergenError where it cannot be written."""
    shapes, size = chart(found, title)
    save(path, shapes, *size)


def chart(found: Sequence[Panel], title: str) -> tuple[list[Shape], tuple[int, int]]:
    """The panels, one above the other, as shapes and the picture's width and height."""
    shapes: list[Shape] = [Label(24, 22, cut(title, 110), 14, INK)]
    times = [point.milliseconds for panel in found for point in panel.points]
    for number, panel in enumerate(found):
        shapes += _panel(panel, times, _HEAD + number * _HEIGHT)
    return shapes, (_WIDTH, _HEAD + len(found) * _HEIGHT)


@dataclass(frozen=True)
class _Axes:
    """From milliseconds, on a logarithmic scale, and dB to places on the chart."""

    times: tuple[float, float]
    levels: tuple[float, float]
    top: float

    def place(self, milliseconds: float, psnr: float) -> tuple[float, float]:
        low, high = map(math.log, self.times)
        across = (math.log(milliseconds) - low) / (high - low)
        up = (psnr - self.levels[0]) / (self.levels[1] - self.levels[0])
        room = (_WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM)
        return _LEFT + across * room[0], self.top + _TOP + (1 - up) * room[1]


def _panel(panel: Panel, times: Sequence[float], top: float) -> Iterator[Shape]:
    """One panel; `times` are those of all panels, so that they have one scale."""
    yield Label(_LEFT, top + 16, cut(f"{panel.title}: PSNR in dB; up and left is better", 110), 13, FAINT)
    if not panel.points:
        return
    levels = [point.psnr for point in panel.points]
    margin = 0.08 * (max(levels) - min(levels)) or 0.5
    axes = _Axes(_span(times), (min(levels) - margin, max(levels) + margin), top)
    yield from _grid(axes)
    steps = _steps([axes.place(point.milliseconds, point.psnr) for point in panel.front])
    if len(steps) > 1:
        yield Line(steps, BLUE, 1.5)
    dots = {point: axes.place(point.milliseconds, point.psnr) for point in panel.points}
    for point, (x, y) in dots.items():
        yield Dot(x, y, _DOT, BLUE if point in panel.front else GREY)
    taken = [(x - _DOT, y - _DOT, x + _DOT, y + _DOT) for x, y in dots.values()]
    taken += [
        (min(x, to_x) - 1, min(y, to_y) - 1, max(x, to_x) + 1, max(y, to_y) + 1)
        for (x, y), (to_x, to_y) in pairwise(steps)
    ]
    yield from _names(panel, dots, taken)


def _steps(front: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The front's places with the corners between them: what is had in a time is what the best so far gives."""
    corners = [(x, y) for (_, y), (x, _) in pairwise(front)]
    return (*(place for pair in zip(front, corners, strict=False) for place in pair), *front[-1:])


def _grid(axes: _Axes) -> Iterator[Shape]:
    (left, bottom), (right, top) = axes.place(axes.times[0], axes.levels[0]), axes.place(axes.times[1], axes.levels[1])
    step = _step(axes.levels[1] - axes.levels[0])
    for number in range(math.ceil(axes.levels[0] / step), math.floor(axes.levels[1] / step) + 1):
        _, y = axes.place(axes.times[0], number * step)
        yield Line(((left, y), (right, y)), PALE)
        yield Label(left - 8, y, f"{number * step:.{0 if step >= 1 else 1 if step >= 0.1 else 2}f}", 12, FAINT, "end")
    for time in _ticks(*axes.times):
        x, _ = axes.place(time, axes.levels[0])
        yield Line(((x, bottom), (x, top)), PALE)
        yield Label(x, bottom + 14, f"{time:g}", 12, FAINT, "middle")
    yield Label(right, bottom + 30, "static milliseconds of a frame", 12, FAINT, "end")


def _step(span: float) -> float:
    """The distance of lines: about five over the span, at 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(span / 5))
    return next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= 6)


def _span(times: Sequence[float]) -> tuple[float, float]:
    """The ends of the scale: somewhat around the times, and four to one at least, so that a tick lies within."""
    beyond = max(1.3, 2 * math.sqrt(min(times) / max(times)))
    return min(times) / beyond, max(times) * beyond


def _ticks(low: float, high: float) -> Iterator[float]:
    """1, 2 and 5 times the powers of ten within."""
    for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        yield from (tick for factor in (1, 2, 5) if low <= (tick := factor * 10.0**power) <= high)


_Area = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _names(panel: Panel, dots: Mapping[Point, tuple[float, float]], taken: list[_Area]) -> Iterator[Label]:
    """Each point's name where it covers least of what is there already, those of the front first."""
    for point in (*panel.front, *(point for point in panel.points if point not in panel.front)):
        x, y = dots[point]
        colour = INK if point in panel.front else FAINT
        labels = [Label(x + dx, y + dy, cut(point.model, 34), _LETTERS, colour, anchor) for dx, dy, anchor in _PLACES]
        best = min(labels, key=lambda label: sum(_common(_area(label), other) for other in taken) + _outside(label))
        taken.append(_area(best))
        yield best


def _area(label: Label) -> _Area:
    width = len(label.text) * label.size * _LETTER_WIDTH
    left = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return left, label.y - label.size / 2, left + width, label.y + label.size / 2


def _common(a: _Area, b: _Area) -> float:
    """How much of one area the other covers, in square pixels."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    return max(0.0, width) * max(0.0, height)


def _outside(label: Label) -> float:
    """What of it lies beyond the chart's sides, in square pixels."""
    left, _, right, _ = _area(label)
    return label.size * (max(0.0, _LEFT - left) + max(0.0, right - _WIDTH))
