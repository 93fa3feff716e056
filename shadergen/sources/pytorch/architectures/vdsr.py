"""VDSR: a chain of convolutions of a picture that was enlarged before (--prescale), which is added. (Kim et al. 2016)

Public implementations differ in names: github.com/twtygqyy/pytorch-vdsr and Lornatang/VDSR-PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net


def _network(first: str, middle: str, last: str) -> Callable[[Net], str]:
    def build(net: Net) -> str:
        x = net.relu(net.conv(first, INPUT))
        for i in range(net.state.count(middle)):
            x = net.relu(net.conv(middle.replace("N", str(i)) + "conv", x))
        return net.add(net.conv(last, x), INPUT, "sum")

    return build


_NAMES = (("input", "residual_layer.N.", "output"), ("conv1.0", "trunk.N.", "conv2"))

ARCHITECTURES = tuple(
    Architecture(
        "VDSR", (f"{first}.weight", middle.replace("N", "0") + "conv.weight", f"{last}.weight"), _network(*names)
    )
    for names in _NAMES
    for first, middle, last in [names]
)
