"""Words of a file on their way into GLSL, comments and errors: they cannot leave the line they are put into."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import pytest

from shadergen import compiler, hookfile
from shadergen.errors import ModelError
from shadergen.ir.graph import MAX_NAME, Graph, Record, verify
from shadergen.sources import load, save
from shadergen.target import Target
from tests.nets import c_model

BLOCK = "//!HOOK MAIN"
WORDS = [
    *(f"x\n{BLOCK}", f"x\r{BLOCK}", f"x\u2028{BLOCK}", f"x\x85{BLOCK}", f"x {BLOCK}", BLOCK),
    *("x */ } void hook() {", "x\\", "x\\\n", "\x1b[31mx", "x\u202ey", "x\x00", "", " ", "_", "gl_Position", "9"),
    *("x" * 10_000, "x-y", "x__y", "ä", "input_at", "main", "float", "hook", "HOOKED_tex"),
]
"""What starts a block, ends a line or a comment, turns the writing around, or means something to GLSL."""
GRAPH = replace(c_model(filters=2, layers=1), record=Record("MIT", "0" * 64))


Result = TypeVar("Result")


def outcome(read: Callable[[], Result]) -> Result | str:
    """What is read, or the error: one printable line of bearable length."""
    try:
        return read()
    except ModelError as error:
        message = str(error)
    assert message.isprintable()
    assert "found" in message
    assert len(message) < 1500
    return message


def assert_harmless(graph: Graph) -> None:
    """The shader has as many blocks as without the word, all its lines are printable, and none is continued."""
    text = hookfile.format(compiler.compile(graph, Target(stage="compute")))
    plain = hookfile.format(compiler.compile(GRAPH, Target(stage="compute")))
    assert text.count("//!") == plain.count("//!")
    for line in text.split("\n"):
        assert line.isprintable()
        assert not line.endswith("\\")
        assert line.rfind("//!") <= 0


def renamed(graph: Graph, old: str, new: str) -> Graph:
    """The graph with another name for a value."""

    def name(found: str) -> str:
        return new if found == old else found

    nodes = tuple(replace(node, name=name(node.name), inputs=tuple(map(name, node.inputs))) for node in graph.nodes)
    return replace(graph, nodes=nodes, input=name(graph.input), output=name(graph.output))


PLACES: dict[str, Callable[[str], Graph]] = {
    "node": lambda word: renamed(GRAPH, "conv1", word),
    "input": lambda word: renamed(GRAPH, "input", word),
    "output": lambda word: renamed(GRAPH, "output", word),
    "model": lambda word: replace(GRAPH, name=word),
    "licence": lambda word: replace(GRAPH, record=replace(GRAPH.record, licence=word)),
    "hash": lambda word: replace(GRAPH, record=replace(GRAPH.record, sha256=word)),
    "plane": lambda word: replace(GRAPH, plane=word),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("word", WORDS, ids=lambda word: ascii(word[:20]))
@pytest.mark.parametrize("place", PLACES)
def test_a_graph_is_refused_or_harmless(place: str, word: str) -> None:
    graph = PLACES[place](word)
    found = outcome(lambda: verify(graph))
    if not isinstance(found, str):
        assert_harmless(graph)


@pytest.mark.parametrize("word", ["input_at", "image", "x" * MAX_NAME, "x9", "Conv", "main", "texture"])
def test_names_that_may_be_are_taken(word: str) -> None:
    for place in ("node", "input", "output"):
        assert word in verify(PLACES[place](word))


@pytest.mark.parametrize("word", WORDS, ids=lambda word: ascii(word[:20]))
@pytest.mark.parametrize("place", ["name", "licence", "input", "output", "plane", "node", "op", "attribute"])
@pytest.mark.filterwarnings("ignore:Duplicate name")  # an archive's names end where they have a zero
def test_an_npz_file_is_refused_or_harmless(place: str, word: str, tmp_path: Path) -> None:
    save(GRAPH, tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz") as archive:
        arrays: dict[str, Any] = dict(archive)
    document = json.loads(str(arrays["graph"]))
    match place:
        case "node":
            arrays |= {f"{word}.{field}": arrays[f"conv0.{field}"] for field in ("weight", "bias")}
            text = json.dumps(document).replace('"conv0"', json.dumps(word))
        case "op":
            text = json.dumps(document).replace('"Relu"', json.dumps(word))
        case "attribute":
            text = json.dumps(document).replace('"dilations"', json.dumps(word))
        case "input":
            text = (
                json.dumps(document)
                .replace('["input"]', json.dumps([word]))
                .replace('"input": "input"', f'"input": {json.dumps(word)}')
            )
        case _:
            text = json.dumps(document | {place: word})
    np.savez(tmp_path / "net.npz", **arrays | {"graph": np.array(text)})
    graph = outcome(lambda: load(tmp_path / "net.npz"))
    if isinstance(graph, Graph):
        assert_harmless(graph)


@pytest.mark.parametrize("word", WORDS, ids=lambda word: ascii(word[:20]))
@pytest.mark.parametrize(
    "place", ["value", "node", "input", "output", "weight", "operator", "domain", "attribute", "model", "licence"]
)
def test_an_onnx_file_is_refused_or_harmless(place: str, word: str, tmp_path: Path) -> None:
    save(GRAPH, tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    graph = model.graph
    match place:
        case "value":
            _rename(graph, "conv1", word)
        case "input":
            _rename(graph, "input", word)
        case "output":
            _rename(graph, "output", word)
        case "weight":
            _rename(graph, "conv0.weight", word)
        case "node":
            graph.node[0].name = word
        case "operator":
            graph.node[0].op_type = word
        case "domain":
            graph.node[0].domain = word
        case "attribute":
            graph.node[0].attribute[0].name = word
        case _:
            found = json.loads(model.metadata_props[0].value)
            model.metadata_props[0].value = json.dumps(found | {"name" if place == "model" else place: word})
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    result = outcome(lambda: load(tmp_path / "net.onnx"))
    if isinstance(result, Graph):
        assert_harmless(result)


def _rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    for entry in (*graph.input, *graph.output, *graph.initializer):
        entry.name = new if entry.name == old else entry.name
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [new if name == old else name for name in names]
