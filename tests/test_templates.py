"""The seam between views and templates: each template's variables are its view's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import jinja2.meta
import numpy as np
import pytest

from shadergen.emit.header import HeaderView
from shadergen.emit.hookpass import FunctionsView
from shadergen.emit.steps.pointwise import RegistersView
from shadergen.emit.steps.read import ReadView
from shadergen.emit.steps.rim import RimView
from shadergen.emit.steps.sample import MeanView, PadView, PoolView, ResizeView
from shadergen.emit.steps.shuffle import DepthToSpaceView, SpaceToDepthView
from shadergen.emit.templates import environment, lines, render
from shadergen.files import shipped
from shadergen.forms.compute import ComputeView
from shadergen.forms.fragment import FragmentView
from shadergen.forms.planar import PlanarView
from shadergen.ir.ops import Conv
from shadergen.ir.types import TensorType
from shadergen.kernels import KERNELS
from shadergen.kernels.heuristics import Heuristics
from shadergen.kernels.kernel import Limits, Source, Task
from shadergen.kernels.matrices import LayerView
from shadergen.kernels.tensor import TensorView
from shadergen.kernels.tensor_pair import TensorPairView
from shadergen.storage.layout import Layout
from shadergen.vapoursynth import ScriptView
from shadergen.wgsl import conv, passes, registers, rim, sample
from tests.nets import random_conv


def kernel_views() -> dict[str, type[Any]]:
    """The views of all kernels' plans, by template."""
    weight, bias = random_conv(np.random.default_rng(0), 8, 8, 3)
    source = Source("x", TensorType(8), Layout(16), settled=False)
    task = Task("a", "net_a", Conv(weight, bias), source, (0, 1), TensorType(8), any_pack=False, precision="fp32")
    limits = Limits(blocks=Heuristics.blocks, buffers=12, heuristics=Heuristics(shares_weights=True))
    wide = replace(task, op=Conv(*random_conv(np.random.default_rng(0), 16, 16, 3)), type=TensorType(16))
    wide = replace(wide, source=replace(source, type=TensorType(16)), packs=(0, 1, 2, 3))
    bytes_ = replace(wide, op=replace(wide.op, weight=np.rint(wide.op.weight)))
    bytes_ = replace(bytes_, source=replace(wide.source, whole=(0, 255)))
    tasks = {"tensor": wide, "dot8": bytes_}
    plans = [
        next(
            iter(
                kernel.plan(
                    replace(tasks.get(kernel.name, task), any_pack=kernel.any_pack), replace(limits, kernel=kernel.name)
                )
            )
        )
        for kernel in KERNELS
    ]
    return {f"kernels/{plan.template}": get_type_hints(type(plan).view)["return"] for plan in plans}


VIEWS: dict[str, type[Any]] = (
    kernel_views()
    | {
        "header.txt.j2": HeaderView,
        "kernels/tensor.glsl.j2": TensorView,
        "kernels/tensor_pair.glsl.j2": TensorPairView,
        "functions.glsl.j2": FunctionsView,
        "forms/compute.glsl.j2": ComputeView,
        "forms/fragment.glsl.j2": FragmentView,
        "forms/planar.glsl.j2": PlanarView,
        "steps/depth_to_space.glsl.j2": DepthToSpaceView,
        "steps/mean.glsl.j2": MeanView,
        "steps/pad.glsl.j2": PadView,
        "steps/pool.glsl.j2": PoolView,
        "steps/read.glsl.j2": ReadView,
        "steps/registers.glsl.j2": RegistersView,
        "steps/resize.glsl.j2": ResizeView,
        "steps/rim.glsl.j2": RimView,
        "steps/space_to_depth.glsl.j2": SpaceToDepthView,
        "vapoursynth/script.vpy.j2": ScriptView,
    }
    | {
        "wgsl/conv.wgsl.j2": conv.ConvView,
        "wgsl/head.wgsl.j2": passes.HeadView,
        "wgsl/pass.wgsl.j2": passes.PassView,
        "wgsl/registers.wgsl.j2": registers.RegistersView,
        "wgsl/rim.wgsl.j2": rim.RimView,
        **{f"wgsl/{name}.wgsl.j2": view for view, name in sample.TEMPLATES.items()},
    }
)
NO_VIEW = {"flag.glsl.j2", "siting.glsl.j2"}
"""Text without variables."""
SHARED = {
    *("kernels/buffered.glsl.j2", "kernels/matrices.glsl.j2", "kernels/window.glsl.j2", "steps/sample.glsl.j2"),
}
"""Macros that other templates import."""


def templates() -> Iterator[str]:
    folder = shipped("templates")
    yield from sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.j2"))


def variables(name: str) -> set[str]:
    source = Path(shipped("templates"), name).read_text("utf-8")
    return jinja2.meta.find_undeclared_variables(environment().parse(source))


@pytest.mark.parametrize("name", list(templates()))
def test_a_template_s_variables_are_its_view_s_fields(name: str) -> None:
    expected = {field.name for field in fields(VIEWS[name])} if name in VIEWS else set()
    assert variables(name) == expected


def test_every_template_has_a_view_or_needs_none() -> None:
    assert set(templates()) == {*VIEWS, *NO_VIEW, *SHARED}


def test_what_is_laid_out_of_a_layer_is_its_view_s_fields() -> None:
    text = Path(shipped("templates"), "kernels/matrices.glsl.j2").read_text("utf-8")
    assert set(re.findall(r"\blayer\.(\w+)", text)) == {field.name for field in fields(LayerView)}


def test_a_view_that_lacks_a_variable_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'title' is undefined"):
        render("steps/registers.glsl.j2", ReadView("a", ()))


def test_lines_are_moved_but_for_empty_ones() -> None:
    assert lines("a {\n\n    b\n}\n", 1) == "    a {\n\n        b\n    }"
