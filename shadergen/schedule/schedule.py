"""From a graph to hook passes.

A value is either materialised, which is to say kept in textures, or computed in registers within the passes that use
it. A pass gives one texture (or the plane itself): it starts from materialised values, and the nodes between them and
its result are its steps. DepthToSpace is an index in registers in a compute pass, where one invocation writes the whole
block; in a fragment pass, where an invocation is one texel of the result, it is an index into a materialised value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shadergen.errors import TargetError
from shadergen.forms.form import Form
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import (
    AveragePool,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Fit,
    Gather,
    GlobalAveragePool,
    MaxPool,
    MeanOfMeans,
    Op,
    Pad,
    Pointwise,
    Resize,
    Rim,
    Slice,
    SpaceToDepth,
)
from shadergen.ir.types import TensorType
from shadergen.kernels.blocked import live_packs
from shadergen.kernels.choose import choose, price
from shadergen.kernels.kernel import Dispatch, Kernel, Limits, Plan, Source, Task
from shadergen.schedule.cost import cost_of
from shadergen.schedule.demand import Demand, demanded, moved
from shadergen.schedule.hookpass import Schedule, ScheduledPass, prefix
from shadergen.schedule.materialise import Constraints, materialised
from shadergen.schedule.regions import region, shuffles
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    Lane,
    LaneStep,
    Neighbourhood,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    Sampling,
    SpaceToDepthStep,
    Step,
    sources,
)
from shadergen.storage.layout import Layout, Texture, channels_of
from shadergen.target import Target

Item = TypeVar("Item")


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
    textures = {
        node.name: layouts.get(node.name, form.layout(target)).textures(
            f"{start}_{node.name}", node.name, types[node.name]
        )
        for node in graph.nodes
    }
    tables = any(kernel.weights == "texture" for kernel in kernels)
    given = Constraints(graph, types, textures, form, int(tables), limits.binds, limits.heuristics)
    roots = materialised(given)
    textures = {name: found for name, found in textures.items() if name in roots and name != graph.output}
    planner = _Planner(graph, target, form, tuple(kernels), limits, types, textures, layouts, roots | {graph.input})
    passes = tuple(scheduled for node in graph.nodes if node.name in roots for scheduled in planner.plan(node.name))
    return Schedule(graph, target, types, textures, passes)


@dataclass(frozen=True)
class _Planner:
    """Turns materialised values into passes; holds what every pass needs to know."""

    graph: Graph
    target: Target
    form: Form
    kernels: tuple[Kernel, ...]
    limits: Limits
    types: dict[str, TensorType]
    textures: dict[str, tuple[Texture, ...]]
    layouts: dict[str, Layout]
    stored: frozenset[str]
    """The materialised values and the graph's input."""

    def plan(self, root: str) -> Iterator[ScheduledPass]:
        """The passes that give the materialised value `root`, one per texture."""
        targets: tuple[Texture | None, ...] = self.textures.get(root, (None,))
        for number, texture in enumerate(targets):
            yield self._pass(root, texture, (number, len(targets)))

    def _pass(self, root: str, writes: Texture | None, part: tuple[int, int]) -> ScheduledPass:
        nodes = region(self.graph, root, self.stored, self.limits.heuristics)
        packs = range(writes.first, writes.first + writes.packs) if writes else range(self.types[root].packs)
        demand = demanded(nodes, root, packs, self.types, self.form)
        nodes = tuple(node for node in nodes if node.name in demand)  # these packs may not need all of them
        plans, any_pack = self._plans(nodes, demand, writes)
        steps, block_steps = self._steps(nodes, demand, root, plans)
        reads = _unique(name for node in nodes for name in sources(node) if self._is_read(node, name, nodes, demand))
        binds = self._binds(nodes, demand)
        found = ScheduledPass(
            root=root,
            nodes=nodes,
            form=self.form.of(writes),
            writes=writes,
            part=part,
            reads=reads,
            binds=binds,
            steps=steps,
            block_steps=block_steps,
            shuffle=self._shuffle(nodes),
            dispatch=next((plan.dispatch for plan in plans.values()), Dispatch()),
            any_pack=any_pack,
            cost=cost_of((*steps, *block_steps), self.graph.input in reads, binds, self.types, root, writes),
        )
        bound = found.textures_bound()
        if bound > self.limits.binds:
            where = f"{self.graph.name}: pass for {root!r}"
            raise TargetError(where, f"found {bound} textures to bind, expected at most {self.limits.binds}")
        return found

    def _shuffle(self, nodes: tuple[Node, ...]) -> int:
        """The block of the DepthToSpace in registers, which all of the pass's have; 1 where it has none."""
        blocks = {node.op.block for node in shuffles(nodes) if isinstance(node.op, DepthToSpace)}
        return max(blocks, default=1) if self.form.shuffles else 1

    # Kernels

    def _plans(self, nodes: tuple[Node, ...], demand: Demand, writes: Texture | None) -> tuple[dict[str, Plan], bool]:
        """A plan for each convolution, and whether the code is for any pack of the result."""
        convs = [node for node in nodes if isinstance(node.op, Conv)]
        able = [kernel.any_pack for kernel in self.kernels]
        uniform = self._is_uniform(nodes, writes)
        if not convs:
            return {}, uniform and all(able)
        found: list[tuple[tuple[Plan, ...], bool]] = []
        for any_pack in (True, False) if uniform and any(able) else (False,):
            tasks = [self._task(node, demand[node.name], any_pack) for node in convs]
            plans = self._preferred(tasks) or choose(tasks, self.kernels, self.limits)
            if plans and all(able):
                found = [(plans, any_pack)]  # code for any pack is shorter, and comes first
                break
            found += [(plans, any_pack)] if plans else []
        if found:
            plans, any_pack = min(found, key=lambda item: sum(price(plan, self.limits) for plan in item[0]))
            return dict(zip((node.name for node in convs), plans, strict=True)), any_pack
        names = ", ".join(kernel.name for kernel in self.kernels)
        where = f"{self.graph.name}: node {convs[0].name!r}"
        raise TargetError(where, f"found no kernel that computes it within the limits (of {names})")

    def _preferred(self, tasks: Sequence[Task]) -> tuple[Plan, ...] | None:
        """Plans of the kernel that the target names; None where it names none, or that one cannot."""
        named = [kernel for kernel in self.kernels if kernel.name == self.target.kernel]
        return choose(tasks, named, self.limits)

    def _task(self, node: Node, packs: tuple[int, ...], any_pack: bool) -> Task:
        assert isinstance(node.op, Conv)
        value = node.inputs[0]
        layout = None if value == self.graph.input else self.layouts.get(value, self.form.layout(self.target))
        source = Source(value, self.types[value], layout, value == self.graph.input or value in self.layouts)
        label = f"{prefix(self.graph, self.target)}_{node.name}"
        return Task(node.name, label, node.op, source, packs, self.types[node.name], any_pack, self.target.precision)

    def _is_uniform(self, nodes: tuple[Node, ...], writes: Texture | None) -> bool:
        """Whether the pass does the same with every pack of its result, of which there are several."""
        if writes is None or writes.packs == 1:
            return False
        computed = {node.name for node in nodes}
        for node in nodes:
            if self.types[node.name].packs != writes.type.packs:
                return False
            if isinstance(node.op, Conv | Rim | Sampling):
                continue
            if not isinstance(node.op, Pointwise):
                return False
            read = [name for name in node.inputs if name not in computed]
            if any(name == self.graph.input or self.types[name].packs != self.types[node.name].packs for name in read):
                return False
        return True

    # Steps

    def _steps(
        self, nodes: tuple[Node, ...], demand: Demand, root: str, plans: dict[str, Plan]
    ) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """The steps at the invocation's pixels, and those for each pixel that a shuffle makes of them."""
        steps: list[Step] = []
        block_steps: list[Step] = []
        computed = {node.name for node in nodes}
        read: set[str] = set()
        shuffled = self._shuffle(nodes) > 1

        def add(step: Step) -> None:
            above = shuffled and self.types[step.node].width == self.types[root].width
            (block_steps if above else steps).append(step)

        for node in nodes:
            for name in sources(node):
                if name in demand and name not in computed | read:
                    add(ReadStep(name, demand[name]))
                    read.add(name)
            add(self._step(node, demand[node.name], plans))
        return tuple(steps), tuple(block_steps)

    def _step(self, node: Node, packs: tuple[int, ...], plans: dict[str, Plan]) -> Step:
        op: Op = node.op
        match op:
            case Conv():
                return ConvStep(plans[node.name])
            case Rim():
                return RimStep(node.name, op, node.inputs[0], packs)
            case SpaceToDepth(block):
                return SpaceToDepthStep(node.name, block, node.inputs[0], packs)
            case DepthToSpace(block):
                if not self.form.shuffles:
                    return DepthToSpaceStep(node.name, block, node.inputs[0], packs)
                first = [[Lane(node.inputs[0], c * block**2) for c in self._channels(node, pack)] for pack in packs]
                return LaneStep(node.name, packs, tuple(map(tuple, first)), block)
            case Pad() | Fit() | Resize() | MaxPool() | AveragePool() | MeanOfMeans():
                return SampleStep(node.name, op, node.inputs, packs)
            case Slice() | Gather() | Concat():
                lanes = [[moved(node, c, self.types) for c in self._channels(node, pack)] for pack in packs]
                return LaneStep(node.name, packs, tuple(map(tuple, lanes)))
            case ConvTranspose() | GlobalAveragePool():
                raise AssertionError("lowered before")
            case _:
                return PointwiseStep(node.name, op, node.inputs, packs)

    def _channels(self, node: Node, pack: int) -> range:
        return channels_of(pack, self.types[node.name].channels)

    # Textures

    def _is_read(self, node: Node, name: str, nodes: tuple[Node, ...], demand: Demand) -> bool:
        """Whether `node` takes its input `name` from textures: at other pixels, or because it is not computed here."""
        looked_up = isinstance(node.op, DepthToSpace) and not self.form.shuffles
        if isinstance(node.op, Neighbourhood) or looked_up:
            return True
        return name in demand and all(name != other.name for other in nodes)

    def _binds(self, nodes: tuple[Node, ...], demand: Demand) -> tuple[Texture, ...]:
        """The textures with the packs that the pass reads, in the order of the nodes that read them."""
        binds: list[Texture] = []
        for node in nodes:
            for name in sources(node):
                if self._is_read(node, name, nodes, demand):
                    needed = self._packs_read(node, name, demand)
                    textures = self.textures.get(name, ())
                    binds += [texture for texture in textures if any(texture.holds(pack) for pack in needed)]
        return _unique(binds)

    def _packs_read(self, node: Node, name: str, demand: Demand) -> Iterable[int]:
        """The packs of its input `name` that a node reads."""
        if isinstance(node.op, Conv):
            channels = [channel for pack in demand[node.name] for channel in self._channels(node, pack)]
            return live_packs(node.op, channels)
        if isinstance(node.op, Sampling):
            return demand[node.name]
        if isinstance(node.op, Neighbourhood | DepthToSpace):
            return range(self.types[name].packs)
        return demand.get(name, ())


def _unique(items: Iterable[Item]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))
