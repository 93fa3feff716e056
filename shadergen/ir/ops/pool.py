"""Maxima and means over pixels, each channel by itself."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.ir.extent import fixed
from shadergen.ir.ops.checks import Inputs, Sides, Spatial, one, two, windows
from shadergen.ir.types import TensorType


@dataclass(frozen=True)
class MaxPool:
    """The maximum of each kernel's pixels; padding does not count."""

    kernel: Spatial
    """Height and width."""
    strides: Spatial = (1, 1)
    pads: Sides = (0, 0, 0, 0)
    """Each 0 or more and less than the kernel."""

    def infer(self, inputs: Inputs) -> TensorType:
        return _pooled(one(inputs), self.kernel, self.strides, self.pads)


@dataclass(frozen=True)
class AveragePool:
    """The mean of each kernel's pixels; padding does not count."""

    kernel: Spatial
    """Height and width."""
    strides: Spatial = (1, 1)
    pads: Sides = (0, 0, 0, 0)
    """Each 0 or more and less than the kernel."""

    def infer(self, inputs: Inputs) -> TensorType:
        return _pooled(one(inputs), self.kernel, self.strides, self.pads)


@dataclass(frozen=True)
class GlobalAveragePool:
    """The mean of each channel: an image of one pixel."""

    def infer(self, inputs: Inputs) -> TensorType:
        return TensorType(one(inputs).channels, fixed(1), fixed(1))


@dataclass(frozen=True)
class MeanOfMeans:
    """The mean of each channel of an image, from the means of its blocks: an image of one pixel.

    The first input has the means that an AveragePool of `block` pixels and strides gave, with `block` - 1 padding at
    the bottom and right; of the second, the image, only the size counts, for the blocks that are cut off. No file has
    it.
    """

    block: int
    """The side of a block in pixels."""

    def infer(self, inputs: Inputs) -> TensorType:
        means, _ = two(inputs)
        return TensorType(means.channels, fixed(1), fixed(1))


def _pooled(x: TensorType, kernel: Spatial, strides: Spatial, pads: Sides) -> TensorType:
    if min(pads) < 0 or any(pad >= side for pad, side in zip(pads, kernel * 2, strict=True)):
        raise ValueError(f"found pads {pads}, expected 0 or more, each less than the kernel {kernel}")
    return TensorType(x.channels, *windows(x, kernel, strides, pads))
