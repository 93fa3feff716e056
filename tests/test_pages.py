"""What the pages say about the repository is so: paths, names and figures."""

from __future__ import annotations

import re
import subprocess
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from scripts import demo, figures
from shadergen import compiler, hookfile
from shadergen.cli import main
from shadergen.cli.build import HEAVY
from shadergen.cli.doctor import BUDGET
from shadergen.passes.compose import macs
from shadergen.sources import load
from shadergen.target import DEVICES, Target, variants

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("[!.]*/*.md"))]
SCRIPTS = [*sorted(ROOT.glob("bench/*.py")), *sorted(ROOT.glob("scripts/*.py"))]
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
    name = re.compile(r"`(shadergen(?:\.(?!lua|conf)\w+)+)")
    names = {found for page in PAGES for found in name.findall(page.read_text("utf-8"))}
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


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_script_can_be_imported_and_says_how_it_is_called(script: Path) -> None:
    path = script.relative_to(ROOT)
    module = import_module(".".join(path.with_suffix("").parts))
    assert re.search(rf"^ *python {path.as_posix()}", module.__doc__ or "", re.M)


# ---------------------------------------------------------------------------------------------------------------------
# Figures

MODELS = sorted(ROOT.glob("weights/*.npz"))
FILES = [(model, target) for model in MODELS for target in variants(load(model).plane)]


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


@pytest.mark.parametrize("name", figures.PAGES)
def test_the_tables_are_what_the_script_writes(name: str) -> None:
    assert figures.filled(page(name)) == page(name), "run `python scripts/figures.py`"


@pytest.mark.parametrize("name", figures.charts())
def test_charts_are_drawn_from_their_data(name: str) -> None:
    assert (figures.ROOT / name).read_bytes() == figures.charts()[name], "run `python scripts/figures.py`"


def test_every_table_is_in_a_page() -> None:
    marked = [name for path in PAGES for name in re.findall(r"<!-- figures: (\w+) -->", path.read_text("utf-8"))]
    assert sorted(marked) == sorted(figures.TABLES)


def test_every_model_is_in_the_tables() -> None:
    assert sorted(figures.MODELS) == [model.stem for model in MODELS]


@pytest.mark.parametrize(("model", "target"), FILES, ids=[f"{model.stem}{target.suffix}" for model, target in FILES])
def test_a_shader_says_what_it_costs(model: Path, target: Target) -> None:
    plan = compiler.plan(load(model), target)
    text = page(f"shaders/{model.stem}{target.suffix}.glsl")
    header = " ".join(line.removeprefix("//").strip() for line in text[:1000].splitlines())
    said = re.search(r"(\d+) multiply-adds per pixel of the [\w ]+ in (\d+) passes", header)
    assert said is not None
    assert int(said[1]) == round(plan.cost().macs)
    opening = 2 if plan.graph.plane == "chroma" else 0  # is it 4:2:0, and chroma at luma's size
    assert int(said[2]) == len(plan.passes) == len(hookfile.parse(text).passes) - opening


def test_the_demo_builds_every_file_of_shaders() -> None:
    built = set()
    for name, *arguments in demo.steps():
        if name == "build":
            options = main.commands["build"].make_context("build", list(arguments)).params
            target = Target(options["stage"] or Target.stage, options["precision"], weights=options["weights"])
            target = DEVICES.get(options["device"], target)
            built.add(f"{options['model'].stem}{target.suffix}.glsl")
    assert built == {path.name for path in ROOT.glob("shaders/*.glsl")}


def test_the_words_beside_the_tables() -> None:
    """Numbers in prose are few; each is held to what it is about."""
    weights = page("weights/README.md")
    counts = {model: len(variants(load(model).plane)) for model in MODELS}
    assert {counts[model] for model in MODELS if "Chroma" in model.stem} == {5}
    assert {counts[model] for model in MODELS if "Chroma" not in model.stem} == {6}
    assert "turns every file here into six shaders, a\nchroma model into five" in weights
    shares = [float(compiler.plan(load(model), target).cost().macs / macs(load(model))) for model, target in FILES]
    assert f"need {min(shares):.2f} to {max(shares):g} of them" in weights
    for name in ("README.md", "docs/models.md"):
        assert f"above {HEAVY:,}" in page(name).replace("\n", " ")
    assert f"{BUDGET * 1e3:.0f} ms for a frame of 1080p" in page("docs/players.md").replace("\n", " ")
    set5, art = figures.SETS["Set5"], figures.SETS["line art"]
    gains = [figures.gain("C4F32", "C4F16", folder, "box", 1) for folder in (set5, art)]
    gains += [figures.gain("C4F16_Chroma", "Lanczos", folder, "left", 1) for folder in (art, set5)]
    photographs, drawings, colours, faint = gains
    words = f"gain {photographs} dB from `C4F32`, line art {drawings} dB and its colours {colours} from `C4F16_Chroma`"
    assert words in page("docs/players.md")
    words = (
        f"gain {colours} dB by a chroma model, those of photographs {faint}; of C4F32 photographs gain {photographs}"
    )
    assert words in page("templates/mpv/shadergen.conf").replace("\n# ", " ")
    for line in re.findall(r"^\| ArtCNN's (C4F\d\d)(?:; the bar)? \| (.*) \|$", page("docs/training.md"), re.M):
        assert [cell.partition(";")[0] for cell in line[1].split(" | ")] == [
            figures.cell(f"ArtCNN's {line[0]}", folder, ["box"], 3) for folder in figures.SETS.values()
        ]


def test_the_line_for_mpv_is_spelled_in_one_way() -> None:
    """`glsl-shader` is the name that mpv's manual has for `glsl-shaders-append` on the command line and in mpv.conf."""
    installed = CliRunner().invoke(main, ["install", "C4F16_CMP", "--dry-run", "--mpv-dir", "mpv"]).stdout
    (line,) = re.findall(r"^glsl-.*$", installed, re.M)
    assert line == 'glsl-shader="~~/shaders/C4F16_CMP.glsl"'
    assert line in page("docs/players.md")
    assert line.replace("_CMP", "_NEXT") in page("README.md")
    for path in PAGES:
        assert not re.search(r"glsl-shaders(-append)?=", path.read_text("utf-8")), path
