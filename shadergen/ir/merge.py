"""Two operators as one of exactly the same meaning, for whoever rewrites graphs."""

from __future__ import annotations

from dataclasses import replace

from shadergen.ir.ops import Conv, Pad


def padded(conv: Conv, pad: Pad) -> Conv | None:
    """The convolution that pads by itself what `conv` reads from `pad`, where its padding can say that; else None.

    It cannot crop, nor pad by a number other than 0, nor around the image in one way and around that in another.
    """
    own = any(conv.pads)
    if min(pad.pads) < 0 or pad.value or (own and (conv.pad_mode, pad.mode) != ("zero", "zero")):
        return None
    top, left, bottom, right = (a + b for a, b in zip(conv.pads, pad.pads, strict=True))
    return replace(conv, pads=(top, left, bottom, right), pad_mode=pad.mode)
