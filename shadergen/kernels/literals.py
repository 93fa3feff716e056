"""Weights as literals in the code: what the kernels share that have them there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from shadergen.glsl import spelling
from shadergen.glsl.addressing import Addressing, OnePack
from shadergen.glsl.spelling import FP32, Types
from shadergen.ir.ops import Array
from shadergen.kernels.axis import Axis, transformed
from shadergen.kernels.blocked import Blocked, Columns, PackView, Products, pack_title
from shadergen.kernels.kernel import Limits, Pair, Resources, Task
from shadergen.kernels.window import Window
from shadergen.storage.layout import PACK, channels_of

Matrices = dict[int, dict[tuple[int, int], Columns]]
"""By result pack, and by row and column of the weights: a matrix."""


def matrices(weight: Array, x: Axis, y: Axis, results: Sequence[int], source: int, types: Types) -> Matrices:
    """The weights (out, in, kh, kw) of one source pack for some result packs, as the axes multiply them.

    Those that are all zero are left out. Raises PrecisionError for a number that the precision cannot hold.
    """
    columns = channels_of(source, weight.shape[1])
    found: Matrices = {}
    for result in results:
        rows = channels_of(result, weight.shape[0])
        used = transformed(x, y, weight[rows.start : rows.stop, columns.start : columns.stop])
        padded = np.zeros((PACK, *used.shape[1:]), np.float32)
        padded[: len(rows)] = used
        texts = spelling.literals(padded, types)
        found[result] = {
            (row, column): spelling.columns(texts[:, :, row, column].T, types)
            for row, column in np.ndindex(padded.shape[2:])
            if padded[:, :, row, column].any()
        }
    return found


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
            matrix=products.matrix(lanes),
            products=tuple(products.assignments(weights)),
        )


def literal_blocks(limits: Limits) -> Iterator[Pair]:
    """How many pixels an invocation may compute where the weights are literals."""
    most = limits.heuristics.literal_pixels
    yield from (pixels for pixels in limits.blocks if pixels[0] * pixels[1] <= most)
