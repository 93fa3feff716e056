"""Who may import whom: ranks keep the pipeline one way, and a wall keeps the judges apart from the compiler."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "shadergen"

RANKS: list[set[str]] = [
    {"errors", "version"},
    {"files", "ir", "target", "hookfile", "spirv"},
    {"passes", "storage", "lint", "runtime"},
    {"lift", "glsl", "measure", "cost", "upscale", "web"},
    {"sources", "kernels"},
    {"forms"},
    {"schedule"},
    {"emit"},
    {"wgsl"},
    {"compiler"},
    {"judge"},
    {"api", "magpie", "quantise", "train", "vapoursynth"},
    {""},
    {"cli"},
    {"__main__"},
]
"""Folders and modules, from those that import nothing to the one that may import everything; a module that is not named
has its folder's rank, and `` is the package itself, which hands on what `api` and others have. Within a folder modules
may import one another."""

WALL = {
    "hookfile": {"errors", "files"},
    "lint": {"errors", "files", "hookfile"},
    "runtime": {"errors", "files", "hookfile"},
    "cost": {"errors", "files", "hookfile", "lint", "spirv"},
    "measure": {"errors", "files", "hookfile", "runtime"},
    "upscale": {"errors", "files", "hookfile", "runtime"},
    "web": {"errors", "files", "hookfile"},
}
"""Folders that judge or play what the compiler made: they know hook files only, and nothing of how those came about."""


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(path: Path) -> set[str]:
    """The package's modules that a module imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: expected absolute imports"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found.update(_module(name) for name in names if name.split(".")[0] == "shadergen")
    return found


def _module(name: str) -> str:
    """`shadergen.graph.Conv` is in module `graph`."""
    inner = name.removeprefix("shadergen").removeprefix(".")
    while inner not in MODULES:
        inner = inner.rpartition(".")[0]
    return inner


def folder(module: str) -> str:
    return module.split(".")[0]


def rank(module: str) -> int:
    for name in (module, folder(module)):
        for number, names in enumerate(RANKS):
            if name in names:
                return number
    raise AssertionError(f"give {module} a rank")


@pytest.mark.parametrize("module", MODULES)
def test_every_module_imports_lower_ranks_only(module: str) -> None:
    for other in imports(MODULES[module]):
        assert rank(other) < rank(module) or folder(other) == folder(module), f"{module} imports {other}"


@pytest.mark.parametrize("module", [module for module in MODULES if folder(module) in WALL])
def test_what_judges_shaders_knows_hook_files_only(module: str) -> None:
    allowed = WALL[folder(module)] | {folder(module)}
    assert {folder(other) for other in imports(MODULES[module])} <= allowed


def test_no_module_imports_itself_through_others() -> None:
    finished: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"a cycle: {' imports '.join((*path, module))}"
        if module not in finished:
            for other in imports(MODULES[module]):
                visit(other, (*path, module))
            finished.add(module)

    for module in MODULES:
        visit(module, ())


def test_reading_imports() -> None:
    expected = {"schedule.hookpass", "forms.form", "hookfile", "glsl.addressing"}
    assert expected <= imports(MODULES["emit.hookpass"])
    assert "sources" in imports(MODULES["cli.base"]), "imports within functions count too"
