"""Which class of devices a GPU's name tells, and which file a machine gets."""

from __future__ import annotations

import pytest

from shadergen.cli.devices import recommended
from shadergen.runtime.gpus import Gpu, parse_summary, preferred
from shadergen.target import DEVICES

# As drivers print them, in Vulkan (RADV, AMD's, NVIDIA's, ANV) and in OpenGL.
NAMES = {
    "AMD Radeon RX 7900 XTX (RADV NAVI31)": "amd-rdna3",
    "AMD Radeon RX 9070 XT (RADV GFX1201)": "amd-rdna3",
    "AMD Radeon 780M (RADV PHOENIX)": "amd-rdna3",
    "Radeon RX 7600": "amd-rdna3",
    "AMD Radeon Graphics (radeonsi, phoenix, LLVM 15.0.7, DRM 3.54)": "amd-rdna3",
    "AMD Radeon RX 6900 XT (RADV NAVI21)": "amd-rdna2",
    "AMD Custom GPU 0405 (RADV VANGOGH)": "amd-rdna2",
    "AMD Radeon RX 5700 XT": "amd-rdna2",
    "AMD Radeon RX 580 Series": "unknown",
    "AMD Radeon R9 Fury": "unknown",
    "NVIDIA GeForce RTX 3080": "nvidia",
    "NVIDIA GeForce GTX 1660 Ti": "nvidia",
    "NVIDIA GeForce GTX 1080/PCIe/SSE2": "unknown",
    "NVIDIA GeForce GTX 970": "unknown",
    "NVIDIA GeForce GT 1030": "unknown",
    "Intel(R) Arc(tm) A770 Graphics (DG2)": "intel",
    "Mesa Intel(R) Iris(R) Xe Graphics (TGL GT2)": "intel",
    "llvmpipe (LLVM 15.0.6, 256 bits)": "cpu",
    "Apple M2": "unknown",
    "Adreno (TM) 740": "unknown",
}

LAPTOP = """
Devices:
========
GPU0:
	apiVersion         = 1.3.255
	deviceType         = PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU
	deviceName         = AMD Radeon 780M (RADV PHOENIX)
GPU1:
	deviceType         = PHYSICAL_DEVICE_TYPE_CPU
	deviceName         = llvmpipe (LLVM 15.0.7, 256 bits)
GPU2:
	deviceType         = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU
	deviceName         = NVIDIA GeForce RTX 4060 Laptop GPU
"""


@pytest.mark.parametrize(("name", "device_class"), NAMES.items())
def test_a_name_tells_the_class(name: str, device_class: str) -> None:
    assert Gpu(name).device_class == device_class
    assert device_class in DEVICES


def test_of_two_gpus_the_player_takes_the_discrete_one() -> None:
    gpus = parse_summary(LAPTOP)
    assert [gpu.kind for gpu in gpus] == ["integrated", "cpu", "discrete"]
    found = preferred(gpus)
    assert found
    assert found.name == "NVIDIA GeForce RTX 4060 Laptop GPU"
    assert preferred([]) is None


def test_a_laptop_is_told_of_its_other_gpu() -> None:
    found = recommended(parse_summary(LAPTOP), "AMD Radeon Graphics")
    assert found.suffix == "_NEXT"
    assert "for NVIDIA GeForce RTX 4060 Laptop GPU (nvidia)" in found.reason
    assert found.reason.endswith("on AMD Radeon 780M (RADV PHOENIX) take --for another")


def test_why_an_old_gpu_gets_a_portable_file() -> None:
    found = recommended([Gpu("NVIDIA GeForce GTX 1080", "discrete")], None)
    assert found.suffix == "_CMP"
    assert "no 16-bit floats" in found.reason


@pytest.mark.parametrize(
    ("vulkan", "renderer", "suffix"),
    [
        ([Gpu("Intel(R) Arc(tm) A770 Graphics (DG2)", "discrete")], None, "_INTEL"),
        ([Gpu("llvmpipe (LLVM 15.0.6, 256 bits)", "cpu")], None, "_CMP"),
        ([], "NVIDIA GeForce RTX 3080/PCIe/SSE2", "_CMP"),
        (None, "NVIDIA GeForce RTX 3080/PCIe/SSE2", "_NEXT"),
        (None, "Apple M2", "_CMP"),
        (None, None, ""),
    ],
    ids=["arc", "software", "no vulkan", "nobody to ask", "another maker", "nothing"],
)
def test_a_machine_gets_the_file_that_it_runs(vulkan: list[Gpu] | None, renderer: str | None, suffix: str) -> None:
    assert recommended(vulkan, renderer).suffix == suffix
