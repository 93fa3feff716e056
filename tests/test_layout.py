"""Which channels live in which texture, cell and lane."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadergen.ir.types import TensorType
from shadergen.storage.layout import Layout, Texture, grid, lanes

SHAPES = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2), 5: (3, 2), 6: (3, 2), 7: (4, 2), 8: (4, 2), 9: (3, 3)} | {
    10: (4, 3),
    12: (4, 3),
    13: (4, 4),
    16: (4, 4),
}


@pytest.mark.parametrize(("packs", "shape"), SHAPES.items())
def test_a_grid_is_small_and_square(packs: int, shape: tuple[int, int]) -> None:
    assert grid(packs) == shape


@given(st.integers(1, 16))
def test_a_grid_for_one_texture_fits_direct3d_11(packs: int) -> None:
    columns, rows = grid(packs)
    assert packs <= columns * rows < packs + columns
    assert rows <= columns <= 4


def test_lanes_in_use() -> None:
    assert [lanes(10, pack) for pack in range(4)] == [4, 4, 2, 0]
    assert (lanes(10, 0, 2), lanes(10, 1, 2), lanes(1, 0, 4)) == (8, 6, 1)


def test_one_texture_has_the_value_s_name_and_several_have_numbers() -> None:
    (texture,) = Layout(16).textures("net_conv0", "conv0", TensorType(32))
    assert texture == Texture("net_conv0", "conv0", TensorType(32), 0, 8, 4, 2)
    fragments = Layout(1).textures("net_conv0", "conv0", TensorType(10))
    assert [(t.name, t.first, t.packs, t.texels()) for t in fragments] == [
        ("net_conv0_0", 0, 1, 1),
        ("net_conv0_1", 1, 1, 1),
        ("net_conv0_2", 2, 1, 1),
    ]


def test_more_than_16_packs_take_more_textures() -> None:
    textures = Layout(16).textures("x", "x", TensorType(4 * 16 + 4 * 2 + 3))
    assert [(t.name, t.first, t.packs, t.columns, t.rows) for t in textures] == [
        ("x_0", 0, 16, 4, 4),
        ("x_1", 16, 3, 3, 1),
    ]
    assert [pack for pack in range(20) if textures[1].holds(pack)] == [16, 17, 18]
    assert textures[1].cell(16) == (0, 0)


@given(st.integers(1, 90), st.sampled_from((1, 5, 16)), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_unpack_undoes_putting_channels_into_their_cells(
    channels: int, limit: int, height: int, width: int, planar: bool
) -> None:
    value = np.random.default_rng(0).random((channels, height, width)).astype(np.float32)
    read = []
    for texture in Layout(limit, planar).textures("x", "x", TensorType(channels)):
        texels = np.full((4, height * texture.rows, width * texture.columns), np.nan, np.float32)
        for channel in range(channels):
            if texture.holds(channel // 4):
                column, row = texture.cell(channel // 4)
                if texture.planar:
                    rows, columns = (
                        slice(row * height, (row + 1) * height),
                        slice(column * width, (column + 1) * width),
                    )
                else:
                    rows, columns = slice(row, None, texture.rows), slice(column, None, texture.columns)
                texels[channel % 4, rows, columns] = value[channel]
        if not planar:
            edged = replace(texture, zero_edge=True)
            zeros = np.pad(np.nan_to_num(texels), ((0, 0), (0, texture.rows), (0, texture.columns)))
            assert zeros.shape[1:] == edged.size(height, width)
            np.testing.assert_array_equal(edged.pack(texture.unpack(texels)), zeros)
            np.testing.assert_array_equal(edged.unpack(zeros), texture.unpack(texels))
            assert edged.beyond(zeros + 1, height, width).size == zeros[0].size * 4 - texels.size
        read.append(texture.unpack(texels))
        np.testing.assert_array_equal(texture.pack(read[-1]), np.nan_to_num(texels, nan=0.0))
    np.testing.assert_array_equal(np.concatenate(read), value)


def test_too_few_cells_for_the_packs() -> None:
    with pytest.raises(AssertionError, match="there must be a cell for every pack"):
        Texture("x", "x", TensorType(32), 0, 8, 2, 2)
