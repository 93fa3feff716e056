"""What luma predicts of chroma: exact where two flat colours meet, silent where luma says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shadergen.errors import ModelError
from shadergen.ir import reference
from shadergen.ir.graph import Graph, verify
from shadergen.ir.ops import Array, Conv
from shadergen.runtime import colour
from shadergen.train import arch
from shadergen.train.guide import CHANNELS, PREFIX, guided
from tests.nets import c_model

SIZE = 32


def sample(luma: Array, chroma: Array) -> Array:
    """The input of a chroma network, (3, SIZE, SIZE), from whole planes (SIZE, SIZE) and (2, SIZE, SIZE)."""
    siting = colour.SITINGS["center"]
    held = colour.chroma_420(chroma.astype(np.float64), siting)
    return np.concatenate([luma[None], colour.upsample_chroma(held, siting, (SIZE, SIZE))]).astype(np.float32)


def prediction(image: Array) -> Array:
    """Cb and Cr as the guide has them, (2, SIZE, SIZE)."""
    graph = guided(arch.build("C1F4", "chroma", "net"))
    change = reference.evaluate(graph, image)[f"{PREFIX}prediction"]
    blocks = change.reshape(2, 2, 2, SIZE // 2, SIZE // 2)
    return np.asarray(image[1:] + blocks.transpose(0, 3, 1, 4, 2).reshape(2, SIZE, SIZE))


def two_colours(slope: float) -> tuple[Array, Array]:
    """A slanted edge between two colours whose luma and chroma differ: luma (SIZE, SIZE), chroma (2, SIZE, SIZE)."""
    y, x = np.mgrid[:SIZE, :SIZE]
    side = (x > SIZE / 2 + slope * (y - SIZE / 2)).astype(np.float32)
    return 0.3 + 0.4 * side, np.stack([0.6 - 0.2 * side, 0.4 + 0.3 * side])


@pytest.mark.parametrize("slope", [0.0, 0.4, -1.0])
def test_an_edge_between_two_colours_is_where_luma_has_it(slope: float) -> None:
    luma, chroma = two_colours(slope)
    image = sample(luma, chroma)
    interpolated, predicted = (np.abs(planes - chroma).mean() for planes in (image[1:], prediction(image)))
    assert predicted < interpolated / 4


@pytest.mark.parametrize("of", ["luma", "chroma"])
def test_what_says_nothing_of_the_other_changes_nothing(of: str) -> None:
    """Grey texture under one colour, or colours of equal luma: the interpolated chroma to a tenth of a code."""
    luma, chroma = two_colours(0.4)
    if of == "luma":
        chroma = np.full_like(chroma, 0.4)
    else:
        luma = np.full_like(luma, 0.5)
    image = sample(luma, chroma)
    assert np.abs(prediction(image) - image[1:]).max() < 0.1 / 255


def test_a_model_makes_the_same_picture_until_it_is_trained() -> None:
    before = c_model("chroma")
    after = guided(before)
    verify(after)
    image = np.random.default_rng(0).random((3, SIZE, SIZE), np.float32)
    found, expected = (reference.evaluate(graph, image)[graph.output] for graph in (after, before))
    np.testing.assert_allclose(found, expected, atol=1e-6)
    first = next(node.op for node in after.nodes if node.name == "conv0")
    assert isinstance(first, Conv)
    assert first.weight.shape[1] == 12 + CHANNELS


@pytest.mark.parametrize(
    "graph",
    [c_model("luma"), guided(c_model("chroma")), arch.build("R1F4", "chroma", "net")],
    ids=["luma", "twice", "R"],
)
def test_what_cannot_have_one_is_refused(graph: Graph) -> None:
    with pytest.raises(ModelError, match="expected a chroma model of the C architecture without a guide"):
        guided(graph)


def test_training_leaves_the_formulas_alone() -> None:
    pytest.importorskip("torch", reason="training needs PyTorch: pip install 'shadergen[train]'")
    from shadergen.train import data
    from shadergen.train.loop import Trainer
    from shadergen.train.options import Options

    options = Options("C1F4", "chroma", "neutral", steps=3, batch=2, patch=16, warmup=1, guide=True)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    pictures = data.Pictures(tuple("abcdef"), (noise,) * 6, "0" * 64)
    begun = guided(arch.build("C1F4", "chroma", "net"))
    run = Trainer(begun, replace(options, holdout=1), pictures)
    run.run()
    for old, new in zip(begun.nodes, run.graph.nodes, strict=True):
        if isinstance(old.op, Conv) and isinstance(new.op, Conv):
            assert np.array_equal(old.op.weight, new.op.weight) == old.name.startswith(PREFIX)
