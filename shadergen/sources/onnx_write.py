"""Graphs as ONNX models: one image in, batch 1, NCHW, float32, any height and width.

Opset 13 is the first in which every operator here has its present form, and one that the backends of vs-mlrt read:
ONNX Runtime since 1.6, OpenVINO, ncnn, and TensorRT since 8.0, whose parsers go up to 13 until 8.4. IR version 8 is
read by everything from 2021 on.

What ONNX lacks is spelled in its operators, in nodes named after the graph's own with a word behind: `Affine` is a
BatchNormalization that normalises nothing, padding by edge or reflection a Pad in front, `SpaceToDepth` ONNX's with its
channels in another order, `Fit` a Pad and a Slice by sizes that the model computes.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from shadergen import __version__
from shadergen.errors import ModelError
from shadergen.files import write_whole
from shadergen.graph import (
    Add,
    Affine,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Fit,
    Gather,
    GlobalAveragePool,
    Graph,
    LeakyRelu,
    MaxPool,
    MeanOfMeans,
    Mul,
    Node,
    Op,
    Pad,
    PRelu,
    Relu,
    Resize,
    Rim,
    Selu,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
    TensorType,
    verify,
)
from shadergen.sources.onnx import METADATA

OPSET = 13
IR_VERSION = 8

_PAD_MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect"}


def save(graph: Graph, path: Path, fp16: bool = False) -> None:
    """Write the graph as an ONNX model. The same graph gives the same bytes.

    `fp16` stores the weights in float16 and computes in it; the picture stays float32 at both ends. Raises ModelError
    for what ONNX cannot say, and ShadergenError where the file cannot be written.
    """
    write_whole(path, model(graph, fp16).SerializeToString(deterministic=True))


def model(graph: Graph, fp16: bool = False) -> onnx.ModelProto:
    """The ONNX model of a valid graph."""
    types = verify(graph)
    writer = _Writer(graph, types, np.float16 if fp16 else np.float32)
    for node in graph.nodes:
        writer.write(node)
    return writer.model()


class _Writer:
    def __init__(self, graph: Graph, types: dict[str, TensorType], number: type[np.float16 | np.float32]) -> None:
        self.graph = graph
        self.types = types
        self.number = number
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.names = {graph.input: graph.input}
        """By value, what it is called in the model: with fp16, picture and result have another name inside."""
        if number is np.float16:
            self.names[graph.input] = self.node("Cast", [graph.input], f"{graph.input}_half", to=TensorProto.FLOAT16)

    # Parts

    def node(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, array: Any) -> str:
        """An initialiser; numbers with a fraction have the model's precision."""
        array = np.asarray(array)
        kept = array.astype(self.number) if array.dtype.kind == "f" else array.astype(np.int64)
        if not np.isfinite(kept).all():
            problem = f"found {np.abs(array).max():g} in {name}, expected at most 65504 for fp16"
            raise ModelError(self.graph.name, problem, "write float32")
        self.tensors.append(numpy_helper.from_array(np.asarray(kept, order="C"), name))
        return name

    def factors(self, name: str, values: list[float]) -> str:
        """The factors of a Resize are float32 whatever the model's precision."""
        self.tensors.append(numpy_helper.from_array(np.array(values, np.float32), name))
        return name

    def model(self) -> onnx.ModelProto:
        graph, record = self.graph, self.graph.record
        output = graph.output
        if self.number is np.float16 or output == graph.input:
            output = self.node("Cast", [self.names[graph.output]], f"{graph.output}_single", to=TensorProto.FLOAT)
        sizes: list[Any] = ["height", "width"]
        onnx_graph = helper.make_graph(
            self.nodes,
            "shadergen",
            [_image(graph.input, graph.input_type.channels, sizes)],
            [_image(output, self.types[graph.output].channels, ["out_height", "out_width"])],
            self.tensors,
        )
        result = helper.make_model(
            onnx_graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="shadergen",
            producer_version=__version__,
        )
        metadata = {"name": graph.name, "plane": graph.plane, "licence": record.licence}
        metadata |= {"training": dict(record.training), "scores": dict(record.scores)}  # type: ignore[dict-item]
        helper.set_model_props(result, {METADATA: json.dumps(metadata)})
        return result

    # Operators

    def write(self, node: Node) -> None:
        inputs = [self.names.get(name, name) for name in node.inputs]
        self.names[node.name] = self.operator(node.name, node.op, inputs)

    def operator(self, name: str, op: Op, x: list[str]) -> str:  # noqa: C901  # one case per operator
        match op:
            case Conv():
                return self.conv(name, op, x)
            case ConvTranspose():
                return self.conv_transpose(name, op, x)
            case Rim() | MeanOfMeans():
                problem = f"found operator {type(op).__name__!r}, expected one that ONNX has"
                raise ModelError(f"{self.graph.name}: node {name!r}", problem, "save the graph before it is rewritten")
            case LeakyRelu() | Elu() | Selu():
                return self.node(type(op).__name__, x, name, **_changed(op))
            case PRelu(slope):
                return self.node("PRelu", [*x, self.constant(f"{name}.slope", slope[:, None, None])], name)
            case Clip():
                return self.clip(name, op, x)
            case Affine(scale, shift):
                zeros, ones = np.zeros_like(scale), np.ones_like(scale)
                arrays = {"scale": scale, "shift": shift, "mean": zeros, "variance": ones}
                constants = [self.constant(f"{name}.{key}", array) for key, array in arrays.items()]
                return self.node("BatchNormalization", [*x, *constants], name, epsilon=0.0)
            case Concat():
                return self.node("Concat", x, name, axis=1)
            case Slice(start, stop):
                ends = [
                    self.constant(f"{name}.{key}", [i]) for key, i in (("start", start), ("stop", stop), ("axis", 1))
                ]
                return self.node("Slice", [*x, *ends], name)
            case Gather(indices):
                return self.node("Gather", [*x, self.constant(f"{name}.indices", indices)], name, axis=1)
            case DepthToSpace(block):
                return self.node("DepthToSpace", x, name, blocksize=block, mode="CRD")
            case SpaceToDepth(block):
                return self.space_to_depth(name, block, x)
            case Pad(pads, mode, value):
                return self.pad(name, x[0], pads, mode, value)
            case Fit():
                return self.fit(name, op, x)
            case Resize():
                return self.resize(name, op, x)
            case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
                return self.node(type(op).__name__, x, name, kernel_shape=kernel, strides=strides, pads=pads)
            case Relu() | Sigmoid() | Tanh() | Softplus() | Erf() | Sqrt() | GlobalAveragePool():
                return self.node(type(op).__name__, x, name)
            case Add() | Sub() | Mul() | Div():
                return self.node(type(op).__name__, x, name)
            case _:
                assert_never(op)

    def conv(self, name: str, op: Conv, x: list[str]) -> str:
        pads = op.pads
        if op.pad_mode != "zero" and any(pads):
            x, pads = [self.pad(f"{name}_pad", x[0], pads, op.pad_mode, 0.0)], (0, 0, 0, 0)
        weights = [self.constant(f"{name}.weight", op.weight), self.constant(f"{name}.bias", op.bias)]
        attributes = {"kernel_shape": op.weight.shape[2:], "pads": pads, "group": op.group}
        attributes |= {"strides": op.strides, "dilations": op.dilations}
        return self.node("Conv", [*x, *weights], name, **attributes)

    def conv_transpose(self, name: str, op: ConvTranspose, x: list[str]) -> str:
        more = [max(-pad, 0) for pad in op.pads[2:]]
        if any(extra >= stride for extra, stride in zip(more, op.strides, strict=True) if extra):
            problem = f"found pads {op.pads} with strides {op.strides}, expected none below the strides' negative"
            raise ModelError(f"{self.graph.name}: node {name!r}", problem)
        weights = [self.constant(f"{name}.weight", op.weight), self.constant(f"{name}.bias", op.bias)]
        attributes = {"kernel_shape": op.weight.shape[2:], "pads": [max(pad, 0) for pad in op.pads], "group": op.group}
        attributes |= {"strides": op.strides, "output_padding": more}
        return self.node("ConvTranspose", [*x, *weights], name, **attributes)

    def clip(self, name: str, op: Clip, x: list[str]) -> str:
        bounds = (("minimum", op.minimum), ("maximum", op.maximum))
        given = [
            self.constant(f"{name}.{key}", np.array(bound, np.float64)) if math.isfinite(bound) else ""
            for key, bound in bounds
        ]
        return self.node("Clip", [*x, *given], name)

    def space_to_depth(self, name: str, block: int, x: list[str]) -> str:
        """ONNX has the place in the block before the channel."""
        channels = self.types[name].channels // block**2
        if channels == 1:
            return self.node("SpaceToDepth", x, name, blocksize=block)
        order = np.arange(channels * block**2).reshape(block**2, channels).T.ravel()
        blocks = self.node("SpaceToDepth", x, f"{name}_blocks", blocksize=block)
        return self.node("Gather", [blocks, self.constant(f"{name}.order", order)], name, axis=1)

    def pad(self, name: str, x: str, pads: tuple[int, ...], mode: str, value: float) -> str:
        top, left, bottom, right = pads
        inputs = [x, self.constant(f"{name}.pads", [0, 0, top, left, 0, 0, bottom, right])]
        inputs += [self.constant(f"{name}.value", np.array(value, np.float64))] if value else []
        return self.node("Pad", inputs, name, mode=_PAD_MODES[mode])

    def resize(self, name: str, op: Resize, x: list[str]) -> str:
        attributes: dict[str, Any] = {"mode": op.filter, "coordinate_transformation_mode": op.coordinates}
        if op.filter == "nearest":
            attributes["nearest_mode"] = op.rounding
        if op.filter == "cubic":
            attributes |= {"cubic_coeff_a": op.cubic, "exclude_outside": int(op.exclude_outside)}
        scales = self.factors(f"{name}.scales", [1, 1, float(op.scales[0]), float(op.scales[1])])
        return self.node("Resize", [*x, "", scales], name, **attributes)

    def fit(self, name: str, op: Fit, x: list[str]) -> str:
        """size = ceil(floor(like * scale) / multiple) * multiple; padded by what is missing, then cropped."""

        def number(word: str, values: list[int]) -> str:
            return self.constant(f"{name}.{word}", np.array(values))

        def part(kind: str, word: str, *inputs: str) -> str:
            return self.node(kind, list(inputs), f"{name}_{word}")

        first, last, axes = number("first", [2]), number("last", [4]), number("axes", [0])
        like = part("Slice", "like", part("Shape", "like_shape", x[1]), first, last, axes)
        grown = part("Mul", "grown", like, number("numerator", [op.scale.numerator]))
        wanted = part("Div", "scaled", grown, number("denominator", [op.scale.denominator]))
        above = part("Add", "above", wanted, number("rest", [op.multiple - 1]))
        size = part("Mul", "size", part("Div", "count", above, number("multiple", [op.multiple])), f"{name}.multiple")
        own = part("Slice", "own", part("Shape", "own_shape", x[0]), first, last, axes)
        missing = part("Max", "missing", part("Sub", "difference", size, own), number("none", [0]))
        pads = self.node("Concat", [number("before", [0] * 6), missing], f"{name}_pads", axis=0)
        padded = self.node("Pad", [x[0], pads], f"{name}_padded", mode="edge")
        return self.node("Slice", [padded, number("corner", [0, 0]), size, number("plane", [2, 3])], name)


def _changed(op: LeakyRelu | Elu | Selu) -> dict[str, float]:
    """The attributes that are not ONNX's default, which is the graph's, too."""
    default = type(op)()
    return {key: value for key, value in vars(op).items() if value != getattr(default, key)}


def _image(name: str, channels: int, size: list[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, *size])
