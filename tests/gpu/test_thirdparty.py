"""Shaders that nobody here wrote: the runner shows what libplacebo shows, and lint finds no error in what it runs.

SHADERGEN_THIRD_PARTY names a folder of them; `python bench/thirdparty.py FOLDER` says more about each.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import thirdparty

FOLDER = os.environ.get("SHADERGEN_THIRD_PARTY")
FILES = [path for path in sorted(Path(FOLDER or "").glob("*.glsl")) if FOLDER and path.stat().st_size > 0]

DOUBLE = """//!HOOK LUMA
//!BIND HOOKED
//!DESC double
//!WIDTH HOOKED.w 2 *
//!HEIGHT HOOKED.h 2 *
vec4 hook() { return HOOKED_tex(HOOKED_pos); }
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
    ],
    ids=["agree", "unstable"],
)
def test_the_verdicts(tmp_path: Path, text: str, verdict: str, scale: float) -> None:
    (tmp_path / "x.glsl").write_text(text)
    found = thirdparty.judge(tmp_path / "x.glsl", timeout=60)
    assert (found.verdict, found.scale) == (verdict, scale), thirdparty.line(found)
