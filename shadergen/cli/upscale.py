"""`shadergen upscale`."""

from __future__ import annotations

import glob
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import Load, existing, load_model, load_options, read_text, target_options
from shadergen.errors import ShadergenError
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.runtime.colour import Array
    from shadergen.runtime.program import Storage
    from shadergen.upscale.comparepage import ComparedPicture
    from shadergen.upscale.pictures import Codes, Image
    from shadergen.upscale.upscale import Upscaler

_KEPT_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp"})
"""In a folder, pictures keep these suffixes; others (.gif, say, with its 256 colours) become .png."""

Advance = Callable[[str, float], None]
"""What is being done, and the share of all that is done."""


@dataclass(frozen=True)
class Job:
    """One input and where its result goes."""

    input: Path
    output: Path
    is_clip: bool


@dataclass(frozen=True)
class Work:
    """What is done to every input."""

    files: Mapping[str, str]
    """Texts of hook files by name, in the player's order."""
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
    jobs = _jobs(inputs, output)
    if skip_existing:
        jobs = [job for job in jobs if not job.output.exists()]
    _check(jobs, overwrite, compare, truth, before_after)
    text, natural = _shader(shader, load, target)
    files = {str(shader): text}
    if chroma:
        files[str(chroma)], _ = _shader(chroma, load_model, target)
    clips, pictures = [job for job in jobs if job.is_clip], [job for job in jobs if not job.is_clip]
    work = Work(files, factor or natural, tile, chroma is not None, bool(compare), truth, before_after)
    with _progress() as advance:
        comparisons, damaged = _upscale_pictures(pictures, work, advance)
        for job in clips:
            _upscale_clip(job, work, shlex.split(encode or "") or None, advance)
    if compare and comparisons:
        from shadergen.files import write_whole
        from shadergen.upscale.comparepage import page

        write_whole(compare, page(comparisons).encode())
        click.echo(compare)
    sys.exit(1 if damaged else 0)


def _shader(path: Path, load: Load, target: Target) -> tuple[str, float]:
    """A shader file's text, or that built from a model, and the factor to enlarge by unless the user says one."""
    if path.suffix in (".glsl", ".hook"):
        return read_text(path), 2.0
    from shadergen import api
    from shadergen.ir.graph import verify

    graph = load(path)
    scale = 2.0 if graph.plane == "chroma" else float(verify(graph)[graph.output].width.scale)
    return api.compile(graph, target), scale


def _upscale_pictures(jobs: Sequence[Job], work: Work, advance: Advance) -> tuple[list[ComparedPicture], int]:
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
    job: Job, work: Work, upscaler: Callable[[int], Upscaler], progress: Callable[[float], None]
) -> ComparedPicture | None:
    from shadergen.upscale.pictures import load, save
    from shadergen.upscale.upscale import side_by_side

    image = load(job.input)
    _check_format(job, image)
    if image.frames > 1:
        click.echo(f"shadergen: {job.input}: warning: found {image.frames} pictures, took the first", err=True)
    codes = upscaler(image.depth)(image.pixels, image.depth, progress)
    save(job.output, codes, icc=image.icc, exif=image.exif)
    click.echo(job.output)
    if work.before_after:
        save(work.before_after, side_by_side(image.pixels, codes))
        click.echo(work.before_after)
    return _comparison(job, image.pixels, codes, work.truth) if work.comparing else None


def _upscale_clip(job: Job, work: Work, encoder: Sequence[str] | None, advance: Advance) -> None:
    from shadergen.upscale.video import upscale_clip

    def progress(done: int, frames: int) -> None:
        advance(f"{job.input.name}: {done} of about {frames} frames", done / frames if frames else 0.0)

    def warn(words: str) -> None:
        click.echo(f"shadergen: {job.input}: warning: ffmpeg says {words!r}", err=True)

    upscale_clip(job.input, job.output, work.files, factor=work.factor, encoder=encoder, progress=progress, warn=warn)
    click.echo(job.output)


def _comparison(job: Job, before: Array, codes: Codes, truth: Path | None) -> ComparedPicture:
    from shadergen.upscale.comparepage import ComparedPicture
    from shadergen.upscale.pictures import load
    from shadergen.upscale.upscale import enlarge

    height, width = codes.shape[1:]
    wanted = load(truth).pixels if truth else None
    if wanted is not None and wanted.shape[1:] != (height, width):
        found = f"found {wanted.shape[2]}x{wanted.shape[1]}, expected {width}x{height} as the result has"
        raise ShadergenError(truth, found)
    return ComparedPicture(job.input.name, {"bicubic": enlarge(before, (width, height)), "shader": codes}, wanted)


# ---------------------------------------------------------------------------------------------------------------------
# Before any work


def _jobs(inputs: Sequence[str], output: Path) -> list[Job]:
    """Every input with its output; wildcards that the shell left alone (on Windows, all) are resolved."""
    from shadergen.upscale.video import SUFFIXES

    paths: list[Path] = []
    for given in inputs:
        matches = [Path(match) for match in sorted(glob.glob(given))] if glob.has_magic(given) else []
        paths += matches if matches and not Path(given).exists() else [Path(given)]
    into_folder = output.is_dir() or not output.suffix or str(output).endswith(("/", "\\"))
    if len(paths) > 1 and not into_folder:
        raise click.UsageError(f"found {len(paths)} inputs and the file {output}, expected a folder for them")
    jobs = []
    for path in paths:
        is_clip = path.suffix.lower() in SUFFIXES
        name = path.name if is_clip or path.suffix.lower() in _KEPT_SUFFIXES else f"{path.stem}.png"
        jobs.append(Job(path, output / name if into_folder else output, is_clip))
    return jobs


def _check(
    jobs: Sequence[Job], overwrite: bool, compare: Path | None, truth: Path | None, before_after: Path | None
) -> None:
    """Raise what can be said before the work."""
    from shadergen.upscale.video import SUFFIXES

    clips = sum(job.is_clip for job in jobs)
    if (compare or before_after) and clips:
        raise click.UsageError("found a clip, expected pictures for --compare and --before-after")
    if (before_after or truth) and len(jobs) > 1:
        raise click.UsageError(f"found {len(jobs)} inputs, expected one for --before-after and --truth")
    if truth and not compare:
        raise click.UsageError("found --truth without --compare")
    for job in jobs:
        if not job.input.exists():
            raise ShadergenError(job.input, "found no such file, expected a picture or a clip")
        if job.output.exists() and job.output.samefile(job.input):
            raise ShadergenError(job.output, "found the input itself as the output, expected another place")
        if job.is_clip and job.output.suffix.lower() not in SUFFIXES:
            raise ShadergenError(
                job.output, f"found suffix {job.output.suffix!r}, expected one of a clip, such as .mkv"
            )
        if job.output.exists() and not overwrite:
            raise ShadergenError(job.output, "found a file there already", "say --overwrite or --skip-existing")
    twice = [path for path, count in Counter(job.output for job in jobs).items() if count > 1]
    if twice:
        raise ShadergenError(twice[0], "found two inputs whose result would be this file, expected different names")


def _check_format(job: Job, image: Image) -> None:
    from shadergen.upscale.pictures import format_of

    format_of(job.output)
    if len(image.pixels) == 4 and job.output.suffix.lower() in (".jpg", ".jpeg"):
        raise ShadergenError(job.output, "found a picture with alpha, which JPEG cannot hold", "write .png or .webp")


@contextmanager
def _progress() -> Iterator[Advance]:
    """A bar on a terminal, and nothing in a pipe."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text, share: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=sys.stdout.isatty()) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda text, share: progress.update(task, description=text, completed=share)
