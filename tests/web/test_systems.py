"""The networks people use, of ONNX import, are pages, too: each on its plane against what it means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from shadergen import api
from shadergen.ir import reference
from shadergen.target import Target
from tests.browser import Browser
from tests.systems import SYSTEMS, srcnn
from tests.web.pages import play
from tests.web.test_player import BOUNDS

WIDTH, HEIGHT = 120, 72


def agree(model: onnx.ModelProto, player: Browser, folder: Path) -> None:
    onnx.save(model, folder / "net.onnx")
    graph = api.load(folder / "net.onnx")
    text = api.compile(graph, Target(weights="texture", tables="rgba32f", when=0.5))
    codes = np.random.default_rng(6).integers(0, 256, (4, HEIGHT, WIDTH), np.uint8)
    values = codes.astype(np.float32) / np.float32(255)
    image = values[:3] if graph.plane == "rgb" else values[:1]
    planes = {"picture": codes} if graph.plane == "rgb" else {"luma": image}
    stage = "MAINPRESUB" if graph.plane == "rgb" else "LUMA"
    wanted = reference.evaluate(graph, image)[graph.output]
    found = play(player, text, output=(8 * WIDTH, 8 * HEIGHT), planes=planes, until=stage)
    assert found.stayed_off == set()
    error = np.abs(found.values[: len(wanted)] - wanted).max()
    assert error <= BOUNDS[True] * max(1.0, float(np.abs(wanted).max()))


@pytest.mark.parametrize("name", SYSTEMS)
def test_networks_mean_the_same_in_a_page(name: str, player: Browser, tmp_path: Path) -> None:
    agree(SYSTEMS[name](), player, tmp_path)


def test_the_published_srcnn_means_the_same_in_a_page(player: Browser, tmp_path: Path) -> None:
    agree(srcnn(), player, tmp_path)
