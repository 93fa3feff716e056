"""Real networks, as their authors publish them: what each costs, and whether its shader is the network.

    python bench/networks.py FOLDER --read               # read all of them, and count their multiply-adds
    python bench/networks.py FOLDER [NAME...]            # verify
    python bench/networks.py FOLDER [NAME...] --cost     # static milliseconds for 1920x1080, with the GPUs' compilers

FOLDER has the files of `NETWORKS`, which are not part of the project: a folder for each source, named after it with `+`
for `/`, and in it the file where the source has it (`git clone https://github.com/OWNER/NAME OWNER+NAME`, or an
unpacked wheel). Compute passes are verified on this machine's OpenGL with weights in textures, which compile soonest,
at a small size with both storage formats. What is found goes to bench/results/networks.json, of which
`scripts/figures.py` makes the table of docs/models.md; a network that is there already is left out, with --cost a GPU.
Exit code 1 when one failed. The cost is that of the files for each class of GPUs (`build --for`), once for networks
that differ in weights alone, and of their layers of one shape the first stands for all; docs/cost.md tells how to get
the compilers, SHADERGEN_VULKAN_ROOT names where they are.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.published import NETWORKS, Network
from shadergen import api
from shadergen.cli.base import load_model
from shadergen.cost import gpus
from shadergen.cost.drivers import roots_of_environment
from shadergen.cost.report import Entry, FileReport, Prepared, on_gpu, prepare
from shadergen.errors import ShadergenError
from shadergen.files import write_whole
from shadergen.ir.graph import Graph
from shadergen.judge.verification import Check
from shadergen.judge.verify import verify
from shadergen.passes.compose import macs
from shadergen.target import DEVICES, Device, Target

RESULTS = Path(__file__).parent / "results" / "networks.json"
SIZE = (33, 21)
TARGET = Target("compute", weights="texture", without=frozenset({"block"}))
"""What is verified: the files that compile soonest, a third of the time of those with several pixels per invocation."""
FRAME = (1920, 1080)
GPUS: dict[str, Device] = {
    "rx7900xtx": "amd-rdna3",
    "rx6900xt": "amd-rdna2",
    "rx9070xt": "amd-rdna3",
    "rtx3080": "nvidia",
    "a770": "intel",
}
"""One of each class of GPUs that the compiler tells apart, and what it is called there."""
Judged = dict[str, float | str]
"""Static milliseconds by GPU, or why there are none."""


def main() -> None:
    """Verify and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="Only those whose name has one of these in it.")
    parser.add_argument("--cost", action="store_true", help="Not verify, but judge by the GPUs' compilers.")
    parser.add_argument("--read", action="store_true", help="Not verify, but read.")
    arguments = parser.parse_intermixed_args()
    field = "milliseconds" if arguments.cost else "macs" if arguments.read else "status"
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    failed = False
    known: dict[str, Judged] = {}
    for network in NETWORKS:
        found = results.get(network.name, {})
        named = not arguments.names or any(name in network.name for name in arguments.names)
        if not named or (set(GPUS) <= set(found.get(field, {})) if arguments.cost else field in found):
            continue
        if arguments.read:
            graph = load_model(network.path(arguments.folder), **network.load_options())
            found |= {"plane": graph.plane, "macs": float(macs(graph))}
        elif arguments.cost:
            found |= {field: judged(network, arguments.folder, known, found.get(field, {}))}
            print(f"{network.name}: {found[field]}", flush=True)
        else:
            found |= verified(network, arguments.folder)
            print(f"{found['status']:<8} {network.name}: {found.get('reason') or found['checks']}", flush=True)
            failed |= found["status"] != "passed"
        results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        results[network.name] = results.get(network.name, {}) | found
        write_whole(RESULTS, (json.dumps(results, indent=1) + "\n").encode())
    sys.exit(failed)


def judged(network: Network, folder: Path, known: dict[str, Judged], before: Judged) -> Judged:
    """By GPU, what `before` has and the rest; `known` has those of networks by what is equal but for the weights."""
    graph = load_model(network.path(folder), **network.load_options())
    costs = known.setdefault(structure(graph), {})
    files: dict[str, tuple[Prepared, ...]] = {}
    for name, device in GPUS.items():
        if name in before:
            costs.setdefault(name, before[name])
        if name not in costs:
            text = api.compile(graph, DEVICES[device])
            if text not in files:  # most GPUs have the same
                files[text] = prepare([Entry(graph.name, text)], FRAME, once=True)
            costs[name] = cost(name, files[text])
    return costs


def cost(name: str, files: tuple[Prepared, ...]) -> float | str:
    """Static milliseconds, or why there are none."""
    gpu = gpus.find(name)
    assert gpu is not None, f"{name} is one of the GPUs that `shadergen cost --gpu list` prints"
    report = on_gpu(files, gpu, roots_of_environment())
    file = report.files[0] if report.files else FileReport(name, problem=report.problem)
    if file.milliseconds is not None:
        return round(file.milliseconds, 3)
    return file.problem or next(f"{item.desc}: {item.problem}" for item in file.passes if item.cost is None)


def structure(graph: Graph) -> str:
    """A graph as text, without its weights."""
    parts = []
    for node in graph.nodes:
        fields = {key: getattr(value, "shape", value) for key, value in vars(node.op).items()}
        parts.append(f"{type(node.op).__name__}{fields}{node.inputs}")
    return "\n".join(parts)


def verified(network: Network, folder: Path) -> dict[str, Any]:
    """What a network costs, and how far its shader is from it."""
    started = time.perf_counter()
    try:
        graph = load_model(network.path(folder), **network.load_options())
        result = verify(graph, TARGET, runner="gl", sizes=[SIZE])
    except ShadergenError as error:
        return {"status": "failed", "reason": str(error)}
    return {
        "status": result.status,
        "reason": result.reason,
        "device": result.device,
        "plane": graph.plane,
        "macs": float(macs(graph)),
        "checks": {check.storage: _numbers(check) for check in result.checks},
        "seconds": round(time.perf_counter() - started, 1),
    }


def _numbers(check: Check) -> dict[str, float]:
    """The differences of a check, and what they may be."""
    found, bound = check.comparison, check.bound
    return {"max": found.max_abs, "mean": found.mean_abs, "max_bound": bound.max_abs, "mean_bound": bound.mean_abs}


if __name__ == "__main__":
    main()
