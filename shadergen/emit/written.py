"""A step of a pass, written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shadergen.kernels.kernel import Definition, Function, Needs, SharedArray, View

NOTHING = Needs()
"""What most steps need."""


@dataclass(frozen=True)
class Written:
    """What a step adds to its pass."""

    template: str
    view: View
    """The statements, for `templates.render`."""
    needs: Needs = NOTHING
    functions: tuple[Function, ...] = ()
    shared: tuple[SharedArray, ...] = ()
    blocks: tuple[Definition, ...] = ()
    """What it reads that the file defines."""
    before: tuple[tuple[str, View], ...] = ()
    """Templates and views of statements that stand in front of the loop over packs of the result."""


def joined(needs: Iterable[Needs]) -> Needs:
    """What several steps need together."""
    total = NOTHING
    for need in needs:
        total |= need
    return total
