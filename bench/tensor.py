"""What layers and models cost on tensor cores and without, by the GPUs' compilers: the tables of docs/tensor.md.

    python bench/tensor.py [--gpu NAME]... [--channels N]...
    python bench/tensor.py [--gpu NAME]... MODEL@WIDTHxHEIGHT...
    python bench/tensor.py --dot8
    python bench/tensor.py [--gpu NAME]... [--channels N]... --pair

A layer is a convolution of 3x3 between N and N channels at 1920x1080, in the plain kernel that is fastest by the same
estimate, and in `--kernel tensor`; a MODEL is all of its passes for a picture of that size, in the file for gpu-next
and in the one for tensor cores. What is found goes to bench/results/tensor.json and is not found again: a run that was
interrupted goes on. At the end all that is known is printed; the page's table of models is `scripts/figures.py`'s.
docs/cost.md says how to get the drivers; glslang must be of version 13 or newer.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from bench.dot8 import WHERE, text
from shadergen import compiler, hookfile
from shadergen.cost import gpus
from shadergen.cost.drivers import roots_of_environment
from shadergen.cost.estimate import PassCost
from shadergen.cost.frame import Size
from shadergen.cost.report import Entry, on_gpu, prepare
from shadergen.errors import TargetError
from shadergen.files import write_whole
from shadergen.hookfile import Block, HookFile, HookPass, Param
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Array, Conv, DepthToSpace, Relu
from shadergen.sources import load
from shadergen.target import INTEL, NEXT, TENSOR, Target

RESULTS = Path(__file__).parent / "results" / "tensor.json"
SIZE = (1920, 1080)
THREE = ("rx7900xtx", "rx9070xt", "rtx3080")
SETTINGS = {"rtx3080": {"TENSOR_HALF_SUMS": 1.0}, "a770": {"TENSOR_M": 8.0, "TENSOR_N": 8.0}}
"""What the users of a GPU are told to set."""
PLAIN = (NEXT, replace(NEXT, kernel="divided"), replace(NEXT, kernel="rows"))


@dataclass(frozen=True)
class Written:
    """A file to judge: what it is called, and which passes count."""

    name: str
    file: HookFile
    layer: str
    """What the DESC of a pass has that counts; empty where all do."""


def main(arguments: Sequence[str]) -> int:
    """Judge and keep; 1 where a GPU has no driver."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL@WIDTHxHEIGHT")
    parser.add_argument("--gpu", action="append", metavar="NAME")
    parser.add_argument("--channels", action="append", type=int, metavar="N")
    parser.add_argument("--dot8", action="store_true", help="what products of bytes could give at most")
    parser.add_argument("--pair", action="store_true", help="two layers in one hook pass")
    options = parser.parse_args(arguments)
    if options.dot8:
        return dot8()
    if options.pair:
        return pair(options.gpu or THREE, options.channels or [32])
    models = [re.fullmatch(r"(.+)@(\d+)x(\d+)", word) for word in options.models]
    if not all(models):
        parser.error("MODEL: expected its file and the size of a picture, as in model.onnx@1280x720")
    layers = options.channels or ([] if models else [32, 64, 96])
    tasks = [("layers", f"{channels} to {channels}", channels, SIZE) for channels in layers]
    tasks += [("models", Path(m[1]).stem, Path(m[1]), (int(m[2]), int(m[3]))) for m in models if m]
    missing = 0
    for kind, what, source, size in tasks:
        for name in options.gpu or THREE:
            gpu = gpus.find(name)
            if gpu is None:
                parser.error(f"--gpu: found {name!r}, expected one of {', '.join(gpu.name for gpu in gpus.GPUS)}")
            known: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
            if name in known.get(kind, {}).get(what, {}):
                continue
            plain, tensor = layer(source, plain_targets(gpu)) if isinstance(source, int) else network(source)
            costs = [cost for written in plain if (cost := judged(written, gpu, size))]
            own = judged(tensor, gpu, size)
            if not costs or not own:
                missing += 1
                continue
            found = numbers(min(costs, key=milliseconds), own, size)
            known.setdefault(kind, {}).setdefault(what, {})[name] = found
            print(what, name, found, flush=True)
            write_whole(RESULTS, json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    print("\n".join([*layer_rows(known), *model_rows(known)]))
    return 1 if missing else 0


def milliseconds(costs: Sequence[PassCost]) -> float:
    """Of a frame."""
    return sum(cost.milliseconds for cost in costs)


def numbers(plain: Sequence[PassCost], own: Sequence[PassCost], size: Size) -> dict[str, Any]:
    """What is kept: of the tensor file but for `plain`."""
    matrices = [cost for cost in own if cost.shared_bytes]
    longest = max(matrices, key=lambda cost: cost.milliseconds)
    return {
        "size": list(size),
        "plain": round(milliseconds(plain), 4),
        "tensor": round(milliseconds(own), 4),
        "bound": longest.bound,
        "registers": max(cost.registers for cost in matrices),
        "spills": sum(cost.spills for cost in matrices),
        "code": max(cost.code_bytes for cost in matrices),
        "shared": max(cost.shared_bytes for cost in matrices),
    }


def layer_rows(results: Mapping[str, Any]) -> Iterator[str]:
    """The lines of docs/tensor.md's table of layers."""
    for name in THREE:
        for what, found in sorted(results.get("layers", {}).items()):
            if entry := found.get(name):
                facts = f"{entry['bound']} | {entry['registers']} | {entry['spills']} | {entry['code'] / 1024:.1f}"
                times = f"{entry['plain']:.3f} | {entry['tensor']:.3f} | {entry['tensor'] / entry['plain']:.2f}"
                yield f"| {title(name)} | {what} | {times} | {facts} | {entry['shared'] / 1024:.1f} |"


def model_rows(results: Mapping[str, Any]) -> Iterator[str]:
    """The lines of its table of models: plain and tensor files, side by side on each GPU."""
    for what, found in sorted(results.get("models", {}).items(), key=lambda item: item[0].lower()):
        width, height = next(iter(found.values()))["size"]
        cells = (
            f"{found[name]['plain']:.1f} | {found[name]['tensor']:.1f}" if name in found else "|" for name in THREE
        )
        yield f"| {what} | {width}x{height} | {' | '.join(cells)} |"


def title(name: str) -> str:
    """A GPU's name in the tables."""
    gpu = gpus.find(name)
    assert gpu
    return gpu.title


def judged(written: Written, gpu: gpus.Gpu, size: Size) -> list[PassCost] | None:
    """The costs of the passes that count; None, with a line, where there are none."""
    blocks = [_for(gpu, block) for block in written.file.blocks if _counts(block, written)]
    text = hookfile.format(HookFile(written.file.header, tuple(blocks)))
    roots = roots_of_environment()
    report = on_gpu(prepare([Entry(written.name, text)], size, once=True), gpu, roots)
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
    own = SETTINGS.get(gpu.name, {})
    return replace(block, initial=own[block.name]) if isinstance(block, Param) and block.name in own else block


def plain_targets(gpu: gpus.Gpu) -> Sequence[Target]:
    """What is written for a GPU without tensor cores."""
    return (INTEL,) if gpu.vendor == "intel" else PLAIN


DOT_LANES = {"rx7900xtx": 32, "rx6900xt": 32, "rx9070xt": 32, "rtx3080": 16, "a770": 8}
"""Lanes that a pipe (SIMD, partition, vector engine) does a product of four bytes for in a cycle: those of an integer
instruction, on NVIDIA's half of those of a floating point one."""


def dot8() -> int:
    """How much faster bytes could be: their products alone, and a layer with all that it needs (bench/dot8.py)."""
    print(
        "| GPU | ms of the best plain kernel | of the products of bytes alone | ratio | of a layer of bytes | ratio |"
    )
    print("|---" * 6 + "|", flush=True)
    missing = 0
    for name, lanes in DOT_LANES.items():
        gpu = gpus.find(name)
        assert gpu
        plain = layer(32, plain_targets(gpu))[0]
        byte_layers = [Written(f"bytes in {where}", hookfile.parse(text(where)), " c ") for where in WHERE]
        costs, bytes_ = ([c for w in files if (c := judged(w, gpu, SIZE))] for files in (plain, byte_layers))
        missing += not (costs and bytes_)
        if costs and bytes_:
            best, own = (min(map(milliseconds, found)) for found in (costs, bytes_))
            dots = SIZE[0] * SIZE[1] * 9 * 32 * 32 / 4
            bound = dots / lanes / gpu.simds / gpu.units / (gpu.clock * 1e6)
            ratios = f"{bound:.3f} | {best / bound:.2f} | {own:.3f} | {best / own:.2f}"
            print(f"| {gpu.title} | {best:.3f} | {ratios} |", flush=True)
    return 1 if missing else 0


def pair(names: Sequence[str], widths: Sequence[int]) -> int:
    """Two layers in one pass (`--fuse`), against twice what is known of such a layer in a pass of its own."""
    times = "ms of two plain passes | of two tensor passes | of one | ratio to plain | to tensor"
    print(f"| GPU | layers | {times} | bound by | registers | spills | KiB of code | KiB shared |")
    print("|---" * 12 + "|", flush=True)
    missing = 0
    for name in names:
        for channels in widths:
            gpu = gpus.find(name)
            assert gpu
            what = f"{channels} to {channels}"
            one = json.loads(RESULTS.read_text("utf-8"))["layers"][what][name]
            file = compiler.compile(network_of(channels, 2), replace(TENSOR, fuse=True))
            found = judged(Written("pair", file, " c1 "), gpu, SIZE)
            missing += not found
            for cost in found or ():
                plain, two, both = 2 * one["plain"], 2 * one["tensor"], cost.milliseconds
                facts = f"{cost.bound} | {cost.registers} | {cost.spills} | {cost.code_bytes / 1024:.1f}"
                times = f"{plain:.3f} | {two:.3f} | {both:.3f} | {both / plain:.2f} | {both / two:.2f}"
                print(f"| {gpu.title} | {what} | {times} | {facts} | {cost.shared_bytes / 1024:.1f} |", flush=True)
    return 1 if missing else 0


def layer(channels: int, targets: Sequence[Target]) -> tuple[list[Written], Written]:
    """A layer between others, in every plain kernel, and on tensor cores."""
    graph = network_of(channels, 1)
    plain = [Written(name, file, " c1 ") for name, file in built(graph, targets)]
    return plain, Written("tensor", compiler.compile(graph, TENSOR), " c1 ")


def network_of(channels: int, layers: int) -> Graph:
    """Some convolutions c1, c2 of 3x3 between as many channels, after one that is called a."""
    rng = np.random.default_rng(0)

    def conv(source: int, out: int) -> Conv:
        weight: Array = rng.normal(0, 1 / np.sqrt(9 * source), (out, source, 3, 3)).astype(np.float32)
        return Conv(weight, np.zeros(out, np.float32), (1, 1, 1, 1))

    nodes = [Node("a", conv(1, channels), ("input",)), Node("relu0", Relu(), ("a",))]
    for number in range(1, layers + 1):
        nodes.append(Node(f"c{number}", conv(channels, channels), (f"relu{number - 1}",)))
        nodes.append(Node(f"relu{number}", Relu(), (f"c{number}",)))
    nodes += [Node("e", conv(channels, 4), (nodes[-1].name,)), Node("f", DepthToSpace(2), ("e",))]
    return Graph("layer", "luma", tuple(nodes), "f")


def network(model: Path) -> tuple[list[Written], Written]:
    """A model in the file for gpu-next, and in the one for tensor cores."""
    graph = load(model)
    plain, tensor = (Written(target.suffix, compiler.compile(graph, target), "") for target in (NEXT, TENSOR))
    return [plain], tensor


def built(graph: Graph, targets: Sequence[Target]) -> Iterator[tuple[str, HookFile]]:
    """The files of those targets that can express it."""
    for target in targets:
        try:
            yield target.kernel or "plain", compiler.compile(graph, target)
        except TargetError as error:
            print(error, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
