"""Pictures in and out of files."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

from shadergen.errors import ImageError, ShadergenError
from shadergen.upscale.pictures import box_downscale, load, save, save_bands


def noise(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).random(shape).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_round_trip(tmp_path: Path, channels: int) -> None:
    pixels = noise(channels, 5, 7)
    save(tmp_path / "a.png", pixels)
    assert np.allclose(load(tmp_path / "a.png").pixels, pixels, atol=0.5001 / 255)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_save_clips_and_rounds(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[[-1, 0.499 / 255, 0.501 / 255, 2]]]))
    assert (load(tmp_path / "a.png").pixels * 255).tolist() == [[[0, 0, 1, 255]]]


def test_one_channel_keeps_16_bits(tmp_path: Path) -> None:
    texels = np.random.default_rng(2).integers(0, 65536, (5, 7), np.uint16)
    PIL.Image.fromarray(texels).save(tmp_path / "a.png")
    assert np.allclose(load(tmp_path / "a.png").pixels[0] * 65535, texels, atol=0.01)


def test_colour_of_16_bits_is_cut_to_8(tmp_path: Path) -> None:
    texels = np.random.default_rng(2).integers(0, 65536, (5, 7, 3), np.uint16)
    (tmp_path / "a.png").write_bytes(deep_png(texels))
    assert np.allclose(load(tmp_path / "a.png").pixels, np.moveaxis(texels, -1, 0) / 65535, atol=1 / 255)


def deep_png(texels: npt.NDArray[np.uint16]) -> bytes:
    """A 16-bit RGB PNG, which Pillow does not write."""
    height, width, _ = texels.shape
    body = b"".join(b"\0" + row.astype(">u2").tobytes() for row in texels)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(body)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_png_in_bands(tmp_path: Path, channels: int) -> None:
    codes = np.random.default_rng(2).integers(0, 256, (channels, 150, 7), np.uint8)
    bands = iter([codes[:, :70], codes[:, 70:140], codes[:, 140:]])
    save_bands(tmp_path / "a.png", bands, 150)
    assert np.array_equal(load(tmp_path / "a.png").codes, codes)
    assert np.array_equal(np.atleast_3d(np.asarray(PIL.Image.open(tmp_path / "a.png"))), np.moveaxis(codes, 0, -1))


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, [1]),
        ("L", 51, [0.2]),
        ("LA", (51, 102), [0.2, 0.2, 0.2, 0.4]),
        ("RGB", (51, 102, 153), [0.2, 0.4, 0.6]),
        ("RGBA", (51, 102, 153, 204), [0.2, 0.4, 0.6, 0.8]),
        ("I;16", 13107, [0.2]),
    ],
)
def test_pixel_types(tmp_path: Path, mode: str, colour: Any, expected: list[float]) -> None:
    PIL.Image.new(mode, (3, 2), colour).save(tmp_path / "a.png")
    pixels = load(tmp_path / "a.png").pixels
    assert pixels.shape == (len(expected), 2, 3)
    assert pixels.dtype == np.float32
    assert np.allclose(pixels[:, 0, 0], expected)


@pytest.mark.parametrize("transparent", [True, False])
def test_palette(tmp_path: Path, transparent: bool) -> None:
    image = PIL.Image.new("P", (2, 1), 1)
    image.putpalette([0, 0, 0, 51, 102, 153])
    if transparent:
        image.info["transparency"] = 1
    image.save(tmp_path / "a.png")
    expected = [0.2, 0.4, 0.6, 0.0] if transparent else [0.2, 0.4, 0.6]
    assert np.allclose(load(tmp_path / "a.png").pixels[:, 0, 0], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    upright = noise(3, 2, 3)
    back: dict[int, PIL.Image.Transpose] = {
        2: PIL.Image.Transpose.FLIP_LEFT_RIGHT,
        3: PIL.Image.Transpose.ROTATE_180,
        4: PIL.Image.Transpose.FLIP_TOP_BOTTOM,
        5: PIL.Image.Transpose.TRANSPOSE,
        6: PIL.Image.Transpose.ROTATE_90,
        7: PIL.Image.Transpose.TRANSVERSE,
        8: PIL.Image.Transpose.ROTATE_270,
    }
    image = PIL.Image.fromarray((np.moveaxis(upright, 0, -1) * 255 + 0.5).astype(np.uint8))
    if orientation in back:
        image = image.transpose(back[orientation])
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    assert np.allclose(load(tmp_path / "a.png").pixels, upright, atol=0.003)


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "whole.png", noise(3, 40, 40))
    whole = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("absent.png", "", "cut.png", "text.png", "empty.png"):
        with pytest.raises(ImageError) as caught:
            load(tmp_path / name)
        assert "\n" not in str(caught.value), name
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ImageError, match="expected a picture of sane size"):
        load(tmp_path / "whole.png")


def test_what_cannot_be_written(tmp_path: Path) -> None:
    pixels = noise(4, 2, 2)
    (tmp_path / "folder.png").mkdir()
    for name in ("a.xyz", "a.jpg"):
        with pytest.raises(ImageError) as caught:
            save(tmp_path / name, pixels)
        assert "\n" not in str(caught.value), name
    with pytest.raises(ShadergenError, match=r"folder\.png: cannot be written"):
        save(tmp_path / "folder.png", pixels)
    with pytest.raises(ImageError, match="NaN"):
        save(tmp_path / "a.png", np.full((1, 2, 2), np.nan))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.png"]


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("old")
    with pytest.raises(ImageError):
        save(tmp_path / "a.jpg", noise(4, 2, 2))
    assert (tmp_path / "a.jpg").read_text() == "old"


def test_box_downscale() -> None:
    pixels = np.arange(20, dtype=np.float32).reshape(1, 4, 5)
    assert box_downscale(pixels, 2).tolist() == [[[3, 5], [13, 15]]]
    with pytest.raises(ValueError, match="at least 8 a side"):
        box_downscale(pixels, 8)
