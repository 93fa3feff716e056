"""A graph as text."""

from __future__ import annotations

import reprlib
from dataclasses import fields

from shadergen.ir.graph import Graph, verify
from shadergen.ir.ops import AveragePool, Conv, ConvTranspose, Fit, Gather, MaxPool, Op, Pad, Resize, Rim


def dump(graph: Graph) -> str:
    """The graph as text, a line per node: name, operator, inputs, type."""
    types = verify(graph)
    rows = [(node.name, describe(node.op), ", ".join(node.inputs), str(types[node.name])) for node in graph.nodes]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [f"{graph.name}: {graph.plane}, input {graph.input!r} {types[graph.input]}"]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines)


def describe(op: Op) -> str:
    """The operator with its attributes where they are not the default, weights as their shape."""
    match op:
        case Conv():
            out, in_, kh, kw = op.weight.shape
            padding = f" pads {op.pads} {op.pad_mode}" if any(op.pads) else ""
            return f"Conv {out}x{kh}x{kw}x{in_}{padding}{_more(op, 'strides', 'dilations', 'group')}"
        case ConvTranspose():
            in_, out, kh, kw = op.weight.shape
            return f"ConvTranspose {out}x{kh}x{kw}x{in_}{_more(op, 'pads', 'strides', 'group')}"
        case Rim():
            out, in_, _, _ = op.terms[0].weight.shape
            return f"Rim {out}x{in_}, terms {len(op.terms)}"
        case Gather(indices):
            return f"Gather({reprlib.repr(indices)[1:-1]})"
        case Resize(to, filter):
            factors = f"{'to ' if op.size else ''}{to[0]} {to[1]}"
            return f"Resize {filter} {factors}{_more(op, 'coordinates', 'rounding', 'cubic', 'exclude_outside')}"
        case Fit(size, corner):
            around = f" from {corner[0]} {corner[1]}" if corner != Fit().corner else ""
            return f"Fit to {size[0]} {size[1]}{around}{_more(op, 'mode')}"
        case Pad() | MaxPool() | AveragePool():
            return type(op).__name__ + _more(op, *(field.name for field in fields(op)))
        case _:
            numbers = [f"{value:g}" for value in vars(op).values() if isinstance(value, int | float)]
            return type(op).__name__ + (f"({', '.join(numbers)})" if numbers else "")


def _more(op: Op, *names: str) -> str:
    """These attributes, where they differ from their default."""
    defaults = {field.name: field.default for field in fields(op)}
    return "".join(f" {name} {getattr(op, name)}" for name in names if getattr(op, name) != defaults[name])
