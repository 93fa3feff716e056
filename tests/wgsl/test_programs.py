"""What programs for WebGPU give is what the network means: run by wgpu, which is also a judge of their WGSL."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from shadergen import api, compiler
from shadergen.errors import TargetError
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from tests.nets import c_model
from tests.random_graphs import random_graph, sizes
from tests.systems import SYSTEMS, srcnn
from tests.wgsl.device import run

ALL = os.environ.get("SHADERGEN_ALL_SEEDS") == "1"
MODELS = Path(__file__).parents[2] / "weights"
BOUNDS = {("rgba32float", False): 1e-5, ("rgba16float", False): 4e-3, ("rgba16float", True): 4e-3}
"""By storage, and whether products are in 16 bits."""
FULL = ("rgba32float", False)
SMALL = (0, 2, 3, 4, 9, 11, 22, 23, 28, 29, 34, 35)
"""Seeds of random networks of few nodes: some seconds of a driver's compiler together."""


def agree(graph: Graph, storage: str, half: bool, *pictures: tuple[int, int]) -> None:
    program = compiler.webgpu(graph)
    for width, height in pictures:
        image = np.random.default_rng(0).random((graph.input_type.channels, height, width), np.float32)
        wanted = reference.evaluate(graph, image)[graph.output]
        found = run(program, image, storage, half)[: len(wanted)]
        assert np.abs(found - wanted).max() <= BOUNDS[storage, half] * max(1.0, float(np.abs(wanted).max()))


def test_borders_of_composed_layers() -> None:
    """What zero padding between two layers takes away is put right in rows and columns, at every size."""
    agree(c_model(filters=4, layers=1), *FULL, (37, 23), (3, 2), (1, 1))


@pytest.mark.parametrize(("storage", "half"), BOUNDS)
@pytest.mark.parametrize("name", sorted(SYSTEMS) if ALL else ["FSRCNN"])
def test_networks_people_use(name: str, storage: str, half: bool, tmp_path: Path) -> None:
    onnx.save(SYSTEMS[name](), tmp_path / "net.onnx")
    agree(api.load(tmp_path / "net.onnx"), storage, half, (96, 72))


def test_the_published_srcnn(tmp_path: Path) -> None:
    onnx.save(srcnn(), tmp_path / "net.onnx")
    agree(api.load(tmp_path / "net.onnx"), *FULL, (37, 23))


@pytest.mark.parametrize("seed", range(100) if ALL else SMALL)
def test_random_networks(seed: int) -> None:
    """Over every operator; those of sizes that only multiples of the picture have may be refused."""
    graph = random_graph(seed)
    try:
        compiler.webgpu(graph)
    except TargetError as error:
        pytest.skip(str(error))
    agree(graph, *FULL, sizes(seed)[0])


def test_what_a_page_gets_is_the_same_program() -> None:
    """The text is made small, and its names are others: it computes the same."""
    graph = random_graph(SMALL[0])
    program = compiler.webgpu(graph)
    lines = program.text().splitlines()
    small = json.loads(lines[0])
    tables = [np.frombuffer(bytes.fromhex(line), "<f4").reshape(1, -1, 4) for line in lines[2:]]
    passes = tuple(
        replace(item, code=f"\n{shorter['code']}")
        for item, shorter in zip(program.passes, small["passes"], strict=True)
    )
    width, height = sizes(SMALL[0])[0]
    image = np.random.default_rng(0).random((graph.input_type.channels, height, width), np.float32)
    found = run(replace(program, head=small["head"], passes=passes, tables=tuple(tables)), image)
    assert np.array_equal(found, run(program, image))
    assert not set(re.findall(r"\b\w+_texels\b", lines[0]))


@pytest.mark.skipif(not ALL, reason="minutes of a driver's compiler; SHADERGEN_ALL_SEEDS=1 runs it")
@pytest.mark.parametrize(("storage", "half"), BOUNDS)
@pytest.mark.parametrize("model", sorted(path.stem for path in MODELS.glob("*.npz")))
def test_every_model(model: str, storage: str, half: bool) -> None:
    agree(api.load(MODELS / f"{model}.npz"), storage, half, (160, 120), (62, 38), (2, 2))
