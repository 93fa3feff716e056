"""Which kernel computes which convolution of a pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import product
from math import prod

from shadergen.kernels.kernel import Dispatch, Kernel, Limits, Plan, Task

Price = Callable[[Plan, Limits], Fraction]
"""What a plan costs per pixel of the result, in products of a vec4 with a matrix."""

UNWANTED = Fraction(10**6)
"""Added to the price of kernels that are not the one asked for: more than any plan costs."""

MAX_COMBINATIONS = 4096
"""Of plans that are tried together; beyond, each convolution has its cheapest."""


def price(plan: Plan, limits: Limits) -> Fraction:
    """Products, and texels at `Heuristics.texel_price` each, for every pack of the source and of the result.

    The texels of a pack are read once for all packs of the result that the code has registers for.
    """
    work, packs = plan.work, len(plan.task.packs)
    texels = work.texels * packs / max(1, plan.task.written(plan.dispatch))
    return (work.products * packs + limits.heuristics.texel_price * texels) * len(work.sources)


def preferring(kernel: str) -> Price:
    """The price that makes a kernel the cheapest wherever it has a plan; without a name, `price`."""
    if not kernel:
        return price
    return lambda plan, limits: price(plan, limits) + (0 if plan.kernel == kernel else UNWANTED)


def dispatch_of(plans: Sequence[Plan]) -> Dispatch:
    """The dispatch that all of a pass's plans agree on; where there are none, one pixel for each invocation."""
    dispatch = plans[0].dispatch if plans else Dispatch()
    for plan in plans:
        joined = dispatch.joined(plan.dispatch)
        assert joined, "plans that do not agree are not chosen together"
        dispatch = joined
    return dispatch


def total(plans: Sequence[Plan], limits: Limits, price: Price) -> Fraction:
    """What plans cost together."""
    return sum((price(plan, limits) for plan in plans), Fraction(0))


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
        if plans:
            pixels = dispatch.pixels[0] * dispatch.pixels[1]
            found.append((total(plans, limits, price), -pixels, plans))
    return min(found, key=lambda item: item[:2])[2] if found else None


def _of_dispatch(
    offers: Sequence[Sequence[Plan]], dispatch: Dispatch, limits: Limits, price: Price
) -> tuple[Plan, ...] | None:
    """The cheapest plans of a dispatch that fit together; None where there are none."""
    suited = [
        [plan for plan in offer if plan.dispatch.joined(dispatch) == dispatch and fits((plan,), dispatch, limits)]
        for offer in offers
    ]
    if prod(map(len, suited)) > MAX_COMBINATIONS:
        suited = [[min(plans, key=lambda plan: price(plan, limits))] for plans in suited]
    together = (plans for plans in product(*suited) if fits(plans, dispatch, limits))
    return min(together, key=lambda plans: total(plans, limits, price), default=None)


def _layout_can_be(plan: Plan, limits: Limits) -> bool:
    """Whether the source has, or may still get, the layout that the plan wants."""
    source = plan.task.source
    if source.layout is None or plan.layout in (None, source.layout):
        return True
    return not source.settled and limits.can_store(plan.layout)


def fits(plans: Sequence[Plan], dispatch: Dispatch, limits: Limits) -> bool:
    """Whether plans that agree on a dispatch fit into a pass together."""
    pixels = dispatch.pixels
    needs = [plan.resources for plan in plans]
    if dispatch.parts > 1 and not limits.workgroups:
        return False
    packs = dispatch.parts * dispatch.packs
    if dispatch.parts > 1 and any(len(plan.task.packs) % packs or not plan.task.any_pack for plan in plans):
        return False  # each part of the workgroup has packs of its own, as many in each turn
    if any(len(plan.task.packs) % dispatch.packs for plan in plans if plan.task.any_pack):
        return False  # each turn computes as many
    if sum(need.shared_bytes for need in needs) > limits.shared_bytes:
        return False
    if sum(need.buffers for need in needs) > limits.buffers:
        return False
    if limits.extensions is not None and not all(need.extensions <= limits.extensions for need in needs):
        return False
    if pixels == (1, 1):
        return True  # nothing is smaller
    most = limits.heuristics.product_limit(pixels, max(plan.task.written(plan.dispatch) for plan in plans))
    products = sum(need.products for need in needs)
    sums = sum(need.sums for need in needs)
    return sums <= limits.heuristics.max_sums and products <= most
