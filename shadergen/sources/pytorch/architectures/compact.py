"""Real-ESRGAN's Compact (SRVGGNetCompact), as AnimeJaNai and most of its kind are: a chain of 3x3 convolutions with
PReLU, a shuffle, and the picture with its pixels enlarged. (github.com/xinntao/Real-ESRGAN, srvgg_arch.py)"""

from __future__ import annotations

from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net


def _build(net: Net) -> str:
    if "body.1.weight" not in net.state:
        problem = "found no slopes (body.1.weight), expected those of PReLU"
        raise ValueError(f"{problem}: whether ReLU or LeakyReLU follow, such a file does not say")
    layers = net.state.count("body.N.")
    if layers < 3 or layers % 2 == 0:
        raise ValueError(f"found {layers} layers in 'body', expected convolutions and slopes in turn, and one more")
    channels = net.state.array("body.0.weight", 4).shape[1]
    x = INPUT
    for i in range(0, layers - 1, 2):
        x = net.prelu(f"body.{i + 1}", net.conv(f"body.{i}", x))
    x, factor = net.shuffled(f"body.{layers - 1}", x, net.weights(f"body.{layers - 1}"), channels)
    return net.add(x, net.enlarged(INPUT, factor), "sum")


ARCHITECTURES = (
    Architecture(
        "Compact (SRVGG)",
        ("body.0.weight", "body.2.weight"),
        _build,
        ("upscale.0.weight", "head.weight", "head.0.weight"),
    ),
)
