"""Where things are within one hook pass: registers, texels, sizes, as GLSL expressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shadergen import tables
from shadergen.graph import Graph
from shadergen.packing import LANES, Texture, lanes
from shadergen.schedule import Schedule, ScheduledPass, Tile

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
        if self.graph.input in self.scheduled.reads or self.passes_alpha():
            names.insert(0, "HOOKED")
            if self.graph.plane == "chroma":
                names.insert(1, "LUMA")
        return tuple(names)

    def passes_alpha(self) -> bool:
        """Whether the pass writes the plane itself and there is alpha to pass on."""
        return self.graph.plane == "rgb" and self.scheduled.writes is None

    def lane_count(self, value: str, pack: int) -> int:
        """Live lanes of a value's pack."""
        return lanes(self.schedule.types[value].channels, pack)

    def size(self, value: str) -> str:
        """The size of a value in pixels, from a texture that the pass binds."""
        wanted = self.schedule.types[value]
        if self.binds()[0] == "HOOKED":
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

    def inside(self, at: str, value: str) -> str:
        """Pixel `at` of a kept value, moved inside: the last workgroups of a compute pass reach beyond the edge."""
        return f"min({at}, {self.size(value)} - 1)" if self.schedule.target.stage == "compute" else at

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
        at = f"ivec2({_tiled(x, texture.columns, column)}, {_tiled(y, texture.rows, row)})"
        return f"texelFetch({texture.name}_raw, {at}, 0){swizzle(self.lane_count(value, pack))}"

    def loops_over(self, value: str) -> int:
        """How many packs of a kept value a loop can go over: all, where they are in one texture; else 0."""
        packs = self.schedule.types[value].packs
        return packs if packs > 1 and len(self.schedule.textures[value]) == 1 else 0

    def fetch_loop(self, value: str, x: str, y: str) -> str:
        """The texel of the pack whose cell of the tile is in the variable `cell`, as a vec4."""
        texture = self.texture(value, 0)
        at = f"ivec2({_tiled(x, texture.columns, 0)}, {_tiled(y, texture.rows, 0)}) + cell"
        return f"texelFetch({texture.name}_raw, {at}, 0)"

    def cell(self, value: str) -> str:
        """The tile's cell of the pack whose number is in the variable `pack`, for `fetch_loop`."""
        columns = self.texture(value, 0).columns
        return f"ivec2(pack % {columns}, pack / {columns})"

    def widened(self, value: str, pack: int, x: str, y: str, lanes: int = 4) -> str:
        """The texel, filled up with zeros to a vector of `lanes` lanes."""
        missing = lanes - self.lane_count(value, pack)
        fetch = self.fetch(value, pack, x, y)
        return f"vec{lanes}({fetch}{', 0.0' * missing})" if missing else fetch


def swizzle(lanes: int) -> str:
    """What picks the live lanes of a vec4."""
    return "" if lanes == 4 else f".{LANES[:lanes]}"


def _tiled(at: str, texels: int, cell: int) -> str:
    """Along one axis, the texel of a tile's cell."""
    scaled = at if texels == 1 else f"{texels} * {at}"
    return f"{scaled} + {cell}" if cell else scaled
