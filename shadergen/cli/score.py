"""`shadergen score`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import existing, json_option, load_model, spinner

if TYPE_CHECKING:
    from shadergen.ir.graph import Graph


@click.command()
@click.argument("models", type=existing, nargs=-1, required=True)
@click.option("--data", "folders", type=existing, multiple=True, help="Folder of pictures; repeatable.")
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
@click.option("--sheet", type=click.Path(path_type=Path), help="A PNG to write: what each made of the worst spots.")
def score(
    models: tuple[Path, ...],
    folders: tuple[Path, ...],
    conditions: tuple[str, ...],
    flats: bool,
    means: bool,
    as_json: bool,
    markdown: bool,
    sheet: Path | None,
) -> None:
    """Measure MODELS on pictures that are made small: PSNR and SSIM, beside bicubic and Lanczos.

    With --flats, what they make of what has no detail: exit code 1 where one is not within the bars.
    """
    from shadergen.judge import scoretable
    from shadergen.judge.contactsheet import ContactSheet
    from shadergen.judge.score import score as measure

    if flats == bool(folders):
        raise click.UsageError("found {}, expected one of --data and --flats".format("both" if flats else "neither"))
    if as_json and markdown:
        raise click.UsageError("found --json and --markdown, expected one of them")
    if sheet and sheet.suffix.lower() != ".png":
        raise click.UsageError(f"found --sheet {str(sheet)!r}, expected a name that ends with .png")
    graphs = {_name(path, models): load_model(path) for path in models}
    if flats:
        sys.exit(_flats(graphs, as_json))
    contact = ContactSheet()
    with spinner("starting") as progress:
        on_case = contact.add if sheet else lambda case, results: None
        report = measure(graphs, folders, conditions, on_case, progress)
    if as_json:
        click.echo(json.dumps(report.as_dict(), indent=1))
    else:
        click.echo(scoretable.markdown(report) if markdown else scoretable.text(report, not means), nl=False)
    if sheet:
        contact.save(sheet)
        click.echo(sheet, err=True)


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
