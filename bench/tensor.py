"""What a layer costs on tensor cores and without, by the GPUs' compilers: the tables of docs/tensor.md.

    python bench/tensor.py [--gpu NAME]... [--channels N]... [MODEL...]
    python bench/tensor.py --dot8

A layer is a convolution of 3x3 between N and N channels at 1920x1080, in the plain kernel that is fastest by the same
estimate, and in `--kernel tensor`; a MODEL is all of its passes, in the file for gpu-next and in the one for tensor
cores. docs/cost.md says how to get the drivers; glslang must be of version 13 or newer.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shadergen import compiler, hookfile
from shadergen.cost import gpus
from shadergen.cost.drivers import ROOT_VARIABLE
from shadergen.cost.estimate import PassCost
from shadergen.cost.report import Entry, on_gpu, prepare
from shadergen.errors import TargetError
from shadergen.hookfile import Block, HookFile, HookPass, Param
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Array, Conv, DepthToSpace, Relu
from shadergen.sources import load
from shadergen.target import INTEL, NEXT, TENSOR, Target

SIZE = (1920, 1080)
THREE = ("rx7900xtx", "rx9070xt", "rtx3080")
HALF_SUMS = "rtx3080"
"""GPUs whose user is told to set TENSOR_HALF_SUMS."""
PLAIN = (NEXT, replace(NEXT, kernel="divided"), replace(NEXT, kernel="rows"))


@dataclass(frozen=True)
class Written:
    """A file to judge: what it is called, and which passes count."""

    name: str
    file: HookFile
    layer: str
    """What the DESC of a pass has that counts; empty where all do."""


def main(arguments: Sequence[str]) -> int:
    """Judge and print; 1 where a GPU has no driver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path, metavar="MODEL")
    parser.add_argument("--gpu", action="append", metavar="NAME")
    parser.add_argument("--channels", action="append", type=int, metavar="N")
    parser.add_argument("--dot8", action="store_true", help="what products of bytes could give at most")
    options = parser.parse_args(arguments)
    if options.dot8:
        return dot8()
    print("| GPU | network | ms plain | ms tensor | ratio | bound by | registers | spills | KiB of code | KiB shared |")
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    missing = 0
    for name in options.gpu or THREE:
        gpu = gpus.find(name)
        if gpu is None:
            parser.error(f"--gpu: found {name!r}, expected one of {', '.join(gpu.name for gpu in gpus.GPUS)}")
        channels = options.channels or ([] if options.models else [32, 64, 96])
        for what, plain, tensor in [*map(layer, channels), *map(network, options.models)]:
            costs = [cost for written in plain if (cost := judged(written, gpu))]
            own = judged(tensor, gpu)
            if not costs or not own:
                missing += 1
                continue
            print(row(gpu, what, min(costs, key=milliseconds), own), flush=True)
    return 1 if missing else 0


def milliseconds(costs: Sequence[PassCost]) -> float:
    """Of a frame."""
    return sum(cost.milliseconds for cost in costs)


def row(gpu: gpus.Gpu, what: str, plain: Sequence[PassCost], own: Sequence[PassCost]) -> str:
    """A line of the table."""
    longest = max(own, key=lambda cost: cost.milliseconds)
    numbers = (
        f"{milliseconds(plain):.3f}",
        f"{milliseconds(own):.3f}",
        f"{milliseconds(own) / milliseconds(plain):.2f}",
        longest.bound,
        str(max(cost.registers for cost in own)),
        str(sum(cost.spills for cost in own)),
        f"{max(cost.code_bytes for cost in own) / 1024:.1f}",
        f"{max(cost.shared_bytes for cost in own) / 1024:.1f}",
    )
    return f"| {gpu.title} | {what} | {' | '.join(numbers)} |"


def judged(written: Written, gpu: gpus.Gpu) -> list[PassCost] | None:
    """The costs of the passes that count; None, with a line, where there are none."""
    blocks = [_for(gpu, block) for block in written.file.blocks if _counts(block, written)]
    text = hookfile.format(HookFile(written.file.header, tuple(blocks)))
    roots = [Path(folder) for folder in os.environ.get(ROOT_VARIABLE, "").split(os.pathsep) if folder]
    report = on_gpu(prepare([Entry(written.name, text)], SIZE, lambda said: None), gpu, roots, lambda said: None)
    passes = [item for file in report.files for item in file.passes if written.layer in item.desc]
    costs = [item.cost for item in passes if item.cost]
    if report.problem or not costs or len(costs) < len(passes):
        why = " ".join([report.problem, *(file.problem for file in report.files), *(item.problem for item in passes)])
        print(f"{gpu.name}: {written.name}: {why}", file=sys.stderr)
        return None
    return costs


def _counts(block: Block, written: Written) -> bool:
    """Whether a block is kept: a pass that counts, those of the layer before it, and all that is no pass."""
    return not isinstance(block, HookPass) or written.layer in block.desc or " a " in block.desc


def _for(gpu: gpus.Gpu, block: Block) -> Block:
    """A block with the PARAMs that the GPU's user is told to set."""
    half = isinstance(block, Param) and block.name == "TENSOR_HALF_SUMS" and gpu.name in HALF_SUMS
    return replace(block, initial=1.0) if isinstance(block, Param) and half else block


DOT_LANES = {"rx7900xtx": 32, "rx6900xt": 32, "rx9070xt": 32, "rtx3080": 16, "a770": 8}
"""Lanes that a pipe (SIMD, partition, vector engine) does a product of four bytes for in a cycle: those of an integer
instruction, on NVIDIA's half of those of a floating point one."""


def dot8() -> int:
    """At most how much faster bytes could be: their products alone, without reading, rounding and storing."""
    print("| GPU | ms of the best plain kernel, 32 to 32 | ms of the products of bytes alone | faster at most by |")
    print("|---|---|---|---|", flush=True)
    missing = 0
    for name, lanes in DOT_LANES.items():
        gpu = gpus.find(name)
        assert gpu
        plain = layer(32, (INTEL,) if gpu.vendor == "intel" else PLAIN)[1]
        costs = [cost for written in plain if (cost := judged(written, gpu))]
        missing += not costs
        if costs:
            best = min(map(milliseconds, costs))
            dots = SIZE[0] * SIZE[1] * 9 * 32 * 32 / 4
            bound = dots / lanes / gpu.simds / gpu.units / (gpu.clock * 1e6)
            print(f"| {gpu.title} | {best:.3f} | {bound:.3f} | {best / bound:.2f} |", flush=True)
    return 1 if missing else 0


def layer(channels: int, targets: Sequence[Target] = PLAIN) -> tuple[str, list[Written], Written]:
    """A layer between others, in every plain kernel, and on tensor cores."""
    rng = np.random.default_rng(0)

    def conv(source: int, out: int) -> Conv:
        weight: Array = rng.normal(0, 1 / np.sqrt(9 * source), (out, source, 3, 3)).astype(np.float32)
        return Conv(weight, np.zeros(out, np.float32), (1, 1, 1, 1))

    nodes = (
        Node("a", conv(1, channels), ("input",)),
        Node("b", Relu(), ("a",)),
        Node("c", conv(channels, channels), ("b",)),
        Node("d", Relu(), ("c",)),
        Node("e", conv(channels, 4), ("d",)),
        Node("f", DepthToSpace(2), ("e",)),
    )
    graph = Graph("layer", "luma", nodes, "f")
    plain = [Written(name, file, " c ") for name, file in built(graph, targets)]
    return f"{channels} to {channels}", plain, Written("tensor", compiler.compile(graph, TENSOR), " c ")


def network(model: Path) -> tuple[str, list[Written], Written]:
    """A model in the file for gpu-next, and in the one for tensor cores."""
    graph = load(model)
    plain = [Written(name, file, "") for name, file in built(graph, PLAIN)]
    return graph.name, plain, Written("tensor", compiler.compile(graph, TENSOR), "")


def built(graph: Graph, targets: Sequence[Target]) -> Iterator[tuple[str, HookFile]]:
    """The files of those targets that can express it."""
    for target in targets:
        try:
            yield target.kernel or "plain", compiler.compile(graph, target)
        except TargetError as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
