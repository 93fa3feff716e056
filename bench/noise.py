"""How far files are from their networks for noise and for a picture, in libplacebo: what docs/tensor.md says of noise.

    python bench/noise.py [--kind KIND]... [--size WIDTHxHEIGHT]... [--matrices N] MODEL...

Noise has every pixel from 0 to 1 at random; the picture is the test picture of `verify`. KIND is `tensor`, the file for
tensor cores, `next` for gpu-next, `cmp` or `cmp_fp16` for all players; each is a line of the table that is printed.
`--matrices 8` sets the shape that lavapipe has. Needs an ffmpeg whose libplacebo has a Vulkan device with the
extensions: those of Debian's unstable branch do, as `make test-newest` installs them.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from shadergen import compiler, hookfile
from shadergen.errors import ShadergenError
from shadergen.hookfile import HookFile, Param
from shadergen.ir import reference
from shadergen.judge.stimuli import stimuli
from shadergen.runtime import libplacebo
from shadergen.sources import load
from shadergen.target import NEXT, TENSOR, Target

KINDS = {"tensor": TENSOR, "next": NEXT, "cmp": Target("compute"), "cmp_fp16": Target("compute", precision="fp16")}
SHAPE = ("TENSOR_M", "TENSOR_N", "TENSOR_K")
TIMEOUT = 3600.0
"""Seconds: a CPU compiles matrices for minutes."""


def main(arguments: Sequence[str]) -> int:
    """Print the table; 1 where a file does not run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL")
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--size", action="append", metavar="WIDTHxHEIGHT")
    parser.add_argument("--matrices", type=int, default=16, metavar="N")
    options = parser.parse_args(arguments)
    sizes = [re.fullmatch(r"(\d+)x(\d+)", word) for word in options.size or ["250x187"]]
    if not all(sizes):
        parser.error("--size: expected WIDTHxHEIGHT, as in 250x187")
    print("| model | file | picture | size | max | mean |\n|---|---|---|---|---|---|", flush=True)
    try:
        for model in options.models:
            for kind in options.kind or KINDS:
                for size in sizes:
                    assert size
                    judge(model, kind, (int(size[1]), int(size[2])), options.matrices)
    except ShadergenError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def judge(model: Path, kind: str, size: tuple[int, int], matrices: int) -> None:
    """Print the lines of one file and size."""
    network, (width, height) = load(model), size
    file = compiler.compile(network, KINDS[kind])
    blocks = [
        replace(block, initial=matrices) if isinstance(block, Param) and block.name in SHAPE else block
        for block in file.blocks
    ]
    text = hookfile.format(HookFile(file.header, tuple(blocks)))
    noise = np.random.default_rng(0).integers(0, 65536, (1, height, width))
    (picture,) = stimuli("luma", [size])
    grey = np.full((2, height, width), 0.5, np.float32)
    for what, codes in (("noise", noise), ("picture", np.round(picture.image * 65535))):
        luma = codes.astype(np.float32) / np.float32(65535)
        shown = libplacebo.run(text, luma, grey, (2 * width, 2 * height), timeout=TIMEOUT)[:1]
        off = np.abs(shown - reference.evaluate(network, luma)[network.output])
        print(f"| {model.stem} | {kind} | {what} | {width}x{height} | {off.max():.1e} | {off.mean():.1e} |", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
