"""A Firefox for tests of pages, on a screen that nobody sees, over Marionette: `length:json` on a local socket."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

FIREFOX = next((found for name in ("firefox-esr", "firefox") if (found := shutil.which(name))), "")
XVFB = shutil.which("Xvfb") or ""
"""Without a screen Firefox has no WebGL."""

_PREFERENCES = """
user_pref("marionette.port", {port});
user_pref("webgl.force-enabled", true);
user_pref("webgl.disable-fail-if-major-performance-caveat", true);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
"""


class Firefox:
    """A page in Firefox, whose scripts can be run."""

    def __init__(self, folder: Path, url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        folder.mkdir()
        (folder / "user.js").write_text(_PREFERENCES.format(port=port), "utf-8")
        self._screen, display = self._virtual_screen()
        command = [FIREFOX, "--no-remote", "--marionette", "--profile", str(folder)]
        environment = os.environ | {"DISPLAY": display, "MOZ_ENABLE_WAYLAND": "0", "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._socket = self._connected(port)
        self._file = self._socket.makefile("rb")
        self._count = 0
        self._receive()
        self.send("WebDriver:NewSession", {})
        self.send("WebDriver:SetTimeouts", {"script": 300_000})
        self.send("WebDriver:Navigate", {"url": url})

    @staticmethod
    def _virtual_screen() -> tuple[subprocess.Popen[bytes], str]:
        """An X server without a screen, and its name."""
        read, write = os.pipe()
        command = [XVFB, "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
        process = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            return process, f":{int(answer.readline())}"

    def _connected(self, port: int) -> socket.socket:
        deadline = time.monotonic() + 60
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), timeout=320)
            except OSError:
                assert time.monotonic() < deadline, "found no Firefox after 60 s"
                time.sleep(0.1)

    def send(self, command: str, parameters: dict[str, Any]) -> Any:
        self._count += 1
        text = json.dumps([0, self._count, command, parameters])
        self._socket.sendall(f"{len(text.encode())}:{text}".encode())
        while True:
            kind, number, error, result = self._receive()
            if kind == 1 and number == self._count:
                assert error is None, error
                return result

    def _receive(self) -> Any:
        digits = b""
        while (byte := self._file.read(1)) != b":":
            assert byte, "found no answer from Firefox"
            digits += byte
        return json.loads(self._file.read(int(digits)))

    def value(self, expression: str) -> Any:
        """What an expression comes to in the page, awaited."""
        script = f"const done = arguments[0]; (async () => {expression})().then(done, error => done(String(error)))"
        return self.send("WebDriver:ExecuteAsyncScript", {"script": script, "args": [], "sandbox": None})["value"]

    def close(self) -> None:
        self._file.close()
        self._socket.close()
        for process in (self.process, self._screen):
            process.kill()
            process.wait()
