"""Which values are materialised: kept in textures, instead of computed in registers within the passes that use them.

Values that a neighbourhood is read from (the input of a convolution) must be; so must a convolution that two passes
would otherwise both compute, unless computing it again is cheaper than reading it back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shadergen.forms.form import Form
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Binary, Concat, Conv, DepthToSpace, Gather, Rim, Slice, SpaceToDepth
from shadergen.ir.types import Area, TensorType
from shadergen.kernels.blocked import live_packs
from shadergen.kernels.heuristics import Heuristics
from shadergen.schedule.hookpass import INPUT_BINDS
from shadergen.schedule.regions import before_shuffles, is_recomputed, region, shuffles
from shadergen.schedule.steps import Neighbourhood, Sampling, sources
from shadergen.storage.layout import Texture


@dataclass(frozen=True)
class Constraints:
    """What decides which values must be in textures."""

    graph: Graph
    types: dict[str, TensorType]
    textures: dict[str, tuple[Texture, ...]]
    """Of every value of the graph, were it materialised."""
    form: Form
    tables_per_conv: int
    """TEXTURE blocks that a convolution may bind for its weights."""
    max_binds: int
    heuristics: Heuristics

    def region(self, root: str, stored: set[str]) -> tuple[Node, ...]:
        """The nodes that the pass for `root` computes."""
        return region(self.graph, root, stored, self.heuristics)


def materialised(given: Constraints) -> frozenset[str]:
    """The nodes whose value is kept in textures; the graph's output counts as one."""
    stored = _read_elsewhere(given)
    while True:
        more = next(_not_in_registers(given, stored), None) or next(_too_many_binds(given, stored), None)
        if more is None:
            return frozenset(stored)
        assert more not in stored, "each turn makes passes smaller"
        stored.add(more)


def _read_elsewhere(given: Constraints) -> set[str]:
    """What is read at other pixels than an invocation's own, or by invocations of another pack."""
    graph, types = given.graph, given.types
    stored = {graph.output}
    for node in graph.nodes:
        looked_up = isinstance(node.op, DepthToSpace) and not given.form.shuffles
        joined = isinstance(node.op, Slice | Gather | Concat) and not given.form.joins_packs
        if isinstance(node.op, Neighbourhood) or looked_up or joined:
            stored.update(sources(node))
        if isinstance(node.op, Binary):  # what counts for many pixels is not at the pixel
            stored.update(name for name in node.inputs if types[name].area != types[node.name].area)
    return stored - {graph.input}


def _not_in_registers(given: Constraints, stored: set[str]) -> Iterator[str]:
    """Values that the passes which end in `stored` cannot hold, or should not."""
    owner: dict[str, str] = {}
    for root in sorted(stored):
        nodes = given.region(root, stored)
        yield from _computed_twice(given, root, nodes, owner)
        if shuffles(nodes):
            yield from _beside_a_shuffle(given, nodes)


def _computed_twice(given: Constraints, root: str, nodes: tuple[Node, ...], owner: dict[str, str]) -> Iterator[str]:
    """What another pass, its `owner`, computes as well. Pointwise work and rims are cheaper than a round trip."""
    for node in nodes:
        costly = isinstance(node.op, Conv | SpaceToDepth | Sampling)
        recomputed = is_recomputed(given.graph, node, given.heuristics)
        if costly and not recomputed and owner.setdefault(node.name, root) != root:
            yield node.name


def _beside_a_shuffle(given: Constraints, nodes: tuple[Node, ...]) -> Iterator[str]:
    """What keeps a pass from having one DepthToSpace, or several that do the same.

    Below the shuffle an invocation has one pixel, above it a block of them: both cannot be convolved in one pass, and
    blocks of different sizes, or at different sizes of the picture, would each want invocations of their own.
    """
    below = before_shuffles(nodes)
    for node in nodes:
        if isinstance(node.op, Neighbourhood) and node.name not in below:
            yield node.name
        if isinstance(node.op, DepthToSpace) and node.name in below:
            yield node.name
    if given.form.shuffles:
        largest = max(shuffles(nodes), key=_block)
        for node in shuffles(nodes):
            if (_block(node), _area(given, node)) != (_block(largest), _area(given, largest)):
                yield node.name


def _block(node: Node) -> int:
    assert isinstance(node.op, DepthToSpace)
    return node.op.block


def _area(given: Constraints, node: Node) -> Area:
    return given.types[node.inputs[0]].area


def _too_many_binds(given: Constraints, stored: set[str]) -> Iterator[str]:
    """A value that parts a pass which would bind too many textures: what it computes before they are too many."""
    for root in sorted(stored):
        bound: set[Texture] = set()
        tables, before = 0, None
        for node in given.region(root, stored):
            bound.update(_bound(given, node, stored))
            tables += isinstance(node.op, Rim) + given.tables_per_conv * isinstance(node.op, Conv)
            if len(bound) + tables + INPUT_BINDS > given.max_binds and before:
                yield before
            if node.name != root and node.name not in stored:
                before = node.name


def _bound(given: Constraints, node: Node, stored: set[str]) -> Iterator[Texture]:
    """The textures that a node reads."""
    for name in sources(node):
        if name in stored:
            live = live_packs(node.op) if isinstance(node.op, Conv) else None
            for texture in given.textures[name]:
                if live is None or any(texture.holds(pack) for pack in live):
                    yield texture
