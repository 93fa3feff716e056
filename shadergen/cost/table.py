"""Costs as text for a terminal of 120 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shadergen.cost.estimate import TERMS, PassCost
from shadergen.cost.gpus import GPUS, Gpu
from shadergen.cost.loops import Counted
from shadergen.cost.report import FileReport, GpuReport, PassReport

_NAME_WIDTH = 34
_COLUMNS = (("ms", 9), ("ratio", 6), *((term, 7) for term in TERMS), ("regs", 5), ("spill", 6), ("occ", 4), ("KiB", 7))


def format_report(report: GpuReport, *, passes: bool = False) -> str:
    """The report as lines, with lines for each pass if asked for. Every line ends with a newline."""
    return "".join(line.rstrip() + "\n" for line in _lines(report, passes))


def format_gpus() -> str:
    """The GPUs that `--gpu` takes."""
    lines = [f"{'name':<11}{'GPU':<22}{'chip':<20}{'units':>6}{'GHz':>7}{'GB/s':>7}"]
    for gpu in GPUS:
        mark = "  from memory" if gpu.remembered else ""
        chips = ", ".join(gpu.chips)
        lines.append(
            f"{gpu.name:<11}{gpu.title:<22}{chips:<20}{gpu.units:>6}{gpu.clock:>7.2f}{gpu.bandwidth:>7.0f}{mark}"
        )
    return "".join(line + "\n" for line in lines)


def _lines(report: GpuReport, passes: bool) -> Iterator[str]:
    gpu = report.gpu
    if report.problem:
        yield report.problem
        return
    rates = f"{gpu.units} units at {gpu.clock:g} GHz, {gpu.bandwidth:g} GB/s"
    name = f"{gpu.title} ({rates}{', from memory' if gpu.remembered else ''})"
    yield f"{name}, {report.driver}" if report.driver else name
    yield _row("file", [name for name, _ in _COLUMNS])
    for file in report.files:
        yield from _file_lines(file, gpu, passes)


def _file_lines(file: FileReport, gpu: Gpu, passes: bool) -> Iterator[str]:
    if file.problem:
        yield f"{_cut(file.name):<{_NAME_WIDTH}}  {file.problem.removeprefix(f'{file.name}: ')}"
        return
    for item in file.passes if passes else ():
        yield from _pass_lines(item, gpu)
    costs = file.costs
    if file.milliseconds is None:
        failed = next(item for item in file.passes if item.cost is None)
        yield f"{_cut(file.name):<{_NAME_WIDTH}}  {failed.desc}: {failed.problem}"
        return
    ratio = "?" if file.ratio is None else f"{file.ratio:.2f}"
    numbers = [str(max(c.registers for c in costs)), str(sum(c.spills for c in costs))]
    numbers += [str(min(c.occupancy for c in costs)), _kib(max(c.code_bytes for c in costs), gpu)]
    parts = [_ms(file.parts[term]) for term in TERMS]
    yield _row(_cut(file.name), [_ms(file.milliseconds), ratio, *parts, *numbers]) + f"  {file.bound}"


def _pass_lines(item: PassReport, gpu: Gpu) -> Iterator[str]:
    name = _cut(f"  {item.desc}")
    if item.cost is None:
        yield f"{name:<{_NAME_WIDTH}}  {item.problem}"
        return
    cost = item.cost
    numbers = [str(cost.registers), str(cost.spills), str(cost.occupancy), _kib(cost.code_bytes, gpu)]
    yield _row(name, [_ms(cost.milliseconds), "", *(_ms(cost.parts[t]) for t in TERMS), *numbers]) + f"  {cost.bound}"
    yield f"    {_details(item, cost)}"
    loops = [_construct(one) for one in cost.constructs if one.region.kind == "loop"]
    if loops:
        yield "    loops: " + ", ".join(loops)
    arms = [_construct(one) for one in cost.constructs if one.region.kind == "arm" and _is_told(one)]
    if arms:
        yield "    branches: " + ", ".join(arms)
    if item.note:
        yield f"    loops are not counted: {item.note}"


def _details(item: PassReport, cost: PassCost) -> str:
    size = f"{item.kind}, {item.size[0]}x{item.size[1]}, waves of {cost.wave}"
    shared = f", {cost.shared_bytes / 1024:.1f} KiB shared" if cost.shared_bytes else ""
    return f"{size}{shared}, {cost.instructions:,.0f} instructions for 64 invocations"


def _is_told(arm: Counted) -> bool:
    """Whether it says anything how often a branch is taken."""
    return arm.source is not None and (arm.source.assumed or abs(arm.count - arm.around) > 1e-6)


def _construct(item: Counted) -> str:
    """What a loop or branch was counted as: its name, and its runs for each of what is around it."""
    source = item.source
    if source is None:
        return f"(the compiler's) x{item.count:.3g} assumed"
    runs = f"x{item.count / item.around:.4g}" if item.around else "x0"
    inner = f" of {item.around:.4g}" if item.around not in (0, 1) else ""
    return f"{source.name or item.region.kind} {runs}{inner}{' assumed' if source.assumed else ''}"


def _kib(size: int, gpu: Gpu) -> str:
    """A code size, marked where it does not fit the instruction cache."""
    return f"{size / 1024:.1f}" + ("!" if gpu.code_bytes and size > gpu.code_bytes else " ")


def _row(name: str, cells: Sequence[str]) -> str:
    padded = (f"{cell:>{columns}}" for cell, (_, columns) in zip(cells, _COLUMNS, strict=True))
    return f"{name:<{_NAME_WIDTH}}" + "".join(padded)


def _cut(name: str) -> str:
    return name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + "…"


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 100 else f"{value:.0f}"
