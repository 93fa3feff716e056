"""What players on other backends do with the text: old OpenGL and OpenGL ES, Direct3D 11 and Metal by way of SPIR-V."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from shadergen import hookfile
from shadergen.hookfile import HookFile
from shadergen.lint.glslang import build_program
from shadergen.runtime.program import glsl

GOLDENS = sorted((Path(__file__).parent / "golden").glob("*.glsl"))
FRAGMENT = [path for path in GOLDENS if "_CMP" not in path.stem]

ES = "#version 300 es\nprecision highp float;\nprecision mediump int;\n"
"""With the least precision for integers that OpenGL ES 3 allows."""


def need(tool: str) -> str:
    path = shutil.which(tool)
    if path is None:
        pytest.skip(f"{tool} is not installed")
    return path


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def programs(file: HookFile) -> list[str]:
    return [glsl(file, item, item.hooks[0], version=330) for item in file.passes]


@pytest.mark.parametrize("version", ["3.30", "ES 3.00"])
@pytest.mark.parametrize("path", FRAGMENT, ids=lambda path: path.stem)
def test_fragment_files_need_no_newer_glsl(path: Path, version: str, tmp_path: Path) -> None:
    glslang = need("glslangValidator")
    for text in programs(hookfile.parse(path.read_text("utf-8"))):
        if version == "ES 3.00":
            text = ES + re.sub(r"^#(version|line|extension).*\n", "", text, flags=re.M)
        (tmp_path / "pass.frag").write_text(text, "utf-8")
        run(glslang, "-S", "frag", str(tmp_path / "pass.frag"))


@pytest.mark.parametrize("language", [["--hlsl", "--shader-model", "50"], ["--msl"]], ids=["hlsl", "msl"])
@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.stem)
def test_every_file_can_be_translated_for_direct3d_and_metal(path: Path, language: list[str], tmp_path: Path) -> None:
    """Shader model 5.0 is Direct3D 11's; it holds 16-bit floats as min16float."""
    glslang, cross = need("glslangValidator"), need("spirv-cross")
    file = hookfile.parse(path.read_text("utf-8"))
    for item in file.passes:
        stage = "comp" if item.compute else "frag"
        source, spirv = tmp_path / f"pass.{stage}", tmp_path / "pass.spv"
        source.write_text(build_program(file, item), "utf-8")
        run(glslang, "-V", "--target-env", "vulkan1.1", "-S", stage, "-o", str(spirv), str(source))
        run(cross, str(spirv), *language)
