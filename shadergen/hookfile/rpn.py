"""Expressions in reverse Polish notation, as WIDTH, HEIGHT and WHEN hold them: words, and what they come to."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

MAX_RPN_TOKENS = 32
"""The most tokens of an expression in vo=gpu (user_shaders.h:27) and in libplacebo before d90f4daf."""
LIBPLACEBO_RPN_TOKENS = 64
"""The most tokens of an expression in libplacebo since d90f4daf (CM:30)."""

Axis = Literal["w", "h"]
TokenKind = Literal["constant", "size", "variable", "operator"]


@dataclass(frozen=True)
class Token:
    """One word of an RPN expression.

    `text` is the word as written. `value` is set for a constant, `name` for a size or a variable, `axis` for a size.
    """

    kind: TokenKind
    text: str
    value: float = 0.0
    name: str = ""
    axis: Axis = "w"


class RpnError(ValueError):
    """An expression that has no value; the players skip the pass (vo=gpu) or disable the file (libplacebo)."""


@dataclass(frozen=True)
class Rpn:
    """An expression in reverse Polish notation, for WIDTH, HEIGHT and WHEN."""

    tokens: tuple[Token, ...]

    def __str__(self) -> str:
        return " ".join(token.text for token in self.tokens)

    @classmethod
    def parse(cls, text: str) -> Rpn:
        """Split at spaces and classify each word as the players do (US parse_rpn_szexpr, CM parse_rpn_shexpr).

        Raises ValueError for a word that starts with a digit and is not a number.
        """
        return cls(tuple(_token(word) for word in text.split(" ") if word.strip()))

    def names(self) -> frozenset[str]:
        """Every texture whose size the expression asks for."""
        return frozenset(token.name for token in self.tokens if token.kind == "size")

    def evaluate(
        self,
        size: Callable[[str], tuple[float, float] | None],
        variable: Callable[[str], float | None] = lambda name: None,
    ) -> float:
        """The value, in libplacebo's arithmetic (`=` compares to 1e-6 relative, CM:1076).

        `size(name)` gives a texture's (width, height) or None, `variable(name)` a PARAM's value or None.
        Raises RpnError where the players report that the evaluation failed.
        """
        stack: list[float] = []
        for token in self.tokens:
            if token.kind == "constant":
                stack.append(token.value)
            elif token.kind == "size":
                extent = size(token.name)
                if extent is None:
                    raise RpnError(f"no texture named {token.name!r}")
                stack.append(extent[0 if token.axis == "w" else 1])
            elif token.kind == "variable":
                value = variable(token.name)
                if value is None:
                    raise RpnError(f"no variable named {token.name!r}")
                stack.append(value)
            else:
                stack.append(_apply(token.text[0], stack))
        if len(stack) != 1:
            raise RpnError(f"{len(stack)} values left on the stack, expected 1")
        return stack[0]


_OPERATORS = "+-*/%!><="


def _token(word: str) -> Token:
    word = word.strip()
    for suffix, axis in ((".width", "w"), (".w", "w"), (".height", "h"), (".h", "h")):
        if word.endswith(suffix):
            return Token("size", word, name=word.removesuffix(suffix), axis="w" if axis == "w" else "h")
    # Only the first character is looked at, so `>=` means `>` and `-1` means minus (US:252-262, CM:113-123).
    if word[0] in _OPERATORS:
        return Token("operator", word)
    number = re.match(r"[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?", word)
    if number is not None:
        return Token("constant", word, value=float(number[0]))
    return Token("variable", word, name=word)


def _apply(operator: str, stack: list[float]) -> float:
    needed = 1 if operator == "!" else 2
    if len(stack) < needed:
        raise RpnError(f"operator {operator!r} found {len(stack)} operands, expected {needed}")
    b = stack.pop()
    if operator == "!":
        return float(not b)
    a = stack.pop()
    if operator in "/%" and b == 0:
        raise RpnError(f"division by zero in {operator!r}")
    result = {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "*": lambda: a * b,
        "/": lambda: a / b,
        "%": lambda: math.fmod(a, b) if abs(a) < math.inf else math.nan,
        ">": lambda: float(a > b),
        "<": lambda: float(a < b),
        "=": lambda: float(abs(a - b) <= 1e-6 * max(a, b)),
    }[operator]()
    if not math.isfinite(result):
        raise RpnError(f"{operator!r} gave a value that is not finite")
    return result
