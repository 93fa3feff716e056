"""The picture that goes into an ONNX model, and the one that comes out of it."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from shadergen.errors import ModelError, quoted
from shadergen.ir.graph import Plane
from shadergen.sources.onnx.build import Builder, Tensor
from shadergen.sources.onnx.read import File
from shadergen.sources.onnx.view import Kinds, Statics, TensorView

_NCHW: Kinds = (None, "c", "h", "w")
_NHWC: Kinds = (None, "h", "w", "c")


@dataclass(frozen=True)
class ModelInput:
    """A model's input."""

    name: str
    channels: int
    layout: Kinds
    statics: Statics
    """Its height and width, if the model is for one size only."""


def given(file: File, plane: Plane | None) -> ModelInput:
    """The model's only input, for a model of this plane, if it is known. Raises ModelError where it is no picture."""
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
    channels = dims[layout.index("c")] or wanted or _read_by_a_convolution(file, entry.name)
    if channels not in (1, 3) or (wanted and channels != wanted):
        expected = f"{wanted} for a {plane} model" if wanted else "1 (luma) or 3 (rgb)"
        remedy = "" if channels else "say which with --plane"
        raise ModelError(where, f"found {channels or 'an unknown number of'} channels, expected {expected}", remedy)
    if len(dims) == 4 and (dims[0] or 1) != 1:
        raise ModelError(where, f"found a batch of {dims[0]}, expected 1 or any")
    height, width = dims[layout.index("h")], dims[layout.index("w")]
    return ModelInput(entry.name, channels, layout, (height, width) if height and width else None)


_KEEPS_CHANNELS = ("Identity", "Cast", "Pad", "Resize", "Upsample", "Add", "Sub", "Mul", "Div", "Clip")


def _read_by_a_convolution(file: File, name: str) -> int:
    """How many channels go in by the first convolution that the input goes into, perhaps as blocks of pixels.

    0 where something else comes first.
    """
    blocks = 1
    for node in file.model.graph.node:
        if name not in node.input:
            continue
        weight = file.constants.get(node.input[1]) if node.op_type == "Conv" and len(node.input) > 1 else None
        if weight is not None and weight.ndim == 4:
            channels = int(weight.shape[1]) * _number(node, "group")
            return channels // blocks if channels % blocks == 0 else 0
        if node.op_type == "SpaceToDepth":
            blocks *= max(_number(node, "blocksize"), 1) ** 2
        elif node.op_type not in _KEEPS_CHANNELS:
            return 0
        name = node.output[0]
    return 0


def _number(node: onnx.NodeProto, name: str) -> int:
    """An attribute that is an integer, 1 where it is not there."""
    return next((int(item.i) for item in node.attribute if item.name == name), 1)


def _layout(dims: list[int | None]) -> Kinds:
    """Channels second, unless they can only be last."""
    nchw, nhwc = (_NCHW, _NHWC) if len(dims) == 4 else (_NCHW[1:], _NHWC[1:])
    first, last = dims[nchw.index("c")], dims[-1]
    return nhwc if first not in (1, 3) and last in (1, 3) else nchw


def result(file: File, builder: Builder) -> str:
    """The graph's value that is the model's only output. Raises ModelError where it is no picture."""
    outputs = file.model.graph.output
    if len(outputs) != 1:
        names = ", ".join(entry.name for entry in outputs)
        raise ModelError(file.path, f"found {len(outputs)} outputs ({names[:100]}), expected one picture")
    tensor: Tensor | None = builder.tensors.get(outputs[0].name)
    where = f"{file.path}: output {quoted(outputs[0].name)}"
    if not isinstance(tensor, TensorView):
        raise ModelError(where, "found a constant, expected a picture")
    if not tensor.simple or not 3 <= len(tensor.axes) <= 4:
        raise ModelError(where, f"found {len(tensor.axes)} axes, expected batch, channels, height, width")
    return tensor.value


def plane_of(where: str, channels: int, out: int) -> Plane:
    """The plane of a network from so many channels to so many. Raises ModelError, naming `where`, for other numbers."""
    planes: dict[tuple[int, int], Plane] = {(1, 1): "luma", (3, 3): "rgb", (3, 2): "chroma"}
    if (channels, out) not in planes:
        expected = ", ".join(f"{i} to {o} ({plane})" for (i, o), plane in planes.items())
        raise ModelError(where, f"found {channels} channels to {out}, expected {expected}")
    return planes[channels, out]
