"""An ONNX model that is put together node by node from the layers of another format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from shadergen.ir.names import Namer
from shadergen.sources.onnx.read import Constant, File

OPSET = 20
"""That of the operators that layers become."""


@dataclass(eq=False)
class Assembly:
    """The model as far as it has been made."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    """By node, how an error names the layer that it was made for."""
    constants: dict[str, Constant] = field(default_factory=dict)
    inputs: list[onnx.ValueInfoProto] = field(default_factory=list)
    namer: Namer = field(default_factory=lambda: Namer([]))

    def input(self, name: str, channels: int | None) -> str:
        """The tensor of a picture that goes in, (1, channels, rows, columns); None where a file does not say them."""
        name, shape = self.namer.fresh(name), [1, channels, "height", "width"]
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def constant(self, name: str, value: Constant) -> str:
        """The tensor of a constant."""
        name = self.namer.fresh(name)
        self.constants[name] = value
        return name

    def add(
        self, layer: str, name: str, op: str, *inputs: str | Constant, count: int = 1, **attributes: Any
    ) -> list[str]:
        """The tensors that a new node gives; an array among its inputs is a constant. `layer` is for errors."""
        outputs = [self.namer.fresh(name) for _ in range(count)]
        tensors = [value if isinstance(value, str) else self.constant(f"{name}.constant", value) for value in inputs]
        self.nodes.append(helper.make_node(op, tensors, outputs, name, **attributes))
        self.words.append(layer)
        return outputs

    def file(self, path: Path, outputs: Sequence[str], sha256: str) -> File:
        """What was made, as the ONNX importer has a model."""
        results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        graph = helper.make_graph(self.nodes, "assembly", self.inputs, results)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        return File(path, model, OPSET, self.constants, sha256, tuple(self.words))
