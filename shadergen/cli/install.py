"""`shadergen install`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from shadergen.cli.base import is_shader
from shadergen.cli.devices import recommended_here
from shadergen.errors import ShadergenError
from shadergen.target import DEVICES, Device

_DEFAULT = "C4F16"


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME_OR_FILE...]")
@click.option("--mpv-dir", type=click.Path(path_type=Path), help="mpv's folder (default: where mpv looks).")
@click.option(
    "--for", "device", type=click.Choice(list(DEVICES)), help="The class of GPUs (default: that of this machine's)."
)
@click.option("--all", "everything", is_flag=True, help="All shaders that come with shadergen.")
@click.option("--list", "listing", is_flag=True, help="Only list them.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--force", is_flag=True, help="Replace edited files without asking.")
def install(
    names: tuple[str, ...],
    mpv_dir: Path | None,
    device: Device | None,
    everything: bool,
    listing: bool,
    dry_run: bool,
    force: bool,
) -> None:
    """Copy shaders into mpv's folder and say what to write into mpv.conf and input.conf.

    NAME is one that --list shows, FILE any .glsl file. Without one it is C4F16 in the file that is fastest on this
    machine's GPU; with --for, a model's NAME (C4F32) is its file for that GPU. A file that you have edited is
    replaced only when you say so.
    """
    from shadergen.runtime import players

    bundled = players.bundled()
    if listing:
        for name, path in bundled.items():
            click.echo(f"{name:<28} {path.stat().st_size / 1000:5.0f} kB  {players.describe(path)}")
        return
    wanted = tuple(bundled) if everything else _wanted(names, device)
    folder = mpv_dir or players.mpv_folder(os.environ, Path.home())
    kept = 0
    sources = list(dict.fromkeys(_source(name, bundled) for name in wanted))
    for item in players.plan_copies(sources, folder):
        if item.action == "edited" and not (force or (not dry_run and _may_replace(item.target))):
            click.echo(f"kept       {item.target}: it was edited (--force replaces it)", err=True)
            kept += 1
            continue
        word = {"new": "installed", "unchanged": "unchanged", "update": "updated", "edited": "replaced"}[item.action]
        if item.action != "unchanged" and not dry_run:
            players.copy(item)
        click.echo(f"{'would be ' if dry_run and item.action != 'unchanged' else ''}{word:<10} {item.target}", err=True)
    _explain([source.name for source in sources], folder)
    sys.exit(1 if kept else 0)


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


def _explain(names: list[str], folder: Path) -> None:
    """The lines for the two files; the standard output has nothing else."""
    click.echo(f"# {folder / 'mpv.conf'}: one of these")
    if any(name.endswith(("_NEXT.glsl", "_INTEL.glsl")) for name in names):
        click.echo("vo=gpu-next")
    for name in names:
        click.echo(f'glsl-shader="~~/shaders/{name}"')
    click.echo(f"# {folder / 'input.conf'}: a key that switches it on and off")
    for number, name in enumerate(names[:9], 1):
        toggle = f'no-osd change-list glsl-shaders toggle "~~/shaders/{name}"'
        click.echo(f'CTRL+{number} {toggle}; show-text "{Path(name).stem}: ${{glsl-shaders}}"')
