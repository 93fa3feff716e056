"""The command line as users meet it: exit codes, one line per error, nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import click
import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner, Result

from shadergen.cli import main
from shadergen.errors import NoDeviceError
from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.ops import Conv
from shadergen.judge import verify
from shadergen.judge.verification import RunnerName
from shadergen.sources import save
from shadergen.sources.prescale import PrescaleFilter
from shadergen.target import Target
from tests.nets import c_model

ROOT = Path(__file__).parent.parent


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.npz"
    save(c_model("luma", filters=4), path)
    return path


# build


def test_build_writes_into_shaders_by_default(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(model.parent)
    result = run("build", model.name, "--compute")
    assert result.exit_code == 0
    assert result.output == "shaders/C2F4_CMP.glsl\n"
    assert Path("shaders/C2F4_CMP.glsl").read_text().startswith("// C2F4_CMP.glsl\n")


@pytest.mark.parametrize(
    ("output", "written"),
    [("x.glsl", "x.glsl"), ("folder/", "folder/C2F4.glsl"), ("deep/er", "deep/er/C2F4.glsl")],
)
def test_build_takes_a_file_or_a_folder(model: Path, output: str, written: str) -> None:
    assert run("build", model, "-o", f"{model.parent}/{output}").exit_code == 0
    assert (model.parent / written).exists()


def test_build_takes_when_and_workgroup(model: Path, tmp_path: Path) -> None:
    assert (
        run("build", model, "--compute", "--when", 1.5, "--workgroup", "8x4", "-o", tmp_path / "x.glsl").exit_code == 0
    )
    text = (tmp_path / "x.glsl").read_text()
    assert "OUTPUT.w HOOKED.w 1.5 * >" in text
    computes = [line.split() for line in text.splitlines() if line.startswith("//!COMPUTE")]
    assert {tuple(words[-2:]) for words in computes} == {("8", "4")}


def test_build_takes_fuse_and_keeps_the_name(model: Path, tmp_path: Path) -> None:
    assert run("build", model, "--compute", "--fuse", "-o", tmp_path / "made/").output.endswith("/C2F4_CMP.glsl\n")
    assert "\nshared vec4 tile[" in (tmp_path / "made" / "C2F4_CMP.glsl").read_text()


def test_build_prints_the_graph_after_each_pass(model: Path, tmp_path: Path) -> None:
    result = run("build", model, "--print-passes", "-o", f"{tmp_path}/")
    assert result.stdout == f"{tmp_path}/C2F4.glsl\n", "what another program reads is as without it"
    graphs = result.stderr.split("after ")[1:]
    assert "Rim" not in graphs[0]
    assert "Rim" in graphs[-1]
    without = run("build", model, "--print-passes", "--no-opt", "compose", "-o", f"{tmp_path}/").stderr
    assert len(without.split("after ")) < len(graphs) + 1
    assert "Rim" not in without


@pytest.mark.parametrize(
    "arguments",
    [
        ["--workgroup", "0x8"],
        ["--workgroup", "64x64"],
        ["--precision", "fp16"],
        ["--when", "-1"],
        ["--precision", "int"],
        ["--fuse"],
        ["--compute", "--weights", "texture", "--fuse"],
    ],
)
def test_wrong_usage_ends_with_2(model: Path, arguments: list[str]) -> None:
    result = run("build", model, *arguments)
    assert result.exit_code == 2
    assert "Usage:" in result.output


def one_line(result: Result) -> str:
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    lines = result.output.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def test_a_bad_model_is_one_line_and_writes_nothing(tmp_path: Path) -> None:
    bad = tmp_path / "bad.npz"
    np.savez(bad, **{"conv0.weight": np.zeros((4, 1, 3, 3), np.float32)})  # type: ignore[arg-type]
    assert "bad.npz" in one_line(run("build", bad, "-o", tmp_path / "out" / "x.glsl"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.npz", "missing.npz: found no readable file (No such file or directory), expected an .npz archive"),
        (".", "found a directory, expected the file of a model or a shader"),
        ("missing.onnx", "missing.onnx: found no readable file (No such file or directory), expected an ONNX model"),
        ("model.pkl", "found suffix '.pkl', expected .npz, .onnx, .param, .bin, .pth, .pt"),
    ],
)
def test_a_model_that_is_none(name: str, problem: str, tmp_path: Path) -> None:
    assert problem in one_line(run("build", tmp_path / name))


def test_a_folder_that_cannot_be_written_keeps_what_was_there(model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    assert "cannot be written" in one_line(run("build", model, "-o", tmp_path / "file" / "x.glsl"))
    assert (tmp_path / "file").read_text() == "kept"


def test_build_starts_without_the_gpu_and_the_importers() -> None:
    """So that it takes a quarter of a second, and works where there is neither."""
    code = (
        "import sys; from shadergen import cli, compiler, hookfile, sources; "
        "print([m for m in ('moderngl', 'onnx', 'PIL', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


def test_the_shell_can_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_SHADERGEN_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "shadergen up")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert CliRunner().invoke(main, prog_name="shadergen").output == "plain,upscale\n"


BUILDERS = ("build", "inspect", "verify", "bench", "upscale")
"""The commands that build a model."""


@pytest.mark.parametrize("command", BUILDERS)
def test_every_command_that_builds_takes_the_same_options(command: str) -> None:
    names = {"stage", "precision", "when", "workgroup", "weights", "without", "fuse", "plane", "prescale"}

    def options(command: str) -> dict[str, Any]:
        found = [option for option in main.commands[command].params if option.name in names]
        return {option.opts[0]: option.to_info_dict() for option in found}

    assert len(options(command)) == len(names) + 1  # a stage is --compute or --fragment
    assert options(command) == options("build")


def test_without_options_every_command_builds_what_a_target_is_without_any(model: Path, tmp_path: Path) -> None:
    default = f"C2F4{Target().suffix}"
    assert run("build", model, "-o", f"{tmp_path}/").output == f"{tmp_path}/{default}.glsl\n"
    assert json.loads(run("inspect", model, "--json").output)["variant"] == Target().suffix
    assert run("verify", model, "--size", "9x5").output.startswith(f"{default}: ")


@pytest.mark.parametrize(
    ("option", "literal"), [("plane", Plane), ("prescale_filter", PrescaleFilter), ("runner", RunnerName)]
)
def test_choices_are_those_that_the_modules_know(option: str, literal: Any) -> None:
    kind = next(parameter.type for parameter in main.commands["verify"].params if parameter.name == option)
    assert isinstance(kind, click.Choice)
    assert set(kind.choices) == set(get_args(literal))


# inspect, lint


def test_inspect_counts_the_work(model: Path) -> None:
    summary = json.loads(run("inspect", ROOT / "weights" / "C4F16.npz", "--compute", "--json").output)
    # Winograd takes a third off three convolutions of 3x3, and two fifths off the last one, of 5x5.
    assert summary["macs_per_pixel"] == 9012 - 3 * 16 * 16 * 3 - 4 * 16 * 5 * 2
    summary = json.loads(run("inspect", ROOT / "weights" / "C4F16.npz", "--json").output)
    assert summary["macs_per_pixel"] == 9012
    passes = json.loads(run("inspect", ROOT / "weights" / "C4F16.npz", "--compute", "--fuse", "--json").output)[
        "passes"
    ]
    assert [row["shared_bytes"] for row in passes] == [34 * 10 * 4 * 16, 0, 0, 0]
    assert "conv1" in run("inspect", model).output
    training = [
        line for line in run("inspect", ROOT / "weights" / "C4F16.npz").output.splitlines() if "training" in line
    ]
    assert training == [
        "training: steps 12000; hours 0.2; device cpu, 1 processes, 1 threads; convolutions forwards three products "
        "of bfloat16 for one of fp32, backwards one; sums in fp32; averaged 0.85 of this run's weights and 0.15 of "
        "those it began with; after 12 more"
    ]


def test_inspect_shows_a_shader_of_anyone(model: Path, tmp_path: Path) -> None:
    run("build", model, "-o", tmp_path / "x.glsl")
    assert "C2F4 conv1_whole 4x5x5x1 + " in run("inspect", tmp_path / "x.glsl").output
    (tmp_path / "y.glsl").write_text("//!HOOK LUMA\n//!WIDTH\n//!NONSENSE\nvec4 hook() { return vec4(0.0); }\n")
    assert "y.glsl:3" in one_line(run("inspect", tmp_path / "y.glsl"))


def test_lint_ends_with_1_on_errors_only(model: Path, tmp_path: Path) -> None:
    run("build", model, "-o", tmp_path / "good.glsl")
    assert run("lint", tmp_path / "good.glsl", "--no-compile").exit_code == 0
    (tmp_path / "bad.glsl").write_text("//!HOOK LUMA\n//!BLEND\nvec4 hook() { return vec4(0.0); }\n")
    result = run("lint", tmp_path / "good.glsl", tmp_path / "bad.glsl", "--no-compile", "--format", "github")
    assert result.exit_code == 1
    assert "line=2" in result.output
    assert run("lint", tmp_path / "none.glsl").exit_code == 1
    assert run("lint").exit_code == 2


# verify, upscale


def test_verify_without_a_gpu_never_says_passed(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_context() -> Any:
        raise NoDeviceError("OpenGL", "found no EGL, expected a driver")

    monkeypatch.setattr(verify, "open_context", no_context)
    result = run("verify", model)
    assert result.exit_code == 1
    assert "not verified: OpenGL: found no EGL" in result.output
    assert json.loads(run("verify", model, "--json").output)["status"] == "not verified"


def test_verify_as_json(model: Path) -> None:
    report = json.loads(run("verify", model, "--compute", "--size", "9x5", "--json", "--layers").output)
    if report["status"] == "not verified":
        pytest.skip(report["reason"])
    assert report["status"] == "passed"
    assert [check["size"] for check in report["checks"]] == [[9, 5], [9, 5]]
    assert report["checks"][0]["layers"][0]["texture"] == "C2F4_CMP_relu1"


def test_verify_of_a_frame_that_would_fill_the_memory(model: Path) -> None:
    result = run("verify", model, "--size", "200000x200000")
    assert result.exit_code == 1
    assert "C2F4 at 200000x200000: found a reference of" in result.output
    assert "choose a smaller frame" in result.output


def test_verify_of_a_frame_that_is_too_small_says_the_smallest(tmp_path: Path) -> None:
    conv = Conv(np.ones((1, 1, 7, 14), np.float32), np.zeros(1, np.float32))
    save(Graph("wide", "luma", (Node("y", conv, ("input",)),), "y"), tmp_path / "wide.npz")
    result = run("verify", tmp_path / "wide.npz", "--pad", "none", "--size", "13x20")
    assert result.exit_code == 1
    line = result.output.splitlines()[-1]
    assert line == "shadergen: wide at 13x20: found a frame that is too small for a kernel, expected 14x7 or more"


def test_upscale_of_a_picture_that_is_too_small_says_the_smallest(tmp_path: Path) -> None:
    conv = Conv(np.ones((1, 1, 7, 14), np.float32), np.zeros(1, np.float32))
    save(Graph("wide", "luma", (Node("y", conv, ("input",)),), "y"), tmp_path / "wide.npz")
    PIL.Image.new("RGB", (13, 20)).save(tmp_path / "a.png")
    shader = ("--shader", tmp_path / "wide.npz", "--pad", "none")
    result = run("upscale", tmp_path / "a.png", "-o", tmp_path / "b.png", *shader)
    assert result.exit_code == 1
    line = result.output.splitlines()[-1]
    assert line == "shadergen: wide at 13x20: found a frame that is too small for a kernel, expected 14x7 or more"
    assert not (tmp_path / "b.png").exists()


def test_verify_of_a_shader_with_a_missing_texture(model: Path, tmp_path: Path) -> None:
    run("build", model, "-o", tmp_path / "x.glsl")
    text = (tmp_path / "x.glsl").read_text().replace("//!SAVE C2F4_relu1", "//!SAVE other")
    (tmp_path / "x.glsl").write_text(text)
    result = run("verify", model, "--shader", tmp_path / "x.glsl", "--size", "9x5")
    assert result.exit_code == 1
    if "not verified" in result.output:
        pytest.skip(result.output.splitlines()[-1])
    assert "did not run" in result.output


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"nonsense"])
def test_an_unreadable_picture(model: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "picture.png").write_bytes(content)
    line = one_line(run("upscale", tmp_path / "picture.png", "-o", tmp_path / "out.png", "--shader", model))
    assert "picture.png" in line
    assert not (tmp_path / "out.png").exists()


def test_a_kernel_is_found_by_its_name(tmp_path: Path) -> None:
    """It has its weights where it has them; what is not one is a usage error."""
    model = str(ROOT / "weights" / "C4F16.npz")
    found = run("build", model, "--compute", "--kernel", "looped", "-o", str(tmp_path / "looped.glsl"))
    assert found.exit_code == 0, found.output
    assert (tmp_path / "looped.glsl").read_text() == (ROOT / "shaders" / "C4F16_CMP_INSTANT.glsl").read_text()
    found = run("build", model, "--kernel", "none")
    assert found.exit_code == 2
    assert (
        "--kernel: found 'none', expected one of divided, dot8, looped, rows, staged, tensor, unrolled, winograd"
        in found.output
    )
    found = run("build", model, "--compute", "--kernel", "looped", "--weights", "code", "-o", str(tmp_path / "x.glsl"))
    assert found.exit_code == 1
    assert (
        "--kernel: found 'looped', expected one of divided, rows, winograd, unrolled, tensor, dot8 "
        "for weights in the code" in found.output
    )
    assert not (tmp_path / "x.glsl").exists()


def test_build_writes_to_devices(model: Path) -> None:
    assert run("build", model, "-o", "/dev/null").exit_code == 0
    assert "/dev/full: cannot be written: No space left" in one_line(run("build", model, "-o", "/dev/full"))


def test_build_does_not_write_over_its_model(model: Path) -> None:
    before = model.read_bytes()
    found = run("build", model, "-o", model)
    assert (found.exit_code, model.read_bytes()) == (2, before)
    assert "which is the model, expected another file" in found.output


def test_build_for_a_device_is_the_shipped_file(tmp_path: Path) -> None:
    """Also for chroma, whose files are in fp32."""
    for model in ("C4F16", "C4F16_Chroma"):
        assert run("build", ROOT / "weights" / f"{model}.npz", "--for", "nvidia", "-o", f"{tmp_path}/").exit_code == 0
        assert (tmp_path / f"{model}_NEXT.glsl").read_text() == (ROOT / "shaders" / f"{model}_NEXT.glsl").read_text()
