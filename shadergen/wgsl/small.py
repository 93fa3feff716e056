"""WGSL made small for a page: without comments and indentation, a pass's own names numbered in their order."""

from __future__ import annotations

import re

_DECLARED = re.compile(r"\b(?:var|let) (\w+)")
_WORD = re.compile(r"(?<![.\w])[A-Za-z_]\w*")


def bare(code: str) -> str:
    """The same code without comments, indentation and empty lines."""
    lines = (line.strip() for line in code.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def small(code: str) -> str:
    """The same pass in fewer letters. Layers that do the same then have the same text but for numbers."""
    text = bare(code)
    names = {name: f"n{number}" for number, name in enumerate(dict.fromkeys(_DECLARED.findall(text)))}
    return _WORD.sub(lambda match: names.get(match[0], match[0]), text)
