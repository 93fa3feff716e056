"""A convolution as products of matrices on tensor cores (VK_KHR_cooperative_matrix), for wide layers.

A workgroup has the sums of 8x16 pixels and all channels, as `matrices` has them, which end up in the registers of its
invocations.

Matrices are loaded from buffers or from shared memory. For mpv's vo=gpu, which has neither BUFFER nor PARAM, a
workgroup copies the weights from a texture into shared memory, those of 16 channels and a row of taps at a time, and
the constants are lines of each pass.

Mesa's RADV ends the player on a GPU that lacks such cores; who builds a file of this kernel asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import ClassVar

from shadergen.glsl.addressing import Addressing
from shadergen.ir.ops import Pointwise
from shadergen.kernels.axis import F23, Axis, direct
from shadergen.kernels.kernel import (
    Definition,
    Dispatch,
    Function,
    JoinedPlan,
    Limits,
    Needs,
    Pair,
    Plan,
    Resources,
    SharedArray,
    Task,
    Work,
)
from shadergen.kernels.matrices import (
    BLOCK,
    EXTENSIONS,
    LOOP,
    PARAMS,
    SWITCH,
    WORD,
    Layer,
    LayerView,
    ResultsView,
    filled,
)
from shadergen.kernels.tensor_pair import joined
from shadergen.storage.layout import PACK, Layout
from shadergen.target import Weights

AREA = (8, 8)
"""Invocations that lie side by side; a part of a workgroup has as many threads, a whole number of subgroups."""
PIXELS = (1, 2)
"""Of an invocation. A workgroup then has eight columns of 16 pixels."""
MAX_TEXELS = 10 * 1024
"""Bytes of texels at most that are in shared memory at a time, for each part of a workgroup."""


@dataclass(frozen=True)
class TensorView:
    """What `tensor.glsl.j2` lays out."""

    title: str
    constants: tuple[tuple[str, str], ...]
    """What the user may set, where the file has no PARAM for it."""
    layer: LayerView


@dataclass(frozen=True)
class TensorPlan:
    """16 rows of pixels in eight columns for each workgroup, all packs of the result."""

    task: Task
    x: Axis
    together: int
    """Packs of the source between two barriers."""
    copies: bool = False
    """Whether the weights are in a TEXTURE and copied to shared memory, as vo=gpu wants it; else in a BUFFER."""
    kernel: ClassVar[str] = "tensor"
    template: ClassVar[str] = "tensor_results.glsl.j2"
    reads_tiles: ClassVar[bool] = False

    @property
    def growth(self) -> float:
        return self.x.growth

    @property
    def layout(self) -> Layout:
        return self.task.padded_layout

    @property
    def layer(self) -> Layer:
        return Layer(self.task, self.x, self.together, self.area, self.threads, self.area, copies=self.copies)

    @property
    def parts(self) -> int:
        """Into how many parts the workgroup is divided: each reads an even number of packs of the result, eight if it
        can. 64 threads then have the sums of 32 channels, for each of which they read a factor."""
        packs = len(self.task.packs)
        return max(
            parts for parts in range(1, packs + 1) if parts == 1 or (packs % (2 * parts) == 0 and packs >= 8 * parts)
        )

    @property
    def threads(self) -> int:
        return prod(AREA) * self.parts

    @property
    def dispatch(self) -> Dispatch:
        # In a row, as matrices want whole subgroups along x (VUID-VkPipelineShaderStageCreateInfo-module-08987).
        return Dispatch(PIXELS, (self.threads, 1), AREA, self.layer.packs_at_once, LOOP)

    @property
    def area(self) -> Pair:
        """Pixels, (width, height)."""
        return AREA[0] * PIXELS[0], AREA[1] * PIXELS[1]

    @property
    def resources(self) -> Resources:
        return Resources(
            sums=self.layer.packs_at_once * prod(PIXELS),
            tables=int(self.copies),
            buffers=self.layer.buffers,
            shared_bytes=self.layer.length * 2 * WORD,
            extensions=EXTENSIONS,
            switch="" if self.copies else SWITCH,
        )

    @property
    def work(self) -> Work:
        layer = self.layer
        products = Fraction(len(self.x.products) * layer.taps, self.x.outputs)
        read = Fraction(layer.groups * layer.read * layer.height, prod(self.area))
        read *= Fraction(layer.packs_at_once, layer.packs)  # once for all packs, and not for each turn of the loop
        return Work(products, read, tuple(range(self.task.source.type.packs)))

    def joined(self, source: Plan, between: Sequence[Pointwise], limits: Limits) -> JoinedPlan | None:
        """Both layers, where what is read is a wide layer as well."""
        return joined(source.layer, between, self.layer, limits) if isinstance(source, TensorPlan) else None

    # What it defines

    def blocks(self) -> tuple[Definition, ...]:
        """Raises PrecisionError for weights that the precision cannot hold."""
        return (self.layer.table.block(),) if self.copies else (*PARAMS, *self.layer.blocks())

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return self.layer.functions(at)

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        comment = "Rows of pixels, each with eight channels in a word; texels, then results"
        return (SharedArray(comment, "uvec4", self._tile(at), self.layer.length),)

    def _tile(self, at: Addressing) -> str:
        return at.functions.named(f"{self.task.node}_tile")

    def needs(self, at: Addressing) -> Needs:
        return Needs()

    # Code

    def view(self, at: Addressing) -> ResultsView:
        words = "result / 2" if self.parts == 1 else "part / 2 + turn / 2"  # one more constant where the loop is none
        return ResultsView(tuple(self.layer.results(at, self._tile(at), AREA, words)))

    def before(self, at: Addressing) -> tuple[str, TensorView]:
        """The products, all of them in front of the loop over packs."""
        layer = self.layer.view(at, self._tile(at), self.layer.length)
        constants = tuple((param.name, f"{param.initial:g}") for param in PARAMS[1:])
        return "tensor.glsl.j2", TensorView(self.layer.title(), constants if self.copies else (), layer)


class Tensor:
    """Convolutions of 16 channels and more on both sides, padded with zeros: never unless it is asked for."""

    name: ClassVar[str] = "tensor"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = True

    def plan(self, task: Task, limits: Limits) -> Iterator[TensorPlan]:
        """A plan for each axis, with the most packs between two barriers that shared memory is to hold."""
        if not _suits(task, limits) or not (limits.buffers or self.weights == "texture"):
            return
        taps = int(task.op.weight.shape[3])
        for axis in (F23, direct(1, taps)) if taps == F23.taps else (direct(1, taps),):
            blocks = filled(task.source.type.channels) // BLOCK
            counts = (count for count in range(1, blocks + 1) if blocks % count == 0)
            plans = [TensorPlan(task, axis, count * BLOCK // PACK, self.weights == "texture") for count in counts]
            fitting = [
                plan
                for plan in plans
                if (plan.layer.texel_words * 2 * WORD <= MAX_TEXELS * plan.parts or plan is plans[0])
                and plan.resources.shared_bytes <= limits.shared_bytes
            ]
            yield from fitting[-1:]


class TensorTables(Tensor):
    """The same with weights in TEXTURE blocks, for vo=gpu."""

    weights: ClassVar[Weights] = "texture"


def _suits(task: Task, limits: Limits) -> bool:
    op, source = task.op, task.source
    if limits.kernel != Tensor.name or not task.any_pack:
        return False
    layout = source.layout
    if layout is None or layout.planar or source.type.packs % layout.packs_per_texture == 1:
        return False  # a texture of a single pack is read otherwise
    return op.plain and op.pad_mode == "zero" and min(source.type.packs, len(task.packs)) >= BLOCK // PACK
