"""ncnn models written beside ONNX models that mean the same, layer by layer."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx

from tests.systems import Net

Array = npt.NDArray[np.float32]


def half(array: Array) -> Array:
    """The numbers as float16 holds them."""
    return array.astype(np.float16).astype(np.float32)


def numbers(values: npt.ArrayLike) -> Array:
    return np.array(values, np.float32)


def stored(array: Array, storage: str) -> bytes:
    """An array in a .bin: `plain` numbers, or with four bytes in front that say how they are stored."""
    if storage == "plain":
        return array.astype("<f4").tobytes()
    if storage == "fp32":
        return struct.pack("<I", 0) + array.astype("<f4").tobytes()
    content = array.astype("<f2").tobytes()
    return struct.pack("<I", 0x01306B47) + content + b"\0" * (-len(content) % 4)


class Pair:
    """An ncnn model, grown layer by layer, and the ONNX model beside it, which a test grows in step."""

    def __init__(self, channels: int = 3) -> None:
        self.net = Net(channels, opset=20)
        self.lines = [f"Input input 0 1 data 0=0 1=0 2={channels}"]
        self.content = b""

    def layer(self, line: str, *weights: Array, storage: str = "fp32") -> None:
        """A layer as a .param has it, and its weights: the first as `storage` says, the others plain."""
        self.lines.append(line)
        self.content += b"".join(
            stored(array, "plain" if i or storage == "plain" else storage) for i, array in enumerate(weights)
        )

    def write(self, folder: Path) -> Path:
        """The two files; the path of the .param."""
        blobs = sum(int(line.split()[3]) for line in self.lines)
        text = "\n".join(["7767517", f"{len(self.lines)} {blobs}", *self.lines, ""])
        (folder / "model.param").write_text(text, "utf-8")
        (folder / "model.bin").write_bytes(self.content)
        return folder / "model.param"


Layers = Callable[[Pair], str]
"""Adds layers to both models; the name of the ONNX model's result."""


def pair(layers: Layers) -> tuple[Pair, onnx.ModelProto]:
    found = Pair()
    return found, found.net.model(layers(found))


# ---------------------------------------------------------------------------------------------------------------------
# Layers, each with what ONNX has for it


def enlarged(pair: Pair, x: str) -> str:
    """Blob `small` enlarged to `out`: no graph's result may be smaller than its picture."""
    pair.layer("Interp enlarged 1 1 small out 0=2 1=3.0 2=3.0")
    return pair.net.enlarged(x, 3, mode="linear")


def convolution(pair: Pair) -> str:
    weight, bias = half(pair.net.weights(3, 3, 3, 5)), pair.net.weights(3)
    line = "Convolution conv 1 1 data small 0=3 1=5 11=3 2=2 3=1 13=2 4=4 14=1 15=3 16=2 5=1 6=135 9=2 -23310=1,0.1"
    pair.layer(line, weight, bias, storage="fp16")
    x = pair.net.node("Conv", "input", weight, bias, dilations=[2, 2], strides=[2, 1], pads=[1, 4, 2, 3])
    return enlarged(pair, pair.net.node("LeakyRelu", x, alpha=0.1))


def same_convolution(pair: Pair) -> str:
    weight = pair.net.weights(3, 3, 2, 2)
    pair.layer("Convolution conv 1 1 data out 0=3 1=2 4=-233 6=36 9=1", weight)
    return pair.net.node("Relu", pair.net.node("Conv", "input", weight, auto_pad="SAME_UPPER"))


def grouped_convolution(pair: Pair) -> str:
    weight, bias = pair.net.weights(6, 1, 3, 3), pair.net.weights(6)
    pair.layer("ConvolutionDepthWise each 1 1 data wide 0=6 1=3 4=1 5=1 6=54 7=3 9=3 10=-0.2,0.7", weight, bias)
    x = pair.net.node("Conv", "input", weight, bias, pads=[1] * 4, group=3, channels=6)
    x = pair.net.node("Clip", x, numbers(-0.2), numbers(0.7))
    mixing = pair.net.weights(3, 6, 1, 1)
    pair.layer("Convolution mixed 1 1 wide out 0=3 1=1 6=18 9=4", mixing)
    return pair.net.node("Sigmoid", pair.net.node("Conv", x, mixing, channels=3))


def deconvolution(pair: Pair) -> str:
    weight, bias = pair.net.weights(3, 4, 4, 4), pair.net.weights(4)
    stored_weight = np.ascontiguousarray(weight.transpose(1, 0, 2, 3))
    pair.layer("Deconvolution up 1 1 data wide 0=4 1=4 3=2 4=1 5=1 6=192 9=5", stored_weight, bias)
    x = pair.net.node("ConvTranspose", "input", weight, bias, strides=[2, 2], pads=[1] * 4, channels=4)
    x = pair.net.node("Mul", x, pair.net.node("Tanh", pair.net.node("Softplus", x)))
    weight = pair.net.weights(4, 2, 3, 3)
    in_groups = np.ascontiguousarray(weight.reshape(2, 2, 2, 3, 3).transpose(0, 2, 1, 3, 4))
    pair.layer("DeconvolutionDepthWise more 1 1 wide wider 0=4 1=3 3=2 4=1 6=72 7=2 18=1", in_groups)
    x = pair.net.node("ConvTranspose", x, weight, strides=[2, 2], pads=[1] * 4, output_padding=[1, 1], group=2)
    last = pair.net.weights(3, 4, 1, 1)
    pair.layer("Convolution last 1 1 wider out 0=3 1=1 6=12 9=6 -23310=2,0.2,0.4", last)
    x = pair.net.node("Conv", x, last, channels=3)
    return pair.net.node("Mul", x, pair.net.node("HardSigmoid", x, alpha=0.2, beta=0.4))


def activations(pair: Pair) -> str:
    """All in a row, each line of ncnn's beside what it is in ONNX."""
    slope = pair.net.weights(3)
    pair.layer("PReLU a0 1 1 data b0 0=3", slope, storage="plain")
    x = pair.net.node("PRelu", "input", slope.reshape(3, 1, 1))
    pair.layer("PReLU a1 1 1 b0 b1 0=1", numbers([0.3]), storage="plain")
    x = pair.net.node("PRelu", x, numbers([[[0.3]]]))
    rows: list[tuple[str, str, dict[str, Any]]] = [
        ("ReLU a 1 1 x y 0=0.2", "LeakyRelu", {"alpha": 0.2}),
        ("ELU a 1 1 x y 0=0.5", "Elu", {"alpha": 0.5}),
        ("SELU a 1 1 x y", "Selu", {}),
        ("CELU a 1 1 x y 0=1.5", "Celu", {"alpha": 1.5}),
        ("GELU a 1 1 x y", "Gelu", {}),
        ("GELU a 1 1 x y 0=1", "Gelu", {"approximate": "tanh"}),
        ("Mish a 1 1 x y", "Mish", {}),
        ("Sigmoid a 1 1 x y", "Sigmoid", {}),
        ("UnaryOp a 1 1 x y 0=1", "Neg", {}),
        ("TanH a 1 1 x y", "Tanh", {}),
        ("AbsVal a 1 1 x y", "Abs", {}),
        ("Softplus a 1 1 x y", "Softplus", {}),
        ("UnaryOp a 1 1 x y 0=5", "Sqrt", {}),
        ("UnaryOp a 1 1 x y 0=15", "Reciprocal", {}),
        ("HardSigmoid a 1 1 x y 0=0.3 1=0.4", "HardSigmoid", {"alpha": 0.3, "beta": 0.4}),
        ("ReLU a 1 1 x y", "Relu", {}),
    ]
    for kind, op, attributes in rows:
        number = len(pair.lines)
        pair.layer(kind.replace(" a ", f" a{number} ").replace("x y", f"b{number - 2} b{number - 1}"))
        x = pair.net.node(op, x, **attributes)
    return x


def gates(pair: Pair) -> str:
    """What ONNX spells with several nodes."""
    pair.layer("Swish swish 1 1 data a")
    x = pair.net.node("Mul", "input", pair.net.node("Sigmoid", "input"))
    pair.layer("HardSwish hard 1 1 a b 0=0.4 1=0.3")
    x = pair.net.node("Mul", x, pair.net.node("HardSigmoid", x, alpha=0.4, beta=0.3))
    pair.layer("UnaryOp square 1 1 b c 0=4")
    x = pair.net.node("Mul", x, x)
    pair.layer("Power line 1 1 c d 0=2 1=0.5 2=1.5")
    x = pair.net.node("Add", pair.net.node("Mul", x, numbers(0.5)), numbers(1.5))
    x = pair.net.node("Mul", x, x)
    pair.layer("UnaryOp root 1 1 d e 0=6")
    x = pair.net.node("Reciprocal", pair.net.node("Sqrt", x))
    pair.layer("Clip clip 1 1 e out 0=0.61 1=0.65")
    return pair.net.node("Clip", x, numbers(0.61), numbers(0.65))


def arithmetic(pair: Pair) -> str:
    """A picture with a number, with another picture, and with a constant vector."""
    pair.layer("Split split 1 3 data a b c")
    pair.layer("BinaryOp half 1 1 a half 0=2 1=1 2=0.5")
    half_ = pair.net.node("Mul", "input", numbers(0.5))
    pair.layer("BinaryOp rest 1 1 half rest 0=7 1=1 2=2")
    x = pair.net.node("Sub", numbers(2), half_)
    pair.layer("BinaryOp over 1 1 rest over 0=8 1=1 2=3")
    x = pair.net.node("Div", numbers(3), x)
    pair.layer("BinaryOp less 2 1 over b less 0=1")
    x = pair.net.node("Sub", x, "input")
    factors = pair.net.weights(3)
    pair.layer("MemoryData factors 0 1 factors 0=3", factors, storage="plain")
    pair.layer("BinaryOp scaled 2 1 factors less scaled 0=2")
    x = pair.net.node("Mul", x, factors.reshape(3, 1, 1))
    shift = pair.net.weights(3, 1, 1)
    pair.layer("MemoryData shift 0 1 shift 0=1 1=1 2=3", shift, storage="plain")
    pair.layer("BinaryOp shifted 2 1 scaled shift shifted 0=0")
    x = pair.net.node("Add", x, shift)
    pair.layer("BinaryOp above 2 1 shifted c above 0=4")
    x = pair.net.node("Max", x, "input")
    pair.layer("BinaryOp positive 1 1 above positive 0=4 1=1 2=0.1")
    x = pair.net.node("Max", x, numbers(0.1))
    pair.layer("BinaryOp power 1 1 positive power 0=6 1=1 2=2")
    return pair.net.node("Mul", x, x)


def eltwise(pair: Pair) -> str:
    pair.layer("Split split 1 4 data a b c d")
    pair.layer("TanH other 1 1 d e")
    other = pair.net.node("Tanh", "input")
    pair.layer("Eltwise sum 3 1 a b e sum 0=1 -23301=3,0.5,-2.0,3.0")
    x = pair.net.node("Add", pair.net.node("Mul", "input", numbers(-1.5)), pair.net.node("Mul", other, numbers(3)))
    pair.layer("Split again 1 2 sum s t")
    pair.layer("Eltwise product 2 1 s c product")
    product = pair.net.node("Mul", x, "input")
    pair.layer("Eltwise larger 2 1 product t out 0=2")
    return pair.net.node("Max", product, x)


def normalisation(pair: Pair) -> str:
    scale, mean, variance, shift = (pair.net.rng.uniform(0.5, 1.5, 3).astype(np.float32) for _ in range(4))
    pair.layer("BatchNorm bn 1 1 data a 0=3 1=0.01", scale, mean, variance, shift, storage="plain")
    x = pair.net.node("BatchNormalization", "input", scale, shift, mean, variance, epsilon=0.01)
    pair.layer("Scale scale 1 1 a b 0=3 1=1", scale, shift, storage="plain")
    x = pair.net.node("Add", pair.net.node("Mul", x, scale.reshape(3, 1, 1)), shift.reshape(3, 1, 1))
    pair.layer("Bias bias 1 1 b c 0=3", mean, storage="plain")
    x = pair.net.node("Add", x, mean.reshape(3, 1, 1))
    pair.layer("InstanceNorm in 1 1 c out 0=3 1=0.02", scale, shift, storage="plain")
    return pair.net.node("InstanceNormalization", x, scale, shift, epsilon=0.02)


def attention_by_channel(pair: Pair) -> str:
    """As waifu2x's cunet has it: a pool, two fully connected layers, a product."""
    inner, bias, outer = pair.net.weights(2, 3), pair.net.weights(2), pair.net.weights(3, 2)
    pair.layer("Split split 1 2 data a b")
    pair.layer("Pooling pool 1 1 a mean 0=1 4=1")
    pair.layer("InnerProduct in 1 1 mean few 0=2 1=1 2=6 9=1", inner, bias)
    pair.layer("InnerProduct out 1 1 few gate 0=3 2=6 9=4", outer)
    pair.layer("Scale scaled 2 1 b gate c 0=-233")
    x = pair.net.node("GlobalAveragePool", "input")
    x = pair.net.node("Relu", pair.net.node("Conv", x, inner.reshape(2, 3, 1, 1), bias, channels=2))
    x = pair.net.node("Sigmoid", pair.net.node("Conv", x, outer.reshape(3, 2, 1, 1), channels=3))
    x = pair.net.node("Mul", "input", x)
    pair.layer("Split more 1 3 c d e f")
    pair.layer("Reduction means 1 1 d means 0=3 1=0 -23303=2,1,2 4=0 5=1")
    pair.layer("Reshape shaped 1 1 means shaped 0=1 1=1 2=-1")
    pair.layer("BinaryOp out 2 1 e shaped g 0=2")
    mean = pair.net.node("GlobalAveragePool", x)
    pair.layer("Pooling flat 1 1 f pixel 0=1 7=1 8=1")
    pair.layer("Flatten flattened 1 1 pixel vector")
    pair.layer("BinaryOp out2 2 1 g vector out 0=0")
    return pair.net.node("Add", pair.net.node("Mul", x, mean), mean)


def channels(pair: Pair) -> str:
    """Cut and put together again."""
    wide = pair.net.weights(8, 3, 1, 1)
    pair.layer("Convolution wide 1 1 data wide 0=8 1=1 6=24", wide)
    x = pair.net.node("Conv", "input", wide, channels=8)
    pair.layer("Slice equal 1 2 wide low high -23300=2,-233,-233")
    pair.layer("Slice parts 1 2 low one three -23300=2,1,-233 1=0")
    pair.layer("Slice places 1 3 high e f g -23302=2,1,3 1=-3")
    pair.layer("Concat all 5 1 g one e three f all")
    order = np.array([7, 0, 4, 1, 2, 3, 5, 6])
    x = pair.net.node("Gather", x, order, axis=1)
    pair.layer("Crop some 1 1 all some -23309=1,1 -23310=1,-1 -23311=1,0")
    x = pair.net.node("Slice", x, np.array([1]), np.array([7]), np.array([1]), channels=6)
    last = pair.net.weights(3, 6, 1, 1)
    pair.layer("Convolution last 1 1 some out 0=3 1=1 6=18", last)
    return pair.net.node("Conv", x, last, channels=3)


def shuffles(pair: Pair) -> str:
    wide = pair.net.weights(12, 3, 1, 1)
    pair.layer("Convolution wide 1 1 data wide 0=12 1=1 6=36", wide)
    x = pair.net.node("Conv", "input", wide, channels=12)
    pair.layer("PixelShuffle shuffle 1 1 wide fine 0=2")
    x = pair.net.node("DepthToSpace", x, channels=3, blocksize=2, mode="CRD")
    pair.layer("Reorg blocks 1 1 fine blocks 0=2 1=1")
    x = pair.net.node("SpaceToDepth", x, channels=12, blocksize=2)
    pair.layer("PixelShuffle other 1 1 blocks out 0=2 1=1")
    return pair.net.node("DepthToSpace", x, channels=3, blocksize=2, mode="DCR")


def resizes(pair: Pair) -> str:
    """As Real-ESRGAN's animevideov3 for 3x: enlarged by nearest, then made smaller by cubic."""
    pair.layer("Split split 1 2 data a b")
    pair.layer("Interp near 1 1 a near 0=1 1=4.000000e+00 2=4.000000e+00")
    factors = numbers([1, 1, 4, 4])
    x = pair.net.node("Resize", "input", "", factors, coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    pair.layer("Interp cubic 1 1 near cubic 0=3 1=0.75 2=0.75")
    x = pair.net.enlarged(x, 0.75)
    pair.layer("Interp corners 1 1 b corners 0=2 1=3.0 2=3.0 6=1")
    y = pair.net.enlarged("input", 3, mode="linear", coordinate_transformation_mode="align_corners")
    pair.layer("Split twice 1 2 cubic c d")
    pair.layer("Interp to 2 1 corners c to 0=2 5=1")
    pair.layer("BinaryOp sum 2 1 to d out")
    return pair.net.node("Add", y, x)


def borders(pair: Pair) -> str:
    pair.layer("Padding edge 1 1 data a 0=1 1=2 2=3 3=4 4=1")
    x = pair.net.node("Pad", "input", np.array([0, 0, 1, 3, 0, 0, 2, 4]), mode="edge")
    pair.layer("Padding reflected 1 1 a b 0=1 1=1 2=1 3=1 4=2")
    x = pair.net.node("Pad", x, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect")
    pair.layer("Padding around 1 1 b c 0=2 2=1 5=0.5")
    x = pair.net.node("Pad", x, np.array([0, 0, 2, 1, 0, 0, 0, 0]), numbers(0.5))
    pair.layer("Crop crop 1 1 c out 0=1 1=2 2=0 3=-233 4=-233 5=-233 6=2 7=0")
    return pair.net.node("Slice", x, np.array([2, 1]), np.array([1 << 31, -2]), np.array([2, 3]))


def unet(pair: Pair) -> str:
    """As waifu2x's cunet: down by a stride, up, and what was before cropped to the size; no padding."""
    down, up = pair.net.weights(4, 3, 2, 2), pair.net.weights(4, 3, 2, 2)
    middle = pair.net.weights(4, 4, 3, 3)
    pair.layer("Split split 1 2 data a b")
    pair.layer("Convolution down 1 1 a down 0=4 1=2 3=2 6=48", down)
    pair.layer("Convolution middle 1 1 down middle 0=4 1=3 6=144", middle)
    pair.layer("Deconvolution up 1 1 middle up 0=3 1=2 3=2 6=48", np.ascontiguousarray(up.transpose(1, 0, 2, 3)))
    pair.layer("Split twice 1 2 up c d")
    pair.layer("Crop crop 2 1 b c crop 0=2 1=2")
    pair.layer("Eltwise out 2 1 crop d out 0=1")
    x = pair.net.node("Conv", "input", down, strides=[2, 2], channels=4)
    x = pair.net.node("Conv", x, middle)
    x = pair.net.node("ConvTranspose", x, up, strides=[2, 2], channels=3)
    size = pair.net.node("Slice", pair.net.node("Shape", x), np.array([2]), np.array([4]))
    end = pair.net.node("Add", size, np.array([2, 2]))
    cut = pair.net.node("Slice", "input", np.array([2, 2]), end, np.array([2, 3]))
    return pair.net.node("Add", cut, x)


def pools(pair: Pair) -> str:
    pair.layer("Pooling largest 1 1 data a 0=0 1=3 2=2 3=1")
    x = pair.net.node("MaxPool", "input", kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4, ceil_mode=1)
    pair.layer("Pooling mean 1 1 a b 0=1 1=2 11=3 5=1")
    x = pair.net.node("AveragePool", x, kernel_shape=[3, 2])
    pair.layer("Pooling same 1 1 b c 0=0 1=2 5=2")
    x = pair.net.node("MaxPool", x, kernel_shape=[2, 2], auto_pad="SAME_UPPER")
    pair.layer("Noop noop 1 1 c d")
    pair.layer("Dropout drop 1 1 d e")
    pair.layer("Reduction mean2 1 1 e mean2 0=3 1=0 -23303=1,0 4=1 5=1 2=2.0")
    x = pair.net.node("ReduceMean", x, np.array([1]), keepdims=1, channels=1)
    x = pair.net.node("Mul", x, numbers(2))
    last = pair.net.weights(3, 1, 1, 1)
    pair.layer("Convolution last 1 1 mean2 small 0=3 1=1 6=3", last)
    return enlarged(pair, pair.net.node("Conv", x, last, channels=3))


LAYERS: tuple[Layers, ...] = (
    convolution,
    same_convolution,
    grouped_convolution,
    deconvolution,
    activations,
    gates,
    arithmetic,
    eltwise,
    normalisation,
    attention_by_channel,
    channels,
    shuffles,
    resizes,
    borders,
    unet,
    pools,
)
