"""`shadergen install`."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shadergen.cli.base import is_shader
from shadergen.cli.devices import recommended_here
from shadergen.errors import ShadergenError
from shadergen.target import DEVICES, Device

if TYPE_CHECKING:
    from shadergen.runtime.mpvfolder import Addition

_DEFAULT = "C4F16"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME_OR_FILE...]")
@click.option("--mpv-dir", type=click.Path(path_type=Path), help="mpv's folder (default: where mpv looks).")
@click.option(
    "--for", "device", type=click.Choice(list(DEVICES)), help="The class of GPUs (default: that of this machine's)."
)
@click.option("--auto", is_flag=True, help="Let mpv choose: by picture size, frame rate, content and dropped frames.")
@click.option("--anime", "word", metavar="WORD", help="With --auto: what an anime's path has in it (default: anime).")
@click.option("--uninstall", is_flag=True, help="Take out what was installed, with and without --auto.")
@click.option("--all", "everything", is_flag=True, help="All shaders that come with shadergen.")
@click.option("--list", "listing", is_flag=True, help="Only list them.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Replace or remove edited files without asking.")
def install(
    names: tuple[str, ...],
    mpv_dir: Path | None,
    device: Device | None,
    auto: bool,
    word: str | None,
    uninstall: bool,
    everything: bool,
    listing: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Copy shaders into mpv's folder and say what to write into mpv.conf and input.conf.

    NAME is one that --list shows, FILE any .glsl file. Without one it is C4F16 in the file that is fastest on this
    machine's GPU; with --for, a model's NAME (C4F32) is its file for that GPU. A file that you have edited is
    replaced only when you say so.

    With --auto there is nothing to write and to choose: profiles and a script let mpv take the file that suits the
    video, and a smaller one when frames drop. --uninstall leaves mpv's folder as it was.
    """
    from shadergen.runtime import mpvfolder, players

    bundled = players.bundled()
    if listing:
        for name, path in bundled.items():
            click.echo(f"{name:<28} {path.stat().st_size / 1000:5.0f} kB  {players.describe(path)}")
        return
    _check(names, auto, word, uninstall, everything)
    folder = mpv_dir or mpvfolder.mpv_folder(os.environ, Path.home())
    if uninstall:
        sys.exit(_uninstall(folder, dry_run, force))
    if auto:
        sys.exit(_automatic(folder, device, word or "anime", dry_run, force))
    wanted = tuple(bundled) if everything else _wanted(names, device)
    sources = list(dict.fromkeys(_source(name, bundled) for name in wanted))
    files = [_addition(source) for source in sources]
    kept = _copy(files, folder, dry_run, force)
    _explain([source.name for source in sources], folder, any(map(_needs_next, files)))
    sys.exit(1 if kept else 0)


def _check(names: tuple[str, ...], auto: bool, word: str | None, uninstall: bool, everything: bool) -> None:
    if auto and uninstall:
        raise click.UsageError("found --auto with --uninstall, expected one of them")
    if (auto or uninstall) and (names or everything):
        option = "--auto" if auto else "--uninstall"
        raise click.UsageError(f"found {option} with names of files, expected it alone: it knows which")
    if word is not None and not auto:
        raise click.UsageError("found --anime without --auto, expected both")
    if word is not None and not re.fullmatch(r"[\w -]+", word):
        raise click.UsageError(f"--anime: found {word!r}, expected a word of letters, digits, spaces, - and _")


def _addition(source: Path) -> Addition:
    from shadergen.runtime.mpvfolder import Addition

    try:
        return Addition(f"shaders/{source.name}", source.read_bytes())
    except OSError as error:
        raise ShadergenError(error.filename or source, f"cannot be read: {error.strerror}") from None


def _copy(additions: Sequence[Addition], folder: Path, dry_run: bool, force: bool) -> int:
    """Put the files there and tell of each; the number of those that were kept because they are edited."""
    from shadergen.runtime import mpvfolder

    kept = 0
    for item in mpvfolder.plan_copies(additions, folder):
        if item.action == "edited" and not (force or (not dry_run and _may_replace(item.target))):
            click.echo(f"kept       {item.target}: it was edited (--force replaces it)", err=True)
            kept += 1
            continue
        word = {"new": "installed", "unchanged": "unchanged", "update": "updated", "edited": "replaced"}[item.action]
        if item.action != "unchanged" and not dry_run:
            mpvfolder.copy(item, folder)
        click.echo(f"{'would be ' if dry_run and item.action != 'unchanged' else ''}{word:<10} {item.target}", err=True)
    return kept


def _automatic(folder: Path, device: Device | None, word: str, dry_run: bool, force: bool) -> int:
    """Shaders, profiles and the script that goes by them; the exit code."""
    from shadergen.runtime import autoprofile, mpvfolder, players

    if device is None:
        found = recommended_here()
        click.echo(f"{found.suffix.strip('_') or 'fragment'} files: {found.reason}", err=True)
        suffix = found.suffix
    else:
        suffix = DEVICES[device].suffix
    # The OpenGL of macOS has no compute shaders, and mpv's Vulkan there runs fragment passes faster (docs/players.md).
    fallback = "" if sys.platform == "darwin" or not suffix else "_CMP"
    suffix = fallback if sys.platform == "darwin" else suffix
    bundled = players.bundled()
    additions = [_addition(bundled[name]) for name in autoprofile.shaders(suffix, fallback)]
    kept = _copy([*additions, *autoprofile.additions(suffix, fallback, word)], folder, dry_run, force)
    conf = folder / "mpv.conf"
    if mpvfolder.is_included(folder):
        click.echo(f"unchanged  {conf}", err=True)
    else:
        if not dry_run:
            mpvfolder.include(folder)
        click.echo(f"{'would be ' if dry_run else ''}changed    {conf}: it includes {mpvfolder.PROFILES}", err=True)
    by_hand = mpvfolder.lines_with(folder, re.compile(r"^\s*glsl-shaders?(-append)?\s*=.*\bC4F\d+"))
    for line in by_hand:
        click.echo(f"shadergen: {conf}: warning: found {line.strip()!r}; take it out, or it runs as well", err=True)
    click.echo(f"# {folder / 'input.conf'}: only to have other keys than these")
    click.echo("CTRL+0 script-binding shadergen/toggle")
    click.echo("CTRL+, script-binding shadergen/smaller")
    click.echo("CTRL+. script-binding shadergen/larger")
    return 1 if kept else 0


def _uninstall(folder: Path, dry_run: bool, force: bool) -> int:
    """Take out what was installed and tell of each file; the exit code."""
    from shadergen.runtime import mpvfolder

    would = "would be " if dry_run else ""
    kept = 0
    removals = mpvfolder.plan_removals(folder)
    included = mpvfolder.is_included(folder)
    for item in removals:
        if item.is_edited and not force:
            click.echo(f"kept       {folder / item.name}: it was edited (--force removes it)", err=True)
            kept += 1
        else:
            click.echo(f"{would}removed    {folder / item.name}", err=True)
    if included:
        click.echo(f"{would}changed    {folder / 'mpv.conf'}: the lines of --auto are gone", err=True)
    if not removals and not included:
        click.echo(f"found nothing that was installed into {folder}", err=True)
    if not dry_run:
        mpvfolder.uninstall(folder, keep_edited=not force)
    return 1 if kept else 0


def _wanted(names: tuple[str, ...], device: Device | None) -> tuple[str, ...]:
    """The names of the shaders to copy: those given, or of models the files for the GPU."""
    if names and device is None:
        return names
    if device is None:
        found = recommended_here()
        click.echo(f"{_DEFAULT}{found.suffix}: {found.reason}", err=True)
        return (f"{_DEFAULT}{found.suffix}",)
    return tuple(f"{name}{DEVICES[device].suffix}" if "." not in name else name for name in names or (_DEFAULT,))


def _source(name: str, bundled: dict[str, Path]) -> Path:
    stem = name.removesuffix(".glsl")
    if stem in bundled and not Path(name).exists():
        return bundled[stem]
    if not is_shader(Path(name)) or not Path(name).is_file():
        raise ShadergenError(name, f"found no such shader, expected a .glsl file or one of {', '.join(bundled)}")
    if '"' in Path(name).name:
        raise ShadergenError(name, "found a quote in its name, which mpv.conf cannot hold, expected another name")
    return Path(name)


def _may_replace(path: Path) -> bool:
    return sys.stdin.isatty() and click.confirm(f"{path} was edited. Replace it?", default=False, err=True)


def _needs_next(file: Addition) -> bool:
    """Whether vo=gpu refuses a shader: it has blocks that libplacebo alone knows."""
    return re.search(rb"^//! *(BUFFER|STORAGE)\b", file.data, re.MULTILINE) is not None


def _explain(names: list[str], folder: Path, needs_next: bool) -> None:
    """The lines for the two files; the standard output has nothing else."""
    click.echo(f"# {folder / 'mpv.conf'}: one of these")
    if needs_next:
        click.echo("vo=gpu-next")
    for name in names:
        click.echo(f'glsl-shader="~~/shaders/{name}"')
    click.echo(f"# {folder / 'input.conf'}: a key that switches it on and off")
    for number, name in enumerate(names[:9], 1):
        toggle = f'no-osd change-list glsl-shaders toggle "~~/shaders/{name}"'
        click.echo(f'CTRL+{number} {toggle}; show-text "{Path(name).stem}: ${{glsl-shaders}}"')
