"""From a pair of files to a graph, step by step."""

from __future__ import annotations

import hashlib
from pathlib import Path

from shadergen.errors import ModelError, one_line
from shadergen.ir.graph import Graph, Plane
from shadergen.sources import check
from shadergen.sources.check import MAX_BYTES
from shadergen.sources.ncnn import conv, layout, pointwise
from shadergen.sources.ncnn.call import Conversion
from shadergen.sources.ncnn.param import Layer, parse
from shadergen.sources.ncnn.weights import Weights
from shadergen.sources.onnx.importer import graph_of

MAX_TEXT = 16 << 20
"""Bytes of a .param: a thousand times that of an RRDB network."""

_HANDLERS = conv.HANDLERS | pointwise.HANDLERS | layout.HANDLERS


def load(path: Path, plane: Plane | None = None) -> Graph:
    """The graph of an ncnn model, by the path of either of its files; `plane` None guesses by the number of channels.

    Raises ModelError with one line, which names the layer that cannot be done.
    """
    text_file, weights_file = path.with_suffix(".param"), path.with_suffix(".bin")
    text, content = _content(text_file, MAX_TEXT), _content(weights_file, MAX_BYTES)
    try:
        layers = parse(text_file, text.decode("utf-8"))
    except UnicodeDecodeError:
        problem = "found bytes that are not UTF-8, expected the text of an ncnn model"
        raise ModelError(text_file, problem, "is it a binary .param.bin, or a different format?") from None
    weights = Weights(content, weights_file.name)
    conversion = Conversion(weights)
    for layer in layers:
        try:
            conversion.run(layer, _HANDLERS)
        except (ValueError, ArithmeticError) as error:
            raise ModelError(f"{text_file}: {layer.words}", one_line(error)) from None
    if weights.left > 0:
        problem = f"found {weights.left} bytes more than the layers of {text_file.name} have weights, expected none"
        raise ModelError(weights_file, problem, "is it of another .param?")
    sha256 = hashlib.sha256(text + content).hexdigest()
    return graph_of(conversion.assembly.file(text_file, _outputs(layers, conversion), sha256), plane)


def _content(path: Path, most: int) -> bytes:
    return check.file_content(path, most, "an ncnn model's", "such a model is a .param and a .bin in one folder")


def _outputs(layers: tuple[Layer, ...], conversion: Conversion) -> list[str]:
    """The tensors of blobs that no layer reads."""
    read = {name for layer in layers for name in layer.inputs}
    return [conversion.blobs[name].tensor for layer in layers for name in layer.outputs if name not in read]
