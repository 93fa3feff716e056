"""Sizes that are known only at playback, as functions of the size of the graph's input.

Padding, kernels and upscales make a size affine in the input's: `scale * n + offset`. A stride rounds down, and what is
rounded down repeats: `floor(n/2)` is `n/2` less 0 for even n and 1/2 for odd n. Such functions are closed under sums,
products with numbers, and division with rounding; and each is written in one way only, so equal functions are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm

MAX_PERIOD = 4096
"""The longest period of what is rounded, in pixels of the input: that of twelve strides of 2 one after another."""


@dataclass(frozen=True)
class Term:
    """A summand of a size: `ratio * floor((factor * n + shift) / divisor)`, where n is the size of the input."""

    ratio: Fraction
    factor: int = 1
    shift: int = 0
    """From 0 to `divisor` - 1."""
    divisor: int = 1
    """1 or more; 1, with factor 1 and shift 0, for a summand that is not rounded."""

    def __str__(self) -> str:
        inner = f"{'' if self.factor == 1 else self.factor}n{f'+{self.shift}' if self.shift else ''}"
        rounded = f"floor({f'({inner})' if self.shift else inner}/{self.divisor})"
        sign = {"1": "", "-1": "-"}.get(str(self.ratio), str(self.ratio))
        return sign + (inner if self.divisor == 1 else rounded)


@dataclass(frozen=True)
class Extent:
    """The size of a value along one axis, in pixels, where the graph's input has n: a function of n, 1 or more.

    It is `scale * n + offset + rest[n mod period]`. The methods give other such functions; two are equal if and only if
    they have the same value everywhere.
    """

    scale: Fraction = Fraction(1)
    """How much the size grows when the input grows by its period, over that period: 0 for a fixed size."""
    offset: Fraction | int = 0
    """The value at n = 0."""
    rest: tuple[Fraction, ...] = ()
    """What rounding adds at n = 0, 1, 2 ... and every period further; the first is 0. It is empty where nothing is
    rounded, and never a repetition of a shorter one."""

    @property
    def period(self) -> int:
        """After how many pixels of the input the rounding repeats; 1 where nothing is rounded."""
        return len(self.rest) or 1

    @property
    def constant(self) -> bool:
        """Whether the size does not depend on the input's."""
        return self.scale == 0 and not self.rest

    @property
    def affine(self) -> bool:
        """Whether nothing is rounded: the function is `scale * n + offset`."""
        return not self.rest

    @property
    def whole(self) -> bool:
        """Whether the value is an integer for every n."""
        return all(self.value(n).denominator == 1 for n in range(self.period + 1))

    def __str__(self) -> str:
        terms, offset = self.terms()
        parts = [str(term) for term in terms] + ([str(offset)] if offset or not terms else [])
        return "".join(part if part.startswith("-") or i == 0 else f"+{part}" for i, part in enumerate(parts))

    def value(self, n: int) -> Fraction:
        """The value for an input of size `n`, perhaps a fraction."""
        return self.scale * n + self.offset + (self.rest[n % len(self.rest)] if self.rest else 0)

    def at(self, n: int) -> int:
        """The size for an input of size `n`. Raises ValueError where it is no integer."""
        size = self.value(n)
        if size.denominator != 1:
            raise ValueError(f"{self} is not an integer at n = {n}")
        return int(size)

    def __add__(self, other: Extent) -> Extent:
        return _tabulated(lambda n: self.value(n) + other.value(n), lcm(self.period, other.period))

    def __sub__(self, other: Extent) -> Extent:
        return self + other.times(-1)

    def plus(self, texels: Fraction | int) -> Extent:
        """The function with `texels` added to every value."""
        return Extent(self.scale, self.offset + texels, self.rest)

    def times(self, factor: Fraction | int) -> Extent:
        """The function with every value multiplied by `factor`, not rounded."""
        rest = tuple(part * factor for part in self.rest) if factor else ()
        return Extent(self.scale * factor, _integer(self.offset * Fraction(factor)), rest)

    def floor(self) -> Extent:
        """The function with every value rounded down. Raises ValueError for a period above MAX_PERIOD."""
        growth = self.scale * self.period
        return _tabulated(lambda n: Fraction(self.value(n) // 1), self.period * growth.denominator)

    def over(self, divisor: int) -> Extent:
        """The function divided by `divisor`, 1 or more, and rounded down; its values must be integers."""
        return self.times(Fraction(1, divisor)).floor() if divisor > 1 else self

    def scaled(self, factor: Fraction) -> Extent:
        """The function multiplied by `factor`, above 0, and rounded down; its values must be integers."""
        return self.times(factor.numerator).over(factor.denominator)

    def up_to(self, multiple: int) -> Extent:
        """The function with every value rounded up to a multiple of `multiple`, 1 or more."""
        return self.plus(multiple - 1).over(multiple).times(multiple)

    def after(self, first: Extent) -> Extent:
        """The composition: at n, the value of this function for an input of size `first.at(n)`."""
        growth = first.scale * first.period / self.period
        return _tabulated(lambda n: self.value(first.at(n)), first.period * growth.denominator)

    def below_zero(self) -> Extent:
        """The function that is 1 where this one is below zero, and 0 elsewhere.

        Raises ValueError where growing pictures pass from one to the other, which no such function can say.
        """
        values = [self.value(n) for n in range(1, self.period + 1)]
        if self.scale == 0:
            return _tabulated(lambda n: Fraction(self.value(n) < 0), self.period)
        if min(values) >= 0 < self.scale:
            return fixed(0)
        if max(values) < 0 > self.scale:
            return fixed(1)
        raise ValueError(f"found {self}, which is below 0 for some pictures only, expected the same for all")

    @property
    def never_below_zero(self) -> bool:
        """Whether the value is 0 or more for every n from 1."""
        try:
            return self.below_zero() == fixed(0)
        except ValueError:  # for small pictures it is, for large ones not, or the other way round
            return False

    def where(self, condition: Extent) -> Extent:
        """The product with `condition`, a function of values 0 and 1.

        Raises ValueError where the product would grow for some n and be 0 for others.
        """
        if condition.constant:
            return self if condition.offset else fixed(0)
        if self.scale:
            raise ValueError(f"found {self} for some sizes of the picture only, expected the same for all")
        period = lcm(self.period, condition.period)
        return _tabulated(lambda n: self.value(n) * condition.value(n), period)

    def terms(self) -> tuple[tuple[Term, ...], int | Fraction]:
        """Terms and a number whose sum this function is: one term where that is enough, else one for each residue."""
        found = rounding(self, Extent())
        if found:
            return found
        steps = [self.value(n + 1) - self.value(n) for n in range(self.period)]
        usual = max(sorted(set(steps)), key=steps.count)
        terms = [Term(usual)] if usual else []
        terms += [
            Term(step - usual, 1, self.period - 1 - n, self.period) for n, step in enumerate(steps) if step != usual
        ]
        return tuple(terms), self.offset


SAME = Extent()
"""The size of the graph's input itself."""


def rounding(extent: Extent, base: Extent) -> tuple[tuple[Term, ...], int | Fraction] | None:
    """At most one term, of the value of `base` instead of n, and a number whose sum is `extent`.

    None where it takes more than one rounding to get from one size to the other.
    """
    if extent.constant:
        return (), extent.offset
    if base.scale == 0:
        return None
    return _rounding(extent, base)


@lru_cache(maxsize=4096)
def _rounding(extent: Extent, base: Extent) -> tuple[tuple[Term, ...], int | Fraction] | None:
    ratio = extent.scale / base.scale
    difference = extent - base.times(ratio)
    if difference.constant and extent.scale:
        return (Term(ratio),), difference.offset
    if not (extent.whole and base.whole and extent.scale):
        return None
    period = range(1, lcm(extent.period, base.period) + 1)
    step = gcd(*(extent.at(n) - extent.at(0) for n in period)) * (1 if ratio > 0 else -1)
    factor, divisor = (ratio / step).numerator, (ratio / step).denominator
    for shift in range(divisor):
        term = Term(Fraction(step), factor, shift, divisor)
        offset = extent.at(0) - step * ((factor * base.at(0) + shift) // divisor)
        if all(extent.at(n) == step * ((factor * base.at(n) + shift) // divisor) + offset for n in period):
            return (term,), offset
    return None


def _tabulated(function: Callable[[int], Fraction], period: int) -> Extent:
    """The extent equal to `function`, which grows by the same number whenever n grows by `period`.

    Raises ValueError for a period above MAX_PERIOD.
    """
    if period > MAX_PERIOD:
        raise ValueError(f"found a size that repeats every {period} texels, expected {MAX_PERIOD} at most")
    offset = function(0)
    scale = (function(period) - offset) / period
    rest = [function(n) - offset - scale * n for n in range(period)]
    shortest = next(p for p in _divisors(period) if rest == rest[:p] * (period // p))
    return Extent(scale, _integer(offset), tuple(rest[:shortest]) if any(rest) else ())


def _divisors(number: int) -> Iterator[int]:
    return (divisor for divisor in range(1, number + 1) if number % divisor == 0)


def _integer(number: Fraction) -> Fraction | int:
    return int(number) if number.denominator == 1 else number


def fixed(size: Fraction | int) -> Extent:
    """The size that is `size` pixels whatever the input's."""
    return Extent(Fraction(0), size)
