"""Layers of bytes: what their passes compute is what the network means, to the bit.

OpenGL has no product of four bytes, so the file's own function stands for it there.
"""

from __future__ import annotations

import moderngl
import numpy as np

from shadergen import compiler, quantise
from shadergen.emit import emit
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.runtime.program import Storage
from shadergen.runtime.runner import Frame, Runner
from shadergen.target import DOT8
from tests.nets import wide_network

Array = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def layer_on(
    gl: moderngl.Context, graph: Graph, size: tuple[int, int], storage: Storage = "rgba32f"
) -> tuple[Array, Array]:
    """What the wide layer's pass gives, and what the network makes of the bytes that this pass has read."""
    planned = compiler.plan(graph, DOT8)
    textures = {value: planned.textures[value][0] for value in ("b_bytes", "d")}
    width, height = size
    image = np.random.default_rng(1).random((1, height, width), np.float32)
    with Runner(gl, emit(planned), storage=storage) as runner:
        names = [texture.name for texture in textures.values()]
        saved = runner.run(Frame({"LUMA": image}), (2 * width, 2 * height), keep=names).saved
    found = {value: texture.unpack(saved[texture.name]) for value, texture in textures.items()}
    expected = found["b_bytes"]
    for name in ("c_sums", "c", "d"):
        expected = reference.apply(graph.node(name).op, [expected])
    return found["d"], expected


def test_bytes_without_a_sign(gl: moderngl.Context) -> None:
    """More pixels than a workgroup has, and zeros around the picture."""
    found, expected = layer_on(
        gl, quantise.quantised(wide_network(16, 16, (2, 2), (1, 0, 0, 1)), {"b": (0.0, 4.0)}), (18, 9)
    )
    assert np.abs(expected).max() > 0.5
    assert np.array_equal(found, expected)


def test_bytes_with_a_sign_any_kernel_and_packs_that_fill_no_word(gl: moderngl.Context) -> None:
    graph = quantise.quantised(wide_network(20, 16, (1, 2), (0, 0, 0, 1)), {"b": (-3.0, 4.0)})
    found, expected = layer_on(gl, graph, (9, 7))
    assert np.array_equal(found, expected)


def test_many_channels_whose_invocations_have_a_pixel_each(gl: moderngl.Context) -> None:
    graph = quantise.quantised(wide_network(24, 36, (2, 1), (1, 0, 0, 0)), {"b": (0.0, 4.0)})
    found, expected = layer_on(gl, graph, (9, 10))
    assert np.array_equal(found, expected)


def test_stored_in_16_bits_bytes_lose_nothing(gl: moderngl.Context) -> None:
    """The layer's own value is rounded when it is stored, and only then."""
    graph = quantise.quantised(wide_network(16, 16, (1, 1), (0, 0, 0, 0)), {"b": (0.0, 4.0)})
    found, expected = layer_on(gl, graph, (9, 7), "rgba16f")
    assert np.abs(found - expected).max() <= 2.0**-10 * np.abs(expected).max()
