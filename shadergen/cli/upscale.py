"""`shadergen upscale`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import (
    Advance,
    Load,
    bar,
    existing,
    for_plane,
    is_shader,
    load_model,
    load_options,
    read_text,
    target_options,
)
from shadergen.cli.enlargements import Enlargement, check, check_format, plan
from shadergen.errors import ShadergenError
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.ir.graph import Graph
    from shadergen.runtime.colour import Array
    from shadergen.runtime.program import Storage
    from shadergen.upscale.comparepage import ComparedPicture
    from shadergen.upscale.pictures import Codes
    from shadergen.upscale.upscale import Upscaler


@dataclass(frozen=True)
class Work:
    """What is done to every input."""

    files: Mapping[str, str]
    """Texts of hook files by name, in the player's order."""
    models: Sequence[Graph]
    """The networks among them, whose smallest picture is known."""
    factor: float
    tile: int | None
    subsampled: bool
    comparing: bool
    truth: Path | None
    before_after: Path | None


@click.command()
@click.argument("inputs", metavar="IMAGE_OR_CLIP...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A file, or a folder for several.")
@click.option("--shader", type=existing, required=True, help="A .glsl file, or a model to build one from.")
@click.option("--chroma", type=existing, help="A shader or model for chroma; halves the colour of pictures first.")
@click.option(
    "--factor", type=click.FloatRange(0.25, 8), help="How much to enlarge (default: as much as a model does, else 2)."
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist (without it, nothing is begun).")
@click.option("--skip-existing", is_flag=True, help="Leave out what has its result already.")
@click.option(
    "--tile",
    type=click.IntRange(0),
    metavar="TEXELS",
    help="Side of a tile, with its overlap; 0: never cut (default: by the GPU).",
)
@click.option("--compare", type=click.Path(path_type=Path), help="Also write a web page with before and after.")
@click.option("--truth", type=existing, help="The picture as it should be, for --compare: adds PSNR and SSIM.")
@click.option("--before-after", type=click.Path(path_type=Path), help="Also write bicubic and result side by side.")
@click.option("--deinterlace", is_flag=True, help="Clips: make whole frames of interlaced video first.")
@click.option("--encode", metavar="ARGS", help="Clips: ffmpeg's output arguments (default: -c:v libx264 -crf 14).")
@load_options
@target_options
def upscale(
    inputs: tuple[str, ...],
    output: Path,
    shader: Path,
    chroma: Path | None,
    factor: float | None,
    overwrite: bool,
    skip_existing: bool,
    tile: int | None,
    compare: Path | None,
    truth: Path | None,
    before_after: Path | None,
    deinterlace: bool,
    encode: str | None,
    load: Load,
    target: Target,
) -> None:
    """Enlarge pictures or clips with a shader, as a player would show them.

    Any mpv shader will do. Pictures keep their bit depth (8 or 16), alpha, colour profile and EXIF data; JPEG, WebP and
    AVIF are compressed anew, so write .png to lose nothing. Clips go through ffmpeg; sound and subtitles are copied.
    The options of `build` are for models; --plane and --prescale for that of --shader alone.

    Exit code 1 where a picture among several is damaged; the others are written all the same.
    """
    jobs = plan(inputs, output)
    if skip_existing:
        jobs = [job for job in jobs if not job.output.exists()]
    check(jobs, overwrite, compare, truth, before_after)
    text, graph = _shader(shader, load, target)
    files, graphs = {str(shader): text}, [graph]
    if chroma:
        files[str(chroma)], for_chroma = _shader(chroma, load_model, target)
        graphs.append(for_chroma)
    if chroma is None and any(not job.is_clip for job in jobs) and _is_for_chroma(text, shader):
        problem = "it rebuilds halved colour, which pictures have not: they are only scaled; use it as --chroma"
        click.echo(f"shadergen: {shader}: warning: {problem}", err=True)
    clips, pictures = [job for job in jobs if job.is_clip], [job for job in jobs if not job.is_clip]
    models = [model for model in graphs if model]
    work = Work(files, models, factor or _natural(graph), tile, chroma is not None, bool(compare), truth, before_after)
    with bar() as advance:
        comparisons, damaged = _upscale_pictures(pictures, work, advance)
        for job in clips:
            _upscale_clip(job, work, shlex.split(encode or "") or None, deinterlace, advance)
    if compare and comparisons:
        from shadergen.files import write_whole
        from shadergen.upscale.comparepage import page

        write_whole(compare, page(comparisons).encode())
        click.echo(compare)
    sys.exit(1 if damaged else 0)


def _shader(path: Path, load: Load, target: Target) -> tuple[str, Graph | None]:
    """A shader file's text, or that built from a model, and the model."""
    if is_shader(path):
        return read_text(path), None
    from shadergen import api

    graph = load(path)
    return api.compile(graph, for_plane(target, graph.plane)), graph


def _natural(graph: Graph | None) -> float:
    """The factor to enlarge by unless the user says one."""
    from shadergen.ir.graph import verify

    return 2.0 if graph is None or graph.plane == "chroma" else float(verify(graph)[graph.output].width.scale)


def _check_size(work: Work, size: tuple[int, int]) -> None:
    """Raise ShadergenError for a picture or clip that is too small for a model."""
    from shadergen.ir.graph import verify
    from shadergen.ir.smallest import check_size

    for graph in work.models:
        check_size(graph.name, verify(graph), size)


def _is_for_chroma(text: str, shader: Path) -> bool:
    """Whether every pass of a hook file changes chroma alone."""
    from shadergen.hookfile import parse

    passes = parse(text, str(shader)).passes
    return bool(passes) and all(set(item.hooks) == {"CHROMA"} for item in passes)


def _upscale_pictures(jobs: Sequence[Enlargement], work: Work, advance: Advance) -> tuple[list[ComparedPicture], int]:
    """What --compare shows, and how many pictures of several were damaged."""
    from shadergen.errors import ImageError
    from shadergen.upscale.upscale import Upscaler

    comparisons: list[ComparedPicture] = []
    damaged = 0
    with ExitStack() as stack:

        @cache
        def upscaler(depth: int) -> Upscaler:
            storage: Storage = "rgba16f" if depth == 8 else "rgba32f"  # 16-bit floats have 11 bits
            return stack.enter_context(
                Upscaler(work.files, factor=work.factor, storage=storage, subsampled=work.subsampled, side=work.tile)
            )

        for number, job in enumerate(jobs):

            def progress(share: float, number: int = number, name: str = job.input.name) -> None:
                advance(name, (number + share) / len(jobs))

            try:
                comparison = _upscale_picture(job, work, upscaler, progress)
            except ImageError as error:
                if len(jobs) == 1:
                    raise
                click.echo(f"shadergen: {error}", err=True)
                damaged += 1
            else:
                comparisons += [comparison] if comparison else []
    return comparisons, damaged


def _upscale_picture(
    job: Enlargement, work: Work, upscaler: Callable[[int], Upscaler], progress: Callable[[float], None]
) -> ComparedPicture | None:
    from shadergen.upscale.pictures import load, save, save_bands
    from shadergen.upscale.upscale import side_by_side

    image = load(job.input)
    check_format(job, image)
    height, width = image.codes.shape[1:]
    _check_size(work, (width, height))
    if image.frames > 1:
        click.echo(f"shadergen: {job.input}: warning: found {image.frames} pictures, took the first", err=True)
    enlarger = upscaler(image.depth)
    if not (work.comparing or work.before_after):
        rows = enlarger.extent(height)
        enlarger.write(
            image.codes,
            lambda bands: save_bands(job.output, bands, rows, icc=image.icc, exif=image.exif),
            image.depth,
            progress,
        )
        click.echo(job.output)
        return None
    codes = enlarger(image.codes, image.depth, progress)
    save(job.output, codes, icc=image.icc, exif=image.exif)
    click.echo(job.output)
    if work.before_after:
        save(work.before_after, side_by_side(image.pixels, codes))
        click.echo(work.before_after)
    return _comparison(job, image.pixels, codes, work.truth) if work.comparing else None


def _upscale_clip(
    job: Enlargement, work: Work, encoder: Sequence[str] | None, deinterlace: bool, advance: Advance
) -> None:
    from shadergen.upscale.video import upscale_clip

    def progress(done: int, frames: int) -> None:
        advance(f"{job.input.name}: {done} of about {frames} frames", done / frames if frames else 0.0)

    def warn(words: str) -> None:
        click.echo(f"shadergen: {job.input}: warning: {words}", err=True)

    upscale_clip(
        job.input,
        job.output,
        work.files,
        factor=work.factor,
        encoder=encoder,
        deinterlace=deinterlace,
        check=lambda size: _check_size(work, size),
        progress=progress,
        warn=warn,
    )
    click.echo(job.output)


def _comparison(job: Enlargement, before: Array, codes: Codes, truth: Path | None) -> ComparedPicture:
    from shadergen.upscale.comparepage import ComparedPicture
    from shadergen.upscale.pictures import load
    from shadergen.upscale.upscale import enlarge

    height, width = codes.shape[1:]
    wanted = load(truth).pixels if truth else None
    if wanted is not None and wanted.shape[1:] != (height, width):
        found = f"found {wanted.shape[2]}x{wanted.shape[1]}, expected {width}x{height} as the result has"
        raise ShadergenError(truth, found)
    return ComparedPicture(job.input.name, {"bicubic": enlarge(before, (width, height)), "shader": codes}, wanted)
