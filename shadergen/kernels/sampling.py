"""Padding, cropping, resampling and pooling as GLSL statements, for one pixel of the result after the other.

Positions along an axis are integers over an integer, so that a pixel is read at exactly the place the network means;
in floats, the half of a texel that decides between two neighbours would be lost far from the origin.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import assert_never

from shadergen.glsl import spelling as glsl
from shadergen.glsl.places import Pixel, Places
from shadergen.glsl.spelling import FP32
from shadergen.ir.extent import Extent
from shadergen.ir.ops import AveragePool, Fit, MaxPool, MeanOfMeans, Pad, PadMode, Resize
from shadergen.schedule.schedule import SampleStep

LOWEST = -3.0e38
"""Less than what any network gives, and still a float."""


@dataclass(frozen=True)
class Sampler:
    """One SampleStep of a pass."""

    step: SampleStep
    places: Places

    def lines(self, pixel: Pixel) -> Iterator[str]:
        """Registers for the step's packs at a pixel."""
        for pack in self._packs:
            yield f"vec4 {self._register(pack, pixel)} = vec4(0.0);"
        yield "{"
        yield from (f"    {line}" for line in self._block(pixel))
        yield "}"

    def _block(self, pixel: Pixel) -> Iterator[str]:
        yield f"ivec2 at = {pixel.at};"
        yield f"ivec2 size = {self.places.size(self.step.source)};"
        match self.step.op:
            case Pad() as op:
                yield from self._pad(op, pixel)
            case Fit() as op:
                yield from self._fit(op, pixel)
            case Resize() as op:
                yield from self._resize(op, pixel)
            case MaxPool() | AveragePool() as op:
                yield from self._pool(op, pixel)
            case MeanOfMeans() as op:
                yield from self._mean(op, pixel)
            case _:
                assert_never(self.step.op)

    @property
    def _packs(self) -> list[int]:
        return [pack for pack, _ in self.places.packs(self.step.packs)]

    def _register(self, pack: int, pixel: Pixel) -> str:
        return self.places.register(self.step.node, pack, pixel)

    def _texel(self, pack: int, x: str, y: str) -> str:
        """A texel of the source as a vec4."""
        return self.places.own_texel(self.step.source, pack, x, y)

    def _assign(self, pixel: Pixel, at: str) -> Iterator[str]:
        yield f"ivec2 p = {at};"
        for pack in self._packs:
            yield f"{self._register(pack, pixel)} = {self._texel(pack, 'p.x', 'p.y')};"

    def _pad(self, op: Pad, pixel: Pixel) -> Iterator[str]:
        """Cropped first, where a side is below zero; `at` then counts from the first pixel that is left."""
        crops, pads = [max(-side, 0) for side in op.pads], [max(side, 0) for side in op.pads]
        yield f"ivec2 edge = size - ivec2({crops[1] + crops[3]}, {crops[0] + crops[2]}) - 1;"
        yield f"at -= ivec2({pads[1]}, {pads[0]});"
        yield from self._outside(op.mode, op.value, pixel, f"near + ivec2({crops[1]}, {crops[0]})", any(pads))

    def _fit(self, op: Fit, pixel: Pixel) -> Iterator[str]:
        down, right = (
            self.places.extent(extent, self.step.inputs[1], axis) for extent, axis in zip(op.corner, "yx", strict=True)
        )
        yield "ivec2 edge = size - 1;"
        yield f"at -= ivec2({right}, {down});"
        yield from self._outside(op.mode, 0.0, pixel, "near")

    def _outside(self, mode: PadMode, value: float, pixel: Pixel, at: str, padded: bool = True) -> Iterator[str]:
        """The pixel `at`, which depends on the pixel `near` inside of `edge`."""
        if mode == "reflect":
            yield "ivec2 near = ivec2(mirror(at.x, edge.x), mirror(at.y, edge.y));"
        else:
            yield "ivec2 near = clamp(at, ivec2(0), edge);"
        yield from self._assign(pixel, at)
        if mode == "zero" and padded:
            for pack in self._packs:
                register = self._register(pack, pixel)
                yield f"{register} = near == at ? {register} : {glsl.splat(value, FP32)};"

    # Resize

    def _resize(self, op: Resize, pixel: Pixel) -> Iterator[str]:
        yield f"ivec2 wanted = {self.places.size(self.step.node)};"
        for axis, scale in (("y", op.to[0]), ("x", op.to[1])):
            i = f"at.{axis}"
            num, den = (f"wanted.{axis}", f"size.{axis}") if isinstance(scale, Extent) else scale.as_integer_ratio()
            double = f"2 * {num}" if isinstance(num, str) else str(2 * num)
            match op.coordinates:
                case "half_pixel":
                    above, below = f"(2 * {i} + 1) * {den} - {num}", double
                case "pytorch_half_pixel":
                    above, below = f"wanted.{axis} == 1 ? 0 : (2 * {i} + 1) * {den} - {num}", double
                case "asymmetric":
                    above, below = f"{i} * {den}", f"{num}"
                case "align_corners":
                    above, below = f"{i} * (size.{axis} - 1)", f"max(wanted.{axis} - 1, 1)"
            yield f"int above_{axis} = {above};"
            yield f"int below_{axis} = {below};"
            yield from self._nearest(op, axis) if op.filter == "nearest" else self._weights(op, axis)
        taps = {"nearest": 1, "linear": 2, "cubic": 4}[op.filter]
        first = 1 if op.filter == "cubic" else 0
        yield f"for (int ky = 0; ky < {taps}; ky++) for (int kx = 0; kx < {taps}; kx++) {{"
        offset = f" + ivec2(kx, ky) - {first}" if taps > 1 else ""
        yield f"    ivec2 p = clamp(ivec2(first_x, first_y){offset}, ivec2(0), size - 1);"
        weight = "weights_x[kx] * weights_y[ky] * " if taps > 1 else ""
        for pack in self._packs:
            yield f"    {self._register(pack, pixel)} += {weight}{self._texel(pack, 'p.x', 'p.y')};"
        yield "}"

    def _nearest(self, op: Resize, axis: str) -> Iterator[str]:
        above, below = f"above_{axis}", f"below_{axis}"
        rounded = {
            "floor": (above, below),
            "ceil": (f"{above} + {below} - 1", below),
            "round_prefer_floor": (f"2 * {above} + {below} - 1", f"(2 * {below})"),
            "round_prefer_ceil": (f"2 * {above} + {below}", f"(2 * {below})"),
        }
        yield f"int first_{axis} = {_floor(*rounded[op.rounding])};"

    def _weights(self, op: Resize, axis: str) -> Iterator[str]:
        """The pixel at or in front of the position, and the weights of those around it."""
        yield f"int first_{axis} = {_floor(f'above_{axis}', f'below_{axis}')};"
        yield f"float f_{axis} = float(above_{axis} - first_{axis} * below_{axis}) / float(below_{axis});"
        if op.filter == "linear":
            yield f"vec2 weights_{axis} = vec2(1.0 - f_{axis}, f_{axis});"
            yield from self._excluded(op, axis, "vec2", "0, 1")
            return
        yield f"vec4 d_{axis} = vec4(1.0 + f_{axis}, f_{axis}, 1.0 - f_{axis}, 2.0 - f_{axis});"
        a = glsl.literal(op.cubic, FP32)
        near = f"(({glsl.literal(op.cubic + 2, FP32)} * d - {glsl.literal(op.cubic + 3, FP32)}) * d * d + 1.0)"
        far = f"(((d - 5.0) * d + 8.0) * d - 4.0) * ({a})"
        ends, middle = (text.replace("d", f"d_{axis}") for text in (far, near))
        yield f"vec4 far_{axis} = {ends};"
        yield f"vec4 near_{axis} = {middle};"
        yield f"vec4 weights_{axis} = vec4(far_{axis}.x, near_{axis}.yz, far_{axis}.w);"
        yield from self._excluded(op, axis, "vec4", "-1, 0, 1, 2")

    def _excluded(self, op: Resize, axis: str, vector: str, offsets: str) -> Iterator[str]:
        """Without the weights of what is outside of the image, where the network wants that."""
        if op.exclude_outside:
            inside = f"greaterThanEqual(p, {vector}(0.0))) * {vector}(lessThan(p, {vector}(size.{axis})))"
            yield "{"
            yield f"    {vector} p = float(first_{axis}) + {vector}({offsets});"
            yield f"    weights_{axis} *= {vector}({inside};"
            yield f"    weights_{axis} /= dot(weights_{axis}, {vector}(1.0));"
            yield "}"

    # Pooling

    def _pool(self, op: MaxPool | AveragePool, pixel: Pixel) -> Iterator[str]:
        top, left = op.pads[:2]
        kh, kw = op.kernel
        yield f"ivec2 corner = at * ivec2({op.strides[1]}, {op.strides[0]}) - ivec2({left}, {top});"
        yield "ivec2 begin = max(corner, ivec2(0));"
        yield f"ivec2 end = min(corner + ivec2({kw}, {kh}), size);"
        if isinstance(op, MaxPool):
            yield from (f"{self._register(pack, pixel)} = vec4({LOWEST});" for pack in self._packs)
        yield "for (int y = begin.y; y < end.y; y++) for (int x = begin.x; x < end.x; x++) {"
        for pack in self._packs:
            register, texel = self._register(pack, pixel), self._texel(pack, "x", "y")
            value = f"max({register}, {texel})" if isinstance(op, MaxPool) else f"{register} + {texel}"
            yield f"    {register} = {value};"
        yield "}"
        if isinstance(op, AveragePool):
            yield "ivec2 count = max(end - begin, ivec2(1));"
            yield from (f"{self._register(pack, pixel)} /= float(count.x * count.y);" for pack in self._packs)

    def _mean(self, op: MeanOfMeans, pixel: Pixel) -> Iterator[str]:
        yield f"ivec2 whole = {self.places.size(self.step.inputs[1])};"
        yield "for (int y = 0; y < size.y; y++) for (int x = 0; x < size.x; x++) {"
        yield f"    vec2 part = vec2(min(whole - ivec2(x, y) * {op.block}, ivec2({op.block}))) / vec2(whole);"
        for pack in self._packs:
            yield f"    {self._register(pack, pixel)} += part.x * part.y * {self._texel(pack, 'x', 'y')};"
        yield "}"


def _floor(above: str, below: str) -> str:
    """`above / below` rounded down, for quotients above -8: GLSL rounds towards zero, and not always the same way."""
    return f"({above} + 8 * {below}) / {below} - 8"
