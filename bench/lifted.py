"""Others' CNN shaders, lifted and proven, and what their networks cost when they are built anew.

    python bench/lifted.py FOLDER_OR_FILE... [--json FILE] [--match REGEX] [--frames] [--timeout SECONDS]

Every file is lifted by `shadergen lift` in a process of its own. The verdicts:

- proven: the network's picture is the shader's within 1e-4 at three sizes, two of them odd.
- refused: the file is no network that the lifter knows; the line says why.
- unproven: it looked like one, but the pictures differ, or could not be compared.
- failed: the process ended otherwise, or took too long.

`seconds` are those that lifting and proving took of the processor. With --frames the network of a proven file is built
anew (compute passes, weights in the code), and both play a picture of 256x192 pixels at 4 times its size: `ratio` is
new over old, of the processor's time. For software OpenGL (llvmpipe) that is the work, however loaded the machine is.
With --json every verdict is written there at once, and a file that has one there is not judged again; --table prints
all of them as docs/lift.md has them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from shadergen import hookfile
from shadergen.files import write_whole
from shadergen.hookfile.stages import hooked_stages
from shadergen.runtime.context import open_context
from shadergen.runtime.runner import Frame, Runner

SUFFIXES = (".glsl", ".hook")
SIZE = (256, 192)
FRAMES = 5
"""The frame that is timed."""


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--match", default="")
    parser.add_argument("--frames", action="store_true")
    parser.add_argument("--timeout", type=float, default=300.0)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--frame", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.frame:
        print(frame_milliseconds(options.paths[0]))
        return 0
    known: dict[str, dict[str, Any]] = {}
    if options.json and options.json.exists():
        known = json.loads(options.json.read_text("utf-8"))
    for path in files(options.paths):
        if not re.search(options.match, path.name) or str(path) in known:
            continue
        verdict = known[str(path)] = judged(path, options.frames, options.timeout)
        print(
            f"{verdict['verdict']:<9} {verdict['seconds']:6.1f} s  {path.name}  {verdict.get('line', '')}", flush=True
        )
        if options.json:
            write_whole(options.json, json.dumps(known, indent=1).encode())
    print(dict(Counter(verdict["verdict"] for verdict in known.values())))
    for name, verdict in known.items() if options.table else ():
        print(row(Path(name), verdict))
    return 0


def row(path: Path, verdict: dict[str, Any]) -> str:
    """A proven file's line in the table of docs/lift.md; another's reason."""
    if verdict["verdict"] != "proven":
        return f"| {path.stem} | {verdict['verdict']}: {verdict.get('line', '')} | | |"
    ratio = f"{verdict['ratio']:.2f}" if "ratio" in verdict else ""
    return f"| {path.stem} | {verdict['worst']:.0e} | {verdict['seconds']:.0f} | {ratio} |"


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The hook files in some folders, or the files themselves."""
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
        else:
            yield path


def judged(path: Path, frames: bool, timeout: float) -> dict[str, Any]:
    """What became of one file."""
    with tempfile.TemporaryDirectory(prefix="shadergen-") as folder:
        model = Path(folder, "model.npz")
        start = processor_seconds()
        command = [sys.executable, "-m", "shadergen", "lift", str(path), "-o", str(model), "--json"]
        try:
            result = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        except subprocess.TimeoutExpired:
            return {"verdict": "failed", "seconds": timeout, "line": "takes too long"}
        found: dict[str, Any] = {"seconds": round(processor_seconds() - start, 1)}
        report = json.loads(result.stdout) if result.stdout.startswith("{") else {}
        if report:
            differences = [proof["comparison"]["max_abs"] for proof in report["proofs"] if proof["comparison"]]
            found |= {"plane": report["plane"], "worst": max(differences, default=None), "nodes": len(report["nodes"])}
        if result.returncode == 0:
            found["verdict"] = "proven"
            found["line"] = f"{found['worst']:.1e}"
            if frames:
                found |= timed(path, model, Path(folder))
                found["line"] += f", {found['ratio']:.2f} of the frame"
        else:
            line = (result.stderr.strip().splitlines() or ["no output"])[-1]
            refused = "is no network" in line or "expected one of" in line
            verdict = "refused" if refused else "unproven" if report else "failed"
            found |= {"verdict": verdict, "line": line.split(f"{path}", 1)[-1][:300]}
        return found


def timed(path: Path, model: Path, folder: Path) -> dict[str, Any]:
    """The processor's milliseconds for a frame of the original and of the network built anew."""
    built = folder / "built.glsl"
    run("-m", "shadergen", "build", str(model), "--compute", "-o", str(built))
    old, new = (float(run(__file__, "--frame", str(file))) for file in (path, built))
    return {"old_ms": round(old, 2), "new_ms": round(new, 2), "ratio": round(new / old, 3)}


def frame_milliseconds(path: Path) -> float:
    """What a frame takes of the processor, as software OpenGL computes it: the least of a few."""
    text = path.read_text("utf-8-sig")
    file = hookfile.parse(text, str(path))
    luma = "LUMA" in hooked_stages(file)
    stage, output = "LUMA" if luma else "MAIN", (4 * SIZE[0], 4 * SIZE[1])
    picture = np.random.default_rng(0).random((1 if luma else 3, SIZE[1], SIZE[0])).astype(np.float32)
    frame = Frame({"LUMA" if luma else "RGB": picture})
    times = []
    with open_context() as context, Runner(context, file, where=str(path)) as runner:
        for _ in range(FRAMES + 1):
            start = time.process_time()
            result = runner.run(frame, output, stop_after=stage, only=(), timers=True)
            times.append(time.process_time() - start)
        result.require_a_pass(str(path))
    return 1e3 * min(times[1:])  # the first one compiles


def processor_seconds() -> float:
    """What the processes that have ended took of all processors: a loaded machine takes longer, not more."""
    times = os.times()
    return times.children_user + times.children_system


def run(*arguments: str) -> str:
    """What a program of Python prints."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
