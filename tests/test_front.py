"""Quality against static milliseconds: the front, its chart, and costs that are looked up or compiled."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import PIL.Image
import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main
from shadergen.cost import gpus, report, saved
from shadergen.errors import NoDeviceError, ShadergenError
from shadergen.judge import front, statics
from shadergen.judge.front import Panel, Point
from shadergen.judge.score import Score, Scores
from tests.nets import c_model
from tests.test_score import nearest, picture

GPU = gpus.GPUS[2]
RX6900XT = next(gpu for gpu in gpus.GPUS if gpu.name == "rx6900xt")
SVG = "{http://www.w3.org/2000/svg}"


def costs(path: Path, files: dict[str, float | None], gpu: str = "rx7900xtx") -> Path:
    """What `shadergen cost --json` prints, as far as it is read."""
    found = [{"name": name, "ms": time} for name, time in files.items()]
    path.write_text(json.dumps({"size": [1920, 1080], "gpus": [{"name": gpu, "files": found}]}))
    return path


def test_the_front_is_what_none_beats() -> None:
    fast, good, slow, poor = Point("fast", 1, 30), Point("good", 2, 32), Point("slow", 4, 31), Point("poor", 2, 31)
    best = Point("best", 8, 33)
    assert Panel("x", (best, slow, poor, good, fast)).front == (fast, good, best)
    same_time = Panel("x", (Point("worse", 1, 29), fast))
    assert same_time.front == (fast,)
    same_quality = Panel("x", (Point("slower", 2, 30), fast))
    assert same_quality.front == (fast,)


def test_a_panel_for_each_set_with_the_means_of_models_alone() -> None:
    scores = [Score("a", f"{n}.png", "box", "model", 30.0 + n, 0.9) for n in (1, 2)]
    baseline = Score("a", "1.png", "box", "bicubic", 29.0, 0.9)
    exact = Score("b", "1.png", "box", "model", float("inf"), 1.0)
    found = front.panels(Scores((*scores, baseline, exact)), {"model": 0.5})
    assert found == (Panel("a, box", (Point("model", 0.5, 31.5),)), Panel("b, box", ()))


def points(count: int) -> tuple[Point, ...]:
    return tuple(Point(f"model <{n}>", 0.2 * 1.6**n, 30 + n % 4) for n in range(count))


@pytest.mark.parametrize("count", [0, 1, 9])
def test_the_chart_has_every_point_with_its_name(count: int, tmp_path: Path) -> None:
    front.save_chart(tmp_path / "x.svg", (Panel("a, box", points(count)), Panel("b, box", ())), "a GPU & more")
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
    names = [text.text for text in root.iter(f"{SVG}text") if (text.text or "").startswith("model")]
    assert sorted(filter(None, names)) == [f"model <{n}>" for n in range(count)]
    assert len(dots) == count
    assert dots == sorted(dots), "slower is further right"
    assert all(0 < x < float(root.attrib["width"]) and 0 < y < float(root.attrib["height"]) for x, y in dots)
    front.save_chart(tmp_path / "x.png", (Panel("a, box", points(count)),), "a GPU")
    with PIL.Image.open(tmp_path / "x.png") as image:
        assert image.width == 2 * float(root.attrib["width"])


def test_names_do_not_cover_one_another(tmp_path: Path) -> None:
    """Six models in a corner of the chart, where names at the right of their dots would overlap, and one far away."""
    close = tuple(Point(f"model {n}", 1 + 0.02 * n, 30 + 0.05 * (n % 3)) for n in range(6))
    front.save_chart(tmp_path / "x.svg", (Panel("a", (*close, Point("far", 9, 31))),), "")
    texts = ElementTree.parse(tmp_path / "x.svg").getroot().iter(f"{SVG}text")
    # Seven letters of 12 pixels are about 40 pixels wide and 10 high.
    before = {"start": 0, "middle": 20, "end": 40}
    names = [text.attrib for text in texts if "model" in (text.text or "")]
    found = [(float(name["x"]) - before[name["text-anchor"]], float(name["y"])) for name in names]
    assert len(found) == 6
    for (x, y), (other_x, other_y) in combinations(found, 2):
        assert abs(x - other_x) >= 40 or abs(y - other_y) >= 10


def test_a_gpu_has_the_file_that_build_makes_for_it() -> None:
    luma, chroma = c_model(), c_model("chroma")
    for name, suffix in (("rx7900xtx", "_NEXT"), ("rx6900xt", "_NEXT"), ("rtx3080", "_NEXT"), ("a770", "_INTEL")):
        gpu = gpus.find(name)
        assert gpu is not None
        assert statics.file_name(luma, gpu) == f"{luma.name}{suffix}"
        assert statics.target(chroma, gpu).precision == "fp32"
    assert statics.target(luma, GPU).device == "amd-rdna3"
    assert statics.target(luma, RX6900XT).device == "amd-rdna2"


def test_milliseconds_are_looked_up_by_the_names_of_model_or_file(tmp_path: Path) -> None:
    path = costs(tmp_path / "c.json", {"a_NEXT": 0.5, "b": 2, "c": None})
    assert statics.looked_up(path, {"a": "a_NEXT", "b": "b_NEXT"}, GPU) == {"a": 0.5, "b": 2.0}
    with pytest.raises(ShadergenError, match="found no milliseconds of 'c_NEXT' or 'c' for rx7900xtx"):
        statics.looked_up(path, {"c": "c_NEXT"}, GPU)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "found no JSON, expected what `shadergen cost --json` prints"),
        ("[" * 100_000, "found no JSON"),
        ("[1]", "found other JSON"),
        ('{"gpus": [{"name": "rtx3080", "files": []}]}', "found no rx7900xtx, expected one of rtx3080"),
        ('{"gpus": [{"name": "rx7900xtx", "files": [{"name": "a", "ms": 0}]}]}', "found 0 milliseconds of 'a'"),
        ('{"gpus": [{"name": "rx7900xtx", "files": [{"name": "a", "ms": NaN}]}]}', "found nan milliseconds of 'a'"),
        (
            '{"gpus": [{"name": "rx7900xtx", "files": [{"name": "a", "ms": 1}, {"name": "a", "ms": 2}]}]}',
            "found 'a' twice with other milliseconds",
        ),
    ],
)
def test_costs_that_cannot_be_read_are_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ShadergenError, match=message) as error:
        saved.milliseconds(tmp_path / "c.json", GPU)
    assert "\n" not in str(error.value)


def test_what_cost_prints_is_read(tmp_path: Path) -> None:
    files = (report.FileReport("good.glsl"), report.FileReport("bad.glsl", problem="no such thing"))
    text = json.dumps(report.as_dict([report.GpuReport(GPU, files=files)], (64, 32)))
    (tmp_path / "c.json").write_text(text)
    assert saved.milliseconds(tmp_path / "c.json", GPU) == {}, "neither has a pass, so neither has milliseconds"


def test_a_missing_compiler_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "prepare", lambda entries, size, progress: ())
    monkeypatch.setattr(report, "on_gpu", lambda *arguments: report.GpuReport(GPU, problem="RX 7900 XTX: no RADV"))
    message = "--plot: RX 7900 XTX: no RADV; or give --costs what `shadergen cost --json` printed elsewhere"
    with pytest.raises(NoDeviceError) as error:
        statics.estimated({"a": report.Entry("a")}, GPU, ())
    assert str(error.value) == message


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the current one, with a model, `nearest.npz`, and a picture in `pictures`."""
    monkeypatch.chdir(tmp_path)
    Path("pictures").mkdir()
    picture(Path("pictures/a.png"))
    sources.save(nearest(), Path("nearest.npz"))
    return tmp_path


def test_the_command_draws_with_costs_of_a_file(models: Path) -> None:
    costs(models / "costs.json", {"nearest_NEXT": 0.25}, "rtx3080")
    arguments = ["score", "nearest.npz", "--data", "pictures", "--plot", "x.svg", "--gpu", "RTX 3080"]
    result = CliRunner().invoke(main, [*arguments, "--costs", "costs.json"])
    assert result.exit_code == 0, result.output
    assert [text for text in ElementTree.parse("x.svg").getroot().itertext() if "RTX 3080" in text]
    head, row = result.stdout.splitlines()[-2:]
    assert head.split() == ["RTX", "3080,", "the", "front", "*", "ms", "pictures,", "box", "pictures,", "bicubic"]
    assert row.split()[:2] == ["nearest", "0.250"]
    assert row.endswith("*")
    found = json.loads(CliRunner().invoke(main, [*arguments, "--costs", "costs.json", "--json"]).stdout)
    (point,) = found["front"]["panels"][0]["points"]
    mean = next(mean for mean in found["means"] if mean["method"] == "nearest" and mean["condition"] == "box")
    assert point == {"model": "nearest", "ms": 0.25, "psnr": mean["psnr"], "front": True}


def test_the_command_compiles_what_has_no_costs(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the GPU's compiler: it gets the file that `build --for` makes."""
    texts = {}

    def estimated(entries: dict[str, report.Entry], *arguments: object) -> dict[str, float]:
        texts.update({name: entry.text for name, entry in entries.items()})
        return dict.fromkeys(entries, 0.5)

    monkeypatch.setattr(statics, "estimated", estimated)
    result = CliRunner().invoke(main, ["score", "nearest.npz", "--data", "pictures", "--plot", "x.png"])
    assert result.exit_code == 0, result.output
    assert texts["nearest"].startswith("// nearest_NEXT.glsl\n")
    assert "fp16 arithmetic" in texts["nearest"]
    assert Path("x.png").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plot", "x.jpg"], "found 'x.jpg', expected a .png or .svg file"),
        (["--gpu", "rtx3080"], "found --gpu without --plot"),
        (["--costs", "c.json"], "found --costs without --plot"),
        (["--plot", "x.png", "--gpu", "voodoo2"], "--gpu: found 'voodoo2', expected one of rx9070xt"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], message: str, models: Path) -> None:
    result = CliRunner().invoke(main, ["score", "nearest.npz", "--data", "pictures", *arguments])
    assert result.exit_code == 2
    assert message in result.output
