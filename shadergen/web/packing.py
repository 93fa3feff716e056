"""Texts of hook files made small for a page.

A shader is mostly numbers, and the forms of a model have the same ones: in `TEXTURE` blocks, as literals of the code,
and in the tables of a program for WebGPU. So a table that was there before is named by its number, and of the others
each 32-bit number is kept once, in four planes of bytes, since neighbouring numbers are alike in their first byte only;
the texts refer to them by their distance from the number before. All is deflated, and comes back byte by byte
(`templates/web/unpack.js`).
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

LITERAL, WORDS, HALVES, TABLE = "\x01", "\x02", "\x03", "\x04"
"""What stands in a text for a literal; in hexadecimal, for `N;` 32-bit numbers, for `N;` 16-bit ones, and for those of
table `N;` of all texts, from 0 on."""
MARKS = (LITERAL, WORDS, HALVES, TABLE)

_NUMBER = re.compile(
    r"^//!FORMAT (?P<format>\w+)$"
    r"|^(?P<table>(?:[0-9a-f]{4})+)$"
    r"|(?<![\w.])(?P<literal>-?(?:\d+\.\d*|\.\d+)(?:e[+-]?\d+)?)(?![\w.])",
    re.MULTILINE,
)


def pack(texts: Sequence[str]) -> bytes:
    """The texts as one deflated block: the sizes of its parts, the texts without numbers, the numbers.

    Raises ValueError for a text with one of the characters that stand for numbers.
    """
    if any(mark in text for text in texts for mark in MARKS):
        raise ValueError("found a control character, expected text")
    references: list[int] = []
    halves: list[bytes] = []
    known: dict[int, int] = {}
    tables: dict[str, int] = {}

    def refer(bits: npt.NDArray[np.uint32]) -> None:
        references.extend(known.setdefault(number, len(known)) for number in bits.tolist())

    def without_numbers(text: str) -> Iterator[str]:
        position, format = 0, ""
        for match in _NUMBER.finditer(text):
            format = match["format"] or format
            shown = match[0]
            if match["table"] in tables:
                shown = f"{TABLE}{tables[shown]};"
            elif match["table"] and format.endswith("hf"):
                tables[shown] = len(tables)
                halves.append(bytes.fromhex(shown))
                shown = f"{HALVES}{len(halves[-1]) // 2};"
            elif match["table"] and format.endswith("f") and len(match["table"]) % 8 == 0:
                tables[shown] = len(tables)
                bits = np.frombuffer(bytes.fromhex(shown), "<u4")
                refer(bits)
                shown = f"{WORDS}{len(bits)};"
            elif match["literal"] and _spelled(match["literal"]):
                refer(np.array([match["literal"]], np.float32).view("<u4"))
                shown = LITERAL
            yield text[position : match.start()]
            yield shown
            position = match.end()
        yield text[position:]

    skeletons = json.dumps(["".join(without_numbers(text)) for text in texts], ensure_ascii=False).encode()
    numbers = np.fromiter(known, "<u4", len(known))
    steps = np.diff(np.array(references, "<i4"), prepend=0).astype("<i4")
    words = np.frombuffer(b"".join(halves), "<u2")
    sizes = np.array([len(skeletons), len(numbers), len(steps), len(words)], "<u4")
    parts = [sizes.tobytes(), skeletons, *(_planes(part) for part in (numbers, steps, words))]
    return deflated(b"".join(parts))


def deflated(data: bytes) -> bytes:
    """Data as browsers' `deflate-raw` takes it."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    return deflate.compress(data) + deflate.flush()


_DIGITS = bytes(code for code in range(33, 127) if chr(code) not in "\"\\<>&'`/,")
"""Those of base 85: the printable characters that mean nothing in HTML, JSON and JavaScript's strings."""
_RFC1924 = bytes(map(ord, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"))


def printable(data: bytes) -> str:
    """Data as text, five characters for four bytes, where base64 takes four for three: 5 KB less of C4F16's page."""
    return base64.b85encode(data).translate(bytes.maketrans(_RFC1924, _DIGITS)).decode()


def _spelled(literal: str) -> bool:
    """Whether the page would spell a number's 32 bits like this: as the compiler does, the fewest digits that read back
    to it, and no zero before the point. NumPy's versions do not agree on large numbers."""
    number = np.float32(literal)
    text = str(number)
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    short = sign + digits[1:] if digits.startswith("0.") and digits != "0.0" else text
    return literal == short and abs(float(number)) < 1e5


def _planes(numbers: npt.NDArray[np.generic]) -> bytes:
    """The first byte of every number, then the second of every one, and so on."""
    return numbers.view(np.uint8).reshape(len(numbers), numbers.itemsize).T.tobytes()
