"""VapourSynth runs the scripts that `shadergen vapoursynth` writes, and those of the documentation.

SHADERGEN_VAPOURSYNTH names a Python of 3.12 or newer that has VapourSynth, NumPy, vs-mlrt's plugins and vs-placebo
(`pip install numpy vapoursynth vapoursynth-mlrt-ort vapoursynth-mlrt-ov vs-placebo`); by default it is the one that
runs the tests.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner

from shadergen import compiler, hookfile, sources
from shadergen.cli import main
from shadergen.ir.graph import Graph, Plane
from shadergen.ir.reference import evaluate
from shadergen.runtime.colour import SITINGS, upsample_chroma
from shadergen.target import Target
from tests.nets import c_model

ROOT = Path(__file__).parents[1]
PYTHON = os.environ.get("SHADERGEN_VAPOURSYNTH", sys.executable)
NEUTRAL = np.float32(128 / 255)

Array = npt.NDArray[np.float32]


@pytest.fixture(scope="session")
def plugins() -> set[str]:
    """The namespaces of the plugins that VapourSynth has."""
    probe = "import numpy, vapoursynth as vs; print(*(plugin.namespace for plugin in vs.core.plugins()))"
    found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(f"{PYTHON} has no VapourSynth; SHADERGEN_VAPOURSYNTH names one that has")
    return set(found.stdout.split())


def need(plugins: set[str], name: str) -> None:
    if name not in plugins:
        pytest.skip(f"this VapourSynth has no plugin {name}")


def written(graph: Graph, folder: Path, *options: str) -> Path:
    """The script for a network, as the command writes it."""
    sources.save(graph, folder / "model.npz")
    script = folder / "script.vpy"
    result = CliRunner().invoke(main, ["vapoursynth", str(folder / "model.npz"), "-o", str(script), *options])
    assert result.exit_code == 0, result.output
    return script


def played(script: Path, format: str, *planes: npt.NDArray[Any], **properties: int) -> tuple[str, list[Any]]:
    """The format and planes of a frame that went through a script."""
    source, target = script.with_suffix(".in.npz"), script.with_suffix(".out.npz")
    frame: Any = {f"plane{number}": plane for number, plane in enumerate(planes)} | properties
    np.savez(source, format=format, **frame)
    command = [PYTHON, str(ROOT / "tests" / "vapoursynth_frame.py"), str(script), str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = dict(np.load(target))
    return str(result.pop("format")), [result[name] for name in sorted(result)]


def frame(height: int = 36, width: int = 64) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
    """Luma (1, h, w) and 4:2:0 chroma (2, h/2, w/2) as codes of 16 bits in the limited range."""
    rng = np.random.default_rng(0)
    luma = rng.integers(4096, 60160, (1, height, width), np.uint16)
    return luma, rng.integers(20000, 46000, (2, height // 2, width // 2), np.uint16)


def luma_values(codes: npt.NDArray[np.uint16]) -> Array:
    return (codes.astype(np.float32) - 4096) / np.float32(219 * 256)


def luma_codes(values: Array) -> Array:
    return np.asarray(np.clip(np.rint(values * np.float32(219 * 256) + 4096), 0, 65535), np.float32)


def result(graph: Graph, picture: Array) -> Array:
    return evaluate(graph, picture)[graph.output]


@pytest.mark.parametrize("backend", ["ort", "ov"])
def test_luma(plugins: set[str], tmp_path: Path, backend: str) -> None:
    need(plugins, backend)
    graph = c_model(filters=4)
    luma, chroma = frame()
    format, planes = played(written(graph, tmp_path, "--backend", backend), "YUV420P16", luma[0], *chroma)
    assert format == "YUV420P16"
    assert [plane.shape for plane in planes] == [(72, 128), (36, 64), (36, 64)]
    assert np.abs(planes[0] - luma_codes(result(graph, luma_values(luma))[0])).max() <= 1


@pytest.mark.parametrize("backend", ["ort", "ov"])
@pytest.mark.parametrize("siting", ["left", "center"])
def test_chroma(plugins: set[str], tmp_path: Path, backend: str, siting: Any) -> None:
    """VapourSynth's colours are in -0.5..0.5; the network's in 0..1, at luma's pixels."""
    need(plugins, backend)
    graph = c_model("chroma", filters=4)
    luma, chroma = frame()
    script = written(graph, tmp_path, "--backend", backend)
    location = {"left": 0, "center": 1}[siting]
    format, planes = played(script, "YUV420P16", luma[0], *chroma, _ChromaLocation=location)
    assert format == "YUV444P16"
    centred = (chroma.astype(np.float32) - 32768) / np.float32(224 * 256)
    interpolated = upsample_chroma(centred, SITINGS[siting], (luma.shape[2], luma.shape[1]))
    wanted = result(graph, np.concatenate([luma_values(luma), interpolated + NEUTRAL])) - NEUTRAL
    codes = np.clip(np.rint(wanted * np.float32(224 * 256) + 32768), 0, 65535)
    assert np.abs(planes[0] - luma[0].astype(float)).max() == 0
    assert np.abs(np.array(planes[1:]) - codes).max() <= 2


@pytest.mark.parametrize(("options", "bound"), [((), 1e-5), (("--fp16",), 2e-3)])
def test_rgb(plugins: set[str], tmp_path: Path, options: tuple[str, ...], bound: float) -> None:
    need(plugins, "ort")
    graph = c_model("rgb", filters=4)
    picture = np.random.default_rng(0).random((3, 24, 40), np.float32)
    script = written(graph, tmp_path, *options)
    _, planes = played(script, "RGBS", *picture)
    off = np.abs(np.array(planes) - result(graph, picture)).max()
    assert off < bound
    assert (off > 1e-5) == bool(options), "16-bit floats leave a trace"
    luma, chroma = frame()
    format, planes = played(script, "YUV420P16", luma[0], *chroma)  # of a matrix that nothing tells
    assert (format, planes[0].shape) == ("YUV420P16", (72, 128))


def test_tiles_overlap_by_as_much_as_the_network_looks(plugins: set[str], tmp_path: Path) -> None:
    need(plugins, "ort")
    graph = c_model(filters=4)
    script = written(graph, tmp_path)
    luma, chroma = frame(64, 96)
    text = script.read_text("utf-8")
    overlap = int(re.search(r"^OVERLAP = (\d+)", text, re.M)[1])  # type: ignore[index]
    whole = luma_codes(result(graph, luma_values(luma))[0])
    for used, same in ((overlap, True), (overlap // 2, False)):
        script.write_text(
            text.replace("TILE = None", "TILE = (48, 40)").replace(f"OVERLAP = {overlap}", f"OVERLAP = {used}")
        )
        _, planes = played(script, "YUV420P16", luma[0], *chroma)
        assert (np.abs(planes[0] - whole).max() <= 1) == same


@pytest.mark.parametrize("plane", ["luma", "rgb", "chroma"])
@pytest.mark.parametrize("backend", ["ort", "ov"])
def test_a_script_is_python(tmp_path: Path, plane: Plane, backend: str) -> None:
    """Also without VapourSynth; and the model lies beside it."""
    script = written(c_model(plane, filters=4), tmp_path, "--backend", backend)
    ast.parse(script.read_text("utf-8"))
    assert sources.load(script.with_suffix(".onnx"), plane).plane == plane


def test_the_model_is_not_written_over(tmp_path: Path) -> None:
    sources.save(c_model(filters=4), tmp_path / "script.onnx")
    result = CliRunner().invoke(main, ["vapoursynth", f"{tmp_path}/script.onnx", "-o", f"{tmp_path}/script.vpy"])
    assert result.exit_code == 2
    assert not (tmp_path / "script.vpy").exists()


def examples() -> list[str]:
    """The Python of the page about players."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "players.md").read_text("utf-8"), re.S)


def test_the_page_s_example_of_vs_placebo(plugins: set[str], tmp_path: Path, real_libplacebo: None) -> None:
    """Where ffmpeg's libplacebo finds a Vulkan device, vs-placebo does."""
    need(plugins, "placebo")
    (example,) = examples()
    (name,) = re.findall(r'shader="([^"]*)"', example)
    graph = c_model(filters=4)
    (tmp_path / name).write_text(hookfile.format(compiler.compile(graph, Target("compute"))), "utf-8")
    script = tmp_path / "script.vpy"
    script.write_text(example.replace(f'"{name}"', f'r"{tmp_path / name}"'), "utf-8")
    luma, chroma = frame()
    format, planes = played(script, "YUV420P16", luma[0], *chroma)
    assert (format, planes[0].shape) == ("YUV444P16", (72, 128))
    # The shader reads codes over 65535, and its passes are stored in 16-bit floats.
    wanted = result(graph, luma.astype(np.float32) / np.float32(65535))[0]
    assert np.abs(planes[0] / 65535 - wanted).max() < 4e-3
    assert np.abs(planes[0] / 65535 - wanted).mean() < 5e-4
    # Any filter keeps a ramp, and shows where its samples lie: half a luma pixel are half of 400 codes.
    ramp = np.broadcast_to(np.arange(20000, 20000 + 800 * 32, 800, dtype=np.uint16), (18, 32))
    _, planes = played(script, "YUV420P16", luma[0], ramp, ramp)
    lying = upsample_chroma(np.array([ramp, ramp], np.float32), SITINGS["left"], (128, 72))
    assert np.abs(planes[1].astype(float) - lying[0])[:, 16:-16].max() < 40
