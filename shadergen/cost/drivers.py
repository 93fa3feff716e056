"""How the compiler of a GPU is started: the environment in which Mesa's drivers take a GPU for granted.

RADV needs a variable (RADV_FORCE_FAMILY). NVK and ANV ask the kernel, and need a library that answers in its place:
Mesa's no-op DRM shims, which distributions do not ship.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shadergen.cost.gpus import Gpu, Vendor
from shadergen.errors import NoDeviceError

ROOT_VARIABLE = "SHADERGEN_VULKAN_ROOT"
"""Root folders of other systems, separated as in PATH."""
SHIM_VARIABLES: Mapping[Vendor, str] = {
    "nvidia": "SHADERGEN_DRM_SHIM_NOUVEAU",
    "intel": "SHADERGEN_DRM_SHIM_INTEL",
}
_SHIMS: Mapping[Vendor, str] = {
    "nvidia": "libnouveau_noop_drm_shim.so",
    "intel": "libintel_noop_drm_shim.so",
}
_SHIM_FOLDERS = (
    "/usr/local/lib",
    "/usr/local/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
)
_ICDS: Mapping[Vendor, str] = {"amd": "radeon_icd", "nvidia": "nouveau_icd", "intel": "intel_icd"}
_ICD_FOLDERS = ("/usr/local/share/vulkan/icd.d", "/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d")
_QUIET = {"MESA_SHADER_CACHE_DISABLE": "true", "MESA_LOADER_DRIVER_OVERRIDE": "", "VK_LOADER_LAYERS_DISABLE": "~all~"}
_HERE = Path("/")
HOW = "see docs/cost.md"
"""Where it stands how to get drivers."""


@dataclass(frozen=True)
class Start:
    """How to start a process whose Vulkan driver compiles for a GPU: the words in front of a command."""

    prefix: tuple[str, ...]
    python: str = "python3"
    """The interpreter: this one, or that of the other root."""


def roots_of_environment() -> tuple[Path, ...]:
    """The root folders of other systems that ROOT_VARIABLE names."""
    return tuple(Path(folder) for folder in os.environ.get(ROOT_VARIABLE, "").split(os.pathsep) if folder)


def starts(gpu: Gpu, roots: Sequence[Path]) -> tuple[Start, ...]:
    """Ways to start the driver for a GPU, to be tried in turn: in the root folders of other systems if any are named.

    Raises NoDeviceError where a part of it is nowhere, with what to do.
    """
    found: list[Start] = []
    problem: NoDeviceError | None = None
    for root in roots or (_HERE,):
        try:
            found += _in_root(gpu, root)
        except NoDeviceError as error:
            problem = problem or error
    if problem is not None and not found:
        raise problem
    return tuple(found)


def _in_root(gpu: Gpu, root: Path) -> Iterator[Start]:
    enter = () if root == _HERE else _enter(root)
    icd = _icd(gpu, root)
    shim = _shim(gpu, root)
    for chip in gpu.chips:
        variables = {"VK_DRIVER_FILES": icd, "VK_ICD_FILENAMES": icd, **_QUIET}
        match gpu.vendor:
            case "amd":
                variables["RADV_FORCE_FAMILY"] = chip
            case "nvidia":
                variables |= {"NOUVEAU_CHIPSET": chip, "NVK_I_WANT_A_BROKEN_VULKAN_DRIVER": "1"}
            case "intel":
                variables["INTEL_STUB_GPU_PLATFORM"] = chip
        if shim:
            variables["LD_PRELOAD"] = shim
        words = (*enter, "env", *(f"{name}={value}" for name, value in variables.items()))
        yield Start(words) if enter else Start(words, sys.executable)


def _icd(gpu: Gpu, root: Path) -> str:
    """The path within the root of the file that names the driver to the Vulkan loader."""
    given = os.environ.get("VK_DRIVER_FILES", "")
    if _ICDS[gpu.vendor] in given:
        return given
    for folder in _ICD_FOLDERS:
        for path in sorted((root / folder.lstrip("/")).glob(f"{_ICDS[gpu.vendor]}*.json")):
            if "i686" not in path.name and "i386" not in path.name:
                return f"{folder}/{path.name}"
    where = f"in {root}" if root != _HERE else "on this machine"
    driver = {"amd": "RADV", "nvidia": "NVK", "intel": "ANV"}[gpu.vendor]
    remedy = "it comes with Mesa 24.1 and newer" if gpu.vendor == "nvidia" else _install()
    raise NoDeviceError(gpu.title, f"found no {driver} {where}, expected Mesa's Vulkan drivers", f"{remedy}; {HOW}")


def _install() -> str:
    if shutil.which("apt-get"):
        return "apt-get install mesa-vulkan-drivers"
    if shutil.which("dnf"):
        return "dnf install mesa-vulkan-drivers"
    return "install Mesa's Vulkan drivers"


def _shim(gpu: Gpu, root: Path) -> str | None:
    """The path within the root of the library that answers for the kernel, None where none is needed."""
    if gpu.vendor == "amd":
        return None
    variable, name = SHIM_VARIABLES[gpu.vendor], _SHIMS[gpu.vendor]
    given = os.environ.get(variable)
    for path in [given] if given else [f"{folder}/{name}" for folder in _SHIM_FOLDERS]:
        if (root / path.lstrip("/")).is_file():
            return path
    where = given or name
    raise NoDeviceError(gpu.title, f"found no {where}, expected Mesa's no-op DRM shim", f"set {variable}; {HOW}")


def _enter(root: Path) -> tuple[str, ...]:
    """The words that run a command with another system's folder as its root."""
    if not (root / "usr").is_dir():
        raise NoDeviceError(root, "found no system there (no usr/), expected the root folder of one")
    if os.geteuid() == 0 and shutil.which("chroot"):
        return ("chroot", str(root))
    if shutil.which("bwrap"):
        binds = ("--dev-bind", "/dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp")
        return ("bwrap", "--ro-bind", str(root), "/", *binds)
    return ("unshare", "--map-root-user", f"--root={root}", "--wd=/")
