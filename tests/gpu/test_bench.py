"""Timing hook files: what runs, what is counted, and that a file that cannot run stops nobody else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import moderngl
import numpy as np
import pytest
from click.testing import CliRunner, Result

from shadergen.cli import main
from shadergen.hookfile import parse
from shadergen.measure.bench import Entry, Options, measure
from shadergen.measure.probes import Peak, measure_peak
from shadergen.measure.report import Report
from shadergen.runtime.clock import Stopwatch, is_software
from shadergen.runtime.context import describe
from shadergen.runtime.runner import Frame, Runner
from shadergen.sources import save
from tests.nets import c_model

ROOT = Path(__file__).parents[2]
SIZE = (32, 16)


def shader(hook: str, directives: str = "", body: str = "return HOOKED_tex(HOOKED_pos);") -> str:
    return f"//!DESC one\n//!HOOK {hook}\n//!BIND HOOKED\n{directives}vec4 hook() {{ {body} }}\n"


def bench(*texts: str, runs: int = 1, cold_runs: int = 1) -> Report:
    entries = [Entry(f"file{number}", text) for number, text in enumerate(texts)]
    return measure(entries, Options(SIZE, runs, cold_runs))


@pytest.fixture(autouse=True)
def _quick(gl: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is a device, and without the probes."""
    monkeypatch.setattr("shadergen.measure.bench.measure_peak", lambda context: Peak(1e12, 1e11))


# The clock


def clocks(gl: moderngl.Context) -> set[str]:
    """What may have measured a pass: a query that is not believed makes room for the wall clock."""
    return {"wall"} if is_software(describe(gl).renderer) else {"query", "wall"}


def test_compute_passes_take_time(gl: moderngl.Context) -> None:
    """llvmpipe's timer queries say 0 for them."""
    text = "//!HOOK LUMA\n//!BIND HOOKED\n//!COMPUTE 8 8\nvoid hook() { imageStore(out_image, ivec2(0), vec4(1)); }\n"
    with Runner(gl, parse(text)) as runner:
        (run,) = runner.run(Frame({"LUMA": np.zeros((1, 64, 64))}), (64, 64), timers=True).passes
    assert run.gpu_seconds is not None
    assert run.gpu_seconds > 0
    assert run.clock in clocks(gl)


class Query:
    """A timer query that answers what it is told."""

    def __init__(self, nanoseconds: int) -> None:
        self.elapsed = nanoseconds

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("renderer", "nanoseconds", "clock"),
    [
        ("a card", 2_000_000, "query"),
        ("a card", 0, "wall"),
        ("a card", 60_000_000_000, "wall"),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", 2_000_000, "wall"),
    ],
)
def test_a_query_must_be_believable(renderer: str, nanoseconds: int, clock: str) -> None:
    context = SimpleNamespace(
        info={"GL_RENDERER": renderer}, query=lambda time: Query(nanoseconds), finish=lambda: None
    )
    timing = Stopwatch(cast(Any, context)).time(lambda: time.sleep(0.01))
    assert timing.clock == clock
    assert timing.seconds >= 0.01 if clock == "wall" else timing.seconds == 0.002


# The measurement


def test_the_device_has_a_peak(gl: moderngl.Context) -> None:
    peak = measure_peak(gl)
    assert 1e9 < peak.macs_per_second < 1e15
    assert 1e8 < peak.bytes_per_second < 1e14


def test_files_side_by_side(gl: moderngl.Context) -> None:
    slow = "float s = 0.0; for (int i = 0; i < 2000; i++) s += sin(s + HOOKED_pos.x); return vec4(s);"
    report = bench(shader("LUMA"), shader("LUMA", body=slow), runs=3, cold_runs=2)
    fast, slow_file = report.files
    assert fast.seconds is not None
    assert slow_file.ratio is not None
    assert fast.ratio == 1
    assert slow_file.ratio > 1
    assert fast.compile_seconds is not None
    assert fast.compile_seconds > 0
    assert fast.output_size == (128, 64)
    assert (report.size, report.runs, report.cold_runs) == (SIZE, 3, 2)
    assert set(report.clock.split(" and ")) <= clocks(gl)
    assert report.peak == Peak(1e12, 1e11)


def test_the_drivers_caches_are_off_and_the_environment_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__GL_SHADER_DISK_CACHE", "1")
    monkeypatch.delenv("MESA_SHADER_CACHE_DISABLE", raising=False)
    seen = []
    measure([Entry("x", shader("LUMA"))], Options(SIZE, 1), progress=lambda text: seen.append(dict(os.environ)))
    assert {env["MESA_SHADER_CACHE_DISABLE"] for env in seen} == {"true"}
    assert {env["__GL_SHADER_DISK_CACHE"] for env in seen} == {"0"}
    assert os.environ["__GL_SHADER_DISK_CACHE"] == "1"
    assert "MESA_SHADER_CACHE_DISABLE" not in os.environ


@pytest.mark.parametrize(
    ("hook", "stage", "size"),
    [
        ("LUMA", "LUMA", (32, 16)),
        ("RGB", "RGB", (32, 16)),
        ("CHROMA", "CHROMA", (16, 8)),
        ("CHROMA_SCALED", "CHROMA_SCALED", (32, 16)),
        ("NATIVE", "NATIVE", (32, 16)),
        ("MAIN", "MAINPRESUB", (32, 16)),
        ("OUTPUT", "OUTPUT", (128, 64)),
    ],
)
def test_every_stage_has_its_frame(hook: str, stage: str, size: tuple[int, int]) -> None:
    (file,) = bench(shader(hook)).files
    (item,) = file.passes
    assert (item.stage, item.size) == (stage, size)
    texel = {"LUMA": 2, "CHROMA": 4, "RGB": 6}.get(hook, 8)
    assert item.bytes == size[0] * size[1] * (texel + 8)
    assert file.vram_bytes == 0


@pytest.mark.parametrize(
    ("when", "factor"),
    [("OUTPUT.w HOOKED.w 1.2 * >", 4), ("OUTPUT.w HOOKED.w 3 * <", 2), ("OUTPUT.w HOOKED.w <", 0.5)],
)
def test_the_output_is_as_large_as_when_wants_it(when: str, factor: float) -> None:
    (file,) = bench(shader("LUMA", f"//!WHEN {when}\n")).files
    assert file.output_size == (SIZE[0] * factor, SIZE[1] * factor)


def test_a_file_that_cannot_run_stops_nobody_else() -> None:
    report = bench(
        shader("LUMA", body="return nonsense;"),
        "//!HOOK LUMA\n//!COMPUTE nothing\n",
        shader("LINEAR"),
        shader("LUMA", "//!WIDTH nowhere.w\n"),
        "#extension GL_EXT_no_such_thing : require\n".join(("//!HOOK LUMA\n", shader("LUMA")[len("//!DESC one\n") :])),
        shader("LUMA"),
    )
    *broken, works = report.files
    for file, word in zip(broken, ("nonsense", "COMPUTE", "LINEAR", "nowhere", "file4"), strict=True):
        assert word in file.problem
    assert (works.problem, works.ratio) == ("", 1.0)


def test_passes_that_do_not_run_are_named() -> None:
    (file,) = bench(shader("LUMA") + shader("ALPHA")).files
    assert file.skipped == ("one: this frame has no stage ALPHA",)


# The command


def in_a_process(*arguments: object) -> subprocess.CompletedProcess[str]:
    """In one of its own, with all that is measured: cold means that no context was there before."""
    line = [sys.executable, "-m", "shadergen", "bench", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT)


def command(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["bench", *map(str, arguments)])


def test_the_command_times_files_and_models(tmp_path: Path) -> None:
    save(c_model("luma", filters=4), tmp_path / "tiny.npz")
    tile = "//!COMPUTE 8 8\nshared vec4 tile[gl_WorkGroupSize.x][4];\n"
    store = "void hook() { tile[0][0] = vec4(1); imageStore(out_image, ivec2(0), tile[0][0]); }\n"
    (tmp_path / "copy.glsl").write_text(f"//!HOOK LUMA\n//!BIND HOOKED\n{tile}{store}")
    (tmp_path / "broken.glsl").write_text(shader("LUMA", body="return nonsense;"))
    files = [tmp_path / name for name in ("copy.glsl", "tiny.npz", "broken.glsl")]
    done = in_a_process(*files, "--compute", "--size", "32x16", "--runs", 1, "--json", "--plot", tmp_path / "x.svg")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    copy, tiny, broken = found["files"]
    assert found["versions"]["shadergen"]
    assert copy["ratio"] == 1
    assert tiny["name"] == "C2F4_CMP"
    assert tiny["macs_estimated"] is False
    assert copy["shared_bytes"] == 8 * 4 * 16
    assert {item["kind"] for item in tiny["passes"]} == {"compute"}
    assert "nonsense" in broken["problem"]
    assert (tmp_path / "x.svg").exists()


def test_the_command_prints_a_table(tmp_path: Path) -> None:
    (tmp_path / "copy.glsl").write_text(shader("LUMA"))
    done = command(tmp_path / "copy.glsl", "--size", "32x16", "--runs", 1, "--passes")
    assert done.exit_code == 0, done.stderr
    assert done.stderr == ""
    assert "copy.glsl" in done.stdout
    assert "  1 one" in done.stdout


def test_the_command_says_in_one_line_what_is_wrong_with_its_only_file(tmp_path: Path) -> None:
    (tmp_path / "broken.glsl").write_text(shader("LUMA", body="return nonsense;"))
    done = command(tmp_path / "broken.glsl", "--size", "32x16", "--runs", 1)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "broken.glsl:4: " in done.stderr
