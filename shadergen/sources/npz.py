"""The native weight file, and bare lists of convolutions, both NumPy .npz archives.

Native: a 0-d string array `graph` holds JSON with the format version, name, plane, nodes (name, op, inputs,
attributes), output, licence, training record and scores; arrays are `<node>.<field>`: `conv0.weight` (out, in, kh, kw),
`conv0.bias` (out,), float32 or float16. Bare: only `conv<i>.weight` and `conv<i>.bias`, read as a C model (cmodel.py).

Nothing in a file is trusted: pickles are never loaded, and an array is read only when its header, the archive's
directory and the limits below agree.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import re
import reprlib
import zipfile
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from math import inf
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt

from shadergen.errors import ModelError
from shadergen.files import write_whole
from shadergen.ir.extent import MAX_PERIOD, Extent, fixed
from shadergen.ir.graph import Graph, Node, Plane, Record, verify
from shadergen.ir.ops import Array, Coordinates, Filter, Internal, Op, PadMode, Rounding
from shadergen.sources import cmodel

FORMAT = 1
MAX_BYTES = 512 << 20
"""Of all arrays together, unpacked: 1000 times C4F32, and what keeps a hostile file from filling the memory."""

_OPS: dict[str, type[Op]] = {op.__name__: op for op in get_args(Op) if op not in get_args(Internal)}


def load(path: Path) -> Graph:
    """The graph in an .npz file. Raises ModelError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(path, f"found no readable file ({error.strerror}), expected an .npz archive") from None
    arrays = _read_arrays(path, content)
    sha256 = hashlib.sha256(content).hexdigest()
    native = "graph" in arrays
    graph = _NativeReader(path, arrays, sha256).read() if native else _read_bare(path, arrays, sha256)
    try:
        verify(graph)
    except ModelError as error:
        raise ModelError(f"{path}: {error.where}", error.problem, error.remedy) from None
    return graph


# ---------------------------------------------------------------------------------------------------------------------
# The archive


def _read_arrays(path: Path, content: bytes) -> dict[str, npt.NDArray[Any]]:
    if not content:
        raise ModelError(path, "found an empty file, expected an .npz archive")
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, OverflowError):  # by where the damage is
        problem = "found no zip archive, expected an .npz file as numpy.savez writes it"
        raise ModelError(path, problem, "is it truncated, or a different format?") from None
    claimed = sum(member.file_size for member in archive.infolist())
    if claimed > MAX_BYTES:
        raise ModelError(path, f"found arrays of {claimed} bytes, expected at most {MAX_BYTES}")
    arrays = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in arrays:
            raise ModelError(f"{path}: array {name!r}", "found it twice, expected unique names")
        arrays[name] = _read_array(f"{path}: array {name!r}", archive, member)
    return arrays


def _read_array(where: str, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> npt.NDArray[Any]:
    """One array, read only if its header promises exactly the bytes that follow."""
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ModelError(where, f"found compression method {member.compress_type}, expected stored or deflated")
    try:
        with archive.open(member) as stream:
            data = stream.read(member.file_size)  # without the bound, everything is unpacked before it is cut off
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(stream)
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds
        detail = next(iter(str(error).splitlines()), type(error).__name__)
        problem = f"found no readable array ({detail}), expected one as numpy.save writes it"
        raise ModelError(where, problem, "the file is damaged or truncated") from None
    if dtype.hasobject:
        problem = "found pickled Python objects, expected numbers"
        raise ModelError(where, problem, "pickles can run code and are never loaded; save plain arrays")
    found = len(data) - stream.tell()
    try:
        expected = math.prod(shape) * dtype.itemsize
        if expected != found:
            raise ModelError(where, f"found {found} bytes, expected {expected} for shape {reprlib.repr(shape)}")
        return np.ndarray(shape, dtype, data, stream.tell(), order="F" if fortran else "C")
    except (ValueError, OverflowError) as error:  # a negative extent, too many axes, a number too long to print
        raise ModelError(where, f"found shape {reprlib.repr(shape)}, expected one of an array ({error})") from None


def _weights(where: str, array: npt.NDArray[Any], rank: int) -> Array:
    """The array as read-only float32 in C order."""
    if array.dtype not in (np.float32, np.float16):
        raise ModelError(where, f"found type {array.dtype}, expected float32 or float16")
    if array.ndim != rank:
        raise ModelError(where, f"found shape {array.shape}, expected {rank} axes")
    weights = np.ascontiguousarray(array, np.float32)
    weights.flags.writeable = False
    return weights


# ---------------------------------------------------------------------------------------------------------------------
# Bare


def _read_bare(path: Path, arrays: dict[str, npt.NDArray[Any]], sha256: str) -> Graph:
    for name in arrays:
        if not re.fullmatch(r"conv\d+\.(weight|bias)", name):
            expected = "expected conv<i>.weight and conv<i>.bias, or a native file with an array 'graph'"
            raise ModelError(f"{path}: array {name!r}", f"found an unknown name, {expected}")
    count = len(arrays) // 2
    pairs = []
    for i in range(count):
        for field, rank in (("weight", 4), ("bias", 1)):
            name = f"conv{i}.{field}"
            if name not in arrays:
                raise ModelError(path, f"found no array {name!r}, expected conv0 to conv{count - 1} with both")
            pairs.append(_weights(f"{path}: array {name!r}", arrays[name], rank))
    if len(pairs) != len(arrays):
        raise ModelError(path, f"found {len(arrays)} arrays, expected a weight and a bias for each convolution")
    try:
        return cmodel.build(path.stem, list(zip(pairs[::2], pairs[1::2], strict=True)), Record(sha256=sha256))
    except ValueError as error:
        raise ModelError(path, str(error)) from None


# ---------------------------------------------------------------------------------------------------------------------
# Native


def _arrays_of(op: type[Op]) -> dict[str, int]:
    """The operator's fields that are arrays, and how many axes each has."""
    return {field.name: 4 if field.name == "weight" else 1 for field in fields(op) if field.type == "Array"}


class _NativeReader:
    def __init__(self, path: Path, arrays: dict[str, npt.NDArray[Any]], sha256: str) -> None:
        self.path = path
        self.arrays = arrays
        self.sha256 = sha256

    def read(self) -> Graph:
        document = self._document()
        version = self._get(document, "format", int, "graph")
        if version != FORMAT:
            problem = f"found format {version}, expected {FORMAT}"
            raise ModelError(f"{self.path}: graph", problem, "update shadergen")
        plane = self._get(document, "plane", str, "graph")
        if plane not in get_args(Plane):
            problem = f"found plane {plane!r}, expected one of {', '.join(get_args(Plane))}"
            raise ModelError(f"{self.path}: graph", problem)
        nodes = tuple(self._node(i, entry) for i, entry in enumerate(self._get(document, "nodes", list, "graph")))
        return Graph(
            name=self._get(document, "name", str, "graph"),
            plane=plane,
            nodes=nodes,
            output=self._get(document, "output", str, "graph"),
            input=self._get(document, "input", str, "graph"),
            record=Record(
                licence=self._get(document, "licence", str, "graph"),
                sha256=self.sha256,
                training=self._get(document, "training", dict, "graph"),
                scores=self._get(document, "scores", dict, "graph"),
            ),
        )

    def _document(self) -> dict[str, Any]:
        text = self.arrays["graph"]
        where = f"{self.path}: graph"
        if text.dtype.kind != "U" or text.ndim != 0:
            raise ModelError(where, f"found {text.dtype} of shape {text.shape}, expected one string")
        try:
            document = json.loads(str(text))
        except (ValueError, RecursionError, SystemError) as error:  # SystemError: characters that Unicode lacks
            raise ModelError(where, f"found no valid JSON ({error}), expected an object") from None
        if not isinstance(document, dict):
            raise ModelError(where, f"found JSON of type {type(document).__name__}, expected an object")
        return document

    def _get(self, entry: dict[str, Any], key: str, kind: type, where: str) -> Any:
        if key not in entry:
            raise ModelError(f"{self.path}: {where}", f"found no {key!r}, expected one")
        if not isinstance(entry[key], kind):
            found = type(entry[key]).__name__
            raise ModelError(f"{self.path}: {where}", f"found {key!r} of type {found}, expected {kind.__name__}")
        return entry[key]

    def _node(self, index: int, entry: object) -> Node:
        where = f"graph node {index}"
        if not isinstance(entry, dict):
            raise ModelError(f"{self.path}: {where}", f"found {type(entry).__name__}, expected an object")
        name = self._get(entry, "name", str, where)
        where = f"node {name!r}"
        inputs = self._get(entry, "inputs", list, where)
        if not all(isinstance(item, str) for item in inputs):
            raise ModelError(f"{self.path}: {where}", "found an input that is no name, expected strings")
        op = self._op(name, self._get(entry, "op", str, where), self._get(entry, "attributes", dict, where))
        return Node(name, op, tuple(inputs))

    def _op(self, name: str, kind: str, attributes: dict[str, Any]) -> Op:
        where = f"{self.path}: node {name!r}"
        if kind not in _OPS:
            raise ModelError(where, f"found operator {kind!r}, expected one of {', '.join(_OPS)}")
        arguments: dict[str, Any] = {}
        ranks = _arrays_of(_OPS[kind])
        for field in fields(_OPS[kind]):
            if field.name in ranks:
                array = self.arrays.get(f"{name}.{field.name}")
                if array is None:
                    raise ModelError(where, f"found no array '{name}.{field.name}', expected one")
                arguments[field.name] = _weights(f"{where} {field.name}", array, ranks[field.name])
            elif field.name in attributes:
                arguments[field.name] = _attribute(where, field.name, str(field.type), attributes[field.name])
        unknown = sorted(set(attributes) - (set(arguments) - set(ranks)))
        if unknown:
            raise ModelError(where, f"found attribute {unknown[0]!r}, expected those of {kind}")
        try:
            return _OPS[kind](**arguments)
        except TypeError:
            raise ModelError(where, f"found attributes {sorted(arguments)}, expected all of {kind}'s") from None


def _attribute(where: str, name: str, annotation: str, value: Any) -> Any:
    """A JSON value as the field's type; the annotations of graph.py are these few. A fraction is the string `3/2`."""
    if annotation in _WORDS:
        valid, result = value in get_args(_WORDS[annotation]), value
    elif annotation in _TUPLES:
        length, read = _TUPLES[annotation]
        items = [read(item) for item in value] if isinstance(value, list) else []
        valid, result = None not in items and len(items) == (length or len(items) or 1), tuple(items)
    else:
        result = {"int": _integer, "float": _number, "Bound": _bound, "Fraction": _fraction, "bool": _truth}[
            annotation
        ](value)
        valid = result is not None
    if not valid:
        raise ModelError(where, f"found {name} = {reprlib.repr(value)}, expected {annotation}")
    return result


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and -(2**31) < value < 2**31 else None


def _number(value: object) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and -(2**31) < value < 2**31
    return float(value) if number else None  # type: ignore[arg-type]


def _bound(value: object) -> float | None:
    """A number, or infinity, which JSON lacks: Python writes it as `Infinity`."""
    return value if value in (inf, -inf) and isinstance(value, float) else _number(value)


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _fraction(value: object) -> Fraction | None:
    match = re.fullmatch(r"([0-9]{1,9})(?:/([1-9][0-9]{0,8}))?", str(value)) if isinstance(value, str | int) else None
    return Fraction(int(match[1]), int(match[2] or 1)) if match else None


def _extent(value: object) -> Extent | None:
    """A size as a list: its growth, its value at 0, and what repeats."""
    numbers = [_signed(item) for item in value] if isinstance(value, list) else []
    if len(numbers) < 2 or len(numbers) > MAX_PERIOD + 2 or None in numbers:
        return None
    scale, offset, *rest = (number for number in numbers if number is not None)
    extent = Extent(scale, offset.numerator if offset.denominator == 1 else offset, tuple(rest))
    return extent if extent == extent.plus(0) + fixed(0) else None  # each function is written in one way


def _signed(value: object) -> Fraction | None:
    text = str(value)
    number = _fraction(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number


def _factor_or_size(value: object) -> Fraction | Extent | None:
    return _extent(value) if isinstance(value, list) else _fraction(value)


_WORDS: dict[str, Any] = {
    "PadMode": PadMode,
    "Filter": Filter,
    "Coordinates": Coordinates,
    "Rounding": Rounding,
}
_TUPLES: dict[str, tuple[int, Callable[[object], Any]]] = {
    "Sides": (4, _integer),
    "Pair": (2, _integer),
    "Area": (2, _extent),
    "Scales | Area": (2, _factor_or_size),
    "tuple[int, ...]": (0, _integer),
}
"""By annotation, how many items, 0 for any number above none, and how each is read."""


def _json(value: object) -> Any:
    """What JSON lacks: fractions as strings, sizes as lists of them."""
    return [value.scale, value.offset, *value.rest] if isinstance(value, Extent) else str(value)


def save(graph: Graph, path: Path) -> None:
    """Write the native file. The same graph gives the same bytes.

    Raises ModelError for a graph that was rewritten, and ShadergenError where the file cannot be written.
    """
    arrays: dict[str, npt.NDArray[Any]] = {}
    nodes = []
    for node in graph.nodes:
        if type(node.op) not in _OPS.values():
            problem = f"found operator {type(node.op).__name__!r}, expected one of {', '.join(_OPS)}"
            raise ModelError(f"{graph.name}: node {node.name!r}", problem, "save the graph before it is rewritten")
        attributes = {}
        ranks = _arrays_of(type(node.op))
        for field in fields(node.op):
            value = getattr(node.op, field.name)
            if field.name in ranks:
                arrays[f"{node.name}.{field.name}"] = value
            else:
                attributes[field.name] = value
        op = type(node.op).__name__
        nodes.append({"name": node.name, "op": op, "inputs": list(node.inputs), "attributes": attributes})
    document = {
        "format": FORMAT,
        "name": graph.name,
        "plane": graph.plane,
        "input": graph.input,
        "output": graph.output,
        "nodes": nodes,
        "licence": graph.record.licence,
        "training": dict(graph.record.training),
        "scores": dict(graph.record.scores),
    }
    stream = io.BytesIO()
    arrays["graph"] = np.array(json.dumps(document, default=_json))
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # the stubs take the names for allow_pickle
    write_whole(path, stream.getvalue())
