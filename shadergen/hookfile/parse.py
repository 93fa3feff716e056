"""From text to blocks: `scan` reads what it can and lists every fault, `parse` stops at the first."""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TypeVar

from shadergen.errors import HookFileError
from shadergen.hookfile.blocks import (
    MAGIC,
    Block,
    BufferVar,
    Compute,
    Directive,
    HookFile,
    HookPass,
    Offset,
    Param,
    ParamMode,
    TextureBorder,
    TextureFilter,
    UserBuffer,
    UserTexture,
)
from shadergen.hookfile.faults import GrammarFault
from shadergen.hookfile.rpn import Rpn

MAX_HOOKS = 16
"""The most HOOK directives of a pass (US user_shaders.h:24, CM:28)."""
MAX_BINDS = 16
"""The most BIND directives of a pass (US user_shaders.h:25, CM:29)."""

_FILTERS: tuple[TextureFilter, ...] = ("LINEAR", "NEAREST")
_BORDERS: tuple[TextureBorder, ...] = ("CLAMP", "REPEAT", "MIRROR")
_Word = TypeVar("_Word", bound=str)


def parse(text: str, where: str = "<shader>") -> HookFile:
    """Read a whole file. Raises HookFileError with `where` and the line of the first fault."""
    file, faults = scan(text)
    if faults:
        fault = min(faults, key=lambda fault: fault.line)
        raise HookFileError(f"{where}:{fault.line}", fault.problem)
    return file


def scan(text: str) -> tuple[HookFile, tuple[GrammarFault, ...]]:
    """Read as much of a file as can be read, and list every fault; a block with a fault in it is left out."""
    start = text.find(MAGIC)
    if start < 0:
        fault = GrammarFault(1, "found no `//!` directive, expected a hook file", "US:663-667, CM:1625-1629")
        return HookFile(text, ()), (fault,)
    blocks: list[Block] = []
    faults: list[GrammarFault] = []
    for directives, body, body_line in _split_blocks(text, start):
        reader = _READERS.get(directives[0].name, _HookPassReader)(directives, body, body_line)
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
            line += text.count("\n", position, end)  # the last line may end without one
            position = end
        end = text.find(MAGIC, position)
        end = len(text) if end < 0 else end
        yield tuple(directives), text[position:end], line
        line += text.count("\n", position, end)
        position = end


class _BlockReader(ABC):
    """One block's directives and body, and the faults found while its dataclass is made of them."""

    def __init__(self, directives: tuple[Directive, ...], body: str, body_line: int) -> None:
        self.directives = directives
        self.body = body
        self.body_line = body_line
        self.faults: list[GrammarFault] = []

    @abstractmethod
    def read(self) -> Block | None:
        """The block, or None where too little of it can be read."""

    def _fault(self, line: int, problem: str, source: str) -> None:
        self.faults.append(GrammarFault(line, problem, source))

    def _unknown(self, directive: Directive, known: str) -> None:
        self._fault(
            directive.line,
            f"found directive {directive.name or directive.value!r}, expected one of {known}",
            "US:506-508, CM:288-290",
        )

    def _values(self, kind: str, known: tuple[str, ...]) -> dict[str, Directive]:
        values: dict[str, Directive] = {}
        for directive in self.directives:
            if directive.name != kind and directive.name not in known:
                self._unknown(directive, ", ".join((kind, *known)))
            values[directive.name] = directive
        return values

    def _choice(self, directive: Directive | None, known: tuple[_Word, ...], source: str) -> _Word | None:
        if directive is None:
            return None
        for word in known:
            if directive.value == word:
                return word
        problem = f"found {directive.name} {directive.value!r}, expected one of {', '.join(known)}"
        self._fault(directive.line, problem, source)
        return None

    def _bound(self, directive: Directive | None) -> float | None:
        return None if directive is None else self._number(directive.value, directive.line, directive.name)

    def _number(self, text: str, line: int, what: str) -> float | None:
        numbers = _numbers(text, float)
        if numbers is None or len(numbers) != 1:
            self._fault(line, f"found {text.strip()[:40]!r} as {what}, expected a number", "US:43-98, CM:618-649")
            return None
        return numbers[0]

    def _hex(self) -> bytes:
        try:
            return bytes.fromhex(self.body)  # white space is skipped, as libplacebo does; vo=gpu wants one line
        except ValueError:
            problem = f"found {self.body.strip()[:20]!r}..., expected hexadecimal digits"
            self._fault(self.body_line, problem, "US:632-637, CM:438-443")
            return b""


class _HookPassReader(_BlockReader):
    def read(self) -> HookPass | None:
        lists: dict[str, list[str]] = {"HOOK": [], "BIND": []}
        limits = {"HOOK": MAX_HOOKS, "BIND": MAX_BINDS}
        values: dict[str, Directive] = {}
        known = ("SAVE", "DESC", "OFFSET", "WIDTH", "HEIGHT", "WHEN", "COMPONENTS", "COMPUTE")
        for directive in self.directives:
            if directive.name in lists:
                entries = lists[directive.name]
                entries.append(directive.value)
                if len(entries) == limits[directive.name] + 1:
                    at_most = limits[directive.name]
                    problem = f"found {directive.name} number {len(entries)}, expected at most {at_most} per pass"
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

    def _offset(self, directive: Directive | None) -> Offset | None:
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


class _TextureReader(_BlockReader):
    def read(self) -> UserTexture | None:
        values = self._values("TEXTURE", ("SIZE", "FORMAT", "FILTER", "BORDER", "STORAGE"))
        size = self._size(values.get("SIZE"))
        filter = self._choice(values.get("FILTER"), _FILTERS, "US:535-549, CM:383-394")
        border = self._choice(values.get("BORDER"), _BORDERS, "US:596-607, CM:396-409")
        line = self.directives[0].line
        if "FORMAT" not in values:
            self._fault(line, "found no FORMAT in the TEXTURE, expected one", "US:612-615, CM:424-427")
            return None
        return UserTexture(
            name=values["TEXTURE"].value or "USER_TEX",
            size=size,
            format=values["FORMAT"].value,
            data=self._hex(),
            filter=filter,
            border=border,
            storage="STORAGE" in values,
            source=self.directives,
            body_line=self.body_line,
        )

    def _size(self, directive: Directive | None) -> tuple[int, ...]:
        if directive is None:
            return (1, 1)
        numbers = _numbers(directive.value, int)
        if numbers is None or not 1 <= len(numbers) <= 3 or min(numbers) < 1:
            problem = f"found SIZE {directive.value!r}, expected 1 to 3 integers above 0"
            self._fault(directive.line, problem, "US:568-577, CM:322-377")
            return (1, 1)
        return tuple(int(number) for number in numbers)


class _BufferReader(_BlockReader):
    def read(self) -> UserBuffer | None:
        values = self._values("BUFFER", ("STORAGE", "VAR"))
        variables: list[BufferVar] = []
        for directive in self.directives:
            if directive.name != "VAR":
                continue
            match = re.fullmatch(r"(\w+)\s+(\w+)\s*(?:\[\s*([0-9]{1,9})\s*\])?", directive.value)
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


class _ParamReader(_BlockReader):
    def read(self) -> Param | None:
        values = self._values("PARAM", ("DESC", "TYPE", "MINIMUM", "MAXIMUM"))
        line = self.directives[0].line
        words = values["TYPE"].value.split() if "TYPE" in values else []
        enum = words[:1] == ["ENUM"]
        mode, type = _mode_and_type(words[1:] if enum else words)
        if type not in ("float", "int", "uint"):
            found = values["TYPE"].value if "TYPE" in values else "no TYPE"
            self._fault(line, f"found {found!r}, expected TYPE float, int, uint or DEFINE", "US:190-206, CM:704-758")
            return None
        names = tuple(entry.strip() for entry in self.body.splitlines() if entry.strip()) if enum else ()
        initial = 0.0 if enum else self._number(self.body, self.body_line, "initial value")
        if enum and not names:
            self._fault(line, "found an ENUM without names, expected one per line", "US:159-163, CM:796-800")
        return Param(
            name=values["PARAM"].value,
            type=type,
            initial=initial or 0.0,
            desc=values["DESC"].value if "DESC" in values else "",
            minimum=self._bound(values.get("MINIMUM")),
            maximum=self._bound(values.get("MAXIMUM")),
            mode=mode,
            names=names,
            source=self.directives,
            body_line=self.body_line,
        )


def _mode_and_type(words: list[str]) -> tuple[ParamMode, str]:
    """What a TYPE says, ENUM left out; a type that is none where it says something else."""
    match words:
        case ["DEFINE", *_]:
            return "DEFINE", "int"
        case ["DYNAMIC", type]:
            return "DYNAMIC", type
        case ["CONSTANT", type]:
            return "CONSTANT", type
        case _:
            return "VARIABLE", " ".join(words)


_READERS: Mapping[str, type[_BlockReader]] = {
    "TEXTURE": _TextureReader,
    "BUFFER": _BufferReader,
    "PARAM": _ParamReader,
}
"""What reads a block, by its first directive; anything else is a pass."""


def _numbers(text: str, kind: type[int] | type[float]) -> list[float] | None:
    try:
        numbers = [kind(word) for word in text.split()]
    except ValueError:
        return None
    return numbers if all(abs(number) < math.inf for number in numbers) else None
