"""Which kernel computes which convolution of a pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from shadergen.kernels.kernel import Dispatch, Kernel, Limits, Plan, Task

Price = Callable[[Plan, Limits], Fraction]
"""What a plan costs, in products of a vec4 with a matrix per pixel and pack of the result."""


def price(plan: Plan, limits: Limits) -> Fraction:
    """Products, and texels at `Heuristics.texel_price` each, for every source pack that is read."""
    work = plan.work
    per_source = work.products + limits.heuristics.texel_price * work.texels / max(1, plan.task.written)
    return per_source * len(work.sources)


def choose(
    tasks: Sequence[Task], kernels: Sequence[Kernel], limits: Limits, price: Price = price
) -> tuple[Plan, ...] | None:
    """A plan for each of a pass's convolutions: the cheapest that agree on their dispatch and fit together.

    Of equally cheap dispatches the one of more pixels is taken, which reads each weight more rarely. None where a
    convolution has no plan, or none fit.
    """
    offers = [
        [plan for kernel in kernels for plan in kernel.plan(task, limits) if _layout_can_be(plan, limits)]
        for task in tasks
    ]
    found: list[tuple[Fraction, int, tuple[Plan, ...]]] = []
    for dispatch in dict.fromkeys(plan.dispatch for offer in offers for plan in offer):
        plans = _of_dispatch(offers, dispatch, limits, price)
        if plans and fits(plans, limits):
            pixels = dispatch.pixels[0] * dispatch.pixels[1]
            found.append((sum((price(plan, limits) for plan in plans), Fraction(0)), -pixels, plans))
    return min(found, key=lambda item: item[:2])[2] if found else None


def _of_dispatch(
    offers: Sequence[Sequence[Plan]], dispatch: Dispatch, limits: Limits, price: Price
) -> tuple[Plan, ...] | None:
    """For each task its cheapest plan of a dispatch that fits by itself; None where one has none."""
    plans = []
    for offer in offers:
        suited = [plan for plan in offer if plan.dispatch == dispatch and fits((plan,), limits)]
        if not suited:
            return None
        plans.append(min(suited, key=lambda plan: price(plan, limits)))
    return tuple(plans)


def _layout_can_be(plan: Plan, limits: Limits) -> bool:
    """Whether the source has, or may still get, the layout that the plan wants."""
    source = plan.task.source
    if source.layout is None or plan.layout in (None, source.layout):
        return True
    return not source.settled and limits.can_store(plan.layout)


def fits(plans: Sequence[Plan], limits: Limits) -> bool:
    """Whether plans of one dispatch fit into a pass together."""
    dispatch = plans[0].dispatch
    pixels = dispatch.pixels
    needs = [plan.resources for plan in plans]
    if dispatch.parts > 1 and any(dispatch.parts != len(plan.task.packs) or not plan.task.any_pack for plan in plans):
        return False  # each part of the workgroup has a pack of its own
    if sum(need.shared_bytes for need in needs) > limits.shared_bytes:
        return False
    if sum(need.buffers for need in needs) > limits.buffers:
        return False
    if not all(need.extensions <= limits.extensions for need in needs):
        return False
    if pixels == (1, 1):
        return True  # nothing is smaller
    most = limits.heuristics.product_limit(pixels, max(plan.task.written for plan in plans))
    products = sum(need.products for need in needs)
    sums = sum(need.sums for need in needs)
    return sums <= limits.heuristics.max_sums and (most is None or products <= most)
