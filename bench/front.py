"""Quality against static milliseconds, ours and others': the charts docs/front_*.svg and the table beside them.

    python bench/front.py [--models FOLDER --data FOLDER...] [--costs JSON...]

Ours are those of weights/ with the scores in their records and the estimates of bench/results/costs.json, which has
ArtCNN's as well. --models measures networks that were lifted from others' shaders (`shadergen lift`), each under its
file's name, after a 2x box downscale; --costs takes what `shadergen cost --json` printed of these shaders, whose names
are the networks'. Both are kept in bench/results/front.json: numbers, and no text of others. Then
`python scripts/figures.py` draws.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shadergen.cost import gpus, saved
from shadergen.files import write_whole
from shadergen.judge import front
from shadergen.judge.cases import pictures_of
from shadergen.judge.front import Panel, Point
from shadergen.judge.score import score
from shadergen.measure.drawing import svg
from shadergen.sources import load

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "bench" / "results" / "front.json"
COSTS = ROOT / "bench" / "results" / "costs.json"
GPUS = ("rx7900xtx", "rx6900xt", "rtx3080")
OURS = {name: f"{name}_NEXT" for name in ("C2F12", "C3F12", "C4F16", "C4F32", "C8F32")}
ARTCNN = {"ArtCNN's C4F16": "ArtCNN_C4F16", "ArtCNN's C4F32": "ArtCNN_C4F32"}
"""Methods as the pages' scores name them, and their files as the costs do."""


def main(arguments: Sequence[str]) -> int:
    """Measure what is named, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--data", type=Path, action="append", default=[])
    parser.add_argument("--costs", type=Path, nargs="*", default=[])
    options = parser.parse_args(arguments)
    known: dict[str, Any] = json.loads(RESULT.read_text("utf-8")) if RESULT.exists() else {"psnr": {}, "ms": {}}
    for path in options.costs:
        for name in (gpu["name"] for gpu in json.loads(path.read_text("utf-8"))["gpus"]):
            gpu = gpus.find(name)
            assert gpu is not None
            times = saved.milliseconds(path, gpu)
            known["ms"].setdefault(gpu.name, {}).update({Path(key).stem: round(ms, 4) for key, ms in times.items()})
            _keep(known)
    for model in sorted(options.models.glob("*.npz")) if options.models else ():
        for folder in options.data:
            if f"{folder.name}, box" not in known["psnr"].setdefault(model.stem, {}):
                known["psnr"][model.stem][f"{folder.name}, box"] = _mean(model, folder)
                _keep(known)
    return 0


def _keep(known: Mapping[str, Any]) -> None:
    write_whole(RESULT, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def _mean(model: Path, folder: Path) -> float:
    """The mean over a folder's pictures, as `shadergen score --condition box` has it."""
    report = score({model.stem: load(model)}, pictures_of([folder]), ["box"])
    (mean,) = (mean.psnr for mean in report.means() if mean.method == model.stem)
    print(f"{model.stem}, {folder.name}: {mean:.3f}", flush=True)
    return round(mean, 3)


def panels(gpu: str, scores: Mapping[str, Mapping[str, float]], sets: Mapping[str, str]) -> list[Panel]:
    """A panel for each set of pictures, named as in `sets` by its folder, with the files whose time on a GPU is known.

    `scores` has the dB of our models and ArtCNN's by `folder, condition`.
    """
    known = json.loads(RESULT.read_text("utf-8"))
    files = json.loads(COSTS.read_text("utf-8"))["gpus"][gpu]["files"]
    times = {name: files[file]["ms"] for name, file in {**OURS, **ARTCNN}.items()}
    times |= {name: time for name, time in known["ms"][gpu].items() if name in known["psnr"]}
    levels = {**known["psnr"], **{name: scores[name] for name in (*OURS, *ARTCNN)}}
    return [
        Panel(title, tuple(Point(_title(name), time, levels[name][f"{folder}, box"]) for name, time in times.items()))
        for title, folder in sets.items()
    ]


def chart(gpu_name: str, scores: Mapping[str, Mapping[str, float]], sets: Mapping[str, str]) -> bytes:
    """The chart for a GPU as SVG."""
    gpu = gpus.find(gpu_name)
    assert gpu is not None
    title = f"Quality against the estimated time of a frame of 1080p, {gpu.title}"
    shapes, size = front.chart(panels(gpu_name, scores, sets), title)
    return svg(shapes, *size)


def rows(scores: Mapping[str, Mapping[str, float]], sets: Mapping[str, str]) -> Iterator[str]:
    """The lines of the table: for each file the dB of each set, and its milliseconds on each GPU, in bold type where it
    is on the front of that GPU for every set."""
    found = {gpu: panels(gpu, scores, sets) for gpu in GPUS}
    first = found[GPUS[0]]
    for point in sorted(first[0].points, key=lambda point: point.milliseconds):
        levels = (next(other.psnr for other in panel.points if other.model == point.model) for panel in first)
        times = (_time(point.model, panels) for panels in found.values())
        yield f"| {point.model} | {' | '.join(f'{level:.2f}' for level in levels)} | {' | '.join(times)} |"


def _time(model: str, found: Sequence[Panel]) -> str:
    """Its milliseconds on a GPU; empty where they are not known."""
    time = next((point.milliseconds for point in found[0].points if point.model == model), None)
    if time is None:
        return ""
    best = all(model in {point.model for point in panel.front} for panel in found)
    return f"**{time:.2f}**" if best else f"{time:.2f}"


def _title(name: str) -> str:
    """What a point is called: ours as they are, others with spaces."""
    return name.replace("_", " ").replace("ArtCNN's", "ArtCNN") if name not in OURS else f"{name} (ours)"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
