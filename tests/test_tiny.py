"""From weights to a checked shader in one screen. Read this first; tests/gpu/ runs such a file on a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shadergen import compiler, hookfile
from shadergen.ir import reference
from shadergen.ir.dump import dump
from shadergen.lint import lint_text
from shadergen.sources import load
from shadergen.target import Target


def test_from_weights_to_a_checked_shader(tmp_path: Path) -> None:
    # What a trainer writes: the convolutions' weights (out, in, height, width) and biases.
    rng = np.random.default_rng(0)
    shapes = {"conv0": (4, 1, 3, 3), "conv1": (4, 4, 3, 3), "conv2": (4, 4, 3, 3), "conv3": (4, 4, 3, 3)}
    weights = {f"{name}.weight": rng.normal(0, 0.2, shape).astype(np.float32) for name, shape in shapes.items()}
    biases = {f"{name}.bias": rng.normal(0, 0.1, 4).astype(np.float32) for name in shapes}
    np.savez(tmp_path / "Tiny.npz", **weights, **biases)  # type: ignore[arg-type]  # numpy's stubs

    # The graph: what the network means, and what it makes of a picture.
    graph = load(tmp_path / "Tiny.npz")
    assert dump(graph).splitlines()[0] == "Tiny: luma, input 'input' 1 x n x n"
    assert [node.name for node in graph.nodes] == [
        "conv0",
        "conv1",
        "relu1",
        "conv2",
        "skip",
        "conv3",
        "shuffle",
        "output",
    ]
    picture = rng.random((1, 9, 13), np.float32)
    assert reference.evaluate(graph, picture)[graph.output].shape == (1, 18, 26)

    # The hook file: three passes for mpv, the last of which gives luma at twice the size. Nothing stands between conv0
    # and conv1, so they have become one convolution, and a Rim for what is different at the picture's border.
    file = compiler.compile(graph, Target("compute"))
    assert [block.save for block in file.passes] == ["Tiny_CMP_relu1", "Tiny_CMP_skip", None]
    assert file.passes[0].desc == "Tiny conv1_whole 4x5x5x1 + Relu"
    assert [block.desc for block in file.passes][-1] == "Tiny conv3 4x3x3x4 + Clip + DepthToSpace"
    assert (str(file.passes[-1].width), file.passes[-1].components) == ("HOOKED.w 2 *", 1)

    # Its text, which reads back as the same file, and in which lint finds nothing that a player would mind.
    text = hookfile.format(file)
    assert text.startswith("// Tiny_CMP.glsl\n")
    assert hookfile.parse(text) == file
    assert lint_text(text) == ()
