"""Variables, and places within them."""

from __future__ import annotations

from shadergen.lift.handlers.composite import index
from shadergen.lift.machine import Invocation, Pointer, handles
from shadergen.lift.module import Words, copied
from shadergen.spirv.opcodes import Op


@handles(Op.VARIABLE)
def _variable(machine: Invocation, w: Words) -> None:
    pointee = machine.module.types[w[0]].operands[1]
    value = machine.values[w[3]] if len(w) > 3 else machine.module.zero(pointee)
    machine.values[w[1]] = Pointer([copied(value) if type(value) is list else value])


@handles(Op.LOAD)
def _load(machine: Invocation, w: Words) -> None:
    machine.values[w[1]] = machine.values[w[2]].load()


@handles(Op.STORE)
def _store(machine: Invocation, w: Words) -> None:
    machine.values[w[0]].store(machine.values[w[1]])


@handles(Op.COPY_MEMORY)
def _copy_memory(machine: Invocation, w: Words) -> None:
    machine.values[w[0]].store(machine.values[w[1]].load())


@handles(Op.ACCESS_CHAIN, Op.IN_BOUNDS_ACCESS_CHAIN)
def _access(machine: Invocation, w: Words) -> None:
    base = machine.values[w[2]]
    path = tuple(index(machine.values[id]) for id in w[3:])
    machine.values[w[1]] = Pointer(base.variable, base.path + path)
