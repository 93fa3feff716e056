"""What training makes small."""

from __future__ import annotations

import torch
from torch import Tensor

from shadergen.ir.graph import Graph, verify
from shadergen.ir.ops import Clip
from shadergen.train.network import reach
from shadergen.train.options import Options


class Criterion:
    """The distance of a batch of patches from what they should be.

    Half of a 48-pixel patch is within the seven pixels at which C4F32 sees that the patch ends. In a video that is so
    for a few pixels in a hundred, so such pixels count `options.rim` here.

    A pixel that should be white may be whiter, and a black one blacker, where the graph ends with a Clip.
    """

    def __init__(self, graph: Graph, options: Options) -> None:
        self._options = options
        op = graph.node(graph.output).op
        self._limits = (op.minimum, op.maximum) if isinstance(op, Clip) else None
        scale = int(verify(graph)[graph.output].height.scale)
        side = options.patch * scale
        rim = min(reach(graph) * scale, side // 2 - 1)
        mask = torch.full((side, side), float(options.rim))
        mask[rim : side - rim, rim : side - rim] = 1.0
        self._mask = mask / mask.mean()

    def __call__(self, found: Tensor, expected: Tensor) -> Tensor:
        """(n, c, h, w) both, `found` before the last Clip; a scalar."""
        self._mask = self._mask.to(found.device)
        difference = self._difference(found, expected)
        loss = self._distance(difference)
        if self._options.frequency:
            spectrum = torch.fft.rfft2(difference, norm="ortho")
            loss = loss + self._options.frequency * torch.view_as_real(spectrum).abs().mean()
        return loss

    def fields(self, found: Tensor, expected: Tensor, counts: Tensor) -> Tensor:
        """That of flat fields, of which `counts` (n, 1, h, w) is 1 where a pixel counts; a scalar.

        The eighth power within a field, since its worst pixel is seen: the fourth did not see one of 2304 that was off
        by 0.8 codes. The square between fields, since a bar that is grey is seen however well the others are kept. The
        logarithm, so that what is nearly right is made right: its floor is an eighth of a code everywhere, or a third
        at one pixel of 2304, where that of pictures is 50 dB, or 0.8 codes.
        """
        errors = self._difference(found, expected) * counts * (8 * 255)  # in eighths, whose powers 32 bits hold
        return (errors.pow(8).mean((1, 2, 3)) + 1).pow(0.25).mean().log()

    def _difference(self, found: Tensor, expected: Tensor) -> Tensor:
        if self._limits:
            low, high = self._limits
            found = torch.where(expected >= high, found.clamp(max=high), found)
            found = torch.where(expected <= low, found.clamp(min=low), found)
        return found - expected

    def _distance(self, difference: Tensor) -> Tensor:
        match self._options.loss:
            case "l1":
                return (difference.abs() * self._mask).mean()
            case "l2":
                return 10 * (difference.square() * self._mask).mean()
            case "psnr":
                # 1e-5 is 50 dB: flat patches, which any network gets right, must not count for more and more.
                return ((difference.square() * self._mask).mean((1, 2, 3)) + 1e-5).log().mean()
