"""Random networks in every variant compile. SHADERGEN_ALL_SEEDS=1 takes 2000 of them, a quarter of an hour."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from shadergen import compiler
from shadergen.target import Target
from tests.nets import c_model
from tests.random_graphs import random_graph
from tests.sweep import SEEDS_A_CALL, Finding, faults, glslang, sweep

ALL_SEEDS = os.environ.get("SHADERGEN_ALL_SEEDS") == "1"
SEEDS = range(2000 if ALL_SEEDS else 10)


@pytest.fixture(scope="session")
def program() -> str:
    found = glslang()
    if found is None:
        pytest.skip("glslang is not installed")
    return found


@pytest.mark.parametrize("first", SEEDS[::SEEDS_A_CALL])
def test_every_pass_of_every_variant_compiles(first: int, program: str) -> None:
    seeds = SEEDS[first : first + SEEDS_A_CALL]
    findings, passes = sweep(((str(seed), random_graph(seed)) for seed in seeds), program)
    assert findings == []
    assert passes > 100, "of each network every variant, most of several passes"


def test_a_pass_that_does_not_compile_is_found_among_others(program: str) -> None:
    file = compiler.compile(c_model(), Target("compute"))
    first, *others = file.blocks
    assert list(faults({"right": file}, program)) == []
    last = replace(file.passes[-1], body=file.passes[-1].body.replace("ivec2 pixel", "int pixel"))
    wrong = replace(file, blocks=(first, *others[:-1], last))
    (finding,) = faults({"right": file, "wrong": wrong}, program)
    assert finding.where == f"wrong pass {len(file.passes) - 1}"
    assert "cannot convert from" in finding.message


def test_a_network_that_becomes_no_file_is_found(program: str) -> None:
    graph = c_model()
    nameless = replace(graph, output="nowhere")
    findings, passes = sweep([("net", nameless)], program)
    assert passes == 0
    assert findings[0] == Finding(
        "net fragment", "ModelError: C2F8: found output 'nowhere', expected the name of a node"
    )
