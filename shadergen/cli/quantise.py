"""`shadergen quantise`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from shadergen.cli.base import Load, existing, load_options, model_argument, spinner


@click.command()
@model_argument
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="A .npz or .onnx.")
@click.option("--data", "folders", type=existing, multiple=True, required=True, help="Folder of pictures; repeatable.")
@click.option("--pictures", default=64, show_default=True, type=click.IntRange(1), help="How many to measure on.")
@click.option("--score", "scored_on", type=existing, multiple=True, help="Folder to score the result on; repeatable.")
@load_options
def quantise(
    model: Path,
    output: Path,
    folders: tuple[Path, ...],
    pictures: int,
    scored_on: tuple[Path, ...],
    load: Load,
) -> None:
    """Write MODEL with wide layers that multiply bytes, for `build --kernel dot8` (docs/tensor.md).

    What these layers read is rounded to bytes, in steps that are measured on the pictures below the folders of --data.
    Nothing is trained.
    """
    from shadergen import sources
    from shadergen.judge.cases import pictures_of
    from shadergen.judge.score import scored
    from shadergen.quantise import quantised_on

    if output.suffix.lower() not in sources.SUFFIXES:
        raise click.UsageError(
            f"-o: found {str(output)!r}, expected a name that ends in {' or '.join(sources.SUFFIXES)}"
        )
    with spinner("measuring") as progress:
        graph = quantised_on(load(model), folders, pictures, progress)
        graph = replace(graph, name=output.stem)
        graph = scored(graph, pictures_of(scored_on)) if scored_on else graph
    sources.save(graph, output)
    click.echo(output)
