"""What was measured of hook files, as data: times, ratios, and the floors they are held against."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from shadergen.hookfile import HookFile
from shadergen.hookfile.stages import result_name
from shadergen.measure import shadercost
from shadergen.measure.probes import Peak
from shadergen.runtime.canvas import Size
from shadergen.runtime.context import Device
from shadergen.runtime.hooks import PassRun

_FEWEST_MACS = 32
"""The fewest multiply-adds per pixel that count: fewer are no network but a colour matrix or such, and not what a
file's time goes into."""

SharedBytes = Callable[[str, tuple[int, int]], int | None]
"""Bytes of shared memory that a body declares for so many threads, or None where its text does not tell."""


@dataclass(frozen=True)
class Spread:
    """Several measurements of one thing in seconds: their median, quartiles and extremes."""

    median: float
    quartiles: tuple[float, float]
    extremes: tuple[float, float]

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        low, middle, high = (float(value) for value in np.percentile(values, (25, 50, 75)))
        return cls(middle, (low, high), (min(values), max(values)))


@dataclass(frozen=True)
class PassReport:
    """One executed pass. Times in seconds; floors are None where the peak or the work is not known."""

    index: int
    desc: str
    stage: str
    kind: str
    """What kind of pass it is: `compute` or `fragment`."""
    size: Size
    seconds: Spread
    compile_seconds: float
    macs: float | None
    """How many multiply-adds a frame takes, estimated from the text."""
    bytes: int
    """How many bytes move when every bound texture is read once and the result is written once."""
    arithmetic_floor: float | None
    bandwidth_floor: float | None
    peak_fraction: float | None
    """The share of the device's peak of multiply-adds per second that the pass reaches."""
    vram_bytes: int
    """How many bytes the result takes."""
    intermediate: bool
    """Whether the result is another texture than the hooked plane."""
    shared_bytes: int | None
    """How many bytes of shared memory a workgroup takes, half floats counted as single ones; None where the text does
    not tell."""
    code_bytes: int


@dataclass(frozen=True)
class FileReport:
    """One file. A file that cannot run has a `problem` and nothing else."""

    name: str
    problem: str = ""
    output_size: Size = (0, 0)
    seconds: Spread | None = None
    """How long a frame takes."""
    ratio: float | None = None
    """The frame time relative to the first file that ran: the median of the ratios of every round."""
    compile_seconds: float | None = None
    """How long a cold start takes: creating the programs, and what the first frame took longer than a later one. The
    median of cold runs."""
    compile_ratio: float | None = None
    macs_per_pixel: float | None = None
    macs_estimated: bool = True
    """Whether the multiply-adds are an estimate; False where the file's header states the number."""
    peak_fraction: float | None = None
    arithmetic_floor: float | None = None
    bandwidth_floor: float | None = None
    vram_bytes: int = 0
    """How many bytes the intermediate textures take; no player uses one twice in a frame."""
    vram_bytes_with_results: int = 0
    """The same with the textures that replace a stage's picture."""
    shared_bytes: int | None = None
    """How many bytes of shared memory a workgroup of any pass takes at most; None when one is not known."""
    code_bytes: int = 0
    passes: tuple[PassReport, ...] = ()
    skipped: tuple[str, ...] = ()
    """Passes that did not run, each with the reason."""


@dataclass(frozen=True)
class Report:
    """What was measured, on what, and how."""

    device: Device
    software: bool
    clock: str
    """What measured: `query` is the device's own timer, `wall` the wall clock between two waits for the device."""
    size: Size
    runs: int
    cold_runs: int
    environment: Mapping[str, str]
    """The variables that were set to keep drivers from their caches."""
    peak: Peak | None
    """What the device can do at best; None where the probes cannot run."""
    files: tuple[FileReport, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON can hold it."""
        return asdict(self)


@dataclass
class Measured:
    """What a measurement found out about one file."""

    name: str
    code_bytes: int = 0
    problem: str = ""
    """Why the file cannot run; then nothing else counts."""
    file: HookFile = field(default_factory=lambda: HookFile("", ()))
    output_size: Size = (0, 0)
    stage_sizes: dict[str, tuple[Size, int]] = field(default_factory=dict)
    """The size of every stage as it came up, and its bytes per texel."""
    first: list[tuple[PassRun, ...]] = field(default_factory=list)
    """The executed passes of the first frame of every cold run."""
    frames: list[tuple[PassRun, ...]] = field(default_factory=list)
    """The executed passes of every counted frame."""
    skipped: tuple[str, ...] = ()


# ---------------------------------------------------------------------------------------------------------------------
# Reports


def file_reports(
    found: Sequence[Measured], size: Size, peak: Peak | None, shared_bytes: SharedBytes
) -> tuple[FileReport, ...]:
    """Reports on what was measured with frames of that size, in the files' order."""
    reference = next((one for one in found if not one.problem), None)
    return tuple(
        FileReport(one.name, one.problem)
        if one.problem or reference is None
        else _file_report(one, reference, size, peak, shared_bytes)
        for one in found
    )


def _file_report(
    measured: Measured, reference: Measured, size: Size, peak: Peak | None, shared_bytes: SharedBytes
) -> FileReport:
    passes = _pass_reports(measured, peak, shared_bytes)
    pixels = size[0] * size[1]
    frames, compiles = _frame_seconds(measured), _compile_seconds(measured)
    seconds = Spread.of(frames)
    stated = shadercost.stated_macs(measured.file)
    macs = stated * pixels if stated is not None else _estimate(passes, pixels)
    arithmetic = _floor(macs, peak.macs_per_second if peak else 0.0)
    shared = [item.shared_bytes for item in passes]
    return FileReport(
        name=measured.name,
        output_size=measured.output_size,
        seconds=seconds,
        ratio=_ratio(frames, _frame_seconds(reference)),
        compile_seconds=statistics.median(compiles),
        compile_ratio=_ratio(compiles, _compile_seconds(reference)),
        macs_per_pixel=None if macs is None else macs / pixels,
        macs_estimated=stated is None,
        peak_fraction=None if arithmetic is None else arithmetic / seconds.median,
        arithmetic_floor=arithmetic,
        bandwidth_floor=_floor(sum(item.bytes for item in passes), peak.bytes_per_second if peak else 0.0),
        vram_bytes=sum(item.vram_bytes for item in passes if item.intermediate),
        vram_bytes_with_results=sum(item.vram_bytes for item in passes),
        shared_bytes=max((n for n in shared if n is not None), default=0) if None not in shared else None,
        code_bytes=measured.code_bytes,
        passes=passes,
        skipped=measured.skipped,
    )


def _estimate(passes: Sequence[PassReport], pixels: int) -> float | None:
    macs = sum(item.macs or 0.0 for item in passes)
    return macs if macs >= _FEWEST_MACS * pixels else None


def _pass_reports(measured: Measured, peak: Peak | None, shared_bytes: SharedBytes) -> tuple[PassReport, ...]:
    defines = {param.name: param.initial for param in measured.file.params if param.mode == "DEFINE"}
    runs = measured.first[0]
    moved = shadercost.traffic(measured.file, runs, measured.stage_sizes)
    times = _seconds_by_pass(measured.frames)
    excess = [_excess_by_pass(frame, times) for frame in measured.first]
    reports = []
    for run, bytes in zip(runs, moved, strict=True):
        item, key = measured.file.passes[run.index], (run.index, run.stage)
        per_invocation = shadercost.multiply_adds(item.body, defines)
        macs = per_invocation * shadercost.invocations(item, run.size) if per_invocation else None
        seconds = Spread.of(times[key])
        arithmetic = _floor(macs, peak.macs_per_second if peak else 0.0)
        reports.append(
            PassReport(
                index=run.index,
                desc=run.desc,
                stage=run.stage,
                kind="compute" if item.compute else "fragment",
                size=run.size,
                seconds=seconds,
                compile_seconds=statistics.median(pieces[key] for pieces in excess),
                macs=macs,
                bytes=bytes.read + bytes.written,
                arithmetic_floor=arithmetic,
                bandwidth_floor=_floor(bytes.read + bytes.written, peak.bytes_per_second if peak else 0.0),
                peak_fraction=None if arithmetic is None else arithmetic / seconds.median,
                vram_bytes=bytes.written,
                intermediate=result_name(item, run.stage) != run.stage,
                shared_bytes=shared_bytes(item.body, item.compute.threads) if item.compute else 0,
                code_bytes=len(item.body.encode()),
            )
        )
    return tuple(reports)


PassKey = tuple[int, str]
"""Index and stage: a pass may run at several stages."""


def _seconds_by_pass(frames: Sequence[Sequence[PassRun]]) -> dict[PassKey, list[float]]:
    times: dict[PassKey, list[float]] = {}
    for run in itertools.chain.from_iterable(frames):
        times.setdefault((run.index, run.stage), []).append(run.gpu_seconds or 0.0)
    return times


def _excess_by_pass(first: Sequence[PassRun], times: Mapping[PassKey, Sequence[float]]) -> dict[PassKey, float]:
    """How many seconds each pass of a first frame took to compile, and to run longer than later."""
    excess = {}
    for run in first:
        key = (run.index, run.stage)
        later = statistics.median(times[key])
        excess[key] = (run.compile_seconds or 0.0) + max(0.0, (run.gpu_seconds or 0.0) - later)
    return excess


def _frame_seconds(measured: Measured) -> list[float]:
    return [sum(run.gpu_seconds or 0.0 for run in frame) for frame in measured.frames]


def _compile_seconds(measured: Measured) -> list[float]:
    times = _seconds_by_pass(measured.frames)
    return [sum(_excess_by_pass(frame, times).values()) for frame in measured.first]


def _ratio(values: Sequence[float], reference: Sequence[float]) -> float | None:
    """The median of the ratios, round by round, which drift does not touch."""
    ratios = [a / b for a, b in zip(values, reference, strict=True) if b > 0]
    return statistics.median(ratios) if ratios else None


def _floor(work: float | None, per_second: float) -> float | None:
    """Seconds that the work takes at best."""
    return None if work is None or per_second <= 0 else work / per_second
