"""The network as data: nodes and graphs, and what holds them together.

A node's name is also the name of the one value it gives. Everything is frozen; a rewrite makes a new graph. Sizes are
known only at playback, so an extent is a function of that of the graph's input (extent.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from shadergen.errors import ModelError, quoted
from shadergen.ir.infer import infer
from shadergen.ir.ops import Op
from shadergen.ir.types import TensorType

Plane = Literal["luma", "chroma", "rgb", "ycbcr"]
"""What of a picture a network is for, as players have it; Graph says what goes in and comes out."""


@dataclass(frozen=True)
class Node:
    """One operator applied to named values; the node's name is that of the value it gives."""

    name: str
    """Words of letters and digits that begin with a letter, joined by `_`: the name is used in GLSL, with numbers
    after it."""
    op: Op
    inputs: tuple[str, ...]
    """The names of the operands in their order: of earlier nodes, or of the graph's input."""


@dataclass(frozen=True)
class Record:
    """Where the weights come from. Licence and hash are carried into the shader's header, the rest into files only."""

    licence: str = ""
    """One line without `//!`, which would start a block of the hook file, and without a backslash, which would continue
    the comment it stands in."""
    sha256: str = ""
    """The hash of the file the graph was read from, 64 hexadecimal digits; empty for a graph that has no file."""
    training: Mapping[str, Any] = field(default_factory=dict)
    """How the weights were trained: whatever the trainer wrote down, as JSON has it."""
    scores: Mapping[str, Any] = field(default_factory=dict)
    """What the trainer measured, by name, such as the PSNR on pictures that were held out."""


@dataclass(frozen=True)
class Graph:
    """A network from one image to one image.

    plane `luma`: 1 channel to 1. plane `rgb`: 3 channels to 3. plane `chroma`: 3 channels (Y, Cb, Cr, all at luma's
    resolution, chroma interpolated bilinearly at its siting) to 2 (Cb, Cr) of the same size. plane `ycbcr`: the same 3
    channels to 3 (Y, Cb, Cr).

    Players stretch whatever size comes out to the picture's frame: one that is not the input's times a factor, such as
    that of a valid convolution, is shown a little too large.
    """

    name: str
    """Letters, digits and ` .+-_`; the shader's file is named after it."""
    plane: Plane
    nodes: tuple[Node, ...]
    """In an order in which every input comes before its use."""
    output: str
    """The name of the node that gives the result, or of the input."""
    input: str = "input"
    """The name of the picture that goes in, a word as a node's name is."""
    record: Record = field(default_factory=Record)

    @property
    def input_type(self) -> TensorType:
        """The type of the graph's input."""
        return TensorType(1 if self.plane == "luma" else 3)

    @property
    def output_channels(self) -> int:
        """How many channels the plane has in the player."""
        return {"luma": 1, "chroma": 2, "rgb": 3, "ycbcr": 3}[self.plane]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all values, that of the input first."""
        return (self.input, *(node.name for node in self.nodes))

    def node(self, name: str) -> Node:
        """The node that gives the value `name`, which must be there."""
        return next(node for node in self.nodes if node.name == name)


def require_plane(graph: Graph, *planes: Plane) -> None:
    """Raises ModelError for a graph that is for none of these planes."""
    if graph.plane not in planes:
        raise ModelError(graph.name, f"found a {graph.plane} model, expected one for {' or '.join(planes)}")


class NodeError(ModelError):
    """A node that does not fit into its graph, or whose value cannot be the output; `node` is its name."""

    def __init__(self, graph: Graph, node: str, problem: str, remedy: str = "", role: str = "node") -> None:
        super().__init__(f"{graph.name}: {role} {quoted(node)}", problem, remedy)
        self.node = node


def verify(graph: Graph) -> dict[str, TensorType]:
    """The type of every value by name, the input's first.

    Raises ModelError where the graph does not hold together, and NodeError, which is one, where a node is to blame. The
    message is one line, whatever the names are.
    """
    _verify_words(graph)
    types = {graph.input: graph.input_type}
    for node in graph.nodes:
        if not _is_name(node.name):
            raise NodeError(graph, node.name, f"found that name, expected {_NAME_WORDS}", "rename it")
        if node.name in types:
            raise NodeError(graph, node.name, "found the name twice, expected unique names")
        for name in node.inputs:
            if name not in types:
                problem = f"found input {quoted(name)}, expected an earlier node or {graph.input!r}"
                raise NodeError(graph, node.name, problem)
        try:
            types[node.name] = infer(node.op, [types[name] for name in node.inputs])
        except ValueError as error:
            raise NodeError(graph, node.name, str(error)) from None
    if graph.output not in types:
        raise ModelError(graph.name, f"found output {quoted(graph.output)}, expected the name of a node")
    _verify_output(graph, types[graph.output])
    return types


MAX_NAME = 200
"""Letters of a value's name: GLSL allows 1024, and what is made of a value has words behind its name."""
_NODE_NAME = re.compile(r"(?!gl_)[A-Za-z][A-Za-z0-9]*(_[A-Za-z][A-Za-z0-9]*)*")
_NAME_WORDS = f"words of letters and digits joined by '_', up to {MAX_NAME} letters in all"
_GRAPH_NAME = re.compile(r"[^\W_][\w.+ -]{0,99}")
_SHA256 = re.compile(r"([0-9a-f]{64})?")


def _is_name(name: str) -> bool:
    """Whether GLSL can have the name, also with numbers after it."""
    return len(name) <= MAX_NAME and _NODE_NAME.fullmatch(name) is not None


def _verify_words(graph: Graph) -> None:
    """What ends up in GLSL, in a file's name and in comments must not be able to leave them."""
    if graph.plane not in get_args(Plane):
        raise ModelError("graph", f"found plane {quoted(graph.plane)}, expected one of {', '.join(get_args(Plane))}")
    if not _GRAPH_NAME.fullmatch(graph.name):
        problem = (
            f"found name {graph.name[:120]!r}, expected up to 100 letters, digits and ' .+-_', a letter or digit first"
        )
        raise ModelError("graph", problem, "rename the file or the model")
    if not _is_name(graph.input):
        raise ModelError(graph.name, f"found an input {quoted(graph.input)}, expected {_NAME_WORDS}", "rename it")
    licence = graph.record.licence
    if not licence.isprintable() or "//!" in licence or "\\" in licence or len(licence) > 200:
        problem = f"found licence {licence[:40]!r}, expected one line of up to 200 characters without '//!' and '\\'"
        raise ModelError(graph.name, problem)
    if not _SHA256.fullmatch(graph.record.sha256):
        raise ModelError(graph.name, f"found SHA-256 {graph.record.sha256[:80]!r}, expected 64 hexadecimal digits")


def _verify_output(graph: Graph, output: TensorType) -> None:
    """The result is a picture of the graph's plane, and not smaller than the one that goes in."""
    problem, size = "", f"{output.height} x {output.width}"
    if output.channels != graph.output_channels:
        problem = f"found {output.channels} channels, expected {graph.output_channels} for a {graph.plane} model"
    elif min(output.height.scale, output.width.scale) < 1:
        problem = f"found size {size}, expected the input's or a larger one"
    elif graph.plane == "chroma" and output.area != graph.input_type.area:
        problem = f"found size {size}, expected the input's: a chroma model keeps luma's size"
    if problem:
        raise NodeError(graph, graph.output, problem, role="output")
