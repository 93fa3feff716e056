"""What the passes of a schedule compute, in NumPy: a judge of schedules that needs no GPU and no text.

A pass reads nothing but the textures that it binds, and computes nothing but the packs that its steps name; whatever
else it would need is not a number, and so is what it then gives. That is what players do with the hook file, without
its GLSL: a schedule whose result is the reference's binds, demands, stores and shuffles what it must.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import numpy as np
import numpy.typing as npt

from shadergen.ir import reference
from shadergen.ir.ops import Conv, Op
from shadergen.kernels.kernel import Plan
from shadergen.schedule.hookpass import Schedule, ScheduledPass, Tile
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
from shadergen.storage.layout import channels_of

Array = npt.NDArray[np.float32]
Convolve = Callable[[Conv, Array, Plan], Array]
"""A convolution of (channels, height, width), as a kernel computes it."""


def evaluate(
    planned: Schedule,
    image: Array,
    store: Callable[[Array], Array] = lambda values: values,
    textures: dict[str, Array] | None = None,
    convolve: Convolve = lambda op, x, plan: reference.conv(op, x),
) -> Array:
    """The plane that the passes give for `image`, the graph's input: (channels, height, width) both.

    `store` says what becomes of values that are stored, `convolve` how convolutions are computed. `textures` gets every
    texture that a pass saves, by its name.
    """
    textures = {} if textures is None else textures
    plane: Array | None = None
    for scheduled in planned.passes:
        value = store(_Pass(planned, scheduled, image, textures, convolve).run())
        writes = scheduled.writes
        if writes is None:
            plane = value
        else:
            first, last = (
                channels_of(writes.first, len(value)),
                channels_of(writes.first + writes.packs - 1, len(value)),
            )
            textures[writes.name] = writes.pack(value[first.start : last.stop])
    assert plane is not None, "a schedule gives the plane"
    return plane


@dataclass(frozen=True)
class _Pass:
    planned: Schedule
    scheduled: ScheduledPass
    image: Array
    textures: dict[str, Array]
    """Everything that passes before this one have stored."""
    convolve: Convolve
    registers: dict[str, Array] = field(default_factory=dict)
    """Values of this pass, (channels, height, width), each at the pixels of all invocations."""

    def run(self) -> Array:
        """The value that the pass gives, not a number where it computes no pack."""
        for step in self.scheduled.steps:
            self._expect_pixels(step, 1)
            self.registers[step.node] = self._masked(step, self._result(step))
        for step in self.scheduled.block_steps:
            self._expect_pixels(step, self.scheduled.shuffle)
            self.registers[step.node] = self._masked(step, self._result(step))
        return self.registers[self.scheduled.root]

    # Sizes

    def _size(self, value: str) -> tuple[int, int]:
        type_ = self.planned.types[value]
        return type_.height.at(self.image.shape[1]), type_.width.at(self.image.shape[2])

    def _expect_pixels(self, step: Step, factor: int) -> None:
        """A step's value has a pixel for each of the invocations', or for each that a shuffle makes of it.

        Along an axis, a single pixel is the same for all.
        """
        wanted, actual = self._size(self.scheduled.root), self._size(step.node)
        area, result = (self.planned.types[value].area for value in (step.node, self.scheduled.root))
        for axis in (0, 1):
            single = actual[axis] == 1 and area[axis] != result[axis]
            fits = actual[axis] * self.scheduled.shuffle == wanted[axis] * factor
            assert fits or single, f"{step.node}: {actual}, not {wanted} times {factor}/{self.scheduled.shuffle}"

    # Textures

    def _read(self, value: str) -> Array:
        """A value in textures, not a number in channels that the pass does not bind."""
        if value == self.planned.graph.input:
            assert value in self.scheduled.reads, f"{value} is not read by the pass for {self.scheduled.root}"
            return self.image
        tile = self.scheduled.tile
        if tile and tile.value == value:
            return self._tile(tile)
        found = np.full((self.planned.types[value].channels, *self._size(value)), np.nan, np.float32)
        for texture in self.planned.textures[value]:
            if texture in self.scheduled.binds:
                channels = texture.unpack(self.textures[texture.name])
                first = channels_of(texture.first, len(found)).start
                found[first : first + len(channels)] = channels
        return found

    def _tile(self, tile: Tile) -> Array:
        """The value in shared memory. What the reader reads of it must be there for every pixel of a workgroup."""
        own = [tile.area[axis] * self.scheduled.pixels[axis] for axis in (0, 1)]
        for step in self.scheduled.steps:
            if isinstance(step, ConvStep) and step.source == tile.value:
                op = step.plan.task.op
                before = (op.pads[1], op.pads[0])
                reach = [op.weight.shape[3 - axis] - 1 - before[axis] for axis in (0, 1)]
                assert all(before[axis] <= tile.margin[axis] for axis in (0, 1))
                assert all(tile.margin[axis] + own[axis] + reach[axis] <= tile.size[axis] for axis in (0, 1))
        return _Pass(self.planned, tile.source, self.image, self.textures, self.convolve).run()

    # Steps

    def _result(self, step: Step) -> Array:
        """The step's value, of all channels."""
        match step:
            case ConvStep():
                return self._conv(step)
            case ReadStep():
                return self._read(step.node)
            case LaneStep():
                return self._lanes(step)
            case PointwiseStep(_, op, inputs):
                return _apply(op, *(self.registers[name] for name in inputs))
            case RimStep(_, op, source, _, onto):
                rim = _apply(op, self._read(source))
                return self.registers[onto] + rim if onto else rim
            case SpaceToDepthStep(_, block, source):
                return reference.space_to_depth(self._read(source), block)
            case DepthToSpaceStep(_, block, source):
                return reference.depth_to_space(self._read(source), block)
            case SampleStep(_, op, inputs):
                sizes = [np.zeros((1, *self._size(name)), np.float32) for name in inputs[1:]]
                return _apply(op, self._read(inputs[0]), *sizes)
            case _:
                assert_never(step)

    def _conv(self, step: ConvStep) -> Array:
        """The convolution of the source's packs that the plan reads; of others it must not want anything."""
        op, read = step.plan.task.op, self._read(step.source)
        source = np.zeros_like(read)
        for pack in step.plan.work.sources:
            channels = channels_of(pack, len(read))
            source[channels.start : channels.stop] = read[channels.start : channels.stop]
        rows = [channel for pack in step.packs for channel in channels_of(pack, len(op.bias))]
        wanted = Conv(op.weight[rows], op.bias[rows], op.pads, op.pad_mode, op.strides, op.dilations)
        result = np.full((len(op.bias), *self._size(step.node)), np.nan, np.float32)
        result[rows] = self.convolve(wanted, source, step.plan)
        return result

    def _lanes(self, step: LaneStep) -> Array:
        height, width = self._size(step.node)
        result = np.full((self.planned.types[step.node].channels, height, width), np.nan, np.float32)
        for pack, lanes in zip(step.packs, step.lanes, strict=True):
            for channel, lane in zip(channels_of(pack, len(result)), lanes, strict=True):
                for place in range(step.block**2):
                    rows, columns = (
                        slice(place // step.block, None, step.block),
                        slice(place % step.block, None, step.block),
                    )
                    result[channel, rows, columns] = self.registers[lane.value][lane.channel + place]
        return result

    def _masked(self, step: Step, value: Array) -> Array:
        """The value, not a number in packs that the step does not give."""
        masked = np.full_like(value, np.nan)
        for pack in step.packs:
            channels = channels_of(pack, len(value))
            masked[channels.start : channels.stop] = value[channels.start : channels.stop]
        return masked


def _apply(op: Op, *inputs: Array) -> Array:
    apply: Callable[[Op, list[Array]], Array] = reference.apply
    with np.errstate(invalid="ignore"):
        return apply(op, list(inputs))
