"""Every network of the table is read, and means what onnxruntime computes, at odd and tiny sizes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from shadergen.ir import reference
from shadergen.ir.graph import Graph, verify
from shadergen.sources import load, save
from tests.systems import SYSTEMS

Image = npt.NDArray[np.float32]
SIZES = {"imageSR_first": ((51, 92), (58, 99)), "imageSR_UNet": ((4, 8), (16, 12))}
"""Height and width where a network cannot take any: the first consumes much of it, the other needs multiples of 4."""
ANY_SIZES = ((1, 1), (13, 17), (2, 9))


def write(model: onnx.ModelProto, path: Path) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def judged(path: Path, image: Image) -> Image:
    session = onnxruntime.InferenceSession(str(path))
    result: Any = session.run(None, {session.get_inputs()[0].name: image[None]})[0]
    return result[0]  # type: ignore[no-any-return]


def picture(graph: Graph, size: tuple[int, int]) -> Image:
    return np.random.default_rng(0).random((graph.input_type.channels, *size), np.float32)


def assert_equal(path: Path, graph: Graph, size: tuple[int, int]) -> None:
    image = picture(graph, size)
    expected = judged(path, image)
    actual = reference.evaluate(graph, image)[graph.output]
    type_ = verify(graph)[graph.output]
    assert actual.shape == (type_.channels, type_.height.at(size[0]), type_.width.at(size[1]))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_is_read_and_written(name: str, tmp_path: Path) -> None:
    path = write(SYSTEMS[name](), tmp_path / f"{name}.onnx")
    graph = load(path)
    assert graph.name == name
    for size in SIZES.get(name, ANY_SIZES):
        assert_equal(path, graph, size)
    save(graph, tmp_path / "native.npz")
    save(load(tmp_path / "native.npz"), tmp_path / "again.onnx")
    save(load(tmp_path / "again.onnx"), tmp_path / "again.npz")
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "native.npz").read_bytes()
    for size in SIZES.get(name, ANY_SIZES):
        assert_equal(tmp_path / "again.onnx", graph, size)


def test_a_u_net_takes_any_size(tmp_path: Path) -> None:
    """Where onnxruntime fails, the picture is continued to a multiple of 4, and the result cropped."""
    path = write(SYSTEMS["imageSR_UNet"](), tmp_path / "unet.onnx")
    graph = load(path)
    image = picture(graph, (13, 18))
    with pytest.raises(Exception, match=r"Concat|dimension"):
        judged(path, image)
    continued = np.pad(image, ((0, 0), (0, 3), (0, 2)), mode="edge")
    expected = judged(path, continued)[:, : 13 * 3 // 2, : 18 * 3 // 2]
    actual = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_imagesr_makes_1080p_of_720p(tmp_path: Path) -> None:
    graph = load(write(SYSTEMS["imageSR_first"](), tmp_path / "first.onnx"))
    output = verify(graph)[graph.output]
    assert (output.height.at(720), output.width.at(1280)) == (1080, 1920)
