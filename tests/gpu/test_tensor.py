"""Tensor cores: what the kernel means, without one.

An OpenGL driver has no matrices that a subgroup shares. Here they are arrays that one invocation of each subgroup has
to itself; the file's text is changed as far as that takes, and runs anywhere. Subgroups have as many lanes as we say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import moderngl
import numpy as np
import pytest

from shadergen import compiler, hookfile
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.ops import LeakyRelu, Sigmoid
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import Target
from tests.nets import wide_network, wide_pair

TENSOR = Target("compute", kernel="tensor")
TABLES = replace(TENSOR, weights="texture")
"""In fp32, since Mesa's OpenGL has no 16-bit floats; the matrices are of halves all the same."""

EMULATED = """
// Where the matrices of an invocation's subgroup begin, rows (of weights, columns) of four words each
#define GROUP_ int(gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x)
#define SUMS_ ((GROUP_ * int(gl_WorkGroupSize.x) + int(gl_LocalInvocationIndex)) / LANES * 8192)
#define FACTORS_ (SUMS_ + 4096)
#define WEIGHTS_ (SUMS_ + 8128)
#define LOAD_(to, rows, words, at, stride) \\
    for (int y_ = 0; y_ < rows; y_++) for (int x_ = 0; x_ < TENSOR_K / 8; x_++) { \\
        uvec4 w_ = words[(at) + y_ * stride + x_]; \\
        of_[to + y_ * 4 + 2 * x_] = vec4(unpackHalf2x16(w_.x), unpackHalf2x16(w_.y)); \\
        of_[to + y_ * 4 + 2 * x_ + 1] = vec4(unpackHalf2x16(w_.z), unpackHalf2x16(w_.w)); \\
    }
#define LOAD_ROWS(m, words, at, stride) LOAD_(FACTORS_ + (m) * 64, TENSOR_M, words, at, stride)
#define LOAD_COLUMNS(words, at, stride) LOAD_(WEIGHTS_, TENSOR_N, words, at, stride)
#define TERM_(n, x, z) dot(of_[FACTORS_ + (n) * 64 + y_ * 4 + z], of_[WEIGHTS_ + (x) * 4 + z])
#define PRODUCT_(n, x) \\
    (TERM_(n, x, 0) + TERM_(n, x, 1) + (TENSOR_K == 16 ? TERM_(n, x, 2) + TERM_(n, x, 3) : 0.0))
#define MULTIPLY(m, n) \\
    for (int y_ = 0; y_ < TENSOR_M; y_++) for (int x_ = 0; x_ < TENSOR_N; x_ += 4) \\
        of_[SUMS_ + (m) * 64 + y_ * 4 + x_ / 4] += \\
            vec4(PRODUCT_(n, x_), PRODUCT_(n, x_ + 1), PRODUCT_(n, x_ + 2), PRODUCT_(n, x_ + 3))
#define CLEAR(m) for (int y_ = 0; y_ < 64; y_++) of_[SUMS_ + (m) * 64 + y_] = vec4(0.0)
#define STORE(value, words, at, stride) \\
    for (int y_ = 0; y_ < TENSOR_M; y_++) for (int x_ = 0; x_ < TENSOR_N; x_ += 4) { \\
        vec4 of_row_ = value; \\
        words[(at) + y_ * stride + x_ / 8][x_ / 2 % 4] = packHalf2x16(of_row_.xy); \\
        words[(at) + y_ * stride + x_ / 8][x_ / 2 % 4 + 1] = packHalf2x16(of_row_.zw); \\
    }
"""
MATRICES = hookfile.UserBuffer("matrices", (hookfile.BufferVar("vec4", "of_", 1 << 17),), bytes(16 << 17), storage=True)
"""All matrices: of each subgroup 64 with sums, 63 with factors, and one with weights.

As arrays of an invocation they are too much for llvmpipe. It also ends all loops of an invocation after 65535 turns
(LP_MAX_TGSI_LOOP_ITERATIONS), and says nothing: the networks here are small enough.
"""


def emulated(body: str, lanes: int) -> str:
    """The body of a pass with matrices of our own, for subgroups of so many lanes."""
    if "coopmat<" not in body:
        return body
    matrix = r"coopmat<\w+, gl_ScopeSubgroup, \w+, \w+, gl_MatrixUse\w+>"
    leads = f"int(gl_LocalInvocationIndex) % {lanes} == 0"
    for pattern, text in {
        r"#extension .*\n": "",
        r"\[\[\w+\]\] ": "",
        rf"coopMatStore\({matrix}\((.*?)\), (\w+_tile), (.*), gl_\w+RowMajor\)": r"STORE(\1, \2, \3)",
        r"coopMatLoad\(a\[i\], (.*), gl_\w+RowMajor\)": r"LOAD_ROWS(i, \1)",
        r"coopMatLoad\(b, (.*), gl_\w+ColumnMajor\)": r"LOAD_COLUMNS(\1)",
        r"sums\[m\] = coopMatMulAdd\(a\[(.*)\], b, sums\[m\]\)": r"MULTIPLY(m, \1)",
        r"ALL_BUSY \|\| ": f"{leads} && ",  # only one invocation of a subgroup works
        rf"sums\[i\] = {matrix}\(0\.0\)": f"if ({leads}) CLEAR(i)",
        rf"{matrix} \w+(\[.*\])?;": "",
        r"sums\[(m[^]]*)\]": r"of_[SUMS_ + (\1) * 64 + y_ * 4 + x_ / 4]",
        r"\bgl_SubgroupID\b": f"(gl_LocalInvocationIndex / {lanes}u)",
        r"\bgl_NumSubgroups\b": f"(gl_WorkGroupSize.x / {lanes}u)",
        r"\b(un)?packFloat2x16\b": r"\1packHalf2x16",
        r"\bf16vec4\b": "vec4",
    }.items():
        body = re.sub(pattern, text, body)
    return EMULATED.replace("LANES", str(lanes)) + body


def shown(
    gl: moderngl.Context,
    graph: Graph,
    size: tuple[int, int],
    lanes: int,
    params: Mapping[str, float],
    target: Target = TENSOR,
) -> float:
    """How far the picture of the file, its matrices emulated, is from the reference at most."""
    file = compiler.compile(graph, target)
    blocks: list[hookfile.Block] = [MATRICES]
    for block in file.blocks:
        if isinstance(block, hookfile.HookPass):
            body = emulated(block.body, lanes)
            binds = block.binds if body == block.body else (*block.binds, MATRICES.name)
            block = replace(block, body=body, binds=binds)
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


def test_winograd_s_products_for_few_subgroups(gl: moderngl.Context) -> None:
    """Three blocks of channels for one subgroup, and more pixels than whole workgroups have."""
    assert shown(gl, wide_network(16, 48), (9, 7), lanes=64, params={}) < BOUND


def test_small_matrices_and_texels_in_two_parts(gl: moderngl.Context) -> None:
    params = {"TENSOR_M": 8.0, "TENSOR_N": 8.0, "TENSOR_K": 8.0}
    assert shown(gl, wide_network(32, 16), (9, 7), lanes=16, params=params) < BOUND


def test_any_kernel_with_channels_that_are_filled_up(gl: moderngl.Context) -> None:
    assert shown(gl, wide_network(20, 24, (2, 5), (1, 2, 0, 2)), (9, 7), lanes=32, params={}) < BOUND


@pytest.mark.parametrize(("channels", "out"), [(16, 48), (32, 16)])
def test_weights_in_a_texture(gl: moderngl.Context, channels: int, out: int) -> None:
    """Copied to shared memory, in one part for each row of taps and in two."""
    assert shown(gl, wide_network(channels, out), (9, 7), lanes=32, params={}, target=TABLES) < BOUND


FUSED = replace(TENSOR, fuse=True)
SMALL = {"TENSOR_M": 8.0, "TENSOR_N": 8.0, "TENSOR_K": 8.0}


@pytest.mark.parametrize(
    ("graph", "size", "lanes", "params"),
    [
        (wide_pair(16, 20, 16, LeakyRelu(0.2), adds=True), (13, 31), 64, {}),
        (wide_pair(16, 16, 16, Sigmoid()), (1, 1), 32, SMALL),
    ],
)
def test_two_layers_in_a_pass(
    gl: moderngl.Context, graph: Graph, size: tuple[int, int], lanes: int, params: Mapping[str, float]
) -> None:
    """Workgroups beside each other and below, channels that are filled up, and zero outside of the first layer."""
    assert shown(gl, graph, size, lanes, params, FUSED) < BOUND


def test_switched_off_plain_passes_run(gl: moderngl.Context) -> None:
    assert shown(gl, wide_network(16, 16), (9, 7), lanes=32, params={"TENSOR": 0.0}) < BOUND
