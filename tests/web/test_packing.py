"""Packed texts come back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shadergen.web.packing import HALVES, pack, printable
from tests.browser import Browser
from tests.test_hookfile import EVERY_BLOCK
from tests.web.test_player import shader

ROOT = Path(__file__).parents[2]
TABLE = "//!TEXTURE t\n//!SIZE 2\n//!FORMAT {}\n{}\n"


def unpacked(browser: Browser, block: bytes) -> list[str]:
    data = json.dumps(printable(block))
    found: list[str] = browser.value(f"shadergen.unpack(shadergen.fromBase85({data}))")
    return found


@pytest.mark.parametrize("model", ["C4F16", "C4F32_Chroma"])
def test_both_forms_of_a_model_come_back(model: str, player: Browser) -> None:
    texts = [shader(model, textured=True), shader(model, textured=False)]
    block = pack(texts)
    assert unpacked(player, block) == texts
    assert len(block) < 0.25 * sum(map(len, texts))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no numbers, é 日本 \U0001f600",
        EVERY_BLOCK,
        "a1.5 .5 -.5 0.5 1. 1.0 1.00 1e5 1.5e-07 1e-05 -3.4028235e+38 16777216.0 1.2.3 x.5",
        TABLE.format("rgba32f", "0000807f010203ff" * 2),
        TABLE.format("r16hf", "00c0ff01") + TABLE.format("r16f", "00c0ff0100000000") + TABLE.format("rg8", "0102"),
    ],
)
def test_any_text_comes_back(text: str, player: Browser) -> None:
    assert unpacked(player, pack([text, text + "0.25"])) == [text, text + "0.25"]


def test_random_numbers_come_back(player: Browser) -> None:
    bits = np.random.default_rng(5).integers(0, 2**32, 4000, np.uint32).view(np.float32)
    text = "\n".join(str(number) for number in bits[np.isfinite(bits)])
    assert unpacked(player, pack([text])) == [text]


def test_a_text_with_a_mark_is_refused() -> None:
    with pytest.raises(ValueError, match="control character"):
        pack([f"a {HALVES}1;"])
