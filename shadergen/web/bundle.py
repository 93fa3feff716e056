"""JavaScript modules put together into one script, since a page that is opened from a disk may not import any."""

from __future__ import annotations

import json
import re
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\* as (\w+)|\{([^}]*)\}) from "\./(\w+)\.js";\n', re.MULTILINE)
_TEXT = re.compile(r'^import (\w+) from "\./([\w/]+\.glsl)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:class|function\*?|const) ([\w$]+))", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*\*.*?\*/)\n", re.MULTILINE | re.DOTALL)


def bundle(folder: Path, entry: str) -> str:
    """The module `entry` and all that it imports from `folder`, each in a scope of its own, in one script.

    A module may have `import { a, b } from "./c.js";`, `import * as c from "./c.js";` and, for the text of a file,
    `import C from "./c.glsl";` at its top, and `export` in front of a declaration. Comments that have lines of their
    own are left out. Raises ValueError for a cycle of imports, and for what has another form.
    """
    order: list[str] = []
    scripts: dict[str, str] = {}

    def with_text(match: re.Match[str]) -> str:
        return f"const {match[1]} = {json.dumps((folder / match[2]).read_text('utf-8'))};\n"

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"found a cycle: {' imports '.join((*path, name))}")
        if name in scripts:
            return
        text = (folder / f"{name}.js").read_text("utf-8")
        for match in _IMPORT.finditer(text):
            visit(match[3], (*path, name))
        scripts[name] = _scope(name, _TEXT.sub(with_text, text))
        order.append(name)

    visit(entry, ())
    return "".join(scripts[name] for name in order)


def _scope(name: str, text: str) -> str:
    exports = _EXPORT.findall(text)
    body = _EXPORT.sub("", _IMPORT.sub(_binding, text))
    if re.search(r"^(?:import|export)\b", body, re.MULTILINE):
        raise ValueError(f"{name}.js: found an import or export of another form than `bundle` knows")
    lines = (line.strip() for line in _COMMENT.sub("", body).splitlines())
    code = "\n".join(line for line in lines if line)
    return f"const ${name} = (() => {{\n{code}\nreturn {{ {', '.join(exports)} }};\n}})();\n"


def _binding(match: re.Match[str]) -> str:
    whole, names, module = match.groups()
    return f"const {whole or '{' + names.replace(' as ', ': ') + '}'} = ${module};\n"
