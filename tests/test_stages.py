"""What a player does with a hook file: which passes fire, what they are called, and how large their results are."""

from __future__ import annotations

import pytest

from shadergen.hookfile import HookPass, Rpn, UserTexture, parse, stages
from shadergen.hookfile.blocks import Offset
from shadergen.hookfile.stages import DisabledError, Scope

BODY = "vec4 hook() { return vec4(0.0); }\n"

DOUBLER = parse(
    "//!HOOK LUMA\n//!BIND HOOKED\n//!SAVE features\n//!COMPONENTS 4\n" + BODY + "//!HOOK LUMA\n//!HOOK CHROMA\n"
    "//!BIND HOOKED\n//!BIND features\n//!WIDTH HOOKED.w 2 *\n//!HEIGHT features.h 2 *\n//!WHEN OUTPUT.w HOOKED.w >\n"
    + BODY
)
FIRST, SECOND = DOUBLER.passes


def scope(
    width: float = 8,
    height: float = 6,
    *,
    output: tuple[float, float] = (16, 12),
    saved: dict[str, tuple[float, float]] | None = None,
    **variables: float,
) -> Scope:
    return Scope((width, height), (8, 6), output, (saved or {"features": (8, 6)}).get, variables)


def test_stages_fire_in_the_order_of_a_frame() -> None:
    order = stages.STAGE_ORDER
    assert order["LUMA"] == order["RGB"] < order["CHROMA"] < order["NATIVE"] < order["MAIN"] < order["OUTPUT"]
    assert order["MAIN"] == order["MAINPRESUB"]
    assert [stages.canonical(name) for name in ("MAIN", "MAINPRESUB", "features")] == [
        "MAINPRESUB",
        "MAINPRESUB",
        "features",
    ]


def test_a_pass_fires_at_every_stage_it_hooks() -> None:
    assert [index for index, _ in stages.passes_at(DOUBLER, "LUMA")] == [0, 1]
    assert [index for index, _ in stages.passes_at(DOUBLER, "CHROMA")] == [1]
    assert stages.hooked_stages(DOUBLER) == {"LUMA", "CHROMA"}
    assert stages.last_stage(DOUBLER, stages.STAGES) == "CHROMA"
    assert stages.last_stage(DOUBLER, ["LUMA", "OUTPUT"]) == "LUMA"
    assert stages.last_stage(DOUBLER, ["OUTPUT"]) is None


def test_hooked_is_the_stage_that_fires() -> None:
    assert stages.bindings(SECOND, "CHROMA") == {"CHROMA": True, "features": False}
    twice = HookPass(("MAIN",), BODY, binds=("MAIN", "HOOKED"))
    assert stages.bindings(twice, "MAINPRESUB") == {"MAINPRESUB": True}


@pytest.mark.parametrize(
    ("save", "name", "overwritten"),
    [
        (None, "MAINPRESUB", {"MAIN"}),
        ("MAINPRESUB", "MAINPRESUB", {"MAIN"}),
        ("MAIN", "MAINPRESUB", {"MAIN"}),
        ("features", "features", set()),
    ],
)
def test_a_result_replaces_the_picture_unless_it_is_saved_elsewhere(
    save: str | None, name: str, overwritten: set[str]
) -> None:
    item = HookPass(("MAIN",), BODY, save=save)
    assert stages.result_name(item, "MAINPRESUB") == name
    assert stages.overwrites(item) == overwritten


def test_of_two_textures_with_one_name_players_bind_the_first() -> None:
    texture = "//!TEXTURE lut\n//!SIZE 1 1\n//!FORMAT r8\n{}\n"
    found = stages.resources(parse(texture.format("01") + texture.format("02")))["lut"]
    assert isinstance(found, UserTexture)
    assert found.data == b"\x01"


def test_a_texture_exists_once_its_stage_has_fired_or_a_pass_has_saved_it() -> None:
    assert stages.may_exist(DOUBLER, "features", 1)
    assert not stages.may_exist(DOUBLER, "features", 0)
    assert stages.may_exist(DOUBLER, "CHROMA", 1)
    assert not stages.may_exist(DOUBLER, "NATIVE", 1)


def test_conditions_and_textures_decide_whether_a_pass_runs() -> None:
    def reason(output: tuple[float, float], *textures: str) -> str:
        return stages.skip_reason(SECOND, "CHROMA", scope(output=output), textures.__contains__)

    assert reason((16, 12), "CHROMA", "features") == ""
    assert reason((8, 6), "CHROMA", "features") == "WHEN OUTPUT.w HOOKED.w > is 0"
    assert reason((16, 12), "CHROMA") == "there is no texture named features"


@pytest.mark.parametrize(("hooked", "size"), [((8, 6), (16, 12)), ((2.25, 6), (5, 12)), ((2.2, 6), (4, 12))])
def test_sizes_are_rounded_to_the_nearest_texel(hooked: tuple[float, float], size: tuple[int, int]) -> None:
    assert stages.result_size(SECOND, scope(*hooked)) == size


def test_without_width_and_height_a_result_is_as_large_as_the_picture() -> None:
    assert stages.result_size(FIRST, scope(5, 3)) == (5, 3)


@pytest.mark.parametrize(
    ("width", "problem"),
    [
        ("nobody.w", "no texture named 'nobody' in nobody.w"),
        ("strength", "no variable named 'strength' in strength"),
        ("0", "its size is 0x6"),
        ("HOOKED.w 0 /", "division by zero in '/' in HOOKED.w 0 /"),
    ],
)
def test_a_size_without_an_answer_disables_the_file(width: str, problem: str) -> None:
    item = HookPass(("LUMA",), BODY, width=Rpn.parse(width))
    with pytest.raises(DisabledError) as error:
        stages.result_size(item, scope())
    assert str(error.value) == problem


def test_expressions_know_parameters_and_the_names_of_enums() -> None:
    file = parse("//!PARAM steps\n//!TYPE int\n2.9\n//!PARAM kind\n//!TYPE ENUM int\nsoft\nhard\n")
    values = stages.initial_values(file)
    assert values == {"steps": 2, "kind": 0}
    assert stages.variables(file, values | {"kind": 1}) == {"steps": 2, "kind": 1, "soft": 0, "hard": 1}


@pytest.mark.parametrize(("value", "nearest"), [(0.5, 1), (-0.5, -1), (0.49999, 0), (2.5, 3), (-2.4, -2)])
def test_halves_are_rounded_away_from_zero(value: float, nearest: int) -> None:
    assert stages.roundf(value) == nearest


@pytest.mark.parametrize(
    ("offset", "rect"),
    [(None, (0.5, 0, 16.5, 12)), ((-0.5, 1), (0, 1, 16, 13)), ("ALIGN", (0, 0, 16, 12))],
)
def test_offset_says_where_the_content_lies_in_a_result(offset: Offset | None, rect: stages.Rect) -> None:
    """Chroma of left siting lies a quarter of its texel to the right of the frame; here a pass doubles it."""
    item = HookPass(("CHROMA",), BODY, offset=offset)
    assert stages.misalignment((0.25, 0, 8.25, 6), (0, 0, 16, 12)) == (0.25, 0)
    assert stages.result_rect(item, (16, 12), (8, 6), (0.25, 0, 8.25, 6), (0, 0, 16, 12)) == rect
