"""The one maker of names."""

from __future__ import annotations

from shadergen.ir.names import LONGEST, Namer


def test_a_name_is_given_once() -> None:
    names = Namer(["input", "conv_v2"])
    assert [names.fresh(hint) for hint in ("conv", "conv", "conv", "input", "conv_v3")] == [
        *("conv", "conv_v3", "conv_v4", "input_v2", "conv_v3_v2"),
    ]


def test_a_scope_sees_the_names_around_it_and_leaves_none_behind() -> None:
    outer = Namer(["sum"])
    for _ in range(2):
        inner = outer.scope()
        assert [inner.fresh("sum"), inner.fresh("tap"), inner.fresh("tap")] == ["sum_v2", "tap", "tap_v2"]
    assert outer.fresh("tap") == "tap"


def test_long_names_are_cut_and_stay_apart() -> None:
    names = Namer()
    first, second = (names.fresh(f"{'a' * LONGEST}_{word}") for word in ("whole", "rim"))
    assert (first, second) == ("a" * LONGEST, "a" * LONGEST + "_v2")


def test_many_equal_hints_take_no_long_time() -> None:
    names = Namer()
    assert len({names.fresh("n") for _ in range(50_000)}) == 50_000
