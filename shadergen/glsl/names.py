"""Identifiers of GLSL: what is taken before a pass begins, and how a word becomes one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from shadergen.ir.names import Namer

MACROS = ("raw", "pos", "map", "size", "pt", "off", "mul", "rot", "tex", "texOff", "gather")
"""What players define for each bound name, `NAME_raw` and so on."""

PLAYERS = ("hook", "out_image", "frame", "random", "input_size", "target_size", "tex_offset")
LIBPLACEBO = ("linearize", "delinearize")
"""What players define in every pass, or look for (mpv's manual on user shaders; libplacebo's custom_mpv.c)."""

TEMPLATES = (
    *("source", "padded", "mirror", "erf", "is_at", "number", "fill_tile", "tile"),
    *("four_halves", "two_words"),
)
"""Functions and arrays of the templates."""

FORMS = ("pixel", "result", "invocation", "part", "turn", "image", "texel", "region", "alpha")
"""What the templates of forms declare around the steps."""


def file_names(bound: Iterable[str]) -> Namer:
    """The namer of a file in which passes bind the names in `bound`."""
    taken = {*PLAYERS, *LIBPLACEBO, *TEMPLATES, *FORMS, *bound}
    taken |= {f"{name}_{macro}" for name in ("HOOKED", "LUMA", *bound) for macro in MACROS}
    return Namer(taken | {"HOOKED", "LUMA"})


def identifier(name: str) -> str:
    """`name` with everything GLSL does not allow replaced by `_`.

    A double underscore and the prefix `gl_` are reserved in GLSL (specification 4.60, 3.7), a leading digit is no name.
    """
    word = re.sub(r"_+", "_", re.sub(r"\W", "_", name, flags=re.ASCII)).strip("_")
    return f"n_{word}" if not word or word[0].isdigit() or word.startswith("gl_") else word


def table_name(label: str, packs: Sequence[int], every: int) -> str:
    """The name of the table for some of a value's packs, `every` in all; `label` is the file's and the value's name.

    No saved texture has it: its last word is neither a word nor a number.
    """
    numbers = "0" if len(packs) == every else f"{'_'.join(map(str, packs))}of{every}"
    return f"{label}_{numbers}w"
