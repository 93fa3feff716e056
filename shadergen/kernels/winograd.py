"""Winograd's F(2,3) along x, with the weights as literals: 4 products for two pixels instead of 6; F(2,5): 6 for 10.

Along x only: in both directions the products fall by another third, but the sums no longer fit into the registers of a
GPU, or the window is read several times (bench/log.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shadergen.glsl import spelling
from shadergen.glsl.addressing import Addressing
from shadergen.glsl.spelling import FP16, FP32, Statement
from shadergen.kernels.axis import F23, direct, toom_cook
from shadergen.kernels.blocked import Blocked, PackView, WindowView, axes, window_view
from shadergen.kernels.kernel import Limits, Resources, Task
from shadergen.kernels.literals import bias, literal_blocks, literal_packs, literal_resources
from shadergen.kernels.window import LOCALS
from shadergen.target import Weights

GROWTH = 1.5
"""How much larger than the largest weight a transformed one of F(2,3) may be: half of three are added up."""

F25 = toom_cook(2, 5)


@dataclass(frozen=True)
class WinogradView:
    """What `winograd.glsl.j2` lays out."""

    title: str
    sums: tuple[Statement, ...]
    window: WindowView
    packs: tuple[PackView, ...]
    method: str
    """F(m, r), as the paper writes it."""
    results: tuple[Statement, ...]


@dataclass(frozen=True)
class WinogradPlan(Blocked):
    """Pairs of pixels from four sums each, or six."""

    kernel: ClassVar[str] = "winograd"
    template: ClassVar[str] = "winograd.glsl.j2"

    @property
    def resources(self) -> Resources:
        return literal_resources(self)

    def view(self, at: Addressing) -> WinogradView:
        sums = {
            (pack, row, column): at.names.fresh(f"{self.task.node}_{pack}_sum{row}_{column}")
            for pack in self.task.packs
            for row in range(self.y.sums)
            for column in range(self.x.sums)
        }
        begins = tuple(self._begins(sums))
        results = tuple(statement for pack in self.task.packs for statement in self.results(sums, pack, at))
        window = self.window(at, at.names.block(*LOCALS))
        packs = tuple(literal_packs(self, window, sums, at))
        method = f"F({self.x.outputs},{self.x.taps})"
        return WinogradView(self.title(), begins, window_view(window), packs, method, results)

    def _begins(self, sums: dict[tuple[int, int, int], str]) -> Iterator[Statement]:
        """What the sums begin with: the bias is in the one that both pixels add, and so reaches each of them once.

        Added to the results it would cost registers: Mesa turns (a + b) + constant into (a + constant) + b (rules of
        nir_opt_algebraic.py), walks the constant through all products of a sum, and keeps each of them.
        """
        for (pack, _, column), name in sums.items():
            yield name, bias(self.task, pack) if column == self.x.common else spelling.splat(0.0, FP32)


class Winograd:
    """Convolutions of kernels three or five wide, two neighbouring pixels at a time."""

    name: ClassVar[str] = "winograd"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = False

    def plan(self, task: Task, limits: Limits) -> Iterator[WinogradPlan]:
        """Plans for pairs of pixels, where there are enough channels for the transforms to pay."""
        if task.any_pack:
            return
        for pixels in literal_blocks(limits):
            x, y = axes(task.op, pixels)
            if x == direct(F23.outputs, F23.taps) and _suits_three(task, limits):
                yield WinogradPlan(task, F23, y)
            if x == direct(F25.outputs, F25.taps) and _suits_five(task, limits):
                yield WinogradPlan(task, F25, y)


def _suits_three(task: Task, limits: Limits) -> bool:
    """Whether F(2,3) pays, and its weights are numbers of the precision."""
    types = FP16 if task.precision == "fp16" and task.source.layout else FP32
    most = GROWTH * float(np.abs(task.op.weight).max())
    channels = min(task.op.weight.shape[:2])
    return channels >= limits.heuristics.min_winograd_channels and most <= float(np.finfo(types.number).max)


def _suits_five(task: Task, limits: Limits) -> bool:
    """Whether F(2,5) pays, which it does for a single pack of the result, and the precision allows it.

    In fp16 its factors, up to 5, would take too many of the digits.
    """
    return task.op.weight.shape[1] >= limits.heuristics.min_winograd_channels and task.precision == "fp32"
