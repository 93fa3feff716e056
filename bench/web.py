"""A page of `shadergen web` beside onnxruntime-web and anime4k-webgpu: the same picture in the same headless Chromium.

    npm install --prefix DIR onnxruntime-web anime4k-webgpu
    python bench/web.py DIR [MODEL] [--anime4k Anime4K_Upscale_CNN_x2_M.glsl]

DIR is where npm put the packages. onnxruntime-web runs the same model. anime4k-webgpu has the networks of Anime4K only;
so with --anime4k the network that `lift` finds in that file is a page, too, beside the same one there. Without a GPU
Chromium draws and computes on the CPU, where only ratios say something.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from shadergen import api
from shadergen.cli import main as shadergen
from tests.browser import WEBGL, WEBGPU, Browser

ROOT = Path(__file__).resolve().parent.parent
RUNS = 3
ONNX, ANIME4K = "node_modules/onnxruntime-web/dist", "node_modules/anime4k-webgpu/lib"

_TIMED = f"""async function timed(start, play) {{
  const times = [];
  for (let n = 0; n <= {RUNS}; n++) {{
    const begun = n ? performance.now() : start;
    await play();
    times.push(performance.now() - begun);
  }}
  const sizes = performance.getEntriesByType("resource").map(entry => entry.decodedBodySize);
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return {{ first: times[0], again: Math.min(...times.slice(1)), bytes }};
}}
"""
_OURS = """(async () => {
  const { page } = shadergen, play = () => (page.prepared.play(page.media.source), page.device.finish());
  return { ...(await timed(0, play)), first: page.firstPicture };
})()"""
_OURS_ON_WEBGPU = """(async () => {
  const { page, GpuPlayer } = shadergen, start = performance.now();
  const gpu = await page.webgpu({ software: true });
  const player = new GpuPlayer(gpu, page.device, await page.entry.program());
  const frame = { size: page.media.size, matrix: "bt709", fullRange: true, rounded: false, siting: [0, 0] };
  const prepared = await player.prepare(frame);
  return timed(start, async () => {
    prepared.play(page.media.source);
    await gpu.idle();
    page.device.finish();
  });
})()"""
_THEIRS = f"""<!DOCTYPE html><title>others</title>
<script>{_TIMED}
async function load(url) {{
  const script = Object.assign(document.createElement("script"), {{ src: url }});
  await new Promise(done => document.head.append(Object.assign(script, {{ onload: done }})));
}}
async function onnx(provider) {{
  const start = performance.now();
  await load("/{ONNX}/ort.all.min.js");
  Object.assign(ort.env.wasm, {{ numThreads: 1, wasmPaths: location.origin + "/{ONNX}/" }});
  const session = await ort.InferenceSession.create("/model.onnx", {{ executionProviders: [provider] }});
  const data = Float32Array.from({{ length: 320 * 240 }}, (_, n) => ((37 * n) % 256) / 255);
  return timed(start, async () => {{
    const feeds = {{ [session.inputNames[0]]: new ort.Tensor("float32", data, [1, 1, 240, 320]) }};
    await (await session.run(feeds))[session.outputNames[0]].getData();
  }});
}}
async function anime4k(name) {{
  const start = performance.now();
  await load("/{ANIME4K}/index.js");
  const device = await (await navigator.gpu.requestAdapter()).requestDevice();
  const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST | GPUTextureUsage.RENDER_ATTACHMENT;
  const inputTexture = device.createTexture({{ size: [320, 240], format: "rgba16float", usage }});
  const pipeline = new globalThis["anime4k-webgpu"][name]({{ device, inputTexture }});
  return timed(start, async () => {{
    const encoder = device.createCommandEncoder();
    pipeline.pass(encoder);
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
  }});
}}
</script>"""


def main(arguments: Sequence[str]) -> int:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", type=Path, metavar="DIR")
    parser.add_argument("model", type=Path, nargs="?", default=ROOT / "weights/C4F16.npz", metavar="MODEL")
    parser.add_argument("--anime4k", type=Path, metavar="GLSL")
    options = parser.parse_args(arguments)
    missing = [name for name in (ONNX, ANIME4K) if not (options.package / name).is_dir()]
    if missing:
        parser.error(
            f"found no {missing[0]} in {options.package}; npm install --prefix DIR onnxruntime-web anime4k-webgpu"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours(folder / "model", options.model)
        if options.anime4k:
            ours(folder / "anime4k", options.anime4k)
        api.save(api.load(options.model), folder / "model.onnx")
        (folder / "index.html").write_text(_THEIRS, "utf-8")
        (folder / "node_modules").symlink_to((options.package / "node_modules").resolve())
        runs = [f"onnx('{provider}')" for provider in ("wasm", "webgpu")]
        runs += ["anime4k('CNNx2M')"] if options.anime4k else []
        with served(folder) as url:
            for number, run in enumerate(runs):
                browser = Browser(folder / f"theirs{number}", url, *WEBGL, *WEBGPU)
                report(run, browser.value(run))
                browser.close()
    return 0


def ours(folder: Path, model: Path) -> None:
    """A model's page, on WebGL2 and on WebGPU. A hook file is what `lift` finds in it."""
    folder.mkdir()
    network, page = folder / "network.npz", folder / "page.html"
    api.save(api.load(model), network)
    CliRunner().invoke(shadergen, ["web", str(network), "-o", str(page)], catch_exceptions=False)
    browser = Browser(folder / "profile", page.as_uri(), *WEBGL, *WEBGPU)
    while not browser.value("Boolean(globalThis.shadergen?.page?.firstPicture)"):
        time.sleep(0.1)
    browser.value(f"{_TIMED}; 0")
    for name, script in (("WebGL2", _OURS), ("WebGPU", _OURS_ON_WEBGPU)):
        report(f"{model.stem}, {name}", browser.value(script) | {"bytes": page.stat().st_size})
    browser.close()


def report(name: str, found: dict[str, Any]) -> None:
    """A line: how large, how long until the first picture, how long for each of the next."""
    megabytes, first, again = found["bytes"] / 1e6, found["first"] / 1e3, found["again"] / 1e3
    print(f"{name:38} {megabytes:7.2f} MB  first picture {first:7.2f} s  again {again:7.3f} s", flush=True)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A web server of a folder on this machine."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
