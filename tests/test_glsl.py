"""Identifiers, literals and constructors."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadergen.glsl import spelling as glsl
from shadergen.glsl.names import identifier
from shadergen.glsl.spelling import FP16, FP32, Types
from shadergen.ir.ops import Clip, LeakyRelu, PRelu, Relu, Tanh

NAMES = {
    "C4F32_CMP": "C4F32_CMP",
    "conv0": "conv0",
    "/model/Conv.3": "model_Conv_3",
    "a__b": "a_b",
    "a.-b": "a_b",
    "_a_": "a",
    "3x3": "n_3x3",
    "gl_x": "n_gl_x",
    "": "n_",
    "...": "n_",
    "größe": "gr_e",
    "网络": "n_",
    "x//!HOOK": "x_HOOK",
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items())
def test_identifier(name: str, expected: str) -> None:
    assert identifier(name) == expected


@given(st.text())
def test_an_identifier_is_one_in_glsl(name: str) -> None:
    word = identifier(name)
    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", word)
    assert "__" not in word
    assert not word.startswith("gl_")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_literal_reads_back_exactly(value: float) -> None:
    text = glsl.literal(value, FP32)
    assert np.float32(text).tobytes() == np.float32(value).tobytes(), "the sign of zero included"
    assert re.fullmatch(r"-?(\d+\.\d+(e[+-]\d+)?|\.\d+|\d+e[+-]\d+)", text), "an integer would be another type"


@given(st.floats(width=16, allow_nan=False, allow_infinity=False))
def test_a_float16_literal_reads_back_exactly(value: float) -> None:
    text = glsl.literal(value, FP16)
    assert np.float16(text).tobytes() == np.float16(value).tobytes()
    assert np.float16(np.float32(text)) == np.float16(value), "GLSL reads it as a float first"


@pytest.mark.parametrize("text", [".1", "1e-07", "-.33333334", "3.4028235e+38", "1e-45", "1.0", "0.0", "-0.0", "10.5"])
def test_a_literal_is_short(text: str) -> None:
    assert glsl.literal(float(text), FP32) == text


def test_literals_are_rounded_to_the_precision() -> None:
    assert glsl.literals(np.array([0.1, 1 / 3]), FP16).tolist() == [".1", ".3333"]
    assert glsl.literals(np.array([[0.1], [1 / 3]]), FP32).tolist() == [[".1"], [".33333334"]]


@pytest.mark.parametrize("value", [65520.0, -1e6, 1e30])
def test_fp16_overflow(value: float) -> None:
    message = f"found a weight of {abs(value):g}, expected at most 65504 for fp16"
    with pytest.raises(ValueError, match=re.escape(message)):
        glsl.literal(value, FP16)


def test_the_largest_fp16() -> None:
    assert np.float16(glsl.literal(65504.0, FP16)) == 65504


def test_vectors_are_filled_up_with_zeros() -> None:
    assert glsl.vector([1, -0.5], FP32) == "vec4(1.0, -.5, 0.0, 0.0)"
    assert glsl.splat(2, FP16) == "f16vec4(2.0)"


def test_a_column_has_what_one_input_channel_gives_to_four() -> None:
    weight = np.arange(12).reshape(4, 3)  # (out, in)
    columns = glsl.columns(glsl.literals(weight.T, FP32), FP32)
    assert columns == ("vec4(0.0,3.0,6.0,9.0)", "vec4(1.0,4.0,7.0,10.0)", "vec4(2.0,5.0,8.0,11.0)")


@pytest.mark.parametrize(
    ("columns", "types", "name"),
    [(1, FP32, "vec4"), (2, FP32, "mat2x4"), (4, FP32, "mat4"), (1, FP16, "f16vec4"), (3, FP16, "f16mat3x4")],
)
def test_the_name_of_a_matrix(columns: int, types: Types, name: str) -> None:
    assert types.mat(columns) == name


def test_the_name_of_a_vector() -> None:
    assert [FP32.vec(lanes) for lanes in (1, 2, 4)] == ["float", "vec2", "vec4"]
    assert [FP16.vec(lanes) for lanes in (1, 2, 4)] == ["float16_t", "f16vec2", "f16vec4"]


def test_pointwise_operators() -> None:
    assert glsl.pointwise(Relu(), ["x"], 0, FP32) == "max(x, vec4(0.0))"
    assert glsl.pointwise(Clip(-0.5, 2.0), ["x"], 0, FP32) == "clamp(x, vec4(-.5), vec4(2.0))"
    assert glsl.pointwise(LeakyRelu(0.2), ["x"], 0, FP32) == "max(x, vec4(0.0)) + vec4(.2) * min(x, vec4(0.0))"
    assert "clamp(x, vec4(-10.0), vec4(10.0))" in glsl.pointwise(Tanh(), ["x"], 0, FP32), "NaN for large arguments"


def test_a_pack_gets_its_own_slopes() -> None:
    slope = PRelu(np.array([0, 1, 2, 3, 4, 5], np.float32))
    assert "vec4(0.0, 1.0, 2.0, 3.0) * min" in glsl.pointwise(slope, ["x"], 0, FP32)
    assert "vec4(4.0, 5.0, 0.0, 0.0) * min" in glsl.pointwise(slope, ["x"], 1, FP32)
