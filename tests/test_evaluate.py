"""What scheduled passes compute is what the graph means, without a GPU; and a schedule that is wrong is found out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from shadergen import compiler
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.schedule.evaluate import evaluate
from shadergen.schedule.hookpass import Schedule, ScheduledPass
from shadergen.schedule.steps import ConvStep
from shadergen.target import Target
from tests.nets import ONCE_BROKEN, c_model
from tests.random_graphs import random_graph, sizes

TARGETS = {
    "fragment": Target(),
    "planar": Target(weights="texture"),
    "compute": Target("compute"),
    "instant": Target("compute", weights="texture"),
    "fused": Target("compute", fuse=True),
}


def picture(graph: Graph, size: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).random((graph.input_type.channels, *size), np.float32)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("first", range(0, 100, 20))
def test_passes_of_random_graphs(first: int, target: str) -> None:
    for seed in range(first, first + 20):
        graph = random_graph(seed)
        image = picture(graph, sizes(seed)[seed % 3])
        expected = reference.evaluate(graph, image)[graph.output]
        actual = evaluate(compiler.plan(graph, TARGETS[target]), image)
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5 * scale, err_msg=f"seed {seed}")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("plane", ["luma", "rgb"])
def test_passes_of_c_models(plane: str, target: str) -> None:
    graph = c_model(plane, filters=20)  # type: ignore[arg-type]
    image = picture(graph, (13, 17))
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(evaluate(compiler.plan(graph, TARGETS[target]), image), expected, atol=1e-5)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", ONCE_BROKEN)
def test_passes_of_networks_that_were_broken_once(name: str, target: str) -> None:
    graph = ONCE_BROKEN[name]()
    image = picture(graph, (12, 16))
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(evaluate(compiler.plan(graph, TARGETS[target]), image), expected, atol=1e-5)


def broken(planned: Schedule, change: Callable[[ScheduledPass], ScheduledPass]) -> Schedule:
    return replace(planned, passes=tuple(change(scheduled) for scheduled in planned.passes))


def without_a_bind(scheduled: ScheduledPass) -> ScheduledPass:
    return replace(scheduled, binds=scheduled.binds[:-1])


def without_a_pack(scheduled: ScheduledPass) -> ScheduledPass:
    def less(step: ConvStep) -> ConvStep:
        return ConvStep(replace(step.plan, task=replace(step.plan.task, packs=step.packs[:1])))  # type: ignore[type-var]

    return replace(scheduled, steps=tuple(less(s) if isinstance(s, ConvStep) else s for s in scheduled.steps))


@pytest.mark.parametrize("change", [without_a_bind, without_a_pack])
def test_what_a_wrong_schedule_gives_is_not_a_number(change: Callable[[ScheduledPass], ScheduledPass]) -> None:
    graph = c_model(filters=8)
    planned = compiler.plan(graph, TARGETS["compute"])
    assert np.isfinite(evaluate(planned, picture(graph, (5, 6)))).all()
    assert np.isnan(evaluate(broken(planned, change), picture(graph, (5, 6)))).any()


def test_a_shuffle_of_the_wrong_size_is_an_error() -> None:
    graph = c_model(filters=8)
    planned = compiler.plan(graph, TARGETS["compute"])
    wrong = broken(planned, lambda scheduled: replace(scheduled, shuffle=scheduled.shuffle * 2))
    with pytest.raises(AssertionError, match="not"):
        evaluate(wrong, picture(graph, (5, 6)))
