"""WebGPU in the page: its program is the network, what it shows is what WebGL shows, and the faster one plays."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from shadergen.cli import main
from shadergen.ir.graph import Plane
from shadergen.sources import save
from tests.browser import CHROMIUM, WEBGL, WEBGPU, Browser
from tests.nets import c_model
from tests.web.clips import lossless
from tests.web.test_page import give, message, png, shown, small_sample, until

PLANES: tuple[Plane, ...] = ("luma", "chroma", "rgb")
START = """(async () => {
  const { page, GpuPlayer } = shadergen, gpu = await page.webgpu({ software: true });
  const player = new GpuPlayer(gpu, page.device, await page.entry.program());
  page.engine.release();
  Object.assign(page.engine, { player, form: "WebGPU" });
  await page.attempt(wanted => page.play(wanted));
})()"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A page of a small model for each plane, after its test of itself."""
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to try the page in")
    folder = tmp_path_factory.mktemp("webgpu")
    models = []
    for plane in PLANES:
        models.append(str(folder / f"{plane}.npz"))
        save(c_model(plane, filters=4, layers=1), folder / f"{plane}.npz")
    (folder / "sample.png").write_bytes(small_sample().data)
    page = folder / "page.html"
    command = ["web", *models, "--sample", str(folder / "sample.png"), "-o", str(page)]
    assert CliRunner().invoke(main, command).exit_code == 0
    browser = Browser(folder / "profile", page.as_uri() + "#selftest", *WEBGL, *WEBGPU)
    until(browser, "globalThis.shadergen?.page?.firstPicture", 120)
    if not browser.value("navigator.gpu?.requestAdapter().then(Boolean)"):
        pytest.skip("found no adapter for WebGPU in this Chromium, expected SwiftShader's")
    yield browser
    browser.close()


def choose(browser: Browser, number: int) -> None:
    """Show the sample with a model's first form, whatever the test before has left."""
    browser.value(f"shadergen.page.device.isSoftware = true; shadergen.page.select({number}); shadergen.page.task")
    give(browser, ("sample.png", "image/png", small_sample().data))


def codes(browser: Browser) -> npt.NDArray[np.int64]:
    return shown(browser).astype(np.int64)


def test_programs_are_the_networks(browser: Browser) -> None:
    found = json.loads(browser.value("document.getElementById('selftest').textContent"))
    assert found["passed"], found
    forms = {(result["shader"], result["storage"]) for result in found["results"] if result["form"] == "webgpu"}
    assert forms == {
        (f"C1F4{suffix}", storage) for suffix in ("", "_Chroma", "_RGB") for storage in ("rgba32f", "rgba16f")
    }


@pytest.mark.parametrize(("number", "size"), [(0, (37, 23)), (1, (37, 23)), (2, (40, 24))], ids=PLANES)
def test_it_shows_what_webgl_shows(number: int, size: tuple[int, int], browser: Browser) -> None:
    choose(browser, (number + 1) % len(PLANES))
    choose(browser, number)
    random = np.random.default_rng(4).integers(0, 256, (size[1], size[0], 3), np.uint8)
    give(browser, ("random.png", "image/png", png(random)))
    wanted = codes(browser)
    browser.value(START)
    assert message(browser) == ""
    assert browser.value("shadergen.page.engine.onWebGpu")
    assert np.abs(codes(browser) - wanted).max() <= 1


def test_large_pictures_are_played_in_parts(browser: Browser) -> None:
    choose(browser, 0)
    browser.value(START)
    random = np.random.default_rng(2).integers(0, 256, (90, 260, 3), np.uint8)
    give(browser, ("large.png", "image/png", png(random)))
    whole = codes(browser)
    browser.value("shadergen.page.side = 64")
    give(browser, ("large.png", "image/png", png(random)))
    browser.value("shadergen.page.side = 512")
    assert message(browser) == ""
    assert browser.value("shadergen.page.media.cells.length") > 1
    assert np.array_equal(codes(browser), whole)


def test_videos_are_those_of_webgl(browser: Browser, tmp_path: Path) -> None:
    """What WebGPU makes of a video's frame is the same RGB that WebGL gets, and its luma the same codes."""
    choose(browser, 0)
    browser.value("shadergen.page.device.isSoftware = false; shadergen.page.engine.times = {}; 0")
    give(browser, ("clip.webm", "video/webm", lossless(tmp_path)))
    assert message(browser) == ""
    browser.value("document.getElementById('video').pause(); shadergen.page.media.fitting.planes = null")
    browser.value("shadergen.page.attempt(wanted => shadergen.page.play(wanted))")
    wanted = codes(browser)
    browser.value(START)
    assert message(browser) == ""
    assert np.abs(codes(browser) - wanted).max() <= 1


def test_passes_are_timed(browser: Browser) -> None:
    choose(browser, 0)
    browser.value(START)
    browser.value("shadergen.page.timePasses()")
    rows = browser.value("[...passes.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent))")
    assert [row[0] for row in rows][:: len(rows) - 1] == ["luma", "merge with the picture"]
    assert all(float(row[2]) >= 0 for row in rows)


def test_the_fastest_form_plays(browser: Browser) -> None:
    """All three are timed; whichever it is, the picture stays."""
    choose(browser, 1)
    choose(browser, 0)
    before = codes(browser)
    browser.value("shadergen.page.device.isSoftware = false; shadergen.page.webgpu({ software: true })")
    browser.value("shadergen.page.attempt(wanted => shadergen.page.play(wanted))")
    deadline = time.monotonic() + 60
    while len(browser.value("Object.values(shadergen.page.engine.times ?? {})")) < 3:
        assert time.monotonic() < deadline, "found no times after 60 s"
        time.sleep(0.05)
    browser.value("shadergen.page.device.isSoftware = true; shadergen.page.task")
    times = browser.value("shadergen.page.engine.times")
    assert set(times) == {"weights in textures", "weights in the code", "WebGPU"}
    assert browser.value("shadergen.page.engine.form") == min(times, key=times.__getitem__)
    assert np.abs(codes(browser) - before).max() <= 1


def test_a_form_with_another_picture_never_plays(browser: Browser) -> None:
    choose(browser, 0)
    script = """(async () => {
      const { page, contest, GpuPlayer, Player } = shadergen, gpu = await page.webgpu({ software: true });
      const program = await page.entry.program(), numbers = program.numbers.map(number => 1.5 * number);
      const programs = [program, { ...program, numbers }, { ...program, head: "?" }];
      const players = programs.map(program => new GpuPlayer(gpu, page.device, program));
      players.unshift(new Player(page.device, page.engine.files[0]));
      const times = await contest(page.device, players, [40, 24], 2, page.engine.settings, () => true);
      for (const player of players) player.release();
      return times.map(time => time < Infinity);
    })()"""
    assert browser.value(script) == [True, True, False, False]


def test_when_webgpu_is_lost_webgl_goes_on(browser: Browser) -> None:
    choose(browser, 0)
    before = codes(browser)
    browser.value(START)
    browser.value("shadergen.page.loseWebGpu(); shadergen.page.task")
    assert browser.value("shadergen.page.engine.onWebGpu") is False
    assert message(browser) == ""
    assert np.abs(codes(browser) - before).max() <= 1
    browser.value("shadergen.page.gpu = null")


def test_numbers_are_rounded_to_16_bits_as_ieee_754_says(browser: Browser) -> None:
    random = np.random.default_rng(1)
    numbers = random.standard_normal(400) * 10.0 ** random.integers(-9, 6, 400)
    exact = [1, 1.0009765625, 65504, 6e-8, 6.1e-5, 0, -0.0]
    between = [1.00048828125, 1.00146484375, 65519, 65520, 2.98e-8, 2.99e-8, 0.99999, 2047.5, 2048.5]
    every = np.array([*numbers, *exact, *between], np.float32)
    found = browser.value(f"Array.from(shadergen.halves(Float32Array.from({every.tolist()})))")
    with np.errstate(over="ignore"):
        assert found == every.astype(np.float16).view(np.uint16).tolist()
