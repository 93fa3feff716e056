"""Anybody's mpv shaders in this project's runner, in the real libplacebo, and under lint.

    python bench/thirdparty.py FOLDER_OR_FILE... [--json FILE] [--timeout SECONDS]

Every file is run on one frame of 4:2:0 video by both, at the first of a few output sizes at which one of its passes
runs in libplacebo. The verdicts:

- agree: the same passes ran, and 99.9 % of the pixels are within 1/255 of each other in Y, Cb and Cr.
- rounding: they are, once the runner rounds its textures' fp16 toward zero, as Mesa's software Vulkan does. Medians and
  tests for equal neighbours choose differently then.
- fp16: they are, once libplacebo computes in 32 bits as the runner does: the file says so where 16 are not to be had.
- unstable: they are not, but the runner's own picture changes as much when its input changes by 2/65535, the
  coordinates by their last bits, or the rounding. Such files choose: the most frequent value, floor() or gather on a
  texel's edge.
- random: they are not, and the file draws random numbers or counts frames, which are others in every player.
- differ: they are not, or other passes ran.
- cannot run: libplacebo runs it and the runner does not.
- idle: no pass of it runs at the sizes tried, with its PARAMs as they are, half-way to the maximum, or at the minimum.
- rejected: libplacebo (here, on this device) does not run it.

With --json every verdict is written there at once, and a file that has one there is not judged again: a run that was
interrupted goes on. Delete the JSON file after a change to the runner.

`lint` (with glslang, where that is installed) is right where it finds an error exactly in the rejected files. The exit
code is 1 when a file that libplacebo runs differs, cannot run or has an error, or a rejected one has none.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import math
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shadergen.errors import HookFileError, ShaderRunError
from shadergen.files import write_whole
from shadergen.hookfile import HookFile, HookPass, Param, Rpn, parse
from shadergen.hookfile import format as hook_text
from shadergen.lint import glslang_compiler, lint_file
from shadergen.lint.glsltext import without_comments
from shadergen.runtime import colour, libplacebo
from shadergen.runtime.context import open_context
from shadergen.runtime.program import Storage
from shadergen.runtime.runner import Frame, Runner
from shadergen.upscale import pictures

Array = npt.NDArray[np.float32]

ROOT = Path(__file__).resolve().parent.parent
STEP = 1 / 255
SHARE = 0.999
"""Of the pixels that must be within STEP. Not all: where a shader branches or snaps to texels, a difference in the last
bit of a coordinate decides, and the two compute coordinates differently."""
SIZE = (96, 72)
SCALES = (1.0, 2.0, 3.0, 4.0, 1.5, 0.75, 0.5, 0.25)
"""Tried in this order, those first at which nothing is left to scale: software Vulkan weighs texels with 8 bits, which
shows above STEP."""
NAMELESS = "unknown user shader"
"""What libplacebo calls a pass without DESC."""
NEUTRAL = 128 / 255 - 32768 / 65535
"""Neutral chroma has the levels of 8-bit video in the runner, and those of 16-bit video in libplacebo."""


@dataclass(frozen=True)
class Verdict:
    """What became of one file."""

    file: str
    verdict: str
    """A word of the list above."""
    reason: str = ""
    scale: float = 0.0
    worst: float | None = None
    """The largest difference, in units of the picture."""
    share: float | None = None
    """Of the pixels within STEP."""
    lint_errors: tuple[str, ...] = ()
    seconds: float = 0.0


def frame() -> tuple[Array, Array]:
    """A picture with lines, areas and noise as 4:2:0: luma (1, h, w) and chroma (2, h / 2, w / 2), full range."""
    picture = pictures.load(ROOT / "tests" / "cases" / "sample.png").pixels
    width, height = SIZE
    top, left = (picture.shape[1] - height) // 2, (picture.shape[2] - width) // 2
    cut = picture[:3, top : top + height, left : left + width]
    noise = np.random.default_rng(1).normal(0, 0.01, cut.shape)
    ycbcr = colour.rgb_to_ycbcr(np.clip(0.2 + 0.6 * cut + noise, 0, 1))
    chroma = colour.chroma_420(ycbcr[1:], colour.SITINGS["left"])
    return codes(ycbcr[:1]), codes(chroma)


def codes(values: Array) -> Array:
    """As 16-bit video holds them."""
    return np.asarray(np.rint(values * 65535) / 65535, np.float32)


@functools.cache
def is_old() -> bool:
    """Whether this libplacebo knows no PARAM."""
    grey = np.full((1, 8, 8), 0.5, np.float32)
    text = "//!PARAM low\n//!TYPE float\n0.5\n//!HOOK LUMA\n//!BIND HOOKED\nvec4 hook() { return vec4(low); }\n"
    try:
        libplacebo.run(text, grey, np.full((2, 8, 8), 0.5, np.float32), (8, 8))
    except ShaderRunError:
        return True
    return False


def for_old_versions(file: HookFile) -> HookFile:
    """The same file as libplacebo from before v6.287 (2023) understands it: every PARAM at its initial value, and no
    `SAVE MAIN`, which did nothing."""
    values: dict[str, str] = {}
    for param in file.params:
        values[param.name] = f"{param.initial!r}" if param.type == "float" else f"{int(param.initial)}"
        values |= {name: f"{number}" for number, name in enumerate(param.names)}
    defines = "".join(f"#define {name} ({value})\n" for name, value in values.items())

    def constant(expression: Rpn | None) -> Rpn | None:
        return expression and Rpn.parse(" ".join(values.get(token.text, token.text) for token in expression.tokens))

    def fixed(item: HookPass) -> HookPass:
        sizes = {name: constant(getattr(item, name)) for name in ("width", "height", "when")}
        save = None if item.save == "MAIN" and {"MAIN", "MAINPRESUB"} & set(item.hooks) else item.save
        return replace(item, body=defines + item.body, save=save, **sizes)  # type: ignore[arg-type]

    kept = (block for block in file.blocks if not isinstance(block, Param))
    return replace(file, blocks=tuple(fixed(block) if isinstance(block, HookPass) else block for block in kept))


@dataclass(frozen=True)
class Case:
    """A file on a frame at an output size."""

    name: str
    file: HookFile
    luma: Array
    chroma: Array
    output: tuple[int, int]

    def ours(self, file: HookFile, storage: Storage = "rgba16f", change: Array | float = 0.0) -> Array:
        """The runner's picture of a file like this one, `change` added to luma."""
        return np.clip(play(file, self.name, self.luma + change, self.chroma, self.output, storage)[0], 0, 1)


def judge(path: Path, timeout: float) -> Verdict:
    """Run one file in both, and compare."""
    start = time.monotonic()
    compiler = glslang_compiler()
    found = lint_file(path, compilers=[compiler] if compiler else [])
    errors = tuple(f"line {d.line}: {d.message}" for d in found if d.severity == "error")

    def verdict(word: str, reason: str, scale: float = 0.0, *numbers: float) -> Verdict:
        worst, share = numbers or (None, None)
        return Verdict(path.name, word, reason, scale, worst, share, errors, round(time.monotonic() - start, 1))

    text = path.read_text("utf-8", errors="replace")
    file, problem = None, ""
    try:
        file = parse(text, path.name)
    except HookFileError as error:
        problem = str(error)
    luma, chroma = frame()
    scale = 0.0
    for tried, told, output in tries(file, text, luma, chroma):
        scale = output[0] / SIZE[0]
        try:
            theirs = real(told, luma, chroma, output, timeout)
        except ShaderRunError as error:
            return verdict("rejected", error.problem, scale)
        if theirs.ran:
            file = tried
            break
    else:
        return verdict("idle", "no pass runs at any of the sizes tried")
    if file is None:
        return verdict("cannot run", problem, scale)
    try:
        shown, ran, skipped, _ = play(file, path.name, luma, chroma, output)
    except ShaderRunError as error:
        return verdict("cannot run", str(error), scale)
    shown = np.clip(shown, 0, 1)
    worst, share = distance(shown, theirs.picture)
    if Counter(ran) != Counter(theirs.ran):
        only = sorted(Counter(theirs.ran) - Counter(ran)) or sorted(Counter(ran) - Counter(theirs.ran))
        return verdict("differ", f"other passes ran: {only[:3]} {sorted(skipped)[:2]}", scale, worst, share)
    if share >= SHARE:
        return verdict("agree", "", scale, worst, share)
    case = Case(path.name, file, luma, chroma, output)
    if (plain := in_fp32(told)) != told:
        worst_of_two, share_of_two = distance(shown, real(plain, luma, chroma, output, timeout).picture)
        if share_of_two >= SHARE:
            return verdict("fp16", f"{100 * share:.2f} % with it", scale, worst_of_two, share_of_two)
    worst_of_two, share_of_two = distance(case.ours(toward_zero(file), "rgba32f"), theirs.picture)
    if share_of_two >= SHARE:
        return verdict("rounding", f"{100 * share:.2f} % to nearest", scale, worst_of_two, share_of_two)
    return verdict(*why(case, shown, share), scale, worst, share)


def tries(
    file: HookFile | None, text: str, luma: Array, chroma: Array
) -> Iterator[tuple[HookFile | None, str, tuple[int, int]]]:
    """A file, what libplacebo is told, and an output size: as it is, then with its PARAMs at other values, lest they
    switch it off; each at all sizes, that first at which nothing is left to scale."""
    files: list[tuple[HookFile | None, str]] = [(file, text)]
    if file is not None:
        others = (turned(file, 0.5), turned(file, -1.0)) if file.params else ()
        files += [(other, hook_text(other)) for other in others]
    for tried, told in files:
        natural = natural_scale(tried, luma, chroma)
        for scale in sorted(SCALES, key=lambda scale: scale != natural):
            size = (round(SIZE[0] * scale), round(SIZE[1] * scale))
            yield tried, hook_text(for_old_versions(tried)) if tried and is_old() else told, size


def turned(file: HookFile, share: float) -> HookFile:
    """The file with its PARAMs by `share` of the way on to the maximum; negative: to the minimum."""

    def turn(param: Param) -> Param:
        end = param.maximum if share > 0 else param.minimum
        end = (len(param.names) - 1.0 if share > 0 else 0.0) if param.names else end
        end = param.initial + math.copysign(1.0, share) if end is None else end
        value = param.initial + abs(share) * (end - param.initial)
        return replace(param, initial=value if param.type == "float" else float(math.ceil(value)))

    return replace(file, blocks=tuple(turn(block) if isinstance(block, Param) else block for block in file.blocks))


def why(case: Case, shown: Array, share: float) -> tuple[str, str]:
    """The verdict on a file whose two pictures agree in too small a `share`, and the reason."""
    moved = 100 * float(np.mean(unstable_pixels(case, shown)))
    reason = f"{moved:.2f} % of its own pixels move by more when input, coordinates or rounding change a little"
    if 2 * moved >= 100 * (1 - share):
        return "unstable", reason
    if is_random(case):
        return "random", "draws random numbers or counts frames"
    return "differ", reason


def is_random(case: Case) -> bool:
    """Whether the picture is another with other random numbers, or a frame later."""
    changed = []
    for item in case.file.passes:
        body = re.sub(r"\brandom\b", "(1.0 - random)", without_comments(item.body))
        changed.append(replace(item, body=re.sub(r"\bframe\b", "(frame + 1)", body)))
    if all(now.body == without_comments(item.body) for now, item in zip(changed, case.file.passes, strict=True)):
        return False
    others = tuple(block for block in case.file.blocks if not isinstance(block, HookPass))
    try:
        later = case.ours(replace(case.file, blocks=(*others, *changed)))
    except ShaderRunError:  # the words are names of its own
        return False
    return not np.array_equal(later, case.ours(case.file))


def real(text: str, luma: Array, chroma: Array, output: tuple[int, int], timeout: float) -> libplacebo.Played:
    """libplacebo's picture as YCbCr; where the file hooks OUTPUT it is asked for RGB, which players show there."""
    hooks_output = re.search(r"^//!HOOK\s+OUTPUT\b", text, re.MULTILINE) is not None
    played = libplacebo.play(text, luma, chroma, output, siting="left", timeout=timeout, rgb=hooks_output)
    return replace(played, picture=levels(played.picture)) if hooks_output else played


def levels(rgb: Array) -> Array:
    """RGB as YCbCr (3, h, w) with libplacebo's levels."""
    ycbcr = colour.rgb_to_ycbcr(rgb)
    ycbcr[1:] -= np.float32(NEUTRAL)
    return ycbcr


def distance(one: Array, other: Array) -> tuple[float, float]:
    """The largest difference of two pictures, and the share of the pixels within STEP."""
    differences = np.abs(one - other).max(axis=0)
    return float(np.nan_to_num(differences, nan=np.inf).max()), float((differences <= STEP).mean())


def unstable_pixels(case: Case, shown: Array) -> npt.NDArray[np.bool_]:
    """Where the runner's own picture changes by more than STEP under changes that no viewer could see."""
    one, other = (
        np.random.default_rng(seed).choice((-2, 2), case.luma.shape).astype(np.float32) / np.float32(65535)
        for seed in (2, 3)
    )
    again = (
        case.ours(nudged(case.file, 1), change=one),
        case.ours(nudged(case.file, -1), "rgba32f", change=-one),
        case.ours(toward_zero(case.file), "rgba32f"),
        case.ours(toward_zero(nudged(case.file, 1)), "rgba32f", change=other),
        case.ours(toward_zero(nudged(case.file, -1)), "rgba32f", change=-other),
    )
    moved = np.zeros(case.output[::-1], np.bool_)
    for picture in again:
        moved |= np.abs(picture - shown).max(axis=0) > STEP
    return moved


def natural_scale(file: HookFile | None, luma: Array, chroma: Array) -> float:
    """The first of SCALES at which passes run and their result needs no scaling; 1 where there is none."""
    if file is None:
        return SCALES[0]
    for scale in SCALES:
        output = (round(SIZE[0] * scale), round(SIZE[1] * scale))
        with contextlib.suppress(ShaderRunError):
            _, ran, _, extent = play(file, "", luma, chroma, output)
            if ran and extent == output:
                return scale
    return SCALES[0]


def nudged(file: HookFile, sign: int) -> HookFile:
    """The file with every NAME_pos two units in the last place away."""

    def nudge(item: HookPass) -> HookPass:
        names = "|".join({re.escape(name) for name in (*item.binds, *item.hooks, "HOOKED", "MAIN")})
        return replace(item, body=re.sub(rf"\b((?:{names})_pos)\b", rf"(\1 + {sign} * 1.2e-7)", item.body))

    return replace(file, blocks=tuple(nudge(block) if isinstance(block, HookPass) else block for block in file.blocks))


def in_fp32(text: str) -> str:
    """The file as it is on a device without 16-bit floats, if it has a way for those."""
    name = "GL_EXT_shader_explicit_arithmetic_types_float16"
    without = re.sub(rf"^[ \t]*#[ \t]*extension[ \t]+{name}\b.*$", "", text, flags=re.MULTILINE)
    return without.replace(f"#ifdef {name}", "#if 0")


TOWARD_ZERO = """
vec4 sg_toward_zero(vec4 v) { return uintBitsToFloat(floatBitsToUint(v) & 0xFFFFE000u); }
"""
"""Cuts off the 13 bits of the fraction that fp16 has not."""


def toward_zero(file: HookFile) -> HookFile:
    """The file with everything that its passes write, and the RGB picture they find, rounded to fp16 toward zero."""

    def rounded(item: HookPass) -> HookPass:
        if item.compute is not None:
            store = "#define imageStore(image, at, v) imageStore(image, at, sg_toward_zero(v))\n"
            return replace(item, body=TOWARD_ZERO + store + item.body)
        body = re.sub(r"\bvec4\s+hook\s*\(\s*(?:void)?\s*\)", "vec4 sg_hook()", item.body)
        return replace(item, body=f"{TOWARD_ZERO}{body}\nvec4 hook() {{ return sg_toward_zero(sg_hook()); }}\n")

    stages = {stage for item in file.passes for stage in item.hooks} - {"LUMA", "CHROMA"}
    first = "vec4 hook() { return HOOKED_texOff(0); }\n"
    found = (
        parse("".join(f"//!HOOK {stage}\n//!BIND HOOKED\n{first}" for stage in sorted(stages))).blocks if stages else ()
    )
    blocks = (*found, *file.blocks)
    return replace(file, blocks=tuple(rounded(block) if isinstance(block, HookPass) else block for block in blocks))


def play(
    file: HookFile, name: str, luma: Array, chroma: Array, output: tuple[int, int], storage: Storage = "rgba16f"
) -> tuple[Array, list[str], set[str], tuple[int, int]]:
    """The runner's picture as YCbCr (3, h, w) with libplacebo's levels, what ran, why others did not, and the size
    before the renderer scaled it."""
    planes = {"LUMA": luma, "CHROMA": chroma + np.float32(NEUTRAL)}
    context = open_context()
    try:
        frame = Frame(planes, siting=colour.SITINGS["left"], full_range=True)
        # mpv fills these in, and so does the runner; ffmpeg does not.
        own = {param.name: param.initial for param in file.params if param.name in frame.automatic()}
        with Runner(context, file, storage=storage, where=name, params=own) as runner:
            result = runner.run(frame, output, only=("OUTPUT",))
    finally:
        context.release()
    rgb = result.planes["OUTPUT"][:3]
    # Where libplacebo is asked for RGB, it gives codes of it, which end at 0 and 1.
    shown = levels(np.clip(rgb, 0, 1) if any("OUTPUT" in item.hooks for item in file.passes) else rgb)
    x0, y0, x1, y1 = result.rects["PREKERNEL"]
    extent = (round(x1 - x0), round(y1 - y0))
    ran, skipped = (
        [run.desc or NAMELESS for run in result.passes if run.ran],
        {r.reason for r in result.passes if not r.ran},
    )
    return shown, ran, skipped, extent


def judge_apart(path: Path, timeout: float) -> Verdict:
    """`judge` in a process of its own: a driver's compiler may take for ever, or all the memory."""
    command = [sys.executable, __file__, str(path), "--one", "--timeout", str(timeout)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=2 * timeout, cwd=ROOT)
    except subprocess.TimeoutExpired:
        return Verdict(path.name, "cannot run", f"still busy after {2 * timeout:g} s", seconds=2 * timeout)
    if done.returncode != 0:
        return Verdict(path.name, "cannot run", (done.stderr.strip().splitlines() or ["crashed"])[-1])
    return Verdict(**json.loads(done.stdout.splitlines()[-1]))


def known_verdicts(path: Path | None) -> dict[str, Verdict]:
    """What an earlier run found, by file name."""
    if path is None or not path.exists():
        return {}
    return {
        item["file"]: Verdict(**item | {"lint_errors": tuple(item["lint_errors"])})
        for item in json.loads(path.read_text())
    }


def line(verdict: Verdict) -> str:
    """A verdict for people."""
    numbers = "" if verdict.share is None else f" {100 * verdict.share:6.2f} % within 1/255, worst {verdict.worst:.4f}"
    at = f" at {verdict.scale:g}x" if verdict.scale else ""
    errors = "".join(f"\n           lint: {error}" for error in verdict.lint_errors)
    return f"{verdict.verdict:<10} {verdict.file}{at}{numbers} {verdict.reason}{errors}"


def main(arguments: Sequence[str]) -> int:
    """The command line; 1 where a file that libplacebo runs does not agree or is called faulty."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds that libplacebo may take for a file")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        print(json.dumps(asdict(judge(options.paths[0], options.timeout))))
        return 0
    found = [file for path in options.paths for file in (path.glob("*.glsl") if path.is_dir() else [path])]
    # The small ones first: they say most in the least time.
    files = sorted((file for file in found if file.stat().st_size > 0), key=lambda file: (file.stat().st_size, file))
    known = known_verdicts(options.json)
    for file in files:
        if file.name not in known:
            known[file.name] = judge_apart(file, options.timeout)
            if options.json:
                write_whole(
                    options.json, (json.dumps([asdict(item) for item in known.values()], indent=1) + "\n").encode()
                )
        print(line(known[file.name]), flush=True)
    verdicts = [known[file.name] for file in files]
    counts = Counter(verdict.verdict for verdict in verdicts)
    print(f"\n{len(files)} files: " + ", ".join(f"{number} {word}" for word, number in counts.most_common()))
    good = all(
        bool(v.lint_errors) == (v.verdict == "rejected") and v.verdict not in ("differ", "cannot run") for v in verdicts
    )
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
