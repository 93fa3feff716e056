"""Web video: pictures made small, blurred or sharpened a little, and run through real encoders before training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor

from shadergen.judge.codec import Levels, Setting, jpeg, record
from shadergen.runtime.colour import SITINGS, chroma_420
from shadergen.train import degrade
from shadergen.train.data import Pictures
from shadergen.train.options import Options

SETTINGS = tuple(
    Setting.parse(text)
    for text in (
        *("h264-18", "h264-21", "h264-24", "h264-27", "h264-30", "h264-33"),
        *("h265-22", "h265-26", "h265-30", "h265-10bit-24", "h265-10bit-28"),
        *("vp9-30", "vp9-36", "vp9-42"),
    )
)
CANVAS = (384, 512)
"""Largest height and width of a video; larger pictures are cut, smaller ones padded."""
VARIANTS = 3
"""Times each picture is recorded."""
EDGE = 8
"""Pixels at a recording's edges that are not used: the pan brought repeated ones in."""


@dataclass(frozen=True)
class Recording:
    """A part of a picture and what a video made of it."""

    name: str
    low: Levels
    """Luma (h, w) of the video, limited range."""
    high: npt.NDArray[np.uint8]
    """RGB (2 h, 2 w, 3)."""
    bits: int


def recordings(
    pictures: Pictures, options: Options, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Recording]:
    """Every picture through VARIANTS settings and one JPEG. Raises ShadergenError where ffmpeg does not do it."""
    sizes = [picture.shape for picture in pictures.pixels]
    canvas = [min(most, max(size[axis] for size in sizes) // 4 * 2) for axis, most in enumerate(CANVAS)]
    found: list[Recording] = []
    total = len(SETTINGS) + 1
    for number, setting in enumerate(SETTINGS):
        on_progress(number, total)
        chosen = [i for i in range(len(pictures.names)) if (number - i * VARIANTS) % len(SETTINGS) < VARIANTS]
        rng = np.random.default_rng([options.seed, number])
        scenes = [_scene(pictures, i, canvas, options, rng, setting.bits) for i in chosen]
        if not scenes:
            continue
        coded = record([scene.planes for scene in scenes], setting, seed=number)
        found += [scene.recording(planes[0], setting.bits) for scene, planes in zip(scenes, coded, strict=True)]
    on_progress(total - 1, total)
    rng = np.random.default_rng([options.seed, len(SETTINGS)])
    for i in range(len(pictures.names)):
        scene = _scene(pictures, i, canvas, options, rng, 8)
        found.append(scene.recording(jpeg(scene.planes[0], int(rng.integers(50, 95))), 8))
    on_progress(total, total)
    return found


@dataclass(frozen=True)
class _Scene:
    name: str
    planes: list[Levels]
    high: npt.NDArray[np.uint8]

    def recording(self, low: Levels, bits: int) -> Recording:
        height, width = (extent // 2 for extent in self.high.shape[:2])
        return Recording(self.name, np.ascontiguousarray(low[:height, :width]), self.high, bits)


def _scene(
    pictures: Pictures, index: int, canvas: Sequence[int], options: Options, rng: np.random.Generator, bits: int
) -> _Scene:
    """A part of the picture, made small, with the planes that an encoder gets."""
    picture = pictures.pixels[index]
    height, width = (min(2 * most, extent // 2 * 2) for most, extent in zip(canvas, picture.shape[:2], strict=True))
    y, x = (
        int(rng.integers(extent - size + 1)) for extent, size in zip(picture.shape[:2], (height, width), strict=True)
    )
    high = picture[y : y + height, x : x + width]
    rgb = torch.from_numpy(high.astype(np.float32)).permute(2, 0, 1)[None] / 255
    names = sorted(options.downscale)
    shares = np.array([options.downscale[name] for name in names])
    downscaler = str(rng.choice(names, p=shares / shares.sum()))
    low = degrade.halve(F.pad(rgb, (degrade.MARGIN - 1,) * 4, "replicate"), downscaler)
    low = _imperfect(low, rng).clamp(0, 1)
    range_ = "limited8" if bits == 8 else "limited10"
    padded = F.pad(low, (0, canvas[1] - low.shape[3], 0, canvas[0] - low.shape[2]), "replicate")
    ycbcr = degrade.chroma_levels(degrade.to_ycbcr(padded), range_, False)[0].numpy()
    top = degrade.LEVELS[range_][2]
    planes = [ycbcr[0], *chroma_420(ycbcr[1:], SITINGS["left"])]
    return _Scene(pictures.names[index], [np.rint(plane * top).astype(np.uint16) for plane in planes], high)


def _imperfect(low: Tensor, rng: np.random.Generator) -> Tensor:
    """What web video has suffered before it is encoded: half the time nothing, else blur, ringing, or noise."""
    kind = rng.choice(["none", "blur", "ringing", "noise"], p=[0.5, 0.2, 0.15, 0.15])
    if kind == "blur":
        return degrade.blur(low, float(rng.uniform(0.3, 0.7)))
    if kind == "ringing":
        return low + float(rng.uniform(0.3, 0.8)) * (low - degrade.blur(low, 1.0))
    if kind == "noise":
        noise = rng.normal(0, rng.uniform(0.5, 2.5) / 255, low.shape[2:]).astype(np.float32)
        return low + torch.from_numpy(noise)
    return low


class RecordedPatches:
    """Random patches of recordings, flipped and turned: the same for the same seed, step and rank."""

    def __init__(self, found: list[Recording], options: Options, chance: npt.NDArray[Any]) -> None:
        self._found = found
        self._options = options
        self._edges = np.cumsum(chance / chance.sum())

    def batch(self, step: int, count: int, rank: int) -> tuple[Tensor, Tensor]:
        """The network's input (count, 1, patch, patch) and what it should give, in the recordings' limited range."""
        rng = np.random.default_rng([self._options.seed, step, rank, 2])
        pairs = [self._pair(rng) for _ in range(count)]
        low, high = (torch.from_numpy(np.stack(part)) for part in zip(*pairs, strict=True))
        return low[:, None], high[:, None]

    def _pair(self, rng: np.random.Generator) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        found = self._found[min(int(np.searchsorted(self._edges, rng.random(), "right")), len(self._found) - 1)]
        side = self._options.patch
        y, x = (int(rng.integers(EDGE, extent - side - EDGE + 1)) for extent in found.low.shape)
        low, high = piece(found, y, x, side, self._options.sharpen)
        turns, mirrored = int(rng.integers(4)), 1 - 2 * int(rng.integers(2))
        return np.rot90(low, turns)[:, ::mirrored], np.rot90(high, turns)[:, ::mirrored]


def piece(found: Recording, y: int, x: int, side: int, sharpen: float) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """The patch of `side` at (y, x) of the recording, and the picture's luma there, both in the video's values."""
    range_ = "limited8" if found.bits == 8 else "limited10"
    low = found.low[y : y + side, x : x + side].astype(np.float32) / np.float32(degrade.LEVELS[range_][2])
    rgb = torch.from_numpy(found.high[2 * y : 2 * (y + side), 2 * x : 2 * (x + side)].astype(np.float32))
    high = degrade.luma(rgb.permute(2, 0, 1)[None] / 255)
    if sharpen:
        high = (high + sharpen * (high - degrade.blur(high, 1.0))).clamp(0, 1)
    return low, degrade.to_levels(high, range_, False)[0, 0].numpy()
