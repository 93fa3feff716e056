"""From ncnn layers to ONNX nodes: the state of a conversion, and what a layer's handler sees of its layer.

A blob is a picture (channels, rows, columns), perhaps of one pixel, or a vector of numbers, one per channel. As an ONNX
tensor each has four axes, 1 x channels x rows x columns, where a vector has one row and column: ncnn's arithmetic takes
a vector beside a picture as one number per channel, and that is how ONNX then broadcasts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, Literal

import numpy as np

from shadergen.errors import quoted
from shadergen.sources.ncnn.param import Layer
from shadergen.sources.ncnn.weights import Weights
from shadergen.sources.onnx.assembly import Assembly
from shadergen.sources.onnx.read import Constant

NOT_GIVEN = -233
"""What ncnn writes for a number that is to be found out."""

Kind = Literal["picture", "pixel", "vector"]


@dataclass(frozen=True)
class Blob:
    """What a blob of the file is as an ONNX tensor."""

    tensor: str
    kind: Kind = "picture"


@dataclass(eq=False)
class Conversion:
    """What has been converted so far."""

    weights: Weights
    assembly: Assembly = field(default_factory=Assembly)
    blobs: dict[str, Blob] = field(default_factory=dict)

    def run(self, layer: Layer, handlers: Mapping[str, Handler]) -> None:
        """Convert a layer. Raises ValueError for one that cannot be."""
        if layer.kind not in handlers:
            raise ValueError(f"found such a layer, expected one of {', '.join(sorted(handlers))}")
        call = Call(self, layer)
        given = handlers[layer.kind](call)
        outputs = given if isinstance(given, list) else [given]
        if len(outputs) != len(layer.outputs):
            raise ValueError(f"found {len(layer.outputs)} outputs, expected {len(outputs)}")
        self.blobs.update(zip(layer.outputs, outputs, strict=True))


@dataclass(eq=False)
class Call:
    """One layer of the file."""

    conversion: Conversion
    layer: Layer

    # Parameters

    def integer(self, index: int, default: int = 0) -> int:
        """A parameter that is an integer; ncnn also takes one that is written as 4.0."""
        value = self.number(index, default)
        if value != int(value):
            raise ValueError(f"found parameter {index}={value:g}, expected an integer")
        return int(value)

    def number(self, index: int, default: float = 0.0) -> float:
        value = self.layer.params.get(index, default)
        if isinstance(value, str | tuple):
            raise ValueError(f"found parameter {index}={value!r}, expected a number")
        return value

    def array(self, index: int) -> list[float]:
        """A parameter that is an array; empty where it is not there."""
        value = self.layer.params.get(index, ())
        if isinstance(value, str):
            raise ValueError(f"found parameter {index}={quoted(value)}, expected numbers")
        return list(value) if isinstance(value, tuple) else [value]

    def integers(self, index: int) -> list[int]:
        return [int(value) for value in self.array(index)]

    def refuse(self, index: int, what: str, allowed: float | str = 0) -> None:
        """Raise ValueError where a parameter has another value than the only one that can be done."""
        value = self.layer.params.get(index, allowed)
        if value != allowed:
            raise ValueError(f"found {what} ({index}={value}), expected {allowed or 'none'}")

    # Weights

    def tagged(self, *shape: int) -> Constant:
        """The layer's next array of weights, with its storage in front."""
        return self.conversion.weights.tagged(_count(shape)).reshape(shape)

    def plain(self, *shape: int) -> Constant:
        """The layer's next array of weights in float32."""
        return self.conversion.weights.plain(_count(shape)).reshape(shape)

    # Inputs

    def blob(self, index: int = 0) -> Blob:
        if index >= len(self.layer.inputs):
            raise ValueError(f"found {len(self.layer.inputs)} inputs, expected {index + 1} or more")
        name = self.layer.inputs[index]
        if name not in self.conversion.blobs:
            raise ValueError(f"found input {quoted(name)}, expected a blob of an earlier layer")
        return self.conversion.blobs[name]

    def blobs(self) -> list[Blob]:
        return [self.blob(i) for i in range(len(self.layer.inputs))]

    def picture(self, index: int = 0) -> str:
        """The tensor of an input that must be a picture."""
        blob = self.blob(index)
        if blob.kind == "vector":
            raise ValueError("found a vector, expected a picture")
        return blob.tensor

    def vector(self, index: int = 0) -> str:
        """The tensor of an input that must be a vector, or one pixel."""
        blob = self.blob(index)
        if blob.kind == "picture":
            raise ValueError("found a picture, expected a vector, such as a mean of pixels")
        return blob.tensor

    # Results

    def node(self, op: str, *inputs: str | Constant, tag: str = "", **attributes: Any) -> str:
        """The tensor that a new node gives. It has the layer's name, with `tag` behind; an array is a constant."""
        return self.nodes(op, 1, *inputs, tag=tag, **attributes)[0]

    def nodes(self, op: str, count: int, *inputs: str | Constant, tag: str = "", **attributes: Any) -> list[str]:
        """All tensors of a new node that gives `count` of them."""
        name = f"{self.layer.name}_{tag}" if tag else self.layer.name
        return self.conversion.assembly.add(self.layer.words, name, op, *inputs, count=count, **attributes)

    def like(self, blob: Blob, op: str, *inputs: str | Constant, tag: str = "", **attributes: Any) -> Blob:
        """What a new node gives, as a blob of the same kind as another."""
        return Blob(self.node(op, *inputs, tag=tag, **attributes), blob.kind)


Handler = Callable[[Call], Blob | list[Blob]]
"""Gives what a layer's blob is, or a list of all its blobs."""


class Registry(dict[str, Handler]):
    """Handlers by the type of the layer."""

    def handles(self, *kinds: str) -> Callable[[Handler], Handler]:
        """A decorator that makes a function the handler of the layers of these types."""

        def register(handler: Handler) -> Handler:
            self.update(dict.fromkeys(kinds, handler))
            return handler

        return register


def numbers(*values: float) -> Constant:
    """A constant of these numbers; one number has no axes."""
    return np.array(values if len(values) > 1 else values[0], np.float32)


def integers(*values: int) -> Constant:
    """A constant vector of integers."""
    return np.array(values, np.int64)


def per_channel(values: Constant) -> Constant:
    """One number per channel, as arithmetic with a picture wants it."""
    return values.reshape(-1, 1, 1)


def _count(shape: tuple[int, ...]) -> int:
    if min(shape) < 1:
        raise ValueError(f"found weights of shape {shape}, expected sizes above 0")
    return prod(shape)
