"""`shadergen web`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import Load, existing, is_shader, load_options, read_text, spinner
from shadergen.errors import ImageError, ShadergenError
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.ir.graph import Graph
    from shadergen.web.page import Check, PageShader, Sample

_TYPES = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg", ".avif": "avif", ".gif": "gif"}
"""Pictures that every browser with WebGL2 of today can decode, by suffix."""


@click.command()
@click.argument("shaders", metavar="SHADER_OR_MODEL...", nargs=-1, type=existing)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The page.")
@click.option("--title", help="The page's title (default: the first shader's name).")
@click.option(
    "--sample", type=existing, help="The picture that is shown first (default: a drawing of the project's own)."
)
@click.option("--no-sample", is_flag=True, help="Show no picture first: a smaller page.")
@click.option(
    "--factor", type=click.FloatRange(1, 8), help="How much to enlarge (default: as much as a model does, else 2)."
)
@click.option("--chain", is_flag=True, help="Play the shaders one after the other, instead of a choice of them.")
@load_options
def web(
    shaders: tuple[Path, ...],
    output: Path,
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
    from shadergen.files import write_whole
    from shadergen.web.page import page, shipped_sample

    if sample and no_sample:
        raise click.UsageError("found --sample and --no-sample, expected one of them")
    if chain and len(shaders) < 2:
        raise click.UsageError(f"found --chain with {len(shaders)} shaders, expected two or more")
    picture = None if no_sample else _sample(sample) if sample else shipped_sample()
    with spinner("building") as progress:
        entries = []
        for path in shaders:
            progress(f"building {path.name}")
            entries.append(_entry(path, load, factor))
    if chain:
        entries = [_chained(entries, factor)]
    text = page(title or (entries[0].title if entries else "mpv shaders in the browser"), entries, picture)
    write_whole(output, text.encode())
    click.echo(output)


def _sample(path: Path) -> Sample:
    from shadergen.upscale.pictures import load
    from shadergen.web.page import Sample

    if path.suffix.lower() not in _TYPES:
        raise ImageError(path, f"found suffix {path.suffix!r}, expected one of {', '.join(_TYPES)}")
    load(path)
    return Sample(path.stem, f"image/{_TYPES[path.suffix.lower()]}", path.read_bytes())


def _entry(path: Path, load: Load, factor: float | None) -> PageShader:
    return _from_text(path, factor or 2.0) if is_shader(path) else _from_model(load(path), factor)


def _from_text(path: Path, factor: float) -> PageShader:
    """Raises HookFileError, and ShadergenError for what no browser can run."""
    from shadergen.hookfile import parse
    from shadergen.hookfile.stages import hooked_stages
    from shadergen.web.page import PageShader

    text = read_text(path)
    if not set("\x01\x02\x03").isdisjoint(text):
        raise ShadergenError(path, "found a control character, expected a text file")
    file = parse(text, str(path))
    refused = {item.source[0].line: "COMPUTE" for item in file.passes if item.compute}
    refused |= {block.source[0].line: "a BUFFER" for block in file.buffers}
    for line, found in refused.items():
        problem = f"found {found}, which no browser's WebGL has, expected fragment passes and textures"
        raise ShadergenError(f"{path}:{line}", problem, "build its model with --fragment")
    stages = hooked_stages(file)
    passes = f"{len(file.passes)} pass{'es' if len(file.passes) > 1 else ''}"
    about = f"{passes} on {', '.join(sorted(stages)).replace('MAINPRESUB', 'MAIN')}"
    halved = bool(stages) and stages <= {"CHROMA", "CHROMA_SCALED"}
    return PageShader(path.stem, about, _comment(file.header), ((text,),), factor, halved)


def _comment(header: str) -> str:
    """What a file's header says, without the signs of comments: authors put their licence there."""
    lines = (line.strip().removeprefix("/*").removesuffix("*/").lstrip("/*").strip() for line in header.splitlines())
    return "\n".join(lines).strip()


def _from_model(graph: Graph, factor: float | None) -> PageShader:
    """A model with its weights in textures, which starts at once, and in the code, which may be faster."""
    from shadergen import api
    from shadergen.ir.graph import verify
    from shadergen.passes.compose import macs
    from shadergen.web.page import PageShader

    scale = 2.0 if graph.plane == "chroma" else float(verify(graph)[graph.output].width.scale)
    forms = dict.fromkeys(api.compile(graph, Target(weights=weights)) for weights in ("texture", "code"))
    enlarges = f", enlarges {scale:g} times" if graph.plane != "chroma" and scale != 1 else ""
    about = f"{graph.plane}{enlarges}, {float(macs(graph)):,.0f} multiply-adds per pixel"
    return PageShader(
        graph.name,
        about,
        graph.record.licence or "Licence of the weights: not stated",
        tuple((text,) for text in forms),
        factor or scale,
        graph.plane == "chroma",
        _check(graph),
    )


def _chained(entries: Sequence[PageShader], factor: float | None) -> PageShader:
    from shadergen.web.page import PageShader

    scale = 1.0
    for entry in entries:
        scale *= 1.0 if entry.halved else entry.factor
    return PageShader(
        " + ".join(entry.title for entry in entries),
        "; then ".join(entry.about for entry in entries),
        "\n\n".join(dict.fromkeys(entry.licence for entry in entries)),
        tuple(tuple(entry.forms[min(form, len(entry.forms) - 1)][0] for entry in entries) for form in (0, 1)),
        factor or min(scale, 8.0),
        any(entry.halved for entry in entries),
    )


# ---------------------------------------------------------------------------------------------------------------------
# The page's test of itself


def _check(graph: Graph) -> Check:
    """What the network makes of the test picture; the page plays it as any other picture."""
    import numpy as np

    from shadergen.ir import reference
    from shadergen.runtime.colour import SITINGS, chroma_420, rgb_to_ycbcr, upsample_chroma
    from shadergen.web.page import TEST_SIZE, Check, test_picture

    picture = test_picture().astype(np.float32) / np.float32(255)
    ycbcr, (width, height) = rgb_to_ycbcr(picture), TEST_SIZE
    if graph.plane == "rgb":
        stage, image = "MAINPRESUB", picture
    elif graph.plane == "luma":
        stage, image = "LUMA", ycbcr[:1]
    else:
        chroma = upsample_chroma(chroma_420(ycbcr[1:], SITINGS["center"]), SITINGS["center"], (width, height))
        stage, image = "CHROMA", np.concatenate([ycbcr[:1], chroma])
    values = reference.evaluate(graph, image)[graph.output].astype("<f4")
    return Check(stage, np.moveaxis(values, 0, -1).tobytes(), len(values))
