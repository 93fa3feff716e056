"""Pictures to look at: what each method made of a spot, and how far it is from the truth.

The spot is the picture's own, at four times its size; of a picture that has none it is where bicubic is worst, at twice
its size.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from shadergen.files import write_whole
from shadergen.judge.cases import BORDER, Array, Case
from shadergen.runtime.colour import ycbcr_to_rgb

_WORST_SIDE, _NAMED_SIDE, _TILE = 96, 48, 192
"""Pixels of a spot's side, found or named, and of what is shown of it."""
_GAP, _LABEL = 6, 18
_GAIN = 8
"""Of the difference maps around middle grey: 16 of 255 levels too bright is white."""


@dataclass
class ContactSheet:
    """Two rows of tiles per case: pictures with the truth at the right, and below each its difference from it."""

    rows: list[tuple[str, list[tuple[str, npt.NDArray[np.uint8]]]]] = field(default_factory=list)

    def add(self, case: Case, results: Mapping[str, Array]) -> None:
        """Add two rows that show the case's spot, or the one where the first method is worst."""
        spot = _window(case.spot, _NAMED_SIDE) if case.spot else worst_spot(next(iter(results.values())), case.truth)
        pictures = [(method, _picture(case, result)[spot]) for method, result in results.items()]
        truth = _picture(case, case.truth)[spot]
        differences = [
            ("", np.clip(128 + _GAIN * (picture.astype(int) - truth), 0, 255).astype(np.uint8))
            for _, picture in pictures
        ]
        self.rows.append((f"{case.image}, {case.condition}", [*pictures, ("truth", truth)]))
        self.rows.append((f"differences times {_GAIN}", differences))

    def save(self, path: Path) -> None:
        """Write a PNG. Raises ShadergenError where it cannot be written."""
        tile = _TILE
        columns = max((len(tiles) for _, tiles in self.rows), default=1)
        height = tile + _LABEL + _GAP
        sheet = Image.new("RGB", (columns * (tile + _GAP) + _GAP, max(1, len(self.rows)) * height + _GAP), "#ffffff")
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
        for number, (title, tiles) in enumerate(self.rows):
            top = number * height + _GAP
            for column, (label, pixels) in enumerate(tiles):
                left = _GAP + column * (tile + _GAP)
                shown = Image.fromarray(pixels).resize((tile, tile), Image.Resampling.NEAREST)
                sheet.paste(shown, (left, top + _LABEL))
                text = f"{label}  ({title})" if column == 0 and label else label or (title if column == 0 else "")
                draw.text((left, top), text[: tile // 6], "#1f2328", font)
        stream = io.BytesIO()
        sheet.save(stream, "PNG")
        write_whole(path, stream.getvalue())


def worst_spot(found: Array, truth: Array) -> tuple[slice, slice]:
    """The window in which `found` has the largest error, in steps of half a window."""
    error = ((found - truth) ** 2).sum(0)
    height, width = error.shape

    def starts(extent: int) -> range:
        return range(BORDER, max(BORDER + 1, extent - _WORST_SIDE - BORDER), _WORST_SIDE // 2)

    windows = [_window((x, y), _WORST_SIDE) for y in starts(height) for x in starts(width)]
    return max(windows, key=lambda window: float(error[window].sum()))


def _window(corner: tuple[int, int], side: int) -> tuple[slice, slice]:
    """The square of a picture (h, w) whose left and top are given."""
    left, top = corner
    return slice(top, top + side), slice(left, left + side)


def _picture(case: Case, values: Array) -> npt.NDArray[np.uint8]:
    """Values (channels, h, w) as a picture for a screen (h, w, 3): luma as grey, chroma with the case's own luma."""
    rgb = values
    if len(values) == 1:
        rgb = np.repeat(values, 3, 0)
    elif len(values) == 2:
        rgb = ycbcr_to_rgb(np.concatenate([case.source[:1], values]))
    return np.moveaxis((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8), 0, -1)
