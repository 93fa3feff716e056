"""How far around a pixel a network looks, for whoever runs it in tiles."""

from __future__ import annotations

import itertools

import numpy as np

from shadergen.ir.graph import Graph, verify
from shadergen.ir.reference import evaluate

_SIDES = (48, 96, 192, 384, 768)
_NARROW = 6
"""How many times shorter the other side of the picture is."""
_PHASES = 16
"""How many places next to each other are tried: what strides round, they round differently at each."""


def reach(graph: Graph) -> int | None:
    """The radius of the network's receptive field, in pixels of its input: a pixel of the result depends on the pixels
    of the input that are at most this far from its own, across and down.

    It is found with the reference: what is not a number spreads as far as anything would, zero weights included. None
    for a network that looks at the whole picture, or at more than several hundred pixels. Raises ValueError for one
    whose result is no multiple of the picture's size.
    """
    output = verify(graph)[graph.output]
    for extent in (output.width, output.height):
        if extent.offset or extent.rest or extent.constant:
            raise ValueError(f"found a result of {output.width} by {output.height}, expected a multiple of the picture")
    phases = min(_PHASES, max(_period(graph, "width"), _period(graph, "height")))
    tried = (_within(graph, side, phases) for side in _SIDES)
    return next((found for found in tried if found is not None), None)


def _period(graph: Graph, axis: str) -> int:
    """After how many pixels of the input the network's roundings repeat, as far as its sizes tell."""
    return int(np.lcm.reduce([getattr(value, axis).period for value in verify(graph).values()]))


def _within(graph: Graph, side: int, phases: int) -> int | None:
    """The radius, if it shows in a picture with this side."""
    found = 0
    for axis, phase in itertools.product((1, 2), range(phases)):
        shape = [verify(graph)[graph.input].channels, side // _NARROW, side // _NARROW]
        shape[axis] = side
        picture = np.zeros(shape, np.float32)
        at = side // 2 + phase
        picture.swapaxes(0, axis)[at] = np.nan
        try:
            with np.errstate(invalid="ignore"):
                result = evaluate(graph, picture)[graph.output]
        except ValueError:  # too small for an operator
            return None
        reached = np.flatnonzero(np.isnan(result).any(axis=(0, 3 - axis)))
        if reached[0] == 0 or reached[-1] == result.shape[axis] - 1:
            return None
        first, last = (int(edge) * side // result.shape[axis] for edge in (reached[0], reached[-1]))
        found = max(found, at - first, last - at)
    return found
