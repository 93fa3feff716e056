"""`shadergen upscale`."""

from __future__ import annotations

from pathlib import Path

import click

from shadergen.cli.base import existing, shader_text, spinner


@click.command()
@click.argument("image", type=existing)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="Picture to write.")
@click.option("--shader", type=existing, required=True, help="A .glsl file, or a model to build one from.")
@click.option("--before-after", type=click.Path(path_type=Path), help="Also write bicubic and result side by side.")
def upscale(image: Path, output: Path, shader: Path, before_after: Path | None) -> None:
    """Enlarge IMAGE twofold with a shader, as a player would show it."""
    from shadergen.runtime.images import load, save
    from shadergen.runtime.upscale import side_by_side
    from shadergen.runtime.upscale import upscale as run

    picture = load(image).pixels
    with spinner(f"upscaling {image}"):
        result = run(shader_text(shader), str(shader), picture)
    save(output, result)
    click.echo(output)
    if before_after:
        save(before_after, side_by_side(picture, result))
        click.echo(before_after)
