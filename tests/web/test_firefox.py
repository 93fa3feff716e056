"""The page in Firefox, where there is one, on an X server without a screen."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.sources import save
from tests.nets import c_model
from tests.web.firefox import FIREFOX, XVFB, Firefox

ROOT = Path(__file__).parents[2]
MODELS = sorted((ROOT / "weights").glob("*.npz")) if os.environ.get("SHADERGEN_ALL_SEEDS") == "1" else []
"""A CPU plays them for minutes."""


@pytest.mark.skipif(not (FIREFOX and XVFB), reason="found no Firefox with Xvfb, expected them to try the page in")
@pytest.mark.parametrize("model", ["tiny", *MODELS], ids=lambda model: Path(model).stem)
def test_the_page_tests_itself_in_firefox(model: str | Path, tmp_path: Path) -> None:
    if model == "tiny":
        model = tmp_path / "tiny.npz"
        save(c_model("luma", filters=4), tmp_path / "tiny.npz")
    page = tmp_path / "page.html"
    assert CliRunner().invoke(main, ["web", str(model), "-o", str(page)]).exit_code == 0
    firefox = Firefox(tmp_path / "profile", page.as_uri() + "#selftest")
    deadline = time.monotonic() + 600
    while not firefox.value("globalThis.shadergen?.page?.firstPicture"):
        assert time.monotonic() < deadline, firefox.value("document.getElementById('message').textContent")
        time.sleep(0.2)
    found = json.loads(firefox.value("document.getElementById('selftest').textContent"))
    assert found["passed"], found
    assert len(found["results"]) == 4
    assert firefox.value("document.getElementById('message').textContent") == ""
    firefox.close()
