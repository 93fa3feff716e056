"""FSRCNN: few channels between two layers of many, and a transposed convolution. (Dong et al. 2016)

Its weights do not say the factor: a kernel of nine serves all. Two public implementations differ in names:
github.com/yjn870/FSRCNN-pytorch and Lornatang/FSRCNN-PyTorch. That of TianZerL/RealTimeAnimeSISR repeats the picture's
edge, and has no slopes behind its first convolution.
"""

from __future__ import annotations

from collections.abc import Sequence

from shadergen.ir.ops import ConvTranspose, PadMode
from shadergen.sources.pytorch.architecture import Architecture
from shadergen.sources.pytorch.net import INPUT, Net


def _deconvolution(net: Net, key: str, x: str) -> str:
    weight = net.state.array(f"{key}.weight", 4)
    bias = net.state.array(f"{key}.bias", 1)
    side = weight.shape[2] // 2
    more = net.factor - 1
    return net.op(ConvTranspose(weight, bias, (side, side, side - more, side - more), (net.factor,) * 2), x, name=key)


def _chain(net: Net, keys: Sequence[str], x: str, mode: PadMode = "zero") -> str:
    """Convolutions, each with slopes under the next number."""
    for key in keys:
        part, _, number = key.rpartition(".")
        x = net.prelu(f"{part}.{int(number) + 1}", net.conv(key, x, mode))
    return x


def _yjn870(net: Net) -> str:
    middle = [f"mid_part.{i}" for i in range(0, net.state.count("mid_part.N."), 2)]
    return _deconvolution(net, "last_part", _chain(net, ["first_part.0", *middle], INPUT))


def _lornatang(net: Net) -> str:
    middle = [f"map.{i}" for i in range(0, net.state.count("map.N."), 2)]
    return _deconvolution(net, "deconv", _chain(net, ["feature_extraction.0", "shrink.0", *middle, "expand.0"], INPUT))


def _tianzerl(net: Net) -> str:
    middle = [f"mapping.{i}" for i in range(0, net.state.count("mapping.N."), 2)]
    x = net.conv("feature_extraction", INPUT, "edge")
    return _deconvolution(net, "deconv", _chain(net, ["shrinking.0", *middle, "expanding.0"], x, "edge"))


ARCHITECTURES = (
    Architecture("FSRCNN", ("first_part.0.weight", "mid_part.0.weight", "last_part.weight"), _yjn870),
    Architecture("FSRCNN", ("feature_extraction.0.weight", "map.0.weight", "deconv.weight"), _lornatang),
    Architecture("FSRCNN", ("feature_extraction.weight", "mapping.0.weight", "deconv.weight"), _tianzerl),
)
