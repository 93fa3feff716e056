"""Where things are within one hook pass: registers, texels, sizes, as GLSL expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadergen.glsl import tables
from shadergen.ir.extent import Extent, Term
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Fit
from shadergen.ir.types import TensorType
from shadergen.schedule.packing import LANES, Texture, lanes
from shadergen.schedule.schedule import Schedule, ScheduledPass, Tile

PIXEL_LETTERS = "abcdefghijklmnop"


@dataclass(frozen=True)
class Pixel:
    """One of an invocation's pixels."""

    letter: str
    """What its registers' names end with; empty where there is only one."""
    x: int
    y: int
    """From the invocation's first pixel."""

    @property
    def at(self) -> str:
        """Its position."""
        return f"pixel + ivec2({self.x}, {self.y})" if self.x or self.y else "pixel"

    def times(self, factor: int) -> str:
        """Its position times a factor."""
        return f"({self.at}) * {factor}" if self.x or self.y else f"pixel * {factor}"


@dataclass(frozen=True)
class Places:
    """Names and expressions for what one scheduled pass uses."""

    schedule: Schedule
    scheduled: ScheduledPass
    fills_tile: bool = False
    """Whether the pass fills another one's tile, so that its pixels may lie outside of the image."""

    @property
    def graph(self) -> Graph:
        return self.schedule.graph

    @property
    def pixels(self) -> tuple[Pixel, ...]:
        """The invocation's pixels, row by row."""
        width, height = self.scheduled.pixels
        many = width * height > 1
        return tuple(
            Pixel(PIXEL_LETTERS[y * width + x] if many else "", x, y) for y in range(height) for x in range(width)
        )

    def register(self, value: str, pack: int, pixel: Pixel) -> str:
        """The vec4 that holds a pack of a value at one of the invocation's pixels."""
        return f"{value}_{pack}{pixel.letter}"

    def packs(self, packs: Sequence[int]) -> Sequence[tuple[int, str | int]]:
        """Of a step's packs, those the code has registers for, and the place of each among them.

        All of them, or, where the code loops over them, a single one whose place is the loop's variable.
        """
        if self.scheduled.results > 1:
            return [(packs[0], "result")]
        return [(pack, place) for place, pack in enumerate(packs)]

    def table_name(self, node: str, packs: Sequence[int]) -> str:
        """The name of the table with the numbers for some of a node's packs."""
        return tables.table_name(self.schedule.prefix, node, packs, self.schedule.types[node].packs)

    def binds(self) -> tuple[str, ...]:
        """The textures of pictures that the pass binds: HOOKED (and LUMA) first, where it needs them."""
        names = [texture.name for texture in self.scheduled.binds]
        if self.graph.input in self.scheduled.reads or self.passes_alpha() or self._derives_sizes():
            names.insert(0, "HOOKED")
            if self.graph.plane == "chroma":
                names.insert(1, "LUMA")
        return tuple(names)

    def extent(self, extent: Extent, value: str, axis: str) -> str:
        """A function of a value's height (axis `y`) or width (`x`) as an integer."""
        return _extent(self._of_input(extent, value, axis), axis)

    def _of_input(self, extent: Extent, value: str, axis: str) -> Extent:
        type_ = self.schedule.types[value]
        return extent.after(type_.height if axis == "y" else type_.width)

    def _derives_sizes(self) -> bool:
        """Whether the pass needs a size that is not in proportion to a bound texture's."""
        for node in self.scheduled.nodes:
            if isinstance(node.op, Fit):
                corner = (self._of_input(node.op.corner[i], node.inputs[1], "yx"[i]) for i in (0, 1))
                if not all(extent.constant for extent in corner):
                    return True
        types = self.schedule.types
        values = {
            self.scheduled.root,
            *self.scheduled.reads,
            *(name for node in self.scheduled.nodes for name in node.inputs),
        }
        return any(self._size_from_bound(types[value], hooked=False) is None for value in sorted(values))

    def passes_alpha(self) -> bool:
        """Whether the pass writes the plane itself and there is alpha to pass on."""
        return self.graph.plane == "rgb" and self.scheduled.writes is None

    def lane_count(self, value: str, pack: int) -> int:
        """Live lanes of a value's pack."""
        return lanes(self.schedule.types[value].channels, pack)

    def size(self, value: str) -> str:
        """The size of a value in pixels, from a texture that the pass binds."""
        found = self._size_from_bound(self.schedule.types[value])
        assert found, "binds() has HOOKED wherever nothing else will do"
        return found

    def _size_from_bound(self, wanted: TensorType, hooked: bool | None = None) -> str | None:
        """A size from HOOKED's, where it is bound, or else from that of a texture it is in proportion to."""
        if self.binds()[:1] == ("HOOKED",) if hooked is None else hooked:
            return _scaled("ivec2(HOOKED_size)", self.graph.input_type, wanted) or _computed(wanted)
        for texture in self.scheduled.binds:
            tile = f" / ivec2({texture.columns}, {texture.rows})" if texture.texels() > 1 else ""
            found = _scaled(f"ivec2({texture.name}_size){tile}", texture.type, wanted)
            if found:
                return found
        return None

    def inside(self, at: str, value: str) -> str:
        """Pixel `at` of a kept value, moved inside.

        The last workgroups of a compute pass reach beyond the edge, and along an axis a single pixel counts everywhere.
        """
        type_, root = self.schedule.types[value], self.schedule.types[self.scheduled.root]
        single = any(
            size.constant and size != other for size, other in ((type_.width, root.width), (type_.height, root.height))
        )
        return f"min({at}, {self.size(value)} - 1)" if single or self.schedule.target.stage == "compute" else at

    def tile(self, value: str) -> Tile | None:
        """The pass's tile, where it holds the value."""
        tile = self.scheduled.tile
        return tile if tile and tile.value == value else None

    def in_tile(self, left: int, top: int) -> str:
        """The number in the tile of the texel `left` and `top` of the invocation's first pixel, in pack 0."""
        tile = self.scheduled.tile
        assert tile, "asked for by a step that reads one"
        (width, height), number = self.scheduled.pixels, tile.number(0, tile.margin[1] - top, tile.margin[0] - left)
        row = tables.index("int(gl_LocalInvocationID.y)", height * tile.size[0], 0)
        return f"{row} + {tables.index('int(gl_LocalInvocationID.x)', width, number)}"

    def tile_texel(self, tile: Tile, pack: int, row: int, column: int) -> str:
        """A texel of the tile from the one in the variable `first` on, as a vector of its live lanes."""
        count = self.lane_count(tile.value, pack)
        return f"tile[{tables.index('first', 1, tile.number(pack, row, column))}]{swizzle(count)}"

    def texture(self, value: str, pack: int) -> Texture:
        """The texture of a kept value that holds the pack."""
        return next(texture for texture in self.schedule.textures[value] if texture.holds(pack))

    def fetch(self, value: str, pack: int, x: str, y: str) -> str:
        """The texel of a kept value's pack at column `x` and row `y`, as a vector of its live lanes."""
        if value == self.graph.input:
            return f"source(ivec2({x}, {y}))"
        texture = self.texture(value, pack)
        column, row = texture.cell(pack)
        if texture.planar:
            at = f"ivec2({x}, {y}){_offset(column, row, self._image(texture))}"
        else:
            at = f"ivec2({_tiled(x, texture.columns, column)}, {_tiled(y, texture.rows, row)})"
        return f"texelFetch({texture.name}_raw, {at}, 0){swizzle(self.lane_count(value, pack))}"

    def groups(self, value: str, packs: Sequence[int]) -> list[Texture | int]:
        """Some of a value's packs as textures, for loops over all their packs, and as single ones."""
        groups: dict[Texture | int, None] = {}
        for pack in packs:
            texture = None if value == self.graph.input else self.texture(value, pack)
            groups[texture if texture and texture.packs > 1 else pack] = None
        return list(groups)

    def fetch_loop(self, texture: Texture, x: str, y: str, cell: str = "cell") -> str:
        """The texel of the pack that lies at `cell` in the tile, as a vec4."""
        columns, rows = (1, 1) if texture.planar else (texture.columns, texture.rows)
        at = f"ivec2({_tiled(x, columns, 0)}, {_tiled(y, rows, 0)}) + {cell}"
        return f"texelFetch({texture.name}_raw, {at}, 0)"

    def own_texel(self, value: str, pack: int, x: str, y: str) -> str:
        """A texel of the value's pack, or of the one that `result` numbers where the code is for any, as a vec4."""
        if self.scheduled.results == 1:
            return self.widened(value, pack, x, y)
        texture = self.texture(value, pack)
        return self.fetch_loop(texture, x, y, self.cell(texture, "result"))

    def cell(self, texture: Texture, pack: str = "pack") -> str:
        """The place in the tile of the pack whose number is in the variable `pack`, for `fetch_loop`."""
        number = f"({pack} - {texture.first})" if texture.first and pack == "pack" else pack
        cell = f"ivec2({number} % {texture.columns}, {number} / {texture.columns})"
        return f"{cell} * ({self._image(texture)})" if texture.planar else cell

    def _image(self, texture: Texture) -> str:
        """The size of one image of a planar texture."""
        return f"ivec2({texture.name}_size) / ivec2({texture.columns}, {texture.rows})"

    def widened(self, value: str, pack: int, x: str, y: str, lanes: int = 4) -> str:
        """The texel, filled up with zeros to a vector of `lanes` lanes."""
        missing = lanes - self.lane_count(value, pack)
        fetch = self.fetch(value, pack, x, y)
        return f"vec{lanes}({fetch}{', 0.0' * missing})" if missing else fetch


def _scaled(base: str, type_: TensorType, wanted: TensorType) -> str | None:
    """A size from the size `base` of a value of `type_`, where one is affine in the other alike along both axes."""
    if any(not size.scale for size in (*wanted.area, *type_.area)):
        return base if wanted.area == type_.area else None
    ratio = wanted.width.scale / type_.width.scale
    extra_y, extra_x = (size - own.times(ratio) for size, own in zip(wanted.area, type_.area, strict=True))
    if not (extra_x.constant and extra_y.constant and extra_x.whole and extra_y.whole):
        return None
    base += f" * {ratio.numerator}" if ratio.numerator != 1 else ""
    base += f" / {ratio.denominator}" if ratio.denominator != 1 else ""
    return f"{base} + ivec2({extra_x}, {extra_y})" if extra_x.offset or extra_y.offset else base


def _computed(type_: TensorType) -> str:
    """A size from HOOKED's, axis by axis."""
    return f"ivec2({_extent(type_.width, 'x')}, {_extent(type_.height, 'y')})"


def _extent(extent: Extent, axis: str) -> str:
    terms, offset = extent.terms()
    parts = [_term(term, f"int(HOOKED_size.{axis})") for term in terms]
    return " + ".join(parts + ([str(offset)] if offset or not parts else [])).replace("+ -", "- ")


def _term(term: Term, text: str) -> str:
    text += f" * {term.factor}" if term.factor != 1 else ""
    text += f" + {term.shift}" if term.shift else ""
    text = f"({text}) / {term.divisor}" if term.divisor != 1 else text
    text += f" * {abs(term.ratio.numerator)}" if abs(term.ratio.numerator) != 1 else ""
    text += f" / {term.ratio.denominator}" if term.ratio.denominator != 1 else ""
    return f"-{text}" if term.ratio < 0 else text


def _offset(column: int, row: int, image: str) -> str:
    """What leads to an image of a planar texture."""
    return f" + ivec2({column}, {row}) * ({image})" if column or row else ""


def swizzle(lanes: int) -> str:
    """What picks the live lanes of a vec4."""
    return "" if lanes == 4 else f".{LANES[:lanes]}"


def _tiled(at: str, texels: int, cell: int) -> str:
    """Along one axis, the texel of a tile's cell."""
    scaled = at if texels == 1 else f"{texels} * {at}"
    return f"{scaled} + {cell}" if cell else scaled
