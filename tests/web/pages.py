"""The player in a browser: plays hook files on arrays, as `Runner` does."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.web.translate import Translation
from tests.browser import WEBGL, Browser

Array = npt.NDArray[np.float32]

_PLAY = (Path(__file__).parent / "play.js").read_text("utf-8").partition("\n")[2].rstrip("\n;")


@dataclass(frozen=True)
class Played:
    """What came of a frame: values (4, height, width), and what became of every pass."""

    values: Array
    runs: list[dict[str, Any]]
    draws: int
    bytes: int
    """Of the textures that the draws write."""

    @property
    def stayed_off(self) -> set[str]:
        """Why passes did not run."""
        return {run["reason"] for run in self.runs if not run["ran"]}


def open_page(folder: Path, text: str, size: tuple[int, int] = (900, 600), query: str = "", *flags: str) -> Browser:
    """A browser with WebGL2 that shows a page."""
    (folder / "page.html").write_text(text, "utf-8")
    return Browser(folder / "profile", (folder / "page.html").as_uri() + query, *WEBGL, *flags, size=size)


def plane(values: npt.NDArray[Any]) -> dict[str, Any]:
    """A plane (channels, height, width) as the script takes it: floats, or codes of 0..255."""
    channels, height, width = values.shape
    codes = values.dtype == np.uint8
    format = {1: "r8", 2: "rg8", 4: "rgba8"}[channels] if codes else f"exact{channels}"
    texels = np.ascontiguousarray(np.moveaxis(values, 0, -1), np.uint8 if codes else np.float32)
    return {"size": [width, height], "format": format, "data": base64.b64encode(texels.tobytes()).decode()}


def play(
    browser: Browser,
    *texts: str,
    output: tuple[int, int],
    planes: Mapping[str, npt.NDArray[Any]],
    until: str | None = None,
    floats: bool = True,
    params: Mapping[str, float] | None = None,
    translations: Sequence[Translation] = (),
    **frame: Any,
) -> Played:
    """Play hook files on one frame.

    `planes` are `picture` of codes (4, h, w), or `luma` (1, h, w) and `chroma` (2, h, w). `until` is the stage that is
    read back, None what the screen gets, as values of 0..1. `translations` are the files'. `frame` overrides what the
    player knows of the frame.
    """
    first = next(iter(planes.values()))
    known = {"size": [first.shape[2], first.shape[1]], "matrix": "bt709", "fullRange": True, "siting": [0, 0]}
    arguments = {
        "texts": texts,
        "planes": {name: plane(values) for name, values in planes.items()},
        "frame": known | {"rounded": False, "halved": False, "planes": "two" if "luma" in planes else None} | frame,
        "output": output,
        "until": until,
        "floats": floats,
        "params": dict(params or {}),
        "translations": translations,
    }
    found = browser.value(f"({_PLAY})({json.dumps(arguments)})")
    assert found["error"] == 0
    width, height = found["size"]
    data = np.frombuffer(base64.b64decode(found["data"]), np.uint8 if found["isBytes"] else np.float32)
    values: Array = data.astype(np.float32) / np.float32(255) if found["isBytes"] else data.astype(np.float32)
    return Played(np.moveaxis(values.reshape(height, width, 4), -1, 0), found["runs"], found["draws"], found["bytes"])
