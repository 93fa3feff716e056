"""What a pass reads, and which textures it binds for that."""

from __future__ import annotations

from collections.abc import Iterable

from shadergen.ir.graph import Node
from shadergen.ir.ops import Conv, DepthToSpace
from shadergen.kernels.kernel import Plan
from shadergen.schedule.section import Section
from shadergen.schedule.steps import Neighbourhood, Sampling, sources
from shadergen.storage.layout import Texture


def values_read(section: Section) -> tuple[str, ...]:
    """The materialised values that a pass reads, in the order of the nodes that read them."""
    read = (name for node in section.nodes for name in sources(node) if _is_read(section, node, name))
    return tuple(dict.fromkeys(read))


def textures_read(section: Section, plans: dict[str, Plan]) -> tuple[Texture, ...]:
    """The textures with the packs that a pass reads, in the order of the nodes that read them."""
    binds: dict[Texture, None] = {}
    for node in section.nodes:
        for name in sources(node):
            if _is_read(section, node, name):
                needed = _packs_read(section, node, name, plans)
                textures = section.setting.textures.get(name, ())
                binds |= {texture: None for texture in textures if any(texture.holds(pack) for pack in needed)}
    return tuple(binds)


def _is_read(section: Section, node: Node, name: str) -> bool:
    """Whether `node` takes its input `name` from textures: at other pixels, or because it is not computed here."""
    looked_up = isinstance(node.op, DepthToSpace) and not section.setting.form.shuffles
    if isinstance(node.op, Neighbourhood) or looked_up:
        return True
    return name in section.demand and name not in section.computed


def _packs_read(section: Section, node: Node, name: str, plans: dict[str, Plan]) -> Iterable[int]:
    """The packs of its input `name` that a node reads."""
    if isinstance(node.op, Conv):
        return plans[node.name].work.sources
    if isinstance(node.op, Sampling):
        return section.demand[node.name]
    if isinstance(node.op, Neighbourhood | DepthToSpace):
        return range(section.setting.types[name].packs)
    return section.demand.get(name, ())
