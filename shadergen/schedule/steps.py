"""What a hook pass does, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from shadergen.ir.graph import Node
from shadergen.ir.ops import AveragePool, Conv, Fit, MaxPool, MeanOfMeans, Pad, Pointwise, Resize, Rim, SpaceToDepth
from shadergen.kernels.kernel import Plan

Sampling = Pad | Fit | Resize | MaxPool | AveragePool | MeanOfMeans
"""Operators that read their input anywhere, each channel by itself; a second input gives its size alone."""
Neighbourhood = Conv | Rim | SpaceToDepth | Sampling
"""Operators that read their input at other pixels than their own."""


def sources(node: Node) -> tuple[str, ...]:
    """The inputs whose values are read; of others the size is enough."""
    return node.inputs[:1] if isinstance(node.op, Neighbourhood) else node.inputs


@dataclass(frozen=True)
class ConvStep:
    """Packs of a convolution of a materialised value."""

    plan: Plan

    @property
    def node(self) -> str:
        return self.plan.task.node

    @property
    def source(self) -> str:
        return self.plan.task.source.value

    @property
    def packs(self) -> tuple[int, ...]:
        return self.plan.task.packs


@dataclass(frozen=True)
class RimStep:
    """Packs of a rim, from a materialised value, added to another value in registers where there is one."""

    node: str
    op: Rim
    source: str
    packs: tuple[int, ...]
    onto: str | None = None
    """What the rim is added to: its registers become those of the sum, instead of being held beside the rim's."""


@dataclass(frozen=True)
class ReadStep:
    """Packs of a materialised value at the invocation's own pixel."""

    node: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class SpaceToDepthStep:
    """SpaceToDepth of a materialised value: each pack collects a block of pixels."""

    node: str
    block: int
    source: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class DepthToSpaceStep:
    """DepthToSpace of a materialised value: each lane is picked by the pixel's place in its block."""

    node: str
    block: int
    source: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class SampleStep:
    """Packs of a materialised value, resampled, padded or reduced."""

    node: str
    op: Sampling
    inputs: tuple[str, ...]
    packs: tuple[int, ...]

    @property
    def source(self) -> str:
        """What is read."""
        return self.inputs[0]


@dataclass(frozen=True)
class PointwiseStep:
    """A pointwise operator on packs in registers."""

    node: str
    op: Pointwise
    inputs: tuple[str, ...]
    packs: tuple[int, ...]


@dataclass(frozen=True)
class Lane:
    """Where a lane comes from: a channel of a value in registers."""

    value: str
    channel: int


@dataclass(frozen=True)
class LaneStep:
    """Packs put together from lanes of values in registers: Slice, Gather, Concat, and DepthToSpace in registers."""

    node: str
    packs: tuple[int, ...]
    lanes: tuple[tuple[Lane, ...], ...]
    """For each pack, its live lanes. For DepthToSpace `channel` is that of the block's first pixel."""
    block: int = 1


Step: TypeAlias = (
    ConvStep | RimStep | ReadStep | SpaceToDepthStep | DepthToSpaceStep | SampleStep | PointwiseStep | LaneStep
)
