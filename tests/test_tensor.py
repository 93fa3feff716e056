"""Files for tensor cores: who gets them, what they say, and that others run what they always did."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import compiler, hookfile
from shadergen.cli import main
from shadergen.errors import ShaderRunError
from shadergen.hookfile import HookFile, HookPass, Rpn, UserBuffer
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.ir.ops import Conv, LeakyRelu, PRelu
from shadergen.ir.types import TensorType
from shadergen.kernels.kernel import Limits, Source, Task
from shadergen.kernels.tensor import Tensor, TensorTables
from shadergen.lint import glslang_compiler, lint_text
from shadergen.runtime import libplacebo
from shadergen.runtime.gpus import Gpu, devices_with
from shadergen.schedule.evaluate import evaluate
from shadergen.schedule.hookpass import ScheduledPass
from shadergen.schedule.steps import ConvStep
from shadergen.storage.layout import Layout
from shadergen.target import NEXT, TENSOR, TENSOR_TABLES
from tests.nets import c_model, random_conv, wide_network, wide_pair

GRAPH = c_model(filters=16)
FUSED = replace(TENSOR, fuse=True)
GOLDEN = Path(__file__).parent / "golden" / "tensor_pass.txt"


@cache
def built() -> HookFile:
    return compiler.compile(GRAPH, TENSOR)


def tensor_passes() -> list[HookPass]:
    return [item for item in built().passes if "coopMatMulAdd" in item.body]


def test_it_is_taken_only_where_it_is_named() -> None:
    for target in (NEXT, replace(NEXT, kernel="rows"), replace(NEXT, kernel="divided")):
        assert "coopmat" not in hookfile.format(compiler.compile(GRAPH, target))
    assert len(tensor_passes()) == 1


def test_its_schedule_means_the_graph() -> None:
    image = np.random.default_rng(0).random((1, 7, 9), np.float32)
    expected = reference.evaluate(GRAPH, image)[GRAPH.output]
    np.testing.assert_allclose(evaluate(compiler.plan(GRAPH, TENSOR), image), expected, atol=1e-5)


def test_a_parameter_switches_to_the_plain_pass_of_the_same_texture() -> None:
    (tensor,) = tensor_passes()
    (plain,) = (item for item in built().passes if item.save == tensor.save and item is not tensor)
    assert (plain.width, plain.height, plain.components) == (tensor.width, tensor.height, tensor.components)
    sizes = {"OUTPUT": (20.0, 20.0), "HOOKED": (10.0, 10.0)}
    for value, runs in ((1.0, (1.0, 0.0)), (0.0, (0.0, 1.0))):
        whens = [item.when or Rpn(()) for item in (tensor, plain)]
        assert tuple(when.evaluate(sizes.get, {"TENSOR": value}.get) for when in whens) == runs
    assert "coopmat" not in plain.body


def test_the_file_says_what_it_needs() -> None:
    header = built().header
    assert header.startswith("// C2F16_TENSOR.glsl\n")
    assert "CAUTION: only for GPUs with tensor cores" in header
    assert {param.name: param.initial for param in built().params} == {
        "TENSOR": 1,
        "TENSOR_M": 16,
        "TENSOR_N": 16,
        "TENSOR_K": 16,
        "TENSOR_HALF_SUMS": 0,
    }


def test_the_file_for_vo_gpu_has_what_that_reads() -> None:
    file = compiler.compile(GRAPH, TENSOR_TABLES)
    assert file.header.startswith("// C2F16_TENSOR_INSTANT.glsl\n")
    assert "CAUTION: only for GPUs with tensor cores" in file.header
    assert not file.params
    assert not [block for block in file.blocks if isinstance(block, UserBuffer)]
    assert any("coopMatMulAdd" in item.body and "#define TENSOR_M 16" in item.body for item in file.passes)


def test_lint_warns_of_it() -> None:
    found = [finding.message for finding in lint_text(hookfile.format(built())) if finding.rule == "cooperative-matrix"]
    assert found == ["found GL_KHR_cooperative_matrix, with which players end or fail on GPUs without tensor cores"]


def test_golden(request: pytest.FixtureRequest) -> None:
    (item,) = tensor_passes()
    text = hookfile.format(HookFile("", (item,)))
    if request.config.getoption("--rewrite-goldens"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8"), "run `pytest --rewrite-goldens` and look at the difference"


@pytest.mark.usefixtures("glslang")
def test_glslang_compiles_it() -> None:
    compile = glslang_compiler()
    assert compile
    faults = [fault.message for fault in compile(built())]
    if any("extension not supported: GL_KHR_cooperative_matrix" in fault for fault in faults):
        pytest.skip("this glslang is older than 13, the first that knows cooperative matrices")
    assert faults == []


@pytest.mark.usefixtures("real_libplacebo")
def test_libplacebo_shows_what_the_network_means() -> None:
    image = np.random.default_rng(0).integers(0, 65536, (1, 13, 17)).astype(np.float32) / np.float32(65535)
    neutral, size = np.full((2, 13, 17), 0.5, np.float32), (34, 26)
    try:  # a CPU takes minutes to compile the matrices
        shown = libplacebo.run(hookfile.format(built()), image, neutral, size, timeout=1200)[:1]
    except ShaderRunError as error:
        if re.search("PARAM|GL_KHR_cooperative_matrix|[Cc]ooperativeMatrix", error.problem):
            pytest.skip(f"no matrices here: {error.problem}")
        raise
    off = np.abs(shown - reference.evaluate(GRAPH, image)[GRAPH.output])
    assert off.max() < 4e-3
    assert off.mean() < 5e-4


def wide(channels: int, out: int, kernel: int = 3) -> Task:
    op = Conv(*random_conv(np.random.default_rng(0), channels, out, kernel), (kernel // 2,) * 2 + (kernel // 2,) * 2)
    source = Source("x", TensorType(channels), Layout(32), settled=False)
    packs = tuple(range(-(-out // 4)))
    return Task("a", "net_a", op, source, packs, TensorType(out), any_pack=True, precision="fp16")


@pytest.mark.parametrize("channels", [16, 24, 32, 48, 64, 96])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_shared_memory_is_what_every_driver_has(channels: int, kernel: int) -> None:
    plans = list(Tensor().plan(wide(channels, channels, kernel), Limits(buffers=12, kernel="tensor")))
    assert plans
    assert all(plan.resources.shared_bytes <= 32 * 1024 for plan in plans)


def test_narrow_layers_are_left_to_others() -> None:
    for channels, out in ((12, 16), (16, 12), (4, 64)):
        assert not list(Tensor().plan(wide(channels, out), Limits(buffers=12, kernel="tensor")))


@pytest.mark.parametrize("channels", [16, 32, 48, 64])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_weights_in_a_texture_leave_room_for_what_is_copied(channels: int, kernel: int) -> None:
    plans = list(TensorTables().plan(wide(channels, channels, kernel), Limits(kernel="tensor")))
    assert plans
    assert all(plan.resources.shared_bytes <= 32 * 1024 and not plan.resources.buffers for plan in plans)


def test_a_table_has_the_numbers_of_the_buffer_and_the_bias() -> None:
    (plan,) = TensorTables().plan(wide(32, 32, 5), Limits(kernel="tensor"))
    *weights, bias = plan.layer.table.texels
    np.testing.assert_array_equal(np.array(weights).ravel(), plan.layer.numbers().ravel())
    np.testing.assert_array_equal(bias[:8].ravel(), plan.task.op.bias)


def test_results_of_several_textures_have_numbers_of_their_own() -> None:
    """128 channels are stored by two passes."""
    graph = wide_network(16, 128)
    for target in (NEXT, TENSOR, TENSOR_TABLES):
        names = [block.name for block in compiler.compile(graph, target).blocks if isinstance(block, UserBuffer)]
        assert len(set(names)) == len(names)


def test_numbers_are_in_the_order_in_which_they_are_read() -> None:
    (plan,) = Tensor().plan(wide(32, 32, 5), Limits(buffers=12, kernel="tensor"))
    numbers, weight = plan.layer.numbers(), plan.task.op.weight
    chunk = plan.together * 4
    for ky, kx, out, channel in ((0, 0, 0, 0), (4, 1, 17, 30), (2, 3, 31, 9)):
        found = numbers[channel // chunk, ky, channel % chunk // 16, out // 16, kx, out % 16, channel % 16]
        assert found == np.float16(weight[out, channel, ky, kx])


def fused(graph: Graph) -> list[ScheduledPass]:
    """The passes on tensor cores, with `--fuse`."""
    return [item for item in compiler.plan(graph, FUSED).passes if "tensor" in item.kernels]


def test_two_layers_share_a_pass_where_the_user_says_so() -> None:
    graph = c_model(filters=32, layers=4)
    kept = [[node.name for node in item.nodes] for item in fused(graph)]
    assert kept == [["conv2", "relu2", "conv3", "relu3"], ["conv4", "relu4"]]
    assert not [item for item in compiler.plan(graph, TENSOR).passes if item.tile and item.tile.by_plan]


def test_the_schedule_of_two_layers_means_the_graph() -> None:
    graph = wide_pair(20, 24, 20, LeakyRelu(0.1), adds=True)
    assert fused(graph)[0].tile
    image = np.random.default_rng(0).random((1, 7, 9), np.float32)
    expected = reference.evaluate(graph, image)[graph.output]
    np.testing.assert_allclose(evaluate(compiler.plan(graph, FUSED), image), expected, atol=1e-5)


def test_switched_off_both_plain_passes_run() -> None:
    file = compiler.compile(wide_pair(32, 32, 32), FUSED)
    sizes = {"OUTPUT": (20.0, 20.0), "HOOKED": (10.0, 10.0)}
    for value, runs in ((1.0, [True, True, False, False, True]), (0.0, [True, False, True, True, True])):
        found = [bool((item.when or Rpn(())).evaluate(sizes.get, {"TENSOR": value}.get)) for item in file.passes]
        assert found == runs
    assert not [finding for finding in lint_text(hookfile.format(file)) if finding.severity == "error"]
    assert not [name for name in file.passes[1].binds if name == file.passes[2].save]


def without_a_reader(graph: Graph) -> Graph:
    """The last sum reads what is between the two layers as well."""
    nodes = [replace(node, inputs=("e", "d")) if node.name == "sum" else node for node in graph.nodes]
    return replace(graph, nodes=tuple(nodes))


@pytest.mark.parametrize(
    "graph",
    [
        wide_pair(32, 64, 32),
        wide_pair(32, 32, 64),
        wide_pair(32, 32, 32, PRelu(np.linspace(0, 1, 32, dtype=np.float32))),
        without_a_reader(wide_pair(32, 32, 32, adds=True)),
    ],
    ids=["too many channels", "too many sums", "an activation for each channel", "what is between is read elsewhere"],
)
def test_layers_that_cannot_share_a_pass_have_their_own(graph: Graph) -> None:
    assert [item.tile for item in fused(graph)] == [None, None]


def test_two_layers_take_as_much_shared_memory_as_every_driver_has() -> None:
    for channels in (16, 32, 64):
        (item,) = fused(wide_pair(channels, 32, 32))
        (step,) = (step for step in item.steps if isinstance(step, ConvStep))
        assert step.plan.resources.shared_bytes <= 32 * 1024


def test_a_gpu_has_tensor_cores_by_its_name() -> None:
    for name in (
        "NVIDIA GeForce RTX 3080",
        "AMD Radeon RX 7900 XTX (RADV NAVI31)",
        "AMD Radeon 780M",
        "AMD Radeon RX 9070",
    ):
        assert Gpu(name).has_tensor_cores, name
    for name in ("AMD Radeon RX 6900 XT", "NVIDIA GeForce GTX 1660", "Intel(R) Arc(tm) A770 Graphics", "llvmpipe"):
        assert not Gpu(name).has_tensor_cores, name
    assert Gpu("Intel(R) Arc(tm) B580 Graphics").has_tensor_cores


def test_vulkaninfo_tells_which_driver_has_the_extension() -> None:
    text = "\n".join(
        (
            "GPU0:",
            "\tdeviceName        = One",
            "\tVK_KHR_cooperative_matrix : extension revision 2",
            "GPU1:",
            "deviceName = Two",
        )
    )
    assert devices_with("VK_KHR_cooperative_matrix", text) == {"One"}


def test_the_command_line_makes_all_of_it_of_one_word(tmp_path: Path) -> None:
    model = tmp_path / "n.npz"
    rng = np.random.default_rng(0)
    shapes = ((1, 16, 3), (16, 16, 3), (16, 16, 3), (16, 16, 3), (16, 4, 3))
    layers = [random_conv(rng, *shape) for shape in shapes]
    named: dict[str, Any] = {}
    for number, (weight, bias) in enumerate(layers):
        named |= {f"conv{number}.weight": weight, f"conv{number}.bias": bias}
    np.savez(model, **named)
    done = CliRunner().invoke(main, ["build", str(model), "--kernel", "tensor", "-o", f"{tmp_path}/"])
    assert done.exit_code == 0, done.output
    assert re.search("coopMatMulAdd", (tmp_path / "n_TENSOR.glsl").read_text("utf-8"))
    refused = CliRunner().invoke(main, ["build", str(model), "--kernel", "tensor", "--fragment"])
    assert refused.exit_code == 2
    assert "found tensor with --fragment, expected --compute" in refused.output
