"""Which way of writing a model is fastest here."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen import tune
from shadergen.cli import main
from shadergen.sources import save
from shadergen.target import Target
from tests.nets import c_model


def test_the_given_target_is_a_candidate_and_no_two_are_the_same() -> None:
    target = Target("compute", workgroup=(8, 4))
    found = tune.candidates(target)
    assert found[0] == target
    assert len(found) == len(set(found)) > 1


def test_what_is_switched_off_stays_off() -> None:
    target = Target("compute", without=frozenset({"compose"}))
    assert all("compose" in candidate.without for candidate in tune.candidates(target))


@pytest.mark.usefixtures("gl")
def test_the_fastest_comes_first() -> None:
    found = tune.tune(c_model(), Target("compute"), (32, 24), runs=1)
    seconds = [candidate.seconds for candidate in found if candidate.seconds is not None]
    assert len(seconds) == len(found) == len(tune.candidates(Target("compute")))
    assert seconds == sorted(seconds)


@pytest.mark.usefixtures("gl")
def test_build_writes_the_fastest(tmp_path: Path) -> None:
    model = tmp_path / "tiny.npz"
    save(c_model(), model)
    arguments = ["build", str(model), "--compute", "--tune", "--tune-size", "32x24", "-o", f"{tmp_path}/"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert list(tmp_path.glob("*_CMP.glsl"))
    assert result.stderr.count(" ms ") == len(tune.candidates(Target("compute")))


def test_fragment_passes_have_nothing_to_tune(tmp_path: Path) -> None:
    model = tmp_path / "tiny.npz"
    save(c_model(), model)
    result = CliRunner().invoke(main, ["build", str(model), "--tune"])
    assert result.exit_code == 2
    assert "--compute" in result.output
