"""Functions that the graph has an operator for, in the ways that forms have of saying them."""

from __future__ import annotations

from dataclasses import dataclass

from shadergen.lift.affine import INF, Arena, Atom, Form, Scalar, equal, negative


@dataclass(frozen=True)
class Call:
    """A function: `clip`, `prelu` with its slope, `sigmoid`, `tanh`, `sqrt` or `round` of a value, or `mul` of two."""

    kind: str
    parameters: tuple[float, ...]
    operands: tuple[Scalar, ...]


def call(arena: Arena, form: Scalar) -> Call | None:
    """The function that a form is, where that is all that it is; else None."""
    if type(form) is not Form or form.constant:
        return None
    if len(form.terms) == 1:
        ((number, weight),) = form.terms.items()
        return of_atom(arena, arena.atom(number)) if number < 0 and weight == 1.0 else None
    return _prelu(arena, form)


def of_atom(arena: Arena, atom: Atom) -> Call | None:
    """The function of an atom, or None where it is none of these."""
    match atom.name:
        case "clip" | "tanh" | "sqrt" | "round" | "mul":
            return Call(atom.name, atom.parameters, atom.operands)
        case "div":
            operand = _logistic(arena, atom)
            return None if operand is None else Call("sigmoid", (), (operand,))
        case _:
            return None


def _logistic(arena: Arena, atom: Atom) -> Scalar | None:
    """x, where an atom is 1 / (1 + exp(-x)); else None."""
    one, below = atom.operands
    if type(one) is Form or one != 1.0 or type(below) is not Form or below.constant != 1.0:
        return None
    exponential = arena.only(Form(below.terms), "exp")
    if exponential is None or exponential[1] != 1.0:
        return None
    return negative(exponential[0].operands[0])


def _prelu(arena: Arena, form: Form) -> Call | None:
    """max(x, 0) - slope * max(-x, 0)."""
    if len(form.terms) != 2 or max(form.terms) >= 0:
        return None
    (a, weight_a), (b, weight_b) = sorted(form.terms.items(), key=lambda item: item[1] != 1.0)
    x, opposite = _rectified(arena, a), _rectified(arena, b)
    if weight_a != 1.0 or x is None or opposite is None or not equal(negative(x), opposite):
        return None
    return Call("prelu", (-weight_b,), (x,))


def _rectified(arena: Arena, number: int) -> Form | None:
    atom = arena.atom(number)
    operand = atom.operands[0]
    return operand if atom.name == "clip" and atom.parameters == (0.0, INF) and type(operand) is Form else None
