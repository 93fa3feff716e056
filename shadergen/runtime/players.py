"""The shaders that come with this package, and what players are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shadergen.files import shipped


def bundled() -> dict[str, Path]:
    """The shaders that come with this package, by name without suffix."""
    return {path.stem: path for path in sorted(shipped("shaders").glob("*.glsl"))}


_VARIANTS = {
    "_DS": "also removes compression noise and sharpens",
    "_INSTANT": "starts at once",
    "_NEXT": "fastest on GPUs of AMD and NVIDIA, for vo=gpu-next",
    "_INTEL": "fastest on Intel's GPUs, for vo=gpu-next",
    "_TENSOR": "for GPUs with tensor cores, for vo=gpu-next",
    "_DOT8": "for Intel's Arc A, for vo=gpu-next",
}


def describe(path: Path) -> str:
    """What a bundled shader is for, from its header (`// NAME, a luma upscaler (2x): compute passes, ...`) and name."""
    with path.open(encoding="utf-8") as file:
        third = file.readlines(4096)[2]
    said = third.removeprefix(f"// {re.split('_CMP|_NEXT|_INTEL|_TENSOR|_DOT8', path.stem)[0]}, a ").strip().rstrip(",")
    return ", ".join([said, *(words for part, words in _VARIANTS.items() if part in path.stem)])


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
