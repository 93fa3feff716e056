"""Scores: known numbers, the conventions of other programs, and one-line errors."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main
from shadergen.errors import ShadergenError
from shadergen.ir.graph import Graph, Node
from shadergen.ir.ops import Clip, Conv, DepthToSpace
from shadergen.judge import score as scoring
from shadergen.judge.cases import blurred, pictures_of
from shadergen.judge.similarity import psnr, ssim
from tests.nets import c_model


def picture(path: Path, size: tuple[int, int] = (60, 44), seed: int = 0) -> Path:
    small = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), np.uint8)
    PIL.Image.fromarray(small).resize(size, PIL.Image.Resampling.BICUBIC).save(path)
    return path


def nearest() -> Graph:
    """Every pixel four times."""
    weight = np.ones((4, 1, 1, 1), np.float32)
    nodes = (
        Node("copy", Conv(weight, np.zeros(4, np.float32)), ("input",)),
        Node("shuffle", DepthToSpace(2), ("copy",)),
        Node("output", Clip(), ("shuffle",)),
    )
    return Graph("nearest", "luma", nodes, "output")


def test_a_picture_that_is_too_small_for_a_network_says_the_smallest(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (24, 20))
    conv = Conv(np.ones((4, 1, 7, 14), np.float32), np.zeros(4, np.float32))
    nodes = (Node("conv", conv, ("input",)), Node("output", DepthToSpace(2), ("conv",)))
    message = "^wide at 12x10: found a frame that is too small for a kernel, expected 14x7 or more$"
    with pytest.raises(ShadergenError, match=message):
        scoring.score({"wide": Graph("wide", "luma", nodes, "output")}, pictures_of([tmp_path]), ["box"])


def test_ssim_is_scikit_images() -> None:
    """scikit-image 0.26.0: structural_similarity(a, b, data_range=1) of these two gives the number."""
    rng = np.random.default_rng(7)
    a = rng.random((23, 31))
    b = np.clip(a + rng.normal(0, 0.2, a.shape), 0, 1)
    assert ssim(a, b) == pytest.approx(0.8175334408151698, abs=1e-12)
    assert ssim(a, a) == 1
    assert math.isnan(ssim(a[:6], b[:6]))


def test_psnr_of_one_step_of_8_bits() -> None:
    a = np.zeros((8, 8))
    assert psnr(a, a + 1 / 255) == pytest.approx(20 * math.log10(255))
    assert psnr(a, a) == math.inf


def test_nearest_is_measured_as_by_hand(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.png", (61, 45))
    report = scoring.score({"nearest": nearest()}, pictures_of([tmp_path]), ["box"])
    rgb = np.asarray(PIL.Image.open(path), np.float64)[:44, :60] / 255
    luma = rgb @ [0.2126, 0.7152, 0.0722]
    low = np.rint(luma.reshape(22, 2, 30, 2).mean((1, 3)) * 255) / 255
    error = (low.repeat(2, 0).repeat(2, 1) - luma)[4:-4, 4:-4]
    found = {score.method: score.psnr for score in report.scores}
    assert list(found) == ["bicubic", "lanczos", "nearest"]
    assert found["nearest"] == pytest.approx(-10 * math.log10((error**2).mean()), abs=1e-4)
    assert found["bicubic"] > found["nearest"] + 3


@pytest.mark.parametrize("condition", ["left", "center"])
def test_a_chroma_model_of_zeros_is_the_bilinear_filter(condition: str, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    graph = c_model("chroma")
    nodes = tuple(
        Node(node.name, Conv(node.op.weight * 0, node.op.bias * 0, node.op.pads), node.inputs)
        if isinstance(node.op, Conv)
        else node
        for node in graph.nodes
    )
    zeros = Graph("zeros", "chroma", nodes, graph.output)
    found = {
        score.method: score.psnr
        for score in scoring.score({"zeros": zeros}, pictures_of([tmp_path]), [condition]).scores
    }
    assert found["zeros"] == pytest.approx(found["bilinear"])
    assert found["lanczos"] > found["bilinear"] + 0.5, "a wrong siting costs Lanczos its lead"


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="encoding needs ffmpeg")
def test_a_codec_costs_more_the_higher_its_crf(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (130, 66))
    report = scoring.score({"nearest": nearest()}, pictures_of([tmp_path]), ["box", "h264-0", "h264-40"])
    box, lossless, poor = (score.psnr for score in report.scores if score.method == "bicubic")
    assert lossless == pytest.approx(box, abs=0.3), "limited range and lossless: the same picture"
    assert poor < lossless - 2


def test_blur_and_jpeg_cost_more_the_stronger_they_are(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (130, 66))
    conditions = ["box", "box+blur-0.01", "box+blur-0.5", "box+jpeg-95", "box+jpeg-30", "box+blur-0.5+jpeg-30"]
    report = scoring.score({"nearest": nearest()}, pictures_of([tmp_path]), conditions)
    found = {score.condition: score.psnr for score in report.scores if score.method == "bicubic"}
    assert found["box+blur-0.01"] == pytest.approx(found["box"])
    assert found["box"] > found["box+blur-0.5"] > found["box+blur-0.5+jpeg-30"]
    assert found["box"] > found["box+jpeg-95"] > found["box+jpeg-30"]


def test_blurring_is_a_gaussian() -> None:
    """Of one bright pixel: the variance is that of the Gaussian, and nothing is lost."""
    spot = np.zeros((41, 41))
    spot[20, 20] = 1
    result = blurred(spot, 2.0)
    assert result.sum() == pytest.approx(1)
    assert (result.sum(1) * (np.arange(41) - 20) ** 2).sum() == pytest.approx(4, rel=0.03)


def test_the_command_prints_tables_and_writes_a_sheet(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in (1, 2):
        picture(folder / f"{seed}.png", seed=seed)
    sources.save(nearest(), tmp_path / "nearest.npz")
    arguments = ["score", str(tmp_path / "nearest.npz"), "--data", str(folder)]
    text = CliRunner().invoke(main, [*arguments, "--sheet", str(tmp_path / "sheet.png")])
    assert text.exit_code == 0, text.output
    assert [line.split()[0] for line in text.stdout.splitlines() if line] == 2 * ["pictures,", "1.png", "2.png", "mean"]
    assert PIL.Image.open(tmp_path / "sheet.png").width > 4 * 96
    data = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    means = {(mean["condition"], mean["method"]): mean["psnr"] for mean in data["means"]}
    first, second = (row["psnr"] for row in data["images"] if (row["condition"], row["method"]) == ("box", "nearest"))
    assert means["box", "nearest"] == pytest.approx((first + second) / 2)
    markdown = CliRunner().invoke(main, [*arguments, "--markdown"]).stdout.splitlines()
    assert markdown[0] == "| dB / SSIM | pictures, box | pictures, bicubic |"
    assert markdown[4].startswith(f"| nearest | {means['box', 'nearest']:.3f} / ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere: found no folder, expected one with pictures"),
        (["--data", "."], ".: found no pictures, expected PNG, JPEG, BMP, ..."),
        (["--data", "tiny"], "found 9x9 pixels, expected at least 10 a side"),
        (["--data", "good", "--condition", "left"], "found 'left' for luma models, expected box, bicubic, or a codec"),
        (
            ["--data", "good", "--condition", "box+sepia"],
            "'box+sepia', expected box or bicubic, then +blur-",
        ),
        (["--data", "good", "--condition", "mpeg9-3"], "mpeg9-3: found no codec and CRF, expected h264, h265"),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, size in (("good", (40, 40)), ("tiny", (9, 9))):
        Path(name).mkdir()
        picture(Path(name) / "a.png", size)
    sources.save(nearest(), Path("nearest.npz"))
    result = CliRunner().invoke(main, ["score", "nearest.npz", *arguments])
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1
