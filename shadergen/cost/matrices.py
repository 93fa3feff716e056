"""How fast tensor cores are, by vendor and generation.

The rates are assumptions: what makers say of a whole board, divided by its units and its clock. No instruction was
timed, and what feeds the cores is counted with the memories.

- AMD 11: RX 7900 XTX, 122.8 TFLOPS of 16-bit floats, 96 units, 2.50 GHz: 512 operations of a unit in a cycle. A v_wmma
  of 16x16x16 then takes 32 cycles of a SIMD.
- AMD 12: RX 9070 XT, 195 TFLOPS, 64 units, 2.97 GHz: 1024.
- NVIDIA 75: RTX 2080 Ti, 107.6 TFLOPS with sums of 16 bits, half of that with 32, 68 SMs, 1.545 GHz: 1024.
- NVIDIA 86: RTX 3080, 119 TFLOPS with sums of 16 bits, half of that with 32, 68 SMs, 1.71 GHz: 1024.
- Intel 12: Arc A770, 137.6 TFLOPS, 32 Xe-cores of 16 engines, 2.1 GHz: 2048.
"""

from __future__ import annotations

from shadergen.cost.gpus import Vendor

RATES: dict[tuple[Vendor, int], tuple[float, float]] = {
    ("amd", 11): (128, 128),
    ("amd", 12): (256, 256),
    ("nvidia", 75): (128, 64),
    ("nvidia", 86): (128, 64),
    ("intel", 12): (64, 64),
}
"""Multiply-adds of 16-bit floats of one pipe (SIMD, partition, vector engine) in a cycle: sums of 16 bits, of 32."""


def cycles(vendor: Vendor, generation: int, multiply_adds: int, half_sums: bool) -> float:
    """Cycles of a pipe for a product of matrices, by the newest generation that is known and no newer than this one.

    Raises ValueError where there is none, as the GPU then has no such instruction.
    """
    known = max(other for maker, other in RATES if maker == vendor and other <= generation)
    return multiply_adds / RATES[vendor, known][0 if half_sums else 1]
