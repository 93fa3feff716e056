"""The reference against six loops, onnx's evaluator and onnxruntime."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from shadergen.ir import reference
from shadergen.ir.extent import Extent
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.infer import infer
from shadergen.ir.ops import (
    OPERATORS,
    Add,
    Affine,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Coordinates,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Filter,
    Fit,
    Gather,
    GlobalAveragePool,
    Internal,
    LeakyRelu,
    MaxPool,
    Mul,
    Op,
    Pad,
    PadMode,
    PRelu,
    Relu,
    Resize,
    Rim,
    RimTerm,
    Round,
    Rounding,
    Selu,
    Sigmoid,
    Slice,
    Softplus,
    SpaceToDepth,
    Sqrt,
    Sub,
    Tanh,
)
from shadergen.ir.types import TensorType
from tests.nets import PLANES, c_model, random_conv
from tests.random_graphs import random_graph

Image = npt.NDArray[Any]

# ---------------------------------------------------------------------------------------------------------------------
# Convolution, slowly


def at(x: Image, channel: int, row: int, column: int, mode: PadMode) -> float:
    """The texel at any coordinates, those outside by the padding's rule."""
    _, height, width = x.shape
    if mode == "zero" and not (0 <= row < height and 0 <= column < width):
        return 0.0
    fold = {"zero": clamp, "edge": clamp, "reflect": mirror}[mode]
    return float(x[channel, fold(row, height), fold(column, width)])


def clamp(i: int, size: int) -> int:
    return min(max(i, 0), size - 1)


def mirror(i: int, size: int) -> int:
    """Bounces between the first and last texel, which are not repeated."""
    while size > 1 and not 0 <= i < size:
        i = -i if i < 0 else 2 * (size - 1) - i
    return i if size > 1 else 0


def six_loops(op: Conv, x: Image) -> Image:
    out, channels, kh, kw = op.weight.shape
    top, left, bottom, right = op.pads
    height, width = x.shape[1] + top + bottom - kh + 1, x.shape[2] + left + right - kw + 1
    y = np.empty((out, height, width), np.float64)
    for o in range(out):
        for row in range(height):
            for column in range(width):
                total = float(op.bias[o])
                for i in range(channels):
                    for ky in range(kh):
                        for kx in range(kw):
                            texel = at(x, i, row + ky - top, column + kx - left, op.pad_mode)
                            total += float(op.weight[o, i, ky, kx]) * texel
                y[o, row, column] = total
    return y


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Conv, tuple[int, int]]:
    """A convolution, and an image size that leaves at least one texel."""
    side, pad = st.integers(1, 5), st.integers(0, 3)
    kh, kw, height, width = (draw(side) for _ in range(4))
    top, left, bottom, right = (draw(pad) for _ in range(4))
    weight, bias = random_conv(np.random.default_rng(draw(st.integers(0, 99))), draw(side), draw(side), max(kh, kw))
    op = Conv(weight[:, :, :kh, :kw], bias, (top, left, bottom, right), draw(st.sampled_from(get_args(PadMode))))
    return op, (max(height, kh - top - bottom), max(width, kw - left - right))


@given(convolutions(), st.sampled_from((np.float32, np.float64)))
@example(
    (Conv(np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32), (3, 3, 3, 3), "reflect"), (1, 1)), np.float32
)
def test_conv_is_six_loops(case: tuple[Conv, tuple[int, int]], kind: type[np.float32 | np.float64]) -> None:
    op, size = case
    x: Image = np.random.default_rng(0).uniform(-1, 1, (op.weight.shape[1], *size)).astype(kind)
    y = reference.conv(op, x)
    assert y.dtype == kind
    np.testing.assert_allclose(y, six_loops(op, x), rtol=0, atol=2e-6 if kind is np.float32 else 1e-14)


def test_conv_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, bias = random_conv(np.random.default_rng(0), 3, 5, 3)
    op = Conv(weight, bias, (1, 1, 1, 1))
    x = np.random.default_rng(1).random((3, 11, 7))
    whole = reference.conv(op, x)
    monkeypatch.setattr(reference, "_BAND_BYTES", 3 * 9 * 7 * 8 * 4)  # four rows at a time, the last band of three
    np.testing.assert_allclose(reference.conv(op, x), whole, rtol=0, atol=1e-15)


def test_an_image_too_small_for_the_kernel() -> None:
    with pytest.raises(ValueError, match="found 4x1 texels, too small for a 3x3 kernel"):
        reference.conv(Conv(np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32)), np.ones((1, 1, 4)))


def test_an_image_too_small_for_a_node_names_it() -> None:
    valid = Conv(np.ones((1, 1, 3, 3), np.float32), np.zeros(1, np.float32))
    graph = Graph("valid", "luma", (Node("up", DepthToSpace(1), ("input",)), Node("y", valid, ("up",))), "y")
    with pytest.raises(ValueError, match=r"^node 'y': found 4x2 texels, too small for a 3x3 kernel$"):
        reference.evaluate(graph, np.ones((1, 2, 4)))


# ---------------------------------------------------------------------------------------------------------------------
# The rim, slowly


def rim_in_loops(op: Rim, x: Image) -> Image:
    _, height, width = x.shape
    y = np.zeros((len(op.terms[0].bias), height, width), np.float64)
    for term in op.terms:
        out, channels, kh, kw = term.weight.shape
        for row, column, o in np.ndindex(height, width, out):
            if term.row not in (None, row, row - height) or term.column not in (None, column, column - width):
                continue
            y[o, row, column] += term.bias[o]
            for i, ky, kx in np.ndindex(channels, kh, kw):
                texel = at(x, i, row + term.dy + ky, column + term.dx + kx, "zero")
                y[o, row, column] += float(term.weight[o, i, ky, kx]) * texel
    return y


@st.composite
def rim_terms(draw: st.DrawFn) -> RimTerm:
    index, side, offset = st.integers(-3, 2), st.integers(1, 4), st.integers(-5, 4)
    places = st.tuples(index | st.none(), index | st.none()).filter(lambda place: place != (None, None))
    row, column = draw(places)
    weight, bias = random_conv(np.random.default_rng(draw(st.integers(0, 99))), 2, 3, 4)
    return RimTerm(row, column, weight[:, :, : draw(side), : draw(side)], bias, draw(offset), draw(offset))


@given(
    st.lists(rim_terms(), min_size=1, max_size=4),
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.sampled_from((np.float32, np.float64)),
)
def test_rim_is_loops(terms: list[RimTerm], size: tuple[int, int], kind: type[np.float32 | np.float64]) -> None:
    op = Rim(tuple(terms))
    x: Image = np.random.default_rng(0).uniform(-1, 1, (2, *size)).astype(kind)
    y = reference.apply(op, [x])
    assert y.dtype == kind
    np.testing.assert_allclose(y, rim_in_loops(op, x), rtol=0, atol=4e-6 if kind is np.float32 else 1e-14)


def test_a_rim_by_hand() -> None:
    """In one row, the first is the last; a row that the image lacks does not count."""
    one = np.ones((1, 1, 1, 1), np.float32)
    rows = [RimTerm(row, None, one * 10**row, np.zeros(1, np.float32), 0, 0) for row in (0, 1)]
    op = Rim((*rows, RimTerm(-1, None, one * 100, np.zeros(1, np.float32), 0, 0)))
    assert reference.apply(op, [np.ones((1, 1, 1))]).ravel().tolist() == [101]
    assert reference.apply(op, [np.ones((1, 2, 1))]).ravel().tolist() == [1, 110]
    assert reference.apply(op, [np.ones((1, 4, 1))]).ravel().tolist() == [1, 10, 0, 100]


# ---------------------------------------------------------------------------------------------------------------------
# Every operator, by the two judges of ONNX

SLOPE = np.array([-0.5, 0.0, 0.25, 2.0], np.float32)
WEIGHT, BIAS = random_conv(np.random.default_rng(7), 4, 5, 3)


# operator, number of inputs, ONNX's name, attributes and constant inputs
CASES: list[tuple[Op, int, str, dict[str, Any], list[Image]]] = [
    *(
        (Conv(WEIGHT, BIAS, pads), 1, "Conv", {"pads": pads}, [WEIGHT, BIAS])
        for pads in ((0, 0, 0, 0), (1, 1, 1, 1), (2, 0, 1, 3))
    ),
    (Relu(), 1, "Relu", {}, []),
    (LeakyRelu(), 1, "LeakyRelu", {}, []),
    (LeakyRelu(0.2), 1, "LeakyRelu", {"alpha": 0.2}, []),
    (PRelu(SLOPE), 1, "PRelu", {}, [SLOPE[:, None, None]]),
    (Elu(), 1, "Elu", {}, []),
    (Elu(0.5), 1, "Elu", {"alpha": 0.5}, []),
    (Selu(), 1, "Selu", {}, []),
    (Selu(1.5, 0.5), 1, "Selu", {"alpha": 1.5, "gamma": 0.5}, []),
    (Sigmoid(), 1, "Sigmoid", {}, []),
    (Softplus(), 1, "Softplus", {}, []),
    (Erf(), 1, "Erf", {}, []),
    (Tanh(), 1, "Tanh", {}, []),
    (Clip(), 1, "Clip", {}, [np.array(0, np.float32), np.array(1, np.float32)]),
    (Clip(-0.5, 0.25), 1, "Clip", {}, [np.array(-0.5, np.float32), np.array(0.25, np.float32)]),
    (Clip(0.5, np.inf), 1, "Clip", {}, [np.array(0.5, np.float32)]),
    (Affine(SLOPE, np.zeros(4, np.float32)), 1, "Mul", {}, [SLOPE[:, None, None]]),
    (Affine(np.ones(4, np.float32), SLOPE), 1, "Add", {}, [SLOPE[:, None, None]]),
    (Add(), 2, "Add", {}, []),
    (Sub(), 2, "Sub", {}, []),
    (Mul(), 2, "Mul", {}, []),
    (Concat(), 3, "Concat", {"axis": 1}, []),
    (Slice(1, 3), 1, "Slice", {}, [np.array([1]), np.array([3]), np.array([1])]),
    (Gather((2, 0, 2)), 1, "Gather", {"axis": 1}, [np.array([2, 0, 2])]),
    (DepthToSpace(2), 1, "DepthToSpace", {"blocksize": 2, "mode": "CRD"}, []),
    (GlobalAveragePool(), 1, "GlobalAveragePool", {}, []),
]
IDS = [f"{name}-{index}" for index, (_, _, name, _, _) in enumerate(CASES)]


def one_node_model(name: str, images: int, attributes: dict[str, Any], constants: list[Image]) -> onnx.ModelProto:
    """A model of one operator, for (1, channels, height, width) float32 inputs `x0`, `x1`, ... and the output `y`."""
    inputs = [f"x{i}" for i in range(images)]
    names = [f"c{i}" for i in range(len(constants))]
    image = [None, None, None, None]
    graph = helper.make_graph(
        [helper.make_node(name, inputs + names, ["y"], **attributes)],
        "one_node",
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, image) for x in inputs],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, image)],
        [numpy_helper.from_array(c, c_name) for c, c_name in zip(constants, names, strict=True)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def judged(model: onnx.ModelProto, images: list[Image], evaluated: bool = True) -> list[Image]:
    """What onnxruntime and, if `evaluated`, onnx's reference evaluator make of the images."""
    feeds = {f"x{i}": image[None] for i, image in enumerate(images)}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    judgements: list[Image] = [session.run(None, feeds)[0][0]]
    if evaluated:
        evaluator: Any = ReferenceEvaluator(model)
        judgements.append(evaluator.run(None, feeds)[0][0])
    return judgements


def images(count: int, channels: int = 4, height: int = 6, width: int = 5) -> list[Image]:
    """Values of either sign, with zeros and some far from it."""
    x = np.random.default_rng(3).normal(0, 2, (count, channels, height, width)).astype(np.float32)
    x[:, :, 0, 0] = 0
    x[:, :, 1, 1] = 30
    x[:, :, 2, 2] = -30
    return list(x)


@pytest.mark.parametrize(("op", "count", "name", "attributes", "constants"), CASES, ids=IDS)
def test_an_operator_is_onnx_s(
    op: Op, count: int, name: str, attributes: dict[str, Any], constants: list[Image]
) -> None:
    x = images(count)
    y = reference.apply(op, x)
    assert y.dtype == np.float32
    for judge in judged(one_node_model(name, count, attributes, constants), x):
        np.testing.assert_allclose(y, judge, rtol=2e-6, atol=2e-6)


def test_halves_are_rounded_to_even_numbers() -> None:
    x = np.array([-1.5, -0.5, 0.49, 0.5, 1.5, 2.5], np.float32).reshape(1, 1, 6)
    assert reference.apply(Round(), [x]).ravel().tolist() == [-2, 0, 0, 0, 2, 2]
    for judge in judged(one_node_model("Round", 1, {}, []), [x]):
        np.testing.assert_array_equal(reference.apply(Round(), [x]), judge)


def test_division_and_root() -> None:
    a, b = (np.abs(x) + 0.5 for x in images(2))
    for op, name, x in ((Div(), "Div", [a, b]), (Sqrt(), "Sqrt", [a])):
        for judge in judged(one_node_model(name, len(x), {}, []), x):
            np.testing.assert_allclose(reference.apply(op, x), judge, rtol=2e-6)


Drawn = tuple[Op, str, dict[str, Any], list[Image]]
"""An operator, and what it is in ONNX: name, attributes, constant inputs."""
EMPTY = np.array([], np.float32)
sides, pairs = st.integers(1, 4), st.tuples(st.integers(1, 3), st.integers(1, 3))
small = st.integers(0, 2)
fours = st.tuples(small, small, small, small)
CHANNELS = 4


@st.composite
def strided_convolutions(draw: st.DrawFn) -> Drawn:
    group, kernel = draw(st.sampled_from((1, 2, 4))), (draw(sides), draw(sides))
    weight = draw_array(draw, group * draw(sides), CHANNELS // group, *kernel)
    bias, pads, strides, dilations = draw_array(draw, len(weight)), draw(fours), draw(pairs), draw(pairs)
    attributes = {"pads": pads, "strides": strides, "dilations": dilations, "group": group}
    return Conv(weight, bias, pads, "zero", strides, dilations, group), "Conv", attributes, [weight, bias]


@st.composite
def transposed_convolutions(draw: st.DrawFn) -> Drawn:
    group, kernel = draw(st.sampled_from((1, 2, 4))), (draw(sides), draw(sides))
    weight = draw_array(draw, CHANNELS, draw(sides), *kernel)
    bias, pads, strides = draw_array(draw, weight.shape[1] * group), draw(fours), draw(pairs)
    more = tuple(draw(st.integers(0, stride - 1)) for stride in strides)
    attributes = {"pads": pads, "strides": strides, "output_padding": more, "group": group}
    op = ConvTranspose(weight, bias, (*pads[:2], pads[2] - more[0], pads[3] - more[1]), strides, group)
    return op, "ConvTranspose", attributes, [weight, bias]


@st.composite
def pads(draw: st.DrawFn) -> Drawn:
    mode = draw(st.sampled_from(get_args(PadMode)))
    top, left, bottom, right = (draw(st.integers(-2, 3)) for _ in range(4))
    value = draw(st.sampled_from((0.0, 0.5))) if mode == "zero" else 0.0
    numbers = np.array([0, 0, top, left, 0, 0, bottom, right])
    onnx_mode = {"zero": "constant"}.get(mode, mode)
    return (
        Pad((top, left, bottom, right), mode, value),
        "Pad",
        {"mode": onnx_mode},
        [numbers, np.array(value, np.float32)],
    )


@st.composite
def resizes(draw: st.DrawFn) -> Drawn:
    factors = st.sampled_from([Fraction(n, d) for n, d in ((1, 1), (2, 1), (3, 1), (4, 1), (1, 2), (3, 2), (5, 4))])
    filter = draw(st.sampled_from(get_args(Filter)))
    coordinates, rounding = draw(st.sampled_from(get_args(Coordinates))), draw(st.sampled_from(get_args(Rounding)))
    scales, cubic = (draw(factors), draw(factors)), draw(st.sampled_from((-0.75, -0.5)))
    excluded = filter == "cubic" and draw(st.booleans())
    attributes = {
        "mode": filter,
        "coordinate_transformation_mode": coordinates,
        "nearest_mode": rounding,
        "cubic_coeff_a": cubic,
        "exclude_outside": int(excluded),
    }
    op = Resize(scales, filter, coordinates, rounding, cubic, excluded)
    return op, "Resize", attributes, [EMPTY, np.array([1, 1, *scales], np.float32)]


@st.composite
def pools(draw: st.DrawFn) -> Drawn:
    kernel, strides = (draw(sides), draw(sides)), draw(pairs)
    top, left, bottom, right = (draw(st.integers(0, (kernel * 2)[i] - 1)) for i in range(4))
    pads = (top, left, bottom, right)
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads}
    if draw(st.booleans()):
        return MaxPool(kernel, strides, pads), "MaxPool", attributes, []
    return AveragePool(kernel, strides, pads), "AveragePool", attributes, []


def draw_array(draw: st.DrawFn, *shape: int) -> Image:
    return np.random.default_rng(draw(st.integers(0, 99))).normal(0, 0.5, shape).astype(np.float32)


def judges(op: Op, size: tuple[int, int], model: onnx.ModelProto, x: Image) -> list[Image]:
    """What the judges say who can judge: onnxruntime, and onnx's evaluator but where it fails at ONNX's own rules."""
    match op:
        case Pad((top, left, bottom, right), "reflect"):  # neither bounces off the other side, as numpy.pad does
            inner = (size[0] + min(top, 0) + min(bottom, 0), size[1] + min(left, 0) + min(right, 0))
            assume(max(top, bottom) < inner[0] and max(left, right) < inner[1])
        case Resize():  # onnxruntime copies the image where its size stays, whatever the factors
            stays = all(n * scale // 1 == n for n, scale in zip(size, op.scales, strict=True))
            assume(not stays or set(op.scales) == {1})
    evaluated = True
    match op:
        case ConvTranspose():
            evaluated = op.group == 1
        case Resize(_, _, "align_corners" | "pytorch_half_pixel"):  # it does not round the result's size down
            evaluated = all((n * scale).denominator == 1 for n, scale in zip(size, op.scales, strict=True))
        case Pad():
            evaluated = min(op.pads) >= 0
        case MaxPool(_, _, pads):
            evaluated = not any(pads)
    return judged(model, [x], evaluated)


@given(
    st.one_of(strided_convolutions(), transposed_convolutions(), pads(), resizes(), pools()),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_neighbourhood_is_onnx_s(case: Drawn, size: tuple[int, int]) -> None:
    op, name, attributes, constants = case
    (x,) = images(1, CHANNELS, 9, 9)
    x = np.ascontiguousarray(x[:, : size[0], : size[1]])
    try:
        y = reference.apply(op, [x])
    except ValueError as error:
        assume("too small" not in str(error) and "too few" not in str(error))
        raise
    type_ = infer(op, [TensorType(CHANNELS)])
    assert y.shape == (type_.channels, type_.height.at(size[0]), type_.width.at(size[1]))
    assert y.dtype == np.float32
    for judge in judges(op, size, one_node_model(name, 1, attributes, constants), x):
        np.testing.assert_allclose(y, judge, rtol=1e-5, atol=1e-5 * max(1, np.abs(y).max()))


@pytest.mark.parametrize(("first", "second"), [((4, 1, 1), (1, 6, 5)), ((4, 6, 5), (4, 1, 1)), ((1, 6, 5), (4, 1, 5))])
def test_operands_of_size_1_count_everywhere(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    a, b = (np.random.default_rng(0).normal(0, 1, shape).astype(np.float32) for shape in (first, second))
    for op, name in ((Add(), "Add"), (Sub(), "Sub"), (Mul(), "Mul"), (Div(), "Div")):
        for judge in judged(one_node_model(name, 2, {}, []), [a, b]):
            np.testing.assert_allclose(reference.apply(op, [a, b]), judge, rtol=2e-6)


def test_fit_crops_or_continues() -> None:
    x = np.arange(12.0).reshape(1, 3, 4)
    like = np.zeros((1, 1, 3))
    twice, even = Extent().times(2), Extent().up_to(2)
    assert reference.apply(Fit((twice, twice)), [x, like]).tolist() == [[[0, 1, 2, 3, 3, 3], [4, 5, 6, 7, 7, 7]]]
    assert reference.apply(Fit((even, even)), [x, x])[0, :, 0].tolist() == [0, 4, 8, 8]
    np.testing.assert_array_equal(reference.apply(Fit(), [x, like]), x[:, :1, :3])


@pytest.mark.parametrize("block", [1, 2, 3])
def test_space_to_depth_is_undone_by_onnx_s_depth_to_space(block: int) -> None:
    (x,) = images(1, channels=3, height=6, width=12)
    y = reference.apply(SpaceToDepth(block), [x])
    assert y.shape == (3 * block**2, 6 // block, 12 // block)
    model = one_node_model("DepthToSpace", 1, {"blocksize": block, "mode": "CRD"}, [])
    for judge in judged(model, [y]):
        np.testing.assert_array_equal(judge, x)


def test_depth_to_space_is_crd_and_not_dcr() -> None:
    x = np.arange(8, dtype=np.float32).reshape(8, 1, 1)
    assert reference.depth_to_space(x, 2).tolist() == [[[0, 1], [2, 3]], [[4, 5], [6, 7]]]


def test_every_operator_has_a_judge() -> None:
    drawn = {Div, Sqrt, Round, ConvTranspose, Pad, Resize, MaxPool, AveragePool}
    assert {type(op) for op, *_ in CASES} | drawn | {SpaceToDepth, Fit, *get_args(Internal)} == set(OPERATORS)


@pytest.mark.parametrize("op", [op for op, *_ in CASES], ids=IDS)
def test_float64_stays_float64_and_agrees_with_float32(op: Op) -> None:
    count = next(count for case, count, *_ in CASES if case is op)
    x = images(count)
    fine = reference.apply(op, [image.astype(np.float64) for image in x])
    assert fine.dtype == np.float64
    np.testing.assert_allclose(reference.apply(op, x), fine, rtol=1e-5, atol=1e-5)


def test_large_values_give_no_warning_and_no_nan() -> None:
    x = np.array([-1e4, -100, 100, 1e4], np.float32).reshape(1, 2, 2)
    with np.errstate(all="raise", under="ignore"):
        for op in (Sigmoid(), Tanh(), Elu(), Selu()):
            assert np.isfinite(reference.apply(op, [x])).all(), op


# ---------------------------------------------------------------------------------------------------------------------
# Whole graphs


@pytest.mark.parametrize("plane", PLANES)
def test_a_c_model_gives_every_value_by_name(plane: str) -> None:
    graph = next(c_model(name) for name in PLANES if name == plane)
    image = np.random.default_rng(0).random((graph.input_type.channels, 6, 10))
    seen: list[str] = []
    values = reference.evaluate(graph, image, seen.append)
    assert seen == [node.name for node in graph.nodes]
    assert list(values) == ["input", *seen]
    for name, type_ in verify(graph).items():
        assert values[name].shape == (type_.channels, type_.height.at(6), type_.width.at(10))
        assert values[name].dtype == np.float64


@pytest.mark.parametrize("size", [(1, 1), (13, 17), (2, 9)])
@pytest.mark.parametrize("seed", range(8))
def test_a_random_graph_takes_any_size(seed: int, size: tuple[int, int]) -> None:
    graph = random_graph(seed, any_size=True)
    image = np.random.default_rng(0).random((1, *size)).astype(np.float32)
    values, fine = reference.evaluate(graph, image), reference.evaluate(graph, image.astype(np.float64))
    for name, type_ in verify(graph).items():
        assert values[name].shape == (type_.channels, type_.height.at(size[0]), type_.width.at(size[1]))
        np.testing.assert_allclose(values[name], fine[name], rtol=0, atol=2e-5)


def test_the_c_model_by_hand() -> None:
    """conv0 linear, ReLU between, the last but one linear plus conv0, then the block: spelled out with the loops."""
    graph = c_model(filters=2, layers=1)
    image = np.random.default_rng(0).random((1, 4, 5))
    c0, c1, c2, c3 = (node.op for node in graph.nodes if isinstance(node.op, Conv))
    first = six_loops(c0, image)
    last = six_loops(c3, six_loops(c2, np.maximum(six_loops(c1, first), 0)) + first)
    expected = np.empty((8, 10))
    for place, (dy, dx) in enumerate(np.ndindex(2, 2)):
        expected[dy::2, dx::2] = last[place]
    values = reference.evaluate(graph, image)
    np.testing.assert_allclose(values[graph.output][0], expected.clip(0, 1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(4, 4), (2, 4, 4), (1, 0, 4), (1, 4, 0)])
def test_an_image_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"found an image of shape .*, expected \(1, height, width\)"):
        reference.evaluate(c_model(), np.ones(shape, np.float32))
