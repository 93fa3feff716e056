"""A Rim: what it adds to the pixels near the borders, from a table, in loops that the others do not enter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadergen.emit.steps import rim
from shadergen.glsl.index import Index
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import Statement
from shadergen.schedule.steps import RimStep
from shadergen.storage.layout import LANES, PACK
from shadergen.wgsl.numbers import FULL
from shadergen.wgsl.places import Places, vec2i

LOCALS = ("edge", "i", "p", "term", "taps", "row", "tap", "q", "pack", "column", "s")
"""What the template calls things within its block."""


@dataclass(frozen=True)
class RimView:
    """What `rim.wgsl.j2` lays out."""

    node: str
    registers: tuple[Statement, ...]
    """Of every pack and pixel, each with what it begins with."""
    edge: str
    """The size of the source."""
    first: str
    """The column and row from which on no term begins to count, from the left and the top."""
    last: str
    """The same from the right and the bottom."""
    beyond: str
    """From the thread's first pixel to its last."""
    width: int
    """Of the thread's pixels, which there are `pixels` of."""
    pixels: int
    terms: int
    term: str
    """Where a term's row of the table begins in the buffer."""
    tap: str
    """The same of a tap's."""
    sums: tuple[Statement, ...]
    """Each with its bias."""
    packs: int
    matrices: int
    """Columns of the table from a pack of the source to the next."""
    texel: str
    products: tuple[Statement, ...]
    """Sums, each with what a pack of the source gives."""
    assignments: tuple[tuple[Statement, ...], ...]
    """For each pixel its registers, each with the sum that is added to it."""


def write(step: RimStep, pixels: Sequence[Pixel], at: Places) -> RimView:
    """The step, from the table of the hook file's."""
    lanes, places = min(PACK, at.lane_count(step.source)), at.places(step.packs)
    texels = rim.texels(step, lanes)
    table = at.table(texels)
    registers = [[at.register(step.node, place.pack, pixel) for place in places] for pixel in pixels]
    begins = [
        [at.register(step.onto, place.pack, pixel) if step.onto else "vec4f(0.0)" for place in places]
        for pixel in pixels
    ]
    local = at.names.block(*LOCALS)
    sums = [local.named(f"sum{place.pack}") for place in places]
    first, last = rim.reach(step.op)

    def product(number: Index) -> str:
        column = Index.of("column").plus(number.times(lanes))
        columns = [f"{FULL}[{column.plus(lane)}]" for lane in range(lanes)]
        matrix = columns[0] if lanes == 1 else f"full{lanes}x4({', '.join(columns)})"
        return f"{matrix} * s"

    return RimView(
        node=step.node,
        registers=tuple(
            pair for names, values in zip(registers, begins, strict=True) for pair in zip(names, values, strict=True)
        ),
        edge=at.size(step.source),
        first=vec2i(first),
        last=vec2i(last),
        beyond=vec2i((pixels[-1].x, pixels[-1].y)),
        width=pixels[-1].x + 1,
        pixels=len(pixels),
        terms=len(step.op.terms),
        term=str(table.row(Index.of("term"))),
        tap=str(table.row(Index.of("tap"))),
        sums=tuple(
            (sum_, f"{FULL}[{Index.of('row').plus(1).plus(place.number)}]")
            for place, sum_ in zip(places, sums, strict=True)
        ),
        matrices=len(step.packs) * lanes,
        packs=at.types[step.source].packs,
        texel=at.texel(step.source, "q", "pack") + ("" if lanes == PACK else f".{LANES[:lanes]}"),
        products=tuple((sum_, product(place.number)) for place, sum_ in zip(places, sums, strict=True)),
        assignments=tuple(tuple(zip(names, sums, strict=True)) for names in registers),
    )
