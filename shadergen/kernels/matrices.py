"""A convolution as products of matrices of a workgroup: what kernels for tensor cores share.

A matrix of factors has a row for each of 16 pixels below each other and a column for each of 16 channels; one of
weights has a row for each of these channels and a column for each of 16 channels of the result. A workgroup puts the
texels that its pixels read, some packs at a time, into shared memory, once for all of them. Each of its subgroups has
the sums of some blocks of channels, adds up products over taps and channels, and hands them over through shared memory.
Kernels three wide are F(2,3) along x, with two thirds of the products: the texels are transformed on their way into
shared memory.

GPUs have matrices of different shapes, so these are constants that the user may set. So is whether the sums are halves,
with which GeForce cards are twice as fast. How many lanes a subgroup has makes no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shadergen.glsl import spelling, tables
from shadergen.glsl.addressing import Addressing, EveryPack, Names, Place, divided_invocation, zero_edged
from shadergen.glsl.index import Index
from shadergen.glsl.names import table_name
from shadergen.glsl.spelling import FP16, FP16_EXTENSION, FP32, Statement
from shadergen.glsl.tables import Table
from shadergen.hookfile import BufferVar, Param, UserBuffer
from shadergen.ir.ops import Erf, Unary
from shadergen.kernels import halves
from shadergen.kernels.axis import Axis, combination, direct, statements, transformed
from shadergen.kernels.kernel import Function, Needs, Pair, Task
from shadergen.kernels.uniforms import Uniforms
from shadergen.storage.layout import PACK

BLOCK = 16
"""Channels in a block: what is filled up to, and the most that a matrix has along any side."""
ROWS = 16
"""Pixels below each other that a subgroup has the sums of."""
WORD = 8
"""Halves in a uvec4."""
TEXEL = 4
"""Numbers in a texel of a table."""
EXTENSIONS = frozenset(
    {
        "GL_EXT_control_flow_attributes",
        "GL_KHR_cooperative_matrix",
        "GL_KHR_memory_scope_semantics",
        "GL_KHR_shader_subgroup_basic",
        FP16_EXTENSION,
    }
)
SWITCH = "TENSOR"
PARAMS = (
    Param(SWITCH, "int", 1, "0: plain arithmetic instead of tensor cores", 0, 1, "DEFINE"),
    Param("TENSOR_M", "int", 16, "rows of a matrix of factors that the GPU has (8 on Intel's)", 8, 16, "DEFINE"),
    Param("TENSOR_N", "int", 16, "columns of a matrix of weights that the GPU has", 8, 16, "DEFINE"),
    Param("TENSOR_K", "int", 16, "rows of a matrix of weights that the GPU has", 8, 16, "DEFINE"),
    Param("TENSOR_HALF_SUMS", "int", 0, "1: sums in 16 bits, twice as fast on GeForce cards", 0, 1, "DEFINE"),
)
LOCALS = (
    "edge",
    "corner",
    "own",
    "own_row",
    "step",
    "sums",
    "first",
    "n",
    "word",
    "column",
    "row",
    "y",
    "cell0",
    "cell1",
    "begin",
    "pack",
    "place",
    "texel",
    "ky",
    "k",
    "a",
    "b",
    "i",
    "r",
    "t",
    "p",
    "m",
    "block",
    "part",
    "turn",
    "j",
    "channel",
)
"""What the templates call things within a layer's block."""


LOOP = "[[TENSOR_LOOP]]"
"""In front of the loop over packs. A loop is 4 KiB less code on a RTX 3080, of 19; a RX 7900 XTX takes 2 % more time
for a layer of 64 channels."""


@dataclass(frozen=True)
class LayerView:
    """What the macros of `matrices.glsl.j2` lay out."""

    edge: str
    corner: str
    tile: str
    """The array in shared memory: of texels, then of results."""
    begin: int
    """Where texels begin in it."""
    weights: str
    """The array that matrices of weights are loaded from."""
    weights_begin: int
    """Where they begin in it."""
    weights_mask: int
    copied: str
    """Where weights come from a table: the words `n` of a part, which all threads copy together."""
    copied_words: int
    """Words of a part: of 16 channels of the source and a row of taps."""
    threads: int
    packs: int
    """Of the source, filled up."""
    together: int
    """Packs between two barriers."""
    words: int
    """Of a pixel's texels in the tile."""
    groups: int
    """Groups of pixels in a row that are read and transformed together."""
    at_once: int
    """How many rows all threads put into the tile at once; 0 where these are no whole rows."""
    reads: tuple[Statement, ...]
    """Columns of texels that an invocation reads."""
    group_words: int
    """Words in the tile from one to the next."""
    height: int
    """Rows of texels."""
    pitch: int
    """Words in the tile from row to row."""
    mask: int
    """What changes no place in the tile, but tells a compiler that its address does not overflow: it then adds what it
    knows within the instruction. 1.21 ms become 1.07 for a layer of 64 to 64 channels on a RX 7900 XTX."""
    pack: str
    """The first of the two packs of a word."""
    row: str
    in_tile: str
    """Where the first texel is that an invocation reads of shared memory; empty where texels are in textures."""
    cells: tuple[Statement, ...]
    """Of the two packs, where one texture has all."""
    cell_columns: tuple[Statement, ...]
    """The columns of the texture in which their texels are."""
    texels: tuple[Statement, ...]
    factors: tuple[Statement, ...]
    stores: tuple[Statement, ...]
    channels: int
    """Of the result, filled up."""
    parts: int
    """Into how many parts the subgroups are divided, 1 or 2: of two, one has the 16 rows below those of the other."""
    shares_factors: bool
    """Whether factors are used for several taps."""
    columns: int
    """Columns of the tile."""
    taps: Pair
    """Of the kernel, (along x as they are multiplied, along y)."""
    products: int
    """Products for each tap and row of matrices."""
    factor: str
    """The number of the factors of product `p` for tap `t`."""
    sum: str
    """The number of its sum."""
    sums: int
    """Sums of a row of matrices and block of channels."""
    result_words: int
    result_pitch: int
    """As those of the tile, of what the subgroups hand over."""
    handed: tuple[tuple[str, str], ...]
    """For each `p`: the column, and its sum."""


@dataclass(frozen=True)
class ResultsView:
    """What `tensor_results.glsl.j2` lays out."""

    results: tuple[Statement, ...]


@dataclass(frozen=True)
class Kept:
    """What a layer reads of shared memory: the results of the one before it, without bias and activation."""

    layer: Layer
    activation: tuple[Unary, ...]
    """What is done with each of them, of operators that do the same for all channels."""

    def function(self, at: Addressing) -> Function:
        """What is done with a pack of a texel."""
        value = f"vec4({halves.read('words')}) + bias"
        for op in self.activation:
            value = spelling.pointwise(op, (value if value.endswith(")") else f"({value})",), 0, FP32)
        name = at.functions.named(f"{self.layer.task.node}_activated")
        value = halves.written(f"{FP16.vec(PACK)}({value})")
        return Function("Four halves, with bias and activation", "uvec2", name, "uvec2 words, vec4 bias", value)


@dataclass(frozen=True)
class Layer:
    """A convolution at the pixels of a workgroup, all packs of the result."""

    task: Task
    x: Axis
    together: int
    """Packs of the source between two barriers."""
    area: Pair
    """Pixels that a workgroup computes, (width, height): whole groups, and 16 or 32 rows."""
    threads: int
    moved: Pair
    """Pixels from a workgroup to the next."""
    margin: Pair = (0, 0)
    """Pixels left of and above those that the workgroup stores."""
    copies: bool = False
    """Whether the weights are in a TEXTURE and copied to shared memory, as vo=gpu wants it; else in a BUFFER."""
    kept: Kept | None = None
    """The layer before it, whose results are in shared memory; else what is read is in textures."""

    # Sizes

    @property
    def packs(self) -> int:
        """Of the result."""
        return len(self.task.packs)

    @property
    def packs_at_once(self) -> int:
        """Packs of the result that an invocation stores at once: those of a word, but for an odd number."""
        return self.packs if self.packs % 2 else WORD // PACK

    @property
    def taps(self) -> int:
        """Of the kernel, along y."""
        return int(self.task.op.weight.shape[2])

    @property
    def channels(self) -> int:
        """Of the result, filled up."""
        return filled(self.packs * PACK)

    @property
    def parts(self) -> int:
        """Into how many parts the subgroups are divided, each for other rows: 1 or 2."""
        return self.area[1] // ROWS

    @property
    def height(self) -> int:
        """Rows of texels that a workgroup reads: of those that are kept no more than there are."""
        return self.kept.layer.area[1] if self.kept else self._rows

    @property
    def _rows(self) -> int:
        """Rows of texels that the matrices have; results of those that nothing is in are not used."""
        return self.area[1] + self.taps - 1

    @property
    def groups(self) -> int:
        """How many groups of pixels in a row are read together: for a direct axis, each column of texels by itself."""
        width = self.area[0]
        return width + self.x.taps - 1 if self.x.is_direct else width // self.x.outputs

    @property
    def group_words(self) -> int:
        return self.words * (1 if self.x.is_direct else len(self.x.b_t))

    @property
    def words(self) -> int:
        """Of a pixel's texels in the tile."""
        return self.together * PACK // WORD

    @property
    def pitch(self) -> int:
        """Words from row to row: odd, so that the rows of a matrix are in other banks of shared memory."""
        return _odd(self.groups * self.group_words)

    @property
    def result_words(self) -> int:
        return self.channels // WORD

    @property
    def result_pitch(self) -> int:
        return _odd(self.area[0] * self.result_words)

    @property
    def begin(self) -> int:
        """Where its texels begin in shared memory: behind those that are kept."""
        return self.kept.layer.area[1] * self.kept.layer.result_pitch if self.kept else 0

    @property
    def copied_words(self) -> int:
        """Of the weights that are copied at a time: those of 16 channels of the source, for a row of taps."""
        return len(self.x.products) * self.channels * BLOCK // WORD if self.copies else 0

    @property
    def texel_words(self) -> int:
        return self._rows * self.pitch

    @property
    def length(self) -> int:
        """Words of shared memory: texels and weights, then results are in it."""
        return max(self.begin + self.texel_words + self.copied_words, self.area[1] * self.result_pitch)

    @property
    def read(self) -> int:
        """Texels of a group that an invocation reads."""
        return 1 if self.x.is_direct else self.x.window

    # What it defines

    @cached_property
    def bias(self) -> Uniforms:
        """A record for each pack of the result."""
        return Uniforms(f"{self._weights[:-1]}b", tables.packs(self.task.op.bias)[list(self.task.packs), None], FP32)

    @property
    def _weights(self) -> str:
        return f"{table_name(self.task.label, self.task.packs, self.task.type.packs)[:-1]}t"

    @property
    def buffers(self) -> int:
        """How many BUFFER blocks it has."""
        return 0 if self.copies else 1 + self.bias.buffers

    def blocks(self) -> tuple[UserBuffer, ...]:
        """Weights and bias, where they are in buffers. Raises PrecisionError for what the precision cannot hold."""
        blocks = self.numbers()
        variable = BufferVar("uvec4", self._weights, blocks.size // WORD)
        weights = UserBuffer(f"{self._weights}_buffer", (variable,), blocks.astype("<f2").tobytes(), storage=True)
        return (weights, *self.bias.blocks())

    @cached_property
    def table(self) -> Table:
        """A row of weights for each part that is copied, and one with the bias of all packs."""
        steps = filled(self.task.source.type.channels) // BLOCK * self.taps
        weights = self.numbers().reshape(steps, -1, TEXEL)
        bias = np.zeros((1, *weights.shape[1:]), np.float32)
        bias[0, : self.packs] = tables.packs(self.task.op.bias)[list(self.task.packs)]
        return Table(self._weights, np.concatenate([weights, bias]), "rgba32f")

    def numbers(self) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        """The weights in the order in which they are read: packs between two barriers, rows of taps, blocks of source
        channels, blocks of the result's, taps (along x, transformed), channels of the result, and of the source."""
        weight = transformed(self.x, direct(1, self.taps), self.task.op.weight)
        out = [PACK * pack + lane for pack in self.task.packs for lane in range(PACK)]
        sources = filled(self.task.source.type.channels)
        full = np.zeros((self.channels, sources, *weight.shape[2:]), np.float32)
        known = [channel for channel in out if channel < len(weight)]
        full[: len(known), : weight.shape[1]] = weight[known]
        chunk = self.together * PACK
        shape = (self.channels // BLOCK, BLOCK, sources // chunk, chunk // BLOCK, BLOCK, *weight.shape[2:])
        return spelling.rounded(full.reshape(shape).transpose(2, 5, 3, 0, 6, 1, 4), FP16)

    def functions(self, at: Addressing) -> tuple[Function, ...]:
        own = (halves.READ, halves.WRITE)
        if self.kept:
            return (*own, self.kept.function(at))
        return own if len(self._textures(at)) == 1 else (*own, self._texel(at))

    def _textures(self, at: Addressing) -> tuple[EveryPack, ...]:
        """Where the source is: all packs of one or more textures; nowhere where it is kept."""
        if self.kept:
            return ()
        found = at.packs(self.task.source.value, range(self.task.source.type.packs))
        return tuple(every for every in found if isinstance(every, EveryPack))

    def _texel(self, at: Addressing) -> Function:
        """The function that reads a source of several textures."""
        found = ""
        for every in reversed(self._textures(at)):
            cell = at.cell(every.texture, every.within(self._known("pack")))
            fetch = f"f16vec4({at.fetch_any(every.texture, 'x', 'y', cell)})"
            found = f"pack < {every.packs[1]} ? {fetch} : {found}" if found else fetch
        name = at.functions.named(f"{self.task.node}_texel")
        return Function("A texel of any pack", "f16vec4", name, "int pack, int x, int y", found)

    def _known(self, pack: str) -> str:
        """The number of a pack, of those that are there: what is filled up has weights of zero."""
        packs = self.task.source.type.packs
        return f"min({pack}, {packs - 1})" if packs % (BLOCK // PACK) else pack

    # Code

    def view(self, at: Addressing, tile: str, length: int) -> LayerView:
        """The products, in an array of so many words of shared memory."""
        local = at.names.block(*LOCALS)
        names = [[local.named(f"s_{half}_{x}") for x in range(self.read)] for half in range(2)]
        direct, stride, row = self.x.is_direct, len(self.x.b_t), self.groups * self.words
        products = self.area[0] // self.x.outputs
        return LayerView(
            edge=at.sizes.of(self.task.source.value),
            corner=self._corner(),
            tile=tile,
            begin=self.begin,
            weights=tile if self.copies else self._weights,
            weights_begin=self.texel_words if self.copies else 0,
            weights_mask=_mask(length if self.copies else self.numbers().size // WORD),
            copied=self._copied() if self.copies else "",
            copied_words=self.copied_words,
            threads=self.threads,
            packs=filled(self.task.source.type.channels) // PACK,
            together=self.together,
            words=self.words,
            groups=self.groups,
            at_once=self.threads // row if self.threads % row == 0 else 0,
            reads=tuple(self._columns(local)),
            group_words=self.group_words,
            height=self.height,
            pitch=self.pitch,
            mask=_mask(length),
            pack=str(Index.of("first").plus(Index.of("word").times(2))),
            row=zero_edged("corner.y + row", "edge.y"),
            in_tile=self._in_tile(),
            cells=tuple(self._cells(at)),
            cell_columns=tuple(self._cell_columns(names, local, at)),
            texels=tuple(self._kept_texels(names, local, at, tile) if self.kept else self._texels(names, local, at)),
            factors=tuple(self._factors(names, local)),
            stores=tuple(self._stores(names, local)),
            channels=self.channels,
            parts=self.parts,
            shares_factors=direct,
            columns=self.groups * (1 if direct else stride),
            taps=(len(self.x.g), self.taps),
            products=products,
            factor=f"i / {products} * {self.groups} + p + t" if direct else "i",
            sum="p" if direct else f"p * {self.x.sums} + t",
            sums=products * self.x.sums,
            result_words=self.result_words,
            result_pitch=self.result_pitch,
            handed=tuple(self._handed()),
        )

    def title(self) -> str:
        """What a comment says of it."""
        out, in_, kh, kw = self.task.op.weight.shape
        how = "" if self.x.is_direct else f", by Winograd's F({self.x.outputs},{kw}) along x"
        return f"{self.task.node}: {kw}x{kh} kernel, {in_} to {out} channels, as products of matrices{how}"

    def _corner(self) -> str:
        """The first texel that the workgroup reads."""
        top, left = self.task.op.pads[:2]
        corner = f"ivec2(gl_WorkGroupID.xy) * ivec2({self.moved[0]}, {self.moved[1]})"
        x, y = left + self.margin[0], top + self.margin[1]
        return f"{corner} - ivec2({x}, {y})" if x or y else corner

    def _copied(self) -> str:
        """Eight weights of the table's row `part`."""
        columns = ("2 * n", "2 * n + 1")
        halved = (halves.written(f"f16vec4({self.table.fetch(column, 'part')})") for column in columns)
        return f"uvec4({', '.join(halved)})"

    def _columns(self, local: Names) -> Iterator[Statement]:
        """What lies outside of the picture is at its zero edge."""
        for x in range(self.read):
            column = (
                Index.of("corner.x").plus(Index.of("column").times(1 if self.x.is_direct else self.x.outputs)).plus(x)
            )
            yield local.named(f"x{x}"), zero_edged(str(column), "edge.x")

    def _cells(self, at: Addressing) -> Iterator[Statement]:
        textures = self._textures(at)
        for half in range(2) if len(textures) == 1 else ():
            number = self._known(str(Index.of("pack").plus(half)))
            yield f"cell{half}", at.cell(textures[0].texture, number if number == "pack" else f"({number})")

    def _cell_columns(self, names: list[list[str]], local: Names, at: Addressing) -> Iterator[Statement]:
        textures = self._textures(at)
        for half, own in enumerate(names) if len(textures) == 1 else ():
            for x, name in enumerate(own):
                column = Index.of(local.named(f"x{x}")).times(textures[0].texture.columns)
                yield local.named(f"at_{name}"), str(column.plus(Index.of(f"cell{half}.x")))

    def _in_tile(self) -> str:
        """The place of a group's first texel, of the packs of a word, among those that are kept."""
        if not self.kept:
            return ""
        kept = self.kept.layer
        place = Index.of("row").times(kept.result_pitch)
        place = place.plus(Index.of("column").times(self.x.outputs * kept.result_words))
        return str(place.plus(Index.of("pack / 2")))

    def _kept_texels(self, names: list[list[str]], local: Names, at: Addressing, tile: str) -> Iterator[Statement]:
        """The texels of two packs that are kept. What lies outside of the picture was moved to its edge."""
        assert self.kept
        kept, function = self.kept.layer, self.kept.function(at).name
        for half, own in enumerate(names):
            bias = kept.bias_of(self._known(str(Index.of("pack").plus(half))))
            for x, name in enumerate(own):
                words = f"{tile}[{Index.of('texel').plus(x * kept.result_words)}].{('xy', 'zw')[half]}"
                inside = f"all(lessThan(uvec2({local.named(f'x{x}')}, y), edge))"
                yield name, halves.read(f"padded({function}({words}, {bias}), {inside})")

    def needs(self) -> Needs:
        """Functions of all that it calls."""
        if self.kept is None:
            return Needs()
        erf = any(isinstance(op, Erf) for op in self.kept.activation)
        return Needs(padded=frozenset({("uvec2", "uvec2(0u)")}), erf=erf)

    def _texels(self, names: list[list[str]], local: Names, at: Addressing) -> Iterator[Statement]:
        """The texels of two packs."""
        textures = self._textures(at)
        for half, own in enumerate(names):
            for x, name in enumerate(own):
                if len(textures) > 1:
                    function = self._texel(at).name
                    yield name, f"{function}({Index.of('pack').plus(half)}, {local.named(f'x{x}')}, y)"
                else:
                    texture = textures[0].texture
                    row = Index.of("y").times(texture.rows).plus(Index.of(f"cell{half}.y"))
                    place = f"ivec2({local.named(f'at_{name}')}, {row})"
                    yield name, f"f16vec4(texelFetch({texture.name}_raw, {place}, 0))"

    def _factors(self, names: list[list[str]], local: Names) -> Iterator[Statement]:
        """B^T d."""
        if not self.x.is_direct:
            for half, own in enumerate(names):
                factors = [local.named(f"f_{half}_{factor}") for factor in range(len(self.x.b_t))]
                yield from statements(self.x.b_t, own, factors, FP16, local)

    def _stores(self, names: list[list[str]], local: Names) -> Iterator[Statement]:
        count = 1 if self.x.is_direct else len(self.x.b_t)
        for factor in range(count):
            two = [local.named(f"f_{half}_{factor}") for half in range(2)] if count > 1 else [own[0] for own in names]
            value = f"uvec4({halves.written(two[0])}, {halves.written(two[1])})"
            yield str(Index.of("place").plus(factor * self.words)), value

    def _handed(self) -> Iterator[tuple[str, str]]:
        """A^T M for each pixel of a group."""
        if self.x.is_direct:
            yield "p", "sums[m + p]"
            return
        terms = [f"sums[m + {Index.of('p').times(self.x.sums).plus(k)}]" for k in range(self.x.sums)]
        for pixel, coefficients in enumerate(self.x.a_t):
            yield f"({Index.of('p').times(self.x.outputs).plus(pixel)})", combination(coefficients, terms)

    def results(self, at: Addressing, tile: str, area: Pair, words: str) -> Iterator[Statement]:
        """The results with the bias, in the registers of invocations of which so many, (width, height), lie side by
        side; `words` is where the invocation's packs begin among the words of a pixel."""
        column, row = divided_invocation(area)  # a row of threads, though they be one part
        height = at.pixels[-1].y + 1
        for pixel in at.pixels:
            first = Index.of(row).times(height).plus(pixel.y).times(self.result_pitch)
            first = first.plus(Index.of(column).times(self.result_words))
            for number, place in enumerate(at.places(self.task.packs)):
                word = first.plus(Index.of(words)).plus(number // 2)
                value = halves.read(f"{tile}[{word}].{('xy', 'zw')[number % 2]}")
                register = at.register(self.task.node, place.pack, pixel)
                yield register, f"vec4({value}) + {self._bias(place)}"

    def _bias(self, place: Place) -> str:
        if self.copies:
            return self.table.fetch(str(place.number), str(len(self.table.texels) - 1))
        return self.bias_of(str(place.number))

    def bias_of(self, pack: str) -> str:
        """The bias, a vec4, of the pack whose number among the result's an expression gives."""
        return self.bias.element(pack, 0)


def filled(channels: int) -> int:
    """So many channels, filled up to whole blocks."""
    return -(-channels // BLOCK) * BLOCK


def _mask(count: int) -> int:
    """Ones in the digits of all numbers below a count."""
    return (1 << (count - 1).bit_length()) - 1


def _odd(words: int) -> int:
    return words | 1
