"""`shadergen score`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from shadergen.cli.base import ChartFile, existing, gpu_of, is_shader, json_option, load_model, read_text, spinner

if TYPE_CHECKING:
    from shadergen.cost.gpus import Gpu
    from shadergen.ir.graph import Graph


@click.command()
@click.argument("models", type=existing, nargs=-1, required=True)
@click.option("--data", "folders", type=existing, multiple=True, help="Folder of pictures; repeatable.")
@click.option("--cases", is_flag=True, help="Small pictures of what viewers see: subtitles, grain, ... (drawn here).")
@click.option(
    "--condition",
    "conditions",
    multiple=True,
    help="box, bicubic, h264-23, box+blur-0.5+jpeg-60, ...; left, center; repeatable.",
)
@click.option("--flats", is_flag=True, help="What they make of flat fields, ramps and letterboxes, without pictures.")
@click.option("--means", is_flag=True, help="Only the means in the table.")
@json_option
@click.option("--markdown", is_flag=True, help="The means as a Markdown table.")
@click.option("--sheet", type=click.Path(path_type=Path), help="A PNG to write: what each made of spots to look at.")
@click.option("--plot", type=ChartFile(), help="A .png or .svg to write: quality against static milliseconds.")
@click.option("--gpu", "gpu_name", default="rx7900xtx", show_default=True, metavar="NAME", help="The GPU of --plot.")
@click.option("--costs", type=existing, help="What `shadergen cost --json` printed, in place of compiling for --plot.")
def score(
    models: tuple[Path, ...],
    folders: tuple[Path, ...],
    cases: bool,
    conditions: tuple[str, ...],
    flats: bool,
    means: bool,
    as_json: bool,
    markdown: bool,
    sheet: Path | None,
    plot: Path | None,
    gpu_name: str,
    costs: Path | None,
) -> None:
    """Measure MODELS on pictures that are made small: PSNR and SSIM, beside bicubic and Lanczos.

    With --flats, what they make of what has no detail: exit code 1 where one is not within the bars.
    With --plot, also what a frame of 1080p costs on a GPU that need not be here (docs/cost.md).
    """
    from shadergen.judge import front, scoretable
    from shadergen.judge.cases import pictures_of
    from shadergen.judge.contactsheet import ContactSheet
    from shadergen.judge.drawn import named_cases
    from shadergen.judge.score import common_plane
    from shadergen.judge.score import score as measure

    _check_usage()
    if sheet and sheet.suffix.lower() != ".png":
        raise click.UsageError(f"found --sheet {str(sheet)!r}, expected a name that ends with .png")
    gpu = gpu_of(gpu_name)
    names = {path: _name(path, models) for path in models}
    graphs = {name: load_model(path) for path, name in names.items()}
    if flats:
        sys.exit(_flats(graphs, as_json))
    plane = common_plane(graphs)
    times = _milliseconds(names, graphs, gpu, costs) if plot else {}
    contact = ContactSheet()
    pictures = chain(pictures_of(folders), named_cases(plane) if cases else ())
    with spinner("starting") as progress:
        on_case = contact.add if sheet else lambda case, results: None
        report = measure(graphs, pictures, conditions, on_case, progress)
    panels = front.panels(report, times)
    if as_json:
        drawn = {"gpu": gpu.name, "panels": front.as_dict(panels)}
        click.echo(json.dumps(report.as_dict() | ({"front": drawn} if plot else {}), indent=1))
    else:
        click.echo(scoretable.markdown(report) if markdown else scoretable.text(report, not means), nl=False)
        if plot and not markdown:
            click.echo("\n" + front.text(panels, f"{gpu.title}, the front *"), nl=False)
    if sheet:
        contact.save(sheet)
        click.echo(sheet, err=True)
    if plot:
        front.save_chart(plot, panels, f"Quality against the estimated time of a frame of 1080p, {gpu.title}")
        click.echo(plot, err=True)


_OF_FLATS = {"models", "flats", "as_json"}
_OF_PLOT = {"gpu_name": "--gpu", "costs": "--costs"}


def _check_usage() -> None:
    """Options that do not go together; raises UsageError."""
    context = click.get_current_context()
    options = {param.name: param.opts[0] for param in context.command.params if param.name}
    given = {name for name in options if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if not given & {"flats", "folders", "cases"}:
        raise click.UsageError("found no pictures, expected one of --data, --cases and --flats")
    others = [options[name] for name in options if name in given - _OF_FLATS]
    if "flats" in given and others:
        raise click.UsageError(f"found {others[0]} with --flats, which only goes with --json")
    if {"as_json", "markdown"} <= given:
        raise click.UsageError("found --json and --markdown, expected one of them")
    for name, option in _OF_PLOT.items():
        if name in given and "plot" not in given:
            raise click.UsageError(f"found {option} without --plot, expected both")


def _milliseconds(
    models: Mapping[Path, str], graphs: Mapping[str, Graph], gpu: Gpu, costs: Path | None
) -> dict[str, float]:
    """The static milliseconds of shaders as they are and of models as they are built for the GPU. Raises ShadergenError
    for the first that has none."""
    from shadergen.cost.drivers import roots_of_environment
    from shadergen.cost.report import Entry
    from shadergen.judge import statics

    if costs:
        names = ((path, name, statics.file_name(graphs[name], gpu)) for path, name in models.items())
        return statics.looked_up(
            costs, {name: str(path) if is_shader(path) else file for path, name, file in names}, gpu
        )
    with spinner(f"compiling for {gpu.title}") as progress:
        entries = {
            name: Entry(str(path), read_text(path)) if is_shader(path) else statics.written(graphs[name], gpu)
            for path, name in models.items()
        }
        return statics.estimated(entries, gpu, roots_of_environment(), progress)


def _flats(graphs: Mapping[str, Graph], as_json: bool) -> int:
    """Measure and print; the exit code."""
    from shadergen.judge import flats

    found = {}
    for name, graph in graphs.items():
        with spinner(f"{name}: flat fields"):
            found[name] = flats.measure(graph)
        if not as_json:
            click.echo(f"{name}: {found[name].line()}")
    if as_json:
        click.echo(
            json.dumps({name: vars(result) | {"holds": result.holds} for name, result in found.items()}, indent=1)
        )
    return 0 if all(result.holds for result in found.values()) else 1


def _name(path: Path, models: tuple[Path, ...]) -> str:
    """The file's name, with its folder where two are called the same."""
    return path.stem if [other.stem for other in models].count(path.stem) == 1 else str(path.with_suffix(""))
