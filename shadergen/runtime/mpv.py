"""Hook files in the real mpv, without a screen: on an X server that draws into memory.

What `libplacebo` is for that library, this is for the whole player, with both its renderers: vo=gpu, which has an
implementation of hook files of its own, and vo=gpu-next, which is libplacebo. The window has exactly the wanted size;
scaling is bilinear, and dithering, debanding, colour management and linear light are off, so that what is left is what
the runner does, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PIL.Image

from shadergen.errors import NoDeviceError, ShaderRunError
from shadergen.runtime.colour import Array

Renderer = Literal["gpu", "gpu-next"]
Api = Literal["opengl", "vulkan"]

_OPTIONS = (
    *("--no-config", "--no-audio", "--no-sub", "--no-osc", "--osd-level=0", "--pause", "--keep-open"),
    *("--quiet", "--no-input-terminal", "--msg-level=all=warn", "--msg-module", "--no-msg-color"),
    *(
        "--no-border",
        "--no-keepaspect-window",
        "--no-keepaspect",
        "--idle=no",
        "--hwdec=no",
        "--gpu-sw=yes",
        "--no-input-default-bindings",
    ),
    *(
        "--scale=bilinear",
        "--cscale=bilinear",
        "--dscale=bilinear",
        "--correct-downscaling=no",
        "--linear-downscaling=no",
    ),
    *("--linear-upscaling=no", "--sigmoid-upscaling=no", "--dither-depth=no", "--deband=no", "--hdr-compute-peak=no"),
    *("--target-trc=bt.1886", "--target-prim=bt.709", "--gpu-shader-cache-dir=", "--screenshot-png-compression=1"),
)
CONTEXTS = {"opengl": "x11egl", "vulkan": "x11vk"}
_HARMLESS = re.compile(
    r"Disabling compute|not available|could not find|shader cache|Cannot open file|vaapi|VAAPI|libva|vdpau|cuda|XDG|"
    r"lavf|ffmpeg|ScreenSaver|screensaver|slow!|software|Xlib|Xrandr|xrandr|refresh|Display FPS|x11|llvmpipe|"
    r"client removed|device is a CPU|CPU device|suboptimal|DR path"
)
"""Matches warnings about this unusual screen, which say nothing about shaders."""


@dataclass(frozen=True)
class Shown:
    """What a window of mpv shows."""

    picture: Array
    """RGB (3, height, width) in 0..1, rounded to 8 bits by mpv."""
    complaints: tuple[str, ...]
    """What the log has of errors and warnings."""
    version: str


def unavailable() -> str | None:
    """None where mpv and Xvfb are installed; else what is missing, in one line."""
    missing = [program for program in ("mpv", "Xvfb") if shutil.which(program) is None]
    return (
        f"found no {' and no '.join(missing)}, expected them to show a frame in; install mpv and xvfb"
        if missing
        else None
    )


@contextlib.contextmanager
def screen(size: tuple[int, int] = (1600, 1200)) -> Iterator[str]:
    """An X server on a free display number; gives its name for DISPLAY. Raises NoDeviceError."""
    reason = unavailable()
    if reason:
        raise NoDeviceError("mpv", reason)
    ours, theirs = os.pipe()
    geometry = f"{size[0]}x{size[1]}x24"
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", geometry, "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(theirs,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(theirs)
    try:
        with os.fdopen(ours) as stream:
            number = stream.readline().strip()
        if not number:
            raise NoDeviceError("mpv", "found an Xvfb that does not start, expected an X server")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def show(
    shaders: Mapping[str, str],
    clip: Path,
    size: tuple[int, int],
    *,
    display: str,
    renderer: Renderer,
    api: Api,
    options: Sequence[str] = (),
    timeout: float = 120.0,
) -> Shown:
    """The first frame of a clip or picture in a window of `size`, with hook files (texts by file name).

    Raises ShaderRunError when mpv does not come to show it.
    """
    where = ", ".join(shaders) or str(clip)
    with tempfile.TemporaryDirectory(prefix="shadergen-") as name:
        folder = Path(name)
        pipe = folder / "ipc"
        command = ["mpv", *_OPTIONS, f"--vo={renderer}", f"--gpu-api={api}", f"--gpu-context={CONTEXTS[api]}"]
        command += [f"--geometry={size[0]}x{size[1]}+0+0", f"--input-ipc-server={pipe}"]
        for file, text in shaders.items():
            (folder / file).write_text(text, "utf-8")
            command.append(f"--glsl-shaders-append={folder / file}")
        # What mpv says comes by its standard output: with --log-file, mpv 0.41 can wait for ever for the file's writer.
        with (folder / "said").open("w+", encoding="utf-8", errors="replace") as said:
            process = subprocess.Popen(
                [*command, *options, "--", str(clip)],
                env=environment(display),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
            try:
                version = _screenshot(process, pipe, folder / "window.png", timeout)
                problem = ""
            except _NothingShownError as error:
                problem = str(error)
            finally:
                process.kill()
                process.wait()
            said.seek(0)
            complaints = tuple(_complaints(said.read()))
        if problem:
            raise ShaderRunError(where, f"found an mpv that {problem}, expected a frame ({'; '.join(complaints[:3])})")
        return Shown(_pixels(folder / "window.png"), complaints, version)


class _NothingShownError(Exception):
    """What mpv does instead of showing a frame."""


def environment(display: str) -> dict[str, str]:
    """This process's environment, with that X server for a screen and no other."""
    own = {key: value for key, value in os.environ.items() if key != "WAYLAND_DISPLAY"}
    return {"LIBGL_ALWAYS_SOFTWARE": ""} | own | {"DISPLAY": display}


def _pixels(screenshot: Path) -> Array:
    with PIL.Image.open(screenshot) as image:
        texels = np.asarray(image.convert("RGB"))
    return np.moveaxis(texels.astype(np.float32) / np.float32(255), -1, 0)


def _complaints(said: str) -> Iterator[str]:
    """Errors and warnings, of which mpv says nothing but the module and the message."""
    for module, message in re.findall(r"^ *([a-z][\w/-]*): (.*)$", said, re.MULTILINE):
        if re.match(r"\[ *\d+\]|\w+ shader (source|info)", message):
            continue  # the text of a shader that does not compile
        if not _HARMLESS.search(f"{module} {message}"):
            yield f"{module}: {message.strip()}"


def _screenshot(process: subprocess.Popen[bytes], pipe: Path, target: Path, timeout: float) -> str:
    """Write a picture of the window once a frame is there; mpv's version. Raises _NothingShownError."""
    try:
        with connected(process, pipe, timeout) as player:
            # Properties of what is shown exist once it is.
            while player.ask("get_property", "video-out-params/w")["error"] != "success" or player.ask(
                "get_property", "seeking"
            ).get("data"):
                if process.poll() is not None:
                    raise _NothingShownError("shows nothing")
                time.sleep(0.05)
            error = player.ask("screenshot-to-file", str(target), "window")["error"]
            version = str(player.ask("get_property", "mpv-version").get("data", ""))
    except NoDeviceError as absent:
        raise _NothingShownError(absent.problem) from None
    except (OSError, ValueError):
        raise _NothingShownError("hangs or ends while drawing") from None
    if error != "success":
        raise _NothingShownError(f"takes no picture of its window ({error})")
    return version.removeprefix("mpv ").removeprefix("v")


@contextlib.contextmanager
def connected(process: subprocess.Popen[bytes], pipe: Path, timeout: float) -> Iterator[Player]:
    """An mpv that was started with --input-ipc-server=PIPE, to talk to for so many seconds.

    Raises NoDeviceError where it does not start.
    """
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX) as connection:
        while True:
            if process.poll() is not None:
                raise NoDeviceError("mpv", f"ends with code {process.returncode}")
            if time.monotonic() > deadline:
                raise NoDeviceError("mpv", f"does not start within {timeout:g} s")
            with contextlib.suppress(OSError):
                connection.connect(str(pipe))
                break
            time.sleep(0.05)
        yield Player(connection, deadline)


class Player:
    """mpv at the other end of a connection. Asking raises TimeoutError once the deadline is over."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self._stream = connection.makefile("rwb")

    def ask(self, *command: Any) -> Any:
        """The answer to a command; events that come in between are left aside, however many there are."""
        self._wait_no_longer()
        self._stream.write(json.dumps({"command": command, "request_id": 7}).encode() + b"\n")
        self._stream.flush()
        for line in self._stream:
            answer = json.loads(line)
            if answer.get("request_id") == 7 and "event" not in answer:
                return answer
            self._wait_no_longer()
        raise ConnectionError

    def _wait_no_longer(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
