"""Anime4KCPP's ACNet and ARNet. (github.com/TianZerL/RealTimeAnimeSISR, acnet_arch.py and arnet_arch.py)

Both have 3x3 convolutions that repeat the picture's edge, PReLU, a shuffle, and the picture added, its pixels enlarged.
ARNet's are in blocks with a skip, scaled by 0.2. In training, a convolution may be three in a row (RRRB), which are
one. Only networks with PReLU say by their weights what is between convolutions.
"""

from __future__ import annotations

import numpy as np

from shadergen.ir.ops import Array
from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net, in_a_row, plus_pixel

SCALE = 0.2
"""Of what an ARNet's block adds, where it is not trained."""


def _acnet(net: Net) -> str:
    channels = _weights(net, "head.0")[0].shape[1]
    x = net.prelu("head.1", _conv(net, "head.0", INPUT))
    for i in range(0, net.state.count("body.N."), 2):
        x = net.prelu(f"body.{i + 1}", _conv(net, f"body.{i}", x))
    return _enlarged(net, x, channels)


def _arnet(net: Net) -> str:
    channels = _weights(net, "head")[0].shape[1]
    head = x = _conv(net, "head", INPUT)
    layers = net.state.count("body.N.")
    blocks = sum(f"body.{i}.residual.1.weight" in net.state for i in range(layers))
    for i in range(blocks):
        x = _block(net, f"body.{i}", x)
    if f"body.{blocks}.weight" in net.state:
        x = net.prelu(f"body.{blocks + 1}", net.conv(f"body.{blocks}", x))
    return _enlarged(net, net.add(x, head, "sum"), channels)


def _block(net: Net, key: str, x: str) -> str:
    y = net.prelu(f"{key}.residual.1", _conv(net, f"{key}.residual.0", x))
    y = _conv(net, f"{key}.residual.2", y)
    scale = net.state.array(f"{key}.res_scale").item() if f"{key}.res_scale" in net.state else SCALE
    return net.add(net.line(y, net.channels(y), scale, name=f"{key}_scaled"), x, key)


def _enlarged(net: Net, x: str, channels: int) -> str:
    x, factor = net.shuffled("upscale.0", x, _weights(net, "upscale.0"), channels, "edge")
    return net.add(x, net.enlarged(INPUT, factor), "result")


def _conv(net: Net, key: str, x: str) -> str:
    return net.convolution(key, x, _weights(net, key), "edge")


def _weights(net: Net, key: str) -> tuple[Array, Array]:
    """A convolution's, or those of an RRRB: 1x1, 3x3 with a skip, 1x1, and a skip where the channels are as many."""
    if f"{key}.conv1.weight" not in net.state:
        return net.weights(key)
    first, second, third = (net.weights(f"{key}.conv{i}") for i in (1, 2, 3))
    merged = in_a_row(first, plus_pixel(second, np.eye(len(second[0]), dtype=np.float32)), third)
    same = merged[0].shape[0] == merged[0].shape[1]
    return plus_pixel(merged, np.eye(len(merged[0]), dtype=np.float32)) if same else merged


ARCHITECTURES = (
    Architecture("ACNet", ("head.1.weight", "body.1.weight"), _acnet),
    Architecture("ARNet", ("body.0.residual.1.weight",), _arnet),
)
