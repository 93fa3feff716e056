"""What a form is: how a hook pass starts, which pixel an invocation is, and how it stores its result.

A form is one file of this folder and one template of `templates/forms/`. It owns the layout of results, the entry
point, the stores and the dispatch; what is computed in between is the steps' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from shadergen.glsl.addressing import Addressing
from shadergen.hookfile import Compute
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Dispatch, Pair, View
from shadergen.storage.layout import Layout, Texture
from shadergen.target import TableFormat, Target


@dataclass(frozen=True)
class TileStore:
    """A pixel of a block that fills the tile."""

    at: str
    """Its position in the image, which may be outside."""
    texels: tuple[tuple[str, str], ...]
    """For each pack its place in the tile, and what is stored there."""


@dataclass(frozen=True)
class Filling:
    """How a workgroup fills its tile of shared memory."""

    value: str
    type: str
    """Of the tile's texels."""
    texels: int
    width: int
    """Of the tile, in pixels."""
    margin: Pair
    """Pixels in the tile left of and above the workgroup's first."""
    moved: Pair
    """Pixels, (width, height), from the first of a workgroup to the first of the next."""
    threads: int
    blocks: Pair
    """How many blocks of pixels are in a row of the tile, and in a column: a thread computes one after another."""
    pixels: Pair
    """Pixels in such a block, (width, height)."""
    steps: tuple[str, ...]
    """Statements that compute a block."""
    stores: tuple[TileStore, ...]
    image: str
    """The size of the value in pixels, an ivec2."""
    continued: tuple[tuple[str, str], ...]
    """Texels, by the variables `n` and `near`, that become others where they are outside of the image: those of the
    nearest pixel, for each pack. None where they are zero."""
    height: int
    """Of the tile, in pixels."""


@dataclass(frozen=True)
class Result:
    """A pixel of the result."""

    steps: tuple[str, ...]
    """What it alone needs, above a shuffle."""
    texels: tuple[str, ...]
    """The packs that the pass writes, each a vec4; where the code is for any, those that it computes at once."""


@dataclass(frozen=True)
class Body:
    """What a pass consists of, its steps written as GLSL statements."""

    functions: str
    """Functions in front of `hook()`, each with an empty line behind it."""
    extensions: tuple[str, ...]
    """GLSL extensions that it requires, in alphabetical order."""
    before: tuple[str, ...]
    """What is done once for all packs of the result."""
    steps: tuple[str, ...]
    """For all of the invocation's pixels."""
    results: tuple[Result, ...]
    """The pixels of the result, row by row within each of the invocation's pixels."""
    shuffle: int
    """Each of the invocation's pixels becomes shuffle x shuffle pixels of the result."""
    at: Addressing
    dispatch: Dispatch
    writes: Texture | None
    """None for the plane itself."""
    passes_alpha: bool
    anchor: str
    """A bound texture whose position says which pixel a fragment is."""
    filling: Filling | None

    @property
    def size(self) -> str:
        """The size of the result in pixels, an ivec2."""
        return self.at.sizes.of(self.at.root)


class Form(Protocol):
    """One way for a hook pass to be."""

    template: ClassVar[str]
    """The file within `templates/forms/` that lays out its view."""
    workgroups: ClassVar[bool]
    """Whether invocations are threads of a workgroup, with shared memory."""
    shuffles: ClassVar[bool]
    """Whether a DepthToSpace is an index in registers, one invocation giving the whole block; else each lane is picked
    from a value in textures."""
    joins_packs: ClassVar[bool]
    """Whether an invocation may put a pack together from several that it computed (Slice, Gather, Concat). Where it is
    one pack of many that computes, it would compute all of them."""
    overhangs: ClassVar[bool]
    """Whether invocations may lie beyond the right and the lower edge."""
    tables: ClassVar[TableFormat]
    """The format of numbers that are read from a TEXTURE: one that all renderers have which run the form."""

    def layout(self, target: Target) -> Layout:
        """How results are stored."""

    def can_store(self, layout: Layout) -> bool:
        """Whether a pass can store its result in that layout."""

    def of(self, writes: Texture | None) -> Form:
        """The form of the pass that writes the texture, or the plane: this one, or one that it needs beside itself."""

    def blocks(self, heuristics: Heuristics) -> tuple[Pair, ...]:
        """How many pixels an invocation may compute, (width, height)."""

    def dispatch(self, pixels: Pair, threads: Pair, area: Pair, writes: Texture | None) -> Compute | None:
        """The COMPUTE directive for invocations of so many pixels of the result, `area` of them side by side."""

    def view(self, body: Body) -> View:
        """What the template lays out."""
