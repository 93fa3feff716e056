"""SPAN: six blocks whose result is weighted by itself. (Wan et al. 2024, github.com/hongyuanyu/SPAN, span_arch.py)

Its convolutions are trained as three in a row with one beside, which are one 3x3 convolution with zeros around the
picture. Checkpoints have that one, too, as it was when somebody last evaluated the network: it may be an older one.
"""

from __future__ import annotations

import numpy as np

from shadergen.ir.ops import Array
from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net, in_a_row, plus_pixel

BLOCKS = 6
MEAN, RANGE = (0.4488, 0.4371, 0.4040), 255.0
"""Of the pictures that it is trained with: what is subtracted, and the factor then. With `no_norm` it has none."""


def _build(net: Net) -> str:
    channels = _merged(net, "conv_1")[0].shape[1]
    x = INPUT
    if "no_norm" in net.state:
        net.state.array("no_norm")
    else:
        if channels != len(MEAN):
            raise ValueError(f"found {channels} channels in the first convolution (conv_1), expected {len(MEAN)}")
        x = net.line(x, channels, RANGE, np.array(MEAN, np.float32) * -RANGE, "normal")
    features = x = _conv(net, "conv_1", x)
    kept = {}
    for i in range(1, BLOCKS + 1):
        x, first = _block(net, f"block_{i}", x)
        kept[i] = (x, first)
    parts = (features, _conv(net, "conv_2", x), kept[1][0], kept[BLOCKS][1])
    x = net.conv("conv_cat", net.concat(*parts, name="parts"))
    return net.shuffled("upsampler.0", x, net.weights("upsampler.0"), channels)[0]


def _block(net: Net, key: str, x: str) -> tuple[str, str]:
    """A block's result, and its first convolution's, which the last block's reader takes, too.

    It takes it behind the activation, since that is done in place.
    """
    first = _silu(net, _conv(net, f"{key}.c1_r", x))
    second = _silu(net, _conv(net, f"{key}.c2_r", first))
    third = _conv(net, f"{key}.c3_r", second)
    attention = net.line(net.sigmoid(third), net.channels(third), 1.0, -0.5, f"{key}_attention")
    return net.mul(net.add(third, x, f"{key}_sum"), attention, key), first


def _silu(net: Net, x: str) -> str:
    return net.mul(x, net.sigmoid(x), f"{x}_silu")


def _conv(net: Net, key: str, x: str) -> str:
    return net.convolution(key, x, _merged(net, key))


def _merged(net: Net, key: str) -> tuple[Array, Array]:
    """The three convolutions in a row and the one beside them as one; or the one that a file without those has."""
    if f"{key}.sk.weight" not in net.state:
        return net.weights(f"{key}.eval_conv")
    for name in ("weight", "bias"):  # what it was when the network was last evaluated
        if f"{key}.eval_conv.{name}" in net.state:
            net.state.array(f"{key}.eval_conv.{name}")
    first, second, third = (net.weights(f"{key}.conv.{i}") for i in range(3))
    weight, bias = net.weights(f"{key}.sk")
    return plus_pixel(in_a_row(first, second, third), weight[:, :, 0, 0], bias)


ARCHITECTURES = (
    Architecture("SPAN", ("conv_cat.weight", f"block_{BLOCKS}.c3_r.eval_conv.weight", "upsampler.0.weight"), _build),
)
