"""What the page's player makes of hook files is what the network means, and what `Runner` makes of them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from shadergen import api, hookfile
from shadergen.errors import NoDeviceError
from shadergen.ir import reference
from shadergen.judge.stimuli import stimuli
from shadergen.runtime.colour import SITINGS, Matrix, rgb_to_ycbcr, ycbcr_decoding
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import Target
from tests.browser import Browser
from tests.web.pages import play

ROOT = Path(__file__).parents[2]
SIZES = [(160, 120), (61, 37), (1, 1)]
BOUNDS = {True: 1e-5, False: 4e-3}
"""How far 32-bit and 16-bit textures may be from the reference: sums of some hundred roundings of fp32 and fp16."""


@cache
def shader(model: str, *, textured: bool) -> str:
    """A model's shader, with its weights in textures or in the code."""
    return api.compile(
        ROOT / f"weights/{model}.npz", Target(weights="texture" if textured else "code", tables="rgba32f")
    )


@pytest.mark.parametrize("floats", [True, False], ids=["rgba32f", "rgba16f"])
@pytest.mark.parametrize(
    ("model", "textured"),
    [("C4F16", True), ("C4F16", False), ("C4F32", True), ("C4F16_DS", True), ("C4F32_DS", True)],
)
def test_luma_is_what_the_network_means(model: str, textured: bool, floats: bool, player: Browser) -> None:
    graph, random = api.load(ROOT / f"weights/{model}.npz"), np.random.default_rng(0)
    for width, height in SIZES:
        luma = random.random((1, height, width), np.float32)
        wanted = reference.evaluate(graph, luma)[graph.output]
        output = (2 * width, 2 * height)
        found = play(
            player, shader(model, textured=textured), output=output, planes={"luma": luma}, until="LUMA", floats=floats
        )
        assert found.stayed_off == set()
        assert np.abs(found.values[:1] - wanted).max() <= BOUNDS[floats]


@pytest.mark.parametrize("model", ["C4F16_Chroma", "C4F32_Chroma"])
def test_chroma_is_what_the_network_means(model: str, player: Browser) -> None:
    graph = api.load(ROOT / f"weights/{model}.npz")
    for frame in stimuli("chroma", [(61, 37)], None):
        wanted = reference.evaluate(graph, frame.image)[graph.output]
        found = play(
            player,
            shader(model, textured=True),
            output=frame.size,
            planes={"luma": frame.planes["LUMA"], "chroma": frame.planes["CHROMA"]},
            siting=SITINGS[frame.siting or "center"],
            until="CHROMA",
        )
        assert found.stayed_off == set()
        assert np.abs(found.values[:2] - wanted).max() <= BOUNDS[True]


@pytest.mark.parametrize(("model", "passes", "draws", "megabytes"), [("C4F16", 18, 6, 59), ("C4F32", 34, 10, 118)])
def test_siblings_are_one_draw_and_textures_are_shared(
    model: str, passes: int, draws: int, megabytes: float, player: Browser
) -> None:
    """At 720p, of the shader's own passes: the player adds two draws for luma and colour."""
    script = """text => {
      const file = shadergen.loadFile(text), size = [1280, 720];
      const frame = { size, matrix: "bt709", fullRange: true, siting: [0, 0] };
      const { draws, textures } = shadergen.makePlan([file], frame, [2560, 1440]);
      const texels = textures.filter(({ format }) => format === "work").map(({ size }) => size[0] * size[1]);
      return [file.file.passes.length, draws.length - 2, (8 * texels.reduce((sum, count) => sum + count)) / 1e6];
    }"""
    found = player.value(f"({script})({json.dumps(shader(model, textured=False))})")
    assert found[:2] == [passes, draws]
    assert found[2] <= megabytes


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", ["bt709", "bt601", "bt2020"])
def test_colours_are_converted_as_in_the_runner(matrix: Matrix, full_range: bool, player: Browser) -> None:
    arguments = json.dumps([matrix, full_range])
    decode, encode = (player.value(f"shadergen.{name}(...{arguments})") for name in ("decoding", "encoding"))
    rows, offset = ycbcr_decoding(matrix, full_range)
    assert np.allclose(decode["matrix"], rows, atol=1e-12)
    assert np.allclose(decode["offset"], offset, atol=1e-12)
    assert np.allclose(encode["matrix"], np.linalg.inv(rows), atol=1e-12)
    assert np.allclose(encode["offset"], -offset, atol=1e-12)


@pytest.mark.parametrize("model", ["C4F16", "C4F16_DS"])
def test_whole_pictures_are_those_of_the_runner(model: str, player: Browser) -> None:
    codes = np.random.default_rng(3).integers(0, 256, (4, 37, 61), np.uint8)
    codes[3] = 255
    text = shader(model, textured=True)
    try:
        context = open_context()
    except NoDeviceError as error:
        pytest.skip(str(error))
    ycbcr = rgb_to_ycbcr(codes[:3].astype(np.float32) / 255)
    frame = Frame({"LUMA": ycbcr[:1], "CHROMA": ycbcr[1:]}, full_range=True)
    with Runner(context, hookfile.parse(text)) as runner:
        wanted = runner.run(frame, (122, 74)).planes["OUTPUT"][:3]
    context.release()
    found = play(player, text, output=(122, 74), planes={"picture": codes}, floats=False)
    assert np.abs(found.values[:3] - np.clip(wanted, 0, 1)).max() <= 2 / 255
