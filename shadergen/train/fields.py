"""What has no detail, drawn for training: flat fields, ramps, and black bars. A network is to leave it alone.

Pictures teach that only roughly: where nothing is to be seen, an error of a code costs no PSNR worth the name.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from shadergen.ir.graph import Plane
from shadergen.judge.cases import halve

SIDE = 24
"""Of a field in pixels of the network's input. Small, so that the frame's edge, which is hardest, counts for much."""
Pattern = npt.NDArray[np.float64]

_KINDS = ("flat", "ramp", "bar")
_SHARES = (0.4, 0.2, 0.4)


class Fields:
    """Batches of fields for a plane: the same for the same seed, step and rank."""

    def __init__(self, plane: Plane, seed: int) -> None:
        self._plane = plane
        self._seed = seed

    def batch(self, step: int, count: int, rank: int) -> tuple[Tensor, Tensor, Tensor]:
        """The network's input (n, c, SIDE, SIDE), what it should give (n, c, h, w), what counts of it (n, 1, h, w)."""
        rng = np.random.default_rng([self._seed, step, rank, 3])
        drawn = [_field(rng, self._plane) for _ in range(count)]
        image, expected, counts = (
            torch.from_numpy(np.stack(part).astype(np.float32)) for part in zip(*drawn, strict=True)
        )
        return image, expected, counts


def _field(rng: np.random.Generator, plane: Plane) -> tuple[Pattern, Pattern, Pattern]:
    """One field, in 0..1. A chroma network gets a pattern of luma under flat colours, which it is to keep."""
    pattern, counts = _pattern(rng, str(rng.choice(_KINDS, p=_SHARES)))
    low = halve(pattern[None], "box")[0]
    low = np.rint(low * 255) / 255 if rng.random() < 0.7 else low
    if plane == "chroma":
        colours = rng.integers(0, 256, 2)[:, None, None] / 255
        flat = np.broadcast_to(colours, (2, SIDE, SIDE))
        return np.concatenate([low[None], flat]), flat, np.ones((1, SIDE, SIDE))
    channels = 1 if plane == "luma" else 3
    return np.repeat(low[None], channels, 0), np.repeat(pattern[None], channels, 0), counts[None]


def _pattern(rng: np.random.Generator, kind: str) -> tuple[Pattern, Pattern]:
    """A picture (2 SIDE, 2 SIDE) in 0..1, turned any way, and which of its pixels count."""
    shape = (2 * SIDE, 2 * SIDE)
    counts = np.ones(shape)
    if kind == "flat":
        picture = np.full(shape, _level(rng))
    elif kind == "ramp":
        picture = _ramp(rng, _level(rng), rng.uniform(0.1, 4) / 255)
    else:
        edge = 2 * int(rng.integers(1, SIDE - 1))
        picture = _beside(rng)
        picture[:edge] = _black(rng) / 255
        counts[edge:] = 0
    turns = int(rng.integers(4))
    return np.rot90(picture, turns).copy(), np.rot90(counts, turns).copy()


def _black(rng: np.random.Generator) -> float:
    """A bar's: that of full or limited range, or something dark."""
    return float(rng.choice([0, 16]) if rng.random() < 0.8 else rng.integers(0, 40))


def _level(rng: np.random.Generator) -> float:
    """Any code, but black and white more often, since what lies there cannot be told from what is cut off, and the
    dark beside black, which was what remained wrong when it was drawn as often as the rest.
    """
    ends: Sequence[int] = (0, 16, 235, 255)
    kind = rng.choice(["end", "dark", "any"], p=[0.25, 0.2, 0.55])
    return float(rng.choice(ends) if kind == "end" else rng.uniform(0, 32 if kind == "dark" else 255)) / 255


def _ramp(rng: np.random.Generator, middle: float, slope: float) -> Pattern:
    """With `slope` a pixel in some direction, cut off at 0 and 1."""
    angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, 2 * np.pi)])
    y, x = np.mgrid[: 2 * SIDE, : 2 * SIDE] - SIDE + 0.5
    return np.asarray(np.clip(middle + slope * (np.cos(angle) * x + np.sin(angle) * y), 0, 1))


def _beside(rng: np.random.Generator) -> Pattern:
    """What a bar may stand beside: a flat field, a ramp, stripes, or noise."""
    shape = (2 * SIDE, 2 * SIDE)
    kind = rng.integers(4)
    if kind == 0:
        return np.full(shape, _level(rng))
    if kind == 1:
        return _ramp(rng, _level(rng), rng.uniform(1, 8) / 255)
    if kind == 2:
        stripes = np.arange(2 * SIDE) // int(rng.integers(1, 9)) % 2
        return np.broadcast_to(np.where(stripes, _level(rng), _level(rng)), shape).copy()
    noise = _level(rng) + rng.uniform(0, 1) * (rng.random((SIDE, SIDE)) - 0.5)
    return np.asarray(np.repeat(np.repeat(np.clip(noise, 0, 1), 2, 0), 2, 1))
