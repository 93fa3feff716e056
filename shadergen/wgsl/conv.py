"""A convolution, in loops over the source's packs and the rows of taps, from weights in the buffer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from shadergen.glsl import tables
from shadergen.glsl.addressing import Place
from shadergen.glsl.index import Index
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.spelling import Statement
from shadergen.ir.ops import Array, Conv
from shadergen.schedule.steps import ConvStep
from shadergen.storage.layout import LANES, PACK
from shadergen.wgsl.numbers import FULL, HALF, Table
from shadergen.wgsl.places import PIXEL, Places, vec2i

LOCALS = ("columns", "rows", "corner", "edge", "pack", "ky", "at")
"""What the template calls things within its block."""


@dataclass(frozen=True)
class Product:
    """A pack of the result: its weights for a row of taps, and what its sums get."""

    at: str
    """Where the row's weights begin in the buffer."""
    weights: tuple[Statement, ...]
    sums: tuple[Statement, ...]


@dataclass(frozen=True)
class ConvView:
    """What `conv.wgsl.j2` lays out."""

    title: str
    sums: tuple[Statement, ...]
    """Each with the bias that it begins with."""
    corner: str
    """Where the window begins."""
    edge: str
    """The size of the source."""
    packs: int
    rows: int
    columns: tuple[Statement, ...]
    """The window's columns, once for all rows."""
    texels: tuple[Statement, ...]
    """Those of a row of taps, with their own rows."""
    products: tuple[Product, ...]


def write(step: ConvStep, pixels: Sequence[Pixel], places: Places, source_is_input: bool) -> ConvView:
    """The step. What reads the graph's input has it, and its weights, in 32 bits."""
    op, packs, lanes = step.plan.task.op, step.packs, min(PACK, places.lane_count(step.source))
    table = places.table(_texels(op, packs, lanes))
    own = places.places(packs)
    names = {place.pack: [places.register(step.node, place.pack, pixel) for pixel in pixels] for place in own}
    local = places.names.block(*LOCALS)
    sources, (out, _, kh, kw) = places.types[step.source].packs, op.weight.shape
    kind = "full" if source_is_input else "half"
    columns = sorted({pixel.x * op.strides[1] + kx * op.dilations[1] for pixel in pixels for kx in range(kw)})
    rows = sorted({pixel.y * op.strides[0] for pixel in pixels})
    column = {offset: local.fresh(f"x{offset}") for offset in columns}
    texel = {(row, offset): local.fresh(f"t{row}_{offset}") for row in rows for offset in columns}
    swizzle = "" if lanes == PACK else f".{LANES[:lanes]}"

    def texels() -> Iterator[Statement]:
        for row in rows:
            down = Index.of("corner.y").plus(Index.of("ky").times(op.dilations[0])).plus(row)
            y = local.fresh(f"y{row}")
            yield y, _inside(op, str(down), "edge.y")
            for offset in columns:
                at = f"vec2i({column[offset]}, {y})"
                yield texel[row, offset], f"{kind}4({places.texel(step.source, at, 'pack')}){swizzle}"

    def product(place: Place) -> Product:
        weights = [local.fresh(f"w{place.pack}_{kx}") for kx in range(kw)]
        first = table.row(place.number.times(sources).plus(Index.of("pack"))).plus(1)
        at = f"{first.plus(Index.of('ky').times(kw * lanes))}"
        return Product(at, tuple(zip(weights, _matrices(kind, kw, lanes), strict=True)), tuple(sums(place, weights)))

    def sums(place: Place, weights: Sequence[str]) -> Iterator[Statement]:
        for name, pixel in zip(names[place.pack], pixels, strict=True):
            taps = enumerate(weights)
            row, left = pixel.y * op.strides[0], pixel.x * op.strides[1]
            yield name, " + ".join(f"{weight} * {texel[row, left + kx * op.dilations[1]]}" for kx, weight in taps)

    return ConvView(
        title=f"{step.node}: {kw}x{kh}, {places.types[step.source].channels} to {out} channels",
        sums=tuple(_biases(own, names, table, sources)),
        corner=_corner(op),
        edge=places.size(step.source),
        packs=sources,
        rows=kh,
        columns=tuple(
            (name, _inside(op, f"{Index.of('corner.x').plus(offset)}", "edge.x")) for offset, name in column.items()
        ),
        texels=tuple(texels()),
        products=tuple(product(place) for place in own),
    )


def _corner(op: Conv) -> str:
    """Where the window of the thread's first pixel begins."""
    scaled = PIXEL if op.strides == (1, 1) else f"{PIXEL} * {vec2i(op.strides[::-1])}"
    return f"{scaled} - {vec2i((op.pads[1], op.pads[0]))}" if op.pads[0] or op.pads[1] else scaled


def _texels(op: Conv, packs: Sequence[int], lanes: int) -> Array:
    """A row for each result and source pack: a bias (in the first of a result pack), then matrices tap by tap.

    The same as the tables of `kernels/looped.py`, so that a page has them once.
    """
    matrices = tables.columns(op.weight, lanes)[list(packs)]
    results, sources, kh, kw = matrices.shape[:4]
    biases = np.zeros((results, sources, 1, PACK), np.float32)
    biases[:, 0, 0] = tables.packs(op.bias)[list(packs)]
    texels = np.concatenate([biases, matrices.reshape(results, sources, kh * kw * lanes, PACK)], axis=2)
    return texels.reshape(results * sources, -1, PACK)


def _biases(places: Sequence[Place], names: dict[int, list[str]], table: Table, sources: int) -> Iterator[Statement]:
    """What the sums begin with: the bias, which is read once for all pixels."""
    for place in places:
        first, *others = names[place.pack]
        yield first, table.fetch(0, place.number.times(sources))
        yield from ((name, first) for name in others)


def _inside(op: Conv, at: str, size: str) -> str:
    """A column or row of the source, as the padding continues it; of zeros there is one behind the last."""
    match op.pad_mode:
        case "zero":
            return f"or_edge({at}, {size})"
        case "edge":
            return f"clamp({at}, 0, {size} - 1)"
        case "reflect":
            return f"mirror({at}, {size} - 1)"


def _matrices(kind: str, taps: int, lanes: int) -> Iterator[str]:
    """The weights of every tap of a row: a matrix of as many columns as the texels have lanes; of one, a vector."""
    buffer = FULL if kind == "full" else HALF
    for tap in range(taps):
        columns = [f"{buffer}[{Index.of('at').plus(tap * lanes + lane)}]" for lane in range(lanes)]
        yield columns[0] if lanes == 1 else f"{kind}{lanes}x4({', '.join(columns)})"
