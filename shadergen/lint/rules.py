"""Lint rules over the directives of a hook file: blocks, expressions, and textures between passes.

An *error* is a file that libplacebo (mpv's vo=gpu-next) or every player rejects, disables, or in which a pass can never
run. Everything else is a *warning*: what only vo=gpu, only one graphics API or only older versions refuse, and what is
probably not meant. A shader that plays must not get an error.

Sources are lines of mpv at b955aa28f (US video/out/gpu/user_shaders.c, VC video/out/gpu/video.c) and of libplacebo at
3be579e6 (CM src/shaders/custom_mpv.c, RN src/renderer.c, DP src/dispatch.c), or the number of an issue.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from shadergen.hookfile import MAX_RPN_TOKENS, Block, HookFile, HookPass, Param, Rpn, RpnError, UserBuffer, UserTexture
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


RULES: list[Rule] = []
_rule = registrar(RULES)


# ---------------------------------------------------------------------------------------------------------------------
# Where things are

PLANES = ("RGB", "LUMA", "XYZ", "CHROMA", "ALPHA")
_PLANE_COMPONENTS = {"LUMA": 1, "ALPHA": 1, "ALPHA_SCALED": 1, "CHROMA": 2, "CHROMA_SCALED": 2}

# When a stage fires within a frame (RN:1779-2795; VC:2384-2397, 2517, 3218-3330). RGB, LUMA and XYZ exclude each other.
_FIRING = (
    ("RGB", "LUMA", "XYZ"),
    ("CHROMA",),
    ("ALPHA",),
    ("CHROMA_SCALED",),
    ("ALPHA_SCALED",),
    ("NATIVE",),
    ("MAINPRESUB", "MAIN"),
    ("LINEAR",),
    ("SIGMOID",),
    ("PREKERNEL",),
    ("POSTKERNEL",),
    ("SCALED",),
    ("PREOUTPUT",),
    ("OUTPUT",),
)
STAGE_ORDER = {stage: order for order, stages in enumerate(_FIRING) for stage in stages}
_RPN_NAMES = {"HOOKED", "NATIVE_CROPPED", "OUTPUT"}
_RESERVED = {"frame", "random", "input_size", "target_size", "tex_offset", "linearize", "delinearize", "out_image"}
_EXPRESSIONS = ("WIDTH", "HEIGHT", "WHEN")


def line_of(block: Block, name: str = "", value: str | None = None) -> int:
    """The line of the block's directive `name` (the last one counts, as in the players), or of its first directive."""
    lines = [d.line for d in block.source if d.name == name and value in (None, d.value)]
    return lines[-1] if lines else block.source[0].line


def _expressions(block: HookPass) -> Iterator[tuple[str, Rpn]]:
    for name, rpn in zip(_EXPRESSIONS, (block.width, block.height, block.when), strict=True):
        if rpn is not None:
            yield name, rpn


def _each_expression(shader: Shader) -> Iterator[tuple[HookPass, str, Rpn]]:
    for block in shader.file.passes:
        for name, rpn in _expressions(block):
            yield block, name, rpn


def canonical(name: str) -> str:
    """MAINPRESUB for MAIN, which are one stage to libplacebo (CM:852-855)."""
    return "MAINPRESUB" if name == "MAIN" else name


def _overwrites(block: HookPass) -> frozenset[str]:
    """The hooked stages whose texture the pass replaces."""
    if block.save is None:
        return frozenset(block.hooks)
    return frozenset(hook for hook in block.hooks if canonical(hook) == canonical(block.save))


def saved_names(file: HookFile) -> frozenset[str]:
    """Every name that a pass saves."""
    return frozenset(block.save for block in file.passes if block.save is not None)


def _user_names(file: HookFile) -> frozenset[str]:
    return frozenset(block.name for block in file.blocks if isinstance(block, UserTexture | UserBuffer))


def _variables(file: HookFile) -> dict[str, float]:
    values = {param.name: param.initial for param in file.params}
    return values | {name: float(index) for param in file.params for index, name in enumerate(param.names)}


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


# ---------------------------------------------------------------------------------------------------------------------
# Blocks and directives


@_rule("no-hook", "error", "CM:298-300, US:519-521")
def _no_hook(shader: Shader) -> Iterator[Finding]:
    """A pass without HOOK, or with no HOOK that any player knows, never runs."""
    for block in shader.file.passes:
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            found = f"HOOK {', '.join(block.hooks)}" if block.hooks else "no HOOK"
            message = f"found {found}, expected one of {', '.join(STAGE_ORDER)}; the pass never runs"
            yield Finding(line_of(block, "HOOK"), message)


@_rule("unknown-stage", "warning", "CM:832-874")
def _unknown_stage(shader: Shader) -> Iterator[Finding]:
    """A HOOK that no player knows, beside one that fires; and PREOUTPUT, which only libplacebo has (CM:868)."""
    for block in shader.file.passes:
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            continue  # no-hook has reported it
        for hook in block.hooks:
            if hook == "PREOUTPUT":
                yield Finding(
                    line_of(block, "HOOK", hook), "found HOOK PREOUTPUT, which vo=gpu never fires; use SCALED"
                )
            elif hook not in STAGE_ORDER:
                message = f"found HOOK {hook}, which no player fires, expected one of {', '.join(STAGE_ORDER)}"
                yield Finding(line_of(block, "HOOK", hook), message)


@_rule("invalid-name", "error", "CM:1153-1183, 1312-1318, 1401-1426")
def _invalid_name(shader: Shader) -> Iterator[Finding]:
    """Names become GLSL macros: they must be identifiers and, of TEXTURE, BUFFER or PARAM, none that is taken."""
    for block in shader.file.blocks:
        if isinstance(block, HookPass):
            names = [("BIND", bind) for bind in block.binds if bind]
        else:
            names = [(block.source[0].name, block.name)]
        for directive, name in names:
            if re.fullmatch(r"(?!gl_)[A-Za-z_]\w*", name, re.ASCII) is None:
                message = f"found {directive} {name!r}, expected a GLSL identifier; letters, digits and _ only"
                yield Finding(line_of(block, directive, name), message)
            elif directive != "BIND" and name in _RESERVED | {"hook", "main", "HOOKED"}:
                message = f"found {directive} {name}, a name that the player defines itself; choose another"
                yield Finding(line_of(block, directive, name), message)


@_rule("duplicate-param", "error", "CM:1396-1427")
def _duplicate_param(shader: Shader) -> Iterator[Finding]:
    """Two PARAM of one name define one macro twice, which does not compile in libplacebo."""
    yield from _repeated(shader.file.params, "PARAM", "the macro is defined twice; rename one")


@_rule("duplicate-texture", "warning", "CM:1308-1320, VC:1557-1563")
def _duplicate_texture(shader: Shader) -> Iterator[Finding]:
    """Of two TEXTURE or BUFFER of one name, players bind the first; the second is dead weight."""
    blocks = [block for block in shader.file.blocks if isinstance(block, UserTexture | UserBuffer)]
    yield from _repeated(blocks, "", "only the first is ever bound; rename or delete this one")


def _repeated(blocks: Iterable[Param | UserTexture | UserBuffer], directive: str, remedy: str) -> Iterator[Finding]:
    first: dict[str, int] = {}
    for block in blocks:
        line = line_of(block, directive)
        if block.name in first:
            message = f"found {block.source[0].name} {block.name} again, first on line {first[block.name]}; {remedy}"
            yield Finding(line, message)
        first.setdefault(block.name, line)


@_rule("param-value", "error", "CM:824-825, US:73-83")
def _param_value(shader: Shader) -> Iterator[Finding]:
    """The initial value of a PARAM must lie within its bounds, or both players reject the file."""
    for param in shader.file.params:
        low = -math.inf if param.minimum is None else param.minimum
        high = math.inf if param.maximum is None else param.maximum
        if not param.names and not low <= param.initial <= high:
            message = f"found initial value {param.initial:g} of {param.name}, expected {low:g} to {high:g}"
            yield Finding(param.body_line, message)


@_rule("param-enum", "error", "CM:758-761, US:152-158")
def _param_enum(shader: Shader) -> Iterator[Finding]:
    """ENUM goes with int or DEFINE only."""
    for param in shader.file.params:
        if param.names and param.type != "int":
            yield Finding(line_of(param, "TYPE"), f"found TYPE ENUM {param.type}, expected ENUM int or ENUM DEFINE")


@_rule("texture-bytes", "error", "CM:476-486, US:639-645")
def _texture_bytes(shader: Shader) -> Iterator[Finding]:
    """The data of a TEXTURE must fill its SIZE exactly; `16f` formats take 32-bit floats, `16hf` 16-bit ones."""
    for texture in shader.file.textures:
        format = re.fullmatch(r"(r|rg|rgb|rgba)(8|16|32)(|f|hf|u|i|s)", texture.format)
        if format is None or (texture.storage and not texture.data):
            continue  # a format this rule does not know, or an image that starts out empty
        sample = 4 if format[3] == "f" else int(format[2]) // 8
        expected = math.prod(texture.size) * len(format[1]) * sample
        if len(texture.data) != expected:
            size = "x".join(map(str, texture.size))
            message = f"found {len(texture.data)} bytes, expected {expected} for {size} {texture.format}"
            yield Finding(texture.body_line, message)


# ---------------------------------------------------------------------------------------------------------------------
# What vo=gpu rejects and libplacebo accepts


@_rule("vo-gpu-buffer", "warning", "US:506-508, 675-691")
def _vo_gpu_buffer(shader: Shader) -> Iterator[Finding]:
    """BUFFER exists in libplacebo only."""
    for buffer in shader.file.buffers:
        yield Finding(line_of(buffer), "found BUFFER, which vo=gpu rejects with the whole file; needs vo=gpu-next")


@_rule("vo-gpu-texture", "warning", "US:596-610")
def _vo_gpu_texture(shader: Shader) -> Iterator[Finding]:
    """TEXTURE with STORAGE or BORDER MIRROR exists in libplacebo only."""
    for texture in shader.file.textures:
        if texture.storage:
            message = "found STORAGE, which vo=gpu rejects with the whole file; needs vo=gpu-next"
            yield Finding(line_of(texture, "STORAGE"), message)
        if texture.border == "MIRROR":
            message = "found BORDER MIRROR, which vo=gpu rejects with the whole file; use CLAMP or REPEAT"
            yield Finding(line_of(texture, "BORDER"), message)


@_rule("vo-gpu-hex", "warning", "US:632-637")
def _vo_gpu_hex(shader: Shader) -> Iterator[Finding]:
    """vo=gpu reads the data of a TEXTURE from one line; libplacebo skips white space."""
    for texture in shader.file.textures:
        rest = itertools.takewhile(lambda line: "//!" not in line, shader.lines[texture.body_line - 1 :])
        lines = sum(1 for line in rest if line.strip())
        if lines > 1:
            message = f"found data on {lines} lines, expected one, or vo=gpu rejects the file; join them"
            yield Finding(texture.body_line, message)


@_rule("vo-gpu-param", "warning", "US:196-205")
def _vo_gpu_param(shader: Shader) -> Iterator[Finding]:
    """vo=gpu knows PARAM of TYPE float, int and DEFINE; not uint, DYNAMIC or CONSTANT."""
    for param in shader.file.params:
        if param.type == "uint" or param.mode in ("DYNAMIC", "CONSTANT"):
            found = f"{param.mode} {param.type}".removeprefix("VARIABLE ")
            message = f"found TYPE {found}, which vo=gpu rejects with the whole file; use float, int or DEFINE"
            yield Finding(line_of(param, "TYPE"), message)


_VO_GPU_PARAMS = 16


@_rule("vo-gpu-param-count", "warning", "US:111-114, user_shaders.h:26")
def _vo_gpu_param_count(shader: Shader) -> Iterator[Finding]:
    """vo=gpu holds 16 PARAM per file."""
    for param in shader.file.params[_VO_GPU_PARAMS : _VO_GPU_PARAMS + 1]:
        found = len(shader.file.params)
        message = f"found {found} PARAM, expected at most {_VO_GPU_PARAMS}; vo=gpu rejects the file from here"
        yield Finding(line_of(param), message)


@_rule("vo-gpu-rpn-length", "warning", "user_shaders.h:27, US:235-236")
def _vo_gpu_rpn_length(shader: Shader) -> Iterator[Finding]:
    """vo=gpu, and libplacebo before d90f4daf (2026-04), hold 32 tokens per expression."""
    for block, name, rpn in _each_expression(shader):
        if MAX_RPN_TOKENS < len(rpn.tokens) <= _LIBPLACEBO_RPN_TOKENS:
            message = f"found {len(rpn.tokens)} tokens in {name}, expected at most {MAX_RPN_TOKENS}"
            yield Finding(line_of(block, name), f"{message}; vo=gpu and older libplacebo reject the file")


@_rule("vo-gpu-linearize", "warning", "VC:1737-1757, CM:1439-1453")
def _vo_gpu_linearize(shader: Shader) -> Iterator[Finding]:
    """linearize() and delinearize() are given by libplacebo only."""
    for block, code in shader.passes:
        match = re.search(r"\b(?:de)?linearize\s*\(", code)
        if match is not None and not re.search(r"\bvec[34]\s+(?:de)?linearize\s*\(", code):
            message = f"found {match[0]}), which vo=gpu does not have; needs vo=gpu-next"
            yield Finding(block.body_line + glsltext.line_at(code, match.start()), message)


@_rule("vo-gpu-components", "warning", "VC:1624-1629, 2397, 2517; mpv #9863")
def _vo_gpu_components(shader: Shader) -> Iterator[Finding]:
    """vo=gpu refuses to overwrite a plane with more COMPONENTS than it has, and skips the pass.

    Versions up to 0.41 combine the planes wrongly instead (a blue picture). A warning, because libplacebo takes
    COMPONENTS as a remark (CM:1559) and published shaders rely on that.
    """
    for block in shader.file.passes:
        for stage in sorted(_overwrites(block)):
            have = _PLANE_COMPONENTS.get(stage)
            if have is not None and block.components is not None and block.components > have:
                message = f"found COMPONENTS {block.components} on a pass that overwrites {stage}, expected {have}"
                yield Finding(line_of(block, "COMPONENTS"), f"{message}; vo=gpu skips the pass or shows false colours")


@_rule("vo-gpu-unused-components", "warning", "VC:1443-1447, 1622, 1655")
def _vo_gpu_unused_components(shader: Shader) -> Iterator[Finding]:
    """Without COMPONENTS, vo=gpu gives a fragment pass as many as the hooked plane has and sets the others to 0, 0, 1.

    Reported when a later pass reads a component beyond those.
    """
    for block in shader.file.passes:
        planes = [hook for hook in block.hooks if hook in _PLANE_COMPONENTS]
        if block.save is None or block.components is not None or block.compute is not None or not planes:
            continue
        have = _PLANE_COMPONENTS[planes[0]]
        if _overwrites(block) or not any(_reads_lanes(code, block.save, have) for _, code in shader.passes):
            continue
        message = f"found SAVE {block.save} without COMPONENTS, expected COMPONENTS 4"
        yield Finding(line_of(block, "SAVE"), f"{message}; on {planes[0]} vo=gpu keeps {have} and clears the others")


def _reads_lanes(code: str, name: str, have: int) -> bool:
    """Whether the code takes a component of the texture beyond the first `have`."""
    sample = rf"\b{re.escape(name)}_tex(?:Off)?\s*\((?:[^()]|\([^()]*\))*\)"
    beyond = "yzwgba" if have == 1 else "zwba"
    return re.search(rf"{sample}\s*\.\s*\w*[{beyond}]", code) is not None


# ---------------------------------------------------------------------------------------------------------------------
# Expressions

_LIBPLACEBO_RPN_TOKENS = 64


@_rule("rpn-length", "error", "CM:30, 96-97; user_shaders.h:27")
def _rpn_length(shader: Shader) -> Iterator[Finding]:
    """No player holds more than 64 tokens per expression."""
    for block, name, rpn in _each_expression(shader):
        if len(rpn.tokens) > _LIBPLACEBO_RPN_TOKENS:
            message = f"found {len(rpn.tokens)} tokens in {name}, expected at most {_LIBPLACEBO_RPN_TOKENS}"
            yield Finding(line_of(block, name), message)


@_rule("rpn-operator", "warning", "CM:113-123, US:252-262")
def _rpn_operator(shader: Shader) -> Iterator[Finding]:
    """Players look at the first character of an operator only: `>=` means `>`, and `-1` subtracts."""
    for block, name, rpn in _each_expression(shader):
        for token in rpn.tokens:
            if token.kind == "operator" and len(token.text) > 1:
                message = f"found {token.text!r} in {name}, which players read as {token.text[0]!r}"
                yield Finding(line_of(block, name), f"{message}; write what is meant (not less: `<` then `!`)")


@_rule("rpn-number", "warning", "CM:125-129, US:264-268")
def _rpn_number(shader: Shader) -> Iterator[Finding]:
    """Players read a number up to the first character that does not fit, and drop the rest of the word."""
    for block, name, rpn in _each_expression(shader):
        for token in rpn.tokens:
            number = r"[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?"
            if token.kind == "constant" and re.fullmatch(number, token.text) is None:
                message = f"found {token.text!r} in {name}, which players read as {token.value:g}; write a plain number"
                yield Finding(line_of(block, name), message)


@_rule("rpn-stack", "error", "CM:1046-1062, 1115-1119; US:371-376")
def _rpn_stack(shader: Shader) -> Iterator[Finding]:
    """An expression must leave one value, or vo=gpu skips the pass and libplacebo disables the file (RN:1104)."""
    for block, name, rpn in _each_expression(shader):
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


@_rule("rpn-name", "error", "CM:959-990, 1021-1022, 1093-1096; VC:2083-2134")
def _rpn_name(shader: Shader) -> Iterator[Finding]:
    """A size must be of a stage or a saved texture, a variable must be a PARAM or a name of an ENUM."""
    textures = saved_names(shader.file) | STAGE_ORDER.keys() | _RPN_NAMES
    variables = _variables(shader.file)
    for block, name, rpn in _each_expression(shader):
        for token in rpn.tokens:
            line = line_of(block, name)
            if token.kind == "size" and token.name not in textures:
                where = "TEXTURE has no size here" if token.name in _user_names(shader.file) else "no pass saves it"
                yield Finding(line, f"found {token.text!r} in {name}, expected the size of a stage or a SAVE; {where}")
            elif token.kind == "variable" and token.name not in variables:
                hint = "; a number starts with a digit" if token.text.startswith(".") else ""
                message = f"found {token.text!r} in {name}, expected an operator, a number, NAME.w, NAME.h or a PARAM"
                yield Finding(line, message + hint)


@_rule("rpn-equal", "warning", "CM:1076, US:331")
def _rpn_equal(shader: Shader) -> Iterator[Finding]:
    """`=` is exact in vo=gpu and 1e-6 relative in libplacebo: compare whole numbers, not quotients or fractions."""
    for block, name, rpn in _each_expression(shader):
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


# ---------------------------------------------------------------------------------------------------------------------
# Textures between passes


def _fires_before(file: HookFile, producer: int, consumer: int) -> bool:
    """Whether a pass can run before another in a frame: at an earlier stage, or earlier in the file."""
    orders = [[STAGE_ORDER.get(hook, 0) for hook in file.passes[index].hooks] for index in (producer, consumer)]
    return any((first, producer) < (then, consumer) for first in orders[0] for then in orders[1])


def _available(file: HookFile, name: str, consumer: int) -> bool:
    """Whether pass number `consumer` can find a texture called `name`, if every pass before it has run."""
    if name == "HOOKED" or name in _user_names(file):
        return True
    stage = STAGE_ORDER.get(name)
    if stage is not None and any(stage <= STAGE_ORDER.get(hook, 0) for hook in file.passes[consumer].hooks):
        return True
    saves = (index for index, block in enumerate(file.passes) if canonical(block.save or "") == canonical(name))
    return any(_fires_before(file, producer, consumer) for producer in saves)


@_rule("bind-unknown", "error", "CM:1352-1357, VC:1565-1572")
def _bind_unknown(shader: Shader) -> Iterator[Finding]:
    """A pass that binds a name which is no stage, no SAVE, no TEXTURE and no BUFFER is skipped without a word."""
    known = saved_names(shader.file) | STAGE_ORDER.keys() | _user_names(shader.file) | {"HOOKED"}
    for block in shader.file.passes:
        for bind in dict.fromkeys(block.binds):
            if bind not in known:
                message = f"found BIND {bind}, expected HOOKED, a stage, or a SAVE, TEXTURE or BUFFER of this file"
                yield Finding(line_of(block, "BIND", bind), f"{message}; players skip the pass")


@_rule("bind-order", "error", "CM:1323-1357, VC:1519-1572")
def _bind_order(shader: Shader) -> Iterator[Finding]:
    """A texture can be bound only after its stage has fired or a pass has saved it; else players skip the pass."""
    known = saved_names(shader.file) | STAGE_ORDER.keys()
    for index, block in enumerate(shader.file.passes):
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            continue
        for bind in dict.fromkeys(block.binds):
            if bind in known and not _available(shader.file, bind, index):
                message = f"found BIND {bind} in a pass that runs before {bind} exists, expected it after"
                yield Finding(line_of(block, "BIND", bind), f"{message}; move the pass or hook a later stage")


@_rule("rpn-order", "error", "CM:981-990, 1269-1272; VC:2104-2112")
def _rpn_order(shader: Shader) -> Iterator[Finding]:
    """A size is known once its stage has fired or a pass has saved it; before, libplacebo disables the file."""
    known = saved_names(shader.file) | STAGE_ORDER.keys()
    for index, block in enumerate(shader.file.passes):
        if not any(hook in STAGE_ORDER for hook in block.hooks):
            continue
        for name, rpn in _expressions(block):
            for texture in sorted(rpn.names() & known - _RPN_NAMES):
                if not _available(shader.file, texture, index):
                    message = (
                        f"found {texture} in {name} of a pass that runs before {texture} exists, expected it after"
                    )
                    yield Finding(line_of(block, name), f"{message}; move the pass or hook a later stage")


@_rule("rpn-plane", "warning", "CM:1270-1272, RN:1103-1106, VC:2142-2146")
def _rpn_plane(shader: Shader) -> Iterator[Finding]:
    """RGB video has no LUMA and no CHROMA: a pass on a later stage that asks for their size fails there.

    vo=gpu skips the pass; libplacebo disables the whole file from there on.
    """
    for block, name, rpn in _each_expression(shader):
        planes = sorted(rpn.names() & {"LUMA", "CHROMA", "ALPHA", "RGB", "XYZ"} - set(block.hooks))
        if planes and not set(block.hooks) & {"LUMA", "CHROMA", "CHROMA_SCALED"}:
            message = (
                f"found {planes[0]} in {name} of a pass that hooks {_list(block.hooks)}, expected HOOKED or NATIVE"
            )
            yield Finding(
                line_of(block, name), f"{message}; video without {planes[0]} disables the file in vo=gpu-next"
            )


@_rule("save-unused", "warning", "CM:1553-1569, VC:1691")
def _save_unused(shader: Shader) -> Iterator[Finding]:
    """A pass whose result nobody binds or measures costs its whole time for nothing."""
    used = {canonical(bind) for block in shader.file.passes for bind in block.binds}
    used |= {canonical(name) for _, _, rpn in _each_expression(shader) for name in rpn.names()}
    for block in shader.file.passes:
        if block.save and not _overwrites(block) and canonical(block.save) not in used | STAGE_ORDER.keys():
            message = f"found SAVE {block.save}, which no pass of this file binds; bind it or delete the pass"
            yield Finding(line_of(block, "SAVE"), message)


@_rule("save-stage", "warning", "CM:1555-1583, VC:1620-1691")
def _save_stage(shader: Shader) -> Iterator[Finding]:
    """SAVE of a stage that the pass does not hook leaves the picture alone; only later BINDs of the name see it."""
    for block in shader.file.passes:
        if block.save in STAGE_ORDER and not _overwrites(block):
            message = f"found SAVE {block.save} on a pass that hooks {_list(block.hooks)}, which does not change the"
            yield Finding(line_of(block, "SAVE"), f"{message} picture; hook {block.save} or save another name")


@_rule("save-twice", "warning", "CM:1221-1227, VC:1524-1528")
def _save_twice(shader: Shader) -> Iterator[Finding]:
    """A result that is saved over before any pass has read it is lost."""
    unread: dict[str, int] = {}
    for block in shader.file.passes:
        for name in (*block.binds, *(name for _, rpn in _expressions(block) for name in rpn.names())):
            unread.pop(name, None)
        if not block.save or _overwrites(block):
            continue
        line = line_of(block, "SAVE")
        if block.save in unread and block.when is None:
            message = f"found SAVE {block.save} again before any pass has read the one of line {unread[block.save]}"
            yield Finding(line, f"{message}; rename one")
        if block.when is None:
            unread[block.save] = line


@_rule("when-mismatch", "warning", "CM:1274-1277, 1352-1357")
def _when_mismatch(shader: Shader) -> Iterator[Finding]:
    """Of a pass and those that save its textures, WHEN should hold together: without its textures it is skipped.

    A pass without WHEN says that it follows them. Others are tried at common sizes and with each PARAM moved.
    """
    for index, block in enumerate(shader.file.passes):
        for bind in dict.fromkeys(block.binds):
            makers = [maker for maker in shader.file.passes[:index] if maker.save == bind]
            conditions = [maker.when for maker in makers if maker.when is not None]
            if block.when is None or not makers or bind in STAGE_ORDER or len(conditions) < len(makers):
                continue
            if block.when not in conditions and _runs_alone(shader.file, block, conditions):
                message = f"found WHEN {block.when}, but {bind} is saved WHEN {conditions[-1]}"
                yield Finding(line_of(block, "WHEN"), f"{message}; where only this one holds, players skip the pass")


def _runs_alone(file: HookFile, block: HookPass, conditions: Sequence[Rpn]) -> bool:
    hook = block.hooks[0] if block.hooks else "MAIN"
    for playback in _situations(file):
        runs = block.when is None or playback.evaluate(block.when, hook)
        if runs and not any(playback.evaluate(condition, hook) for condition in conditions):
            return True
    return False


def _situations(file: HookFile) -> Iterator[Playback]:
    sizes = [(640.0, 480.0), (1280.0, 720.0), (1920.0, 1080.0), (2560.0, 1440.0), (3840.0, 2160.0)]
    for variables in _variations(file):
        for video in sizes:
            for output in (*sizes, (7680.0, 4320.0)):
                yield Playback(file, video, output, variables)


def _variations(file: HookFile) -> Iterator[dict[str, float]]:
    """The PARAMs as they come, then with one of them at its bounds or at a small whole number."""
    initial = _variables(file)
    yield initial
    for param in file.params:
        low, high = param.minimum, param.maximum
        values = {float(value) for value in range(len(param.names) or 5)} | {x for x in (low, high) if x is not None}
        for value in sorted(values):
            if (low is None or low <= value) and (high is None or value <= high):
                yield initial | {param.name: value}


_BINDS_D3D11 = 12


@_rule("many-binds", "warning", "mpv #17968")
def _many_binds(shader: Shader) -> Iterator[Finding]:
    """Above 12 BINDs the uniform buffer leaves the 14 slots of D3D11 in recent libplacebo."""
    for block in shader.file.passes:
        if len(block.binds) > _BINDS_D3D11:
            line = [directive.line for directive in block.source if directive.name == "BIND"][_BINDS_D3D11]
            message = f"found {len(block.binds)} BINDs, expected at most {_BINDS_D3D11}"
            yield Finding(line, f"{message}; gpu-api=d3d11 may refuse the pass")


_MAX_EXTENT = 16384


@_rule("texture-extent", "warning", "mpv_PlayKit e95ba3d; D3D11 and most GPUs end at 16384")
def _texture_extent(shader: Shader) -> Iterator[Finding]:
    """The size of each result for a 3840x2160 4:2:0 video shown at 7680x4320 should be at most 16384."""
    playback = Playback(shader.file, (3840.0, 2160.0), (7680.0, 4320.0), _variables(shader.file))
    for block in shader.file.passes:
        for axis, (name, rpn) in enumerate((("WIDTH", block.width), ("HEIGHT", block.height))):
            extents = [playback.evaluate(rpn, hook) for hook in block.hooks] if rpn is not None else []
            extent = max((extent for extent in extents if extent is not None), default=0.0)
            if extent > _MAX_EXTENT:
                message = (
                    f"found {name} {extent:.0f} for a video of {(3840, 2160)[axis]}, expected at most {_MAX_EXTENT}"
                )
                yield Finding(line_of(block, name), f"{message}; guard the pass with WHEN or pack it otherwise")


_FIRED_SCALED = ("POSTKERNEL", "SCALED", "PREOUTPUT", "OUTPUT")


@dataclass(frozen=True)
class Playback:
    """Sizes and variables of one imagined situation, to evaluate expressions in; video is 4:2:0."""

    file: HookFile
    video: tuple[float, float]
    output: tuple[float, float]
    variables: Mapping[str, float]
    _saved: dict[str, tuple[float, float] | None] = field(default_factory=dict, compare=False)

    def evaluate(self, rpn: Rpn, hooked: str) -> float | None:
        """The value where `hooked` is the hooked stage, or None where it has none."""
        try:
            return rpn.evaluate(lambda name: self.size(hooked if name == "HOOKED" else name), self.variables.get)
        except RpnError:
            return None

    def size(self, name: str) -> tuple[float, float] | None:
        """A stage's size (no pass has resized it yet), or that of a saved texture by the first pass that saves it."""
        if name in _FIRED_SCALED:
            return self.output
        if name == "CHROMA":
            return (self.video[0] / 2, self.video[1] / 2)
        if name in STAGE_ORDER or name == "NATIVE_CROPPED":
            return self.video
        if name not in self._saved:
            self._saved[name] = None  # a texture sized by itself has no size
            self._saved[name] = self._saved_size(name)
        return self._saved[name]

    def _saved_size(self, name: str) -> tuple[float, float] | None:
        maker = next((block for block in self.file.passes if block.save == name and block.hooks), None)
        if maker is None:
            return None
        width = self.evaluate(maker.width or Rpn.parse("HOOKED.w"), maker.hooks[0])
        height = self.evaluate(maker.height or Rpn.parse("HOOKED.h"), maker.hooks[0])
        return None if width is None or height is None else (width, height)
