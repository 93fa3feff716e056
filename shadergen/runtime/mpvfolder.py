"""mpv's folder: where it is on each system, and putting files into it and taking them out again.

What is put there is remembered with its checksum, so that a file which somebody has edited since is known: neither is
it replaced nor removed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from shadergen.errors import ShadergenError
from shadergen.files import write_whole

_RECORD = "shaders/.shadergen.json"
"""The file that remembers."""

Action = Literal["new", "unchanged", "update", "edited"]


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
class Addition:
    """A file for mpv's folder."""

    name: str
    """Its path within the folder, with slashes: shaders/C4F16.glsl."""
    data: bytes


@dataclass(frozen=True)
class Copy:
    """A file on its way into mpv's folder."""

    addition: Addition
    target: Path
    action: Action
    """What copying does. `edited`: what is there is not what was installed, so it may be somebody's work."""


@dataclass(frozen=True)
class _Record:
    """What was put into the folder."""

    files: dict[str, str] = field(default_factory=dict)
    """Checksums by name, as they were installed."""
    made: tuple[str, ...] = ()
    """Folders, and mpv.conf, that were not there before; `.` is mpv's folder itself."""


def plan_copies(additions: Sequence[Addition], folder: Path) -> list[Copy]:
    """What installing would do. Raises ShadergenError for a file that cannot be read, and for two of one name."""
    twice = [name for name, count in Counter(addition.name for addition in additions).items() if count > 1]
    if twice:
        name = Path(twice[0]).name
        raise ShadergenError(name, "found two files of this name, expected different ones: they go into one folder")
    record = _read_record(folder)
    copies = []
    for addition in additions:
        target = folder / addition.name
        wanted, found = _checksum(addition.data), _checksum_there(target)
        action: Action = "edited"
        if found is None:
            action = "new"
        elif found == wanted:
            action = "unchanged"
        elif found == record.files.get(addition.name):
            action = "update"
        copies.append(Copy(addition, target, action))
    return copies


def copy(item: Copy, folder: Path) -> None:
    """Put the file into mpv's folder, and remember it. Raises ShadergenError where that cannot be."""
    record = _read_record(folder)
    made = (*record.made, *_missing_folders(folder, item.addition.name))
    # The record first: interrupted between the two, a file of another checksum is taken for an edited one.
    files = record.files | {item.addition.name: _checksum(item.addition.data)}
    _write_record(folder, _Record(files, made))
    write_whole(item.target, item.addition.data)


# ---------------------------------------------------------------------------------------------------------------------
# mpv.conf

PROFILES = "shadergen.conf"
"""The file of mpv's folder with profiles, which mpv.conf includes."""

_NOTE = b"# Chooses shaders; `shadergen install --uninstall` removes these two lines."
INCLUDE = b'include="~~/%s"' % PROFILES.encode()
"""The line of mpv.conf."""
_BLOCK = re.compile(b"(%s\r?\n)?%s(\r?\n|$)" % (re.escape(_NOTE), re.escape(INCLUDE)))
_MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark, which mpv skips where a file begins with it."""


def is_included(folder: Path) -> bool:
    """Whether mpv.conf includes the profiles."""
    return _BLOCK.search(_read(folder / "mpv.conf") or b"") is not None


def lines_with(folder: Path, pattern: re.Pattern[str]) -> list[str]:
    """The lines of mpv.conf in which a pattern is found."""
    text = (_read(folder / "mpv.conf") or b"").decode("utf-8", "replace")
    return [line for line in text.splitlines() if pattern.search(line)]


def include(folder: Path) -> None:
    """Make mpv.conf include the profiles, in its first lines: later ones win, and may belong to a profile.

    Raises ShadergenError where that cannot be.
    """
    path = folder / "mpv.conf"
    found = _read(path)
    end = b"\r\n" if b"\r\n" in (found or b"") else b"\n"
    mark = _MARK if (found or b"").startswith(_MARK) else b""
    if found is None:
        record = _read_record(folder)
        _write_record(folder, replace(record, made=(*record.made, path.name)))
    _rewrite(path, mark + _NOTE + end + INCLUDE + end + (found or b"").removeprefix(mark))


def _rewrite(path: Path, data: bytes) -> None:
    """Write a file that keeps its permissions."""
    mode = path.stat().st_mode if path.exists() else None
    write_whole(path, data)
    if mode is not None:
        path.chmod(mode)


# ---------------------------------------------------------------------------------------------------------------------
# Taking out


@dataclass(frozen=True)
class Removal:
    """A file on its way out of mpv's folder."""

    name: str
    is_edited: bool
    """Whether it is not what was installed, so that it may be somebody's work."""


def plan_removals(folder: Path) -> list[Removal]:
    """What was installed and is still there. Raises ShadergenError for a file that cannot be read."""
    found = ((name, checksum, _checksum_there(folder / name)) for name, checksum in _read_record(folder).files.items())
    return [Removal(name, there != checksum) for name, checksum, there in found if there is not None]


def uninstall(folder: Path, *, keep_edited: bool = True) -> None:
    """Leave mpv's folder as it was before the first `copy`, but for files that somebody has edited since.

    Raises ShadergenError where the folder or the disk refuses.
    """
    record = _read_record(folder)
    try:
        conf = folder / "mpv.conf"
        if is_included(folder):
            left = _BLOCK.sub(b"", conf.read_bytes(), count=1)
            if left or conf.name not in record.made:
                _rewrite(conf, left)
            else:
                conf.unlink()
        for item in plan_removals(folder):
            if not (item.is_edited and keep_edited):
                (folder / item.name).unlink()
        (folder / _RECORD).unlink(missing_ok=True)
        for name in sorted(set(record.made) - {conf.name}, key=len, reverse=True):
            if (folder / name).is_dir() and not any((folder / name).iterdir()):
                (folder / name).rmdir()
    except OSError as error:
        raise ShadergenError(error.filename or folder, f"cannot be removed: {error.strerror}") from None


# ---------------------------------------------------------------------------------------------------------------------
# The record


def _missing_folders(folder: Path, name: str) -> Iterator[str]:
    """Those that a file and the record need and that are not there yet; of the folders above mpv's, none."""
    needed = {parent.as_posix() for path in (name, _RECORD) for parent in Path(path).parents}
    return (parent for parent in sorted(needed) if not (folder / parent).exists())


def _read_record(folder: Path) -> _Record:
    try:
        found = json.loads((folder / _RECORD).read_text("utf-8"))
    except (OSError, ValueError):
        return _Record()
    if not isinstance(found, dict):
        return _Record()
    if "files" not in found:  # as the first versions wrote it: shaders alone
        return _Record({f"shaders/{name}": checksum for name, checksum in found.items()})
    return _Record(dict(found["files"]), tuple(found.get("made", ())))


def _write_record(folder: Path, record: _Record) -> None:
    text = json.dumps({"files": record.files, "made": record.made}, indent=1, sort_keys=True)
    write_whole(folder / _RECORD, f"{text}\n".encode())


def _read(path: Path) -> bytes | None:
    """What is in a file; None where there is none. Raises ShadergenError."""
    try:
        return path.read_bytes() if path.exists() else None
    except OSError as error:
        raise ShadergenError(path, f"cannot be read: {error.strerror}") from None


def _checksum_there(path: Path) -> str | None:
    data = _read(path)
    return None if data is None else _checksum(data)


def _checksum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
