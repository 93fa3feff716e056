"""Comparisons, truth, and choices between two values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shadergen.lift.affine import Condition, Form, LiftError, negative, subtract
from shadergen.lift.handlers.elementwise import each, numeric
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Words
from shadergen.spirv.opcodes import Op


def _comparison(ops: tuple[Op, ...], function: Callable[[Any, Any], bool], symbolic: Callable[..., Any]) -> None:
    def compare(a: Any, b: Any) -> Any:
        return symbolic(a, b) if type(a) is Form or type(b) is Form else function(a, b)

    def handler(machine: Invocation, w: Words) -> None:
        machine.values[w[1]] = each(compare, machine.values[w[2]], machine.values[w[3]])

    handles(*ops)(handler)


def _above(a: Any, b: Any) -> Condition:
    """Whether a > b, and a >= b as well: where they differ, what is chosen between is equal in a network."""
    return Condition(subtract(a, b))


def _below(a: Any, b: Any) -> Condition:
    return Condition(subtract(b, a))


def _equal(a: Any, b: Any) -> Condition:
    raise LiftError("asks whether two of the picture's values are equal")


_comparison((Op.F_ORD_GREATER_THAN, Op.F_UNORD_GREATER_THAN), lambda a, b: a > b, _above)
_comparison((Op.F_ORD_GREATER_THAN_EQUAL, Op.F_UNORD_GREATER_THAN_EQUAL), lambda a, b: a >= b, _above)
_comparison((Op.F_ORD_LESS_THAN, Op.F_UNORD_LESS_THAN), lambda a, b: a < b, _below)
_comparison((Op.F_ORD_LESS_THAN_EQUAL, Op.F_UNORD_LESS_THAN_EQUAL), lambda a, b: a <= b, _below)
_comparison((Op.F_ORD_EQUAL, Op.F_UNORD_EQUAL), lambda a, b: a == b, _equal)
_comparison((Op.F_ORD_NOT_EQUAL, Op.F_UNORD_NOT_EQUAL), lambda a, b: a != b, _equal)


def _of_numbers(ops: tuple[Op, ...], function: Callable[[Any, Any], Any]) -> None:
    checked = numeric(function, "a comparison")

    def handler(machine: Invocation, w: Words) -> None:
        machine.values[w[1]] = each(checked, machine.values[w[2]], machine.values[w[3]])

    handles(*ops)(handler)


_of_numbers((Op.I_EQUAL, Op.LOGICAL_EQUAL), lambda a, b: a == b)
_of_numbers((Op.I_NOT_EQUAL, Op.LOGICAL_NOT_EQUAL), lambda a, b: a != b)
_of_numbers((Op.U_GREATER_THAN, Op.S_GREATER_THAN), lambda a, b: a > b)
_of_numbers((Op.U_GREATER_THAN_EQUAL, Op.S_GREATER_THAN_EQUAL), lambda a, b: a >= b)
_of_numbers((Op.U_LESS_THAN, Op.S_LESS_THAN), lambda a, b: a < b)
_of_numbers((Op.U_LESS_THAN_EQUAL, Op.S_LESS_THAN_EQUAL), lambda a, b: a <= b)
_of_numbers((Op.LOGICAL_OR,), lambda a, b: a or b)
_of_numbers((Op.LOGICAL_AND,), lambda a, b: a and b)


@handles(Op.LOGICAL_NOT)
def _not(machine: Invocation, w: Words) -> None:
    def inverse(a: Any) -> Any:
        return Condition(negative(a.form)) if type(a) is Condition else not a

    machine.values[w[1]] = each(inverse, machine.values[w[2]])


@handles(Op.ANY)
def _any(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = any(each(numeric(bool, "a comparison"), machine.values[w[2]]))


@handles(Op.ALL)
def _all(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = all(each(numeric(bool, "a comparison"), machine.values[w[2]]))


@handles(Op.SELECT)
def _select(machine: Invocation, w: Words) -> None:
    condition, a, b = (machine.values[id] for id in w[2:5])

    def choose(condition: Any, a: Any, b: Any) -> Any:
        return machine.arena.select(condition, a, b) if type(condition) is Condition else a if condition else b

    if type(condition) is not tuple and type(a) is tuple:
        condition = _spread(condition, a)
    machine.values[w[1]] = each(choose, condition, a, b)


def _spread(condition: Any, like: Any) -> Any:
    """One condition for every component of a vector or matrix."""
    return tuple(_spread(condition, part) for part in like) if type(like) is tuple else condition
