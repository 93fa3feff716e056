"""The page in a browser: it shows pictures before and after, by mouse and keys, and says in one line what is wrong."""

from __future__ import annotations

import base64
import html
import io
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from shadergen import api
from shadergen.files import shipped
from shadergen.target import Target
from shadergen.upscale.upscale import enlarge
from shadergen.web.bundle import bundle
from shadergen.web.page import PageShader, Sample, page, shipped_sample
from tests.browser import CHROMIUM, Browser
from tests.nets import c_model
from tests.web.pages import open_page
from tests.web.test_player import shader

Codes = npt.NDArray[Any]

INVERTED = (
    "// by A\n// Licence: CC0\n\n//!HOOK MAIN\n//!BIND HOOKED\nvec4 hook() { return 1.0 - HOOKED_tex(HOOKED_pos); }\n"
)
DAMAGED = "//!HOOK MAIN\n//!BIND HOOKED\nvec4 hook() {\n    return wrong;\n}\n"
LUMA = api.compile(c_model("luma", filters=4), Target(weights="texture"))


def png(codes: Codes) -> bytes:
    encoded = io.BytesIO()
    PIL.Image.fromarray(codes).save(encoded, "PNG")
    return encoded.getvalue()


def small_sample() -> Sample:
    return Sample("sample", "image/png", png(np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)))


def sample_codes() -> Codes:
    return np.asarray(PIL.Image.open(io.BytesIO(small_sample().data)))


def enlarged_sample() -> Codes:
    """The sample as Pillow enlarges it twofold, (height, width, 3) in 0..255."""
    values = np.moveaxis(sample_codes(), -1, 0).astype(np.float32) / np.float32(255)
    return np.moveaxis(enlarge(values, (80, 48)), 0, -1) * 255


def until(browser: Browser, condition: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not browser.value(f"Boolean({condition})"):
        message = browser.value("document.getElementById('message').textContent")
        assert time.monotonic() < deadline, f"found {condition} still false, the page says {message!r}"
        time.sleep(0.02)


def message(browser: Browser) -> str:
    text: str = browser.value("document.getElementById('message').textContent")
    return text


def give(browser: Browser, *files: tuple[str, str, bytes]) -> None:
    """Open files of (name, type, bytes), as if they were dropped, and wait for what comes of it."""
    data = [[name, type, base64.b64encode(content).decode()] for name, type, content in files]
    made = f"{json.dumps(data)}.map(([name, type, data]) => new File([shadergen.fromBase64(data)], name, {{ type }}))"
    browser.value(f"shadergen.page.open({made})")


def shown(browser: Browser) -> Codes:
    """The result as codes (height, width, 3)."""
    found = browser.value("(({ size, bytes }) => ({ size, text: Array.from(bytes) }))(shadergen.page.media.read())")
    width, height = found["size"]
    return np.array(found["text"], np.uint8).reshape(height, width, 4)[..., :3]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to try the page in")
    shaders = [
        PageShader("Luma </script>", "one", "MIT", ((LUMA,),)),
        PageShader("Inverted", "two", "CC0", ((INVERTED,),)),
    ]
    browser = open_page(tmp_path_factory.mktemp("page"), page("A & B </title>", shaders, small_sample()))
    until(browser, "globalThis.shadergen?.page?.firstPicture")
    yield browser
    browser.close()


@pytest.fixture(autouse=True)
def first_shader(request: pytest.FixtureRequest) -> None:
    """Every test of the page begins with the sample, the first shader, and no message."""
    if "browser" in request.fixturenames:
        page = request.getfixturevalue("browser")
        page.value("shadergen.page.task.then(() => { shadergen.page.side = 512; shadergen.page.select(0); })")
        give(page, ("sample.png", "image/png", small_sample().data))


# ---------------------------------------------------------------------------------------------------------------------
# What is in it


def test_the_page_is_one_file_that_asks_for_nothing() -> None:
    shaders = [PageShader("C4F16", "", "MIT", ((shader("C4F16", textured=True),),))]
    text = html.unescape(page("C4F16", shaders, shipped_sample()))
    assert "http" not in text.replace("http-equiv", "")
    assert "://" not in bundle(shipped("templates") / "web", "main")
    assert re.search(r"\b(?:src|href)=(?!\"data:)", text) is None
    assert "default-src 'none'" in text
    assert "unsafe" not in text


def test_the_sample_is_the_project_s_own() -> None:
    ours = PIL.Image.open(io.BytesIO(shipped_sample().data)).convert("RGB")
    drawn = PIL.Image.open(Path(__file__).parents[1] / "cases/sample.png")
    assert np.array_equal(np.asarray(ours), np.asarray(drawn))


def test_titles_and_licences_are_text(browser: Browser) -> None:
    assert browser.value("document.title") == "A & B </title>"
    assert browser.value("document.querySelector('h1').textContent") == "A & B </title>"
    assert browser.value("shader.options[0].textContent") == "Luma </script>"
    assert browser.value("document.getElementById('licence').textContent") == "MIT"


def test_the_policy_forbids_requests(browser: Browser) -> None:
    blocked = "fetch('data:,x').then(() => 'allowed', () => 'blocked')"
    assert browser.value(blocked) == "blocked"
    assert browser.value("performance.getEntriesByType('resource').length") == 0


# ---------------------------------------------------------------------------------------------------------------------
# What it does


def test_it_shows_the_sample(browser: Browser) -> None:
    assert browser.value("shadergen.page.media.size.join('x')") == "40x24"
    assert browser.value("document.getElementById('facts').textContent").startswith("40×24 → 80×48, ")
    assert message(browser) == ""
    assert browser.value("document.getElementById('choose').hidden") is False
    print(f"first picture after {browser.value('shadergen.page.firstPicture'):.0f} ms")


def test_another_shader_can_be_chosen(browser: Browser) -> None:
    browser.value("shadergen.page.select(1); shadergen.page.task")
    browser.value("shadergen.page.task")
    sample = sample_codes()
    assert np.abs(shown(browser).astype(int) - (255 - sample)).max() <= 1
    assert browser.value("document.getElementById('licence').textContent") == "CC0"


def test_a_shader_can_be_dropped(browser: Browser) -> None:
    give(browser, ("mine.glsl", "", INVERTED.encode()))
    assert browser.value("document.getElementById('after').textContent") == "mine.glsl"
    assert browser.value("document.getElementById('licence').textContent") == "by A\nLicence: CC0"
    give(browser, ("a.glsl", "", INVERTED.encode()), ("b.glsl", "", INVERTED.encode()))
    assert browser.value("document.getElementById('after').textContent") == "a.glsl + b.glsl"
    sample = sample_codes()
    assert np.abs(shown(browser).astype(int) - sample).max() <= 1


def test_what_is_on_the_canvas_is_before_and_after(browser: Browser) -> None:
    """At 1:1 texels of the result are pixels of the screen; left of the divider is the bicubic picture."""
    browser.value("shadergen.page.display.compareBy('divider'); document.getElementById('one').click()")
    read = """new Promise(done => requestAnimationFrame(() => {
      const { page } = shadergen, { gl } = page.device;
      const bytes = new Uint8Array(4 * gl.drawingBufferWidth * gl.drawingBufferHeight);
      page.view.split = SPLIT;
      page.view.draw(page.media.cells);
      gl.readPixels(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
      page.view.split = 0.5;
      let text = "";
      for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
      done([gl.drawingBufferWidth, gl.drawingBufferHeight, page.view.pan, btoa(text)]);
    }))"""
    for split, wanted, bound in (("0", shown(browser), 0.5), ("1", enlarged_sample(), 1.5)):
        width, height, pan, data = browser.value(read.replace("SPLIT", split))
        canvas = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[::-1, :, :3]
        left, top = round(width / 2 - 2 * pan[0]), round(height / 2 - 2 * pan[1])
        found = canvas[top : top + 48, left : left + 80]
        inner = (slice(4, -4), slice(4, -4))  # Pillow's window ends at the edge, ours repeats it
        assert np.abs(found[inner].astype(float) - wanted[inner]).max() <= bound


def test_keys_and_mouse_move_the_view(browser: Browser) -> None:
    browser.value("document.getElementById('fit').click(); document.getElementById('stage').focus()")
    zoom, pan = browser.value("shadergen.page.view.zoom"), browser.value("shadergen.page.view.pan[0]")
    browser.key("+", 187)
    assert browser.value("shadergen.page.view.zoom") == pytest.approx(1.25 * zoom)
    browser.key("ArrowRight", 39)
    assert browser.value("shadergen.page.view.pan[0]") == pytest.approx(pan + 40 / (1.25 * zoom))
    browser.mouse("mousePressed", 100, 300)
    browser.mouse("mouseMoved", 140, 300)
    browser.mouse("mouseReleased", 140, 300)
    assert browser.value("shadergen.page.view.pan[0]") == pytest.approx(pan)
    browser.key("0", 48)
    assert browser.value("shadergen.page.view.zoom") == pytest.approx(zoom)
    browser.key("d", 68)
    assert browser.value("shadergen.page.view.mode") == "side"
    browser.key("d", 68)
    browser.key("d", 68)
    assert browser.value("shadergen.page.view.mode") == "divider"


def test_the_divider_follows_keys_and_the_mouse(browser: Browser) -> None:
    browser.value("shadergen.page.view.split = 0.5; document.getElementById('divider').focus()")
    browser.key("ArrowRight", 39)
    assert browser.value("shadergen.page.view.split") == pytest.approx(0.52)
    until(browser, "divider.getAttribute('aria-valuenow') === '52'")
    x, y = browser.value("(b => [b.x + b.width / 2, b.y + b.height / 2])(divider.getBoundingClientRect())")
    browser.mouse("mousePressed", x, y)
    browser.mouse("mouseMoved", x - 200, y)
    browser.mouse("mouseReleased", x - 200, y)
    assert browser.value("shadergen.page.view.split") == pytest.approx((x - 200) / browser.value("stage.clientWidth"))


def test_every_control_has_a_name_for_screen_readers(browser: Browser) -> None:
    browser.value("document.getElementById('panel').hidden && document.getElementById('details').click()")
    nodes = browser.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "combobox", "checkbox", "radio", "image", "complementary", "group"}
    named = [
        (node["role"]["value"], node.get("name", {}).get("value"))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert {"button", "slider", "combobox", "checkbox", "radio", "image"} <= {role for role, _ in named}
    assert all(name for _, name in named), named
    browser.value("document.getElementById('details').click()")


def test_the_truth_gives_psnr(browser: Browser) -> None:
    truth = np.clip(shown(browser).astype(int) + 3, 0, 255).astype(np.uint8)
    give(browser, ("truth.png", "image/png", png(truth)))
    weights = np.array([0.2126, 0.7152, 0.0722])
    bicubic = np.round(enlarged_sample())
    for name, codes in (("shader", shown(browser)), ("bicubic", bicubic)):
        error = ((codes.astype(float) - truth) @ weights) ** 2
        wanted = 10 * np.log10(255**2 / error.mean())
        assert browser.value(f"shadergen.page.quality.{name}") == pytest.approx(wanted, abs=0.02)
    assert "PSNR" in message(browser)


def test_a_picture_can_be_saved(browser: Browser) -> None:
    browser.value("shadergen.page.save()")
    assert browser.value("shadergen.page.saved") == "sample_Luma_script_.png"
    assert message(browser) == ""


def test_sizes_are_shown_and_passes_timed(browser: Browser) -> None:
    browser.value("shadergen.page.timePasses()")
    assert re.fullmatch(r"[\d.]+ ms in all, \d+ MB of textures\.", browser.value("timing.textContent").strip())
    rows = browser.value("[...passes.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))")
    assert [row[1] for row in rows][-1] == "80×48"
    assert all(float(row[2]) >= 0 for row in rows)


def test_a_draw_s_time_is_its_own(browser: Browser) -> None:
    """A pass that does a hundred times as much as another takes most of the time, wherever it stands."""
    heavy = "for (int n = 0; n < 3000; n++) sum += sin(HOOKED_tex(HOOKED_pos) + sum);"
    heavy = f"//!HOOK MAIN\n//!BIND HOOKED\nvec4 hook() {{ vec4 sum = vec4(0.0); {heavy} return sum; }}\n"
    text = heavy + INVERTED.partition("\n\n")[2]
    give(browser, ("heavy.glsl", "", text.encode()))
    browser.value("shadergen.page.timePasses()")
    first, second = browser.value("[...passes.tBodies[0].rows].map(row => Number(row.cells[2].textContent))")
    assert first > 5 * second


# ---------------------------------------------------------------------------------------------------------------------
# Large pictures, and the GPU


def test_parts_equal_the_whole(browser: Browser) -> None:
    random = np.random.default_rng(2).integers(0, 256, (230, 310, 3), np.uint8)
    random[:115] = random[:115] // 4 + 90
    give(browser, ("large.png", "image/png", png(random)))
    assert browser.value("shadergen.page.media.cells.length") == 1
    whole = shown(browser)
    browser.value("shadergen.page.side = 64")
    give(browser, ("large.png", "image/png", png(random)))
    assert message(browser) == ""
    assert browser.value("shadergen.page.media.cells.length") >= 6
    assert np.array_equal(shown(browser), whole)


def test_what_depends_on_the_place_is_not_cut(browser: Browser) -> None:
    placed = "//!HOOK MAIN\n//!BIND HOOKED\nvec4 hook() { return HOOKED_tex(HOOKED_pos) * HOOKED_pos.x; }\n"
    browser.value("shadergen.page.side = 64")
    codes = np.full((300, 300, 3), 200, np.uint8)
    give(browser, ("placed.glsl", "", placed.encode()), ("large.png", "image/png", png(codes)))
    assert message(browser).startswith("large.png: found 300x300 texels, expected fewer")


def test_it_goes_on_after_the_gpu_was_lost(browser: Browser) -> None:
    before = shown(browser)
    browser.value("globalThis.loser = shadergen.page.device.loser; loser.loseContext()")
    until(browser, "document.getElementById('message').textContent.startsWith('The GPU was lost')")
    browser.value("loser.restoreContext()")
    until(browser, "document.getElementById('message').textContent === '' && shadergen.page.media.cells[0]?.after")
    assert np.array_equal(shown(browser), before)


def test_nothing_is_made_for_a_frame(browser: Browser) -> None:
    """Playing again takes the textures, programs and framebuffers that are there."""
    script = """(() => {
      const { page } = shadergen, { gl } = page.device, made = [];
      for (const name of ["createTexture", "createFramebuffer", "createProgram", "createShader", "createBuffer"]) {
        gl[name] = (...rest) => { made.push(name); return Object.getPrototypeOf(gl)[name].apply(gl, rest); };
      }
      for (let n = 0; n < 3; n++) page.prepared.play(page.media.source);
      for (const name of new Set(made)) delete gl[name];
      return made;
    })()"""
    assert browser.value(script) == []


# ---------------------------------------------------------------------------------------------------------------------
# What is wrong is told in one line


@pytest.mark.parametrize(
    ("name", "type", "content", "words"),
    [
        (
            "photo.heic",
            "image/heic",
            b"\0\0\0\x18ftypheic" + bytes(100),
            "found no picture that this browser can decode",
        ),
        ("broken.png", "image/png", b"\x89PNG\r\n\x1a\n" + bytes(40), "found no picture"),
        ("broken.mp4", "video/mp4", bytes(1000), "found no video that this browser can decode"),
        ("note.txt", "text/plain", b"hello", "found no picture"),
        ("empty.glsl", "", b"", "found no `//!` directive"),
        ("bad.glsl", "", b"//!HOOK LUMA\n//!NOPE 1\n", "line 2: found directive 'NOPE'"),
        ("damaged.glsl", "", DAMAGED.encode(), "damaged.glsl: line 4: "),
        ("compute.glsl", "", b"//!HOOK LUMA\n//!COMPUTE 8 8\nvoid hook() {}\n", "line 1: found COMPUTE"),
        ("buffer.glsl", "", b"//!BUFFER b\n//!VAR float x\n00000000\n", "found a BUFFER"),
    ],
)
def test_bad_files_are_told_in_one_line(name: str, type: str, content: bytes, words: str, browser: Browser) -> None:
    browser.value("shadergen.page.device.isSoftware = false")  # a software renderer refuses all videos
    give(browser, (name, type, content))
    browser.value("shadergen.page.device.isSoftware = true")
    assert message(browser).startswith(f"{name}: ")
    assert words in message(browser)
    assert "\n" not in message(browser)
    give(browser, ("sample.png", "image/png", small_sample().data))


def test_a_huge_picture_is_refused(browser: Browser) -> None:
    encoded = io.BytesIO()
    PIL.Image.new("1", (20000, 10000)).save(encoded, "PNG")
    give(browser, ("huge.png", "image/png", encoded.getvalue()))
    assert message(browser).startswith("huge.png: found ")
    give(browser, ("sample.png", "image/png", small_sample().data))
    assert message(browser) == ""


def test_a_shader_that_stays_off_says_why(browser: Browser) -> None:
    text = INVERTED.replace("//!BIND", "//!WHEN 0\n//!BIND")
    give(browser, ("off.glsl", "", text.encode()))
    assert message(browser) == "No pass of the shader ran: WHEN is 0."


def test_without_webgl_it_shows_what_it_was_made_with(tmp_path: Path) -> None:
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to try the page in")
    shaders, pictures = [PageShader("a", "b", "MIT", ((LUMA,),))], [small_sample()]
    (tmp_path / "page.html").write_text(page("a", shaders, small_sample(), pictures), "utf-8")
    browser = Browser(tmp_path / "profile", (tmp_path / "page.html").as_uri(), "--disable-gpu", "--disable-3d-apis")
    until(browser, "document.getElementById('message').textContent")
    assert message(browser).startswith("found no WebGL2, expected it")
    assert browser.value("document.querySelector('.fallback img').naturalWidth") == 40
    browser.close()


def test_parameters_have_controls(browser: Browser) -> None:
    text = (
        "//!PARAM gain\n//!DESC how bright\n//!TYPE float\n//!MINIMUM 0\n//!MAXIMUM 1\n1.0\n\n"
        "//!PARAM side\n//!TYPE ENUM DEFINE\nleft\nright\n\n//!PARAM count\n//!TYPE int\n1\n\n"
        "//!HOOK MAIN\n//!BIND HOOKED\n"
        "vec4 hook() { return HOOKED_tex(HOOKED_pos) * gain * float(side == left) * float(count); }\n"
    )
    give(browser, ("mine.glsl", "", text.encode()))
    assert browser.value("parameters.hidden") is False
    controls = browser.value("[...sliders.querySelectorAll('input, select')].map(control => control.type)")
    assert controls == ["range", "select-one", "number"]
    assert np.array_equal(shown(browser), sample_codes())
    change = "sliders.querySelector('{}').value = {}, sliders.querySelector('{}').dispatchEvent(new Event('{}'))"
    for control, value, event, factor in (("input", "0.5", "input", 0.5), ("select", "1", "change", 0)):
        browser.value(change.format(control, value, control, event))
        browser.value("shadergen.page.task")
        assert np.abs(shown(browser) - factor * sample_codes()).max() <= 1
    browser.value("shadergen.page.select(1); shadergen.page.task")
    assert browser.value("parameters.hidden") is True


def test_two_fingers_zoom(browser: Browser) -> None:
    browser.value("document.getElementById('fit').click()")
    zoom = browser.value("shadergen.page.view.zoom")

    def touch(type: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        browser.send("Input.dispatchTouchEvent", type=type, touchPoints=touches)

    touch("touchStart", (200, 300))
    touch("touchStart", (200, 300), (300, 300))
    touch("touchMove", (200, 300), (400, 300))
    touch("touchEnd")
    assert browser.value("shadergen.page.view.zoom") == pytest.approx(2 * zoom, rel=0.02)


def test_what_is_transparent_lies_over_black(browser: Browser) -> None:
    give(browser, ("inverted.glsl", "", INVERTED.encode()))
    codes = np.full((8, 8, 4), 200, np.uint8)
    codes[:, :4, 3], codes[:, 4:, 3] = 255, 0
    give(browser, ("alpha.png", "image/png", png(codes)))
    assert shown(browser)[:, :4].min() == shown(browser)[:, :4].max() == 55
    assert shown(browser)[:, 4:].min() == 255
