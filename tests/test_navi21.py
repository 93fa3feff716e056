"""What the shaders in shaders/ need on an RX 6900 XT, by a stock driver's compiler, held to the table in navi21.txt.

A change of the compiler that costs registers, spills or code shows here. The driver is Debian 12's, since each has its
own numbers; with another the test skips. `pytest tests/test_navi21.py --rewrite-goldens` writes the table anew.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from shadergen.cost import gpus
from shadergen.cost.report import Entry, on_gpu, prepare
from shadergen.errors import NoDeviceError

ROOT = Path(__file__).parents[1]
TABLE = Path(__file__).with_name("navi21.txt")
DRIVER = "Mesa 22.3.6"
MARGINS = {"registers": (8, 0.05), "spills": (8, 0.05), "KiB": (0.5, 0.05)}
"""By how much each may differ: a number, or a part of it. Registers are given out in eights."""


QUICK = re.compile(r"C4F16_CMP|C4F16_(.*_)?(INSTANT|NEXT|INTEL)|C4F32_NEXT")
"""Shaders of which every run compiles the passes, by name. With literal weights that takes long, as with 32 channels,
and one stands for all; SHADERGEN_ALL_SEEDS=1 compiles every one."""


def test_shaders_need_what_the_table_says(request: pytest.FixtureRequest) -> None:
    rewrite = bool(request.config.getoption("--rewrite-goldens"))
    paths = sorted((ROOT / "shaders").glob("*.glsl"))
    if not rewrite and os.environ.get("SHADERGEN_ALL_SEEDS") != "1":
        paths = [path for path in paths if QUICK.fullmatch(path.stem)]
    found = measured(paths)
    if rewrite:
        TABLE.write_text("".join(line + "\n" for line in [f"# {DRIVER}, NAVI21: registers spills KiB", *rows(found)]))
    names = {path.name for path in paths}
    expected = {name: row for name, row in table(TABLE.read_text()).items() if name.partition(":")[0] in names}
    assert expected.keys() & found.keys()
    assert differences(expected, found) == []


Numbers = dict[str, tuple[float, ...]]
"""Registers, spills and KiB of code of each pass."""


def measured(paths: list[Path]) -> Numbers:
    """The passes of shaders. Skips where there is no such driver."""
    navi21 = gpus.find("NAVI21")
    assert navi21 is not None
    entries = [Entry(path.name, path.read_text("utf-8")) for path in paths]
    try:
        # Passes of models of one shape differ in their numbers alone: one of them speaks for all.
        report = on_gpu(prepare(entries, (1920, 1080), once=True), navi21)
    except NoDeviceError as error:
        pytest.skip(str(error))
    if report.problem or not report.driver.endswith(DRIVER):
        pytest.skip(report.problem or f"found {report.driver}, the table is for {DRIVER}")
    numbers: Numbers = {}
    for file in report.files:
        assert file.problem == ""
        for number, item in enumerate(file.passes, 1):
            assert item.cost is not None, f"{file.name}, pass {number}: {item.problem}"
            size = round(item.cost.code_bytes / 1024, 1)
            numbers[f"{file.name}:{number}"] = (item.cost.registers, item.cost.spills, size)
    return numbers


def rows(numbers: Numbers) -> list[str]:
    return [f"{name:<32} {registers:4} {spills:5} {size:6.1f}" for name, (registers, spills, size) in numbers.items()]


def table(text: str) -> Numbers:
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: tuple(map(float, numbers)) for name, *numbers in lines}


def differences(expected: Numbers, found: Numbers) -> list[str]:
    """What is not as it should be, a line each."""
    lines = [f"{name}: expected in the table" for name in found.keys() - expected.keys()]
    lines += [f"{name}: in the table, but there is no such pass" for name in expected.keys() - found.keys()]
    for name in expected.keys() & found.keys():
        for (what, (least, part)), before, now in zip(MARGINS.items(), expected[name], found[name], strict=True):
            if abs(now - before) > max(least, part * before):
                lines.append(f"{name}: found {now:g} {what}, expected {before:g}")
    return sorted(lines)


def test_differences_have_a_margin() -> None:
    before: Numbers = {"a:1": (100, 0, 10.0), "gone:1": (1, 0, 1.0)}
    assert differences(before, {"a:1": (108, 8, 10.5), "gone:1": (1, 0, 1.0)}) == []
    assert differences(before, {"a:1": (109, 9, 10.6), "new:1": (1, 0, 1.0)}) == [
        "a:1: found 10.6 KiB, expected 10",
        "a:1: found 109 registers, expected 100",
        "a:1: found 9 spills, expected 0",
        "gone:1: in the table, but there is no such pass",
        "new:1: expected in the table",
    ]


def test_the_table_has_every_shader_that_ships() -> None:
    names = {re.sub(r":\d+$", "", name) for name in table(TABLE.read_text())}
    assert names == {path.name for path in (ROOT / "shaders").glob("*.glsl")}
