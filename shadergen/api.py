"""What a notebook or another tool calls: a model in, a shader's text out, and whether the one is the other.

Each function takes a model as a graph or as the path of a file. `shadergen` itself has these names, see `__init__.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from shadergen import compiler, hookfile, sources
from shadergen.ir import repeat
from shadergen.ir.graph import Graph, Plane
from shadergen.sources.border import Border, bordered
from shadergen.target import Target

if TYPE_CHECKING:
    from shadergen.ir.ops import Array
    from shadergen.judge.stimuli import Size
    from shadergen.judge.verification import Check, RunnerName, Verification

FilePath = str | PathLike[str]
Model = Graph | FilePath
"""A graph, or the path of a model's file."""


def load(path: FilePath, plane: Plane | None = None, pad: Border = "auto") -> Graph:
    """The network in a file of any format that `build` takes, an ncnn model by either of its two.

    `plane` says what a model is for whose file does not, any but .npz: None takes luma for one channel, rgb for three,
    and chroma for three to two. `pad` says how the picture is continued for a network without padding, whose result
    would lack a border (`auto`: by its outermost pixels; `none`: not at all). Raises ModelError.
    """
    return bordered(sources.load(Path(path), plane), pad)


def save(graph: Graph, path: FilePath) -> None:
    """Write a network as a .npz or .onnx file, whole or not at all. Raises ModelError and ShadergenError."""
    sources.save(graph, Path(path))


def compile(
    model: Model,
    target: Target | None = None,
    *,
    factor: int | None = None,
    observer: Callable[[str, Graph], None] | None = None,
) -> str:
    """The text of the mpv user shader that computes a model, written as `target` says (None: fragment passes).

    Text, because that is what players, `verify` and `lint` take; `parse` reads it as data. The same arguments give the
    same text, byte by byte. With `factor`, a power of the model's own, the file runs the model again on its own result
    where the picture is shown that large. `observer` is called after each compiler pass with its name and the graph
    that it gave.
    Raises ModelError for a file that holds no such model, and TargetError for one that the target cannot express.
    """
    graph = _graph(model)
    count = repeat.stages(graph, factor) if factor else 1
    return hookfile.format(compiler.compile_stages(graph, target or Target(), count, observer=observer))


def webgpu(model: Model) -> str:
    """The text of the program that computes a model with WebGPU's compute passes, for pages (`shadergen web`).

    Raises ModelError, and TargetError for a model that such passes cannot express.
    """
    return compiler.webgpu(_graph(model)).text()


def verify(
    model: Model,
    target: Target | None = None,
    *,
    text: str | None = None,
    runner: RunnerName | None = None,
    sizes: Sequence[Size] | None = None,
    picture: Array | None = None,
    layers: bool = False,
    on_check: Callable[[Check], None] = lambda check: None,
) -> Verification:
    """Run a model's shader on this machine's GPU and compare the picture with what the network means.

    `text` is the shader to run (None: what `compile` gives). `sizes` are those of the frames, (width, height);
    `picture`, RGB of shape (3, height, width) in 0..1, takes their place. `runner` is `gl`, or `libplacebo` through
    ffmpeg; None takes the first, and the second for fp16 arithmetic. With `layers` every texture between the passes is
    compared as well. `on_check` is called with each result as it is there.

    Look at `status` of what is returned: `passed`, `failed`, or `not verified` where no device can run the file.
    Raises ShaderRunError for a file that the device refuses, and what `compile` raises.
    """
    from shadergen.judge.stimuli import SIZES
    from shadergen.judge.verify import verify as judge  # needs OpenGL's bindings, which `compile` does not

    return judge(
        _graph(model),
        target or Target(),
        text=text,
        runner=runner,
        sizes=SIZES if sizes is None else sizes,
        picture=picture,
        layers=layers,
        on_check=on_check,
    )


def _graph(model: Model) -> Graph:
    return model if isinstance(model, Graph) else load(model)
