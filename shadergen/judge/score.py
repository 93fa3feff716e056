"""How close a network comes to pictures that were made small: PSNR and SSIM of BT.709 luma, or of chroma.

The convention, under which every figure of the project is measured: luma in floats from the 8-bit picture, an odd last
row or column left out, halved by a box or by Pillow's bicubic, rounded to 8 bits, enlarged, clipped to 0..1, compared
without a border of 4 pixels. The pictures' mean is the mean of their dB. Chroma: Cb and Cr subsampled to 4:2:0 at a
siting, rounded to 8 bits, brought back, compared alike. A codec (`h264-23`, see codec.py): halved by a box, encoded in
limited range, enlarged as a player does it in that range, and brought to full range before it is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from shadergen.errors import ShadergenError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Plane, require_plane, verify
from shadergen.ir.smallest import check_size
from shadergen.judge.cases import CONDITIONS, Array, Case, Picture, cases, luma, resized, within_border
from shadergen.judge.similarity import psnr, ssim
from shadergen.runtime import colour

BASELINES: Mapping[Plane, tuple[str, ...]] = {
    "luma": ("bicubic", "lanczos"),
    "rgb": ("bicubic", "lanczos"),
    "chroma": ("bilinear", "lanczos"),
}
"""The filters that a model is held against, by plane: what players offer without any shader."""


@dataclass(frozen=True)
class Score:
    """How close one method came to the truth in one case."""

    folder: str
    image: str
    condition: str
    method: str
    psnr: float
    """In dB for a peak of 1; inf where nothing differs."""
    ssim: float
    """Structural similarity, at most 1; NaN for pictures of less than 7 pixels a side."""


@dataclass(frozen=True)
class Scores:
    """All scores, and their means."""

    scores: tuple[Score, ...]

    def means(self) -> list[Score]:
        """The mean of each folder's pictures by condition and method, in their order; its `image` is empty."""
        groups: dict[tuple[str, str, str], list[Score]] = {}
        for score in self.scores:
            groups.setdefault((score.folder, score.condition, score.method), []).append(score)
        return [
            Score(
                *(folder, "", condition, method),
                float(np.mean([score.psnr for score in group])),
                float(np.mean([score.ssim for score in group])),
            )
            for (folder, condition, method), group in groups.items()
        ]

    def as_dict(self) -> dict[str, Any]:
        return {"images": [vars(score) for score in self.scores], "means": [vars(mean) for mean in self.means()]}


def score(
    models: Mapping[str, Graph],
    pictures: Iterable[Picture],
    conditions: Sequence[str] = (),
    on_case: Callable[[Case, Mapping[str, Array]], None] = lambda case, results: None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Scores:
    """Score models of one plane, by name, on every picture, the usual filters first.

    `conditions` are those of the plane, or settings of codecs (luma only); by default, all of the plane.
    `on_case` gets the pictures that each method made. Raises ShadergenError for models that cannot be compared,
    and what reading the pictures raises.
    """
    plane = common_plane(models)
    found: list[Score] = []
    for picture in pictures:
        for case in cases(picture, plane, conditions or CONDITIONS[plane]):
            results: dict[str, Array] = {}
            for method in (*BASELINES[plane], *models):
                on_progress(f"{case.image}, {case.condition}: {method}")
                graph = models.get(method)
                results[method] = enlarge(graph, case) if graph else baseline(method, case, plane)
                found.append(_score(method, case, results[method], plane))
            on_case(case, results)
    return Scores(tuple(found))


def scored(graph: Graph, pictures: Iterable[Picture]) -> Graph:
    """The graph whose record has its means on these pictures beside the scores that it has."""
    means = [mean for mean in score({"model": graph}, pictures).means() if mean.method == "model"]
    scores = {f"{mean.folder}, {mean.condition}, dB": round(mean.psnr, 3) for mean in means}
    return replace(graph, record=replace(graph.record, scores={**graph.record.scores, **scores}))


def _score(method: str, case: Case, result: Array, plane: Plane) -> Score:
    found, truth = (result, case.truth) if plane != "rgb" else (luma(result)[None], luma(case.truth)[None])
    found, truth = within_border(found), within_border(truth)
    similar = float(np.mean([ssim(a, b) for a, b in zip(found, truth, strict=True)]))
    return Score(case.folder, case.image, case.condition, method, psnr(found, truth), similar)


def common_plane(models: Mapping[str, Graph]) -> Plane:
    """What all models are for. Raises ShadergenError where that differs, or one cannot be scored."""
    planes = {graph.plane for graph in models.values()}
    if len(planes) != 1:
        raise ShadergenError("score", f"found models for {' and '.join(sorted(planes))}, expected one plane")
    plane = planes.pop()
    for name, graph in models.items():
        require_plane(graph, *BASELINES)
        if name in BASELINES[plane]:
            raise ShadergenError(graph.name, "found that name, which is the filter's, expected another", "rename it")
        factor = verify(graph)[graph.output].height.scale
        if factor != (1 if plane == "chroma" else 2):
            raise ShadergenError(graph.name, f"found a model that enlarges {factor} times, expected 2")
    return plane


# ---------------------------------------------------------------------------------------------------------------------
# Making pictures large again


def baseline(method: str, case: Case, plane: Plane) -> Array:
    """What a player's own filter makes of the case: (channels, height, width) in 0..1 of full range."""
    height, width = case.truth.shape[1:]
    if plane != "chroma":
        result = resized(case.source, (width, height), method)
    elif method == "bilinear":
        result = case.source[1:]
    else:
        # A sample at the left lies a quarter of its width beside the middle of the luma it covers. Pillow reads no
        # further than the edge, so two columns of it are added.
        shift = 2 - colour.SITINGS["left" if case.condition == "left" else "center"][0] / 2
        padded = np.pad(case.held, ((0, 0), (0, 0), (2, 2)), mode="edge")
        box = (shift, 0, shift + width / 2, height / 2)
        result = resized(padded, (width, height), method, box)
    return _full_range(result, case)


def enlarge(graph: Graph, case: Case) -> Array:
    """What the network makes of the case: (channels, height, width) in 0..1 of full range. Raises ShadergenError for a
    case that is too small for it."""
    height, width = case.source.shape[1:]
    check_size(graph.name, verify(graph), (width, height))
    return _full_range(reference.evaluate(graph, case.source)[graph.output], case)


def _full_range(result: Array, case: Case) -> Array:
    black, white = case.levels
    return np.asarray(np.clip((result - black) / (white - black), 0, 1), np.float32)
