"""What 16-bit storage costs, by how the driver rounds: every kept value rounded in NumPy, nothing else changed.

python bench/rounding.py MODEL... --image PICTURE
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from shadergen import compiler
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Array, Conv
from shadergen.runtime.colour import rgb_to_ycbcr
from shadergen.runtime.compare import compare
from shadergen.sources import load
from shadergen.target import Target
from shadergen.upscale.pictures import load as load_picture

Rounding = Callable[[Array], Array]


def nearest(x: Array) -> Array:
    """To the nearest 16-bit float, as NumPy rounds."""
    return x.astype(np.float16).astype(np.float32)


def towards_zero(x: Array) -> Array:
    """To the 16-bit float that is not larger, as Mesa's software drivers store."""
    half = x.astype(np.float16)
    smaller = np.nextafter(half, np.float16(0))
    return np.where(np.abs(half.astype(np.float32)) > np.abs(x), smaller, half).astype(np.float32)


def stored(graph: Graph, image: Array, rounding: Rounding) -> Array:
    """The picture that the compute shader gives when each texture is rounded."""
    textures = {graph.input: image}
    for scheduled in compiler.plan(graph, Target("compute")).passes:
        registers: dict[str, Array] = {}
        for node in scheduled.nodes:
            near = isinstance(node.op, Conv)  # a convolution reads textures, even of what is computed here again
            inputs = [textures[name] if near or name not in registers else registers[name] for name in node.inputs]
            registers[node.name] = reference.apply(node.op, inputs)
        textures[scheduled.root] = rounding(registers[scheduled.root])
    return textures[graph.output]


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
            print(f"{graph.name:<18} {rounding.__name__:<13} {compare(stored(graph, luma, rounding), exact)}")


if __name__ == "__main__":
    main()
