"""Files that are no GLSL ES are translated for pages, and play as they do in the runner."""

from __future__ import annotations

import json
from pathlib import Path
from shutil import which

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import hookfile
from shadergen.cli import main
from shadergen.errors import NoDeviceError
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.web.translate import tools, translate
from tests.browser import Browser
from tests.web.pages import play

LOOSE = """//!PARAM gain
//!TYPE float
//!MINIMUM 0
//!MAXIMUM 2
0.5

//!PARAM steps
//!TYPE DEFINE
3

//!HOOK MAIN
//!BIND HOOKED
//!SAVE EDGES
//!DESC edges
vec4 hook() {
    const vec2 size = HOOKED_size;
    float weights[2] = { 1, 0.5 };
    vec4 reds = textureGather(HOOKED_raw, HOOKED_pos + HOOKED_pt / 4, 0);
    return vec4(1 - weights[1] * reds.w, fma(gain, 2, reds.x / 3), size.x > 0 ? 1 : 0, 1);
}

//!HOOK MAIN
//!BIND HOOKED
//!BIND EDGES
//!DESC mixed
vec4 hook() {
    vec4 sum = vec4(0);
    for (int n = 0; n < steps; n++) sum += HOOKED_texOff(vec2(n, 0)) / steps;
    return mix(sum, EDGES_tex(EDGES_pos), 0.25) * gain;
}
"""
NESTED = """//!HOOK MAIN
//!BIND HOOKED
const float gains[6] = float[6](0.5, -0.25, 0.125, 0.25, -0.125, 0.5);
vec4 hook() {
    const vec4 r[3][2] = vec4[3][2](
        vec4[2](HOOKED_texOff(vec2(-1, 0)), HOOKED_texOff(vec2(0, -1))),
        vec4[2](HOOKED_texOff(vec2(1, 0)), HOOKED_texOff(vec2(0, 1))),
        vec4[2](HOOKED_texOff(vec2(0, 0)), HOOKED_texOff(vec2(2, 2)))
    );
    vec4 sum = vec4(0.0);
    for (int n = 0; n < 3; n++)
        for (int i = 0; i < 2; i++) sum += gains[2 * n + i] * r[n][i];
    return vec4(sum.rgb, 1.0);
}
"""
"""Arrays of arrays, as ACNet and ARNet have them."""
STRICT = "//!HOOK MAIN\n//!BIND HOOKED\nvec4 hook() { return 1.0 - HOOKED_tex(HOOKED_pos); }\n"

needs_optimiser = pytest.mark.skipif(not which("spirv-opt"), reason="found no spirv-opt, expected it to unroll")
needs_tools = pytest.mark.skipif(not tools(), reason="found no glslang with SPIRV-Cross, expected them to translate")


@needs_tools
def test_only_what_needs_it_is_translated() -> None:
    assert translate(hookfile.parse(STRICT)) == ()
    assert [list(stages) for stages in translate(hookfile.parse(LOOSE))] == [["MAINPRESUB"], ["MAINPRESUB"]]
    assert translate(hookfile.parse(LOOSE.replace("mix(", "nothing("))) == ()


@needs_tools
@pytest.mark.parametrize(
    ("text", "problem"), [(LOOSE, "edges"), pytest.param(NESTED, "arrays of arrays", marks=needs_optimiser)]
)
def test_a_translated_file_plays_as_in_the_runner(text: str, problem: str, player: Browser) -> None:
    file = hookfile.parse(text)
    random = np.random.default_rng(7).integers(0, 256, (4, 23, 37), np.uint8)
    random[3] = 255
    try:
        context = open_context()
    except NoDeviceError as error:
        pytest.skip(str(error))
    with Runner(context, file) as runner:
        wanted = runner.run(Frame({"RGB": random[:3].astype(np.float32) / 255}), (37, 23)).planes["OUTPUT"][:3]
    context.release()
    with pytest.raises(AssertionError, match=problem):
        play(player, text, output=(37, 23), planes={"picture": random}, floats=False)
    found = play(
        player, text, output=(37, 23), planes={"picture": random}, floats=False, translations=(translate(file),)
    )
    assert found.stayed_off == set()
    assert np.abs(found.values[:3] - np.clip(wanted, 0, 1)).max() <= 2 / 255


@needs_tools
def test_a_page_has_the_translation(tmp_path: Path) -> None:
    for name, text in (("loose", LOOSE), ("strict", STRICT)):
        (tmp_path / f"{name}.glsl").write_text(text)
        command = ["web", str(tmp_path / f"{name}.glsl"), "-o", str(tmp_path / f"{name}.html"), "--no-sample"]
        assert CliRunner().invoke(main, command).exit_code == 0
        page = (tmp_path / f"{name}.html").read_text("utf-8")
        (entry,) = json.loads(page.partition('id="data">')[2].partition("</script>")[0])["shaders"]
        assert entry["translated"] is (name == "loose")
