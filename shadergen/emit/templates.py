"""The templates in `templates/`, and views laid out by them.

A view is a frozen dataclass with a field for each of its template's variables: Python decides names, numbers and
expressions, templates lay out the GLSL around them, and `tests/test_templates.py` compares the two sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import cache
from pathlib import Path

import jinja2

from shadergen.files import shipped
from shadergen.kernels.kernel import View


@cache
def environment(more: tuple[Path, ...] = ()) -> jinja2.Environment:
    """The templates that ship with the package, behind those in other folders, such as of kernels from elsewhere."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader([*more, shipped("templates")]),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # GLSL, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["lines"] = lines
    found.filters["ivec2"] = ivec2
    return found


def render(template: str, view: View, more: tuple[Path, ...] = ()) -> str:
    """The text of a template for a view."""
    variables = {field.name: getattr(view, field.name) for field in fields(view)}
    return environment(more).get_template(template).render(variables)


def lines(text: str, levels: int = 0) -> str:
    """The text for a line of its own, moved to the right by so many levels but for empty lines."""
    return "\n".join("    " * levels + line if line.strip() else line for line in text.splitlines())


def ivec2(pair: Sequence[int]) -> str:
    """A pair of integers in GLSL."""
    return f"ivec2({pair[0]}, {pair[1]})"
