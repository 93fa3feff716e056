"""A convolution of bytes, four products in an instruction (GL_EXT_integer_dot_product), for Intel's Arc A.

It takes what a quantised network has: a source of whole numbers that fit into a byte, and weights that are whole
numbers of 8 bits times a scale for each channel of the result (docs/tensor.md). A workgroup packs the texels that its
pixels read into shared memory, four channels in a word, once for all of them. Sums are integers, and exact; at the end
they are multiplied with the scale. Where the scale is 1 this computes to the bit what the reference does.

The products are a loop over rows of taps and over words of the source, a few packs of it in each. So the code is
short: 22 KiB for a layer of 32 to 32 channels of 3x3, where all turns in a row are 93, for 0.72 instead of 0.69 ms on
an Arc A770 by its compiler. A turn adds all that it has to the sums of one pack before it goes on to the next: Mesa's
compiler keeps what a loop changes in registers of its own, and the order of the texels gives 114 spills and 1.13 ms.
Where a turn's weights begin is read from the buffer, see `Heuristics.looked_up`: 0.77 ms where it is counted.

All bytes have a sign, as some GPUs want: in shared memory the source's least number is -128, which is put right by what
the sums begin with. Where nothing has the extension the same is done in more instructions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import prod
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from shadergen.glsl import spelling
from shadergen.glsl.addressing import Addressing, Names
from shadergen.glsl.index import Index
from shadergen.glsl.names import table_name
from shadergen.glsl.spelling import FP32, Statement
from shadergen.hookfile import BufferVar, UserBuffer
from shadergen.ir.ops import Array, Conv
from shadergen.kernels.kernel import Dispatch, Function, Limits, Needs, Pair, Resources, SharedArray, Task, Work
from shadergen.kernels.uniforms import MAX_BYTES
from shadergen.storage.layout import LANES, PACK, channels_of
from shadergen.target import DOT8_KERNEL, Weights

WIDE = 16
"""Channels on both sides from which on it has plans."""
WORDS = (4, 3, 2)
"""How many packs of the source a word of the tile may have, the best first."""
AREA = (8, 8)
"""Invocations of a workgroup."""
PIXELS: tuple[Pair, ...] = ((2, 1), (1, 1))
"""Of an invocation: with two, each weight is read once for both."""
SUMS = 16
"""Packs of sums that an invocation has registers for: all of a pass's, which are 16 at most, for a pixel at least."""
RECORD = 16
"""Bytes of a uvec4: the weights of one pack for another."""
LARGEST = 128
"""What a weight may be as a whole number, in magnitude: -128 to 127."""
BYTES = 256
"""How many numbers a byte has."""
LOCALS = ("edge", "corner", "n", "at", "inside", "place", "turn", "begin", "first", "texel")
"""What the template calls things within its block."""


@dataclass(frozen=True)
class Dot8View:
    """What `dot8.glsl.j2` lays out."""

    title: str
    sums: tuple[Statement, ...]
    """Integers that they begin with, for each pack of the result and pixel."""
    last: str
    """The source's last column and row."""
    corner: str
    tile: str
    """The array in shared memory."""
    width: int
    """Texels in a row of the tile."""
    texels: int
    """Texels of the tile."""
    threads: int
    packs: tuple[Statement, ...]
    """The texels of each pack, at `at`."""
    words: tuple[Statement, ...]
    """Each pack's four bytes."""
    stores: tuple[tuple[str, str], ...]
    """Places in the tile, and words."""
    place: str
    """Of the first texel that the invocation reads."""
    turns: int
    """Of the loop over rows of taps and over words of the source."""
    begins: str
    """The array that says where a turn's weights and texels begin."""
    word: str
    """The type of a word."""
    reads: tuple[Statement, ...]
    """A turn's words of texels."""
    products: tuple[Statement, ...]
    """What it adds to the sums."""
    results: tuple[Statement, ...]


@dataclass(frozen=True, eq=False)
class Whole:
    """Weights as whole numbers, (out, in, kh, kw), and the scale of each channel of the result, (out,)."""

    numbers: npt.NDArray[np.int64]
    scale: Array


def whole(weight: Array) -> Whole | None:
    """The weights as whole numbers of 8 bits times a scale for each output channel; None where they are none.

    Of all scales the one of the smallest numbers is taken: 1, where the weights are whole numbers of 8 bits themselves.
    """
    if _is_of_bytes(weight):
        return Whole(weight.astype(np.int64), np.ones(len(weight), np.float32))
    found = [_of_channel(channel) for channel in weight]
    if any(one is None for one in found):
        return None
    numbers, scales = zip(*(one for one in found if one is not None), strict=True)
    return Whole(np.stack(numbers), np.array(scales, np.float32))


def _is_of_bytes(numbers: Array) -> bool:
    return bool((np.rint(numbers) == numbers).all() and numbers.min() >= -LARGEST and numbers.max() < LARGEST)


def _of_channel(weight: Array) -> tuple[npt.NDArray[np.int64], float] | None:
    """One output channel's whole numbers, and their scale: the largest number is one of 1 to 128."""
    exact = weight.astype(np.float64)
    largest = float(np.abs(exact).max())
    if largest == 0:
        return np.zeros(weight.shape, np.int64), 1.0
    for number in range(1, LARGEST + 1):
        found = exact * (number / largest)
        if np.abs(found - np.rint(found)).max() < NEAR and _is_of_bytes(np.rint(found)):
            return np.rint(found).astype(np.int64), largest / number
    return None


NEAR = 2e-5
"""How far from a whole number a weight divided by its scale may be: float32 has 128 to 7.6e-6."""


@dataclass(frozen=True)
class Dot8Plan:
    """Some pixels of an invocation, all packs of the result."""

    task: Task
    whole: Whole
    pixels: Pair
    kernel: ClassVar[str] = DOT8_KERNEL
    template: ClassVar[str] = "dot8.glsl.j2"
    reads_tiles: ClassVar[bool] = False
    growth: ClassVar[float] = 1.0
    layout: ClassVar[None] = None

    @property
    def dispatch(self) -> Dispatch:
        return Dispatch(self.pixels, AREA)

    @property
    def resources(self) -> Resources:
        return Resources(
            sums=len(self.task.packs) * prod(self.pixels),
            products=self._records * prod(self.pixels),
            buffers=1,
            shared_bytes=prod(self.tile) * self.words * self.word * PACK,
        )

    @property
    def work(self) -> Work:
        read = Fraction(prod(self.tile), prod(AREA) * prod(self.pixels))
        return Work(Fraction(self.taps[0] * self.taps[1]), read, tuple(range(self.sources)))

    # Sizes

    @property
    def sources(self) -> int:
        """Packs of the source."""
        return self.task.source.type.packs

    @property
    def word(self) -> int:
        """Packs in a word of the tile: as many as leave the fewest places empty."""
        return min(WORDS, key=lambda packs: -self.sources % packs)

    @property
    def words(self) -> int:
        """Of a texel in the tile."""
        return -(-self.sources // self.word)

    @property
    def _turns(self) -> int:
        return self.taps[1] * self.words

    @property
    def _records(self) -> int:
        """Weights that a turn reads, of a pack for a pack each."""
        return len(self.task.packs) * self.taps[0] * self.word

    @property
    def taps(self) -> Pair:
        """Of the kernel, (along x, along y)."""
        height, width = self.task.op.weight.shape[2:]
        return width, height

    @property
    def tile(self) -> Pair:
        """Texels that a workgroup reads, (width, height)."""
        across, down = (AREA[axis] * self.pixels[axis] + self.taps[axis] - 1 for axis in (0, 1))
        return across, down

    @property
    def least(self) -> int:
        """Of the source's numbers."""
        assert self.task.source.whole
        return self.task.source.whole[0]

    # What it defines

    @property
    def _name(self) -> str:
        return f"{table_name(self.task.label, self.task.packs, self.task.type.packs)[:-1]}b"

    @property
    def _begin_name(self) -> str:
        return f"{self._name}_begin"

    def blocks(self) -> tuple[UserBuffer, ...]:
        """Bytes: by turn, pack of the result, column of taps, pack of the source in the word, channel of the result, of
        the source. Then where each turn begins: of these in uvec4, and in the tile.
        """
        results, sources = len(self.task.packs) * PACK, self.words * self.word * PACK
        height, width = self.whole.numbers.shape[2:]
        full = np.zeros((results, sources, height, width), np.int8)
        known = [channel for pack in self.task.packs for channel in channels_of(pack, len(self.whole.numbers))]
        full[: len(known), : self.whole.numbers.shape[1]] = self.whole.numbers[known]
        shape = (results // PACK, PACK, self.words, self.word, PACK, height, width)
        data = full.reshape(shape).transpose(5, 2, 0, 6, 3, 1, 4).tobytes()
        weights = BufferVar("uvec4", self._name, len(data) // RECORD)
        begins = self._begins()
        variables = (weights, BufferVar("ivec4", self._begin_name, len(begins)))
        return (UserBuffer(f"{self._name}_buffer", variables, data + begins.tobytes(), storage=len(data) > MAX_BYTES),)

    def _begins(self) -> npt.NDArray[np.int32]:
        """At least two: libplacebo takes an array of one for no array."""
        turns = np.arange(self._turns)
        begins = np.zeros((max(2, self._turns), PACK), "<i4")
        begins[: self._turns, 0] = turns * self._records
        begins[: self._turns, 1] = turns // self.words * self.tile[0] * self.words + turns % self.words
        return begins

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        return ()

    def shared(self, at: Addressing) -> tuple[SharedArray, ...]:
        comment = "Texels around a workgroup's pixels, row by row: a byte for each channel"
        return (SharedArray(comment, self._word_type, self._tile(at), prod(self.tile) * self.words),)

    @property
    def _word_type(self) -> str:
        return f"uvec{self.word}"

    def _tile(self, at: Addressing) -> str:
        return at.functions.named(f"{self.task.node}_bytes")

    def needs(self, at: Addressing) -> Needs:
        return Needs(dot8=True)

    # Code

    def view(self, at: Addressing) -> Dot8View:
        local = at.names.block(*LOCALS)
        top, left = self.task.op.pads[:2]
        area = (AREA[0] * self.pixels[0], AREA[1] * self.pixels[1])
        corner = f"ivec2(gl_WorkGroupID.xy) * ivec2({area[0]}, {area[1]})"
        sums = {
            (pack, number): at.names.fresh(f"{self.task.node}_{pack}_sum{pixel.letter}")
            for pack in self.task.packs
            for number, pixel in enumerate(at.pixels)
        }
        column, row = (Index.of(at.invocation[axis]).times(self.pixels[axis]) for axis in (0, 1))
        return Dot8View(
            title=self.title(),
            sums=tuple((name, self._begin(pack)) for (pack, _), name in sums.items()),
            last=f"{at.sizes.of(self.task.source.value)} - 1",
            corner=f"{corner} - ivec2({left}, {top})" if left or top else corner,
            tile=self._tile(at),
            width=self.tile[0],
            texels=prod(self.tile),
            threads=prod(AREA),
            packs=tuple(self._texels(local, at)),
            words=tuple(self._bytes(local)),
            stores=tuple(self._stores(local)),
            place=str(row.times(self.tile[0]).plus(column).times(self.words)),
            turns=self._turns,
            begins=self._begin_name,
            word=self._word_type,
            reads=tuple(self._reads(local, at)),
            products=tuple(self._products(sums, local)),
            results=tuple(self._results(sums, at)),
        )

    def title(self) -> str:
        """What a comment says of it."""
        out, in_, kh, kw = self.task.op.weight.shape
        return f"{self.task.node}: {kw}x{kh} kernel, {in_} to {out} channels, of bytes"

    @cached_property
    def _offsets(self) -> npt.NDArray[np.int64]:
        """What the sums of all channels begin with: the bias, where it is whole, and what the source is less by."""
        offset = (self.least + LARGEST) * self.whole.numbers.sum((1, 2, 3))
        if self._exact:
            offset = offset + self.task.op.bias.astype(np.int64)
        return np.asarray(offset)

    @property
    def _exact(self) -> bool:
        """Whether the result is whole numbers, bias and all."""
        bias = self.task.op.bias
        return bool((self.whole.scale == 1).all() and (np.rint(bias) == bias).all() and np.abs(bias).max() < 1 << 24)

    def _begin(self, pack: int) -> str:
        numbers = [int(self._offsets[channel]) for channel in channels_of(pack, len(self._offsets))]
        return f"ivec4({', '.join(map(str, numbers + [0] * (PACK - len(numbers))))})"

    def _texels(self, local: Names, at: Addressing) -> Iterator[Statement]:
        for pack in range(self.sources):
            yield local.named(f"texel_{pack}"), at.widened(self.task.source.value, pack, "inside.x", "inside.y")

    def _bytes(self, local: Names) -> Iterator[Statement]:
        """Two bytes at a time, as floats that are exact."""
        for pack in range(self.sources):
            texel = local.named(f"texel_{pack}")
            moved = f"({texel} + {-self.least}.0)" if self.least else texel
            low, high = (f"uint(dot({moved}.{two}, vec2(1.0, 256.0)))" for two in ("xy", "zw"))
            zero = f"0x{-self.least * 0x01010101:08x}u"
            yield local.named(f"word_{pack}"), f"(at == inside ? {low} | {high} << 16 : {zero}) ^ 0x80808080u"

    def _stores(self, local: Names) -> Iterator[tuple[str, str]]:
        for word in range(self.words):
            packs = range(self.word * word, self.word * word + self.word)
            values = [local.named(f"word_{pack}") if pack < self.sources else "0u" for pack in packs]
            yield str(Index.of("n").times(self.words).plus(word)), f"{self._word_type}({', '.join(values)})"

    def _reads(self, local: Names, at: Addressing) -> Iterator[Statement]:
        for row in range(self.pixels[1]):
            for column in range(self.pixels[0] + self.taps[0] - 1):
                place = Index.of("texel").plus((row * self.tile[0] + column) * self.words)
                yield local.named(f"t_{row}_{column}"), f"{self._tile(at)}[{place}]"

    def _products(self, sums: dict[tuple[int, int], str], local: Names) -> Iterator[Statement]:
        """All that is added to the sums of a pack of the result, before those of the next."""
        weights = product(self.task.packs, range(self.taps[0]), range(self.word))
        for record, (pack, kx, source) in enumerate(weights):
            weight = f"{self._name}[{Index.of('first').plus(record)}]"
            for pixel in range(prod(self.pixels)):
                y, x = divmod(pixel, self.pixels[0])
                texel = f"int({local.named(f't_{y}_{x + kx}')}.{LANES[source]})"
                dots = (f"dotPacked4x8EXT(int({weight}.{channel}), {texel})" for channel in LANES)
                yield sums[pack, pixel], f"ivec4({', '.join(dots)})"

    def _results(self, sums: dict[tuple[int, int], str], at: Addressing) -> Iterator[Statement]:
        for (pack, number), name in sums.items():
            channels = channels_of(pack, len(self._offsets))
            value = f"vec4({name})"
            if not self._exact:
                scale, bias = (
                    spelling.vector(values[channels.start : channels.stop], FP32)
                    for values in (self.whole.scale, self.task.op.bias)
                )
                value = f"{value} * {scale} + {bias}"
            yield at.register(self.task.node, pack, at.pixels[number]), value


class Dot8:
    """Convolutions of bytes, of 16 channels and more on both sides, padded with zeros: never unless it is asked for."""

    name: ClassVar[str] = DOT8_KERNEL
    weights: ClassVar[Weights] = "code"
    any_pack: ClassVar[bool] = False

    def plan(self, task: Task, limits: Limits) -> Iterator[Dot8Plan]:
        """Plans, where the source and the weights are whole numbers."""
        if limits.kernel != Dot8.name or task.any_pack or not (limits.buffers and limits.workgroups):
            return
        if not _suits(task):
            return
        found = whole(task.op.weight)
        if found is None:
            return
        for pixels in PIXELS:
            plan = Dot8Plan(task, found, pixels)
            if plan.resources.sums <= SUMS and plan.resources.shared_bytes <= limits.shared_bytes:
                yield plan


def _suits(task: Task) -> bool:
    """Whether the source is whole numbers of a byte, and layer and padding are as the template has them."""
    op, limits = task.op, task.source.whole
    if limits is None or not -BYTES < limits[0] <= 0 <= limits[1] < limits[0] + BYTES:
        return False
    return is_wide(op)


def is_wide(op: Conv) -> bool:
    """Whether a layer is one that bytes are for: of WIDE channels and more on both sides, padded with zeros."""
    return op.plain and op.pad_mode == "zero" and min(op.weight.shape[:2]) >= WIDE
