"""What the pages say about the repository is so: paths, names and figures."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("[!.]*/*.md"))]
FOLDERS = "shadergen|tests|bench|scripts|docs|templates"
IN_THE_WHEEL = ("shadergen/templates/", "shadergen/shaders/")
"""Folders of the package that exist only where it is installed."""


def tracked() -> list[Path]:
    """The files of the repository."""
    done = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        pytest.skip("found no git, expected it to list the files")
    return [path for name in done.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_every_path_that_is_named_exists() -> None:
    """In pages, code and scripts alike, such as `docs/players.md`."""
    path = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w/]+\.(?:py|md|sh|j2|html|png|svg))\b")
    suffixes = (".py", ".md", ".sh", ".toml", ".yml", ".yaml", "Makefile")
    named = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in tracked()
        if file.name.endswith(suffixes)
        for name in path.findall(file.read_text("utf-8"))
        if not name.startswith(IN_THE_WHEEL)
    }
    assert len(named) >= 50
    assert sorted((file, name) for file, name in named if not (ROOT / name).exists()) == []


def test_every_module_that_a_page_names_by_its_file_exists() -> None:
    modules = {file.name for file in tracked()}
    for page in PAGES:
        if page.name != "architecture.md":  # there a folder is said once, for all of its modules
            bare = set(re.findall(r"`(\w+\.py)`", page.read_text("utf-8")))
            assert bare <= modules, page.name


def test_every_name_in_the_package_that_a_page_has_exists() -> None:
    names = {name for page in PAGES for name in re.findall(r"`(shadergen(?:\.\w+)+)", page.read_text("utf-8"))}
    assert len(names) >= 10
    for name in sorted(names):
        module, _, attribute = name.rpartition(".")
        assert hasattr(import_module(module), attribute), name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", page.read_text("utf-8")):
        path = page.parent / target if target else page
        assert path.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.M)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, anchor
