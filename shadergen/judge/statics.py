"""The static milliseconds of models on a GPU that need not be here: compiled as `shadergen cost` does, or looked up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from shadergen import compiler, hookfile
from shadergen.cost import report, saved
from shadergen.cost.gpus import Gpu
from shadergen.cost.report import Entry
from shadergen.errors import NoDeviceError, ShadergenError
from shadergen.ir.graph import Graph
from shadergen.runtime.gpus import Gpu as Known
from shadergen.target import DEVICES, Device, Target, suited

FRAME = (1920, 1080)
"""The frame whose time is estimated, (width, height)."""


def target(graph: Graph, gpu: Gpu) -> Target:
    """How the model's file for the GPU's class of devices is written: `build --for`."""
    return suited(DEVICES[cast(Device, Known(f"{gpu.vendor} {gpu.title}").device_class)], graph.plane)


def file_name(graph: Graph, gpu: Gpu) -> str:
    """What that file is called, without a suffix."""
    return f"{graph.name}{target(graph, gpu).suffix}"


def written(graph: Graph, gpu: Gpu) -> Entry:
    """That file. Raises TargetError."""
    return Entry(file_name(graph, gpu), hookfile.format(compiler.compile(graph, target(graph, gpu))))


def estimated(
    entries: Mapping[str, Entry], gpu: Gpu, roots: Sequence[Path], progress: Callable[[str], None] = lambda text: None
) -> dict[str, float]:
    """The milliseconds of files, by the same names. Raises ShadergenError for the first that has none, and
    NoDeviceError where the GPU's compiler or glslang is missing.
    """
    found = report.on_gpu(report.prepare(list(entries.values()), FRAME, progress), gpu, roots, progress)
    if found.problem:
        raise NoDeviceError("--plot", found.problem, "or give --costs what `shadergen cost --json` printed elsewhere")
    times = {}
    for name, file in zip(entries, found.files, strict=True):
        if file.milliseconds is None:
            reasons = (f"{item.desc}: {item.problem}" for item in file.passes if item.problem)
            problem = file.problem or next(reasons, "no pass of it runs")
            raise ShadergenError("--plot", f"{file.name} has no estimate for an {gpu.title}: {problem}")
        times[name] = file.milliseconds
    return times


def looked_up(path: Path, files: Mapping[str, str], gpu: Gpu) -> dict[str, float]:
    """The milliseconds of models in what `shadergen cost --json` printed, by the models' or their files' names, which
    `files` has. Raises ShadergenError for the first that is not there.
    """
    known = saved.milliseconds(path, gpu)
    times = {}
    for name, file in files.items():
        if name not in known and file not in known:
            names = repr(name) if name == file else f"{file!r} or {name!r}"
            raise ShadergenError(path, f"found no milliseconds of {names} for {gpu.name}, expected them")
        times[name] = known[file] if file in known else known[name]
    return times
