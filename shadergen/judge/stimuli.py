"""Frames to hold a shader against its network: the project's own picture, or the user's, as each plane is played."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from shadergen.ir.graph import Plane
from shadergen.ir.ops import Array
from shadergen.runtime.colour import SITINGS, Siting, SitingName, rgb_to_ycbcr, upsample_chroma

Size = tuple[int, int]

SIZES: tuple[Size, ...] = ((1, 1), (17, 13), (250, 187))
"""One pixel, odd and smaller than a workgroup, odd and not a multiple of one; (width, height)."""

CHROMA_SITINGS: tuple[SitingName, ...] = ("left", "center")
"""Those that video has: MPEG-2's and its successors', and JPEG's."""


@dataclass(frozen=True)
class Stimulus:
    """One frame in the forms that the reference and the runners want. Values are in 0..1, full range."""

    size: Size
    """Of luma or RGB, (width, height)."""
    siting: SitingName | None
    """Where the chroma samples lie; None for luma and RGB."""
    planes: dict[str, Array]
    """The planes as a player delivers them: LUMA (1, h, w), CHROMA (2, ceil(h/2), ceil(w/2)), or RGB (3, h, w)."""
    image: Array
    """The graph's input, (channels, height, width)."""


def siting_of(frame: Stimulus) -> Siting:
    """Where a frame's chroma samples lie, as a distance from luma's; in the middle where it has none."""
    return SITINGS[frame.siting] if frame.siting else (0.0, 0.0)


def synthetic_picture(width: int, height: int) -> Array:
    """RGB (3, height, width) in 0.1 to 0.9: soft shading, waves of every direction and pitch, hard edges, fine noise.

    The same for the same size. Mid-tones everywhere, as in a photograph: drivers that store 16-bit floats by cutting
    digits off make bright pictures darker, and that is not the shader's doing.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width, 32), y / max(height, 32)
    waves = np.sin(40 * (u**2 + v**2) * np.pi) * 0.12
    edges = np.where((u * 7 + v * 3) % 1 < 0.5, 0.12, -0.12)
    shading = 0.32 + 0.08 * np.cos(3 * u + 2 * v)
    noise = np.random.default_rng(7).uniform(-0.06, 0.06, (3, height, width))
    tint = np.array([0.05, 0.0, -0.05])[:, None, None] * np.sin(9 * u - 5 * v)
    rgb: Array = np.clip(shading + waves + edges + tint + noise, 0.05, 0.95).astype(np.float32)
    return rgb


def stimuli(plane: Plane, sizes: Sequence[Size], picture: Array | None = None) -> Iterator[Stimulus]:
    """A stimulus for each size and, where there is chroma, each siting.

    `picture`, RGB of shape (3, height, width), takes the place of the sizes.
    """
    pictures = [synthetic_picture(*size) for size in sizes] if picture is None else [picture[:3]]
    for rgb in pictures:
        size = rgb.shape[2], rgb.shape[1]
        match plane:
            case "luma":
                luma = rgb_to_ycbcr(rgb)[:1]
                yield Stimulus(size, None, {"LUMA": luma}, luma)
            case "rgb":
                yield Stimulus(size, None, {"RGB": rgb}, rgb)
            case "chroma":
                yield from chroma_stimuli(rgb)
            case "ycbcr":
                for frame in chroma_stimuli(rgb):
                    yield replace(frame, image=frame.image[:, : size[1], : size[0]])


def chroma_stimuli(rgb: Array) -> Iterator[Stimulus]:
    """For each siting: 4:2:0 as the player has it, and Y, Cb, Cr at luma's resolution as the network sees it.

    `rgb` has the shape (3, height, width). Half of an odd size is rounded up, so the network's input may be a pixel
    larger than luma, whose edge is repeated. Pictures of one pixel across are left out: there 4:2:0 and 4:4:4 look
    alike, and the shader stays off.
    """
    height, width = rgb.shape[1:]
    if min(width, height) < 2:
        return
    ycbcr = rgb_to_ycbcr(rgb)
    padded = np.pad(ycbcr, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    chroma = padded[1:].reshape(2, padded.shape[1] // 2, 2, padded.shape[2] // 2, 2).mean((2, 4))
    for name in CHROMA_SITINGS:
        planes = {"LUMA": ycbcr[:1], "CHROMA": chroma}
        upsampled = upsample_chroma(chroma, SITINGS[name], (padded.shape[2], padded.shape[1]))
        yield Stimulus((width, height), name, planes, np.concatenate([padded[:1], upsampled]))
