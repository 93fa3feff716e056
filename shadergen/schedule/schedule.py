"""From a graph to hook passes.

A value is either materialised, which is to say kept in textures, or computed in registers within the passes that use
it. A pass gives one texture (or the plane itself): it starts from materialised values, and the nodes between them and
its result are its steps. DepthToSpace is an index in registers in a compute pass, where one invocation writes the whole
block; in a fragment pass, where an invocation is one texel of the result, it is an index into a materialised value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from shadergen.errors import TargetError
from shadergen.forms.form import Form
from shadergen.ir.graph import Graph, verify
from shadergen.kernels.choose import dispatch_of
from shadergen.kernels.kernel import Kernel, Limits
from shadergen.schedule.assign import assigned
from shadergen.schedule.binds import textures_read, values_read
from shadergen.schedule.cost import cost_of
from shadergen.schedule.demand import demanded
from shadergen.schedule.hookpass import Schedule, ScheduledPass, prefix
from shadergen.schedule.materialise import Constraints, materialised
from shadergen.schedule.rectified import signed
from shadergen.schedule.regions import region
from shadergen.schedule.section import Section, Setting
from shadergen.schedule.sequence import sequence
from shadergen.schedule.steps import ConvStep
from shadergen.storage.layout import Layout, Texture
from shadergen.target import Target


def schedule(graph: Graph, target: Target, form: Form, kernels: Sequence[Kernel], limits: Limits) -> Schedule:
    """The hook passes for a valid graph, in passes of a form, its convolutions computed by some of the kernels.

    Raises TargetError where the target cannot express it.
    """
    layouts: dict[str, Layout] = {}
    while True:
        planned = _planned(graph, target, form, kernels, limits, layouts)
        wanted = _wanted_layouts(planned)
        if wanted.keys() <= layouts.keys():
            return planned
        layouts = wanted | layouts


def _wanted_layouts(planned: Schedule) -> dict[str, Layout]:
    """The layouts that plans ask for; of several for a value, the first pass's. They then hold for all that read it."""
    wanted: dict[str, Layout] = {}
    for scheduled in planned.passes:
        for step in scheduled.every_step():
            if isinstance(step, ConvStep) and step.plan.layout and step.source != planned.graph.input:
                wanted.setdefault(step.source, step.plan.layout)
    return wanted


def _planned(
    graph: Graph,
    target: Target,
    form: Form,
    kernels: Sequence[Kernel],
    limits: Limits,
    layouts: dict[str, Layout],
) -> Schedule:
    """The passes, where some values have a layout of their own."""
    types = verify(graph)
    start = prefix(graph, target)
    tables = any(kernel.weights == "texture" for kernel in kernels)
    usual = form.layout(target)
    once = signed(graph, types) if form.joins_packs and not tables else frozenset()
    own = {name: replace(usual, signed=types[name].packs <= 2 * usual.packs_per_texture) for name in once} | layouts
    textures = {
        node.name: own.get(node.name, usual).textures(f"{start}_{node.name}", node.name, types[node.name])
        for node in graph.nodes
    }
    given = Constraints(graph, types, textures, form, int(tables), limits.binds, limits.heuristics)
    roots = materialised(given)
    textures = {name: found for name, found in textures.items() if name in roots and name != graph.output}
    setting = Setting(graph, target, form, tuple(kernels), limits, types, textures, layouts, roots | {graph.input})
    passes = tuple(found for node in graph.nodes if node.name in roots for found in _passes(setting, node.name))
    return Schedule(graph, target, types, textures, passes)


def _passes(setting: Setting, root: str) -> Iterator[ScheduledPass]:
    """The passes that give the materialised value `root`, one per texture."""
    targets: tuple[Texture | None, ...] = setting.textures.get(root, (None,))
    for number, texture in enumerate(targets):
        yield _pass(setting, root, texture, (number, len(targets)))


def _pass(setting: Setting, root: str, writes: Texture | None, part: tuple[int, int]) -> ScheduledPass:
    found = _with(setting, root, writes, part)
    return replace(found, otherwise=(_with(_without(setting, found), root, writes, part),)) if found.switch else found


def _without(setting: Setting, found: ScheduledPass) -> Setting:
    """The setting for what runs where a pass is switched off: without that kernel, and with all layouts as they are."""
    steps = [step for step in found.every_step() if isinstance(step, ConvStep)]
    off = {step.plan.kernel for step in steps if step.plan.resources.switch}
    usual = setting.form.layout(setting.target)
    layouts = {value: setting.layouts.get(value, usual) for value in setting.textures}
    return replace(setting, kernels=tuple(k for k in setting.kernels if k.name not in off), layouts=layouts)


def _with(setting: Setting, root: str, writes: Texture | None, part: tuple[int, int]) -> ScheduledPass:
    section = _section(setting, root, writes)
    plans, any_pack = assigned(section)
    steps, block_steps = sequence(section, plans)
    reads, binds = values_read(section), textures_read(section, plans)
    found = ScheduledPass(
        root=root,
        nodes=section.nodes,
        form=setting.form.of(writes),
        writes=writes,
        part=part,
        reads=reads,
        binds=binds,
        steps=steps,
        block_steps=block_steps,
        shuffle=section.shuffle,
        dispatch=dispatch_of(tuple(plans.values())),
        any_pack=any_pack,
        cost=cost_of((*steps, *block_steps), setting.graph.input in reads, binds, setting.types, root, writes),
    )
    bound = found.textures_bound()
    if bound > setting.limits.binds:
        where = f"{setting.graph.name}: pass for {root!r}"
        raise TargetError(where, f"found {bound} textures to bind, expected at most {setting.limits.binds}")
    return found


def _section(setting: Setting, root: str, writes: Texture | None) -> Section:
    """The nodes of the pass that gives a texture of a value, or the plane. One of its packs may not need all."""
    nodes = region(setting.graph, root, setting.stored, setting.limits.heuristics)
    packs = range(writes.first, writes.first + writes.packs) if writes else range(setting.types[root].packs)
    demand = demanded(nodes, root, packs, setting.types, setting.form)
    return Section(setting, root, writes, tuple(node for node in nodes if node.name in demand), demand)
