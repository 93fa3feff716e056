"""From blocks to text, such that `parse` reads the same blocks again."""

from __future__ import annotations

from collections.abc import Iterable

from shadergen.errors import HookFileError
from shadergen.hookfile.blocks import MAGIC, Block, HookFile, HookPass, Param, UserBuffer, UserTexture


def format(file: HookFile) -> str:
    """Write a file such that `parse(format(file)) == file`.

    Raises HookFileError where that cannot be: for a `//!` in the header or in a body, which would start a block there,
    and for a directive's value of several lines.
    """
    return _without_magic("header", file.header) + "".join(_format_block(block) for block in file.blocks)


def _format_block(block: Block) -> str:
    match block:
        case HookPass():
            return _lines(_hook_directives(block)) + _without_magic("body", block.body)
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
    offset = (
        block.offset if block.offset is None or block.offset == "ALIGN" else " ".join(map(_number_text, block.offset))
    )
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
        ("MINIMUM", None if block.minimum is None else _number_text(block.minimum)),
        ("MAXIMUM", None if block.maximum is None else _number_text(block.maximum)),
    ]
    values = [_one_line("ENUM", name) for name in block.names] or [_number_text(block.initial)]
    return _lines(directives) + "\n".join(values) + "\n"


def _number_text(number: float) -> str:
    """The shortest text that reads back as the same number; whole numbers without a point, for int parameters."""
    return str(int(number)) if number == int(number) and abs(number) < 2**53 else repr(number)


def _lines(directives: Iterable[tuple[str, str | None]]) -> str:
    return "".join(_line(name, value) for name, value in directives if value is not None)


def _line(name: str, value: str) -> str:
    return f"{MAGIC}{name} {_one_line(name, value)}".rstrip() + "\n"


def _one_line(name: str, value: str) -> str:
    if "\n" in value or "\r" in value:
        raise HookFileError("<shader>", f"found {name} {value!r}, expected one line")
    return value


def _without_magic(where: str, text: str) -> str:
    if MAGIC in text:
        around = text[text.index(MAGIC) :].splitlines()[0][:40]
        raise HookFileError("<shader>", f"found {around!r} in the {where}, expected no {MAGIC} there")
    return text
