"""The page reads hook files and expressions as `hookfile` does."""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shadergen import hookfile
from shadergen.hookfile import Rpn, RpnError, Token
from tests.browser import Browser
from tests.test_hookfile import EVERY_BLOCK, FAULTS, NO_VALUES, VALUES

ROOT = Path(__file__).parents[2]
FILES = [*sorted(ROOT.glob("shaders/*.glsl")), *sorted(ROOT.glob("tests/golden/*.glsl"))]

_READ = """
text => {
  const file = shadergen.parseHookFile(text);
  const adler = data => {
    let a = 1, b = 0;
    for (const byte of data) { a = (a + byte) % 65521; b = (b + a) % 65521; }
    return b * 65536 + a;
  };
  for (const block of file.textures) block.data = adler(block.data);
  return file;
}
"""


def in_page(browser: Browser, text: str) -> Any:
    return browser.value(f"({_READ})({json.dumps(text)})")


def words(rpn: Rpn | None) -> list[dict[str, Any]] | None:
    def word(token: Token) -> dict[str, Any]:
        match token.kind:
            case "constant":
                return {"kind": "constant", "value": token.value}
            case "size":
                return {"kind": "size", "name": token.name, "axis": "wh".index(token.axis)}
            case "operator":
                return {"kind": "operator", "name": token.text[0]}
            case "variable":
                return {"kind": "variable", "name": token.name}

    return None if rpn is None else [word(token) for token in rpn.tokens]


def expected(text: str) -> dict[str, Any]:
    """The file as Python reads it, in the page's words."""
    file = hookfile.parse(text)
    passes = [
        {
            "hooks": list(item.hooks),
            "binds": list(item.binds),
            "save": item.save,
            "desc": item.desc,
            "width": words(item.width),
            "height": words(item.height),
            "when": words(item.when),
            "offset": list(item.offset) if isinstance(item.offset, tuple) else item.offset,
            "components": item.components,
            "compute": [*item.compute.block, *item.compute.threads] if item.compute else None,
            "body": item.body,
            "line": item.source[0].line,
            "bodyLine": item.body_line,
        }
        for item in file.passes
    ]
    textures = [
        {
            "name": block.name,
            "size": list(block.size),
            "format": block.format,
            "filter": block.filter,
            "border": block.border,
            "storage": block.storage,
            "data": zlib.adler32(block.data),
            "line": block.source[0].line,
        }
        for block in file.textures
    ]
    params = [
        {name: getattr(block, name) for name in ("name", "desc", "type", "mode", "initial", "minimum", "maximum")}
        | {"names": list(block.names), "line": block.source[0].line}
        for block in file.params
    ]
    buffers = [{"name": block.name, "line": block.source[0].line} for block in file.buffers]
    found: dict[str, list[dict[str, Any]]] = {
        "passes": passes,
        "textures": textures,
        "params": params,
        "buffers": buffers,
    }
    named = {kind: [{"kind": kind.removesuffix("s"), **block} for block in blocks] for kind, blocks in found.items()}
    named["passes"] = [{**block, "kind": "pass"} for block in named["passes"]]
    return {"header": file.header, **named}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_is_read_alike(path: Path, player: Browser) -> None:
    text = path.read_text("utf-8")
    assert in_page(player, text) == expected(text)


@pytest.mark.parametrize(
    "text", [EVERY_BLOCK, EVERY_BLOCK.replace("\n", "\r\n"), "//!HOOK LUMA\nint a; //!HOOK CHROMA\nb\n"]
)
def test_every_directive_is_read_alike(text: str, player: Browser) -> None:
    assert in_page(player, text) == expected(text)


@pytest.mark.parametrize(("text", "line", "words"), FAULTS)
def test_a_fault_names_its_line(text: str, line: int, words: str, player: Browser) -> None:
    message = player.value(
        f"(text => {{ try {{ ({_READ})(text) }} catch (fault) {{ return fault.message }} }})({json.dumps(text)})"
    )
    assert message.startswith(f"line {line}: ")
    assert words in message
    assert "\n" not in message


def values(browser: Browser, texts: list[str]) -> list[float | None]:
    script = """texts => texts.map(text => {
      const sizes = { OUTPUT: [3840, 2160], LUMA: [1920, 1080] };
      const words = shadergen.parseExpression(text), variables = { strength: 0.5 };
      try { return shadergen.evaluate(words, name => sizes[name], name => variables[name]); } catch { return null; }
    })"""
    found: list[float | None] = browser.value(f"({script})({json.dumps(texts)})")
    return found


def test_expressions(player: Browser) -> None:
    assert values(player, [text for text, _ in VALUES]) == [value for _, value in VALUES]
    assert values(player, list(NO_VALUES)) == [None] * len(NO_VALUES)


def test_random_expressions_come_to_the_same(player: Browser) -> None:
    random = np.random.default_rng(17)
    vocabulary = [
        *"+-*/%!><=",
        ">=",
        "2",
        "3.5",
        "1e3",
        ".5",
        "7",
        "OUTPUT.w",
        "LUMA.height",
        "NOPE.w",
        "strength",
        "x",
    ]
    texts = [" ".join(random.choice(vocabulary, random.integers(1, 9))) for _ in range(3000)]

    def value(text: str) -> float | None:
        sizes = {"OUTPUT": (3840.0, 2160.0), "LUMA": (1920.0, 1080.0)}
        try:
            return Rpn.parse(text).evaluate(sizes.get, {"strength": 0.5}.get)
        except RpnError:
            return None

    wanted = [value(text) for text in texts]
    assert sum(number is not None for number in wanted) > 50, "found hardly an expression with a value"
    assert values(player, texts) == wanted


def test_the_two_parsers_know_the_same_fields() -> None:
    """A field that a block gets in Python is one that this test must compare."""
    fields = {kind: {f.name for f in dataclasses.fields(kind)} for kind in (hookfile.HookPass, hookfile.UserTexture)}
    known = set(expected(EVERY_BLOCK)["passes"][0]) | {"body_line", "source"}
    assert fields[hookfile.HookPass] <= known
    assert fields[hookfile.UserTexture] <= set(expected(EVERY_BLOCK)["textures"][0]) | {"body_line", "source"}
