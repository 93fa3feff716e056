"""Training: the same graph in torch, the same weights from the same seed, and nothing lost when it stops."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main
from shadergen.errors import ShadergenError
from shadergen.ir import reference
from shadergen.ir.graph import Graph
from shadergen.runtime import colour
from shadergen.train import arch, data
from shadergen.train.options import Options
from tests import random_graphs
from tests.nets import c_model

torch = pytest.importorskip("torch", reason="training needs PyTorch: pip install 'shadergen[train]'")

TINY = Options(
    *("C1F4", "luma", "neutral"), steps=6, batch=2, patch=16, rate=2e-3, warmup=1, holdout=1, downscale={"box": 1}
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six small pictures, one of them grey, one transparent."""
    root = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for number, mode in enumerate(("RGB", "RGB", "RGB", "L", "RGBA", "RGB")):
        channels = len(mode)
        small = rng.integers(0, 256, (12, 14, channels), np.uint8)
        picture = PIL.Image.fromarray(small.squeeze(), mode).resize((84, 72), PIL.Image.Resampling.BICUBIC)
        picture.save(root / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def pictures(folder: Path) -> data.Pictures:
    return data.read([folder], 42)


def trainer(pictures: data.Pictures, options: Options = TINY) -> Any:
    from shadergen.train.loop import Trainer

    torch.set_num_threads(1)
    return Trainer(arch.build(options.arch, options.plane, "net", options.seed), options, pictures)


def same(a: Graph, b: Graph) -> bool:
    return all(
        np.array_equal(x.op.weight, y.op.weight) and np.array_equal(x.op.bias, y.op.bias)  # type: ignore[union-attr]
        for x, y in zip(a.nodes, b.nodes, strict=True)
        if hasattr(x.op, "weight")
    )


# ---------------------------------------------------------------------------------------------------------------------
# The network


@pytest.mark.parametrize(
    "graph", [*map(random_graphs.random_graph, range(40)), c_model("chroma"), c_model("rgb")], ids=lambda g: g.name
)
def test_torch_computes_what_the_reference_does(graph: Graph) -> None:
    from shadergen.train.network import Network

    image = np.random.default_rng(1).random((graph.input_type.channels, 16, 24), np.float32)
    with torch.no_grad():
        found = Network(graph)(torch.from_numpy(image)[None])[0].numpy()
    np.testing.assert_allclose(found, reference.evaluate(graph, image)[graph.output], atol=2e-5)


@pytest.mark.parametrize("name", ["C2F8", "R1F6", "SRCNN-9-1-5", "ESPCN"])
def test_every_architecture_learns_and_goes_through_a_file(name: str, pictures: data.Pictures, tmp_path: Path) -> None:
    run = trainer(pictures, replace(TINY, arch=name, steps=12, rate=1e-3, range={"full8": 1}))
    before = run.psnr()
    run.run()
    assert run.history.psnrs[-1] > before + 0.1
    sources.save(run.graph, tmp_path / "net.npz")
    assert same(sources.load(tmp_path / "net.npz"), run.graph)


def test_an_unknown_architecture_is_named() -> None:
    with pytest.raises(ShadergenError, match="C4G16: found no architecture of that name, expected C<layers>F<filters>"):
        arch.build("C4G16", "luma", "net")


# ---------------------------------------------------------------------------------------------------------------------
# Repeating and resuming


def test_the_same_seed_gives_the_same_weights_and_another_others(pictures: data.Pictures) -> None:
    first, second, other = trainer(pictures), trainer(pictures), trainer(pictures, replace(TINY, seed=1))
    for run in (first, second, other):
        run.run()
    assert same(first.graph, second.graph)
    assert not same(first.graph, other.graph)


@pytest.mark.parametrize("optimiser", ["adamw", "muon", "soap"])
def test_a_resumed_run_is_the_uninterrupted_one(optimiser: Any, pictures: data.Pictures, tmp_path: Path) -> None:
    from shadergen.train import checkpoint

    options = replace(TINY, optimiser=optimiser, steps=14)
    whole, first, second = (trainer(pictures, options) for _ in range(3))
    whole.run()
    first.run(stop=lambda: first.step == 5)
    checkpoint.save(first.checkpoint(), tmp_path / "run.ckpt")
    second.resume(tmp_path / "run.ckpt")
    second.run()
    assert same(whole.graph, second.graph)
    assert whole.history.losses == second.history.losses
    assert whole.history.psnrs == second.history.psnrs


def test_a_run_can_be_prolonged_until_its_rate_falls(pictures: data.Pictures, tmp_path: Path) -> None:
    from shadergen.train import checkpoint

    short, long = replace(TINY, steps=10, decay=0.5), replace(TINY, steps=20, decay=0.5)
    early, late, direct = trainer(pictures, short), trainer(pictures, short), trainer(pictures, long)
    early.run(stop=lambda: early.step == 5)
    checkpoint.save(early.checkpoint(), tmp_path / "early.ckpt")
    prolonged = trainer(pictures, long)
    prolonged.resume(tmp_path / "early.ckpt")
    for run in (prolonged, direct):
        run.run()
    assert same(prolonged.graph, direct.graph)
    late.run(stop=lambda: late.step == 7)
    checkpoint.save(late.checkpoint(), tmp_path / "late.ckpt")
    with pytest.raises(ShadergenError, match="found a run with --steps 10, expected 20"):
        trainer(pictures, long).resume(tmp_path / "late.ckpt")


def test_bfloat16_ends_where_the_rate_begins_to_fall(pictures: data.Pictures) -> None:
    def weights(precision: Any, decay: float) -> Any:
        run = trainer(pictures, replace(TINY, precision=precision, decay=decay))
        run.run()
        return run.graph

    assert same(weights("bf16", 1.0), weights("fp32", 1.0))
    assert not same(weights("bf16", 0.5), weights("fp32", 0.5))


def test_a_damaged_checkpoint_is_named(pictures: data.Pictures, tmp_path: Path) -> None:
    (tmp_path / "bad.ckpt").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(ShadergenError, match="found no checkpoint of this version"):
        trainer(pictures).resume(tmp_path / "bad.ckpt")


# ---------------------------------------------------------------------------------------------------------------------
# Degradation


@pytest.mark.parametrize("name", ["box", "bicubic", "lanczos"])
def test_halving_is_what_pillow_does(name: str) -> None:
    from shadergen.train import degrade

    image = np.random.default_rng(2).random((60, 48), np.float32)
    filters = PIL.Image.Resampling
    filter = {"box": filters.BOX, "bicubic": filters.BICUBIC, "lanczos": filters.LANCZOS}[name]
    expected = np.asarray(PIL.Image.fromarray(image).resize((24, 30), filter))
    # Without its outermost pixels, the part that is halved begins at pixel 6.
    found = degrade.halve(torch.from_numpy(image[1:-1, 1:-1].copy())[None, None], name)[0, 0].numpy()
    np.testing.assert_allclose(found, expected[3:-3, 3:-3], atol=2e-6)


def test_the_target_is_the_picture_and_the_input_its_quantised_half(pictures: data.Pictures) -> None:
    from shadergen.train import degrade

    neutral = degrade.Neutral(replace(TINY, range={"limited8": 1}))
    patches = data.Patches(pictures, TINY, neutral.side).batch(0, 3)
    image, expected = neutral(torch.from_numpy(patches), np.random.default_rng(0))
    assert image.shape == (3, 1, 16, 16)
    luma = patches[:, 5:-5, 5:-5].astype(np.float64) @ [0.2126, 0.7152, 0.0722]
    np.testing.assert_allclose(expected[:, 0], (16 + luma * 219 / 255) / 255, atol=1e-6)
    boxes = (16 + luma * 219 / 255).reshape(3, 16, 2, 16, 2).mean((2, 4))
    np.testing.assert_allclose(image[:, 0].numpy() * 255, boxes, atol=0.501)
    levels = image.numpy() * 255
    np.testing.assert_allclose(levels, np.rint(levels), atol=1e-4)


@pytest.mark.parametrize("siting", ["left", "center"])
@pytest.mark.parametrize("downscaler", ["box", "bicubic", "lanczos"])
def test_chroma_comes_back_to_its_place(siting: colour.SitingName, downscaler: str) -> None:
    """A ramp stays where it is under any siting and downscaler; half a pixel beside would be 0.005 off."""
    from shadergen.train import degrade

    ramp = torch.arange(48.0).expand(2, 40, 48) / 100 + 0.2
    found = degrade.through_420(ramp, colour.SITINGS[siting], downscaler, "limited10")
    np.testing.assert_allclose(found[:, 8:-8, 8:-8], ramp[:, 8:-8, 8:-8], atol=1e-3)


def test_chroma_is_degraded_as_it_is_scored(pictures: data.Pictures) -> None:
    from shadergen.train import degrade

    options = replace(TINY, plane="chroma", range={"limited8": 1})
    patches = data.Patches(pictures, options, 28).batch(0, 2)
    image, expected = degrade.Chroma(options)(torch.from_numpy(patches), np.random.default_rng(0))
    assert image.shape == (2, 3, 16, 16)
    rgb = np.moveaxis(patches[0], -1, 0).astype(np.float32) / 255
    ycbcr = colour.rgb_to_ycbcr(rgb, full_range=False)[:, 6:-6, 6:-6]
    np.testing.assert_allclose(expected[0], ycbcr[1:], atol=1e-6)
    np.testing.assert_allclose(image[0, 0].numpy() * 255, np.rint(ycbcr[0] * 255), atol=1e-4)
    assert np.abs(image[0, 1:].numpy() - ycbcr[1:]).mean() < 0.05


def test_chroma_is_made_small_as_asked(pictures: data.Pictures) -> None:
    """By a box alone, each sample is the mean of four; bicubic ones are others, of the same picture."""
    from shadergen.train import degrade

    patches = torch.from_numpy(data.Patches(pictures, replace(TINY, plane="chroma"), 28).batch(0, 4))

    def made(**shares: float) -> Any:
        options = replace(TINY, plane="chroma", range={"limited10": 1}, downscale=shares)
        return degrade.Chroma(options)(patches, np.random.default_rng(0))[0]

    box, bicubic = made(box=1, linear=3), made(bicubic=1)
    assert torch.equal(box, made(box=1))
    assert torch.equal(box[:, :1], bicubic[:, :1])
    assert not torch.equal(box[:, 1:], bicubic[:, 1:])


def test_chroma_has_no_linear_light() -> None:
    from shadergen.train import degrade

    with pytest.raises(ShadergenError, match="--downscale: found linear alone, expected another for chroma"):
        degrade.Chroma(replace(TINY, plane="chroma", downscale={"linear": 1, "box": 0}))


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="encoding needs ffmpeg")
def test_recordings_show_the_picture_at_its_place(pictures: data.Pictures) -> None:
    """Halved, what should be found is what the video shows, but for what codec and blur took away."""
    from shadergen.train import feed

    options = replace(TINY, degradation="ds", clean=0.5, range={"limited8": 1})
    image, expected = feed.feed(pictures, options, torch.device("cpu"), lambda done, total: None).batch(0, 8, 0)
    assert image.shape == (8, 1, 16, 16)
    halved = torch.nn.functional.avg_pool2d(expected, 2)
    here = (image - halved).abs().mean()
    for beside in (halved.roll(1, -1), halved.roll(1, -2)):
        assert here < 0.6 * (image - beside).abs().mean()

    sharper = replace(options, clean_downscale={"bicubic": 1})
    mixed, _ = feed.feed(pictures, sharper, torch.device("cpu"), lambda done, total: None).batch(0, 8, 0)
    bicubic = replace(options, downscale={"bicubic": 1})
    alone, _ = feed.Degraded(pictures, bicubic, torch.device("cpu")).batch(0, 4, 0)
    assert torch.equal(mixed[:4], alone)
    assert torch.equal(mixed[4:], image[4:])


# ---------------------------------------------------------------------------------------------------------------------
# The command


def command(folder: Path, output: Path, *more: str) -> list[str]:
    options = [
        "--arch",
        "C1F4",
        "--batch",
        "2",
        "--patch",
        "16",
        "--holdout",
        "1",
        "--threads",
        "1",
        "--save-every",
        "0",
    ]
    return ["train", "--data", str(folder), "-o", str(output), *options, *more]


def test_train_writes_a_file_that_says_where_it_comes_from(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "net.npz"
    result = CliRunner().invoke(
        main, command(folder, output, "--steps", "5", "--licence", "MIT", "--score", str(folder))
    )
    assert result.exit_code == 0, result.output
    record = sources.load(output).record
    assert record.licence == "MIT"
    assert record.training["options"]["patch"] == 16
    assert record.training["data"]["pictures"] == 6
    assert set(record.scores) == {"held out, dB", f"{folder.name}, box, dB", f"{folder.name}, bicubic, dB"}
    assert len(record.training["data"]["sha256"]) == 64
    again = CliRunner().invoke(main, command(folder, output, "--steps", "5"))
    assert again.exit_code == 1
    assert "found an earlier run's checkpoint; use --resume or --restart" in again.output
    tuned = command(folder, tmp_path / "tuned.npz", "--steps", "2", "--arch", str(output))
    assert CliRunner().invoke(main, tuned).exit_code == 0
    assert sources.load(tmp_path / "tuned.npz").record.training["from"]["sha256"] == sources.load(output).record.sha256


def test_a_killed_run_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    """SIGKILL, then SIGINT: the first leaves the last checkpoint, the second stops after the step."""
    output = tmp_path / "net.npz"
    arguments = [sys.executable, "-m", "shadergen", *command(folder, output, "--steps", "1000000")]
    steps = 0
    for number, code in ((signal.SIGKILL, -9), (signal.SIGINT, 130)):
        resume = ["--resume"] if output.exists() else []
        run = subprocess.Popen([*arguments, *resume], stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while steps_of(output) <= steps and time.monotonic() < deadline:
            time.sleep(0.05)
        run.send_signal(number)
        _, errors = run.communicate(timeout=60)
        assert run.returncode == code, errors
        assert "Traceback" not in errors
        assert steps_of(output) > steps
        steps = steps_of(output)


def steps_of(path: Path) -> int:
    return int(sources.load(path).record.training["steps"]) if path.exists() else 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "found no pictures, expected PNG, JPEG or WebP of at least"),
        (b"not a picture", "none of which can be used"),
    ],
)
def test_a_folder_without_pictures_is_one_line(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content:
        (tmp_path / "a.png").write_bytes(content)
    result = CliRunner().invoke(main, command(tmp_path, tmp_path / "net.npz"))
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize("plane", ["luma", "chroma", "rgb"])
def test_fields_are_what_should_come_out(plane: Any) -> None:
    """A box brings what is expected back to the input, but for its rounding; a chroma network keeps flat colours."""
    from shadergen.train.fields import SIDE, Fields

    image, expected, counts = Fields(plane, 1).batch(3, 40, 0)
    assert torch.equal(image, Fields(plane, 1).batch(3, 40, 0)[0])
    assert float(image.min()) == 0
    assert float(image.max()) == 1
    if plane == "chroma":
        assert torch.equal(image[:, 1:], expected)
    else:
        assert (counts.mean((1, 2, 3)) < 1).any(), "only a bar itself counts, not what is beside it"
        halved = torch.nn.functional.avg_pool2d(expected, 2)
        assert halved.shape == image.shape == (40, {"luma": 1, "rgb": 3}[plane], SIDE, SIDE)
        assert float((halved - image).abs().max()) <= 0.5 / 255 + 1e-6


def test_fields_make_a_network_flat(pictures: data.Pictures) -> None:
    """Flat fields are nearer to what went in than after as many steps without: above all the worst texel."""
    from shadergen.judge import flats

    options = replace(TINY, steps=150, rate=2e-2, average=0.9)
    found = {}
    for weight in (0.0, 1.0):
        run = trainer(pictures, replace(options, flats=weight))
        run.run()
        found[weight] = flats.measure(run.graph, codes=range(0, 256, 51))
    assert found[1.0].worst < found[0.0].worst / 3
    assert found[1.0].mean < found[0.0].mean / 1.5


def test_a_pixel_at_the_frame_s_edge_counts() -> None:
    """One of 2304 that is off by a code is worth more than all being off by a sixth; by a quarter it is hardly seen."""
    from shadergen.train.loss import Criterion

    expected, counts = torch.full((1, 1, 48, 48), 0.1), torch.ones(1, 1, 48, 48)
    fields = Criterion(arch.build("C1F4", "luma", "net"), TINY).fields

    def loss(off: float, where: Any) -> float:
        found = expected.clone()
        found[0, 0, *where] += off / 255
        return float(fields(found, expected, counts))

    corner, everywhere = (0, 0), (slice(None), slice(None))
    assert loss(1, corner) > 2
    assert loss(1 / 6, everywhere) < 0.7
    assert loss(1 / 4, corner) < 0.1


def test_soft_copies_are_blurred_and_drawn_by_their_weight(pictures: data.Pictures) -> None:
    both = data.with_soft_copies(pictures, {"[01].*": 0.5})
    assert both.names[6:] == ("0.png softened 0.5", "1.png softened 0.5")
    for sharp, soft in zip(both.pixels[:2], both.pixels[6:], strict=True):
        assert 0 < np.abs(np.diff(soft.astype(int), axis=1)).mean() < np.abs(np.diff(sharp.astype(int), axis=1)).mean()
        assert soft.mean() == pytest.approx(sharp.mean(), abs=1)
    chances = data.chances(both, replace(TINY, weights={"0.*": 3}))
    assert chances[6] == chances[0] / 2
    assert chances[0] == 3 * chances[1]


def test_small_and_broken_pictures_are_left_out_by_name(folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    PIL.Image.new("RGB", (8, 8)).save(tmp_path / "tiny.png")
    (tmp_path / "broken.png").write_bytes((folder / "0.png").read_bytes()[:500])
    found = data.read([tmp_path], 42, exclude=["5.*"])
    assert found.names == ("0.png", "1.png", "2.png", "3.png", "4.png")
    assert [Path(line.split(": ")[0]).name for line in found.skipped] == ["broken.png", "tiny.png"]
