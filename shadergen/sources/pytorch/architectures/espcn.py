"""ESPCN: two convolutions with tanh, one more, a shuffle. (Shi et al. 2016)

Three public implementations differ in names, and in what is around the picture: github.com/yjn870/ESPCN-pytorch,
Lornatang/ESPCN-PyTorch, and TianZerL/RealTimeAnimeSISR, which repeats the picture's edge.
"""

from __future__ import annotations

from collections.abc import Callable

from shadergen.ir.ops import PadMode
from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net


def _network(first: str, last: str, mode: PadMode) -> Callable[[Net], str]:
    def build(net: Net) -> str:
        channels = net.state.array(f"{first}.0.weight", 4).shape[1]
        x = net.tanh(net.conv(f"{first}.0", INPUT, mode))
        x = net.tanh(net.conv(f"{first}.2", x, mode))
        return net.shuffled(f"{last}.0", x, net.weights(f"{last}.0"), channels, mode)[0]

    return build


_NAMES: tuple[tuple[str, str, PadMode], ...] = (
    ("first_part", "last_part", "zero"),
    ("feature_maps", "sub_pixel", "zero"),
    ("feature_maps", "upscale", "edge"),
)

ARCHITECTURES = tuple(
    Architecture("ESPCN", (f"{first}.0.weight", f"{first}.2.weight", f"{last}.0.weight"), _network(first, last, mode))
    for first, last, mode in _NAMES
)
