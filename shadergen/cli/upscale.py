"""`shadergen upscale`."""

from __future__ import annotations

import glob
import shlex
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import existing, shader_text
from shadergen.errors import ShadergenError

if TYPE_CHECKING:
    from shadergen.runtime.comparepage import Comparison
    from shadergen.runtime.images import Array, Codes, Image
    from shadergen.runtime.program import Storage
    from shadergen.runtime.upscale import Upscaler

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


@click.command()
@click.argument("inputs", metavar="IMAGE_OR_CLIP...", nargs=-1, required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="A file, or a folder for several.")
@click.option("--shader", type=existing, required=True, help="A .glsl file, or a model to build one from.")
@click.option("--chroma", type=existing, help="A shader or model for chroma; halves the colour of pictures first.")
@click.option("--factor", type=click.FloatRange(0.25, 8), default=2.0, show_default=True, help="How much to enlarge.")
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
def upscale(
    inputs: tuple[str, ...],
    output: Path,
    shader: Path,
    chroma: Path | None,
    factor: float,
    overwrite: bool,
    skip_existing: bool,
    tile: int | None,
    compare: Path | None,
    truth: Path | None,
    before_after: Path | None,
    encode: str | None,
) -> None:
    """Enlarge pictures or clips with a shader, as a player would show them.

    Any mpv shader will do. Pictures keep their bit depth (8 or 16), alpha, colour profile and EXIF data; JPEG, WebP and
    AVIF are compressed anew, so write .png to lose nothing. Clips go through ffmpeg; sound and subtitles are copied.
    """
    jobs = _jobs(inputs, output)
    if skip_existing:
        jobs = [job for job in jobs if not job.output.exists()]
    _check(jobs, overwrite, compare, truth, before_after)
    files = {str(path): shader_text(path) for path in (shader, chroma) if path}
    clips, pictures = [job for job in jobs if job.is_clip], [job for job in jobs if not job.is_clip]
    comparisons: list[Comparison] = []
    with _progress() as advance:
        if pictures:
            comparisons = _upscale_pictures(
                pictures, files, factor, tile, chroma is not None, truth, before_after, bool(compare), advance
            )
        for job in clips:
            _upscale_clip(job, files, factor, shlex.split(encode or "") or None, advance)
    if compare:
        from shadergen.files import write_whole
        from shadergen.runtime.comparepage import page

        write_whole(compare, page(comparisons).encode())
        click.echo(compare)


def _upscale_pictures(
    jobs: Sequence[Job],
    files: dict[str, str],
    factor: float,
    tile: int | None,
    subsampled: bool,
    truth: Path | None,
    before_after: Path | None,
    comparing: bool,
    advance: Advance,
) -> list[Comparison]:
    from shadergen.runtime.images import load, save
    from shadergen.runtime.upscale import Upscaler, side_by_side

    upscalers: dict[int, Upscaler] = {}
    comparisons = []
    try:
        for number, job in enumerate(jobs):
            image = load(job.input)
            _check_format(job, image)
            # 16-bit floats have 11 bits.
            if image.depth not in upscalers:
                storage: Storage = "rgba16f" if image.depth == 8 else "rgba32f"
                upscalers[image.depth] = Upscaler(
                    files, factor=factor, storage=storage, subsampled=subsampled, side=tile
                )
            codes = upscalers[image.depth](
                image.pixels,
                image.depth,
                lambda share, number=number, job=job: advance(job.input.name, (number + share) / len(jobs)),  # type: ignore[misc]
            )
            save(job.output, codes, icc=image.icc, exif=image.exif)
            click.echo(job.output)
            if before_after:
                save(before_after, side_by_side(image.pixels, codes))
                click.echo(before_after)
            if comparing:
                comparisons.append(_comparison(job, image.pixels, codes, truth))
    finally:
        for upscaler in upscalers.values():
            upscaler.close()
    return comparisons


def _upscale_clip(
    job: Job, files: dict[str, str], factor: float, encoder: Sequence[str] | None, advance: Advance
) -> None:
    from shadergen.runtime.video import upscale_clip

    def progress(done: int, frames: int) -> None:
        advance(f"{job.input.name}: {done} of about {frames} frames", done / frames if frames else 0.0)

    upscale_clip(job.input, job.output, files, factor=factor, encoder=encoder, progress=progress)
    click.echo(job.output)


def _comparison(job: Job, before: Array, codes: Codes, truth: Path | None) -> Comparison:
    from shadergen.runtime.comparepage import Comparison
    from shadergen.runtime.images import load
    from shadergen.runtime.upscale import enlarge

    height, width = codes.shape[1:]
    wanted = load(truth).pixels if truth else None
    if wanted is not None and wanted.shape[1:] != (height, width):
        found = f"found {wanted.shape[2]}x{wanted.shape[1]}, expected {width}x{height} as the result has"
        raise ShadergenError(truth, found)
    return Comparison(job.input.name, {"bicubic": enlarge(before, (width, height)), "shader": codes}, wanted)


# ---------------------------------------------------------------------------------------------------------------------
# Before any work


def _jobs(inputs: Sequence[str], output: Path) -> list[Job]:
    """Every input with its output; wildcards that the shell left alone (on Windows, all) are resolved."""
    from shadergen.runtime.video import SUFFIXES

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
        if job.output.exists() and not overwrite:
            raise ShadergenError(job.output, "found a file there already", "say --overwrite or --skip-existing")
    twice = [path for path, count in Counter(job.output for job in jobs).items() if count > 1]
    if twice:
        raise ShadergenError(twice[0], "found two inputs whose result would be this file, expected different names")


def _check_format(job: Job, image: Image) -> None:
    from shadergen.runtime.images import format_of

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
