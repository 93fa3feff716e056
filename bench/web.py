"""A page of `shadergen web` beside onnxruntime-web: the same model and picture in the same headless Chromium.

    npm install --prefix DIR onnxruntime-web
    python bench/web.py DIR [MODEL]

DIR is where npm put the package. Without a GPU Chromium draws and computes on the CPU, where only ratios say something.
"""

from __future__ import annotations

import functools
import http.server
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from shadergen import api
from shadergen.cli import main as shadergen
from tests.browser import WEBGL, WEBGPU, Browser

ROOT = Path(__file__).resolve().parent.parent
RUNS = 3
PACKAGE = "node_modules/onnxruntime-web/dist"

_THEIRS = f"""<!DOCTYPE html><title>onnxruntime-web</title><script src="/{PACKAGE}/ort.all.min.js"></script><script>
async function measure(provider) {{
  Object.assign(ort.env.wasm, {{ numThreads: 1, wasmPaths: location.origin + "/{PACKAGE}/" }});
  const start = performance.now();
  const session = await ort.InferenceSession.create("/model.onnx", {{ executionProviders: [provider] }});
  const data = Float32Array.from({{ length: 320 * 240 }}, (_, n) => ((37 * n) % 256) / 255), times = [];
  for (let n = 0; n <= {RUNS}; n++) {{
    const begun = n ? performance.now() : start;
    const feeds = {{ [session.inputNames[0]]: new ort.Tensor("float32", data, [1, 1, 240, 320]) }};
    await (await session.run(feeds))[session.outputNames[0]].getData();
    times.push(performance.now() - begun);
  }}
  const sizes = performance.getEntriesByType("resource").map(entry => entry.decodedBodySize);
  return {{ first: times[0], again: Math.min(...times.slice(1)), bytes: sizes.reduce((sum, size) => sum + size, 0) }};
}}
</script>"""
_OURS = f"""(async () => {{
  const {{ page }} = shadergen, times = [];
  for (let n = 0; n < {RUNS}; n++) {{
    page.device.finish();
    const start = performance.now();
    page.prepared.play(page.media.source);
    page.device.finish();
    times.push(performance.now() - start);
  }}
  return {{ first: page.firstPicture, again: Math.min(...times) }};
}})()"""


def main(arguments: list[str]) -> int:
    """Print a line for each."""
    if not arguments or not (Path(arguments[0]) / PACKAGE).is_dir():
        print(f"bench: found no {PACKAGE} in the folder given, expected it; npm install --prefix DIR onnxruntime-web")
        return 2
    package, model = Path(arguments[0]), Path(arguments[1] if arguments[1:] else ROOT / "weights/C4F16.npz")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page = folder / "page.html"
        CliRunner().invoke(shadergen, ["web", str(model), "-o", str(page)], catch_exceptions=False)
        browser = Browser(folder / "ours", page.as_uri(), *WEBGL)
        while not browser.value("Boolean(globalThis.shadergen?.page?.firstPicture)"):
            time.sleep(0.1)
        report("shadergen web, WebGL2", browser.value(_OURS) | {"bytes": page.stat().st_size})
        browser.close()
        (folder / "model.onnx").parent.mkdir(exist_ok=True)
        api.save(api.load(model), folder / "model.onnx")
        (folder / "index.html").write_text(_THEIRS, "utf-8")
        (folder / "node_modules").symlink_to((package / "node_modules").resolve())
        with served(folder) as url:
            browser = Browser(folder / "theirs", url, *WEBGL, *WEBGPU)
            for provider in ("wasm", "webgpu"):
                report(f"onnxruntime-web, {provider}", browser.value(f"measure('{provider}')"))
            browser.close()
    return 0


def report(name: str, found: dict[str, Any]) -> None:
    """A line: how large, how long until the first picture, how long for each of the next."""
    megabytes, first, again = found["bytes"] / 1e6, found["first"] / 1e3, found["again"] / 1e3
    print(f"{name:26} {megabytes:7.2f} MB  first picture {first:7.2f} s  again {again:7.3f} s", flush=True)


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
