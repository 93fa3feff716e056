"""A headless Chromium for tests of pages."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    "",
)
WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
"""Flags for WebGL2 on the CPU."""
WEBGPU = (
    *("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"),
    *("--enable-features=Vulkan", "--use-vulkan=swiftshader", "--disable-vulkan-surface"),
)
"""Flags for WebGPU on the CPU, beside WEBGL's. Canvases of it need Chromium itself to draw by Vulkan."""


class Browser:
    """Headless Chromium over its debugging pipe: JSON, each message ended by a zero byte."""

    def __init__(self, folder: Path, url: str, *flags: str, size: tuple[int, int] = (900, 600)) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()

        def as_3_and_4() -> None:
            # Copies above 4 first, lest one overwrite the other.
            high_in, high_out = os.dup(theirs_in), os.dup(theirs_out)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        command = [CHROMIUM, "--headless", "--no-sandbox", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        command += [*(flags or ["--disable-gpu"]), "--window-size={},{}".format(*size), "about:blank"]
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
