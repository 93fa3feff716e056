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
    """`COMPUTE bw bh [tw th]`: the output texels a workgroup covers, and its threads (equal when not written)."""

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
    """None is the width of HOOKED; rounded to the nearest integer by the players."""
    height: Rpn | None = None
    when: Rpn | None = None
    """None always runs."""
    offset: Offset | None = None
    components: int | None = None
    """None takes the hooked texture's."""
    compute: Compute | None = None
    """None is a fragment pass."""
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class UserTexture:
    """`TEXTURE`: constant data, bound by name as a sampler (or, with STORAGE, as an image; libplacebo only)."""

    name: str
    size: tuple[int, ...]
    """1 to 3 extents: width[, height[, depth]]."""
    format: str
    data: bytes
    filter: TextureFilter | None = None
    """None is LINEAR in vo=gpu (US:535) and NEAREST in libplacebo (a zero sample_mode)."""
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
    """`BUFFER`: a uniform (or, with STORAGE, a storage) buffer. libplacebo only; vo=gpu rejects the file."""

    name: str
    variables: tuple[BufferVar, ...]
    data: bytes
    storage: bool = False
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Param:
    """`PARAM`: a number the user may change from the player's configuration."""

    name: str
    type: str
    """`float`, `int` or `uint`; `int` for TYPE DEFINE."""
    initial: float
    desc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    mode: ParamMode = "VARIABLE"
    names: tuple[str, ...] = ()
    """For ENUM: the names of 0, 1, 2, ..."""
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
