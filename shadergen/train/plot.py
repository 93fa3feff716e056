"""The curves of a run as an SVG: loss, and PSNR of the pictures held out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from shadergen.files import write_whole
from shadergen.train.checkpoint import History

_WIDTH, _HEIGHT, _LEFT, _GAP = 900, 260, 70, 40


def save(history: History, name: str, path: Path) -> None:
    """Write the plot; nothing where there is no entry yet. Raises ShadergenError where it cannot be written."""
    if len(history.steps) < 2:
        return
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{2 * _HEIGHT}"'
        ' font-family="system-ui, sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
    ]
    parts += _panel(0, f"{escape(name)}: PSNR of pictures held out, dB", history.steps, history.psnrs, "#0969da")
    parts += _panel(_HEIGHT, "loss", history.steps, history.losses, "#bc4c00")
    write_whole(path, "\n".join([*parts, "</svg>\n"]).encode())


def _panel(top: float, title: str, steps: Sequence[int], values: Sequence[float], colour: str) -> list[str]:
    low, high = _limits(values)
    bottom, height = top + _HEIGHT - _GAP, _HEIGHT - 2 * _GAP
    room = _WIDTH - _LEFT - 30

    def y(value: float) -> float:
        return bottom - height * (min(max(value, low), high) - low) / (high - low)

    points = " ".join(
        f"{_LEFT + room * step / steps[-1]:.1f},{y(value):.1f}" for step, value in zip(steps, values, strict=True)
    )
    lines = [f'<text x="{_LEFT}" y="{top + 24}" font-size="14">{title}</text>']
    for tick in (low, (low + high) / 2, high):
        lines.append(f'<line x1="{_LEFT}" x2="{_LEFT + room}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#d0d7de"/>')
        lines.append(f'<text x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:.4g}</text>')
    for share in (0, 0.5, 1):
        x, step = _LEFT + room * share, steps[-1] * share
        lines.append(f'<text x="{x:.0f}" y="{bottom + 18}" text-anchor="middle">{step:,.0f}</text>')
    return [*lines, f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>']


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """The range shown: a fall or rise within the first entries would flatten all that follows, so it is cut off."""
    later = sorted(values[len(values) // 10 :])
    low, high = later[0], later[-1]
    margin = 0.05 * (high - low) or abs(high) * 0.01 or 1.0
    return low - margin, high + margin
