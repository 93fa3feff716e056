"""The hook-file grammar: what `parse`, `scan` and `format` promise each other."""

from __future__ import annotations

import contextlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadergen import hookfile
from shadergen.errors import HookFileError
from shadergen.hookfile import (
    BufferVar,
    Compute,
    HookFile,
    HookPass,
    Param,
    Rpn,
    RpnError,
    UserBuffer,
    UserTexture,
    parse,
    scan,
)

EVERY_BLOCK = """// a licence
//!PARAM strength
//!DESC how much
//!TYPE float
//!MINIMUM 0
//!MAXIMUM 1.5
0.25

//!PARAM mode
//!TYPE ENUM int
soft
hard

//!TEXTURE weights
//!SIZE 2 1
//!FORMAT rgba8
//!FILTER NEAREST
//!BORDER REPEAT
00112233
44556677

//!BUFFER lines
//!VAR vec4 seen[2]
//!VAR uint count
//!STORAGE

//!DESC first
//!HOOK LUMA
//!HOOK CHROMA
//!BIND HOOKED
//!BIND weights
//!SAVE maps
//!WIDTH LUMA.w 2 *
//!HEIGHT LUMA.height 2 *
//!WHEN OUTPUT.w LUMA.w / 1.2 > strength *
//!OFFSET -0.5 0.5
//!COMPONENTS 4
//!COMPUTE 32 16 16 8
void hook() {
}
//!HOOK LUMA
//!BIND maps
//!SAVE HOOKED
//!OFFSET ALIGN
vec4 hook() { return maps_tex(maps_pos); }
"""


def test_every_directive_is_read() -> None:
    file = parse(EVERY_BLOCK)
    assert file.header == "// a licence\n"
    strength, mode = file.params
    assert (strength.name, strength.desc, strength.type) == ("strength", "how much", "float")
    assert (strength.minimum, strength.initial, strength.maximum) == (0, 0.25, 1.5)
    assert mode.names == ("soft", "hard")
    assert file.textures == (
        UserTexture("weights", (2, 1), "rgba8", bytes.fromhex("0011223344556677"), "NEAREST", "REPEAT"),
    )
    assert file.buffers == (UserBuffer("lines", (BufferVar("vec4", "seen", 2), BufferVar("uint", "count")), b"", True),)
    first, second = file.passes
    assert first.hooks == ("LUMA", "CHROMA")
    assert first.binds == ("HOOKED", "weights")
    assert first.save == "maps"
    assert first.offset == (-0.5, 0.5)
    assert first.components == 4
    assert first.compute == Compute((32, 16), (16, 8))
    assert first.when is not None
    assert first.when.names() == {"OUTPUT", "LUMA"}
    assert second.save is None
    assert second.offset == "ALIGN"
    assert second.compute is None


def test_lines_are_counted_from_one() -> None:
    file = parse(EVERY_BLOCK)
    lines = EVERY_BLOCK.splitlines()
    for block in file.blocks:
        for directive in block.source:
            assert lines[directive.line - 1].startswith(f"//!{directive.name}")
    first, second = file.passes
    assert lines[first.body_line - 1] == "void hook() {"
    assert lines[second.body_line - 1].startswith("vec4 hook()")


def test_windows_line_ends_are_no_part_of_a_value() -> None:
    file = parse(EVERY_BLOCK.replace("\n", "\r\n"))
    assert file.passes[0].hooks == ("LUMA", "CHROMA")
    assert file.passes[0].when == parse(EVERY_BLOCK).passes[0].when
    assert [block.source for block in file.blocks] == [block.source for block in parse(EVERY_BLOCK).blocks]


def test_a_body_ends_at_the_magic_even_within_a_line() -> None:
    first, second = parse("//!HOOK LUMA\nint a; //!HOOK CHROMA\nint b;\n").passes
    assert (first.body, second.body) == ("int a; ", "int b;\n")
    assert second.source[0].line == 2
    assert second.body_line == 3


FAULTS = [
    ("", 1, "no `//!`"),
    ("vec4 hook() {}", 1, "no `//!`"),
    ("\n//!HOOK LUMA\n//!SAVED x\n", 3, "SAVED"),
    ("//!HOOK LUMA\n//! BIND HOOKED\n", 2, "expected one of"),
    ("//!HOOK LUMA\n//!hook LUMA\n", 2, "hook"),
    ("//!HOOK LUMA\n//!OFFSET 1\n", 2, "OFFSET"),
    ("//!HOOK LUMA\n//!COMPONENTS 5\n", 2, "COMPONENTS"),
    ("//!HOOK LUMA\n//!COMPONENTS four\n", 2, "COMPONENTS"),
    ("//!HOOK LUMA\n//!COMPONENTS " + "9" * 400, 2, "COMPONENTS"),
    ("//!HOOK LUMA\n//!COMPUTE 8\n", 2, "COMPUTE"),
    ("//!HOOK LUMA\n//!COMPUTE 0 8\n", 2, "above 0"),
    ("//!HOOK LUMA\n//!COMPUTE 8 8 8\n", 2, "COMPUTE"),
    ("//!HOOK LUMA\n" + "//!BIND a\n" * 17, 18, "at most 16"),
    ("//!TEXTURE t\n//!SIZE 1\n00\n", 1, "FORMAT"),
    ("//!TEXTURE t\n//!FORMAT r8\n//!SIZE 0 1\n00\n", 3, "SIZE"),
    ("//!TEXTURE t\n//!FORMAT r8\n//!FILTER CUBIC\n00\n", 3, "FILTER"),
    ("//!TEXTURE t\n//!FORMAT r8\n//!BORDER BLACK\n00\n", 3, "BORDER"),
    ("//!TEXTURE t\n//!FORMAT r8\n0g\n", 3, "hexadecimal"),
    ("//!BUFFER b\n//!VAR float\n00\n", 2, "VAR"),
    ("//!BUFFER b\n//!VAR float x[" + "9" * 5000 + "]\n00\n", 2, "VAR"),
    ("//!PARAM p\n1\n", 1, "TYPE"),
    ("//!PARAM p\n//!TYPE vec4\n1\n", 1, "TYPE"),
    ("//!PARAM p\n//!TYPE float\n\n", 3, "initial"),
    ("//!PARAM p\n//!TYPE float\n//!MINIMUM low\n1\n", 3, "MINIMUM"),
    ("//!PARAM p\n//!TYPE float\nnan\n", 3, "initial"),
    ("//!PARAM p\n//!TYPE ENUM int\n\n", 1, "ENUM"),
]
"""Texts with a fault, the line that it is in, and words of what is said about it."""


@pytest.mark.parametrize(("text", "line", "words"), FAULTS)
def test_a_fault_names_its_line(text: str, line: int, words: str) -> None:
    _, faults = scan(text)
    assert faults[0].line == line
    with pytest.raises(HookFileError) as caught:
        parse(text, "x.glsl")
    assert str(caught.value).startswith(f"x.glsl:{line}: ")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_scan_keeps_the_good_blocks() -> None:
    file, faults = scan("//!HOOK LUMA\n//!NOPE\na\n//!HOOK CHROMA\nb\n")
    assert len(faults) == 1
    assert [block.hooks for block in file.passes] == [("CHROMA",)]


def evaluate(text: str) -> float:
    sizes = {"OUTPUT": (3840.0, 2160.0), "LUMA": (1920.0, 1080.0)}
    return Rpn.parse(text).evaluate(sizes.get, {"strength": 0.5}.get)


VALUES = [
    ("2", 2),
    ("LUMA.w 2 *", 3840),
    ("LUMA.height", 1080),
    ("OUTPUT.w LUMA.w / 1.2 >", 1),
    ("7 4 %", 3),
    ("7 4 -", 3),
    ("1 !", 0),
    ("3 2 <", 0),
    ("3 3.000000001 =", 1),
    ("3 2 >=", 1),  # players read `>`
    ("3 3 >=", 0),
    ("3 1 -1", 2),  # players read `-`
    ("strength 2 *", 1),
    ("2x", 2),
]
"""Expressions and what they come to, by `evaluate`."""


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_expressions(text: str, value: float) -> None:
    assert evaluate(text) == value


NO_VALUES = ["", "1 2", "+", "1 +", "!", "1 0 /", "1 0 %", "NOPE.w", "nope", ".5", "1e300 1e300 *", "1e999 1 %"]
"""Expressions without a value."""


@pytest.mark.parametrize("text", NO_VALUES)
def test_expressions_without_a_value(text: str) -> None:
    with pytest.raises(RpnError):
        evaluate(text)


# ---------------------------------------------------------------------------------------------------------------------
# Round trips

names = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=8)
words = st.text(string.ascii_letters + "é ()[]!", max_size=12).map(str.strip)
numbers = st.floats(-1e6, 1e6, allow_nan=False)
bodies = st.text(string.printable + "ä", max_size=60).filter(lambda body: "//!" not in body).map(lambda b: f"\n{b}\n")
tokens = st.one_of(
    st.sampled_from(["+", "-", "*", "/", "%", "!", ">", "<", "=", "HOOKED.w", "OUTPUT.height"]),
    names,
    st.floats(0, 1e9).map(repr),
)
expressions = st.none() | st.lists(tokens, max_size=9).map(lambda parts: Rpn.parse(" ".join(parts)))
pairs = st.tuples(st.integers(1, 999), st.integers(1, 999))

passes = st.builds(
    HookPass,
    hooks=st.lists(names, max_size=16).map(tuple),
    body=bodies,
    desc=words,
    binds=st.lists(names, max_size=16).map(tuple),
    save=st.none() | names.filter(lambda name: name != "HOOKED"),
    width=expressions,
    height=expressions,
    when=expressions,
    offset=st.none() | st.just("ALIGN") | st.tuples(numbers, numbers),
    components=st.none() | st.integers(1, 4),
    compute=st.none() | st.builds(Compute, pairs, pairs),
).filter(lambda block: bool(block.hooks or block.binds or block.desc))
textures = st.builds(
    UserTexture,
    name=names,
    size=st.lists(st.integers(1, 64), min_size=1, max_size=3).map(tuple),
    format=st.sampled_from(["r8", "rgba16f", "rgba16hf", "rg32f"]),
    data=st.binary(max_size=32),
    filter=st.sampled_from([None, "LINEAR", "NEAREST"]),
    border=st.sampled_from([None, "CLAMP", "REPEAT", "MIRROR"]),
    storage=st.booleans(),
)
variables = st.builds(BufferVar, st.sampled_from(["float", "vec4", "uint"]), names, st.integers(0, 99))
buffers = st.builds(
    UserBuffer, names, st.lists(variables, max_size=3).map(tuple), st.binary(max_size=32), st.booleans()
)
float_params = st.builds(
    Param,
    name=names,
    type=st.just("float"),
    initial=numbers,
    desc=words,
    minimum=st.none() | numbers,
    maximum=st.none() | numbers,
    mode=st.sampled_from(["VARIABLE", "DYNAMIC", "CONSTANT"]),
)
int_params = st.builds(
    Param,
    name=names,
    type=st.just("int"),
    initial=st.integers(-(2**31), 2**31 - 1).map(float),
    mode=st.sampled_from(["VARIABLE", "DEFINE"]),
)
enum_params = st.builds(
    Param,
    name=names,
    type=st.just("int"),
    initial=st.just(0.0),
    mode=st.sampled_from(["VARIABLE", "DEFINE"]),
    names=st.lists(names, min_size=1, max_size=4).map(tuple),
)
headers = st.text(string.printable, max_size=40).filter(lambda text: "//!" not in text).map(lambda text: f"{text}\n")
files = st.builds(
    HookFile,
    headers,
    st.lists(passes | textures | buffers | float_params | int_params | enum_params, min_size=1, max_size=5).map(tuple),
)


@given(files)
def test_parse_undoes_format(file: HookFile) -> None:
    assert parse(hookfile.format(file)) == file


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (HookFile("// by A\n//!HOOK LUMA\n", ()), "found '//!HOOK LUMA' in the header"),
        (HookFile("", (HookPass(("LUMA",), "// a //!HOOK\n"),)), "found '//!HOOK' in the body"),
        (
            HookFile("", (HookPass(("LUMA",), "\n", desc="a\n//!WHEN 0"),)),
            "found DESC 'a\\n//!WHEN 0', expected one line",
        ),
        (HookFile("", (HookPass(("LUMA",), "\n", binds=("a\rb",)),)), "expected one line"),
        (HookFile("", (Param("p", "float", 0.0, names=("a\nb\n//!HOOK x",)),)), "expected one line"),
    ],
)
def test_what_would_read_otherwise_is_not_written(file: HookFile, words: str) -> None:
    with pytest.raises(HookFileError) as caught:
        hookfile.format(file)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@given(files)
def test_format_is_stable(file: HookFile) -> None:
    once = hookfile.format(file)
    assert hookfile.format(parse(once)) == once


@given(files, st.data())
def test_lines_and_bodies_are_where_they_say(file: HookFile, data: st.DataObject) -> None:
    text = hookfile.format(file)
    for block in parse(text).blocks:
        for directive in block.source:
            assert text.split("\n")[directive.line - 1].startswith(f"//!{directive.name}")
        if isinstance(block, HookPass):
            assert "\n".join(text.split("\n")[block.body_line - 1 :]).startswith(block.body)


def refuses_in_one_line(text: str) -> None:
    file, faults = scan(text)
    if faults:
        with pytest.raises(HookFileError, match=r"\A[^\n]*\Z"):
            parse(text)
    else:
        assert parse(text) == file
    for fault in faults:
        assert 1 <= fault.line <= text.count("\n") + 1


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    refuses_in_one_line(text)


DIRECTIVES = ["HOOK", "BIND", "SAVE", "WIDTH", "WHEN", "OFFSET", "COMPONENTS", "COMPUTE", "TEXTURE", "SIZE", "FORMAT"]
DIRECTIVES += ["FILTER", "BORDER", "STORAGE", "BUFFER", "VAR", "PARAM", "TYPE", "MINIMUM", "MAXIMUM", "DESC", "ELSE"]


@given(st.lists(st.tuples(st.sampled_from(DIRECTIVES), st.text(max_size=12), st.sampled_from(["\n", "\r\n", "\n0\n"]))))
def test_any_directives_are_read_or_refused(lines: list[tuple[str, str, str]]) -> None:
    refuses_in_one_line("".join(f"//!{name} {value}{end}" for name, value, end in lines))


@given(st.sampled_from(["WIDTH", "OFFSET", "COMPONENTS", "COMPUTE"]), st.text("0123456789.eE+-_ ²٣xnaif", max_size=12))
def test_any_number_is_read_or_refused(name: str, value: str) -> None:
    refuses_in_one_line(f"//!HOOK LUMA\n//!{name} {value}\n")


@given(st.integers(0, len(EVERY_BLOCK)))
def test_a_truncated_file_is_read_or_refused(length: int) -> None:
    refuses_in_one_line(EVERY_BLOCK[:length])


@given(st.text("0123456789.+-*/%!><= whOUTPwidethg²", max_size=30))
def test_any_expression_has_a_value_or_an_rpn_error(text: str) -> None:
    with contextlib.suppress(RpnError):
        Rpn.parse(text).evaluate(lambda name: (2.0, 3.0), lambda name: 1.0)
