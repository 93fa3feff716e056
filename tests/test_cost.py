"""The static cost: which passes run, how often loops run, how the code's loops are found, what instructions take."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scripts import figures
from shadergen.cli import main
from shadergen.cost import amd, constructs, drivers, gpus, intel, nvidia
from shadergen.cost.code import Block, Code, Instruction
from shadergen.cost.constructs import Source
from shadergen.cost.driver import Answer, Pipeline, opened
from shadergen.cost.drivers import Start
from shadergen.cost.frame import Run, play
from shadergen.cost.loops import counted, frequencies
from shadergen.cost.module import Module
from shadergen.cost.report import Entry, GpuReport, PassReport, on_gpu, prepare
from shadergen.cost.situation import situation
from shadergen.cost.trace import NotCountedError, trace
from shadergen.errors import NoDeviceError
from shadergen.hookfile import parse
from shadergen.hookfile.traffic import Traffic
from shadergen.lint.glslang import compile_pass, glslang_program
from shadergen.sources import save
from shadergen.target import variants
from tests.nets import c_model

ROOT = Path(__file__).parents[1]
NAVI21 = gpus.find("NAVI21")
assert NAVI21 is not None

needs_glslang = pytest.mark.skipif(glslang_program() is None, reason="glslang is not installed")


def fragment(body: str, *directives: str) -> str:
    lines = "".join(f"//!{directive}\n" for directive in directives)
    return f"//!HOOK LUMA\n//!BIND HOOKED\n{lines}{body}\n"


def compute(statements: str, *directives: str, block: str = "8 8", before: str = "") -> str:
    """A compute pass whose hook() has these statements, and stores a `vec4 sum`."""
    store = "imageStore(out_image, ivec2(gl_GlobalInvocationID.xy), sum);"
    body = f"{before}\nvoid hook() {{ vec4 sum = vec4(0.0); {statements} {store} }}"
    return fragment(body, f"COMPUTE {block}", *directives)


# ---------------------------------------------------------------------------------------------------------------------
# Which passes run


def test_a_pass_reads_what_it_binds_and_writes_four_halves_a_texel() -> None:
    text = fragment("vec4 hook() { return vec4(0.0); }", "SAVE half", "WIDTH LUMA.w 2 /", "COMPONENTS 1")
    frame = play(parse(text + fragment("", "BIND half", "WIDTH LUMA.w 2 *")), (64, 32))
    first, second = frame.runs
    assert (first.size, first.traffic) == ((32, 32), Traffic(read=64 * 32 * 2, written=32 * 32 * 8))
    assert (second.size, second.sizes) == ((128, 32), {"LUMA": (64, 32), "half": (32, 32)})
    assert second.traffic == Traffic(read=64 * 32 * 2 + 32 * 32 * 8, written=128 * 32 * 8)


def test_stages_have_the_size_that_the_passes_before_left() -> None:
    doubler = fragment("", "WIDTH LUMA.w 2 *", "HEIGHT LUMA.h 2 *", "WHEN OUTPUT.w LUMA.w 1.2 * >")
    later = doubler + "".join(f"//!HOOK {stage}\n//!BIND HOOKED\n" for stage in ("CHROMA", "MAIN", "OUTPUT"))
    frame = play(parse(later), (65, 33))
    assert [(run.stage, run.hooked) for run in frame.runs] == [
        ("LUMA", (65, 33)),
        ("CHROMA", (33, 17)),
        ("MAINPRESUB", (130, 66)),
        ("OUTPUT", frame.output),
    ]


def test_a_pass_that_stays_off_has_its_reason() -> None:
    text = fragment("", "DESC never", "WHEN 0") + fragment("", "BIND nothing") + fragment("")
    frame = play(parse(text), (64, 64))
    assert len(frame.runs) == 1
    assert frame.skipped == ("never: WHEN 0 is 0", "pass 2: there is no texture named nothing")


def test_a_file_that_resizes_the_wrong_stage_does_nothing_there() -> None:
    frame = play(parse("//!HOOK OUTPUT\n//!BIND HOOKED\n//!WIDTH 5\n"), (64, 64))
    assert frame.runs == ()
    assert "resized stage OUTPUT" in frame.skipped[0]


# ---------------------------------------------------------------------------------------------------------------------
# How often the shader's loops and branches run


def flat(forest: tuple[Source, ...]) -> list[Source]:
    return [found for item in forest for found in (item, *flat(item.children))]


def traced(text: str, wave: int = 64, size: tuple[int, int] = (640, 480)) -> list[Source]:
    """Every construct of the last pass, outer ones first."""
    program = glslang_program()
    assert program is not None
    file = parse(text)
    frame = play(file, size)
    run: Run = frame.runs[-1]
    compiled = compile_pass(program, file, run.item, run.stage)
    assert compiled.faults == ()
    module = Module.parse(compiled.spirv)
    return flat(constructs.sources(module, trace(module, situation(file, frame, run, wave))))


def loops(text: str, wave: int = 64) -> dict[str, float]:
    """How often an average wave runs the body of each loop, by the name of its counter."""
    return {item.name: item.count for item in traced(text, wave) if item.kind == "loop"}


@needs_glslang
@pytest.mark.parametrize(
    ("statements", "counts"),
    [
        ("for (int i = 0; i < 5; i++) sum += i;", {"i": 5}),
        ("for (int i = 2; i <= 10; i += 4) sum += i;", {"i": 3}),
        ("for (uint i = 9u; i > 0u; i >>= 1) sum += i;", {"i": 4}),
        ("int i = 0; do { sum += i; i++; } while (i < 6);", {"i": 6}),
        ("int i = 0; while (true) { if (i == 3) break; sum += i; i++; }", {"": 4}),
        ("for (int i = 0; i < 4; i++) for (int k = i; k < 4; k++) sum += k;", {"i": 4, "k": 10}),
        (
            "for (int i = 0; i < 8; i++) { if (i % 2 == 0) continue; for (int k = 0; k < 3; k++) sum++; }",
            {"i": 8, "k": 12},
        ),
        ("for (float i = 0.0; i < 1.0; i += 0.25) sum += i;", {"i": 4}),
        ("for (int i = 0; i < textureSize(HOOKED_raw, 0).x; i += 64) sum += i;", {"i": 10}),
        ("ivec2 s = ivec2(HOOKED_size); for (int i = 0; i < s.y / 48; i++) sum += i;", {"i": 10}),
        ("for (int i = 0; i < int(gl_NumWorkGroups.x); i++) sum += i;", {"i": 80}),
    ],
)
def test_loops_run_as_often_as_their_bounds_say(statements: str, counts: dict[str, float]) -> None:
    assert loops(compute(statements)) == counts


@needs_glslang
def test_a_loop_that_fills_shared_memory_runs_for_the_waves_that_have_something_to_do() -> None:
    fill = "for (uint i = gl_LocalInvocationIndex; i < 160u; i += 128u) tile[i] = vec4(i); barrier(); sum = tile[0];"
    text = compute(fill, block="16 8", before="shared vec4 tile[160];")
    assert loops(text, wave=64) == {"i": 1.5}  # the first of two waves has a second turn for half of its threads
    assert loops(text, wave=32) == {"i": 1.25}


@needs_glslang
def test_a_branch_that_only_the_border_takes_counts_as_never_taken() -> None:
    statements = (
        "ivec2 p = ivec2(gl_GlobalInvocationID.xy);"
        "if (p.x < 2 || p.y < 2) { for (int i = 0; i < 9; i++) sum += texelFetch(HOOKED_raw, ivec2(i), 0); }"
    )
    found = traced(compute(statements))
    assert [item.count for item in found if item.kind == "loop"] == [0]
    assert [item.count for item in found if item.children] == [0]


@needs_glslang
def test_each_wave_takes_its_own_branch() -> None:
    statements = (
        "uint part = gl_LocalInvocationIndex / 64u;"
        "if (part == 0u) sum += texelFetch(HOOKED_raw, ivec2(1), 0);"
        "else if (part == 1u) sum += texelFetch(HOOKED_raw, ivec2(2), 0);"
        "else sum += texelFetch(HOOKED_raw, ivec2(3), 0);"
    )
    found = traced(compute(statements, block="16 16"))
    assert [item.count for item in found if item.content == (("fetch", 1),)] == [0.25, 0.25, 0.5]


@needs_glslang
def test_a_loop_in_a_function_counts_where_it_is_called() -> None:
    before = "void add(inout vec4 s, int n) { for (int i = 0; i < n; i++) s += float(i); }"
    statements = "add(sum, 3); for (int k = 0; k < 2; k++) add(sum, 5);"
    found = [item for item in traced(compute(statements, before=before)) if item.kind == "loop"]
    assert [(item.name, item.count) for item in found] == [("i", 3), ("k", 2), ("i", 10)]


@needs_glslang
def test_parameters_have_their_initial_values() -> None:
    param = "//!PARAM rounds\n//!TYPE int\n7\n\n"
    assert loops(param + compute("for (int i = 0; i < rounds; i++) sum += i;")) == {"i": 7}


@needs_glslang
def test_a_fragment_is_followed_in_the_middle_of_the_picture() -> None:
    body = (
        "vec4 hook() { vec4 sum = vec4(0.0); int n = HOOKED_pos.x > 0.4 && HOOKED_pos.y < 0.6 ? 3 : 5;"
        "for (int i = 0; i < n; i++) sum += HOOKED_texOff(vec2(i, 0)); return sum; }"
    )
    assert loops(fragment(body)) == {"i": 3}


@needs_glslang
def test_what_depends_on_texels_is_assumed_and_marked() -> None:
    statements = (
        "float t = texelFetch(HOOKED_raw, ivec2(0), 0).x;"
        "if (t > 0.5) sum += texelFetch(HOOKED_raw, ivec2(1), 0); else sum += texelFetch(HOOKED_raw, ivec2(2), 0);"
        "while (t < 0.9) { t += 0.1; sum += texelFetch(HOOKED_raw, ivec2(3), 0); }"
    )
    found = traced(compute(statements))
    assert [(item.kind, item.count, item.assumed) for item in found] == [
        ("arm", 1, True),
        ("arm", 1, True),
        ("loop", 1, True),
    ]


@needs_glslang
def test_only_loops_that_say_so_are_kept_by_all_compilers() -> None:
    before = "#extension GL_EXT_control_flow_attributes : require"
    statements = "[[dont_unroll]] for (int i = 0; i < 2; i++) sum += i; for (int k = 0; k < 2; k++) sum += k;"
    found = traced(compute(statements, before=before))
    assert [(item.name, item.keep) for item in found] == [("i", True), ("k", False)]


@needs_glslang
def test_a_loop_without_end_is_given_up() -> None:
    with pytest.raises(NotCountedError, match="more than 20000 steps"):
        traced(compute("int i = 0; while (i >= 0) i ^= 1; sum += i;"))


# ---------------------------------------------------------------------------------------------------------------------
# How the code's loops are found


def block(name: str, text: str, *successors: int) -> Block:
    return Block(name, tuple(Instruction(line.split()[0], line) for line in text.split("; ") if line), successors)


def loop(name: str, count: float, content: str = "", *children: Source, keep: bool = False) -> Source:
    contents = tuple((kind, 1) for kind in content.split())
    return Source("loop", name, count, 1.0, contents, keep, False, children)


def arm(name: str, count: float, content: str = "") -> Source:
    return Source("arm", name, count, 1.0, tuple((kind, 1) for kind in content.split()), False, False, ())


TWO_LOOPS = Code(
    (
        block("entry", "", 1),
        block("first", "image_load", 1, 2),
        block("between", "", 3),
        block("second", "image_store", 3, 4),
        block("end", ""),
    )
)


def runs(code: Code, *sources: Source) -> list[float]:
    return frequencies(code, counted(code, sources, amd.feature))


def test_loops_keep_their_order() -> None:
    assert runs(TWO_LOOPS, loop("a", 5, "fetch"), loop("b", 3, "store")) == [1, 5, 1, 3, 1]


def test_an_unrolled_loop_has_no_partner() -> None:
    sources = (loop("a", 5, "fetch"), loop("gone", 4, "fetch store"), loop("b", 3, "store"))
    assert runs(TWO_LOOPS, *sources) == [1, 5, 1, 3, 1]


def test_what_an_unrolled_loop_contains_is_left_once_for_each_turn() -> None:
    code = Code((block("a", "image_load", 0, 1), block("b", "image_load", 1, 2), block("end", "")))
    assert runs(code, loop("outer", 2, "fetch", loop("inner", 10, "fetch"))) == [5, 5, 1]


def test_a_loop_that_says_it_stays_is_the_one_that_stayed() -> None:
    code = Code((block("a", "image_load", 0, 1), block("end", "")))
    assert runs(code, loop("short", 2, "fetch"), loop("kept", 7, "fetch", keep=True)) == [7, 1]


def test_a_loop_of_the_compiler_runs_once() -> None:
    code = Code((block("a", "s_nop", 0, 1), block("b", "image_store", 1, 2), block("end", "")))
    assert runs(code, loop("b", 3, "store")) == [1, 3, 1]


def test_both_sides_of_a_branch_are_found() -> None:
    sides = (block("then", "image_load", 3), block("else", "image_store", 3))
    code = Code((block("entry", "", 1, 2), *sides, block("end", "")))
    assert [(region.kind, region.blocks) for region in code.regions] == [
        ("arm", frozenset({1})),
        ("arm", frozenset({2})),
    ]
    assert runs(code, arm("x", 0.25, "fetch"), arm("x", 0.75, "store")) == [1, 0.25, 0.75, 1]


def test_a_side_that_became_a_selection_leaves_the_other_its_partner() -> None:
    code = Code((block("entry", "", 1, 2), block("then", "image_store", 2), block("end", "")))
    assert runs(code, arm("x", 0.25, "fetch"), arm("x", 0.75, "store")) == [1, 0.75, 1]


def test_leaving_a_loop_is_no_branch() -> None:
    code = Code((block("head", "image_load", 1, 2), block("body", "", 0), block("end", "")))
    assert [region.kind for region in code.regions] == ["loop"]


def test_a_branch_within_a_loop_is_within() -> None:
    code = Code((block("head", "", 1, 2), block("then", "image_store", 2), block("tail", "", 0, 3), block("end", "")))
    (outer,) = code.regions
    assert (outer.kind, [child.kind for child in outer.children]) == ("loop", ["arm"])


def test_many_branches_are_aligned_in_time() -> None:
    blocks = [block(f"b{n}", "", n + 1, *([n + 2] if n % 2 == 0 else [])) for n in range(600)]
    code = Code((*blocks, block("tail", ""), block("end", "")))
    sources = tuple(arm("x", 1, "fetch") for _ in range(400))
    assert set(runs(code, *sources)) == {1.0}


def test_the_copies_of_an_unrolled_loop_are_aligned_in_time() -> None:
    blocks = [
        block(f"b{n}", "image_load" if n % 2 else "", n + 1, *([n + 2] if n % 2 == 0 else [])) for n in range(256)
    ]
    code = Code((*blocks, block("tail", ""), block("end", "")))
    inner = tuple(arm("x", 16, "fetch") for _ in range(4))
    found = runs(code, loop("outer", 32, "fetch", *inner))
    assert found[:4] == [1, 0.5, 1, 0.5]
    assert found[255] == 0.5


# ---------------------------------------------------------------------------------------------------------------------
# What instructions take


def amd_cycles(gpu: str, text: str, wave: int = 64) -> dict[str, float]:
    found = gpus.find(gpu)
    assert found is not None
    code = amd.parse("BB0:\n" + "".join(f"\t{line} ; 00000000\n" for line in text.split("; ")) + "\ts_endpgm ; 0\n")
    work = amd.work(code, [1.0] * len(code.blocks), found, wave)
    return {"valu": work.valu, "salu": work.salu, "tex": work.texture, "lds": work.lds}


@pytest.mark.parametrize(
    ("gpu", "line", "pipe", "cycles"),
    [
        ("rx7900xtx", "v_fmac_f32_e32 v0, v1, v2", "valu", 1),  # all 64 lanes at once
        ("rx7900xtx", "v_add_nc_u32_e32 v0, v1, v2", "valu", 2),
        ("rx7900xtx", "v_pk_fma_f16 v0, v1, v2, v3", "valu", 2),
        ("rx7900xtx", "v_fma_mix_f32 v0, v1, v2, v3 op_sel_hi:[1,1,0]", "valu", 2),
        ("rx7900xtx", "v_fma_mix_f32 v0, v1, s2, v3 op_sel_hi:[1,1,0]", "valu", 1),
        ("rx6900xt", "v_fmac_f32_e32 v0, v1, v2", "valu", 2),
        ("rx6900xt", "v_exp_f32_e32 v0, v1", "valu", 8),
        ("rx6900xt", "v_mul_lo_u32 v0, v1, v2", "valu", 8),
        ("vega64", "v_mac_f32_e32 v0, v1, v2", "valu", 4),
        ("vega64", "v_rcp_f32_e32 v0, v1", "valu", 16),
        ("rx6900xt", "s_mul_i32 s0, s1, s2", "salu", 1),
        ("rx6900xt", "s_waitcnt vmcnt(0)", "salu", 0),
        ("rx6900xt", "image_load v[0:3], v[4:5], s[0:7] dmask:0xf", "tex", 16),
        ("rx6900xt", "buffer_load_dwordx4 v[0:3], v4, s[0:3], 0 offen", "tex", 16),
        ("rx6900xt", "scratch_store_dword off, v0, s0", "tex", 4),
        ("rx6900xt", "ds_read_b128 v[0:3], v4", "lds", 8),
        ("rx6900xt", "ds_write_b32 v0, v1", "lds", 2),
        ("rx7900xtx", "ds_load_2addr_b64 v[0:3], v4 offset1:1", "lds", 8),
        ("rx7900xtx", "v_wmma_f32_16x16x16_f16 v[0:3], v[4:11], v[12:19], v[0:3]", "valu", 32),
        ("rx9070xt", "v_wmma_f16_16x16x16_f16 v[0:1], v[4:5], v[6:7], v[0:1]", "valu", 16),
    ],
)
def test_amd_cycles_of_64_lanes(gpu: str, line: str, pipe: str, cycles: float) -> None:
    assert amd_cycles(gpu, line) == {"valu": 0, "salu": 0, "tex": 0, "lds": 0} | {pipe: cycles}


def test_transcendental_functions_have_a_pipe_of_their_own() -> None:
    fma = "; ".join(["v_fma_f32 v0, v1, v2, v3"] * 10)
    assert amd_cycles("rx6900xt", f"v_sqrt_f32_e32 v0, v1; {fma}")["valu"] == 22


def test_amd_blocks_end_at_labels_and_branches() -> None:
    text = (
        "BB0:\n\ts_mov_b32 s0, 0 ; be800380\nBB1:\n\tv_add_f32 v0, v0, v1 ; 06000300\n\ts_cbranch_scc0 BB1 ; bf84fff8\n"
        "\ts_nop 0 ; bf800000\n\t(then repeated 6 times)\n\ts_branch BB3 ; bf820000\nBB2:\n\ts_nop 0 ; bf800000\n"
        "BB3:\n\ts_endpgm ; bf810000\n"
    )
    code = amd.parse(text)
    assert [(item.name, len(item.instructions), item.successors) for item in code.blocks] == [
        ("BB0", 1, (1,)),
        ("BB1", 2, (1, 2)),
        ("BB1+2", 8, (4,)),
        ("BB2", 1, (4,)),
        ("BB3", 1, ()),
    ]
    assert [region.kind for region in code.regions][:1] == ["loop"]


NAK = """\
block.u 0 L1 [] -> {
 ur0                 = s2r sr[0x25]                                  // delay=1 wr:0
 r1                  = ffma r0 r1 r2                                 // delay=4
} -> [1]
block.u 1 L0 [0, 1] -> {
 r54..56 r52..54     = tld.2d.lz.scr.rgba c[0x1][0x14] r17 r50       // delay=1 wr:0
 r1                  = hfma2 r0 r1 r2                                // delay=4
 r1                  = mufu.rcp r0                                   // delay=4
 r5                  = iadd3 r12 r5 r12                              // delay=1
 ur5                 = iadd3 ur2 ur5 rZ                              // delay=1
 r8..12              = ld.shared.b128 [r3]                           // delay=1
 @!p0                bra L0                                          // delay=1
} -> [1, 2]
block.u 2 L2 [1] -> {
                       exit                                          // delay=1
} -> []
"""


@pytest.mark.parametrize(("sums", "cycles"), [("f16", 16), ("f32", 32)])
def test_nvidia_s_products_of_matrices(sums: str, cycles: int) -> None:
    ampere = gpus.find("rtx3080")
    assert ampere is not None
    text = f"block 0 [] -> {{\n r0..4 = hmma.m16n8k16.{sums} r12..16 r78..80 r8..12 // delay=3\n}} -> []\n"
    assert nvidia.work(nvidia.parse(text), [1], ampere, 32).valu == 2 * cycles


def test_nvidia_cycles_of_two_warps() -> None:
    ampere = gpus.find("rtx3080")
    assert ampere is not None
    code = nvidia.parse(NAK)
    assert [item.successors for item in code.blocks] == [(1,), (1, 2), ()]
    assert [region.kind for region in code.regions] == ["loop"]
    work = nvidia.work(code, [1, 10, 1], ampere, 32)
    assert work.instructions == 2 * (2 + 10 * 7 + 1)
    assert work.texture == 2 * 10 * 8
    assert work.lds == 2 * 10 * 4
    assert work.valu == 2 * 10 * 8  # the special functions of ten turns; 146 instructions are issued


GEN = """\
        mov (8)                   r12           0x00000000
L0:
        mad (8)                   r91           r4.0              r91               r5.0
(W)     sync.nop (1)                            null                              {I@2}
        add (16)                  r91:hf        r4:hf             r91:hf
        mul (16)                  r91           r4                r91
        send.smpl (8)             r54     r105   null:0  0x00000000  0x0222A001   {$6}  // wr:1+0, rd:2; ld_lz (8)
        send.hdc1 (8)             null    r103   r56:4   0x00000100  0x04035002   {$15}  // typed_write:xyzw simd16
(f0.0)  if (8)                                jip:L1              uip:L2
        mov (8)                   r1            r2
        else (8)                              jip:L2              uip:L2
L1:
        mov (8)                   r1            r3
L2:
        endif (8)                             L3
L3:
(~f0.0) while (8)                             L0
        nop
"""


def test_intel_cycles_of_eight_threads() -> None:
    arc = gpus.find("a770")
    assert arc is not None
    code = intel.parse(GEN)
    (turn,) = code.regions
    assert (turn.kind, [child.kind for child in turn.children]) == ("loop", ["arm", "arm"])
    work = intel.work(code, [1.0] * len(code.blocks), arc, 8)
    assert work.texture == 8 * 1
    assert work.lds == 8 * 2
    # add takes one cycle (16 lanes of half floats), mul two; the others are 3 moves, mad, 2 messages, 4 jumps and nop
    assert work.valu == 8 * (1 + 2 + 11)
    features = [intel.feature(item) for item in code.instructions(turn.blocks)]
    assert [feature for feature in features if feature] == ["fetch", "store"]


OLD_GEN = """\
mov(8)          g12<1>UD        0x00000000UD                    { align1 1Q };
LABEL1:
mad(8)          g91<1>F         g4<8,8,1>F      g91<8,8,1>F     g5<8,8,1>F { align1 1Q compacted };
sync nop(1)                     null<0,1,0>UB                   { align1 WE_all 1N I@2 };
add(16)         g91<1>HF        g4<16,16,1>HF   g91<16,16,1>HF  { align1 1H };
send(8)         g54UD           g105UD          nullUD          0x02420001                0x00000000
                            sampler MsgDesc: ld_lz SIMD8 Surface = 1 Sampler = 0  mlen 1 { align1 1Q $0 };
send(8)         nullUD          g103UD          g56UD           0x04035002                0x00000100
                            dp data 1 MsgDesc: ( DC typed surface write, Surface = 2, SIMD8, Mask = 0x0) { align1 1Q };
(+f0.0) if(8)   JIP:  LABEL3         UIP:  LABEL2                 { align1 1Q };
mov(8)          g1<1>F          g2<8,8,1>F                      { align1 1Q };
else(8)         JIP:  LABEL2         UIP:  LABEL2                 { align1 1Q };
LABEL3:
mov(8)          g1<1>F          g3<8,8,1>F                      { align1 1Q };
LABEL2:
endif(8)        JIP:  LABEL4                                      { align1 1Q };
LABEL4:
(-f0.0) while(8) JIP:  LABEL1                                   { align1 1Q };
nop                                                             ;
"""


def test_intel_is_read_as_older_drivers_write_it() -> None:
    arc = gpus.find("a770")
    assert arc is not None
    code = intel.parse(OLD_GEN)
    (turn,) = code.regions
    assert (turn.kind, [child.kind for child in turn.children]) == ("loop", ["arm", "arm"])
    work = intel.work(code, [1.0] * len(code.blocks), arc, 8)
    assert (work.texture, work.lds, work.valu) == (8 * 1, 8 * 2, 8 * 11)
    features = [intel.feature(item) for item in code.instructions(turn.blocks)]
    assert [feature for feature in features if feature] == ["fetch", "store"]
    assert intel.code_bytes(OLD_GEN) == 12 * 16 - 8


# ---------------------------------------------------------------------------------------------------------------------
# The whole way, with RADV on null hardware


def judged(text: str, gpu: str = "rx6900xt") -> PassReport:
    """The last pass on a GPU; skips where this machine has no driver for it."""
    return report_of(text, gpu).files[0].passes[-1]


def report_of(text: str, gpu: str = "rx6900xt") -> GpuReport:
    found = gpus.find(gpu)
    assert found is not None
    if glslang_program() is None:
        pytest.skip("glslang is not installed")
    report = on_gpu(prepare([Entry("tiny.glsl", text)], (640, 480)), found)
    if report.problem:
        pytest.skip(report.problem)
    assert not report.files[0].problem
    return report


def test_64_dependent_multiply_adds_are_64_instructions() -> None:
    chain = "float a = texelFetch(HOOKED_raw, ivec2(0), 0).x, b = HOOKED_pt.x;"
    none = judged(compute(f"{chain} sum = vec4(a + b);")).cost
    many = judged(compute(f"{chain} {'a = fma(a, b, b);' * 64} sum = vec4(a + b);")).cost
    assert none is not None
    assert many is not None
    assert many.instructions - none.instructions == pytest.approx(64, abs=2)
    # two passes of 32 lanes for each of 64 on one of two SIMDs of 80 units at 2.02 GHz: 640 * 480 invocations
    expected = 64 * 2 / 2 * 640 * 480 / 64 / 80 / 2.02e6
    assert many.parts["valu"] - none.parts["valu"] == pytest.approx(expected, rel=0.05)


def test_eight_texture_reads_are_texture_bound() -> None:
    reads = "".join(f"sum += texelFetch(HOOKED_raw, ivec2(gl_GlobalInvocationID.xy) + {n}, 0);" for n in range(8))
    cost = judged(compute(reads)).cost
    assert cost is not None
    # four texels a cycle and unit, the store included
    expected = 9 * 16 * 640 * 480 / 64 / 80 / 2.02e6
    assert cost.parts["tex"] == pytest.approx(expected, rel=0.01)


def test_a_loop_over_shared_memory_counts_its_turns() -> None:
    before = "#extension GL_EXT_control_flow_attributes : require\nshared vec4 tile[512];"
    fill = "uint me = gl_LocalInvocationIndex; for (uint i = me; i < 512u; i += 64u) tile[i] = vec4(i); barrier();"
    read = "[[dont_unroll]] for (uint i = 0u; i < 40u; i++) sum += tile[(me + i * 8u) % 512u];"
    cost = judged(compute(fill + read, before=before)).cost
    assert cost is not None
    assert cost.shared_bytes == 512 * 16
    lds = cost.parts["lds"] / (640 * 480 / 64 / 80 / 2.02e6)
    assert lds == pytest.approx((40 + 8) * 64 * 16 / 128, rel=0.01)
    assert (40, "i") in {(item.count, item.source.name) for item in cost.constructs if item.source}


def test_code_that_is_larger_than_the_instruction_cache_is_marked() -> None:
    numbers = [f"{1 + n / 4096:.6f}" for n in range(5000)]
    rows = [f"sum += vec4({', '.join(numbers[n : n + 4])}) * t.{'xyzw'[n // 4 % 4]};" for n in range(0, 5000, 4)]
    text = compute(f"vec4 t = texelFetch(HOOKED_raw, ivec2(0), 0); {''.join(rows)}")
    cost = judged(text).cost
    assert cost is not None
    assert cost.code_bytes > 32 * 1024


def test_a_fragment_pass_with_a_buffer_a_texture_and_a_parameter() -> None:
    text = (
        "//!PARAM gain\n//!TYPE float\n1.0\n\n"
        "//!BUFFER weights\n//!VAR vec4 w[2]\n" + "0000803f" * 8 + "\n\n"
        "//!BUFFER seen\n//!VAR uint n\n//!STORAGE\n00000000\n\n"
        "//!TEXTURE lut\n//!SIZE 2 1\n//!FORMAT rgba8\n0011223344556677\n\n"
        + fragment(
            "vec4 hook() { n = 1u; return gain * HOOKED_tex(HOOKED_pos) * w[1] + lut_tex(HOOKED_pos); }",
            "BIND weights",
            "BIND seen",
            "BIND lut",
        )
    )
    report = report_of(text)
    (item,) = report.files[0].passes
    assert item.cost is not None
    assert item.kind == "fragment"
    assert item.cost.registers > 0


def test_every_pass_of_a_file_counts_and_the_ratio_is_to_the_first() -> None:
    found = gpus.find("rx6900xt")
    assert found is not None
    if glslang_program() is None:
        pytest.skip("glslang is not installed")
    one = compute("sum = vec4(1.0);", "SAVE one")
    entries = [Entry("one", one), Entry("two", one + compute("sum = vec4(2.0);", "SAVE two"))]
    report = on_gpu(prepare([*entries, Entry("bad", "//!NOPE")], (640, 480)), found)
    if report.problem:
        pytest.skip(report.problem)
    first, second, bad = report.files
    assert first.ratio == 1
    assert second.milliseconds == pytest.approx(sum(cost.milliseconds for cost in second.costs))
    assert len(second.costs) == 2
    assert bad.problem.startswith("bad:1: ")


# ---------------------------------------------------------------------------------------------------------------------
# What can go wrong


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def shader(tmp_path: Path) -> Path:
    path = tmp_path / "one.glsl"
    path.write_text(compute("sum = vec4(1.0);"))
    return path


def test_the_list_of_gpus_marks_what_is_from_memory() -> None:
    result = run("cost", "--gpu", "list")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines()}
    assert lines["rx480"].endswith("from memory")
    assert not lines["rx6900xt"].endswith("from memory")


@pytest.mark.parametrize("name", ["RX 6900 XT", "rx6900xt", "navi21", "RX-6900-XT"])
def test_a_gpu_has_several_names(name: str) -> None:
    assert gpus.find(name) is NAVI21


@pytest.mark.parametrize(
    ("renderer", "name"),
    [
        ("AMD Radeon RX 6900 XT (radeonsi, navi21, LLVM 15.0.6, DRM 3.49, 6.1.0)", "rx6900xt"),
        ("NVIDIA GeForce RTX 3080/PCIe/SSE2", "rtx3080"),
        ("NVIDIA GeForce RTX 3080 Ti/PCIe/SSE2", None),
        ("Mesa Intel(R) Arc(tm) A770 Graphics (DG2)", "a770"),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", None),
    ],
)
def test_a_gpu_is_known_by_what_its_driver_calls_it(renderer: str, name: str | None) -> None:
    found = gpus.of_renderer(renderer)
    assert (found.name if found else None) == name


def test_names_of_gpus_and_chips_are_one_gpu_each() -> None:
    names = [name for gpu in gpus.GPUS for name in {gpu.name, gpu.title, *gpu.chips}]
    assert all(gpus.find(name) is not None for name in names)
    assert len({name.lower() for name in names}) == len(names)


def test_usage(shader: Path) -> None:
    unknown = run("cost", "--gpu", "voodoo2", shader)
    assert (unknown.exit_code, "found 'voodoo2', expected list or one of rx9070xt" in unknown.output) == (2, True)
    assert run("cost").exit_code == 2


def test_without_glslang(shader: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = run("cost", shader)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "glslang" in result.output


@needs_glslang
def test_without_a_driver(shader: Path, tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    result = run("cost", "--root", tmp_path, "--gpu", "rx6900xt", shader)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert f"found no RADV in {tmp_path}" in result.output


@needs_glslang
def test_a_root_that_is_none(shader: Path, tmp_path: Path) -> None:
    result = run("cost", "--root", tmp_path / "nowhere", shader)
    assert result.exit_code == 1
    assert "expected the root folder of one" in result.output


@needs_glslang
def test_nvidia_and_intel_say_what_they_need(shader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "usr" / "share" / "vulkan" / "icd.d"
    folder.mkdir(parents=True)
    for name in ("nouveau_icd.json", "intel_icd.json"):
        (folder / name).write_text("{}")
    for name in drivers.SHIM_VARIABLES.values():
        monkeypatch.delenv(name, raising=False)
    for gpu, variable in (("rtx3080", "SHADERGEN_DRM_SHIM_NOUVEAU"), ("a770", "SHADERGEN_DRM_SHIM_INTEL")):
        result = run("cost", "--root", tmp_path, "--gpu", gpu, shader)
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        assert variable in result.output


@needs_glslang
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found no `//!` directive"),
        ("\0\1\2", "found no `//!` directive"),
        ("//!HOOK LUMA\n//!WHEN 0\nvec4 hook() { return vec4(0.0); }\n", "found no pass that runs"),
        ("//!HOOK LUMA\nvec4 hook() { return nonsense; }\n", "undeclared identifier"),
        ("//!HOOK LUMA\n//!WIDTH 0\nvec4 hook() { return vec4(0.0); }\n", "found no pass that runs"),
    ],
)
def test_a_broken_file_is_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "broken.glsl"
    path.write_text(text)
    result = run("cost", path)
    assert result.exit_code == 1
    assert result.output.startswith(f"shadergen: {path}")
    assert said in result.output
    assert result.output.count("\n") == 1


def test_a_driver_that_crashes_costs_its_pipeline_an_answer(tmp_path: Path) -> None:
    driver = tmp_path / "driver"
    driver.write_text('#!/bin/sh\necho \'{"device": "x"}\'\nread line\nkill -ABRT $$\n')
    driver.chmod(0o755)
    pipeline = Pipeline(b"", ())
    with opened((Start((str(driver),)),), 1) as opened_driver:
        assert opened_driver.device == "x"
        assert opened_driver.compile([pipeline] * 2, ()) == [Answer(problem="the driver crashed with signal 6")] * 2


def test_a_driver_that_does_not_come_up_is_one_line() -> None:
    with (
        pytest.raises(NoDeviceError, match="it did not start: the driver ended with 3"),
        opened((Start(("sh", "-c", "exit 3", "--")),), 1),
    ):
        pass
    with pytest.raises(NoDeviceError, match="cannot be run"), opened((Start(("/nonexistent",)),), 1):
        pass


def test_json_and_dump(shader: Path, tmp_path: Path) -> None:
    report_of(compute("sum = vec4(1.0);"))  # skips without a driver
    result = run("cost", "--json", "--gpu", "rx6900xt", "--dump", tmp_path / "dump", shader)
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    (gpu,) = found["gpus"]
    assert gpu["files"][0]["passes"][0]["spills"] == 0
    assert "s_endpgm" in (tmp_path / "dump" / "rx6900xt" / "one.1.s").read_text()


def test_a_model_is_built_first(tmp_path: Path) -> None:
    report_of(compute("sum = vec4(1.0);"))
    path = tmp_path / "tiny.npz"
    save(c_model("luma", filters=4), path)
    every = run("cost", "--gpu", "rx6900xt", path, "--size", "64x64")
    assert every.exit_code == 0, every.output
    names = [line.split()[0] for line in every.output.splitlines()[2:] if line]
    assert names == [f"C2F4{target.suffix}" for target in variants("luma")]
    one = run("cost", "--gpu", "rx6900xt", path, "--size", "64x64", "--compute")
    assert [line.split()[0] for line in one.output.splitlines()[2:] if line] == ["C2F4_CMP"]


# ---------------------------------------------------------------------------------------------------------------------
# Figures


def test_the_table_of_costs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = {"ArtCNN_C4F16": 1.5, "C4F16": 1.2, "C4F16_CMP": 0.75, "C4F16_DS_CMP": 0.5, "C4F32": 20.0}
    files = {name: {"ms": ms} for name, ms in times.items()}
    found = {"one": {"title": "One", "files": files}, "two": {"title": "Two", "files": {"C4F16": {"ms": 3.0}}}}
    path = tmp_path / "costs.json"
    path.write_text(json.dumps({"gpus": found}))
    monkeypatch.setattr(figures, "COSTS", path)
    assert figures.costs_table() == [
        "| ms a frame, and over ArtCNN's | One | Two |",
        "|---|---|---|",
        "| ArtCNN C4F16 | 1.50 |  |",
        "| `C4F16` | 1.20 (0.80) | **3.00** |",
        "| `C4F16_CMP` | **0.75** (0.50) |  |",
        "| `C4F32` | **20.0** |  |",
    ]
