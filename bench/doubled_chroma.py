"""What the chroma model makes of 4:4:4 video behind a luma doubler, where it cannot know that nothing was subsampled.

    python bench/doubled_chroma.py FOLDER...

Each picture (at most 512x512 of it) is halved by boxes and played at twice that size as 4:4:4 with C4F16 for luma; PSNR
of Cb and Cr, in dB, of the renderer's bilinear scaling, of Lanczos, and of C4F16_Chroma behind the doubler.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from shadergen.hookfile import parse
from shadergen.runtime import colour
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.upscale import pictures

Array = npt.NDArray[np.float32]
SHADERS = Path(__file__).resolve().parent.parent / "shaders"
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


def psnr(found: Array, wanted: Array) -> float:
    """In dB, of values in 0..1."""
    return float(-10 * np.log10(np.mean((found - wanted) ** 2)))


def judge(path: Path, bilinear: Runner, model: Runner) -> list[float] | None:
    """Bilinear, Lanczos, the model; None for a picture without colour."""
    pixels = pictures.load(path).pixels[:3, :512, :512]
    if len(pixels) != 3:
        return None
    height, width = (extent // 2 * 2 for extent in pixels.shape[1:])
    pixels = pixels[:, :height, :width]
    truth = colour.rgb_to_ycbcr(pixels)[1:]
    small = colour.rgb_to_ycbcr(pictures.box_downscale(pixels, 2))
    frame = Frame({"LUMA": small[:1], "CHROMA": small[1:]}, full_range=True)
    played = (runner.run(frame, (width, height), only=("OUTPUT",)).planes["OUTPUT"] for runner in (bilinear, model))
    one, other = (colour.rgb_to_ycbcr(np.clip(rgb[:3], 0, 1))[1:] for rgb in played)
    size, kind = (width, height), PIL.Image.Resampling.LANCZOS
    lanczos = np.array([PIL.Image.fromarray(plane, "F").resize(size, kind) for plane in small[1:]], np.float32)
    return [psnr(picture, truth) for picture in (one, lanczos, other)]


def main() -> None:
    """Print a row for each folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    folders: list[Path] = parser.parse_args().folders
    luma, chroma = (
        parse((SHADERS / name).read_text("utf-8"))
        for name in ("C4F16_CMP_INSTANT.glsl", "C4F16_Chroma_CMP_INSTANT.glsl")
    )
    context = open_context()
    bilinear, model = Runner(context, luma), Runner(context, luma, after={"chroma": chroma})
    print("| pictures | bilinear | Lanczos | C4F16_Chroma |\n|---|---|---|---|")
    for folder in folders:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
        rows = [row for path in paths if (row := judge(path, bilinear, model))]
        print(f"| {folder.name} ({len(rows)}) | " + " | ".join(f"{mean:.2f}" for mean in np.mean(rows, axis=0)) + " |")


if __name__ == "__main__":
    main()
