"""A PRelu that is spelled in other operators, as networks of TensorFlow 1 have it: relu(x) + alpha * (x - |x|) / 2.

What is computed of one value alone, by operators without a shift that bend at zero at most, is that value times one
number where it is above zero, and times another below. With the first 1 everywhere it is a PRelu.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Add, Affine, Array, LeakyRelu, PRelu, Relu, Sub
from shadergen.passes.dead import remove_dead


@dataclass(frozen=True, eq=False)
class Kink:
    """A value that is `above` * x where x >= 0 and `below` * x elsewhere, a number a channel or one for all."""

    of: str
    """The value x."""
    above: Array
    below: Array

    def bent(self, slope: Array) -> Kink:
        """A PRelu with a slope, of this."""
        above, below = (np.where(at >= 0, at, slope * at) for at in (self.above, -self.below))
        return replace(self, above=above, below=-below)

    def scaled(self, factor: Array) -> Kink:
        return replace(self, above=self.above * factor, below=self.below * factor)

    def plus(self, other: Kink) -> Kink:
        return replace(self, above=self.above + other.above, below=self.below + other.below)


ONE = np.ones(1, np.float32)


def unspelled(graph: Graph) -> Graph:
    """The graph with one PRelu for each sum that means one. What only the sum read is left out."""
    kinks: dict[str, Kink] = {graph.input: Kink(graph.input, ONE, ONE)}
    nodes: list[Node] = []
    for node in graph.nodes:
        kink = _kink(node, [kinks[name] for name in node.inputs])
        if kink and isinstance(node.op, Add | Sub) and (kink.above == 1).all() and kink.below.size > 1:
            node = Node(node.name, PRelu(kink.below.astype(np.float32)), (kink.of,))
        kinks[node.name] = kink or Kink(node.name, ONE, ONE)
        nodes.append(node)
    return remove_dead(replace(graph, nodes=tuple(nodes)))


def _kink(node: Node, inputs: list[Kink]) -> Kink | None:
    """What a node makes of kinks of one value; None for anything else."""
    if len({kink.of for kink in inputs}) != 1:
        return None
    match node.op, inputs:
        case Relu(), [x]:
            return x.bent(0 * ONE)
        case LeakyRelu(alpha), [x]:
            return x.bent(alpha * ONE)
        case PRelu(slope), [x]:
            return x.bent(slope)
        case Affine(scale, shift), [x] if not shift.any():
            return x.scaled(scale)
        case Add(), [a, b]:
            return a.plus(b)
        case Sub(), [a, b]:
            return a.plus(b.scaled(-ONE))
    return None
