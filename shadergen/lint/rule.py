"""What a rule is, and what rules see of a file.

An *error* is a file that libplacebo (mpv's vo=gpu-next) or every player rejects, disables, or in which a pass can never
run. Everything else is a *warning*: what only vo=gpu, only one graphics API or only older versions refuse, and what is
probably not meant. A shader that plays must not get an error.

Sources of rules are lines of mpv at b955aa28f (US video/out/gpu/user_shaders.c, VC video/out/gpu/video.c) and of
libplacebo at 3be579e6 (CM src/shaders/custom_mpv.c, RN src/renderer.c, DP src/dispatch.c), or the number of an issue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from shadergen.hookfile import Block, HookFile, HookPass, Rpn
from shadergen.hookfile.stages import resources
from shadergen.lint import glsltext

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """What a rule yields; the rule itself knows the rest of the Diagnostic."""

    line: int
    message: str


@dataclass(frozen=True)
class Shader:
    """A file as the rules see it."""

    file: HookFile
    codes: tuple[str, ...]
    """The body of each pass without its comments, in the order of `file.passes`."""
    lines: tuple[str, ...]
    """The text, split at `\\n`."""

    @property
    def passes(self) -> Iterator[tuple[HookPass, str]]:
        return zip(self.file.passes, self.codes, strict=True)


Check = Callable[[Shader], Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    """A check with its name in reports, its severity, and the lines or the issue that justify it."""

    id: str
    severity: Severity
    source: str
    check: Check

    @property
    def summary(self) -> str:
        return (self.check.__doc__ or "").strip()


def registrar(rules: list[Rule]) -> Callable[[str, Severity, str], Callable[[Check], Check]]:
    """A decorator `(id, severity, source)` that appends the check it decorates to `rules`."""

    def rule(id: str, severity: Severity, source: str) -> Callable[[Check], Check]:
        def register(check: Check) -> Check:
            rules.append(Rule(id, severity, source, check))
            return check

        return register

    return rule


# ---------------------------------------------------------------------------------------------------------------------
# Where things are


def line_of(block: Block, name: str = "", value: str | None = None) -> int:
    """The line of the block's directive `name` (the last one counts, as in the players), or of its first directive."""
    lines = [d.line for d in block.source if d.name == name and value in (None, d.value)]
    return lines[-1] if lines else block.source[0].line


def line_in_body(block: HookPass, code: str, offset: int) -> int:
    """The file's line of what stands at `offset` in a pass's code."""
    return block.body_line + glsltext.line_at(code, offset)


def expressions(block: HookPass) -> Iterator[tuple[str, Rpn]]:
    """The expressions of a pass, each with the name of its directive."""
    for name, rpn in (("WIDTH", block.width), ("HEIGHT", block.height), ("WHEN", block.when)):
        if rpn is not None:
            yield name, rpn


def each_expression(shader: Shader) -> Iterator[tuple[HookPass, str, Rpn]]:
    """The expressions of every pass, each with the pass and the name of its directive."""
    for block in shader.file.passes:
        for name, rpn in expressions(block):
            yield block, name, rpn


def stored_into(file: HookFile, block: HookPass) -> bool:
    """Whether a pass binds a BUFFER or TEXTURE that it can write to, which may be all it is for."""
    found = resources(file)
    return any(name in found and found[name].storage for name in block.binds)


def listed(names: Iterable[str]) -> str:
    """Names in a message, in alphabetical order."""
    return ", ".join(sorted(names)) or "none"
