"""What kernels share whose factors are in shared memory, and whose weights are in uniform buffers.

Their source is in one texture of several packs. Some of them at a time are transformed into shared memory, once for
all invocations of a workgroup that need them; then each invocation multiplies its factors with weights, and adds the
products to the sums of some packs of the result.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from shadergen.glsl import tables
from shadergen.glsl.addressing import Addressing, EveryPack
from shadergen.glsl.index import Index
from shadergen.glsl.names import table_name
from shadergen.glsl.spelling import FP16, FP16_EXTENSION, FP32, Types
from shadergen.hookfile import UserBuffer
from shadergen.kernels import halves
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Function, Limits, Needs, Resources, SharedArray, Task
from shadergen.kernels.uniforms import Uniforms
from shadergen.storage.layout import LANES, Layout, Texture


@dataclass(frozen=True)
class PartView:
    """The number of the invocation's part of a divided workgroup, for `buffered.glsl.j2`."""

    number: str
    scalar: str
    """Where a compiler is told that it is the same in a whole wave, see `Heuristics.scalar_weights`."""


@dataclass(frozen=True)
class ProductsView:
    """The products of a record of weights with factors in shared memory, for `buffered.glsl.j2`."""

    weights: str
    """Where the record begins."""
    texel: str
    """Where the invocation's factors begin."""
    products: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    """The factors, each with the sums that it counts for, and what is added to them."""


@dataclass(frozen=True)
class Buffered(ABC):
    """A plan of such a kernel."""

    task: Task
    at_once: int
    """Packs of the result that an invocation computes."""
    together: int
    """Packs of the source between two barriers."""
    heuristics: Heuristics

    @property
    @abstractmethod
    def sums(self) -> int:
        """vec4 registers that hold the sums."""

    @property
    @abstractmethod
    def factors(self) -> int:
        """Of a workgroup, in shared memory."""

    @property
    @abstractmethod
    def weights(self) -> Uniforms:
        """A record for each of a part's turns, with matrices factor by factor, and for each those of its packs."""

    @property
    def types(self) -> Types:
        """Of texels, factors, weights and products."""
        return FP16 if self.task.precision == "fp16" else FP32

    @property
    def layout(self) -> Layout:
        return self.task.padded_layout

    @property
    def parts(self) -> int:
        """Into how many parts the workgroup is divided."""
        return len(self.task.packs) // self.at_once

    @property
    def resources(self) -> Resources:
        return Resources(
            sums=self.sums,
            buffers=self.weights.buffers + 1,
            shared_bytes=self.factors * (8 if self.types is FP16 else 16),
            extensions=frozenset({FP16_EXTENSION} if self.types is FP16 else ()),
        )

    @property
    def name(self) -> str:
        """What the names of its buffers start with."""
        return table_name(self.task.label, self.task.packs, self.task.type.packs)[:-1]

    @cached_property
    def bias(self) -> Uniforms:
        """A record for each pack of the result."""
        return Uniforms(f"{self.name}b", tables.packs(self.task.op.bias)[list(self.task.packs), None], FP32)

    def blocks(self) -> tuple[UserBuffer, ...]:
        """Raises PrecisionError for weights that the precision cannot hold."""
        return (*self.weights.blocks(), *self.bias.blocks())

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return (halves.READ, halves.WRITE) if self.types is FP16 else ()

    def needs(self, at: Addressing) -> Needs:
        return Needs()

    def array(self, at: Addressing) -> str:
        """The name of the factors' array."""
        return at.functions.named(f"{self.task.node}_tile")

    def shared_factors(self, comment: str, at: Addressing) -> SharedArray:
        """The factors' array."""
        return SharedArray(comment, "uvec2" if self.types is FP16 else "vec4", self.array(at), self.factors)

    # Code

    @property
    def part(self) -> PartView | None:
        """The invocation's part; None where the workgroup is whole, and weights may be in any registers.

        A whole workgroup has a part too where weights go by the wave: 0, which the compiler does not know to be so.
        """
        scalar = self.heuristics.scalar_weights
        if self.parts == 1:
            return PartView("pixel.x >> 28", scalar) if scalar == "waves of 64" else None
        return PartView("result" if self.at_once == 1 else f"result / {self.at_once}", scalar)

    def texture(self, at: Addressing) -> Texture:
        """Where the source is."""
        (every,) = at.packs(self.task.source.value, range(self.task.source.type.packs))
        assert isinstance(every, EveryPack), "a source of one texture with several packs"
        return every.texture

    def texel(self, x: str, y: str, at: Addressing) -> str:
        """A texel of the source, of the pack whose cell is in the variable `cell`."""
        texel = at.fetch_any(self.texture(at), x, y)
        return f"f16vec4({texel})" if self.types is FP16 else texel

    def stored(self, factor: str) -> str:
        """A factor as it lies in shared memory."""
        return halves.written(factor) if self.types is FP16 else factor

    def products(
        self, record: Index, texel: Index, stride: int, sums: Sequence[Sequence[str]], at: Addressing
    ) -> ProductsView:
        """For each factor, `stride` after the one before in shared memory, the packs' matrices, column after column.

        `sums` has for each factor the sum of each pack. The record has the matrices in that order.
        """
        found, number = [], 0
        for factor, packs in enumerate(sums):
            place = f"{self.array(at)}[{Index.of('texel').plus(factor * stride)}]"
            added = []
            for sum_ in packs:
                for lane in LANES:
                    added.append((sum_, f"{self.weights.element('weights', number)} * f.{lane}"))
                    number += 1
            found.append((halves.read(place) if self.types is FP16 else place, tuple(added)))
        return ProductsView(self.weights.begin(record), str(texel), tuple(found))


def is_readable(task: Task, limits: Limits) -> bool:
    """Whether the source is, or may be, in one texture of several packs with the padding's zeros behind the picture."""
    op, layout, packs = task.op, task.source.layout, task.source.type.packs
    if layout is None or not limits.buffers:
        return False
    return op.plain and op.pad_mode == "zero" and not layout.planar and 2 <= packs <= layout.packs_per_texture


Plan = TypeVar("Plan", bound=Buffered)


def fitting(plans: Iterable[Plan], limits: Limits) -> Iterator[Plan]:
    """The plans whose factors shared memory holds."""
    return (plan for plan in plans if plan.resources.shared_bytes <= limits.shared_bytes)


def largest(plans: Iterable[Plan], limits: Limits) -> Iterator[Plan]:
    """The last of the plans, in ascending order, whose factors shared memory holds; none where there is none."""
    yield from list(fitting(plans, limits))[-1:]
