"""Who may import whom: ranks keep the pipeline one way, and a wall keeps the judges apart from the compiler."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "shadergen"

LINT = {"lint", "lintrules", "lintglsl", "glsltext", "glslang"}
RUNTIME = {"runtime", *(f"runtime.{path.stem}" for path in (PACKAGE / "runtime").glob("[a-z]*.py"))}
SOURCES = {"sources", *(f"sources.{path.stem}" for path in (PACKAGE / "sources").glob("[a-z]*.py"))}
CLI = {"cli", *(f"cli.{path.stem}" for path in (PACKAGE / "cli").glob("[a-z]*.py"))}
TRAIN = {"train", *(f"train.{path.stem}" for path in (PACKAGE / "train").glob("[a-z]*.py"))}
PASSES = {"passes", *(f"passes.{path.stem}" for path in (PACKAGE / "passes").glob("[a-z]*.py"))}

SCORE = {"score", "scoretable", "contactsheet"}
RANKS: list[set[str]] = [
    {"", "errors", "extent", "files"},
    {"target", "graph", "hookfile", "codec"},
    {"glsl", "reference", "packing", "blocking", "tables"} | SOURCES | PASSES | LINT | RUNTIME,
    {"schedule"},
    {"places", "fusion"},
    {"convolution", "rim", "sampling"},
    {"emit"},
    {"compiler"},
    {"verify", "tune"} | SCORE,
    TRAIN,
    CLI,
    {"__main__"},
]
"""From those that import nothing to the one that may import everything; `` is the package itself (its version)."""

SIBLINGS = ({"errors", "extent", "files"}, LINT, RUNTIME, SOURCES, PASSES, SCORE, TRAIN, CLI)
"""Modules of one rank that may import one another."""

WALLED = LINT | RUNTIME
"""They judge what the compiler made, so they know hook files only, and nothing of how those came about."""
BEYOND_THE_WALL = {"errors", "files", "hookfile"}


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


def rank(module: str) -> int:
    return next(rank for rank, modules in enumerate(RANKS) if module in modules)


@pytest.mark.parametrize("module", MODULES)
def test_every_module_imports_lower_ranks_only(module: str) -> None:
    assert any(module in modules for modules in RANKS), f"give {module} a rank"
    siblings = next((group for group in SIBLINGS if module in group), set())
    for other in imports(MODULES[module]) - siblings:
        assert rank(other) < rank(module), f"{module} imports {other}"


@pytest.mark.parametrize("module", sorted(WALLED & set(MODULES)))
def test_lint_and_runtime_know_hook_files_only(module: str) -> None:
    group = LINT if module in LINT else RUNTIME
    assert imports(MODULES[module]) <= group | BEYOND_THE_WALL


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
    assert {"convolution", "schedule", "hookfile", "glsl", ""} <= imports(MODULES["emit"])
    assert "sources" in imports(MODULES["cli.base"]), "imports within functions count too"
