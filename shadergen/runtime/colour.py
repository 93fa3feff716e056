"""YCbCr and chroma subsampling, as players define them: matrices, ranges, and where chroma samples lie.

Arrays are float32 of shape (channels, height, width). YCbCr levels are those of 8-bit video unless said otherwise:
limited luma is 16/255..235/255, limited chroma 16/255..240/255, and chroma is neutral at 128/255 in both ranges.
The matrices are those of Rec. ITU-R BT.709, BT.601 and BT.2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
"""Values of shape (channels, height, width)."""
Matrix = Literal["bt709", "bt601", "bt2020"]
Siting = tuple[float, float]
SitingName = Literal["left", "center", "topleft"]

_COEFFICIENTS: Mapping[Matrix, tuple[float, float]] = {
    "bt709": (0.2126, 0.0722),
    "bt601": (0.299, 0.114),
    "bt2020": (0.2627, 0.0593),
}
"""The weights of red and blue in luma, K_R and K_B of the recommendations; green has the rest."""
SITINGS: Mapping[str, Siting] = {"left": (-0.5, 0.0), "center": (0.0, 0.0), "topleft": (-0.5, -0.5)}
"""Where chroma samples lie, by SitingName: the (x, y) shift in luma texels from the centre of the luma they cover.

`left` is on the left column, between the rows (MPEG-2, H.264's default); `center` in the middle (JPEG, MPEG-1);
`topleft` on the top left luma texel (BT.2020, UHD).
"""


def ycbcr_decoding(
    matrix: Matrix, full_range: bool, depth: int = 8
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A matrix (3, 3) and an offset (3,) such that rgb = matrix @ (ycbcr + offset).

    YCbCr is code / (2^depth - 1): limited black is 16/255 in 8 bits, 64/1023 in 10, 4096/65535 in 16.
    """
    kr, kb = _COEFFICIENTS[matrix]
    kg = 1 - kr - kb
    red, blue = 2 * (1 - kr), 2 * (1 - kb)
    rgb = np.array([[1, 0, red], [1, -blue * kb / kg, -red * kr / kg], [1, blue, 0]])
    unit = 2 ** (depth - 8) / (2**depth - 1)
    if full_range:
        return rgb, np.array([0, -128, -128]) * unit
    return rgb / (np.array([219, 224, 224]) * unit), np.array([-16, -128, -128]) * unit


def rgb_to_ycbcr(
    rgb: npt.NDArray[np.floating[Any]], matrix: Matrix = "bt709", full_range: bool = True, depth: int = 8
) -> Array:
    """Convert RGB (3, h, w) in 0..1 to Y, Cb, Cr (3, h, w) in 0..1; limited range when not `full_range`.

    `depth` is that of the codes whose levels are meant, see `ycbcr_decoding`.
    """
    decode, offset = ycbcr_decoding(matrix, full_range, depth)
    mixed = np.tensordot(np.linalg.inv(decode), rgb.astype(np.float64), axes=1)
    return (mixed - offset[:, np.newaxis, np.newaxis]).astype(np.float32)


def ycbcr_to_rgb(ycbcr: npt.NDArray[np.floating[Any]], matrix: Matrix = "bt709", full_range: bool = True) -> Array:
    """Convert Y, Cb, Cr (3, h, w) back to RGB; colours that RGB cannot show give values outside 0..1."""
    decode, offset = ycbcr_decoding(matrix, full_range)
    shifted = ycbcr.astype(np.float64) + offset[:, np.newaxis, np.newaxis]
    return np.tensordot(decode, shifted, axes=1).astype(np.float32)


def chroma_420(cbcr: npt.NDArray[np.floating[Any]], siting: Siting) -> Array:
    """Halve chroma (2, h, w) of luma's size to (2, (h + 1) // 2, (w + 1) // 2), sampled where `siting` says.

    A sample between two texels is their mean; on a texel the weights are 1, 2, 1. Beyond the edge, the edge is
    repeated. Raises ValueError for a siting other than those of SITINGS.
    """
    values = _halve(cbcr.astype(np.float64), 2, siting[0])
    return _halve(values, 1, siting[1]).astype(np.float32)


def _halve(values: npt.NDArray[np.float64], axis: int, shift: float) -> npt.NDArray[np.float64]:
    if shift not in (0.0, -0.5):
        raise ValueError(f"found chroma siting {shift:g}, expected 0 (centre) or -0.5 (left, top)")
    extent = values.shape[axis]
    even = 2 * np.arange((extent + 1) // 2)
    taps = [(0, 0.5), (1, 0.5)] if shift == 0 else [(-1, 0.25), (0, 0.5), (1, 0.25)]
    parts = [weight * values.take(np.clip(even + tap, 0, extent - 1), axis) for tap, weight in taps]
    return np.asarray(sum(parts), np.float64)


def upsample_chroma(cbcr: npt.NDArray[np.floating[Any]], siting: Siting, size: tuple[int, int]) -> Array:
    """Scale 4:2:0 chroma (2, ch, cw) to (2, height, width) for `size` = (width, height), bilinear with clamped edges.

    `size` is luma's, or a whole multiple of it after luma was upscaled: this is what a renderer should do with chroma.
    """
    width, height = size
    columns = _lerp(cbcr.astype(np.float64), 2, siting[0], width)
    return _lerp(columns, 1, siting[1], height).astype(np.float32)


def _lerp(values: npt.NDArray[np.float64], axis: int, shift: float, extent: int) -> npt.NDArray[np.float64]:
    # The size of subsampled planes is rounded up, so the ratio is taken as the nearest integer.
    ratio = max(1, int(extent / values.shape[axis] + 0.5))
    position = (np.arange(extent) + 0.5) / ratio - 0.5 - shift / 2
    before = np.floor(position).astype(int)
    last = values.shape[axis] - 1
    low, high = (values.take(np.clip(before + step, 0, last), axis) for step in (0, 1))
    weight = (position - before).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return np.asarray(low + (high - low) * weight, np.float64)
