"""ONNX models of feed-forward image networks.

The file is parsed and checked (onnx_read.py). Every node becomes graph nodes (onnx_conv.py, onnx_pointwise.py,
onnx_layout.py), or disappears into views (onnx_view.py), constants and shape arithmetic (onnx_sizes.py). What several
nodes spell out is folded (onnx_fold.py).

A network that only fits together where the picture's size is a multiple of something, such as a U-Net, gets a Fit in
front that continues the picture's last row and column to the next multiple, and one behind that crops.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import onnx

from shadergen.errors import ModelError, quoted
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Plane, Record, verify
from shadergen.ir.ops import Fit
from shadergen.ir.types import TensorType
from shadergen.sources.onnx import conv as onnx_conv
from shadergen.sources.onnx import layout as onnx_layout
from shadergen.sources.onnx import pointwise as onnx_pointwise
from shadergen.sources.onnx.build import Builder, MultipleError, Tensor, word
from shadergen.sources.onnx.fold import fold
from shadergen.sources.onnx.read import File, read
from shadergen.sources.onnx.sizes import fold as fold_constants
from shadergen.sources.onnx.view import Kind, Statics, View, simple_view

MULTIPLES = (1, 2, 4, 8, 16, 32, 64, 3, 5, 6, 7, 10, 12)
"""What the size of the picture is continued to a multiple of, in the order they are tried."""

METADATA = "shadergen"
"""The key of what the native format has and ONNX has not."""

_HANDLERS = onnx_conv.HANDLERS | onnx_pointwise.HANDLERS | onnx_layout.HANDLERS

Layout = tuple[Kind | None, ...]
_NCHW: Layout = (None, "c", "h", "w")
_NHWC: Layout = (None, "h", "w", "c")


def load(path: Path, plane: Plane | None = None) -> Graph:
    """The graph in an .onnx file; `plane` None guesses by the number of channels. Raises ModelError."""
    file = read(path)
    ours = _metadata(file)
    problem: MultipleError | None = None
    for multiple in MULTIPLES:
        try:
            graph = _graph(file, plane, ours, multiple)
        except MultipleError as error:
            problem = problem or error
            continue
        try:
            verify(graph)
        except ModelError as error:
            raise ModelError(f"{path}: {error.where}", error.problem, error.remedy) from None
        return graph
    assert problem is not None, "there is a first multiple"
    raise problem


def _graph(file: File, plane: Plane | None, ours: dict[str, Any] | None, multiple: int) -> Graph:
    """The graph for pictures whose size is a multiple. Raises MultipleError where another one may do."""
    given, channels, layout, statics = _input(file, plane)
    name = word(given)
    builder = Builder(file, statics, name)
    builder.tensors |= file.constants
    builder.types[name] = TensorType(channels)
    value = builder.add(Fit((Extent().up_to(multiple),) * 2), (name, name), "fit") if multiple > 1 else name
    builder.tensors[given] = simple_view(value, builder.types[value], layout)
    builder.run(_HANDLERS, fold_constants)
    output = _output(file, builder)
    where = f"{file.path}: output {quoted(file.model.graph.output[0].name)}"
    if multiple > 1:
        output = _cropped(builder, output, name, value)
    found: Plane = plane or _guess(where, channels, builder.types[output].channels)
    if found != "chroma" and ours is None:
        _expect_whole(builder)
    record = Record(sha256=file.sha256)
    graph = Graph(_name(file.path.stem), found, tuple(builder.nodes), output, name, record)
    if ours is None:
        return fold(graph)
    record = Record(ours["licence"], file.sha256, ours["training"], ours["scores"])
    return replace(fold(graph, spelled=True), name=ours["name"], plane=plane or ours["plane"], record=record)


def _input(file: File, plane: Plane | None) -> tuple[str, int, Layout, Statics]:
    """The picture's name, channels, axes, and its size if the model is for one only."""
    inputs = [entry for entry in file.model.graph.input if entry.name not in file.constants]
    if len(inputs) != 1:
        names = ", ".join(entry.name for entry in inputs) or "none"
        raise ModelError(file.path, f"found {len(inputs)} inputs ({names[:100]}), expected one picture")
    entry = inputs[0]
    where = f"{file.path}: input {quoted(entry.name)}"
    kind = onnx.TensorProto.DataType.Name(entry.type.tensor_type.elem_type)
    if kind not in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"):
        raise ModelError(where, f"found elements of type {kind}, expected floating point in 0..1")
    if not entry.type.tensor_type.HasField("shape"):
        raise ModelError(where, "found no shape, expected batch, channels, height, width")
    dims = [dim.dim_value if dim.dim_value > 0 else None for dim in entry.type.tensor_type.shape.dim]  # Paddle's are -1
    if len(dims) not in (3, 4):
        raise ModelError(where, f"found {len(dims)} axes, expected batch, channels, height, width")
    layout = _layout(dims)
    wanted = 1 if plane == "luma" else 3 if plane else 0
    channels = dims[layout.index("c")] or wanted
    if channels not in (1, 3) or (wanted and channels != wanted):
        expected = f"{wanted} for a {plane} model" if wanted else "1 (luma) or 3 (rgb)"
        remedy = "" if channels else "say which with --plane"
        raise ModelError(where, f"found {channels or 'an unknown number of'} channels, expected {expected}", remedy)
    if len(dims) == 4 and (dims[0] or 1) != 1:
        raise ModelError(where, f"found a batch of {dims[0]}, expected 1 or any")
    height, width = dims[layout.index("h")], dims[layout.index("w")]
    return entry.name, channels, layout, (height, width) if height and width else None


def _layout(dims: list[int | None]) -> Layout:
    """Channels second, unless they can only be last."""
    nchw, nhwc = (_NCHW, _NHWC) if len(dims) == 4 else (_NCHW[1:], _NHWC[1:])
    first, last = dims[nchw.index("c")], dims[-1]
    return nhwc if first not in (1, 3) and last in (1, 3) else nchw


def _output(file: File, builder: Builder) -> str:
    """The value of the network's result."""
    outputs = file.model.graph.output
    if len(outputs) != 1:
        names = ", ".join(entry.name for entry in outputs)
        raise ModelError(file.path, f"found {len(outputs)} outputs ({names[:100]}), expected one picture")
    tensor: Tensor | None = builder.tensors.get(outputs[0].name)
    where = f"{file.path}: output {quoted(outputs[0].name)}"
    if not isinstance(tensor, View):
        raise ModelError(where, "found a constant, expected a picture")
    if not tensor.simple or not 3 <= len(tensor.axes) <= 4:
        raise ModelError(where, f"found {len(tensor.axes)} axes, expected batch, channels, height, width")
    return tensor.value


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


def _guess(where: str, channels: int, out: int) -> Plane:
    """The plane by the channels of the input and the output."""
    planes: dict[tuple[int, int], Plane] = {(1, 1): "luma", (3, 3): "rgb", (3, 2): "chroma"}
    if (channels, out) not in planes:
        expected = ", ".join(f"{i} to {o} ({plane})" for (i, o), plane in planes.items())
        raise ModelError(where, f"found {channels} channels to {out}, expected {expected}")
    return planes[channels, out]


def _name(stem: str) -> str:
    """The file's name as that of a graph."""
    return re.sub(r"[^\w.+ -]", "_", stem)[:100].lstrip("_.+ -") or "model"


def _metadata(file: File) -> dict[str, Any] | None:
    """What `save` put there, or None for the file of another program."""
    text = {entry.key: entry.value for entry in file.model.metadata_props}.get(METADATA)
    if text is None:
        return None
    where = f"{file.path}: metadata {METADATA!r}"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelError(where, f"found no valid JSON ({error}), expected an object") from None
    kinds = {"name": str, "plane": str, "licence": str, "training": dict, "scores": dict}
    if not isinstance(found, dict) or any(not isinstance(found.get(key), kind) for key, kind in kinds.items()):
        raise ModelError(where, f"found something else, expected an object with {', '.join(kinds)}")
    if found["plane"] not in get_args(Plane):
        raise ModelError(where, f"found plane {found['plane'][:20]!r}, expected one of {', '.join(get_args(Plane))}")
    return found
