"""A page with shaders and a sample picture: one file of HTML, which loads nothing."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup

from shadergen.files import shipped
from shadergen.web.bundle import bundle
from shadergen.web.packing import deflated, pack, printable
from shadergen.web.translate import Translation


@dataclass(frozen=True)
class Check:
    """What a shader makes of the page's test picture, by the network's reference."""

    stage: str
    values: bytes
    """32-bit floats of shape (height, width, channels)."""
    channels: int


@dataclass(frozen=True)
class PageShader:
    """A shader of the page, or several that are played one after the other."""

    title: str
    about: str
    """A line about it."""
    licence: str
    forms: tuple[tuple[str, ...], ...]
    """The ways in which it is written, each the texts of its files in order. The page starts with the first, and takes
    the second where that turns out to be faster."""
    factor: float = 2.0
    """How much pictures are enlarged."""
    halved: bool = False
    """Whether the colour of pictures is halved first, for files that rebuild it."""
    check: Check | None = None
    webgpu: str = ""
    """The program for WebGPU, where there is one; it is tried against the forms."""
    translations: tuple[Translation, ...] = ()
    """For each file of the first form what WebGL takes in its place, where that is needed; empty where it never is."""


@dataclass(frozen=True)
class Sample:
    """A picture as a file."""

    name: str
    type: str
    """Its media type."""
    data: bytes


TEST_SIZE = (16, 12)
"""The size of the picture that a page tests itself with: (width, height)."""


def test_picture() -> npt.NDArray[np.uint8]:
    """The picture that a page tests itself with, RGB codes (3, height, width): rough above, smooth below."""
    width, height = TEST_SIZE
    state, codes = 1, []
    for number in range(4 * width * height):
        state = (state * 1664525 + 1013904223) % 2**32
        code = state >> 24
        codes.append(code if number < 2 * width * height else 100 + code // 5)
    return np.moveaxis(np.array(codes, np.uint8).reshape(height, width, 4)[..., :3], -1, 0)


def shipped_sample() -> Sample:
    """The project's own sample picture."""
    return Sample("sample", "image/webp", (shipped("templates") / "web" / "sample.webp").read_bytes())


def page(
    title: str, shaders: Sequence[PageShader], sample: Sample | None = None, fallback: Sequence[Sample] = ()
) -> str:
    """Write the page as HTML. Without shaders it waits for one that the visitor drops.

    `fallback` are pictures before and after, for browsers that cannot run shaders. Raises ValueError for a text that
    holds control characters.
    """
    folder = shipped("templates") / "web"
    script, loader = bundle(folder, "main"), (folder / "loader.js").read_text("utf-8")
    style = (folder / "page.css").read_text("utf-8")
    data = {
        "shaders": [_entry(shader) for shader in shaders],
        "sample": sample and {"name": sample.name, "type": sample.type, "data": _text(sample.data)},
        "fallback": [{"name": picture.name, "url": data_url(picture)} for picture in fallback],
    }
    return template("page.html").render(
        title=title,
        policy=content_policy((loader, script), style),
        style=Markup(style),
        script=_text(deflated(script.encode())),
        loader=Markup(loader),
        # Within a script element only `</` could end the data.
        data=Markup(json.dumps(data, ensure_ascii=False).replace("</", "<\\/")),
    )


def _entry(shader: PageShader) -> dict[str, object]:
    check, texts = shader.check, [text for form in shader.forms for text in form]
    others = [shader.webgpu, json.dumps(shader.translations) if any(shader.translations) else ""]
    return {
        "title": shader.title,
        "about": shader.about,
        "licence": shader.licence,
        "factor": shader.factor,
        "halved": shader.halved,
        "files": len(shader.forms[0]),
        "webgpu": bool(shader.webgpu),
        "translated": any(shader.translations),
        "packed": printable(pack([*texts, *filter(None, others)])),
        "check": check and {"stage": check.stage, "channels": check.channels, "values": _text(check.values)},
    }


def template(name: str) -> jinja2.Template:
    """A template of `templates/web/`; what it is given is text unless it says that it is markup."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    return environment.from_string((shipped("templates") / "web" / name).read_text("utf-8"))


def data_url(picture: Sample) -> str:
    """A picture as a URL that holds it."""
    return f"data:{picture.type};base64,{_text(picture.data)}"


def content_policy(scripts: Sequence[str], style: str) -> str:
    """What a page may do: run these scripts, show what it has. No request to anywhere, not even to itself."""
    allowed = " ".join(map(_hash, scripts)) or "'none'"
    rules = {"default-src": "'none'", "script-src": allowed, "style-src": _hash(style)}
    rules |= {"img-src": "data: blob:", "media-src": "blob:", "base-uri": "'none'", "form-action": "'none'"}
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
