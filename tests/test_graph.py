"""The graph's types, its checks and its text."""

from __future__ import annotations

import math
from dataclasses import FrozenInstanceError, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shadergen.errors import ModelError
from shadergen.ir.dump import describe, dump
from shadergen.ir.extent import MAX_PERIOD, Extent, fixed
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.infer import infer
from shadergen.ir.ops import (
    OPERATORS,
    Add,
    Affine,
    Array,
    AveragePool,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    DepthToSpace,
    Div,
    Elu,
    Erf,
    Fit,
    Gather,
    GlobalAveragePool,
    LeakyRelu,
    MaxPool,
    MeanOfMeans,
    Mul,
    Op,
    Pad,
    PRelu,
    Relu,
    Resize,
    Rim,
    RimTerm,
    Round,
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
from tests.nets import PLANES, c_model
from tests.random_graphs import random_graph

HALF, TWICE = Extent(Fraction(1, 2)), Extent(Fraction(2))
RGB = TensorType(3)
UP = Extent().plus(1)
ONE = TensorType(3, fixed(1), fixed(1))


def zeros(*shape: int) -> Array:
    return np.zeros(shape, np.float32)


def corner(out: int = 8, channels: int = 3, kernel: int = 2) -> RimTerm:
    return RimTerm(0, -1, zeros(out, channels, kernel, kernel), zeros(out), -1, 0)


def nan_at(array: Array, *index: int) -> Array:
    array[index] = np.nan
    return array


# ---------------------------------------------------------------------------------------------------------------------
# Extents


def test_an_extent_is_affine_in_the_input() -> None:
    extent = Extent(Fraction(2), -3)
    assert extent.at(10) == 17
    assert extent.times(Fraction(2)) == Extent(Fraction(4), -6)
    assert extent.plus(1) == Extent(Fraction(2), -2)
    assert [str(e) for e in (Extent(), extent, HALF.plus(1))] == ["n", "2n-3", "1/2n+1"]


def test_an_extent_that_is_no_integer() -> None:
    with pytest.raises(ValueError, match="1/2n is not an integer at n = 5"):
        HALF.at(5)


@given(st.lists(st.tuples(st.sampled_from(("times", "plus", "over", "up_to")), st.integers(1, 6)), max_size=6))
def test_an_extent_is_what_integers_give(steps: list[tuple[str, int]]) -> None:
    """Strides and what follows them, in any order: equal to counting with integers, at every size."""
    assume(math.prod(k for step, k in steps if step in ("over", "up_to")) <= MAX_PERIOD)
    extent, sizes = Extent(), np.arange(1, 50)
    for step, k in steps:
        extent = getattr(extent, step)(k if step != "plus" else k - 4)
        sizes = {"times": sizes * k, "plus": sizes + k - 4, "over": sizes // k, "up_to": -(-sizes // k) * k}[step]
    assert [extent.at(n) for n in range(1, 50)] == sizes.tolist()
    assert extent.whole


def test_extents_that_are_equal_are_written_alike() -> None:
    half = Extent().plus(1).over(2)
    assert half == Extent().plus(-1).over(2).plus(1), "a kernel of 3 with padding, stride 2"
    assert str(half.times(2).plus(-1)) == "2floor((n+1)/2)-1"
    assert half.plus(1).over(2) == Extent().plus(3).over(4)
    assert half.times(2).over(2) == half
    assert Extent().up_to(8).plus(1).over(2).times(2) == Extent().up_to(8), "an even size survives"
    assert (half.scale, half.period) == (Fraction(1, 2), 2)
    assert (str(fixed(1)), fixed(7).plus(1).over(3)) == ("1", fixed(2))
    assert not HALF.whole


def test_a_type_counts_packs_and_pixels() -> None:
    assert [TensorType(channels).packs for channels in (1, 4, 5, 32)] == [1, 1, 2, 8]
    assert TensorType(1, TWICE, HALF).pixels() == 1


# ---------------------------------------------------------------------------------------------------------------------
# infer

VALID: list[tuple[Op, list[TensorType], TensorType]] = [
    (Conv(zeros(8, 3, 3, 3), zeros(8), (1, 1, 1, 1)), [RGB], TensorType(8)),
    (Conv(zeros(8, 3, 1, 1), zeros(8)), [RGB], TensorType(8)),
    (Conv(zeros(1, 3, 3, 5), zeros(1)), [RGB], TensorType(1, Extent(offset=-2), Extent(offset=-4))),
    (Conv(zeros(1, 3, 3, 3), zeros(1), (0, 3, 1, 2)), [RGB], TensorType(1, Extent(offset=-1), Extent(offset=3))),
    (Conv(zeros(8, 3, 5, 5), zeros(8), strides=(5, 5)), [RGB], TensorType(8, *[Extent().over(5)] * 2)),
    (Conv(zeros(8, 3, 3, 3), zeros(8), (1, 1, 1, 1), strides=(1, 2)), [RGB], TensorType(8, width=UP.over(2))),
    (Conv(zeros(8, 3, 3, 1), zeros(8), (2, 0, 2, 0), dilations=(2, 1)), [RGB], TensorType(8)),
    (Conv(zeros(6, 1, 1, 1), zeros(6), group=3), [RGB], TensorType(6)),
    (ConvTranspose(zeros(3, 8, 4, 4), zeros(8), (1, 1, 1, 1), (2, 2)), [RGB], TensorType(8, TWICE, TWICE)),
    (ConvTranspose(zeros(3, 2, 3, 3), zeros(6), (1, 1, 0, 0), (2, 2), 3), [RGB], TensorType(6, TWICE, TWICE)),
    (Rim((corner(), replace(corner(kernel=1), column=None))), [RGB], TensorType(8)),
    *((op, [RGB], RGB) for op in (Relu(), LeakyRelu(), Elu(), Selu(), Sigmoid(), Tanh(), Clip(), Clip(0, math.inf))),
    *((op, [RGB], RGB) for op in (Softplus(), Erf(), Sqrt(), Round(), PRelu(zeros(3)), Affine(zeros(3), zeros(3)))),
    *((op, [RGB, RGB], RGB) for op in (Add(), Sub(), Mul(), Div())),
    (Mul(), [RGB, ONE], RGB),
    (Mul(), [ONE, TensorType(1)], RGB),
    (MeanOfMeans(32), [ONE, RGB], ONE),
    (Gather((2, 0, 0, 1)), [RGB], TensorType(4)),
    (Pad((1, 2, -3, 0)), [RGB], TensorType(3, Extent(offset=-2), Extent(offset=2))),
    (Fit((Extent().times(2).up_to(8),) * 2), [ONE, RGB], TensorType(3, *[Extent().times(2).up_to(8)] * 2)),
    (Resize((Fraction(3, 2), Fraction(2)), "cubic"), [RGB], TensorType(3, Extent().times(3).over(2), TWICE)),
    (MaxPool((2, 3), (2, 1), (0, 1, 0, 1)), [RGB], TensorType(3, Extent().over(2))),
    (AveragePool((2, 2), (2, 2)), [RGB], TensorType(3, Extent().over(2), Extent().over(2))),
    (GlobalAveragePool(), [RGB], ONE),
    (Concat(), [RGB, TensorType(1), RGB], TensorType(7)),
    (Concat(), [RGB], RGB),
    (Slice(1, 3), [RGB], TensorType(2)),
    (DepthToSpace(2), [TensorType(12)], TensorType(3, TWICE, TWICE)),
    (SpaceToDepth(2), [RGB], TensorType(12, HALF, HALF)),
]

INVALID: list[tuple[Op, list[TensorType], str]] = [
    (Conv(zeros(8, 3, 3), zeros(8)), [RGB], r"found weight of shape \(8, 3, 3\), expected \(out, in, kh, kw\)"),
    (Conv(zeros(0, 3, 3, 3), zeros(0)), [RGB], r"found weight of shape \(0, 3, 3, 3\), expected"),
    (Conv(zeros(8, 4, 3, 3), zeros(8)), [RGB], "found weight for 4 input channels, expected 3"),
    (Conv(zeros(8, 3, 3, 3), zeros(4)), [RGB], r"found bias of shape \(4,\), expected \(8,\)"),
    (Conv(zeros(8, 3, 3, 3), zeros(8), (0, -1, 0, 0)), [RGB], "found pads .*, expected none below 0"),
    (
        Conv(nan_at(zeros(8, 3, 3, 3), 1, 2, 0, 1), zeros(8)),
        [RGB],
        r"found nan in weight\[1, 2, 0, 1\], expected finite",
    ),
    (Conv(zeros(8, 3, 3, 3), np.full(8, np.inf, np.float32)), [RGB], r"found inf in bias\[0\], expected finite"),
    (Rim(()), [RGB], "found no terms, expected one or more"),
    (Rim((corner(), replace(corner(), row=None, column=None))), [RGB], "found a term for every pixel, expected a row"),
    (Rim((corner(), corner(out=4))), [RGB], r"found terms with \[4, 8\] output channels, expected the same number"),
    (Rim((corner(), corner(channels=4))), [RGB], "found weight for 4 input channels, expected 3"),
    (Rim((replace(corner(), bias=zeros(2)),)), [RGB], r"found bias of shape \(2,\), expected \(8,\)"),
    (Rim((replace(corner(), weight=zeros(8, 3, 0, 1)),)), [RGB], r"found weight of shape \(8, 3, 0, 1\), expected"),
    (Rim((replace(corner(), bias=nan_at(zeros(8), 3)),)), [RGB], r"found nan in bias\[3\], expected finite"),
    (PRelu(zeros(2)), [RGB], r"found slope of shape \(2,\), expected \(3,\)"),
    (PRelu(nan_at(zeros(3), 2)), [RGB], r"found nan in slope\[2\], expected finite"),
    (Relu(), [], "found 0 inputs, expected 1"),
    (Relu(), [RGB, RGB], "found 2 inputs, expected 1"),
    (Add(), [RGB], "found 1 inputs, expected 2"),
    (
        Add(),
        [RGB, TensorType(2)],
        "found operands of 3 x n x n and 2 x n x n, expected equal types, or 1 along an axis",
    ),
    (Mul(), [RGB, TensorType(3, TWICE, TWICE)], "found operands of .*, expected equal types"),
    (
        Sub(),
        [RGB, TensorType(3, UP.over(2).times(2), Extent())],
        r"found operands of .* and 3 x 2floor\(\(n\+1\)/2\) x n",
    ),
    (Conv(zeros(4, 1, 1, 1), zeros(4), group=3), [RGB], "found 3 groups of 4 output channels, expected a divisor"),
    (
        Conv(zeros(4, 3, 1, 1), zeros(4), strides=(0, 1)),
        [RGB],
        r"found kernel \(1, 1\) and strides \(0, 1\), expected 1",
    ),
    (Conv(zeros(4, 3, 1, 1), zeros(4), dilations=(1, 0)), [RGB], r"found dilations \(1, 0\), expected 1 or more"),
    (ConvTranspose(zeros(4, 3, 2, 2), zeros(3)), [RGB], "found weight for 4 input channels in 1 groups, expected 3"),
    (ConvTranspose(zeros(3, 3, 2, 2), zeros(4)), [RGB], r"found bias of shape \(4,\), expected \(3,\)"),
    (ConvTranspose(zeros(3, 3, 2, 2), zeros(3), (-1, 0, 0, 0)), [RGB], "found strides .* and pads .*, expected 1"),
    (Affine(zeros(3), zeros(2)), [RGB], r"found shift of shape \(2,\), expected \(3,\)"),
    (LeakyRelu(np.inf), [RGB], r"found inf in its numbers\[0\], expected finite numbers"),
    (Gather((0, 3)), [RGB], r"found channels \(0, 3\), expected some of 3"),
    (Pad((0, 0, 0, 0), "edge", 1.0), [RGB], "found value 1 for mode edge, expected a finite one, and 0 but for zero"),
    (Pad((0, 0, 0, -1)), [ONE], "found size 1 x 0, expected pixels"),
    (Pad((9999, 0, 0, 0)), [RGB], r"found size n\+9999 x n, expected pixels, and up to 4096 of padding"),
    (Fit((Extent(), fixed(0))), [RGB, RGB], "found size n x 0, expected pixels"),
    (Fit((HALF, HALF)), [RGB, RGB], "found size 1/2n x 1/2n, expected whole numbers"),
    (Fit(corner=(fixed(0), fixed(9999))), [RGB, RGB], "found a corner at 9999, expected a whole number up to 4096"),
    (MaxPool((1, 1), (67, 67)), [TensorType(3, Extent().over(64))], "found a size that repeats every 4288 texels"),
    (Resize((TWICE, Fraction(2)), "linear"), [RGB], "found 2n and 2, expected two factors or two sizes"),  # type: ignore[arg-type]
    (Resize((TWICE, TWICE), "linear"), [RGB], "found 1 inputs, expected 2"),
    (Resize((Fraction(0), Fraction(1)), "linear"), [RGB], "found factors 0 and 1, expected some up to 64"),
    (MaxPool((2, 2), (1, 1), (2, 0, 0, 0)), [RGB], r"found pads \(2, 0, 0, 0\), expected 0 or more, each less than"),
    (Concat(), [RGB, ONE], "found inputs of different sizes, n x n and 1 x 1, expected equal ones"),
    (Concat(), [], "found 0 inputs, expected 1"),
    (
        Concat(),
        [RGB, TensorType(3, TWICE, TWICE)],
        "found inputs of different sizes, n x n and 2n x 2n, expected equal ones",
    ),
    *((Slice(*ends), [RGB], "expected a range within 3") for ends in ((0, 4), (-1, 2), (2, 2), (2, 1))),
    (DepthToSpace(2), [RGB], "found 3 channels, expected a multiple of 4 for block 2"),
    (DepthToSpace(0), [RGB], "found 3 channels"),
    (SpaceToDepth(0), [RGB], "found block 0, expected 1 or more"),
    (SpaceToDepth(2), [TensorType(1, Extent(offset=1))], "found size n\\+1 x n, expected multiples of 2"),
]


@pytest.mark.parametrize(("op", "inputs", "expected"), VALID, ids=lambda case: type(case).__name__)
def test_infer(op: Op, inputs: list[TensorType], expected: TensorType) -> None:
    assert infer(op, inputs) == expected


@pytest.mark.parametrize(("op", "inputs", "message"), INVALID, ids=lambda case: type(case).__name__)
def test_infer_says_what_was_found_and_expected(op: Op, inputs: list[TensorType], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        infer(op, inputs)


def test_every_operator_has_a_case() -> None:
    assert {type(op) for op, _, _ in VALID} == set(OPERATORS)


# ---------------------------------------------------------------------------------------------------------------------
# verify


def luma(*nodes: Node, output: str = "") -> Graph:
    return Graph("net", "luma", nodes, output or nodes[-1].name)


FAULTS: list[tuple[Graph, str]] = [
    (luma(Node("a", Relu(), ("input",)), Node("a", Relu(), ("input",))), "net: node 'a': found the name twice"),
    (luma(Node("input", Relu(), ("input",))), "net: node 'input': found the name twice"),
    (luma(Node("a", Relu(), ("b",)), Node("b", Relu(), ("a",))), "net: node 'a': found input 'b', expected an earlier"),
    (luma(Node("a", Add(), ("input",))), "net: node 'a': found 1 inputs, expected 2"),
    (luma(Node("a", Relu(), ("input",)), output="b"), "net: found output 'b', expected the name of a node"),
    (luma(Node("a", Concat(), ("input", "input"))), "net: output 'a': found 2 channels, expected 1 for a luma model"),
    (
        luma(Node("a", SpaceToDepth(2), ("input",)), Node("b", Slice(0, 1), ("a",))),
        "net: output 'b': found size 1/2n x 1/2n, expected the input's or a larger one",
    ),
    (
        Graph(
            "net",
            "chroma",
            (Node("a", Conv(zeros(8, 3, 1, 1), zeros(8)), ("input",)), Node("b", DepthToSpace(2), ("a",))),
            "b",
        ),
        "net: output 'b': found size 2n x 2n, expected the input's: a chroma model keeps luma's size",
    ),
]


@pytest.mark.parametrize(("graph", "message"), FAULTS)
def test_verify_names_the_node(graph: Graph, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        verify(graph)


@pytest.mark.parametrize("name", ["", "Conv_1", "a.b", "a__b", "_a", "a_", "1a", "gl_x", "a b", "a\n//!HOOK MAIN", "ä"])
def test_a_node_name_must_stay_a_name_with_a_number_after_it(name: str) -> None:
    """In GLSL the second pack of `Conv` is `Conv_1`, so no node may be called that."""
    graph = Graph("net", "luma", (Node(name, Relu(), ("input",)),), name)
    with pytest.raises(ModelError, match="found that name, expected words of letters and digits"):
        verify(graph)


@pytest.mark.parametrize("plane", PLANES)
def test_verify_gives_every_type(plane: str) -> None:
    graph = next(c_model(name) for name in PLANES if name == plane)
    types = verify(graph)
    assert list(types) == ["input", *(node.name for node in graph.nodes)]
    assert types[graph.output].channels == graph.output_channels
    assert types[graph.output].width.scale == (1 if plane == "chroma" else 2)


def test_a_graph_is_frozen() -> None:
    graph = c_model()
    with pytest.raises(FrozenInstanceError):
        graph.name = "other"  # type: ignore[misc]
    assert replace(graph, name="other").node("conv0") is graph.node("conv0")


# ---------------------------------------------------------------------------------------------------------------------
# dump


def test_dump_has_a_line_per_node() -> None:
    assert [line.split() for line in dump(c_model(filters=2)).splitlines()] == [
        line.split()
        for line in """\
C2F2: luma, input 'input' 1 x n x n
  conv0    Conv 2x1x3x3 pads (1, 1, 1, 1)       input         2 x n x n
  conv1    Conv 2x2x3x3 pads (1, 1, 1, 1)       conv0         2 x n x n
  relu1    Relu                                 conv1         2 x n x n
  conv2    Conv 2x2x3x3 pads (1, 1, 1, 1)       relu1         2 x n x n
  relu2    Relu                                 conv2         2 x n x n
  conv3    Conv 2x2x3x3 pads (1, 1, 1, 1)       relu2         2 x n x n
  skip     Add                                  conv3, conv0  2 x n x n
  conv4    Conv 4x2x3x3 pads (1, 1, 1, 1)       skip          4 x n x n
  shuffle  DepthToSpace(2)                      conv4         1 x 2n x 2n
  output   Clip                                 shuffle       1 x 2n x 2n
""".splitlines()
    ]


WORDS: list[tuple[Op, str]] = [
    (Conv(zeros(8, 1, 3, 5), zeros(8), group=4), "Conv 8x1x3x5 group 4"),
    (
        Conv(zeros(8, 1, 3, 3), zeros(8), (1, 0, 1, 0), "edge", (2, 1)),
        "Conv 8x1x3x3 pads (1, 0, 1, 0) pad_mode edge strides (2, 1)",
    ),
    (Rim((corner(), replace(corner(kernel=1), column=None))), "Rim terms 2"),
    (Clip(-0.5, math.inf), "Clip minimum -0.5 maximum inf"),
    (PRelu(zeros(3)), "PRelu"),
    (Slice(1, 3), "Slice(1, 3)"),
    (Gather(tuple(range(99))), "Gather((0, 1, 2, 3, 4, 5, ...))"),
    (Fit((Extent().up_to(8),) * 2, mode="zero"), "Fit size (8floor((n+7)/8), 8floor((n+7)/8)) mode zero"),
    (
        Resize((Fraction(3, 2), Fraction(2)), "cubic", exclude_outside=True),
        "Resize((3/2, 2), cubic) exclude_outside True",
    ),
]


@pytest.mark.parametrize(("op", "text"), WORDS, ids=lambda case: type(case).__name__)
def test_an_operator_s_text_leaves_out_what_is_as_usual(op: Op, text: str) -> None:
    assert describe(op) == text


def test_dump_is_stable() -> None:
    assert dump(random_graph(3)) == dump(random_graph(3))
    assert dump(random_graph(3)) != dump(random_graph(4))
