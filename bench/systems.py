"""The networks people use at their full widths: write them as ONNX models, and say what they cost.

    python bench/systems.py FOLDER

The weights are random. Multiply-adds are per pixel of the source, as the network is written, before any optimisation.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shadergen.passes.compose import macs
from shadergen.sources import load
from tests.systems import FULL


def main() -> None:
    """Write and load each, and print a line for it."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    print("| network | multiply-adds per pixel | TFLOPS for 1920x1080 at 24 frames a second |")
    print("|---|---|---|")
    for name, build in FULL.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(build().SerializeToString())
        count = float(macs(load(path)))
        print(f"| {name} | {count:,.0f} | {2 * count * 24 * 1920 * 1080 / 1e12:,.1f} |", flush=True)


if __name__ == "__main__":
    main()
