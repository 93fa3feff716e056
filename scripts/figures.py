"""Writes the tables of figures in the pages, each between `<!-- figures: NAME -->` and `<!-- end of figures -->`, and
the charts docs/front_*.svg.

    python scripts/figures.py [--check]

Nothing here measures: multiply-adds, passes and video memory are what the compiler plans for weights/, sizes those of
shaders/, scores and steps those in the weights' records, times and differences those that other commands measured and
bench/results and docs/verification.md keep. With --check nothing is written, and the exit code is 1 where a table or
chart is not what it should be.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import front
from bench.lifted import RATIOS, family_rows, file_rows
from bench.published import NETWORKS, Network
from bench.systems import network_rows
from bench.tensor import THREE, model_rows, title
from shadergen import compiler, sources
from shadergen.ir.graph import Graph
from shadergen.judge.rounding import FACTOR
from shadergen.passes.compose import macs
from shadergen.runtime.compare import RGBA32F
from shadergen.schedule.hookpass import Schedule
from shadergen.target import Target

ROOT = Path(__file__).resolve().parent.parent
PAGES = (
    "README.md",
    "docs/lift.md",
    "docs/models.md",
    "docs/players.md",
    "docs/speed.md",
    "docs/tensor.md",
    "docs/training.md",
    "docs/verification.md",
    "weights/README.md",
)
NEUTRAL = tuple(front.OURS)
RESTORING = ("C3F12_DS", "C4F16_DS", "C4F32_DS", "C8F32_DS")
CHROMA = ("C4F16_Chroma", "C4F32_Chroma", "C8F32_Chroma")
MODELS = (*NEUTRAL, *RESTORING, *CHROMA)
COMPUTE, INSTANT = Target("compute"), Target("compute", weights="texture")
TEXEL = 8
"""Bytes of a stored texel: four 16-bit floats."""


@cache
def graph(model: str) -> Graph:
    """The network of weights/MODEL.npz."""
    return sources.load(ROOT / "weights" / f"{model}.npz")


@cache
def plan(model: str, target: Target) -> Schedule:
    """Its hook passes."""
    return compiler.plan(graph(model), target)


def work(model: str, target: Target) -> float:
    """Multiply-adds per pixel of the source (of chroma models, of the upscaled chroma), as the header says."""
    return float(plan(model, target).cost().macs)


def memory(model: str, target: Target, width: int, height: int, *, result: bool) -> float:
    """MiB of what a frame's passes store, with the last result or without."""
    schedule = plan(model, target)
    last = TEXEL * schedule.types[schedule.graph.output].pixels()
    return float(schedule.vram_bytes() - (0 if result else last)) * width * height / 2**20


# ---------------------------------------------------------------------------------------------------------------------
# Scores

SETS = {"Set5": "Set5", "line art": "eval_lineart", "photographs": "eval_natural"}
"""What the pages call the folders of evaluation pictures."""
CODECS = ("h264-23", "h264-26", "h264-30")
SITINGS = ("left", "center")


@cache
def scores() -> Mapping[str, Mapping[str, float]]:
    """PSNR in dB by method and `folder, condition`: ours from the records, others' from bench/results/scores.json."""
    others: dict[str, dict[str, float]] = json.loads((ROOT / "bench" / "results" / "scores.json").read_text("utf-8"))
    ours = {
        model: {name.removesuffix(", dB"): float(score) for name, score in graph(model).record.scores.items()}
        for model in MODELS
    }
    return ours | others


def rounded(value: float | Decimal, digits: int) -> str:
    """Half up, so that a difference of two rounded numbers is what a reader computes."""
    return str(Decimal(str(value)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def cell(method: str, folder: str, conditions: Iterable[str], digits: int) -> str:
    """A method's scores on a folder under each condition; empty where they are not known."""
    known = scores()[method]
    keys = [f"{folder}, {condition}" for condition in conditions]
    return ", ".join(f"{known[key]:.{digits}f}" for key in keys) if all(key in known for key in keys) else ""


def gain(method: str, other: str, folder: str, condition: str, digits: int) -> str:
    """By how many dB a method is better than another."""
    key = f"{folder}, {condition}"
    return rounded(Decimal(str(scores()[method][key])) - Decimal(str(scores()[other][key])), digits)


def spelled(method: str, own: Iterable[str] = MODELS) -> str:
    """A method's name in a table: in bold type what the table is about."""
    return f"**`{method}`**" if method in own else f"`{method}`" if method in MODELS else method


# ---------------------------------------------------------------------------------------------------------------------
# Tables


def models_table() -> list[str]:
    """README: what each model costs, and what it is worth."""
    head = (
        "| model | multiply-adds per pixel | VRAM at 1080p | better than Lanczos, dB (photographs of Set5 / line art) |"
    )
    rows = []
    for model in MODELS:
        where, condition = "", "box"
        if model.endswith("_DS"):
            where, condition = " behind H.264 at CRF 26", "h264-26"
        if model.endswith("_Chroma"):
            where, condition = " (CbCr)", "left"
        numbers = [Decimal(gain(model, "Lanczos", SETS[name], condition, 1)) for name in ("Set5", "line art")]
        gains = " / ".join(f"{number:+}" if number else f"{abs(number)}" for number in numbers)
        vram = f"{memory(model, COMPUTE, 1920, 1080, result=True):.0f} MiB"
        rows.append(f"| `{model}` | {work(model, COMPUTE):,.0f} | {vram} | {gains}{where} |")
    return [head, "|---|---|---|---|", *rows]


KINDS = {
    "Radeon RX 5000 and newer, GeForce RTX and GTX 16": ("_NEXT", ("rx7900xtx", "rtx3080")),
    "Intel Arc, Iris Xe": ("_INTEL", ("a770",)),
    "any other with Vulkan, Direct3D 11 or OpenGL 4.3": ("_CMP", ()),
    "macOS, phones, OpenGL 3.3": ("", ()),
}
"""What the README calls GPUs, with the suffix of their files and the GPUs that the estimates are for."""


def files_table() -> list[str]:
    """README: which file for which GPU and content, and what a frame of it takes."""
    rows = []
    for kind, (suffix, names) in KINDS.items():
        cells = [_file_cell(model, suffix, names) for model in ("C4F16", "C4F32", "C4F16_DS")]
        colours = f" and `C4F16_Chroma{suffix}`"
        rows.append(f"| {kind} | {cells[0]} | {cells[1]}{colours} | {cells[2]} |")
    return ["| your GPU | film | anime | streams and small files |", "|---|---|---|---|", *rows]


def _file_cell(model: str, suffix: str, gpus: Iterable[str]) -> str:
    """A file that ships, with its estimates for 1080p."""
    assert (ROOT / "shaders" / f"{model}{suffix}.glsl").exists()
    known = json.loads(COSTS.read_text("utf-8"))["gpus"]
    found = [known[gpu] for gpu in gpus if f"{model}{suffix}" in known[gpu]["files"]]
    times = [f"{gpu['title']}: {rounded(gpu['files'][f'{model}{suffix}']['ms'], 1)} ms" for gpu in found]
    return f"`{model}{suffix}`" + (f" ({', '.join(times)})" if times else "")


def bench_table() -> list[str]:
    """docs/speed.md: beside others' shaders. Times are those of bench/results, the rest of our rows what ships."""
    names = {
        "CuNNy_4x32_DS": "CuNNy 4x32",
        "CuNNy_4x16_DS": "CuNNy 4x16",
        "Anime4K_Upscale_CNN_x2_VL": "Anime4K VL",
        "FSRCNNX_x2_16_0_4_1": "FSRCNNX 16",
    }
    rows = []
    for record in ("llvmpipe-32", "llvmpipe-16"):
        report = json.loads((ROOT / "bench" / "results" / f"{record}.json").read_text("utf-8"))
        for file in report["files"]:
            stem = Path(file["name"]).stem
            count, vram, size = file["macs_per_pixel"], file["vram_bytes"] / 2**20, file["code_bytes"]
            shader = ROOT / "shaders" / file["name"]
            if shader.exists():
                target = INSTANT if stem.endswith("_INSTANT") else COMPUTE
                model = stem.removesuffix(target.suffix)
                count, vram = work(model, target), memory(model, target, *report["size"], result=False)
                size = shader.stat().st_size
            name = f"**`{stem}`**" if shader.exists() else names.get(stem, stem.replace("_", " "))
            frame = f"{file['seconds']['median'] * 1e3:.0f} | {file['ratio']:.2f}"
            cold = f"{file['compile_seconds']:.1f} | {file['compile_ratio']:.2f}"
            rows.append(f"| {name} | {frame} | {cold} | {count:,.0f} | {vram:.0f} | {size / 1000:.0f} |")
    head = "| shader | frame ms | ratio | compile s | ratio | multiply-adds per pixel | VRAM MiB | kB |"
    return [head, "|---|---|---|---|---|---|---|---|", *rows]


def verification_table() -> list[str]:
    """docs/verification.md: the worst of each model's rows."""
    worst: dict[str, dict[str, list[tuple[float, float | None]]]] = {}
    for name, way, cells in _verified():
        model = re.sub(r"(_CMP)?(_INSTANT|_FP16)?$", "", name)
        column = "fp16" if name.endswith("_FP16") else way.removesuffix(" FAILED")
        worst.setdefault(model, {}).setdefault(column, []).extend(cells)
    ways = ("gl, rgba32f", "gl, rgba16f", "libplacebo, rgba16f", "fp16")
    rows = []
    for model in sorted(worst, key=lambda model: (model.startswith("ArtCNN"), "F32" in model, "Chroma" in model)):
        found = [_worst(worst[model].get(way, [])) for way in ways]
        name = model.replace("ArtCNN_", "ArtCNN ") if model.startswith("ArtCNN") else f"`{model}`"
        rows.append(f"| {name} | {found[0].partition(' ')[0]} | {' | '.join(found[1:])} |")
    head = "| | 32-bit storage | 16-bit storage | the same in libplacebo | fp16 arithmetic in libplacebo |"
    narrow = f"{FACTOR} times what storage loses"
    bound = f"| bound | {round_number(RGBA32F.max_abs)} | {narrow} | the same | with what products lose |"
    return [head, "|---|---|---|---|---|", bound, *rows]


def _verified() -> list[tuple[str, str, list[tuple[float, float | None]]]]:
    """The rows of docs/verification.md: shader, runner and storage, and the largest and mean difference of each frame;
    the mean is None where a frame is so small (`_FEW` texels) that it is one sample of the driver's rounding."""
    rows = []
    frames: list[str] = []
    for line in (ROOT / "docs" / "verification.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "model":
            frames = cells[2:]
        elif len(cells) == len(frames) + 2 and "rgba" in cells[1]:
            pairs = [tuple(map(float, cell.split(" / "))) for cell in cells[2:]]
            # Results are twice as wide and high as these frames; chroma's are as large as luma, which is no less.
            sizes = [map(int, frame.split()[0].split("x")) for frame in frames]
            small = [4 * math.prod(size) < _FEW for size in sizes]
            rows.append((cells[0], cells[1], [(a, None if s else b) for (a, b), s in zip(pairs, small, strict=True)]))
    return rows


_FEW = 4096


def _worst(cells: list[tuple[float, float | None]]) -> str:
    if not cells:
        return "not built"
    largest, mean = max(cell[0] for cell in cells), max(cell[1] for cell in cells if cell[1] is not None)
    return f"{short(largest)} / {short(mean)}"


def short(number: float) -> str:
    """A small number as the pages have it: 7.2e-7."""
    return f"{number:.1e}".replace("e-0", "e-")


def round_number(number: float) -> str:
    """A bound as the pages have it: 5e-4."""
    return short(number).replace(".0e", "e")


def bounds_table() -> list[str]:
    """docs/verification.md: what `verify` takes for equal."""
    rows = [
        f"| rgba32f | {round_number(RGBA32F.max_abs)} anywhere, borders included | {round_number(RGBA32F.mean_abs)} |",
        f"| rgba16f | {FACTOR} times that of the passes in NumPy, plus a step of the format | {FACTOR} times that of "
        "the passes in NumPy, plus that step over the root of the number of values |",
        "| rgba16f, fp16 arithmetic | the same, with products that are off in NumPy, too | the same |",
    ]
    return ["| storage | largest difference | mean difference |", "|---|---|---|", *rows]


def frames_table() -> list[str]:
    """docs/players.md: the least time for a frame of 1080p, by a GPU's peak."""
    rows = []
    for model in (*NEUTRAL, "C4F16_Chroma"):
        flop = 2 * work(model, COMPUTE) * 1920 * 1080
        times = [flop / (tera * 1e12) * 1e3 for tera in (1, 4, 10, 40)]
        cells = " | ".join(f"{time:.0f} ms" if time >= 9.95 else f"{time:.1f} ms" for time in times)
        rows.append(f"| `{model}_CMP`: {flop / 1e9:.0f} | {cells} |")
    head = "| GFLOP a frame | 1 TFLOPS (small laptop GPU) | 4 TFLOPS | 10 TFLOPS | 40 TFLOPS (fast desktop GPU) |"
    return [head, "|---|---|---|---|---|", *rows]


COSTS = ROOT / "bench" / "results" / "costs.json"
"""What bench/costs.py found."""


def costs_table() -> list[str]:
    """docs/players.md: a frame of 1080p on GPUs of five classes, by their compilers; over ArtCNN's of that width."""
    gpus = json.loads(COSTS.read_text("utf-8"))["gpus"].values()
    times = [{name: file["ms"] for name, file in gpu["files"].items()} for gpu in gpus]
    rows = []
    for model in NEUTRAL:
        names = sorted({name for gpu in times for name in gpu if re.fullmatch(rf"{model}(_[A-Z0-9_]+)?", name)})
        ours = [name for name in names if not name.startswith(f"{model}_DS")]
        reference = f"ArtCNN_{model}"
        for name in (reference, *ours) if any(reference in gpu for gpu in times) else ours:
            cells = " | ".join(_cost_cell(gpu, name, reference, ours) for gpu in times)
            rows.append(f"| {f'`{name}`' if name in ours else f'ArtCNN {model}'} | {cells} |")
    head = " | ".join(gpu["title"] for gpu in gpus)
    return [f"| ms a frame, and over ArtCNN's | {head} |", "|---|" + "---|" * len(times), *rows]


def _cost_cell(times: Mapping[str, float], name: str, reference: str, ours: Iterable[str]) -> str:
    """A file's time on a GPU, in bold type where none of ours is faster; empty where it is not known."""
    if name not in times:
        return ""
    ratio = f" ({rounded(times[name] / times[reference], 2)})" if reference in times and name != reference else ""
    best = name in ours and times[name] == min(times[other] for other in ours if other in times)
    text = rounded(times[name], 2 if times[name] < 10 else 1)
    return f"**{text}**{ratio}" if best else f"{text}{ratio}"


def networks_table() -> list[str]:
    """docs/models.md: what published networks cost."""
    return ["| network | multiply-adds per pixel | TFLOPS |", "|---|---|---|", *network_rows()]


LIFTED = ROOT / "bench" / "results" / "lifted.json"


def families_table() -> list[str]:
    """docs/lift.md: others' networks by family."""
    head = f"| family | files judged | proven | worst | s | MiB | {' | '.join(RATIOS)} |"
    return [head, "|---" * 9 + "|", *family_rows(json.loads(LIFTED.read_text("utf-8")))]


def lifted_table() -> list[str]:
    """docs/lift.md: others' networks, built anew."""
    head = f"| file | {' | '.join(RATIOS)} |"
    return [head, "|---" * 4 + "|", *file_rows(json.loads(LIFTED.read_text("utf-8")))]


PUBLISHED = ROOT / "bench" / "results" / "networks.json"
FIVE = {"rx7900xtx": "7900 XTX", "rx6900xt": "6900 XT", "rx9070xt": "9070 XT", "rtx3080": "RTX 3080", "a770": "A770"}
"""The GPUs of the table of published networks, and what it calls them."""


def published_table() -> list[str]:
    """docs/models.md: networks as their authors publish them."""
    results = json.loads(PUBLISHED.read_text("utf-8"))
    gpus = [name for name in FIVE if any(name in found.get("milliseconds", {}) for found in results.values())]
    titles = " | ".join(FIVE[name] for name in gpus)
    head = f"| network | source | options | multiply-adds | 32 bits | 16 bits (bound) | {titles} |"
    rows = [_published(network, results.get(network.name, {}), gpus) for network in NETWORKS]
    return [head, "|---" * (6 + len(gpus)) + "|", *rows]


def _published(network: Network, found: Mapping[str, Any], gpus: Iterable[str]) -> str:
    assert found.get("status", "passed") == "passed", f"{network.name} did not pass, which the page says of all"
    wide, half = (found.get("checks", {}).get(storage) for storage in ("rgba32f", "rgba16f"))
    costs = [_cost(found.get("milliseconds", {}).get(gpu)) for gpu in gpus]
    cells = [
        network.name,
        f"{network.source}, {Path(network.file).suffix}",
        f"`{network.options}`" if network.options else "",
        f"{found['macs']:,.0f}" if "macs" in found else "",
        f"{wide['max']:.1e}" if wide else "",
        f"{half['max']:.1e} ({half['max_bound']:.1e})" if half else "",
        *costs,
    ]
    return f"| {' | '.join(cells)} |"


def _cost(found: float | str | None) -> str:
    """Milliseconds; a dash for a GPU whose compiler gives none, and nothing for one that was not asked."""
    return ("—" if isinstance(found, str) else rounded(found, 1)) if found is not None else ""


TENSOR = ROOT / "bench" / "results" / "tensor.json"
"""What bench/tensor.py found."""


def tensor_models_table() -> list[str]:
    """docs/tensor.md: whole models with tensor cores and without."""
    columns = [f"{title(gpu)}: {kind}" for gpu in THREE for kind in ("plain", "tensor")]
    head = f"| model | picture | {' | '.join(columns)} |"
    return [head, "|---" * (2 + len(columns)) + "|", *model_rows(json.loads(TENSOR.read_text("utf-8")))]


def weights_table() -> list[str]:
    """weights/README.md: where the weights come from."""
    rows = []
    for model in MODELS:
        record = graph(model).record
        purpose = "luma, 2x, for compressed video" if model.endswith("_DS") else "luma, 2x, neutral"
        if model.endswith("_Chroma"):
            purpose = "chroma of 4:2:0 to luma's size"
        runs = list(_runs(record.training))
        trained = f"{sum(steps for steps, _ in runs):,} steps"
        compressed = sum(steps for steps, degradation in runs if degradation == "ds")
        trained += f", the last {compressed:,} for compressed video" if compressed else ""
        count = f"{float(macs(graph(model))):,.0f}".replace(",", " ")
        rows.append(f"| `{model}.npz` | {purpose} | {count} | {record.licence} | {trained} |")
    return ["| file | plane | multiply-adds per pixel | licence | trained |", "|---|---|---|---|---|", *rows]


def _runs(training: Mapping[str, Any]) -> Iterable[tuple[int, str]]:
    """Steps and degradation of every run that made the weights, the last first."""
    while training:
        yield training.get("steps") or training["iterations"], training.get("options", training)["degradation"]
        training = training.get("from", {}).get("training", {})


def neutral_table() -> list[str]:
    """weights/README.md: luma after a box."""
    methods = ("bicubic", "Lanczos", "C2F12", "C3F12", "C4F16", "ArtCNN's C4F16", "C4F32", "ArtCNN's C4F32", "C8F32")
    rows = [
        f"| {spelled(method)} | " + " | ".join(cell(method, folder, ["box"], 3) for folder in SETS.values()) + " |"
        for method in methods
    ]
    return ["| | Set5 | line art (12 pictures) | photographs (6) |", "|---|---|---|---|", *rows]


def compressed_table() -> list[str]:
    """weights/README.md: luma behind H.264."""
    rows = []
    small, middle = ("C3F12", "C3F12_DS"), ("ArtCNN's C4F16_DS", "C4F16", "C4F16_DS")
    large = ("ArtCNN's C4F32_DS", "C4F32", "C4F32_DS", "C8F32", "C8F32_DS")
    for method in ("Lanczos", *small, *middle, *large):
        clean = [cell(method, folder, ["box"], 2) for folder in SETS.values()]
        cells = [cell(method, folder, CODECS, 2) for folder in SETS.values()] + [", ".join(filter(None, clean))]
        name = spelled(method, RESTORING)
        rows.append(" ".join(["|", name, *(f"| {cell}" for cell in cells if cell), "|" if cells[-1] else "| |"]))
    return ["| | Set5 | line art | photographs | the same, clean |", "|---|---|---|---|---|", *rows]


def chroma_table() -> list[str]:
    """weights/README.md: chroma."""
    names = ("line art", "Set5", "photographs")
    rows = [
        f"| {spelled(method)} | " + " | ".join(cell(method, SETS[name], SITINGS, 2) for name in names) + " |"
        for method in ("bilinear", "Lanczos", *CHROMA)
    ]
    return ["| | line art | Set5 | photographs |", "|---|---|---|---|", *rows]


def gains_table() -> list[str]:
    """docs/training.md: the models for compressed video against the neutral ones."""
    rows = []
    for model in (name.removesuffix("_DS") for name in RESTORING):
        gains = [[gain(f"{model}_DS", model, folder, codec, 2) for codec in CODECS] for folder in SETS.values()]
        mean = sum(Decimal(number) for numbers in gains for number in numbers) / (len(SETS) * len(CODECS))
        cells = " | ".join(", ".join(numbers) for numbers in gains)
        rows.append(f"| `{model}_DS` | {cells} | {rounded(mean, 2)} |")
    return ["| | Set5 | line art | photographs | mean |", "|---|---|---|---|---|", *rows]


def cases_table() -> list[str]:
    """docs/training.md: the named cases, a row for each model."""
    known: dict[str, dict[str, float]] = json.loads((ROOT / "bench" / "results" / "cases.json").read_text("utf-8"))
    names = list(next(iter(known.values())))
    rows = [
        f"| {spelled(method)} | {' | '.join(f'{levels[name]:.2f}' for name in names)} |"
        for method, levels in known.items()
    ]
    return [
        f"| dB, box | {' | '.join(name.replace('-', ' ') for name in names)} |",
        "|---" * (len(names) + 1) + "|",
        *rows,
    ]


def front_table() -> list[str]:
    """docs/training.md: what models are worth, and what they cost."""
    known = json.loads(COSTS.read_text("utf-8"))["gpus"]
    head = " | ".join([*(f"{name}, dB" for name in SETS), *(f"{known[gpu]['title']}, ms" for gpu in front.GPUS)])
    return [f"| box | {head} |", "|---" * (1 + len(SETS) + len(front.GPUS)) + "|", *front.rows(scores(), SETS)]


TABLES: dict[str, Callable[[], list[str]]] = {
    "models": models_table,
    "files": files_table,
    "bench": bench_table,
    "verification": verification_table,
    "bounds": bounds_table,
    "frames": frames_table,
    "costs": costs_table,
    "networks": networks_table,
    "published": published_table,
    "families": families_table,
    "lifted": lifted_table,
    "tensor_models": tensor_models_table,
    "weights": weights_table,
    "scores": neutral_table,
    "compressed": compressed_table,
    "chroma": chroma_table,
    "gains": gains_table,
    "front": front_table,
    "cases": cases_table,
}


def charts() -> dict[str, bytes]:
    """The drawings within docs/ and what they should be."""
    return {f"docs/front_{gpu}.svg": front.chart(gpu, scores(), SETS) for gpu in front.GPUS}


# ---------------------------------------------------------------------------------------------------------------------
# Pages

_MARKED = re.compile(r"<!-- figures: (\w+) -->\n.*?<!-- end of figures -->", re.S)


def filled(page: str) -> str:
    """The text of a page with every table as it should be."""

    def table(match: re.Match[str]) -> str:
        lines = TABLES[match[1]]()
        return "\n".join([f"<!-- figures: {match[1]} -->", *lines, "<!-- end of figures -->"])

    return _MARKED.sub(table, page)


def main(arguments: list[str]) -> int:
    """Write the pages that are not as they should be, or name them."""
    stale = []
    for name in PAGES:
        path = ROOT / name
        text = path.read_text("utf-8")
        if filled(text) != text:
            stale.append(name)
            if "--check" not in arguments:
                path.write_text(filled(text), "utf-8")
    for name, data in charts().items():
        path = ROOT / name
        if not path.exists() or path.read_bytes() != data:
            stale.append(name)
            if "--check" not in arguments:
                path.write_bytes(data)
    for name in stale:
        print(name)
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
