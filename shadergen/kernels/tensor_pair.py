"""Two wide layers as products of matrices in one pass: the first one's results stay in shared memory.

A workgroup stores 6x30 pixels. It computes the first layer at the 8x32 pixels that the second one reads there, as
`matrices` has it; from the results, with bias and activation, come the second one's factors. Matrices have 16 rows, so
of the second layer's 32 rows two are of no use, and the first has two columns more: 1.24 times the products, for half
of the traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import ClassVar

from shadergen.glsl.addressing import Addressing
from shadergen.ir.ops import Affine, Pointwise, PRelu, Unary
from shadergen.kernels.axis import F23
from shadergen.kernels.kernel import (
    Definition,
    Dispatch,
    Function,
    Limits,
    Needs,
    Pair,
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
    Kept,
    Layer,
    LayerView,
    ResultsView,
    filled,
)
from shadergen.storage.layout import PACK, Layout

COMPUTED = (8, 32)
"""Pixels of the first layer that a workgroup computes."""
PIXELS = (1, 2)
"""Of an invocation, when it stores."""
THREADS = 128
KERNEL = (3, 3)
"""Rows and columns of both layers' kernels."""
STORED = (COMPUTED[0] - KERNEL[1] + 1, COMPUTED[1] - KERNEL[0] + 1)
"""Pixels of the second layer that it stores."""
MAX_CHANNELS = 32
"""Of a layer's result, filled up: a subgroup of 64 lanes has their sums in 128 registers."""


@dataclass(frozen=True)
class TensorPairView:
    """What `tensor_pair.glsl.j2` lays out."""

    title: str
    first: LayerView
    next_title: str
    second: LayerView


@dataclass(frozen=True)
class TensorPairPlan:
    """The second layer's result, for which a workgroup computes the first layer as well."""

    second: Layer
    kernel: ClassVar[str] = "tensor"
    template: ClassVar[str] = "tensor_results.glsl.j2"
    reads_tiles: ClassVar[bool] = False
    tile: ClassVar[Pair] = COMPUTED

    @property
    def _kept(self) -> Kept:
        assert self.second.kept, "that is what makes it a pair"
        return self.second.kept

    @property
    def first(self) -> Layer:
        return self._kept.layer

    @property
    def task(self) -> Task:
        return self.second.task

    @property
    def margin(self) -> Pair:
        return self.first.margin

    @property
    def growth(self) -> float:
        return max(self.first.x.growth, self.second.x.growth)

    @property
    def layout(self) -> Layout:
        return self.task.padded_layout

    @property
    def _area(self) -> Pair:
        """Invocations that lie side by side when they store."""
        return STORED[0] // PIXELS[0], STORED[1] // PIXELS[1]

    @property
    def dispatch(self) -> Dispatch:
        return Dispatch(PIXELS, (THREADS, 1), self._area, self.second.packs_at_once, LOOP)

    @property
    def _length(self) -> int:
        """Words of shared memory."""
        return max(self.first.length, self.second.length)

    @property
    def resources(self) -> Resources:
        return Resources(
            sums=self.second.packs_at_once * prod(PIXELS),
            buffers=self.first.buffers + self.second.buffers,
            shared_bytes=self._length * 2 * WORD,
            extensions=EXTENSIONS,
            switch=SWITCH,
        )

    @property
    def work(self) -> Work:
        """Of the second layer alone, whose texels come from shared memory."""
        products = Fraction(len(self.second.x.products) * self.second.taps, self.second.x.outputs)
        return Work(products, Fraction(0), tuple(range(self.task.source.type.packs)))

    # What it defines

    def blocks(self) -> tuple[Definition, ...]:
        """Raises PrecisionError for weights that the precision cannot hold."""
        return (*PARAMS, *self.first.blocks(), *self.second.blocks())

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return tuple(dict.fromkeys((*self.first.functions(at), *self.second.functions(at))))

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        comment = "Rows of pixels, each with eight channels in a word: what a layer reads, and results"
        return (SharedArray(comment, "uvec4", self._tile(at), self._length),)

    def _tile(self, at: Addressing) -> str:
        return at.functions.named(f"{self.task.node}_tile")

    def needs(self, at: Addressing) -> Needs:
        return self.second.needs()

    # Code

    def view(self, at: Addressing) -> ResultsView:
        return ResultsView(tuple(self.second.results(at, self._tile(at), self._area, "result / 2")))

    def before(self, at: Addressing) -> tuple[str, TensorPairView]:
        """The products, all of them in front of the loop over packs."""
        first, second = (layer.view(at, self._tile(at), self._length) for layer in (self.first, self.second))
        return "tensor_pair.glsl.j2", TensorPairView(self.first.title(), first, self.second.title(), second)


def joined(first: Layer, between: Sequence[Pointwise], second: Layer, limits: Limits) -> TensorPairPlan | None:
    """Both layers in one pass; None where they, or what is done between them, do not suit, or do not fit.

    Of what fits into shared memory, the plan with the fewest barriers is taken.
    """
    if not all(_suits(layer) for layer in (first, second)):
        return None
    if any(isinstance(op, PRelu | Affine) or not isinstance(op, Unary) for op in between):
        return None  # these are not the same for all channels
    plans = (
        TensorPairPlan(reader)
        for source in _together(_first(first, second))
        for reader in _together(replace(second, area=(STORED[0], COMPUTED[1]), threads=THREADS, moved=STORED))
        for reader in [replace(reader, kept=Kept(source, tuple(op for op in between if isinstance(op, Unary))))]
    )
    fitting = [
        plan
        for plan in plans
        if plan.resources.shared_bytes <= limits.shared_bytes and plan.resources.buffers <= limits.buffers
    ]
    return max(fitting, key=lambda plan: plan.first.together + plan.second.together, default=None)


def _suits(layer: Layer) -> bool:
    return (
        layer.x is F23
        and layer.task.op.weight.shape[2:] == KERNEL
        and layer.channels <= MAX_CHANNELS
        and not layer.copies
    )


def _first(layer: Layer, reader: Layer) -> Layer:
    """The first layer at the pixels that the second one reads."""
    top, left = reader.task.op.pads[:2]
    return replace(layer, area=COMPUTED, threads=THREADS, moved=STORED, margin=(left, top))


def _together(layer: Layer) -> Iterator[Layer]:
    """The layer with every number of packs between two barriers."""
    blocks = filled(layer.task.source.type.channels) // BLOCK
    for count in range(1, blocks + 1):
        if blocks % count == 0:
            yield replace(layer, together=count * BLOCK // PACK)
