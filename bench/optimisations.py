"""Where each optimisation pays: every model as every variant, with all of them, without each, and without any.

    python bench/optimisations.py [--json FILE] [MODEL...]

Prints a Markdown table of frame and compile times as ratios to the variant with all optimisations, all timed side by
side in one run. One run per model; a model's default frame is what `shadergen bench` takes.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from shadergen import compiler, hookfile
from shadergen.lint.glsltext import shared_bytes, without_comments
from shadergen.measure.bench import Entry, Options, measure
from shadergen.measure.report import FileReport, Report
from shadergen.sources import load
from shadergen.target import OPTIMISATIONS, Target

STAGES = (Target(), Target("compute"), Target("compute", weights="texture"))


def targets() -> dict[str, Target]:
    """By what the table calls them; those that differ in nothing are left out."""
    named = {}
    for target in STAGES:
        for without in (frozenset[str](), *({name} for name in OPTIMISATIONS), OPTIMISATIONS.keys()):
            label = "all on" if not without else "all off" if len(without) > 1 else f"no {next(iter(without))}"
            named[f"{target.suffix or '(fragment)'} {label}"] = replace(target, without=frozenset(without))
        if target.stage == "compute" and target.weights == "code":
            named[f"{target.suffix} fused"] = replace(target, fuse=True)
    return named


def timed(path: Path) -> Report:
    """Every distinct shader of a model, in one run."""
    graph = load(path)
    texts: dict[str, str] = {}
    for label, target in targets().items():
        text = hookfile.format(compiler.compile(graph, target))
        if text not in texts.values():
            texts[label] = text
    entries = [Entry(f"{graph.name} {label}", text) for label, text in texts.items()]
    return measure(entries, Options(runs=5), shared_bytes=lambda body, size: shared_bytes(without_comments(body), size))


def row(file: FileReport, base: FileReport) -> str:
    """A line of the table."""
    if file.seconds is None or base.seconds is None or not file.compile_seconds or not base.compile_seconds:
        return f"| {file.name} | {file.problem} |"
    frame, cold = file.seconds.median / base.seconds.median, file.compile_seconds / base.compile_seconds
    sizes = f"{file.vram_bytes / 2**20:.1f} | {file.code_bytes / 1000:.0f}"
    times = f"{file.seconds.median * 1e3:.1f} | {frame:.2f} | {file.compile_seconds:.2f} | {cold:.2f}"
    return f"| {file.name} | {times} | {sizes} |"


def main() -> None:
    """Print the table, and keep everything as JSON where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="*", metavar="MODEL")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    reports = []
    for path in options.models or sorted(Path("weights").glob("*.npz")):
        report = timed(path)
        reports.append(report.as_dict())
        if len(reports) == 1:
            print(f"{report.device.renderer}, {report.device.version}; frames of {report.size[0]}x{report.size[1]}\n")
            print("| shader | frame ms | ratio | compile s | ratio | VRAM MiB | kB |\n|---|---|---|---|---|---|---|")
        base = report.files[0]
        for file in report.files:
            base = file if file.name.endswith("all on") else base
            print(row(file, base), flush=True)
    if options.json:
        options.json.write_text(json.dumps(reports, indent=1) + "\n")


if __name__ == "__main__":
    main()
