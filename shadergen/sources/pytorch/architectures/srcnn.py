"""SRCNN: three convolutions of a picture that was enlarged before (--prescale). (Dong et al. 2014)

Public implementations differ in names: github.com/yjn870/SRCNN-pytorch and Lornatang/SRCNN-PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net


def _network(first: str, middle: str, last: str) -> Callable[[Net], str]:
    def build(net: Net) -> str:
        channels = net.state.array(f"{first}.weight", 4).shape[1]
        x = net.relu(net.conv(middle, net.relu(net.conv(first, INPUT))))
        out = len(net.state.array(f"{last}.weight", 4))
        if out != channels:
            raise ValueError(f"found {out} channels out ({last}), expected {channels}, as there go in")
        return net.conv(last, x)

    return build


_NAMES = (("conv1", "conv2", "conv3"), ("features.0", "map.0", "reconstruction"))

ARCHITECTURES = tuple(
    Architecture("SRCNN", tuple(f"{name}.weight" for name in names), _network(*names), ("conv4.weight",))
    for names in _NAMES
)
