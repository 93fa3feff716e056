"""Which way of writing a model is fastest on this device.

Every candidate shows the same picture; they differ in how many pixels an invocation computes, in whether Winograd's
products are used, in the workgroup, and in whether layers share a pass. All are timed side by side, see
`shadergen.measure.bench`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from shadergen import compiler, hookfile
from shadergen.errors import ShaderRunError
from shadergen.ir.graph import Graph
from shadergen.measure.bench import Entry, Options, measure
from shadergen.target import Target

WORKGROUPS = ((8, 8), (16, 8), (32, 4), (16, 16))
CHOICES: tuple[frozenset[str], ...] = (frozenset(), frozenset({"winograd"}), frozenset({"block"}))
"""Optimisations that are not always faster: both need more registers, which some GPUs lack."""


@dataclass(frozen=True)
class Candidate:
    """One way to write the model, and what it took on this device."""

    target: Target
    seconds: float | None
    """The median of a frame's times; None where the shader does not run."""
    compile_seconds: float | None
    """The time to compile it anew; None where it does not run."""
    problem: str = ""
    """Why it does not run, or empty."""

    @property
    def name(self) -> str:
        """Its options on the command line."""
        width, height = self.target.workgroup
        switched_off = [f"--no-opt {name}" for name in sorted(self.target.without)]
        return " ".join([f"--workgroup {width}x{height}", *switched_off, *(["--fuse"] if self.target.fuse else [])])


def candidates(target: Target) -> tuple[Target, ...]:
    """The targets to try; the given one comes first. A fragment shader has nothing to choose."""
    if target.stage == "fragment":
        return (target,)
    every = [
        replace(target, workgroup=workgroup, without=target.without | without)
        for without, workgroup in itertools.product(CHOICES, WORKGROUPS)
    ]
    if target.weights == "code":
        every += [replace(target, workgroup=workgroup, fuse=True) for workgroup in WORKGROUPS]
    return tuple(dict.fromkeys([target, *every]))


def tune(
    graph: Graph,
    target: Target,
    size: tuple[int, int] | None = None,
    *,
    runs: int = 5,
    progress: Callable[[str], None] = lambda text: None,
) -> tuple[Candidate, ...]:
    """The candidates, fastest first, timed on frames of `size` (width, height; None: what suits the device).

    Of candidates that give the same shader the first is taken. Raises NoDeviceError, and ShaderRunError where not one
    of them runs.
    """
    texts: dict[str, Target] = {}
    for candidate in candidates(target):
        texts.setdefault(hookfile.format(compiler.compile(graph, candidate)), candidate)
    entries = [Entry(f"{number}", text) for number, text in enumerate(texts)]
    report = measure(entries, Options(size, runs), progress=progress)
    found = [
        Candidate(candidate, file.seconds.median if file.seconds else None, file.compile_seconds, file.problem)
        for candidate, file in zip(texts.values(), report.files, strict=True)
    ]
    if all(candidate.seconds is None for candidate in found):
        raise ShaderRunError(graph.name, f"found no candidate that runs here ({found[0].problem}), expected one")
    return tuple(sorted(found, key=lambda candidate: candidate.seconds or float("inf")))
