"""From a file to a graph, step by step."""

from __future__ import annotations

import hashlib
from pathlib import Path

from shadergen.errors import ModelError, one_line
from shadergen.ir.graph import Graph, Plane
from shadergen.sources.check import MAX_BYTES, file_content
from shadergen.sources.keras import hdf5, tfjs
from shadergen.sources.keras.layers import HANDLERS, Conversion
from shadergen.sources.onnx.importer import graph_of


def load(path: Path, plane: Plane | None = None) -> Graph:
    """The graph of a Keras model; `plane` None guesses by the number of channels.

    Raises ModelError with one line, which names the layer that cannot be done.
    """
    content = file_content(path, MAX_BYTES, "a Keras model's")
    try:
        model = (tfjs if path.suffix.lower() == ".json" else hdf5).read(path, content)
    except ValueError as error:
        raise ModelError(path, one_line(error)) from None
    conversion = Conversion()
    for call in model.calls:
        try:
            conversion.run(call, HANDLERS)
        except (ValueError, ArithmeticError) as error:
            raise ModelError(f"{path}: {call.words}", one_line(error)) from None
    outputs = [conversion.tensors[name] for name in model.outputs if name in conversion.tensors]
    return graph_of(conversion.assembly.file(path, outputs, hashlib.sha256(content).hexdigest()), plane)
