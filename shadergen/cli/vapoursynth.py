"""`shadergen vapoursynth`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import Load, load_options, model_argument

if TYPE_CHECKING:
    from shadergen.vapoursynth import Backend


@click.command()
@model_argument
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The script.")
@click.option(
    "--backend",
    type=click.Choice(["ort", "ov"]),
    default="ort",
    show_default=True,
    help="vs-mlrt's plugin: onnxruntime or OpenVINO.",
)
@click.option("--fp16", is_flag=True, help="Compute in 16-bit floats: faster on GPUs.")
@load_options
def vapoursynth(model: Path, output: Path, backend: Backend, fp16: bool, load: Load) -> None:
    """Write a VapourSynth script that runs MODEL by vs-mlrt, and the model beside it as ONNX.

    The script takes a clip as mpv or vspipe hands it over. Its plugins come by `pip install vapoursynth` and
    `vapoursynth-mlrt-ort` or `-ov`.
    """
    from shadergen.files import write_whole
    from shadergen.sources import save
    from shadergen.vapoursynth import script

    graph = load(model)
    network = output.with_suffix(".onnx")
    if network.exists() and network.samefile(model):
        raise click.UsageError(
            f"-o: found {network}, which is the model and would be written anew; choose another name"
        )
    text = script(graph, network.name, backend, fp16)
    save(graph, network)
    write_whole(output, text.encode())
    click.echo(output)
    click.echo(network)
