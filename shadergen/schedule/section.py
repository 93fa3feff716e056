"""What is known while a schedule is made: of all of its passes, and of the one that is being made."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.forms.form import Form
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import DepthToSpace
from shadergen.ir.types import TensorType
from shadergen.kernels.kernel import Kernel, Limits
from shadergen.schedule.demand import Demand
from shadergen.schedule.regions import shuffles
from shadergen.storage.layout import Layout, Texture, channels_of
from shadergen.target import Target


@dataclass(frozen=True)
class Setting:
    """What all passes of a schedule have in common."""

    graph: Graph
    target: Target
    form: Form
    kernels: tuple[Kernel, ...]
    limits: Limits
    types: dict[str, TensorType]
    textures: dict[str, tuple[Texture, ...]]
    """By materialised value."""
    layouts: dict[str, Layout]
    """Of values that a plan wants in a layout of its own."""
    stored: frozenset[str]
    """The materialised values and the graph's input."""


@dataclass(frozen=True)
class Section:
    """The part of the graph that one pass computes."""

    setting: Setting
    root: str
    """The value that it gives."""
    writes: Texture | None
    """None for the plane itself."""
    nodes: tuple[Node, ...]
    """In the graph's order."""
    demand: Demand
    """By value in registers, the packs that are wanted of it."""

    @property
    def computed(self) -> frozenset[str]:
        """The values that its nodes give."""
        return frozenset(node.name for node in self.nodes)

    @property
    def shuffle(self) -> int:
        """The block of the DepthToSpace in registers, which all of the pass's have; 1 where it has none."""
        blocks = {node.op.block for node in shuffles(self.nodes) if isinstance(node.op, DepthToSpace)}
        return max(blocks, default=1) if self.setting.form.shuffles else 1

    def channels(self, node: Node, pack: int) -> range:
        """The channels in a pack of a node's value."""
        return channels_of(pack, self.setting.types[node.name].channels)
