"""Every product written out, with the weights as literals: the fastest to run, the slowest to compile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from shadergen.glsl import spelling
from shadergen.glsl.addressing import Addressing, OnePack
from shadergen.glsl.spelling import FP32
from shadergen.kernels.blocked import Blocked, PackView, Products, Statement, WindowView, axes, pack_title, window_view
from shadergen.kernels.kernel import Limits, Pair, Resources, Task
from shadergen.kernels.literals import matrices
from shadergen.kernels.window import LOCALS, Window
from shadergen.storage.layout import PACK
from shadergen.target import Weights


@dataclass(frozen=True)
class UnrolledView:
    """What `unrolled.glsl.j2` lays out."""

    title: str
    sums: tuple[Statement, ...]
    window: WindowView
    packs: tuple[PackView, ...]


@dataclass(frozen=True)
class UnrolledPlan(Blocked):
    """Each pixel times each tap."""

    kernel: ClassVar[str] = "unrolled"
    template: ClassVar[str] = "unrolled.glsl.j2"

    @property
    def resources(self) -> Resources:
        return literal_resources(self)

    def view(self, at: Addressing) -> UnrolledView:
        sums = {
            (pack, row, column): at.register(self.task.node, pack, at.pixels[row * self.x.outputs + column])
            for pack in self.task.packs
            for row in range(self.y.sums)
            for column in range(self.x.sums)
        }
        window = self.window(at, at.names.block(*LOCALS))
        begins = tuple((name, bias(self.task, pack)) for (pack, _, _), name in sums.items())
        packs = tuple(literal_packs(self, window, sums, at))
        return UnrolledView(self.title(), begins, window_view(window), packs)


def bias(task: Task, pack: int) -> str:
    """The bias of a result pack, a vec4."""
    return spelling.vector(task.op.bias[PACK * pack : PACK * pack + PACK], FP32)


def literal_resources(plan: Blocked) -> Resources:
    """What a plan takes whose weights are literals: each is a product in the code."""
    channels = min(PACK * len(plan.sources), int(plan.task.op.weight.shape[1]))
    products = len(plan.task.packs) * channels * len(plan.x.products) * len(plan.y.products)
    return Resources(sums=plan.sums, products=products, extensions=plan.extensions)


def literal_packs(
    plan: Blocked, window: Window, sums: dict[tuple[int, int, int], str], at: Addressing
) -> Iterator[PackView]:
    """The source's packs, one after the other."""
    products = Products(plan.x, plan.y, window.types, window.names, sums)
    for source in plan.sources:
        pack, lanes = OnePack(source), at.lane_count(plan.task.source.value, source)
        weights = matrices(plan.task.op.weight, plan.x, plan.y, plan.task.packs, source, window.types)
        yield PackView(
            title=pack_title(pack, len(plan.sources) > 1),
            loop=None,
            cell="",
            type=window.types.vec(lanes),
            texels=tuple(window.texels(pack, lanes)),
            factors=tuple(window.factors()),
            products=tuple(products.lines(weights, lanes)),
        )


class Unrolled:
    """The kernel."""

    name: ClassVar[str] = "unrolled"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = False

    def plan(self, task: Task, limits: Limits) -> Iterator[UnrolledPlan]:
        """A plan for each number of pixels."""
        if not task.any_pack:
            yield from (UnrolledPlan(task, *axes(task.op, pixels)) for pixels in literal_blocks(limits))


def literal_blocks(limits: Limits) -> Iterator[Pair]:
    """How many pixels an invocation may compute where the weights are literals."""
    most = limits.heuristics.literal_pixels
    yield from (pixels for pixels in limits.blocks if pixels[0] * pixels[1] <= most)
