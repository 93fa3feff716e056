"""Ways to compute a convolution: a file each, found by its name."""

from __future__ import annotations

from shadergen.kernels.divided import Divided
from shadergen.kernels.dot8 import Dot8
from shadergen.kernels.kernel import Kernel
from shadergen.kernels.looped import Looped
from shadergen.kernels.rows import Rows
from shadergen.kernels.staged import Staged
from shadergen.kernels.tensor import Tensor, TensorTables
from shadergen.kernels.unrolled import Unrolled
from shadergen.kernels.winograd import Winograd

KERNELS: tuple[Kernel, ...] = (
    *(Divided(), Rows(), Winograd(), Unrolled(), Staged(), Looped()),
    *(Tensor(), TensorTables(), Dot8()),
)
"""Every kernel; where two are equally cheap, the first is taken. Of two with one name, whose weights are in different
places, the first is the usual one."""
