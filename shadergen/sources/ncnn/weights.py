"""The weights of an ncnn model: arrays one after another, in the order in which its layers ask for them.

An array begins with four bytes that say how it is stored, unless the layer knows: 0 for float32, 0x01306B47 for
float16. Each fills whole words of four bytes. (ncnn's src/modelbin.cpp)
"""

from __future__ import annotations

import numpy as np

from shadergen.ir.ops import Array

FLOAT32 = (0, 0x0002C056)
FLOAT16 = 0x01306B47
INT8 = 0x000D4B38


class Weights:
    """A .bin, read from its start to its end."""

    def __init__(self, content: bytes, name: str) -> None:
        self.content = content
        self.name = name
        """The file's, for messages."""
        self.position = 0

    @property
    def left(self) -> int:
        """How many bytes have not been read."""
        return len(self.content) - self.position

    def tagged(self, count: int) -> Array:
        """So many numbers behind the four bytes that say how they are stored. Raises ValueError for integers."""
        tag = int.from_bytes(self._bytes(4), "little")
        if tag == FLOAT16:
            return self._array("<f2", count)
        if tag not in FLOAT32:
            kind = "int8" if tag == INT8 else f"quantised (0x{tag:08X})"
            raise ValueError(f"found {kind} weights, expected float32 or float16: take the model that is not quantised")
        return self.plain(count)

    def plain(self, count: int) -> Array:
        """So many numbers in float32."""
        return self._array("<f4", count)

    def _array(self, type: str, count: int) -> Array:
        if count < 1:
            raise ValueError(f"found {count} weights, expected 1 or more")
        result = np.frombuffer(self._bytes(count * np.dtype(type).itemsize), type).astype(np.float32)
        if not np.isfinite(result).all():
            raise ValueError("found weights that are not finite, expected numbers: is it of another .param?")
        result.flags.writeable = False
        return result

    def _bytes(self, count: int) -> bytes:
        if count > self.left:
            raise ValueError(
                f"found {self.left} bytes left in {self.name}, expected {count} of weights: "
                "is it truncated, or of another .param?"
            )
        start = self.position
        self.position += -(-count // 4) * 4
        return self.content[start : start + count]
