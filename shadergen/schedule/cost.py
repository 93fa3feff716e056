"""What a pass costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from shadergen.ir.ops import AveragePool, Fit, MaxPool, MeanOfMeans, Pad, Resize
from shadergen.ir.types import TensorType
from shadergen.kernels.kernel import Plan
from shadergen.schedule.hookpass import PLANE_TEXEL_BYTES, Cost
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    Sampling,
    SpaceToDepthStep,
    Step,
)
from shadergen.storage.layout import Texture, lanes


def cost_of(
    steps: Sequence[Step],
    reads_input: bool,
    binds: Iterable[Texture],
    types: dict[str, TensorType],
    root: str,
    writes: Texture | None,
) -> Cost:
    """What a pass of such steps costs per pixel of the graph's input."""
    total = Cost(bytes=bytes_moved(reads_input, binds, types[root], writes))
    for step in steps:
        pixels = types[step.node].pixels()
        total += Cost(pixels * _macs(step, types), pixels * _fetches(step, types))
    return total


def _macs(step: Step, types: dict[str, TensorType]) -> Fraction:
    """Multiply-adds per pixel of the step's value."""
    if not isinstance(step, ConvStep):
        return Fraction(0)  # a rim is a vanishing part of the picture
    work = step.plan.work
    live = sum(lanes(types[step.node].channels, pack) for pack in step.packs)
    read = sum(lanes(types[step.source].channels, pack) for pack in work.sources)
    return live * read * work.products


def _fetches(step: Step, types: dict[str, TensorType]) -> Fraction:
    """Texture fetches per pixel of the step's value."""
    match step:
        case ConvStep(plan):
            return conv_fetches(plan)
        case ReadStep(_, packs):
            return Fraction(len(packs))
        case SpaceToDepthStep(_, block, source, _):
            return Fraction(block**2 * types[source].packs)
        case DepthToSpaceStep(_, _, source, _):
            return Fraction(types[source].packs)
        case SampleStep(_, op, _, packs):
            return Fraction(len(packs) * _texels(op))
        case RimStep() | PointwiseStep() | LaneStep():
            return Fraction(0)


def conv_fetches(plan: Plan) -> Fraction:
    """Texture fetches per pixel of a convolution's result."""
    return plan.work.texels * len(plan.work.sources)


def _texels(op: Sampling) -> int:
    """Texels read for each pixel of the result; a mean's are a vanishing part."""
    match op:
        case MaxPool(kernel) | AveragePool(kernel):
            return kernel[0] * kernel[1]
        case Resize(to, filter):
            taps = {"nearest": 1, "linear": 2, "cubic": 4}[filter]
            return (taps if to[0] != 1 else 1) * (taps if to[1] != 1 else 1)
        case Pad() | Fit() | MeanOfMeans():
            return 1


def bytes_moved(reads_input: bool, binds: Iterable[Texture], result: TensorType, writes: Texture | None) -> Fraction:
    """Bytes per pixel of the graph's input that a pass reads and writes at least: every texture once.

    The player stores the graph's input, and the plane, in four lanes of 16 bits as well.
    """
    read = sum((texture.type.pixels() * texture.texels() * texture.texel_bytes for texture in binds), Fraction(0))
    written = writes.texels() * writes.texel_bytes if writes else PLANE_TEXEL_BYTES
    return read + reads_input * PLANE_TEXEL_BYTES + result.pixels() * written
