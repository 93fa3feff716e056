"""Flat fields, ramps and letterboxes: what a network makes of what has no detail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Clip, Conv, DepthToSpace, PadMode
from shadergen.judge import flats

ROOT = Path(__file__).parents[1]


def filter_of(*taps: float, bias: float = 0.0, pad_mode: PadMode = "edge") -> Graph:
    """A vertical filter, every pixel of which is enlarged to four."""
    weight = np.tile(np.array(taps, np.float32)[:, None], (4, 1, 1, 1))
    pad = len(taps) // 2
    conv = Conv(weight, np.full(4, bias, np.float32), (pad, 0, pad, 0), pad_mode)
    nodes = (Node("filter", conv, ("input",)), Node("shuffle", DepthToSpace(2), ("filter",)))
    return Graph("filter", "luma", (*nodes, Node("output", Clip(), ("shuffle",))), "output")


def test_nearest_leaves_everything_alone() -> None:
    found = flats.measure(filter_of(1.0))
    assert found.holds
    assert max(found.mean, found.worst, found.back, found.letterbox) < 1e-3


def test_what_a_filter_does_is_measured() -> None:
    brighter = flats.measure(filter_of(1.0, bias=0.2 / 255))
    assert brighter.mean == pytest.approx(0.2, abs=1e-3)
    assert not brighter.holds
    dark_edge = flats.measure(filter_of(0.25, 0.5, 0.25, pad_mode="zero"))
    assert dark_edge.worst == pytest.approx(255 / 4, abs=1e-3)
    assert dark_edge.worst_code == 255
    blurred = flats.measure(filter_of(0.25, 0.5, 0.25))
    assert blurred.letterbox == pytest.approx(255 / 4, abs=1e-3)
    assert blurred.mean < 1e-3
    assert blurred.worst < 1e-3


def test_a_ramp_that_steps_back_is_counted() -> None:
    """An overshoot of 60 percent of each step, which at a code every five pixels is seen as a step back."""
    assert flats.measure(filter_of(-0.6, 2.2, -0.6), codes=[0]).back > 0
    assert flats.measure(filter_of(-0.2, 1.4, -0.2), codes=[0]).back == 0


@pytest.mark.parametrize("path", sorted((ROOT / "weights").glob("*.npz")), ids=lambda path: path.stem)
def test_the_shipped_weights_keep_what_is_flat(path: Path) -> None:
    """Every fifth code and all below 40, where the worst are; `shadergen score --flats` takes all."""
    codes = [code for code in flats.CODES if code % 5 == 0 or code < 40]
    found = flats.measure(sources.load(path), codes)
    assert found.holds, found.line()


def test_the_command_says_which_one_does_not_hold(tmp_path: Path) -> None:
    sources.save(filter_of(1.0), tmp_path / "nearest.npz")
    sources.save(replace(filter_of(1.0, bias=1 / 255), name="grey"), tmp_path / "grey.npz")
    good, both = ([str(tmp_path / f"{name}.npz") for name in names] for names in (["nearest"], ["nearest", "grey"]))
    assert CliRunner().invoke(main, ["score", "--flats", *good]).exit_code == 0
    result = CliRunner().invoke(main, ["score", "--flats", *both])
    assert result.exit_code == 1
    assert "grey: fields off by 1.000 codes at most in the mean" in result.stdout
    found = json.loads(CliRunner().invoke(main, ["score", "--flats", "--json", *both]).stdout)
    assert [found[name]["holds"] for name in ("nearest", "grey")] == [True, False]
    assert CliRunner().invoke(main, ["score", *good]).exit_code == 2


@pytest.mark.parametrize(
    "option", [["--condition", "box"], ["--sheet", "x.png"], ["--means"], ["--markdown"], ["--data", "."], ["--cases"]]
)
def test_what_needs_pictures_is_wrong_usage_with_flats(option: list[str]) -> None:
    result = CliRunner().invoke(main, ["score", "any.npz", "--flats", *option])
    assert result.exit_code == 2
    assert f"found {option[0]} with --flats, which only goes with --json" in result.output
