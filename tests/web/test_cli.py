"""`shadergen web`: a page for models and shaders, and one line for what cannot be one."""

from __future__ import annotations

import base64
import io
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner, Result

from shadergen.cli import main
from shadergen.ir.graph import Plane
from shadergen.sources import save
from tests.browser import CHROMIUM, WEBGL
from tests.nets import c_model

ROOT = Path(__file__).parents[2]
SHADER = "// by A\n//!HOOK MAIN\n//!BIND HOOKED\nvec4 hook() { return HOOKED_tex(HOOKED_pos); }\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def data(path: Path) -> Any:
    return json.loads(path.read_text("utf-8").partition('id="data">')[2].partition("</script>")[0])


@pytest.mark.parametrize("plane", ["luma", "chroma", "rgb"])
def test_a_model_is_a_page_that_tests_itself(plane: Plane, tmp_path: Path) -> None:
    """The network's reference is in the page; the page plays both forms and says how far it is from it."""
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to try the page in")
    save(c_model(plane, filters=4), tmp_path / "tiny.npz")
    result = run("web", tmp_path / "tiny.npz", "-o", tmp_path / "page.html")
    assert (result.output, result.exit_code) == (f"{tmp_path / 'page.html'}\n", 0)
    command = [CHROMIUM, "--headless", "--no-sandbox", *WEBGL, f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--virtual-time-budget=60000", "--dump-dom", (tmp_path / "page.html").as_uri() + "#selftest"]
    dumped = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = json.loads(dumped.partition('<pre id="selftest">')[2].partition("</pre>")[0])
    assert found["passed"], found
    assert {(check["form"], check["storage"]) for check in found["results"]} == {
        (form, storage) for form in (0, 1) for storage in ("rgba32f", "rgba16f")
    }


@pytest.mark.parametrize(("model", "most"), [("C4F16", 190_000), ("C4F32", 380_000)])
def test_a_page_is_small(model: str, most: int, tmp_path: Path) -> None:
    """With both forms of the model, the sample, and the picture for browsers without WebGL2."""
    assert run("web", ROOT / f"weights/{model}.npz", "-o", tmp_path / "page.html").exit_code == 0
    size = (tmp_path / "page.html").stat().st_size
    print(f"{model}: {size / 1000:.0f} KB")
    assert size <= most


def test_several_are_a_choice_or_a_chain(tmp_path: Path) -> None:
    save(c_model("luma", filters=4), tmp_path / "tiny.npz")
    (tmp_path / "a.glsl").write_text(SHADER)
    page = tmp_path / "page.html"
    assert run("web", tmp_path / "tiny.npz", tmp_path / "a.glsl", "-o", page, "--title", "Both").exit_code == 0
    assert [entry["title"] for entry in data(page)["shaders"]] == ["C2F4", "a"]
    assert data(page)["shaders"][1]["licence"] == "by A"
    assert run("web", tmp_path / "a.glsl", tmp_path / "tiny.npz", "--chain", "-o", page).exit_code == 0
    (entry,) = data(page)["shaders"]
    assert (entry["title"], entry["files"]) == ("a + C2F4", 2)


def test_a_gallery_has_a_page_each(tmp_path: Path) -> None:
    for plane in ("luma", "chroma", "rgb"):
        save(c_model(plane, filters=4), tmp_path / f"{plane}.npz")
    models = [tmp_path / f"{plane}.npz" for plane in ("luma", "chroma", "rgb")]
    (tmp_path / "a.glsl").write_text(SHADER)
    site = tmp_path / "site"
    result = run("web", "--gallery", site, *models, tmp_path / "a.glsl")
    assert result.exit_code == 0
    names = [Path(line).name for line in result.output.splitlines()]
    assert names[0] == "any.html"
    assert names[-1] == "index.html"
    assert sorted(names) == sorted(path.name for path in site.iterdir())
    front = (site / "index.html").read_text("utf-8")
    assert set(re.findall(r'href="([^"]*\.html)"', front)) == {*names} - {"index.html"}
    assert "http" not in front.replace("http-equiv", "")
    assert front.count("<img") == 6
    again = run("web", "--gallery", site, models[0], models[0])
    assert (again.exit_code, again.output.splitlines()[-1].count("found two pages of this name")) == (1, 1)


def test_a_gallery_says_what_a_frame_costs(tmp_path: Path) -> None:
    save(c_model("luma", filters=4), tmp_path / "tiny.npz")
    gpu = {"title": "RX <1>", "driver": "", "files": {"C2F4": {"ms": 1.234}, "other": {"ms": 9}}}
    (tmp_path / "costs.json").write_text(json.dumps({"size": [1920, 1080], "gpus": {"rx1": gpu}}))
    site, costs = tmp_path / "site", tmp_path / "costs.json"
    assert run("web", "--gallery", site, "--costs", costs, "--no-sample", tmp_path / "tiny.npz").exit_code == 0
    front = (site / "index.html").read_text("utf-8")
    assert "ms a frame of 1920×1080" in front
    assert '<th scope="row">RX &lt;1&gt;</th><td>1.23</td>' in front
    assert "9.00" not in front
    costs.write_text("[1]")
    result = run("web", "--gallery", site, "--costs", costs, tmp_path / "tiny.npz")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    assert "expected what bench/costs.py writes" in result.output


@pytest.mark.parametrize("plane", ["luma", "chroma", "rgb"])
def test_a_model_s_page_has_a_picture_for_browsers_without_webgl(plane: Plane, tmp_path: Path) -> None:
    save(c_model(plane, filters=4), tmp_path / "tiny.npz")
    assert run("web", tmp_path / "tiny.npz", "-o", tmp_path / "page.html").exit_code == 0
    before, after = data(tmp_path / "page.html")["fallback"]
    pictures = [
        PIL.Image.open(io.BytesIO(base64.b64decode(picture["url"].partition(",")[2]))) for picture in (before, after)
    ]
    assert before["name"] == "bicubic"
    assert pictures[0].size == pictures[1].size == ((120, 90) if plane == "chroma" else (240, 180))
    assert np.abs(np.asarray(pictures[0], int) - np.asarray(pictures[1], int)).max() > 0


def test_a_page_for_what_is_dropped(tmp_path: Path) -> None:
    assert run("web", "-o", tmp_path / "page.html", "--no-sample").exit_code == 0
    assert data(tmp_path / "page.html") == {"shaders": [], "sample": None, "fallback": []}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("//!HOOK LUMA\n//!COMPUTE 8 8\nvoid hook() {}\n", "x.glsl:1: found COMPUTE, which no browser's WebGL has"),
        (SHADER + "//!BUFFER b\n//!VAR float x\n00000000\n", "x.glsl:5: found a BUFFER"),
        ("//!HOOK LUMA\n//!NOPE\n", "x.glsl:2: found directive 'NOPE'"),
        ("", "x.glsl:1: found no `//!` directive"),
        (SHADER + "\x01", "x.glsl: found a control character"),
    ],
)
def test_what_no_browser_can_run_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.glsl").write_text(text)
    result = run("web", tmp_path / "x.glsl", "-o", tmp_path / "page.html")
    assert result.exit_code == 1
    assert words in result.output
    assert result.output.count("\n") == 1
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--sample", "x.heic"], 1, "found suffix '.heic'"),
        (["--sample", "x.png"], 1, "found something that is no picture"),
        (["--sample", "none.png"], 1, "cannot be read"),
        (["--sample", "x.png", "--no-sample"], 2, "found --sample and --no-sample"),
        (["--chain"], 2, "found --chain, expected two shaders"),
        (["--factor", "9"], 2, "9"),
        (["--gallery", "site"], 2, "found -o and --gallery both or neither"),
        (["--costs", "x.png"], 2, "found --costs without --gallery"),
    ],
)
def test_wrong_options(
    arguments: list[str], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.glsl").write_text(SHADER)
    Path("x.heic").write_bytes(b"?")
    Path("x.png").write_bytes(b"?")
    result = run("web", "a.glsl", "-o", "page.html", *arguments)
    assert result.exit_code == code
    assert words in result.output
    assert not Path("page.html").exists()
