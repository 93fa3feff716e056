"""Pictures as arrays: the only place where they are read and written, and the colour and size changes tests need.

A picture is float32 of shape (channels, height, width), 0 to 1, sRGB-encoded; 1 channel is grey, 3 RGB, 4 RGB and
straight alpha. Embedded colour profiles are not applied. YCbCr levels are those of 8-bit video: limited luma is
16/255..235/255, limited chroma 16/255..240/255, and chroma is neutral at 128/255 in both ranges.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.errors import ImageError

Array = npt.NDArray[np.float32]
Matrix = Literal["bt709", "bt601"]
Siting = tuple[float, float]

CENTER: Siting = (0.0, 0.0)
"""Chroma samples in the middle of the luma texels they cover (JPEG, MPEG-1)."""
LEFT: Siting = (-0.5, 0.0)
"""On the left column, between the rows (MPEG-2, H.264's default)."""
TOPLEFT: Siting = (-0.5, -0.5)
"""On the top left luma texel (BT.2020, UHD)."""


@dataclass(frozen=True)
class Image:
    """A picture: `pixels` is float32 (channels, height, width) in 0..1, with 1, 3 or 4 channels."""

    pixels: Array


def load(path: str | os.PathLike[str]) -> Image:
    """Read a picture and turn it upright by its EXIF orientation.

    Reads what Pillow reads, and PNGs of 16 bits per channel, which Pillow would cut to 8. Palettes become RGB, or RGB
    and alpha; grey with alpha becomes RGB and alpha. Raises ImageError, one line, for everything that can go wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # the error at twice the size stays
            with PIL.Image.open(Path(path)) as image:
                orientation = image.getexif().get(0x0112, 1)
                deep = _read_deep_png(Path(path)) if image.format == "PNG" else None
                pixels = deep if deep is not None else _from_pillow(image)
    except PIL.Image.DecompressionBombError as error:
        raise ImageError(path, f"found {error}, expected a picture of sane size") from None
    except PIL.UnidentifiedImageError:
        raise ImageError(path, "found something that is no picture, expected PNG, JPEG, WebP, ...") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError) as error:
        raise ImageError(path, f"found a damaged picture: {error}") from None
    return Image(np.ascontiguousarray(_upright(pixels, orientation)))


def save(path: str | os.PathLike[str], pixels: npt.NDArray[np.floating[Any]], bits: int = 8) -> None:
    """Write a picture of shape (1, 3 or 4, height, width), clipped to 0..1 and rounded; the suffix gives the format.

    `bits` is 8, or 16 for PNG. The file appears complete or not at all: it is written under another name beside `path`
    and renamed. Raises ImageError for a place or format that cannot be written, ValueError for another shape or bits.
    """
    path = Path(path)
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3, 4) or pixels.size == 0:
        raise ValueError(f"found shape {pixels.shape}, expected (1, 3 or 4, height, width)")
    if bits not in (8, 16):
        raise ValueError(f"found {bits} bits, expected 8 or 16")
    if np.isnan(pixels).any():
        raise ImageError(path, "found NaN among the pixels, expected numbers")
    format = PIL.Image.registered_extensions().get(path.suffix.lower())
    if format is None:
        raise ImageError(path, f"found suffix {path.suffix!r}, expected .png, .jpg, .webp, ...")
    if bits == 16 and format != "PNG":
        raise ImageError(path, f"found 16 bits for {format}, expected .png", "write a PNG or use 8 bits")
    levels = np.clip(pixels, 0, 1).astype(np.float64) * (2**bits - 1) + 0.5
    texels = np.moveaxis(levels.astype(np.uint16 if bits == 16 else np.uint8), 0, -1)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("xb") as file:
            if bits == 16:
                _write_deep_png(file, texels)
            else:
                shown = texels[..., 0] if texels.shape[2] == 1 else texels
                PIL.Image.fromarray(np.ascontiguousarray(shown)).save(file, format)
        temporary.replace(path)
    except (OSError, ValueError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ImageError(path, f"cannot be written: {reason}") from None
    finally:
        temporary.unlink(missing_ok=True)


def _from_pillow(image: PIL.Image.Image) -> Array:
    mode = image.mode
    if mode in ("F", "I") or mode.startswith("I;"):
        values = np.asarray(image)
        if mode == "F" or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise ValueError(f"pixels of type {mode}, expected 8 or 16 bits per channel")
        return (values.astype(np.float32) / np.float32(65535))[np.newaxis]
    if mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB", "RGBA"):
        transparent = mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    texels = np.atleast_3d(np.asarray(image))
    return np.moveaxis(texels.astype(np.float32) / np.float32(255), -1, 0)


def _upright(pixels: Array, orientation: int) -> Array:
    """Undo an EXIF orientation (1 to 8; anything else is upright)."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(1, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, :, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[:, ::-1, :]
    return pixels


# ---------------------------------------------------------------------------------------------------------------------
# PNG of 16 bits per channel

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}
_PNG_COLOUR = {1: 0, 3: 2, 4: 6}


def _read_deep_png(path: Path) -> Array | None:
    """A PNG of 16 bits per channel, None for other PNGs. Raises ValueError for a damaged or an interlaced one."""
    with path.open("rb") as file:
        chunks = _png_chunks(file)
        kind, header = next(chunks)
        if kind != b"IHDR":
            raise ValueError("the PNG does not begin with its header")
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
        if depth != 16:
            return None
        if interlaced:
            raise ValueError("an interlaced PNG of 16 bits per channel is not supported")
        packed = b"".join(payload for kind, payload in chunks if kind == b"IDAT")
    channels = _PNG_CHANNELS[colour]
    stride = 1 + width * channels * 2
    inflater = zlib.decompressobj()
    flat = np.frombuffer(inflater.decompress(packed, stride * height), np.uint8)
    if flat.size != stride * height:
        raise ValueError("the PNG is truncated")
    rows = flat.reshape(height, stride)
    texels = _unfilter(rows[:, 1:].reshape(height, width, channels * 2), rows[:, 0])
    values = texels.view(">u2").astype(np.float32) / np.float32(65535)
    if channels == 2:
        values = values[..., [0, 0, 0, 1]]
    return np.moveaxis(values, -1, 0)


def _png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    file.seek(len(_PNG_MAGIC))
    while True:
        length, kind = struct.unpack(">I4s", file.read(8))
        yield kind, file.read(length)
        if kind == b"IEND":
            return
        file.seek(4, os.SEEK_CUR)  # the checksum: zlib has its own


def _unfilter(rows: npt.NDArray[np.uint8], kinds: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Undo PNG's filters; rows (height, width, bytes per pixel), kinds (height,)."""
    height, width, size = rows.shape
    out = np.zeros((height + 1, width + 1, size), np.int16)  # a border of zeros above and to the left
    # A pixel needs its left, upper and upper left neighbours, so all pixels of an anti-diagonal are ready together.
    for diagonal in range(height + width - 1):
        y = np.arange(max(0, diagonal - width + 1), min(height, diagonal + 1))
        x = diagonal - y
        left, up, corner = out[y + 1, x], out[y, x + 1], out[y, x]
        guess = left + up - corner
        to_left, to_up, to_corner = abs(guess - left), abs(guess - up), abs(guess - corner)
        paeth = np.where((to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner))
        predicted = np.choose(kinds[y, np.newaxis], [np.zeros_like(left), left, up, (left + up) >> 1, paeth])
        out[y + 1, x + 1] = (rows[y, x] + predicted) & 255
    return np.ascontiguousarray(out[1:, 1:], np.uint8)


def _write_deep_png(file: BinaryIO, texels: npt.NDArray[np.uint16]) -> None:
    height, width, channels = texels.shape
    rows = texels.astype(">u2").reshape(height, -1).view(np.uint8)
    body = np.zeros((height, 1 + rows.shape[1]), np.uint8)  # filter 0 in front of every row
    body[:, 1:] = rows
    header = struct.pack(">IIBBBBB", width, height, 16, _PNG_COLOUR[channels], 0, 0, 0)
    file.write(_PNG_MAGIC)
    for kind, payload in ((b"IHDR", header), (b"IDAT", zlib.compress(body.tobytes())), (b"IEND", b"")):
        checksum = zlib.crc32(kind + payload)
        file.write(struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", checksum))


# ---------------------------------------------------------------------------------------------------------------------
# Colour


def ycbcr_decoding(matrix: Matrix, full_range: bool) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """A matrix (3, 3) and an offset (3,) such that rgb = matrix @ (ycbcr + offset)."""
    kr, kb = (0.2126, 0.0722) if matrix == "bt709" else (0.299, 0.114)
    kg = 1 - kr - kb
    red, blue = 2 * (1 - kr), 2 * (1 - kb)
    rgb = np.array([[1, 0, red], [1, -blue * kb / kg, -red * kr / kg], [1, blue, 0]])
    if full_range:
        return rgb, np.array([0, -128, -128]) / 255
    return rgb * (255 / np.array([219, 224, 224])), np.array([-16, -128, -128]) / 255


def rgb_to_ycbcr(rgb: npt.NDArray[np.floating[Any]], matrix: Matrix = "bt709", full_range: bool = True) -> Array:
    """RGB (3, h, w) in 0..1 to Y, Cb, Cr (3, h, w) in 0..1; limited range when not `full_range`."""
    decode, offset = ycbcr_decoding(matrix, full_range)
    mixed = np.tensordot(np.linalg.inv(decode), rgb.astype(np.float64), axes=1)
    return (mixed - offset[:, np.newaxis, np.newaxis]).astype(np.float32)


def ycbcr_to_rgb(ycbcr: npt.NDArray[np.floating[Any]], matrix: Matrix = "bt709", full_range: bool = True) -> Array:
    """The inverse of `rgb_to_ycbcr`; colours outside RGB give values outside 0..1."""
    decode, offset = ycbcr_decoding(matrix, full_range)
    shifted = ycbcr.astype(np.float64) + offset[:, np.newaxis, np.newaxis]
    return np.tensordot(decode, shifted, axes=1).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Size


def box_downscale(pixels: npt.NDArray[np.floating[Any]], factor: int) -> Array:
    """(c, h, w) to (c, h // factor, w // factor) by the mean of whole boxes; texels beyond the last one are cropped.

    Raises ValueError when there is no whole box.
    """
    channels, height, width = pixels.shape
    height, width = height // factor, width // factor
    if height == 0 or width == 0:
        raise ValueError(f"found a {pixels.shape[2]}x{pixels.shape[1]} picture, expected at least {factor} a side")
    whole = pixels[:, : height * factor, : width * factor].astype(np.float64)
    boxes = whole.reshape(channels, height, factor, width, factor)
    return np.asarray(boxes.mean(axis=(2, 4)), np.float32)


def chroma_420(cbcr: npt.NDArray[np.floating[Any]], siting: Siting) -> Array:
    """Chroma (2, h, w) at luma's size to (2, (h + 1) // 2, (w + 1) // 2), sampled where `siting` says.

    Between two texels it is their mean; on a texel the weights are 1, 2, 1. Beyond the edge, the edge is repeated.
    """
    values = _halve(cbcr.astype(np.float64), 2, siting[0])
    return _halve(values, 1, siting[1]).astype(np.float32)


def _halve(values: npt.NDArray[np.float64], axis: int, shift: float) -> npt.NDArray[np.float64]:
    if shift not in (0.0, -0.5):
        raise ValueError(f"found chroma siting {shift:g}, expected 0 (centre) or -0.5 (left, top)")
    extent = values.shape[axis]
    even = 2 * np.arange((extent + 1) // 2)
    taps = [(0, 0.5), (1, 0.5)] if shift == 0 else [(-1, 0.25), (0, 0.5), (1, 0.25)]
    parts = [weight * values.take(np.clip(even + tap, 0, extent - 1), axis) for tap, weight in taps]
    return np.asarray(sum(parts), np.float64)


def upsample_chroma(cbcr: npt.NDArray[np.floating[Any]], siting: Siting, size: tuple[int, int]) -> Array:
    """4:2:0 chroma (2, ch, cw) to (2, height, width) for `size` = (width, height), bilinear with clamped edges.

    `size` is luma's, or a whole multiple of it after luma was upscaled: this is what a renderer should do with chroma.
    """
    width, height = size
    columns = _lerp(cbcr.astype(np.float64), 2, siting[0], width)
    return _lerp(columns, 1, siting[1], height).astype(np.float32)


def _lerp(values: npt.NDArray[np.float64], axis: int, shift: float, extent: int) -> npt.NDArray[np.float64]:
    # The size of subsampled planes is rounded up, so the ratio is taken as the nearest integer.
    ratio = max(1, int(extent / values.shape[axis] + 0.5))
    position = (np.arange(extent) + 0.5) / ratio - 0.5 - shift / 2
    before = np.floor(position).astype(int)
    last = values.shape[axis] - 1
    low, high = (values.take(np.clip(before + step, 0, last), axis) for step in (0, 1))
    weight = (position - before).reshape([-1 if i == axis else 1 for i in range(values.ndim)])
    return np.asarray(low + (high - low) * weight, np.float64)
