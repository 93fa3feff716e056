"""Hook files in a few lines, for tests."""

from __future__ import annotations

from shadergen import compiler, hookfile
from shadergen.ir.graph import Graph
from shadergen.target import Target


def fragment(body: str, *directives: str, hook: str = "LUMA") -> str:
    """A file of one fragment pass that replaces the picture."""
    lines = [f"//!HOOK {hook}", "//!BIND HOOKED", *(f"//!{directive}" for directive in directives)]
    return "\n".join([*lines, "vec4 hook() {", body, "}"]) + "\n"


def compute(body: str, block: str, *directives: str, before: str = "", hook: str = "LUMA") -> str:
    """A file of one compute pass that replaces the picture."""
    lines = [
        f"//!HOOK {hook}",
        "//!BIND HOOKED",
        f"//!COMPUTE {block}",
        *(f"//!{directive}" for directive in directives),
    ]
    return "\n".join([*lines, before, "void hook() {", body, "}"]) + "\n"


def built(graph: Graph, target: Target) -> str:
    """The text that our own back end writes."""
    return hookfile.format(compiler.compile(graph, target))
