"""Where things are within one hook pass: registers and texels, as GLSL expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from shadergen.glsl.index import Index
from shadergen.glsl.pixels import Pixel
from shadergen.glsl.sizes import Sizes, image_size
from shadergen.ir.names import Namer
from shadergen.ir.types import TensorType
from shadergen.storage.layout import LANES, PACK, Texture, lanes
from shadergen.target import TableFormat

RESULT = "result"
"""The variable that numbers the pack of the result, where the code is written for any."""


@dataclass(frozen=True)
class Place:
    """A pack of a step's result: the one whose registers are named, and its number among the step's packs."""

    pack: int
    number: Index


@dataclass(frozen=True)
class OnePack:
    """A pack of a value that is read by itself."""

    number: int


@dataclass(frozen=True)
class EveryPack:
    """All packs of a texture, which are read in a loop, the pack's number in a variable."""

    texture: Texture

    @property
    def packs(self) -> tuple[int, int]:
        """The first, and the one after the last."""
        return self.texture.first, self.texture.first + self.texture.packs

    def within(self, pack: str) -> str:
        """The number among the texture's packs of the one whose number in the value is in the variable `pack`."""
        return f"({pack} - {self.texture.first})" if self.texture.first else pack


Packs: TypeAlias = OnePack | EveryPack


@dataclass(frozen=True)
class SharedTile:
    """A value in shared memory, at the workgroup's pixels and around them: pack after pack, row after row."""

    value: str
    name: str
    """The name of the array."""
    size: tuple[int, int]
    """Width and height in pixels."""
    margin: tuple[int, int]
    """Pixels left of and above the workgroup's first."""

    def number(self, pack: int, row: int, column: int) -> int:
        """The place of a texel in the array."""
        return (pack * self.size[1] + row) * self.size[0] + column


class Names:
    """The names of one scope, the same one each time that it is asked for by the same word.

    A word that has a name in a scope around means that one.
    """

    def __init__(self, namer: Namer, around: Names | None = None) -> None:
        self.namer = namer
        self._around = around
        self._given: dict[str, str] = {}

    def named(self, hint: str) -> str:
        """The name of what this word stands for."""
        found = self._find(hint)
        if found is None:
            found = self._given[hint] = self.namer.fresh(hint)
        return found

    def fresh(self, hint: str) -> str:
        """A name for something that is mentioned once."""
        return self.namer.fresh(hint)

    def scope(self) -> Names:
        """The names of a block within this scope, where a word that has a name here means that one."""
        return Names(self.namer.scope(), self)

    def block(self, *taken: str) -> Names:
        """The names of a block's own variables, whatever their words mean around it; some are taken from the start."""
        return Names(self.namer.scope(*taken))

    def _find(self, hint: str) -> str | None:
        if hint in self._given:
            return self._given[hint]
        return self._around._find(hint) if self._around else None


@dataclass(frozen=True)
class Addressing:
    """Registers and texels of one pass."""

    functions: Names
    """Names of the functions in front of `hook()`."""
    names: Names
    """Names of what `hook()` declares, or the function that fills the tile."""
    pixels: tuple[Pixel, ...]
    """The pixels that an invocation computes."""
    sizes: Sizes
    types: Mapping[str, TensorType]
    textures: Mapping[str, tuple[Texture, ...]]
    """The textures of every materialised value."""
    input: str
    """The value that the player gives: the graph's input."""
    root: str
    """The value that the pass gives."""
    any_pack: bool = False
    """Whether the code is for any packs of the result, from the one on that the variable `result` numbers among those
    of the texture that the pass writes."""
    packs_at_once: int = 1
    """How many packs those are."""
    overhangs: bool = False
    """Whether invocations may lie beyond the right and the lower edge, as those of the last workgroups do."""
    begins_outside: bool = False
    """Whether the first pixel may lie left of or above the image, as a pixel of a tile's margin does."""
    tile: SharedTile | None = None
    invocation: tuple[str, str] = ("int(gl_LocalInvocationID.x)", "int(gl_LocalInvocationID.y)")
    """The column and row of the invocation among those of its workgroup that lie side by side."""
    tables: TableFormat = "rgba32f"
    """The format of numbers that are read from a TEXTURE."""

    # Registers

    def register(self, value: str, pack: int, pixel: Pixel) -> str:
        """The vec4 that holds a pack of a value at one of the invocation's pixels."""
        return self.names.named(f"{value}_{pack}{pixel.letter}")

    def places(self, packs: Sequence[int]) -> tuple[Place, ...]:
        """Of a step's packs, those that the code has registers for: all, or the first ones stand for any."""
        if self.any_pack:
            first = packs[: self.packs_at_once]
            return tuple(Place(pack, Index.of(RESULT).plus(number)) for number, pack in enumerate(first))
        return tuple(Place(pack, Index.number(number)) for number, pack in enumerate(packs))

    def lane_count(self, value: str, pack: int) -> int:
        """Live lanes of a value's pack."""
        return lanes(self.types[value].channels, pack)

    # Texels

    def inside(self, at: str, value: str) -> str:
        """Pixel `at` of a value in textures, moved inside: along an axis, a single pixel counts everywhere."""
        type_, root = self.types[value], self.types[self.root]
        single = any(size.constant and size != other for size, other in zip(type_.area, root.area, strict=True))
        return f"min({at}, {self.sizes.of(value)} - 1)" if single or self.overhangs else at

    def texture(self, value: str, pack: int) -> Texture:
        """The texture that holds the pack of a value."""
        return next(texture for texture in self.textures[value] if texture.holds(pack))

    def packs(self, value: str, packs: Sequence[int]) -> tuple[Packs, ...]:
        """Some of a value's packs: those of a texture with several as all of its packs, others one by one."""
        found: dict[Packs, None] = {}
        for pack in packs:
            texture = None if value == self.input else self.texture(value, pack)
            found[EveryPack(texture) if texture and texture.packs > 1 else OnePack(pack)] = None
        return tuple(found)

    def fetch(self, value: str, pack: int, x: str, y: str) -> str:
        """The texel of a value's pack at column `x` and row `y`, as a vector of its live lanes."""
        if value == self.input:
            return f"source(ivec2({x}, {y}))"
        texture = self.texture(value, pack)
        column, row = texture.cell(pack)
        if texture.planar:
            at = f"ivec2({x}, {y}){_moved(column, row, image_size(texture))}"
        else:
            at = f"ivec2({_scaled(x, texture.columns, column)}, {_scaled(y, texture.rows, row)})"
        texel = f"texelFetch({texture.name}_raw, {at}, 0){swizzle(self.lane_count(value, pack))}"
        match texture.part(pack):
            case "positive":
                return f"max({texel}, 0.0)"
            case "negative":
                return f"max(-{texel}, 0.0)"
            case _:
                return texel

    def widened(self, value: str, pack: int, x: str, y: str, lanes: int = PACK) -> str:
        """The texel, filled up with zeros to a vector of `lanes` lanes."""
        missing = lanes - self.lane_count(value, pack)
        fetch = self.fetch(value, pack, x, y)
        return f"vec{lanes}({fetch}{', 0.0' * missing})" if missing else fetch

    def fetch_any(self, texture: Texture, x: str, y: str, cell: str = "cell") -> str:
        """The texel, a vec4, of the pack whose cell (see `cell`) is in the variable."""
        assert not texture.signed, "such a texel is one of two packs"
        columns, rows = (1, 1) if texture.planar else (texture.columns, texture.rows)
        at = f"ivec2({_scaled(x, columns, 0)}, {_scaled(y, rows, 0)}) + {cell}"
        return f"texelFetch({texture.name}_raw, {at}, 0)"

    def cell(self, texture: Texture, number: str) -> str:
        """The cell, for `fetch_any`, of the pack with that number among those of the texture."""
        cell = f"ivec2({number} % {texture.columns}, {number} / {texture.columns})"
        return f"{cell} * ({image_size(texture)})" if texture.planar else cell

    def own_texel(self, value: str, pack: int, x: str, y: str) -> str:
        """A texel of the value's pack, or of the one that it stands for where the code is for any, as a vec4."""
        if not self.any_pack:
            return self.widened(value, pack, x, y)
        texture = self.texture(value, pack)
        number = Index.of(RESULT).plus(pack - texture.first)
        return self.fetch_any(texture, x, y, self.cell(texture, number.factor))

    # Shared memory

    def shared(self, value: str) -> SharedTile | None:
        """The pass's tile, where it holds the value."""
        return self.tile if self.tile and self.tile.value == value else None

    def first_in_tile(self, tile: SharedTile, left: int, top: int) -> str:
        """The place in the tile of the texel `left` and `top` of the invocation's first pixel, in pack 0."""
        width, height = self.pixels[-1].x + 1, self.pixels[-1].y + 1
        row = Index.of(self.invocation[1]).times(height * tile.size[0])
        column = Index.of(self.invocation[0]).times(width)
        return str(row.plus(column).plus(tile.number(0, tile.margin[1] - top, tile.margin[0] - left)))

    def any_tile_texel(self, tile: SharedTile, first: str, pack: str, row: int, column: int) -> str:
        """A texel of the tile, a vector of four lanes, of the pack whose number is in a variable."""
        number = Index.of(first).plus(Index.of(pack).times(tile.number(1, 0, 0))).plus(tile.number(0, row, column))
        return f"{tile.name}[{number}]"

    def tile_texel(self, tile: SharedTile, first: str, pack: int, row: int, column: int) -> str:
        """A texel of the tile from the one whose place is in the variable `first` on, as a vector of its live lanes."""
        number = Index.of(first).plus(tile.number(pack, row, column))
        return f"{tile.name}[{number}]{swizzle(self.lane_count(tile.value, pack))}"


def divided_invocation(area: tuple[int, int]) -> tuple[str, str]:
    """`Addressing.invocation` in a divided workgroup, where a variable numbers the invocations that lie side by side,
    (width, height) of them."""
    return f"(invocation % {area[0]})", f"(invocation / {area[0]})"


def zero_edged(at: str, last: str) -> str:
    """A column or row, moved to number `last`, an unsigned, where it lies outside: to the zero edge of a texture.

    Taken as an unsigned number, what is below zero is beyond the largest.
    """
    return f"int(min(uint({at}), {last}))"


def swizzle(lanes: int) -> str:
    """What picks the live lanes of a vec4."""
    return "" if lanes == PACK else f".{LANES[:lanes]}"


def _moved(column: int, row: int, image: str) -> str:
    """What leads to an image of a planar texture."""
    return f" + ivec2({column}, {row}) * ({image})" if column or row else ""


def _scaled(at: str, cells: int, cell: int) -> str:
    """Along one axis, the texel of a pixel's cell."""
    scaled = at if cells == 1 else f"{cells} * {at}"
    return f"{scaled} + {cell}" if cell else scaled
