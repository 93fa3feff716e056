"""Files without buffers for a class of devices show the network, whatever the class prefers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shadergen import compiler, hookfile
from shadergen.ir.graph import Graph
from shadergen.judge import verify
from shadergen.kernels.heuristics import UNBUFFERED
from shadergen.lint import glslang_compiler, lint_text
from shadergen.target import Device, Target
from tests.gpu.test_verify import explain, needs_libplacebo
from tests.nets import c_model
from tests.random_graphs import random_graph

INSTANT = Target("compute", weights="texture")
DISTINCT = {heuristics: device for device, heuristics in UNBUFFERED.items()}.values()
"""One class of devices of those that prefer the same."""
CASES: list[tuple[Device, Graph]] = [
    ("nvidia", c_model("luma", filters=8)),
    ("nvidia", c_model("luma", filters=4, layers=1, kernel=5)),
    ("intel", c_model("rgb", filters=6)),
    ("intel", random_graph(0)),
]
"""A CPU's driver takes long to compile sixteen pixels, so that each class has a few networks."""


def text_for(device: Device, target: Target) -> str:
    return hookfile.format(compiler.compile(c_model(filters=8), replace(target, device=device)))


@pytest.mark.parametrize(("device", "graph"), CASES, ids=[f"{device}-{graph.name}" for device, graph in CASES])
def test_shared_weights_are_the_network(device: Device, graph: Graph) -> None:
    report = verify.verify(graph, replace(INSTANT, device=device), sizes=((17, 13), (1, 1)))
    assert report.status == "passed", explain(report)


@needs_libplacebo
@pytest.mark.parametrize("device", DISTINCT)
def test_shared_weights_in_fp16(device: Device) -> None:
    target = Target("compute", "fp16", weights="texture", device=device)
    report = verify.verify(c_model(filters=8), target, sizes=((17, 13),))
    assert report.status == "passed", explain(report)


@pytest.mark.parametrize("device", UNBUFFERED)
def test_gpus_share_weights_and_cpus_do_not(device: Device) -> None:
    assert "shared vec4 conv2_weights[" in text_for(device, INSTANT)
    assert "shared" not in text_for("cpu", INSTANT)


@pytest.mark.parametrize("device", DISTINCT)
def test_files_for_a_class_are_valid(device: Device) -> None:
    compilers = [found] if (found := glslang_compiler()) else []
    for target in (Target(), Target("compute"), Target("compute", "fp16"), INSTANT):
        rules = {finding.rule for finding in lint_text(text_for(device, target), compilers=compilers)}
        assert rules == ({"extension-directive"} if target.precision == "fp16" else set())
