"""Which way of writing a model is fastest here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.judge import tune
from shadergen.sources import save
from shadergen.target import Target
from tests.nets import c_model

NARROW = c_model(filters=4, layers=1)
"""Too few channels for Winograd's products, so that a third of the candidates are the same shader."""
TRIED = [target for target in tune.candidates(Target("compute")) if "winograd" not in target.without]


def test_the_given_target_is_a_candidate_and_no_two_are_the_same() -> None:
    target = Target("compute", workgroup=(8, 4))
    found = tune.candidates(target)
    assert found[0] == target
    assert len(found) == len(set(found)) > 1


def test_what_is_switched_off_stays_off() -> None:
    target = Target("compute", without=frozenset({"compose"}))
    assert all("compose" in candidate.without for candidate in tune.candidates(target))


def test_layers_may_share_a_pass_unless_the_weights_are_in_a_texture() -> None:
    target = Target("compute", without=frozenset({"compose"}))
    assert {candidate.fuse for candidate in tune.candidates(target)} == {False, True}
    assert not any(candidate.fuse for candidate in tune.candidates(replace(target, weights="texture")))
    assert all(candidate.fuse for candidate in tune.candidates(replace(target, fuse=True)))


@pytest.mark.usefixtures("gl")
def test_the_fastest_comes_first() -> None:
    found = tune.tune(NARROW, Target("compute"), (32, 24), runs=1)
    seconds = [candidate.seconds for candidate in found if candidate.seconds is not None]
    assert len(seconds) == len(found) == len(TRIED)
    assert seconds == sorted(seconds)


@pytest.mark.usefixtures("gl")
def test_build_writes_the_fastest(tmp_path: Path) -> None:
    model = tmp_path / "tiny.npz"
    save(NARROW, model)
    arguments = ["build", str(model), "--tune", "--tune-size", "32x24", "-o", f"{tmp_path}/"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert list(tmp_path.glob("*_CMP.glsl"))
    assert result.stderr.count(" ms ") == len(TRIED)


def test_fragment_passes_have_nothing_to_tune(tmp_path: Path) -> None:
    model = tmp_path / "tiny.npz"
    save(c_model(), model)
    result = CliRunner().invoke(main, ["build", str(model), "--fragment", "--tune"])
    assert result.exit_code == 2
    assert "--compute" in result.output
