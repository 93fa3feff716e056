"""Forms: sums of texels, and what GLSL's functions make of them."""

from __future__ import annotations

import pytest

from shadergen.lift.affine import (
    INF,
    Arena,
    Condition,
    Form,
    LiftError,
    add,
    negative,
    scale,
    shift,
    subtract,
    texel_atom,
    texel_of,
)

A, B = (Form({texel_atom(0, 0, x, 0): 1.0}) for x in (0, 1))


def test_a_texel_is_named_by_texture_component_and_place() -> None:
    for texel in ((0, 0, 0, 0), (7, 3, 255, 127), (1, 2, -3, -40), (5, 1, -1, 9)):
        assert texel_of(texel_atom(*texel)) == texel
    assert texel_atom(3, 1, 10, 20) + shift(-12, -25) == texel_atom(3, 1, -2, -5)


def test_sums_are_forms_until_nothing_unknown_is_left() -> None:
    both = add(scale(A, 2.0), add(B, 0.5))
    assert (sorted(both.terms.values()), both.constant) == ([1.0, 2.0], 0.5)
    assert subtract(both, both) == 0.0
    assert scale(A, 0) == 0.0


def test_what_rounding_leaves_of_a_difference_is_nothing() -> None:
    assert subtract(scale(A, 1.0), scale(A, 1.0 + 1e-8)) == 0.0


def test_rectifiers_meet_in_one_way_of_writing() -> None:
    arena = Arena()
    relu = arena.positive(A)
    assert arena.maximum(A, 0.0).terms == relu.terms == arena.maximum(0.0, A).terms
    assert arena.positive(relu).terms == relu.terms, "twice is once"
    assert arena.minimum(A, 0.0).terms == negative(arena.positive(negative(A))).terms
    assert arena.clip(arena.clip(A, 0.0, INF), -INF, 1.0).terms == arena.clip(A, 0.0, 1.0).terms


@pytest.mark.parametrize("way", ["maximum", "select", "step"])
def test_a_leaky_rectifier_is_two_rectifiers(way: str) -> None:
    arena = Arena()
    match way:
        case "maximum":
            leaky = arena.maximum(A, scale(A, 0.25))
        case "select":
            leaky = arena.select(Condition(A), A, scale(A, 0.25))
        case _:
            step = arena.select(Condition(A), 1.0, 0.0)
            leaky = add(scale(A, 0.25), arena.multiply(scale(A, 0.75), step))
    expected = subtract(arena.positive(A), scale(arena.positive(negative(A)), 0.25))
    if way == "step":
        expected = add(scale(A, 0.25), scale(arena.positive(A), 0.75))
    assert leaky.terms == expected.terms


def test_a_function_of_numbers_is_a_number() -> None:
    arena = Arena()
    known: dict[int, object] = {}
    form = add(arena.of("exp", (subtract(A, 1.0),)), arena.positive(B))
    assert arena.rewritten(form, lambda texel: 1.0, known) == 2.0


def test_no_network_divides_by_nothing() -> None:
    with pytest.raises(LiftError, match="by zero"):
        Arena().divide(A, 0.0)
