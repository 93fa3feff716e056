"""A fragment pass: an invocation is one texel, a texture is one pack. Runs everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shadergen.forms.form import Body, Form
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Pair
from shadergen.storage.layout import Layout, Texture
from shadergen.target import TableFormat, Target


@dataclass(frozen=True)
class FragmentView:
    """What `fragment.glsl.j2` lays out."""

    functions: str
    anchor: str
    size: str
    steps: tuple[str, ...]
    passes_alpha: bool
    value: str


class Fragment:
    """Fragment passes that give one pack each.

    Neighbouring invocations do the same work; several packs in one texture would make them branch apart (five times
    slower in another project's measurements, libretro/slang-shaders #930).
    """

    template: ClassVar[str] = "fragment.glsl.j2"
    workgroups: ClassVar[bool] = False
    shuffles: ClassVar[bool] = False
    joins_packs: ClassVar[bool] = True
    overhangs: ClassVar[bool] = False
    tables: ClassVar[TableFormat] = "rgba8"

    def layout(self, target: Target) -> Layout:
        return Layout(packs_per_texture=1)

    def can_store(self, layout: Layout) -> bool:
        return layout.packs_per_texture == 1 and not layout.zero_edge

    def of(self, writes: Texture | None) -> Form:
        return self

    def blocks(self, heuristics: Heuristics) -> tuple[Pair, ...]:
        return ((1, 1),)

    def dispatch(self, pixels: Pair, threads: Pair, area: Pair, writes: Texture | None) -> None:
        return None

    def view(self, body: Body) -> FragmentView:
        ((value,),) = (result.texels for result in body.results)
        return FragmentView(body.functions, body.anchor, body.size, body.steps, body.passes_alpha, value)
