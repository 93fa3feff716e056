"""What a schedule says: every hook pass of a model, in order, with its steps and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import assert_never

from shadergen.forms.form import Form
from shadergen.glsl.names import identifier
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Affine, PRelu
from shadergen.ir.types import TensorType
from shadergen.kernels.kernel import Dispatch, Pair
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    SpaceToDepthStep,
    Step,
)
from shadergen.storage.layout import Layout, Texture
from shadergen.target import Target

INPUT_BINDS = 2
"""What the graph's input may take: HOOKED, and LUMA for a chroma model."""


@dataclass(frozen=True)
class Cost:
    """What a pass does per pixel of the graph's input, offsets and borders left out."""

    macs: Fraction = Fraction(0)
    """Multiply-adds of the convolutions, as they are computed; transforms, rims and filled-up lanes not counted."""
    fetches: Fraction = Fraction(0)
    """Texture fetches."""
    bytes: Fraction = Fraction(0)
    """Traffic that no cache can avoid: every texture read once, the result written once."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.fetches + other.fetches, self.bytes + other.bytes)


@dataclass(frozen=True)
class ScheduledPass:
    """One hook pass. It gives one texture, or the plane itself."""

    root: str
    """The value it gives."""
    nodes: tuple[Node, ...]
    """The graph's nodes it computes, in order."""
    form: Form
    writes: Texture | None
    """None for the plane itself: the graph's output."""
    part: Pair
    """Index and number of the passes that give the same value."""
    reads: tuple[str, ...]
    """The materialised values it reads."""
    binds: tuple[Texture, ...]
    """The textures of those it needs, the graph's input left out."""
    steps: tuple[Step, ...]
    """At the invocation's pixels."""
    block_steps: tuple[Step, ...]
    """After them, once for each pixel of the result, where `shuffle` is above 1."""
    shuffle: int
    """Each of an invocation's pixels becomes shuffle x shuffle pixels of the result: the block of the DepthToSpace that
    is in registers, or 1."""
    dispatch: Dispatch
    any_pack: bool
    """Whether the code is written once, for any pack of the result: a compute pass loops over them, and a fragment is
    one of them. Otherwise every pack has code of its own."""
    cost: Cost
    tile: Tile | None = None
    """A value that the pass computes for itself, see `fusion`."""
    otherwise: tuple[ScheduledPass, ...] = ()
    """The passes, in order, that give the same texture where the user has switched this one off, see `switch`."""

    @property
    def pixels(self) -> Pair:
        """Width and height of the invocation's pixels, in front of the shuffle."""
        return self.dispatch.pixels

    @property
    def switch(self) -> str:
        """The PARAM that is 0 where this pass is off; empty where it cannot be switched off."""
        plans = [step.plan for step in self.every_step() if isinstance(step, ConvStep)]
        return next((plan.resources.switch for plan in plans if plan.resources.switch), "")

    @property
    def kernels(self) -> frozenset[str]:
        """What computes its convolutions, by name."""
        return frozenset(step.plan.kernel for step in self.every_step() if isinstance(step, ConvStep))

    def every_step(self) -> tuple[Step, ...]:
        """The steps, those that fill the tile included."""
        return (*(self.tile.source.steps if self.tile else ()), *self.steps, *self.block_steps)

    @property
    def filled_tile(self) -> Tile | None:
        """The tile, where the source's steps fill it."""
        return self.tile if self.tile and not self.tile.by_plan else None

    def textures_bound(self) -> int:
        """How many textures it binds at most: values, tables, and those of the graph's input."""
        tables = 0
        for step in self.every_step():
            match step:
                case ConvStep(plan):
                    tables += plan.resources.tables
                case RimStep():
                    tables += 1
                case PointwiseStep(op=PRelu() | Affine()):
                    tables += self.any_pack
                case PointwiseStep() | ReadStep() | SpaceToDepthStep() | DepthToSpaceStep() | SampleStep() | LaneStep():
                    pass
                case _:
                    assert_never(step)
        return len(self.binds) + tables + INPUT_BINDS


@dataclass(frozen=True)
class Tile:
    """A value in the shared memory of the one pass that reads it: at the workgroup's pixels and around them."""

    source: ScheduledPass
    """The pass that would otherwise give the value: its steps fill the tile, a block of pixels at a time."""
    area: Pair
    """Invocations of a workgroup, (width, height), that lie side by side in the pass that has the tile."""
    margin: Pair
    """Pixels in the tile left of and above the workgroup's first."""
    size: Pair
    """Width and height in pixels, whole blocks of the source's."""
    packs: int
    share: Fraction
    """Pixels computed for each that the workgroup stands for: what the halo costs."""
    continued: bool = False
    """Whether what lies outside of the image is the nearest pixel; zero otherwise."""
    texel_bytes: int = 16
    """Those of a vec4 even where it is fp16: Direct3D 11 gives a half in shared memory the room of a float. 8 in files
    that are for Vulkan alone."""
    by_plan: bool = False
    """Whether the plan that reads it computes it, see `pairs`; otherwise the source's steps fill it, see `fusion`."""

    @property
    def value(self) -> str:
        return self.source.root

    @property
    def blocks(self) -> Pair:
        """The source's blocks of pixels in a row, and in a column."""
        return self.size[0] // self.source.pixels[0], self.size[1] // self.source.pixels[1]

    @property
    def texels(self) -> int:
        return self.size[0] * self.size[1] * self.packs

    @property
    def bytes(self) -> int:
        """Of shared memory."""
        return self.texels * self.texel_bytes


@dataclass(frozen=True)
class Schedule:
    """Every hook pass of a model for a target, in order."""

    graph: Graph
    target: Target
    types: dict[str, TensorType]
    textures: dict[str, tuple[Texture, ...]]
    """By materialised value, the graph's input and output left out."""
    passes: tuple[ScheduledPass, ...]

    @property
    def prefix(self) -> str:
        """What all saved names start with; vo=gpu shares them among all files (mpv video.c, saved_img_store)."""
        return prefix(self.graph, self.target)

    @property
    def starts_at_once(self) -> bool:
        """Whether every convolution has its weights elsewhere than in the code, which therefore is short."""
        steps = [step for scheduled in self.passes for step in scheduled.every_step()]
        return any(isinstance(step, ConvStep) for step in steps) and self.most_products == 0

    @property
    def most_products(self) -> int:
        """Of a vec4 with a scalar, in the code of the pass that has the most."""
        return max(
            sum(step.plan.resources.products for step in scheduled.every_step() if isinstance(step, ConvStep))
            for scheduled in self.passes
        )

    def cost(self) -> Cost:
        """The sum over all passes."""
        return sum((scheduled.cost for scheduled in self.passes), Cost())

    def tiles(self) -> tuple[Tile, ...]:
        """What stays in shared memory instead of textures."""
        return tuple(scheduled.tile for scheduled in self.passes if scheduled.tile)

    def vram_bytes(self) -> Fraction:
        """Bytes of all results per pixel of the input; players never reuse a texture within a frame."""
        saved = [scheduled.writes for scheduled in self.passes if scheduled.writes]
        stored = sum((texture.type.pixels() * texture.texels() * texture.texel_bytes for texture in saved), Fraction(0))
        return stored + self.types[self.graph.output].pixels() * PLANE_TEXEL_BYTES


PLANE_TEXEL_BYTES = Layout.texel_bytes
"""The plane itself is stored by the player, in rgba16f like all hook results."""


def prefix(graph: Graph, target: Target) -> str:
    """What all names that a file saves start with."""
    return identifier(graph.name + target.suffix)
