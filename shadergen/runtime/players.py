"""Where mpv keeps its files on each system, what players are installed, and putting shaders into mpv's folder."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from shadergen.errors import ShadergenError
from shadergen.files import shipped, write_whole

_RECORD = ".shadergen.json"
"""In mpv's folder `shaders`, the file with each shader's checksum as it was installed: an edited one is known by it."""

Action = Literal["new", "unchanged", "update", "edited"]


def bundled() -> dict[str, Path]:
    """The shaders that come with this package, by name without suffix."""
    return {path.stem: path for path in sorted(shipped("shaders").glob("*.glsl"))}


_VARIANTS = {
    "_DS": "also removes compression noise and sharpens",
    "_INSTANT": "starts at once",
    "_NEXT": "fastest on GPUs of AMD and NVIDIA, for vo=gpu-next",
    "_INTEL": "fastest on Intel's GPUs, for vo=gpu-next",
}


def describe(path: Path) -> str:
    """What a bundled shader is for, from its header (`// NAME, a luma upscaler (2x): compute passes, ...`) and name."""
    with path.open(encoding="utf-8") as file:
        third = file.readlines(4096)[2]
    said = third.removeprefix(f"// {re.split('_CMP|_NEXT|_INTEL', path.stem)[0]}, a ").strip().rstrip(",")
    return ", ".join([said, *(words for part, words in _VARIANTS.items() if part in path.stem)])


def mpv_folder(environment: Mapping[str, str], home: Path, platform: str = sys.platform) -> Path:
    """The folder where mpv looks for mpv.conf, as mpv's manual says (FILES), and in Flatpak's and snap's mpv.

    The first of: $MPV_HOME; on Windows `portable_config` beside mpv.exe, then %APPDATA%/mpv; elsewhere what exists of
    $XDG_CONFIG_HOME/mpv (~/.config/mpv), ~/.mpv, Flatpak's and snap's, or else the first of these.
    """
    if environment.get("MPV_HOME"):
        return Path(environment["MPV_HOME"])
    if platform == "win32":
        player = shutil.which("mpv", path=environment.get("PATH"))
        if player and (Path(player).parent / "portable_config").is_dir():
            return Path(player).parent / "portable_config"
        return Path(environment.get("APPDATA") or home / "AppData" / "Roaming") / "mpv"
    usual = Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "mpv"
    sandboxed = (home / ".var/app/io.mpv.Mpv/config/mpv", home / "snap/mpv/current/.config/mpv")
    native = shutil.which("mpv", path=environment.get("PATH")) is not None
    candidates = [usual, home / ".mpv", *(() if native else sandboxed)]
    return next((folder for folder in candidates if folder.is_dir()), usual)


@dataclass(frozen=True)
class Copy:
    """One shader on its way into mpv's folder."""

    source: Path
    target: Path
    action: Action
    """What copying does. `edited`: what is there is not what was installed, so it may be somebody's work."""


def plan_copies(sources: list[Path], folder: Path) -> list[Copy]:
    """What installing would do. Raises ShadergenError for a source that cannot be read, and for two of one name."""
    twice = [name for name, count in Counter(source.name for source in sources).items() if count > 1]
    if twice:
        raise ShadergenError(twice[0], "found two files of this name, expected different ones: they go into one folder")
    record = _read_record(folder)
    copies = []
    for source in sources:
        target = folder / "shaders" / source.name
        try:
            wanted = _checksum(source)
            found = _checksum(target) if target.exists() else None
        except OSError as error:
            raise ShadergenError(error.filename or source, f"cannot be read: {error.strerror}") from None
        action: Action = "edited"
        if found is None:
            action = "new"
        elif found == wanted:
            action = "unchanged"
        elif found == record.get(source.name):
            action = "update"
        copies.append(Copy(source, target, action))
    return copies


def copy(item: Copy) -> None:
    """Put the file into mpv's folder, and remember its checksum. Raises ShadergenError where that cannot be."""
    write_whole(item.target, item.source.read_bytes())
    folder = item.target.parent.parent
    record = _read_record(folder) | {item.target.name: _checksum(item.source)}
    write_whole(folder / "shaders" / _RECORD, (json.dumps(record, indent=1, sort_keys=True) + "\n").encode())


def _read_record(folder: Path) -> dict[str, str]:
    try:
        record = json.loads((folder / "shaders" / _RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


# ---------------------------------------------------------------------------------------------------------------------
# What is installed


@dataclass(frozen=True)
class Executable:
    """A player or tool found on this machine."""

    path: str
    version: str
    libplacebo: str = ""
    """The version of libplacebo that it was built with, where it says so (mpv since 0.36)."""


def find_program(name: str) -> Executable | None:
    """Find mpv or ffmpeg; None where it is not installed or does not start."""
    path = shutil.which(name)
    if path is None:
        return None
    try:
        command = [path, "--version" if name == "mpv" else "-version"]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    version = re.search(rf"^{name}(?: version)? v?(\S+)", done.stdout, re.MULTILINE)
    libplacebo = re.search(r"^libplacebo version: (\S+)", done.stdout, re.MULTILINE)
    return Executable(path, version[1] if version else "of unknown version", libplacebo[1] if libplacebo else "")
