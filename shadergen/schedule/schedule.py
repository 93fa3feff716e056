"""Which work happens in which hook pass.

A value is either kept in textures, or computed in registers within the passes that use it. A pass gives one texture (or
the plane itself): it starts from the kept values, and the nodes between them and its result are its steps. Values that
a neighbourhood is read from (the input of a convolution) must be kept; so must a convolution that two passes would
otherwise both compute, unless computing it again is cheaper than reading it back. DepthToSpace is an index in registers
in a compute pass, where one invocation writes the whole block; in a fragment pass, where an invocation is one texel of
the result, it is an index into a kept value.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

import numpy as np

from shadergen.errors import TargetError
from shadergen.glsl.spelling import identifier
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import (
    Affine,
    AveragePool,
    Binary,
    Concat,
    Conv,
    DepthToSpace,
    Fit,
    Gather,
    MaxPool,
    MeanOfMeans,
    Pad,
    Pointwise,
    PRelu,
    Resize,
    Rim,
    Slice,
    SpaceToDepth,
)
from shadergen.ir.types import TensorType
from shadergen.kernels.blocking import WINOGRAD, Axis, direct
from shadergen.schedule.packing import Texture, lanes, pack_value
from shadergen.target import Target, Weights

Item = TypeVar("Item")

Sampling = Pad | Fit | Resize | MaxPool | AveragePool | MeanOfMeans
"""Operators that read their input anywhere, each channel by itself; a second input gives its size alone."""
Neighbourhood = Conv | Rim | SpaceToDepth | Sampling
"""Operators that read their input at other pixels than their own."""

BYTES_PER_TEXEL = 8
"""rgba16f, what the players store hook results in."""

RECOMPUTE_MACS = 27
"""A convolution of the graph's input with at most this many multiply-adds per channel (3x3 on RGB) is computed again
where its value is wanted at the pixel, instead of read back: 4 channels are 8 bytes, for which a GPU does a hundred
operations. It also spares the skip connection the rounding to 16 bits, a third of C4F32's error on a driver that rounds
towards zero (mean 4.8e-4 before, 3.2e-4 after, on a photograph)."""

INPUT_BINDS = 2
"""What the graph's input may take: HOOKED, and LUMA for a chroma model."""

MAX_SUMS = 32
"""vec4 registers for the sums of a compute pass. With the texels and the products' factors this stays within the 255
registers that an NVIDIA invocation has at most."""
MAX_PRODUCTS = 4096
"""Of vec4 with scalars, in a compute pass of more than one pixel: what 16384 multiply-adds take to
compile is felt. Four pixels of more than one pack may have a quarter: they make the code long for little more speed,
see bench/log.md."""
MIN_WINOGRAD_CHANNELS = 8
"""Of source and result: below, the transforms cost more than the products they save."""

# ---------------------------------------------------------------------------------------------------------------------
# What a schedule says


@dataclass(frozen=True)
class ConvStep:
    """Accumulate packs of a convolution from a kept value."""

    node: str
    op: Conv
    source: str
    sources: tuple[int, ...]
    """Packs of the source that are read: those whose weights are not all zero."""
    packs: tuple[int, ...]
    x: Axis
    y: Axis
    """How the invocation's pixels are computed from the texels around them."""

    def sums(self) -> int:
        """vec4 registers that hold the sums."""
        return len(self.packs) * self.x.sums * self.y.sums

    def texels(self) -> Fraction:
        """Texels of each pack of the source that a pixel reads; neighbours in the invocation share their windows."""
        return Fraction(len(self.x.read) * len(self.y.read), self.x.block * self.y.block)

    def products(self) -> int:
        """Products of vec4 with scalars: the length of the code, where the weights are in it."""
        channels = min(4 * len(self.sources), int(self.op.weight.shape[1]))
        return len(self.packs) * channels * len(self.x.products) * len(self.y.products)


@dataclass(frozen=True)
class RimStep:
    """Packs of a rim, from a kept value."""

    node: str
    op: Rim
    source: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class ReadStep:
    """Packs of a kept value at the invocation's own pixel."""

    node: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class GatherStep:
    """SpaceToDepth of a kept value: each pack collects the block of pixels."""

    node: str
    block: int
    source: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class ScatterStep:
    """DepthToSpace of a kept value, in a fragment pass: each lane is picked by the pixel's place in the block."""

    node: str
    block: int
    source: str
    packs: tuple[int, ...]


@dataclass(frozen=True)
class SampleStep:
    """Packs of a kept value, resampled, padded or reduced."""

    node: str
    op: Sampling
    inputs: tuple[str, ...]
    packs: tuple[int, ...]

    @property
    def source(self) -> str:
        """What is read."""
        return self.inputs[0]


@dataclass(frozen=True)
class PointwiseStep:
    """A pointwise operator on packs in registers."""

    node: str
    op: Pointwise
    inputs: tuple[str, ...]
    packs: tuple[int, ...]


@dataclass(frozen=True)
class Lane:
    """Where a lane comes from: a channel of a value in registers."""

    value: str
    channel: int


@dataclass(frozen=True)
class LaneStep:
    """Packs put together from lanes of other values in registers: Slice, Gather, Concat; in compute DepthToSpace."""

    node: str
    packs: tuple[int, ...]
    lanes: tuple[tuple[Lane, ...], ...]
    """For each pack, its live lanes. For DepthToSpace `channel` is that of the block's first pixel."""
    block: int = 1


Step = ConvStep | RimStep | ReadStep | GatherStep | ScatterStep | SampleStep | PointwiseStep | LaneStep


@dataclass(frozen=True)
class Cost:
    """What a pass does per pixel of the graph's input, offsets and borders left out."""

    macs: Fraction = Fraction(0)
    """Multiply-adds of the convolutions, as they are computed; transforms, rims and filled-up lanes not counted."""
    fetches: Fraction = Fraction(0)
    """Texture fetches."""
    bytes: Fraction = Fraction(0)
    """Traffic that no cache can avoid: every texture read once, the result written once, at 8 bytes a texel."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.macs + other.macs, self.fetches + other.fetches, self.bytes + other.bytes)


@dataclass(frozen=True)
class ScheduledPass:
    """One hook pass."""

    root: str
    """The value it gives."""
    nodes: tuple[Node, ...]
    """The graph's nodes it computes, in order."""
    writes: Texture | None
    """None for the plane itself: the graph's output."""
    part: tuple[int, int]
    """Index and number of the passes that give the same value."""
    reads: tuple[str, ...]
    """The kept values it reads."""
    binds: tuple[Texture, ...]
    """The textures of those it needs, the graph's input left out."""
    steps: tuple[Step, ...]
    """At the invocation's pixel."""
    block_steps: tuple[Step, ...]
    """After them, once for each pixel of the block, where `block` is above 1."""
    block: int
    """Each of an invocation's pixels becomes block x block pixels of the result."""
    pixels: tuple[int, int]
    """Width and height of the invocation's pixels, in front of the block."""
    results: int
    """Packs of the result that the code is written once for: a compute pass loops over them, and a fragment is one of
    them. 1 where every pack has code of its own."""
    cost: Cost
    tile: Tile | None = None
    """A value that the pass computes for itself, see `fusion`."""


@dataclass(frozen=True)
class Tile:
    """A value in the shared memory of the one pass that reads it: at the workgroup's pixels and around them."""

    source: ScheduledPass
    """The pass that would otherwise give the value: its steps fill the tile, a block of pixels at a time."""
    workgroup: tuple[int, int]
    """Threads, (width, height), of the pass that has the tile."""
    margin: tuple[int, int]
    """Pixels in the tile left of and above the workgroup's first."""
    size: tuple[int, int]
    """Width and height in pixels, whole blocks of the source's."""
    packs: int
    share: Fraction
    """Pixels computed for each that the workgroup stands for: what the halo costs."""

    @property
    def value(self) -> str:
        return self.source.root

    @property
    def blocks(self) -> tuple[int, int]:
        """The source's blocks of pixels in a row, and in a column."""
        return self.size[0] // self.source.pixels[0], self.size[1] // self.source.pixels[1]

    def number(self, pack: int, row: int, column: int) -> int:
        """The place of a texel: pack after pack, row after row."""
        return (pack * self.size[1] + row) * self.size[0] + column

    @property
    def bytes(self) -> int:
        """Of shared memory, in fp32: Direct3D 11 gives a half in shared memory the room of a float."""
        return self.size[0] * self.size[1] * self.packs * 16


@dataclass(frozen=True)
class Schedule:
    """Every hook pass of a model for a target, in order."""

    graph: Graph
    target: Target
    weights: Weights
    """Where the weights are, which may be another place than the target names."""
    types: dict[str, TensorType]
    textures: dict[str, tuple[Texture, ...]]
    """By kept value, the graph's input and output left out."""
    passes: tuple[ScheduledPass, ...]

    @property
    def prefix(self) -> str:
        """What all saved names start with; vo=gpu shares them among all files (mpv video.c, saved_img_store)."""
        return identifier(self.graph.name + self.target.suffix)

    def cost(self) -> Cost:
        """The sum over all passes."""
        return sum((scheduled.cost for scheduled in self.passes), Cost())

    def tiles(self) -> tuple[Tile, ...]:
        """What stays in shared memory instead of textures."""
        return tuple(scheduled.tile for scheduled in self.passes if scheduled.tile)

    def vram_bytes(self) -> Fraction:
        """Bytes of all results per pixel of the input; players never reuse a texture within a frame."""
        saved = [texture for textures in self.textures.values() for texture in textures]
        texels = sum((texture.type.pixels() * texture.texels() for texture in saved), Fraction(0))
        return (texels + self.types[self.graph.output].pixels()) * BYTES_PER_TEXEL


# ---------------------------------------------------------------------------------------------------------------------
# Deciding


def schedule(graph: Graph, target: Target, weights: Weights | None = None) -> Schedule:
    """The hook passes for a valid graph, with the weights where the target says or elsewhere.

    Raises TargetError where the target cannot express it.
    """
    weights = weights or target.weights
    types = verify(graph)
    planar = _is_planar(target, weights)
    prefix = identifier(graph.name + target.suffix)
    per_texture = 1 if target.stage == "fragment" and not planar else target.max_packs_per_texture
    textures = {
        node.name: pack_value(f"{prefix}_{node.name}", node.name, types[node.name], per_texture, planar)
        for node in graph.nodes
    }
    kept = _kept_values(graph, target, weights, types, textures)
    textures = {name: found for name, found in textures.items() if name in kept and name != graph.output}
    planner = _Planner(graph, target, weights, types, textures, kept)
    passes = [planner.plan(node.name) for node in graph.nodes if node.name in kept]
    found = tuple(scheduled for group in passes for scheduled in group)
    return Schedule(graph, target, weights, types, textures, found)


def _is_planar(target: Target, weights: Weights) -> bool:
    """Whether a value's packs are images side by side in a texture."""
    return target.stage == "fragment" and weights == "texture"


def _stored(weights: Weights) -> tuple[type, ...]:
    """The operators whose numbers are in a table of their own."""
    return (Rim,) if weights == "code" else (Conv, Rim)


def _sources(node: Node) -> tuple[str, ...]:
    """The inputs whose values are read; of others the size is enough."""
    return node.inputs[:1] if isinstance(node.op, Neighbourhood) else node.inputs


def _covers(operand: TensorType, result: TensorType) -> bool:
    """Whether an operand has a pixel for each of the result's."""
    return (operand.height, operand.width) == (result.height, result.width)


def _kept_values(
    graph: Graph,
    target: Target,
    weights: Weights,
    types: dict[str, TensorType],
    textures: dict[str, tuple[Texture, ...]],
) -> frozenset[str]:
    """The nodes whose value is kept in textures (the graph's output counts as one).

    Where textures are planar, a fragment is any pack of the result: one computed convolution must not become several
    packs' lanes, or every fragment would compute all of it.
    """
    planar = _is_planar(target, weights)
    kept = {graph.output}
    for node in graph.nodes:
        moves = isinstance(node.op, DepthToSpace) and target.stage == "fragment"
        moves = moves or (isinstance(node.op, Slice | Gather | Concat) and planar)
        if isinstance(node.op, Neighbourhood) or moves:
            kept.update(_sources(node))
        if isinstance(node.op, Binary):  # what counts for many pixels is not at the pixel
            kept.update(name for name in node.inputs if not _covers(types[name], types[node.name]))
    kept.discard(graph.input)
    while True:
        more = _must_be_kept(graph, kept) or _splits_binds(graph, kept, textures, _stored(weights), target.max_binds)
        if more is None:
            return frozenset(kept)
        kept.add(more)


def _must_be_kept(graph: Graph, kept: set[str]) -> str | None:
    """A value that the passes ending in `kept` cannot hold in registers, or None."""
    owner: dict[str, str] = {}
    for root in sorted(kept):
        region = _region(graph, root, kept)
        for node in region:
            # Two passes would both compute it. Pointwise work and rims are cheaper again than a texture's round trip.
            costly = isinstance(node.op, Conv | SpaceToDepth | Sampling) and not _is_recomputed(graph, node)
            if costly and owner.setdefault(node.name, root) != root:
                return node.name
        below = _before_shuffle(graph, region)
        if below is None:
            continue
        for node in region:
            # Below the shuffle an invocation has one pixel, above it a block: both cannot be convolved in one pass.
            if isinstance(node.op, Neighbourhood) and node.name not in below:
                return node.name
            if isinstance(node.op, DepthToSpace) and node.name in below:
                return node.name
    return None


def _splits_binds(
    graph: Graph, kept: set[str], textures: dict[str, tuple[Texture, ...]], stored: tuple[type, ...], max_binds: int
) -> str | None:
    """A value that parts a pass which would bind too many textures: what it computes before they are too many."""
    for root in sorted(kept):
        bound: set[Texture] = set()
        tables, before = 0, None
        for node in _region(graph, root, kept):
            bound.update(_bound(node, kept, textures))
            tables += isinstance(node.op, stored)
            if len(bound) + tables + INPUT_BINDS > max_binds and before:
                return before
            if node.name != root and node.name not in kept:
                before = node.name
    return None


def _bound(node: Node, kept: set[str], textures: dict[str, tuple[Texture, ...]]) -> Iterable[Texture]:
    """The textures that a node reads."""
    for name in _sources(node):
        if name in kept:
            live = live_packs(node.op) if isinstance(node.op, Conv) else None
            yield from (
                texture for texture in textures[name] if live is None or any(texture.holds(pack) for pack in live)
            )


def live_packs(op: Conv, channels: Sequence[int] | slice = slice(None)) -> tuple[int, ...]:
    """The source's packs that count for some result channels; one at least, so that there is something to add up."""
    used = np.flatnonzero(op.weight[channels].any(axis=(0, 2, 3)))
    return tuple(sorted({int(channel) // 4 for channel in used})) or (0,)


def _is_recomputed(graph: Graph, node: Node) -> bool:
    """Whether a pass that wants the node's value at its pixel computes it, although it may be kept."""
    if not isinstance(node.op, Conv) or node.inputs != (graph.input,):
        return False
    return node.op.plain and node.op.weight[0].size <= RECOMPUTE_MACS


def _region(graph: Graph, root: str, kept: Iterable[str]) -> tuple[Node, ...]:
    """The nodes that the pass for `root` computes: back to the kept values, in the graph's order."""
    wanted = {root}
    region = []
    for node in reversed(graph.nodes):
        if node.name in wanted and (node.name == root or node.name not in kept or _is_recomputed(graph, node)):
            region.append(node)
            # What a neighbourhood is read from comes from textures, even where it could be computed at the pixel.
            at_pixel = not isinstance(node.op, Neighbourhood)
            wanted.update(name for name in _sources(node) if at_pixel or name not in kept)
    return tuple(reversed(region))


def _before_shuffle(graph: Graph, region: tuple[Node, ...]) -> set[str] | None:
    """The region's nodes that a DepthToSpace of the region depends on, or None where it has none."""
    shuffles = [node for node in region if isinstance(node.op, DepthToSpace)]
    if not shuffles:
        return None
    before: set[str] = set()
    for node in reversed(region):
        if node in shuffles or node.name in before:
            before.update(node.inputs)
    return before & {node.name for node in region}


class _Planner:
    """Turns kept values into passes; holds what every pass needs to know."""

    def __init__(
        self,
        graph: Graph,
        target: Target,
        weights: Weights,
        types: dict[str, TensorType],
        textures: dict[str, tuple[Texture, ...]],
        kept: frozenset[str],
    ) -> None:
        self.graph = graph
        self.target = target
        self.weights = weights
        self.types = types
        self.textures = textures
        self.kept = kept | {graph.input}

    def plan(self, root: str) -> list[ScheduledPass]:
        """The passes that give the kept value `root`, one per texture."""
        targets: tuple[Texture | None, ...] = self.textures.get(root, (None,))
        return [self._pass(root, texture, (i, len(targets))) for i, texture in enumerate(targets)]

    def _pass(self, root: str, writes: Texture | None, part: tuple[int, int]) -> ScheduledPass:
        region = _region(self.graph, root, self.kept)
        packs = range(writes.first, writes.first + writes.packs) if writes else range(self.types[root].packs)
        demand = self._demand(region, root, packs)
        region = tuple(node for node in region if node.name in demand)  # these packs may not need all of them
        computed = {node.name for node in region}
        shuffles = [node.op for node in region if isinstance(node.op, DepthToSpace)]
        block = max((op.block for op in shuffles), default=1) if self.target.stage == "compute" else 1
        results = self._results(region, computed, writes)
        pixels = self._pixels(region, demand, results > 1)
        steps: list[Step] = []
        block_steps: list[Step] = []
        for node in region:
            for name in _sources(node):
                if name in demand and name not in computed and not _reads(steps + block_steps, name):
                    above = block > 1 and self.types[name].width == self.types[root].width
                    (block_steps if above else steps).append(ReadStep(name, demand[name]))
            above = block > 1 and self.types[node.name].width == self.types[root].width
            (block_steps if above else steps).append(self._step(node, demand[node.name], pixels))
        reads = _unique(
            name for node in region for name in _sources(node) if self._is_read(node, name, computed, demand)
        )
        binds = self._binds(region, demand, computed)
        result = ScheduledPass(
            root=root,
            nodes=region,
            writes=writes,
            part=part,
            reads=reads,
            binds=binds,
            steps=tuple(steps),
            block_steps=tuple(block_steps),
            block=block,
            pixels=pixels,
            results=results,
            cost=self._cost(steps, block_steps, binds, root, writes, reads),
        )
        self._check(result)
        return result

    def _is_register_shuffle(self, node: Node) -> bool:
        return isinstance(node.op, DepthToSpace) and self.target.stage == "compute"

    def _demand(self, region: tuple[Node, ...], root: str, packs: Iterable[int]) -> dict[str, tuple[int, ...]]:
        """For every value in registers the packs that are needed of it. What convolutions read is not in registers."""
        demand: dict[str, set[int]] = {root: set(packs)}
        for node in reversed(region):
            for pack in demand.get(node.name, ()):
                for lane in self._operand_lanes(node, pack):
                    demand.setdefault(lane.value, set()).add(lane.channel // 4)
        return {name: tuple(sorted(packs)) for name, packs in demand.items()}

    def _operand_lanes(self, node: Node, pack: int) -> list[Lane]:
        """What a pack of `node` needs of its operands in registers."""
        channels = range(4 * pack, 4 * pack + lanes(self.types[node.name].channels, pack))
        match node.op:
            case Conv() | Rim() | SpaceToDepth() | Pad() | Fit() | Resize() | MaxPool() | AveragePool() | MeanOfMeans():
                return []
            case DepthToSpace(block):
                if not self._is_register_shuffle(node):
                    return []
                size = block**2
                return [Lane(node.inputs[0], channel * size + i) for channel in channels for i in range(size)]
            case Slice() | Gather() | Concat():
                return [self._moved(node, channel) for channel in channels]
            case _:
                every = [(name, self.types[name].channels) for name in node.inputs]
                return [Lane(name, channel if count > 1 else 0) for name, count in every for channel in channels]

    def _moved(self, node: Node, channel: int) -> Lane:
        """Where a channel of a Slice, Gather or Concat comes from."""
        if isinstance(node.op, Gather):
            return Lane(node.inputs[0], node.op.indices[channel])
        if isinstance(node.op, Slice):
            return Lane(node.inputs[0], channel + node.op.start)
        for name in node.inputs:
            if channel < self.types[name].channels:
                return Lane(name, channel)
            channel -= self.types[name].channels
        raise AssertionError("the channel is within the type that verify gave")

    def _is_read(self, node: Node, name: str, computed: set[str], demand: dict[str, tuple[int, ...]]) -> bool:
        """Whether `node` takes its input `name` from textures: at other pixels, or because it is not computed here."""
        if isinstance(node.op, Neighbourhood) or self._is_lookup(node):
            return True
        return name in demand and name not in computed

    def _is_lookup(self, node: Node) -> bool:
        return isinstance(node.op, DepthToSpace) and not self._is_register_shuffle(node)

    def _step(self, node: Node, packs: tuple[int, ...], pixels: tuple[int, int]) -> Step:
        match node.op:
            case Conv() as op:
                return self._conv_step(node, op, packs, pixels)
            case Rim() as op:
                return RimStep(node.name, op, node.inputs[0], packs)
            case SpaceToDepth(block):
                return GatherStep(node.name, block, node.inputs[0], packs)
            case DepthToSpace(block):
                if not self._is_register_shuffle(node):
                    return ScatterStep(node.name, block, node.inputs[0], packs)
                first = [[Lane(node.inputs[0], c * block**2) for c in self._channels(node.name, p)] for p in packs]
                return LaneStep(node.name, packs, tuple(map(tuple, first)), block)
            case Pad() | Fit() | Resize() | MaxPool() | AveragePool() | MeanOfMeans() as op:
                return SampleStep(node.name, op, node.inputs, packs)
            case Slice() | Gather() | Concat():
                moved = [[self._moved(node, c) for c in self._channels(node.name, p)] for p in packs]
                return LaneStep(node.name, packs, tuple(map(tuple, moved)))
            case op:
                assert isinstance(op, Pointwise), "others are refused"
                assert isinstance(op, Pointwise), "the others are lowered"
                return PointwiseStep(node.name, op, node.inputs, packs)

    def _channels(self, name: str, pack: int) -> range:
        return range(4 * pack, 4 * pack + lanes(self.types[name].channels, pack))

    def _pixels(
        self, region: tuple[Node, ...], demand: dict[str, tuple[int, ...]], pack_by_pack: bool
    ) -> tuple[int, int]:
        """The pixels of an invocation: the most whose sums fit into the registers and whose code stays short.

        More pixels use each weight and texel more often, and make as many times more code. Measured in bench/log.md.
        """
        convs = [(node, node.op) for node in region if isinstance(node.op, Conv)]
        if self.target.stage == "fragment" or not convs or "block" in self.target.without:
            return (1, 1)
        packs = {node.name: demand[node.name][:1] if pack_by_pack else demand[node.name] for node, _ in convs}
        one_pack = all(len(numbers) == 1 for numbers in packs.values())
        for pixels in ((4, 2), (2, 2), (2, 1)):
            steps = [self._conv_step(node, op, packs[node.name], pixels) for node, op in convs]
            if sum(step.sums() for step in steps) <= MAX_SUMS and self._is_short(steps, pixels, one_pack):
                return pixels
        return (1, 1)

    def _is_short(self, steps: list[ConvStep], pixels: tuple[int, int], one_pack: bool) -> bool:
        """Whether the convolutions' code may have so many pixels. Loops over a table keep it short anyway."""
        if self.weights == "texture":
            return True
        limit = MAX_PRODUCTS if one_pack or pixels == (2, 1) else MAX_PRODUCTS // 4
        return pixels != (4, 2) and sum(step.products() for step in steps) <= limit

    def _results(self, region: tuple[Node, ...], computed: set[str], writes: Texture | None) -> int:
        """How many packs the pass's code is for, one at a time: all, where it does the same with each of them."""
        if self.weights == "code" or writes is None:
            return 1
        for node in region:
            if self.types[node.name].packs != writes.type.packs:
                return 1
            if isinstance(node.op, Conv | Rim | Sampling):
                continue
            if not isinstance(node.op, Pointwise):
                return 1
            read = [name for name in node.inputs if name not in computed]
            if any(name == self.graph.input or self.types[name].packs != self.types[node.name].packs for name in read):
                return 1
        return writes.packs

    def _conv_step(self, node: Node, op: Conv, packs: tuple[int, ...], pixels: tuple[int, int]) -> ConvStep:
        """The convolution for a block of pixels: along x as two pixels from four products where that pays."""
        kh, kw = op.weight.shape[2:]
        x = direct(pixels[0], kw, op.strides[1], op.dilations[1])
        y = direct(pixels[1], kh, op.strides[0], op.dilations[0])
        fits = x == direct(WINOGRAD.block, WINOGRAD.taps)
        wide = min(op.weight.shape[:2]) >= MIN_WINOGRAD_CHANNELS
        step = ConvStep(node.name, op, node.inputs[0], self._live(op, packs), packs, x, y)
        if fits and wide and self.weights == "code" and "winograd" not in self.target.without:
            winograd = replace(step, x=WINOGRAD)
            if winograd.sums() <= MAX_SUMS:
                return winograd
        return step

    def _live(self, op: Conv, packs: tuple[int, ...]) -> tuple[int, ...]:
        return live_packs(op, [c for pack in packs for c in range(4 * pack, min(4 * pack + 4, len(op.bias)))])

    def _binds(
        self, region: tuple[Node, ...], demand: dict[str, tuple[int, ...]], computed: set[str]
    ) -> tuple[Texture, ...]:
        """The textures with the packs that the pass reads, in the order of the nodes that read them."""
        binds: list[Texture] = []
        for node in region:
            for name in _sources(node):
                if not self._is_read(node, name, computed, demand):
                    continue
                textures = self.textures.get(name, ())
                if isinstance(node.op, Conv):
                    needed: Iterable[int] = self._live(node.op, demand[node.name])
                elif isinstance(node.op, Sampling):
                    needed = demand[node.name]
                elif isinstance(node.op, Neighbourhood | DepthToSpace):
                    needed = range(self.types[name].packs)
                else:
                    needed = demand.get(name, ())
                binds += [texture for texture in textures if any(texture.holds(pack) for pack in needed)]
        return _unique(binds)

    def _cost(
        self,
        steps: list[Step],
        block_steps: list[Step],
        binds: tuple[Texture, ...],
        root: str,
        writes: Texture | None,
        reads: tuple[str, ...],
    ) -> Cost:
        macs = fetches = Fraction(0)
        for step in steps + block_steps:
            pixels = self.types[step.node].pixels()
            match step:
                case ConvStep(node, _, source, sources, packs, x, y):
                    live = sum(lanes(self.types[node].channels, pack) for pack in packs)
                    read = sum(lanes(self.types[source].channels, pack) for pack in sources)
                    products = Fraction(len(x.products) * len(y.products), x.block * y.block)
                    macs += pixels * live * read * products
                    fetches += pixels * step.texels() * len(sources)
                case ReadStep(_, packs):
                    fetches += pixels * len(packs)
                case GatherStep(_, block, source, packs):
                    fetches += pixels * block**2 * self.types[source].packs
                case ScatterStep(_, _, source, _):
                    fetches += pixels * self.types[source].packs
                case SampleStep(_, op, _, packs):
                    fetches += pixels * len(packs) * _texels(op)
                case RimStep() | PointwiseStep() | LaneStep():
                    pass  # a rim is a vanishing part of the picture
        texels = texels_moved(self.graph.input in reads, binds, self.types[root], writes)
        return Cost(macs, fetches, texels * BYTES_PER_TEXEL)

    def _check(self, scheduled: ScheduledPass) -> None:
        where = f"{self.graph.name}: pass for {scheduled.root!r}"
        binds = textures_bound(scheduled, self.weights)
        if binds > self.target.max_binds:
            problem = f"found {binds} textures to bind, expected at most {self.target.max_binds}"
            raise TargetError(where, problem)


def _texels(op: Sampling) -> int:
    """Texels read for each pixel of the result; a mean's are a vanishing part."""
    match op:
        case MaxPool(kernel) | AveragePool(kernel):
            return kernel[0] * kernel[1]
        case Resize(to, filter):
            taps = {"nearest": 1, "linear": 2, "cubic": 4}[filter]
            return (taps if to[0] != 1 else 1) * (taps if to[1] != 1 else 1)
        case _:
            return 1


def texels_moved(reads_input: bool, binds: Iterable[Texture], result: TensorType, writes: Texture | None) -> Fraction:
    """Texels per pixel of the graph's input that a pass reads and writes at least: every texture once."""
    read = sum((texture.type.pixels() * texture.texels() for texture in binds), Fraction(reads_input))
    return read + result.pixels() * (writes.texels() if writes else 1)


def textures_bound(scheduled: ScheduledPass, weights: Weights) -> int:
    """How many textures a pass binds at most: values, tables, and those of the graph's input."""
    steps = scheduled.steps + (scheduled.tile.source.steps if scheduled.tile else ())
    tables = sum(isinstance(step, RimStep) or (isinstance(step, ConvStep) and weights == "texture") for step in steps)
    if scheduled.results > 1:
        tables += sum(isinstance(step, PointwiseStep) and isinstance(step.op, PRelu | Affine) for step in steps)
    return len(scheduled.binds) + tables + INPUT_BINDS


def _reads(steps: list[Step], name: str) -> bool:
    return any(isinstance(step, ReadStep) and step.node == name for step in steps)


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))
