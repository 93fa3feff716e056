"""A compute pass: an invocation computes a few neighbouring pixels with all packs of the result.

Each texel and each weight that it reads is used several times, so texels come straight from the texture, without shared
memory and its barriers. DepthToSpace is an index in registers: one invocation writes the whole block. Needs OpenGL 4.3,
Vulkan or Direct3D 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from shadergen.forms.form import Body, Filling, Form
from shadergen.glsl.addressing import RESULT
from shadergen.glsl.pixels import Pixel
from shadergen.hookfile import Compute as Directive
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Pair
from shadergen.storage.layout import Layout, Texture
from shadergen.target import Target


@dataclass(frozen=True)
class Output:
    """One pixel of the result: where it is, the steps that it alone needs, and its texels."""

    at: str
    steps: tuple[str, ...]
    stores: tuple[tuple[str, str, str], ...]
    """Column and row of the cell, and the value."""


@dataclass(frozen=True)
class ComputeView:
    """What `compute.glsl.j2` lays out."""

    extensions: tuple[str, ...]
    functions: str
    filling: Filling | None
    pixels: Pair
    packs: int
    """How many packs a loop computes, one after the other; 1 where each has code of its own."""
    steps: tuple[str, ...]
    outputs: tuple[Output, ...]
    passes_alpha: bool
    size: str
    columns: int
    rows: int


class Compute:
    """The form."""

    name: ClassVar[str] = "compute"
    template: ClassVar[str] = "compute.glsl.j2"
    shuffles: ClassVar[bool] = True
    joins_packs: ClassVar[bool] = True
    overhangs: ClassVar[bool] = True

    def layout(self, target: Target) -> Layout:
        return Layout(target.max_packs_per_texture)

    def can_store(self, layout: Layout) -> bool:
        return not layout.planar

    def of(self, writes: Texture | None) -> Form:
        return self

    def blocks(self, heuristics: Heuristics) -> tuple[Pair, ...]:
        return heuristics.blocks

    def dispatch(self, pixels: Pair, workgroup: Pair, writes: Texture | None) -> Directive:
        columns, rows = (writes.columns, writes.rows) if writes else (1, 1)
        return Directive((workgroup[0] * pixels[0] * columns, workgroup[1] * pixels[1] * rows), workgroup)

    def view(self, body: Body) -> ComputeView:
        last = body.at.pixels[-1]
        columns, rows = (body.writes.columns, body.writes.rows) if body.writes else (1, 1)
        return ComputeView(
            extensions=body.extensions,
            functions=body.functions,
            filling=body.filling,
            pixels=(last.x + 1, last.y + 1),
            packs=len(body.written) if body.at.any_pack else 1,
            steps=body.steps,
            outputs=tuple(_outputs(body)),
            passes_alpha=body.passes_alpha,
            size=body.size,
            columns=columns,
            rows=rows,
        )


def _outputs(body: Body) -> Iterator[Output]:
    shuffle = body.shuffle
    steps = iter(body.block_steps)
    for pixel in body.at.pixels:
        for place in range(shuffle**2):
            moved = f" + ivec2({place % shuffle}, {place // shuffle})"
            at = pixel.at if shuffle == 1 else pixel.times(shuffle) + moved
            yield Output(at, next(steps), tuple(_stores(body, pixel)))


def _stores(body: Body, pixel: Pixel) -> Iterator[tuple[str, str, str]]:
    """The result's texels of one pixel."""
    if body.writes is None:
        yield "0", "0", body.plane(body.at.register(body.at.root, 0, pixel))
    elif body.at.any_pack:
        columns = body.writes.columns
        register = body.at.register(body.at.root, body.writes.first, pixel)
        yield f"{RESULT} % {columns}", f"{RESULT} / {columns}", register
    else:
        for pack in body.written:
            column, row = body.writes.cell(pack)
            yield str(column), str(row), body.at.register(body.at.root, pack, pixel)
