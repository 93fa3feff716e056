"""What can be wrong with a file, at the line where it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GrammarFault:
    """A place where the file breaks the grammar, so that a player rejects the whole file; lines count from 1."""

    line: int
    problem: str
    source: str
    """The lines of mpv or libplacebo that reject it."""


@dataclass(frozen=True)
class CompileFault:
    """What a GLSL compiler says about one line of the file, counted from 1."""

    line: int
    message: str
