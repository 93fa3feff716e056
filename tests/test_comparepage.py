"""The page with before and after: what is in it, and that it works in a browser, by mouse and by keyboard."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadergen.runtime.compare import ssim
from shadergen.upscale.comparepage import ComparedPicture, page

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    "",
)


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


class Browser:
    """Headless Chromium over its debugging pipe: JSON, each message ended by a zero byte."""

    def __init__(self, folder: Path, url: str) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def as_3_and_4() -> None:
            # Copies above 4 first, lest one overwrite the other.
            high_in, high_out = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        command += [f"--user-data-dir={folder}", "--window-size=900,600", "about:blank"]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=as_3_and_4)
        os.close(theirs_in)
        os.close(theirs_out)
        self._read, self._write = os.fdopen(ours_in, "rb"), os.fdopen(ours_out, "wb")
        self._session = ""
        self._count = 0
        target = self.send("Target.createTarget", url=url)["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        deadline = time.monotonic() + 30
        while self.value("document.title") == "" or self.value("document.readyState") != "complete":
            assert time.monotonic() < deadline, "found no page after 30 s"
            time.sleep(0.02)

    def send(self, method: str, **params: Any) -> Any:
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            text = bytearray()
            while (byte := self._read.read(1)) != b"\0":
                if not byte:
                    pytest.fail("found no answer from Chromium")
                text += byte
            answer = json.loads(text)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]

    def value(self, expression: str) -> Any:
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def key(self, key: str, code: int) -> None:
        text = {"text": key} if len(key) == 1 else {}
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def mouse(self, type: str, x: float, y: float, **more: Any) -> None:
        self.send("Input.dispatchMouseEvent", type=type, x=x, y=y, button="left", buttons=1, clickCount=1, **more)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._read.close()
        self._write.close()


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
