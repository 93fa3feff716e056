"""Models on their own result, and models that enlarge threefold and fourfold, on the GPU against the reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shadergen import api, hookfile
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.repeat import repeated, stages
from shadergen.judge.verify import verify
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import Target
from tests.nets import c_model, enlarger

SIZES = ((1, 1), (17, 13))


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize(("stage", "plane"), [("fragment", "luma"), ("compute", "luma"), ("compute", "rgb")])
def test_a_doubler_enlarges_fourfold(stage: Any, plane: Any) -> None:
    graph, target = c_model(plane, filters=4), Target(stage)
    text = api.compile(graph, target, factor=4)
    assert verify(repeated(graph, stages(graph, 4)), target, text=text, sizes=SIZES).status == "passed"


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize(("stage", "factor"), [("fragment", 3), ("compute", 3), ("compute", 4)])
def test_a_model_of_another_factor(stage: Any, factor: int) -> None:
    assert verify(enlarger(factor), Target(stage), sizes=SIZES).status == "passed"


@pytest.mark.usefixtures("gl")
def test_three_times_three() -> None:
    graph = enlarger(3)
    text = api.compile(graph, Target("compute"), factor=9)
    assert verify(repeated(graph, 2), Target("compute"), text=text, sizes=SIZES[1:]).status == "passed"


@pytest.mark.parametrize(("shown", "count"), [(1.1, 0), (2.3, 1), (2.5, 2), (4.0, 2)])
def test_the_second_stage_is_off_below_its_factor(gl: Any, shown: float, count: int) -> None:
    graph = c_model(filters=4)
    picture = np.random.default_rng(1).random((1, 20, 30), np.float32)
    text = api.compile(graph, Target("compute"), factor=4)
    with Runner(gl, hookfile.parse(text), storage="rgba32f") as runner:
        frame = Frame({"LUMA": picture}, full_range=True)
        luma = runner.run(frame, (round(30 * shown), round(20 * shown)), stop_after="LUMA").planes["LUMA"][:1]
    expected = _times(graph, count, picture)
    assert luma.shape == expected.shape
    np.testing.assert_allclose(luma, expected, atol=1e-4)


def _times(graph: Graph, count: int, picture: Any) -> Any:
    for _ in range(count):
        picture = reference.evaluate(graph, picture)[graph.output]
    return picture
