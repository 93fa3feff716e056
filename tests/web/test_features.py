"""Everything that a hook file may ask for comes out as in `Runner`: stages, sizes, offsets, parameters, chains."""

from __future__ import annotations

from collections.abc import Iterator

import moderngl
import numpy as np
import pytest

from shadergen import hookfile
from shadergen.errors import NoDeviceError
from shadergen.runtime.colour import SITINGS, chroma_420, rgb_to_ycbcr
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from tests.browser import Browser
from tests.web.pages import play

SIZE, OUTPUT = (37, 23), (74, 46)
BODY = "vec4 hook() {{ return {}; }}\n"
LUMA = "//!HOOK LUMA\n//!BIND HOOKED\n"
MAIN = "//!HOOK MAIN\n//!BIND HOOKED\n"
DOUBLE = LUMA + "//!WIDTH HOOKED.w 2 *\n//!HEIGHT HOOKED.h 2 *\n" + BODY.format("HOOKED_tex(HOOKED_pos)")
PARAMS = """\
//!PARAM gain
//!TYPE float
//!MINIMUM 0
//!MAXIMUM 2
0.5

//!PARAM a
//!TYPE DEFINE
3

//!PARAM low
//!TYPE CONSTANT int
2

//!PARAM mode
//!TYPE ENUM int
plain
red
"""
TEXTS = {
    "luma": LUMA + BODY.format("vec4(1.0 - HOOKED_tex(HOOKED_pos).x)"),
    "doubled luma": DOUBLE,
    "shifted luma": DOUBLE.replace("//!WIDTH", "//!OFFSET -0.5 0.5\n//!WIDTH"),
    "shifted by whole texels": DOUBLE.replace("//!WIDTH", "//!OFFSET 3 -2\n//!WIDTH"),
    "chroma at luma's size": "//!HOOK CHROMA\n//!BIND HOOKED\n//!BIND LUMA\n//!OFFSET ALIGN\n"
    + "//!WIDTH LUMA.w\n//!HEIGHT LUMA.h\n"
    + BODY.format("HOOKED_tex(HOOKED_pos) + 0.05 * (LUMA_tex(LUMA_pos).x - 0.5)"),
    "scaled chroma": "//!HOOK CHROMA_SCALED\n//!BIND HOOKED\n" + BODY.format("HOOKED_tex(HOOKED_pos).yxzw"),
    "native": "//!HOOK NATIVE\n//!BIND HOOKED\n" + BODY.format("HOOKED_tex(HOOKED_pos) * 0.9"),
    "main": MAIN + BODY.format("HOOKED_texOff(vec2(2.0, -1.0))"),
    "main, half the size": MAIN + "//!WIDTH 20\n//!HEIGHT 10\n" + BODY.format("HOOKED_tex(HOOKED_pos)"),
    "output": "//!HOOK OUTPUT\n//!BIND HOOKED\n" + BODY.format("vec4(HOOKED_pos, HOOKED_size.x / 200.0, 1.0)"),
    "saved": MAIN
    + "//!SAVE half\n//!WIDTH HOOKED.w 2 /\n//!HEIGHT HOOKED.h 2 /\n"
    + BODY.format("HOOKED_tex(HOOKED_pos)")
    + MAIN
    + "//!BIND half\n"
    + BODY.format("half_tex(half_pos) * vec4(half_pt * 10.0, 1.0, 1.0)"),
    # Off the texels' centres and edges, where rounding decides which texels these are.
    "gathered": MAIN + BODY.format("HOOKED_gather(HOOKED_pos + 0.3 * HOOKED_pt, 1) * vec4(1.0, 0.5, 0.25, 1.0)"),
    "fma and offsets": MAIN
    + BODY.format("fma(HOOKED_tex(HOOKED_pos), vec4(0.5), textureOffset(HOOKED_raw, HOOKED_pos, ivec2(1, -2)) * 0.25)"),
    "linear light": MAIN + BODY.format("delinearize(0.5 * linearize(HOOKED_tex(HOOKED_pos)))"),
    "parameters": PARAMS
    + MAIN
    + BODY.format("HOOKED_tex(HOOKED_pos) * (mode == red ? vec4(gain, 0.0, 0.0, 1.0) : vec4(gain)) * float(a - low)"),
    "a condition on a parameter": PARAMS + MAIN + "//!WHEN mode red = !\n" + BODY.format("vec4(0.25)"),
    "a texture": "//!TEXTURE t\n//!SIZE 2 1\n//!FORMAT rgba16hf\n//!FILTER LINEAR\n003c0000000000380000003c0000003c\n"
    + MAIN
    + "//!BIND t\n"
    + BODY.format("t_tex(HOOKED_pos)"),
    "a texture of bytes": "//!TEXTURE t\n//!SIZE 3\n//!FORMAT r8\n//!BORDER REPEAT\n0080ff\n"
    + MAIN
    + "//!BIND t\n"
    + BODY.format("vec4(t_tex(HOOKED_pos.x * 1.9 + 0.01).x)"),
    "a texture of 16 bits": "//!TEXTURE t\n//!SIZE 1 2 2\n//!FORMAT rg16\n00000080ffff000000400080ffffffff\n"
    + MAIN
    + "//!BIND t\n"
    + BODY.format("vec4(t_tex(vec3(HOOKED_pos, 0.75)).xy, 0.0, 1.0)"),
    "disabled": MAIN + BODY.format("vec4(0.0)") + MAIN + "//!WIDTH NOPE.w\n" + BODY.format("vec4(1.0)"),
    "nothing that fires": "//!HOOK LINEAR\n//!BIND HOOKED\n" + BODY.format("vec4(0.0)"),
}


@pytest.fixture(scope="module")
def context() -> Iterator[moderngl.Context]:
    try:
        context = open_context()
    except NoDeviceError as error:
        pytest.skip(str(error))
    yield context
    context.release()


def agree(
    context: moderngl.Context,
    player: Browser,
    *texts: str,
    halved: bool = False,
    params: dict[str, float] | None = None,
) -> None:
    """Play files on a picture of noise in both, and compare what is shown and what ran."""
    codes = np.random.default_rng(4).integers(0, 256, (4, SIZE[1], SIZE[0]), np.uint8)
    codes[3] = 255
    ycbcr = rgb_to_ycbcr(codes[:3].astype(np.float32) / np.float32(255))
    chroma = chroma_420(ycbcr[1:], SITINGS["center"]) if halved else ycbcr[1:]
    files = {f"file {n}": hookfile.parse(text) for n, text in enumerate(texts)}
    after = {name: file for name, file in files.items() if name != "file 0"}
    names = {name for file in files.values() for item in file.passes for name in (*item.hooks, *item.binds)}
    rgb = not halved and names.isdisjoint({"LUMA", "CHROMA", "CHROMA_SCALED", "NATIVE"})
    planes = {"RGB": codes[:3]} if rgb else {"LUMA": ycbcr[:1], "CHROMA": chroma}
    frame = Frame(planes, full_range=True)
    with Runner(context, files["file 0"], where="file 0", after=after, params=params) as runner:
        wanted = runner.run(frame, OUTPUT)
    found = play(player, *texts, output=OUTPUT, planes={"picture": codes}, halved=halved, params=params)
    ran = [run.ran for run in wanted.passes]
    assert [run["ran"] for run in found.runs] == ran
    # The page leaves a picture that no pass made as large as OUTPUT to the view, which scales better.
    stage = "OUTPUT" if found.values.shape[1:] == OUTPUT[::-1] else "MAIN"
    assert np.abs(found.values[:3] - np.clip(wanted.planes[stage][:3], 0, 1)).max() <= 2 / 255


@pytest.mark.parametrize("halved", [False, True], ids=["4:4:4", "4:2:0"])
@pytest.mark.parametrize("name", TEXTS)
def test_files_play_as_in_the_runner(name: str, halved: bool, context: moderngl.Context, player: Browser) -> None:
    agree(context, player, TEXTS[name], halved=halved)


@pytest.mark.parametrize("params", [{"gain": 1.25}, {"a": 2}, {"mode": 1}, {"low": 1, "gain": 0.1}])
@pytest.mark.parametrize("name", ["parameters", "a condition on a parameter"])
def test_parameters_are_the_runner_s(
    name: str, params: dict[str, float], context: moderngl.Context, player: Browser
) -> None:
    agree(context, player, TEXTS[name], params=params)


@pytest.mark.parametrize(
    "names", [("doubled luma", "luma"), ("luma", "main"), ("saved", "native", "main"), ("disabled", "main")]
)
def test_chains_are_the_runner_s(names: tuple[str, ...], context: moderngl.Context, player: Browser) -> None:
    agree(context, player, *(TEXTS[name] for name in names))
