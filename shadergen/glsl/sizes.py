"""The sizes of values as GLSL, computed from the sizes of bound textures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shadergen.ir.extent import Extent, Term
from shadergen.ir.types import TensorType
from shadergen.storage.layout import Texture


@dataclass(frozen=True)
class Sizes:
    """What a pass knows of sizes. A shader learns them only at playback, and a pass only those of what it binds."""

    types: Mapping[str, TensorType]
    input: TensorType
    """The type of the graph's input, whose size HOOKED has."""
    hooked: bool
    """Whether HOOKED is bound."""
    textures: tuple[Texture, ...]
    """What else is bound."""

    def of(self, value: str) -> str:
        """The size of a value in pixels, an ivec2."""
        found = self._known(self.types[value])
        assert found, "HOOKED is bound wherever nothing else will do"
        return found

    def extent(self, extent: Extent, value: str, axis: str) -> str:
        """A function of a value's height (axis `y`) or width (`x`), an int."""
        return _extent(self.of_input(extent, value, axis), axis)

    def of_input(self, extent: Extent, value: str, axis: str) -> Extent:
        """That function as one of the input's height or width."""
        type_ = self.types[value]
        return extent.after(type_.height if axis == "y" else type_.width)

    def follows(self, value: str) -> bool:
        """Whether the value's size is in proportion to that of a bound texture other than HOOKED."""
        return self._from_textures(self.types[value]) is not None

    def _known(self, wanted: TensorType) -> str | None:
        if self.hooked:
            return _scaled("ivec2(HOOKED_size)", self.input, wanted) or _computed(wanted)
        return self._from_textures(wanted)

    def _from_textures(self, wanted: TensorType) -> str | None:
        for texture in self.textures:
            cells = f" / ivec2({texture.columns}, {texture.rows})" if texture.texels() > 1 else ""
            size = f"ivec2({texture.name}_size){cells}"
            found = _scaled(f"({size} - 1)" if texture.zero_edge else size, texture.type, wanted)
            if found:
                return found
        return None


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


def image_size(texture: Texture) -> str:
    """The size of one image of a planar texture, an ivec2."""
    return f"ivec2({texture.name}_size) / ivec2({texture.columns}, {texture.rows})"
