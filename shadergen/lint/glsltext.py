"""What can be read off the GLSL of a hook pass without compiling it.

Text matching, so every function here prefers silence to a guess: where macros or conditionals hide the answer, the
answer is None or empty, and `lint` says nothing.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator, Mapping

IntConstant = int | tuple[int, ...]
"""The value of a constant expression of GLSL: an int, or the components of an ivec2 or ivec3."""


def without_comments(body: str) -> str:
    """The body with every comment blanked, so that offsets and line numbers stay true."""
    return re.sub(r"//[^\n]*|/\*.*?(?:\*/|\Z)", lambda match: re.sub(r"[^\n]", " ", match[0]), body, flags=re.DOTALL)


def without_directives(code: str) -> str:
    """The code with every preprocessor line blanked, continuation lines included."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\r?\n)*[^\n]*", lambda match: re.sub(r"[^\n]", " ", match[0]), code, flags=re.M)


def line_at(code: str, offset: int) -> int:
    """How many lines end before `offset`: 0 on the first line of the code."""
    return code.count("\n", 0, offset)


def has_conditionals(code: str) -> bool:
    """Whether some of the code may not be compiled at all."""
    return re.search(r"^[ \t]*#\s*(?:if|ifdef|ifndef)\b", code, re.M) is not None


def defines(code: str, name: str) -> bool:
    """Whether the code defines or tests the macro `name` itself."""
    return re.search(rf"^[ \t]*#[^\n]*\b{re.escape(name)}\b", code, re.M) is not None


def hook_types(code: str) -> tuple[tuple[str, int], ...]:
    """Return type and offset of each definition of `hook()`."""
    return tuple((match[1], match.start()) for match in re.finditer(r"\b(\w+)\s+hook\s*\(\s*(?:void\s*)?\)\s*\{", code))


def shared_bytes(code: str, threads: tuple[int, int]) -> int | None:
    """Bytes of shared memory a compute pass declares, or None where an extent is no simple constant.

    Half-precision types count as single precision, because that is what D3D11 gives them.
    """
    constants = _constants(code, threads)
    total = 0
    for declaration in re.finditer(r"\bshared\s+(\w+)\s*((?:\[[^;]*?\])*)\s*([^;]+);", code):
        texel = _type_bytes(declaration[1], code)
        for declarator in _split(declaration[3]):
            bounds = re.findall(r"\[([^\[\]]*)\]", declaration[2] + declarator)
            extents = [_evaluate(bound, constants) for bound in bounds]
            if texel is None or not all(isinstance(extent, int) for extent in extents):
                return None
            total += texel * math.prod(extent for extent in extents if isinstance(extent, int))
    return total


def _split(declarators: str) -> Iterator[str]:
    """Split at the commas outside of brackets."""
    depth, start = 0, 0
    for index, character in enumerate(declarators):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            yield declarators[start:index]
            start = index + 1
    yield declarators[start:]


def _type_bytes(name: str, code: str, depth: int = 0) -> int | None:
    vector = re.fullmatch(r"(?:|i|u|b|f16|f32|i16|u16|min16)vec([234])", name)
    if vector is not None:
        return 4 * int(vector[1])
    matrix = re.fullmatch(r"(?:f16|f32)?mat([234])(?:x([234]))?", name)
    if matrix is not None:
        return 4 * int(matrix[1]) * int(matrix[2] or matrix[1])
    if name in ("float", "int", "uint", "bool", "float16_t", "float32_t", "int16_t", "uint16_t"):
        return 4
    # A macro may be defined once per branch of an #ifdef (`V4` as vec4 or f16vec4): the largest counts.
    aliases: list[str] = re.findall(rf"^[ \t]*#\s*define\s+{re.escape(name)}\s+(\w+)", code, re.M)
    sizes = [_type_bytes(alias, code, depth + 1) for alias in aliases] if depth < 4 else []
    known = [size for size in sizes if size is not None]
    return max(known) if known and len(known) == len(sizes) else None


def _constants(code: str, threads: tuple[int, int]) -> dict[str, IntConstant]:
    """Integer constants by name, from `#define` and `const`; a name with two values is dropped."""
    constants: dict[str, IntConstant] = {"gl_WorkGroupSize": (*threads, 1)}
    dropped: set[str] = set()
    pattern = r"#[ \t]*define[ \t]+(\w+)[ \t]+([^\n\\]+)|\bconst\s+(?:int|uint|[iu]vec[23])\s+(\w+)\s*=\s*([^;]+);"
    for match in re.finditer(pattern, code):
        name, text = (match[1], match[2]) if match[1] else (match[3], match[4])
        value = _evaluate(text, constants)
        if value is None or name in dropped:
            continue
        if constants.setdefault(name, value) != value:
            dropped.add(name)
            del constants[name]
    return constants


def _evaluate(text: str, constants: Mapping[str, IntConstant]) -> IntConstant | None:
    """The value of an integer expression of GLSL; Python's grammar is close enough for the ones met in practice."""
    if len(text) > 200:
        return None
    try:
        tree = ast.parse(re.sub(r"\b(\d+)[uU]\b", r"\1", text).strip().replace("/", "//"), mode="eval")
        return _value(tree.body, constants)
    except (SyntaxError, ValueError, KeyError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, constants: Mapping[str, IntConstant]) -> IntConstant:
    match node:
        case ast.Constant(value=int(value)):
            return value
        case ast.Name(id=name):
            return constants[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _broadcast(ast.Sub(), 0, _value(operand, constants))
        case ast.BinOp(left=left, op=op, right=right):
            return _broadcast(op, _value(left, constants), _value(right, constants))
        case ast.Attribute(value=operand, attr="x" | "y" | "z" as axis):
            vector = _value(operand, constants)
            if isinstance(vector, tuple) and len(vector) > "xyz".index(axis):
                return vector["xyz".index(axis)]
        case ast.Call(func=ast.Name(id="ivec2" | "uvec2" | "int" | "uint" as name), args=args):
            return _construct(name, [_value(arg, constants) for arg in args])
    raise ValueError("not an integer constant")


def _construct(name: str, args: list[IntConstant]) -> IntConstant:
    flat = [part for arg in args for part in (arg if isinstance(arg, tuple) else (arg,))]
    if name in ("int", "uint") and len(flat) == 1:
        return flat[0]
    if name in ("ivec2", "uvec2") and flat:
        return (flat[0], flat[0]) if len(flat) == 1 else (flat[0], flat[1])
    raise ValueError(f"cannot construct {name}")


def _broadcast(op: ast.operator, left: IntConstant, right: IntConstant) -> IntConstant:
    if isinstance(left, int) and isinstance(right, int):
        return _apply(op, left, right)
    length = min(len(side) for side in (left, right) if isinstance(side, tuple))
    lefts = left if isinstance(left, tuple) else (left,) * length
    rights = right if isinstance(right, tuple) else (right,) * length
    return tuple(_apply(op, a, b) for a, b in zip(lefts, rights, strict=False))


def _apply(op: ast.operator, a: int, b: int) -> int:
    match op:
        case ast.Add():
            return a + b
        case ast.Sub():
            return a - b
        case ast.Mult():
            return a * b
        case ast.FloorDiv():
            return int(a / b)  # GLSL rounds towards zero
        case ast.Mod():
            return a % b
        case ast.LShift() if 0 <= b < 32:
            return a << b
        case ast.RShift() if 0 <= b < 32:
            return a >> b
    raise ValueError("not an operator of an integer constant")
