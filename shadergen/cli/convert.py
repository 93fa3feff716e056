"""`shadergen convert`."""

from __future__ import annotations

from pathlib import Path

import click

from shadergen.cli.base import Load, existing, load_options


@click.command()
@click.argument("source", metavar="IN", type=existing)
@click.argument("target", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--fp16", is_flag=True, help="Store and compute in float16 (ONNX); the picture stays float32.")
@click.option(
    "--fp16-io", is_flag=True, help="The picture in float16 at both ends (ONNX), as vs-mlrt wants for GRAYH, RGBH."
)
@load_options
def convert(source: Path, target: Path, fp16: bool, fp16_io: bool, load: Load) -> None:
    """Write the model IN, of any format that `build` reads, as OUT, .onnx or .npz.

    ONNX models are what onnxruntime and VapourSynth's vs-mlrt run: NCHW, float32 (or float16), any height and width.
    """
    from shadergen.sources import SUFFIXES, save

    if target.suffix.lower() not in SUFFIXES:
        raise click.UsageError(f"found OUT {str(target)!r}, expected a name that ends in {' or '.join(SUFFIXES)}")
    if (fp16 or fp16_io) and target.suffix.lower() != ".onnx":
        option = "--fp16" if fp16 else "--fp16-io"
        raise click.UsageError(f"found {option} with a .npz file, expected .onnx: the native format keeps float32")
    save(load(source), target, fp16, fp16_io)
    click.echo(target)
