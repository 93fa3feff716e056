"""A kernel is one file and one template: two are written here, and models built with them, run and judged.

`taps` computes one pixel after the other, wants its source a pack to a texture, workgroups in a row, and a function of
its own. `divided` has its weights in a buffer, which only gpu-next reads, and waves that each compute another pack of
the same pixels from what they put into shared memory, in rounds with barriers. No other module knows of any of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import moderngl
import numpy as np
import pytest

from shadergen import compiler, hookfile
from shadergen.emit import emit
from shadergen.errors import TargetError
from shadergen.glsl import spelling, tables
from shadergen.glsl.addressing import Addressing, EveryPack
from shadergen.glsl.spelling import FP32
from shadergen.glsl.tables import columns, packs
from shadergen.hookfile import BufferVar, HookFile, UserBuffer, UserTexture
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Conv, Relu
from shadergen.judge.verify import verify
from shadergen.kernels import KERNELS
from shadergen.kernels.kernel import Dispatch, Function, Limits, Needs, Pair, Resources, SharedArray, Task, Work
from shadergen.lint import lint_text
from shadergen.runtime.runner import Frame, Runner
from shadergen.schedule.evaluate import evaluate
from shadergen.schedule.hookpass import Schedule
from shadergen.schedule.steps import ConvStep
from shadergen.storage.layout import Layout
from shadergen.target import Target, Weights
from tests.nets import c_model, random_conv

# ---------------------------------------------------------------------------------------------------------------------
# The kernel


@dataclass(frozen=True)
class Tap:
    """A tap's offset from the pixel, and what it adds to each register."""

    offset: Pair
    products: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TapsView:
    """What `taps.glsl.j2` lays out."""

    node: str
    size: str
    begins: tuple[tuple[str, str], ...]
    taps: tuple[Tap, ...]


@dataclass(frozen=True)
class TapsPlan:
    """One pixel, every tap a statement."""

    task: Task
    kernel: ClassVar[str] = "taps"
    template: ClassVar[str] = "taps.glsl.j2"
    growth: ClassVar[float] = 1.0
    reads_tiles: ClassVar[bool] = False
    dispatch: ClassVar[Dispatch] = Dispatch((1, 1), workgroup=(64, 1))
    layout: ClassVar[Layout] = Layout(packs_per_texture=1)

    @property
    def resources(self) -> Resources:
        return Resources(sums=len(self.task.packs), products=self.task.op.weight.size)

    @property
    def work(self) -> Work:
        area = self.task.op.weight[0, 0].size
        return Work(Fraction(area), Fraction(area), tuple(range(self.task.source.type.packs)))

    def blocks(self) -> tuple[UserTexture | UserBuffer, ...]:
        return ()

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return (Function("What the kernel calls", "vec4", at.functions.named("weighted"), "mat4 w, vec4 x", "w * x"),)

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        return ()

    def needs(self, at: Addressing) -> Needs:
        return Needs()

    def view(self, at: Addressing) -> TapsView:
        (pixel,), op = at.pixels, self.task.op
        registers = {pack: at.register(self.task.node, pack, pixel) for pack in self.task.packs}
        begins = ((name, spelling.vector(op.bias[4 * pack : 4 * pack + 4], FP32)) for pack, name in registers.items())
        taps = (
            Tap((kx - op.pads[1], ky - op.pads[0]), tuple(self._products(registers, ky, kx, at)))
            for ky, kx in np.ndindex(op.weight.shape[2:])
        )
        return TapsView(self.task.node, at.sizes.of(self.task.source.value), tuple(begins), tuple(taps))

    def _products(self, registers: dict[int, str], ky: int, kx: int, at: Addressing) -> Iterator[tuple[str, str]]:
        function = at.functions.named("weighted")
        for source in range(self.task.source.type.packs):
            texel = at.fetch(self.task.source.value, source, "p.x", "p.y")
            for pack, register in registers.items():
                matrix = np.zeros((4, 4), np.float32)
                weight = self.task.op.weight[4 * pack : 4 * pack + 4, 4 * source : 4 * source + 4, ky, kx]
                matrix[: weight.shape[1], : weight.shape[0]] = weight.T
                filled = f"vec4({texel}{', 0.0' * (4 - weight.shape[1])})"
                columns = spelling.columns(spelling.literals(matrix, FP32), FP32)
                yield register, f"{function}({tables.matrix('mat4', columns)}, {filled})"


class Taps:
    """The kernel: for convolutions of stride 1 that pad with zeros, between a few channels."""

    name: ClassVar[str] = "taps"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = False

    def plan(self, task: Task, limits: Limits) -> Iterator[TapsPlan]:
        if task.op.plain and task.op.pad_mode == "zero" and task.precision == "fp32":
            yield TapsPlan(task)


@dataclass(frozen=True)
class DividedView:
    """What `divided.glsl.j2` lays out."""

    node: str
    register: str
    bias: str
    packs: int
    """Of the source."""
    array: str
    texel: str
    weights: str


@dataclass(frozen=True)
class DividedPlan:
    """A kernel of one tap, a wave for each pack of the result."""

    task: Task
    kernel: ClassVar[str] = "divided"
    template: ClassVar[str] = "divided.glsl.j2"
    growth: ClassVar[float] = 1.0
    reads_tiles: ClassVar[bool] = False
    layout: ClassVar[Layout | None] = None

    @property
    def dispatch(self) -> Dispatch:
        return Dispatch((1, 1), workgroup=(64 * len(self.task.packs), 1), area=(8, 8))

    @property
    def resources(self) -> Resources:
        return Resources(sums=1, buffers=1, shared_bytes=64 * 16)

    @property
    def work(self) -> Work:
        packs = range(self.task.source.type.packs)
        return Work(Fraction(1, 2), Fraction(1, len(self.task.packs)), tuple(packs))

    @property
    def _buffer(self) -> str:
        return f"{self.task.label}_weights"

    def blocks(self) -> tuple[UserTexture | UserBuffer, ...]:
        numbers = np.concatenate([columns(self.task.op.weight, 4).reshape(-1, 4), packs(self.task.op.bias)])
        variable = BufferVar("vec4", self._buffer, len(numbers))
        return (UserBuffer(f"{self._buffer}_buffer", (variable,), numbers.astype("<f4").tobytes()),)

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return ()

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        return (SharedArray("A pack of the source", "vec4", at.functions.named(f"{self.task.node}_texels"), 64),)

    def needs(self, at: Addressing) -> Needs:
        return Needs()

    def view(self, at: Addressing) -> DividedView:
        (pixel,), (place,), source = at.pixels, at.places(self.task.packs), self.task.source
        (every,) = at.packs(source.value, range(source.type.packs))
        assert isinstance(every, EveryPack)
        inside = f"min(pixel, {at.sizes.of(source.value)} - 1)"
        return DividedView(
            node=self.task.node,
            register=at.register(self.task.node, place.pack, pixel),
            bias=f"{self._buffer}[{len(self.task.packs) * source.type.packs * 4} + result]",
            packs=source.type.packs,
            array=at.functions.named(f"{self.task.node}_texels"),
            texel=at.fetch_any(every.texture, f"{inside}.x", f"{inside}.y", at.cell(every.texture, "pack")),
            weights=self._buffer,
        )


class Divided:
    """The kernel: for one tap, between several packs."""

    name: ClassVar[str] = "divided"
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = True

    def plan(self, task: Task, limits: Limits) -> Iterator[DividedPlan]:
        single = task.op.weight.shape[2:] == (1, 1) and task.op.plain and not any(task.op.pads)
        if task.any_pack and single and task.source.type.packs > 1 and task.precision == "fp32":
            yield DividedPlan(task)


# ---------------------------------------------------------------------------------------------------------------------
# What others do with it

TEMPLATES = (Path(__file__).parents[1] / "cases" / "templates",)
COMPUTE = Target("compute")
MODEL = c_model(filters=6)


def plans(planned: Schedule) -> dict[str, str]:
    """Which kernel computes each convolution."""
    steps = [step for scheduled in planned.passes for step in scheduled.steps if isinstance(step, ConvStep)]
    return {step.node: step.plan.kernel for step in steps}


def built(target: Target = COMPUTE) -> HookFile:
    return compiler.compile(MODEL, target, kernels=(Taps(),), templates=TEMPLATES)


def test_it_is_chosen_where_it_is_alone() -> None:
    assert set(plans(compiler.plan(MODEL, COMPUTE, (Taps(),))).values()) == {"taps"}


def test_a_cheaper_kernel_is_chosen_where_there_is_one() -> None:
    """At one pixel the taps cost what unrolled products do, so that any number of pixels more is cheaper."""
    assert "taps" not in plans(compiler.plan(MODEL, COMPUTE, (Taps(), *KERNELS))).values()


def test_it_is_chosen_where_it_is_named() -> None:
    target = replace(COMPUTE, kernel="taps")
    assert set(plans(compiler.plan(MODEL, target, (Taps(), *KERNELS))).values()) == {"taps"}
    with pytest.raises(TargetError, match=r"^--kernel: found 'none', expected one of divided, .*, dot8 for"):
        compiler.plan(MODEL, replace(COMPUTE, kernel="none"))


def test_the_file_has_its_workgroup_its_function_and_its_source_s_layout() -> None:
    file = built()
    assert {hook_pass.compute.threads for hook_pass in file.passes if hook_pass.compute} == {(64, 1)}
    assert all("vec4 weighted(mat4 w, vec4 x)" in hook_pass.body for hook_pass in file.passes)
    saved = {hook_pass.save for hook_pass in file.passes if hook_pass.save}
    assert {"C2F6_CMP_relu1_0", "C2F6_CMP_relu1_1"} <= saved, "a pack each"


def test_its_schedule_means_the_graph() -> None:
    image = np.random.default_rng(0).random((1, 7, 9), np.float32)
    expected = reference.evaluate(MODEL, image)[MODEL.output]
    np.testing.assert_allclose(evaluate(compiler.plan(MODEL, COMPUTE, (Taps(),)), image), expected, atol=1e-5)


def test_its_file_lints() -> None:
    assert not lint_text(hookfile.format(built()))


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("target", [COMPUTE, Target()], ids=["compute", "fragment"])
def test_its_file_is_verified(target: Target) -> None:
    report = verify(MODEL, target, text=hookfile.format(built(target)), sizes=((17, 13), (1, 1), (70, 50)))
    assert report.status == "passed", [check.comparison for check in report.checks]


def divided_model() -> Graph:
    """Eight channels to eight with a kernel of one tap, between other convolutions."""
    rng = np.random.default_rng(0)

    def conv(channels: int, out: int, kernel: int) -> Conv:
        return Conv(*random_conv(rng, channels, out, kernel), (kernel // 2,) * 2 + (kernel // 2,) * 2)

    nodes = (
        Node("a", conv(1, 8, 3), ("input",)),
        Node("b", Relu(), ("a",)),
        Node("c", conv(8, 8, 1), ("b",)),
        Node("d", Relu(), ("c",)),
        Node("e", conv(8, 1, 3), ("d",)),
    )
    return Graph("divided", "luma", nodes, "e")


def test_waves_divided_among_packs(gl: moderngl.Context) -> None:
    graph = divided_model()
    planned = compiler.plan(graph, replace(COMPUTE, kernel="divided"), (Divided(), *KERNELS))
    assert plans(planned)["c"] == "divided"
    file = emit(planned, TEMPLATES)
    (block,) = [
        hook_pass.compute for hook_pass in file.passes if hook_pass.compute and hook_pass.compute.threads == (128, 1)
    ]
    assert block.block == (8 * 2, 8), "8x8 pixels of two packs side by side"
    assert "Needs vo=gpu-next" in file.header
    image = np.random.default_rng(1).random((1, 13, 17), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(evaluate(planned, image), expected, atol=1e-5)
    with Runner(gl, hookfile.parse(hookfile.format(file)), storage="rgba32f") as runner:
        shown = runner.run(Frame({"LUMA": image}), (17, 13)).planes["LUMA"]
    np.testing.assert_allclose(shown, expected, atol=1e-4)


def test_a_kernel_that_needs_buffers_must_be_named() -> None:
    assert "divided" not in plans(compiler.plan(divided_model(), COMPUTE, (Divided(), *KERNELS))).values()


def test_a_pass_binds_what_its_plans_read() -> None:
    """All packs of the source, though the weights of one are zero."""
    graph = divided_model()
    node = graph.node("c")
    assert isinstance(node.op, Conv)
    weight = node.op.weight.copy()
    weight[:, 4:] = 0
    half = replace(node, op=replace(node.op, weight=weight))
    graph = replace(graph, nodes=tuple(half if other.name == "c" else other for other in graph.nodes))
    planned = compiler.plan(graph, COMPUTE, (Taps(),))
    image = np.random.default_rng(1).random((1, 5, 7), np.float32)
    np.testing.assert_allclose(evaluate(planned, image), reference.evaluate(graph, image)[graph.output], atol=1e-5)
    assert not lint_text(hookfile.format(emit(planned, TEMPLATES)))


def test_a_fragment_pass_has_no_parts_of_workgroups() -> None:
    planned = compiler.plan(divided_model(), Target(kernel="divided"), (Divided(), *KERNELS))
    assert "divided" not in plans(planned).values()
