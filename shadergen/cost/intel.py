"""Intel's instructions as ANV prints them, and what they cost.

A vector engine takes eight lanes of 32 bits a cycle, or sixteen of 16. Sixteen engines share a sampler and a data port.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shadergen.cost import matrices
from shadergen.cost.code import Block, Code, Instruction, Work
from shadergen.cost.gpus import Gpu

TEXTS = ("GEN Assembly",)

_LABEL = re.compile(r"(?:L|LABEL)(\d+):")
_LINE = re.compile(r"^(?:\((?!\d)[^)]*\)|\s)\s*(\w[\w.]*)(?:\s|$)")
_OLD_LINE = re.compile(r"^(?:\([^)]*\)\s*)?(\w+)((?:\.\w+)*)\s*\((\d+)\)\s*(.*)")
_TARGETS = re.compile(r"\b(?:L|LABEL)(\d+)\b")
_JUMPS = frozenset({"if", "else", "endif", "while", "break", "cont", "halt", "jmpi", "do"})
_TYPED_STORE = re.compile(r"\btyped(?:_| surface )write|store_typed|\bstore_quad")
_UNITS = {"sampler": "smpl", "ugm": "ugm", "slm": "slm", "gateway": "gtwy", "dp": "hdc", "data": "hdc", "render": "rc"}
"""What a message goes to: as older versions of Mesa call it, and as newer ones write it behind `send`."""


def parse(text: str) -> Code:
    """Read an assembly, as Mesa 26 writes it or as older versions do. Jumps name labels."""
    names: list[str] = ["start"]
    bodies: list[list[Instruction]] = [[]]
    for item in _lines(text):
        if isinstance(item, str):
            names.append(item)
            bodies.append([])
            continue
        bodies[-1].append(item)
        if item.op.split(".")[0] in _JUMPS:
            names.append(f"{names[-1].split('+')[0]}+{len(names)}")
            bodies.append([])
    index: dict[str, int] = {}
    for number, name in enumerate(names):
        index.setdefault(name, number)
    return Code(
        tuple(
            Block(name, tuple(body), _successors(body, number, index, len(names)))
            for number, (name, body) in enumerate(zip(names, bodies, strict=True))
        )
    )


def _lines(text: str) -> Iterator[str | Instruction]:
    """Labels, by their numbers, and instructions."""
    if "{ align1" in text or "{ align16" in text:
        yield from _old_lines(text)
        return
    for line in text.splitlines():
        if label := _LABEL.match(line):
            yield label[1]
        elif found := _LINE.match(line):
            code = re.sub(r"^\((?!\d)[^)]*\)\s*", "", line.strip())
            yield Instruction(found[1], code if code.startswith(found[1]) else line.strip())


def _old_lines(text: str) -> Iterator[str | Instruction]:
    """The same as Mesa before 26 writes it: what a message is about stands in a line of its own."""
    lines = re.sub(r"\n[ \t]+(?=\S)", " ", text).splitlines()
    for line in lines:
        if label := _LABEL.match(line):
            yield label[1]
        elif (found := _OLD_LINE.match(line)) and "{" in line:
            op, flags, lanes, rest = found.groups()
            unit = re.search(r"(\w+)(?: data \d| cache data)? MsgDesc", rest)
            if op.startswith("send") and unit:
                flags = f".{_UNITS.get(unit[1], unit[1])}"
                op = "send"
            half = re.sub(r"<[\d,;]*>HF\b", ":hf", rest)
            yield Instruction(f"{op}{flags}", f"{op}{flags} ({lanes}) {half}")
        elif line.startswith("sync"):
            yield Instruction("sync", line)


def code_bytes(text: str) -> int:
    """How long the code is, where the driver does not say: 16 bytes an instruction, 8 of a compacted one."""
    instructions = [item for item in _lines(text) if isinstance(item, Instruction)]
    return sum(8 if "ompacted" in item.text else 16 for item in instructions)


def _successors(body: Sequence[Instruction], number: int, index: dict[str, int], count: int) -> tuple[int, ...]:
    following = (number + 1,) if number + 1 < count else ()
    last = body[-1] if body else Instruction("", "")
    op = last.op.split(".")[0]
    if op not in _JUMPS or op in ("endif", "do"):
        return following
    targets = tuple(index[name] for name in _TARGETS.findall(last.text) if name in index)
    if op == "if":  # to the second side, or behind both
        return tuple(dict.fromkeys((*following, *targets[:1])))
    if op == "else":  # whoever ran the first side waits behind the second
        return targets[-1:]
    return tuple(dict.fromkeys((*following, *targets)))


def work(code: Code, frequency: Sequence[float], gpu: Gpu, wave: int) -> Work:
    """What 64 invocations take when each block runs so many times a thread, which has `wave` lanes."""
    total, threads = Work(), 64 / wave
    for block, often in zip(code.blocks, frequency, strict=True):
        count = threads * often
        for instruction in block.instructions if count else ():
            op = instruction.op
            if op.startswith("sync"):
                continue
            total.instructions += count
            if op.startswith("send"):
                total.valu += count
                cycles = wave / 8 * (2 if "hdc" in op else 1)
                if "smpl" in op:
                    total.texture += count * cycles
                else:
                    total.lds += count * cycles
            else:
                total.valu += count * (_product(instruction, gpu) or _passes(instruction))
    return total


def _product(instruction: Instruction, gpu: Gpu) -> float:
    """Cycles of a product of matrices: `dpas.8x8` of eight lanes has 8 rows, 8 columns, and 16 halves in each; or 0."""
    shape = re.match(r"dpas\.(\d+)x(\d+)\s+\((\d+)", instruction.text)
    if shape is None:
        return 0.0
    depth, rows, lanes = map(int, shape.groups())
    return matrices.cycles(gpu.vendor, gpu.generation, 2 * depth * rows * lanes, half_sums=False)


def _passes(instruction: Instruction) -> float:
    lanes = re.match(r"\S+\s+\((\d+)", instruction.text)
    half = re.search(r":hf\b", instruction.text.partition("{")[0]) is not None
    return max(1.0, int(lanes[1]) / (16 if half else 8)) if lanes else 1.0


def feature(instruction: Instruction) -> str | None:
    """Which of the contents that `loops` looks at an instruction is; messages say in a comment what they do."""
    op, message = instruction.op, instruction.text
    if op.startswith("send.smpl"):
        return None if "resinfo" in message else "fetch"
    if op.startswith("send.gtwy"):
        return "barrier" if "barrier" in message else None
    if op.startswith("send.slm"):
        return "shared write" if "store" in message else "shared read"
    return "store" if op.startswith("send") and _TYPED_STORE.search(message) else None
