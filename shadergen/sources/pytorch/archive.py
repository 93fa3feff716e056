"""PyTorch's files as arrays by name: zip archives since 1.6, streams of pickles before, and safetensors.

Nothing in a file is trusted: storages are read where tensors say so, in bounds, and only as many bytes as they have.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors

from shadergen.errors import ModelError, one_line, quoted
from shadergen.sources.check import MAX_BYTES
from shadergen.sources.pytorch.pickled import BFLOAT16, Storage, Tensor, unpickled

MAX_PICKLE = 16 << 20
MAX_DEPTH = 16
"""Of dictionaries within dictionaries."""
LEGACY = 0x1950A86A20F9469CFC6C
"""The number at the start of a stream, as a pickle."""

Constant = npt.NDArray[Any]
Bytes = Callable[[Storage], bytes]
"""The content of a storage."""


def read(path: Path, content: bytes) -> Any:
    """What a file holds: dictionaries, lists and so on, with arrays for tensors. Raises ModelError."""
    try:
        if path.suffix.lower() == ".safetensors":
            return _safetensors(content)
        if content.startswith(b"PK"):
            return _archive(content)
        return _stream(content)
    except (ValueError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise ModelError(path, _words(error)) from None


def _words(error: Exception) -> str:
    text = one_line(error)
    if text.startswith("found "):
        return text
    return f"found no readable weights ({text[:200]}), expected a state dict as torch.save or safetensors write it"


_SAFETENSORS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": BFLOAT16,
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "<i1",
    "U8": "<u1",
    "BOOL": "<u1",
}
"""What the elements of a tensor are, by the format's own words."""


def _safetensors(content: bytes) -> dict[str, Constant]:
    try:
        entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise ValueError(one_line(error)) from None
    found = {}
    for name, entry in entries:
        if entry["dtype"] not in _SAFETENSORS:
            raise ValueError(f"found elements of type {entry['dtype']} in {quoted(name)}, expected numbers")
        found[name] = _numbers(bytes(entry["data"]), _SAFETENSORS[entry["dtype"]]).reshape(entry["shape"])
    return found


def _numbers(content: bytes, dtype: str) -> Constant:
    """The numbers in a storage; of bfloat16, which is the upper half of a float32, as float32."""
    if dtype != BFLOAT16:
        return np.frombuffer(content, dtype)
    return (np.frombuffer(content, "<u2").astype(np.uint32) << 16).view(np.float32)


def _archive(content: bytes) -> Any:
    """A zip archive: the pickle in data.pkl, and each storage in a file of its own."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(names) != 1:
            raise ValueError("found a zip archive without a data.pkl, expected one that torch.save wrote")
        folder = names[0].removesuffix("data.pkl")
        if f"{folder}constants.pkl" in archive.namelist():
            raise ValueError("found a TorchScript module, expected a state dict: save net.state_dict(), or export ONNX")
        pickle = _member(archive, names[0], MAX_PICKLE)

        def numbers(storage: Storage) -> bytes:
            return _member(archive, f"{folder}data/{storage.key}", storage.count * _size(storage))

        return _with_arrays(unpickled(pickle)[0], numbers)


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        size = archive.getinfo(name).file_size
    except KeyError:
        raise ValueError(f"found no {name} in the archive, expected the numbers of a tensor") from None
    if size > most:
        raise ValueError(f"found {size} bytes in {name}, expected {most} or less")
    return archive.read(name)


def _stream(content: bytes) -> Any:
    """Pickles one after another: a magic number, a version, the system, the object, the storages' keys; then storages,
    each with its number of elements in eight bytes in front."""
    parts = []
    position = 0
    for _ in range(5):
        part, length = unpickled(content[position : position + MAX_PICKLE])
        parts.append(part)
        position += length
        if parts[0] != LEGACY:
            raise ValueError("found another format, expected a .pth that torch.save wrote")
    storages = _found(parts[3])
    places: dict[str, tuple[int, int]] = {}
    for key in map(str, parts[4]):
        if key not in storages:
            raise ValueError("found a storage that no tensor reads, expected only those of tensors")
        length = int.from_bytes(content[position : position + 8], "little") * _size(storages[key])
        places[key] = (position + 8, position + 8 + length)
        position += 8 + length
    if set(places) != set(storages):
        raise ValueError("found tensors without storages, expected one for each")
    return _with_arrays(parts[3], lambda storage: content[slice(*places[storage.key])])


def _found(value: Any) -> dict[str, Storage]:
    """The storages of all tensors in an object, by key."""
    found: dict[str, Storage] = {}
    _mapped(value, lambda tensor: found.update({tensor.storage.key: tensor.storage}))
    return found


def _size(storage: Storage) -> int:
    """The bytes of each of its elements."""
    return 2 if storage.dtype == BFLOAT16 else np.dtype(storage.dtype).itemsize


def _with_arrays(value: Any, content: Bytes) -> Any:
    """The object with arrays for its tensors, those of a storage sharing it."""
    storages: dict[str, Constant] = {}
    total = 0

    def array(tensor: Tensor) -> Constant:
        nonlocal total
        new = tensor.storage.key not in storages
        total += (prod(tensor.shape) + tensor.storage.count * new) * _size(tensor.storage)
        if total > MAX_BYTES:
            raise ValueError(f"found tensors of more than {MAX_BYTES} bytes, expected at most so many")
        if new:
            storages[tensor.storage.key] = _numbers(content(tensor.storage), tensor.storage.dtype)
        return _array(tensor, storages[tensor.storage.key])

    return _mapped(value, array)


def _mapped(value: Any, of_tensor: Callable[[Tensor], Any]) -> Any:
    """The object with something else for each of its tensors, once for what occurs several times."""
    known: dict[int, Any] = {}

    def walk(value: Any, depth: int = 0) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError("found values within values within values, expected a state dict")
        if id(value) not in known and isinstance(value, Tensor):
            known[id(value)] = of_tensor(value)
        elif id(value) not in known and isinstance(value, Mapping):
            known[id(value)] = {key: walk(inner, depth + 1) for key, inner in value.items()}
        return known.get(id(value), value)

    return walk(value)


def _array(tensor: Tensor, numbers: Constant) -> Constant:
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if min(tensor.shape, default=1) < 1 or last >= len(numbers):
        raise ValueError(
            f"found {len(numbers)} numbers for a tensor of shape {tensor.shape} up to {last}, expected more"
        )
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    view = np.lib.stride_tricks.as_strided(numbers[tensor.offset :], tensor.shape, strides, writeable=False)
    return np.array(view, order="C")
