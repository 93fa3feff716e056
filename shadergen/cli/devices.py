"""Which of a model's files is for a GPU, with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from shadergen.target import DEVICES, Device

if TYPE_CHECKING:
    from shadergen.runtime.gpus import Gpu


@dataclass(frozen=True)
class Recommendation:
    """A file of a model."""

    suffix: str
    """What its name has after the model's."""
    reason: str


def recommended(vulkan: Sequence[Gpu] | None, renderer: str | None) -> Recommendation:
    """The file for a machine with these Vulkan devices, None if that is unknown, and this OpenGL renderer, if any.

    Files for a class of GPUs need gpu-next, which is at its best on Vulkan: a machine without it gets a portable one.
    """
    from shadergen.runtime.gpus import Gpu, preferred

    found = preferred(vulkan or ())
    if found is None and vulkan is None and renderer:
        found = Gpu(renderer)  # nobody to ask for Vulkan, which drivers of the last ten years have
    if found is None:
        device = f"{renderer} has no Vulkan" if renderer else "no GPU was found"
        return Recommendation("_CMP" if renderer else "", f"{device}; this file runs without it")
    suffix = DEVICES[cast(Device, found.device_class)].suffix
    others = [gpu.name for gpu in vulkan or () if gpu != found and gpu.device_class not in ("cpu", found.device_class)]
    also = f"; on {' or '.join(others)} take --for another" if others else ""
    kind = "no 16-bit floats in shaders, which NEXT files need" if found.is_without_fp16 else found.device_class
    return Recommendation(suffix, f"for {found.name} ({kind}){also}")


def recommended_here() -> Recommendation:
    """The file for this machine."""
    from shadergen.errors import NoDeviceError
    from shadergen.runtime import context, gpus

    vulkan = gpus.vulkan_gpus()
    renderer = None
    if not vulkan:
        try:
            opened = context.open_context()
        except NoDeviceError:
            pass
        else:
            renderer = context.describe(opened).renderer
            opened.release()
    return recommended(vulkan, renderer)
