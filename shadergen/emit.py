"""A schedule and the templates give a hook file.

Python decides names, numbers and expressions; the templates in templates/ lay out the GLSL around them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from shadergen import __version__, glsl
from shadergen.errors import TargetError
from shadergen.glsl import FP16, FP32, LANES, Types
from shadergen.graph import Conv, Graph, Node, Plane
from shadergen.hookfile import Compute, HookFile, HookPass, Rpn
from shadergen.packing import lanes
from shadergen.schedule import (
    ConvStep,
    GatherStep,
    LaneStep,
    PointwiseStep,
    ReadStep,
    ScatterStep,
    Schedule,
    ScheduledPass,
    Step,
)

HOOKS: dict[Plane, str] = {"luma": "LUMA", "chroma": "CHROMA", "rgb": "MAIN"}

Term = tuple[str, str, list[tuple[str, str]]]
"""Of a tap: the texel's expression, the swizzle of its live lanes, and each sum with its matrix."""

CHROMA_GUARD = "HOOKED.w 1.2 * LUMA.w < HOOKED.h 1.2 * LUMA.h < *"
"""True for 4:2:0, odd sizes included, and false for 4:4:4 and 4:2:2; bounds, since odd sizes break equality."""


def emit(schedule: Schedule) -> HookFile:
    """The hook file of a schedule."""
    header = _environment().get_template("header.txt.j2").render(_header(schedule))
    passes = [_Emitter(schedule, scheduled).emit() for scheduled in schedule.passes]
    if schedule.graph.plane == "chroma":
        passes = [*_chroma_passes(schedule), *passes]
    return HookFile(header, tuple(passes))


@cache
def _environment() -> jinja2.Environment:
    package = Path(__file__).parent
    folders = [package / "templates", package.parent / "templates"]  # in the wheel, in a checkout
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
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
        "licence": graph.record.licence or "not stated",
        "sha256": graph.record.sha256 or "none (the graph was not read from a file)",
        "version": __version__,
        "passes": len(schedule.passes),
        "macs": float(schedule.cost().macs),
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


class _Emitter:
    """Writes one scheduled pass."""

    def __init__(self, schedule: Schedule, scheduled: ScheduledPass) -> None:
        self.schedule = schedule
        self.graph: Graph = schedule.graph
        self.target = schedule.target
        self.scheduled = scheduled

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
            binds=self._binds(),
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

    def _binds(self) -> tuple[str, ...]:
        names = [texture.name for texture in self.scheduled.binds]
        if self._reads_input():
            names.insert(0, "HOOKED")
            if self.graph.plane == "chroma":
                names.insert(1, "LUMA")
        return tuple(names)

    def _reads_input(self) -> bool:
        return self.graph.input in self.scheduled.reads or self._passes_alpha()

    def _passes_alpha(self) -> bool:
        return self.graph.plane == "rgb" and self.scheduled.writes is None

    def _size(self, axis: str) -> Rpn:
        """The result's size from HOOKED's, which has the size of the graph's input."""
        type_ = self.schedule.types[self.scheduled.root]
        extent = type_.width if axis == "w" else type_.height
        writes = self.scheduled.writes
        texels = 1 if writes is None else writes.columns if axis == "w" else writes.rows
        scale = extent.scale if extent.offset else extent.scale * texels
        words = [f"HOOKED.{axis}"]
        words += [str(scale.numerator), "*"] if scale.numerator != 1 else []
        words += [str(scale.denominator), "/"] if scale.denominator != 1 else []
        if extent.offset:
            words += [str(abs(extent.offset)), "+" if extent.offset > 0 else "-"]
            words += [str(texels), "*"] if texels != 1 else []
        return Rpn.parse(" ".join(words))

    def _compute(self) -> Compute | None:
        if self.target.stage == "fragment":
            return None
        width, height = self.target.workgroup
        writes, block = self.scheduled.writes, self.scheduled.block
        columns, rows = (writes.columns, writes.rows) if writes else (1, 1)
        return Compute((width * block * columns, height * block * rows), (width, height))

    # Body

    def _view(self) -> dict[str, Any]:
        """What the templates see."""
        scheduled = self.scheduled
        width, height = self.target.workgroup
        steps = [self._step(step) for step in scheduled.steps]
        return {
            "fp16": any(step["kind"] == "conv" and step["fp16"] for step in steps),
            "plane": self.graph.plane,
            "reads_input": self.graph.input in scheduled.reads,
            "passes_alpha": self._passes_alpha(),
            "reflects": any(step["kind"] == "conv" and "mirror" in step["padding"] for step in steps),
            "threads": (width, height),
            "steps": steps,
            "block": scheduled.block,
            "blocks": [self._block(index) for index in range(scheduled.block**2)],
            "anchor": self._anchor(),
            "size": self._pixels_of(self.scheduled.root),
            "columns": scheduled.writes.columns if scheduled.writes else 1,
            "rows": scheduled.writes.rows if scheduled.writes else 1,
        }

    def _block(self, index: int) -> dict[str, Any]:
        """The steps for one pixel of the invocation's block, and what it stores."""
        block = self.scheduled.block
        return {
            "x": index % block,
            "y": index // block,
            "steps": [self._step(step, index) for step in self.scheduled.block_steps],
            "stores": self._stores(),
        }

    def _stores(self) -> list[dict[str, Any]]:
        """The result's texels of one pixel: cell in the tile, and value."""
        writes, root = self.scheduled.writes, self.scheduled.root
        if writes:
            packs = range(writes.first, writes.first + writes.packs)
            return [{"cell": writes.cell(pack), "value": f"{root}_{pack}"} for pack in packs]
        rest = {"luma": ".x, 0.0, 0.0, 1.0", "chroma": ".xy, 0.0, 1.0", "rgb": ".xyz, alpha"}[self.graph.plane]
        return [{"cell": (0, 0), "value": f"vec4({root}_0{rest})"}]

    def _anchor(self) -> str:
        """A bound texture whose position says which pixel a fragment is; HOOKED's may be moved by OFFSET ALIGN."""
        return self.scheduled.binds[0].name if self.scheduled.binds else "HOOKED"

    def _pixels_of(self, value: str) -> str:
        """The size of a value, in pixels, as a GLSL expression of a texture that the pass binds."""
        wanted = self.schedule.types[value]
        if self._binds()[0] == "HOOKED":
            base, type_ = "ivec2(HOOKED_size)", self.graph.input_type
        else:
            texture = self.scheduled.binds[0]
            tile = f" / ivec2({texture.columns}, {texture.rows})" if texture.texels() > 1 else ""
            base, type_ = f"ivec2({texture.name}_size){tile}", texture.type
        ratio = wanted.width.scale / type_.width.scale
        extra_x = wanted.width.offset - type_.width.offset * ratio
        extra_y = wanted.height.offset - type_.height.offset * ratio
        base += f" * {ratio.numerator}" if ratio.numerator != 1 else ""
        base += f" / {ratio.denominator}" if ratio.denominator != 1 else ""
        return f"{base} + ivec2({extra_x}, {extra_y})" if extra_x or extra_y else base

    def _step(self, step: Step, index: int = 0) -> dict[str, Any]:
        match step:
            case ConvStep():
                return self._conv(step)
            case ReadStep(node, packs):
                at = self._inside("block_pixel" if step in self.scheduled.block_steps else "pixel", node)
                lines = [(f"{node}_{pack}", self._widened(node, pack, at)) for pack in packs]
                return {"kind": "lines", "title": f"{node} at this pixel", "lines": lines}
            case GatherStep():
                return self._gather(step)
            case ScatterStep():
                return self._scatter(step)
            case PointwiseStep(node, op, inputs, packs):
                lines = []
                for pack in packs:
                    operands = [f"{operand}_{pack}" for operand in inputs]
                    lines.append((f"{node}_{pack}", glsl.pointwise(op, operands, pack, FP32)))
                return {"kind": "lines", "title": type(op).__name__, "lines": lines}
            case LaneStep():
                return self._lanes(step, index)

    def _lanes(self, step: LaneStep, index: int) -> dict[str, Any]:
        lines = []
        for pack, sources in zip(step.packs, step.lanes, strict=True):
            offset = index if step.block > 1 else 0
            parts = [_lane(source.value, source.channel + offset) for source in sources]
            lines.append((f"{step.node}_{pack}", self._vector(parts)))
        return {"kind": "lines", "title": f"{step.node}: channels put in place", "lines": lines}

    def _gather(self, step: GatherStep) -> dict[str, Any]:
        """SpaceToDepth: the block's pixels of every source pack, then the lanes by channel and place in the block."""
        size = step.block**2
        source = step.source
        lines, channels = [], []
        for pack in step.packs:
            count = self._lane_count(step.node, pack)
            channels.append([(c // size, c % size) for c in range(4 * pack, 4 * pack + count)])
        needed = sorted({(channel // 4, place) for pack in channels for channel, place in pack})
        for source_pack, place in needed:
            at = f"pixel * {step.block} + ivec2({place % step.block}, {place // step.block})"
            at = self._inside(at, step.source)
            lines.append((f"{source}_{source_pack}_{place}", self._widened(step.source, source_pack, at)))
        for pack, wanted in zip(step.packs, channels, strict=True):
            parts = [f"{source}_{channel // 4}_{place}.{LANES[channel % 4]}" for channel, place in wanted]
            lines.append((f"{step.node}_{pack}", self._vector(parts)))
        return {"kind": "lines", "title": f"{step.node}: each block of pixels becomes channels", "lines": lines}

    def _scatter(self, step: ScatterStep) -> dict[str, Any]:
        """DepthToSpace: `place` is this pixel's in its block; channel c takes lane c * block^2 + place."""
        size = step.block**2
        needed: set[int] = set()
        picks = []
        for pack in step.packs:
            channels = range(4 * pack, 4 * pack + self._lane_count(step.node, pack))
            for channel in channels:
                needed.update(range(channel * size // 4, (channel * size + size - 1) // 4 + 1))
            parts = [_picked(step.source, channel * size, size) for channel in channels]
            picks.append((f"{step.node}_{pack}", self._vector(parts)))
        fetches = [(f"{step.source}_{pack}", self._widened(step.source, pack, "corner")) for pack in sorted(needed)]
        return {
            "kind": "scatter",
            "title": f"{step.node}: this pixel's place in the block picks the lane",
            "block": step.block,
            "lines": fetches + picks,
        }

    def _vector(self, parts: list[str]) -> str:
        """A vec4 of up to four scalar expressions, filled up with zeros."""
        return f"vec4({', '.join(parts + ['0.0'] * (4 - len(parts)))})"

    def _lane_count(self, value: str, pack: int) -> int:
        return lanes(self.schedule.types[value].channels, pack)

    def _inside(self, at: str, value: str) -> str:
        """Pixel `at` of a kept value, moved inside: the last workgroups of a compute pass reach beyond the edge."""
        return f"min({at}, {self._pixels_of(value)} - 1)" if self.target.stage == "compute" else at

    def _fetch(self, value: str, pack: int, at: str) -> str:
        """The texel of a kept value's pack at pixel `at`, as a vector of its live lanes."""
        count = self._lane_count(value, pack)
        if value == self.graph.input:
            return f"source({at})"
        texture = next(texture for texture in self.schedule.textures[value] if texture.holds(pack))
        if texture.texels() > 1:
            column, row = texture.cell(pack)
            at = f"{_group(at)} * ivec2({texture.columns}, {texture.rows}) + ivec2({column}, {row})"
        swizzle = "" if count == 4 else f".{LANES[:count]}"
        return f"texelFetch({texture.name}_raw, {at}, 0){swizzle}"

    def _widened(self, value: str, pack: int, at: str) -> str:
        """The same, filled up to a vec4."""
        count = self._lane_count(value, pack)
        fetch = self._fetch(value, pack, at)
        return fetch if count == 4 else f"vec4({fetch}{', 0.0' * (4 - count)})"

    # Convolutions

    def _products(self, step: ConvStep) -> Types:
        """The types of a convolution's tile and products. Sums, and all that is not a convolution, are fp32.

        The graph's input stays fp32 too: 10-bit video has more steps near white than fp16.
        """
        fp16 = self.target.precision == "fp16" and step.source != self.graph.input
        return FP16 if fp16 else FP32

    def _conv(self, step: ConvStep) -> dict[str, Any]:
        """A convolution's view: rounds of source packs, and for each tap and pack the matrices per output pack."""
        out, in_, kh, kw = step.op.weight.shape
        top, left, _, _ = step.op.pads
        return {
            "kind": "conv",
            "name": step.node,
            "title": f"{step.node}: {kw}x{kh} kernel, {in_} to {out} channels",
            "zero_padded": step.op.pad_mode == "zero",
            "padding": "mirror(p, edge)" if step.op.pad_mode == "reflect" else "clamp(p, ivec2(0), edge)",
            "left": left,
            "top": top,
            "source_size": self._pixels_of(step.source),
            "tile": self._tile(step),
            "fp16": self._products(step) is FP16,
            "texel": self._products(step).vec(self._lane_count(step.source, 0)),
            "tile_packs": max(len(packs) for packs in step.rounds),
            "sums": [(f"{step.node}_{pack}", self._bias(step, pack)) for pack in step.packs],
            "rounds": [self._round(step, packs) for packs in step.rounds],
        }

    def _bias(self, step: ConvStep, pack: int) -> str:
        return glsl.vector(step.op.bias[4 * pack : 4 * pack + 4], FP32)

    def _round(self, step: ConvStep, packs: tuple[int, ...]) -> dict[str, Any]:
        """The source packs that are in the tile at a time: what fills it, and the statements of each tap."""
        _, _, kh, kw = step.op.weight.shape
        top, left, _, _ = step.op.pads
        matrices = self._matrices(step, packs)
        texels = [self._texel(step, pack) for pack in packs]
        taps = []
        for ky, kx in np.ndindex(kh, kw):
            terms = []
            for i, pack in enumerate(packs):
                s = texels[i] if self.target.stage == "fragment" else self._tile_texel(step, i, kx, ky)
                terms.append((s, self._swizzle(step, pack), matrices[ky, kx, i]))
            lines = self._tap_in_halves(terms) if self._products(step) is FP16 else self._tap(terms)
            taps.append({"x": kx - left, "y": ky - top, "lines": lines})
        return {"packs": packs, "texels": texels, "taps": taps}

    def _texel(self, step: ConvStep, pack: int) -> str:
        """What the convolution reads of a source pack at pixel `q`, in the type of the source's first pack."""
        type_ = self._products(step).vec(self._lane_count(step.source, 0))
        missing = self._lane_count(step.source, 0) - self._lane_count(step.source, pack)
        texel = self._fetch(step.source, pack, "q")
        if missing or self._products(step) is FP16:
            texel = f"{type_}({texel}{', 0.0' * missing})"
        return f"inside ? {texel} : {type_}(0.0)" if step.op.pad_mode == "zero" else texel

    def _tile_texel(self, step: ConvStep, index: int, kx: int, ky: int) -> str:
        """The same from the tile: pack number `index` of the round, `kx` and `ky` from the invocation's own cell."""
        width, height = self._tile(step)
        return f"{step.node}_in[at + {(index * height + ky) * width + kx}]"

    def _tile(self, step: ConvStep) -> tuple[int, int]:
        """The workgroup's pixels and the kernel's reach."""
        width, height = self.target.workgroup
        return int(width + step.op.weight.shape[3] - 1), int(height + step.op.weight.shape[2] - 1)

    def _swizzle(self, step: ConvStep, pack: int) -> str:
        """The live lanes of a source pack, where the tile's texels have more."""
        count = self._lane_count(step.source, pack)
        return "" if count == self._lane_count(step.source, 0) else f".{LANES[:count]}"

    def _tap(self, terms: list[Term]) -> list[str]:
        """Add the products of one tap to the sums."""
        lines = []
        for s, swizzle, matrices in terms:
            lines += [f"s = {s};"] if matrices else []
            lines += [f"{name} += {matrix} * s{swizzle};" for name, matrix in matrices]
        return lines

    def _tap_in_halves(self, terms: list[Term]) -> list[str]:
        """The same in fp16: the products of one tap are summed by themselves before they reach the fp32 sums."""
        lines = []
        started: dict[str, None] = {}
        for s, swizzle, matrices in terms:
            lines += [f"s = {s};"] if matrices else []
            for name, matrix in matrices:
                lines.append(f"{name}_tap {'+=' if name in started else '='} {matrix} * s{swizzle};")
                started[name] = None
        return lines + [f"{name} += vec4({name}_tap);" for name in started]

    def _matrices(self, step: ConvStep, packs: tuple[int, ...]) -> dict[tuple[int, int, int], list[tuple[str, str]]]:
        """By tap and place of the source pack: each sum and the matrix it gets, left out where it is all zero."""
        weight, types = step.op.weight, self._products(step)
        padded = np.zeros((-(-weight.shape[0] // 4) * 4, *weight.shape[1:]), np.float32)
        padded[: weight.shape[0]] = weight
        try:
            texts = glsl.literals(padded, types)
        except ValueError as error:
            raise TargetError(f"{self.graph.name}: node {step.node!r}", str(error), "use --precision fp32") from None
        result: dict[tuple[int, int, int], list[tuple[str, str]]] = {}
        for ky, kx in np.ndindex(weight.shape[2:]):
            for i, source_pack in enumerate(packs):
                columns = slice(4 * source_pack, min(4 * source_pack + 4, weight.shape[1]))
                result[ky, kx, i] = [
                    (f"{step.node}_{pack}", glsl.matrix(texts[4 * pack : 4 * pack + 4, columns, ky, kx].T, types))
                    for pack in step.packs
                    if padded[4 * pack : 4 * pack + 4, columns, ky, kx].any()
                ]
        return result


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


def _lane(value: str, channel: int) -> str:
    return f"{value}_{channel // 4}.{LANES[channel % 4]}"


def _group(expression: str) -> str:
    return expression if expression.isidentifier() else f"({expression})"
