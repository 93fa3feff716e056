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


def native(*passes: str, doubling: str = "return CHROMA_texOff(0.0);", align: bool = True) -> str:
    """A file whose passes hook NATIVE, below one that enlarges chroma to luma's size."""
    offset = "//!OFFSET ALIGN\n" if align else ""
    above = f"//!HOOK CHROMA\n//!BIND CHROMA\n//!WIDTH CHROMA.w 2 *\n//!HEIGHT CHROMA.h 2 *\n{offset}"
    return "".join([f"{above}//!WHEN CHROMA.w LUMA.w <\nvec4 hook() {{\n{doubling}\n}}\n", *passes])
