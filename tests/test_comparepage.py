"""The page with before and after: what is in it, and that it works in a browser, by mouse and by keyboard."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import numpy as np
import pytest

from shadergen.runtime.compare import ssim
from shadergen.upscale.comparepage import ComparedPicture, page
from tests.browser import CHROMIUM, Browser


def comparisons() -> list[ComparedPicture]:
    truth = np.random.default_rng(0).random((3, 20, 30)).astype(np.float32)
    versions = {"bicubic": 0.5 * truth, "shader": (truth * 255 + 0.5).astype(np.uint8)}
    return [
        ComparedPicture("a </script> picture", versions, truth),
        ComparedPicture("grey", {"bicubic": truth[:1], "shader": truth[:1]}),
    ]


def test_ssim_is_the_published_one() -> None:
    """Of constant pictures only the luminance term counts: (2ab + c) / (a² + b² + c)."""
    a, b = np.full((1, 16, 16), 0.4), np.full((1, 16, 16), 0.6)
    assert ssim(a, b) == pytest.approx((2 * 0.4 * 0.6 + 1e-4) / (0.4**2 + 0.6**2 + 1e-4))
    noise = np.random.default_rng(0).random((3, 12, 13))
    assert ssim(noise, noise) == 1
    assert ssim(noise, 1 - noise) < 0


def test_the_page_is_self_contained_and_has_the_numbers() -> None:
    text = page(comparisons())
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)
    assert text.count("</script>") == 2
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert data[0]["name"] == "a </script> picture"
    assert [version["name"] for version in data[0]["versions"]] == ["bicubic", "shader", "truth"]
    assert float(data[0]["versions"][1]["numbers"][0].removesuffix(" dB")) > 50
    assert data[1]["columns"] == []


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to try the page in")
    folder = tmp_path_factory.mktemp("page")
    (folder / "page.html").write_text(page(comparisons()), "utf-8")
    browser = Browser(folder / "profile", (folder / "page.html").as_uri())
    yield browser
    browser.close()


SCALE = "new DOMMatrix(getComputedStyle(after).transform).a"
LEFT = "new DOMMatrix(getComputedStyle(after).transform).e"


def test_it_shows_both_and_the_numbers(browser: Browser) -> None:
    assert browser.value("document.title") == "a </script> picture: before and after"
    assert browser.value("before.naturalWidth + 'x' + after.naturalHeight") == "30x20"
    assert browser.value("before.alt + '; ' + after.alt").endswith("picture, bicubic; a </script> picture, shader")
    assert "dB" in browser.value("document.querySelector('#numbers tbody').innerText")
    # Fitted: the picture touches the stage at two sides.
    fitted = "Math.min(stage.clientWidth / 30, stage.clientHeight / 20)"
    assert browser.value(SCALE) == pytest.approx(browser.value(fitted), rel=1e-3)


def test_every_control_has_a_name_for_screen_readers(browser: Browser) -> None:
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "combobox", "checkbox", "image"}
    named = [
        (node["role"]["value"], node.get("name", {}).get("value"))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert {role for role, _ in named} == roles
    assert all(name for _, name in named), named


def test_the_divider_follows_keys_and_the_mouse(browser: Browser) -> None:
    browser.value("document.getElementById('divider').focus()")
    before = browser.value("+divider.value")
    browser.key("ArrowRight", 39)
    assert browser.value("+divider.value") == before + 0.5
    box = browser.value("(b => [b.x + b.width / 2, b.y + b.height / 2])(grip.getBoundingClientRect())")
    browser.mouse("mousePressed", *box)
    browser.mouse("mouseMoved", box[0] - 200, box[1])
    browser.mouse("mouseReleased", box[0] - 200, box[1])
    share = browser.value("(box => (box.x + box.width / 2) / stage.clientWidth * 100)(grip.getBoundingClientRect())")
    assert browser.value("+divider.value") == pytest.approx(share, abs=1)
    assert browser.value("before.style.clipPath") != "inset(0px)"


def test_zoom_and_pan_by_keys_wheel_and_mouse(browser: Browser) -> None:
    browser.value("stage.focus()")
    scale, left = browser.value(SCALE), browser.value(LEFT)
    browser.key("+", 187)
    assert browser.value(SCALE) == pytest.approx(1.25 * scale, rel=1e-3)
    left = browser.value(LEFT)
    browser.key("ArrowRight", 39)
    assert browser.value(LEFT) == pytest.approx(left - 40)
    browser.mouse("mousePressed", 300, 300)
    browser.mouse("mouseMoved", 330, 310)
    browser.mouse("mouseReleased", 330, 310)
    assert browser.value(LEFT) == pytest.approx(left - 10)
    browser.send("Input.dispatchMouseEvent", type="mouseWheel", x=300, y=300, deltaX=0, deltaY=-200)
    deadline = time.monotonic() + 10  # Chromium collects wheel events until it draws
    while browser.value(SCALE) == pytest.approx(1.25 * scale, rel=1e-3) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert browser.value(SCALE) == pytest.approx(1.25 * np.exp(0.5) * scale, rel=1e-2)
    browser.key("0", 48)
    assert browser.value(SCALE) == pytest.approx(scale, rel=1e-3)


def test_another_picture_can_be_chosen(browser: Browser) -> None:
    browser.value("picture.selectedIndex = 1, picture.dispatchEvent(new Event('change'))")
    assert browser.value("document.getElementById('name').textContent") == "grey"
    assert browser.value("numbers.hidden")
