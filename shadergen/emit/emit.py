"""A schedule and the templates give a hook file.

Python decides names, numbers and expressions; the templates in templates/ lay out the GLSL around them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import jinja2
import numpy as np

from shadergen import __version__
from shadergen.errors import TargetError
from shadergen.files import shipped
from shadergen.glsl import spelling as glsl
from shadergen.glsl import tables
from shadergen.glsl.places import Pixel, Places
from shadergen.glsl.spelling import FP16, FP32, LANES, Types
from shadergen.glsl.tables import Table
from shadergen.hookfile import Block, Compute, HookFile, HookPass, Rpn
from shadergen.ir.extent import Extent, Term, rounding
from shadergen.ir.graph import Graph, Node, Plane
from shadergen.ir.ops import Affine, Conv, Erf, Fit, Pad, PRelu
from shadergen.kernels.convolution import Convolution
from shadergen.kernels.rim import RimText
from shadergen.kernels.sampling import Sampler
from shadergen.schedule.schedule import (
    ConvStep,
    GatherStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    RimStep,
    SampleStep,
    ScatterStep,
    Schedule,
    ScheduledPass,
    Step,
    Tile,
)

HOOKS: dict[Plane, str] = {"luma": "LUMA", "chroma": "CHROMA", "rgb": "MAIN"}

MAX_RPN_WORDS = 31
"""mpv and older libplacebo read 32, the end included."""

CHROMA_GUARD = "HOOKED.w 1.2 * LUMA.w < HOOKED.h 1.2 * LUMA.h < *"
"""True for 4:2:0, odd sizes included, and false for 4:4:4 and 4:2:2; bounds, since odd sizes break equality."""


def emit(schedule: Schedule) -> HookFile:
    """The hook file of a schedule."""
    header = _environment().get_template("header.txt.j2").render(_header(schedule))
    blocks: list[Block] = list(_chroma_passes(schedule)) if schedule.graph.plane == "chroma" else []
    defined: set[str] = set()
    for scheduled in schedule.passes:
        emitter = _Emitter(schedule, scheduled)
        # Two passes may compute the same convolution.
        blocks += [table.block() for table in emitter.tables if table.name not in defined]
        blocks.append(emitter.emit())
        defined.update(table.name for table in emitter.tables)
    return HookFile(header, tuple(blocks))


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(shipped("templates")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # GLSL, not HTML
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _header(schedule: Schedule) -> dict[str, Any]:
    graph, target = schedule.graph, schedule.target
    return {
        "file": f"{graph.name}{target.suffix}.glsl",
        "name": graph.name,
        "plane": graph.plane,
        "scale": schedule.types[graph.output].width.scale,
        "stage": target.stage,
        "precision": target.precision,
        "weights": schedule.weights,
        "licence": graph.record.licence or "not stated",
        "sha256": graph.record.sha256 or "none (the graph was not read from a file)",
        "version": __version__,
        "passes": len(schedule.passes),
        "macs": float(schedule.cost().macs),
        "tiles": [(tile.value, f"{tile.bytes / 1024:.1f}") for tile in schedule.tiles()],
    }


def _when(schedule: Schedule) -> Rpn | None:
    if schedule.graph.plane == "chroma":
        return Rpn.parse(f"{_flag(schedule)}.w 1 >")
    if schedule.types[schedule.graph.output].width.scale == 1:
        return None
    factor = f"{schedule.target.when:g}"
    return Rpn.parse(f"OUTPUT.w HOOKED.w {factor} * > OUTPUT.h HOOKED.h {factor} * > *")


def _flag(schedule: Schedule) -> str:
    return f"{schedule.prefix}_is420"


def _chroma_passes(schedule: Schedule) -> list[HookPass]:
    """Two passes in front of a chroma model: remember whether to run, then bring chroma to luma's siting and size.

    The second overwrites CHROMA, so the ratio that the first looked at is gone afterwards; a texture of one or two
    texels carries the decision, since a size is all that WHEN can see. It overwrites because vo=gpu moves HOOKED_pos
    only in passes that do (mpv video.c, pass_hook). The model's last pass says ALIGN once more, which changes nothing
    in newer players; libplacebo 4.208 otherwise forgets that the plane was aligned when it is overwritten again.
    """
    environment = _environment()
    remember = HookPass(
        hooks=("CHROMA",),
        desc=f"{schedule.graph.name} is the chroma subsampled",
        binds=("HOOKED",),
        save=_flag(schedule),
        width=Rpn.parse(f"{CHROMA_GUARD} 1 +"),
        height=Rpn.parse("1"),
        components=4,
        body=environment.get_template("flag.glsl.j2").render(),
    )
    interpolate = HookPass(
        hooks=("CHROMA",),
        desc=f"{schedule.graph.name} bilinear at luma's siting",
        binds=("HOOKED",),
        width=Rpn.parse("HOOKED.w 2 *"),
        height=Rpn.parse("HOOKED.h 2 *"),
        when=_when(schedule),
        offset="ALIGN",
        components=2,
        body=environment.get_template("siting.glsl.j2").render(),
    )
    return [remember, interpolate]


def describe(nodes: Sequence[Node]) -> str:
    """What a pass computes, for its DESC: convolutions as name and shape, other operators by name."""
    words = []
    for node in nodes:
        if isinstance(node.op, Conv):
            words.append(f"{node.name} {'x'.join(str(node.op.weight.shape[i]) for i in (0, 2, 3, 1))}")
        else:
            words.append(type(node.op).__name__)
    return " + ".join(words)


def _words(extent: Extent, base: list[str], size: Extent) -> list[str] | None:
    """A size in RPN, from `base`, the words for another size; None where it does not follow from that."""
    found = extent.terms() if size == Extent() else rounding(extent, size)
    if not found:
        return None
    terms, offset = found
    words: list[str] = []
    for term in sorted(terms, key=lambda term: term.ratio < 0):
        joined = [] if not words else ["+"] if term.ratio > 0 else ["-"]
        words += [*_term(term, base), *joined]
    offset = Fraction(offset)
    if offset.denominator != 1:  # terms[0] is a fraction, too: what both are parts of is an integer
        words = [*base, *_times(terms[0].ratio * offset.denominator), *_plus(offset.numerator)]
        return words + _times(Fraction(1, offset.denominator))
    return words + _plus(offset.numerator) if words else [str(offset)]


def _term(term: Term, base: list[str]) -> list[str]:
    """Without its sign: RPN has no negative numbers."""
    words = [*base, *_times(Fraction(term.factor)), *_plus(term.shift)]
    if term.divisor > 1:
        words += [*words, str(term.divisor), "%", "-"]  # RPN cannot round down, but has the remainder
    return words + _times(term.ratio / term.divisor)


def _times(factor: Fraction) -> list[str]:
    words = [str(abs(factor.numerator)), "*"] if abs(factor.numerator) != 1 else []
    return words + ([str(factor.denominator), "/"] if factor.denominator != 1 else [])


def _plus(offset: int) -> list[str]:
    return [str(abs(offset)), "+" if offset > 0 else "-"] if offset else []


class _Emitter:
    """Writes one scheduled pass."""

    def __init__(self, schedule: Schedule, scheduled: ScheduledPass, fills_tile: bool = False) -> None:
        self.schedule = schedule
        self.graph: Graph = schedule.graph
        self.target = schedule.target
        self.scheduled = scheduled
        self.places = Places(schedule, scheduled, fills_tile)
        self.convolutions = [Convolution(step, self.places) for step in scheduled.steps if isinstance(step, ConvStep)]
        self.rims = [RimText(step, self.places) for step in scheduled.steps if isinstance(step, RimStep)]
        self.filler = _Emitter(schedule, scheduled.tile.source, fills_tile=True) if scheduled.tile else None
        if self.filler:  # its functions and tables are the pass's, too
            self.convolutions = self.filler.convolutions + self.convolutions
            self.rims = self.filler.rims + self.rims
        weights = [text.table for text in self.convolutions if text.table]
        parameters = [table for step in scheduled.steps if (table := self._parameters(step))]
        self.tables = [*weights, *parameters, *(text.table for text in self.rims)]

    def emit(self) -> HookPass:
        """The hook pass."""
        scheduled, writes = self.scheduled, self.scheduled.writes
        template = _environment().get_template(f"{self.target.stage}.glsl.j2")
        components = {"luma": 1, "chroma": 2, "rgb": None}[self.graph.plane]
        index, parts = scheduled.part
        part = f" [{index + 1}/{parts}]" if parts > 1 else ""
        return HookPass(
            hooks=(HOOKS[self.graph.plane],),
            desc=f"{self.graph.name} {describe(scheduled.nodes)}{part}",
            binds=(*self.places.binds(), *(table.name for table in self.tables)),
            save=writes.name if writes else None,
            width=self._size("w"),
            height=self._size("h"),
            when=_when(self.schedule),
            offset="ALIGN" if self.graph.plane == "chroma" and not writes else None,
            components=4 if writes else components,
            compute=self._compute(),
            body=template.render(self._view()),
        )

    # Directives

    def _size(self, axis: str) -> Rpn:
        """The result's size from HOOKED's, which has the size of the graph's input."""
        type_ = self.schedule.types[self.scheduled.root]
        extent = type_.width if axis == "w" else type_.height
        writes = self.scheduled.writes
        texels = 1 if writes is None else writes.columns if axis == "w" else writes.rows
        for base, size in self._bases(axis):
            whole = extent if extent.offset or extent.rest else extent.times(texels)
            words = _words(whole, base, size)
            if words and whole is extent and texels > 1:
                words += [str(texels), "*"]
            if words and len(words) <= MAX_RPN_WORDS:
                return Rpn.parse(" ".join(words))
        where = f"{self.graph.name}: pass for {self.scheduled.root!r}"
        raise TargetError(where, f"found size {extent}, too long for the {MAX_RPN_WORDS} words that players read")

    def _bases(self, axis: str) -> Iterator[tuple[list[str], Extent]]:
        """Sizes that are known when the pass runs, in RPN: HOOKED's, which is that of the graph's input, and others."""
        yield [f"HOOKED.{axis}"], Extent()
        for texture in self.scheduled.binds:
            texels = texture.columns if axis == "w" else texture.rows
            size = texture.type.width if axis == "w" else texture.type.height
            yield [f"{texture.name}.{axis}", *([str(texels), "/"] if texels > 1 else [])], size

    def _compute(self) -> Compute | None:
        if self.target.stage == "fragment":
            return None
        threads, writes = self._workgroup(), self.scheduled.writes
        tile = (writes.columns, writes.rows) if writes else (1, 1)
        width, height = (
            threads[axis] * self.scheduled.pixels[axis] * self.scheduled.block * tile[axis] for axis in (0, 1)
        )
        return Compute((width, height), threads)

    def _workgroup(self) -> tuple[int, int]:
        return self.scheduled.tile.workgroup if self.scheduled.tile else self.target.workgroup

    # Body

    def _view(self) -> dict[str, Any]:
        """What the templates see."""
        scheduled = self.scheduled
        convolutions = self.convolutions
        return {
            "fp16": any(convolution.types is FP16 for convolution in convolutions),
            "padded": self._padded_types(),
            "weights": [function for text in convolutions if (function := text.function())],
            "has_rim": bool(self.rims),
            "results": scheduled.results,
            "planar": bool(scheduled.writes and scheduled.writes.planar),
            "packs": scheduled.writes.packs if scheduled.writes else 1,
            "plane": self.graph.plane,
            "reads_input": self.graph.input in scheduled.reads,
            "passes_alpha": self.places.passes_alpha(),
            "reflects": any(any(c.step.op.pads) and c.step.op.pad_mode == "reflect" for c in convolutions)
            or any(isinstance(node.op, Pad | Fit) and node.op.mode == "reflect" for node in scheduled.nodes),
            "has_erf": any(isinstance(node.op, Erf) for node in scheduled.nodes),
            "tile": self._tile(scheduled.tile, self.filler) if scheduled.tile and self.filler else None,
            "pixels": scheduled.pixels,
            "steps": [self._step(step) for step in scheduled.steps],
            "outputs": [
                self._output(pixel, place) for pixel in self.places.pixels for place in range(scheduled.block**2)
            ],
            "anchor": self._anchor(),
            "size": self.places.size(self.scheduled.root),
            "columns": scheduled.writes.columns if scheduled.writes else 1,
            "rows": scheduled.writes.rows if scheduled.writes else 1,
        }

    def _tile(self, tile: Tile, filler: _Emitter) -> dict[str, Any]:
        """The pass's tile, and how the filler's steps fill it."""
        (width, height), pixels = tile.workgroup, self.scheduled.pixels
        return {
            "value": tile.value,
            "type": self._tile_types().vec(4),
            "texels": tile.packs * tile.size[0] * tile.size[1],
            "width": tile.size[0],
            "margin": tile.margin,
            "moved": (width * pixels[0], height * pixels[1]),
            "threads": width * height,
            "blocks": tile.blocks,
            "pixels": tile.source.pixels,
            "steps": [filler._step(step) for step in tile.source.steps],
            "stores": [self._tile_store(tile, filler, pixel) for pixel in filler.places.pixels],
            "size": filler.places.size(tile.value),
        }

    def _tile_types(self) -> Types:
        """In fp16 where that is the precision: a texture would have held no more."""
        return FP16 if self.target.precision == "fp16" else FP32

    def _tile_store(self, tile: Tile, filler: _Emitter, pixel: Pixel) -> dict[str, Any]:
        """One pixel of a block: where it is, and what becomes of its packs."""
        texels = []
        for pack in range(tile.packs):
            value = f"padded({filler.places.register(tile.value, pack, pixel)}, inside)"
            value = f"f16vec4({value})" if self._tile_types() is FP16 else value
            texels.append((tables.index("first", 1, tile.number(pack, pixel.y, pixel.x)), value))
        return {"at": pixel.at, "texels": texels}

    def _padded_types(self) -> list[str]:
        """Of all texels that zeros may stand for: a source's last pack may have fewer lanes than the others."""
        lanes = {4} if self.filler else set()
        lanes |= {
            self.places.lane_count(text.step.source, pack)
            for text in self.convolutions
            if any(text.step.op.pads) and text.step.op.pad_mode == "zero" and not text.tile
            for pack in range(self.schedule.types[text.step.source].packs)
        }
        return [FP32.vec(count) for count in sorted(lanes)]

    def _output(self, pixel: Pixel, place: int) -> dict[str, Any]:
        """One pixel of the result: where it is, the steps that only it needs, and its texels."""
        block = self.scheduled.block
        at = pixel.at if block == 1 else f"{pixel.times(block)} + ivec2({place % block}, {place // block})"
        return {
            "at": at,
            "steps": [self._pixel_step(step, pixel, place) for step in self.scheduled.block_steps],
            "stores": self._stores(pixel),
        }

    def _stores(self, pixel: Pixel) -> list[dict[str, Any]]:
        """The result's texels of one pixel: cell in the tile, and value."""
        writes, root = self.scheduled.writes, self.scheduled.root
        if writes:
            if self.scheduled.results > 1:
                cell = (f"result % {writes.columns}", f"result / {writes.columns}")
                return [{"cell": cell, "value": self.places.register(root, writes.first, pixel)}]
            packs = range(writes.first, writes.first + writes.packs)
            if writes.planar:
                return [{"cell": (0, 0), "value": self._chosen(root, packs, pixel)}]
            return [{"cell": writes.cell(pack), "value": self.places.register(root, pack, pixel)} for pack in packs]
        rest = {"luma": ".x, 0.0, 0.0, 1.0", "chroma": ".xy, 0.0, 1.0", "rgb": ".xyz, alpha"}[self.graph.plane]
        return [{"cell": (0, 0), "value": f"vec4({self.places.register(root, 0, pixel)}{rest})"}]

    def _chosen(self, root: str, packs: Sequence[int], pixel: Pixel) -> str:
        """The pack that the variable `result` numbers, of several in registers."""
        *others, last = (self.places.register(root, pack, pixel) for pack in packs)
        return "".join(f"result == {number} ? {name} : " for number, name in enumerate(others)) + last

    def _anchor(self) -> str:
        """A bound texture whose position says which pixel a fragment is; HOOKED's may be moved by OFFSET ALIGN."""
        return self.scheduled.binds[0].name if self.scheduled.binds else "HOOKED"

    def _step(self, step: Step) -> dict[str, Any]:
        """A step for all of the invocation's pixels."""
        if isinstance(step, ConvStep):
            return Convolution(step, self.places).view()
        if isinstance(step, RimStep):
            return RimText(step, self.places).view()
        pixels = [self._pixel_step(step, pixel, 0) for pixel in self.places.pixels]
        return pixels[0] | {"lines": [line for pixel in pixels for line in pixel["lines"]]}

    def _pixel_step(self, step: Step, pixel: Pixel, place: int) -> dict[str, Any]:
        """A step for one pixel; above a shuffle, for pixel number `place` of the block that it becomes."""
        match step:
            case ReadStep():
                title, lines = f"{step.node} at this pixel", self._read(step, pixel)
            case GatherStep():
                title, lines = f"{step.node}: each block of pixels becomes channels", self._gather(step, pixel)
            case ScatterStep():
                title = f"{step.node}: this pixel's place in the block picks the lane"
                lines = self._scatter(step, pixel)
            case SampleStep():
                title, lines = f"{step.node}: {type(step.op).__name__}", Sampler(step, self.places).lines(pixel)
            case PointwiseStep():
                title, lines = type(step.op).__name__, self._pointwise(step, pixel)
            case LaneStep():
                title, lines = f"{step.node}: channels put in place", self._lanes(step, pixel, place)
            case ConvStep() | RimStep():
                raise AssertionError("convolutions are not done pixel by pixel")
        return {"kind": "lines", "title": title, "lines": list(lines)}

    def _read(self, step: ReadStep, pixel: Pixel) -> Iterator[str]:
        at = f"{step.node}_at{pixel.letter}"
        own = "at" if step in self.scheduled.block_steps else pixel.at
        yield f"ivec2 {at} = {self.places.inside(own, step.node)};"
        for pack, _ in self.places.packs(step.packs):
            texel = self.places.own_texel(step.node, pack, f"{at}.x", f"{at}.y")
            yield f"vec4 {self.places.register(step.node, pack, pixel)} = {texel};"

    def _pointwise(self, step: PointwiseStep, pixel: Pixel) -> Iterator[str]:
        table = self._parameters(step)
        parameters = [table.fetch("result", row) for row in range(len(table.texels))] if table else []
        for pack, _ in self.places.packs(step.packs):
            operands = [self._operand(operand, step.node, pack, pixel) for operand in step.inputs]
            value = glsl.pointwise(step.op, operands, pack, FP32, parameters)
            yield f"vec4 {self.places.register(step.node, pack, pixel)} = {value};"

    def _operand(self, value: str, node: str, pack: int, pixel: Pixel) -> str:
        """A pack of an operand; the only channel of one counts for all of the result's."""
        alone = self.schedule.types[value].channels == 1 < self.schedule.types[node].channels
        return f"{self.places.register(value, 0, pixel)}.xxxx" if alone else self.places.register(value, pack, pixel)

    def _parameters(self, step: Step) -> Table | None:
        """What a pointwise operator has for each channel, a column per pack, where the code is for any pack."""
        if self.scheduled.results == 1 or not isinstance(step, PointwiseStep):
            return None
        match step.op:
            case PRelu(slope):
                rows = [slope]
            case Affine(scale, shift):
                rows = [scale, shift]
            case _:
                return None
        texels = np.stack([tables.packs(row)[list(step.packs)] for row in rows])
        return Table(self.places.table_name(step.node, step.packs), texels)

    def _lanes(self, step: LaneStep, pixel: Pixel, place: int) -> Iterator[str]:
        offset = place if step.block > 1 else 0
        for pack, sources in zip(step.packs, step.lanes, strict=True):
            parts = []
            for source in sources:
                channel = source.channel + offset
                parts.append(f"{self.places.register(source.value, channel // 4, pixel)}.{LANES[channel % 4]}")
            yield f"vec4 {self.places.register(step.node, pack, pixel)} = {_vector(parts)};"

    def _gather(self, step: GatherStep, pixel: Pixel) -> Iterator[str]:
        """SpaceToDepth: the block's pixels of every source pack, then the lanes by channel and place in the block."""
        size, source = step.block**2, step.source
        channels = []
        for pack in step.packs:
            count = self.places.lane_count(step.node, pack)
            channels.append([(c // size, c % size) for c in range(4 * pack, 4 * pack + count)])
        needed = sorted({(channel // 4, place) for pack in channels for channel, place in pack})
        for place in sorted({place for _, place in needed}):
            at = f"{pixel.times(step.block)} + ivec2({place % step.block}, {place // step.block})"
            yield f"ivec2 {source}_at_{place}{pixel.letter} = {self.places.inside(at, source)};"
        for source_pack, place in needed:
            at = f"{source}_at_{place}{pixel.letter}"
            texel = self.places.widened(source, source_pack, f"{at}.x", f"{at}.y")
            yield f"vec4 {source}_{source_pack}_{place}{pixel.letter} = {texel};"
        for pack, wanted in zip(step.packs, channels, strict=True):
            parts = [f"{source}_{c // 4}_{place}{pixel.letter}.{LANES[c % 4]}" for c, place in wanted]
            yield f"vec4 {self.places.register(step.node, pack, pixel)} = {_vector(parts)};"

    def _scatter(self, step: ScatterStep, pixel: Pixel) -> Iterator[str]:
        """DepthToSpace: `place` is this pixel's in its block; channel c takes lane c * block^2 + place."""
        size = step.block**2
        yield f"ivec2 corner = {pixel.at} / {step.block};"
        yield f"ivec2 within = {pixel.at} - corner * {step.block};"
        yield f"int place = within.y * {step.block} + within.x;"
        needed: set[int] = set()
        picks = []
        for pack in step.packs:
            channels = range(4 * pack, 4 * pack + self.places.lane_count(step.node, pack))
            for channel in channels:
                needed.update(range(channel * size // 4, (channel * size + size - 1) // 4 + 1))
            parts = [_picked(step.source, channel * size, size) for channel in channels]
            picks.append(f"vec4 {self.places.register(step.node, pack, pixel)} = {_vector(parts)};")
        for pack in sorted(needed):
            yield f"vec4 {step.source}_{pack} = {self.places.widened(step.source, pack, 'corner.x', 'corner.y')};"
        yield from picks


def _vector(parts: list[str]) -> str:
    """A vec4 of up to four scalar expressions, filled up with zeros."""
    return f"vec4({', '.join(parts + ['0.0'] * (4 - len(parts)))})"


def _picked(value: str, first: int, size: int) -> str:
    """Channel `first + place` of a value in registers, where `place` is below `size`."""
    packs = range(first // 4, (first + size - 1) // 4 + 1)
    if len(packs) == 1:
        offset = first - 4 * packs[0]
        return f"{value}_{packs[0]}[{f'{offset} + ' if offset else ''}place]"
    texel = f"{value}_{packs[-1]}"
    for pack in reversed(packs[:-1]):
        texel = f"({first} + place < {4 * pack + 4} ? {value}_{pack} : {texel})"
    return f"{texel}[({first} + place) & 3]"
