"""Networks of bytes: how one comes from a network of floats, and what the kernel for them takes and computes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from shadergen import compiler, hookfile, quantise, sources
from shadergen.cli import main
from shadergen.errors import ModelError, TargetError
from shadergen.hookfile import HookPass, UserBuffer
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Affine, Clip, Conv, Round
from shadergen.kernels.dot8 import whole
from shadergen.target import DOT8, Target
from tests.nets import RANGES, bytes_network, c_model, wide_network


def picture(height: int = 9, width: int = 14) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(1).random((1, height, width), np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# From floats to bytes


def test_layers_that_the_compiler_composes_stay_floats() -> None:
    """conv1 follows conv0 without an activation, and conv4 is followed by conv5 so."""
    assert quantise.wide_layers(c_model(filters=16, layers=3)) == ("conv2", "conv3")


def test_narrow_networks_have_no_layer_for_bytes() -> None:
    with pytest.raises(ModelError, match="found no layer of 16 channels and more on both sides"):
        quantise.wide_layers(c_model(filters=8))


def test_a_wide_layer_s_sums_are_whole_numbers() -> None:
    graph = bytes_network()
    values = reference.evaluate(graph, picture())
    for name in ("b_bytes", "c_sums"):
        assert np.array_equal(values[name], np.rint(values[name]))
    assert values["b_bytes"].min() >= 0
    assert values["b_bytes"].max() <= 255
    assert isinstance(graph.node("c_sums").op, Conv)
    assert [type(graph.node(name).op) for name in ("b_steps", "b_rounded", "b_bytes")] == [Affine, Round, Clip]


def test_the_picture_is_that_of_floats_within_a_byte_s_step() -> None:
    """Steps of 4/255, and weights of 7 bits and a sign: half a step is lost of each of 144 products."""
    image = picture()
    floats, graph = wide_network(16, 16), bytes_network()
    lost = reference.evaluate(graph, image)[graph.output] - reference.evaluate(floats, image)[floats.output]
    assert 0 < np.abs(lost).max() < 0.02


def test_a_relu_before_bytes_is_what_cuts_off_at_zero() -> None:
    """Between two layers of bytes there is one scale, and nothing is rounded but to the byte."""
    graph = c_model(filters=16, layers=3)
    made = quantise.quantised(graph, {"relu1": (0.0, 3.0), "relu2": (0.0, 3.0)})
    assert made.node("relu2_steps").inputs == ("conv2_sums",)
    assert {"relu1", "relu2", "conv2"}.isdisjoint(made.names)


def test_values_below_zero_have_a_sign() -> None:
    assert quantise.step_of((-1.0, 0.5)) == (1 / 128, Clip(-128, 127))
    assert quantise.step_of((0.0, 0.0)) == (1 / 255, Clip(0, 255))


def test_sums_that_float32_cannot_hold_are_refused() -> None:
    graph = wide_network(64, 16)
    with pytest.raises(ModelError, match=r"node 'c': found sums of up to .*, expected at most 16777216"):
        quantise.quantised(_of_equal_weights(graph), RANGES)


def _of_equal_weights(graph: Graph) -> Graph:
    """All weights of the wide layer the largest that a byte holds."""
    nodes = [
        replace(node, op=replace(node.op, weight=np.ones_like(node.op.weight)))
        if node.name == "c" and isinstance(node.op, Conv)
        else node
        for node in graph.nodes
    ]
    return replace(graph, nodes=tuple(nodes))


def test_ranges_are_measured_and_the_record_says_so(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    (tmp_path / "below").mkdir()
    PIL.Image.fromarray(pixels).save(tmp_path / "below" / "noise.png")
    sources.save(wide_network(16, 16), tmp_path / "wide.npz")
    arguments = ["quantise", tmp_path / "wide.npz", "-o", tmp_path / "wide_INT8.onnx", "--data", tmp_path]
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    made = quantise.quantised_on(sources.load(tmp_path / "wide.npz"), [tmp_path], 8)
    assert made.record.training["pictures"] == 1
    read = sources.load(tmp_path / "wide_INT8.onnx")
    one, other = (reference.evaluate(graph, picture())[graph.output] for graph in (made, read))
    assert np.abs(one - other).max() < 1e-5  # the reader folds the scale into the weights
    assert multiplies_bytes(read)


WEIGHTS = Path(__file__).parents[1] / "weights"


def test_the_shipped_model_is_within_0_15_db_of_that_of_floats() -> None:
    """By the scores in the records of both."""
    floats, made = sources.load(WEIGHTS / "C4F32.npz"), sources.load(WEIGHTS / "quantised" / "C4F32_INT8.npz")
    for folder in ("Set5", "eval_lineart", "eval_natural"):
        score = f"{folder}, box, dB"
        assert made.record.scores[score] > floats.record.scores[score] - 0.15
    layers = made.record.training["layers"].split()
    assert layers == list(quantise.wide_layers(floats)) == ["conv2", "conv3", "conv4"]
    for name in layers:
        op = made.node(f"{name}_sums").op
        assert isinstance(op, Conv)
        assert set(whole(op.weight).scale) == {1}  # type: ignore[union-attr]


# ---------------------------------------------------------------------------------------------------------------------
# Weights as whole numbers


def test_whole_numbers_are_their_own() -> None:
    found = whole(np.array([[[[-128.0, 3.0]]], [[[0.0, 127.0]]]], np.float32))
    assert found
    assert found.scale.tolist() == [1, 1]
    assert found.numbers.ravel().tolist() == [-128, 3, 0, 127]


def test_a_scale_for_each_channel_is_found() -> None:
    """Of weights as a QDQ model has them: whole numbers times a scale, in float32."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(-127, 128, (4, 16, 3, 3))
    numbers[:, 0, 0, 0], numbers[3] = 127, 0
    scale = np.array([0.013, 1e-4, 7.7, 1], np.float32)
    found = whole(numbers.astype(np.float32) * scale[:, None, None, None])
    assert found
    assert np.array_equal(found.numbers, numbers)
    assert np.allclose(found.scale, scale, rtol=1e-6)


def test_floats_are_no_whole_numbers() -> None:
    assert whole(np.random.default_rng(0).normal(size=(2, 16, 3, 3)).astype(np.float32)) is None


# ---------------------------------------------------------------------------------------------------------------------
# The file


def passes_of(graph: Graph, target: Target = DOT8) -> list[HookPass]:
    return [block for block in compiler.compile(graph, target).blocks if isinstance(block, HookPass)]


def bytes_pass(graph: Graph) -> str:
    """The body of the one pass that multiplies bytes."""
    (body,) = (item.body for item in passes_of(graph) if "dotPacked4x8EXT(int(" in item.body)
    return body


def multiplies_bytes(graph: Graph, target: Target = DOT8) -> bool:
    return any("dotPacked4x8EXT(int(" in item.body for item in passes_of(graph, target))


def test_a_quantised_network_has_passes_bytes_network() -> None:
    assert multiplies_bytes(bytes_network())
    assert multiplies_bytes(bytes_network(ranges={"b": (-3.0, 4.0)}))
    graph = bytes_network()
    nodes = [replace(node, op=Clip(-9, 246)) if node.name == "b_bytes" else node for node in graph.nodes]
    assert multiplies_bytes(replace(graph, nodes=tuple(nodes)))  # as a zero point of 9 has it


def test_what_is_no_whole_number_stays_plain() -> None:
    assert not multiplies_bytes(wide_network(16, 16))
    graph = bytes_network()
    nodes = [replace(node, op=Clip(-1, 255)) if node.name == "b_bytes" else node for node in graph.nodes]
    assert not multiplies_bytes(replace(graph, nodes=tuple(nodes)))


def test_an_invocation_has_as_many_pixels_as_registers_for_their_sums() -> None:
    """Of 32 channels two, of 64 one."""
    assert "ivec4 c_sums_0_sumb" in bytes_pass(bytes_network(16, 32))
    assert "ivec4 c_sums_15_sum " in bytes_pass(bytes_network(16, 64))
    assert "c_sums_15_sumb" not in bytes_pass(bytes_network(16, 64))


def test_a_file_without_bytes_does_not_speak_of_them(tmp_path: Path) -> None:
    sources.save(wide_network(16, 16), tmp_path / "wide.npz")
    result = CliRunner().invoke(main, ["build", f"{tmp_path}/wide.npz", "--kernel", "dot8", "-o", f"{tmp_path}/a.glsl"])
    assert "warning: found no layer of bytes for --kernel dot8" in result.output
    assert "Multiplies bytes" not in (tmp_path / "a.glsl").read_text("utf-8")


def test_who_does_not_ask_for_it_gets_the_plain_file() -> None:
    assert not multiplies_bytes(bytes_network(), replace(DOT8, kernel=""))
    assert DOT8.suffix == "_DOT8"


def test_there_are_no_fragment_passes_bytes_network() -> None:
    with pytest.raises(TargetError, match="found dot8 with --fragment"):
        Target(kernel="dot8")


def test_weights_are_a_byte_each() -> None:
    """By row of taps, word of the source, pack of the result, column of taps, pack in the word, channel out, and in."""
    graph = bytes_network(24, 20)
    (block,) = (b for b in compiler.compile(graph, DOT8).blocks if isinstance(b, UserBuffer) and "c_sums" in b.name)
    conv = graph.node("c_sums").op
    assert isinstance(conv, Conv)
    stored = np.frombuffer(block.data, np.int8, 9 * 24 * 20).reshape(3, 2, 5, 3, 3, 4, 4)
    for ky, kx, out, channel in ((0, 2, 5, 0), (2, 1, 19, 15), (1, 1, 8, 6)):
        found = stored[ky, channel // 12, out // 4, kx, channel // 4 % 3, out % 4, channel % 4]
        assert found == conv.weight[out, channel, ky, kx]


def test_where_the_turns_begin() -> None:
    """Of the weights, in uvec4, and of the tile of 18 by 10 texels, in words."""
    (block,) = (b for b in compiler.compile(bytes_network(24, 20), DOT8).blocks if "c_sums" in getattr(b, "name", ""))
    assert isinstance(block, UserBuffer)
    begins = np.frombuffer(block.data, "<i4", offset=9 * 24 * 20).reshape(-1, 4)
    assert begins[:, 0].tolist() == [0, 45, 90, 135, 180, 225]
    assert begins[:, 1].tolist() == [0, 1, 36, 37, 72, 73]
    assert not begins[:, 2:].any()


def test_the_header_says_which_gpus_it_is_for() -> None:
    text = hookfile.format(compiler.compile(bytes_network(), DOT8))
    assert "for Intel's Arc A" in text
    assert 'glsl-shader="~~/shaders/wide_DOT8.glsl"' in text
