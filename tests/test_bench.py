"""What a benchmark says, from made-up measurements: costs read off the text, ratios, floors, the table, the chart."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from PIL import Image

from shadergen.cli import main
from shadergen.errors import ShadergenError
from shadergen.hookfile import HookFile, parse
from shadergen.hookfile.traffic import Traffic
from shadergen.measure import shadercost
from shadergen.measure.chart import save_chart
from shadergen.measure.probes import Peak
from shadergen.measure.report import FileReport, Measured, Report, Spread, file_reports
from shadergen.measure.table import format_report
from shadergen.runtime.clock import is_software
from shadergen.runtime.context import Device
from shadergen.runtime.hooks import PassRun

SHADERS = Path(__file__).parents[1] / "shaders"

MAT4 = "mat4(" + ", ".join(f"{n}.5" for n in range(16)) + ")"
VEC4 = "vec4(-0.1, 2e-3, .5f, 1.0)"

# Multiply-adds


@pytest.mark.parametrize(
    ("body", "macs"),
    [
        (f"r += {MAT4} * x;", 16),
        (f"r += x * {MAT4};", 16),
        (f"r += {VEC4} * f(x.y);", 4),
        (f"vec4 bias = {VEC4}; r += {VEC4};", 0),
        ("r += vec4(0.5) * x; r *= vec2(a, b);", 0),
        (f"r += dot({VEC4}, x) + dot(g(x, 1), {VEC4});", 8),
        (f"r += max({VEC4}, x);", 0),
        ("r += mat4x3(" + ",".join("1" * 12) + ") * x + mat2(1, 2, 3, 4) * y;", 16),
        ("r += f16vec4(1.0hf, 2.0hf, 3.0hf, 4.0hf) * x;", 4),
        (f"// {MAT4} * x\n/* {MAT4} * x */ r += {VEC4}\n    * x;", 4),
        (f"w = {VEC4}; a += w * x; b += y * w; w = x; c += w * x;", 8),
        (f"vec4 sum = {VEC4}; sum += x; r = sum * x; const mat4 m = {MAT4}; r += m * x; r += dot(x, v);", 16),
        ("r = dp4(a, 0x7F, 0) + dp4(b, 3, 0);", 8),
        ("#define V4 vec4\n#define M4 mat4\nr += V4(1, 2, 3, 4) * x + M4" + MAT4[4:] + " * y;", 20),
        (
            "#define W(i, a, b, c, d) dot(s[i], vec4(T(a), T(b), T(c), T(d)))\nr = W(0, 1, 2, 3, 4) + W(1, 5, 6, 7, 8)",
            8,
        ),
        ("#define D(r, s, a, b) r + ivec2(dp4(s, a, 0), dp4(s, b, 0))\nint dp4(int a, int b);\nr = D(r, s, 1, 2);", 8),
        (f"#if (MODE == 0)\nr += {MAT4} * x;\n#elif (MODE == 1)\nr += {VEC4} * x;\n#else\nr += 2 * {VEC4};\n#endif", 4),
        (f"#ifdef HALF\nr += {MAT4} * x;\n#else\nr += {VEC4} * x;\n#endif", 4),
        (f"#define FULL 1\n#if defined(FULL)\nr += {MAT4} * x;\n#endif\n#if !FULL\nr += {MAT4} * x;\n#endif", 16),
    ],
)
def test_multiply_adds(body: str, macs: int) -> None:
    assert shadercost.multiply_adds(body, {"MODE": 1.0}) == macs


def test_long_lists_are_read_in_no_time() -> None:
    """Numbers that nearly make a constructor must not be tried in every way."""
    assert shadercost.multiply_adds(f"float[2000]({','.join(['12345'] * 2000)}, a * b);") == 0


@pytest.mark.parametrize("name", ["C4F16", "C4F32"])
def test_the_estimate_is_what_our_headers_state(name: str) -> None:
    path = SHADERS / f"{name}.glsl"
    file = parse(path.read_text(), str(path))
    stated = shadercost.stated_macs(file)
    assert stated is not None
    pixels = 64 * 64
    total = 0.0
    for item in file.passes:
        sizes = [axis.evaluate(lambda name: (64.0, 64.0)) if axis else 64 for axis in (item.width, item.height)]
        size = (round(sizes[0]), round(sizes[1]))
        total += shadercost.multiply_adds(item.body) * shadercost.invocations(item, size)
    assert total / pixels == pytest.approx(stated, rel=0.01)


# Memory

TWO_PASSES = """\
//!TEXTURE lut
//!SIZE 2 2
//!FORMAT r8
01020304

//!DESC first
//!HOOK LUMA
//!BIND HOOKED
//!BIND lut
//!SAVE half
//!WIDTH HOOKED.w 2 /
//!COMPUTE 16 16 8 8
shared vec4 tile[64];
void hook() { mat4(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16) * vec4(0); }

//!DESC second
//!HOOK LUMA
//!BIND HOOKED
//!BIND half
vec4 hook() { return vec4(0); }
"""


def pass_run(index: int, size: tuple[int, int], seconds: float, compile_seconds: float | None = None) -> PassRun:
    return PassRun(index, ("first", "second")[index], "LUMA", True, "", size, seconds, compile_seconds, "wall")


def measured(name: str, speed: float = 1.0) -> Measured:
    file = parse(TWO_PASSES)
    sizes = ((32, 32), (64, 32))
    first: tuple[PassRun, ...] = tuple(
        pass_run(index, size, 1.0 * speed, 0.25 * speed) for index, size in enumerate(sizes)
    )
    frames: list[tuple[PassRun, ...]] = [
        (pass_run(0, sizes[0], (0.1 + drift) * speed), pass_run(1, sizes[1], 0.2 * speed)) for drift in (0.0, 0.1, 0.8)
    ]
    stages = {"LUMA": ((64, 32), 2)}
    return Measured(name, len(TWO_PASSES), "", file, (256, 128), stages, [first], frames)


def test_traffic_reads_every_texture_once() -> None:
    one = measured("x")
    moved = shadercost.traffic(one.file, one.first[0], one.stage_sizes)
    assert moved == [
        Traffic(read=64 * 32 * 2 + 4, written=32 * 32 * 8),
        Traffic(read=64 * 32 * 2 + 32 * 32 * 8, written=64 * 32 * 8),
    ]


# Reports


def reports(*found: Measured) -> tuple[FileReport, ...]:
    return file_reports(found, (64, 32), Peak(1e6, 1e6), lambda body, threads: 1024)


def test_a_file_report() -> None:
    (report,) = reports(measured("x"))
    assert report.seconds is not None
    assert report.seconds.median == pytest.approx(0.4)
    assert report.seconds.extremes == pytest.approx((0.3, 1.1))
    assert report.compile_seconds == pytest.approx(0.25 + 0.8 + 0.25 + 0.8), "creation, and what was not so later"
    assert report.vram_bytes == 32 * 32 * 8
    assert report.vram_bytes_with_results == 32 * 32 * 8 + 64 * 32 * 8
    assert report.shared_bytes == 1024
    assert report.bandwidth_floor == pytest.approx(sum(item.bytes for item in report.passes) / 1e6)
    first, second = report.passes
    assert (first.kind, second.kind) == ("compute", "fragment")
    assert first.macs == 16 * 32 * 32 / 4, "a quarter of the threads: each writes four texels"
    assert first.arithmetic_floor == pytest.approx(first.macs / 1e6)
    assert (second.macs, second.peak_fraction) == (None, None)
    assert (first.intermediate, second.intermediate) == (True, False)
    assert report.macs_per_pixel is None, "two per pixel are no network"


def test_a_header_states_the_macs() -> None:
    one = measured("x")
    one.file = dataclasses.replace(one.file, header="// 500 multiply-adds per pixel of the source in 2 passes.\n")
    (report,) = reports(one)
    assert (report.macs_per_pixel, report.macs_estimated) == (500.0, False)
    assert report.arithmetic_floor == pytest.approx(500 * 64 * 32 / 1e6)
    assert report.peak_fraction == pytest.approx(500 * 64 * 32 / 1e6 / 0.4)


def test_ratios_are_to_the_first_file_that_runs() -> None:
    broken = Measured("broken", problem="broken:3: no")
    _, first, second = reports(broken, measured("x"), measured("y", 2.0))
    assert (first.ratio, first.compile_ratio) == (1.0, 1.0)
    assert second.ratio == pytest.approx(2.0)
    assert second.compile_ratio == pytest.approx(2.0)


def test_a_spread() -> None:
    assert Spread.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(3.0, (2.0, 4.0), (1.0, 5.0))


def a_report(*files: FileReport) -> Report:
    device = Device("a vendor", "a card <1>", "4.6", 16384, 32768, has_compute=True)
    return Report(device, False, "query", (64, 32), 3, 1, {}, Peak(1e12, 1e11), files)


NAMES = ("a.glsl", "b" * 60 + ".glsl")


def full_report() -> Report:
    broken = FileReport("c.glsl", "c.glsl:12: no such thing")
    return a_report(*reports(*(measured(name, speed + 1) for speed, name in enumerate(NAMES))), broken)


@pytest.mark.parametrize("passes", [False, True])
def test_the_table_fits_a_terminal(passes: bool) -> None:
    text = format_report(full_report(), passes=passes)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 120
    assert any(line.startswith("c.glsl") and line.endswith("cannot run: line 12: no such thing") for line in lines)
    assert "2.00" in next(line for line in lines if line.startswith("bbb"))
    assert ("  1 first" in text) == passes


def test_the_report_goes_into_json() -> None:
    found = json.loads(json.dumps(full_report().as_dict()))
    assert found["peak"]["macs_per_second"] == 1e12
    assert found["files"][0]["passes"][0]["size"] == [32, 32]


def test_a_chart(tmp_path: Path) -> None:
    save_chart(tmp_path / "x.svg", full_report())
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    texts = [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a card <1>" in texts[0]
    assert sum(text.startswith("2.00   ") for text in texts) == 2
    assert not any("c.glsl" in text for text in texts)
    save_chart(tmp_path / "x.png", full_report())
    with Image.open(tmp_path / "x.png") as image:
        assert image.width == 2 * float(root.attrib["width"])


def test_a_chart_of_nothing(tmp_path: Path) -> None:
    save_chart(tmp_path / "x.png", a_report())
    with pytest.raises(ShadergenError, match="cannot be written"):
        save_chart(tmp_path / "x.png" / "x.svg", a_report())


def test_unknown_numbers_are_question_marks() -> None:
    (report,) = file_reports([measured("x")], (64, 32), None, lambda body, threads: None)
    assert (report.arithmetic_floor, report.bandwidth_floor, report.shared_bytes) == (None, None, None)
    assert "?" in format_report(dataclasses.replace(a_report(report), peak=None), passes=True)


@pytest.mark.parametrize(
    ("renderer", "software"),
    [
        ("llvmpipe (LLVM 15.0.6, 256 bits)", True),
        ("Google SwiftShader", True),
        ("NVIDIA GeForce RTX 3060/PCIe/SSE2", False),
        ("AMD Radeon RX 6600 (navi23, LLVM 15.0.6)", False),
    ],
)
def test_software_renderers(renderer: str, software: bool) -> None:
    assert is_software(renderer) == software


# Command line


@pytest.mark.parametrize("arguments", [["--plot", "x.jpg"], ["--runs", "0"], ["--size", "0x1"]])
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, ["bench", str(SHADERS / "C4F16.glsl"), *arguments])
    assert result.exit_code == 2
    assert "Usage:" in result.output


def test_a_single_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["bench", str(tmp_path / "missing.glsl")])
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "missing.glsl: cannot be read" in result.output


def test_an_empty_file_has_no_passes() -> None:
    assert shadercost.traffic(HookFile("", ()), [], {}) == []
