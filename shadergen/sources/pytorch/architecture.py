"""What an architecture is: keys by which it is known, and what its network computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shadergen.sources.pytorch.net import Net
from shadergen.sources.pytorch.state import State


@dataclass(frozen=True)
class Architecture:
    """A kind of network."""

    name: str
    """As its authors call it."""
    keys: tuple[str, ...]
    """Keys that all its state dicts have, and together no other architecture's."""
    build: Callable[[Net], str]
    """Makes the nodes; gives the name of the result. Raises ValueError where weights do not fit."""
    without: tuple[str, ...] = ()
    """Keys that its state dicts never have."""

    def knows(self, state: State) -> bool:
        return all(key in state for key in self.keys) and not any(key in state for key in self.without)
