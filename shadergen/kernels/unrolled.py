"""Every product written out, with the weights as literals: the fastest to run, the slowest to compile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from shadergen.glsl.addressing import Addressing
from shadergen.glsl.spelling import Statement
from shadergen.kernels.blocked import Blocked, PackView, WindowView, axes, window_view
from shadergen.kernels.kernel import Limits, Resources, Task
from shadergen.kernels.literals import bias, literal_blocks, literal_packs, literal_resources
from shadergen.kernels.window import LOCALS
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


class Unrolled:
    """Convolutions as one product after the other, for any strides, dilations and padding."""

    name: ClassVar[str] = "unrolled"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = False

    def plan(self, task: Task, limits: Limits) -> Iterator[UnrolledPlan]:
        """A plan for each number of pixels."""
        if not task.any_pack:
            yield from (UnrolledPlan(task, *axes(task.op, pixels)) for pixels in literal_blocks(limits))
