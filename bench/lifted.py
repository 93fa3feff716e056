"""Others' CNN shaders, lifted and proven, and what their networks cost when they are built anew.

    python bench/lifted.py FOLDER --json FILE [--models FOLDER] [--match REGEX] [--all] [--timeout SECONDS]
    python bench/lifted.py FOLDER --json FILE --models FOLDER --frames
    python bench/lifted.py FOLDER --json FILE --models FOLDER --static
    python bench/lifted.py FOLDER --json FILE --models FOLDER --elsewhere

The first lifts every file whose name is that of a family of CNNs (--all: every file) by `shadergen lift` in a process
of its own. The verdicts:

- proven: the network's picture is the shader's within 1e-4 at three sizes, two of them odd.
- refused: the file is no network that the lifter knows; the line says why.
- unproven: it looked like one, but the pictures differ, or could not be compared.
- failed: the process ended otherwise, or took too long.

`seconds` are those that lifting and proving took of the processor, `lift_seconds` the part before the proof, `mib` the
most memory, `version` the last commit that changed the lifter. Files that differ in comments alone are judged once.

The others build proven networks anew (compute passes, weights in the code). --frames: the original and the new file
play a picture of 256x192 pixels at 4 times its size; the processor's time of a frame counts. For software OpenGL
(llvmpipe) that is the work, however loaded the machine is. --static: `shadergen cost` for two GPUs, of the file whose
layers share passes (`--fuse`); where the original computes in 16 bits on GPUs that can, of one that does so as well,
and the faster one counts. --elsewhere: how far onnxruntime is from the reference, and how far the new file is from
the original in libplacebo, on a frame of 4:2:0 video.

What is found is written to the JSON file at once, by the files' names below FOLDER, and is not found again: a run that
was interrupted goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from shadergen import hookfile
from shadergen.errors import ShadergenError
from shadergen.files import write_whole
from shadergen.hookfile.stages import hooked_stages
from shadergen.ir import reference
from shadergen.runtime import libplacebo
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner
from shadergen.sources import load, save

ROOT = Path(__file__).parents[1]
SUFFIXES = (".glsl", ".hook")
SIZE = (256, 192)
FRAMES = 5
"""The frame that is timed."""
GPUS = ("rx7900xtx", "rx6900xt")
FUSED = ("--compute", "--fuse")
HALFS = "GL_EXT_shader_explicit_arithmetic_types_float16"
"""What a file has that computes in 16 bits where the player's compiler can."""

_NAMED_AGAIN = re.compile(r"^//!SAVE (MAIN|LUMA)[ \t]*\r?\n", re.M)
"""Anime4K's last pass saves what it hooks by its name: mpv replaces the picture, libplacebo 4 leaves it as it was."""

FAMILIES: Mapping[str, str] = {
    "ArtCNN, AniSD, Ani4K": r"ArtCNN",
    "CuNNy, dp4a": r"CuNNy.*(-Q\.|dp4a)|dp4a/CuNNy",
    "CuNNy": r"CuNNy",
    "ACNet": r"acnet",
    "ARNet": r"arnet",
    "FSRCNNX": r"FSRCNNX",
    "TsubaUP": r"TsubaUP",
    "AiUpscale": r"AiUpscale",
    "Anime4K CNN": r"Anime4K.*CNN",
    "Anime4K GAN": r"Anime4K.*GAN",
    "Anime4K 3DGraphics": r"Anime4K_3DGraphics",
    "Anime4K, several in one": r"Anime4K_AIO",
}
"""Families of networks, by what is in the names of their files; the first that fits counts."""
PLAIN = ("ArtCNN, AniSD, Ani4K", "CuNNy", "ACNet", "ARNet", "FSRCNNX", "TsubaUP", "AiUpscale")
"""Those of convolutions that read each value once, unlike Anime4K's, and in floats."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--models", type=Path, help="Keep the lifted networks here.")
    parser.add_argument("--match", default="")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--frames", action="store_true")
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--elsewhere", action="store_true")
    parser.add_argument("--timeout", type=float, default=300.0)
    parser.add_argument("--frame", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.frame:
        print(frame_milliseconds(options.folder))
        return 0
    known = json.loads(options.json.read_text("utf-8")) if options.json.exists() else {}
    for path in files(options.folder):
        name = path.relative_to(options.folder).as_posix()
        if not re.search(options.match, name) or not (options.all or family(name)):
            continue
        entry = known.get(name, {})
        model = options.models / f"{name}.npz"
        try:
            task = next((name for name in TASKS if getattr(options, name)), None)
            if task:
                found = again(path, model, entry, task, known)
            else:
                found = judged(path, model, options.timeout, known) if not entry else {}
        except (subprocess.SubprocessError, ShadergenError) as error:
            found = {f"no {task}": str(error)[-200:]}
        if found:
            known[name] = entry | found
            print(name, json.dumps(found), flush=True)
            write_whole(options.json, json.dumps(known, indent=1, sort_keys=True).encode() + b"\n")
    print(dict(Counter(verdict["verdict"] for verdict in known.values())))
    return 0


def family_rows(results: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """The lines of docs/lift.md's first table: every family's files, and what is between the plain ones' ratios."""
    medians: dict[str, list[float]] = defaultdict(list)
    for name in FAMILIES:
        mine = [entry for path, entry in results.items() if family(path) == name]
        proven = [entry for entry in mine if entry["verdict"] == "proven"]
        if not proven:
            if mine:
                yield f"| {name} | {len(mine)} | 0 | | | | | | |"
            continue
        worst, seconds, mib = (max(entry[key] for entry in proven) for key in ("worst", "lift_seconds", "mib"))
        cells = []
        for column, ratio in RATIOS.items():
            found = _measured(proven, ratio)
            cells.append(f"{statistics.median(found):.2f} ({len(found)})" if found else "")
            if found and name in PLAIN:
                medians[column].append(statistics.median(found))
        yield f"| {name} | {len(mine)} | {len(proven)} | {worst:.0e} | {seconds:.0f} | {mib} | {' | '.join(cells)} |"
    between = (f"{statistics.median(medians[column]):.2f}" for column in RATIOS)
    yield f"| median of the plain families | | | | | | {' | '.join(between)} |"


def file_rows(results: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """The lines of its second table: what networks that were built anew cost, over the original."""
    for path, entry in sorted(results.items(), key=lambda item: (list(FAMILIES).index(family(item[0]) or ""), item[0])):
        found = [ratio(entry) for ratio in RATIOS.values()]
        if "as" not in entry and any(value is not None for value in found):
            yield f"| {Path(path).stem} | {' | '.join('' if value is None else f'{value:.2f}' for value in found)} |"


def _over(milliseconds: list[float]) -> float:
    return milliseconds[1] / milliseconds[0]


def _frame(entry: dict[str, Any]) -> float | None:
    return _over(entry["frames"]) if "frames" in entry else None


def _estimate(gpu: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda entry: _over(entry["static"][gpu]) if "static" in entry else None


RATIOS: Mapping[str, Callable[[dict[str, Any]], float | None]] = {
    "llvmpipe": _frame,
    "RX 7900 XTX": _estimate(GPUS[0]),
    "RX 6900 XT": _estimate(GPUS[1]),
}
"""What of an entry is over the original's, by column."""


def _measured(entries: list[dict[str, Any]], ratio: Callable[[dict[str, Any]], float | None]) -> list[float]:
    """The ratios of those that were measured, each shader once."""
    return [value for entry in entries if "as" not in entry and (value := ratio(entry)) is not None]


def files(folder: Path) -> Iterator[Path]:
    """The hook files in a folder, or the file itself: of every family in turn, small ones first."""
    if folder.is_file():
        yield folder
        return
    families: dict[str | None, list[Path]] = defaultdict(list)
    for path in sorted(folder.rglob("*"), key=lambda path: (path.stat().st_size, path)):
        if path.suffix in SUFFIXES:
            families[family(path.relative_to(folder).as_posix())].append(path)
    for row in zip_longest(*families.values()):
        yield from filter(None, row)


def family(name: str) -> str | None:
    """The family of a file by its name, or None for one of no family of networks."""
    return next((known for known, pattern in FAMILIES.items() if re.search(pattern, name)), None)


def digest(path: Path) -> str:
    """What files have in common that differ in comments and descriptions alone."""
    lines = path.read_text("utf-8-sig").replace("\r", "").splitlines()
    code = (line if line.startswith("//!") else line.split("//")[0].strip() for line in lines)
    return hashlib.sha256("\n".join(x for x in code if x and not x.startswith("//!DESC")).encode()).hexdigest()[:16]


@cache
def version() -> str:
    """The last commit that changed the lifter or its proof."""
    sources = ("shadergen/lift", "shadergen/judge/lifted.py")
    command = ["git", "log", "-1", "--format=%h", "--", *sources]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def judged(path: Path, model: Path, timeout: float, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """What became of one file."""
    same = digest(path)
    for name, entry in known.items():
        if entry["digest"] == same:
            return {**entry, "as": entry.get("as", name)}
    model.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "shadergen", "lift", str(path), "-o", str(model), "--json"]
    result, used = measured(command, timeout)
    found: dict[str, Any] = {"digest": same, "version": version(), **used}
    if result is None:
        return found | {"verdict": "failed", "line": "takes too long"}
    report = json.loads(result.stdout) if result.stdout.startswith("{") else {}
    if report:
        differences = [proof["comparison"]["max_abs"] for proof in report["proofs"] if proof["comparison"]]
        found |= {"plane": report["plane"], "worst": max(differences, default=None), "nodes": len(report["nodes"])}
        found["lift_seconds"] = report["seconds"]
    if result.returncode == 0:
        return found | {"verdict": "proven"}
    line = (result.stderr.strip().splitlines() or ["no output"])[-1]
    refused = "is no network" in line or "expected one of" in line
    verdict = "refused" if refused else "unproven" if report else "failed"
    return found | {"verdict": verdict, "line": line.split(f"{path}", 1)[-1][:300]}


def measured(command: list[str], timeout: float) -> tuple[subprocess.CompletedProcess[str] | None, dict[str, Any]]:
    """What a command printed, or None where it took too long; and what it took of the processor and of memory."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(command, stdout=out, stderr=errors)
        end = time.monotonic() + timeout
        while True:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            if ended:
                break
            if time.monotonic() > end:
                process.kill()
                end = float("inf")
            time.sleep(0.1)
        process.returncode = os.waitstatus_to_exitcode(status)
        used = {"seconds": round(usage.ru_utime + usage.ru_stime, 1), "mib": usage.ru_maxrss // 1024}
        if end == float("inf"):
            return None, used
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(command, process.returncode, out.read(), errors.read()), used


def again(
    path: Path, model: Path, entry: dict[str, Any], task: str, known: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """What a task finds for a proven network; nothing for others, and for what is known already."""
    if entry.get("verdict") != "proven" or task in entry or f"no {task}" in entry:
        return {}
    if "as" in entry:
        twin = known[entry["as"]]
        return {task: twin[task]} if task in twin else {}
    with tempfile.TemporaryDirectory(prefix="shadergen-") as folder:
        if not model.exists():  # it was judged elsewhere
            model = Path(folder, "lifted.npz")
            run("-m", "shadergen", "lift", str(path), "-o", str(model))
        return {task: TASKS[task](path, model, Path(folder, "built.glsl"))}


def _frames(path: Path, model: Path, built: Path) -> list[float]:
    """Milliseconds of a frame, of the original and of the new file."""
    run("-m", "shadergen", "build", str(model), "--compute", "-o", str(built))
    return [round(float(run(__file__, "--frame", str(file))), 2) for file in (path, built)]


def _static(path: Path, model: Path, built: Path) -> dict[str, list[float]]:
    """Estimated milliseconds of both for some GPUs."""
    written = []
    for precision in ("fp32", "fp16") if HALFS in path.read_text("utf-8-sig") else ("fp32",):
        written.append(built.with_stem(precision))
        run("-m", "shadergen", "build", str(model), *FUSED, "--precision", precision, "-o", str(written[-1]))
    gpus = (word for gpu in GPUS for word in ("--gpu", gpu))
    report = json.loads(run("-m", "shadergen", "cost", *gpus, "--json", str(path), *map(str, written)))
    found = {}
    for gpu in report["gpus"]:
        original, *others = (round(file["ms"], 4) for file in gpu["files"])
        found[gpu["name"]] = [original, min(others)]
    return found


def _elsewhere(path: Path, model: Path, built: Path) -> dict[str, float]:
    """The largest differences in onnxruntime and in libplacebo."""
    import onnxruntime

    graph = load(model)
    rng = np.random.default_rng(0)
    image = rng.random((graph.input_type.channels, 23, 30), np.float32)
    onnx = built.with_suffix(".onnx")
    save(graph, onnx)
    session = onnxruntime.InferenceSession(str(onnx))
    computed = session.run(None, {session.get_inputs()[0].name: image[None]})[0][0]
    expected = reference.evaluate(graph, image)[graph.output]
    scale = expected.shape[1] // image.shape[1]
    run("-m", "shadergen", "build", str(model), "--compute", "-o", str(built))
    luma, chroma = rng.random((1, 36, 48), np.float32), rng.random((2, 18, 24), np.float32)
    texts = (_NAMED_AGAIN.sub("", file.read_text("utf-8-sig")) for file in (path, built))
    pictures = [libplacebo.run(text, luma, chroma, (48 * max(scale, 2), 36 * max(scale, 2))) for text in texts]
    return {
        "onnxruntime": float(np.abs(computed - expected).max()),
        "libplacebo": float(np.abs(pictures[0] - pictures[1]).max()),
    }


TASKS: Mapping[str, Callable[[Path, Path, Path], Any]] = {
    "frames": _frames,
    "static": _static,
    "elsewhere": _elsewhere,
}


def frame_milliseconds(path: Path) -> float:
    """What a frame takes of the processor, as software OpenGL computes it: the least of a few."""
    text = path.read_text("utf-8-sig")
    file = hookfile.parse(text, str(path))
    stage = next((stage for stage in ("LUMA", "NATIVE") if stage in hooked_stages(file)), "MAIN")
    output, (width, height) = (4 * SIZE[0], 4 * SIZE[1]), SIZE
    rng = np.random.default_rng(0)
    planes = {"RGB": rng.random((3, height, width), np.float32)}
    if stage != "MAIN":
        planes = {"LUMA": rng.random((1, height, width), np.float32)}
    if stage == "NATIVE":
        planes["CHROMA"] = rng.random((2, height // 2, width // 2), np.float32)
    frame = Frame(planes)
    times = []
    with open_context() as context, Runner(context, file, where=str(path)) as runner:
        for _ in range(FRAMES + 1):
            start = time.process_time()
            result = runner.run(frame, output, stop_after=stage, only=(), timers=True)
            times.append(time.process_time() - start)
        result.require_a_pass(str(path))
    return 1e3 * min(times[1:])  # the first one compiles


def run(*arguments: str) -> str:
    """What a program of Python prints."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
