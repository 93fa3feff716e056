"""What the user may choose about the shader, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from shadergen.errors import TargetError

Stage = Literal["fragment", "compute"]
Precision = Literal["fp32", "fp16"]
Weights = Literal["code", "texture"]
Device = Literal["unknown", "cpu", "amd-rdna2", "amd-rdna3", "nvidia", "intel"]
"""Classes of devices, for which `kernels.heuristics` has numbers: `amd-rdna2` are Radeons up to the RX 6000 series and
the Steam Deck, `amd-rdna3` those from the RX 7000 series on, `intel` Arc and Iris Xe."""
TableFormat = Literal["rgba32f", "rgba8"]

OPTIMISATIONS: dict[str, str] = {
    "compose": "linear neighbours become one convolution",
    "block": "an invocation computes several pixels",
    "winograd": "kernels three wide take 4 products for two pixels instead of 6",
}
"""What can be switched off, and what it does. None of them changes the picture."""


TENSOR_KERNEL, DOT8_KERNEL = "tensor", "dot8"
"""Kernels whose files are for few GPUs, and have names of their own."""


@dataclass(frozen=True)
class Target:
    """One way to write a model as a hook file."""

    stage: Stage = "fragment"
    """`fragment` runs everywhere, OpenGL 3.3 and macOS included. `compute` is faster and needs OpenGL 4.3, Vulkan or
    Direct3D 11."""
    precision: Precision = "fp32"
    """Of the arithmetic. Storage is the player's: rgba16f in practice. `fp16` needs the stage `compute`, and a driver
    with 16-bit floats in shaders (Vulkan, Direct3D 11)."""
    when: float = 1.2
    """The output must be larger than the source by this factor on both axes; below it the shader stays off."""
    workgroup: tuple[int, int] = (16, 8)
    """Threads of a compute workgroup, (width, height)."""
    weights: Weights = "code"
    """Where the weights are: numbers in the code, which makes the fastest shader, or textures that loops read from,
    which makes a short one that starts at once. Where the code would be too long, or a pass bind too much, the
    weights are in textures anyway."""
    without: frozenset[str] = frozenset()
    """Names of OPTIMISATIONS that are switched off."""
    fuse: bool = False
    """Compute a layer again in the pass that reads it, in shared memory, where that is cheap: fewer textures and less
    traffic for more work and up to 32 KiB of shared memory. Needs the stage `compute` and the weights in the code."""
    kernel: str = ""
    """The kernel that computes each convolution it can, by its name (see `kernels`), and may have BUFFER blocks and
    extensions if it needs them; empty: the cheapest of those that need neither."""
    device: Device = "unknown"
    """What the file is to be fast on."""
    buffers: bool = False
    """Whether it may have BUFFER blocks: then it is faster on GPUs, and for gpu-next alone, since vo=gpu refuses it."""
    max_binds: int = 12
    """Textures per pass. Both players allow 16; libplacebo on Direct3D 11 runs out of slots at 14 (mpv #17968)."""
    max_packs_per_texture: int = 16
    """A grid of 4x4 cells: 16384 texels, Direct3D 11's limit, for a source 4096 wide."""
    tables: TableFormat | None = None
    """How textures keep numbers. None is what every player's renderer has: rgba32f in compute passes, rgba8 in fragment
    passes, where a number is three bytes. Browsers have rgba32f, which is one read instead of three."""

    def __post_init__(self) -> None:
        width, height = self.workgroup
        if min(width, height) < 1 or width * height > 1024:
            raise TargetError("--workgroup", f"found {width}x{height}, expected 1 to 1024 threads in all")
        if self.max_packs_per_texture < 1:
            raise TargetError("max_packs_per_texture", f"found {self.max_packs_per_texture}, expected 1 or more")
        if self.precision == "fp16" and self.stage == "fragment":
            raise TargetError("--precision", "found fp16 with --fragment, expected --compute", "add --compute")
        if self.fuse and self.stage == "fragment":
            raise TargetError("--fuse", "found it with --fragment, expected --compute", "add --compute")
        if self.buffers and self.stage == "fragment":
            raise TargetError("--for", "found it with --fragment, expected --compute", "add --compute")
        if self.fuse and self.weights == "texture":
            # An invocation has eight pixels then, and the tile of 64 of them fits into no GPU's shared memory.
            raise TargetError("--fuse", "found it with --weights texture, expected --weights code")
        if self.kernel in (TENSOR_KERNEL, DOT8_KERNEL) and self.stage == "fragment":
            raise TargetError("--kernel", f"found {self.kernel} with --fragment, expected --compute", "add --compute")
        unknown = sorted(self.without - set(OPTIMISATIONS))
        if unknown:
            raise TargetError("--no-opt", f"found {unknown[0]!r}, expected one of {', '.join(OPTIMISATIONS)}")
        if not 0 < self.when < 1000:
            raise TargetError("--when", f"found {self.when:g}, expected a factor above 0 and below 1000")

    @property
    def suffix(self) -> str:
        """What the file name gets after the model's name."""
        if self.kernel == TENSOR_KERNEL:
            return "_TENSOR" + {"code": "", "texture": "_INSTANT"}[self.weights]
        if self.kernel == DOT8_KERNEL:
            return "_DOT8"
        if self.buffers:
            return "_INTEL" if self.device == "intel" else "_NEXT"
        stage = {"fragment": "", "compute": "_CMP"}[self.stage]
        weights = {"code": "", "texture": "_INSTANT"}[self.weights]
        return stage + weights + {"fp32": "", "fp16": "_FP16"}[self.precision]


VARIANTS = (Target(), Target("compute"), Target("compute", "fp16"), Target("compute", weights="texture"))
"""The ways to write a model that any player with the stage takes."""

NEXT = Target("compute", "fp16", device="amd-rdna3", buffers=True)
"""For gpu-next on GPUs of AMD and NVIDIA: the file is the same for all of their classes of devices."""
INTEL = Target("compute", device="intel", buffers=True)
"""For gpu-next on Intel's."""
TENSOR = replace(NEXT, kernel=TENSOR_KERNEL)
"""For gpu-next on GPUs with tensor cores, see docs/tensor.md. No model is written so unless it is asked for."""
TENSOR_TABLES = replace(TENSOR, buffers=False, weights="texture")
"""The same for vo=gpu."""
DOT8 = replace(INTEL, kernel=DOT8_KERNEL)
"""For gpu-next on Arc A, of networks that multiply bytes (docs/tensor.md). No model is written so unless asked for."""
SHIPPED = (*VARIANTS, NEXT, INTEL)
"""The ways a model is written as a file; see `variants` for which of them each model has."""
DEVICES: dict[Device, Target] = {
    "unknown": Target("compute"),
    "cpu": Target("compute"),
    "amd-rdna2": replace(NEXT, device="amd-rdna2"),
    "amd-rdna3": NEXT,
    "nvidia": replace(NEXT, device="nvidia"),
    "intel": INTEL,
}
"""By class of devices, the fastest way there (docs/players.md)."""


def variants(plane: str) -> tuple[Target, ...]:
    """The files generated for a model of a plane: SHIPPED, but for chroma in fp32 alone.

    A chroma file stores the interpolated chroma as well, one more rounding to 16 bits. With fp16 arithmetic behind it
    the mean error of C4F16_Chroma is 5.1e-4 on lavapipe, which cuts off instead of rounding: an eighth of a step of
    8-bit video.
    """
    if plane != "chroma":
        return SHIPPED
    return tuple(suited(target, plane) for target in SHIPPED if target.buffers or target.precision == "fp32")


def suited(target: Target, plane: str) -> Target:
    """The target with the precision that a plane's shipped files for a class of devices have."""
    return replace(target, precision="fp32") if target.buffers and plane == "chroma" else target
