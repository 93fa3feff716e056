"""mpv user-shader files as data: the only module that knows `//!`.

A hook file is text: a header of comments, then blocks. A block starts with directives (`//!NAME value`) and continues
with a body up to the next `//!`. This module has one dataclass per kind of block, `scan` and `parse` from text, and
`format` to text. The grammar is the union of what mpv's vo=gpu (video/out/gpu/user_shaders.c, "US" below, commit
b955aa28f) and libplacebo (src/shaders/custom_mpv.c, "CM", commit 3be579e6) accept; where the two differ, libplacebo
decides here and `lint` reports the difference.

Sizes and coordinates are (width, height), as in GL. Lines are counted from 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from shadergen.errors import HookFileError

MAX_HOOKS = 16
"""HOOK and BIND directives per pass (US user_shaders.h:24-25, CM:28-29)."""
MAX_BINDS = 16
MAX_RPN_TOKENS = 32
"""Tokens per expression in vo=gpu (user_shaders.h:27) and in libplacebo before d90f4daf; 64 since (CM:30)."""

MAGIC = "//!"

Axis = Literal["w", "h"]
TokenKind = Literal["constant", "size", "variable", "operator"]

# ---------------------------------------------------------------------------------------------------------------------
# Expressions


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
    # Only the first character is looked at, so `>=` means `>` and `-1` means minus (US:66-76, CM:116-126).
    if word[0] in _OPERATORS:
        return Token("operator", word)
    if word[0].isdigit():
        number = re.match(r"\d+\.?\d*(?:[eE][+-]?\d+)?", word)
        assert number is not None
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
        "%": lambda: math.fmod(a, b),
        ">": lambda: float(a > b),
        "<": lambda: float(a < b),
        "=": lambda: float(abs(a - b) <= 1e-6 * max(a, b)),
    }[operator]()
    if not math.isfinite(result):
        raise RpnError(f"{operator!r} gave a value that is not finite")
    return result


# ---------------------------------------------------------------------------------------------------------------------
# Blocks


@dataclass(frozen=True)
class Directive:
    """One `//!NAME value` line as written, with its line number."""

    line: int
    name: str
    value: str


@dataclass(frozen=True)
class Compute:
    """`COMPUTE bw bh [tw th]`: the output texels a workgroup covers, and its threads (equal when not written)."""

    block: tuple[int, int]
    threads: tuple[int, int]


@dataclass(frozen=True)
class HookPass:
    """A block that runs: one draw or dispatch whenever a texture it hooks comes by."""

    hooks: tuple[str, ...]
    body: str
    desc: str = ""
    binds: tuple[str, ...] = ()
    save: str | None = None
    """Name of the result. None overwrites the hooked texture, as `SAVE HOOKED` does."""
    width: Rpn | None = None
    """None is the width of HOOKED; rounded to the nearest integer by the players."""
    height: Rpn | None = None
    when: Rpn | None = None
    """None always runs."""
    offset: tuple[float, float] | Literal["ALIGN"] | None = None
    components: int | None = None
    """None takes the hooked texture's."""
    compute: Compute | None = None
    """None is a fragment pass."""
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class UserTexture:
    """`TEXTURE`: constant data, bound by name as a sampler (or, with STORAGE, as an image; libplacebo only)."""

    name: str
    size: tuple[int, ...]
    """1 to 3 extents: width[, height[, depth]]."""
    format: str
    data: bytes
    filter: Literal["LINEAR", "NEAREST"] | None = None
    """None is LINEAR in vo=gpu (US:535) and NEAREST in libplacebo (a zero sample_mode)."""
    border: Literal["CLAMP", "REPEAT", "MIRROR"] | None = None
    storage: bool = False
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class BufferVar:
    """One `VAR type name[length]` of a BUFFER; length 0 is no array."""

    type: str
    name: str
    length: int = 0


@dataclass(frozen=True)
class UserBuffer:
    """`BUFFER`: a uniform (or, with STORAGE, a storage) buffer. libplacebo only; vo=gpu rejects the file."""

    name: str
    variables: tuple[BufferVar, ...]
    data: bytes
    storage: bool = False
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True)
class Param:
    """`PARAM`: a number the user may change from the player's configuration."""

    name: str
    type: str
    """`float`, `int` or `uint`; `int` for TYPE DEFINE."""
    initial: float
    desc: str = ""
    minimum: float | None = None
    maximum: float | None = None
    mode: Literal["VARIABLE", "DYNAMIC", "CONSTANT", "DEFINE"] = "VARIABLE"
    names: tuple[str, ...] = ()
    """For ENUM: the names of 0, 1, 2, ..."""
    source: tuple[Directive, ...] = field(default=(), compare=False, repr=False)
    body_line: int = field(default=0, compare=False, repr=False)


Block = HookPass | UserTexture | UserBuffer | Param


@dataclass(frozen=True)
class HookFile:
    """A whole file: the text before the first directive, and the blocks in order."""

    header: str
    blocks: tuple[Block, ...]

    @property
    def passes(self) -> tuple[HookPass, ...]:
        return tuple(block for block in self.blocks if isinstance(block, HookPass))

    @property
    def textures(self) -> tuple[UserTexture, ...]:
        return tuple(block for block in self.blocks if isinstance(block, UserTexture))

    @property
    def buffers(self) -> tuple[UserBuffer, ...]:
        return tuple(block for block in self.blocks if isinstance(block, UserBuffer))

    @property
    def params(self) -> tuple[Param, ...]:
        return tuple(block for block in self.blocks if isinstance(block, Param))


@dataclass(frozen=True)
class GrammarFault:
    """A place where the file breaks the grammar: both players reject the whole file there, unless `player` says one."""

    line: int
    problem: str
    source: str
    """The lines of mpv or libplacebo that reject it."""


# ---------------------------------------------------------------------------------------------------------------------
# Text -> HookFile


def parse(text: str, where: str = "<shader>") -> HookFile:
    """The file's blocks. Raises HookFileError with the line of the first fault."""
    file, faults = scan(text)
    if faults:
        fault = min(faults, key=lambda fault: fault.line)
        raise HookFileError(f"{where}:{fault.line}", fault.problem)
    return file


def scan(text: str) -> tuple[HookFile, tuple[GrammarFault, ...]]:
    """As much of the file as can be read, and every fault found; a block with a fault in it is left out."""
    start = text.find(MAGIC)
    if start < 0:
        fault = GrammarFault(1, "found no `//!` directive, expected a hook file", "US:663-667, CM:1625-1629")
        return HookFile(text, ()), (fault,)
    blocks: list[Block] = []
    faults: list[GrammarFault] = []
    for directives, body, body_line in _split_blocks(text, start):
        reader = _BlockReader(directives, body, body_line)
        block = reader.read()
        faults.extend(reader.faults)
        if block is not None and not reader.faults:
            blocks.append(block)
    return HookFile(text[:start], tuple(blocks)), tuple(faults)


def _split_blocks(text: str, start: int) -> Iterable[tuple[tuple[Directive, ...], str, int]]:
    """Directives, body and the body's first line of each block. A body ends at `//!` even in the middle of a line."""
    position, line = start, 1 + text.count("\n", 0, start)
    while position < len(text):
        directives: list[Directive] = []
        while position < len(text):
            end = text.find("\n", position)
            end = len(text) if end < 0 else end + 1
            content = text[position:end].strip()
            if not content.startswith(MAGIC):
                break
            word = re.match(r"[A-Z]*", content[len(MAGIC) :])
            name = word[0] if word else ""
            directives.append(Directive(line, name, content[len(MAGIC) + len(name) :].strip()))
            position, line = end, line + 1
        end = text.find(MAGIC, position)
        end = len(text) if end < 0 else end
        yield tuple(directives), text[position:end], line
        line += text.count("\n", position, end)
        position = end


class _BlockReader:
    """Turns one block's directives and body into its dataclass, collecting every fault on the way."""

    def __init__(self, directives: tuple[Directive, ...], body: str, body_line: int) -> None:
        self.directives = directives
        self.body = body
        self.body_line = body_line
        self.faults: list[GrammarFault] = []

    def read(self) -> Block | None:
        kind = self.directives[0].name
        readers: Mapping[str, Callable[[], Block | None]] = {
            "TEXTURE": self._texture,
            "BUFFER": self._buffer,
            "PARAM": self._param,
        }
        return readers.get(kind, self._hook_pass)()

    def _fault(self, line: int, problem: str, source: str) -> None:
        self.faults.append(GrammarFault(line, problem, source))

    def _unknown(self, directive: Directive, known: str) -> None:
        self._fault(
            directive.line,
            f"found directive {directive.name or directive.value!r}, expected one of {known}",
            "US:506-508, CM:288-290",
        )

    def _hook_pass(self) -> HookPass | None:
        lists: dict[str, list[str]] = {"HOOK": [], "BIND": []}
        values: dict[str, Directive] = {}
        known = ("SAVE", "DESC", "OFFSET", "WIDTH", "HEIGHT", "WHEN", "COMPONENTS", "COMPUTE")
        for directive in self.directives:
            if directive.name in lists:
                entries = lists[directive.name]
                entries.append(directive.value)
                if len(entries) == MAX_BINDS + 1:
                    problem = f"found {directive.name} number {len(entries)}, expected at most {MAX_BINDS} per pass"
                    self._fault(directive.line, problem, "US:409-427, CM:175-194")
            elif directive.name in known:
                values[directive.name] = directive
            else:
                self._unknown(directive, "HOOK, BIND, " + ", ".join(known))
        save = values["SAVE"].value if "SAVE" in values else None
        return HookPass(
            hooks=tuple(lists["HOOK"]),
            binds=tuple(lists["BIND"]),
            body=self.body,
            desc=values["DESC"].value if "DESC" in values else "",
            save=None if save == "HOOKED" else save,
            width=self._rpn(values.get("WIDTH")),
            height=self._rpn(values.get("HEIGHT")),
            when=self._rpn(values.get("WHEN")),
            offset=self._offset(values.get("OFFSET")),
            components=self._components(values.get("COMPONENTS")),
            compute=self._compute(values.get("COMPUTE")),
            source=self.directives,
            body_line=self.body_line,
        )

    def _rpn(self, directive: Directive | None) -> Rpn | None:
        if directive is None:
            return None
        return Rpn.parse(directive.value)

    def _offset(self, directive: Directive | None) -> tuple[float, float] | Literal["ALIGN"] | None:
        if directive is None:
            return None
        if directive.value == "ALIGN":
            return "ALIGN"
        numbers = _numbers(directive.value, float)
        if numbers is None or len(numbers) != 2:
            problem = f"found OFFSET {directive.value!r}, expected ALIGN or two numbers"
            self._fault(directive.line, problem, "US:439-453, CM:217-231")
            return None
        return (numbers[0], numbers[1])

    def _components(self, directive: Directive | None) -> int | None:
        if directive is None:
            return None
        numbers = _numbers(directive.value, int)
        if numbers is None or len(numbers) != 1 or not 0 <= numbers[0] <= 4:
            problem = f"found COMPONENTS {directive.value!r}, expected a number from 0 to 4"
            self._fault(directive.line, problem, "US:479-488, CM:257-263")
            return None
        return int(numbers[0]) or None

    def _compute(self, directive: Directive | None) -> Compute | None:
        if directive is None:
            return None
        numbers = _numbers(directive.value, int)
        if numbers is None or len(numbers) not in (2, 4):
            problem = f"found COMPUTE {directive.value!r}, expected 2 or 4 integers"
            self._fault(directive.line, problem, "US:491-504, CM:265-287")
            return None
        if min(numbers) < 1:
            # Both players parse it; the division that counts the workgroups then has no meaning (CM:1503, VC:1283).
            self._fault(
                directive.line, f"found COMPUTE {directive.value!r}, expected sizes above 0", "VC:1283, CM:1503"
            )
            return None
        width, height, *threads = (int(number) for number in numbers)
        return Compute((width, height), (threads[0], threads[1]) if threads else (width, height))

    def _texture(self) -> UserTexture | None:
        values = self._values("TEXTURE", ("SIZE", "FORMAT", "FILTER", "BORDER", "STORAGE"))
        size = self._texture_size(values.get("SIZE"))
        filter_ = self._choice(values.get("FILTER"), ("LINEAR", "NEAREST"), "US:535-549, CM:383-394")
        border = self._choice(values.get("BORDER"), ("CLAMP", "REPEAT", "MIRROR"), "US:596-607, CM:396-409")
        line = self.directives[0].line
        if "FORMAT" not in values:
            self._fault(line, "found no FORMAT in the TEXTURE, expected one", "US:612-615, CM:424-427")
            return None
        return UserTexture(
            name=values["TEXTURE"].value or "USER_TEX",
            size=size,
            format=values["FORMAT"].value,
            data=self._hex(),
            filter="LINEAR" if filter_ == "LINEAR" else "NEAREST" if filter_ == "NEAREST" else None,
            border=_border(border),
            storage="STORAGE" in values,
            source=self.directives,
            body_line=self.body_line,
        )

    def _texture_size(self, directive: Directive | None) -> tuple[int, ...]:
        if directive is None:
            return (1, 1)
        numbers = _numbers(directive.value, int)
        if numbers is None or not 1 <= len(numbers) <= 3 or min(numbers) < 1:
            problem = f"found SIZE {directive.value!r}, expected 1 to 3 integers above 0"
            self._fault(directive.line, problem, "US:568-577, CM:322-377")
            return (1, 1)
        return tuple(int(number) for number in numbers)

    def _buffer(self) -> UserBuffer | None:
        values = self._values("BUFFER", ("STORAGE", "VAR"))
        variables: list[BufferVar] = []
        for directive in self.directives:
            if directive.name != "VAR":
                continue
            match = re.fullmatch(r"(\w+)\s+(\w+)\s*(?:\[\s*(\d+)\s*\])?", directive.value)
            if match is None:
                problem = f"found VAR {directive.value!r}, expected `type name` or `type name[length]`"
                self._fault(directive.line, problem, "CM:529-567")
                continue
            variables.append(BufferVar(match[1], match[2], int(match[3] or 0)))
        return UserBuffer(
            name=values["BUFFER"].value or "USER_BUF",
            variables=tuple(variables),
            data=self._hex(),
            storage="STORAGE" in values,
            source=self.directives,
            body_line=self.body_line,
        )

    def _param(self) -> Param | None:
        values = self._values("PARAM", ("DESC", "TYPE", "MINIMUM", "MAXIMUM"))
        line = self.directives[0].line
        words = values["TYPE"].value.split() if "TYPE" in values else []
        enum = words[:1] == ["ENUM"]
        words = words[1:] if enum else words
        mode: Literal["VARIABLE", "DYNAMIC", "CONSTANT", "DEFINE"] = "VARIABLE"
        if words[:1] == ["DEFINE"]:
            mode, words = "DEFINE", ["int"]
        elif words[:1] == ["DYNAMIC"]:
            mode, words = "DYNAMIC", words[1:]
        elif words[:1] == ["CONSTANT"]:
            mode, words = "CONSTANT", words[1:]
        if len(words) != 1 or words[0] not in ("float", "int", "uint"):
            found = values["TYPE"].value if "TYPE" in values else "no TYPE"
            self._fault(line, f"found {found!r}, expected TYPE float, int, uint or DEFINE", "US:190-206, CM:704-758")
            return None
        names = tuple(entry.strip() for entry in self.body.splitlines() if entry.strip()) if enum else ()
        initial = 0.0 if enum else self._number(self.body, self.body_line, "initial value")
        if enum and not names:
            self._fault(line, "found an ENUM without names, expected one per line", "US:176-179, CM:781-796")
        return Param(
            name=values["PARAM"].value,
            type=words[0],
            initial=initial or 0.0,
            desc=values["DESC"].value if "DESC" in values else "",
            minimum=self._bound(values.get("MINIMUM")),
            maximum=self._bound(values.get("MAXIMUM")),
            mode=mode,
            names=names,
            source=self.directives,
            body_line=self.body_line,
        )

    def _values(self, kind: str, known: tuple[str, ...]) -> dict[str, Directive]:
        values: dict[str, Directive] = {}
        for directive in self.directives:
            if directive.name != kind and directive.name not in known:
                self._unknown(directive, ", ".join((kind, *known)))
            values[directive.name] = directive
        return values

    def _choice(self, directive: Directive | None, known: tuple[str, ...], source: str) -> str | None:
        if directive is None or directive.value in known:
            return directive.value if directive else None
        problem = f"found {directive.name} {directive.value!r}, expected one of {', '.join(known)}"
        self._fault(directive.line, problem, source)
        return None

    def _bound(self, directive: Directive | None) -> float | None:
        return None if directive is None else self._number(directive.value, directive.line, directive.name)

    def _number(self, text: str, line: int, what: str) -> float | None:
        try:
            return float(text.strip())
        except ValueError:
            self._fault(line, f"found {text.strip()[:40]!r} as {what}, expected a number", "US:83-89, CM:617-648")
            return None

    def _hex(self) -> bytes:
        try:
            return bytes.fromhex(self.body)  # white space is skipped, as libplacebo does; vo=gpu wants one line
        except ValueError:
            problem = f"found {self.body.strip()[:20]!r}..., expected hexadecimal digits"
            self._fault(self.body_line, problem, "US:632-637, CM:438-443")
            return b""


def _border(value: str | None) -> Literal["CLAMP", "REPEAT", "MIRROR"] | None:
    if value == "CLAMP":
        return "CLAMP"
    if value == "REPEAT":
        return "REPEAT"
    return "MIRROR" if value == "MIRROR" else None


def _numbers(text: str, kind: type[int] | type[float]) -> list[float] | None:
    try:
        return [kind(word) for word in text.split()]
    except ValueError:
        return None


# ---------------------------------------------------------------------------------------------------------------------
# HookFile -> text


def format(file: HookFile) -> str:
    """The file's text, such that `parse(format(file)) == file`; the header gets `//` where a line lacks it."""
    return file.header + "".join(_format_block(block) for block in file.blocks)


def _format_block(block: Block) -> str:
    match block:
        case HookPass():
            return _lines(_hook_directives(block)) + block.body
        case UserTexture():
            directives = [
                ("TEXTURE", block.name),
                ("SIZE", " ".join(str(extent) for extent in block.size)),
                ("FORMAT", block.format),
                ("FILTER", block.filter),
                ("BORDER", block.border),
                ("STORAGE", "" if block.storage else None),
            ]
            return _lines(directives) + block.data.hex() + "\n"
        case UserBuffer():
            variables = [("VAR", f"{v.type} {v.name}" + (f"[{v.length}]" if v.length else "")) for v in block.variables]
            storage: list[tuple[str, str | None]] = [("STORAGE", "" if block.storage else None)]
            return _lines([("BUFFER", block.name), *variables, *storage]) + block.data.hex() + "\n"
        case Param():
            return _format_param(block)


def _hook_directives(block: HookPass) -> list[tuple[str, str | None]]:
    offset = block.offset if block.offset is None or block.offset == "ALIGN" else "{:g} {:g}".format(*block.offset)
    compute = None
    if block.compute is not None:
        compute = " ".join(str(n) for n in (*block.compute.block, *block.compute.threads))
    return [
        ("DESC", block.desc or None),
        *(("HOOK", name) for name in block.hooks),
        *(("BIND", name) for name in block.binds),
        ("SAVE", block.save),
        ("WIDTH", None if block.width is None else str(block.width)),
        ("HEIGHT", None if block.height is None else str(block.height)),
        ("WHEN", None if block.when is None else str(block.when)),
        ("OFFSET", offset),
        ("COMPONENTS", None if block.components is None else str(block.components)),
        ("COMPUTE", compute),
    ]


def _format_param(block: Param) -> str:
    type_ = (
        block.type
        if block.mode == "VARIABLE"
        else block.mode
        if block.mode == "DEFINE"
        else f"{block.mode} {block.type}"
    )
    directives = [
        ("PARAM", block.name),
        ("DESC", block.desc or None),
        ("TYPE", f"ENUM {type_}" if block.names else type_),
        ("MINIMUM", None if block.minimum is None else f"{block.minimum:g}"),
        ("MAXIMUM", None if block.maximum is None else f"{block.maximum:g}"),
    ]
    return _lines(directives) + "\n".join(block.names or (f"{block.initial:g}",)) + "\n"


def _lines(directives: Iterable[tuple[str, str | None]]) -> str:
    return "".join(f"{MAGIC}{name} {value}".rstrip() + "\n" for name, value in directives if value is not None)
