"""Operators that move numbers between channels and pixels, and compute nothing."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from fractions import Fraction

from shadergen.ir.ops.checks import Inputs, one
from shadergen.ir.types import TensorType


@dataclass(frozen=True)
class Concat:
    """The inputs' channels one after another; all have the same height and width."""

    def infer(self, inputs: Inputs) -> TensorType:
        if not inputs:
            raise ValueError("found 0 inputs, expected 1 or more")
        first = inputs[0]
        if any(other.area != first.area for other in inputs):
            sizes = " and ".join(dict.fromkeys(f"{other.height} x {other.width}" for other in inputs))
            raise ValueError(f"found inputs of different sizes, {sizes}, expected equal ones")
        return TensorType(sum(other.channels for other in inputs), first.height, first.width)


@dataclass(frozen=True)
class Slice:
    """The channels from `start` to `stop`, which is exclusive; one or more."""

    start: int
    stop: int

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        if not 0 <= self.start < self.stop <= x.channels:
            raise ValueError(f"found channels {self.start} to {self.stop}, expected a range within {x.channels}")
        return TensorType(self.stop - self.start, x.height, x.width)


@dataclass(frozen=True)
class Gather:
    """Channel c is the input's channel indices[c]: a permutation, a repetition, any choice."""

    indices: tuple[int, ...]

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        if not self.indices or not 0 <= min(self.indices) <= max(self.indices) < x.channels:
            raise ValueError(f"found channels {reprlib.repr(self.indices)}, expected some of {x.channels}")
        return TensorType(len(self.indices), x.height, x.width)


@dataclass(frozen=True)
class DepthToSpace:
    """Channel c * block^2 + dy * block + dx becomes channel c at (y * block + dy, x * block + dx).

    ONNX's mode CRD, PyTorch's PixelShuffle; the only order here. Sources permute weights that want DCR.
    """

    block: int
    """The side of the square of pixels that one pixel becomes; its square divides the number of channels."""

    def infer(self, inputs: Inputs) -> TensorType:
        x, block = one(inputs), self.block
        if block < 1 or x.channels % block**2:
            raise ValueError(f"found {x.channels} channels, expected a multiple of {block**2} for block {block}")
        return TensorType(x.channels // block**2, x.height.times(block), x.width.times(block))


@dataclass(frozen=True)
class SpaceToDepth:
    """The inverse of DepthToSpace, PyTorch's PixelUnshuffle (ONNX's SpaceToDepth orders channels otherwise)."""

    block: int
    """The side of the square of pixels that become one; it divides the height and the width."""

    def infer(self, inputs: Inputs) -> TensorType:
        x, block = one(inputs), self.block
        if block < 1:
            raise ValueError(f"found block {block}, expected 1 or more")
        if any(size.offset % block for size in x.area):
            raise ValueError(f"found size {x.height} x {x.width}, expected multiples of {block}")
        factor = Fraction(1, block)
        return TensorType(x.channels * block**2, x.height.times(factor), x.width.times(factor))
