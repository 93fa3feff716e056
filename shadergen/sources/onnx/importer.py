"""From a file to a graph, step by step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from shadergen.errors import quoted
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Plane, Record
from shadergen.ir.names import word
from shadergen.ir.ops import Fit
from shadergen.ir.types import TensorType
from shadergen.sources.check import graph_name, verified
from shadergen.sources.onnx import conv as onnx_conv
from shadergen.sources.onnx import layout as onnx_layout
from shadergen.sources.onnx import metadata
from shadergen.sources.onnx import pointwise as onnx_pointwise
from shadergen.sources.onnx import quantised as onnx_quantised
from shadergen.sources.onnx.build import Builder, MultipleError
from shadergen.sources.onnx.fold import fold
from shadergen.sources.onnx.kinks import unspelled
from shadergen.sources.onnx.metadata import Metadata
from shadergen.sources.onnx.picture import given, plane_of, result
from shadergen.sources.onnx.read import File, read
from shadergen.sources.onnx.sizes import computed
from shadergen.sources.onnx.view import simple_view

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 3, 5, 6, 7, 10, 12)
"""What the size of the picture is continued to a multiple of, in the order they are tried."""

_HANDLERS = onnx_conv.HANDLERS | onnx_pointwise.HANDLERS | onnx_quantised.HANDLERS | onnx_layout.HANDLERS


def load(path: Path, plane: Plane | None = None) -> Graph:
    """The graph in an .onnx file; `plane` None guesses by the number of channels. Raises ModelError."""
    return graph_of(read(path), plane)


def graph_of(file: File, plane: Plane | None = None) -> Graph:
    """The graph of a model that was read, or converted from another format. Raises ModelError."""
    ours = metadata.read(file)
    problem: MultipleError | None = None
    for multiple in MULTIPLES:
        try:
            return _graph(file, plane, ours, multiple)
        except MultipleError as error:
            problem = problem or error
    assert problem is not None, "there is a first multiple"
    raise problem


def _graph(file: File, plane: Plane | None, ours: Metadata | None, multiple: int) -> Graph:
    """The graph for pictures whose size is a multiple. Raises MultipleError where another one may do."""
    picture = given(file, plane)
    name = word(picture.name)
    builder = Builder(file, picture.statics, name)
    builder.tensors |= file.constants
    builder.types[name] = TensorType(picture.channels)
    value = builder.add(Fit((Extent().up_to(multiple),) * 2), (name, name), "fit") if multiple > 1 else name
    builder.tensors[picture.name] = simple_view(value, builder.types[value], picture.layout)
    builder.run(_HANDLERS, computed)
    output = result(file, builder)
    where = f"{file.path}: output {quoted(file.model.graph.output[0].name)}"
    if multiple > 1:
        output = _cropped(builder, output, name, value)
    found: Plane = plane or plane_of(where, picture.channels, builder.types[output].channels)
    if found != "chroma" and ours is None:
        _expect_whole(builder)
    record = Record(sha256=file.sha256)
    graph = Graph(graph_name(file.path.stem), found, tuple(builder.nodes), output, name, record)
    if ours is None:
        graph = fold(unspelled(graph))
    else:
        graph = fold(graph, spelled=True)
        graph = replace(graph, name=ours.name, plane=plane or ours.plane, record=ours.record(file.sha256))
    return verified(graph, file.path, builder.origins)


def _cropped(builder: Builder, output: str, name: str, fitted: str) -> str:
    """Back to what belongs to the picture, where the result has the fitted picture's size times a factor."""
    before, after = builder.types[fitted], builder.types[output]
    scale = after.height.scale
    if after.area != (before.height.scaled(scale),) * 2:
        return output
    return builder.add(Fit((Extent().scaled(scale),) * 2), (output, name), "crop")


def _expect_whole(builder: Builder) -> None:
    """Every size must be an integer for every picture."""
    for node in builder.nodes:
        type_ = builder.types[node.name]
        if not (type_.height.whole and type_.width.whole):
            problem = f"found a size of {type_.height} x {type_.width}, expected one for every picture"
            raise MultipleError(builder.origins[node.name], problem)
