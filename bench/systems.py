"""The networks people use at their full widths: write them as ONNX models, and say what they cost.

    python bench/systems.py FOLDER

The weights are random. Multiply-adds are per pixel of the source, as the network is written, before any optimisation.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shadergen.passes.compose import macs
from shadergen.sources import load
from tests.systems import FULL

TITLES = {
    "ArtCNN_R8F64": "ArtCNN R8F64",
    "ArtCNN_R16F96": "ArtCNN R16F96",
    "SRCNN_915": "SRCNN 9-1-5, per enlarged pixel",
    "UpConv_7": "waifu2x UpConv_7",
    "Vgg_7": "waifu2x Vgg_7",
    "DCSCN_12": "waifu2x DCSCN-12",
    "ESPCN_7": "ESPCN_7 with selection units",
    "imageSR_first": "imageSR, first network",
    "imageSR_UNet": "imageSR, U-Net of 32",
    "FSRCNN": "FSRCNN 56-12-4",
    "EDSR_baseline": "EDSR-baseline",
    "CARN_M": "CARN-M",
    "Compact": "Real-ESRGAN Compact, 16 layers of 64",
    "Anime4K": "Anime4K-style CReLU, 6 layers of 8",
    "CuNNy_4x16": "CuNNy 4x16",
}
"""What the table calls them, where that is more than their name."""


def network_rows(folder: Path | None = None) -> list[str]:
    """A line for each network, the smallest first; with a folder, the models are written there."""
    counts = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, build in FULL.items():
            path = (folder or Path(temporary)) / f"{name}.onnx"
            path.write_bytes(build().SerializeToString())
            counts[TITLES.get(name, name)] = float(macs(load(path)))
    return [
        f"| {name} | {count:,.0f} | {2 * count * 24 * 1920 * 1080 / 1e12:,.1f} |"
        for name, count in sorted(counts.items(), key=lambda item: item[1])
    ]


def main() -> None:
    """Write and load each, and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    print("| network | multiply-adds per pixel | TFLOPS for 1920x1080 at 24 frames a second |")
    print("|---|---|---|")
    print("\n".join(network_rows(folder)))


if __name__ == "__main__":
    main()
