"""AMD's instructions as RADV prints them (LLVM's disassembly), and what they cost.

The rates are those of Mesa's src/amd/compiler/aco_statistics.cpp (25.0): on RDNA a wave of 64 passes a vector pipe
twice, except for what RDNA3 and newer can pair with itself; on GCN a pipe takes 16 lanes a cycle.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import prod

from shadergen.cost import matrices
from shadergen.cost.code import Block, Code, Instruction, Work
from shadergen.cost.gpus import Gpu

TEXTS = ("Assembly",)
"""What the driver calls the text that `parse` reads."""

_LABEL = re.compile(r"(BB\d+):")
_BRANCH = re.compile(r"s_c?branch\w* (BB\d+)")
_REPEATED = re.compile(r"\(then repeated (\d+) times\)")
_WORDS = re.compile(r";[0-9a-fA-F ]*$")


def parse(text: str) -> Code:
    """Read a disassembly. A block also ends behind a branch, where it has no label."""
    names: list[str] = []
    bodies: list[list[Instruction]] = []

    def begin(name: str) -> None:
        names.append(name)
        bodies.append([])

    for line in text.splitlines():
        if label := _LABEL.match(line):
            begin(label[1])
        elif line[:1] in " \t" and names:
            code = _WORDS.sub("", line).strip()
            if repeated := _REPEATED.match(code):
                bodies[-1] += bodies[-1][-1:] * int(repeated[1])
                continue
            if not code:
                continue
            if bodies[-1] and bodies[-1][-1].op.startswith(("s_branch", "s_cbranch", "s_endpgm")):
                begin(f"{names[-1].split('+')[0]}+{len(names)}")
            bodies[-1].append(Instruction(code.split(" ", 1)[0], code))
    index = {name: number for number, name in enumerate(names)}
    return Code(
        tuple(
            Block(name, tuple(body), _successors(body, number, index))
            for number, (name, body) in enumerate(zip(names, bodies, strict=True))
        )
    )


def _successors(body: Sequence[Instruction], number: int, index: dict[str, int]) -> tuple[int, ...]:
    last = body[-1] if body else Instruction("", "")
    if last.op == "s_endpgm":
        return ()
    following = (number + 1,) if number + 1 < len(index) else ()
    target = _BRANCH.match(last.text)
    if target is None or target[1] not in index:
        return following
    taken = (index[target[1]],)
    return taken if last.op == "s_branch" else tuple(dict.fromkeys(taken + following))


# ---------------------------------------------------------------------------------------------------------------------
# Cycles

_PAIRED = re.compile(
    r"v_(?:(?:fma|fmac|fmaak|fmamk|mul|add|sub|subrev|max|min)_f(?:32|16)|(?:mul|fma|fmac)_legacy_f32"
    r"|(?:max|min)_num_f(?:32|16)|mul_dx9_zero_f32|fmac_dx9_zero_f32|fma_dx9_zero_f32"
    r"|mov_b(?:32|16)|movrel\w+_b32|cndmask_b(?:32|16)|writelane_b32|(?:max|min|add|sub)_[iu]16|mad_[iu]16|mul_lo_u16"
    r"|(?:not|and|or|xor)_b16|(?:lshrrev|lshlrev)_b16|ashrrev_i16|dot2\w*)(?:_e32|_e64)?$"
)
"""What RDNA3 issues for all 64 lanes at once (is_dual_issue_capable)."""
_MIXED = re.compile(r"v_fma_mix")
_COMPLEX = re.compile(r"v_(?:exp|log|rcp|rsq|sqrt|sin|cos)_|v_s_(?:exp|log|rcp|rsq|sqrt)_")
_QUARTER = re.compile(r"v_mul_(?:lo|hi)_[iu]32|v_mad_[iu]64|v_mul_u64")
_HALF = re.compile(r"v_(?:lshlrev|lshrrev|ashrrev|lshl|lshr|ashr)_[biu]64|v_(?:add|sub)_[iu]64")
_DOUBLE = re.compile(r"v_\w+_f64")
_CONVERT = re.compile(r"v_cvt_")
_MATRIX = re.compile(r"v_wmma_|v_swmmac_")
_MEMORY = ("image_", "buffer_", "global_", "scratch_", "flat_", "tbuffer_")
_NO_SCALAR = ("s_wait", "s_nop", "s_delay", "s_clause", "s_barrier", "s_endpgm", "s_sendmsg", "s_code_end", "s_sleep")


def work(code: Code, frequency: Sequence[float], gpu: Gpu, wave: int) -> Work:
    """What 64 invocations take when each block runs so many times a wave."""
    total, waves = Work(), 64 / wave
    complex_cycles = 0.0
    for block, often in zip(code.blocks, frequency, strict=True):
        count = waves * often
        for instruction in block.instructions if count else ():
            op = instruction.op
            total.instructions += count
            if op.startswith("v_"):
                simple, slow = _vector_cycles(instruction, gpu, wave)
                total.valu += count * simple
                complex_cycles += count * slow
            elif op.startswith(_MEMORY):
                total.texture += count * _memory_cycles(op, wave)
            elif op.startswith("ds_"):
                total.lds += count * wave * _lds_bytes(op) / 128
            elif op.startswith("s_") and not op.startswith(_NO_SCALAR):
                total.salu += count
    total.valu = max(total.valu, complex_cycles)
    return total


def _vector_cycles(instruction: Instruction, gpu: Gpu, wave: int) -> tuple[float, float]:
    """Cycles of the vector pipe, and of the pipe of transcendental functions beside it."""
    op = instruction.op
    if gpu.generation < 10:  # 16 lanes a cycle
        quarter = _COMPLEX.match(op) or _QUARTER.match(op) or _CONVERT.match(op)
        return (16.0 if quarter else 64.0 if _DOUBLE.match(op) else 8.0 if _HALF.match(op) else 4.0), 0.0
    if _MATRIX.match(op):
        return matrices.cycles(gpu.vendor, gpu.generation, _multiply_adds(op), half_sums="_f16_16" in op), 0.0
    passes = wave / 32
    if _COMPLEX.match(op):
        return passes, 4 * passes
    if _QUARTER.match(op) or _HALF.match(op) or _DOUBLE.match(op):
        cycles = 4.0 if _QUARTER.match(op) else 2.0 if _HALF.match(op) else 16.0
        return cycles * passes, cycles * passes
    if wave == 64 and gpu.generation >= 11 and (_PAIRED.match(op) or _pairs_mixed(instruction)):
        return 1.0, 0.0
    return passes, 0.0


def _multiply_adds(op: str) -> int:
    """Of a product of matrices, in whatever number of lanes: `v_wmma_f32_16x16x16_f16` has 4096."""
    shape = re.search(r"_(\d+)x(\d+)x(\d+)_", op)
    return prod(map(int, shape.groups())) if shape else 0


def _pairs_mixed(instruction: Instruction) -> bool:
    """Whether a mixed fma can be paired: sum and result have one type, and of its operands two are the same or one is
    no vector register."""
    if not _MIXED.match(instruction.op):
        return False
    half_sum = re.search(r"op_sel_hi:\[\d,\d,1\]", instruction.text) is not None
    if half_sum == instruction.op.startswith("v_fma_mix_f32"):
        return False
    operands = re.findall(r"[-|]*\b([vs]\d+|[\d.x]+)\b", instruction.text.partition(" op_sel")[0])[1:4]
    return len(set(operands)) < 3 or not all(operand.startswith("v") for operand in operands)


def _memory_cycles(op: str, wave: int) -> float:
    """A unit samples four texels a cycle, and moves 64 bytes a cycle otherwise."""
    return wave / 4 if op.startswith("image_") else wave * _bytes(op) / 64


def _bytes(op: str) -> int:
    """How many bytes of a lane an instruction moves."""
    if width := re.search(r"_[bu](\d+)", op):
        return max(4, int(width[1]) // 8)
    if words := re.search(r"_dwordx(\d)", op):
        return 4 * int(words[1])
    if format := re.search(r"_format_(?:d16_)?(x[yzw]*)", op):
        return 4 * len(format[1])
    return 4


def _lds_bytes(op: str) -> int:
    return _bytes(op) * (2 if re.search(r"2addr|2st64|(?:read|write)2", op) else 1)


# ---------------------------------------------------------------------------------------------------------------------
# Content


def feature(instruction: Instruction) -> str | None:
    """Which of the contents that `loops` looks at an instruction is."""
    op = instruction.op
    if op.startswith(("image_load", "image_sample", "image_gather")):
        return "fetch"
    if op.startswith("image_store"):
        return "store"
    if op.startswith("s_barrier"):
        return "barrier"
    if op.startswith("ds_"):
        if op.startswith(("ds_read", "ds_load")):
            return "shared read"
        return "shared write" if op.startswith(("ds_write", "ds_store")) else None
    return None
