"""From a model to a hook file, top to bottom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from shadergen import forms, passes, wgsl
from shadergen.emit import emit, emit_stages
from shadergen.errors import TargetError
from shadergen.glsl.spelling import FP16_EXTENSION
from shadergen.hookfile import HookFile
from shadergen.ir.graph import Graph, require_plane
from shadergen.ir.ops import Conv, ConvTranspose
from shadergen.kernels import KERNELS
from shadergen.kernels.heuristics import Heuristics, heuristics_for
from shadergen.kernels.kernel import Kernel, Limits
from shadergen.kernels.looped import Looped
from shadergen.passes import Observer
from shadergen.schedule.fusion import fuse
from shadergen.schedule.hookpass import Schedule
from shadergen.schedule.pairs import pair
from shadergen.schedule.schedule import schedule
from shadergen.target import Target, Weights


def plan(
    graph: Graph,
    target: Target,
    kernels: Sequence[Kernel] = KERNELS,
    *,
    heuristics: Heuristics | None = None,
    observer: Observer | None = None,
) -> Schedule:
    """The hook passes of `graph` for `target`, from some kernels. Raises ModelError, TargetError.

    `heuristics` None are those of the target's class of devices.
    `observer` sees the passes of every way that is tried: where one does not fit the target, they begin anew.
    """
    problem: TargetError | None = None
    heuristics = heuristics or heuristics_for(target)
    for weights, without in _ways(graph, target, heuristics):
        try:
            optimised = passes.optimise(graph, without, observer=observer)
            if optimised.output == optimised.input:
                raise TargetError(graph.name, "found no operator between input and output, expected one")
            planned = scheduled(optimised, target, weights, kernels, heuristics)
            if planned.most_products > heuristics.max_pass_products and not target.kernel:
                weights = "texture"  # what the limits below are for
                planned = scheduled(optimised, target, weights, kernels, heuristics)
        except TargetError as error:
            problem = problem or error
        else:
            limits = _limits(target, weights, heuristics)
            planned = pair(planned, limits) if target.fuse else planned
            return fuse(planned, limits) if target.fuse or heuristics.fuses else planned
    assert problem, "there is always a way to try"
    raise problem


def _ways(graph: Graph, target: Target, heuristics: Heuristics) -> Iterator[tuple[Weights, frozenset[str]]]:
    """Where the weights are and what is left out: as the target says, then what binds less in a pass."""
    large = any(
        isinstance(node.op, Conv | ConvTranspose) and node.op.weight.size > heuristics.max_code_weights
        for node in graph.nodes
    )
    places: list[Weights] = ["texture"] if large and not target.kernel else [target.weights]
    if target.stage == "fragment" and places == ["code"] and not target.kernel:
        places.append("texture")  # planar textures: one for 16 packs, instead of one each
    for weights in places:
        yield weights, target.without
        if "compose" not in target.without:
            # A composite reads more values in one pass, and a table for each rim.
            yield weights, target.without | {"compose"}


def scheduled(
    graph: Graph,
    target: Target,
    weights: Weights | None = None,
    kernels: Sequence[Kernel] = KERNELS,
    heuristics: Heuristics | None = None,
) -> Schedule:
    """The hook passes of a graph as it is, of operators that passes compute, with the weights where `weights` says.

    Raises TargetError.
    """
    weights, heuristics = weights or target.weights, heuristics or heuristics_for(target)
    allowed = [kernel for kernel in kernels if kernel.weights == weights and kernel.name not in target.without]
    if target.kernel and target.kernel not in [kernel.name for kernel in allowed]:
        names = ", ".join(kernel.name for kernel in allowed)
        problem = f"found {target.kernel!r}, expected one of {names} for weights in the {weights}"
        raise TargetError("--kernel", problem)
    form = forms.form(target.stage, weights)
    return schedule(graph, target, form, allowed, _limits(target, weights, heuristics))


def _limits(target: Target, weights: Weights, heuristics: Heuristics) -> Limits:
    """What the target allows a pass. Who names a kernel allows what it needs: buffers, and extensions."""
    form = forms.form(target.stage, weights)
    fp16 = frozenset({FP16_EXTENSION} if target.precision == "fp16" else ())
    return Limits(
        binds=target.max_binds,
        workgroups=form.workgroups,
        shared_bytes=Limits.shared_bytes if form.workgroups else 0,
        blocks=((1, 1),) if "block" in target.without else form.blocks(heuristics),
        buffers=target.max_binds if target.kernel or target.buffers else 0,
        extensions=None if target.kernel else fp16,
        kernel=target.kernel,
        can_store=form.can_store,
        heuristics=heuristics,
    )


def compile(
    graph: Graph,
    target: Target,
    kernels: Sequence[Kernel] = KERNELS,
    templates: tuple[Path, ...] = (),
    *,
    observer: Observer | None = None,
) -> HookFile:
    """The hook file of `graph` for `target`: the same input gives the same file, byte by byte.

    `templates` are folders with the templates of kernels from elsewhere.
    """
    return emit(plan(graph, target, kernels, observer=observer), templates)


def compile_stages(graph: Graph, target: Target, count: int, *, observer: Observer | None = None) -> HookFile:
    """The hook file that runs a network `count` times, each time on its own result, as `ir.repeat.repeated` means it.

    Each stage is off where the picture is shown at little more than the size that those before it make. Raises
    ModelError, TargetError.
    """
    names = [graph.name, *(f"{graph.name} stage{number}" for number in range(2, count + 1))]
    return emit_stages([plan(replace(graph, name=name), target, observer=observer) for name in names])


WEBGPU = Target("compute", weights="texture", max_packs_per_texture=256)
"""What a program for WebGPU is planned as: a value is one texture of up to 256 layers, which every adapter has."""


def webgpu(graph: Graph) -> wgsl.Program:
    """The compute passes of `graph` for WebGPU. Raises ModelError, TargetError."""
    require_plane(graph, "luma", "chroma", "rgb")
    return wgsl.write(plan(graph, WEBGPU, (Looped(),)))
