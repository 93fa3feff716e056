"""A hook file as data: one dataclass per kind of block, in the order of the file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from shadergen.hookfile.rpn import Rpn

MAGIC = "//!"
"""What every directive begins with."""

TextureFilter = Literal["LINEAR", "NEAREST"]
TextureBorder = Literal["CLAMP", "REPEAT", "MIRROR"]
ParamMode = Literal["VARIABLE", "DYNAMIC", "CONSTANT", "DEFINE"]
Offset = tuple[float, float] | Literal["ALIGN"]


@dataclass(frozen=True)
class Directive:
    """One `//!NAME value` line as written, with its line number."""

    line: int
    name: str
    value: str


@dataclass(frozen=True)
class Compute:
    """A `COMPUTE bw bh [tw th]`: how many texels of the result a workgroup covers, across and down, and how many
    threads it has; as many as texels where the file does not say."""

    block: tuple[int, int]
    threads: tuple[int, int]


@dataclass(frozen=True)
class HookPass:
    """A block that runs: one draw or dispatch whenever a texture it hooks comes by."""

    hooks: tuple[str, ...]
    body: str
    desc: str = ""
    binds: tuple[str, ...] = ()
    save: str | None = None
    """Name of the result. None overwrites the hooked texture, as `SAVE HOOKED` does."""
    width: Rpn | None = None
    """The width of the result, which players round to the nearest integer. None is HOOKED's."""
    height: Rpn | None = None
    """The height of the result, as `width`."""
    when: Rpn | None = None
    """The pass runs where this is not 0. None always runs."""
    offset: Offset | None = None
    components: int | None = None
    """How many components of the result mean something. None takes the hooked texture's number."""
    compute: Compute | None = None
    """The workgroups of a compute pass. None is a fragment pass."""
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class UserTexture:
    """A `TEXTURE`: constant data, bound by name as a sampler, or with STORAGE (libplacebo only) as an image."""

    name: str
    size: tuple[int, ...]
    """One to three extents in texels: width, height, depth."""
    format: str
    data: bytes
    filter: TextureFilter | None = None
    """How the texture is sampled between texels. None is LINEAR in vo=gpu (US:535) and NEAREST in libplacebo."""
    border: TextureBorder | None = None
    storage: bool = False
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class BufferVar:
    """One `VAR type name[length]` of a BUFFER; length 0 is no array."""

    type: str
    name: str
    length: int = 0


@dataclass(frozen=True)
class UserBuffer:
    """A `BUFFER`: a uniform buffer, or with STORAGE a storage buffer. libplacebo has them; vo=gpu rejects the file."""

    name: str
    variables: tuple[BufferVar, ...]
    data: bytes
    storage: bool = False
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Param:
    """A `PARAM`: a number that the user may change in the player's configuration."""

    name: str
    type: str
    """One of `float`, `int` and `uint`; a TYPE DEFINE is `int`."""
    initial: float
    desc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    mode: ParamMode = "VARIABLE"
    names: tuple[str, ...] = ()
    """The names that an ENUM gives to 0, 1, 2, ..., or none."""
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


Block = HookPass | UserTexture | UserBuffer | Param


@dataclass(frozen=True)
class HookFile:
    """A whole file: the text before the first directive, and the blocks in order."""

    header: str
    blocks: tuple[Block, ...]

    @property
    def passes(self) -> tuple[HookPass, ...]:
        return tuple(block for block in self.blocks if isinstance(block, HookPass))

    @property
    def textures(self) -> tuple[UserTexture, ...]:
        return tuple(block for block in self.blocks if isinstance(block, UserTexture))

    @property
    def buffers(self) -> tuple[UserBuffer, ...]:
        return tuple(block for block in self.blocks if isinstance(block, UserBuffer))

    @property
    def params(self) -> tuple[Param, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Param))
