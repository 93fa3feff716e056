"""Which GPUs a machine has, and what class of devices each belongs to, by the names that drivers give them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Gpu:
    """A device as its driver describes it."""

    name: str
    kind: str = ""
    """`discrete`, `integrated`, `virtual`, `cpu` or `other`; empty where that is not known."""

    @property
    def device_class(self) -> str:
        """One of `target.Device`'s names; `unknown` for a GPU of another maker or from before 16-bit floats, or a name
        that says too little."""
        if self.is_without_fp16:
            return "unknown"
        return next((found for found, pattern in _CLASSES if re.search(pattern, self.name, re.IGNORECASE)), "unknown")

    @property
    def is_without_fp16(self) -> bool:
        """Whether drivers give its shaders no 16-bit floats: NVIDIA's up to Pascal, AMD's up to Polaris with some."""
        return re.search(_WITHOUT_FP16, self.name, re.IGNORECASE) is not None

    @property
    def has_tensor_cores(self) -> bool:
        """Whether it is known by its name to have matrix units that `--kernel tensor` is for."""
        return re.search(_TENSOR, self.name, re.IGNORECASE) is not None


_TENSOR = r"\brtx\b|\brx ?[79]\d{3}|radeon (7[468]0|8[468]0|890)m|\barc.* b\d{3}"
"""GeForce RTX, Radeon RX 7000 and 9000 and what is like them within processors, Arc B. (Arc A is slower with it.)"""
_WITHOUT_FP16 = "|".join(
    (
        r"gtx ?(titan|[4-9]\d\d|10\d\d)|geforce (gt |mx ?1|\d)|quadro [kmp]\d|nvidia titan x|tesla [kmp]\d",
        r"\b(rx ?[45]\d\d|r[579] (m?\d|fury)|hd ?\d{4})\b",
    )
)
_CLASSES = (
    ("cpu", r"llvmpipe|lavapipe|softpipe|swrast|swiftshader|microsoft basic render|\bwarp\b"),
    ("nvidia", r"nvidia|geforce|quadro|\b[rg]tx\b|\btesla\b|\bnvk\b"),
    # Radeons from the RX 7000 series on, workstation cards, and those within processors of these generations.
    ("amd-rdna3", r"\brx ?[79]\d{3}|\bpro w7\d{3}|\bai pro r9\d{3}|radeon (7[46]0|780|8[468]0|890)m|\b80[56]0s"),
    ("amd-rdna3", r"navi ?[34]\d|\bgfx1[12]|\bphoenix|\bstrix"),
    ("amd-rdna2", r"\bamd\b|radeon|\bradv\b|\bati\b|vangogh"),
    ("intel", r"intel|\barc\b|\biris\b|\buhd graphics"),
)
"""The first pattern that a name matches tells its class."""

_ORDER = ("discrete", "integrated", "virtual", "", "other", "cpu")
"""Which kind libplacebo prefers where the player is told nothing (its src/vulkan/context.c)."""


def preferred(gpus: Sequence[Gpu]) -> Gpu | None:
    """The device that a player with libplacebo takes by itself: of several of the best kind, the first."""
    return min(gpus, key=lambda gpu: _ORDER.index(gpu.kind), default=None)


def vulkan_gpus() -> list[Gpu] | None:
    """The Vulkan devices, or None where there is no vulkaninfo to ask."""
    path = shutil.which("vulkaninfo")
    if path is None:
        return None
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    try:
        done = subprocess.run(
            [path, "--summary"], capture_output=True, text=True, check=False, timeout=20, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_summary(done.stdout)


def has_cooperative_matrices(gpu: Gpu) -> bool:
    """Whether the GPU is known to have tensor cores, and its driver says that shaders may use them."""
    path = shutil.which("vulkaninfo")
    if path is None or not gpu.has_tensor_cores:
        return False
    try:
        done = subprocess.run([path], capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return gpu.name in devices_with("VK_KHR_cooperative_matrix", done.stdout)


def devices_with(extension: str, text: str) -> set[str]:
    """The devices whose part of what `vulkaninfo` prints lists an extension."""
    parts = re.split(r"^GPU\d+:\s*$", text, flags=re.MULTILINE)[1:]
    names = (re.search(r"^\s*deviceName\s*=\s*(.+?)\s*$", part, re.MULTILINE) for part in parts)
    return {name[1] for name, part in zip(names, parts, strict=True) if name and re.search(rf"\b{extension}\b", part)}


def parse_summary(text: str) -> list[Gpu]:
    """The devices in what `vulkaninfo --summary` prints, whose type stands in front of the name."""
    found, kind = [], ""
    for key, value in re.findall(r"^\s*(deviceType|deviceName)\s*=\s*(.+?)\s*$", text, re.MULTILINE):
        if key == "deviceType":
            word = value.removeprefix("PHYSICAL_DEVICE_TYPE_").removesuffix("_GPU").lower()
            kind = word if word in _ORDER else "other"
        else:
            found.append(Gpu(value, kind))
            kind = ""
    return found
