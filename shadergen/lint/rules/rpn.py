"""Rules over the expressions of WIDTH, HEIGHT and WHEN."""

from __future__ import annotations

import re
from collections.abc import Iterator

from shadergen.hookfile import Rpn
from shadergen.hookfile.rpn import LIBPLACEBO_RPN_TOKENS, MAX_RPN_TOKENS
from shadergen.hookfile.stages import (
    EXPRESSION_NAMES,
    PLANES,
    STAGE_ORDER,
    initial_values,
    may_exist,
    resources,
    saved_names,
    variables,
)
from shadergen.lint.rule import Finding, Rule, Shader, each_expression, expressions, line_of, listed, registrar

RULES: list[Rule] = []
rule = registrar(RULES)


@rule("rpn-length", "error", "CM:30, 96-97; user_shaders.h:27")
def _rpn_length(shader: Shader) -> Iterator[Finding]:
    """vo=gpu and every libplacebo up to 7.360 hold 32 tokens per expression; 64 came with d90f4daf (2026-04)."""
    for block, name, rpn in each_expression(shader):
        if len(rpn.tokens) > MAX_RPN_TOKENS:
            message = f"found {len(rpn.tokens)} tokens in {name}, expected at most {MAX_RPN_TOKENS}"
            few = f"; libplacebo after 7.360 takes {LIBPLACEBO_RPN_TOKENS}, all players before reject the file"
            yield Finding(line_of(block, name), message + (few if len(rpn.tokens) <= LIBPLACEBO_RPN_TOKENS else ""))


@rule("rpn-operator", "warning", "CM:113-123, US:252-262")
def _rpn_operator(shader: Shader) -> Iterator[Finding]:
    """Players look at the first character of an operator only: `>=` means `>`, and `-1` subtracts."""
    for block, name, rpn in each_expression(shader):
        for token in rpn.tokens:
            if token.kind == "operator" and len(token.text) > 1 and token.text != "==":  # that is what `=` means
                message = f"found {token.text!r} in {name}, which players read as {token.text[0]!r}"
                yield Finding(line_of(block, name), f"{message}; write what is meant (not less: `<` then `!`)")


@rule("rpn-number", "warning", "CM:125-129, US:264-268")
def _rpn_number(shader: Shader) -> Iterator[Finding]:
    """Players read a number up to the first character that does not fit, and drop the rest of the word."""
    for block, name, rpn in each_expression(shader):
        for token in rpn.tokens:
            number = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
            if token.kind == "constant" and re.fullmatch(number, token.text) is None:
                message = f"found {token.text!r} in {name}, which players read as {token.value:g}; write a plain number"
                yield Finding(line_of(block, name), message)


@rule("rpn-stack", "error", "CM:1046-1062, 1115-1119; US:371-376")
def _rpn_stack(shader: Shader) -> Iterator[Finding]:
    """An expression must leave one value, or vo=gpu skips the pass and libplacebo disables the file (RN:1104)."""
    for block, name, rpn in each_expression(shader):
        fault = _stack_fault(rpn)
        if fault:
            message = f"found {name} {str(rpn)!r}, {fault}, expected one value in the end"
            yield Finding(line_of(block, name), f"{message}; vo=gpu skips the pass, libplacebo disables the file")


def _stack_fault(rpn: Rpn) -> str:
    depth = 0
    for token in rpn.tokens:
        if token.kind != "operator":
            depth += 1
            continue
        needed = 1 if token.text[0] == "!" else 2
        if depth < needed:
            return f"{token.text!r} with {depth} of {needed} operands"
        depth -= needed - 1
    return "" if depth == 1 else f"which leaves {depth} values"


@rule("rpn-name", "error", "CM:959-990, 1021-1022, 1093-1096; VC:2083-2134")
def _rpn_name(shader: Shader) -> Iterator[Finding]:
    """A size must be of a stage or a saved texture, a variable must be a PARAM or a name of an ENUM."""
    textures = saved_names(shader.file) | STAGE_ORDER.keys() | EXPRESSION_NAMES
    numbers = variables(shader.file, initial_values(shader.file))
    for block, name, rpn in each_expression(shader):
        for token in rpn.tokens:
            line = line_of(block, name)
            if token.kind == "size" and token.name not in textures:
                where = "TEXTURE has no size here" if token.name in resources(shader.file) else "no pass saves it"
                yield Finding(line, f"found {token.text!r} in {name}, expected the size of a stage or a SAVE; {where}")
            elif token.kind == "variable" and token.name not in numbers:
                hint = "; a number starts with a digit" if token.text.startswith(".") else ""
                message = f"found {token.text!r} in {name}, expected an operator, a number, NAME.w, NAME.h or a PARAM"
                yield Finding(line, message + hint)


@rule("rpn-equal", "warning", "CM:1076, US:331")
def _rpn_equal(shader: Shader) -> Iterator[Finding]:
    """`=` is exact in vo=gpu and 1e-6 relative in libplacebo: compare whole numbers, not quotients or fractions."""
    for block, name, rpn in each_expression(shader):
        if _compares_fractions(rpn):
            message = f"found '=' on a fraction in {name}, expected whole numbers; vo=gpu compares exactly"
            yield Finding(line_of(block, name), f"{message}, so the result depends on rounding")


def _compares_fractions(rpn: Rpn) -> bool:
    stack: list[bool] = []  # whether each value may be a fraction
    for token in rpn.tokens:
        if token.kind != "operator":
            stack.append(token.kind == "constant" and token.value != int(token.value))
            continue
        operator = token.text[0]
        if len(stack) < 1 + (operator != "!"):
            return False
        operands = [stack.pop() for _ in range(1 + (operator != "!"))]
        if operator == "=" and any(operands):
            return True
        stack.append(operator == "/" or (operator in "+-*%" and any(operands)))
    return False


@rule("rpn-order", "error", "CM:981-990, 1269-1272; VC:2104-2112")
def _rpn_order(shader: Shader) -> Iterator[Finding]:
    """A size is known once its stage has fired or a pass has saved it; before, libplacebo disables the file."""
    known = saved_names(shader.file) | STAGE_ORDER.keys()
    for index, block in enumerate(shader.file.passes):
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            continue
        for name, rpn in expressions(block):
            for texture in sorted(rpn.names() & known - EXPRESSION_NAMES):
                if not may_exist(shader.file, texture, index):
                    message = (
                        f"found {texture} in {name} of a pass that runs before {texture} exists, expected it after"
                    )
                    yield Finding(line_of(block, name), f"{message}; move the pass or hook a later stage")


@rule("rpn-plane", "warning", "CM:1270-1272, RN:1103-1106, VC:2142-2146")
def _rpn_plane(shader: Shader) -> Iterator[Finding]:
    """RGB video has no LUMA and no CHROMA: a pass on a later stage that asks for their size fails there.

    vo=gpu skips the pass; libplacebo disables the whole file from there on.
    """
    for block, name, rpn in each_expression(shader):
        planes = sorted(rpn.names() & frozenset(PLANES) - set(block.hooks))
        if planes and not set(block.hooks) & {"LUMA", "CHROMA", "CHROMA_SCALED"}:
            message = (
                f"found {planes[0]} in {name} of a pass that hooks {listed(block.hooks)}, expected HOOKED or NATIVE"
            )
            yield Finding(
                line_of(block, name), f"{message}; video without {planes[0]} disables the file in vo=gpu-next"
            )
