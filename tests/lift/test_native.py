"""Files that hook NATIVE: networks of Y, Cb and Cr, with chroma at luma's size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shadergen import compiler, hookfile, sources
from shadergen.errors import ModelError
from shadergen.ir.graph import Graph
from shadergen.judge import flats, score
from shadergen.judge.faster import dressed
from shadergen.lift import Lifted, lift
from shadergen.lint.glslang import glslang_program
from shadergen.target import Target
from shadergen.vapoursynth import script
from tests.lift.shaders import built, fragment, native
from tests.lift.test_roundtrip import PLAIN, weights
from tests.nets import c_model

NEEDS_GLSLANG = pytest.mark.skipif(glslang_program() is None, reason="glslang is not installed")

GRAPH = replace(c_model("rgb", filters=4, layers=1), plane="ycbcr")
NETWORK = fragment("return 0.5 * NATIVE_texOff(1.0);", hook="NATIVE")


@NEEDS_GLSLANG
@pytest.mark.parametrize(
    "target", [Target(without=PLAIN), Target("compute", without=PLAIN)], ids=["fragment", "compute"]
)
def test_our_own_file_comes_back(target: Target) -> None:
    lifted = lift(built(GRAPH, target), "planes.glsl")
    assert lifted.passes[0].kinds == {"interpolated": 2}
    assert lifted.graph.plane == "ycbcr"
    assert weights(lifted.graph) == weights(GRAPH)


@pytest.mark.parametrize("suffix", ["npz", "onnx"])
def test_a_file_of_a_model_says_what_it_is_for(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"planes.{suffix}"
    sources.save(GRAPH, path)
    assert sources.load(path).plane == "ycbcr"


REFUSED = {
    "another size": (native(NETWORK).replace("CHROMA.w 2 *", "CHROMA.w"), "something else with CHROMA"),
    "a copy": (
        native(fragment("return HOOKED_texOff(0.0);", "SAVE copy", hook="CHROMA"), NETWORK),
        "something else with",
    ),
    "other colours": (native(NETWORK, doubling="return 0.5 * CHROMA_texOff(0.0);"), "in another way than"),
    "other places": (native(NETWORK, doubling="return CHROMA_texOff(0.25);"), "in another way than"),
    "luma": (
        native(NETWORK, doubling="return LUMA_texOff(0.0).xxxx;").replace("BIND CHROMA", "BIND LUMA"),
        "in another",
    ),
    "luma's stage": (native(NETWORK, fragment("return 0.5 * LUMA_texOff(0.0);")), "hook NATIVE, LUMA, expected one of"),
}


@NEEDS_GLSLANG
@pytest.mark.parametrize("name", REFUSED)
def test_one_line_says_what_a_pass_does_to_chroma(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(ModelError) as refusal:
        lift(text, "x.glsl")
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("chroma", "output", "runs"),
    [
        ((960, 540), (3840, 2160), True),
        ((960, 540), (1920, 1080), False),  # the network is off, and the player's filter is the user's choice
        ((1920, 1080), (3840, 2160), False),  # 4:4:4
    ],
)
def test_chroma_is_enlarged_where_the_network_runs(
    chroma: tuple[int, int], output: tuple[int, int], runs: bool
) -> None:
    first, *others = compiler.compile(GRAPH, Target()).passes
    assert (first.hooks, first.offset) == (("CHROMA",), "ALIGN")
    assert {item.hooks for item in others} == {("NATIVE",)}
    assert first.when is not None
    assert first.when.evaluate({"HOOKED": chroma, "LUMA": (1920, 1080), "OUTPUT": output}.get) == runs


@pytest.mark.parametrize(
    ("original", "hooks"),
    [
        (native(fragment("return vec4(0.0);", "WHEN OUTPUT.w NATIVE.w >", hook="NATIVE")), [("CHROMA",), ("NATIVE",)]),
        (fragment("return vec4(0.0);", "WHEN OUTPUT.w NATIVE.w >", hook="NATIVE"), [("NATIVE",)]),
    ],
    ids=["enlarges chroma", "as the player puts the planes together"],
)
def test_a_file_written_anew_hooks_what_the_original_hooks(original: str, hooks: list[tuple[str, ...]]) -> None:
    lifted = Lifted(GRAPH, 2.0, "NATIVE", {}, ())
    passes = dressed(compiler.compile(GRAPH, Target()), hookfile.parse(original), lifted).passes
    assert list(dict.fromkeys(item.hooks for item in passes)) == hooks
    conditions = {item.hooks[0]: str(item.when) for item in passes}
    assert conditions.pop("CHROMA", "CHROMA.w LUMA.w <") == "CHROMA.w LUMA.w <"
    assert conditions == {"NATIVE": "OUTPUT.w NATIVE.w >"}


ELSEWHERE: dict[str, Callable[[Graph], object]] = {
    "a page": compiler.webgpu,
    "VapourSynth": lambda graph: script(graph, "x.onnx"),
    "score": lambda graph: score.score({"x": graph}, [], []),
    "score --flats": flats.measure,
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_has_no_such_planes_says_so(name: str) -> None:
    with pytest.raises(ModelError, match="found a ycbcr model, expected one for luma or "):
        ELSEWHERE[name](GRAPH)
