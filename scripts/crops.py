"""Makes docs/crops.png: details of the project's sample picture, before and after, clean and out of a video.

    python scripts/crops.py [OUT]

The sample is drawn at 640x480, halved by a box, and played through files of shaders/ as they are; for the last rows
H.264 encodes it first. Needs an OpenGL driver, and ffmpeg.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.sample import draw
from shadergen.judge import codec
from shadergen.runtime import colour
from shadergen.upscale import pictures
from shadergen.upscale.upscale import Upscaler, enlarge

ROOT = Path(__file__).resolve().parent.parent
SPOTS = ((460, 80), (60, 250), (455, 392))
"""Left and top of each detail, in the large picture: the lighthouse's head, the boat, the sign."""
SIDE, ZOOM, GAP, LABEL = 96, 2, 4, 16
CRF = 27
Pixels = npt.NDArray[np.floating[Any]]


def main() -> None:
    """Draw, play and save."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/crops.png"
    truth = np.moveaxis(np.asarray(draw(2), np.float32) / 255, -1, 0)
    clean = np.rint(pictures.box_downscale(truth, 2) * 255) / 255
    video = through_h264(clean)
    rows = [
        (("bicubic", bicubic(clean)), *((name, played(name, clean)) for name in ("C4F16", "C4F32")), ("truth", truth)),
        (
            (f"H.264, CRF {CRF}, bicubic", bicubic(video)),
            *((name, played(name, video)) for name in ("C4F16", "C4F16_DS")),
            ("truth", truth),
        ),
    ]
    sheet(rows).save(out, optimize=True)
    print(f"{out}: {out.stat().st_size} bytes")


def bicubic(pixels: Pixels) -> Pixels:
    """(3, h, w) to (3, 2 h, 2 w)."""
    height, width = pixels.shape[1:]
    return enlarge(pixels.astype(np.float32), (2 * width, 2 * height))


def played(name: str, pixels: Pixels) -> Pixels:
    """What shaders/NAME_CMP.glsl makes of (3, h, w)."""
    file = f"{name}_CMP.glsl"
    with Upscaler({file: (ROOT / "shaders" / file).read_text()}) as upscaler:
        return upscaler(pixels.astype(np.float32)).astype(np.float32) / 255


def through_h264(pixels: Pixels) -> Pixels:
    """The picture as video of 4:2:0 shows it."""
    ycbcr = colour.rgb_to_ycbcr(pixels, full_range=False)
    planes = [ycbcr[0], *colour.chroma_420(ycbcr[1:], colour.SITINGS["left"])]
    coded = [np.rint(plane * 255).astype(np.uint8) for plane in planes]
    luma, *chroma = (plane.astype(np.float32) / 255 for plane in codec.record([coded], codec.Setting("h264", CRF))[0])
    size = (luma.shape[1], luma.shape[0])
    whole = colour.upsample_chroma(np.stack(chroma), colour.SITINGS["left"], size)
    return np.clip(colour.ycbcr_to_rgb(np.concatenate([luma[np.newaxis], whole]), full_range=False), 0, 1)


def sheet(rows: list[tuple[tuple[str, Pixels], ...]]) -> Image.Image:
    """A row of details for each spot of each row, with names above the first."""
    tile, columns = SIDE * ZOOM, len(rows[0])
    block = LABEL + len(SPOTS) * (tile + GAP)
    canvas = Image.new("RGB", (columns * (tile + GAP) - GAP, len(rows) * block - GAP), "#ffffff")
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(12)
    for number, row in enumerate(rows):
        for column, (name, pixels) in enumerate(row):
            left, top = column * (tile + GAP), number * block
            pen.text((left, top), name, "#1f2328", font)
            for line, (x, y) in enumerate(SPOTS):
                detail = np.moveaxis(pixels[:, y : y + SIDE, x : x + SIDE], 0, -1)
                shown = Image.fromarray(np.uint8(np.clip(detail, 0, 1) * 255 + 0.5))
                shown = shown.resize((tile, tile), Image.Resampling.NEAREST)
                canvas.paste(shown, (left, top + LABEL + line * (tile + GAP)))
    return canvas


if __name__ == "__main__":
    main()
