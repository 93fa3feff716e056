"""Where a step's batch comes from: patches of pictures, degraded on the fly, or recorded by a codec beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from shadergen.errors import ShadergenError
from shadergen.train import video
from shadergen.train.data import Patches, Pictures, Pixels, chances, with_soft_copies
from shadergen.train.degrade import Chroma, Neutral
from shadergen.train.options import Options

VALIDATION_SIDE = 128
"""Of the pieces of pictures held out, in pixels of the network's input."""
Batch = tuple[Tensor, Tensor]
"""The network's input (n, c, h, w), and what it should give."""


class Feed(Protocol):
    """An endless supply of batches."""

    def batch(self, step: int, count: int, rank: int) -> Batch:
        """The same batch for the same arguments."""


def degradation(options: Options) -> Neutral | Chroma:
    """What happens to a patch on the fly."""
    return Chroma(options) if options.plane == "chroma" else Neutral(options)


class Degraded:
    """Patches of pictures, degraded as they are drawn: on `device`, but for chroma, which the CPU interpolates."""

    def __init__(self, pictures: Pictures, options: Options, device: torch.device) -> None:
        self._degrade = degradation(options)
        self._device = torch.device("cpu") if options.plane == "chroma" else device
        self._patches = Patches(with_soft_copies(pictures, options.soften), options, self._degrade.side)
        self._seed = options.seed

    def batch(self, step: int, count: int, rank: int) -> Batch:
        patches = torch.from_numpy(self._patches.batch(step, count, rank)).to(self._device)
        return self._degrade(patches, np.random.default_rng([self._seed, step, rank, 1]))


class Mixed:
    """Recorded patches, and a share of clean ones."""

    def __init__(self, recorded: Feed, clean: Feed, share: float) -> None:
        self._recorded, self._clean, self._share = recorded, clean, share

    def batch(self, step: int, count: int, rank: int) -> Batch:
        # Of a share that is no whole number of patches, the rest is made up for over the steps.
        clean = int(np.floor((step + 1) * count * self._share) - np.floor(step * count * self._share))
        pairs = [self._clean.batch(step, clean, rank)] if clean else []
        pairs += [self._recorded.batch(step, count - clean, rank)] if clean < count else []
        images, expected = zip(*pairs, strict=True)
        device = images[0].device
        return torch.cat([part.to(device) for part in images]), torch.cat([part.to(device) for part in expected])


def feed(pictures: Pictures, options: Options, device: torch.device, on_progress: Callable[[int, int], None]) -> Feed:
    """The batches to train on. Raises ShadergenError."""
    if options.degradation == "neutral":
        return Degraded(pictures, options, device)
    if options.plane != "luma":
        raise ShadergenError("--degradation", f"found ds for {options.plane}, expected --plane luma")
    clean = Degraded(pictures, replace(options, downscale=options.downscale_of_clean), device)
    found = _recorded(pictures, options, options.patch, on_progress)
    areas = dict(zip(pictures.names, chances(pictures, options), strict=True))
    chance = np.array([areas[recording.name] for recording in found])
    return Mixed(video.RecordedPatches(found, options, chance), clean, options.clean)


def validation(pictures: Pictures, options: Options) -> list[Batch]:
    """A piece of each picture, degraded once. Raises ShadergenError where there is no picture."""
    if not pictures.names:
        raise ShadergenError("--data", "found fewer than 5 pictures, expected more: a fifth is held out")
    smallest = min(min(picture.shape[:2]) for picture in pictures.pixels)
    if options.degradation == "ds":
        side = min(VALIDATION_SIDE, smallest // 2 - 2 * video.EDGE)
        pairs = []
        for found in _recorded(pictures, options, side, lambda done, total: None):
            y, x = ((extent - side) // 2 for extent in found.low.shape)
            low, high = video.piece(found, y, x, side, options.sharpen)
            pairs.append((torch.from_numpy(low)[None, None], torch.from_numpy(high)[None, None]))
        return pairs
    scale = 1 if options.plane == "chroma" else 2
    margin = degradation(options).side - scale * options.patch
    patch = min(VALIDATION_SIDE, (smallest - margin) // scale) // 2 * 2
    degrade = degradation(replace(options, patch=patch))
    pieces = torch.from_numpy(np.stack([_middle(picture, degrade.side) for picture in pictures.pixels]))
    image, expected = degrade(pieces, np.random.default_rng(0))
    return list(zip(torch.split(image, 1), torch.split(expected, 1), strict=True))


def _recorded(
    pictures: Pictures, options: Options, side: int, on_progress: Callable[[int, int], None]
) -> list[video.Recording]:
    found = video.recordings(pictures, options, on_progress)
    return [recording for recording in found if min(recording.low.shape) >= side + 2 * video.EDGE]


def _middle(picture: Pixels, side: int) -> Pixels:
    y, x = ((extent - side) // 2 for extent in picture.shape[:2])
    return picture[y : y + side, x : x + side]
