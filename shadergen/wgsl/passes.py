"""A schedule's passes in WGSL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

from shadergen.emit.templates import render
from shadergen.glsl.addressing import RESULT, Names
from shadergen.glsl.names import identifier
from shadergen.glsl.pixels import Pixel, pixels
from shadergen.ir.names import Namer
from shadergen.kernels.kernel import View
from shadergen.schedule.hookpass import Schedule, ScheduledPass
from shadergen.schedule.steps import (
    ConvStep,
    DepthToSpaceStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    SpaceToDepthStep,
    Step,
)
from shadergen.wgsl import conv, registers, rim, sample
from shadergen.wgsl.numbers import Numbers, Sizes
from shadergen.wgsl.places import PIXEL, Places
from shadergen.wgsl.program import WORKGROUP, ComputePass, Program, Value, size_of

TAKEN = (
    *("numbers", "weights", "sizes", "stored", "extent", "store", "or_edge", "mirror", "is_at", "floor_of", "linear"),
    *("cubic", "inside_only", "erf", "main", "id", "size", "at", PIXEL, RESULT),
)
"""Names of the templates. Those of textures and registers end in a word that neither WGSL's own nor these do."""

MOST_SUMS = 24
"""vec4f of sums that a thread has at most where it computes several packs of any: more packs read each texel more
rarely, and take more registers."""


@dataclass(frozen=True)
class HeadView:
    """What `head.wgsl.j2` lays out: text without variables."""


@dataclass(frozen=True)
class Output:
    """A pixel of the result."""

    at: str
    steps: tuple[str, ...]
    """What it alone needs, above a shuffle."""
    stores: tuple[tuple[str, str], ...]
    """Layers, each with what is stored there."""


@dataclass(frozen=True)
class PassView:
    """What `pass.wgsl.j2` lays out."""

    textures: tuple[tuple[int, str], ...]
    """Bindings with their names."""
    workgroup: tuple[int, int]
    block: tuple[int, int]
    """Pixels of a thread, in front of the shuffle."""
    together: int
    """How many packs of the result a thread computes, where the code is for any; else 0."""
    shuffle: int
    steps: tuple[str, ...]
    outputs: tuple[Output, ...]


def write(planned: Schedule) -> Program:
    """The passes of a schedule in compute passes, whose convolutions have one pixel's dispatch in common, as the looped
    kernel's have."""
    graph, numbers, sizes = planned.graph, Numbers(), Sizes()
    passes = tuple(_pass(planned, scheduled, numbers, sizes) for scheduled in planned.passes)
    return Program(
        plane=graph.plane,
        input=graph.input,
        output=graph.output,
        values=tuple(_value(planned, name) for name in (graph.input, *planned.textures, graph.output)),
        sizes=tuple((size_of(width), size_of(height)) for width, height in sizes.pairs),
        head=render("wgsl/head.wgsl.j2", HeadView()),
        passes=passes,
        tables=tuple(numbers.tables),
    )


def _value(planned: Schedule, name: str) -> Value:
    type_ = planned.types[name]
    return Value(name, type_.packs, size_of(type_.width), size_of(type_.height))


def _pass(planned: Schedule, scheduled: ScheduledPass, numbers: Numbers, sizes: Sizes) -> ComputePass:
    together = _together(scheduled)
    reads = tuple(dict.fromkeys(scheduled.reads))
    namer = Namer(TAKEN)
    places = Places(
        names=Names(namer),
        textures={name: namer.fresh(f"{identifier(name)}_texels") for name in reads},
        pixels=pixels(scheduled.pixels),
        types=planned.types,
        root=scheduled.root,
        shuffle=scheduled.shuffle,
        together=together,
        numbers=numbers,
        sizes=sizes,
    )
    steps = tuple(_step(planned, step, places.pixels, places) for step in scheduled.steps)
    view = PassView(
        textures=tuple((4 + number, name) for number, name in enumerate(places.textures.values())),
        workgroup=WORKGROUP,
        block=scheduled.pixels,
        together=together,
        shuffle=scheduled.shuffle,
        steps=steps,
        outputs=tuple(_outputs(planned, scheduled, places)),
    )
    width, height = (side * scheduled.shuffle for side in scheduled.pixels)
    packs = planned.types[scheduled.root].packs
    layers = packs // together if together else 1
    return ComputePass(scheduled.root, reads, (width, height), layers, render("wgsl/pass.wgsl.j2", view))


def _together(scheduled: ScheduledPass) -> int:
    """How many packs a thread computes, where the code is for any of them: a divisor of their number."""
    if not scheduled.any_pack or scheduled.writes is None:
        return 0
    sums = sum(step.plan.resources.sums for step in scheduled.steps if isinstance(step, ConvStep))
    packs = scheduled.writes.packs
    return max(number for number in (1, 2, 3, 4) if packs % number == 0 and (number == 1 or number * sums <= MOST_SUMS))


def _outputs(planned: Schedule, scheduled: ScheduledPass, places: Places) -> Iterator[Output]:
    packs = range(planned.types[scheduled.root].packs)
    for pixel in places.pixels:
        for number in range(scheduled.shuffle**2):
            own = places.at_block(number)
            steps = tuple(_step(planned, step, (pixel,), own) for step in scheduled.block_steps)
            stores = (
                (own.layer(place), own.register(scheduled.root, place.pack, pixel)) for place in own.places(packs)
            )
            yield Output(own.at(pixel), steps, tuple(stores))


def _step(planned: Schedule, step: Step, pixels: Sequence[Pixel], places: Places) -> str:
    template, view = _view(planned, step, pixels, places)
    return render(f"wgsl/{template}.wgsl.j2", view)


def _view(planned: Schedule, step: Step, pixels: Sequence[Pixel], places: Places) -> tuple[str, View]:
    match step:
        case ConvStep():
            return "conv", conv.write(step, pixels, places, step.source == planned.graph.input)
        case RimStep():
            return "rim", rim.write(step, pixels, places)
        case ReadStep():
            return "registers", registers.read(step, pixels, places)
        case SpaceToDepthStep():
            return "registers", registers.space_to_depth(step, pixels, places)
        case PointwiseStep():
            return "registers", registers.pointwise(step, pixels, places)
        case LaneStep():
            return "registers", registers.lanes(step, pixels, places)
        case SampleStep():
            view = sample.write(step, pixels, places)
            return sample.TEMPLATES[type(view)], view
        case DepthToSpaceStep():
            raise AssertionError("compute passes have it in registers")
        case _:
            assert_never(step)
