"""Random networks in every variant through glslang, many passes to a process: finds text that does not compile.

`python -m tests.sweep 0 2000` prints, as it goes, what is found: seed, variant, pass and message. Start it again at the
last seed that it named to go on.

glslangValidator takes 60 ms to start and a pass 1.5 ms, so all passes of a few networks are one call. Of several files
it cannot make SPIR-V without linking them to one program; its front end, which finds what is written wrongly, is all
that runs here. `lint --glslang` and the goldens' tests make SPIR-V of every pass.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shadergen import compiler, hookfile
from shadergen.errors import ShadergenError
from shadergen.hookfile import HookFile
from shadergen.ir.graph import Graph
from shadergen.lint.glslang import build_program
from shadergen.target import INTEL, NEXT, Target
from tests.random_graphs import random_graph

VARIANTS: dict[str, Target] = {
    "fragment": Target(),
    "compute": Target("compute"),
    "fp16": Target("compute", "fp16"),
    "instant": Target("compute", weights="texture"),
    "planar": Target(weights="texture"),
    "fused": Target("compute", fuse=True),
    "next": NEXT,
    "intel": INTEL,
    "shared": Target("compute", weights="texture", device="nvidia"),
    "shared, in loops": Target("compute", "fp16", weights="texture", device="intel"),
}
"""Every way of writing a model, by the name that reports use."""
LIMITS = ("words that players read",)
"""What a network may be refused for: a size that RPN cannot say."""
SEEDS_A_CALL = 10
TIME_LIMIT = 600.0
"""Seconds for one call."""


@dataclass(frozen=True)
class Finding:
    """A pass that does not compile, or a network that does not become a file."""

    where: str
    """Network, variant, and number of the pass."""
    message: str
    """The first that the compiler says."""


def glslang() -> str | None:
    """The program, where it is installed."""
    return shutil.which("glslangValidator") or shutil.which("glslang")


def sweep(graphs: Iterable[tuple[str, Graph]], program: str) -> tuple[list[Finding], int]:
    """What is wrong with named networks in all variants, and the number of passes that were compiled."""
    findings: list[Finding] = []
    files: dict[str, HookFile] = {}
    for name, graph in graphs:
        for variant, target in VARIANTS.items():
            where = f"{name} {variant}"
            try:
                file = compiler.compile(graph, target)
                files[where] = hookfile.parse(hookfile.format(file))  # as players read it
            except (ShadergenError, AssertionError, LookupError, TypeError, ValueError) as error:
                if not any(limit in str(error) for limit in LIMITS):
                    findings.append(Finding(where, f"{type(error).__name__}: {error}"))
    findings += faults(files, program)
    return findings, sum(len(file.passes) for file in files.values())


def faults(files: dict[str, HookFile], program: str) -> Iterator[Finding]:
    """Of each pass that glslang's front end refuses the first message."""
    with tempfile.TemporaryDirectory(prefix="shadergen-") as folder:
        passes: dict[str, str] = {}
        for where, file in files.items():
            for number, block in enumerate(file.passes):
                path = Path(folder, f"{len(passes)}.{'frag' if block.compute is None else 'comp'}")
                path.write_text(build_program(file, block), encoding="utf-8")
                passes[path.name] = f"{where} pass {number}"
        if not passes:
            return
        result = subprocess.run(
            [program, *passes], cwd=folder, capture_output=True, text=True, timeout=TIME_LIMIT, check=False
        )
        named = 0
        for name, report in _reports(result.stdout, passes):
            named += 1
            if found := re.search(r"^ERROR: (.*)$", report, re.M):
                yield Finding(passes[name], found[1])
        assert named == len(passes), f"glslang named {named} of {len(passes)} files: {result.stdout[-500:]}"
        assert (result.returncode == 0) == ("ERROR" not in result.stdout), result.stdout[-500:]


def _reports(output: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """What stands behind each file's name, which has a line of its own."""
    parts = re.split(r"^(\d+\.(?:frag|comp))$", output, flags=re.M)
    for name, report in zip(parts[1::2], parts[2::2], strict=True):
        assert name in names
        yield name, report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", type=int)
    parser.add_argument("stop", type=int)
    arguments = parser.parse_args()
    program = glslang()
    if program is None:
        parser.error("glslang is not installed")
    start, passes, wrong = time.monotonic(), 0, 0
    for first in range(arguments.first, arguments.stop, SEEDS_A_CALL):
        seeds = range(first, min(first + SEEDS_A_CALL, arguments.stop))
        findings, count = sweep(((str(seed), random_graph(seed)) for seed in seeds), program)
        passes, wrong = passes + count, wrong + len(findings)
        for finding in findings:
            print(f"{finding.where}: {finding.message}")
        seconds = time.monotonic() - start
        print(f"# up to {seeds.stop}: {passes} passes in {seconds:.0f} s, {wrong} wrong", flush=True)


if __name__ == "__main__":
    main()
