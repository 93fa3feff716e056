"""Reading textures, and storing the result of a compute pass."""

from __future__ import annotations

from typing import Any

from shadergen.lift.affine import Condition, Form, LiftError
from shadergen.lift.machine import Invocation, handles
from shadergen.lift.module import Words
from shadergen.lift.textures import Texture
from shadergen.spirv.opcodes import Op

# Operands of a read, in the order of their bits, and how many ids each has.
_BIAS, _LOD, _GRADIENT, _CONSTANT_OFFSET, _OFFSET, _OFFSETS = (1 << bit for bit in range(6))
_OPERANDS = ((_BIAS, 1), (_LOD, 1), (_GRADIENT, 2), (_CONSTANT_OFFSET, 1), (_OFFSET, 1), (_OFFSETS, 1))


@handles(Op.IMAGE, Op.SAMPLED_IMAGE)
def _image(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = machine.values[w[2]]


def _texture(machine: Invocation, id: int) -> Texture:
    name = machine.values[id]
    if name not in machine.around.textures:
        raise LiftError("reads a texture of a kind that no network needs")
    return machine.around.textures[name]


def _numbers(value: Any) -> tuple[Any, ...]:
    numbers = value if type(value) is tuple else (value,)
    if any(isinstance(number, Form | Condition) for number in numbers):
        raise LiftError("reads a texture at a place that depends on the picture")
    return numbers


def _offset(machine: Invocation, operands: Words) -> tuple[int, int]:
    """The whole texels by which a read is moved."""
    if not operands:
        return (0, 0)
    mask, at = operands[0], 1
    if mask & _OFFSETS:
        raise LiftError("gathers with four offsets")
    for bit, count in _OPERANDS:
        if mask & bit:
            if bit in (_CONSTANT_OFFSET, _OFFSET):
                x, y = (*_numbers(machine.values[operands[at]]), 0)[:2]
                return (x, y)
            at += count
    return (0, 0)


@handles(Op.IMAGE_SAMPLE_IMPLICIT_LOD, Op.IMAGE_SAMPLE_EXPLICIT_LOD)
def _sample(machine: Invocation, w: Words) -> None:
    at = _numbers(machine.values[w[3]])
    machine.values[w[1]] = _texture(machine, w[2]).sample(at, _offset(machine, w[4:]))


@handles(Op.IMAGE_FETCH)
def _fetch(machine: Invocation, w: Words) -> None:
    x, y = (*_numbers(machine.values[w[3]]), 0)[:2]
    dx, dy = _offset(machine, w[4:])
    machine.values[w[1]] = _texture(machine, w[2]).fetch(x + dx, y + dy)


@handles(Op.IMAGE_GATHER)
def _gather(machine: Invocation, w: Words) -> None:
    at, component = _numbers(machine.values[w[3]]), machine.values[w[4]]
    machine.values[w[1]] = _texture(machine, w[2]).gather(at, _offset(machine, w[5:]), component)


@handles(Op.IMAGE_QUERY_SIZE, Op.IMAGE_QUERY_SIZE_LOD)
def _size(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = _texture(machine, w[2]).size


@handles(Op.IMAGE_WRITE)
def _write(machine: Invocation, w: Words) -> None:
    x, y = _numbers(machine.values[w[1]])[:2]
    machine.written[x, y] = machine.values[w[2]]
