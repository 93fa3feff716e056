"""Weights in uniform BUFFERs: a GPU whose waves agree on the address loads them into scalar registers, many at once.

A `BUFFER` needs gpu-next. Drivers bind 64 KiB of one at most (NVIDIA, lavapipe), so what is longer is divided: of each
record some elements are in every buffer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shadergen.glsl import spelling
from shadergen.glsl.index import Index
from shadergen.glsl.spelling import FP16, FP32, Types
from shadergen.hookfile import BufferVar, UserBuffer
from shadergen.ir.ops import Array
from shadergen.kernels import halves
from shadergen.storage.layout import PACK

MAX_BYTES = 64 * 1024
"""Of one uniform buffer: `maxUniformBufferRange` is 65536 on NVIDIA's GPUs and on lavapipe."""


@dataclass(frozen=True, eq=False)
class Uniforms:
    """Records of vec4 elements in buffers, which code reads by the record's number, the element's being known."""

    name: str
    elements: Array
    """(records, elements, 4)."""
    types: Types
    """What they are rounded to: FP32, or FP16, of which two elements are in a uvec4."""
    looked_up: bool = False
    """Whether where a record begins is read from a buffer, see `Heuristics.looked_up`."""

    @property
    def _shape(self) -> tuple[int, int]:
        """Records, and elements in each."""
        return len(self.elements), len(self.elements[0])

    @property
    def _per_word(self) -> int:
        """Elements in one vec4, or uvec4, of a buffer."""
        return 2 if self.types is FP16 else 1

    @property
    def stride(self) -> int:
        """Words of a record in each buffer: from the first of a record to the first of the next."""
        records, elements = self._shape
        words = -(-elements // self._per_word)
        return min(words, MAX_BYTES // (16 * records))

    @property
    def buffers(self) -> int:
        """How many buffers there are in all."""
        return self.banks + self.looked_up

    @property
    def banks(self) -> int:
        """Over how many buffers the elements are divided."""
        return -(-self._shape[1] // (self.stride * self._per_word))

    def blocks(self) -> tuple[UserBuffer, ...]:
        """The blocks that define them. Raises PrecisionError for a number that the precision cannot hold."""
        records, elements = self._shape
        per_bank = self.stride * self._per_word
        filled = np.zeros((records, self.banks * per_bank, PACK), np.float32)
        filled[:, :elements] = self.elements
        rounded = spelling.rounded(filled, self.types)
        banks = (rounded[:, bank * per_bank : (bank + 1) * per_bank].reshape(-1, PACK) for bank in range(self.banks))
        return (*(self._block(bank, elements) for bank, elements in enumerate(banks)), *self._offsets())

    def _offsets(self) -> tuple[UserBuffer, ...]:
        if not self.looked_up:
            return ()
        offsets = np.zeros((max(2, len(self.elements)), PACK), "<i4")
        offsets[: len(self.elements), 0] = np.arange(len(self.elements)) * self.stride
        name = f"{self.name}_begin"
        return (UserBuffer(f"{name}_buffer", (BufferVar("ivec4", name, len(offsets)),), offsets.tobytes()),)

    def _block(self, bank: int, elements: Array) -> UserBuffer:
        words = len(elements) // self._per_word
        data = elements.astype(elements.dtype.newbyteorder("<")).tobytes()
        if words == 1:  # libplacebo takes an array of one for no array
            words, data = 2, data + bytes(16)
        type_ = "uvec4" if self.types is FP16 else "vec4"
        return UserBuffer(f"{self._array(bank)}_buffer", (BufferVar(type_, self._array(bank), words),), data)

    def _array(self, bank: int) -> str:
        return f"{self.name}{bank}" if self.banks > 1 else self.name

    def begin(self, record: Index) -> str:
        """Where a record begins, for `element`."""
        return f"{self.name}_begin[{record}].x" if self.looked_up else str(record.times(self.stride))

    def element(self, first: str, number: int) -> str:
        """An element, a vec4 or f16vec4, of the record that begins at the index in the variable `first`."""
        bank, within = divmod(number, self.stride * self._per_word)
        word = f"{self._array(bank)}[{Index.of(first).plus(within // self._per_word)}]"
        if self.types is FP32:
            return word
        return halves.read(f"{word}.{('xy', 'zw')[within % 2]}")
