"""What a network makes of what has no detail: flat fields, ramps, and the black bars of a letterbox. NumPy only.

Viewers see there what PSNR does not: black that is not black, a step in a dark gradient, a grey row beside a bar. All
errors are in codes, steps of 8-bit video, which are 1/255 of a texture's range.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.ir import reference
from shadergen.ir.graph import Graph, Plane, require_plane, verify
from shadergen.ir.ops import Array
from shadergen.ir.smallest import check_size

SIDE = 24
"""Pixels of a field's sides: more than twice the reach of eight 3x3 layers, so that its middle sees no edge."""
CODES = tuple(range(256))
RAMP_STEPS = (1, 2, 5)
"""Pixels for a code of a ramp."""
BARS = (0, 16)
"""Codes of black: full range and limited range."""
BAR = 12
"""Rows of a black bar."""

MEAN_BAR, WORST_BAR, LETTERBOX_BAR = 0.10, 0.5, 0.5
"""What a model may be off, in codes: a field's mean, its worst texel, the mean of a bar's row."""


@dataclass(frozen=True)
class Flats:
    """How far a network is from leaving what has no detail alone."""

    mean: float
    """The largest distance of a flat field's mean from its code."""
    mean_code: int
    """The field that has it."""
    worst: float
    """The largest error of a texel of any field, those at the frame's edge included."""
    worst_code: int
    back: int
    """How often a ramp goes down where it should go up, once rounded to codes; over all ramps."""
    letterbox: float
    """The largest mean error of a row or column of a black bar beside a picture."""

    @property
    def holds(self) -> bool:
        """Whether all of it is within the bars."""
        return self.mean <= MEAN_BAR and self.worst <= WORST_BAR and not self.back and self.letterbox <= LETTERBOX_BAR

    def line(self) -> str:
        """In words, with what it may be."""
        return (
            f"fields off by {self.mean:.3f} codes at most in the mean (code {self.mean_code}; may be {MEAN_BAR}), "
            f"a texel by {self.worst:.2f} (code {self.worst_code}; {WORST_BAR}), ramps back {self.back} times (0), "
            f"rows of a black bar off by {self.letterbox:.2f} ({LETTERBOX_BAR})"
        )


Enlarge = Callable[[Array], Array]
"""A network: (channels, h, w) to (channels, height, width), both in codes."""


def measure(graph: Graph, codes: Sequence[int] = CODES) -> Flats:
    """Run `graph` on every flat field of `codes`, and on ramps and letterboxes. Raises ShadergenError where it does not
    take pictures that small, or is of Y, Cb and Cr.
    """
    require_plane(graph, "luma", "chroma", "rgb")
    check_size(graph.name, verify(graph), (SIDE, SIDE))

    def enlarge(picture: Array) -> Array:
        return np.asarray(reference.evaluate(graph, picture / np.float32(255))[graph.output] * 255, np.float32)

    means, worsts = {}, {}
    for code in codes:
        errors = [enlarge(field) - expected for field, expected in _fields(graph.plane, code)]
        means[code] = max(abs(float(channel.mean())) for error in errors for channel in error)
        worsts[code] = max(float(np.abs(error).max()) for error in errors)
    mean_code, worst_code = max(means, key=means.__getitem__), max(worsts, key=worsts.__getitem__)
    return Flats(
        mean=means[mean_code],
        mean_code=mean_code,
        worst=worsts[worst_code],
        worst_code=worst_code,
        back=sum(_steps_back(enlarge(ramp)) for ramp in _ramps(graph.plane)),
        letterbox=max(
            _letterbox(enlarge, graph.plane, black, picture) for black in BARS for picture in _pictures(black)
        ),
    )


def _fields(plane: Plane, code: int) -> Iterator[tuple[Array, Array]]:
    """Flat inputs (channels, h, w) in which `code` stands, with the values that the output's channels should have."""
    if plane != "chroma":
        channels = 1 if plane == "luma" else 3
        yield np.full((channels, SIDE, SIDE), code, np.float32), np.full((channels, 1, 1), code, np.float32)
        return
    for levels in ((code, 128, 128), (128, code, 255 - code)):
        values = np.array(levels, np.float32)[:, None, None]
        yield values + np.zeros((1, SIDE, SIDE), np.float32), values[1:]


def _planes(plane: Plane, luma: Array) -> Array:
    """A grey picture (h, w) as the network's input, (channels, h, w)."""
    neutral = np.full_like(luma, 128)
    return np.stack({"luma": [luma], "rgb": [luma] * 3, "chroma": [luma, neutral, neutral]}[plane])


def _ramps(plane: Plane) -> Iterator[Array]:
    """From black to white, a code every so many pixels, to the right and downwards."""
    for step in RAMP_STEPS:
        ramp = np.repeat(np.arange(256, dtype=np.float32), step)
        across = np.broadcast_to(ramp, (SIDE, len(ramp)))
        for luma in (across, across.T):
            yield _planes(plane, np.ascontiguousarray(luma))


def _steps_back(found: Array) -> int:
    """Along the middle of the longer axis of (channels, h, w), of the first channel."""
    picture = found[0] if found.shape[2] > found.shape[1] else found[0].T
    middle = np.rint(picture[picture.shape[0] // 2])
    return int((np.diff(middle) < 0).sum())


def _pictures(black: int) -> Iterator[Array]:
    """What stands beside a bar, (2 SIDE, 2 SIDE) in codes: white, grey, a ramp, and stripes across the bar."""
    white = 255 - black * 20 // 16
    yield np.full((2 * SIDE, 2 * SIDE), white, np.float32)
    yield np.full((2 * SIDE, 2 * SIDE), 110, np.float32)
    yield np.broadcast_to(np.linspace(black, white, 2 * SIDE, dtype=np.float32).round(), (2 * SIDE, 2 * SIDE))
    yield np.broadcast_to(np.where(np.arange(2 * SIDE) % 8 < 4, white, black).astype(np.float32), (2 * SIDE, 2 * SIDE))


def _letterbox(enlarge: Enlarge, plane: Plane, black: int, picture: Array) -> float:
    """The largest mean error of a row in the bar above a picture, and of a column in that beside it."""
    luma = np.concatenate([np.full((BAR, picture.shape[1]), black, np.float32), picture])
    expected = 128 if plane == "chroma" else black
    worst = 0.0
    for turned in (False, True):
        found = enlarge(_planes(plane, np.ascontiguousarray(luma.T if turned else luma)))
        found = found.swapaxes(1, 2) if turned else found
        rows = found[:, : BAR * found.shape[1] // luma.shape[0]].mean((0, 2))
        worst = max(worst, float(np.abs(rows - expected).max()))
    return worst
