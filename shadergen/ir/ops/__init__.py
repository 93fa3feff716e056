"""The operators of a network, as data.

They have ONNX's names and meanings, restricted to one image of shape (channels, height, width). Two differ, and say so:
DepthToSpace is always CRD and SpaceToDepth is its inverse. What ONNX lacks is Rim, Fit, Affine and MeanOfMeans.

An operator is a frozen dataclass. Its fields are its attributes and weights, and `infer` gives the type of its value
from those of its inputs; it raises ValueError with what was found and expected. `Op` says which operators there are;
what tells them apart does so by `match` and `assert_never`, so that mypy names every place that a new one touches.
"""

from __future__ import annotations

from typing import get_args

from shadergen.ir.ops.activation import (
    Affine,
    Clip,
    Elu,
    Erf,
    LeakyRelu,
    PRelu,
    Relu,
    Round,
    Selu,
    Sigmoid,
    Softplus,
    Sqrt,
    Tanh,
    Unary,
)
from shadergen.ir.ops.arithmetic import Add, Binary, Div, Mul, Sub
from shadergen.ir.ops.checks import Array, PadMode, Scales, Sides, Spatial
from shadergen.ir.ops.conv import Conv, ConvTranspose
from shadergen.ir.ops.layout import Concat, DepthToSpace, Gather, Slice, SpaceToDepth
from shadergen.ir.ops.pool import AveragePool, GlobalAveragePool, MaxPool, MeanOfMeans
from shadergen.ir.ops.resample import Coordinates, Filter, Fit, Pad, Resize, Rounding
from shadergen.ir.ops.rim import Rim, RimTerm

Pointwise = Unary | Binary
"""Operators whose value at a channel and pixel needs only the operands at that channel and pixel."""
Stored = (
    Conv
    | ConvTranspose
    | Pointwise
    | Concat
    | Slice
    | Gather
    | DepthToSpace
    | SpaceToDepth
    | Pad
    | Fit
    | Resize
    | MaxPool
    | AveragePool
    | GlobalAveragePool
)
"""Operators that a file can hold: a file has the network as it was trained."""
Internal = Rim | MeanOfMeans
"""Operators that rewrites make and no file has."""
Op = Stored | Internal

OPERATORS: tuple[type[Op], ...] = get_args(Op)
"""Every operator."""

__all__ = [
    "OPERATORS",
    "Add",
    "Affine",
    "Array",
    "AveragePool",
    "Binary",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Coordinates",
    "DepthToSpace",
    "Div",
    "Elu",
    "Erf",
    "Filter",
    "Fit",
    "Gather",
    "GlobalAveragePool",
    "Internal",
    "LeakyRelu",
    "MaxPool",
    "MeanOfMeans",
    "Mul",
    "Op",
    "PRelu",
    "Pad",
    "PadMode",
    "Pointwise",
    "Relu",
    "Resize",
    "Rim",
    "RimTerm",
    "Round",
    "Rounding",
    "Scales",
    "Selu",
    "Sides",
    "Sigmoid",
    "Slice",
    "Softplus",
    "SpaceToDepth",
    "Spatial",
    "Sqrt",
    "Stored",
    "Sub",
    "Tanh",
    "Unary",
    "takes_size",
]


def takes_size(op: Op) -> bool:
    """Whether the operator's second input is there for its size alone."""
    return isinstance(op, Fit) or (isinstance(op, Resize) and op.size is not None)
