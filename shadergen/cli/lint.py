"""`shadergen lint`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from shadergen.cli.base import existing, spinner
from shadergen.hookfile import HookFile, HookPass


@click.command()
@click.argument("files", type=existing, nargs=-1, required=True)
@click.option("--format", "style", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
@click.option("--no-compile", is_flag=True, help="Do not try the GLSL in the driver and in glslang.")
def lint(files: tuple[Path, ...], style: str, no_compile: bool) -> None:
    """Find what players reject, show wrongly or may stumble over. Exit code 1 when there is an error."""
    from shadergen import lint as linter

    compilers = [] if no_compile else _compilers()
    found: list[linter.Diagnostic] = []
    with spinner("linting"):
        for file in files:
            found += linter.lint_file(file, compilers=compilers)
    formats = {"text": linter.format_text, "json": linter.format_json, "github": linter.format_github}
    report = formats[style](found)
    if report:
        click.echo(report, nl=False)
    if style == "text":
        errors = sum(diagnostic.severity == "error" for diagnostic in found)
        click.echo(f"{len(files)} files, {errors} errors, {len(found) - errors} warnings", err=True)
    sys.exit(any(diagnostic.severity == "error" for diagnostic in found))


def _compilers() -> list[Any]:
    """The compilers that this machine has: the OpenGL driver's, and glslang's."""
    from shadergen.errors import NoDeviceError
    from shadergen.lint import glslang_compiler
    from shadergen.runtime.context import open_context
    from shadergen.runtime.program import compile_passes

    compilers: list[Any] = []
    try:
        context = open_context()
        compilers.append(lambda file: compile_passes(context, _without_extensions(file)))
    except NoDeviceError:
        pass
    glslang = glslang_compiler()
    return [*compilers, glslang] if glslang else compilers


def _without_extensions(file: HookFile) -> HookFile:
    """The file without the passes that ask for an extension: this OpenGL driver cannot speak for players on Vulkan."""
    blocks = (block for block in file.blocks if not (isinstance(block, HookPass) and "#extension" in block.body))
    return replace(file, blocks=tuple(blocks))
