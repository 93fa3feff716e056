"""Finds in a hook file what players reject, show wrongly, or treat differently, and reports it.

The rules are in `rules`, by subject; what only a GLSL compiler can tell comes from the compilers that the caller passes
in, such as `glslang_compiler()`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from shadergen.errors import HookFileError, ShadergenError
from shadergen.hookfile import CompileFault, GrammarFault, scan
from shadergen.lint import glsltext
from shadergen.lint.glslang import Compiler, glslang_compiler
from shadergen.lint.rule import Rule, Severity, Shader
from shadergen.lint.rules import RULES

__all__ = [
    "RULES",
    "CompileFault",
    "Compiler",
    "Diagnostic",
    "Rule",
    "Severity",
    "format_github",
    "format_json",
    "format_text",
    "glslang_compiler",
    "lint_file",
    "lint_text",
]

_MAX_FILE = 1_000_000_000


@dataclass(frozen=True)
class Diagnostic:
    """One finding: where, how bad, by which rule, and who says so."""

    path: str
    line: int
    severity: Severity
    rule: str
    message: str
    """What is wrong, as `found ..., expected ...; what to do`."""
    source: str


def lint_text(text: str, path: str = "<shader>", *, compilers: Sequence[Compiler] = ()) -> tuple[Diagnostic, ...]:
    """Every finding in a hook file's text, in the order of its lines.

    Of a file whose grammar is broken only that is reported, because the rest has no meaning yet. `compilers` add what
    they say about the bodies.
    """
    file, faults = scan(text)
    if faults:
        return _sorted(_from_fault(fault, path) for fault in faults)
    codes = tuple(glsltext.without_comments(block.body) for block in file.passes)
    shader = Shader(file, codes, tuple(text.split("\n")))
    found = [
        Diagnostic(path, finding.line, rule.severity, rule.id, finding.message, rule.source)
        for rule in RULES
        for finding in rule.check(shader)
    ]
    for compiler in compilers:
        found += [
            Diagnostic(path, fault.line, "error", "glsl", fault.message, "the GLSL compiler")
            for fault in compiler(file)
        ]
    return _sorted(found)


def _from_fault(fault: GrammarFault, path: str) -> Diagnostic:
    return Diagnostic(path, fault.line, "error", "grammar", fault.problem, fault.source)


def _sorted(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.path, d.line, d.rule, d.message)))


def lint_file(path: str | Path, *, compilers: Sequence[Compiler] = ()) -> tuple[Diagnostic, ...]:
    """Every finding in a hook file, as `lint_text` gives them. Raises ShadergenError where there is no text to read."""
    name = str(path)
    try:
        if Path(path).stat().st_size > _MAX_FILE:
            message = "found more than 1 GB, expected less; vo=gpu-next does not load the file"
            return (Diagnostic(name, 1, "error", "large-file", message, "mpv #6551"),)
        text = Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise ShadergenError(name, f"found no readable file ({error.strerror}), expected a hook file") from error
    except UnicodeDecodeError as error:
        raise HookFileError(
            name, f"found byte {error.object[error.start]:#04x} at {error.start}, expected UTF-8"
        ) from error
    if not text.strip():
        raise HookFileError(name, "found an empty file, expected a hook file")
    return lint_text(text, name, compilers=compilers)


# ---------------------------------------------------------------------------------------------------------------------
# Reports


def format_text(diagnostics: Iterable[Diagnostic]) -> str:
    """One line per finding, in the form that editors jump to."""
    return "".join(f"{d.path}:{d.line}: {d.severity}: {d.message} [{d.rule}] ({d.source})\n" for d in diagnostics)


def format_json(diagnostics: Iterable[Diagnostic]) -> str:
    """The findings as a JSON array of objects with the fields of Diagnostic."""
    return json.dumps([asdict(diagnostic) for diagnostic in diagnostics], indent=2) + "\n"


def format_github(diagnostics: Iterable[Diagnostic]) -> str:
    """The findings as workflow commands, which GitHub shows as annotations."""
    return "".join(
        f"::{d.severity} file={_property(d.path)},line={d.line},title={_property(d.rule)}"
        f"::{_escape(f'{d.message} ({d.source})')}\n"
        for d in diagnostics
    )


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
