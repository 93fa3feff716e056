"""Tensor cores: what the kernel means, without one.

An OpenGL driver has no matrices that a subgroup shares. Here they are arrays that one invocation of each subgroup has
to itself; the file's text is changed as far as that takes, and runs anywhere. Subgroups have as many lanes as we say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import moderngl
import numpy as np
import pytest

from shadergen import compiler, hookfile
from shadergen.ir import reference
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Conv, DepthToSpace, Relu
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import Target
from tests.nets import random_conv

TENSOR = Target("compute", kernel="tensor")
"""In fp32, since Mesa's OpenGL has no 16-bit floats; the matrices are of halves all the same."""

EMULATED = """
float half_of(uvec4 words, int number) {
    return unpackHalf2x16(words[number / 2])[number % 2];
}
#define EACH(rows, columns) \\
    for (int y_ = 0; y_ < rows; y_++) for (int x_ = 0; x_ < columns; x_++)
#define LOAD_ROWS(m, words, at, stride) \\
    EACH(TENSOR_M, TENSOR_K) a_[(m) * 256 + y_ * 16 + x_] = half_of(words[(at) + y_ * stride + x_ / 8], x_ % 8)
#define LOAD_COLUMNS(words, at, stride) \\
    EACH(TENSOR_K, TENSOR_N) b_[y_ * 16 + x_] = half_of(words[(at) + x_ * stride + y_ / 8], y_ % 8)
#define MULTIPLY(m, n) \\
    EACH(TENSOR_M, TENSOR_N) for (int z_ = 0; z_ < TENSOR_K; z_++) \\
        sums_[(m) * 256 + y_ * 16 + x_] += a_[(n) * 256 + y_ * 16 + z_] * b_[z_ * 16 + x_]
#define STORE(value, words, at, stride) \\
    EACH(TENSOR_M, TENSOR_N / 2) { \\
        int q_ = y_ * 16 + 2 * x_; \\
        float even_ = value; \\
        q_++; \\
        words[(at) + y_ * stride + x_ / 4][x_ % 4] = packHalf2x16(vec2(even_, value)); \\
    }
"""


def emulated(body: str, lanes: int) -> str:
    """The body of a pass with matrices of our own, for subgroups of so many lanes."""
    if "coopmat<" not in body:
        return body
    matrix = r"coopmat<\w+, gl_ScopeSubgroup, \w+, \w+, gl_MatrixUse\w+>"
    leader = f"(int(gl_LocalInvocationIndex) % {lanes} == 0 ? int(gl_LocalInvocationIndex) / {lanes} : 9999)"
    for pattern, text in {
        r"#extension .*\n": "",
        r"\[\[\w+\]\] ": "",
        rf"coopMatStore\({matrix}\((.*?)\), (\w+_tile), (.*), gl_\w+RowMajor\)": r"STORE(\1, \2, \3)",
        r"coopMatLoad\(a\[i\], (.*), gl_\w+RowMajor\)": r"LOAD_ROWS(i, \1)",
        r"coopMatLoad\(b, (.*), gl_\w+ColumnMajor\)": r"LOAD_COLUMNS(\1)",
        r"sums\[m\] = coopMatMulAdd\(a\[(.*)\], b, sums\[m\]\)": r"MULTIPLY(m, \1)",
        rf"sums\[i\] = {matrix}\(0\.0\)": "for (int y_ = 0; y_ < 256; y_++) sums_[i * 256 + y_] = 0.0",
        rf"{matrix} (\w+)\[(.*)\];": r"float \1_[(\2) * 256];",
        rf"{matrix} b;": "float b_[256];",
        r"sums\[(m[^]]*)\]": r"sums_[(\1) * 256 + q_]",
        r"\bgl_SubgroupID\b": leader,
        r"\bgl_NumSubgroups\b": f"(gl_WorkGroupSize.x / {lanes}u)",
        r"\b(un)?packFloat2x16\b": r"\1packHalf2x16",
        r"\bf16vec4\b": "vec4",
    }.items():
        body = re.sub(pattern, text, body)
    return EMULATED + body


def network(
    channels: int, out: int, kernel: tuple[int, int] = (3, 3), pads: tuple[int, int, int, int] = (1, 1, 1, 1)
) -> Graph:
    """Two convolutions of 3x3 with a wide one between them."""
    rng = np.random.default_rng(0)
    weight, bias = random_conv(rng, channels, out, 5)
    wide = weight[:, :, : kernel[0], : kernel[1]] * np.float32(5 / np.sqrt(np.prod(kernel)))
    first, last = random_conv(rng, 1, channels, 3), random_conv(rng, out, 4, 3)
    nodes = (
        Node("a", Conv(*first, (1, 1, 1, 1)), ("input",)),
        Node("b", Relu(), ("a",)),
        Node("c", Conv(wide, bias, pads), ("b",)),
        Node("d", Relu(), ("c",)),
        Node("e", Conv(last[0] * np.float32(0.2), last[1], (1, 1, 1, 1)), ("d",)),
        Node("f", DepthToSpace(2), ("e",)),
    )
    return Graph("wide", "luma", nodes, "f")


def shown(gl: moderngl.Context, graph: Graph, size: tuple[int, int], lanes: int, params: Mapping[str, float]) -> float:
    """How far the picture of the file, its matrices emulated, is from the reference at most."""
    file = compiler.compile(graph, TENSOR)
    blocks = []
    for block in file.blocks:
        if isinstance(block, hookfile.HookPass):
            block = hookfile.HookPass(**{**vars(block), "body": emulated(block.body, lanes)})
        blocks.append(block)
    width, height = size
    image = np.random.default_rng(1).random((1, height, width), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    file = hookfile.parse(hookfile.format(hookfile.HookFile(file.header, tuple(blocks))))
    with Runner(gl, file, storage="rgba16f", params=params) as runner:
        found = runner.run(Frame({"LUMA": image}), (2 * width, 2 * height)).planes["LUMA"]
    return float(np.abs(found - expected).max())


BOUND = 4e-3
"""Half of this is found; a product too many or at the wrong place is off by 0.05 and more."""


@pytest.mark.parametrize("size", [(1, 1), (17, 13), (9, 33)], ids=str)
def test_winograd_s_products(gl: moderngl.Context, size: tuple[int, int]) -> None:
    assert shown(gl, network(16, 16), size, lanes=64, params={}) < BOUND


@pytest.mark.parametrize("shape", [(8, 16, 16), (8, 8, 16), (8, 8, 8)], ids=str)
def test_other_shapes_of_matrices(gl: moderngl.Context, shape: tuple[int, int, int]) -> None:
    params = dict(zip(("TENSOR_M", "TENSOR_N", "TENSOR_K"), map(float, shape), strict=True))
    assert shown(gl, network(16, 32), (17, 13), lanes=16, params=params) < BOUND


@pytest.mark.parametrize("lanes", [4, 32, 64])
def test_any_number_of_subgroups_computes_all_blocks(gl: moderngl.Context, lanes: int) -> None:
    assert shown(gl, network(16, 48), (9, 7), lanes, params={}) < BOUND


def test_channels_are_filled_up(gl: moderngl.Context) -> None:
    assert shown(gl, network(20, 24), (9, 7), lanes=32, params={}) < BOUND


@pytest.mark.parametrize(
    ("kernel", "pads"),
    [((1, 1), (0, 0, 0, 0)), ((5, 5), (2, 2, 2, 2)), ((1, 3), (0, 1, 0, 1)), ((3, 5), (1, 2, 1, 2))],
    ids=str,
)
def test_other_kernels(gl: moderngl.Context, kernel: tuple[int, int], pads: tuple[int, int, int, int]) -> None:
    assert shown(gl, network(32, 16, kernel, pads), (9, 17), lanes=32, params={}) < BOUND


def test_switched_off_plain_passes_run(gl: moderngl.Context) -> None:
    assert shown(gl, network(16, 16), (17, 13), lanes=32, params={"TENSOR": 0.0}) < BOUND


def test_a_wrong_lane_is_seen(gl: moderngl.Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "EMULATED", EMULATED.replace("x_ / 8], x_ % 8)", "x_ / 8], (x_ + 1) % 8)"))
    assert shown(gl, network(16, 16), (9, 7), lanes=32, params={}) > 5 * BOUND
