"""Putting values together and taking them apart."""

from __future__ import annotations

from typing import Any

from shadergen.lift.affine import LiftError
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Words, copied
from shadergen.spirv.opcodes import Op


def index(value: Any, size: int | None = None) -> int:
    """A number that says which; raises LiftError for a form and for one that is not there."""
    if type(value) is not int:
        raise LiftError("has an index that depends on the picture")
    if value < 0 or (size is not None and value >= size):
        raise LiftError(f"reads at index {value} of {size}")
    return value


@handles(Op.COMPOSITE_CONSTRUCT)
def _construct(machine: Invocation, w: Words) -> None:
    parts = [machine.values[id] for id in w[2:]]
    match machine.module.types[w[0]].kind:
        case "vector":
            machine.values[w[1]] = tuple(x for part in parts for x in (part if type(part) is tuple else (part,)))
        case "matrix":
            machine.values[w[1]] = tuple(parts)
        case _:
            machine.values[w[1]] = parts


@handles(Op.COMPOSITE_EXTRACT)
def _extract(machine: Invocation, w: Words) -> None:
    value = machine.values[w[2]]
    for part in w[3:]:
        value = value[part]
    machine.values[w[1]] = value


@handles(Op.COMPOSITE_INSERT)
def _insert(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = _inserted(machine.values[w[3]], w[4:], machine.values[w[2]])


def _inserted(whole: Any, path: Words, part: Any) -> Any:
    if not path:
        return part
    new = _inserted(whole[path[0]], path[1:], part)
    changed = [*whole[: path[0]], new, *whole[path[0] + 1 :]]
    return tuple(changed) if type(whole) is tuple else copied(changed)


@handles(Op.VECTOR_SHUFFLE)
def _shuffle(machine: Invocation, w: Words) -> None:
    both = machine.values[w[2]] + machine.values[w[3]]
    machine.values[w[1]] = tuple(both[part] if part < len(both) else 0.0 for part in w[4:])


@handles(Op.VECTOR_EXTRACT_DYNAMIC)
def _extract_dynamic(machine: Invocation, w: Words) -> None:
    vector = machine.values[w[2]]
    machine.values[w[1]] = vector[index(machine.values[w[3]], len(vector))]


@handles(Op.VECTOR_INSERT_DYNAMIC)
def _insert_dynamic(machine: Invocation, w: Words) -> None:
    vector = machine.values[w[2]]
    machine.values[w[1]] = _inserted(vector, (index(machine.values[w[4]], len(vector)),), machine.values[w[3]])


@handles(Op.COPY_OBJECT, Op.COPY_LOGICAL)
def _copy(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = machine.values[w[2]]


@handles(Op.UNDEF)
def _undefined(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = machine.module.zero(w[0])
