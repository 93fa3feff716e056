"""A page of the player for the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shadergen.files import shipped
from shadergen.web.bundle import bundle
from tests.browser import CHROMIUM, Browser
from tests.web.pages import open_page


@pytest.fixture(scope="session")
def player(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser whose page has the player's modules, as `shadergen`, and nothing else."""
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to play in")
    script = bundle(shipped("templates") / "web", "core").replace("</", "<\\/")
    text = f'<!DOCTYPE html><meta charset="utf-8"><title>player</title><script type="module">{script}</script>'
    browser = open_page(tmp_path_factory.mktemp("player"), text)
    yield browser
    browser.close()
