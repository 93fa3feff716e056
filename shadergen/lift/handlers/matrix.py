"""Products of vectors and matrices: where almost all of a network's work is."""

from __future__ import annotations

from typing import Any

from shadergen.lift.affine import Form, Scalar, add, number_or_form
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Words
from shadergen.spirv.opcodes import Op


def dot(machine: Invocation, a: tuple[Scalar, ...], b: tuple[Scalar, ...]) -> Scalar:
    """The sum of the products, which is one form where one side is numbers."""
    if all(type(x) is not Form for x in a):
        return _weighted(a, b)
    if all(type(x) is not Form for x in b):
        return _weighted(b, a)
    total: Scalar = 0.0
    for x, y in zip(a, b, strict=True):
        total = add(total, machine.arena.multiply(x, y))
    return total


def _weighted(weights: tuple[Scalar, ...], values: tuple[Scalar, ...]) -> Scalar:
    """The sum of forms or numbers times numbers."""
    terms: dict[int, float] = {}
    constant = 0.0
    for weight, value in zip(weights, values, strict=True):
        if type(value) is not Form:
            constant += weight * value
        elif weight:
            constant += weight * value.constant
            for atom, inner in value.terms.items():
                terms[atom] = terms.get(atom, 0.0) + weight * inner
    return number_or_form(terms, constant)


@handles(Op.DOT)
def _dot(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = dot(machine, machine.values[w[2]], machine.values[w[3]])


@handles(Op.MATRIX_TIMES_VECTOR)
def _matrix_times_vector(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = _product(machine, machine.values[w[2]], machine.values[w[3]])


def _product(machine: Invocation, columns: Any, vector: tuple[Scalar, ...]) -> tuple[Scalar, ...]:
    return tuple(dot(machine, row, vector) for row in zip(*columns, strict=True))


@handles(Op.VECTOR_TIMES_MATRIX)
def _vector_times_matrix(machine: Invocation, w: Words) -> None:
    vector = machine.values[w[2]]
    machine.values[w[1]] = tuple(dot(machine, column, vector) for column in machine.values[w[3]])


@handles(Op.MATRIX_TIMES_MATRIX)
def _matrix_times_matrix(machine: Invocation, w: Words) -> None:
    columns = machine.values[w[2]]
    machine.values[w[1]] = tuple(_product(machine, columns, column) for column in machine.values[w[3]])


@handles(Op.VECTOR_TIMES_SCALAR)
def _vector_times_scalar(machine: Invocation, w: Words) -> None:
    factor = machine.values[w[3]]
    machine.values[w[1]] = tuple(machine.arena.multiply(x, factor) for x in machine.values[w[2]])


@handles(Op.MATRIX_TIMES_SCALAR)
def _matrix_times_scalar(machine: Invocation, w: Words) -> None:
    factor, multiply = machine.values[w[3]], machine.arena.multiply
    machine.values[w[1]] = tuple(tuple(multiply(x, factor) for x in column) for column in machine.values[w[2]])


@handles(Op.OUTER_PRODUCT)
def _outer_product(machine: Invocation, w: Words) -> None:
    column, row = machine.values[w[2]], machine.values[w[3]]
    machine.values[w[1]] = tuple(tuple(machine.arena.multiply(x, y) for x in column) for y in row)


@handles(Op.TRANSPOSE)
def _transpose(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = tuple(zip(*machine.values[w[2]], strict=True))
