"""A benchmark's report as text for a terminal of 120 columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from shadergen.measure.report import FileReport, PassReport, Report

_NAME_WIDTH = 29
_Cells = Sequence[str]
_COLUMNS = (
    *(("frame ms", 9), ("±", 6), ("ratio", 6), ("compile s", 10), ("ratio", 6), ("MACs/px", 9), ("% peak", 7)),
    *(("sums", 8), ("bytes", 7), ("MiB", 7), ("KiB", 7), ("kB", 6)),
)


def format_report(report: Report, *, passes: bool = False) -> str:
    """The report as lines, with a line per pass if asked for. Every line ends with a newline."""
    return "".join(line.rstrip() + "\n" for line in _lines(report, passes))


def title(report: Report) -> str:
    """The device, and what was played on it."""
    width, height = report.size
    return f"{report.device.renderer}, OpenGL {report.device.version}, frames of {width}x{height}"


def problem(file: FileReport) -> str:
    """Why the file cannot run, without its name."""
    line = re.match(rf"{re.escape(file.name)}:(\d+): ", file.problem)
    if line is not None:
        return f"line {line[1]}: {file.problem[line.end() :]}"
    return file.problem.removeprefix(f"{file.name}: ")


def _lines(report: Report, passes: bool) -> Iterator[str]:
    yield title(report)
    clocks = {"query": "the device's timer", "wall": "the wall clock"}
    clock = " and ".join(clocks[name] for name in report.clock.split(" and ") if name in clocks)
    if report.peak is not None:
        arithmetic, bandwidth = report.peak.macs_per_second / 1e9, report.peak.bytes_per_second / 1e9
        yield f"peak: {arithmetic:,.3g} G multiply-adds/s in fp32, {bandwidth:,.3g} GB/s copying fp16 texels"
    yield f"median of {report.runs} frames, ± half the quartiles' distance, by {clock or 'no clock'}; compiled cold"
    yield ""
    width = max([len("file"), *(min(len(file.name), _NAME_WIDTH) for file in report.files)])
    width = _NAME_WIDTH if passes else width
    yield " " * (width + sum(columns for _, columns in _COLUMNS[:7])) + "      floors ms   VRAM shared   code"
    yield _row("file", width, [name for name, _ in _COLUMNS])
    for file in report.files:
        if file.problem:
            yield f"{_cut(file.name, width):<{width}}  cannot run: {problem(file)}"
            continue
        yield _row(file.name, width, _file_cells(file))
        for number, item in enumerate(file.passes if passes else (), 1):
            yield _row(f"  {number} {item.desc or '(no DESC)'}", width, _pass_cells(item, report.size))
    for file in report.files:
        for reason in file.skipped:
            yield f"{file.name}: not run: {reason}"
    if any(file.macs_per_pixel is not None and file.macs_estimated for file in report.files) or passes:
        yield "~ is an estimate from the text. MACs are multiply-adds per pixel of the frame."


def _file_cells(file: FileReport) -> _Cells:
    assert file.seconds is not None
    low, high = file.seconds.quartiles
    return [
        _three(file.seconds.median * 1e3),
        _three((high - low) / 2 * 1e3),
        _known(file.ratio, lambda ratio: f"{ratio:.2f}"),
        _known(file.compile_seconds, _three),
        _known(file.compile_ratio, lambda ratio: f"{ratio:.2f}"),
        _known(file.macs_per_pixel, lambda macs: ("~" if file.macs_estimated else "") + f"{macs:,.0f}"),
        _known(file.peak_fraction, lambda share: f"{share * 100:.1f}"),
        _known(file.arithmetic_floor, lambda floor: _three(floor * 1e3)),
        _known(file.bandwidth_floor, lambda floor: _three(floor * 1e3)),
        f"{file.vram_bytes / 2**20:.1f}",
        _known(file.shared_bytes, lambda size: f"{size / 2**10:.1f}"),
        f"{file.code_bytes / 1e3:.0f}",
    ]


def _pass_cells(item: PassReport, frame: tuple[int, int]) -> _Cells:
    low, high = item.seconds.quartiles
    pixels = frame[0] * frame[1]
    return [
        _three(item.seconds.median * 1e3),
        _three((high - low) / 2 * 1e3),
        "",
        _three(item.compile_seconds),
        "",
        _known(item.macs, lambda macs: f"~{macs / pixels:,.0f}"),
        _known(item.peak_fraction, lambda share: f"{share * 100:.1f}"),
        _known(item.arithmetic_floor, lambda floor: _three(floor * 1e3)),
        _known(item.bandwidth_floor, lambda floor: _three(floor * 1e3)),
        f"{item.vram_bytes / 2**20:.1f}",
        _known(item.shared_bytes, lambda size: f"{size / 2**10:.1f}"),
        f"{item.code_bytes / 1e3:.0f}",
    ]


def _row(name: str, width: int, cells: _Cells) -> str:
    padded = (f"{cell:>{columns}}" for cell, (_, columns) in zip(cells, _COLUMNS, strict=True))
    return f"{_cut(name, width):<{width}}" + "".join(padded)


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _known(value: float | None, show: Callable[[float], str]) -> str:
    return "?" if value is None else show(value)


def _three(value: float) -> str:
    """A number with about three digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
