"""Keras's layers as ONNX nodes. Keras has channels last, ONNX first: weights and paddings are turned here.

What a layer does is in https://keras.io/api/layers. `same` padding is ONNX's SAME_UPPER.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from shadergen.errors import quoted
from shadergen.sources.keras.description import Array, Call
from shadergen.sources.onnx.assembly import Assembly
from shadergen.sources.onnx.read import Constant

Handler = Callable[["Layer"], str]
"""Gives the tensor of what a layer makes."""


@dataclass(eq=False)
class Conversion:
    """What has been converted so far."""

    assembly: Assembly = field(default_factory=Assembly)
    tensors: dict[str, str] = field(default_factory=dict)
    """ONNX's names of the results by Keras's."""

    def run(self, call: Call, handlers: Mapping[str, Handler]) -> None:
        """Convert a call. Raises ValueError for one that cannot be."""
        if call.kind not in handlers:
            raise ValueError(f"found such a layer, expected one of {', '.join(sorted(handlers))}; export it as ONNX")
        self.tensors[call.output] = handlers[call.kind](Layer(self, call))


@dataclass(eq=False)
class Layer:
    """What a handler sees of its layer."""

    conversion: Conversion
    call: Call

    # Settings

    def get(self, key: str, default: Any = None) -> Any:
        return self.call.config.get(key, default)

    def number(self, key: str, default: float = 0.0) -> float:
        value = self.get(key)
        if value is None:
            return default
        if isinstance(value, dict):  # a number of NumPy's
            value = value.get("config", {}).get("value")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"found {key} {str(value)[:60]}, expected a number")
        return float(value)

    def pair(self, key: str, default: int = 1) -> tuple[int, int]:
        """A number for rows and one for columns, or one for both."""
        value = self.get(key, default)
        pair = [value, value] if isinstance(value, int) else value
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(item, int) for item in pair):
            raise ValueError(f"found {key} {str(value)[:60]}, expected two integers")
        return pair[0], pair[1]

    def sides(self, key: str) -> tuple[int, int, int, int]:
        """What is added or cut at the top, left, bottom and right."""
        match self.get(key):
            case int() as side:
                return side, side, side, side
            case [int() as rows, int() as columns]:
                return rows, columns, rows, columns
            case [[int() as top, int() as bottom], [int() as left, int() as right]]:
                return top, left, bottom, right
            case value:
                raise ValueError(f"found {key} {str(value)[:60]}, expected numbers of rows and columns")

    def expect(self, key: str, *allowed: Any) -> Any:
        """A setting that may have these values only, the first where it is not there."""
        value = self.get(key, allowed[0])
        if value not in allowed:
            raise ValueError(f"found {key} {quoted(str(value))}, expected {' or '.join(map(str, allowed))}")
        return value

    def weight(self, index: int, axes: int) -> Array:
        """One of the layer's weights, of so many axes."""
        if index >= len(self.call.weights):
            raise ValueError(f"found {len(self.call.weights)} weights, expected {index + 1} or more")
        weight = self.call.weights[index]
        if weight.ndim != axes or not weight.size:
            raise ValueError(f"found weights of shape {weight.shape}, expected {axes} axes")
        return weight

    # Values

    @property
    def inputs(self) -> list[str | Constant]:
        """Tensors, or numbers."""
        return [
            self.conversion.tensors[value] if isinstance(value, str) else _constant(value) for value in self.call.inputs
        ]

    @property
    def x(self) -> str:
        """The tensor of the only input."""
        tensors = [value for value in self.inputs if isinstance(value, str)]
        if len(tensors) != 1:
            raise ValueError(f"found {len(tensors)} inputs, expected one")
        return tensors[0]

    def node(self, op: str, *inputs: str | Constant, tag: str = "", **attributes: Any) -> str:
        """What a new node gives. It has the layer's name, with `tag` behind; an array is a constant."""
        name = f"{self.call.name}_{tag}" if tag else self.call.name
        return self.conversion.assembly.add(self.call.words, name, op, *inputs, **attributes)[0]


def _constant(value: float) -> Constant:
    return np.array(value, np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# What comes in, and what stays as it is


def _input(layer: Layer) -> str:
    shape = layer.get("batch_shape", layer.get("batch_input_shape"))
    if not isinstance(shape, list) or len(shape) != 4:
        raise ValueError(f"found an input of shape {str(shape)[:60]}, expected pictures (any, height, width, channels)")
    return layer.conversion.assembly.input(layer.call.name, shape[3] if isinstance(shape[3], int) else None)


def _same(layer: Layer) -> str:
    return layer.x


# ---------------------------------------------------------------------------------------------------------------------
# Convolutions


def _conv(layer: Layer) -> str:
    """A kernel is (rows, columns, in / groups, out)."""
    weight = layer.weight(0, 4).transpose(3, 2, 0, 1)
    return _activated(layer, _convolution(layer, layer.x, weight, layer.get("groups", 1), 1))


def _depthwise(layer: Layer) -> str:
    """A kernel is (rows, columns, in, times): each channel has its own kernels."""
    return _activated(layer, _convolution(layer, layer.x, *_by_channel(layer.weight(0, 4)), 1))


def _separable(layer: Layer) -> str:
    weight, group = _by_channel(layer.weight(0, 4))
    x = _convolution(layer, layer.x, weight, group, None, tag="depthwise")
    point = layer.weight(1, 4).transpose(3, 2, 0, 1)
    return _activated(layer, layer.node("Conv", x, point, *_bias(layer, 2)))


def _by_channel(kernel: Array) -> tuple[Array, int]:
    rows, columns, channels, times = kernel.shape
    return kernel.transpose(2, 3, 0, 1).reshape(channels * times, 1, rows, columns), channels


def _convolution(layer: Layer, x: str, weight: Array, group: int, bias: int | None, tag: str = "") -> str:
    """`bias` is its place among the weights."""
    attributes = {"strides": layer.pair("strides"), "dilations": layer.pair("dilation_rate"), "group": group}
    biases = [] if bias is None else _bias(layer, bias)
    return layer.node("Conv", x, weight, *biases, tag=tag, auto_pad=_padding(layer), **attributes)


def _conv_transpose(layer: Layer) -> str:
    """A kernel is (rows, columns, out, in)."""
    if layer.get("output_padding") is not None:
        raise ValueError("found output_padding, expected none")
    weight = layer.weight(0, 4).transpose(3, 2, 0, 1)
    strides, kernel = layer.pair("strides"), weight.shape[2:]
    over = [max(0, side - stride) for side, stride in zip(kernel, strides, strict=True)]
    attributes: dict[str, Any] = {"strides": strides}
    if layer.expect("padding", "valid", "same") == "same":
        before = [side // 2 for side in over]
        attributes["pads"] = (*before, *(side - first for side, first in zip(over, before, strict=True)))
        attributes["output_padding"] = [max(0, stride - side) for side, stride in zip(kernel, strides, strict=True)]
    if layer.pair("dilation_rate") != (1, 1):
        raise ValueError("found dilations of a transposed convolution, expected none")
    return _activated(layer, layer.node("ConvTranspose", layer.x, weight, *_bias(layer, 1), **attributes))


def _bias(layer: Layer, index: int) -> list[Array]:
    return [layer.weight(index, 1)] if layer.get("use_bias", True) else []


def _padding(layer: Layer) -> str:
    layer.expect("data_format", "channels_last", None)
    return {"valid": "VALID", "same": "SAME_UPPER"}[layer.expect("padding", "valid", "same")]


# ---------------------------------------------------------------------------------------------------------------------
# Activations


def _activated(layer: Layer, x: str) -> str:
    """What the layer's own activation makes of a value: a name, or a description of a layer."""
    match layer.get("activation"):
        case None | "linear":
            return x
        case str() as name:
            return _by_name(layer, x, name)
        case {"class_name": str() as kind, "config": dict() | str() as config}:
            if isinstance(config, str):  # a function
                return _by_name(layer, x, config)
            call = Call(kind, layer.call.name, "", config, ("x",), {}, ())
            alone = Conversion(layer.conversion.assembly, {"x": x})
            alone.run(call, {name: HANDLERS[name] for name in ("ReLU", "LeakyReLU", "ELU", "Activation")})
            return alone.tensors[""]
        case value:
            raise ValueError(f"found activation {str(value)[:60]}, expected a name")


_UNARY: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {}),
    "sigmoid": ("Sigmoid", {}),
    "tanh": ("Tanh", {}),
    "softplus": ("Softplus", {}),
    "mish": ("Mish", {}),
    "gelu": ("Gelu", {}),
}


def _by_name(layer: Layer, x: str, name: str) -> str:
    match name:
        case "linear":
            return x
        case "relu6":
            return layer.node("Clip", x, _constant(0), _constant(6), tag=name)
        case "swish" | "silu":
            return layer.node("Mul", x, layer.node("Sigmoid", x, tag="gate"), tag=name)
    if name not in _UNARY:
        raise ValueError(f"found activation {quoted(name)}, expected {', '.join(sorted(_UNARY))}, relu6, silu or swish")
    op, attributes = _UNARY[name]
    return layer.node(op, x, tag=name, **attributes)


def _activation(layer: Layer) -> str:
    return _activated(layer, layer.x)


def _relu(layer: Layer) -> str:
    if layer.number("threshold"):
        raise ValueError("found a threshold, expected none")
    slope = layer.number("negative_slope")
    x = layer.node("LeakyRelu", layer.x, alpha=slope) if slope else layer.node("Relu", layer.x)
    if layer.get("max_value") is None:
        return x
    return layer.node("Min", x, _constant(layer.number("max_value")), tag="most")


def _leaky_relu(layer: Layer) -> str:
    """Its slope was called alpha before Keras 3, 0.3 unless given in both."""
    return layer.node("LeakyRelu", layer.x, alpha=layer.number("negative_slope", layer.number("alpha", 0.3)))


def _prelu(layer: Layer) -> str:
    """Slopes are (1, 1, channels) where rows and columns share them."""
    slopes = layer.weight(0, 3)
    if slopes.shape[:2] != (1, 1):
        raise ValueError(f"found slopes of shape {slopes.shape}, expected one a channel: shared_axes=[1, 2]")
    return layer.node("PRelu", layer.x, slopes.transpose(2, 0, 1))


def _elu(layer: Layer) -> str:
    return layer.node("Elu", layer.x, alpha=layer.number("alpha", 1.0))


# ---------------------------------------------------------------------------------------------------------------------
# Arithmetic


def _merged(op: str) -> Handler:
    """The handler of a layer that takes two values or more; an operator of Keras 3 also takes numbers."""

    def handler(layer: Layer) -> str:
        if len(layer.inputs) < 2:
            raise ValueError(f"found {len(layer.inputs)} inputs, expected two or more")
        result = reduce(lambda a, b: layer.node(op, a, b), layer.inputs)
        assert isinstance(result, str)
        return result

    return handler


def _average(layer: Layer) -> str:
    return layer.node("Mul", _merged("Add")(layer), _constant(1 / len(layer.inputs)), tag="mean")


def _concatenate(layer: Layer) -> str:
    layer.expect("axis", -1, 3)
    return layer.node("Concat", *layer.inputs, axis=1)


def _rescaling(layer: Layer) -> str:
    scaled = layer.node("Mul", layer.x, _constant(layer.number("scale", 1.0)), tag="scaled")
    return layer.node("Add", scaled, _constant(layer.number("offset")))


def _batch_normalization(layer: Layer) -> str:
    layer.expect("axis", -1, 3, [3], [-1])
    scales, centres = layer.get("scale", True), layer.get("center", True)
    given = [layer.weight(index, 1) for index in range(2 + bool(scales) + bool(centres))]
    mean, variance = given[-2:]
    scale = given[0] if scales else np.ones_like(mean)
    shift = given[-3] if centres else np.zeros_like(mean)
    return layer.node(
        "BatchNormalization", layer.x, scale, shift, mean, variance, epsilon=layer.number("epsilon", 0.001)
    )


# ---------------------------------------------------------------------------------------------------------------------
# Places


def _zero_padding(layer: Layer) -> str:
    layer.expect("data_format", "channels_last", None)
    top, left, bottom, right = layer.sides("padding")
    return layer.node("Pad", layer.x, np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))


def _cropping(layer: Layer) -> str:
    layer.expect("data_format", "channels_last", None)
    top, left, bottom, right = layer.sides("cropping")
    ends = [-side if side else np.iinfo(np.int64).max for side in (bottom, right)]
    bounds = (np.array(values, np.int64) for values in ([top, left], ends, [2, 3]))
    return layer.node("Slice", layer.x, *bounds)


def _up_sampling(layer: Layer) -> str:
    """`nearest` repeats pixels, `bilinear` reads with pixels' centres on each other."""
    layer.expect("data_format", "channels_last", None)
    sizes = np.array([1, 1, *layer.pair("size", 2)], np.float32)
    if layer.expect("interpolation", "nearest", "bilinear") == "nearest":
        modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        modes = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return layer.node("Resize", layer.x, "", sizes, **modes)


def _pooling(op: str) -> Handler:
    def handler(layer: Layer) -> str:
        size = layer.pair("pool_size", 2)
        strides = layer.pair("strides") if layer.get("strides") is not None else size
        return layer.node(op, layer.x, kernel_shape=size, strides=strides, auto_pad=_padding(layer))

    return handler


def _global_mean(layer: Layer) -> str:
    if not layer.get("keepdims"):
        raise ValueError("found a mean without rows and columns, expected keepdims")
    return layer.node("GlobalAveragePool", layer.x)


def _depth_to_space(layer: Layer) -> str:
    """TensorFlow's: the place in the block is the slower part of a channel's number, which is ONNX's DCR.

    Keras has no such layer; networks bring their own, with the block's side as `block_size`, `scale` or so, or a call
    of tf.nn.depth_to_space.
    """
    given = {**layer.call.config, **layer.call.options}
    keys = ("block_size", "blocksize", "block", "scale", "scale_factor", "upscale_factor", "factor", "upscale")
    block = next((given[key] for key in keys if isinstance(given.get(key), int)), None)
    block = block or next((int(value) for value in layer.call.inputs if not isinstance(value, str)), None)
    if block is None:
        raise ValueError(f"found no size of the blocks, expected one of {', '.join(keys)}")
    return layer.node("DepthToSpace", layer.x, blocksize=block, mode="DCR")


def _tf_op(layer: Layer) -> str:
    """A function of TensorFlow's that was called on a value of Keras 2."""
    function = str(layer.get("function", layer.call.name)).removeprefix("tf.")
    handlers: Mapping[str, Handler] = {
        "nn.depth_to_space": _depth_to_space,
        "nn.relu": lambda layer: layer.node("Relu", layer.x),
        "__operators__.add": _operands("Add"),
        "math.add": _operands("Add"),
        "math.multiply": _operands("Mul"),
        "math.subtract": _operands("Sub"),
    }
    if function not in handlers:
        raise ValueError(f"found function {quoted(function)}, expected one of {', '.join(handlers)}; export it as ONNX")
    return handlers[function](layer)


def _operands(op: str) -> Handler:
    """Of two values, or of a value and a number as `y`."""

    def handler(layer: Layer) -> str:
        y = layer.call.options.get("y")
        numbers = [_constant(y)] if isinstance(y, int | float) else []
        result = reduce(lambda a, b: layer.node(op, a, b), [*layer.inputs, *numbers])
        assert isinstance(result, str)
        return result

    return handler


HANDLERS: Mapping[str, Handler] = {
    "Activation": _activation,
    "Add": _merged("Add"),
    "Average": _average,
    "AveragePooling2D": _pooling("AveragePool"),
    "BatchNormalization": _batch_normalization,
    "Concatenate": _concatenate,
    "Conv2D": _conv,
    "Conv2DTranspose": _conv_transpose,
    "Cropping2D": _cropping,
    "DepthToSpace": _depth_to_space,
    "DepthwiseConv2D": _depthwise,
    "Dropout": _same,
    "ELU": _elu,
    "GlobalAveragePooling2D": _global_mean,
    "Identity": _same,
    "InputLayer": _input,
    "LeakyReLU": _leaky_relu,
    "MaxPooling2D": _pooling("MaxPool"),
    "Maximum": _merged("Max"),
    "Minimum": _merged("Min"),
    "Multiply": _merged("Mul"),
    "PReLU": _prelu,
    "PixelShuffle": _depth_to_space,
    "ReLU": _relu,
    "Rescaling": _rescaling,
    "SeparableConv2D": _separable,
    "SpatialDropout2D": _same,
    "Subtract": _merged("Sub"),
    "TFOpLambda": _tf_op,
    "UpSampling2D": _up_sampling,
    "ZeroPadding2D": _zero_padding,
}
