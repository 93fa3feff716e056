"""The text of an ncnn model: a layer a line, with its parameters by number.

    7767517
    3 3
    Input        data   0 1 data 0=0 1=0 2=3
    Convolution  conv   1 1 data sum 0=16 1=3 4=1 5=1 6=432
    ReLU         relu   1 1 sum out 0=0.1

A line has the layer's type and name, how many blobs go in and out, their names, and `number=value`. An array is
`-23310=2,0.1,0.2` for number 10, its length first, or `10=0.1,0.2`. (ncnn's docs/developer-guide,
param-and-model-file-structure.md)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from shadergen.errors import ModelError, quoted

MAGIC = "7767517"
MAX_LAYERS = 20000
ARRAYS = -23300
"""The number before an array's `=` is this minus the parameter's."""

Number = int | float
Value = Number | str | tuple[Number, ...]


@dataclass(frozen=True)
class Layer:
    """A line of the text."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    """The names of the blobs that go in."""
    outputs: tuple[str, ...]
    params: Mapping[int, Value]

    @property
    def words(self) -> str:
        """How an error names the layer."""
        return f"layer {quoted(self.name)} ({quoted(self.kind)[1:-1]})"


def parse(path: Path, text: str) -> tuple[Layer, ...]:
    """The layers in a file's text, in its order. Raises ModelError for a line that is none."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines or lines[0].strip() != MAGIC:
        problem = f"found no {MAGIC} in its first line, expected the text of an ncnn model"
        raise ModelError(path, problem, "is it a binary .param.bin, or a different format?")
    counts = lines[1].split() if len(lines) > 1 else []
    if len(counts) != 2 or not all(count.isdecimal() and len(count) < 8 for count in counts):
        raise ModelError(path, "found no two numbers in its second line, expected those of layers and blobs")
    if len(lines) - 2 != int(counts[0]) or not 0 < int(counts[0]) <= MAX_LAYERS:
        found = f"found {len(lines) - 2} layers and {counts[0]} in the second line"
        raise ModelError(path, f"{found}, expected the same, 1 to {MAX_LAYERS}", "is it truncated?")
    layers = []
    for number, line in enumerate(lines[2:], 3):
        try:
            layers.append(_layer(line))
        except ValueError as error:
            raise ModelError(f"{path}: line {number}", str(error)) from None
    return tuple(layers)


def _layer(line: str) -> Layer:
    words = line.split()
    if len(words) < 4 or not all(count.isdecimal() and len(count) < 6 for count in words[2:4]):
        raise ValueError(f"found {quoted(line.strip())}, expected a layer's type, name and numbers of blobs")
    kind, name = words[:2]
    ends = 4 + int(words[2]), 4 + int(words[2]) + int(words[3])
    if len(words) < ends[1]:
        raise ValueError(f"found {len(words) - 4} blobs of layer {quoted(name)}, expected {ends[1] - 4}")
    params = dict(_param(word) for word in words[ends[1] :])
    return Layer(kind, name, tuple(words[4 : ends[0]]), tuple(words[ends[0] : ends[1]]), params)


def _param(word: str) -> tuple[int, Value]:
    number, equals, text = word.partition("=")
    if not equals or not number.removeprefix("-").isdecimal() or len(number) > 6:
        raise ValueError(f"found {quoted(word)}, expected a parameter such as 0=16")
    index = int(number)
    if index > ARRAYS:
        parts = text.split(",")
        return index, tuple(_number(part) for part in parts if part) if len(parts) > 1 else _value(text)
    length, *parts = text.split(",")
    if not length.isdecimal() or int(length) != len(parts):
        raise ValueError(f"found {quoted(word)}, expected an array with its length first")
    return ARRAYS - index, tuple(map(_number, parts))


def _value(text: str) -> Number | str:
    try:
        return _number(text)
    except ValueError:
        return text.strip('"')


_NUMBER = re.compile(r"-?\d{1,20}(\.\d{0,40})?([eE][-+]?\d{1,3})?", re.A)


def _number(text: str) -> Number:
    if not _NUMBER.fullmatch(text) or not isfinite(float(text)):
        raise ValueError(f"found {quoted(text)}, expected a number")
    return int(text) if text.removeprefix("-").isdecimal() else float(text)
