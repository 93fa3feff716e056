"""The table of docs/verification.md: every model of a folder, as every variant, at four sizes.

python bench/verification.py weights [FOLDER...]
"""

from __future__ import annotations

import sys
from pathlib import Path

from shadergen import verify
from shadergen.sources import load
from shadergen.target import variants

SIZES = (*verify.SIZES, (640, 360))


def main(folders: list[str]) -> None:
    """Print a Markdown table row for each way of running each model."""
    print("| model | runner, storage | " + " | ".join(f"{w}x{h}" for w, h in SIZES) + " |")
    print("|" + "---|" * (2 + len(SIZES)))
    for path in (path for folder in folders for path in sorted(Path(folder).glob("*.npz"))):
        graph = load(path)
        for target in variants(graph.plane):
            for runner in ("gl", "libplacebo"):
                if runner == "gl" and target.precision == "fp16":
                    continue
                report = verify.verify(graph, target, runner=runner, sizes=SIZES)
                print_rows(f"{graph.name}{target.suffix}", report)


def print_rows(name: str, report: verify.Report) -> None:
    """A row for each storage format: largest and mean difference at every size."""
    if report.status == "not verified":
        print(f"| {name} | not verified: {report.reason} |")
    for storage in dict.fromkeys(check.storage for check in report.checks):
        checks = [check for check in report.checks if check.storage == storage]
        cells = [f"{check.comparison.max_abs:.1e} / {check.comparison.mean_abs:.1e}" for check in checks]
        mark = "" if all(check.passed for check in checks) else " FAILED"
        print(f"| {name} | {checks[0].runner}, {storage}{mark} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or ["weights"])
