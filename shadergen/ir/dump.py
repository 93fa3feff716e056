"""A graph as text."""

from __future__ import annotations

from dataclasses import MISSING, fields

import numpy as np

from shadergen.ir.graph import Graph, verify
from shadergen.ir.ops import Op, RimTerm

MAX_SHOWN = 6
"""Of a list, such as the channels that a Gather takes."""


def dump(graph: Graph) -> str:
    """The graph as text, a line for the input and one for each node: name, operator, inputs, and the value's type.

    Raises ModelError for a graph that does not hold together.
    """
    types = verify(graph)
    rows = [(node.name, describe(node.op), ", ".join(node.inputs), str(types[node.name])) for node in graph.nodes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{graph.name}: {graph.plane}, input {graph.input!r} {types[graph.input]}"]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def describe(op: Op) -> str:
    """The operator's name, the shape of its kernel, and its attributes.

    Those that every such operator has stand in parentheses; others follow by name where they are not the default.
    Numbers per channel, such as a bias, are left out: there are as many as the value has channels. Terms are counted.
    """
    words, required = [type(op).__name__], []
    for field in fields(op):
        value = getattr(op, field.name)
        if isinstance(value, np.ndarray):
            words += ["x".join(map(str, value.shape))] if value.ndim == 4 else []
        elif isinstance(value, tuple) and all(isinstance(item, RimTerm) for item in value):
            words.append(f"{field.name} {len(value)}")
        elif field.default is MISSING:
            required.append(_text(value))
        elif value != field.default:
            words.append(f"{field.name} {_text(value)}")
    words[0] += f"({', '.join(required)})" if required else ""
    return " ".join(words)


def _text(value: object) -> str:
    """The value of an attribute, long lists cut short."""
    match value:
        case bool() | int():
            return str(value)
        case float():
            return f"{value:g}"
        case tuple():
            shown = [_text(item) for item in value[:MAX_SHOWN]] + ["..."] * (len(value) > MAX_SHOWN)
            return f"({', '.join(shown)})"
        case _:
            return str(value)
