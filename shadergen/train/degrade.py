"""What a viewer's player gets in place of the picture: smaller, with quantised levels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  # torch's own convention
from torch import Tensor

from shadergen.errors import ShadergenError
from shadergen.runtime.colour import SITINGS, chroma_420, upsample_chroma
from shadergen.train.options import Options

MARGIN = 6
"""Pixels that the widest downscaler (Lanczos) reads beyond each side of a patch."""
_LUMA = (0.2126, 0.7152, 0.0722)
LEVELS = {"full8": (0, 255, 255), "limited8": (16, 235, 255), "limited10": (64, 940, 1023)}
"""By RANGES: the values of black and white and the largest one that the video's integers hold."""


def _cubic(x: float) -> float:
    x = abs(x)
    return 1.5 * x**3 - 2.5 * x**2 + 1 if x < 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def _lanczos(x: float) -> float:
    return float(np.sinc(x) * np.sinc(x / 3)) if abs(x) < 3 else 0.0


def kernel(downscaler: str) -> Tensor:
    """The (12, 12) filter that halves a picture: its taps lie around the middle of two pixels.

    Bicubic and Lanczos are Pillow's and everybody's: the interpolation kernel, stretched to the smaller grid.
    """
    functions = {"bicubic": _cubic, "lanczos": _lanczos}
    offsets = np.arange(2 * MARGIN) - MARGIN + 0.5
    if downscaler in functions:
        taps = np.array([functions[downscaler](offset / 2) for offset in offsets])
    else:
        taps = (np.abs(offsets) < 1).astype(np.float64)
    taps /= taps.sum()
    return torch.from_numpy(np.outer(taps, taps).astype(np.float32))


def halve(x: Tensor, downscaler: str) -> Tensor:
    """(n, c, 2 h + 10, 2 w + 10) to (n, c, h, w), of the part MARGIN - 1 pixels within."""
    if downscaler == "linear":
        return _encode(halve(_decode(x), "box"))
    inner = MARGIN - 1
    if downscaler == "box":
        return F.avg_pool2d(x[..., inner:-inner, inner:-inner], 2)
    n, c, height, width = x.shape
    halved = F.conv2d(x.reshape(n * c, 1, height, width), kernel(downscaler)[None, None].to(x.device), stride=2)
    return halved.reshape(n, c, *halved.shape[-2:])


def _decode(x: Tensor) -> Tensor:
    """sRGB's transfer function to linear light."""
    return torch.where(x <= 0.04045, x / 12.92, ((x.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)


def _encode(x: Tensor) -> Tensor:
    return torch.where(x <= 0.0031308, x * 12.92, 1.055 * x.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


class Chroma:
    """4:2:0 chroma, interpolated to luma's size again, as a chroma shader's first passes do it (docs/chroma.md)."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.side = options.patch + 2 * MARGIN
        if options.patch % 2:
            raise ShadergenError("--patch", f"found {options.patch}, expected an even number for chroma")
        self._shares = {name: share for name, share in options.downscale.items() if name != "linear" and share}
        if not self._shares:
            raise ShadergenError("--downscale", "found linear alone, expected another for chroma, which is not light")

    def __call__(self, rgb: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """uint8 (n, side, side, 3) to Y, Cb, Cr (n, 3, patch, patch) and the Cb, Cr (n, 2, patch, patch) from which the
        interpolated ones were made.
        """
        ycbcr = to_ycbcr(rgb.to(torch.float32).mul_(1 / 255).permute(0, 3, 1, 2))
        image, expected = torch.empty_like(ycbcr), torch.empty_like(ycbcr[:, 1:])
        made_small = {i: name for name, drawn in _split(len(rgb), self._shares, rng).items() for i in drawn}
        for name, indices in _split(len(rgb), self.options.range, rng).items():
            part = chroma_levels(ycbcr[indices], name, False)
            expected[indices] = part[:, 1:]
            image[indices, :1] = _rounded(part[:, :1], name)
            for i, cbcr in zip(indices, part[:, 1:], strict=True):
                siting = SITINGS[("left", "center")[int(rng.integers(2))]]
                image[i, 1:] = torch.from_numpy(through_420(cbcr, siting, made_small[i], name))
        inner = (..., slice(MARGIN, -MARGIN), slice(MARGIN, -MARGIN))
        return image[inner], expected[inner]


def through_420(cbcr: Tensor, siting: tuple[float, float], downscaler: str, range_: str) -> np.ndarray:
    """(2, h, w) subsampled, rounded and interpolated, in `range_`'s values."""
    height, width = cbcr.shape[1:]
    if downscaler == "box":
        small = chroma_420(cbcr.numpy(), siting)
    else:
        # A sample of the left siting lies half a pixel further left: between that picture and its neighbour.
        shifted = (cbcr + cbcr.roll(1, -1)) / 2 if siting[0] else cbcr
        padded = F.pad(shifted[None], (MARGIN - 1,) * 4, "replicate")
        small = halve(padded, downscaler)[0].numpy()
    small = _rounded(torch.from_numpy(small), range_).numpy()
    return upsample_chroma(small, siting, (width, height))


def to_ycbcr(rgb: Tensor) -> Tensor:
    """RGB to full-range Y, Cb, Cr of BT.709, (n, 3, h, w), Cb and Cr around 0."""
    y = luma(rgb)
    blue, red = (rgb[:, 2:] - y) / (2 * (1 - _LUMA[2])), (rgb[:, :1] - y) / (2 * (1 - _LUMA[0]))
    return torch.cat([y, blue, red], 1)


def chroma_levels(ycbcr: Tensor, range_: str, quantise: bool) -> Tensor:
    """Y in 0..1 and Cb, Cr around 0 to the values of the video's planes, perhaps rounded to its integers."""
    black, white, top = LEVELS[range_]
    scale = (top + 1) // 256
    colour = 224 * scale if black else top
    levels = torch.cat([ycbcr[:, :1] * (white - black) + black, ycbcr[:, 1:] * colour + 128 * scale], 1) / top
    return _rounded(levels, range_) if quantise else levels


class Neutral:
    """A picture of half the size, with the levels of 8- or 10-bit video."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.side = 2 * options.patch + 2 * (MARGIN - 1)
        """Of the patches it wants."""

    def __call__(self, rgb: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """uint8 (n, side, side, 3) to the network's input (n, c, patch, patch) and what it should give for it."""
        picture = rgb.to(torch.float32).mul_(1 / 255).permute(0, 3, 1, 2)
        small, target = [], []
        order: list[int] = []
        for downscaler, indices in _split(len(rgb), self.options.downscale, rng).items():
            part = picture[indices]
            if self.options.plane == "luma" and downscaler != "linear":
                part = luma(part)
            low = halve(part, downscaler)
            if self.options.plane == "luma" and downscaler == "linear":
                low, part = luma(low), luma(part)
            inner = MARGIN - 1
            small.append(low)
            target.append(part[..., inner:-inner, inner:-inner])
            order += indices
        low, high = torch.cat(small), torch.cat(target)
        for name, indices in _split(len(rgb), self.options.range, rng).items():
            low[indices], high[indices] = to_levels(low[indices], name, True), to_levels(high[indices], name, False)
        return low, high


def blur(x: Tensor, sigma: float) -> Tensor:
    """(n, c, h, w) with a Gaussian of `sigma` pixels, edges repeated."""
    taps = torch.exp(-0.5 * (torch.arange(-3.0, 4.0) / sigma) ** 2)
    taps = (taps / taps.sum()).to(x.device)
    n, c, height, width = x.shape
    padded = F.pad(x, (3, 3, 3, 3), "replicate").reshape(n * c, 1, height + 6, width + 6)
    return F.conv2d(F.conv2d(padded, taps[None, None, :, None]), taps[None, None, None]).reshape(x.shape)


def luma(rgb: Tensor) -> Tensor:
    """BT.709 luma, full range: (n, 3, h, w) to (n, 1, h, w)."""
    return torch.einsum("nchw,c->nhw", rgb, torch.tensor(_LUMA, device=rgb.device))[:, None]


def to_levels(x: Tensor, range_: str, quantise: bool) -> Tensor:
    """0..1 to the values of a video plane as a player's texture gives them, perhaps rounded to its integers."""
    black, white, top = LEVELS[range_]
    levels = (x * (white - black) + black) / top
    return _rounded(levels, range_) if quantise else levels


def _rounded(x: Tensor, range_: str) -> Tensor:
    top = LEVELS[range_][2]
    return (x * top).round_().clamp_(0, top) / top


def _split(count: int, shares: Mapping[str, float], rng: np.random.Generator) -> dict[str, list[int]]:
    """The indices of a batch by the name each one draws; names without any are left out."""
    if len(shares) == 1:
        return {next(iter(shares)): list(range(count))}
    names = sorted(shares)
    chance = np.array([shares[name] for name in names])
    drawn = rng.choice(len(names), count, p=chance / chance.sum())
    found = {name: [int(i) for i in np.flatnonzero(drawn == number)] for number, name in enumerate(names)}
    return {name: indices for name, indices in found.items() if indices}
