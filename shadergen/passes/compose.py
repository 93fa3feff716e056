"""Compose convolutions that follow one another with nothing in between but sums.

conv1(conv0(x)) without an activation in between is one convolution of x with a larger kernel: with few channels in x it
costs much less. Likewise conv6(conv5(r) + conv0(x)) is one convolution of r plus one of x.

At the borders the two differ. The outer convolution reads zeros outside of the inner one's value, where the composite
goes on with the inner one's formula. What it has too much there is subtracted by a Rim: the taps of the outer
convolution that lie above the image, for the rows where there are any; the same below, left and right; and since a tap
above and to the left has then been subtracted twice, it is added back at the corners. A Rim's own value composes like
this too, row by row.

Exact are, and composed is nothing else:
- an outer convolution without padding;
- with zero padding, where the value it reads and its own have the size of what the inner one reads, whose padding is
  zero, too. A second Rim around a first gets deeper; where it would need to know more of the size than that a row
  exists, the chain is left alone;
- with edge or reflect padding, where the inner convolution works on single pixels.

Of all choices for a convolution the one with the fewest multiply-adds in the whole graph wins, if they are fewer than
before; those of a Rim are not counted. Inner convolutions that something else still needs are thereby not saved, until
the last of their users has been composed. Two limits keep the shader's text small: MAX_KERNEL and MAX_GROWTH.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product

import numpy as np
import numpy.typing as npt

from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import Add, Array, Concat, Conv, ConvTranspose, Op, PadMode, Rim, RimTerm
from shadergen.ir.types import TensorType
from shadergen.passes.dead import remove_dead

MAX_KERNEL = 9
"""The longest side of a composite kernel in pixels."""
MAX_GROWTH = 2
"""How many weights, those of a Rim included, there may be for each weight that they replace."""
_MAX_CHOICES = 64
"""The most choices of what to compose in an expression; those with more are left alone: each sum doubles them."""
_MAX_NODES = 8
"""The most convolutions and sums that are composed at a time, so that no file is a long computation."""

Array64 = npt.NDArray[np.float64]


def compose_linear(graph: Graph) -> Graph:
    """The graph with linear neighbours composed where that costs fewer multiply-adds; values keep their names."""
    better: Graph | None = graph
    while better is not None:  # each has fewer multiply-adds, so there is an end
        graph, better = better, _better(better)
    return graph


def macs(graph: Graph) -> Fraction:
    """Multiply-adds of all convolutions for each pixel of the graph's input; those of a Rim are not counted."""
    return _macs(graph.nodes, verify(graph))


def _macs(nodes: Iterable[Node], types: dict[str, TensorType]) -> Fraction:
    total = Fraction()
    for node in nodes:
        match node.op:
            case Conv(weight):
                total += weight.size * types[node.name].pixels()
            case ConvTranspose(weight):
                total += weight.size * types[node.inputs[0]].pixels()
    return total


def _better(graph: Graph) -> Graph | None:
    """The graph with one convolution composed. From the output back: a chain is best composed as a whole."""
    rewriter = _Rewriter(graph)
    before = macs(graph)
    for node in reversed(graph.nodes):
        if isinstance(node.op, Conv) and node.op.plain:
            costs = {choice: rewriter.cost(node, choice) for choice in rewriter.choices[node.inputs[0]] if choice}
            for choice in sorted((choice for choice in costs if costs[choice] < before), key=costs.__getitem__):
                rewritten = rewriter.rewritten(node, choice)
                if rewritten is not None:
                    return rewritten
    return None


# ---------------------------------------------------------------------------------------------------------------------
# Linear functions


class _NotComposedError(Exception):
    """Composing these would not be exact, or goes beyond the limits."""


@dataclass(frozen=True, eq=False)
class _Term:
    """As RimTerm, but in float64, and for the whole image if neither row nor column is given."""

    row: int | None
    column: int | None
    weight: Array64
    """(out, in, kh, kw)."""
    bias: Array64
    """(out,)."""
    dy: int
    dx: int

    @property
    def whole(self) -> bool:
        return self.row is None and self.column is None

    @property
    def single(self) -> bool:
        """Whether a pixel depends on the same pixel alone, everywhere by the same formula."""
        return self.whole and (*self.weight.shape[2:], self.dy, self.dx) == (1, 1, 0, 0)

    @property
    def zero(self) -> bool:
        return not self.weight.any() and not self.bias.any()

    def cropped(self) -> _Term:
        """Without the outer rows and columns that are zero, or outside of the image wherever the term counts."""
        rows = _inside(self.row, self.dy, self.weight.any(axis=(0, 1, 3)))
        columns = _inside(self.column, self.dx, self.weight.any(axis=(0, 1, 2)))
        if not rows or not columns:
            return replace(self, weight=np.zeros((*self.weight.shape[:2], 1, 1)), dy=0, dx=0)
        weight = self.weight[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return replace(self, weight=weight, dy=self.dy + rows[0], dx=self.dx + columns[0])


def _inside(index: int | None, first: int, used: npt.ArrayLike) -> list[int]:
    """The taps along an axis, the first of which lies at `first`, that read anything in row (column) `index`."""
    taps = [int(i) for i in np.flatnonzero(used)]
    if index is None:
        return taps
    return [i for i in taps if (first + i >= -index if index >= 0 else first + i <= -1 - index)]


Linear = dict[tuple[str, PadMode], list[_Term]]
"""A value as a sum over earlier values: terms by the value they read and how that is padded, one term for a place.

The padding is `zero` where nothing outside of the value is read.
"""


def _composed(op: Conv, x: Linear, types: dict[str, TensorType], before: TensorType, after: TensorType) -> Linear:
    """`op` of the linear function `x`, whose value has type `before`; that of `op` has type `after`."""
    result: Linear = {}
    for (source, mode), terms in x.items():
        inside = not any(op.pads)
        single = all(term.single for term in terms) and _size(types[source]) == _size(before)
        same = _size(types[source]) == _size(before) == _size(after)
        if single and (inside or op.pad_mode != "zero" or not any(term.bias.any() for term in terms)):
            # What the formula makes of the padded source is the padded value.
            mode, rim = "zero" if inside else op.pad_mode, False
        elif inside and (same or all(term.whole for term in terms)):
            rim = False
        elif op.pad_mode == mode == "zero" and same:
            rim = True
        else:
            raise _NotComposedError
        found = [part for term in terms for part in _after(op, term, rim)]
        result[source, mode] = _summed(result.get((source, mode), []) + found)
    return _plus(result, op.bias)


def _plus(x: Linear, bias: Array) -> Linear:
    """`x` plus a constant, which is added to the first term that counts everywhere."""
    for key, terms in x.items():
        for i, term in enumerate(terms):
            if term.whole:
                return x | {key: [*terms[:i], replace(term, bias=term.bias + bias), *terms[i + 1 :]]}
    raise _NotComposedError


def _size(type_: TensorType) -> tuple[object, object]:
    return type_.height, type_.width


def _after(op: Conv, inner: _Term, rim: bool) -> Iterator[_Term]:
    """`op`, without its bias, of the inner term's value; if `rim`, of its value continued by zeros."""
    kh, kw = op.weight.shape[2:]
    if max(kh + inner.weight.shape[2], kw + inner.weight.shape[3]) - 1 > MAX_KERNEL:
        raise _NotComposedError
    top, left, bottom, right = op.pads
    kernel = op.weight.astype(np.float64)
    for row, ys, sign_y in _places(inner.row, range(-top, kh - top), bottom, rim):
        for column, xs, sign_x in _places(inner.column, range(-left, kw - left), right, rim):
            part = sign_y * sign_x * kernel[:, :, ys.start + top : ys.stop + top, xs.start + left : xs.stop + left]
            weight, bias = _convolved(part, inner.weight), part.sum((2, 3)) @ inner.bias
            term = _Term(row, column, weight, bias, inner.dy + ys.start, inner.dx + xs.start)
            yield term if term.whole else term.cropped()


def _places(index: int | None, taps: range, after: int, rim: bool) -> Iterator[tuple[int | None, range, int]]:
    """Where taps along an axis meet a term that counts at `index`: a row (column), the taps that meet it, their sign.

    For a term that counts everywhere these are all taps everywhere; if `rim`, those that lie outside are subtracted
    near the ends: `-taps.start` of them can lie before the first row and `after` behind the last. For a term that
    counts in one row, it is one tap for each row that sees it.
    """
    if index is None:
        yield None, taps, 1
        if rim:
            yield from ((row, range(taps.start, -row), -1) for row in range(-taps.start))
            yield from ((-1 - row, range(row + 1, taps.stop), -1) for row in range(after))
        return
    for tap in taps:
        row = index - tap
        if (row < 0) == (index < 0):  # otherwise it is outside of the image
            if abs(2 * row + 1) < abs(2 * index + 1):  # nearer to the border: an image may have it and not the other
                raise _NotComposedError
            yield row, range(tap, tap + 1), 1


def _convolved(outer: Array64, inner: Array64) -> Array64:
    """K[o, i, u] = sum over m and t + s = u of outer[o, m, t] * inner[m, i, s]."""
    out, _, kh, kw = outer.shape
    _, in_, height, width = inner.shape
    result = np.zeros((out, in_, kh + height - 1, kw + width - 1))
    for y, x in np.ndindex(kh, kw):
        result[:, :, y : y + height, x : x + width] += np.tensordot(outer[:, :, y, x], inner, 1)
    return result


def _summed(terms: Iterable[_Term]) -> list[_Term]:
    """One term for each place, without those that are zero unless they count everywhere."""
    places: dict[tuple[int | None, int | None], list[_Term]] = {}
    for term in terms:
        places.setdefault((term.row, term.column), []).append(term)
    sums = [_sum(group) for group in places.values()]
    return [term for term in sums if term.whole or not term.zero]


def _sum(terms: list[_Term]) -> _Term:
    """The sum of terms that count at one place."""
    first = terms[0]
    dy, dx = min(term.dy for term in terms), min(term.dx for term in terms)
    kh = max(term.dy + term.weight.shape[2] for term in terms) - dy
    kw = max(term.dx + term.weight.shape[3] for term in terms) - dx
    weight = np.zeros((*first.weight.shape[:2], kh, kw))
    for term in terms:
        y, x = term.dy - dy, term.dx - dx
        weight[:, :, y : y + term.weight.shape[2], x : x + term.weight.shape[3]] += term.weight
    bias = np.sum([term.bias for term in terms], axis=0)
    return _Term(first.row, first.column, weight, bias, dy, dx)


# ---------------------------------------------------------------------------------------------------------------------
# The graph

Choice = frozenset[str]
"""Convolutions, Rims and Adds to compose: each is read by another in the set, or by the convolution it is for."""


def _choices(graph: Graph) -> dict[str, list[Choice]]:
    """For every value, what of its linear expression may be composed with a convolution that reads it."""
    types = verify(graph)
    choices: dict[str, list[Choice]] = {graph.input: [frozenset()]}
    for node in graph.nodes:
        found: list[Choice] = [frozenset()]
        match node.op:
            case Conv() if node.op.plain:
                found += [choice | {node.name} for choice in choices[node.inputs[0]]]
            case Rim():
                found += [frozenset({node.name})]
            case Add() if len({types[name] for name in node.inputs}) == 1:
                pairs = product(*(choices[name] for name in node.inputs))
                found += [a | b | {node.name} for a, b in pairs if a or b]
        found = [choice for choice in dict.fromkeys(found) if len(choice) <= _MAX_NODES]
        choices[node.name] = found if len(found) <= _MAX_CHOICES else [frozenset()]
    return choices


def _outline(op: Op) -> Op:
    """A convolution or Rim with a single channel: enough to know the sizes of composites."""

    def outline(of: Conv | RimTerm) -> tuple[Array, Array]:
        return np.ones((1, 1, *of.weight.shape[2:]), np.float32), np.full(1, of.bias.any(), np.float32)

    match op:
        case Conv():
            weight, bias = outline(op)
            return replace(op, weight=weight, bias=bias)
        case Rim(terms):
            outlines = [(term, *outline(term)) for term in terms]
            return Rim(tuple(replace(term, weight=weight, bias=bias) for term, weight, bias in outlines))
        case _:
            return op


class _Rewriter:
    """Composes single convolutions of one graph."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.types = verify(graph)
        self.nodes = {node.name: node for node in graph.nodes}
        self.outlines = {node.name: replace(node, op=_outline(node.op)) for node in graph.nodes}
        self.choices = _choices(graph)

    def cost(self, node: Node, choice: Choice) -> float:
        """The graph's multiply-adds with `node` composed with `choice`; infinity where that cannot be or pay."""
        if not self._may_pay(node, choice):
            return math.inf
        try:
            linear = self._value(node.name, choice | {node.name}, self.outlines)
        except _NotComposedError:
            return math.inf
        out = self.types[node.name]
        new = sum(
            out.channels * self.types[source].channels * term.weight.size
            for (source, _), terms in linear.items()
            for term in terms
            if term.whole
        )
        reads = Node(node.name, Concat(), tuple(source for source, _ in linear))  # stands for what keeps others alive
        others = self._replaced(node, [reads])
        return float(new * out.pixels() + _macs(others.nodes, self.types))

    def _may_pay(self, node: Node, choice: Choice) -> bool:
        """Whether the composite of one convolution may cost less than all that are composed: `cost` without its work.

        The search of an R8F64, whose 64 channels never pay, takes half the time.
        """
        assert isinstance(node.op, Conv)
        size, (kh, kw) = self.types[node.name], node.op.weight.shape[2:]
        composed = [self.nodes[name] for name in (*choice, node.name)]
        most = _macs(composed, self.types)
        for other in composed:
            if not isinstance(other.op, Conv) or other is node or other.inputs[0] in choice:
                continue
            rows, columns = (side - 1 for side in other.op.weight.shape[2:])
            channels = size.channels * self.types[other.inputs[0]].channels
            if channels * (rows + kh) * (columns + kw) * size.pixels() >= most:
                return False
        return True

    def rewritten(self, node: Node, choice: Choice) -> Graph | None:
        """The graph with `node` composed with `choice`; None where that goes beyond the limits."""
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
                linear = self._value(node.name, choice | {node.name}, self.nodes)
                graph = self._replaced(node, self._parts(node, linear))
        except _NotComposedError:
            return None
        return graph if _fits(self.graph, graph) else None

    def _replaced(self, node: Node, parts: list[Node]) -> Graph:
        """The graph with other nodes for one, and without what is then dead."""
        index = self.graph.nodes.index(node)
        nodes = (*self.graph.nodes[:index], *parts, *self.graph.nodes[index + 1 :])
        return remove_dead(replace(self.graph, nodes=nodes))

    def _value(self, name: str, choice: Choice, nodes: dict[str, Node], channels: int = 0) -> Linear:
        """The value `name`, of so many channels, as a linear function of values before the nodes in `choice`."""
        if name not in choice:
            same = _Term(None, None, np.eye(channels)[:, :, None, None], np.zeros(channels), 0, 0)
            return {(name, "zero"): [same]}
        node = nodes[name]
        source = node.inputs[0]
        match node.op:
            case Conv(weight):
                inner = self._value(source, choice, nodes, weight.shape[1])
                return _composed(node.op, inner, self.types, self.types[source], self.types[name])
            case Rim(terms):
                return {(source, "zero"): _summed(_term(term) for term in terms)}
            case _:
                a, b = (self._value(value, choice, nodes, channels) for value in node.inputs)
                return {key: _summed(a.get(key, []) + b.get(key, [])) for key in a | b}

    def _parts(self, node: Node, linear: Linear) -> list[Node]:
        """Nodes for a linear function: its convolutions, then its Rims, and their sum by the name of `node`."""
        names = Namer(self.graph.names)
        wholes, rims = [], []
        for (source, mode), terms in linear.items():
            stem = node.name if len(linear) == 1 else f"{node.name}_{source}"
            for term in terms:
                if term.whole:
                    op = _conv(term, mode, self.types[source], self.types[node.name])
                    wholes.append(Node(names.fresh(f"{stem}_whole"), op, (source,)))
            around = tuple(_rim_term(term) for term in terms if not term.whole)
            if around:
                rims.append(Node(names.fresh(f"{stem}_rim"), Rim(around), (source,)))
        parts = wholes + rims
        if len(parts) == 1:
            return [replace(parts[0], name=node.name)]
        total, *others = (part.name for part in parts)
        for number, other in enumerate(others, 1):
            word = f"{node.name}_sum{number if number > 1 else ''}"
            total, value = node.name if number == len(others) else names.fresh(word), total
            parts.append(Node(total, Add(), (value, other)))
        return parts


def _fits(before: Graph, after: Graph) -> bool:
    """Whether the new weights stay within MAX_GROWTH."""
    gone = sum(_weights(node) for node in before.nodes if node not in after.nodes)
    new = [node for node in after.nodes if node not in before.nodes]
    return sum(map(_weights, new)) <= MAX_GROWTH * gone


def _weights(node: Node) -> int:
    match node.op:
        case Conv(weight):
            return weight.size
        case Rim(terms):
            return sum(term.weight.size for term in terms)
        case _:
            return 0


def _term(term: RimTerm) -> _Term:
    weight, bias = term.weight.astype(np.float64), term.bias.astype(np.float64)
    return _Term(term.row, term.column, weight, bias, term.dy, term.dx)


def _rim_term(term: _Term) -> RimTerm:
    return RimTerm(term.row, term.column, _rounded(term.weight), _rounded(term.bias), term.dy, term.dx)


def _conv(term: _Term, mode: PadMode, before: TensorType, after: TensorType) -> Conv:
    """The convolution that takes a value of type `before` to one of type `after`."""
    kh, kw = term.weight.shape[2:]
    top, left = -term.dy, -term.dx
    bottom = after.height.offset - before.height.offset + kh - 1 - top
    right = after.width.offset - before.width.offset + kw - 1 - left
    return Conv(_rounded(term.weight), _rounded(term.bias), (top, left, bottom, right), mode)


def _rounded(array: Array64) -> Array:
    rounded = array.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise _NotComposedError
    return rounded
