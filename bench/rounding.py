"""What 16-bit storage costs, by how the driver rounds: every kept value rounded in NumPy, nothing else changed.

python bench/rounding.py MODEL... --image PICTURE
"""

from __future__ import annotations

import argparse
from pathlib import Path

from shadergen import compiler
from shadergen.ir import reference
from shadergen.judge.rounding import nearest, towards_zero
from shadergen.runtime.colour import rgb_to_ycbcr
from shadergen.runtime.compare import compare
from shadergen.schedule.evaluate import evaluate
from shadergen.sources import load
from shadergen.target import Target
from shadergen.upscale.pictures import load as load_picture


def main() -> None:
    """Print the largest and mean difference for each model and rounding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+", metavar="MODEL")
    parser.add_argument("--image", type=Path, required=True)
    options = parser.parse_args()
    pixels = load_picture(options.image).pixels
    luma = rgb_to_ycbcr(pixels[:3])[:1] if len(pixels) >= 3 else pixels[:1]
    for path in options.models:
        graph = load(path)
        exact = reference.evaluate(graph, luma)[graph.output]
        for rounding in (towards_zero, nearest):
            stored = evaluate(compiler.plan(graph, Target("compute")), luma, rounding)
            print(f"{graph.name:<18} {rounding.__name__:<13} {compare(stored, exact)}")


if __name__ == "__main__":
    main()
