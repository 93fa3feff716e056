"""The named cases: small pictures that are drawn, and their place on a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from click.testing import CliRunner

from shadergen import sources
from shadergen.cli import main
from shadergen.judge.cases import BORDER, cases
from shadergen.judge.contactsheet import ContactSheet
from shadergen.judge.drawn import named_cases
from tests.nets import c_model
from tests.test_score import nearest

DRAWN = named_cases("luma")
NAMES = ["subtitles", "credits", "film-grain", "dark-gradients", "screen-tone", "pixel-art", "red-text", "pink-lines"]


def test_each_has_a_name_a_spot_and_levels_of_8_bits() -> None:
    assert [picture.name for picture in DRAWN] == NAMES
    for picture in DRAWN:
        codes = picture.rgb * 255
        assert codes == pytest.approx(np.rint(codes))
        left, top = picture.spot or (0, 0)
        spot = picture.rgb[:, top : top + 48, left : left + 48]
        assert spot.shape == (3, 48, 48)
        assert min(left, top) >= BORDER
        assert np.ptp(spot) > 0, "there is something to look at"


def test_they_are_the_same_every_time() -> None:
    for first, second in zip(DRAWN, named_cases("luma"), strict=True):
        assert np.array_equal(first.rgb, second.rgb)


def test_what_has_no_colour_is_no_case_for_chroma() -> None:
    assert [picture.name for picture in named_cases("chroma")] == [name for name in NAMES if name != "screen-tone"]


def test_pixel_art_has_square_pixels_and_gradients_are_dark() -> None:
    found = {picture.name: picture.rgb for picture in DRAWN}
    art = found["pixel-art"]
    assert np.array_equal(art, art[:, ::4, ::4].repeat(4, 1).repeat(4, 2))
    codes = found["dark-gradients"] * 255
    assert 2 <= codes.min() < codes.max() <= 50
    steps = np.abs(np.diff(codes[1, :100], axis=1))
    assert steps.max() == 1, "a step of a code at most, above the hill"


def test_a_sheet_shows_the_spot_four_times_as_large(tmp_path: Path) -> None:
    (case, *_) = cases(DRAWN[0], "luma", ["box"])
    sheet = ContactSheet()
    sheet.add(case, {"black": np.zeros_like(case.truth)})
    (_, [(_, black), (label, truth)]), (_, [(_, difference)]) = sheet.rows
    left, top = case.spot or (0, 0)
    assert label == "truth"
    expected = case.truth[0, top : top + 48, left : left + 48]
    assert truth[..., 0] / 255 == pytest.approx(expected, abs=0.5 / 255 + 1e-6)
    assert not black.any()
    assert difference.max() <= 128, "black is darker than all of it"
    sheet.save(tmp_path / "sheet.png")
    pixels = np.asarray(PIL.Image.open(tmp_path / "sheet.png"))
    column = pixels[6 + 18 :, 6 + 198 :][:192, :192]
    assert np.array_equal(column, truth.repeat(4, 0).repeat(4, 1))


@pytest.mark.parametrize(("plane", "count"), [("luma", 8), ("chroma", 7)])
def test_the_command_scores_them_by_name(plane: str, count: int, tmp_path: Path) -> None:
    graph, condition = (nearest(), "box") if plane == "luma" else (c_model("chroma"), "left")
    sources.save(graph, tmp_path / "model.npz")
    result = CliRunner().invoke(main, ["score", str(tmp_path / "model.npz"), "--cases", "--condition", condition])
    assert result.exit_code == 0, result.output
    lines = [line.split()[0] for line in result.stdout.splitlines()]
    assert lines == ["cases,", *[picture.name for picture in named_cases(graph.plane)], "mean"]
    assert len(lines) == count + 2
