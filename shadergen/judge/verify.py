"""Is the shader the network? Runs a hook file's text and compares the picture with the reference.

This module joins both sides of the wall: the graph and its schedule say what must come out, the runners know only the
text. Frames are the project's own synthetic picture, or the user's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import get_args

import moderngl
import numpy as np

from shadergen import compiler, hookfile
from shadergen.emit import emit
from shadergen.emit.plane import PLANES
from shadergen.errors import NoDeviceError, ShadergenError
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Array
from shadergen.ir.smallest import check_size
from shadergen.judge.rounding import Bounds, Rounding, bounds, probe, rounding_of
from shadergen.judge.stimuli import SIZES, Size, Stimulus, siting_of, stimuli
from shadergen.judge.verification import Check, Layer, RunnerName, Verification
from shadergen.runtime import libplacebo
from shadergen.runtime.colour import rgb_to_ycbcr
from shadergen.runtime.compare import RGBA32F, compare
from shadergen.runtime.context import describe, open_context
from shadergen.runtime.runner import Frame, Result, Runner, Storage
from shadergen.schedule.hookpass import Schedule
from shadergen.storage.layout import Texture
from shadergen.target import Stage, Target


def verify(
    graph: Graph,
    target: Target,
    *,
    text: str | None = None,
    where: str = "",
    runner: RunnerName | None = None,
    sizes: Sequence[Size] = SIZES,
    picture: Array | None = None,
    layers: bool = False,
    on_check: Callable[[Check], None] = lambda check: None,
) -> Verification:
    """Run `text` (built from the graph when None) and compare it with the reference on every frame.

    `picture`, RGB (3, h, w) in 0..1, replaces the synthetic picture and `sizes`. `runner` None takes OpenGL, and
    libplacebo for fp16 arithmetic, which most OpenGL drivers refuse. OpenGL runs each frame with both storage formats.
    `on_check` is called with each result as it is there. A device that cannot run the file gives a Verification that
    says so, never one that passed. Raises ShaderRunError for a file that the device refuses.
    """
    # WHEN decides whether the shader runs, not what it computes; here it has to run.
    schedule = compiler.plan(graph, replace(target, when=min(target.when, 1.2)))
    if text is None:
        text = hookfile.format(emit(schedule))
    where = where or f"{graph.name}{target.suffix}.glsl"
    for size in sizes if picture is None else [(picture.shape[2], picture.shape[1])]:
        check_size(graph.name, schedule.types, size)
        _check_memory(schedule, size)
    frames = list(stimuli(graph.plane, sizes, picture))
    checks: list[Check] = []

    def collect(check: Check) -> None:
        checks.append(check)
        on_check(check)

    runner = runner or ("libplacebo" if target.precision == "fp16" else "gl")
    if runner == "libplacebo":
        device, reason = _in_libplacebo(schedule, text, where, frames, collect)
    else:
        device, reason = _on_gl(schedule, text, where, frames, layers, collect)
    return Verification(where, device, tuple(checks), reason)


def _check_memory(schedule: Schedule, size: Size) -> None:
    """Raises ShadergenError for a frame whose values would fill the memory, where the system just ends the program."""
    if not hasattr(os, "sysconf"):
        return  # Windows answers with a MemoryError instead
    channels = sum(float(type_.pixels()) * type_.channels for type_ in schedule.types.values())
    needed = 4 * channels * size[0] * size[1]
    limit = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    if needed > limit:
        problem = (
            f"found a reference of {needed / 2**30:.1f} GiB, expected at most {limit / 2**30:.1f} GiB on this machine"
        )
        raise ShadergenError(f"{schedule.graph.name} at {size[0]}x{size[1]}", problem, "choose a smaller frame")


# ---------------------------------------------------------------------------------------------------------------------
# Runs


def _on_gl(
    schedule: Schedule,
    text: str,
    where: str,
    frames: Sequence[Stimulus],
    layers: bool,
    collect: Callable[[Check], None],
) -> tuple[str, str]:
    """Run every frame in the project's own runner; the device, and why it cannot run the file, or empty."""
    try:
        context = open_context()
    except NoDeviceError as error:
        return "", str(error)
    try:
        device = describe(context)
        if schedule.target.precision == "fp16":
            return device.renderer, "fp16 arithmetic needs Vulkan; use --runner libplacebo"
        if schedule.target.stage == "compute" and not device.has_compute:
            return device.renderer, "this OpenGL driver has no compute shaders (4.3)"
        file = hookfile.parse(text, where)
        rounding = rounding_of(_probed(context, schedule.target.stage))
        for storage in get_args(Storage):
            with Runner(context, file, storage=storage, where=where) as gl:
                for frame in frames:
                    collect(_check_gl(schedule, gl, rounding if storage == "rgba16f" else None, frame, layers))
        return f"{device.renderer}, OpenGL {device.version}", ""
    finally:
        context.release()


def _probed(context: moderngl.Context, stage: Stage) -> Array:
    """The luma that the probe of rounding gives."""
    grey = {"LUMA": np.full((1, 8, 8), 0.5, np.float32)}
    with Runner(context, hookfile.parse(probe(stage)), storage="rgba16f") as gl:
        return gl.run(Frame(grey, full_range=True), (8, 8), stop_after="LUMA").planes["LUMA"][:1]


def _check_gl(schedule: Schedule, gl: Runner, rounding: Rounding | None, frame: Stimulus, layers: bool) -> Check:
    """The picture of one frame; `rounding` is how the device stores 16-bit floats, None for 32-bit storage."""
    graph = schedule.graph
    plane = PLANES[graph.plane].hook
    textures = [texture for group in schedule.textures.values() for texture in group] if layers else []
    values = reference.evaluate(graph, frame.image)
    expected = values[graph.output]
    result = gl.run(
        Frame(frame.planes, siting=siting_of(frame), full_range=True),
        (64 * frame.size[0], 64 * frame.size[1]),  # so that any WHEN is met; nothing is scaled before `plane`
        stop_after=plane,
        keep=[texture.name for texture in textures],
    )
    actual = result.planes[plane]
    allowed = bounds(schedule, frame, values, rounding, libplacebo=False) if rounding else None
    problem = _stayed_off(result)
    if not problem and actual.shape[1:] != expected.shape[1:]:
        problem = (
            f"found a result of {actual.shape[2]}x{actual.shape[1]}, expected {expected.shape[2]}x{expected.shape[1]}"
        )
    comparison = compare(expected if problem else actual[: len(expected)], expected)
    saved = [texture for texture in textures if texture.name in result.saved]
    compared = tuple(_layer(texture, result, values, allowed) for texture in saved)
    bound = allowed.picture if allowed else RGBA32F
    return Check(frame.size, "gl", gl.storage, frame.siting, bound, comparison, problem, compared)


def _stayed_off(result: Result) -> str:
    skipped = [run for run in result.passes if not run.ran]
    return f"pass {skipped[0].desc!r} did not run: {skipped[0].reason}" if skipped else ""


def _layer(texture: Texture, result: Result, values: dict[str, Array], allowed: Bounds | None) -> Layer:
    expected = values[texture.value][4 * texture.first : 4 * (texture.first + texture.packs)]
    texels = result.saved[texture.name]
    area = (expected.shape[1], expected.shape[2])
    if texels.shape[1:] != texture.size(*area) or texture.beyond(texels, *area).any():
        return Layer(texture.name, float("inf"), True)
    size = max(1.0, float(np.abs(expected).max()))
    error = compare(texture.unpack(texels), expected).max_abs
    return Layer(
        texture.name, error / size, error > (allowed.textures[texture.name] if allowed else RGBA32F.max_abs * size)
    )


def _in_libplacebo(
    schedule: Schedule, text: str, where: str, frames: Sequence[Stimulus], collect: Callable[[Check], None]
) -> tuple[str, str]:
    """Run every frame in the player's library; what ran it, and why it cannot run the file, or empty."""
    reason = libplacebo.unavailable()
    if reason:
        return "", reason
    grey = np.full((1, 16, 16), 0.5, np.float32)
    probed = libplacebo.run(probe(schedule.target.stage), grey, np.full((2, 16, 16), 0.5, np.float32), (16, 16))[:1]
    for frame in frames:
        collect(_check_libplacebo(schedule, text, where, frame, rounding_of(probed)))
    return "libplacebo through ffmpeg", ""


_WANTED = {"luma": slice(0, 1), "chroma": slice(1, 3), "rgb": slice(0, 3), "ycbcr": slice(0, 3)}
"""Which of Y, Cb and Cr are compared, by plane."""


def _check_libplacebo(schedule: Schedule, text: str, where: str, frame: Stimulus, rounding: Rounding) -> Check:
    graph = schedule.graph
    width, height = frame.size
    values = reference.evaluate(graph, frame.image)
    bound = bounds(schedule, frame, values, rounding, libplacebo=True).picture
    expected = values[graph.output]
    size = _output_size(schedule, frame)
    if graph.plane == "rgb":
        ycbcr = rgb_to_ycbcr(frame.image, depth=16)
        luma, chroma = ycbcr[:1], ycbcr[1:]
        expected = np.clip(rgb_to_ycbcr(expected, depth=16), 0, 1)  # what the 16-bit planes that come back can hold
    else:
        luma = frame.planes["LUMA"]
        chroma = frame.planes.get("CHROMA", np.full((2, height, width), 0.5, np.float32))
        expected = expected[:, : size[1], : size[0]]
    actual = libplacebo.run(text, luma, chroma, size, siting=frame.siting or "left", where=where)[_WANTED[graph.plane]]
    return Check(frame.size, "libplacebo", "rgba16f", frame.siting, bound, compare(actual, expected))


def _output_size(schedule: Schedule, frame: Stimulus) -> Size:
    """The plane's size after the model, so that nothing is scaled afterwards."""
    output = schedule.types[schedule.graph.output]
    return output.width.at(frame.size[0]), output.height.at(frame.size[1])
