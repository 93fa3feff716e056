"""Lifted networks outside of this project: as ONNX models, in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from shadergen.ir import reference
from shadergen.lift import lift
from shadergen.lint.glslang import glslang_program
from shadergen.sources import save
from shadergen.target import Target
from tests.lift.shaders import built, fragment
from tests.nets import c_model

pytestmark = pytest.mark.skipif(glslang_program() is None, reason="glslang is not installed")

SHADERS = {
    "a C model": built(c_model("rgb", filters=8), Target(without=frozenset({"compose"}))),
    "bytes": fragment("return 0.5 * unpackSnorm4x8(packSnorm4x8(HOOKED_texOff(1.0).xxxx)) + HOOKED_texOff(0.0);"),
    "enlarged": fragment("return HOOKED_tex(HOOKED_pos);", "WIDTH HOOKED.w 2 *", "HEIGHT HOOKED.h 2 *"),
}


@pytest.mark.parametrize("name", SHADERS)
def test_onnxruntime_computes_what_was_lifted(name: str, tmp_path: Path) -> None:
    graph = lift(SHADERS[name], f"{name}.glsl").graph
    save(graph, tmp_path / "lifted.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "lifted.onnx"))
    image = np.random.default_rng(0).random((graph.input_type.channels, 23, 30), np.float32)
    actual = session.run(None, {session.get_inputs()[0].name: image[None]})[0][0]
    np.testing.assert_allclose(actual, reference.evaluate(graph, image)[graph.output], rtol=0, atol=1e-5)
