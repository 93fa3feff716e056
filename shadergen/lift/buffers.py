"""A BUFFER block's numbers, member by member, as std140 lays them out."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from shadergen.hookfile import BufferVar, UserBuffer
from shadergen.lift.affine import LiftError

_SCALARS = {"": np.float32, "i": np.int32, "u": np.uint32}
_TYPE = re.compile(r"(?:(float)|(int)|(uint)|([iu]?)vec([234])|mat([234])(?:x([234]))?)")


def members(block: UserBuffer) -> list[Any]:
    """The values of a BUFFER's variables: vectors and matrices as tuples, arrays as lists. Raises LiftError."""
    if block.storage:
        raise LiftError(f"reads the BUFFER {block.name}, which changes from frame to frame")
    values, at = [], 0
    for variable in block.variables:
        value, at = _member(block, variable, at)
        values.append(value)
    return values


def _member(block: UserBuffer, variable: BufferVar, at: int) -> tuple[Any, int]:
    """A variable's value, and where the next may begin."""
    match = _TYPE.fullmatch(variable.type)
    if match is None:
        raise LiftError(f"reads the BUFFER {block.name}, which has a {variable.type}")
    kind = _SCALARS["i" if match[2] else "u" if match[3] else match[4] or ""]
    matrix = match[6] is not None
    columns, rows = (int(match[6]), int(match[7] or match[6])) if matrix else (1, int(match[5] or 1))
    align = 4 * (4 if rows == 3 else rows)
    stride = max(align, 16) if variable.length or matrix else align
    at = -(-at // stride) * stride
    elements = []
    for _ in range(variable.length or 1):
        vectors = []
        for _ in range(columns):
            numbers = np.frombuffer(block.data[at : at + 4 * rows], kind).tolist()
            if len(numbers) != rows:
                raise LiftError(f"reads the BUFFER {block.name}, which has too few bytes")
            vectors.append(tuple(numbers) if rows > 1 else numbers[0])
            at += stride if variable.length or matrix else 4 * rows
        elements.append(tuple(vectors) if matrix else vectors[0])
    return (elements if variable.length else elements[0]), at
