"""Pictures as arrays: the only place where picture files are read and written.

A picture is codes of 8 or 16 bits, or float32 in 0..1, of shape (channels, height, width), sRGB-encoded; 1 channel is
grey, 3 RGB, 4 RGB and straight alpha. Embedded colour profiles are kept, not applied.
"""

from __future__ import annotations

import io
import itertools
import os
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.errors import ImageError
from shadergen.files import whole_file, write_whole
from shadergen.runtime.colour import Array
from shadergen.upscale import png

Codes = npt.NDArray[np.unsignedinteger[Any]]
"""A picture as the integer codes of a file: uint8 or uint16, (channels, height, width)."""
Depth = Literal[8, 16]
"""How many bits each channel of a picture in a file has."""

_ORIENTATION = 0x0112
_TIFF_DESCRIPTIONS = frozenset({270, 271, 272, 282, 283, 296, 305, 306, 315, 33432, 34665, 34853})
"""The tags of a TIFF that are about the picture: description, maker, model, resolution, software, date, artist,
copyright, and the directories EXIF and GPS."""
_QUALITY: Mapping[str, Mapping[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"quality": 95},
    "AVIF": {"quality": 90, "subsampling": "4:4:4"},
}
"""Options of formats with losses: an enlarged picture is usually looked at closely."""


@dataclass(frozen=True)
class Image:
    """A picture as it is in its file: `codes` has 1, 3 or 4 channels."""

    codes: Codes
    icc: bytes = b""
    """The embedded colour profile, if it is one for these channels."""
    exif: bytes = b""
    """The EXIF data, with the orientation set to upright."""
    frames: int = 1
    """How many pictures the file holds; this is the first."""

    @property
    def depth(self) -> Depth:
        """The bits of a code."""
        return 8 if self.codes.dtype == np.uint8 else 16

    @property
    def pixels(self) -> Array:
        """Float32 (channels, height, width) in 0..1, made anew at each call."""
        return to_pixels(self.codes)


def load(path: str | os.PathLike[str]) -> Image:
    """Read a picture and turn it upright by its EXIF orientation.

    What Pillow reads, and PNG of 16 bits per channel. Palettes become RGB, or RGB and alpha; grey with alpha becomes
    RGB and alpha. Of an animation, the first frame. Raises ImageError, one line, for everything that can go wrong.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)  # the error at twice the size stays
            with PIL.Image.open(Path(path)) as image:
                codes = _from_deep_png(path) if image.format == "PNG" else None
                if codes is None:
                    codes = _from_pillow(image)
                exif = image.getexif()
                codes = _upright(codes, exif.pop(_ORIENTATION, 1))
                if image.format == "TIFF":  # its directory says how the pixels are stored, too
                    for tag in [tag for tag in exif if tag not in _TIFF_DESCRIPTIONS]:
                        del exif[tag]
                frames = getattr(image, "n_frames", 1)
                icc = _matching_profile(image.info.get("icc_profile"), codes)
    except PIL.Image.DecompressionBombError as error:
        raise ImageError(path, f"found {error}, expected a picture of sane size") from None
    except PIL.UnidentifiedImageError:
        raise ImageError(path, "found something that is no picture, expected PNG, JPEG, WebP, ...") from None
    except OSError as error:
        raise ImageError(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, SyntaxError, EOFError, NotImplementedError, MemoryError) as error:
        raise ImageError(path, f"found a damaged picture: {error}") from None
    return Image(np.ascontiguousarray(codes), icc, exif.tobytes() if len(exif) else b"", frames)


def to_pixels(picture: Array | Codes) -> Array:
    """Codes of 8 or 16 bits as float32 in 0..1; values as they are."""
    if np.issubdtype(picture.dtype, np.floating):
        return np.asarray(picture, np.float32)
    return np.asarray(picture, np.float32) / np.float32(largest(picture))


def largest(picture: Array | Codes) -> int:
    """What stands for white, or opaque: 255 or 65535 of codes, 1 of values."""
    return {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(picture.dtype, 1)


def to_codes(pixels: npt.NDArray[Any], depth: Depth = 8) -> Codes:
    """Clip values to 0..1 and round them to the codes of 8 bits (uint8) or 16 (uint16)."""
    scaled = np.clip(pixels, 0, 1).astype(np.float64) * (2**depth - 1) + 0.5
    codes: Codes = scaled.astype(np.uint8 if depth == 8 else np.uint16)
    return codes


def save(
    path: str | os.PathLike[str],
    pixels: npt.NDArray[np.floating[Any]] | Codes,
    *,
    icc: bytes = b"",
    exif: bytes = b"",
) -> None:
    """Write a picture of shape (1, 3 or 4, height, width): codes as they are, floats clipped and rounded to 8 bits.

    The suffix gives the format; PNG and TIFF of one channel keep 16 bits, PNG of more too, others are cut to 8. JPEG,
    WebP and AVIF are written with little loss, colour at full resolution. Raises ImageError for pixels or a format that
    cannot be written, ShadergenError for a place where nothing can (see `write_whole`), ValueError for another shape.
    """
    path = Path(path)
    if pixels.ndim != 3 or pixels.shape[0] not in (1, 3, 4) or pixels.size == 0:
        raise ValueError(f"found shape {pixels.shape}, expected (1, 3 or 4, height, width)")
    if np.isnan(pixels).any():
        raise ImageError(path, "found NaN among the pixels, expected numbers")
    format = format_of(path)
    codes: Any = to_codes(pixels) if np.issubdtype(pixels.dtype, np.floating) else pixels
    write_whole(path, _encoded(path, format, codes, icc, exif))


def save_bands(path: Path, bands: Iterator[Codes], height: int, *, icc: bytes = b"", exif: bytes = b"") -> None:
    """Write a picture of so many rows that comes in bands (channels, rows, width) from top to bottom, as `save` does.

    A PNG is written band by band; other formats are put together first.
    """
    first = next(bands)
    shape, depth = (len(first), height, first.shape[2]), 8 * first.itemsize
    is_whole = first.shape[1] == height
    whole = itertools.chain([first], bands)
    del first  # a band may take 200 MB
    if is_whole or format_of(path) != "PNG":
        save(path, np.concatenate(list(whole), axis=1), icc=icc, exif=exif)
        return
    with whole_file(path) as temporary, temporary.open("wb") as file:
        for part in png.encoded(whole, shape, depth, icc, exif):
            file.write(part)


def format_of(path: Path) -> str:
    """Pillow's name of the format that a suffix stands for. Raises ImageError where it stands for none."""
    format = PIL.Image.registered_extensions().get(path.suffix.lower())
    if format is None:
        raise ImageError(path, f"found suffix {path.suffix!r}, expected .png, .jpg, .webp, ...")
    return format


def _encoded(path: Path, format: str, codes: Codes, icc: bytes, exif: bytes) -> bytes:
    if codes.dtype == np.uint16 and format == "PNG":
        return b"".join(png.encoded(iter([codes]), codes.shape, 16, icc, exif))
    if codes.dtype == np.uint16 and not (format == "TIFF" and len(codes) == 1):
        codes = (codes.astype(np.uint32) * 255 // 65535).astype(np.uint8)
    texels = codes[0] if len(codes) == 1 else np.moveaxis(codes, 0, -1)
    options: dict[str, Any] = dict(_QUALITY.get(format, {}))
    options |= {key: value for key, value in (("icc_profile", icc), ("exif", exif)) if value}
    encoded = io.BytesIO()
    try:
        image = PIL.Image.fromarray(np.ascontiguousarray(texels))
        image.save(encoded, format, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ImageError(path, f"cannot be written as {format}: {error}") from None
    return encoded.getvalue()


def _from_deep_png(path: str | os.PathLike[str]) -> Codes | None:
    data = Path(path).read_bytes()
    if not png.is_deep(data):
        return None
    codes = png.read(data)
    return codes if len(codes) != 2 else codes[[0, 0, 0, 1]]


def _matching_profile(icc: bytes | None, codes: Codes) -> bytes:
    """The profile if its colour space (bytes 16 to 19) is the picture's: a CMYK file has become RGB."""
    space = b"GRAY" if len(codes) == 1 else b"RGB "
    return icc if icc and icc[16:20] == space else b""


def _from_pillow(image: PIL.Image.Image) -> Codes:
    mode = image.mode
    if mode in ("F", "I") or mode.startswith("I;"):
        values = np.asarray(image)
        if mode == "F" or values.min(initial=0) < 0 or values.max(initial=0) > 65535:
            raise ValueError(f"pixels of type {mode}, expected 8 or 16 bits per channel")
        return values.astype(np.uint16)[np.newaxis]
    if mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB", "RGBA"):
        transparent = mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
        image = image.convert("RGBA" if transparent else "RGB")
    return np.moveaxis(np.atleast_3d(np.asarray(image)), -1, 0)


def _upright(codes: Codes, orientation: int) -> Codes:
    """Undo an EXIF orientation (1 to 8; anything else is upright)."""
    if orientation in (5, 6, 7, 8):
        codes = codes.swapaxes(1, 2)
    if orientation in (2, 3, 6, 7):
        codes = codes[:, :, ::-1]
    if orientation in (3, 4, 7, 8):
        codes = codes[:, ::-1, :]
    return codes


def box_downscale(pixels: npt.NDArray[np.floating[Any]], factor: int) -> Array:
    """Scale (c, h, w) to (c, h // factor, w // factor) by the mean of whole boxes; what is left beyond is cropped.

    Raises ValueError when there is no whole box.
    """
    channels, height, width = pixels.shape
    height, width = height // factor, width // factor
    if height == 0 or width == 0:
        raise ValueError(f"found a {pixels.shape[2]}x{pixels.shape[1]} picture, expected at least {factor} a side")
    whole = pixels[:, : height * factor, : width * factor].astype(np.float64)
    boxes = whole.reshape(channels, height, factor, width, factor)
    return np.asarray(boxes.mean(axis=(2, 4)), np.float32)
