"""The tables of docs/verification.md: every model of a folder, as every variant, at four sizes, chroma at both sitings.

python bench/verification.py weights [FOLDER...]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from shadergen.ir.graph import Graph
from shadergen.judge import verify
from shadergen.judge.stimuli import SIZES as TESTED
from shadergen.judge.verification import RunnerName, Verification
from shadergen.sources import load
from shadergen.target import Target, variants

SIZES = (*TESTED, (640, 360))


def main() -> None:
    """Print a Markdown table for each plane, with a row for each way of running each model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="*", metavar="FOLDER", default=[Path("weights")])
    folders: list[Path] = parser.parse_args().folders
    graphs = [load(path) for folder in folders for path in sorted(folder.glob("*.npz"))]
    for plane in dict.fromkeys(graph.plane for graph in graphs):
        headed = False
        for graph, target, runner in ways([graph for graph in graphs if graph.plane == plane]):
            report = verify.verify(graph, target, runner=runner, sizes=SIZES)
            if not headed and report.checks:
                print_head(report)
                headed = True
            print_rows(f"{graph.name}{target.suffix}", report)


def ways(graphs: list[Graph]) -> Iterator[tuple[Graph, Target, RunnerName]]:
    """Every model as every variant in every runner that has it."""
    runners: tuple[RunnerName, ...] = ("gl", "libplacebo")
    for graph in graphs:
        for target in variants(graph.plane):
            yield from ((graph, target, runner) for runner in runners if (runner, target.precision) != ("gl", "fp16"))


def print_head(report: Verification) -> None:
    """The frames of the report, which are those of every row."""
    checks = [check for check in report.checks if check.storage == report.checks[0].storage]
    frames = [" ".join(filter(None, (f"{check.size[0]}x{check.size[1]}", check.siting))) for check in checks]
    print("\n| model | runner, storage | " + " | ".join(frames) + " |")
    print("|" + "---|" * (2 + len(frames)), flush=True)


def print_rows(name: str, report: Verification) -> None:
    """A row for each storage format: largest and mean difference at every size."""
    if report.status == "not verified":
        print(f"| {name} | not verified: {report.reason} |")
    for storage in dict.fromkeys(check.storage for check in report.checks):
        checks = [check for check in report.checks if check.storage == storage]
        cells = [f"{check.comparison.max_abs:.1e} / {check.comparison.mean_abs:.1e}" for check in checks]
        mark = "" if all(check.passed for check in checks) else " FAILED"
        print(f"| {name} | {checks[0].runner}, {storage}{mark} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
