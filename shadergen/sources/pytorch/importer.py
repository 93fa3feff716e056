"""From a file to a graph, step by step."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from pathlib import Path

from shadergen.errors import ModelError, one_line, quoted
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Node, Plane, Record
from shadergen.ir.infer import infer
from shadergen.ir.ops import Conv
from shadergen.ir.types import TensorType
from shadergen.sources.check import MAX_BYTES, file_content, graph_name, verified
from shadergen.sources.onnx.fold import fold
from shadergen.sources.onnx.picture import plane_of
from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.architectures import ARCHITECTURES
from shadergen.sources.pytorch.archive import read
from shadergen.sources.pytorch.net import INPUT, Net
from shadergen.sources.pytorch.state import State, state_of


def load(path: Path, plane: Plane | None = None, scale: int | None = None) -> Graph:
    """The graph of the network whose weights a .pth, .pt or .safetensors file holds.

    `scale` is the factor of a network whose weights do not say it. Raises ModelError with one line.
    """
    content = file_content(path, MAX_BYTES, "a network's weights")
    try:
        state = State(state_of(read(path, content)))
    except ValueError as error:
        raise ModelError(path, one_line(error)) from None
    architecture = _recognised(path, state)
    net = Net(state, scale)
    try:
        output = architecture.build(net)
        channels, out = _channels(net.nodes, output, scale)
    except ValueError as error:
        raise ModelError(f"{path}: {architecture.name} network", one_line(error)) from None
    if unread := state.unread():
        found = f"found {quoted(unread[0])}" + (f" and {len(unread) - 1} more" if len(unread) > 1 else "")
        problem = f"{found} in a {architecture.name} network, expected no other weights than its own"
        raise ModelError(path, problem, "is it a variant of it? then export it as ONNX")
    found_plane = plane or plane_of(f"{path}: {architecture.name} network", channels, out)
    record = Record(sha256=hashlib.sha256(content).hexdigest())
    graph = Graph(graph_name(path.stem), found_plane, tuple(net.nodes), output, INPUT, record)
    return verified(fold(graph), path)


def _recognised(path: Path, state: State) -> Architecture:
    for architecture in ARCHITECTURES:
        if architecture.knows(state):
            return architecture
    keys = ", ".join(map(quoted, list(state.arrays)[:3]))
    known = ", ".join(sorted({architecture.name for architecture in ARCHITECTURES}))
    problem = f"found {len(state.arrays)} tensors ({keys}...), expected those of {known}"
    raise ModelError(path, problem, "export another network as ONNX")


def _channels(nodes: list[Node], output: str, scale: int | None) -> tuple[int, int]:
    """The channels of the picture, by the first convolution, and those of the result.

    Raises ValueError where nodes do not fit together, or the result is not `scale` times as large, where that is given.
    """
    weights = next(node.op.weight for node in nodes if isinstance(node.op, Conv))
    types = {INPUT: TensorType(weights.shape[1])}
    for node in nodes:
        types[node.name] = infer(node.op, [types[name] for name in node.inputs])
    height = types[output].height
    if scale is not None and height != Extent().scaled(Fraction(scale)):
        raise ValueError(f"found a network whose result has {height} rows, expected {scale} times as many: --scale")
    return types[INPUT].channels, types[output].channels
