"""A fragment pass that writes many packs, side by side in one texture: a fragment finds out which pack it is.

With code for any pack, whose weights come from a table, there are no branches, one pass and one bind for 64 channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from shadergen.forms.form import Body, Form
from shadergen.forms.fragment import Fragment
from shadergen.glsl.addressing import RESULT
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Pair
from shadergen.storage.layout import Layout, Texture
from shadergen.target import TableFormat, Target


@dataclass(frozen=True)
class PlanarView:
    """What `planar.glsl.j2` lays out."""

    functions: str
    anchor: str
    size: str
    columns: int
    rows: int
    last: int
    """The number of the last pack; columns x rows may be more."""
    steps: tuple[str, ...]
    value: str


class Planar:
    """Fragment passes whose texture has up to 16 packs as images of their own."""

    template: ClassVar[str] = "planar.glsl.j2"
    workgroups: ClassVar[bool] = False
    shuffles: ClassVar[bool] = False
    joins_packs: ClassVar[bool] = False
    overhangs: ClassVar[bool] = False
    tables: ClassVar[TableFormat] = "rgba8"

    def layout(self, target: Target) -> Layout:
        return Layout(target.max_packs_per_texture, planar=True)

    def can_store(self, layout: Layout) -> bool:
        return not layout.zero_edge and (layout.planar or layout.packs_per_texture == 1)

    def of(self, writes: Texture | None) -> Form:
        return self if writes and writes.planar else Fragment()

    def blocks(self, heuristics: Heuristics) -> tuple[Pair, ...]:
        return ((1, 1),)

    def dispatch(self, pixels: Pair, threads: Pair, area: Pair, writes: Texture | None) -> None:
        return None

    def view(self, body: Body) -> PlanarView:
        texture = body.writes
        assert texture, "a plane has a pass of the form fragment"
        (result,) = body.results
        value = _chosen(result.texels)
        columns, rows, last = texture.columns, texture.rows, texture.packs - 1
        return PlanarView(body.functions, body.anchor, body.size, columns, rows, last, body.steps, value)


def _chosen(texels: Sequence[str]) -> str:
    """The texel that the variable `result` numbers, or the only one."""
    *others, last = texels
    return "".join(f"{RESULT} == {number} ? {name} : " for number, name in enumerate(others)) + last
