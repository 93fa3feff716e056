"""`shadergen web`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import Load, existing, load_options, spinner
from shadergen.cli.webshaders import Costs, Entry, chained, read_costs, read_entry, read_sample
from shadergen.errors import ShadergenError

if TYPE_CHECKING:
    from shadergen.web.page import Sample


@click.command()
@click.argument("shaders", metavar="SHADER_OR_MODEL...", nargs=-1, type=existing)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The page.")
@click.option(
    "--gallery", type=click.Path(path_type=Path, file_okay=False), help="A folder for a page each, with a front page."
)
@click.option("--costs", type=existing, help="What bench/costs.py wrote: estimated milliseconds for the front page.")
@click.option("--title", help="The page's title (default: the first shader's name).")
@click.option("--sample", type=existing, help="The picture shown first (default: a drawing of the project's own).")
@click.option("--no-sample", is_flag=True, help="Show no picture first: a smaller page.")
@click.option(
    "--factor", type=click.FloatRange(1, 8), help="How much to enlarge (default: a model's own scale, else 2)."
)
@click.option("--chain", is_flag=True, help="Play the shaders one after the other, instead of a choice of them.")
@load_options
def web(
    shaders: tuple[Path, ...],
    output: Path | None,
    gallery: Path | None,
    costs: Path | None,
    title: str | None,
    sample: Path | None,
    no_sample: bool,
    factor: float | None,
    chain: bool,
    load: Load,
) -> None:
    """Write a web page that runs shaders on the visitor's GPU.

    One file that works offline and makes no request: pictures and videos that are dropped onto it, and the camera, are
    shown before and after. Several shaders give a choice. Without any, the page plays what is dropped. Shaders must be
    fragment passes, as no browser's WebGL has compute passes; models are built so.
    """
    from shadergen.web.page import shipped_sample

    if (output is None) == (gallery is None):
        raise click.UsageError("found -o and --gallery both or neither, expected one of them")
    if sample and no_sample:
        raise click.UsageError("found --sample and --no-sample, expected one of them")
    if chain and (len(shaders) < 2 or gallery):
        raise click.UsageError("found --chain, expected two shaders or more for it and no --gallery")
    if costs and not gallery:
        raise click.UsageError("found --costs without --gallery, expected both")
    known = read_costs(costs) if costs else Costs()
    picture = None if no_sample else read_sample(sample) if sample else shipped_sample()
    with spinner("building") as progress:
        entries = []
        for path in shaders:
            progress(f"building {path.name}")
            entries.append(read_entry(path, load, factor, picture))
    if gallery:
        _write_gallery(gallery, title or "Upscalers in the browser", entries, picture, known)
    elif output:
        _write_page(output, title, [chained(entries, factor)] if chain else entries, picture)


def _write_page(output: Path, title: str | None, entries: Sequence[Entry], picture: Sample | None) -> None:
    from shadergen.files import write_whole
    from shadergen.web.page import page

    title = title or (entries[0].shader.title if entries else "mpv shaders in the browser")
    fallback = entries[0].pictures if entries else ()
    write_whole(output, page(title, [entry.shader for entry in entries], picture, fallback).encode())
    click.echo(output)


def _write_gallery(folder: Path, title: str, entries: Sequence[Entry], picture: Sample | None, costs: Costs) -> None:
    """A page for each shader, one for what is dropped, and the front page, which is written last."""
    from shadergen.files import write_whole
    from shadergen.web.gallery import Card, gallery
    from shadergen.web.page import page

    _write_page(folder / "any.html", None, (), picture)
    cards: list[Card] = []
    for entry in entries:
        file = f"{entry.shader.title}.html"
        if file in ("any.html", "index.html") or file in {card.file for card in cards}:
            raise ShadergenError(folder / file, "found two pages of this name, expected different names")
        text = page(entry.shader.title, [entry.shader], picture, entry.pictures).encode()
        write_whole(folder / file, text)
        click.echo(folder / file)
        name = entry.shader.title
        cards.append(Card(file, entry.shader, len(text), entry.scores, entry.pictures, costs.of(name)))
    write_whole(folder / "index.html", gallery(title, cards, costs.frame).encode())
    click.echo(folder / "index.html")
