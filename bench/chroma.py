"""What chroma shaders make of pictures, ours and others', picture by picture: PSNR of Cb and Cr, in dB.

    python bench/chroma.py --data FOLDER... [--model FILE.npz]... [OTHER.glsl...]

Each picture is subsampled to 4:2:0 at both sitings and rounded to 8 bits, as `shadergen score` does it; models are
computed by the reference, hook files (CfL_Prediction.glsl, ArtCNN's chroma shaders) run on this machine's OpenGL with
textures of 32 bits.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import moderngl
import numpy as np

from shadergen.hookfile import parse
from shadergen.judge.cases import CONDITIONS, Array, Case, cases, pictures_of, within_border
from shadergen.judge.score import baseline, enlarge
from shadergen.judge.similarity import psnr
from shadergen.runtime.colour import SITINGS
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.sources import load

Method = Callable[[Case], Array]
"""From a case to Cb and Cr, (2, height, width) in 0..1."""


def main() -> None:
    """Print a table for each folder and siting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("others", nargs="*", type=Path, metavar="OTHER.glsl")
    parser.add_argument("--model", action="append", default=[], type=Path)
    parser.add_argument("--data", action="append", required=True, type=Path, metavar="FOLDER")
    options = parser.parse_args()
    methods: dict[str, Method] = {"bilinear": lambda case: baseline("bilinear", case, "chroma")}
    methods |= {path.stem: _model(path) for path in options.model}
    context = open_context()
    methods |= {path.stem: _hooks(path, context) for path in options.others}
    for folder in options.data:
        found: dict[str, dict[str, list[float]]] = {condition: {} for condition in CONDITIONS["chroma"]}
        for picture in pictures_of([folder]):
            for case in cases(picture, "chroma", CONDITIONS["chroma"]):
                truth = within_border(case.truth)
                found[case.condition][case.image] = [
                    psnr(within_border(method(case)), truth) for method in methods.values()
                ]
        for condition, rows in found.items():
            print(table(f"{folder.name}, {condition}", list(methods), rows))


def _model(path: Path) -> Method:
    graph = load(path)
    return lambda case: enlarge(graph, case)


def _hooks(path: Path, context: moderngl.Context) -> Method:
    file = parse(path.read_text("utf-8"), str(path))
    runner = Runner(context, file, storage="rgba32f", where=str(path))
    # ArtCNN's double CHROMA, and compute Cb and Cr in NATIVE, beside Y.
    stage, planes = ("NATIVE", slice(1, 3)) if "NATIVE" in file.passes[-1].hooks else ("CHROMA", slice(0, 2))

    def run(case: Case) -> Array:
        height, width = case.truth.shape[1:]
        siting = SITINGS["left" if case.condition == "left" else "center"]
        frame = Frame({"LUMA": case.source[:1], "CHROMA": case.held}, siting=siting, full_range=True)
        result = runner.run(frame, (width, height), stop_after=stage)
        assert any(step.ran for step in result.passes), f"{path}: all passes stayed off"
        return np.clip(result.planes[stage][planes], 0, 1)

    return run


def table(title: str, methods: Sequence[str], rows: Mapping[str, Sequence[float]]) -> str:
    """In Markdown, with the means below."""
    lines = [[title, *methods], ["---"] * (len(methods) + 1)]
    lines += [[name, *(f"{value:.2f}" for value in values)] for name, values in rows.items()]
    lines.append(["mean", *(f"{mean:.2f}" for mean in np.mean(list(rows.values()), axis=0))])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


if __name__ == "__main__":
    main()
