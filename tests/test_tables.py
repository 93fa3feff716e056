"""Tables: what goes into a texture comes out of it, texel by texel."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from shadergen import hookfile, passes
from shadergen.compiler import scheduled as schedule
from shadergen.emit import emit
from shadergen.emit.steps.rim import EVERY
from shadergen.glsl import spelling, tables
from shadergen.glsl.names import table_name
from shadergen.glsl.tables import Table
from shadergen.hookfile import HookFile, UserTexture
from shadergen.ir.graph import Graph, Node, verify
from shadergen.ir.ops import Add, Array, Conv, Relu, Rim, RimTerm
from shadergen.target import VARIANTS, Target
from tests.nets import c_model, random_conv

_, COMPUTE, _, INSTANT = VARIANTS


def texels(block: UserTexture) -> Array:
    """What a shader reads of a table in rgba32f: (rows, columns, 4)."""
    width, height = block.size
    return np.frombuffer(block.data, "<f4").reshape(height, width, 4)


def units(block: UserTexture) -> Array:
    """What a shader reads of a table in rgba8, in units: (rows, columns, 4). GLSL's `number`, in NumPy."""
    width, height = block.size
    first, second, third = np.frombuffer(block.data, np.uint8).reshape(height, 3, width // 3, 4).swapaxes(0, 1) / 255
    return np.asarray(65536 * (np.rint(255 * first) - 128) + 65280 * second + 255 * third, np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Parts


@given(st.integers(1, 13), st.integers(1, 13), st.integers(1, 3), st.integers(1, 3), st.integers(1, 4))
def test_columns_of_matrices(out: int, channels: int, kh: int, kw: int, lanes: int) -> None:
    """Result channel o from source channel i is lane o % 4 of column i % lanes of a matrix; the rest is zero."""
    weight = np.arange(1, 1 + out * channels * kh * kw, dtype=np.float32).reshape(out, channels, kh, kw)
    found = tables.columns(weight, lanes)
    assert found.shape == (-(-out // 4), -(-channels // lanes), kh, kw, lanes, 4)
    assert found.dtype == np.float32
    for o, i, y, x in np.ndindex(weight.shape):
        assert found[o // 4, i // lanes, y, x, i % lanes, o % 4] == weight[o, i, y, x]
    assert np.count_nonzero(found) == weight.size


@given(st.integers(1, 17))
def test_packs_of_a_bias(out: int) -> None:
    bias = np.arange(1, out + 1, dtype=np.float32)
    found = tables.packs(bias)
    assert found.shape == (-(-out // 4), 4)
    assert found.ravel()[:out].tolist() == bias.tolist()
    assert not found.ravel()[out:].any()


def test_a_table_as_a_block_of_a_file() -> None:
    numbers = np.random.default_rng(0).normal(size=(5, 3, 4)).astype(np.float32)
    block = Table("weights", numbers, "rgba32f").block()
    assert (block.name, block.size, block.format, block.filter) == ("weights", (3, 5), "rgba32f", "NEAREST")
    np.testing.assert_array_equal(texels(block), numbers)
    (again,) = hookfile.parse(hookfile.format(HookFile("", (block,)))).blocks
    assert again == block


@pytest.mark.parametrize("dtype", [np.float64, ">f4"])
def test_a_table_of_other_numbers_is_written_as_little_endian_floats(dtype: Any) -> None:
    numbers: Any = np.arange(24).reshape(3, 2, 4).astype(dtype).transpose(1, 0, 2)
    np.testing.assert_array_equal(texels(Table("t", numbers, "rgba32f").block()), numbers)


@given(
    hnp.arrays(np.float32, (2, 3, 4), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([1.0, 0.75, 1e-3, 3e38, 1e-38]),
)
def test_bytes_hold_24_bits_of_the_largest_number(numbers: Array, size: float) -> None:
    """Half a unit is lost; a unit is 2^-23 of the next power of two, or 2^-126 where that is larger."""
    numbers = numbers * np.float32(size)
    table = Table("t", numbers, "rgba8")
    block = table.block()
    assert (block.size, block.format, len(block.data)) == ((9, 2), "rgba8", 4 * 3 * 3 * 2)
    largest = float(np.abs(numbers).max())
    assert not largest or table.unit <= max(largest * 2**-22, 2**-126)
    found = units(block).astype(np.float64) * table.unit
    assert np.abs(found - numbers).max() <= 0.51 * table.unit
    assert (found[numbers == 0] == 0).all()


def test_whole_numbers_are_exact_beside_any_others() -> None:
    numbers = np.array([[[EVERY, -1, 0, 7], [1, 2, 8388607, 4], [1e-20, 2e-20, 0, 0]]], np.float32)
    found = units(Table("t", numbers, "rgba8", places=2).block())
    np.testing.assert_array_equal(found[:, :2], numbers[:, :2])


def test_parts_of_a_table_that_are_much_smaller_keep_their_digits() -> None:
    """Each is divided by a power of two of its own; rgba32f needs none."""
    small = np.array([3e-9, -1e-9], np.float32)
    assert tables.scale(small, "rgba8") == 2**-28
    assert (tables.scale(small, "rgba32f"), tables.scale(0 * small, "rgba8")) == (1, 1)


def test_fetches_and_matrices_as_text() -> None:
    table = Table("t", np.zeros((1, 2, 4), np.float32), "rgba32f")
    assert table.fetch("2", "row") == "texelFetch(t, ivec2(2, row), 0)"
    assert table.fetch_whole("2", "row") == "ivec4(texelFetch(t, ivec2(2, row), 0))"
    table = Table("t", np.full((1, 2, 4), 1 / 8, np.float32), "rgba8")
    assert table.fetch("2", "row") == "t_at(2, row)"
    assert table.fetch("2", "row", 0.5) == ".5 * t_at(2, row)"
    assert table.fetch_whole("2", "row") == "ivec4(round(3.3554432e+07 * t_at(2, row)))"
    fetches = (f"texelFetch(t, ivec2(column{offset}, row), 0)" for offset in ("", " + 2", " + 4"))
    assert table.value == f"number({', '.join(fetches)}, {spelling.literal(2**-25, spelling.FP32)})"
    assert tables.matrix("vec4", ["a"]) == "a"
    assert tables.matrix("mat2x4", ["a", "b"]) == "mat2x4(a, b)"


def test_names_that_no_value_has() -> None:
    """A node's words begin with letters, so no texture of a pack ends like a table."""
    names = [table_name("net_a", packs, 4) for packs in ((0, 1), (0, 2), (2, 3), (0, 1, 2, 3))]
    assert names == ["net_a_0_1of4w", "net_a_0_2of4w", "net_a_2_3of4w", "net_a_0w"]


# ---------------------------------------------------------------------------------------------------------------------
# The weights of a convolution


def tables_of(graph: Graph, target: Target) -> dict[str, Array]:
    """What the tables of a compute file hold, by node and pack; the graph is not rewritten."""
    planned = schedule(graph, target)
    blocks = [block for block in emit(planned).blocks if isinstance(block, UserTexture)]
    return {block.name.removeprefix(f"{planned.prefix}_"): texels(block) for block in blocks}


def byte_tables_of(graph: Graph, target: Target) -> dict[str, Array]:
    """The same of a fragment file, whose first columns hold whole numbers; the code has the unit of the others."""
    planned = schedule(graph, target)
    file, found = emit(planned), {}
    text = hookfile.format(file)
    for block in file.blocks:
        if isinstance(block, UserTexture):
            (unit,) = set(re.findall(rf"return number\(texelFetch\({block.name}, .*, (\S+)\);", text))
            numbers = units(block)
            numbers[:, 1:] *= np.float32(unit)
            found[block.name.removeprefix(f"{planned.prefix}_")] = numbers
    return found


@pytest.mark.parametrize(("channels", "lanes"), [(1, 1), (3, 3), (4, 4), (9, 4)])
@pytest.mark.parametrize("out", [1, 6, 8])
def test_a_convolution_s_weights_come_back(channels: int, lanes: int, out: int) -> None:
    """A row for each pack of the result and of the source: the bias, then a matrix for each tap."""
    weight, bias = random_conv(np.random.default_rng(0), channels, out, 3)
    op = Conv(weight[:, :, :2], bias, (1, 1, 0, 1))
    nodes = (
        Node("a", Conv(*random_conv(np.random.default_rng(1), 1, channels, 1)), ("input",)),
        Node("b", op, ("a",)),
        Node("c", Conv(*random_conv(np.random.default_rng(2), out, 1, 1)), ("b",)),
    )
    found = tables_of(Graph("net", "luma", nodes, "c"), INSTANT)
    assert set(found) == {"a_0w", "b_0w", "c_0w"}
    sources, results = -(-channels // 4), -(-out // 4)
    assert found["b_0w"].shape == (results * sources, 1 + 2 * 3 * lanes, 4)
    rows = found["b_0w"].reshape(results, sources, -1, 4)
    for o, i, y, x in np.ndindex(op.weight.shape):
        column = 1 + (y * 3 + x) * lanes + i % lanes
        assert rows[o // 4, i // 4, column, o % 4] == op.weight[o, i, y, x]
    np.testing.assert_array_equal(rows[:, 0, 0].ravel()[:out], bias)
    assert np.count_nonzero(rows) == op.weight.size + bias.size


def test_weights_in_the_code_have_no_table() -> None:
    for target in VARIANTS[:3]:
        assert not tables_of(c_model(), target)


# ---------------------------------------------------------------------------------------------------------------------
# Rims

TERMS = (
    RimTerm(0, None, np.full((6, 5, 1, 3), 2, np.float32), np.full(6, -1, np.float32), 0, -1),
    RimTerm(None, -2, np.arange(60, dtype=np.float32).reshape(6, 5, 2, 1), np.arange(6, dtype=np.float32), -1, 2),
    RimTerm(-1, 1, np.full((6, 5, 1, 1), 3, np.float32), np.zeros(6, np.float32), -4, 7),
)


def rim_net() -> Graph:
    """5 channels and a rim to 6, beside a convolution that it goes with."""
    rng = np.random.default_rng(0)
    nodes = (
        Node("a", Conv(*random_conv(rng, 1, 5, 1)), ("input",)),
        Node("relu", Relu(), ("a",)),
        Node("whole", Conv(*random_conv(rng, 5, 6, 1)), ("relu",)),
        Node("rim", Rim(TERMS), ("relu",)),
        Node("sum", Add(), ("whole", "rim")),
        Node("last", Conv(*random_conv(rng, 6, 1, 1)), ("sum",)),
    )
    graph = Graph("net", "luma", nodes, "last")
    verify(graph)
    return graph


def test_a_rim_s_terms_come_first() -> None:
    """Column, row, and the rows of its taps; a row or column that is every one has a number no image reaches."""
    found = tables_of(rim_net(), COMPUTE)["sum_0w"]
    assert found[:3, 0].tolist() == [[EVERY, 0, 3, 6], [-2, EVERY, 6, 8], [1, -1, 8, 9]]
    assert abs(EVERY) > 16384, "beyond any texture"
    biases = found[:3, 1:3].reshape(3, 8)
    for bias, term in zip(biases, TERMS, strict=True):
        np.testing.assert_array_equal(bias[:6], term.bias)
        assert not bias[6:].any()


def test_a_rim_s_taps_follow() -> None:
    """Each has the offset of its texel, and for a pack of the source a matrix for every pack of the result."""
    found = tables_of(rim_net(), COMPUTE)["sum_0w"]
    assert found.shape == (3 + 3 + 2 + 1, 1 + 2 * 2 * 4, 4)
    assert found[3:, 0].tolist() == [[x, y, 0, 0] for x, y in [(-1, 0), (0, 0), (1, 0), (2, -1), (2, 0), (7, -4)]]
    row = 3
    for term in TERMS:
        for ky, kx in np.ndindex(term.weight.shape[2:]):
            matrices = found[row, 1:].reshape(2, 2, 4, 4)  # source pack, result pack, lane of the source, lane
            for o, i in np.ndindex(6, 5):
                assert matrices[i // 4, o // 4, i % 4, o % 4] == term.weight[o, i, ky, kx]
            assert np.count_nonzero(matrices) == np.count_nonzero(term.weight[:, :, ky, kx])
            row += 1
    assert row == len(found)


def test_every_variant_has_the_same_rim() -> None:
    """In fragment passes each pack has its own part of it."""
    whole = tables_of(rim_net(), COMPUTE)["sum_0w"]
    for target in VARIANTS[2:]:
        np.testing.assert_array_equal(tables_of(rim_net(), target)["sum_0w"], whole)
    parts = byte_tables_of(rim_net(), VARIANTS[0])  # whose numbers are few and whole, so that 24 bits hold them exactly
    assert set(parts) == {"sum_0of2w", "sum_1of2w"}
    for pack, name in enumerate(sorted(parts)):
        part = parts[name]
        assert part.shape == (9, 1 + 2 * 4, 4)
        np.testing.assert_array_equal(part[:, 0], whole[:, 0])
        np.testing.assert_array_equal(part[:3, 1], whole[:3, 1 + pack])
        matrices = whole[3:, 1:].reshape(6, 2, 2, 4, 4)[:, :, pack]
        np.testing.assert_array_equal(part[3:, 1:].reshape(6, 2, 4, 4), matrices)


def test_a_rim_of_luma_has_one_lane() -> None:
    """A column for each pack of the result."""
    graph = passes.optimise(c_model(filters=8))
    (op,) = [node.op for node in graph.nodes if node.name == "conv1_rim"]
    assert isinstance(op, Rim)
    taps = sum(term.weight[0, 0].size for term in op.terms)
    assert tables_of(graph, COMPUTE)["conv1_0w"].shape == (len(op.terms) + taps, 1 + 2, 4)


@pytest.mark.parametrize("target", VARIANTS, ids=["fragment", "compute", "fp16", "instant"])
def test_pixels_clear_of_every_term_are_the_interior(target: Target) -> None:
    """Columns 1 and -2, rows 0 and -1: two columns at either side and one row, from the block's first and last."""
    planned = schedule(rim_net(), target)
    (scheduled, *_) = [each for each in planned.passes if each.root == "sum"]
    width, height = scheduled.pixels
    (body, *_) = [block.body for block in emit(planned).passes if "is_at(" in block.body]
    assert "all(greaterThanEqual(pixel, ivec2(2, 1)))" in body
    assert f"all(lessThan(pixel + ivec2({width - 1}, {height - 1}), size - ivec2(2, 1)))" in body
    assert f"for (int i = interior ? {width * height} : 0; i < {width * height}; i++)" in body
    assert "term < 3; term++" in body
