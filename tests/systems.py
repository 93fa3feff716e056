"""The networks people use, as exporters write them: ONNX models with random weights, at any width.

`SYSTEMS` has each of them small, for tests; the functions without arguments give the full widths, for benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[Any]


class Net:
    """An ONNX model that grows node by node; values are names, and channels are counted along."""

    def __init__(self, channels: int, opset: int = 17, seed: int = 0) -> None:
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self.channels = {"input": channels}

    def node(
        self, op: str, *inputs: str | Array, channels: int | None = None, name: str = "", **attributes: Any
    ) -> str:
        """A node; arrays among the inputs become initialisers. It has the channels of its first input unless told."""
        result = name or f"{op}_{len(self.nodes)}"
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self.nodes.append(helper.make_node(op, names, [result], f"/{result}/{op}", **attributes))
        self.channels[result] = channels or self.channels.get(next(iter(names), ""), 0)
        return result

    def constant(self, array: Array) -> str:
        name = f"onnx::const_{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def weights(self, *shape: int, gain: float = 1.0) -> Array:
        """Random weights that keep activations near 1."""
        inputs = int(np.prod(shape[1:])) if len(shape) > 1 else 16
        return (self.rng.normal(0, gain / np.sqrt(inputs), shape)).astype(np.float32)

    def conv(self, x: str, out: int, kernel: int = 3, pad: int | None = None, bias: bool = True, **more: Any) -> str:
        """A convolution, with "same" padding unless told."""
        group = more.get("group", 1)
        weight = self.weights(out, self.channels[x] // group, kernel, kernel)
        inputs: list[Array] = [weight, self.weights(out)] if bias else [weight]
        more.setdefault("pads", [kernel // 2 if pad is None else pad] * 4)
        return self.node("Conv", x, *inputs, channels=out, kernel_shape=[kernel, kernel], **more)

    def transposed(self, x: str, out: int, kernel: int, **more: Any) -> str:
        weight = self.weights(self.channels[x], out, kernel, kernel, gain=1.5)
        return self.node("ConvTranspose", x, weight, self.weights(out), channels=out, **more)

    def prelu(self, x: str) -> str:
        return self.node("PRelu", x, self.rng.uniform(0, 0.4, (self.channels[x], 1, 1)).astype(np.float32))

    def concat(self, *values: str) -> str:
        return self.node("Concat", *values, channels=sum(self.channels[value] for value in values), axis=1)

    def shuffle(self, x: str, block: int) -> str:
        return self.node("DepthToSpace", x, channels=self.channels[x] // block**2, blocksize=block, mode="CRD")

    def enlarged(self, x: str, factor: float, mode: str = "cubic", **more: Any) -> str:
        factors = np.array([1, 1, factor, factor], np.float32)
        more.setdefault("coordinate_transformation_mode", "half_pixel")
        return self.node("Resize", x, "", factors, mode=mode, **more)

    def clip(self, x: str) -> str:
        return self.node("Clip", x, np.array(0, np.float32), np.array(1, np.float32))

    def model(self, output: str) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes,
            "main_graph",
            [_picture("input", self.channels["input"])],
            [_picture(output, self.channels[output])],
            self.tensors,
        )
        opset = [helper.make_opsetid("", self.opset)]
        return helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="pytorch")


def _picture(name: str, channels: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", channels, "height", "width"])


# ---------------------------------------------------------------------------------------------------------------------
# The systems


def artcnn(filters: int = 64, blocks: int = 8) -> onnx.ModelProto:
    """ArtCNN R8F64; R16F96 with 96 filters and 16 blocks."""
    net = Net(1)
    x = head = net.conv("input", filters)
    for _ in range(blocks):
        y = net.node("Relu", net.conv(x, filters))
        y = net.node("Relu", net.conv(y, filters))
        x = net.node("Add", net.conv(y, filters), x)
    x = net.node("Add", net.conv(x, filters), head)
    return net.model(net.clip(net.shuffle(net.conv(x, 4), 2)))


def srcnn(first: int = 64, second: int = 32) -> onnx.ModelProto:
    """SRCNN 9-1-5, for pictures enlarged before."""
    net = Net(1)
    x = net.node("Relu", net.conv("input", first, 9))
    x = net.node("Relu", net.conv(x, second, 1))
    return net.model(net.conv(x, 1, 5))


def upconv7(widths: Sequence[int] = (16, 32, 64, 128, 128, 256)) -> onnx.ModelProto:
    """waifu2x's UpConv_7, with its padding."""
    net = Net(3)
    x = net.node("Pad", "input", np.array([0, 0, 7, 7, 0, 0, 7, 7]))
    for width in widths:
        x = net.node("LeakyRelu", net.conv(x, width, pad=0), alpha=0.1)
    return net.model(net.transposed(x, 3, 4, strides=[2, 2], pads=[3] * 4))


def vgg7(widths: Sequence[int] = (32, 32, 64, 64, 128, 128)) -> onnx.ModelProto:
    """waifu2x's Vgg_7, with its padding, at the size of the picture."""
    net = Net(3)
    x = net.node("Pad", "input", np.array([0, 0, 7, 7, 0, 0, 7, 7]))
    for width in widths:
        x = net.node("LeakyRelu", net.conv(x, width, pad=0), alpha=0.1)
    return net.model(net.conv(x, 3, pad=0))


def dcscn(
    features: Sequence[int] = (196, 166, 148, 133, 120, 108, 97, 86, 76, 66, 57, 48),
    reconstruction: tuple[int, int, int] = (128, 64, 32),
) -> onnx.ModelProto:
    """waifu2x's DCSCN-12: all features concatenated, two branches, pixel shuffle, and the enlarged picture added."""
    net = Net(3)
    wide, narrow, out = reconstruction
    x, collected = "input", []
    for width in features:
        x = net.node("Selu", net.conv(x, width))
        collected.append(x)
    every = net.concat(*collected)
    a = net.node("Selu", net.conv(every, wide, 1))
    b = net.node("Selu", net.conv(net.node("Selu", net.conv(every, narrow, 1)), wide))
    fine = net.shuffle(net.conv(net.concat(a, b), 4 * out), 2)
    return net.model(net.node("Add", net.conv(fine, 3, bias=False), net.enlarged("input", 2)))


def espcn7(filters: int = 64, layers: int = 6) -> onnx.ModelProto:
    """ESPCN_7 with selection units: x * sigmoid(conv1x1(selu(x))) behind every convolution."""
    net = Net(3)
    x = "input"
    for _ in range(layers):
        x = net.node("Selu", net.conv(x, filters))
        gate = net.node("Sigmoid", net.conv(net.node("Selu", x), filters, 1))
        x = net.node("Mul", x, gate)
    return net.model(net.shuffle(net.conv(x, 12), 2))


def imagesr_first(widths: tuple[int, int] = (128, 150), depth: int = 3) -> onnx.ModelProto:
    """imageSR's first network: 720p to 1080p by a stride of 5 and a block of 8."""
    net = Net(3)
    x = net.node("Relu", net.conv("input", widths[0], 5, pad=0, strides=[5, 5]))
    x = net.node("Relu", net.conv(x, widths[1], 4, pad=0))
    weight = net.weights(64 * depth, widths[1], 7, 14)
    x = net.node("Relu", net.node("Conv", x, weight, net.weights(64 * depth), channels=64 * depth))
    return net.model(net.shuffle(x, 8))


def imagesr_unet(filters: int = 32) -> onnx.ModelProto:
    """imageSR's U-Net: strides down, transposed convolutions up, skips, the enlarged picture; 1.5 times the size."""
    net = Net(3)

    def block(x: str) -> str:
        return net.node("Add", net.conv(net.node("Relu", net.conv(x, net.channels[x])), net.channels[x]), x)

    a = block(net.conv("input", filters))
    b = block(net.node("Relu", net.conv(a, 2 * filters, 3, strides=[2, 2])))
    c = block(net.node("Relu", net.conv(b, 2 * filters, 4, pad=1, strides=[2, 2])))
    up = net.transposed(c, 2 * filters, 2, strides=[2, 2])
    up = net.node("Relu", net.conv(net.concat(up, b), 2 * filters))
    up = net.transposed(up, filters, 4, strides=[2, 2], pads=[1] * 4)
    up = net.transposed(net.node("Relu", net.conv(net.concat(up, a), filters)), 3, 4, strides=[2, 2], pads=[1] * 4)
    enlarged = net.node("Add", up, net.enlarged("input", 2, cubic_coeff_a=-0.5))
    return net.model(net.enlarged(enlarged, 0.75, "linear"))


def fsrcnn(d: int = 56, s: int = 12, m: int = 4) -> onnx.ModelProto:
    """FSRCNN: shrink, map, expand, and a transposed convolution of 9x9."""
    net = Net(1)
    x = net.prelu(net.conv("input", d, 5))
    x = net.prelu(net.conv(x, s, 1))
    for _ in range(m):
        x = net.prelu(net.conv(x, s))
    x = net.prelu(net.conv(x, d, 1))
    return net.model(net.transposed(x, 1, 9, strides=[2, 2], pads=[4] * 4, output_padding=[1, 1]))


def edsr(filters: int = 64, blocks: int = 16) -> onnx.ModelProto:
    """EDSR-baseline, with its mean shifts and residual scaling."""
    net = Net(3)
    mean = np.array([0.4488, 0.4371, 0.4040], np.float32)[None, :, None, None]
    x = head = net.conv(net.node("Sub", "input", mean), filters)
    for _ in range(blocks):
        y = net.conv(net.node("Relu", net.conv(x, filters)), filters)
        x = net.node("Add", net.node("Mul", y, np.array(0.1, np.float32)), x)
    x = net.node("Add", net.conv(x, filters), head)
    x = net.conv(net.shuffle(net.conv(x, 4 * filters), 2), 3)
    return net.model(net.node("Add", x, mean))


def carn(filters: int = 64, group: int = 4) -> onnx.ModelProto:
    """CARN-M: cascades of residual blocks with grouped convolutions, each joined by 1x1."""
    net = Net(3)

    def residual(x: str) -> str:
        y = net.node("Relu", net.conv(x, filters, group=group))
        y = net.conv(net.node("Relu", net.conv(y, filters, group=group)), filters, 1)
        return net.node("Relu", net.node("Add", y, x))

    def cascade(x: str, block: Callable[[str], str]) -> str:
        joined = y = x
        for _ in range(3):
            joined = net.concat(joined, block(y))
            y = net.node("Relu", net.conv(joined, filters, 1))
        return y

    x = cascade(net.conv("input", filters), lambda y: cascade(y, residual))
    x = net.shuffle(net.node("Relu", net.conv(x, 4 * filters, group=group)), 2)
    return net.model(net.conv(x, 3))


def compact(filters: int = 64, layers: int = 16) -> onnx.ModelProto:
    """Real-ESRGAN's Compact (SRVGGNet), twice the size."""
    net = Net(3)
    x = net.prelu(net.conv("input", filters))
    for _ in range(layers):
        x = net.prelu(net.conv(x, filters))
    base = net.enlarged("input", 2, "nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    return net.model(net.node("Add", net.shuffle(net.conv(x, 12), 2), base))


def anime4k(filters: int = 8, layers: int = 6) -> onnx.ModelProto:
    """Anime4K's CReLU: each layer's positive and negative parts, all of them joined by a last 1x1."""
    net = Net(3)
    x, collected = "input", []
    for _ in range(layers):
        y = net.conv(x, filters)
        x = net.concat(net.node("Relu", y), net.node("Relu", net.node("Neg", y)))
        collected.append(x)
    fine = net.shuffle(net.conv(net.concat(*collected), 12, 1), 2)
    return net.model(net.node("Add", fine, net.enlarged("input", 2, "linear")))


def cunny(filters: int = 16, layers: int = 4) -> onnx.ModelProto:
    """CuNNy: ReLU layers, a linear one to the block of pixels, tanh, and the enlarged luma added."""
    net = Net(1)
    x = net.node("Relu", net.conv("input", filters))
    for _ in range(layers):
        x = net.node("Relu", net.conv(x, filters))
    fine = net.shuffle(net.node("Tanh", net.conv(x, 4)), 2)
    return net.model(net.clip(net.node("Add", fine, net.enlarged("input", 2, "linear"))))


def xlsr(filters: int = 32, blocks: int = 3) -> onnx.ModelProto:
    """XLSR: grouped blocks, a branch beside them, and a clipped result, three times the size."""
    net = Net(3)
    x = net.conv("input", filters // 2)
    for _ in range(blocks):
        y = net.conv(net.node("Relu", net.conv(x, filters, group=4 if net.channels[x] % 4 == 0 else 1)), filters, 1)
        x = net.node("Relu", y)
    beside = net.node("Relu", net.conv("input", filters // 2))
    x = net.node("Relu", net.conv(net.concat(x, beside), filters, 1))
    return net.model(net.clip(net.shuffle(net.conv(x, 27), 3)))


FULL: dict[str, Callable[[], onnx.ModelProto]] = {
    "ArtCNN_R8F64": artcnn,
    "ArtCNN_R16F96": lambda: artcnn(96, 16),
    "SRCNN_915": srcnn,
    "UpConv_7": upconv7,
    "Vgg_7": vgg7,
    "DCSCN_12": dcscn,
    "ESPCN_7": espcn7,
    "imageSR_first": imagesr_first,
    "imageSR_UNet": imagesr_unet,
    "FSRCNN": fsrcnn,
    "EDSR_baseline": edsr,
    "CARN_M": carn,
    "Compact": compact,
    "Anime4K": anime4k,
    "CuNNy_4x16": cunny,
    "XLSR": xlsr,
}
"""As they are published."""

SYSTEMS: dict[str, Callable[[], onnx.ModelProto]] = {
    "ArtCNN_R2F8": lambda: artcnn(8, 2),
    "SRCNN": lambda: srcnn(8, 6),
    "UpConv_7": lambda: upconv7((4, 4, 6, 8, 8, 10)),
    "Vgg_7": lambda: vgg7((4, 4, 6, 6, 8, 8)),
    "DCSCN": lambda: dcscn((9, 7, 6, 5), (8, 5, 4)),
    "ESPCN_7": lambda: espcn7(6, 3),
    "imageSR_first": lambda: imagesr_first((6, 5)),
    "imageSR_UNet": lambda: imagesr_unet(4),
    "FSRCNN": lambda: fsrcnn(8, 4, 2),
    "EDSR": lambda: edsr(8, 2),
    "CARN": lambda: carn(8, 2),
    "Compact": lambda: compact(8, 2),
    "Anime4K": lambda: anime4k(4, 3),
    "CuNNy": lambda: cunny(8, 2),
    "XLSR": lambda: xlsr(8, 2),
}
"""The same shapes with few channels and layers, for tests."""
