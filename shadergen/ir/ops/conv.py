"""Convolutions and their adjoint."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.ir.ops.checks import Array, Inputs, PadMode, Sides, Spatial, expect_finite, expect_kernel, one, windows
from shadergen.ir.types import TensorType


@dataclass(frozen=True, eq=False)
class Conv:
    """Cross-correlation: y[o, r, c] = bias[o] + sum over i, ky, kx of weight[o, i, ky, kx] * x[i, r', c'].

    With strides s and dilations d, the pixel read is r' = s * r + d * ky, c' = s * c + d * kx. `x` is first padded by
    `pads`, with the values that `pad_mode` says. With groups, an output channel sums over the input channels of its own
    group only.
    """

    weight: Array
    """(out, in / group, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    pads: Sides = (0, 0, 0, 0)
    """0 or more."""
    pad_mode: PadMode = "zero"
    strides: Spatial = (1, 1)
    """1 or more, as are the dilations."""
    dilations: Spatial = (1, 1)
    group: int = 1
    """Divides the numbers of channels."""

    @property
    def plain(self) -> bool:
        """Whether every pixel reads the pixels next to its own, all channels of them."""
        return (self.strides, self.dilations, self.group) == ((1, 1), (1, 1), 1)

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        expect_kernel(self.weight, self.bias, self.group, x)
        if min(self.pads) < 0:
            raise ValueError(f"found pads {self.pads}, expected none below 0")
        if min(self.dilations) < 1:
            raise ValueError(f"found dilations {self.dilations}, expected 1 or more")
        out, _, kh, kw = self.weight.shape
        reach = ((kh - 1) * self.dilations[0] + 1, (kw - 1) * self.dilations[1] + 1)
        return TensorType(out, *windows(x, reach, self.strides, self.pads))


@dataclass(frozen=True, eq=False)
class ConvTranspose:
    """The adjoint of a convolution: x[i, y, x] * weight[i, o, ky, kx] is added to y[o, y*sy+ky, x*sx+kx], then bias[o].

    The result is then cropped by `pads`. With groups, an input channel adds to the output channels of its own group.
    """

    weight: Array
    """(in, out / group, kh, kw), finite."""
    bias: Array
    """(out,), finite."""
    pads: Sides = (0, 0, 0, 0)
    """Bottom and right may be below zero, for rows and columns that have the bias alone: ONNX's output_padding is
    subtracted from them."""
    strides: Spatial = (1, 1)
    """1 or more."""
    group: int = 1
    """Divides the numbers of channels."""

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        if self.weight.ndim != 4 or not self.weight.size:
            raise ValueError(f"found weight of shape {self.weight.shape}, expected (in, out, kh, kw)")
        in_, out, kh, kw = self.weight.shape
        if in_ != x.channels or self.group < 1 or in_ % self.group:
            raise ValueError(f"found weight for {in_} input channels in {self.group} groups, expected {x.channels}")
        if self.bias.shape != (out * self.group,):
            raise ValueError(f"found bias of shape {self.bias.shape}, expected ({out * self.group},)")
        expect_finite(self.weight, "weight")
        expect_finite(self.bias, "bias")
        if min(self.strides) < 1 or min(self.pads[:2]) < 0:
            raise ValueError(
                f"found strides {self.strides} and pads {self.pads}, expected 1 or more, and 0 or more before"
            )
        top, left, bottom, right = self.pads
        height = x.height.plus(-1).times(self.strides[0]).plus(kh - top - bottom)
        width = x.width.plus(-1).times(self.strides[1]).plus(kw - left - right)
        return TensorType(out * self.group, height, width)
