"""PNG where Pillow does not do: with 16 bits per channel, whose colours it reads with 8 bits and cannot write, and
pictures that are too large to be held whole.

Arrays are (channels, height, width): 1 channel is grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. Everything else about
PNG is left to Pillow. (Specification: https://www.w3.org/TR/png-3/)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.uint16]
Bytes = npt.NDArray[np.uint8]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
"""How many channels each colour type has."""
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""The passes of an interlaced picture: first x and y, steps in x and y."""
_MAX_PIXELS = 1 << 30
_ROWS = 64
"""How many rows are filtered at once: the intermediate results take some ten times a row's bytes."""


def is_deep(data: bytes) -> bool:
    """Whether the file begins like a PNG of 16 bits per channel with more than one channel."""
    return len(data) > 25 and data.startswith(_SIGNATURE) and data[24] == 16 and data[25] in (2, 4, 6)


def read(data: bytes) -> Samples:
    """Read the picture of a file that `is_deep`. Raises ValueError for a damaged one."""
    chunks = list(_chunks(data))
    kind, header = chunks[0]
    if kind != b"IHDR" or len(header) != 13:
        raise ValueError("no header")
    width, height, _, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    channels = _CHANNELS[colour]
    if not 0 < width * height <= _MAX_PIXELS:
        raise ValueError(f"a size of {width}x{height}")
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    sizes = [(-(-(width - x) // step_x), -(-(height - y) // step_y)) for x, y, step_x, step_y in passes]
    expected = sum(rows * (1 + 2 * channels * columns) for columns, rows in sizes if min(columns, rows) > 0)
    stream = _inflate(b"".join(body for kind, body in chunks if kind == b"IDAT"), expected)
    picture = np.zeros((height, width, channels), np.uint16)
    at = 0
    for (x, y, step_x, step_y), (columns, rows) in zip(passes, sizes, strict=True):
        if min(columns, rows) > 0:
            count = rows * (1 + 2 * channels * columns)
            filtered = np.frombuffer(stream, np.uint8, count, at).reshape(rows, -1)
            texels = _unfilter(filtered[:, 0], filtered[:, 1:].reshape(rows, columns, 2 * channels))
            picture[y::step_y, x::step_x] = texels.view(">u2")
            at += count
    return np.ascontiguousarray(np.moveaxis(picture, -1, 0))


def encoded(
    bands: Iterator[npt.NDArray[np.unsignedinteger[Any]]],
    shape: tuple[int, ...],
    depth: int,
    icc: bytes = b"",
    exif: bytes = b"",
) -> Iterator[bytes]:
    """A file of a picture of `shape` (channels, height, width), in parts, with its colour profile and its EXIF data.

    `bands` are its codes (channels, rows, width) from top to bottom, of `depth` bits, 8 (uint8) or 16 (uint16).
    """
    channels, height, width = shape
    colour = next(type for type, count in _CHANNELS.items() if count == channels)
    yield _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    if icc:
        yield _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if exif:
        yield _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    stream = zlib.compressobj(6)
    above = np.zeros((1, width, channels * depth // 8), np.int16)
    for band in bands:
        for start in range(0, band.shape[1], _ROWS):
            texels = np.moveaxis(band[:, start : start + _ROWS], 0, -1)
            samples = np.ascontiguousarray(texels.astype(texels.dtype.newbyteorder(">"))).view(np.uint8)
            rows = np.concatenate([above, samples.reshape(len(texels), width, -1)])
            above = rows[-1:]
            body = stream.compress(_filter(rows).tobytes())
            if body:
                yield _chunk(b"IDAT", body)
        del band, texels  # which would be held while the next is made
    yield _chunk(b"IDAT", stream.flush()) + _chunk(b"IEND", b"")


def _filter(rows: npt.NDArray[np.int16]) -> Bytes:
    """Each row but the first, which is above them, less what Paeth's filter predicts, behind the filter's number."""
    padded = np.pad(rows, ((0, 0), (1, 0), (0, 0)))
    predicted = _paeth(padded[1:, :-1], padded[:-1, 1:], padded[:-1, :-1])
    filtered = np.full((len(rows) - 1, 1 + rows[0].size), 4, np.uint8)
    filtered[:, 1:] = ((rows[1:] - predicted) & 255).astype(np.uint8).reshape(len(filtered), -1)
    return filtered


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(data):
        if at + 12 > len(data):
            raise ValueError("the file ends within a chunk")
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if len(body) != length or data[at + 8 + length : at + 12 + length] != _checksum(kind, body):
            raise ValueError(f"a broken {kind.decode('latin-1')} chunk")
        yield kind, body
        if kind == b"IEND":
            return
        at += 12 + length


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + _checksum(kind, body)


def _checksum(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(kind + body))


def _inflate(data: bytes, expected: int) -> bytes:
    """Exactly `expected` bytes, however many a malicious file would give."""
    try:
        stream = zlib.decompressobj().decompress(data, expected)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(stream) != expected:
        raise ValueError(f"{len(stream)} bytes of pixels, expected {expected}")
    return stream


def _unfilter(kinds: Bytes, texels: Bytes) -> Bytes:
    """Undo each row's filter. A texel needs its left, upper and upper left neighbours, so that all texels of an
    antidiagonal can be done at once; a row after the other would take minutes in Python."""
    if kinds.max(initial=0) > 4:
        raise ValueError(f"a filter {kinds.max()}")
    height, width, size = texels.shape
    done = np.zeros((height + 1, width + 1, size), np.int16)  # with a border of zeros above and at the left
    for diagonal in range(height + width - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        x = diagonal - y
        left, up, corner = done[y + 1, x], done[y, x + 1], done[y, x]
        kind = kinds[y, np.newaxis]
        predicted = np.select(
            [kind == 1, kind == 2, kind == 3, kind == 4], [left, up, (left + up) >> 1, _paeth(left, up, corner)], 0
        )
        done[y + 1, x + 1] = (texels[y, x] + predicted) & 255
    return np.ascontiguousarray(done[1:, 1:].astype(np.uint8))


def _paeth(
    left: npt.NDArray[np.int16], up: npt.NDArray[np.int16], corner: npt.NDArray[np.int16]
) -> npt.NDArray[np.int16]:
    """Whichever of the three is nearest to left + up - corner; in a draw, the first."""
    estimate = left + up - corner
    far_left, far_up, far_corner = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
    return np.where((far_left <= far_up) & (far_left <= far_corner), left, np.where(far_up <= far_corner, up, corner))
