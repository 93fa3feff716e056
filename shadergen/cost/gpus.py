"""The GPUs whose cost can be estimated: a GPU is a row.

Compiling needs no GPU of the kind, only the name by which a driver knows its chip. The rates are those of data sheets,
for boards as their maker specifies them: units that share a texture unit and a shared memory (compute units, SMs,
Xe-cores), the clock that the maker names for games, and the bandwidth of the memory.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Vendor = Literal["amd", "nvidia", "intel"]


@dataclass(frozen=True)
class Gpu:
    """A GPU as `--gpu` names it."""

    name: str
    title: str
    vendor: Vendor
    chips: tuple[str, ...]
    """What drivers call the chip: RADV_FORCE_FAMILY, NOUVEAU_CHIPSET or INTEL_STUB_GPU_PLATFORM. Mesa renamed some of
    them: the first that the driver knows is taken."""
    generation: int
    """AMD: the major number of the instruction set (gfx9 to gfx12). NVIDIA: the SM version. Intel: of Xe."""
    units: int
    """Compute units, SMs or Xe-cores."""
    clock: float
    """GHz."""
    bandwidth: float
    """GB/s (10^9 bytes) of the memory; caches do not count."""
    remembered: bool = False
    """Whether a rate is from memory and not from the maker's page."""

    @property
    def simds(self) -> int:
        """How many pipelines a unit has that issue vector instructions: SIMDs, partitions, vector engines."""
        if self.vendor == "amd":
            return 2 if self.generation >= 10 else 4
        return 4 if self.vendor == "nvidia" else 16

    @property
    def code_bytes(self) -> int:
        """Bytes of the instruction cache that a unit reads from, 0 where the maker does not say.

        AMD: 32 KiB, shared by two compute units of RDNA ("Introducing RDNA architecture", AMD's white paper) and by up
        to four of GCN.
        """
        return 32 * 1024 if self.vendor == "amd" else 0


GPUS = (
    Gpu("rx9070xt", "RX 9070 XT", "amd", ("GFX1201",), 12, 64, 2.40, 640),
    Gpu("rx9060xt", "RX 9060 XT", "amd", ("GFX1200",), 12, 32, 2.53, 320, remembered=True),
    Gpu("rx7900xtx", "RX 7900 XTX", "amd", ("NAVI31", "GFX1100"), 11, 96, 2.27, 960),
    Gpu("rx7800xt", "RX 7800 XT", "amd", ("NAVI32", "GFX1101"), 11, 60, 2.12, 624, remembered=True),
    Gpu("rx7600", "RX 7600", "amd", ("NAVI33", "GFX1102"), 11, 32, 2.25, 288, remembered=True),
    Gpu("780m", "Radeon 780M", "amd", ("PHOENIX", "GFX1103_R1"), 11, 12, 2.70, 102, remembered=True),
    Gpu("rx6900xt", "RX 6900 XT", "amd", ("NAVI21",), 10, 80, 2.02, 512),
    Gpu("rx6700xt", "RX 6700 XT", "amd", ("NAVI22",), 10, 40, 2.42, 384, remembered=True),
    Gpu("rx6600", "RX 6600", "amd", ("NAVI23",), 10, 28, 2.04, 224, remembered=True),
    Gpu("680m", "Radeon 680M", "amd", ("REMBRANDT",), 10, 12, 2.40, 77, remembered=True),
    Gpu("steamdeck", "Steam Deck", "amd", ("VANGOGH",), 10, 8, 1.60, 88, remembered=True),
    Gpu("rx5700xt", "RX 5700 XT", "amd", ("NAVI10",), 10, 40, 1.76, 448, remembered=True),
    Gpu("vega64", "RX Vega 64", "amd", ("VEGA10",), 9, 64, 1.40, 484, remembered=True),
    Gpu("vega8", "Vega 8 (Ryzen 4700U)", "amd", ("RENOIR",), 9, 7, 1.60, 50, remembered=True),
    Gpu("rx480", "RX 480", "amd", ("POLARIS10",), 8, 36, 1.20, 256, remembered=True),
    Gpu("rtx3080", "RTX 3080", "nvidia", ("172",), 86, 68, 1.71, 760),
    Gpu("rtx3060", "RTX 3060", "nvidia", ("176",), 86, 28, 1.78, 360, remembered=True),
    Gpu("rtx2080ti", "RTX 2080 Ti", "nvidia", ("162",), 75, 68, 1.55, 616, remembered=True),
    Gpu("rtx2080", "RTX 2080", "nvidia", ("164",), 75, 46, 1.71, 448, remembered=True),
    Gpu("a770", "Arc A770", "intel", ("dg2",), 12, 32, 2.10, 560),
    Gpu("irisxe", "Iris Xe (96 EU)", "intel", ("tgl",), 12, 6, 1.30, 60, remembered=True),
)

DEFAULT = "rx7900xtx"
"""Of those that stock Mesa compiles for, the one whose owners play shaders most."""


def find(name: str) -> Gpu | None:
    """The GPU of a name as a user may write it: `RX 7900 XTX`, `rx7900xtx`, or the driver's NAVI31."""
    plain = _plain(name)
    matches = (gpu for gpu in GPUS if plain in {_plain(gpu.name), _plain(gpu.title), *map(_plain, gpu.chips)})
    return next(matches, None)


def of_renderer(renderer: str) -> Gpu | None:
    """The GPU that a driver calls by a name such as `AMD Radeon RX 6900 XT (radeonsi, navi21, ...)`, if it is here."""
    for gpu in GPUS:
        title = re.escape(gpu.title.partition(" (")[0].removeprefix("Arc "))
        if re.search(rf"\b{title}\b(?! (?:XTX?|GRE|Ti|SUPER|Laptop)\b)", renderer, re.IGNORECASE):
            return gpu
    return None


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())
