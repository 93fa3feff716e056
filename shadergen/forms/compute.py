"""A compute pass: an invocation computes a few neighbouring pixels with all packs of the result.

Each texel and each weight that it reads is used several times, so texels come straight from the texture, without shared
memory and its barriers. DepthToSpace is an index in registers: one invocation writes the whole block. Needs OpenGL 4.3,
Vulkan or Direct3D 11.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from shadergen.forms.form import Body, Filling, Form, Result
from shadergen.glsl.addressing import RESULT
from shadergen.glsl.index import Index
from shadergen.glsl.pixels import Pixel, moved
from shadergen.glsl.spelling import Statement
from shadergen.hookfile import Compute as Directive
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Pair
from shadergen.storage.layout import Layout, Texture
from shadergen.target import TableFormat, Target


@dataclass(frozen=True)
class Output:
    """Texels that are stored together: all that come of one of the invocation's pixels, or of one of the result's."""

    at: str
    """The position that the variable `at` has: of the first texel or, where there are steps or alpha, of the pixel."""
    steps: tuple[str, ...]
    stores: tuple[tuple[str, str], ...]
    """Positions, from `at` or instead of it, and texels."""


@dataclass(frozen=True)
class ComputeView:
    """What `compute.glsl.j2` lays out."""

    extensions: tuple[str, ...]
    functions: str
    filling: Filling | None
    pixels: Pair
    area: Pair | None
    """How many invocations of a workgroup lie side by side, (width, height), where its threads are divided: each part
    computes another pack."""
    packs: int
    """How many packs a loop computes, some after the other; 1 where each has code of its own."""
    packs_at_once: int
    packs_of_part: int
    """How many packs a part computes, in a loop if that is not at once."""
    loop: str
    """What stands in front of the loop."""
    spare: int
    """Threads that have no pixels of their own: they do what the last one does that has."""
    before: tuple[str, ...]
    steps: tuple[str, ...]
    inside: tuple[Statement, ...]
    """For each pixel of the result whether it is one, where what lies behind them is to be zero."""
    outputs: tuple[Output, ...]
    passes_alpha: bool
    size: str


class Compute:
    """Compute passes, in which an invocation gives whole pixels."""

    template: ClassVar[str] = "compute.glsl.j2"
    workgroups: ClassVar[bool] = True
    shuffles: ClassVar[bool] = True
    joins_packs: ClassVar[bool] = True
    overhangs: ClassVar[bool] = True
    tables: ClassVar[TableFormat] = "rgba32f"

    def layout(self, target: Target) -> Layout:
        return Layout(target.max_packs_per_texture)

    def can_store(self, layout: Layout) -> bool:
        return not layout.planar

    def of(self, writes: Texture | None) -> Form:
        return self

    def blocks(self, heuristics: Heuristics) -> tuple[Pair, ...]:
        return heuristics.blocks

    def dispatch(self, pixels: Pair, threads: Pair, area: Pair, writes: Texture | None) -> Directive:
        columns, rows = (writes.columns, writes.rows) if writes else (1, 1)
        return Directive((area[0] * pixels[0] * columns, area[1] * pixels[1] * rows), threads)

    def view(self, body: Body) -> ComputeView:
        last = body.at.pixels[-1]
        area = body.dispatch.area
        divided = body.dispatch.parts > 1
        inside = tuple(_inside(body))
        return ComputeView(
            extensions=body.extensions,
            functions=body.functions,
            filling=body.filling,
            pixels=(last.x + 1, last.y + 1),
            area=area if area != body.dispatch.workgroup else None,
            packs=body.writes.packs if body.writes and body.at.any_pack and not divided else 1,
            packs_at_once=body.dispatch.packs,
            packs_of_part=_packs_of_part(body),
            loop=body.dispatch.loop,
            spare=body.dispatch.spare,
            before=body.before,
            steps=body.steps,
            inside=inside,
            outputs=tuple(_outputs(body, [name for name, _ in inside])),
            passes_alpha=body.passes_alpha,
            size=body.size,
        )


def _packs_of_part(body: Body) -> int:
    return body.writes.packs // body.dispatch.parts if body.writes and body.at.any_pack else 1


def _inside(body: Body) -> Iterator[Statement]:
    """For each pixel of the result, in a texture with a zero edge, whether it lies inside."""
    if body.writes and body.writes.zero_edge:
        for pixel in body.at.pixels:
            for place in range(body.shuffle**2):
                at = moved(pixel.times((body.shuffle, body.shuffle)), *_place(place, body.shuffle))
                name = body.at.names.fresh(f"inside{pixel.letter}{place or ''}")
                yield name, f"all(lessThan({at}, {body.size}))"


def _outputs(body: Body, inside: Sequence[str]) -> Iterator[Output]:
    count = body.shuffle**2
    for number, pixel in enumerate(body.at.pixels):
        results = body.results[number * count : (number + 1) * count]
        if inside:
            results = tuple(map(_zero_outside, results, inside[number * count :]))
        if any(result.steps for result in results) or body.passes_alpha:
            for place, result in enumerate(results):
                x, y = _place(place, body.shuffle)
                at = moved(pixel.times((body.shuffle, body.shuffle)), x, y)
                cells = _scaled("at", _grid(body))
                stores = ((moved(cells, *cell), texel) for cell, texel in _cells(body, result))
                yield Output(at, result.steps, tuple(stores))
        else:
            yield _output(body, pixel, results)


def _zero_outside(result: Result, inside: str) -> Result:
    return replace(result, texels=tuple(f"padded({texel}, {inside})" for texel in result.texels))


def _output(body: Body, pixel: Pixel, results: Sequence[Result]) -> Output:
    """All texels that come of one of the invocation's pixels, which need nothing but their places."""
    columns, rows = _grid(body)
    first = pixel.times((body.shuffle * columns, body.shuffle * rows))
    stores = []
    for place, result in enumerate(results):
        x, y = _place(place, body.shuffle)
        for (column, row), texel in _cells(body, result):
            stores.append((Index.number(x * columns).plus(column), Index.number(y * rows).plus(row), texel))
    if len(stores) == 1:
        ((column, row, texel),) = stores
        return Output("", (), ((moved(first, column, row), texel),))
    return Output(first, (), tuple((moved("at", column, row), texel) for column, row, texel in stores))


def _grid(body: Body) -> Pair:
    """Columns and rows of texels for each pixel of the result."""
    return (body.writes.columns, body.writes.rows) if body.writes else (1, 1)


def _cells(body: Body, result: Result) -> Iterator[tuple[tuple[Index, Index], str]]:
    """The texels of a pixel of the result, each with the column and row of its cell."""
    if body.writes is None:
        yield (Index(), Index()), result.texels[0]
    elif body.at.any_pack:
        columns = body.writes.columns
        packs, of_part = body.dispatch.packs, _packs_of_part(body)
        for number, texel in enumerate(result.texels):
            if body.dispatch.parts > 1 and of_part > packs and of_part % columns == 0:
                turn = Index.of("turn").plus(number).factor
                yield (Index.of(f"{turn} % {columns}"), Index.of(f"part / {columns} + {turn} / {columns}")), texel
            elif body.dispatch.parts > 1 and _fills_rows(packs, columns):
                first = Index.of(f"{RESULT} / {columns}")
                yield (Index.number(number % columns), first.plus(number // columns)), texel
            else:
                pack = Index.of(RESULT).plus(number).factor
                yield (Index.of(f"{pack} % {columns}"), Index.of(f"{pack} / {columns}")), texel
    else:
        for number, texel in enumerate(result.texels):
            column, row = body.writes.cell(body.writes.first + number)
            yield (Index.number(column), Index.number(row)), texel


def _fills_rows(packs: int, columns: int) -> bool:
    """Whether the packs of a part are several whole rows of cells: then the cells' columns are known."""
    return packs > columns and packs % columns == 0


def _place(number: int, block: int) -> Pair:
    """Column and row in a block of the pixel with that number, row by row."""
    return number % block, number // block


def _scaled(at: str, grid: Pair) -> str:
    return at if grid == (1, 1) else f"{at} * ivec2({grid[0]}, {grid[1]})"
