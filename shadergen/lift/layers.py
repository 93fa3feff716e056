"""Channels gathered into layers: the graph."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from shadergen.ir.graph import Graph, Node, Plane, Record, verify
from shadergen.ir.names import Namer
from shadergen.ir.ops import (
    Add,
    Affine,
    Clip,
    Concat,
    Conv,
    DepthToSpace,
    Div,
    Gather,
    Mul,
    Op,
    PRelu,
    Relu,
    Resize,
    Round,
    Sigmoid,
    Slice,
    SpaceToDepth,
    Sqrt,
    Tanh,
)
from shadergen.lift.affine import INF, LiftError
from shadergen.lift.channels import Channel, Channels, Tap
from shadergen.lift.slopes import joined

Place = tuple[str, int]
"""Where a channel is: a value of the graph, and its number in there."""


def graph(
    channels: Channels,
    inputs: Sequence[int],
    outputs: Sequence[int],
    block: int,
    *,
    name: str,
    plane: Plane,
    record: Record,
) -> Graph:
    """The graph from `inputs`, the picture's channels, to `outputs`, which are those of a DepthToSpace of `block`."""
    layers = _Layers(*joined(channels, inputs, outputs))
    outputs = layers.outputs
    layers.build()
    value = layers.value(outputs)
    if block > 1:
        value = layers.node("shuffle", DepthToSpace(block), [value], len(outputs) // block**2)
    if value == "input":
        raise LiftError("leaves the picture as it is")
    result = Graph(name, plane, tuple(layers.nodes), value, record=record)
    verify(result)
    return result


@dataclass
class _Layers:
    channels: Channels
    inputs: Sequence[int]
    outputs: Sequence[int]
    nodes: list[Node] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)
    widths: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._namer = Namer(["input"])
        self._made: dict[tuple[str, ...], str] = {}
        self.widths["input"] = len(self.inputs)
        for number, channel in enumerate(self.inputs):
            self.places[channel] = ("input", number)

    def build(self) -> None:
        """Add the nodes of every layer that the outputs need."""
        for members in self._layers():
            self._add(members)

    def node(self, hint: str, op: Op, inputs: Sequence[str], width: int) -> str:
        """A new node's name."""
        name = self._namer.fresh(f"{hint}{sum(node.name.startswith(hint) for node in self.nodes) + 1}")
        self.nodes.append(Node(name, op, tuple(inputs)))
        self.widths[name] = width
        return name

    # Which channels go together --------------------------------------------------------------------------------------

    def _layers(self) -> list[list[int]]:
        """Channels of one kind with the same sources and readers, in the order in which to compute them."""
        live = [number for number in self.channels.needed(self.outputs) if number not in set(self.inputs)]
        layer_of = self._grouped(live, {})
        layer_of = self._grouped(live, self._readers(live, layer_of))
        while (finer := self._grouped(live, self._readers(live, layer_of))) != layer_of:
            if not _in_fours(finer, layer_of):
                break
            layer_of = finer  # what is read by several layers apart need not be stored together
        order = {channel: place for place, channel in reversed(list(enumerate(self.outputs)))}
        members: dict[int, list[int]] = defaultdict(list)
        for number in live:
            members[layer_of[number]].append(number)
        first = {layer: min(numbers) for layer, numbers in members.items()}
        ordered = sorted(members, key=lambda layer: (self._depth[first[layer]], first[layer]))
        return [sorted(members[layer], key=lambda number: (order.get(number, len(order)), number)) for layer in ordered]

    def _grouped(self, live: Sequence[int], readers: Mapping[int, frozenset[int]]) -> dict[int, int]:
        """The number of every channel's layer, from what it is, what it is computed from and what reads it."""
        layer_of = dict.fromkeys(self.inputs, -1)
        self._depth = dict.fromkeys(self.inputs, 0)
        keys: dict[tuple[object, ...], int] = {}
        for number in live:
            channel = self.channels[number]
            opposite = self._negates(channel)
            above = max((self._depth[source] for source in channel.sources), default=0)
            self._depth[number] = above if opposite else above + 1
            parameters = () if channel.kind in ("prelu", "unshuffle") else channel.parameters
            operands = tuple(layer_of[self._without_sign(operand)] for operand in channel.operands[:2])
            sources = operands if channel.kind in ("mul", "div") else frozenset(operands)
            reads = frozenset((layer_of[tap.channel], tap.border) for tap, _ in channel.taps)
            key = (self._depth[number], channel.kind, parameters, channel.grid, sources, reads, opposite)
            layer_of[number] = keys.setdefault((*key, readers.get(number)), len(keys))
        return layer_of

    def _readers(self, live: Sequence[int], layer_of: Mapping[int, int]) -> dict[int, frozenset[int]]:
        """The layers that read each channel, by number."""
        readers: dict[int, set[int]] = defaultdict(set)
        for number in live:
            for source in self.channels[number].sources:
                readers[source].add(layer_of[number])
        return {number: frozenset(readers[number]) for number in live}

    def _without_sign(self, number: int) -> int:
        """A channel, or the one that it is the opposite of: concatenated rectifiers (CReLU) are one layer."""
        channel = self.channels[number]
        return channel.taps[0][0].channel if self._negates(channel) else number

    def _negates(self, channel: Channel) -> bool:
        """Whether a channel is another's opposite."""
        return len(channel.taps) == 1 and not channel.bias and channel.taps[0][1] == -1.0 and _pointwise(channel)

    # Values ----------------------------------------------------------------------------------------------------------

    def value(self, wanted: Sequence[int]) -> str:
        """A value that has these channels in this order."""
        places = [self.places[number] for number in wanted]
        values = list(dict.fromkeys(value for value, _ in places))
        starts = dict(
            zip(values, itertools.accumulate((self.widths[value] for value in values), initial=0), strict=False)
        )
        total = sum(self.widths[value] for value in values)
        base = values[0] if len(values) == 1 else self._concatenated(values, total)
        indices = tuple(starts[value] + index for value, index in places)
        if indices == tuple(range(total)):
            return base
        if indices == tuple(range(indices[0], indices[0] + len(indices))):
            return self.node("slice", Slice(indices[0], indices[-1] + 1), [base], len(indices))
        return self.node("gather", Gather(indices), [base], len(indices))

    def _concatenated(self, values: Sequence[str], total: int) -> str:
        key = tuple(values)
        if key not in self._made:
            self._made[key] = self.node("concat", Concat(), values, total)
        return self._made[key]

    # Layers ----------------------------------------------------------------------------------------------------------

    def _add(self, members: Sequence[int]) -> None:
        layer = [self.channels[number] for number in members]
        first = layer[0]
        match first.kind:
            case "linear":
                value = self._linear(layer)
            case "unshuffle":
                self._unshuffle(members, layer)
                return
            case "shuffle":
                source = self.value([operand for channel in layer for operand in channel.operands])
                value = self.node("shuffle", DepthToSpace(round(len(first.operands) ** 0.5)), [source], len(layer))
            case "resize":
                factor = Fraction(int(first.parameters[0]))
                source = self.value([channel.operands[0] for channel in layer])
                value = self.node("resize", Resize((factor, factor), "linear"), [source], len(layer))
            case "mul" | "div":
                operands = [self.value([channel.operands[i] for channel in layer]) for i in (0, 1)]
                value = self.node(first.kind, Mul() if first.kind == "mul" else Div(), operands, len(layer))
            case kind:
                source = self.value([channel.operands[0] for channel in layer])
                op = _activation(layer)
                value = self.node("relu" if isinstance(op, Relu) else kind, op, [source], len(layer))
        for index, number in enumerate(members):
            self.places[number] = (value, index)

    def _unshuffle(self, members: Sequence[int], layer: Sequence[Channel]) -> None:
        sources = list(dict.fromkeys(channel.operands[0] for channel in layer))
        block = int(layer[0].parameters[0])
        value = self.node("unshuffle", SpaceToDepth(block), [self.value(sources)], len(sources) * block**2)
        for number, channel in zip(members, layer, strict=True):
            self.places[number] = (value, sources.index(channel.operands[0]) * block**2 + int(channel.parameters[1]))

    def _linear(self, layer: Sequence[Channel]) -> str:
        """Weighted sums: a convolution for each value that is read, or what does the same with fewer numbers."""
        bias = np.array([channel.bias for channel in layer], np.float64)
        reads = self._reads(layer)
        if not reads:
            source = next(iter(self.places.values()))[0]
            reads = {(source, "zero"): {(o, 0, 0, 0): 0.0 for o in range(len(layer))}}
        reads = self._with_sums(reads)
        convolutions, rest = [], []
        for (value, border), weights in reads.items():
            indices, factors = _selection(weights, len(layer))
            if indices is None:
                convolutions.append((value, border, weights))
            else:
                rest.append((value, indices, factors))
        parts = []
        for number, (value, border, weights) in enumerate(convolutions):
            op = _convolution(weights, len(layer), self.widths[value], bias if number == 0 else 0 * bias, border)
            parts.append(self.node("conv", op, [value], len(layer)))
        for number, (value, indices, factors) in enumerate(rest):
            shift = bias if not parts and number == 0 else 0 * bias
            selected = self._picked(value, indices)
            if np.any(factors != 1) or np.any(shift):
                op2 = Affine(factors.astype(np.float32), shift.astype(np.float32))
                selected = self.node("scale", op2, [selected], len(layer))
            parts.append(selected)
        total = parts[0]
        for part in parts[1:]:
            total = self.node("add", Add(), [total, part], len(layer))
        return total

    def _with_sums(
        self, reads: Mapping[tuple[str, str], dict[tuple[int, int, int, int], float]]
    ) -> dict[tuple[str, str], dict[tuple[int, int, int, int], float]]:
        """Values that are read with the same weights are added first, as a skip connection's are."""
        same: dict[tuple[str, int, frozenset[tuple[tuple[int, int, int, int], float]]], list[str]] = defaultdict(list)
        for (value, border), weights in reads.items():
            same[border, self.widths[value], frozenset(weights.items())].append(value)
        result = dict(reads)
        for (border, width, _), values in same.items():
            weights = reads[values[0], border]
            pointwise = all(not dy and not dx for _, _, dy, dx in weights)
            if len(values) > 1 and not (pointwise and len(weights) <= width):
                for value in values:
                    del result[value, border]
                result[self._sum(values), border] = weights
        return result

    def _sum(self, values: Sequence[str]) -> str:
        total = values[0]
        for value in values[1:]:
            key = (total, "+", value)
            if key not in self._made:
                self._made[key] = self.node("add", Add(), [total, value], self.widths[value])
            total = self._made[key]
        return total

    def _picked(self, value: str, indices: Sequence[int]) -> str:
        if tuple(indices) == tuple(range(self.widths[value])):
            return value
        return self.node("gather", Gather(tuple(indices)), [value], len(indices))

    def _reads(self, layer: Sequence[Channel]) -> dict[tuple[str, str], dict[tuple[int, int, int, int], float]]:
        """The weights for each value and border, by channel of the result, of the value, row and column."""
        reads: dict[tuple[str, str], dict[tuple[int, int, int, int], float]] = defaultdict(dict)
        borders: dict[str, set[str]] = defaultdict(set)
        for channel in layer:
            for tap, _ in channel.taps:
                if tap.dx or tap.dy:
                    borders[self.places[tap.channel][0]].add(tap.border)
        for number, channel in enumerate(layer):
            for tap, weight in channel.taps:
                value, index = self.places[tap.channel]
                border = self._border(tap, borders[value])
                key = (number, index, tap.dy, tap.dx)
                known = reads[value, border]
                known[key] = known.get(key, 0.0) + weight
        return dict(reads)

    @staticmethod
    def _border(tap: Tap, others: set[str]) -> str:
        """A tap's border; one at the pixel itself goes with its neighbours'."""
        return tap.border if tap.dx or tap.dy or not others else sorted(others)[0]


def _in_fours(finer: Mapping[int, int], coarser: Mapping[int, int]) -> bool:
    """Whether the layers that were divided are of whole vectors."""
    sizes, whole = Counter(finer.values()), Counter(coarser.values())
    return all(
        sizes[finer[number]] == whole[layer] or sizes[finer[number]] % 4 == 0 for number, layer in coarser.items()
    )


def _pointwise(channel: Channel) -> bool:
    return all(not tap.dx and not tap.dy for tap, _ in channel.taps)


def _selection(
    weights: Mapping[tuple[int, int, int, int], float], outputs: int
) -> tuple[list[int] | None, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Which channel each output is a multiple of, and the factors; None where some are more than that."""
    indices: dict[int, int] = {}
    factors = np.zeros(outputs)
    for (output, index, dy, dx), weight in weights.items():
        if dy or dx or output in indices:
            return None, factors
        indices[output] = index
        factors[output] = weight
    if len(indices) < outputs:
        return None, factors
    return [indices[output] for output in range(outputs)], factors


def _convolution(
    weights: Mapping[tuple[int, int, int, int], float],
    outputs: int,
    inputs: int,
    bias: np.ndarray[tuple[int], np.dtype[np.float64]],
    border: str,
) -> Conv:
    rows, columns = [key[2] for key in weights], [key[3] for key in weights]
    top, bottom, left, right = min(0, *rows), max(0, *rows), min(0, *columns), max(0, *columns)
    kernel = np.zeros((outputs, inputs, bottom - top + 1, right - left + 1), np.float64)
    for (output, index, dy, dx), weight in weights.items():
        kernel[output, index, dy - top, dx - left] = weight
    pads = (-top, -left, bottom, right)
    mode = border if any(pads) else "zero"
    return Conv(kernel.astype(np.float32), bias.astype(np.float32), pads, mode)  # type: ignore[arg-type]


def _activation(layer: Sequence[Channel]) -> Op:
    first = layer[0]
    match first.kind:
        case "clip":
            return Relu() if first.parameters == (0.0, INF) else Clip(*first.parameters)
        case "prelu":
            return PRelu(np.array([channel.parameters[0] for channel in layer], np.float32))
        case "tanh":
            return Tanh()
        case "sqrt":
            return Sqrt()
        case "sigmoid":
            return Sigmoid()
        case "round":
            return Round()
        case kind:
            raise LiftError(f"has a channel of kind {kind}")
