"""Videos and the camera: the codes of the video reach the shader, and frames follow one another."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from shadergen.runtime.colour import SITINGS, upsample_chroma, ycbcr_to_rgb
from shadergen.web.page import PageShader, page
from tests.browser import CHROMIUM, Browser
from tests.web.clips import HEIGHT, WIDTH, frame, lossless
from tests.web.pages import open_page
from tests.web.test_page import INVERTED, LUMA, give, message, small_sample, until

SAME = "//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return HOOKED_tex(HOOKED_pos); }\n"
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return lossless(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("found no Chromium, expected one to try the page in")
    shaders = [PageShader("Luma", "one", "MIT", ((LUMA,),)), PageShader("Inverted", "two", "CC0", ((INVERTED,),))]
    browser = open_page(tmp_path_factory.mktemp("page"), page("page", shaders, small_sample()), (900, 600), "", *CAMERA)
    until(browser, "globalThis.shadergen?.page?.firstPicture")
    yield browser
    browser.close()


def test_without_a_gpu_videos_are_refused(browser: Browser, clip: bytes) -> None:
    give(browser, ("clip.webm", "video/webm", clip))
    assert message(browser) == "clip.webm: found no GPU, expected one for video; pictures work"
    browser.value("shadergen.page.device.isSoftware = false")  # what follows is small enough


def opened(browser: Browser, clip: bytes) -> None:
    """The clip at its first frame, halted."""
    browser.value("shadergen.page.device.isSoftware = false")
    give(browser, ("clip.webm", "video/webm", clip))
    assert message(browser) == ""
    browser.value("video.pause(), video.currentTime = 0.05")
    until(browser, "!video.seeking && video.readyState >= 2")


_LUMA = """(async planes => {
  const { page, Player, loadFile, fromBase64 } = shadergen, { media, device } = page;
  const player = new Player(device, [loadFile(TEXT)]);
  const frame = { ...media.fitting, planes, size: media.size, rounded: true, halved: false, siting: [-0.5, 0] };
  if (planes) await media.fetch();
  else media.uploads.picture(media.element, media.size);
  const prepared = await player.prepare(frame, media.size, "LUMA");
  // The pass's own texture has 16 bits; what it reads is the plane.
  prepared.play(media.uploads.textures);
  const plane = planes ? media.uploads.textures.luma : prepared.textures[prepared.plan.draws[0].outputs[0].texture];
  const values = Array.from(device.read(plane)).filter((value, n) => n % 4 === 0);
  prepared.release();
  return values;
})""".replace("TEXT", repr(SAME))


def codes(values: Any) -> npt.NDArray[np.float64]:
    return np.array(values, np.float64).reshape(HEIGHT, WIDTH) * 255


def test_luma_is_that_of_the_video(browser: Browser, clip: bytes) -> None:
    """From the RGB that the browser makes of a frame every code of luma comes back."""
    opened(browser, clip)
    assert browser.value("shadergen.page.media.fitting.matrix") == "bt709"
    assert browser.value("shadergen.page.media.fitting.fullRange") is False
    found = codes(browser.value(f"{_LUMA}(null)"))
    assert np.abs(found - np.round(found)).max() < 1e-3
    assert np.array_equal(np.round(found), frame(0)[0])


def test_planes_are_those_of_the_video(browser: Browser, clip: bytes) -> None:
    opened(browser, clip)
    browser.value("shadergen.page.media.examine()")
    if browser.value("shadergen.page.media.parts === undefined"):
        pytest.skip("found frames whose planes this Chromium does not give")
    found = base64.b64decode(
        browser.value(
            "shadergen.page.media.fetch().then(() => btoa(String.fromCharCode(...shadergen.page.media.bytes)))"
        )
    )
    wanted, chroma = frame(0)
    together = browser.value("shadergen.page.media.parts.length") == 2
    assert found == wanted.tobytes() + (np.moveaxis(chroma, 0, -1) if together else chroma).tobytes()


@pytest.mark.parametrize("planes", [True, False])
def test_frames_are_played(planes: bool, browser: Browser, clip: bytes) -> None:
    """Frame by frame, with the planes or with RGB, the result is the network's; colours are the video's."""
    opened(browser, clip)
    browser.value("shadergen.page.select(1); shadergen.page.task")
    if not planes:
        browser.value("shadergen.page.media.fitting.planes = null")
    elif browser.value("shadergen.page.media.fitting.planes === null"):
        pytest.skip("found frames whose planes this Chromium gives slowly or not at all")
    browser.value("shadergen.page.attempt(wanted => shadergen.page.play(wanted))")
    found = browser.value("Array.from(shadergen.page.media.read().bytes)")
    seen = np.array(found, np.float64).reshape(HEIGHT, WIDTH, 4)[..., :3]
    luma, chroma = (codes.astype(np.float32) / np.float32(255) for codes in frame(0))
    ycbcr = np.concatenate([luma[np.newaxis], upsample_chroma(chroma, SITINGS["left"], (WIDTH, HEIGHT))])
    wanted = 255 * np.clip(1 - ycbcr_to_rgb(ycbcr, full_range=False), 0, 1)
    # From RGB the browser's own colours come back, which it interpolates in its own way: those without any are exact.
    compared = np.full((HEIGHT, WIDTH), True) if planes else seen.max(axis=2) - seen.min(axis=2) < 1
    assert compared.mean() > 0.2
    assert np.abs(seen - np.moveaxis(wanted, 0, -1))[compared].max() <= 1.5
    browser.value("shadergen.page.select(0); shadergen.page.task")


def test_a_player_waits_for_the_frame_of_the_one_before(browser: Browser, clip: bytes) -> None:
    """Where the shader changes while a frame is being fetched, the new one has its first frame when it is ready."""
    opened(browser, clip)
    changed = """(async () => {
      const { page } = shadergen, { media } = page;
      let fetched;
      media.fitting.planes = null;
      media.planes = "three";
      media.fetch = () => new Promise(done => (fetched = done));
      const first = media.play(), next = page.attempt(wanted => page.play(wanted));
      setTimeout(fetched, 200);
      await next;
      const found = Array.from(media.read().bytes);
      await first;
      delete media.fetch;
      return found;
    })()"""
    found = browser.value(changed)
    browser.value("shadergen.page.attempt(wanted => shadergen.page.play(wanted))")
    assert found == browser.value("Array.from(shadergen.page.media.read().bytes)")


def test_it_plays_halts_and_seeks(browser: Browser, clip: bytes) -> None:
    opened(browser, clip)
    assert browser.value("transport.hidden") is False
    shown = browser.value("shadergen.page.media.shown")
    browser.key(" ", 32)
    until(browser, f"shadergen.page.media.shown > {shown} + 3")
    assert browser.value("document.getElementById('play').getAttribute('aria-label')") == "Pause"
    until(browser, "/fps, \\d+ dropped/.test(rate.textContent)")
    browser.key(" ", 32)
    assert browser.value("video.paused")
    shown = browser.value("shadergen.page.media.shown")
    browser.value("seek.value = 0.55, seek.dispatchEvent(new Event('input'))")
    until(browser, f"shadergen.page.media.shown > {shown}")
    assert browser.value("video.currentTime") == pytest.approx(0.55, abs=0.1)


def test_a_picture_ends_the_video(browser: Browser, clip: bytes) -> None:
    opened(browser, clip)
    give(browser, ("sample.png", "image/png", small_sample().data))
    assert browser.value("transport.hidden")
    assert browser.value("video.currentSrc === '' || video.paused")
    assert browser.value("shadergen.page.media.size.join('x')") == "40x24"


def test_a_frame_makes_no_textures(browser: Browser, clip: bytes) -> None:
    opened(browser, clip)
    before = browser.value("shadergen.page.device.bytes")
    browser.value("(async () => { for (let n = 0; n < 5; n++) await shadergen.page.media.play(); })()")
    assert browser.value("shadergen.page.device.bytes") == before


def test_the_camera_is_played(browser: Browser) -> None:
    browser.value("shadergen.page.device.isSoftware = false")
    browser.value("shadergen.page.camera()")
    assert message(browser) == ""
    until(browser, "shadergen.page.media.shown > 2")
    assert browser.value("shadergen.page.media.live")
    assert browser.value("document.getElementById('seek').hidden")
    give(browser, ("sample.png", "image/png", small_sample().data))
    assert message(browser) == ""
