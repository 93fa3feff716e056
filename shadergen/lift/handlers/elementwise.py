"""Functions of scalars on vectors, and numbers where no form can be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shadergen.lift.affine import Condition, Form, LiftError, Word

SYMBOLS = (Form, Condition, Word)
"""The types of scalars that are not known."""


def each(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function of scalars, or of vectors component by component."""
    first = arguments[0]
    if type(first) is tuple:
        if type(first[0]) is tuple:  # columns of a matrix
            return tuple(each(function, *parts) for parts in zip(*arguments, strict=True))
        return tuple(map(function, *arguments))
    return function(*arguments)


def numeric(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    """The function, which raises a LiftError for a symbol: `what` it computes."""

    def checked(*arguments: Any) -> Any:
        for argument in arguments:
            if type(argument) in SYMBOLS:
                raise LiftError(f"computes {what} of a picture's value")
        return function(*arguments)

    return checked
