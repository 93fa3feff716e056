"""What a pass moves through the memory, in bytes: every bound texture once, and its result once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

TEXEL_BYTES = 8
"""How many bytes a texel has that a hook pass writes: rgba16f in both players, whatever COMPONENTS says."""
SOURCE_BYTES: Mapping[str, int] = {"RGB": 6, "LUMA": 2, "CHROMA": 4, "ALPHA": 2}
"""How many bytes a texel has of each plane that the player uploads, at 16 bits a channel."""


@dataclass(frozen=True)
class Traffic:
    """What one executed pass moves, in bytes."""

    read: int
    written: int
