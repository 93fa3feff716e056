"""Zip files to unpack into a player's folder."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Literal

from shadergen.runtime import autoprofile, mpvfolder
from shadergen.runtime.players import bundled

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in a pack: the same input gives the same bytes."""
PHONE, SMALLER = "C4F16", "C3F12"
"""The models for players without scripts, on phones: the one that plays, and one for where frames drop."""


@dataclass(frozen=True)
class Player:
    """A player that has mpv in it."""

    name: str
    kind: Literal["scripts", "line"]
    """`scripts`: all of `install --auto`. `line`: a shader, and a line of mpv.conf."""
    place: str
    """Where the pack goes."""
    tried: str


PLAYERS = (
    Player(
        "mpv",
        "scripts",
        "Unpack it into mpv's folder: ~/.config/mpv, on Windows %APPDATA%\\mpv or portable_config beside mpv.exe.",
        "Tried with mpv 0.35, 0.40 and 0.41 on Linux. `shadergen install --auto` does the same and can undo it.",
    ),
    Player(
        "jellyfin-mpv-shim",
        "scripts",
        "Unpack it into the shim's folder (2.5 or newer): ~/.config/jellyfin-mpv-shim, on Windows "
        "%APPDATA%\\jellyfin-mpv-shim. Keep the shader pack of its menu off.",
        "Not tried in the shim itself, whose folder is one of mpv's.",
    ),
    Player(
        "mpv-android",
        "line",
        "Copy the folder shaders to where mpv.conf says, and add the lines of mpv.conf to the app's own "
        "(Settings, Advanced, Edit mpv.conf).",
        "Not tried: no phone was at hand. The file has fragment passes, which OpenGL ES 3 runs.",
    ),
    Player(
        "plezy",
        "line",
        "Copy the folder shaders to where mpv.conf says, and add the lines of mpv.conf to the app's settings of mpv.",
        "Not tried.",
    ),
)
_FOLDERS = {"mpv-android": "/storage/emulated/0/mpv", "plezy": "~~"}
"""Where the paths of mpv.conf begin, in players without scripts."""


def packed(player: Player) -> bytes:
    """The zip file for a player."""
    files = {"README.txt": f"{player.place}\n\n{player.tried}\n".encode()}
    if player.kind == "scripts":
        suffix = fallback = "_CMP"
        names = autoprofile.shaders(suffix, fallback)
        files |= {addition.name: addition.data for addition in autoprofile.additions(suffix, fallback)}
        files["mpv.conf"] = mpvfolder.INCLUDE + b"\n"
    else:
        names = (PHONE, SMALLER)
        line, instead = (f'glsl-shader="{_FOLDERS[player.name]}/shaders/{name}.glsl"\n' for name in names)
        files["mpv.conf"] = f"{line}# Where frames drop, instead of it:\n#{instead}".encode()
    shaders = bundled()
    files |= {f"shaders/{name}.glsl": shaders[name].read_bytes() for name in names}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(info, data)
    return stream.getvalue()
