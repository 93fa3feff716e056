"""`shadergen pack`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("names", nargs=-1, metavar="[PLAYER...]")
@click.option("-o", "--output", type=click.Path(path_type=Path), default="packs", show_default=True, help="Folder.")
def pack(names: tuple[str, ...], output: Path) -> None:
    """Write zip files to unpack into players' folders: shaders, and what makes the player choose among them.

    PLAYER is mpv, jellyfin-mpv-shim, mpv-android or plezy; without one it is all of them. Each file has a README.txt
    that says where it goes, and whether that was tried.
    """
    from shadergen.files import write_whole
    from shadergen.runtime import packs

    known = {player.name: player for player in packs.PLAYERS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise click.UsageError(f"found {unknown[0]!r}, expected one of {', '.join(known)}")
    for name in dict.fromkeys(names or known):
        path = output / f"shadergen-{name}.zip"
        write_whole(path, packs.packed(known[name]))
        click.echo(path)
