"""The page in Firefox, where there is one, on an X server without a screen."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.sources import save
from tests.nets import c_model
from tests.web.firefox import FIREFOX, XVFB, Firefox


@pytest.mark.skipif(not (FIREFOX and XVFB), reason="found no Firefox with Xvfb, expected them to try the page in")
def test_the_page_tests_itself_in_firefox(tmp_path: Path) -> None:
    save(c_model("luma", filters=4), tmp_path / "tiny.npz")
    page = tmp_path / "page.html"
    assert CliRunner().invoke(main, ["web", str(tmp_path / "tiny.npz"), "-o", str(page)]).exit_code == 0
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
