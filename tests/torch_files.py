"""State dicts as torch.save writes them, without PyTorch; and the networks they are of, as ONNX models."""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tests.systems import Net

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]

# ---------------------------------------------------------------------------------------------------------------------
# Files


def called(name: str) -> bytes:
    """The instructions for what a module has by a name, such as `torch FloatStorage`."""
    module, _, word = name.rpartition(" ")
    return b"c" + f"{module}\n{word}\n".encode()


def text(word: str) -> bytes:
    return b"X" + struct.pack("<I", len(word.encode())) + word.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def tensor(key: str, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0, kind: str = "Float") -> bytes:
    """The instructions for a tensor; the last axis' numbers follow one another where the strides say so."""
    count = offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True)) + 1
    storage = b"(" + text("storage") + called(f"torch {kind}Storage") + text(key) + text("cpu") + number(count) + b"tQ"
    sizes = [b"(" + b"".join(map(number, values)) + b"t" for values in (shape, strides)]
    hooks = called("collections OrderedDict") + b")R"
    return (
        called("torch._utils _rebuild_tensor_v2")
        + b"("
        + storage
        + number(offset)
        + b"".join(sizes)
        + b"\x89"
        + hooks
        + b"tR"
    )


def dictionary(items: Mapping[str, bytes]) -> bytes:
    body = b"".join(text(key) + value for key, value in items.items())
    return called("collections OrderedDict") + b")R(" + body + b"u"


def strides_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(int(np.prod(shape[i + 1 :])) for i in range(len(shape)))


def state_dict(weights: Mapping[str, Array]) -> bytes:
    """The instructions for a state dict whose storages are numbered."""
    tensors = {
        name: tensor(str(i), array.shape, strides_of(array.shape)) for i, (name, array) in enumerate(weights.items())
    }
    return dictionary(tensors)


def write(path: Path, content: bytes, storages: Mapping[str, bytes]) -> Path:
    """A file as torch.save writes it: the object's instructions, and storages by key."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x02" + content + b".")
        for key, numbers in storages.items():
            archive.writestr(f"net/data/{key}", numbers)
        archive.writestr("net/version", "3\n")
    return path


def saved(path: Path, weights: Mapping[str, Array]) -> Path:
    storages = {str(i): array.astype("<f4").tobytes() for i, array in enumerate(weights.values())}
    return write(path, state_dict(weights), storages)


def saved_as_stream(path: Path, weights: Mapping[str, Array]) -> Path:
    """As PyTorch before 1.6 wrote it."""
    keys = [str(i) for i in range(len(weights))]
    head = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}))
    storages = b"".join(struct.pack("<q", array.size) + array.astype("<f4").tobytes() for array in weights.values())
    path.write_bytes(head + b"\x80\x02" + state_dict(weights) + b"." + pickle.dumps(keys, 2) + storages)
    return path


# ---------------------------------------------------------------------------------------------------------------------
# Networks: weights by key, and an ONNX model of the same network


class Twin:
    """A network's weights, and its ONNX model."""

    def __init__(self, channels: int, seed: int = 0) -> None:
        self.net = Net(channels, opset=18, seed=seed)
        self.weights: Weights = {}
        self.gain = 1.0
        """Of the weights to come."""

    def kernel(self, key: str, out: int, inputs: int, side: int = 3, bias: bool = True) -> tuple[Array, Array]:
        weight = self.weights[f"{key}.weight"] = self.net.weights(out, inputs, side, side, gain=self.gain)
        if not bias:
            return weight, np.zeros(out, np.float32)
        self.weights[f"{key}.bias"] = self.net.weights(out)
        return weight, self.weights[f"{key}.bias"]

    def conv(
        self, key: str, x: str, out: int, side: int = 3, edge: bool = False, bias: bool = True, **more: Any
    ) -> str:
        weight, offset = self.kernel(key, out, self.net.channels[x], side, bias)
        return self.apply(x, weight, offset, edge, **more)

    def apply(self, x: str, weight: Array, bias: Array, edge: bool = False, **more: Any) -> str:
        side = weight.shape[2] // 2
        if edge and side:
            x = self.net.node("Pad", x, np.array([0, 0, side, side] * 2), mode="edge")
        more.setdefault("pads", [0 if edge else side] * 4)
        return self.net.node("Conv", x, weight, bias, channels=len(weight), **more)

    def prelu(self, key: str, x: str) -> str:
        slope = self.weights[f"{key}.weight"] = self.net.rng.uniform(0, 0.4, self.net.channels[x]).astype(np.float32)
        return self.net.node("PRelu", x, slope.reshape(-1, 1, 1))

    def enlarged(self, factor: int) -> str:
        options = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.net.enlarged("input", factor, **options)

    def add(self, a: str, b: str) -> str:
        return self.net.node("Add", a, b)


System = Callable[[], tuple[Weights, onnx.ModelProto]]


def compact() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(3)
    x = twin.prelu("body.1", twin.conv("body.0", "input", 6))
    x = twin.prelu("body.3", twin.conv("body.2", x, 6))
    x = twin.net.shuffle(twin.conv("body.4", x, 12), 2)
    return twin.weights, twin.net.model(twin.add(x, twin.enlarged(2)))


def refiner() -> tuple[Weights, onnx.ModelProto]:
    """A Compact that does not enlarge."""
    twin = Twin(1)
    x = twin.prelu("body.1", twin.conv("body.0", "input", 4))
    x = twin.prelu("body.3", twin.conv("body.2", x, 4))
    return twin.weights, twin.net.model(twin.add(twin.conv("body.4", x, 1), "input"))


def span(norm: bool = True) -> tuple[Weights, onnx.ModelProto]:
    """With the convolutions in a row as they are trained: the padding is around the first."""
    twin = Twin(3)
    net = twin.net

    def conv(key: str, x: str, out: int) -> str:
        inputs = net.channels[x]
        beside = twin.conv(f"{key}.sk", x, out, 1)
        y = net.node("Pad", x, np.array([0, 0, 1, 1] * 2))
        y = twin.conv(f"{key}.conv.0", y, 2 * inputs, 1)
        y = twin.conv(f"{key}.conv.1", y, 2 * out, pads=[0] * 4)
        y = twin.conv(f"{key}.conv.2", y, out, 1)
        twin.kernel(f"{key}.eval_conv", out, inputs)  # of no use
        return twin.add(y, beside)

    def silu(x: str) -> str:
        return net.node("Mul", x, net.node("Sigmoid", x))

    x = "input"
    if norm:
        mean = np.array([0.4488, 0.4371, 0.4040], np.float32).reshape(3, 1, 1)
        x = net.node("Mul", net.node("Sub", x, mean), np.array(255, np.float32))
    else:
        twin.weights["no_norm"] = np.zeros(1, np.float32)
    twin.gain = 1 / 255 if norm else 1.0
    features = x = conv("conv_1", x, 4)
    twin.gain = 1.0
    results = []
    for i in range(1, 7):
        first = silu(conv(f"block_{i}.c1_r", x, 4))
        third = conv(f"block_{i}.c3_r", silu(conv(f"block_{i}.c2_r", first, 4)), 4)
        attention = net.node("Sub", net.node("Sigmoid", third), np.array(0.5, np.float32))
        x = net.node("Mul", twin.add(third, x), attention)
        results.append(x)
    x = twin.conv("conv_cat", net.concat(features, conv("conv_2", x, 4), results[0], first), 4, 1)
    return twin.weights, net.model(net.shuffle(twin.conv("upsampler.0", x, 12), 2))


def rlfn() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(3)
    net = twin.net
    features = x = twin.conv("conv_1", "input", 6)
    for i in (1, 2):
        y = x
        for name in ("c1_r", "c2_r", "c3_r"):
            y = net.node("LeakyRelu", twin.conv(f"block_{i}.{name}", y, 6), alpha=0.05)
        y = twin.conv(f"block_{i}.c5", twin.add(y, x), 6, 1)
        few = twin.conv(f"block_{i}.esa.conv1", y, 4, 1)
        z = twin.conv(f"block_{i}.esa.conv2", few, 4, pads=[0] * 4, strides=[2, 2])
        z = net.node("MaxPool", z, kernel_shape=[7, 7], strides=[3, 3])
        z = twin.conv(f"block_{i}.esa.conv3", z, 4)
        sizes = net.node("Concat", np.array([1, 4]), net.node("Shape", y, start=2), axis=0)
        z = net.node("Resize", z, "", "", sizes, mode="linear", coordinate_transformation_mode="half_pixel")
        z = twin.add(z, twin.conv(f"block_{i}.esa.conv_f", few, 4, 1))
        x = net.node("Mul", y, net.node("Sigmoid", twin.conv(f"block_{i}.esa.conv4", z, 6, 1)))
    x = twin.add(twin.conv("conv_2", x, 6), features)
    return twin.weights, net.model(net.shuffle(twin.conv("upsampler.0", x, 27), 3))


def espcn(first: str = "first_part", last: str = "last_part", edge: bool = False) -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.net.node("Tanh", twin.conv(f"{first}.0", "input", 8, 5, edge))
    x = twin.net.node("Tanh", twin.conv(f"{first}.2", x, 4, 3, edge))
    return twin.weights, twin.net.model(twin.net.shuffle(twin.conv(f"{last}.0", x, 4, 3, edge), 2))


def _deconvolution(twin: Twin, key: str, x: str, factor: int) -> onnx.ModelProto:
    weight = twin.weights[f"{key}.weight"] = twin.net.weights(twin.net.channels[x], 1, 9, 9)
    bias = twin.weights[f"{key}.bias"] = twin.net.weights(1)
    more: dict[str, Any] = {"strides": [factor] * 2, "pads": [4] * 4, "output_padding": [factor - 1] * 2}
    return twin.net.model(twin.net.node("ConvTranspose", x, weight, bias, channels=1, **more))


def fsrcnn() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.prelu("first_part.1", twin.conv("first_part.0", "input", 8, 5))
    x = twin.prelu("mid_part.1", twin.conv("mid_part.0", x, 4, 1))
    x = twin.prelu("mid_part.3", twin.conv("mid_part.2", x, 4))
    x = twin.prelu("mid_part.5", twin.conv("mid_part.4", x, 8, 1))
    model = _deconvolution(twin, "last_part", x, 3)
    return twin.weights, model


def fsrcnn_of_other_names() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.prelu("feature_extraction.1", twin.conv("feature_extraction.0", "input", 8, 5))
    x = twin.prelu("shrink.1", twin.conv("shrink.0", x, 4, 1))
    x = twin.prelu("map.1", twin.conv("map.0", x, 4))
    x = twin.prelu("expand.1", twin.conv("expand.0", x, 8, 1))
    model = _deconvolution(twin, "deconv", x, 3)
    return twin.weights, model


def fsrcnn_of_edges() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.conv("feature_extraction", "input", 8, 5, edge=True)
    x = twin.prelu("shrinking.1", twin.conv("shrinking.0", x, 4, 1))
    x = twin.prelu("mapping.1", twin.conv("mapping.0", x, 4, edge=True))
    x = twin.prelu("expanding.1", twin.conv("expanding.0", x, 8, 1))
    model = _deconvolution(twin, "deconv", x, 3)
    return twin.weights, model


def srcnn(names: tuple[str, ...] = ("conv1", "conv2", "conv3")) -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.net.node("Relu", twin.conv(names[0], "input", 8, 9))
    x = twin.net.node("Relu", twin.conv(names[1], x, 4, 5))
    return twin.weights, twin.net.model(twin.conv(names[2], x, 1, 5))


def vdsr(first: str = "input", middle: str = "residual_layer", last: str = "output") -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.net.node("Relu", twin.conv(first, "input", 6, bias=False))
    for i in range(3):
        x = twin.net.node("Relu", twin.conv(f"{middle}.{i}.conv", x, 6, bias=False))
    return twin.weights, twin.net.model(twin.add(twin.conv(last, x, 1, bias=False), "input"))


def artcnn() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    head = x = twin.conv("head", "input", 6, edge=True)
    for i in (0, 2, 4):
        x = twin.net.node("Relu", twin.conv(f"body.{i}", x, 6, edge=True))
    x = twin.add(twin.conv("body.6", x, 6, edge=True), head)
    return twin.weights, twin.net.model(twin.net.shuffle(twin.conv("upscale.0", x, 4, edge=True), 2))


def _in_a_row(twin: Twin, key: str, x: str, out: int) -> str:
    """RRRB: 1x1, 3x3 with a skip, 1x1, and a skip."""
    inputs = twin.net.channels[x]
    y = twin.net.node("Pad", x, np.array([0, 0, 1, 1] * 2), mode="edge")
    y = twin.conv(f"{key}.conv1", y, 2 * out, 1)
    inner = twin.net.node("Slice", y, np.array([1, 1]), np.array([-1, -1]), np.array([2, 3]))
    y = twin.add(twin.conv(f"{key}.conv2", y, 2 * out, pads=[0] * 4), inner)
    y = twin.conv(f"{key}.conv3", y, out, 1)
    return twin.add(y, x) if inputs == out else y


def acnet() -> tuple[Weights, onnx.ModelProto]:
    twin = Twin(1)
    x = twin.prelu("head.1", _in_a_row(twin, "head.0", "input", 4))
    x = twin.prelu("body.1", _in_a_row(twin, "body.0", x, 4))
    x = twin.prelu("body.3", twin.conv("body.2", x, 4, edge=True))
    x = twin.net.shuffle(_in_a_row(twin, "upscale.0", x, 4), 2)
    return twin.weights, twin.net.model(twin.add(x, twin.enlarged(2)))


def arnet() -> tuple[Weights, onnx.ModelProto]:
    """One block has a trained factor; a 1x1 convolution follows."""
    twin = Twin(1)
    head = x = twin.conv("head", "input", 4, edge=True)
    for i, scale in enumerate((0.2, 0.7)):
        y = twin.prelu(f"body.{i}.residual.1", _in_a_row(twin, f"body.{i}.residual.0", x, 4))
        y = twin.conv(f"body.{i}.residual.2", y, 4, edge=True)
        x = twin.add(twin.net.node("Mul", y, np.array(scale, np.float32)), x)
    twin.weights["body.1.res_scale"] = np.array(0.7, np.float32)
    x = twin.add(twin.prelu("body.3", twin.conv("body.2", x, 4, 1)), head)
    x = twin.net.shuffle(twin.conv("upscale.0", x, 4, edge=True), 2)
    return twin.weights, twin.net.model(twin.add(x, twin.enlarged(2)))


SYSTEMS: dict[str, System] = {
    "Compact": compact,
    "Compact of one channel, without a factor": refiner,
    "SPAN": span,
    "SPAN without a norm": lambda: span(norm=False),
    "RLFN": rlfn,
    "ESPCN": espcn,
    "ESPCN, other names": lambda: espcn("feature_maps", "sub_pixel"),
    "ESPCN, edges": lambda: espcn("feature_maps", "upscale", True),
    "FSRCNN": fsrcnn,
    "FSRCNN, other names": fsrcnn_of_other_names,
    "FSRCNN, edges": fsrcnn_of_edges,
    "SRCNN": srcnn,
    "SRCNN, other names": lambda: srcnn(("features.0", "map.0", "reconstruction")),
    "VDSR": vdsr,
    "VDSR, other names": lambda: vdsr("conv1.0", "trunk", "conv2"),
    "ArtCNN": artcnn,
    "ACNet": acnet,
    "ARNet": arnet,
}
SCALES = {"FSRCNN": 3, "FSRCNN, other names": 3, "FSRCNN, edges": 3}
"""The factors of those whose weights do not say it."""
