"""Models from files: `load` by suffix, `save` beside it. Hook files are models as well: their network is lifted."""

from __future__ import annotations

from pathlib import Path

from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, Plane
from shadergen.sources import npz

SUFFIXES = (".npz", ".onnx")
"""Of the files that `save` writes."""

SHADERS = (".glsl", ".hook")
"""Suffixes of hook files."""

NCNN = (".param", ".bin")
"""Suffixes of an ncnn model's two files, either of which names it."""

PYTORCH = (".pth", ".pt", ".safetensors")
"""Suffixes of state dicts."""

KERAS = (".keras", ".h5", ".hdf5", ".json")
"""Suffixes of Keras models, the last one of TensorFlow.js's layers models."""

READ = (*SUFFIXES, *NCNN, *PYTORCH, *KERAS, *SHADERS)
"""Suffixes of all that `load` reads."""


def load(path: Path, plane: Plane | None = None, scale: int | None = None) -> Graph:
    """The graph in a model file. Raises ModelError with one line for whatever is wrong with it.

    `plane` is for models of other programs, which do not say it; None guesses by their channels. `scale` is the factor
    of a network whose file does not say that.
    """
    if path.is_dir():
        raise ModelError(path, "found a directory, expected the file of a model or a shader")
    if scale is not None and path.suffix.lower() not in PYTORCH:
        raise ModelError(path, "found a model that says its own factor, expected no --scale")
    match path.suffix.lower():
        case ".npz":
            graph = npz.load(path)
        case ".onnx":
            from shadergen.sources import onnx  # takes a quarter of a second

            graph = onnx.load(path, plane)
        case suffix if suffix in NCNN:
            from shadergen.sources import ncnn

            graph = ncnn.load(path, plane)
        case suffix if suffix in PYTORCH:
            from shadergen.sources import pytorch

            graph = pytorch.load(path, plane, scale)
        case suffix if suffix in KERAS:
            from shadergen.sources import keras

            graph = keras.load(path, plane)
        case suffix if suffix in SHADERS:
            from shadergen import lift

            graph = lift.load(path).graph
        case suffix:
            problem = f"found suffix {suffix!r}, expected {', '.join(READ)}"
            raise ModelError(path, problem, "convert another model to ONNX (docs/models.md)")
    if plane and graph.plane != plane:
        raise ModelError(path, f"found a {graph.plane} model, expected {plane}", "leave --plane out")
    return graph


def save(graph: Graph, path: Path, fp16: bool = False, fp16_io: bool = False) -> None:
    """Write the graph in the format of the path's suffix.

    For ONNX, `fp16` is for weights and arithmetic in float16, `fp16_io` for a picture in float16 at both ends.
    """
    match path.suffix.lower():
        case ".npz":
            npz.save(graph, path)
        case ".onnx":
            from shadergen.sources.onnx import write as onnx_write

            onnx_write.save(graph, path, fp16, fp16_io)
        case suffix:
            raise ModelError(path, f"found suffix {suffix!r}, expected {' or '.join(SUFFIXES)}")
