"""A network as a script for VapourSynth, which runs its ONNX file by a plugin of vs-mlrt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shadergen.emit.templates import environment
from shadergen.errors import ModelError
from shadergen.ir.graph import Graph, Plane, require_plane
from shadergen.ir.reach import reach

Backend = Literal["ort", "ov"]
"""vs-mlrt's plugins for onnxruntime (CPUs, and GPUs by CUDA, DirectML or CoreML) and OpenVINO (CPUs, Intel's GPUs)."""


@dataclass(frozen=True)
class ScriptView:
    """What `vapoursynth/script.vpy.j2` lays out."""

    name: str
    plane: Plane
    model: str
    """The name of the ONNX file, in the script's folder."""
    backend: Backend
    fp16: bool
    overlap: int
    """Of two tiles, in pixels; vs-mlrt takes half of it from each."""


def script(graph: Graph, model: str, backend: Backend = "ort", fp16: bool = False) -> str:
    """The script for a network whose ONNX file `model` lies beside it.

    With `fp16` the plugin computes in 16-bit floats; the clip is given and taken in 32 all the same. Raises ModelError
    for a network whose result lacks a border, and for one of Y, Cb and Cr.
    """
    require_plane(graph, "luma", "chroma", "rgb")
    try:
        radius = reach(graph)
    except ValueError as error:
        raise ModelError(graph.name, str(error)) from None
    view = ScriptView(graph.name, graph.plane, model, backend, fp16, overlap(radius))
    return environment().get_template("vapoursynth/script.vpy.j2").render(vars(view))


def overlap(radius: int | None) -> int:
    """Of two tiles for vs-mlrt, for a network that looks so far; 0 where there can be none. A multiple of 4, so that
    tiles begin at even pixels."""
    return 0 if radius is None else -(-2 * radius // 4) * 4
