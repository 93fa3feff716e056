"""Whatever a model, its parts and its licence are called, the hook file says what the compiler meant, or there is none.

A name could close a comment or a body, end a line, or begin one with `//!`, which is how a file of somebody else would
hook into a player's other stages.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from shadergen import compiler, hookfile
from shadergen.errors import ModelError
from shadergen.hookfile import HookFile, HookPass
from shadergen.ir.graph import Graph
from shadergen.lint.glsltext import without_comments
from shadergen.target import Target
from tests.nets import c_model, input_folded_twice
from tests.random_graphs import random_graph
from tests.sweep import VARIANTS

TEXTS = (
    *("x\n//!HOOK MAIN", "x\r//!HOOK MAIN", "x\r\n//!HOOK MAIN", "//!HOOK MAIN", "x //!HOOK MAIN", "\n", "x\n"),
    *("x\x0b//!HOOK MAIN", "x\x0c//!DESC", "x\x1c//!DESC", "x\x85//!DESC", "x\u2028//!DESC", "x\u2029//!DESC"),
    *("*/", "/*", "x */ }", "}", "x; }", "{", "#endif", "x\n#endif", "\\", "x\\\n//!HOOK MAIN", "??/", "x\0y"),
    *("{{ name }}", "{% endif %}", "%s", "\ufeffx", "\u202ex", " x", "", "gl_x", "x__y", "1x", "x\t", "é", "拡大"),
)


def named(graph: Graph, text: str) -> Graph:
    return replace(graph, name=text)


def licensed(graph: Graph, text: str) -> Graph:
    return replace(graph, record=replace(graph.record, licence=text))


def hashed(graph: Graph, text: str) -> Graph:
    return replace(graph, record=replace(graph.record, sha256=text))


def fed(graph: Graph, text: str) -> Graph:
    return replace(renamed(graph, graph.input, text), input=text)


def with_a_node(graph: Graph, text: str) -> Graph:
    return renamed(graph, graph.nodes[1].name, text)


def with_an_output(graph: Graph, text: str) -> Graph:
    return replace(renamed(graph, graph.output, text), output=text)


def renamed(graph: Graph, old: str, new: str) -> Graph:
    """The graph with a value of another name."""

    def name(value: str) -> str:
        return new if value == old else value

    nodes = (replace(node, name=name(node.name), inputs=tuple(map(name, node.inputs))) for node in graph.nodes)
    return replace(graph, nodes=tuple(nodes))


PATHS: tuple[Callable[[Graph, str], Graph], ...] = (named, licensed, hashed, fed, with_a_node, with_an_output)


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("put", PATHS, ids=lambda put: put.__name__)
def test_a_hostile_text_is_refused_or_harmless(put: Callable[[Graph, str], Graph], text: str) -> None:
    """The file is that of the harmless model, but for names; in the variants with the most that is named."""
    variants = (Target(), Target("compute", weights="texture"))
    for graph, target in product((c_model(filters=4, layers=1), input_folded_twice()), variants):
        plain = compiler.compile(graph, target)
        try:
            file = compiler.compile(put(graph, text), target)
        except ModelError:
            continue
        assert_means(file)
        assert structure(hookfile.parse(hookfile.format(file))) == structure(plain)


@pytest.mark.parametrize("seed", range(1, 25, 4))
def test_odd_names_leave_the_structure_alone(seed: int) -> None:
    """A random network with odd names, and the same one with dull ones."""
    graph = random_graph(seed)
    dull = fed(named(licensed(graph, "MIT"), "dull"), "in0")
    for number, node in enumerate(dull.nodes):
        dull = renamed(dull, node.name, f"value{number}")
    dull = replace(dull, output=dull.nodes[-1].name)
    for target in (VARIANTS[name] for name in ("fragment", "fused", "instant")):
        file = compiler.compile(graph, target)
        assert_means(file)
        assert structure(hookfile.parse(hookfile.format(file))) == structure(compiler.compile(dull, target))


def assert_means(file: HookFile) -> None:
    """Every directive is one of a block's, comments end where they should, and bodies are whole."""
    text = hookfile.format(file)
    read = hookfile.parse(text)
    assert read == file
    meant = sum(len(block.source) for block in read.blocks)
    lines = re.split(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", text)
    assert sum(line.lstrip().startswith("//!") for line in lines) == meant
    for line in file.header.split("\n"):
        assert not line or line.startswith("// ") or line == "//"
    for block in file.passes:
        code = without_comments(block.body)
        assert code.isascii()
        assert "*/" not in block.body
        for opening, closing in ("{}", "()", "[]"):
            assert code.count(opening) == code.count(closing)
        assert len(re.findall(r"^(?:void|vec4) hook\(\) \{$", code, re.M)) == 1


def structure(file: HookFile) -> list[tuple[object, ...]]:
    """What a file does, but for names and arithmetic."""
    found: list[tuple[object, ...]] = []
    for block in file.blocks:
        if isinstance(block, HookPass):
            rpns = [rpn and re.sub(r"\w+\.", ".", str(rpn)) for rpn in (block.width, block.height, block.when)]
            lines = block.body.count("\n")
            found.append((block.hooks, len(block.binds), bool(block.save), *rpns, block.compute, lines))
        else:
            found.append((type(block).__name__,))
    return found
