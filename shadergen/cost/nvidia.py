"""NVIDIA's instructions as NVK's compiler NAK prints them, and what they cost.

Each of an SM's four partitions issues an instruction of a warp each cycle. Its pipes take as many lanes a cycle as
"Throughput of Native Arithmetic Instructions" of the CUDA C++ programming guide says for an SM, divided by four.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

from shadergen.cost import matrices
from shadergen.cost.code import Block, Code, Instruction, Work
from shadergen.cost.gpus import Gpu

TEXTS = ("NAK",)

_BLOCK = re.compile(r"block\S* (\d+) \S+ \[[^\]]*\]")
_END = re.compile(r"\} -> \[([^\]]*)\]")
_PREDICATE = re.compile(r"^@!?u?p\w+\s+")
_RESULTS = re.compile(r"^([\w. {}]+?)\s+= ")


def parse(text: str) -> Code:
    """Read an assembly; the text of an instruction keeps its results, since they tell the uniform ones."""
    blocks: list[Block] = []
    name = ""
    body: list[Instruction] = []
    for line in text.splitlines():
        if begin := _BLOCK.match(line):
            name, body = begin[1], []
        elif end := _END.match(line):
            successors = tuple(int(number) for number in end[1].split(",") if number.strip())
            blocks.append(Block(name, tuple(body), successors))
        elif code := line.partition("//")[0].strip():
            plain = _PREDICATE.sub("", code)
            results = _RESULTS.match(plain)
            op = plain[results.end() :] if results else plain
            body.append(Instruction(op.split(" ", 1)[0], code))
    return Code(tuple(blocks))


_FLOAT = frozenset({"ffma", "fadd", "fmul", "ffma2"})
_HALF = frozenset({"hfma2", "hadd2", "hmul2", "hmnmx2"})
_TEXTURE = frozenset({"tld", "tex", "tld4", "txd", "txq", "tmml", "sust", "suld", "suldga", "suatom"})
_SHARED = frozenset({"ld", "st", "lds", "sts", "ldl", "stl", "atom", "atoms", "ldg", "stg"})
_SLOW = frozenset({"mufu", "f2f", "f2i", "i2f", "frnd", "popc", "flo", "r2ur", "dadd", "dfma", "dmul"})
_MATRIX = re.compile(r"hmma\.m(\d+)n(\d+)k(\d+)\.(f\d+)")
_FREE = frozenset(
    {"nop", "bssy", "bsync", "bclear", "bmov", "bra", "exit", "bar", "membar", "depbar", "s2r", "warpsync"}
)


def work(code: Code, frequency: Sequence[float], gpu: Gpu, wave: int) -> Work:
    """What 64 invocations, two warps, take when each block runs so many times a warp."""
    total = Work()
    multiply, integer, slow, matrix = 0.0, 0.0, 0.0, 0.0
    for block, often in zip(code.blocks, frequency, strict=True):
        count = 64 / wave * often
        for instruction in block.instructions if count else ():
            op, _, suffix = instruction.op.partition(".")
            total.instructions += count
            if op in _TEXTURE:
                total.texture += count * wave / 4
            elif op in _SHARED:
                bits = re.search(r"b(\d+)", suffix)
                total.lds += count * max(1.0, int(bits[1]) / 32 if bits else 1.0)
            elif op in _FREE or re.match(r"(?:@\S+ +)?u[rp]", instruction.text):
                continue  # issued, and done elsewhere: by the branch unit or the uniform datapath
            elif op in _FLOAT:
                multiply += count * (1 if gpu.generation >= 86 else 2)
            elif op in _HALF or op == "imad":
                multiply += count * 2
            elif shape := _MATRIX.match(instruction.op):
                size = prod(map(int, shape.groups()[:3]))
                matrix += count * matrices.cycles(gpu.vendor, gpu.generation, size, half_sums=shape[4] == "f16")
            elif op in _SLOW:
                slow += count * 8
            else:
                integer += count * 2
    total.salu = total.instructions
    total.valu = max(multiply, integer, slow, matrix, total.instructions)
    return total


def feature(instruction: Instruction) -> str | None:
    """Which of the contents that `loops` looks at an instruction is."""
    op = instruction.op.partition(".")[0]
    if op in ("tld", "tex", "tld4", "txd", "suld"):
        return "fetch"
    if op == "sust":
        return "store"
    if op == "bar":
        return "barrier"
    if op == "lds" or (op == "ld" and "shared" in instruction.text):
        return "shared read"
    return "shared write" if op == "sts" or (op == "st" and "shared" in instruction.text) else None
