"""Shaders that nobody here wrote: the runner shows what libplacebo shows, and lint finds no error in what it runs.

SHADERGEN_THIRD_PARTY names a folder of them; `python bench/thirdparty.py FOLDER` says more about each.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import thirdparty
from shadergen.hookfile import parse

FOLDER = os.environ.get("SHADERGEN_THIRD_PARTY")
FILES = [path for path in sorted(Path(FOLDER or "").glob("*.glsl")) if FOLDER and path.stat().st_size > 0]

DOUBLE = """//!HOOK LUMA
//!BIND HOOKED
//!DESC double
//!WIDTH HOOKED.w 2 *
//!HEIGHT HOOKED.h 2 *
vec4 hook() { return HOOKED_tex(HOOKED_pos); }
"""


OUTPUT = """//!HOOK OUTPUT
//!BIND HOOKED
//!DESC brighter
vec4 hook() { return 1.7 * HOOKED_tex(HOOKED_pos) - 0.1; }
"""


@pytest.mark.usefixtures("gl", "real_libplacebo")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_published_shader(path: Path) -> None:
    verdict = thirdparty.judge_apart(path, timeout=120)
    assert verdict.verdict not in ("differ", "cannot run"), thirdparty.line(verdict)
    assert bool(verdict.lint_errors) == (verdict.verdict == "rejected"), thirdparty.line(verdict)


@pytest.mark.usefixtures("gl", "real_libplacebo")
@pytest.mark.parametrize(
    ("text", "verdict", "scale"),
    [
        (DOUBLE, "agree", 2.0),
        (DOUBLE.replace("(HOOKED_pos)", "(HOOKED_pos) * step(0.0, sin(1e8 * HOOKED_pos.x))"), "unstable", 2.0),
        (DOUBLE.replace("//!DESC double\n", ""), "agree", 2.0),
        (OUTPUT, "agree", 1.0),
    ],
    ids=["agree", "unstable", "nameless", "beyond white"],
)
def test_the_verdicts(tmp_path: Path, text: str, verdict: str, scale: float) -> None:
    (tmp_path / "x.glsl").write_text(text)
    found = thirdparty.judge(tmp_path / "x.glsl", timeout=60)
    assert (found.verdict, found.scale) == (verdict, scale), thirdparty.line(found)


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize(
    ("body", "random"),
    [
        ("return HOOKED_tex(HOOKED_pos) + 0.1 * random;", True),
        ("return HOOKED_tex(HOOKED_pos) + 0.01 * float(frame);", True),
        ("float random = 0.5; return HOOKED_tex(HOOKED_pos) * random;", False),
        ("return HOOKED_tex(HOOKED_pos) + 0.0 * random;", False),
        ("return HOOKED_tex(HOOKED_pos); // random", False),
    ],
)
def test_a_file_is_random_where_its_picture_changes(body: str, random: bool) -> None:
    """And not where it only has the word."""
    file = parse(f"//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() {{ {body} }}\n")
    luma, chroma = thirdparty.frame()
    assert thirdparty.is_random(thirdparty.Case("x", file, luma, chroma, thirdparty.SIZE)) == random
