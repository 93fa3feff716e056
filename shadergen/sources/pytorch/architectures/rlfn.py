"""RLFN: blocks of three convolutions, each with attention to places. (Kong et al. 2022, github.com/bytedance/RLFN)"""

from __future__ import annotations

from shadergen.ir.ops import MaxPool
from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net

SLOPE = 0.05


def _build(net: Net) -> str:
    channels = net.state.array("conv_1.weight", 4).shape[1]
    features = x = net.conv("conv_1", INPUT)
    for i in range(1, net.state.count("block_N.") + 1):
        x = _block(net, f"block_{i}", x)
    x = net.add(net.conv("conv_2", x), features, "sum")
    return net.shuffled("upsampler.0", x, net.weights("upsampler.0"), channels)[0]


def _block(net: Net, key: str, x: str) -> str:
    y = x
    for name in ("c1_r", "c2_r", "c3_r"):
        y = net.leaky(net.conv(f"{key}.{name}", y), SLOPE)
    y = net.conv(f"{key}.c5", net.add(y, x, f"{key}_sum"))
    return _attention(net, f"{key}.esa", y)


def _attention(net: Net, key: str, x: str) -> str:
    """ESA: the largest of few channels in windows far apart, enlarged to the size of the picture."""
    few = net.conv(f"{key}.conv1", x)
    y = net.conv(f"{key}.conv2", few, stride=2, pad=False)
    y = net.op(MaxPool((7, 7), (3, 3)), y, name=f"{key}_largest")
    y = net.resized(net.conv(f"{key}.conv3", y), f"{key}_resized")
    y = net.conv(f"{key}.conv4", net.add(y, net.conv(f"{key}.conv_f", few), f"{key}_sum"))
    return net.mul(x, net.sigmoid(y), key)


ARCHITECTURES = (Architecture("RLFN", ("conv_1.weight", "block_1.esa.conv_f.weight", "upsampler.0.weight"), _build),)
