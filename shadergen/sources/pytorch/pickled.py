"""The pickle in a PyTorch file, read as data.

A pickle is a program, and may call anything. This reads the instructions that torch.save writes and no others, imports
nothing, and makes nothing but numbers, texts, lists, tuples, dictionaries and tensors: those are a storage's key with a
shape and strides, whose numbers archive.py gets from elsewhere in the file.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from shadergen.errors import quoted

BFLOAT16 = "bfloat16"

DTYPES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "<u1",
}
"""What the elements of a tensor's storage are for NumPy, by the class that the file names for it."""

DICTIONARY, TENSOR, PARAMETER, SIZE = (
    "collections.OrderedDict",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_parameter",
    "torch.Size",
)
KNOWN = {DICTIONARY, TENSOR, PARAMETER, SIZE, *(f"torch.{name}" for name in DTYPES)}
"""All that a file may name."""


@dataclass(frozen=True)
class Name:
    """What the file names: a class or a function, which is never imported."""

    path: str


@dataclass(frozen=True)
class Storage:
    """The numbers of one or several tensors, kept elsewhere in the file."""

    key: str
    dtype: str
    count: int


@dataclass(frozen=True)
class Tensor:
    """A tensor's place in its storage, in elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Mark:
    """The start of a list of values on the stack."""


def unpickled(content: bytes) -> tuple[Any, int]:
    """The object in a pickle, and how many bytes it takes. Raises ValueError for anything but a state dict's parts."""
    machine = _Machine()
    for opcode, argument, position in pickletools.genops(content):
        if opcode.name == "STOP":
            return machine.pop(), int(position or 0) + 1
        machine.step(opcode.name, argument)
    raise ValueError("found a pickle without an end, expected one")


class _Machine:
    """A stack of values and a memory, as Python's unpickler has them."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def pop(self) -> Any:
        if not self.stack or isinstance(self.stack[-1], _Mark):
            raise ValueError("found a pickle that takes a value that is not there, expected a valid one")
        return self.stack.pop()

    def marked(self) -> list[Any]:
        """The values from the last mark on, which is taken away, too."""
        for place in range(len(self.stack) - 1, -1, -1):
            if isinstance(self.stack[place], _Mark):
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise ValueError("found a pickle that takes values from a mark that is not there, expected a valid one")

    def step(self, name: str, argument: Any) -> None:
        if name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name](argument))
        elif name in ("BINPUT", "LONG_BINPUT", "MEMOIZE"):
            self.memory[len(self.memory) if argument is None else argument] = self.top()
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in self.memory:
                raise ValueError(f"found value {argument} before it was kept, expected a valid pickle")
            self.stack.append(self.memory[argument])
        elif name in _STEPS:
            _STEPS[name](self)
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"found instruction {name} in the pickle, expected those of a state dict")

    def top(self) -> Any:
        value = self.pop()
        self.stack.append(value)
        return value

    # What takes values from the stack

    def items(self, pairs: Iterator[tuple[Any, Any]]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise ValueError("found items for something else, expected a dictionary")
        for key, value in pairs:
            if not isinstance(key, str | int):
                raise ValueError("found a key that is no text, expected the name of a tensor")
            target[key] = value

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.items(iter([(key, value)]))

    def set_items(self) -> None:
        values = self.marked()
        self.items(zip(values[::2], values[1::2], strict=True))

    def extend(self, values: list[Any]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise ValueError("found elements for something else, expected a list")
        target.extend(values)

    def tuple_of(self, count: int) -> None:
        values = [self.pop() for _ in range(count)]
        self.stack.append(tuple(reversed(values)))

    def reduce(self) -> None:
        """What the file wants to be called, if it is one of the few things that are known."""
        arguments, called = self.pop(), self.pop()
        if not isinstance(called, Name) or not isinstance(arguments, tuple):
            raise ValueError("found a call of something else, expected one of a function")
        if called.path == TENSOR:
            self.stack.append(_tensor(*arguments[:4]))
        elif called.path == PARAMETER and arguments:
            self.stack.append(arguments[0])
        elif called.path == SIZE:
            self.stack.append(arguments[0] if arguments else ())
        elif called.path == DICTIONARY and not arguments:
            self.stack.append({})
        else:
            raise ValueError(f"found a call of {called.path} with {len(arguments)} arguments, expected a state dict")

    def persistent(self) -> None:
        """A storage: ('storage', its class, its key, its device, its number of elements)."""
        found = self.pop()
        if not isinstance(found, tuple) or len(found) < 5 or found[0] != "storage" or not isinstance(found[1], Name):
            raise ValueError("found a reference to something else, expected a tensor's storage")
        dtype = DTYPES.get(found[1].path.removeprefix("torch."))
        if dtype is None or not isinstance(found[4], int):
            raise ValueError(f"found a storage of {found[1].path}, expected one of numbers")
        self.stack.append(Storage(str(found[2]), dtype, found[4]))

    def build(self) -> None:
        """What is attached to a dictionary, such as a module's version, is of no use here."""
        self.pop()


def _tensor(storage: Any = None, offset: Any = None, shape: Any = None, strides: Any = None) -> Tensor:
    sizes = (shape, strides) if isinstance(shape, tuple) and isinstance(strides, tuple) else ((None,), ())
    numbers = (offset, *sizes[0], *sizes[1])
    if not isinstance(storage, Storage) or any(not isinstance(n, int) or n < 0 for n in numbers):
        raise ValueError("found a tensor of something else, expected a storage, an offset, a shape and strides")
    if len(shape) != len(strides) or len(shape) > 8:
        raise ValueError(f"found a tensor of {len(shape)} axes with {len(strides)} strides, expected as many, up to 8")
    return Tensor(storage, offset, shape, strides)


def named(path: str) -> Name:
    """What a file may name. Raises ValueError for anything else: it might be called."""
    if path not in KNOWN:
        problem = f"found {quoted(path)}, which a state dict does not need and loading would call"
        raise ValueError(f"{problem}, expected tensors only: save net.state_dict(), and nothing beside it")
    return Name(path)


def _global(argument: str) -> Name:
    return named(".".join(argument.split(" ", 1)))


_CONSTANTS: dict[str, Callable[[Any], Any]] = {
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_DICT": lambda _: {},
    "EMPTY_LIST": lambda _: [],
    "EMPTY_TUPLE": lambda _: (),
    "MARK": lambda _: _Mark(),
    "GLOBAL": _global,
} | dict.fromkeys(
    [
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "SHORT_BINSTRING",
        "BINSTRING",
    ],
    lambda argument: argument,
)

_STEPS: dict[str, Callable[[_Machine], None]] = {
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "APPEND": lambda machine: machine.extend([machine.pop()]),
    "APPENDS": lambda machine: machine.extend(machine.marked()),
    "TUPLE": lambda machine: machine.stack.append(tuple(machine.marked())),
    "TUPLE1": lambda machine: machine.tuple_of(1),
    "TUPLE2": lambda machine: machine.tuple_of(2),
    "TUPLE3": lambda machine: machine.tuple_of(3),
    "STACK_GLOBAL": lambda machine: machine.stack.append(
        named(".".join(map(str, reversed([machine.pop(), machine.pop()]))))
    ),
    "REDUCE": _Machine.reduce,
    "BINPERSID": _Machine.persistent,
    "BUILD": _Machine.build,
}
