"""Operators of one image whose value at a channel and pixel needs only the image there: activations and scales."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shadergen.ir.ops.checks import Array, Inputs, expect_finite, expect_per_channel, one
from shadergen.ir.types import TensorType


class _Elementwise:
    """An operator whose value has its input's type, and that has nothing else to check."""

    def infer(self, inputs: Inputs) -> TensorType:
        return one(inputs)


@dataclass(frozen=True)
class Relu(_Elementwise):
    """max(x, 0)."""


@dataclass(frozen=True)
class LeakyRelu:
    """x where x >= 0, else alpha * x."""

    alpha: float = 0.01

    def infer(self, inputs: Inputs) -> TensorType:
        _expect_finite_numbers(self.alpha)
        return one(inputs)


@dataclass(frozen=True, eq=False)
class PRelu:
    """x where x >= 0, else slope * x, with one slope per channel."""

    slope: Array
    """(channels,), finite."""

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        expect_per_channel(self.slope, "slope", x)
        return x


@dataclass(frozen=True)
class Elu:
    """x where x >= 0, else alpha * (exp(x) - 1)."""

    alpha: float = 1.0

    def infer(self, inputs: Inputs) -> TensorType:
        _expect_finite_numbers(self.alpha)
        return one(inputs)


@dataclass(frozen=True)
class Selu:
    """gamma * x where x > 0, else gamma * alpha * (exp(x) - 1); ONNX's constants."""

    alpha: float = 1.67326319217681884765625
    gamma: float = 1.05070102214813232421875

    def infer(self, inputs: Inputs) -> TensorType:
        _expect_finite_numbers(self.alpha, self.gamma)
        return one(inputs)


@dataclass(frozen=True)
class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x))."""


@dataclass(frozen=True)
class Tanh(_Elementwise):
    """The hyperbolic tangent."""


@dataclass(frozen=True)
class Softplus(_Elementwise):
    """log(1 + exp(x)). Mish is x * tanh(softplus(x))."""


@dataclass(frozen=True)
class Erf(_Elementwise):
    """The error function. Gelu is x / 2 * (1 + erf(x / sqrt(2)))."""


@dataclass(frozen=True)
class Sqrt(_Elementwise):
    """The square root; not a number below zero."""


@dataclass(frozen=True)
class Round(_Elementwise):
    """The nearest whole number; of two that are equally near, the even one.

    Shaders that store bytes, or multiply them (dp4a), have it between two scales. Where a value is half-way but for
    rounding, two devices may differ by 1.
    """


@dataclass(frozen=True)
class Clip:
    """min(max(x, minimum), maximum)."""

    minimum: float = 0.0
    """At most `maximum`; either may be infinite."""
    maximum: float = 1.0

    def infer(self, inputs: Inputs) -> TensorType:
        if not self.minimum <= self.maximum:
            raise ValueError(f"found minimum {self.minimum:g} and maximum {self.maximum:g}, expected them in order")
        return one(inputs)


@dataclass(frozen=True, eq=False)
class Affine:
    """scale * x + shift, with one of each per channel: a constant's Add, Mul, Sub and Div, and BatchNormalization."""

    scale: Array
    """(channels,), finite."""
    shift: Array
    """(channels,), finite."""

    def infer(self, inputs: Inputs) -> TensorType:
        x = one(inputs)
        expect_per_channel(self.scale, "scale", x)
        expect_per_channel(self.shift, "shift", x)
        return x


Unary = Relu | LeakyRelu | PRelu | Elu | Selu | Sigmoid | Tanh | Softplus | Erf | Sqrt | Round | Clip | Affine


def _expect_finite_numbers(*numbers: float) -> None:
    """In float32, in which they are used."""
    with np.errstate(over="ignore"):
        expect_finite(np.array(numbers, np.float32), "its numbers")
