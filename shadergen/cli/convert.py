"""`shadergen convert`."""

from __future__ import annotations

from pathlib import Path

import click

from shadergen.cli.base import Load, existing, load_options


@click.command()
@click.argument("source", metavar="IN", type=existing)
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--fp16", is_flag=True, help="Store and compute in float16 (ONNX); the picture stays float32.")
@load_options
def convert(source: Path, target: Path, fp16: bool, load: Load) -> None:
    """Write the model IN, of any format that `build` reads, as OUT, .onnx or .npz.

    ONNX models are what onnxruntime and VapourSynth's vs-mlrt run: NCHW, float32, any height and width.
    """
    from shadergen.sources import SUFFIXES, save

    if target.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"found OUT {str(target)!r}, expected a name that ends in {' or '.join(SUFFIXES)}")
    if fp16 and target.suffix.lower() != ".onnx":
        raise click.UsageError("found --fp16 with a .npz file, expected .onnx: the native format keeps float32")
    save(load(source), target, fp16)
    click.echo(target)
