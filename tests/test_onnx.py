"""What exporters write: each idiom is read, and means what onnxruntime computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.ir.graph import Graph, verify
from shadergen.ir.ops import Affine, Conv, Fit, Pad, Resize
from shadergen.sources import load
from tests.systems import Net, artcnn

SIZES = ((6, 10), (7, 5), (1, 1))

Idiom = Callable[[], tuple[onnx.ModelProto, list[str]]]
"""A model, and the operators of its graph."""


def ops(graph: Graph) -> list[str]:
    return [type(node.op).__name__ for node in graph.nodes]


def imported(model: onnx.ModelProto, folder: Path) -> Graph:
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return load(path)


def assert_judged(model: onnx.ModelProto, graph: Graph, size: tuple[int, int], nhwc: bool = False) -> None:
    """The graph's reference is what onnxruntime makes of the model."""
    image = np.random.default_rng(1).random((graph.input_type.channels, *size), np.float32)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    feed = (image.transpose(1, 2, 0) if nhwc else image)[None]
    expected = session.run(None, {session.get_inputs()[0].name: feed})[0][0]
    expected = expected.transpose(2, 0, 1) if nhwc else expected
    actual = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


# ---------------------------------------------------------------------------------------------------------------------
# Layout


def keras() -> tuple[onnx.ModelProto, list[str]]:
    """tf2onnx: NHWC at both ends, Transpose pairs, BiasAdd as Add, Concat and Split along the last axis, DCR."""
    net = Net(3, opset=15)
    rng = net.rng
    x = net.node("Transpose", "input", perm=[0, 3, 1, 2])
    x = net.conv(x, 8, bias=False)
    x = net.node("Transpose", x, perm=[0, 2, 3, 1])
    x = net.node("Add", x, rng.normal(size=8).astype(np.float32))
    x = net.node("Relu", x)
    a, b = "half0", "half1"
    net.nodes.append(helper.make_node("Split", [x, net.constant(np.array([3, 5]))], [a, b], axis=-1))
    net.channels |= {a: 3, b: 5}
    y = net.node("Concat", a, "input", axis=3, channels=6)
    y = net.node("Concat", y, b, axis=-1, channels=11)
    y = net.node("Pad", y, np.array([0, 1, 1, 0, 0, 1, 1, 0]))
    y = net.node("Transpose", y, perm=[0, 3, 1, 2])
    y = net.conv(y, 12, pad=0, bias=False)
    y = net.node("Add", y, rng.normal(size=(1, 12, 1, 1)).astype(np.float32))
    y = net.node("DepthToSpace", y, blocksize=2, mode="DCR", channels=3)
    y = net.node("Transpose", y, perm=[0, 2, 3, 1], channels=3)
    model = net.model(net.node("Mul", y, np.array([0.5, 2, 1], np.float32)))
    for value in (*model.graph.input, *model.graph.output):
        dims = value.type.tensor_type.shape.dim
        dims[1].dim_param, dims[2].dim_param, dims[3].dim_value = "h", "w", 3
    return model, ["Conv", "Relu", "Slice", "Slice", "Concat", "Concat", "Conv", "DepthToSpace", "Affine"]


def test_a_keras_model(tmp_path: Path) -> None:
    model, expected = keras()
    graph = imported(model, tmp_path)
    assert ops(graph) == expected, dump(graph)
    for size in SIZES:
        assert_judged(model, graph, size, nhwc=True)


def shape_of(net: Net, x: str, axis: int) -> str:
    return net.node("Gather", net.node("Shape", x), np.array(axis), axis=0)


def vector(net: Net, *parts: str | int) -> str:
    """A vector of sizes, as PyTorch puts them together."""
    one = [
        net.node("Unsqueeze", p, np.array([0])) if isinstance(p, str) else net.constant(np.array([p])) for p in parts
    ]
    return net.node("Concat", *one, axis=0)


def spelled_shuffle() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(3)
    x = net.conv("input", 12)
    h, w = shape_of(net, x, 2), shape_of(net, x, 3)
    x = net.node("Reshape", x, vector(net, 1, 3, 2, 2, h, w))
    x = net.node("Transpose", x, perm=[0, 1, 4, 2, 5, 3])
    twice = [net.node("Mul", size, np.array(2)) for size in (h, w)]
    return net.model(net.node("Reshape", x, vector(net, 1, 3, *twice), channels=3)), ["Conv", "DepthToSpace"]


def spelled_unshuffle() -> tuple[onnx.ModelProto, list[str]]:
    """Down by blocks and up again; the picture is continued to a multiple of the block."""
    net = Net(3)
    half = [net.node("Div", shape_of(net, "input", axis), np.array(2)) for axis in (2, 3)]
    x = net.node("Reshape", "input", vector(net, -1, 3, half[0], 2, half[1], 2))
    x = net.node("Transpose", x, perm=[0, 1, 3, 5, 2, 4])
    x = net.node("Reshape", x, vector(net, -1, 12, *half), channels=12)
    x = net.shuffle(net.conv(x, 12), 2)
    return net.model(x), ["Fit", "SpaceToDepth", "Conv", "DepthToSpace", "Fit"]


def slices_for_unshuffle() -> tuple[onnx.ModelProto, list[str]]:
    """YOLO's focus: every second row and column, four times."""
    net = Net(1)
    far = np.array([1 << 62, 1 << 62])
    parts = [
        net.node("Slice", "input", np.array([dy, dx]), far, np.array([2, 3]), np.array([2, 2]))
        for dy, dx in np.ndindex(2, 2)
    ]
    x = net.shuffle(net.conv(net.concat(*parts), 4), 2)
    return net.model(x), ["Fit", *["Conv"], *["Pad", "Conv"] * 3, "Concat", "Conv", "DepthToSpace", "Fit"]


def channel_shuffle() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(3)
    x = net.node("Relu", net.conv("input", 12))
    h, w = shape_of(net, x, 2), shape_of(net, x, 3)
    x = net.node("Reshape", x, vector(net, 1, 3, 4, h, w))
    x = net.node("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = net.node("Reshape", x, vector(net, 1, -1, h, w), channels=12)
    return net.model(net.conv(x, 3)), ["Conv", "Relu", "Gather", "Conv"]


# ---------------------------------------------------------------------------------------------------------------------
# Constants


def constants_everywhere() -> tuple[onnx.ModelProto, list[str]]:
    """Half-precision weights behind Casts, Constant nodes, Identity and Dropout, initialisers listed as inputs."""
    net = Net(1)
    half = net.constant(net.weights(4, 1, 3, 3).astype(np.float16))
    weight = net.node("Identity", net.node("Cast", half, to=TensorProto.FLOAT))
    value = numpy_helper.from_array(np.array([0.5, -1, 0, 2], np.float32))
    bias = net.node("Constant", value=value)
    x = net.node("Conv", "input", weight, bias, channels=4, pads=[1] * 4)
    x = net.node("Dropout", net.node("Identity", x), channels=4)
    x = net.node("Cast", net.node("Cast", x, to=TensorProto.FLOAT), to=TensorProto.FLOAT, channels=4)
    model = net.model(net.conv(x, 1))
    for tensor in model.graph.initializer:
        model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return model, ["Conv", "Conv"]


def scales_and_shifts() -> tuple[onnx.ModelProto, list[str]]:
    """BatchNormalization behind a convolution, a scale in front of one, a chain of constants at the end."""
    net = Net(3)
    positive = np.abs(net.weights(6)) + 0.5
    x = net.node("Mul", "input", np.array([[[1.5]], [[2]], [[0.5]]], np.float32))
    x = net.conv(x, 6)
    x = net.node("BatchNormalization", x, net.weights(6), net.weights(6), net.weights(6), positive, epsilon=1e-3)
    x = net.conv(net.node("Relu", x), 3)
    x = net.node("Div", net.node("Sub", x, np.array(0.25, np.float32)), np.array(2, np.float32))
    return net.model(net.node("Sub", np.array(1, np.float32), x, channels=3)), ["Conv", "Relu", "Conv"]


# ---------------------------------------------------------------------------------------------------------------------
# Space


def resized_by_sizes() -> tuple[onnx.ModelProto, list[str]]:
    """torch.nn.functional.interpolate with a size that is computed from the picture's."""
    net = Net(1)
    x = net.conv("input", 4)
    sizes = []
    for axis in (2, 3):
        size = net.node("Cast", shape_of(net, "input", axis), to=TensorProto.FLOAT)
        size = net.node("Floor", net.node("Mul", size, np.array(2, np.float32)))
        sizes.append(net.node("Cast", size, to=TensorProto.INT64))
    front = net.node("Slice", net.node("Shape", x), np.array([0]), np.array([2]), np.array([0]))
    target = net.node("Concat", front, vector(net, *sizes), axis=0)
    x = net.node("Resize", x, "", "", target, mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    net.channels[x] = 4
    return net.model(net.conv(x, 1)), ["Conv", "Resize", "Conv"]


def upsampled() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(1, opset=9)
    x = net.node("Upsample", net.conv("input", 2), np.array([1, 1, 2, 3], np.float32), mode="nearest")
    x = net.node("Upsample", x, np.array([1, 1, 2, 1], np.float32), mode="linear")
    return net.model(net.conv(x, 1)), ["Conv", "Resize", "Resize", "Conv"]


def automatic_padding() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(1)
    x = "input"
    for kernel, mode in ((3, "SAME_UPPER"), (4, "SAME_LOWER"), (4, "SAME_UPPER"), (1, "VALID")):
        x = net.node("Conv", x, net.weights(2, net.channels[x], kernel, kernel), channels=2, auto_pad=mode)
    return net.model(net.conv(x, 1)), ["Conv"] * 5


def pools() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(1)
    x = net.conv("input", 3)
    a = net.node("MaxPool", x, kernel_shape=[3, 3], pads=[1] * 4)
    b = net.node("AveragePool", x, kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)
    c = net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    c = net.enlarged(c, 2, "nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    expected = ["Fit", "Conv", "MaxPool", "Pad", "AveragePool", "MaxPool", "Resize", "Concat", "Conv", "Fit"]
    return net.model(net.conv(net.concat(a, b, c), 1)), expected


def crops() -> tuple[onnx.ModelProto, list[str]]:
    """Reflection, then back to the size of the picture by a slice whose end is computed."""
    net = Net(1)
    x = net.conv("input", 2, pad=3)
    ends = vector(net, *(net.node("Add", shape_of(net, "input", axis), np.array(2)) for axis in (2, 3)))
    x = net.node("Slice", x, np.array([2, 2]), ends, np.array([2, 3]), channels=2)
    x = net.node("Pad", x, np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="edge")
    return net.model(net.conv(x, 1, pad=0)), ["Conv", "Pad", "Conv"]


# ---------------------------------------------------------------------------------------------------------------------
# Activations and attention


def activations() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(1, opset=20)
    x = net.conv("input", 4)
    x = net.node("Gelu", net.node("Gelu", x), approximate="tanh")
    x = net.node("Mish", net.node("HardSwish", x))
    x = net.node("Mul", x, net.node("Sigmoid", x))
    x = net.node("Abs", net.node("HardSigmoid", x, alpha=0.3))
    x = net.node("Max", x, net.node("Neg", net.conv(x, 4)))
    x = net.node("Min", net.node("Pow", x, np.array(3, np.float32)), np.array(0.5, np.float32))
    gelu = ["Affine", "Erf", "Affine", "Mul"]
    tanh_gelu = ["Mul", "Affine", "Mul", "Tanh", "Affine", "Mul"]
    hard_swish, mish, swish = ["Affine", "Clip", "Mul"], ["Softplus", "Tanh", "Mul"], ["Sigmoid", "Mul"]
    expected = ["Conv", *gelu, *tanh_gelu, *hard_swish, *mish, *swish, "Affine", "Clip"]
    expected += ["PRelu", "Conv", "Sub", "Relu", "Add", "Mul", "Mul", "Clip", "Clip", "Conv"]
    return net.model(net.conv(net.node("Clip", x, "", np.array(0.4, np.float32)), 1)), expected


def prelu_of_tensorflow_1() -> tuple[onnx.ModelProto, list[str]]:
    """relu(x) + alpha * (x - |x|) / 2, twice: once beside another reader of x, and once with a shift, which is none."""
    net = Net(1)
    slopes = [net.rng.uniform(-0.5, 0.5, (4, 1, 1)).astype(np.float32) for _ in range(2)]

    def spelled(x: str, slope: Any) -> str:
        below = net.node("Mul", net.node("Sub", x, net.node("Abs", x)), slope)
        return net.node("Add", net.node("Relu", x), net.node("Mul", below, np.array(0.5, np.float32)))

    x = net.conv("input", 4)
    y = net.node("Add", spelled(x, slopes[0]), net.node("Sigmoid", x))
    y = net.node("Add", spelled(net.conv(y, 4), slopes[1]), np.array(0.25, np.float32))
    return net.model(net.conv(y, 1)), ["Conv", "PRelu", "Sigmoid", "Add", "Conv", "PRelu", "Affine", "Conv"]


def squeeze_and_excite() -> tuple[onnx.ModelProto, list[str]]:
    """The mean through two fully connected layers, as Linear and as Dense write them."""
    net = Net(1)
    x = net.conv("input", 6)
    y = net.node("ReduceMean", x, axes=[2, 3], keepdims=0, channels=6)
    y = net.node("Gemm", y, net.weights(2, 6), net.weights(2), transB=1, channels=2)
    y = net.node("Add", net.node("MatMul", net.node("Relu", y), net.weights(2, 6)), net.weights(6))
    y = net.node("Reshape", net.node("Sigmoid", y), np.array([1, 6, 1, 1]))
    x = net.node("Mul", x, y, channels=6)
    expected = ["Conv", "GlobalAveragePool", "Conv", "Relu", "Conv", "Sigmoid", "Mul", "Conv"]
    return net.model(net.conv(x, 1)), expected


def expanded() -> tuple[onnx.ModelProto, list[str]]:
    """expand_as and expand, which PyTorch writes with a question whether a size is -1."""
    net = Net(1)
    x = net.conv("input", 4)
    mean = net.node("Expand", net.node("GlobalAveragePool", x), net.node("Shape", x), channels=4)
    shape = vector(net, 1, -1, shape_of(net, x, 2), shape_of(net, x, 3))
    asked = net.node("Equal", shape, np.array(-1))
    sizes = net.node("Where", asked, np.array([1, 1, 1, 1]), shape)
    bias = net.node("Expand", net.weights(1, 4, 1, 1), sizes)
    x = net.node("Add", net.node("Mul", x, mean), bias)
    return net.model(net.conv(x, 1)), ["Conv", "GlobalAveragePool", "Mul", "Affine", "Conv"]


def normalised() -> tuple[onnx.ModelProto, list[str]]:
    net = Net(1)
    x = net.conv("input", 4)
    x = net.node("InstanceNormalization", x, net.weights(4), net.weights(4), epsilon=0.1)
    mean = net.node("ReduceMean", x, axes=[1], channels=1)
    deviation = ["Mul", "GlobalAveragePool", "Affine", "Sqrt"]
    expected = ["Conv", "GlobalAveragePool", "Sub", *deviation, "Div", "Affine", "Conv", "Sub", "Conv"]
    return net.model(net.conv(net.node("Sub", x, mean), 1)), expected


def without_a_batch() -> tuple[onnx.ModelProto, list[str]]:
    """x[0], channels by number, and back to four axes."""
    net = Net(3)
    x = net.node("Gather", net.conv("input", 4), np.array(0), axis=0, channels=4)
    red = net.node("Unsqueeze", net.node("Gather", x, np.array(-2), axis=0), np.array([0]), channels=1)
    x = net.node("Unsqueeze", net.node("Concat", x, red, axis=0, channels=5), np.array([0]), channels=5)
    return net.model(net.conv(x, 3)), ["Conv", "Gather", "Concat", "Conv"]


def flattened_and_back() -> tuple[onnx.ModelProto, list[str]]:
    """Rows and columns as one axis, channels last, a bias, and back."""
    net = Net(1)
    x = net.conv("input", 4)
    h, w = shape_of(net, x, 2), shape_of(net, x, 3)
    y = net.node("Transpose", net.node("Reshape", x, np.array([0, 0, -1])), perm=[0, 2, 1], channels=4)
    y = net.node("Relu", net.node("Mul", y, np.array(2, np.float32)), channels=4)
    y = net.node("Reshape", net.node("Transpose", y, perm=[0, 2, 1]), vector(net, 1, 4, h, w), channels=4)
    return net.model(net.conv(net.node("Add", x, y), 1)), ["Conv", "Affine", "Relu", "Add", "Conv"]


IDIOMS: tuple[Idiom, ...] = (
    *(spelled_shuffle, spelled_unshuffle, slices_for_unshuffle, channel_shuffle, constants_everywhere),
    *(scales_and_shifts, resized_by_sizes, upsampled, automatic_padding, pools, crops, activations),
    *(prelu_of_tensorflow_1, squeeze_and_excite, expanded, normalised, without_a_batch, flattened_and_back),
)


@pytest.mark.parametrize("idiom", IDIOMS, ids=lambda idiom: idiom.__name__)
def test_an_idiom(idiom: Idiom, tmp_path: Path) -> None:
    model, expected = idiom()
    graph = imported(model, tmp_path)
    assert ops(graph) == expected, dump(graph)
    fitted = any(isinstance(node.op, Fit) for node in graph.nodes)
    for size in ((6, 10), (4, 8)) if fitted else SIZES:
        assert_judged(model, graph, size)
    verify(graph)


def test_weights_beside_the_file(tmp_path: Path) -> None:
    model = artcnn(4, 1)
    within = imported(model, tmp_path)
    onnx.save(model, tmp_path / "beside.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0)
    beside = load(tmp_path / "beside.onnx")
    assert (tmp_path / "weights.bin").stat().st_size > 1000
    for a, b in zip(within.nodes, beside.nodes, strict=True):
        assert not isinstance(a.op, Conv) or np.array_equal(a.op.weight, b.op.weight)  # type: ignore[union-attr]


def test_a_model_for_one_size_is_for_all(tmp_path: Path) -> None:
    """Exported without dynamic axes, its sizes are numbers; they follow the picture's."""
    net = Net(3)
    x = net.conv("input", 12)
    x = net.node("Transpose", net.node("Reshape", x, np.array([1, 3, 2, 2, 16, 24])), perm=[0, 1, 4, 2, 5, 3])
    x = net.node("Reshape", x, np.array([1, 3, 32, 48]), channels=3)
    y = net.node("Resize", "input", "", "", np.array([1, 3, 32, 48]), mode="linear")
    model = net.model(net.node("Add", x, y))
    for value, size in ((model.graph.input[0], (16, 24)), (model.graph.output[0], (32, 48))):
        for dim, number in zip(value.type.tensor_type.shape.dim, (1, 3, *size), strict=True):
            dim.dim_value = number
    graph = imported(model, tmp_path)
    assert ops(graph) == ["Conv", "DepthToSpace", "Resize", "Add"]
    assert_judged(model, graph, (16, 24))
    assert str(verify(graph)[graph.output]) == "3 x 2n x 2n"


def test_a_crop_of_one_size_is_one_of_all(tmp_path: Path) -> None:
    net = Net(1)
    x = net.conv("input", 1, pad=3)
    model = net.model(net.node("Slice", x, np.array([2, 2]), np.array([18, 26]), np.array([2, 3])))
    for value in (model.graph.input[0], model.graph.output[0]):
        for dim, number in zip(value.type.tensor_type.shape.dim, (1, 1, 16, 24), strict=True):
            dim.dim_value = number
    graph = imported(model, tmp_path)
    assert_judged(model, graph, (16, 24))
    assert str(verify(graph)[graph.output]) == "1 x n x n"


def test_opset_28_has_a_mode_for_space_to_depth(tmp_path: Path) -> None:
    net = Net(3, opset=28)
    blocks = net.node("SpaceToDepth", "input", blocksize=2, mode="CRD", channels=12)
    graph = imported(net.model(net.node("DepthToSpace", blocks, blocksize=2, mode="CRD", channels=3)), tmp_path)
    assert ops(graph) == ["Fit", "SpaceToDepth", "DepthToSpace", "Fit"]


def test_what_is_folded_is_exact_at_the_borders(tmp_path: Path) -> None:
    """A shift in front of zero padding is not the same everywhere, so it stays."""
    net = Net(1)
    x = net.node("Add", "input", np.array(0.5, np.float32))
    model = net.model(net.conv(x, 1))
    graph = imported(model, tmp_path)
    assert ops(graph) == ["Affine", "Conv"]
    assert_judged(model, graph, (5, 4))


def test_the_graph_keeps_onnx_s_names(tmp_path: Path) -> None:
    graph = imported(artcnn(4, 1), tmp_path)
    assert graph.nodes[0].name == "Conv0_Conv"
    assert graph.nodes[-1].name.startswith("Clip")


@pytest.mark.parametrize("opset", [11, 13, 18, 21])
def test_opsets(opset: int, tmp_path: Path) -> None:
    """Squeeze's axes, Pad's, Split's and ReduceMean's moved from attributes to inputs."""
    net = Net(3, opset=opset)
    old = opset < 13
    x = net.conv("input", 4)
    axes = np.array([2, 3])
    mean = net.node("ReduceMean", x, axes=[2, 3]) if opset < 18 else net.node("ReduceMean", x, axes)
    parts = ["first", "second"]
    split = [] if old else [net.constant(np.array([1, 3]))]
    attributes: dict[str, Any] = {"split": [1, 3]} if old else {}
    net.nodes.append(helper.make_node("Split", [net.node("Sub", x, mean), *split], parts, axis=1, **attributes))
    net.channels |= {"first": 1, "second": 3}
    model = net.model(net.node("Mul", "second", "first", channels=3))
    graph = imported(model, tmp_path)
    for size in SIZES:
        assert_judged(model, graph, size)
    assert not any(isinstance(node.op, Affine | Pad | Resize) for node in graph.nodes)


@pytest.mark.parametrize(("channels", "plane"), [(1, "luma"), (3, "rgb")])
def test_channels_that_the_file_does_not_say_are_those_of_the_first_convolution(
    channels: int, plane: str, tmp_path: Path
) -> None:
    """As PyTorch writes a network when every axis is dynamic."""
    weight = numpy_helper.from_array(np.ones((channels, channels, 3, 3), np.float32), "weight")
    pads = numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads")
    nodes = [helper.make_node("Pad", ["x", "pads"], ["padded"]), helper.make_node("Conv", ["padded", "weight"], ["y"])]
    entries = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "c", "h", "w"]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "net", entries[:1], entries[1:], [weight, pads])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), tmp_path / "net.onnx")
    assert load(tmp_path / "net.onnx").plane == plane


# ---------------------------------------------------------------------------------------------------------------------
# As others store them


def small_net(*nodes: onnx.NodeProto, opset: int, ir: int, **weights: Any) -> onnx.ModelProto:
    """A graph from x (1, 1, 8, 8) to y (1, 1, 16, 16); before ir 4, initialisers are inputs as well."""
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 8, 8])
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    also = [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in tensors] if ir < 4 else []
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 16, 16])
    graph = helper.make_graph(list(nodes), "g", [picture, *also], [result], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def result(graph: Graph, picture: Any) -> Any:
    return reference.evaluate(graph, picture)[graph.output]


WEIGHT = np.random.default_rng(0).normal(0, 0.3, (4, 1, 3, 3)).astype(np.float32)
CONV = helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1])


def test_opset_6_is_converted(tmp_path: Path) -> None:
    """Initialisers were inputs then."""
    nodes = (CONV, helper.make_node("Relu", ["a"], ["s"]), helper.make_node("DepthToSpace", ["s"], ["y"], blocksize=2))
    onnx.save(small_net(*nodes, opset=6, ir=3, w=WEIGHT), tmp_path / "old.onnx")
    onnx.save(small_net(*nodes, opset=13, ir=8, w=WEIGHT), tmp_path / "new.onnx")
    x = np.random.default_rng(1).random((1, 8, 8), np.float32)
    old, new = (load(tmp_path / f"{name}.onnx") for name in ("old", "new"))
    assert np.array_equal(result(old, x), result(new, x))


def test_what_onnx_converts_wrongly_is_refused(tmp_path: Path) -> None:
    """Broadcasting was an attribute before opset 7, for which onnx 1.23 puts the operand's axes elsewhere."""
    add = helper.make_node("Add", ["a", "b"], ["s"], axis=1, broadcast=1)
    shuffle = helper.make_node("DepthToSpace", ["s"], ["y"], blocksize=2)
    model = small_net(CONV, add, shuffle, opset=6, ir=3, w=WEIGHT, b=np.arange(4, dtype=np.float32))
    onnx.save(model, tmp_path / "old.onnx")
    with pytest.raises(ModelError, match="found opset 6, expected 7 to 28; onnx cannot convert it"):
        load(tmp_path / "old.onnx")


@pytest.mark.parametrize("axis", [None, 0])
def test_weights_are_dequantized(axis: int | None, tmp_path: Path) -> None:
    """In opset 17 onnx's own evaluator cannot, and ended in a traceback."""
    scale = np.float32(0.01) if axis is None else np.array([0.01, 0.02, 0.03, 0.04], np.float32)
    zero = np.zeros(np.shape(scale), np.int8) + np.int8(3)
    stored = np.random.default_rng(0).integers(-128, 128, WEIGHT.shape, np.int8)
    axes: dict[str, Any] = {} if axis is None else {"axis": axis}
    nodes = (
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["w"], **axes),
        *(CONV, helper.make_node("DepthToSpace", ["a"], ["y"], blocksize=2, mode="CRD")),
    )
    onnx.save(small_net(*nodes, opset=17, ir=8, q=stored, scale=scale, zero=zero), tmp_path / "q.onnx")
    x = np.random.default_rng(1).random((1, 1, 8, 8), np.float32)
    wanted = onnxruntime.InferenceSession(str(tmp_path / "q.onnx")).run(None, {"x": x})[0]
    graph = load(tmp_path / "q.onnx")
    assert np.abs(result(graph, x[0]) - wanted[0]).max() < 1e-5


def qdq(source: str, to: str, scale: str, zero: str) -> tuple[onnx.NodeProto, onnx.NodeProto]:
    """A value as integers, and floats again."""
    return (
        helper.make_node("QuantizeLinear", [source, scale, *[zero] * bool(zero)], [f"{to}_steps"]),
        helper.make_node("DequantizeLinear", [f"{to}_steps", scale, *[zero] * bool(zero)], [to]),
    )


@pytest.mark.parametrize("zero", [np.uint8(0), np.uint8(9), np.int8(-100), None])
def test_activations_are_quantised(zero: Any, tmp_path: Path) -> None:
    """Rounded, and cut off where the integers end; the zeros around the picture stay zeros."""
    name = "zero" if zero is not None else ""
    conv = helper.make_node("Conv", ["x_q", "w"], ["a"], pads=[1, 1, 1, 1])
    shuffle = helper.make_node("DepthToSpace", ["a_q"], ["y"], blocksize=2, mode="CRD")
    nodes = (*qdq("x", "x_q", "fine", name), conv, *qdq("a", "a_q", "coarse", name), shuffle)
    numbers = {"fine": np.float32(1 / 255), "coarse": np.float32(0.004)} | ({"zero": zero} if name else {})
    model = small_net(*nodes, opset=17, ir=8, w=2 * WEIGHT, **numbers)
    graph = imported(model, tmp_path)
    assert ops(graph) == ["Affine", "Round", "Clip", "Conv", "Round", "Clip", "Affine", "DepthToSpace"]
    options = onnxruntime.SessionOptions()
    # Else it makes bytes of the weights as well, and on processors without VNNI their sums overflow: off by 0.46.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    image = np.random.default_rng(1).random((1, 8, 8), np.float32)
    wanted = onnxruntime.InferenceSession(model.SerializeToString(), options).run(None, {"x": image[None]})[0][0]
    assert np.abs(result(graph, image) - wanted).max() < 1e-6


def test_activations_that_are_quantised_otherwise_are_refused(tmp_path: Path) -> None:
    """A scale per channel, and one that is none."""
    shuffle = helper.make_node("DepthToSpace", ["a_q"], ["y"], blocksize=2, mode="CRD")
    for scale, zero, words in (
        (np.full(4, 0.1, np.float32), np.zeros(4, np.uint8), "found 4 scales of a picture, expected one"),
        (np.float32(0), np.uint8(0), "found a scale of 0, expected one above 0"),
    ):
        nodes = (CONV, *qdq("a", "a_q", "scale", "zero"), shuffle)
        onnx.save(small_net(*nodes, opset=17, ir=8, w=WEIGHT, scale=scale, zero=zero), tmp_path / "q.onnx")
        with pytest.raises(ModelError, match=words):
            load(tmp_path / "q.onnx")


def test_data_that_is_linked_to_as_the_model_is(tmp_path: Path) -> None:
    """Caches of downloads have both as links into one folder; a link to elsewhere stays refused."""
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / "1"
    blobs.mkdir()
    snapshot.mkdir(parents=True)
    shuffle = helper.make_node("DepthToSpace", ["a"], ["y"], blocksize=2, mode="CRD")
    model = small_net(CONV, shuffle, opset=17, ir=8, w=WEIGHT)
    onnx.save(model, blobs / "m", save_as_external_data=True, location="m.data", size_threshold=0)
    (blobs / "m.data").rename(blobs / "another name")
    (snapshot / "m.onnx").symlink_to(blobs / "m")
    (snapshot / "m.data").symlink_to(blobs / "another name")
    graph = load(snapshot / "m.onnx")
    assert np.array_equal(graph.nodes[0].op.weight, WEIGHT)  # type: ignore[union-attr]
