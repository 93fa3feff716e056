"""Which kernel computes which convolution of a pass, and whether for any pack of the result."""

from __future__ import annotations

from shadergen.errors import TargetError
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Clip, Conv, Pointwise, Rim, Round
from shadergen.kernels.choose import choose, preferring, total
from shadergen.kernels.kernel import Plan, Source, Task
from shadergen.schedule.hookpass import prefix
from shadergen.schedule.section import Section
from shadergen.schedule.steps import Sampling, sources

Assignment = tuple[dict[str, Plan], bool]
"""A plan for each convolution by its node, and whether the pass's code is for any pack of the result."""


def assigned(section: Section) -> Assignment:
    """The plans of a pass. Raises TargetError where no kernel can within the limits."""
    setting = section.setting
    convs = [node for node in section.nodes if isinstance(node.op, Conv)]
    able = [kernel.any_pack for kernel in setting.kernels]
    uniform = _is_uniform(section)
    if not convs:
        return {}, uniform and all(able)
    cost = preferring(setting.target.kernel)
    found: list[tuple[tuple[Plan, ...], bool]] = []
    for any_pack in (True, False) if uniform and any(able) else (False,):
        tasks = [_task(section, node, any_pack) for node in convs]
        plans = choose(tasks, setting.kernels, setting.limits, cost)
        found += [(plans, any_pack)] if plans else []
        if found and all(able):
            break  # code for any pack is shorter, and comes first
    if not found:
        names = ", ".join(kernel.name for kernel in setting.kernels)
        where = f"{setting.graph.name}: node {convs[0].name!r}"
        raise TargetError(where, f"found no kernel that computes it within the limits (of {names})")
    plans, any_pack = min(found, key=lambda item: total(item[0], setting.limits, cost))
    return dict(zip((node.name for node in convs), plans, strict=True)), any_pack


def _task(section: Section, node: Node, any_pack: bool) -> Task:
    assert isinstance(node.op, Conv)
    setting, packs = section.setting, section.demand[node.name]
    value = node.inputs[0]
    given = value == setting.graph.input
    layout = None if given else setting.layouts.get(value, setting.form.layout(setting.target))
    settled = given or value in setting.layouts
    source = Source(value, setting.types[value], layout, settled, _whole(setting.graph, value))
    label = f"{prefix(setting.graph, setting.target)}_{node.name}"
    type_, precision = setting.types[node.name], setting.target.precision
    tables = setting.target.tables or setting.form.tables
    half_input = setting.limits.heuristics.half_input and section.writes is not None
    return Task(node.name, label, node.op, source, packs, type_, any_pack, precision, tables, half_input)


def _whole(graph: Graph, value: str) -> tuple[int, int] | None:
    """Between which whole numbers a value is that was rounded and then cut off, as a quantised network's are."""
    ops = {node.name: node.op for node in graph.nodes}
    clip = ops.get(value)
    if not isinstance(clip, Clip) or not isinstance(ops.get(graph.node(value).inputs[0]), Round):
        return None
    limits = (clip.minimum, clip.maximum)
    return (int(limits[0]), int(limits[1])) if all(map(float.is_integer, map(float, limits))) else None


def _is_uniform(section: Section) -> bool:
    """Whether the pass does the same with every pack of its result, of which there are several."""
    if section.writes is None or section.writes.packs == 1:
        return False
    packs = section.writes.type.packs
    return all(_is_alike_for_all_packs(section, node, packs) for node in section.nodes)


def _is_alike_for_all_packs(section: Section, node: Node, packs: int) -> bool:
    """Whether a node gives each pack of its value, of which there are `packs`, from the same pack of its operands."""
    types = section.setting.types
    if types[node.name].packs != packs:
        return False
    if isinstance(node.op, Conv | Rim):
        return True  # they read all packs of their source
    read = [name for name in sources(node) if name not in section.computed]
    return isinstance(node.op, Pointwise | Sampling) and all(_is_divided_alike(section, name) for name in read)


def _is_divided_alike(section: Section, value: str) -> bool:
    """Whether the packs of a value are divided into textures as those of the pass's result are."""
    textures = section.setting.textures
    if value not in textures:
        return False  # the graph's input
    own, result = ([(texture.first, texture.packs) for texture in textures[name]] for name in (value, section.root))
    return own == result
