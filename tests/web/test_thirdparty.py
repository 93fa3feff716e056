"""Shaders that nobody here wrote, in the folder that SHADERGEN_THIRD_PARTY names, compile, or a line says why not."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from shadergen import hookfile
from shadergen.errors import HookFileError
from shadergen.web.translate import Translation, translate
from tests.browser import Browser

FOLDER = os.environ.get("SHADERGEN_THIRD_PARTY")
COMPILE = (Path(__file__).parent / "compile.js").read_text("utf-8").partition("\n")[2].rstrip("\n;")


def translated(text: str) -> Translation:
    """What a page has of a file besides its text; nothing for what is no hook file."""
    try:
        return translate(hookfile.parse(text))
    except HookFileError:
        return ()


@pytest.mark.skipif(not FOLDER, reason="SHADERGEN_THIRD_PARTY names no folder")
def test_published_shaders_compile_or_say_why_not(player: Browser) -> None:
    counts: Counter[str] = Counter()
    for path in sorted(Path(FOLDER or "").rglob("*.glsl")):
        text = path.read_text("utf-8", errors="replace")
        found = player.value(f"({COMPILE})({json.dumps(text)}, {json.dumps(translated(text))})")
        problem = found.get("problem", "")
        assert "\n" not in problem
        kind = "compute passes" if re.search(r"^//!(COMPUTE|BUFFER)", text, re.MULTILINE) else "fragment passes"
        counts[f"{kind}: {'refused' if problem else 'compiled'}"] += 1
        if problem and kind == "fragment passes":
            print(f"{path.name}: {problem[:150]}")
    print(dict(counts))
    assert counts["compute passes: compiled"] == 0
    assert counts["fragment passes: compiled"] > 0
