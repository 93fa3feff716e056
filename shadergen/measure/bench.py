"""How long hook files take on this device, side by side.

All files are timed in one run, in turns, frame by frame, so that whatever slows the device meets all of them. A frame's
time is the sum over the passes that ran up to the last stage that the file hooks; uploading, reading back and the
renderer's own scaling are not in it. `Report` says what was measured and how.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import moderngl
import numpy as np

from shadergen.errors import HookFileError, ShaderRunError
from shadergen.hookfile import HookFile, parse
from shadergen.hookfile.stages import OUTPUT_SIZED, hooked_stages, last_stage
from shadergen.hookfile.traffic import SOURCE_BYTES, TEXEL_BYTES
from shadergen.measure.probes import Peak, measure_peak
from shadergen.measure.report import Measured, Report, SharedBytes, file_reports
from shadergen.runtime.canvas import Size
from shadergen.runtime.clock import is_software
from shadergen.runtime.context import describe, open_context
from shadergen.runtime.playback import FIRED_STAGES
from shadergen.runtime.runner import Frame, Result, Runner

GPU_SIZE = (1920, 1080)
SOFTWARE_SIZE = (480, 270)
_WARM_SECONDS = 0.5
"""How long to run before timing, in seconds: a GPU's clock rises only under load."""
_FACTORS = (4.0, 2.0, 1.5, 1.0, 0.5)
"""Output sizes to try, in frame sizes: WHEN keeps most upscalers off below 1.2, and downscalers above 1."""
_CACHES_OFF = {
    "MESA_SHADER_CACHE_DISABLE": "true",
    "MESA_GLSL_CACHE_DISABLE": "true",  # its name before Mesa 21.3
    "__GL_SHADER_DISK_CACHE": "0",
}


@dataclass(frozen=True)
class Entry:
    """A file to time: its name and its text, or the reason why there is none."""

    name: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Options:
    """How to measure."""

    size: Size | None = None
    """The size of a frame: (width, height). None takes what suits the device."""
    runs: int = 9
    """How many frames of each file are timed."""
    cold_runs: int = 1
    """How often everything is compiled anew, each time in a context of its own."""


def measure(
    entries: Sequence[Entry],
    options: Options,
    *,
    shared_bytes: SharedBytes = lambda body, threads: None,
    progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Time every entry. A file that cannot run says so in its report, and the others go on.

    Compile times are cold only in a process that has not opened an OpenGL context before: drivers look at the
    environment once. Raises NoDeviceError.
    """
    trials = [_Trial(entry) for entry in entries]
    peaks: list[Peak] = []
    with _caches_off():
        for cold in range(options.cold_runs):
            with _context() as context, _opened(trials, context):
                device = describe(context)
                software = is_software(device.renderer)
                size = options.size or (SOFTWARE_SIZE if software else GPU_SIZE)
                if cold == 0:
                    # Before the files, so that starting the driver's compiler is on nobody's account.
                    progress("measuring what the device can do")
                    _probe(context, peaks)
                for trial in _rotated(trials, cold):
                    progress(f"compiling {trial.found.name}")
                    trial.play_cold(size)
                if cold == options.cold_runs - 1:
                    _time(trials, options.runs, progress)
                    _probe(context, peaks)  # again, because other programs may have slowed the first one
    found = [trial.found for trial in trials]
    peak = Peak.best(peaks)
    return Report(
        device=device,
        software=software,
        clock=" and ".join(sorted({run.clock for one in found for run in chain(*one.frames) if run.clock})),
        size=size,
        runs=options.runs,
        cold_runs=options.cold_runs,
        environment=_CACHES_OFF,
        peak=peak,
        files=file_reports(found, size, peak, shared_bytes),
    )


def _probe(context: moderngl.Context, peaks: list[Peak]) -> None:
    with contextlib.suppress(ShaderRunError):
        peaks.append(measure_peak(context))


# ---------------------------------------------------------------------------------------------------------------------
# Playing


@contextlib.contextmanager
def _caches_off() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _CACHES_OFF}
    os.environ.update(_CACHES_OFF)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _context() -> Iterator[moderngl.Context]:
    context = open_context()
    try:
        yield context
    finally:
        context.release()


@contextlib.contextmanager
def _opened(trials: Sequence[_Trial], context: moderngl.Context) -> Iterator[None]:
    try:
        for trial in trials:
            trial.open(context)
        yield
    finally:
        for trial in trials:
            trial.close()


def _rotated(trials: Sequence[_Trial], first: int) -> list[_Trial]:
    """The trials that can run, another one first each time."""
    running = [trial for trial in trials if not trial.found.problem]
    first = first % len(running) if running else 0
    return running[first:] + running[:first]


def _time(trials: Sequence[_Trial], runs: int, progress: Callable[[str], None]) -> None:
    """Frames in turns: first to warm up, then to count."""
    progress("warming up")
    start = time.perf_counter()
    for trial in _rotated(trials, 0):
        trial.play()
    while _rotated(trials, 0) and time.perf_counter() - start < _WARM_SECONDS:
        for trial in _rotated(trials, 0):
            trial.play()
    for number in range(runs):
        progress(f"timing, round {number + 1} of {runs}")
        for trial in _rotated(trials, number):
            trial.play(counted=True)


class _Trial:
    """One file on its way through the measurement."""

    def __init__(self, entry: Entry) -> None:
        self.found = Measured(entry.name, len(entry.text.encode()), entry.problem)
        self._stop = "LUMA"
        self._frame: Frame | None = None
        self._runner: Runner | None = None
        with self._noting_problems():
            if not entry.problem:
                self.found.file = parse(entry.text, entry.name)
                self._stop = last_stage(self.found.file, FIRED_STAGES) or "LUMA"

    def open(self, context: moderngl.Context) -> None:
        with self._noting_problems():
            if not self.found.problem:
                self._runner = Runner(context, self.found.file, where=self.found.name)

    def close(self) -> None:
        if self._runner is not None:
            self._runner.release()
            self._runner = None

    def play_cold(self, size: Size) -> None:
        """Play the first frame in a context, at the first output size at which a pass runs."""
        found = self.found
        with self._noting_problems():
            self._frame = self._frame or _frame(found.file, size)
            for factor in _FACTORS:
                found.output_size = (max(1, round(size[0] * factor)), max(1, round(size[1] * factor)))
                result = self._run()
                runs = tuple(run for run in result.passes if run.ran)
                if runs:
                    break
            found.skipped = tuple(f"{run.desc or 'a pass'}: {run.reason}" for run in result.passes if not run.ran)
            if not runs:
                raise ShaderRunError(found.name, f"found no pass that runs ({'; '.join(found.skipped[:1])})")
            found.stage_sizes = _stage_sizes(self._frame, result, found.output_size)
            found.first.append(runs)

    def play(self, counted: bool = False) -> None:
        """Play another frame, whose times count or not."""
        with self._noting_problems():
            runs = tuple(run for run in self._run().passes if run.ran)
            if counted:
                self.found.frames.append(runs)

    def _run(self) -> Result:
        assert self._runner is not None
        assert self._frame is not None
        result = self._runner.run(self._frame, self.found.output_size, stop_after=self._stop, timers=True)
        disabled = [run.reason for run in result.passes if run.reason.startswith("the file is disabled")]
        if disabled:
            raise ShaderRunError(self.found.name, disabled[0])
        return result

    @contextlib.contextmanager
    def _noting_problems(self) -> Iterator[None]:
        try:
            yield
        except (HookFileError, ShaderRunError) as error:
            self.found.problem = str(error)
            self.close()


def _frame(file: HookFile, size: Size) -> Frame:
    """A gradient with noise, having the planes that the file hooks: 4:2:0 video, or RGB for a file that wants it."""
    hooks = hooked_stages(file)
    width, height = size
    random = np.random.default_rng(0)
    gradient = np.linspace(0.1, 0.9, width, dtype=np.float32)
    luma = gradient + 0.1 * (random.random((1, height, width), np.float32) - 0.5)
    if "RGB" in hooks and not hooks & {"LUMA", "CHROMA", "CHROMA_SCALED"}:
        return Frame({"RGB": np.repeat(luma, 3, 0)})
    if hooks == {"LUMA"}:
        return Frame({"LUMA": luma})
    chroma = random.random((2, -(-height // 2), -(-width // 2)), np.float32)
    return Frame({"LUMA": luma, "CHROMA": chroma}, siting=(-0.5, 0.0))


def _stage_sizes(frame: Frame, result: Result, output: Size) -> dict[str, tuple[Size, int]]:
    """Every stage's size and bytes a texel as it came up, before its passes."""
    found: dict[str, tuple[Size, int]] = {}
    after = frame.size
    for stage in FIRED_STAGES:
        if stage not in result.planes:
            continue
        if stage in frame.planes:
            _, height, width = frame.planes[stage].shape
            found[stage] = ((width, height), SOURCE_BYTES[stage])
        else:
            found[stage] = (output if stage in OUTPUT_SIZED else after, TEXEL_BYTES)
        if stage not in ("CHROMA", "ALPHA"):  # the planes go to the size of LUMA or RGB
            _, height, width = result.planes[stage].shape
            after = (width, height)
    return found
