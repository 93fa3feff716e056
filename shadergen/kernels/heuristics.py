"""The numbers that choices depend on, with what was measured for each; another device may want others."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from shadergen.target import Device, Target


@dataclass(frozen=True)
class Heuristics:
    """Trade-offs for one class of devices."""

    max_sums: int = 32
    """vec4 registers for the sums of a compute pass. With the texels and the products' factors this stays within the
    255 registers that an NVIDIA invocation has at most."""
    max_products: int = 4096
    """Products of a vec4 with a scalar that the code of a pass of more than one pixel per invocation may have: what
    16384 multiply-adds take to compile is felt."""
    wide_share: Fraction = Fraction(1, 4)
    """The share of `max_products` for four pixels of more than one pack, which make the code long for little more
    speed, see bench/log.md."""
    min_winograd_channels: int = 8
    """Channels of source and result from which on Winograd's kernels are used: below, the transforms cost more than the
    products they save."""
    blocks: tuple[tuple[int, int], ...] = ((4, 2), (2, 2), (2, 1), (1, 1))
    """Pixels that an invocation may compute, (width, height)."""
    literal_pixels: int = 4
    """Pixels per invocation at most where the weights are literals: 8 make the code too long."""
    shares_weights: bool = False
    """Whether a workgroup copies weights from a table into shared memory, whose reads then cost less than texels. A CPU
    reads it lane by lane."""
    staged_row_loop: bool = False
    """Whether a loop goes over the rows of taps where weights are shared, for few registers."""
    uniform_weights: bool = False
    """Whether the compiler may know that all invocations read the same of the weights that they share. Intel's then
    loads 16 numbers at once, and multiplies with them where they are: 2.2 ms instead of 4.7 for a layer of 32 to 32
    channels on an Arc A770. AMD's moves each to a scalar register first: 0.68 instead of 0.48 on a RX 7900 XTX."""
    loop_rows_from: int = 4
    """Taps along y from which on a loop goes over the rows of a table's weights. It reads the window's rows again for
    each, which pays where their code is long: C4F32 compiles in 0.75 of the time with a loop for its 5x5 kernel, and
    takes 1.35 of the frame time with one for 3x3, too."""
    recompute_macs: int = 27
    """A convolution of the graph's input with at most this many multiply-adds per channel (3x3 on RGB) is computed
    again where its value is wanted at the pixel, instead of read back: 4 channels are 8 bytes, for which a GPU does a
    hundred operations. It also spares the skip connection the rounding to 16 bits, a third of C4F32's error on a driver
    that rounds towards zero (mean 4.8e-4 before, 3.2e-4 after, on a photograph). The halo of a value in shared memory
    may cost as much."""
    max_code_weights: int = 65536
    """Weights of one convolution that may be literals. 64 to 64 channels of 3x3 are 36 864, half a megabyte of code and
    several seconds to compile."""
    max_pass_products: int = 1 << 20
    """Products of a vec4 with a scalar that the code of a pass may have at all: of a network that has more anywhere,
    all weights are in tables. Intel's compiler (Mesa 25) found no end within ten minutes for 48 to 48 channels at a
    network's end (5184 products); with a table it takes half of one, and the layer 10 ms on an Arc A770. A SPAN of 48
    channels (3456 products) takes 148 ms there, and 346 without. AMD's and NVIDIA's compilers manage: that end takes
    1.8 ms on a RX 7900 XTX, and 6.4 with a table."""
    texel_price: Fraction = Fraction(4)
    """What reading a texel costs, in products of a vec4 with a matrix; only which of two plans is cheaper matters."""

    packs_at_once: int = 1
    """Packs of the result that each part of a divided workgroup computes; 0 where F(2x2,3x3) does not pay."""
    packs_together: int = 2
    """Packs of the source at most that the parts of a workgroup transform between two barriers; three parts, which can
    share no other number, transform three."""
    scalar_weights: Literal["", "waves of 64", "always"] = ""
    """Where a compiler is told that a wave reads the same weights from buffers, and so has them in scalar registers.
    AMD's GPUs, with waves of 64, load 16 scalars at once, for all lanes; NVIDIA's, with waves of 32, move every scalar
    to a vector register before they multiply with it. A layer of 32 to 32 channels takes 0.52 ms in scalars and 0.68
    in vectors on a RX 6900 XT, 2.4 and 0.64 on a RTX 3080. Intel's load scalars in blocks, vectors lane by lane."""
    looked_up: bool = False
    """Whether where weights begin in a buffer is itself read from a buffer. Intel's compiler then knows it to be the
    same in a whole wave; what it computes from a loop's variables it loads lane by lane."""
    half_sums: bool = False
    """Whether Winograd's sums over a whole source are in fp16, where the products are."""

    rows_area: tuple[int, int] = (8, 16)
    """Invocations, (width, height), that share rows in shared memory."""
    rows_together: int = 1
    """Packs at most between two barriers."""
    rows_packs_at_once: int = 4
    """Packs of the result that each part computes, where the workgroup is divided."""
    loops_rows: bool = True
    """Whether the kernel's rows are a loop, where they come from shared memory."""

    half_input: bool = False
    """Whether layers whose results are stored, in fp16, read the graph's input in fp16 as well, where that is the
    precision: half of the products of C4F16's first layer. What reaches the result by a shorter way stays fp32."""
    fuses: bool = False
    """Whether layers share a pass where that fits, as with `Target.fuse`."""

    def product_limit(self, pixels: tuple[int, int], packs: int) -> int:
        """Products that the code of a pass of more than one pixel may have, for so many packs of its widest result."""
        narrow = packs == 1 or pixels[0] * pixels[1] <= 2
        return self.max_products if narrow else int(self.max_products * self.wide_share)


_WAVES = Heuristics(
    wide_share=Fraction(0),
    blocks=((2, 2), (4, 1), (2, 1), (1, 1)),
    rows_area=(8, 8),
    loops_rows=False,
    scalar_weights="waves of 64",
    half_sums=True,
    half_input=True,
    fuses=True,
    texel_price=Fraction(1, 2),
)
"""Of GPUs of AMD and NVIDIA, for weights in buffers: what is best on each of four is the same but for the weights'
registers, which the size of a wave decides when the driver compiles."""

BUFFERED: dict[Device, Heuristics] = {
    "amd-rdna2": _WAVES,
    "amd-rdna3": _WAVES,
    "nvidia": _WAVES,
    "intel": Heuristics(
        wide_share=Fraction(0),
        blocks=((4, 1), (2, 1), (1, 1)),
        packs_at_once=0,
        rows_area=(4, 8),
        rows_together=8,
        max_pass_products=3000,
        scalar_weights="always",
        looked_up=True,
    ),
}
"""By class of devices, where a file may have weights in buffers."""


_SIXTEEN_PIXELS = Heuristics(blocks=((4, 4), (4, 2), (2, 2), (2, 1), (1, 1)), shares_weights=True)
"""Of GPUs with 256 registers for each invocation, which hold the sums and factors of 16 pixels."""

UNBUFFERED: dict[Device, Heuristics] = {
    "amd-rdna2": _SIXTEEN_PIXELS,
    "amd-rdna3": _SIXTEEN_PIXELS,
    "nvidia": _SIXTEEN_PIXELS,
    "intel": Heuristics(
        blocks=((4, 1), (2, 1), (1, 1)),
        shares_weights=True,
        staged_row_loop=True,
        uniform_weights=True,
        texel_price=Fraction(1),
    ),
}
"""By class of devices, where a file has no buffers: by the compilers of their drivers (bench/log.md)."""


def heuristics_for(target: Target) -> Heuristics:
    """The trade-offs for a target's class of devices."""
    return (BUFFERED if target.buffers else UNBUFFERED).get(target.device, Heuristics())
