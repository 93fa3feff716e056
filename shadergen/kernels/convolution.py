"""A convolution of a hook pass as GLSL statements: the window's texels, the products, the pixels' results.

The window is read pack after pack. Each pack's texels become factors (see `blocking`), every matrix of weights is used
for all pixels that need it, and what it gives is added to the sums, which live in registers throughout. The weights are
literals, one statement after the other, or come from a table, with loops over the source's packs and the taps' rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.errors import TargetError
from shadergen.glsl import spelling as glsl
from shadergen.glsl import tables
from shadergen.glsl.places import Places
from shadergen.glsl.spelling import FP16, FP32, Types
from shadergen.glsl.tables import Table
from shadergen.kernels import blocking
from shadergen.kernels.blocking import Axis
from shadergen.schedule.packing import Texture
from shadergen.schedule.schedule import ConvStep, Tile

Use = tuple[int, int, int, int]
"""Of a weight: the sum's row and column, the factor's row and column."""


@dataclass(frozen=True)
class Convolution:
    """One ConvStep of a pass."""

    step: ConvStep
    places: Places

    def view(self) -> dict[str, Any]:
        """What the templates see."""
        step, places = self.step, self.places
        top, left = step.op.pads[:2]
        out, in_, kh, kw = step.op.weight.shape
        size = f" of {step.x.block}x{step.y.block} pixels" if len(places.pixels) > 1 else ""
        return {
            "kind": "conv",
            "name": step.node,
            "title": f"{step.node}: {kw}x{kh} kernel, {in_} to {out} channels{size}",
            "tile": places.in_tile(left, top) if self.tile else "",
            "edge": "" if self.tile else f"{places.size(step.source)} - 1",
            "strides": step.op.strides[::-1],
            "left": left,
            "top": top,
            "columns": [] if self.tile else self._cells("x", step.x),
            "rows": [] if self.tile else self._cells("y", self._y),
            "sums": self._sums(),
            "row_loop": self._row_loop,
            "packs": [self._pack(group) for group in self._groups],
            "results": self._results(),
        }

    @cached_property
    def table(self) -> Table | None:
        """A row for each result and source pack: a bias (in the first of a result pack), then matrices tap by tap."""
        if self._in_code:
            return None
        step, lanes = self.step, self._lanes
        matrices = tables.columns(step.op.weight, lanes)[list(step.packs)]
        results, sources, kh, kw = matrices.shape[:4]
        biases = np.zeros((results, sources, 1, 4), np.float32)
        biases[:, 0, 0] = tables.packs(step.op.bias)[list(step.packs)]
        taps = matrices.reshape(results, sources, kh * kw * lanes, 4)
        texels = np.concatenate([biases, taps], axis=2).reshape(results * sources, -1, 4)
        return Table(self.places.table_name(step.node, step.packs), texels)

    @property
    def tile(self) -> Tile | None:
        """The tile that the window is read from: what lies outside of the image is zero in it."""
        return self.places.tile(self.step.source)

    @property
    def _in_code(self) -> bool:
        return self.places.schedule.weights == "code"

    @cached_property
    def _groups(self) -> Sequence[Texture | int]:
        """The source's packs: one after the other, or loops over all that are in a texture."""
        step = self.step
        return step.sources if self._in_code else self.places.groups(step.source, step.sources)

    @property
    def _row_loop(self) -> int:
        """The rows of taps, where a loop goes over them; else 0.

        It reads the window's rows again for each row of taps, which pays where their code is long: C4F32 compiles in
        0.75 of the time with a loop for its 5x5 kernel, and takes 1.35 of the frame time with one for 3x3, too.
        """
        return 0 if self._in_code or self.step.y.taps <= 3 else self.step.y.taps

    @property
    def _y(self) -> Axis:
        """The axis within the loop over the rows: one tap."""
        return blocking.direct(self.step.y.block, 1, self.step.op.strides[0]) if self._row_loop else self.step.y

    @property
    def _lanes(self) -> int:
        """Of the source's texels."""
        return min(4, self.places.schedule.types[self.step.source].channels)

    @property
    def _packs(self) -> Sequence[tuple[int, str | int]]:
        return self.places.packs(self.step.packs)

    @property
    def types(self) -> Types:
        """The types of texels, factors, weights and the products of one pack. Sums are fp32.

        The graph's input stays fp32 too: 10-bit video has more steps near white than fp16.
        """
        fp16 = self.places.schedule.target.precision == "fp16" and self.step.source != self.places.graph.input
        return FP16 if fp16 else FP32

    # The window

    def _cells(self, axis: str, how: Axis) -> list[dict[str, Any]]:
        """The columns (or rows) of the window: where each is read, and whether the padding must be zero there."""
        padded = any(self._pads(axis))
        cells = []
        first = f"corner.{axis} + {self._row_offset}" if axis == "y" and self._row_loop else f"corner.{axis}"
        for i in how.read:
            at = f"{first} + {i}" if i else first
            inside = f"clamp({at}, 0, edge.{axis})"
            mirrored = f"mirror({at}, edge.{axis})"
            name = f"{axis}{i}"
            read = mirrored if self.step.op.pad_mode == "reflect" and padded else inside
            cells.append({"name": name, "read": read, "test": f"{name} == {at}" if self._is_tested(axis, i) else ""})
        return cells

    @property
    def _row_offset(self) -> str:
        dilation = self.step.op.dilations[0]
        return f"ky * {dilation}" if dilation > 1 else "ky"

    def _pads(self, axis: str) -> tuple[int, int]:
        """Before and after the image."""
        top, left, bottom, right = self.step.op.pads
        return (left, right) if axis == "x" else (top, bottom)

    def _is_tested(self, axis: str, cell: int) -> bool:
        """Whether a column (or row) may lie in a padding of zeros.

        That of the first pixel itself does not, unless the result is larger than the source, or the pixels are those
        of a tile and begin outside.
        """
        before, after = self._pads(axis)
        if not (before or after) or self.step.op.pad_mode != "zero":
            return False
        looped = axis == "y" and self._row_loop > 0
        taps, dilation = (self.step.op.weight.shape[3 if axis == "x" else 2], self.step.op.dilations[axis == "x"])
        larger = before + after > (taps - 1) * dilation
        return looped or larger or self.places.fills_tile or cell != before

    def _lane_number(self, group: Texture | int) -> int:
        """Of a pack's texels: its live lanes; with a table, whose matrices are all alike, the first pack's."""
        if isinstance(group, int) and self._in_code:
            return self.places.lane_count(self.step.source, group)
        return self._lanes

    def _texel(self, group: Texture | int, row: int, column: int) -> str:
        """The window's texel of a pack."""
        step = self.step
        type_, at = self.types.vec(self._lane_number(group)), (f"x{column}", f"y{row}")
        if isinstance(group, int) and self.tile:
            return self.places.tile_texel(self.tile, group, row, column)
        if isinstance(group, Texture):
            texel = self.places.fetch_loop(group, *at)
        elif self._in_code:
            texel = self.places.fetch(step.source, group, *at)
        else:
            texel = self.places.widened(step.source, group, *at, lanes=self._lanes)
        tests = [f"{axis}{i}_in" for axis, i in (("y", row), ("x", column)) if self._is_tested(axis, i)]
        if tests:
            texel = f"padded({texel}, {' && '.join(tests)})"
        return f"{type_}({texel})" if self.types is FP16 else texel

    def _pack(self, group: Texture | int) -> dict[str, Any]:
        step, type_ = self.step, self.types.vec(self._lane_number(group))
        lines = [f"ivec2 cell = {self.places.cell(group)};"] if isinstance(group, Texture) else []
        lines += [
            f"{type_} s_{row}_{column} = {self._texel(group, row, column)};"
            for row in self._y.read
            for column in step.x.read
        ]
        lines += self._factors(type_)
        lines += self._products(group)
        if isinstance(group, Texture):
            return {"title": "", "loop": (group.first, group.first + group.packs), "lines": lines}
        return {"title": f"Pack {group}" if len(self._groups) > 1 else "", "loop": None, "lines": lines}

    def _factors(self, type_: str) -> Iterator[str]:
        """Along x only; along y every axis here is direct."""
        x, y = self.step.x, self._y
        assert y.is_direct, "schedule blocks y directly"
        if x.is_direct:
            return
        for row in y.read:
            names = [f"s_{row}_{column}" for column in range(x.window)]
            for factor, coefficients in enumerate(x.input):
                yield f"{type_} f_{row}_{factor} = {combination(coefficients, names)};"

    def _factor(self, row: int, column: int) -> str:
        return f"{'s' if self.step.x.is_direct else 'f'}_{row}_{column}"

    # Products and sums

    def _sum(self, pack: int, row: int, column: int) -> str:
        """A sum's name. A direct axis has a sum per pixel: then it is the pixel's register itself."""
        step = self.step
        if step.x.is_direct:
            return self.places.register(step.node, pack, self.places.pixels[row * step.x.block + column])
        return f"{step.node}_{pack}_sum{row}_{column}"

    def _sums(self) -> list[tuple[str, str]]:
        """The sums and what they begin with. A table's bias is read once for all pixels."""
        step = self.step
        sums: list[tuple[str, str]] = []
        for pack, place in self._packs:
            names = [self._sum(pack, row, column) for row in range(step.y.sums) for column in range(step.x.sums)]
            first = self._bias(pack, place) if step.x.is_direct else "vec4(0.0)"
            sums += [(name, first if self._in_code or name == names[0] else names[0]) for name in names]
        return sums

    def _bias(self, pack: int, place: str | int) -> str:
        table = self.table
        if table:
            return table.fetch(0, tables.index(place, self.places.schedule.types[self.step.source].packs, 0))
        return glsl.vector(self.step.op.bias[4 * pack : 4 * pack + 4], FP32)

    def _results(self) -> list[tuple[str, str]]:
        """The pixels from the sums, where they are not the same."""
        step = self.step
        if step.x.is_direct:
            return []
        results = []
        for pack, place in self._packs:
            for row in range(step.y.block):
                sums = [self._sum(pack, row, column) for column in range(step.x.sums)]
                for column, coefficients in enumerate(step.x.output):
                    pixel = self.places.pixels[row * step.x.block + column]
                    value = f"{self._bias(pack, place)} + {combination(coefficients, sums)}"
                    results.append((self.places.register(step.node, pack, pixel), value))
        return results

    def _uses(self, weight_row: int, weight_column: int) -> list[Use]:
        """Every product of a weight."""
        return [
            (sum_row, sum_column, row, column)
            for row, j, sum_row in self._y.products
            if j == weight_row
            for column, k, sum_column in self.step.x.products
            if k == weight_column
        ]

    def _products(self, group: Texture | int) -> Iterator[str]:
        """Add the products of one source pack to the sums, for one result pack after the other."""
        if isinstance(group, int) and self._in_code:
            matrices = self._literals(group)
        else:
            matrices = self._fetched("pack" if isinstance(group, Texture) else group)
        if len(self._uses(0, 0)) > 1:
            yield f"{self.types.mat(self._lane_number(group))} w;"
        for result, _ in self._packs:
            begun: dict[str, None] = {}
            for (row, column), matrix in matrices[result].items():
                uses = self._uses(row, column)
                if len(uses) > 1:
                    yield f"w = {matrix};"
                for sum_row, sum_column, y, x in uses:
                    name = self._sum(result, sum_row, sum_column)
                    product = f"{'w' if len(uses) > 1 else matrix} * {self._factor(y, x)}"
                    yield self._add(name, product, name in begun)
                    begun[name] = None
            if self.types is FP16:
                yield from (f"{name} += vec4({name}_pack);" for name in begun)

    def _add(self, name: str, product: str, begun: bool) -> str:
        """In fp16 a pack's products are summed by themselves before they reach the fp32 sums."""
        if self.types is FP32:
            return f"{name} += {product};"
        return f"{name}_pack += {product};" if begun else f"f16vec4 {name}_pack = {product};"

    def _fetched(self, pack: int | str) -> dict[int, dict[tuple[int, int], str]]:
        """By result pack, and by row and column: the weights as matrices from the table."""
        kw, sources = self.step.x.taps, self.places.schedule.types[self.step.source].packs
        matrices: dict[int, dict[tuple[int, int], str]] = {}
        for result, place in self._packs:
            taps = {}
            for ky, kx in np.ndindex(self._y.taps, kw):
                first = 1 + (ky * kw + kx) * self._lanes
                column = tables.index("ky", kw * self._lanes, first) if self._row_loop else str(first)
                taps[ky, kx] = f"{self.step.node}_weights({column}, {tables.index(place, sources, pack)})"
            matrices[result] = taps
        return matrices

    def function(self) -> dict[str, str] | None:
        """The function that reads a tap's matrix from the table, whose first column is `column`."""
        table = self.table
        if not table:
            return None
        fetches = [table.fetch(f"column + {lane}" if lane else "column", "row") for lane in range(self._lanes)]
        vector = "f16vec4" if self.types is FP16 else ""
        type_ = self.types.mat(self._lanes)
        return {"name": self.step.node, "type": type_, "value": tables.matrix(type_, fetches, vector)}

    @cached_property
    def _texts(self) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_]]:
        """The weights as the axes multiply them, filled up to whole packs: as literals, and which are not zero."""
        step = self.step
        weight = blocking.weights(step.x, step.y, step.op.weight)
        padded = np.zeros((-(-weight.shape[0] // 4) * 4, *weight.shape[1:]), np.float32)
        padded[: weight.shape[0]] = weight
        try:
            return glsl.literals(padded, self.types), padded != 0
        except ValueError as error:
            where = f"{self.places.graph.name}: node {step.node!r}"
            raise TargetError(where, str(error), "use --precision fp32") from None

    def _literals(self, pack: int) -> dict[int, dict[tuple[int, int], str]]:
        """By result pack, and by row and column: the weights as matrices; those that are all zero are left out."""
        texts, live = self._texts
        columns = slice(4 * pack, 4 * pack + self.places.lane_count(self.step.source, pack))
        return {
            result: {
                (row, column): glsl.matrix(texts[rows, columns, row, column].T, self.types)
                for row, column in np.ndindex(texts.shape[2:])
                if live[rows, columns, row, column].any()
            }
            for result in self.step.packs
            for rows in [slice(4 * result, 4 * result + 4)]
        }


def combination(coefficients: Sequence[float], names: Sequence[str]) -> str:
    """The sum of names with coefficients of -1, 0 and 1; the first that is not 0 must be 1 or moves to the front."""
    terms = [(coefficient, name) for coefficient, name in zip(coefficients, names, strict=True) if coefficient]
    terms.sort(key=lambda term: term[0] < 0)
    text = terms[0][1]
    for coefficient, name in terms[1:]:
        text += f" {'-' if coefficient < 0 else '+'} {name}"
    return text
