"""From ONNX nodes to graph nodes: the state of an import, and what an operator's handler sees of its node.

A tensor of the file is one of three things: a constant; sizes, which shape arithmetic computes; or a view of an image.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from shadergen.errors import ModelError, one_line, quoted
from shadergen.ir.extent import Extent, fixed
from shadergen.ir.graph import Node
from shadergen.ir.infer import infer
from shadergen.ir.names import Namer, word
from shadergen.ir.ops import Affine, Array, Fit, Op, Pad, PadMode
from shadergen.ir.types import TensorType
from shadergen.sources.onnx.integers import Stored
from shadergen.sources.onnx.read import Constant, File, to_array
from shadergen.sources.onnx.view import (
    Dim,
    Kind,
    SizeError,
    Statics,
    SymbolicSize,
    TensorView,
    settled,
    simple_view,
    words,
)


class MultipleError(ModelError):
    """A model that does not fit together for every size of the picture, but may for multiples of something."""


@dataclass(frozen=True, eq=False)
class SymbolicTensor:
    """A tensor of numbers of which some depend on the picture's size: integers, fractions and symbolic sizes."""

    values: npt.NDArray[np.object_]
    floating: bool = False
    """Whether ONNX has it in floating point, where a division is not rounded."""


Tensor = Constant | SymbolicTensor | TensorView


class Registry(dict[str, "Handler"]):
    """Handlers by the name of the ONNX operator."""

    def handles(self, *names: str) -> Callable[[Handler], Handler]:
        """A decorator that makes a function the handler of the operators of these names."""

        def register(handler: Handler) -> Handler:
            self.update(dict.fromkeys(names, handler))
            return handler

        return register


@dataclass(eq=False)
class Builder:
    """The graph as far as it has been read, and what each tensor of the file is in it."""

    file: File
    statics: Statics
    picture: str
    """The graph's input, of whose size the sizes are functions."""
    nodes: list[Node] = field(default_factory=list)
    types: dict[str, TensorType] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)
    """By tensor of the file: what a constant is that the file has as integers with a scale for each output channel."""
    origins: dict[str, str] = field(default_factory=dict)
    """By graph node, how an error names the node of the file that it was made for."""
    names: Namer = field(init=False)
    where: str = field(init=False)
    """How an error names the node of the file that is being read."""

    def __post_init__(self) -> None:
        self.names = Namer([self.picture])
        self.where = str(self.file.path)

    def run(self, handlers: dict[str, Handler], computed: Callable[[Call], Any]) -> None:
        """Every node of the file, by its operator's handler, or by `computed` where no picture goes into it."""
        for index, node in enumerate(self.file.model.graph.node):
            self.where = f"{self.file.path}: {self.file.words(index)}"
            call = Call(self, node, self.where)
            try:
                outputs = computed(call)
                if outputs is None:
                    if node.op_type not in handlers:
                        expected = ", ".join(sorted(handlers))
                        raise ModelError(call.where, f"found operator {node.op_type!r}, expected one of {expected}")
                    outputs = handlers[node.op_type](call)
            except (ValueError, ArithmeticError, IndexError) as error:
                kind = MultipleError if isinstance(error, SizeError) else ModelError
                raise kind(call.where, _line(error)) from None
            given = outputs if isinstance(outputs, list) else [outputs]
            self.tensors.update(zip(node.output, given, strict=False))

    def add(self, op: Op, inputs: Sequence[str], name: str) -> str:
        """A node, its name made a word and unique. Raises SizeError where the inputs' sizes do not fit together."""
        try:
            type_ = infer(op, [self.types[value] for value in inputs])
        except ValueError as error:
            raise SizeError(str(error)) from None
        name = self.names.fresh(word(name))
        self.types[name] = type_
        self.origins[name] = self.where
        self.nodes.append(Node(name, op, tuple(inputs)))
        return name


def _line(error: Exception) -> str:
    """What it says as one line, in which a word of a file has up to 100 letters."""
    return " ".join(text if len(text) <= 100 else f"{text[:100]}..." for text in one_line(error).split())


@dataclass(eq=False)
class Call:
    """One node of the file."""

    builder: Builder
    node: onnx.NodeProto
    where: str

    # Inputs

    def has(self, index: int) -> bool:
        """Whether the input is there; optional ones may be left out."""
        return index < len(self.node.input) and bool(self.node.input[index])

    def tensor(self, index: int) -> Tensor:
        if not self.has(index):
            raise ValueError(f"found {len(self.node.input)} inputs, expected more")
        name = self.node.input[index]
        if name not in self.builder.tensors:
            raise ValueError(f"found input {quoted(name)}, expected one that the importer knows")
        return self.builder.tensors[name]

    def tensors(self) -> list[Tensor]:
        """All inputs that are there."""
        return [self.tensor(i) for i in range(len(self.node.input)) if self.has(i)]

    def view(self, index: int = 0) -> TensorView:
        """An image, whatever its axes."""
        tensor = self.tensor(index)
        if not isinstance(tensor, TensorView):
            kind = "sizes" if isinstance(tensor, SymbolicTensor) else "a constant"
            raise ValueError(f"found {kind} as input {index}, expected a picture")
        return tensor

    def simple(self, index: int = 0) -> TensorView:
        """An image whose axes are channels, rows and columns, in any order."""
        settled_view = self.settle(self.view(index))
        self.builder.tensors[self.node.input[index]] = settled_view  # whatever else reads it need not do it again
        return settled_view

    def image(self, index: int = 0) -> str:
        """The value of an image with the axes of a convolution."""
        view = self.simple(index)
        if len(view.axes) != 4 or view.layout != "nchw":
            raise ValueError(f"found axes {view.layout}, expected nchw")
        return view.value

    def constant(self, index: int) -> Constant:
        tensor = self.tensor(index)
        if not isinstance(tensor, np.ndarray):
            raise ValueError(f"found input {index} computed from the picture, expected a constant")
        return tensor

    def array(self, index: int) -> Array:
        """A constant as read-only float32."""
        return weights(self.constant(index))

    def numbers(self, index: int) -> list[Any]:
        """A vector of integers, some of which may be symbolic sizes."""
        tensor = self.tensor(index)
        if isinstance(tensor, TensorView):
            raise ValueError(f"found input {index} computed from the picture, expected sizes")
        if isinstance(tensor, SymbolicTensor):
            return list(tensor.values.ravel())
        return [int(value) for value in tensor.ravel()]

    def integers(self, index: int) -> list[int]:
        """A vector of integers, none of which may depend on the picture's size."""
        found = self.numbers(index)
        for value in found:
            if isinstance(value, SymbolicSize):
                raise ValueError(f"found {value}, expected a number that does not depend on the picture's size")
        return [int(value) for value in found]

    # Attributes

    def attribute(self, name: str, default: Any = None) -> Any:
        for attribute in self.node.attribute:
            if attribute.name == name:
                if attribute.type == onnx.AttributeProto.TENSOR:
                    return to_array(f"{self.where} {name}", attribute.t)
                value = onnx.helper.get_attribute_value(attribute)
                if attribute.type == onnx.AttributeProto.FLOAT:
                    return shortest(value)
                return value.decode(errors="replace") if isinstance(value, bytes) else value
        return default

    def pair(self, name: str) -> tuple[int, int]:
        """An attribute of two numbers, 1 where it is not there."""
        values = self.attribute(name, [1, 1])
        if len(values) != 2:
            raise ValueError(f"found {name} {list(values)}, expected two numbers: pictures have two axes")
        return int(values[0]), int(values[1])

    def listed(self, name: str, index: int) -> list[int] | None:
        """Integers that older opsets have as an attribute and newer ones as an input; None where there are none."""
        if self.has(index):
            return self.integers(index)
        values = self.attribute(name)
        return None if values is None else [int(value) for value in values]

    def expect(self, name: str, *allowed: Any) -> Any:
        """An attribute that must have one of these values, the first of which is the default. Raises ValueError."""
        value = self.attribute(name, allowed[0])
        if value not in allowed:
            raise ValueError(f"found {name} {value!r}, expected {' or '.join(map(repr, allowed))}")
        return value

    # Results

    def now(self, extent: Extent, axis: int) -> int | None:
        """A height (axis 0) or width for the only picture that the model was exported for, if it was."""
        return extent.at(self.builder.statics[axis]) if self.builder.statics else None

    def emit(self, op: Op, *values: str, tag: str = "") -> str:
        """The value of a new node with these inputs.

        It has the name of the file's node; `tag` is put behind the names of all but the last of those that one becomes.
        """
        name = self.node.name or self.node.output[0]
        return self.builder.add(op, values, f"{name}_{tag}" if tag else name)

    def emit_last(self, op: Op, *values: str) -> str:
        """The same for the last of several nodes: it has the name of the file's tensor, where that is another."""
        return self.builder.add(op, values, self.node.output[0])

    def scaled(self, view: TensorView, scale: float, shift: float, tag: str = "") -> TensorView:
        """Emits `scale * x + shift`, the same for every channel."""
        channels = self.type(view).channels
        op = Affine(np.full(channels, scale, np.float32), np.full(channels, shift, np.float32))
        return view.of(self.emit(op, view.value, tag=tag))

    def around(
        self, view: TensorView, sides: tuple[Dim, Dim, Dim, Dim], mode: PadMode, value: float = 0.0
    ) -> tuple[Op, tuple[str, ...]]:
        """What puts so many rows and columns around a picture, or crops them where below zero, and its further inputs.

        `sides` are in ONNX's order: top, left, bottom, right.
        """
        top, left, bottom, right = sides
        if not any(isinstance(side, SymbolicSize) for side in sides):
            return Pad(sides, mode, value), ()  # type: ignore[arg-type]  # they are integers
        if value:
            raise ValueError(f"found a value of {value:g} around a picture up to a size, expected 0")
        before, behind = (along(top, "h"), along(left, "w")), (along(bottom, "h"), along(right, "w"))
        height, width = (size + a + b for size, a, b in zip(self.type(view).area, before, behind, strict=True))
        return Fit((height, width), before, mode), (self.builder.picture,)

    def type(self, view: TensorView) -> TensorType:
        return self.builder.types[view.value]

    def nchw(self, value: str) -> TensorView:
        return self.laid(value, "nchw")

    def laid(self, value: str, layout: str) -> TensorView:
        """A value as a tensor with these axes."""
        kinds: list[Kind | None] = [letter if letter != "n" else None for letter in layout]  # type: ignore[misc]
        return simple_view(value, self.builder.types[value], kinds)

    def settle(self, view: TensorView) -> TensorView:
        """The view as an image: emits what its axes need."""
        found = settled(view)
        if found is None:
            raise SizeError(f"found a tensor of {words(view.dims())}, expected a picture's")
        ops, kinds = found
        if not ops:
            return view
        value = view.value
        for op in ops:
            value = self.emit(op, value, tag="" if op is ops[-1] else "order")
        return simple_view(value, self.builder.types[value], kinds)


def along(number: Dim, kind: str) -> Extent:
    """A number as an extent of rows (kind `h`) or columns (`w`). Raises ValueError for the other axis's."""
    if not isinstance(number, SymbolicSize):
        return fixed(number)
    if number.kind != kind:
        raise ValueError(f"found {number} of one axis as a size of the other, expected its own")
    return number.extent


Handler = Callable[[Call], Any]
"""Gives a node's output as a Tensor, or a list of all its outputs."""


def shortest(value: Any) -> float:
    """The decimal number that a float32 stands for: 0.2 and not 0.20000000298."""
    return float(str(np.float32(value)))


def weights(array: Constant) -> Array:
    """A constant as read-only float32."""
    if array.dtype.kind not in "fiu" and str(array.dtype) != "bfloat16":
        raise ValueError(f"found a constant of type {array.dtype}, expected numbers")
    result = np.ascontiguousarray(array, np.float32)
    if result is array or result.base is not None:
        result = result.copy()
    result.flags.writeable = False
    return result
