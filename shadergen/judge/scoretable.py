"""Scores as a table for a terminal, or in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from shadergen.judge.score import Score, Scores


def text(report: Scores, images: bool = True) -> str:
    """A block per folder and condition: a line per picture (when `images`) and the mean, PSNR then SSIM by method."""
    blocks = []
    for folder, condition in _groups(report):
        scores = [score for score in report.scores if (score.folder, score.condition) == (folder, condition)]
        methods = list(dict.fromkeys(score.method for score in scores))
        rows = (
            [_row(name, methods, scores) for name in dict.fromkeys(score.image for score in scores)] if images else []
        )
        means = [mean for mean in report.means() if (mean.folder, mean.condition) == (folder, condition)]
        rows.append(["mean", *(cell for mean in means for cell in _cells(mean))])
        head = [f"{folder}, {condition}", *(cell for method in methods for cell in (method, "SSIM"))]
        blocks.append(_aligned([head, *rows]))
    return "\n".join(blocks)


def markdown(report: Scores) -> str:
    """The means as a Markdown table: a line per method, a column of PSNR / SSIM per folder and condition."""
    groups = _groups(report)
    means = {(mean.folder, mean.condition, mean.method): mean for mean in report.means()}
    methods = list(dict.fromkeys(mean.method for mean in means.values()))
    lines = [
        "| dB / SSIM | " + " | ".join(f"{folder}, {condition}" for folder, condition in groups) + " |",
        "|---" * (len(groups) + 1) + "|",
    ]
    for method in methods:
        cells = [" / ".join(_cells(means[(*group, method)])) for group in groups]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _groups(report: Scores) -> list[tuple[str, str]]:
    return list(dict.fromkeys((score.folder, score.condition) for score in report.scores))


def _row(image: str, methods: Sequence[str], scores: Sequence[Score]) -> list[str]:
    by_method = {score.method: score for score in scores if score.image == image}
    return [image, *(cell for method in methods for cell in _cells(by_method[method]))]


def _cells(score: Score) -> tuple[str, str]:
    return f"{score.psnr:.3f}", f"{score.ssim:.4f}"


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells))
    return "\n".join(lines) + "\n"
