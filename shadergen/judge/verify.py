"""Is the shader the network? Runs a hook file's text and compares the picture with the reference.

This module joins both sides of the wall: the graph and its schedule say what must come out, the runners know only the
text. Frames are the project's own synthetic picture, or the user's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from shadergen import compiler, hookfile
from shadergen.emit import emit
from shadergen.errors import NoDeviceError, ShadergenError
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Array
from shadergen.runtime import libplacebo
from shadergen.runtime.colour import SITINGS, SitingName, rgb_to_ycbcr, upsample_chroma
from shadergen.runtime.compare import RGBA16F, RGBA32F, Bound, Comparison, compare
from shadergen.runtime.context import describe, open_context
from shadergen.runtime.runner import Frame, Result, Runner, Storage
from shadergen.schedule.hookpass import Schedule
from shadergen.storage.layout import Texture
from shadergen.target import Target

Size = tuple[int, int]
RunnerName = Literal["gl", "libplacebo"]
Status = Literal["passed", "failed", "not verified"]

SIZES: tuple[Size, ...] = ((1, 1), (17, 13), (250, 187))
"""One pixel, odd and smaller than a workgroup, odd and not a multiple of one; (width, height)."""

BOUNDS: dict[Storage, Bound] = {"rgba32f": RGBA32F, "rgba16f": RGBA16F}

CHROMA_SITINGS: tuple[SitingName, ...] = ("left", "center")
"""Those that video has: MPEG-2's and its successors', and JPEG's."""


@dataclass(frozen=True)
class Layer:
    """A saved texture against the reference's value of the same name."""

    texture: str
    error: float
    """Largest difference, relative to the largest expected value or 1."""
    departs: bool


@dataclass(frozen=True)
class Check:
    """One frame, run one way."""

    size: Size
    runner: RunnerName
    storage: Storage
    siting: SitingName | None
    """None but for chroma models."""
    bound: Bound
    comparison: Comparison
    problem: str = ""
    """Why there is no meaning in the comparison, or empty."""
    layers: tuple[Layer, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problem and self.bound.holds(self.comparison)

    @property
    def departing(self) -> str:
        """The first texture that departs, or empty."""
        return next((layer.texture for layer in self.layers if layer.departs), "")


@dataclass(frozen=True)
class Verification:
    """What `verify` found."""

    shader: str
    device: str
    checks: tuple[Check, ...]
    reason: str = ""
    """Why nothing could be verified, or empty."""

    @property
    def status(self) -> Status:
        if self.reason or not self.checks:
            return "not verified"
        return "passed" if all(check.passed for check in self.checks) else "failed"

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        checks = [
            asdict(check) | {"passed": check.passed, "first_departing_texture": check.departing or None}
            for check in self.checks
        ]
        report = {"shader": self.shader, "status": self.status, "reason": self.reason, "device": self.device}
        return report | {"checks": checks}


@dataclass(frozen=True)
class Case:
    """One frame in the forms that the reference and the runners want."""

    size: Size
    siting: SitingName | None
    planes: dict[str, Array]
    """As the player delivers them: LUMA (1, h, w), CHROMA (2, ceil(h/2), ceil(w/2)), or RGB (3, h, w)."""
    image: Array
    """The graph's input."""


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
    frames = sizes if picture is None else [(picture.shape[2], picture.shape[1])]
    for size in frames:
        _check_memory(schedule, size)
    runner = runner or ("libplacebo" if target.precision == "fp16" else "gl")
    cases = list(_cases(graph, sizes, picture))
    checks: list[Check] = []

    def collect(check: Check) -> None:
        checks.append(check)
        on_check(check)

    if runner == "libplacebo":
        reason = libplacebo.unavailable()
        if reason:
            return Verification(where, "", (), reason)
        for case in cases:
            collect(_check_libplacebo(schedule, text, where, case))
        return Verification(where, "libplacebo through ffmpeg", tuple(checks))
    try:
        context = open_context()
    except NoDeviceError as error:
        return Verification(where, "", (), str(error))
    try:
        device = describe(context)
        if target.precision == "fp16":
            return Verification(where, device.renderer, (), "fp16 arithmetic needs Vulkan; use --runner libplacebo")
        if target.stage == "compute" and not device.has_compute:
            return Verification(where, device.renderer, (), "this OpenGL driver has no compute shaders (4.3)")
        file = hookfile.parse(text, where)
        for storage in BOUNDS:
            with Runner(context, file, storage=storage, where=where) as gl:
                for case in cases:
                    collect(_check_gl(schedule, gl, storage, case, layers))
        return Verification(where, f"{device.renderer}, OpenGL {device.version}", tuple(checks))
    finally:
        context.release()


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
# Frames


def synthetic_picture(width: int, height: int) -> Array:
    """RGB (3, height, width) in 0.1 to 0.9: soft shading, waves of every direction and pitch, hard edges, fine noise.

    The same for the same size. Mid-tones everywhere, as in a photograph: drivers that store 16-bit floats by cutting
    digits off make bright pictures darker, and that is not the shader's doing.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    u, v = x / max(width, 32), y / max(height, 32)
    waves = np.sin(40 * (u**2 + v**2) * np.pi) * 0.12
    edges = np.where((u * 7 + v * 3) % 1 < 0.5, 0.12, -0.12)
    shading = 0.32 + 0.08 * np.cos(3 * u + 2 * v)
    noise = np.random.default_rng(7).uniform(-0.06, 0.06, (3, height, width))
    tint = np.array([0.05, 0.0, -0.05])[:, None, None] * np.sin(9 * u - 5 * v)
    rgb: Array = np.clip(shading + waves + edges + tint + noise, 0.05, 0.95).astype(np.float32)
    return rgb


def _cases(graph: Graph, sizes: Sequence[Size], picture: Array | None) -> Iterator[Case]:
    pictures = [synthetic_picture(*size) for size in sizes] if picture is None else [picture[:3]]
    for rgb in pictures:
        size = rgb.shape[2], rgb.shape[1]
        match graph.plane:
            case "luma":
                luma = rgb_to_ycbcr(rgb)[:1]
                yield Case(size, None, {"LUMA": luma}, luma)
            case "rgb":
                yield Case(size, None, {"RGB": rgb}, rgb)
            case "chroma":
                yield from _chroma_cases(rgb)


def _chroma_cases(rgb: Array) -> Iterator[Case]:
    """For each siting: 4:2:0 as the player has it, and Y, Cb, Cr at luma's resolution as the network sees it.

    Half of an odd size is rounded up, so the network's input may be a pixel larger than luma, whose edge is repeated.
    Pictures of one pixel across are left out: there 4:2:0 and 4:4:4 look alike, and the shader stays off.
    """
    height, width = rgb.shape[1:]
    if min(width, height) < 2:
        return
    ycbcr = rgb_to_ycbcr(rgb)
    padded = np.pad(ycbcr, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    chroma = padded[1:].reshape(2, padded.shape[1] // 2, 2, padded.shape[2] // 2, 2).mean((2, 4))
    for name in CHROMA_SITINGS:
        planes = {"LUMA": ycbcr[:1], "CHROMA": chroma}
        upsampled = upsample_chroma(chroma, SITINGS[name], (padded.shape[2], padded.shape[1]))
        yield Case((width, height), name, planes, np.concatenate([padded[:1], upsampled]))


# ---------------------------------------------------------------------------------------------------------------------
# Runs


def _check_gl(schedule: Schedule, gl: Runner, storage: Storage, case: Case, layers: bool) -> Check:
    graph = schedule.graph
    plane = {"luma": "LUMA", "chroma": "CHROMA", "rgb": "MAIN"}[graph.plane]
    siting = SITINGS[case.siting] if case.siting else (0.0, 0.0)
    textures = [texture for group in schedule.textures.values() for texture in group] if layers else []
    values = reference.evaluate(graph, case.image)
    expected = values[graph.output]
    result = gl.run(
        Frame(case.planes, siting=siting, full_range=True),
        (64 * case.size[0], 64 * case.size[1]),  # so that any WHEN is met; nothing is scaled before `plane`
        stop_after=plane,
        keep=[texture.name for texture in textures],
    )
    actual = result.planes[plane]
    bound = BOUNDS[storage]
    problem = _stayed_off(result)
    if not problem and actual.shape[1:] != expected.shape[1:]:
        problem = (
            f"found a result of {actual.shape[2]}x{actual.shape[1]}, expected {expected.shape[2]}x{expected.shape[1]}"
        )
    comparison = compare(expected if problem else actual[: len(expected)], expected)
    compared = tuple(_layer(texture, result, values, bound) for texture in textures if texture.name in result.saved)
    return Check(case.size, "gl", storage, case.siting, bound, comparison, problem, compared)


def _stayed_off(result: Result) -> str:
    skipped = [run for run in result.passes if not run.ran]
    return f"pass {skipped[0].desc!r} did not run: {skipped[0].reason}" if skipped else ""


def _layer(texture: Texture, result: Result, values: dict[str, Array], bound: Bound) -> Layer:
    expected = values[texture.value][4 * texture.first : 4 * (texture.first + texture.packs)]
    texels = result.saved[texture.name]
    if texels.shape[1:] != (expected.shape[1] * texture.rows, expected.shape[2] * texture.columns):
        return Layer(texture.name, float("inf"), True)
    error = compare(texture.unpack(texels), expected).max_abs / max(1.0, float(np.abs(expected).max()))
    return Layer(texture.name, error, error > bound.max_abs)


def _check_libplacebo(schedule: Schedule, text: str, where: str, case: Case) -> Check:
    graph = schedule.graph
    width, height = case.size
    expected = reference.evaluate(graph, case.image)[graph.output]
    size = _output_size(schedule, case)
    if graph.plane == "rgb":
        ycbcr = rgb_to_ycbcr(case.image)
        luma, chroma = ycbcr[:1], ycbcr[1:]
        expected = np.clip(rgb_to_ycbcr(expected), 0, 1)  # what the 16-bit planes that come back can hold
        wanted = slice(0, 3)
    else:
        luma = case.planes["LUMA"]
        chroma = case.planes.get("CHROMA", np.full((2, height, width), 0.5, np.float32))
        wanted = slice(1, 3) if graph.plane == "chroma" else slice(0, 1)
        expected = expected[:, : size[1], : size[0]]
    actual = libplacebo.run(text, luma, chroma, size, siting=case.siting or "left", where=where)[wanted]
    return Check(case.size, "libplacebo", "rgba16f", case.siting, RGBA16F, compare(actual, expected))


def _output_size(schedule: Schedule, case: Case) -> Size:
    """The plane's size after the model, so that nothing is scaled afterwards."""
    output = schedule.types[schedule.graph.output]
    return output.width.at(case.size[0]), output.height.at(case.size[1])
