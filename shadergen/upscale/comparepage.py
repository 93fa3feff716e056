"""A web page that shows pictures before and after: one file, nothing is loaded from elsewhere."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.files import shipped
from shadergen.runtime.colour import rgb_to_ycbcr
from shadergen.runtime.compare import compare, ssim
from shadergen.upscale.pictures import to_codes, to_pixels

Pixels = npt.NDArray[Any]


@dataclass(frozen=True)
class ComparedPicture:
    """One picture on the page. PSNR and SSIM are those of luma (BT.709, full range)."""

    name: str
    versions: Mapping[str, Pixels]
    """Versions by name, each (1, 3 or 4, height, width), floats in 0..1 or codes; the first two are shown first."""
    truth: Pixels | None = None
    """What the versions should be, of their size, if it is known."""


def page(comparisons: Sequence[ComparedPicture]) -> str:
    """Write the page as HTML. Raises ValueError when a truth has another size than the versions."""
    items = []
    for comparison in comparisons:
        first = next(iter(comparison.versions.values()))
        versions = [
            {"name": name, "url": _url(pixels), "numbers": _numbers(pixels, comparison.truth)}
            for name, pixels in comparison.versions.items()
        ]
        if comparison.truth is not None:
            versions.append({"name": "truth", "url": _url(comparison.truth), "numbers": None})
        columns = [] if comparison.truth is None else ["PSNR", "SSIM"]
        height, width = first.shape[1:]
        items.append({"name": comparison.name, "size": [width, height], "versions": versions, "columns": columns})
    # Within a script element only `</` could end the data.
    return _template().replace("/*DATA*/", json.dumps(items).replace("</", "<\\/"))


def _template() -> str:
    return (shipped("templates") / "compare.html").read_text("utf-8")


def _url(pixels: Pixels) -> str:
    codes = pixels if pixels.dtype == np.uint8 else to_codes(_floats(pixels))
    texels = codes[0] if len(codes) == 1 else np.moveaxis(codes, 0, -1)
    encoded = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(texels)).save(encoded, "PNG")
    return "data:image/png;base64," + base64.b64encode(encoded.getvalue()).decode()


def _numbers(pixels: Pixels, truth: Pixels | None) -> list[str] | None:
    if truth is None:
        return None
    ours, wanted = _luma(pixels), _luma(truth)
    return [f"{compare(ours, wanted).psnr:.2f} dB", f"{ssim(ours, wanted):.4f}"]


def _luma(pixels: Pixels) -> Pixels:
    values = _floats(pixels)
    return values if len(values) == 1 else rgb_to_ycbcr(values[:3])[:1]


def _floats(pixels: Pixels) -> Pixels:
    return np.clip(to_pixels(pixels), 0, 1)
