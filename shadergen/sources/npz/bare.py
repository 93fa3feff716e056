"""Bare lists of convolutions: `conv<i>.weight` and `conv<i>.bias`, and nothing that says what lies between them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy.typing as npt

from shadergen.errors import ModelError, quoted
from shadergen.ir.graph import Graph, Record
from shadergen.sources import cmodel
from shadergen.sources.npz.archive import weights


def read(path: Path, arrays: dict[str, npt.NDArray[Any]], sha256: str) -> Graph:
    """The C model whose convolutions `arrays` are. Raises ModelError."""
    for name in arrays:
        if not re.fullmatch(r"conv\d+\.(weight|bias)", name):
            expected = "expected conv<i>.weight and conv<i>.bias, or a native file with an array 'graph'"
            raise ModelError(f"{path}: array {quoted(name)}", f"found an unknown name, {expected}")
    count = len(arrays) // 2
    pairs = []
    for i in range(count):
        for field, rank in (("weight", 4), ("bias", 1)):
            name = f"conv{i}.{field}"
            if name not in arrays:
                raise ModelError(path, f"found no array {quoted(name)}, expected conv0 to conv{count - 1} with both")
            pairs.append(weights(f"{path}: array {quoted(name)}", arrays[name], rank))
    if len(pairs) != len(arrays):
        raise ModelError(path, f"found {len(arrays)} arrays, expected a weight and a bias for each convolution")
    try:
        return cmodel.build(path.stem, list(zip(pairs[::2], pairs[1::2], strict=True)), Record(sha256=sha256))
    except ValueError as error:
        raise ModelError(path, str(error)) from None
