"""NumPy archives, of which nothing is trusted."""

from __future__ import annotations

import io
import math
import reprlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from shadergen.errors import ModelError, one_line, quoted
from shadergen.ir.ops import Array
from shadergen.sources.check import MAX_BYTES


def read_arrays(path: Path, content: bytes) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an archive by name, `.npy` left out. Raises ModelError.

    No pickle is loaded, and an array is read only where its header, the archive's directory and MAX_BYTES agree.
    """
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
            raise ModelError(f"{path}: array {quoted(name)}", "found it twice, expected unique names")
        arrays[name] = _read_array(f"{path}: array {quoted(name)}", archive, member)
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
        detail = one_line(str(error).partition("\n")[0])[:300] or type(error).__name__
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


def weights(where: str, array: npt.NDArray[Any], rank: int) -> Array:
    """The array, of `rank` axes, as read-only float32 in C order. Raises ModelError naming `where`."""
    if array.dtype not in (np.float32, np.float16):
        raise ModelError(where, f"found type {array.dtype}, expected float32 or float16")
    if array.ndim != rank:
        raise ModelError(where, f"found shape {array.shape}, expected {rank} axes")
    weights = np.ascontiguousarray(array, np.float32)
    weights.flags.writeable = False
    return weights
