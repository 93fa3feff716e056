"""The statements of one function of a pass, and the places that they use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from shadergen.emit import plane
from shadergen.emit.steps import conv, lanes, pointwise, read, rim, sample, shuffle
from shadergen.emit.written import Written
from shadergen.glsl.addressing import Addressing, Names, SharedTile, divided_invocation
from shadergen.glsl.pixels import Pixel, pixels
from shadergen.glsl.sizes import Sizes
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

TILE = "tile"
"""The array in shared memory."""


def addressing(
    schedule: Schedule, computed: ScheduledPass, sizes: Sizes, functions: Names, fills: bool = False
) -> Addressing:
    """Where things are in `hook()`, or in the function that fills the tile with what another pass would have computed.

    Both know the sizes of what the pass that is written binds.
    """
    tile, dispatch = computed.filled_tile, computed.dispatch
    side_by_side = divided_invocation(dispatch.area) if dispatch.area and dispatch.parts > 1 else Addressing.invocation
    return Addressing(
        functions=functions,
        names=functions.scope(),
        pixels=pixels(computed.pixels),
        sizes=sizes,
        types=schedule.types,
        textures=schedule.textures,
        input=schedule.graph.input,
        root=computed.root,
        any_pack=computed.any_pack,
        packs_at_once=computed.dispatch.packs,
        overhangs=computed.form.overhangs,
        begins_outside=fills,
        tile=SharedTile(tile.value, TILE, tile.size, tile.margin) if tile else None,
        invocation=side_by_side,
        tables=schedule.target.tables or computed.form.tables,
    )


@dataclass(frozen=True)
class Scope:
    """One function of the pass, `hook()` or the one that fills the tile: a scheduled pass's steps and their places."""

    schedule: Schedule
    scheduled: ScheduledPass
    at: Addressing

    def written(self) -> tuple[Written, ...]:
        """The steps for all of the invocation's pixels."""
        return tuple(self._step(step, self.at.pixels, self.at, 0, above=False) for step in self.scheduled.steps)

    def above(self) -> Iterator[tuple[tuple[Written, ...], tuple[str, ...]]]:
        """For each pixel of the result, row by row within each of the invocation's, the steps above a shuffle and what
        is stored: a texel for each pack that the code has registers for."""
        for pixel in self.at.pixels:
            for place in range(self.scheduled.shuffle**2):
                at = replace(self.at, names=self.at.names.scope())
                steps = () if self._last else self.scheduled.block_steps
                written = tuple(self._step(step, (pixel,), at, place, above=True) for step in steps)
                yield written, tuple(self._texels(pixel, at, place))

    @property
    def _last(self) -> LaneStep | None:
        """The shuffle that all there is above it consists of: its lanes are stored as they are."""
        steps = self.scheduled.block_steps
        return steps[0] if len(steps) == 1 and isinstance(steps[0], LaneStep) else None

    def _texels(self, pixel: Pixel, at: Addressing, place: int) -> Iterator[str]:
        writes, facts = self.scheduled.writes, plane.PLANES[self.schedule.graph.plane]
        packs = range(writes.first, writes.first + writes.stored) if writes else (0,)
        for index, pack in enumerate(packs[: at.packs_at_once] if at.any_pack else packs):
            if self._last:
                parts = lanes.parts(self._last, index, pixel, at, place)
                yield lanes.vec4(parts) if writes else facts.texel(", ".join(parts))
            elif writes and writes.signed:
                positive, negative = (at.register(self.scheduled.root, pack + n, pixel) for n in (0, writes.stored))
                yield f"{positive} - {negative}"
            else:
                register = at.register(self.scheduled.root, pack, pixel)
                yield register if writes else facts.texel(f"{register}.{facts.lanes}")

    def _step(self, step: Step, pixels: Sequence[Pixel], at: Addressing, place: int, above: bool) -> Written:
        match step:
            case ConvStep():
                return conv.write(step, at, self.schedule.graph.name)
            case RimStep():
                return rim.write(step, pixels, at, self.schedule.prefix)
            case ReadStep():
                return read.write(step, pixels, at, above)
            case SpaceToDepthStep():
                return shuffle.write_space_to_depth(step, pixels, at)
            case DepthToSpaceStep():
                return shuffle.write_depth_to_space(step, pixels, at)
            case SampleStep():
                return sample.write(step, pixels, at)
            case PointwiseStep():
                return pointwise.write(step, pixels, at, self.schedule.prefix)
            case LaneStep():
                return lanes.write(step, pixels, at, place)
            case _:
                assert_never(step)
