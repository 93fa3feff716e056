"""Rewrites from graph to graph, in the order the compiler applies them.

A pass takes a valid graph and returns a valid one of the same meaning, borders included.
"""

from __future__ import annotations

from collections.abc import Callable

from shadergen.graph import Graph
from shadergen.passes.dead import remove_dead

DEFAULT_PASSES: tuple[Callable[[Graph], Graph], ...] = (
    remove_dead,  # first, so that no later pass and no hook pass is spent on what nobody sees
)
