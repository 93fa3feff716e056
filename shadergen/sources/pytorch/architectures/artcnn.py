"""ArtCNN's C models as trained with PyTorch. (github.com/TianZerL/RealTimeAnimeSISR, which repeats the picture's edge)

The first convolution's result is added to that of a chain of five, and a shuffle follows.
"""

from __future__ import annotations

from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net


def _build(net: Net) -> str:
    channels = net.state.array("head.weight", 4).shape[1]
    head = x = net.conv("head", INPUT, "edge")
    layers = net.state.count("body.N.")
    for i in range(0, 2 * layers, 2):
        x = net.conv(f"body.{i}", x, "edge")
        x = x if i == 2 * layers - 2 else net.relu(x)
    return net.shuffled("upscale.0", net.add(x, head, "sum"), net.weights("upscale.0"), channels, "edge")[0]


ARCHITECTURES = (Architecture("ArtCNN", ("head.weight", "body.0.weight", "body.2.weight", "upscale.0.weight"), _build),)
