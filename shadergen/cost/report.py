"""What files cost on GPUs, as data: from text to milliseconds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shadergen.cost.constructs import Source, sources
from shadergen.cost.driver import Answer, Driver, Pipeline, opened
from shadergen.cost.drivers import starts
from shadergen.cost.estimate import TERMS, PassCost, estimate, lanes, texts
from shadergen.cost.frame import Frame, Run, Size, play
from shadergen.cost.gpus import Gpu
from shadergen.cost.module import Module
from shadergen.cost.situation import situation
from shadergen.cost.trace import NotCountedError, Situation, trace
from shadergen.errors import HookFileError, NoDeviceError, ShaderRunError
from shadergen.hookfile import HookFile, parse
from shadergen.lint.glslang import build_program, compile_pass, compile_source, glslang_program


@dataclass(frozen=True)
class Entry:
    """A file to judge: its name and text, or why there is none."""

    name: str
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class PassReport:
    """A pass on a GPU."""

    desc: str
    size: Size
    kind: str
    cost: PassCost | None
    problem: str = ""
    """Why there is no cost."""
    note: str = ""
    """Why loops are not counted."""


@dataclass(frozen=True)
class FileReport:
    """A file on a GPU."""

    name: str
    passes: tuple[PassReport, ...] = ()
    skipped: tuple[str, ...] = ()
    problem: str = ""
    ratio: float | None = None
    """The estimate over that of the first file."""

    @property
    def costs(self) -> tuple[PassCost, ...]:
        return tuple(item.cost for item in self.passes if item.cost is not None)

    @property
    def milliseconds(self) -> float | None:
        """The estimate, or None where a pass has none."""
        costs = self.costs
        return sum(cost.milliseconds for cost in costs) if costs and len(costs) == len(self.passes) else None

    @property
    def parts(self) -> dict[str, float]:
        """The sums of the passes' parts."""
        return {term: sum(cost.parts[term] for cost in self.costs) for term in TERMS}

    @property
    def bound(self) -> str:
        """The part in which most of the estimate is spent."""
        spent = {term: sum(c.milliseconds for c in self.costs if c.bound == term) for term in TERMS}
        return max(TERMS, key=lambda term: spent[term])


@dataclass(frozen=True)
class GpuReport:
    """All files on a GPU, or why there is nothing to say of it."""

    gpu: Gpu
    driver: str = ""
    """What the driver calls itself."""
    files: tuple[FileReport, ...] = ()
    problem: str = ""


_Loops = tuple[tuple[Source, ...], str]
"""A shader's loops and branches, or why they are not counted."""


@dataclass(frozen=True)
class _Spirv:
    """A pass as SPIR-V."""

    pipeline: Pipeline
    module: Module
    followed: list[tuple[Situation, _Loops]] = field(default_factory=list)
    """What was found when it was followed, by what its workgroup finds around it."""


@dataclass(frozen=True)
class _Program:
    """A run of a pass."""

    run: Run
    spirv: _Spirv

    @property
    def pipeline(self) -> Pipeline:
        return self.spirv.pipeline

    @property
    def module(self) -> Module:
        return self.spirv.module


@dataclass
class Prepared:
    """A file that is ready to compile."""

    name: str
    file: HookFile = field(default_factory=lambda: HookFile("", ()))
    frame: Frame = field(default_factory=lambda: Frame((0, 0), (0, 0), (), ()))
    programs: tuple[_Program, ...] = ()
    problem: str = ""


Progress = Callable[[str], None]


def prepare(
    entries: Sequence[Entry], size: Size, progress: Progress = lambda text: None, *, once: bool = False
) -> tuple[Prepared, ...]:
    """Every file's passes for frames of a size, as a driver compiles them.

    With `once`, of passes whose texts differ in their numbers alone the first is compiled in place of all: models of
    one shape have almost the same cost. Raises NoDeviceError without glslang.
    """
    program = glslang_program()
    if program is None:
        raise NoDeviceError("glslang", "found no glslangValidator, expected it on the PATH", "install glslang-tools")
    compiler = _Compiler(program, once)
    found = []
    for entry in entries:
        progress(f"compiling {entry.name}")
        found.append(_prepare(entry, size, compiler))
    return tuple(found)


def on_gpu(
    prepared: Sequence[Prepared], gpu: Gpu, roots: Sequence[Path] = (), progress: Progress = lambda text: None
) -> GpuReport:
    """The cost of every file on a GPU; `roots` are the folders of other systems whose drivers to use."""
    pipelines = list(dict.fromkeys(program.pipeline for item in prepared for program in item.programs))
    if not pipelines:
        return GpuReport(gpu, files=tuple(_file_report(item, {}, gpu) for item in prepared))
    try:
        with opened(starts(gpu, roots), min(_processes(), len(pipelines))) as driver:
            answers = _answers(driver, pipelines, gpu, progress)
            device = driver.device
    except NoDeviceError as error:
        return GpuReport(gpu, problem=str(error) if error.where == gpu.title else f"{gpu.title}: {error}")
    files = [_file_report(item, answers, gpu) for item in prepared]
    first = next((file.milliseconds for file in files if file.milliseconds), None)
    return GpuReport(gpu, device, tuple(_with_ratio(file, first) for file in files))


def _processes() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _prepare(entry: Entry, size: Size, compiler: _Compiler) -> Prepared:
    found = Prepared(entry.name, problem=entry.problem)
    if entry.problem:
        return found
    try:
        found.file = parse(entry.text, entry.name)
        found.frame = play(found.file, size)
        if not found.frame.runs:
            reason = next(iter(found.frame.skipped), "it hooks no stage")
            raise ShaderRunError(entry.name, f"found no pass that runs ({reason})")
        found.programs = compiler.programs(entry.name, found.file, found.frame.runs)
    except (HookFileError, ShaderRunError) as error:
        found.problem = str(error)
    return found


@dataclass
class _Compiler:
    """glslang, and what it has compiled."""

    program: str
    once: bool
    """Whether passes that differ in their numbers alone are one."""
    _known: dict[tuple[str, str], _Spirv] = field(default_factory=dict)

    def programs(self, name: str, file: HookFile, runs: Sequence[Run]) -> tuple[_Program, ...]:
        """Every run of a file as SPIR-V. Raises ShaderRunError where a pass does not compile."""
        keys = [self._key(file, run) for run in runs]
        new = {key: run for key, run in zip(keys, runs, strict=True) if key not in self._known}
        with ThreadPoolExecutor(_processes()) as workers:
            compiled = workers.map(lambda run: self._compiled(name, file, run), new.values())
            self._known |= zip(new, compiled, strict=True)
        return tuple(_Program(run, self._known[key]) for key, run in zip(keys, runs, strict=True))

    def _key(self, file: HookFile, run: Run) -> tuple[str, str]:
        text = re.sub(r"^#line .*", "", build_program(file, run.item, run.stage), flags=re.M)
        return _shape(text) if self.once else text, "fragment" if run.item.compute is None else "compute"

    def _compiled(self, name: str, file: HookFile, run: Run) -> _Spirv:
        compiled = compile_pass(self.program, file, run.item, run.stage)
        if compiled.faults:
            fault = compiled.faults[0]
            raise ShaderRunError(f"{name}:{fault.line}", fault.message)
        module = Module.parse(compiled.spirv)
        vertex = None
        if run.item.compute is None:
            text = build_program(file, run.item, run.stage)
            varyings = re.findall(r"^layout\(location = \d+\) in vec2 ", text, re.M)
            vertex = compile_source(self.program, _vertex_shader(len(varyings)), "vert").spirv
        return _Spirv(Pipeline(compiled.spirv, module.bindings(), vertex), module)


_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.S)
_NUMBER = re.compile(r"-?(?<![\w.])(?:\d+\.\d*|\.\d+)(?:e[-+]?\d+)?")
_NAME = re.compile(r"\b(?!gl_|sg_|\w*(?:vec|mat)[234]\b)[A-Za-z]\w*_\w*")
"""A name with an underscore in it, which nothing of the language's own has."""


def _shape(text: str) -> str:
    """A program without what tells layers of one shape apart: its numbers, and the names of its variables."""
    names: dict[str, str] = {}
    plain = _NUMBER.sub("0.0", _COMMENT.sub("", text))
    return _NAME.sub(lambda match: names.setdefault(match[0], f"name_{len(names)}"), plain)


def _vertex_shader(varyings: int) -> str:
    """What stands before a fragment shader: a position, and as many inputs."""
    outputs = "".join(f"layout(location = {n}) out vec2 at{n};\n" for n in range(varyings))
    written = "".join(f" at{n} = place;" for n in range(varyings))
    main = f"void main() {{ gl_Position = vec4(place, 0.0, 1.0);{written} }}"
    return f"#version 450\nlayout(location = 0) in vec2 place;\n{outputs}{main}\n"


# ---------------------------------------------------------------------------------------------------------------------
# A GPU


def _answers(driver: Driver, pipelines: Sequence[Pipeline], gpu: Gpu, progress: Progress) -> dict[Pipeline, Answer]:
    done = iter(range(1, len(pipelines) + 1))
    progress(f"{gpu.title}: {len(pipelines)} pipelines")
    answers = driver.compile(pipelines, texts(gpu), lambda: progress(f"{gpu.title}: {next(done)} of {len(pipelines)}"))
    return dict(zip(pipelines, answers, strict=True))


def _file_report(item: Prepared, answers: dict[Pipeline, Answer], gpu: Gpu) -> FileReport:
    if item.problem:
        return FileReport(item.name, problem=item.problem)
    passes = tuple(_pass_report(item, program, answers[program.pipeline], gpu) for program in item.programs)
    return FileReport(item.name, passes, item.frame.skipped)


def _pass_report(item: Prepared, program: _Program, answer: Answer, gpu: Gpu) -> PassReport:
    run = program.run
    kind = "fragment" if run.item.compute is None else "compute"
    desc = run.item.desc or f"pass {run.index + 1}"
    if not answer.executables:
        return PassReport(desc, run.size, kind, None, answer.problem or "the driver said nothing")
    executable = answer.executables[-1]
    if not executable.texts:
        return PassReport(desc, run.size, kind, None, "the driver shows no code")
    loops, note = _loops(item, program, lanes(executable, gpu))
    cost = estimate(run, executable, gpu, loops, program.module.shared_bytes())
    return PassReport(desc, run.size, kind, cost, note=note)


def _loops(item: Prepared, program: _Program, wave: int) -> _Loops:
    """The shader's loops and branches, or why they are not counted; passes that share a program are followed once."""
    found = situation(item.file, item.frame, program.run, wave)
    for known, loops in program.spirv.followed:
        if known == found:
            return loops
    program.spirv.followed.append((found, _followed(program.module, found)))
    return program.spirv.followed[-1][1]


def _followed(module: Module, found: Situation) -> _Loops:
    try:
        return sources(module, trace(module, found)), ""
    except NotCountedError as error:
        return (), str(error)


def _with_ratio(file: FileReport, first: float | None) -> FileReport:
    own = file.milliseconds
    ratio = own / first if own is not None and first else None
    return FileReport(file.name, file.passes, file.skipped, file.problem, ratio)


def as_dict(reports: Sequence[GpuReport], size: Size) -> dict[str, Any]:
    """The reports as JSON can hold them."""
    return {"size": list(size), "gpus": [_gpu_dict(report) for report in reports]}


def _gpu_dict(report: GpuReport) -> dict[str, Any]:
    gpu = report.gpu
    rates = {"units": gpu.units, "clock_ghz": gpu.clock, "bandwidth_gbs": gpu.bandwidth, "remembered": gpu.remembered}
    return {
        "name": gpu.name,
        "title": gpu.title,
        "driver": report.driver,
        "problem": report.problem,
        **rates,
        "files": [_file_dict(file) for file in report.files],
    }


def _file_dict(file: FileReport) -> dict[str, Any]:
    return {
        "name": file.name,
        "problem": file.problem,
        "ms": file.milliseconds,
        "ratio": file.ratio,
        "bound": file.bound if file.costs else None,
        "parts_ms": file.parts,
        "skipped": list(file.skipped),
        "passes": [_pass_dict(item) for item in file.passes],
    }


def _pass_dict(item: PassReport) -> dict[str, Any]:
    found: dict[str, Any] = {"desc": item.desc, "kind": item.kind, "size": list(item.size)}
    if item.cost is None:
        return found | {"problem": item.problem}
    cost = item.cost
    constructs = [
        {
            "kind": item.region.kind,
            "name": item.source.name if item.source else None,
            "count": item.count,
            "assumed": item.source is None or item.source.assumed,
        }
        for item in cost.constructs
    ]
    return found | {
        "ms": cost.milliseconds,
        "bound": cost.bound,
        "parts_ms": dict(cost.parts),
        "registers": cost.registers,
        "spills": cost.spills,
        "occupancy": cost.occupancy,
        "wave": cost.wave,
        "code_bytes": cost.code_bytes,
        "shared_bytes": cost.shared_bytes,
        "instructions": cost.instructions,
        "invocations": cost.invocations,
        "constructs": constructs,
        "note": item.note,
    }
