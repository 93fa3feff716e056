"""What lets mpv choose among shaders by itself: profiles that say what suits what, and a script that goes by them."""

from __future__ import annotations

from shadergen.files import shipped
from shadergen.runtime.mpvfolder import PROFILES, Addition

SCRIPT = "scripts/shadergen.lua"
MODELS = ("C4F32", "C4F32_DS", "C4F16", "C4F16_DS", "C3F12", "C3F12_DS", "C4F16_Chroma")
"""Those that the profiles name, and with DS those that the script makes of them."""

_VULKAN = """\
vo=gpu-next
gpu-api=vulkan
"""


def shaders(suffix: str, fallback: str) -> tuple[str, ...]:
    """The names of the files that mpv then chooses from.

    `suffix` is that of the files for this GPU in gpu-next, `fallback` that of the files for everything else.
    """
    return tuple(f"{model}{ending}" for ending in dict.fromkeys((suffix, fallback)) for model in MODELS)


def additions(suffix: str, fallback: str, word: str = "anime") -> tuple[Addition, Addition]:
    """The two files for mpv's folder.

    `word` is what the path of an anime has, and is compared without its case. Files that need gpu-next and Vulkan are
    what `suffix` is where it differs from `fallback`: mpv is told to take both then.
    """
    templates = shipped("templates") / "mpv"
    text = (templates / "shadergen.conf").read_text("utf-8")
    values = {
        "renderer": _VULKAN if suffix != fallback else "",
        "suffix": suffix,
        "fallback": fallback,
        "word": word.lower(),
    }
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    script = (templates / "shadergen.lua").read_text("utf-8")
    return Addition(PROFILES, text.encode()), Addition(SCRIPT, script.encode())
