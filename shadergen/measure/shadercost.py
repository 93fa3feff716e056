"""What a hook file costs, as far as its text tells: multiply-adds, memory traffic, bytes of intermediates.

Works on anybody's file, so the multiply-adds are an estimate. Counted are products with a constructor of literals, as
networks spell their weights: `mat4(16 numbers) * x`, `vec4(4 numbers) * x`, `dot(x, vec4(4 numbers))`, also through
macros and variables, and the 8-bit `dp4`. Not counted are loops (their body counts once), weights in arrays or
textures, and everything that is no product with weights.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

from shadergen.hookfile import HookFile, HookPass
from shadergen.hookfile.stages import bindings, resources, result_name
from shadergen.hookfile.traffic import TEXEL_BYTES, Traffic
from shadergen.runtime.canvas import Size
from shadergen.runtime.hooks import PassRun

# ---------------------------------------------------------------------------------------------------------------------
# Multiply-adds

_STATED = re.compile(r"^// ([0-9]+) multiply-adds per pixel of ", re.MULTILINE)
_DEFINE = re.compile(r"#[ \t]*define[ \t]+(\w+)(\([^)]*\))?[ \t]*(.*)")
_NUMBER = r"[-+]?(?:0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?:lf|LF|hf|HF|[fFuU])?"
_ARGUMENT = rf"\s*(?:{_NUMBER}|[A-Za-z_]\w*(?:\(\w+\))?)\s*"
_CONSTRUCTOR = re.compile(rf"\b(\w+)\s*\(({_ARGUMENT}(?:,{_ARGUMENT})*)\)")
_TYPE = re.compile(r"(?:f16|f32|min16)?(?:vec([234])|mat([234])(?:x([234]))?)")
_ASSIGNED = re.compile(r"\s*(?:const\s+)?(?:\w+\s+)?(\w+)\s*([-+*/]?=)(?!=)\s*")
_PRODUCT = re.compile(r"(\w*)\s*\*\s*(\w*)|\bdot\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_DP4 = re.compile(r"(?<!int )\b(?:dp4|dotPacked4x8EXT|dotPacked4x8AccSatEXT)\s*\(")


def stated_macs(file: HookFile) -> int | None:
    """Multiply-adds per pixel that the header of a generated file tells."""
    match = _STATED.search(file.header)
    return int(match[1]) if match else None


def multiply_adds(body: str, defines: Mapping[str, float] | None = None) -> int:
    """Multiply-adds of one invocation of a pass, estimated; `defines` are the PARAMs that `#if` may ask for."""
    aliases: dict[str, str] = {}
    macros: dict[str, int] = {}
    variables: dict[str, int] = {}
    total = 0
    for line in _live_lines(body, dict(defines or {})):
        define = _DEFINE.match(line)
        if define is None:
            total += _products(line, aliases, set())
            total += sum(cost * len(re.findall(rf"\b{name}\s*\(", line)) for name, cost in macros.items())
            total += sum(_named_products(statement, aliases, variables) for statement in line.split(";"))
        elif define[2] is None:
            aliases[define[1]] = define[3].strip()
        elif cost := _products(define[3], aliases, set(re.findall(r"\w+", define[2]))):
            macros[define[1]] = cost
    return total


def _products(code: str, aliases: Mapping[str, str], parameters: Collection[str]) -> int:
    """Multiply-adds in code; a macro's parameters count as the numbers they will be."""
    weights = sum(
        _numbers(match, aliases, parameters) * _is_factor(code, match.start(), match.end())
        for match in _CONSTRUCTOR.finditer(code)
    )
    return weights + 4 * len(_DP4.findall(code))


def _named_products(statement: str, aliases: Mapping[str, str], variables: dict[str, int]) -> int:
    """Multiply-adds with variables that hold numbers only; `variables` is kept up to date."""
    total = 0
    for match in _PRODUCT.finditer(statement):
        total += max((variables.get(name, 0) for name in match.groups() if name), default=0)
    assigned = _ASSIGNED.match(statement)
    if assigned is not None:
        variables.pop(assigned[1], None)
        value = _CONSTRUCTOR.fullmatch(statement[assigned.end() :].rstrip())
        if value is not None and assigned[2] == "=":
            variables[assigned[1]] = _numbers(value, aliases, ())
    return total


def _numbers(constructor: re.Match[str], aliases: Mapping[str, str], parameters: Collection[str]) -> int:
    """How many numbers a vector or matrix is made of; 0 when they do not fill it or are not all numbers."""
    type_ = _TYPE.fullmatch(aliases.get(constructor[1], constructor[1]))
    if type_ is None:
        return 0
    size = int(type_[1] or 0) or int(type_[2]) * int(type_[3] or type_[2])
    arguments = constructor[2].split(",")
    complete = len(arguments) == size and all(_is_number(argument, parameters) for argument in arguments)
    return size if complete else 0


def _is_number(text: str, parameters: Collection[str]) -> bool:
    return re.fullmatch(_NUMBER, text.strip()) is not None or any(
        word in parameters for word in re.findall(r"\w+", text)
    )


def _is_factor(code: str, start: int, end: int) -> bool:
    """Whether what stands from `start` to `end` is multiplied, or is an argument of dot()."""
    before, after = code[:start].rstrip(), code[end:].lstrip()
    if before.endswith("*") or after.startswith("*"):
        return True
    depth = 0
    for index in range(len(before) - 1, -1, -1):
        depth += (before[index] == ")") - (before[index] == "(")
        if depth < 0:
            return re.search(r"\bdot\s*$", before[:index]) is not None
    return False


def _live_lines(body: str, defines: dict[str, float]) -> Iterator[str]:
    """The statements and directives that are compiled, a statement that goes over several lines in one.

    A condition other than `NAME`, `defined(NAME)` and `NAME == number` is taken to be false.
    """
    code = re.sub(r"//[^\n]*|/\*.*?(?:\*/|\Z)", " ", body.replace("\\\n", " "), flags=re.DOTALL)
    branches: list[tuple[bool, bool]] = []  # whether the branch is compiled, and whether an earlier one was
    statement = ""
    for line in code.splitlines():
        word = re.match(r"\s*#\s*(\w+)(.*)", line)
        live = all(now for now, _ in branches)
        if word is None:
            statement += line + " " if live else ""
            if statement.rstrip().endswith((";", "{", "}")):
                yield statement
                statement = ""
            continue
        _branch(word[1], word[2], branches, defines)
        if live and (define := _DEFINE.search(line)):
            defines[define[1]] = _value(define[3])
            yield define[0]
    yield statement


def _branch(word: str, rest: str, branches: list[tuple[bool, bool]], defines: Mapping[str, float]) -> None:
    if word in ("if", "ifdef", "ifndef"):
        holds = (rest.strip() in defines) == (word == "ifdef") if word != "if" else _holds(rest, defines)
        branches.append((holds, holds))
    elif word in ("elif", "else") and branches:
        _, done = branches.pop()
        branches.append((not done and (word == "else" or _holds(rest, defines)), done or word == "else"))
        if branches[-1][0]:
            branches[-1] = (True, True)
    elif word == "endif" and branches:
        branches.pop()


def _holds(condition: str, defines: Mapping[str, float]) -> bool:
    match = re.fullmatch(r"[\s(]*(!?)\s*(defined)?[\s(]*(\w+)[\s)]*(?:(==|!=)\s*(\d+)[\s)]*)?", condition)
    if match is None:
        return False
    name = match[3]
    if match[2]:
        return (name in defines) != bool(match[1])
    value = float(name) if name.isdecimal() else defines.get(name, 0.0)
    if match[4]:
        return (value == float(match[5])) == (match[4] == "==")
    return (value != 0) != bool(match[1])


def _value(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def invocations(item: HookPass, size: Size) -> float:
    """How often a pass's hook() runs for a result of that size, not counting what a compute grid runs beyond it."""
    if item.compute is None:
        return float(math.prod(size))
    return math.prod(size) * math.prod(item.compute.threads) / math.prod(item.compute.block)


# ---------------------------------------------------------------------------------------------------------------------
# Memory


def traffic(file: HookFile, runs: Sequence[PassRun], stages: Mapping[str, tuple[Size, int]]) -> list[Traffic]:
    """What each of the executed `runs` moves, in order.

    `stages` gives each stage's size as it came up, and its bytes per texel.
    """
    known = {name: math.prod(size) * bytes for name, (size, bytes) in stages.items()}
    known |= {name: len(block.data) for name, block in resources(file).items()}
    found = []
    for run in runs:
        item = file.passes[run.index]
        read = sum(known.get(name, 0) for name in bindings(item, run.stage))
        written = math.prod(run.size) * TEXEL_BYTES
        known[result_name(item, run.stage)] = written
        found.append(Traffic(read, written))
    return found
