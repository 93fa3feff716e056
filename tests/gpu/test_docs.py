"""Every command in the documentation does what it says."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from dataclasses import replace
from glob import glob
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from shadergen import compiler, hookfile, sources
from shadergen.cli import main
from shadergen.measure.probes import Peak
from shadergen.quantise import quantised, wide_layers
from shadergen.target import Target, variants
from shadergen.web import translate
from tests.ncnn_files import Pair
from tests.nets import c_model
from tests.torch_files import compact, fsrcnn, rlfn, saved, srcnn

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("*/*.md"))]
ELSEWHERE = {
    "make test": "it runs this test",
    "make test-newest": "it runs tests in a system of its own",
    "make shaders": "tests/test_shaders.py builds the same files",
    "make demo": "test_the_demo",
    "pip install .": "tests/test_wheel.py installs the package",
    "pip install 'shadergen[train]'": "needs a network; tests/test_wheel.py installs the package",
    "pip install h5py": "the development tools have it",
    "pip install tensorflow-cpu tf2onnx 'numpy<2'": "tests/test_tensorflow.py needs it",
    "make web": "tests/web/test_cli.py makes such pages",
    "sudo scripts/vulkan_root.sh /opt/vulkan": "it installs a whole system",
    "SHADERGEN_VULKAN_ROOT=/opt/vulkan shadergen cost --gpu rtx3080 --gpu a770 mine.glsl": "needs that system",
    "SHADERGEN_VULKAN_ROOT=/opt/vulkan shadergen cost shaders/C4F32_INT8_DOT8.glsl shaders/C4F32_INTEL.glsl"
    " --gpu a770 --passes": "needs that system",
    "python bench/lifted.py FOLDER --json bench/results/lifted.json --models MODELS": "needs others' shaders",
    "python bench/lifted.py FOLDER --json bench/results/lifted.json --models MODELS --static": "needs others' shaders",
    "python bench/verification.py weights": "takes an hour; tests/gpu/test_verify.py does the same to small models",
}
"""Commands that are not of `shadergen`, and what runs them instead."""


def lines() -> list[str]:
    """The commands of the fenced shell blocks, without comments, and without those that test_tensorflow.py runs."""
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.S)]
    found = [line.partition("#")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in dict.fromkeys(found) if line and not line.startswith("python -m tf2onnx")]


def commands() -> list[str]:
    return [line for line in lines() if line.startswith("shadergen ")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the commands read, where they may write; no command needs another to have run."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "tests" / "cases", folder / "tests" / "cases")
    _stand_ins(folder)
    sources.save(sources.load(folder / "weights" / "C4F32.npz"), folder / "C4F32.onnx")
    sources.save(replace(c_model(filters=4, layers=1), name="my-model"), folder / "my-model.onnx")
    mine = c_model(filters=16)
    sources.save(mine, folder / "my.npz")
    ranges = {mine.node(name).inputs[0]: (0.0, 1.0) for name in wide_layers(mine)}
    sources.save(replace(quantised(mine, ranges), name="my_INT8"), folder / "my_INT8.npz")
    small = hookfile.format(compiler.compile(c_model(filters=4, layers=1), Target()))
    _models_of_others(folder)
    for name in ("mine", "other", "OTHER", "ORIGINAL", "NEW", "FSRCNNX_x2_8_0_4_1"):  # anybody's shaders
        (folder / f"{name}.glsl").write_text(small, encoding="utf-8")
    for name, count in (("PICTURES", 6), ("EVALUATION", 1)):
        (folder / name).mkdir()
        for number in range(count):
            shutil.copy(folder / "tests" / "cases" / "sample.png", folder / name / f"{number}.png")
    return folder


def _stand_ins(folder: Path) -> None:
    """Files named as those in weights/ and shaders/, of networks as small as theirs are large: what they are to a
    command is the same, and a CPU compiles them in no time."""
    for name in ("weights", "shaders"):
        (folder / name).mkdir()
    for path in sorted((ROOT / "weights").glob("*.npz")):
        plane = sources.load(path).plane
        graph = replace(c_model(plane, filters=4, layers=1), name=path.stem)
        sources.save(graph, folder / "weights" / path.name)
        for target in variants(plane):
            text = hookfile.format(compiler.compile(graph, target))
            (folder / "shaders" / f"{path.stem}{target.suffix}.glsl").write_text(text, encoding="utf-8")


def _models_of_others(folder: Path) -> None:
    """Networks as ncnn, PyTorch and Keras keep them, and what the recipe for TensorFlow writes."""
    state_dicts = {
        **dict.fromkeys(("2x_AnimeJaNai_Compact.pth", "2x_AnimeJaNai_HD_V3_Compact.pth"), compact),
        "rlfn_s_x2.pth": rlfn,
        "fsrcnn_x2.pth": fsrcnn,
        "srcnn_x2.pth": srcnn,
    }
    for name, network in state_dicts.items():
        saved(folder / name, network()[0])
    files = Pair()
    files.layer(
        "Convolution conv 1 1 data 1 0=12 1=3 4=1 5=1 6=324", files.net.weights(12, 3, 3, 3), np.zeros(12, np.float32)
    )
    files.layer("PixelShuffle shuffle 1 1 1 out 0=2")
    param = files.write(folder)
    for name in ("up2x-conservative", "models-se/up4x-conservative", "realesr-animevideov3-x2"):
        _copied(param, folder / f"{name}.param")
    _copied(param, folder / "models-upconv_7_photo" / "scale2.0x_model.param")
    shutil.copy(ROOT / "tests" / "cases" / "keras" / "chain.keras", folder / "model.keras")
    shutil.copy(folder / "my-model.onnx", folder / "model.onnx")


def _copied(param: Path, to: Path) -> None:
    """Both files of an ncnn model."""
    to.parent.mkdir(exist_ok=True)
    shutil.copy(param, to)
    shutil.copy(param.with_suffix(".bin"), to.with_suffix(".bin"))


SHORTER = {
    "train": "--steps 2 --warmup 1 --holdout 1 --batch 2 --threads 1",
    "bench": "--size 320x180 --runs 3",
}
"""What makes a training of hours one of seconds, and frames of a CPU quick."""


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("command", commands())
def test_the_command(command: str, copy: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "libplacebo" in command:
        request.getfixturevalue("real_libplacebo")
    if "--hlsl" in command and not translate.tools():
        pytest.skip("found no glslang or no spirv-cross, expected them to write HLSL")
    monkeypatch.chdir(copy)
    monkeypatch.setenv("MPV_HOME", str(copy / "mpv"))
    monkeypatch.setattr("shadergen.measure.bench.measure_peak", lambda context: Peak(1e12, 1e11))  # takes seconds
    if command.startswith("shadergen train"):
        pytest.importorskip("torch", reason="training needs the extra `train`")
    command = f"{command} {SHORTER.get(command.split()[1], '')}"
    arguments = [
        found for word in shlex.split(command)[1:] for found in (sorted(glob(word)) if "*" in word else [word])
    ]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output


EXAMPLES = [
    example
    for page in (ROOT / "README.md", ROOT / "docs" / "python.md")
    for example in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.S)
]


@pytest.mark.usefixtures("gl")
@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_python(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each example runs by itself, and prints what the comments beside it say."""
    for name in ("weights", "shaders", "tests"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    said = re.findall(r"^print\(.*\)  # (.*)$", example, re.M)
    printed = capsys.readouterr().out.splitlines()
    assert len(said) == len(printed) > 0
    for expected, line in zip(said, printed, strict=True):
        start, dots, _ = expected.partition("...")
        assert line.startswith(start) if dots else line == expected


def test_other_commands_are_run_elsewhere() -> None:
    assert len(commands()) >= 10
    assert {line for line in lines() if not line.startswith("shadergen ")} == set(ELSEWHERE)


def test_the_demo() -> None:
    """Its commands are commands; what they do takes minutes, and the tests above do the same."""
    steps = list(runpy.run_path(str(ROOT / "scripts" / "demo.py"))["steps"]())
    assert [step[0] for step in steps[:1] + steps[-1:]] == ["build", "upscale"]
    for name, *arguments in steps:
        main.commands[name].make_context(name, list(arguments))
