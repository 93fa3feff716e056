"""Names that are nobody else's, for values of a graph and for identifiers of GLSL alike."""

from __future__ import annotations

import re
from collections.abc import Iterable

LONGEST = 160
"""Letters of a hint that are kept: what is named after two long names has a name of its own all the same."""


class Namer:
    """Gives names; the only maker of them, so that no two things ever meet in one.

    A name is given once: `fresh` returns its hint where that is free, and otherwise the hint with `_v2`, `_v3` and so
    on behind it, the first that is free. The answer depends on nothing but what was asked before, so the same input
    gives the same text. `scope` makes a namer for what is visible in a part only, such as a block of GLSL: it never
    gives a name of the scopes around it, and the names it gives are free again for the next block beside it.
    """

    def __init__(self, taken: Iterable[str] = (), around: Namer | None = None) -> None:
        self._taken = set(taken)
        self._around = around
        self._numbers: dict[str, int] = {}
        """The last number that was tried behind a hint: a file of 20 000 equal names is no long computation."""

    def fresh(self, hint: str) -> str:
        """A name like `hint` that is new in this scope and in those around it."""
        if len(hint) > LONGEST:
            hint = hint[:LONGEST].rstrip("_")
        name, number = hint, self._numbers.get(hint, 1)
        while self.has(name):
            number += 1
            name = f"{hint}_v{number}"
        self._numbers[hint] = number
        self._taken.add(name)
        return name

    def has(self, name: str) -> bool:
        """Whether the name is taken, here or around."""
        return name in self._taken or (self._around is not None and self._around.has(name))

    def scope(self, *taken: str) -> Namer:
        """A namer for a block within this one, in which some names are taken from the start."""
        return Namer(taken, self)


def word(name: str) -> str:
    """The name as words that begin with a letter, joined by `_`, as the graph wants them."""
    parts = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(part if part[0].isdigit() else f"_{part}" for part in parts).lstrip("_")
    joined = joined if joined and joined[0].isalpha() and not joined.startswith("gl_") else f"n{joined}"
    return joined if len(joined) <= 64 else f"{joined[:24].rstrip('_')}_x{joined[-20:].lstrip('_')}"
