"""What the shaders in shaders/ cost on five GPUs, beside others', by the GPUs' compilers: for the tables of the pages.

    python bench/costs.py [--gpu NAME]... [--only PATTERN]... [OTHER.glsl...]

Writes bench/results/costs.json: milliseconds, registers, spills, occupancy and code of every file, and by which driver.
A GPU whose driver is not there keeps what the file has of it. docs/cost.md tells how to get the drivers;
SHADERGEN_VULKAN_ROOT names where they are. `python scripts/figures.py` then writes the tables.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from shadergen.cost import gpus
from shadergen.cost.drivers import roots_of_environment
from shadergen.cost.report import Entry, FileReport, on_gpu, prepare
from shadergen.files import write_whole

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "bench" / "results" / "costs.json"
FIVE = ("rx7900xtx", "rx6900xt", "rx9070xt", "rtx3080", "a770")
"""One of each class of GPUs that the compiler tells apart."""
SIZE = (1920, 1080)


def main(arguments: Sequence[str]) -> int:
    """Judge, and write what was found; 1 where a GPU has no driver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("others", nargs="*", type=Path, metavar="OTHER.glsl")
    parser.add_argument("--gpu", action="append", default=[], metavar="NAME")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="which of shaders/ (default: all)")
    options = parser.parse_args(arguments)
    ours = [path for name in options.only or ["*"] for path in sorted((ROOT / "shaders").glob(f"{name}.glsl"))]
    files = [*options.others, *ours]
    prepared = prepare([Entry(path.stem, path.read_text("utf-8")) for path in files], SIZE, told)
    roots = roots_of_environment()
    known: dict[str, Any] = json.loads(RESULT.read_text("utf-8"))["gpus"] if RESULT.exists() else {}
    missing = 0
    for name in options.gpu or FIVE:
        gpu = gpus.find(name)
        if gpu is None:
            parser.error(f"--gpu: found {name!r}, expected one of {', '.join(gpu.name for gpu in gpus.GPUS)}")
        report = on_gpu(prepared, gpu, roots, told)
        if report.problem:
            print(report.problem, file=sys.stderr)
            missing += 1
            continue
        before = known.get(gpu.name, {}).get("files", {})
        found = before | {file.name: dict(numbers(file)) for file in report.files if file.milliseconds is not None}
        known[gpu.name] = {"title": gpu.title, "driver": report.driver, "files": dict(sorted(found.items()))}
        text = json.dumps({"size": SIZE, "gpus": known}, indent=1) + "\n"
        write_whole(RESULT, text.encode())
    return 1 if missing else 0


def numbers(file: FileReport) -> Iterator[tuple[str, float | int | str]]:
    """What the tables need of a file."""
    assert file.milliseconds is not None
    yield "ms", round(file.milliseconds, 4)
    yield "bound", file.bound
    yield "registers", max(cost.registers for cost in file.costs)
    yield "spills", sum(cost.spills for cost in file.costs)
    yield "occupancy", min(cost.occupancy for cost in file.costs)
    yield "code_bytes", max(cost.code_bytes for cost in file.costs)


def told(text: str) -> None:
    """Progress, on a line of its own that the next one replaces."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
