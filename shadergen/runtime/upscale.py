"""A picture through a hook file, as a player would show it at twice its size."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from shadergen.hookfile import parse
from shadergen.runtime.context import open_context
from shadergen.runtime.images import rgb_to_ycbcr
from shadergen.runtime.runner import Frame, Runner

Array = npt.NDArray[np.float32]
FACTOR = 2


def upscale(text: str, where: str, pixels: Array) -> Array:
    """`pixels` of shape (1, 3 or 4, h, w) in 0..1 to (same, 2h, 2w).

    Colour goes in as full-range 4:4:4 YCbCr, so that shaders for LUMA, CHROMA and MAIN all find their plane. The shader
    does not see alpha; it is enlarged bilinearly. Raises NoDeviceError, HookFileError and ShaderRunError.
    """
    colour, alpha = (pixels[:3], pixels[3:]) if len(pixels) == 4 else (pixels, pixels[:0])
    height, width = pixels.shape[1:]
    size = (width * FACTOR, height * FACTOR)
    planes = {"LUMA": colour}
    if len(colour) == 3:
        ycbcr = rgb_to_ycbcr(colour)
        planes = {"LUMA": ycbcr[:1], "CHROMA": ycbcr[1:]}
    context = open_context()
    try:
        with Runner(context, parse(text, where), storage="rgba16f", where=where) as runner:
            shown = runner.run(Frame(planes, full_range=True), size).planes["OUTPUT"][: len(colour)]
    finally:
        context.release()
    return np.concatenate([shown, enlarge(alpha, size, Image.Resampling.BILINEAR)])


def side_by_side(before: Array, after: Array) -> Array:
    """The picture enlarged bicubically, and the shader's, next to each other: (3, h, 2w) for `after` of (c, h, w)."""
    height, width = after.shape[1:]
    halves = [enlarge(before, (width, height), Image.Resampling.BICUBIC), after]
    return np.concatenate([_rgb(half) for half in halves], axis=2)


def enlarge(pixels: Array, size: tuple[int, int], filter: Image.Resampling) -> Array:
    """(c, h, w) resized to `size` (width, height), in 0..1, by Pillow."""
    resized = [np.asarray(Image.fromarray(channel, "F").resize(size, filter)) for channel in pixels]
    return np.clip(np.array(resized, np.float32).reshape(-1, size[1], size[0]), 0, 1)


def _rgb(pixels: npt.NDArray[Any]) -> Array:
    return np.repeat(pixels, 3, 0) if len(pixels) == 1 else pixels[:3]
