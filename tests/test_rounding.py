"""What 16-bit storage costs a network, computed without a GPU."""

from __future__ import annotations

import numpy as np
import pytest

from shadergen import compiler, hookfile, lint
from shadergen.ir import reference
from shadergen.judge.rounding import FACTOR, bounds, nearest, probe, rounding_of, step, towards_zero
from shadergen.judge.stimuli import stimuli
from shadergen.target import Target
from tests.nets import c_model


@pytest.mark.parametrize("size", [1e-7, 1e-3, 1.0, 60000.0])
def test_the_roundings_are_the_neighbours(size: float) -> None:
    """Cut off, a number is the nearest one or the one below it in size."""
    x = (size * np.random.default_rng(0).uniform(-1, 1, 999)).astype(np.float32)
    rounded, cut = nearest(x), towards_zero(x)
    assert (np.abs(cut) <= np.abs(x)).all()
    assert (np.abs(rounded - x) <= np.abs(cut - x)).all()
    for found in (rounded, cut):
        np.testing.assert_array_equal(found, found.astype(np.float16))
        assert (np.abs(found - x) <= step(x)).all()


def test_how_a_driver_rounds_shows_in_the_probe() -> None:
    assert rounding_of(np.full((1, 2, 2), 0.5, np.float32)) is nearest
    assert rounding_of(np.zeros((1, 2, 2), np.float32)) is towards_zero
    value = np.array([1.0 + 0.75 / 1024], np.float32)
    assert [float((rounding(value)[0] - 1) * 512) for rounding in (nearest, towards_zero)] == [0.5, 0.0]


@pytest.mark.parametrize("stage", ["fragment", "compute"])
def test_the_probe_is_a_good_file(stage: str) -> None:
    assert len(hookfile.parse(probe(stage)).passes) == 2
    assert not [finding for finding in lint.lint_text(probe(stage)) if finding.severity == "error"]


@pytest.mark.parametrize("plane", ["luma", "rgb", "chroma"])
@pytest.mark.parametrize("stage", ["fragment", "compute"])
def test_a_bound_is_what_the_passes_lose_and_a_step(plane: str, stage: str) -> None:
    """Rounding to nearest loses half of what cutting off does, at least in the mean; 32-bit values lose nothing."""
    schedule = compiler.plan(c_model(plane, filters=6), Target(stage))  # type: ignore[arg-type]
    frame = next(iter(stimuli(schedule.graph.plane, ((17, 13),))))
    values = reference.evaluate(schedule.graph, frame.image)
    exact, near, cut = (
        bounds(schedule, frame, values, rounding, libplacebo=False).picture
        for rounding in (lambda x: x, nearest, towards_zero)
    )
    expected = values[schedule.graph.output]
    assert exact.max_abs == pytest.approx(step(expected), abs=FACTOR * 1e-5)
    assert exact.mean_abs == pytest.approx(step(expected) / expected.size**0.5, abs=FACTOR * 1e-6)
    assert exact.max_abs < near.max_abs < cut.max_abs
    assert exact.mean_abs < near.mean_abs < cut.mean_abs
