"""`shadergen cost`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from shadergen.cli.base import (
    Dimensions,
    Load,
    existing,
    fail,
    for_plane,
    gpu_of,
    is_shader,
    json_option,
    load_options,
    read_text,
    spinner,
    target_options,
)
from shadergen.errors import ShadergenError
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.cost.report import Entry, GpuReport


@click.command()
@click.argument("files", type=existing, nargs=-1, metavar="FILE_OR_MODEL...")
@click.option(
    "--gpu",
    "names",
    multiple=True,
    metavar="NAME",
    help="Default: rx7900xtx. May be repeated; `list` prints the names.",
)
@click.option("--size", type=Dimensions(), default="1920x1080", show_default=True, help="Frame size.")
@click.option("--passes", "show_passes", is_flag=True, help="Lines for every pass, with its loops.")
@click.option("--dump", type=click.Path(path_type=Path), help="Folder for each pass in the GPU's instructions.")
@click.option(
    "--root",
    "roots",
    type=existing,
    multiple=True,
    help="Folder of a system whose drivers to use (docs/cost.md).",
)
@json_option
@load_options
@target_options
def cost(
    files: tuple[Path, ...],
    names: tuple[str, ...],
    size: tuple[int, int],
    show_passes: bool,
    dump: Path | None,
    roots: tuple[Path, ...],
    as_json: bool,
    load: Load,
    target: Target,
) -> None:
    """Estimate what shaders cost on GPUs that are not here, by the GPUs' own compilers.

    Any mpv shader will do; a model is built first, in every way that `shaders/` has or as the options
    say. Nothing is timed: compare ratios, which are to the first file. Exit code 1 when one cannot be judged.
    """
    from shadergen.cost import gpus, report, table
    from shadergen.cost.drivers import roots_of_environment

    if "list" in names:
        click.echo(table.format_gpus(), nl=False)
        return
    if not files:
        raise click.UsageError("Missing argument 'FILE_OR_MODEL...'.")
    wanted = [gpu_of(name, "list or ") for name in names or (gpus.DEFAULT,)]
    roots = roots or roots_of_environment()
    chosen = _says_how_to_build()
    entries = [entry for file in files for entry in _entries(file, load, target, chosen)]
    with spinner("compiling") as progress:
        prepared = report.prepare(entries, size, progress)
    if len(prepared) == 1 and prepared[0].problem:
        fail(prepared[0].problem)
    reports: list[GpuReport] = []
    for gpu in wanted:
        with spinner(gpu.title) as progress:
            reports.append(report.on_gpu(prepared, gpu, roots, progress))
        if len(wanted) == 1 and reports[0].problem:
            fail(reports[0].problem)
        if not as_json:
            click.echo(table.format_report(reports[-1], passes=show_passes))
        if dump:
            _dump(dump, reports[-1])
    if as_json:
        click.echo(json.dumps(report.as_dict(reports, size), indent=1))
    failed = any(item.problem or any(file.milliseconds is None for file in item.files) for item in reports)
    sys.exit(1 if failed else 0)


def _entries(file: Path, load: Load, target: Target, chosen: bool) -> Iterator[Entry]:
    """A shader's text, or those of a model: as the options say, or every file that is generated of it.

    What cannot be read or built has its reason instead: the other files are judged all the same.
    """
    from shadergen import api
    from shadergen.cost.report import Entry
    from shadergen.target import variants

    try:
        if is_shader(file):
            yield Entry(str(file), read_text(file))
            return
        graph = load(file)
        for one in [for_plane(target, graph.plane)] if chosen else variants(graph.plane):
            yield Entry(f"{graph.name}{one.suffix}", api.compile(graph, one))
    except ShadergenError as error:
        yield Entry(str(file), problem=str(error))


def _says_how_to_build() -> bool:
    """Whether the command line has an option that makes a target."""
    context = click.get_current_context()
    names = ("stage", "precision", "when", "workgroup", "weights", "kernel", "fuse", "without")
    return any(context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names)


def _dump(folder: Path, report: GpuReport) -> None:
    """Write every pass as FOLDER/GPU/FILE.NUMBER.s."""
    from shadergen.files import write_whole

    for file in report.files:
        for number, item in enumerate(file.passes, 1):
            if item.cost is not None:
                path = folder / report.gpu.name / f"{Path(file.name).stem}.{number}.s"
                write_whole(path, item.cost.code.encode())
