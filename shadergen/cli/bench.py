"""`shadergen bench`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shadergen.cli.base import (
    ChartFile,
    Dimensions,
    Load,
    existing,
    fail,
    for_plane,
    is_shader,
    json_option,
    load_options,
    read_text,
    spinner,
    target_options,
)
from shadergen.errors import ShadergenError
from shadergen.target import Target
from shadergen.version import __version__

if TYPE_CHECKING:
    from shadergen.measure.bench import Entry


@click.command()
@click.argument("files", type=existing, nargs=-1, required=True, metavar="FILE_OR_MODEL...")
@click.option("--size", type=Dimensions(), help="Frame size (default: 1920x1080, without a GPU 480x270).")
@click.option("--runs", type=click.IntRange(1), default=9, show_default=True, help="Timed frames of each file.")
@click.option("--cold-runs", type=click.IntRange(1), default=1, show_default=True, help="Times to compile anew.")
@click.option("--passes", "show_passes", is_flag=True, help="A line for every pass.")
@click.option("--plot", type=ChartFile(), help="Also draw a bar chart: a .png or .svg file.")
@json_option
@load_options
@target_options
def bench(
    files: tuple[Path, ...],
    size: tuple[int, int] | None,
    runs: int,
    cold_runs: int,
    show_passes: bool,
    plot: Path | None,
    as_json: bool,
    load: Load,
    target: Target,
) -> None:
    """Time shaders on this device, side by side: frames, compiling, and the floors under both.

    Any mpv shader will do; a model is built first. Ratios are to the first file. Exit code 1 when one
    cannot run.
    """
    from shadergen.measure import bench as timing
    from shadergen.measure.table import format_report

    entries = [_bench_entry(file, load, target) for file in files]
    if len(entries) == 1 and entries[0].problem:
        fail(entries[0].problem)
    with spinner("starting") as progress:
        options = timing.Options(size, runs, cold_runs)
        report = timing.measure(entries, options, shared_bytes=_shared_bytes, progress=progress)
    if len(entries) == 1 and report.files[0].problem:
        fail(report.files[0].problem)
    if as_json:
        click.echo(json.dumps(_versions() | report.as_dict(), indent=1))
    else:
        click.echo(format_report(report, passes=show_passes), nl=False)
    if plot:
        from shadergen.measure.chart import save_chart

        save_chart(plot, report)
        click.echo(plot, err=as_json)
    sys.exit(1 if any(file.problem for file in report.files) else 0)


def _bench_entry(file: Path, load: Load, target: Target) -> Entry:
    """A shader's text or that of a model, or why there is none: the other files are timed all the same."""
    from shadergen import api
    from shadergen.measure.bench import Entry

    try:
        if is_shader(file):
            return Entry(file.name, read_text(file))
        graph = load(file)
        target = for_plane(target, graph.plane)
        return Entry(f"{graph.name}{target.suffix}", api.compile(graph, target))
    except ShadergenError as error:
        return Entry(file.name, problem=str(error))


def _shared_bytes(body: str, threads: tuple[int, int]) -> int | None:
    from shadergen.lint.glsltext import shared_bytes, without_comments

    return shared_bytes(without_comments(body), threads)


def _versions() -> dict[str, Any]:
    from importlib.metadata import version
    from platform import platform, python_version

    packages = {name: version(name) for name in ("moderngl", "numpy")}
    return {"versions": {"shadergen": __version__, "python": python_version(), "system": platform()} | packages}
