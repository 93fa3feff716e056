"""A binary of SPIR-V, instruction by instruction."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MAGIC = 0x07230203
HEADER_WORDS = 5
BOUND = 3
"""The word of the header that is above every id."""


class Instruction(NamedTuple):
    """An instruction: its opcode, and the words behind the first."""

    op: int
    words: tuple[int, ...]


def read(data: bytes) -> tuple[int, ...]:
    """The words of a module. Raises ValueError for bytes that are none."""
    if len(data) < 4 * HEADER_WORDS or len(data) % 4 or struct.unpack_from("<I", data)[0] != MAGIC:
        raise ValueError("found no SPIR-V")
    return struct.unpack(f"<{len(data) // 4}I", data)


def instructions(words: Sequence[int]) -> Iterator[Instruction]:
    """The instructions of a module's words, in order. Raises ValueError for one that has no words."""
    at = HEADER_WORDS
    while at < len(words):
        length, op = words[at] >> 16, words[at] & 0xFFFF
        if not length:
            raise ValueError(f"found an instruction of no words at {at}")
        yield Instruction(op, tuple(words[at + 1 : at + length]))
        at += length


def text(words: Sequence[int]) -> str:
    """A string as operands have it: UTF-8 that ends with a zero, four bytes a word."""
    return struct.pack(f"<{len(words)}I", *words).split(b"\0")[0].decode("utf-8", "replace")
