"""Graphs as ONNX models: one image in, batch 1, NCHW, float32 or float16, any height and width.

Opset 13 is the first in which every operator here has its present form. What reads the files is in docs/models.md.

What ONNX lacks is spelled in its operators, in nodes named after the graph's own with a word behind: `Affine` is a
BatchNormalization that normalises nothing, padding by edge or reflection a Pad in front, `SpaceToDepth` ONNX's with its
channels in another order, `Fit` a Pad and a Slice by sizes that the model computes. What is whole numbers of a byte is
integers (`integers.py`), in float32 models.
"""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any, assert_never

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from shadergen.errors import ModelError
from shadergen.files import write_whole
from shadergen.ir.extent import Term
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import (
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
    LeakyRelu,
    MaxPool,
    MeanOfMeans,
    Mul,
    Op,
    Pad,
    PRelu,
    Relu,
    Resize,
    Rim,
    Round,
    Selu,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
)
from shadergen.ir.types import Area, TensorType
from shadergen.sources.onnx import metadata
from shadergen.sources.onnx.integers import Integers, Integral, Layer, Stored, integral
from shadergen.version import __version__

OPSET = 13
IR_VERSION = 8

_PAD_MODES = {"zero": "constant", "edge": "edge", "reflect": "reflect"}


def save(graph: Graph, path: Path, fp16: bool = False, fp16_io: bool = False) -> None:
    """Write the graph as an ONNX model. The same graph gives the same bytes.

    `fp16` stores the weights in float16 and computes in it. `fp16_io` has float16 at both ends, else they are float32.
    Raises ModelError for what ONNX cannot say, and ShadergenError where the file cannot be written.
    """
    write_whole(path, model(graph, fp16, fp16_io).SerializeToString(deterministic=True))


def model(graph: Graph, fp16: bool = False, fp16_io: bool = False) -> onnx.ModelProto:
    """The ONNX model of a valid graph."""
    types = verify(graph)
    writer = _Writer(graph, types, np.float16 if fp16 else np.float32, np.float16 if fp16_io else np.float32)
    for node in graph.nodes:
        writer.write(node)
    return writer.model()


Number = type[np.float16] | type[np.float32]


class _Writer:
    def __init__(self, graph: Graph, types: dict[str, TensorType], number: Number, ends: Number) -> None:
        self.graph = graph
        self.types = types
        self.number = number
        """Of the weights, and of what is computed."""
        self.ends = ends
        """Of the picture that goes in, and the one that comes out."""
        self.written = ""
        self.namer = Namer(graph.names)
        self.integral = Integral({}, {}) if number is np.float16 else integral(graph)
        """What is integers: QuantizeLinear has float32 alone before opset 19."""
        self.orders: dict[str, npt.NDArray[np.int64]] = {}
        """By value, which of its channels in the model each of ours is, where they are in another order."""
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.names = {graph.input: graph.input}
        """By value, what it is called in the model: a picture that is cast has another name inside."""
        if number is not ends:
            self.names[graph.input] = self.cast(graph.input, graph.input, number)

    # Parts

    def node(self, op: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """A node by the name of the graph's node that is being written, or by one like `name` that nothing has."""
        name = name if name == self.written else self.namer.fresh(name)
        self.nodes.append(helper.make_node(op, inputs, [name], name, **attributes))
        return name

    def cast(self, value: str, name: str, to: Number) -> str:
        """A value in another precision, named after it."""
        half = to is np.float16
        kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        return self.node("Cast", [value], f"{name}_{'half' if half else 'single'}", to=kind)

    def image(self, name: str, channels: int, size: list[Any]) -> onnx.ValueInfoProto:
        kind = TensorProto.FLOAT16 if self.ends is np.float16 else TensorProto.FLOAT
        return helper.make_tensor_value_info(name, kind, [1, channels, *size])

    def constant(self, name: str, array: Any) -> str:
        """An initialiser; numbers with a fraction have the model's precision."""
        array = np.asarray(array)
        kept = array.astype(self.number) if array.dtype.kind == "f" else array.astype(np.int64)
        if not np.isfinite(kept).all():
            problem = f"found {np.abs(array).max():g} in {name}, expected at most 65504 for fp16"
            raise ModelError(self.graph.name, problem, "write float32")
        self.tensors.append(numpy_helper.from_array(np.asarray(kept, order="C"), name))
        return name

    def factors(self, name: str, values: float | list[float]) -> str:
        """The factors of a Resize are float32 whatever the model's precision, as the scale of integers is."""
        self.tensors.append(numpy_helper.from_array(np.array(values, np.float32), name))
        return name

    def model(self) -> onnx.ModelProto:
        graph = self.graph
        output = graph.output
        if self.number is not self.ends or output == graph.input:
            output = self.cast(self.names[graph.output], graph.output, self.ends)
        sizes: list[Any] = ["height", "width"]
        onnx_graph = helper.make_graph(
            self.nodes,
            "shadergen",
            [self.image(graph.input, graph.input_type.channels, sizes)],
            [self.image(output, self.types[graph.output].channels, ["out_height", "out_width"])],
            self.tensors,
        )
        result = helper.make_model(
            onnx_graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="shadergen",
            producer_version=__version__,
        )
        metadata.write(graph, result)
        return result

    # Operators

    def write(self, node: Node) -> None:
        if node.name in self.integral.within:
            return
        self.written = node.name
        inputs = [self.names.get(name, name) for name in node.inputs]
        self.names[node.name] = self.integers(node.name) or self.operator(node.name, node.op, inputs)

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
                return self.fit(name, op, x, *(self.types[value] for value in self.graph.node(name).inputs))
            case Resize():
                return self.resize(name, op, x)
            case MaxPool(kernel, strides, pads) | AveragePool(kernel, strides, pads):
                return self.node(type(op).__name__, x, name, kernel_shape=kernel, strides=strides, pads=pads)
            case Relu() | Sigmoid() | Tanh() | Softplus() | Erf() | Sqrt() | Round() | GlobalAveragePool():
                return self.node(type(op).__name__, x, name)
            case Add() | Sub() | Mul() | Div():
                return self.node(type(op).__name__, x, name)
            case _:
                assert_never(op)

    def integers(self, name: str) -> str:
        """The node as integers, with the one before; empty where it is none. A node of the file has the first's name,
        its result the second's."""
        if name in self.integral.bytes:
            return self.bytes(name, *self.integral.bytes[name])
        if name in self.integral.layers:
            return self.layer(name, self.integral.layers[name])
        return ""

    def bytes(self, name: str, rounded: Node, kind: np.dtype[np.integer]) -> str:
        """A value rounded and cut off to a byte, and float32 again."""
        steps = [self.factors(f"{name}.scale", 1.0), self.stored(f"{name}.zero", np.zeros((), kind))]
        source = rounded.inputs[0]
        inputs = [self.names.get(source, source), *steps]
        self.nodes.append(helper.make_node("QuantizeLinear", inputs, [name], rounded.name))
        return self.node("DequantizeLinear", [name, *steps], f"{name}_floats")

    def layer(self, name: str, layer: Layer) -> str:
        """A convolution of integers, scaled by the channel."""
        conv = layer.conv
        assert isinstance(conv.op, Conv)
        inputs = [self.names[conv.inputs[0]]]
        for word, stored in (("weight", layer.weight), ("bias", layer.bias)):
            inputs.append(self.dequantised(f"{conv.name}.{word}", stored))
        self.nodes.append(helper.make_node("Conv", inputs, [name], conv.name, **_window(conv.op, conv.op.pads)))
        return name

    def dequantised(self, name: str, stored: Stored) -> str:
        """Integers in the file, as floats: times the scale of their first axis."""
        scale = self.constant(f"{name}_scale", stored.scale)
        zero = self.stored(f"{name}_zero", np.zeros(stored.scale.shape, stored.numbers.dtype))
        inputs = [self.stored(name, stored.numbers), scale, zero]
        return self.node("DequantizeLinear", inputs, f"{name}_floats", axis=0)

    def stored(self, name: str, numbers: Integers) -> str:
        """An initialiser of integers."""
        self.tensors.append(numpy_helper.from_array(np.asarray(numbers, order="C"), name))
        return name

    def conv(self, name: str, op: Conv, x: list[str]) -> str:
        pads = op.pads
        if op.pad_mode != "zero" and any(pads):
            x, pads = [self.pad(f"{name}_pad", x[0], pads, op.pad_mode, 0.0)], (0, 0, 0, 0)
        order = self.orders.get(self.graph.node(name).inputs[0])
        weight = op.weight if order is None else op.weight[:, np.argsort(order)]
        weights = [self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", op.bias)]
        return self.node("Conv", [*x, *weights], name, **_window(op, pads))

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
        """ONNX has the place in the block before the channel.

        Where convolutions alone read it, their weights have that order, too. Otherwise a Gather makes it ours; OpenVINO
        2026.4 loses that in front of a convolution (0.96 off in a chroma model with noise for a picture).
        """
        channels = self.types[name].channels // block**2
        if channels == 1:
            return self.node("SpaceToDepth", x, name, blocksize=block)
        order = np.arange(channels * block**2).reshape(block**2, channels).T.ravel()
        readers = [node.op for node in self.graph.nodes if name in node.inputs]
        if name != self.graph.output and all(isinstance(op, Conv) and op.group == 1 for op in readers):
            self.orders[name] = order
            return self.node("SpaceToDepth", x, name, blocksize=block)
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
        if op.size:
            shape = self.part(name, "Shape", "own_shape", x[0])
            first = self.part(name, "Slice", "own_first", shape, [0], [2], [0])
            wanted = self.area(name, "size", op.size, self.extents(name, "like", x[1]))
            sizes = self.node("Concat", [first, wanted], f"{name}_sizes", axis=0)
            return self.node("Resize", [x[0], "", "", sizes], name, **attributes)
        scales = self.factors(f"{name}.scales", [1, 1, float(op.scales[0]), float(op.scales[1])])
        return self.node("Resize", [*x, "", scales], name, **attributes)

    def fit(self, name: str, op: Fit, x: list[str], own: TensorType, like: TensorType) -> str:
        """Padded by what is missing, then cropped by what is too much: one of the two, where it is always that."""
        other = self.extents(name, "like", x[1])
        size = self.area(name, "size", op.size, other)
        before: str | list[int] = [corner.at(1) for corner in op.corner if corner.constant]
        if len(before) < 2:
            before = self.area(name, "corner", op.corner, other)
        grows, shrinks = _sides(op, own, like)
        result, padded = x[0], before
        if grows:
            missing = self.part(name, "Sub", "missing", size, self.extents(name, "own", x[0]))
            behind = self.part(name, "Sub", "behind", missing, before) if any(before) else missing
            if shrinks:
                behind = self.part(name, "Max", "behind_padded", behind, [0])
                padded = _above(before) if isinstance(before, list) else self.part(name, "Max", "padded", before, [0])
            pads = self.part(name, "Concat", "pads", [0, 0], padded, [0, 0], behind, axis=0)
            result = self.node("Pad", [result, pads], f"{name}_filled" if shrinks else name, mode=_PAD_MODES[op.mode])
        if shrinks:
            if isinstance(before, list):
                start: str | list[int] = _above([-number for number in before])
            else:
                start = self.part(name, "Sub", "start", padded if grows else [0], before)
            end = self.part(name, "Add", "end", size, start) if isinstance(start, str) or any(start) else size
            places = [
                self.given(f"{name}.{word}", at) for word, at in (("start", start), ("end", end), ("axes", [2, 3]))
            ]
            result = self.node("Slice", [result, *places], name)
        return result if grows or shrinks else self.node("Identity", x[:1], name)

    # Sizes

    def given(self, name: str, value: str | list[int]) -> str:
        """A value by name, or integers as an initialiser."""
        return value if isinstance(value, str) else self.constant(name, np.array(value))

    def part(self, name: str, kind: str, word: str, *inputs: str | list[int], **attributes: Any) -> str:
        """One of the nodes that spell a graph's node."""
        names = [self.given(f"{name}.{word}{i or ''}", value) for i, value in enumerate(inputs)]
        return self.node(kind, names, f"{name}_{word}", **attributes)

    def extents(self, name: str, word: str, x: str) -> str:
        """Height and width of a value."""
        return self.part(name, "Slice", word, self.part(name, "Shape", f"{word}_shape", x), [2], [4], [0])

    def area(self, name: str, word: str, area: Area, of: str) -> str:
        """Height and width as functions of the height and width `of`."""
        (rows, down), (columns, right) = (extent.terms() for extent in area)
        parts: list[str | list[int]] = []
        for i, pair in enumerate(zip_longest(rows, columns, fillvalue=Term(Fraction(0)))):
            parts.append(of)
            for kind, field, nothing in _STEPS:
                numbers = [int(getattr(term, field)) for term in pair]
                if numbers != [nothing] * 2:
                    parts[-1] = self.part(name, kind, f"{word}{i or ''}_{field}", parts[-1], numbers)
        if down or right or not parts:
            parts.append([int(down), int(right)])
        total = parts[0]
        for i, value in enumerate(parts[1:]):
            total = self.part(name, "Add", f"{word}_sum{i or ''}", total, value)
        return self.given(f"{name}.{word}", total)


_STEPS = (("Mul", "factor", 1), ("Add", "shift", 0), ("Div", "divisor", 1), ("Mul", "ratio", 1))
"""What ONNX's integers do for a Term: operator, the Term's field, and the number with which it does nothing."""


def _window(op: Conv, pads: tuple[int, ...]) -> dict[str, Any]:
    """A convolution's attributes."""
    shape = {"kernel_shape": op.weight.shape[2:], "pads": pads, "group": op.group}
    return shape | {"strides": op.strides, "dilations": op.dilations}


def _above(numbers: list[int]) -> list[int]:
    return [max(number, 0) for number in numbers]


def _sides(op: Fit, own: TensorType, like: TensorType) -> tuple[bool, bool]:
    """Whether a Fit puts anything around the picture at some sizes, and whether it crops it at some."""
    before = [corner.after(other) for corner, other in zip(op.corner, like.area, strict=True)]
    sizes = [size.after(other) for size, other in zip(op.size, like.area, strict=True)]
    behind = [size - mine - corner for size, mine, corner in zip(sizes, own.area, before, strict=True)]
    sides = before + behind
    return not all(side.times(-1).never_below_zero for side in sides), not all(side.never_below_zero for side in sides)


def _changed(op: LeakyRelu | Elu | Selu) -> dict[str, float]:
    """The attributes that are not ONNX's default, which is the graph's, too."""
    default = type(op)()
    return {key: value for key, value in vars(op).items() if value != getattr(default, key)}
