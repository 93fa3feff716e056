"""What `shadergen upscale` is asked for: every input with its output, and what is wrong with them before any work."""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.errors import ShadergenError

if TYPE_CHECKING:
    from shadergen.upscale.pictures import Image

_KEPT_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp"})
"""In a folder, pictures keep these suffixes; others (.gif, say, with its 256 colours) become .png."""


@dataclass(frozen=True)
class Enlargement:
    """One input, and where its result goes."""

    input: Path
    output: Path
    is_clip: bool


def plan(inputs: Sequence[str], output: Path) -> list[Enlargement]:
    """Every input with its output, a file or a place in a folder.

    Wildcards that the shell left alone (on Windows, all) are resolved. Raises UsageError for several inputs and a file.
    """
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
        jobs.append(Enlargement(path, output / name if into_folder else output, is_clip))
    return jobs


def check(
    jobs: Sequence[Enlargement], overwrite: bool, compare: Path | None, truth: Path | None, before_after: Path | None
) -> None:
    """Raise UsageError or ShadergenError for what can be said before the work: files that are missing or in the way."""
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


def check_format(job: Enlargement, image: Image) -> None:
    """Raise ImageError or ShadergenError where the output's format cannot hold the picture."""
    from shadergen.upscale.pictures import format_of

    format_of(job.output)
    if len(image.codes) == 4 and job.output.suffix.lower() in (".jpg", ".jpeg"):
        raise ShadergenError(job.output, "found a picture with alpha, which JPEG cannot hold", "write .png or .webp")
