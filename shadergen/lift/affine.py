"""What a shader computes with texels that are not known: affine forms, and nonlinear functions of them.

A form is a sum of weights times atoms, and a constant. An atom is a component of a texel, or a nonlinear function of
forms, which an `Arena` knows by its number. A form without atoms is a plain number, and is written as one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

INF = math.inf

CANCELLED = 5e-7
"""A weight that is the difference of two others, and smaller than this share of them, is nothing: the text's numbers
have 24 bits."""


MOST_TERMS = 10_000
"""Atoms that a form may have: a sum over a neighbourhood of a few hundred pixels in all channels. A sum over a picture
takes minutes."""


DEEPEST = 100
"""Functions of functions within a pass. A network's pass has an activation or two."""


class LiftError(Exception):
    """What a network does not do; the message is the end of a sentence that begins with the pass."""


class Form:
    """sum of weight * atom, plus a constant; it is never changed once it is made."""

    __slots__ = ("constant", "terms")

    def __init__(self, terms: dict[int, float], constant: float = 0.0) -> None:
        self.terms = terms
        """Weights by atom, at least one: texels are numbered from 0, functions from -1 down."""
        self.constant = constant


Scalar: TypeAlias = Any
"""A float, an int, a bool, a Form, a Condition or a Word."""


@dataclass(frozen=True)
class Condition:
    """Whether a form is above zero."""

    form: Form


@dataclass(frozen=True)
class Word:
    """A 32-bit word of four signed or unsigned bytes, each a form whose values are whole numbers."""

    parts: tuple[Scalar, ...]


@dataclass(frozen=True)
class Atom:
    """A nonlinear function: its name, its parameters, and the forms or numbers that it is of."""

    name: str
    parameters: tuple[float, ...]
    operands: tuple[Scalar, ...]


# ---------------------------------------------------------------------------------------------------------------------
# Texels as atoms

_BITS = 20
_BIAS = 1 << (_BITS - 1)
_MASK = (1 << _BITS) - 1


def texel_atom(texture: int, component: int, x: int, y: int) -> int:
    """The number of a component of a texel; `x` and `y` are between -2^19 and 2^19, so that differences fit as well."""
    return ((texture << 2 | component) << 2 * _BITS) + ((y + _BIAS) << _BITS) + x + _BIAS


def texel_of(atom: int) -> tuple[int, int, int, int]:
    """The texture, component, x and y that a number from `texel_atom` stands for."""
    place = atom >> 2 * _BITS
    return place >> 2, place & 3, (atom & _MASK) - _BIAS, (atom >> _BITS & _MASK) - _BIAS


def texture_of(atom: int) -> int:
    """The texture of a texel's atom."""
    return atom >> 2 * _BITS + 2


def shift(x: int, y: int) -> int:
    """What to add to a texel's atom to move it."""
    return (y << _BITS) + x


# ---------------------------------------------------------------------------------------------------------------------
# Affine arithmetic


def number_or_form(terms: dict[int, float], constant: float) -> Scalar:
    """A form, or the number that it is where it has no atoms. Raises LiftError for a form of very many."""
    if len(terms) > MOST_TERMS:
        raise LiftError(f"adds up more than {MOST_TERMS} numbers of the picture")
    return Form(terms, constant) if terms else constant


def add(a: Scalar, b: Scalar) -> Scalar:
    """a + b."""
    if type(a) is Form:
        if type(b) is Form:
            return _added(a, b)
        return Form(a.terms, a.constant + b)
    if type(b) is Form:
        return Form(b.terms, b.constant + a)
    return a + b


def _added(a: Form, b: Form) -> Scalar:
    if len(a.terms) < len(b.terms):
        a, b = b, a
    terms = dict(a.terms)
    for atom, weight in b.terms.items():
        known = terms.get(atom)
        if known is None:
            terms[atom] = weight
            continue
        total = known + weight
        if abs(total) <= CANCELLED * abs(weight):
            del terms[atom]
        else:
            terms[atom] = total
    return number_or_form(terms, a.constant + b.constant)


def scale(a: Scalar, factor: float) -> Scalar:
    """factor * a."""
    if type(a) is not Form:
        return a * factor
    if factor == 0:
        return 0.0
    if factor == 1:
        return a
    return Form({atom: weight * factor for atom, weight in a.terms.items()}, a.constant * factor)


def negative(a: Scalar) -> Scalar:
    """-a."""
    return scale(a, -1.0) if type(a) is Form else -a


def subtract(a: Scalar, b: Scalar) -> Scalar:
    """a - b."""
    return add(a, negative(b))


def ratio(a: Scalar, b: Form) -> float | None:
    """The number r with a = r * b, or None."""
    if type(a) is not Form:
        return 0.0 if a == 0 else None
    if a.terms.keys() != b.terms.keys():
        return None
    first = next(iter(b.terms))
    r = a.terms[first] / b.terms[first]
    pairs = [(a.terms[atom], weight) for atom, weight in b.terms.items()] + [(a.constant, b.constant)]
    return r if all(abs(x - r * y) <= 1e-9 * abs(x) for x, y in pairs) else None


# ---------------------------------------------------------------------------------------------------------------------
# Functions


class Arena:
    """Numbers nonlinear functions of forms, equal ones alike, and makes forms of them.

    The functions: `clip` (least, most), with one parameter each or infinity; `mul` and `div` of two forms; `step`, 1
    where a form is above zero, else 0; `select`, of a form above zero, one value, else another; `round`, to the nearest
    whole number; and those that GLSL calls by the same name.
    """

    def __init__(self) -> None:
        self.atoms: list[Atom] = []
        self._numbers: dict[Any, list[int]] = {}
        """The functions that have a digest, which is short where forms are long: there are many."""
        self._depths: list[int] = []

    def atom(self, number: int) -> Atom:
        """The function of a number below zero."""
        return self.atoms[-1 - number]

    def of(self, name: str, operands: tuple[Scalar, ...], parameters: tuple[float, ...] = ()) -> Form:
        """The value of a function, as a form of one atom."""
        alike = self._numbers.setdefault((name, parameters, *map(_digest, operands)), [])
        number = next((number for number in alike if all(map(equal, operands, self.atom(number).operands))), None)
        if number is None:
            self._depths.append(self._depth(operands))
            self.atoms.append(Atom(name, parameters, operands))
            number = -len(self.atoms)
            alike.append(number)
        return Form({number: 1.0})

    def _depth(self, operands: tuple[Scalar, ...]) -> int:
        """How many functions are within one another, of a function of these."""
        atoms = (atom for form in operands if type(form) is Form for atom in form.terms if atom < 0)
        depth = 1 + max((self._depths[-1 - atom] for atom in atoms), default=0)
        if depth > DEEPEST:
            raise LiftError(f"computes functions of functions, more than {DEEPEST} deep")
        return depth

    def only(self, form: Scalar, name: str) -> tuple[Atom, float] | None:
        """The function, and its weight, where a form is a function of that name times a number; else None."""
        if type(form) is not Form or len(form.terms) != 1 or form.constant:
            return None
        ((number, weight),) = form.terms.items()
        if number >= 0 or self.atom(number).name != name:
            return None
        return self.atom(number), weight

    def clip(self, a: Scalar, least: float, most: float) -> Scalar:
        """min(max(a, least), most) for two numbers."""
        if type(a) is not Form:
            return min(max(a, least), most)
        if least == -INF and most == INF:
            return a
        if least == -INF and most == 0.0:
            return negative(self.clip(negative(a), 0.0, INF))
        inner = self.only(a, "clip")
        if inner is not None and inner[1] == 1.0:
            low, high = inner[0].parameters
            if least <= high and most >= low:
                bounds = (max(least, low), min(most, high))
                return a if bounds == (low, high) else self.of("clip", inner[0].operands, bounds)
        return self.of("clip", (a,), (float(least), float(most)))

    def positive(self, a: Scalar) -> Scalar:
        """max(a, 0)."""
        return self.clip(a, 0.0, INF)

    def maximum(self, a: Scalar, b: Scalar) -> Scalar:
        if type(a) is Form and type(b) is Form:
            r = ratio(b, a)
            if r is not None:  # max(a, r a) has another slope on each side of zero
                return subtract(scale(self.positive(a), max(1.0, r)), scale(self.positive(negative(a)), min(1.0, r)))
            return add(b, self.positive(subtract(a, b)))
        if type(a) is Form:
            return self.clip(a, b, INF)
        return self.clip(b, a, INF) if type(b) is Form else max(a, b)

    def minimum(self, a: Scalar, b: Scalar) -> Scalar:
        if type(a) is Form and type(b) is Form:
            return negative(self.maximum(negative(a), negative(b)))
        if type(a) is Form:
            return self.clip(a, -INF, b)
        return self.clip(b, -INF, a) if type(b) is Form else min(a, b)

    def absolute(self, a: Scalar) -> Scalar:
        return add(self.positive(a), self.positive(negative(a))) if type(a) is Form else abs(a)

    def multiply(self, a: Scalar, b: Scalar) -> Scalar:
        if type(a) is not Form:
            return scale(b, a)
        if type(b) is not Form:
            return scale(a, b)
        for one, other in ((a, b), (b, a)):
            step = self.only(one, "step")
            if step is not None:
                r = ratio(other, step[0].operands[0])
                if r is not None:  # the form where it is above zero
                    return scale(self.positive(step[0].operands[0]), r * step[1])
        if sorted(b.terms.items()) < sorted(a.terms.items()):
            a, b = b, a
        return self.of("mul", (a, b))

    def divide(self, a: Scalar, b: Scalar) -> Scalar:
        if type(b) is Form:
            return self.of("div", (a, b))
        if type(a) is Form:
            if b == 0:
                raise LiftError("divides a picture's value by zero")
            return Form({atom: weight / b for atom, weight in a.terms.items()}, a.constant / b)
        return a / b if b else (math.nan if a == 0 else math.copysign(INF, a))

    def select(self, condition: Condition, a: Scalar, b: Scalar) -> Scalar:
        """`a` where the condition holds, else `b`."""
        form = condition.form
        if type(a) is not Form and type(b) is not Form and type(a) is type(b) is float:
            return add(b, scale(self.of("step", (form,)), a - b))
        ra, rb = ratio(a, form), ratio(b, form)
        if ra is not None and rb is not None:
            return subtract(scale(self.positive(form), ra), scale(self.positive(negative(form)), rb))
        return self.of("select", (form, a, b))

    def apply(self, atom: Atom, operands: tuple[Scalar, ...]) -> Scalar:
        """An atom's function of other operands, which may be numbers."""
        if all(type(operand) is not Form for operand in operands):
            return evaluate(atom, tuple(map(float, operands)))
        match atom.name:
            case "clip":
                return self.clip(operands[0], *atom.parameters)
            case "mul":
                return self.multiply(*operands)
            case "div":
                return self.divide(*operands)
            case _:
                return self.of(atom.name, operands, atom.parameters)

    def rewritten(
        self,
        form: Scalar,
        texel: Callable[[int], Scalar],
        known: dict[int, Scalar],
        function: Callable[[int], Scalar | None] = lambda number: None,
    ) -> Scalar:
        """The form with something else for every texel; `known` holds what atoms became, for the next form.

        A function is that of the rewritten operands, unless `function` knows something else for its number.
        """
        if type(form) is not Form:
            return form
        terms: dict[int, float] = {}
        constant = form.constant
        for atom, weight in form.terms.items():
            new = known.get(atom)
            if new is None:
                new = texel(atom) if atom >= 0 else self._rewritten_atom(atom, texel, known, function)
                known[atom] = new
            if type(new) is Form:
                for other, inner in new.terms.items():
                    terms[other] = terms.get(other, 0.0) + weight * inner
                constant += weight * new.constant
            else:
                constant += weight * new
        return number_or_form(terms, constant)

    def _rewritten_atom(
        self,
        number: int,
        texel: Callable[[int], Scalar],
        known: dict[int, Scalar],
        function: Callable[[int], Scalar | None],
    ) -> Scalar:
        other = function(number)
        if other is not None:
            return other
        atom = self.atom(number)
        return self.apply(atom, tuple(self.rewritten(form, texel, known, function) for form in atom.operands))

    def moved(self, form: Scalar, moves: Mapping[int, int], known: dict[int, Scalar] | None = None) -> Scalar:
        """The form with every texel moved by the `shift` of its texture. Raises LiftError where a texture has none."""

        def texel(atom: int) -> Form:
            move = moves.get(texture_of(atom))
            if move is None:
                raise LiftError("reads a texture at some of its texels only")
            return Form({atom + move: 1.0})

        return self.rewritten(form, texel, {} if known is None else known)

    def of_texture(self, form: Scalar, number: int) -> Scalar:
        """The form with zeros for what is read of all other textures."""
        return self.rewritten(form, lambda atom: Form({atom: 1.0}) if texture_of(atom) == number else 0.0, {})

    def texels(self, form: Scalar) -> Iterator[int]:
        """The texels that a form is of, inside of functions as well; some may come more than once."""
        return (atom for atom in self._atoms((form,)) if atom >= 0)

    def functions(self, forms: Iterable[Scalar]) -> Iterator[int]:
        """The functions that forms are of, inside of others as well, each once."""
        return (atom for atom in self._atoms(forms) if atom < 0)

    def _atoms(self, forms: Iterable[Scalar]) -> Iterator[int]:
        seen: set[int] = set()
        stack = list(forms)
        while stack:
            item = stack.pop()
            if type(item) is not Form:
                continue
            for atom in item.terms:
                if atom in seen:
                    continue
                yield atom
                if atom < 0:
                    seen.add(atom)
                    stack.extend(self.atom(atom).operands)


_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "step": lambda x: float(x > 0),
    "round": lambda x: float(round(x)),
    "trunc": lambda x: float(math.trunc(x)),
    "floor": lambda x: float(math.floor(x)),
    "ceil": lambda x: float(math.ceil(x)),
    "fract": lambda x: x - math.floor(x),
    "sign": lambda x: float((x > 0) - (x < 0)),
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "exp2": lambda x: 2.0**x,
    "log2": math.log2,
    "sqrt": math.sqrt,
    "inversesqrt": lambda x: x**-0.5,
}


def _digest(a: Scalar) -> tuple[float, ...]:
    """What equal operands have in common, and few others."""
    if type(a) is not Form:
        return (float(a),)
    return len(a.terms), sum(a.terms), a.terms[min(a.terms)], a.constant


def equal(a: Scalar, b: Scalar) -> bool:
    """Whether two forms or numbers are the same."""
    if type(a) is not Form or type(b) is not Form:
        return type(a) is not Form and type(b) is not Form and float(a) == float(b)
    return a.constant == b.constant and a.terms == b.terms


def unary(name: str, x: float) -> float:
    """GLSL's function of that name of a number. Raises LiftError where it has no value."""
    try:
        return _FUNCTIONS[name](x)
    except (ValueError, OverflowError, ZeroDivisionError):
        raise LiftError(f"computes {name} of {x:g}") from None


def evaluate(atom: Atom, x: tuple[float, ...]) -> float:
    """The value of an atom's function of numbers."""
    match atom.name:
        case "clip":
            return min(max(x[0], atom.parameters[0]), atom.parameters[1])
        case "mul":
            return x[0] * x[1]
        case "div":
            return x[0] / x[1] if x[1] else math.nan
        case "select":
            return x[1] if x[0] > 0 else x[2]
        case "pow":
            return float(x[0] ** atom.parameters[0])
        case name:
            return unary(name, x[0])
