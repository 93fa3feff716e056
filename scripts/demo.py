"""The main job from end to end: build the shaders, run some against what the networks mean, upscale a picture.

    python scripts/demo.py          (or `make demo`, which sets up what it needs)

Every step is a command that you can type yourself; they are printed as they run, and the first that fails ends it.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VARIANTS = (
    ("--fragment",),
    ("--compute",),
    ("--compute", "--weights", "texture"),
    ("--compute", "--precision", "fp16"),
)
DEVICES = (("--for", "nvidia"), ("--for", "intel"))
"""GPUs of AMD have the file for NVIDIA's."""
VERIFIED = ("weights/C4F16.npz", "weights/C4F16_Chroma.npz")
"""The others are the same with other numbers, and more of them: a CPU takes a minute for each."""


def main() -> int:
    """Run every step; the exit code of the first that fails."""
    (ROOT / "out").mkdir(exist_ok=True)
    for arguments in steps():
        print(f"\n$ {shlex.join(['shadergen', *arguments])}", flush=True)
        code = subprocess.run(
            [Path(sys.executable).with_name("shadergen"), *arguments], cwd=ROOT, check=False
        ).returncode
        if code:
            print(f"demo: the last command ended with {code}", file=sys.stderr)
            return code
    print("\nThe shaders are in out/shaders/, the picture before and after is out/before_after.png.")
    return 0


def steps() -> Iterator[list[str]]:
    """The arguments of each `shadergen` command."""
    models = [path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob("weights/*.npz"))]
    for model in models:
        chroma = "_Chroma" in model  # no fp16 file, see target.variants
        for variant in (*VARIANTS[: 3 if chroma else 4], *DEVICES):
            yield ["build", model, *variant, "-o", "out/shaders/"]
    for model in VERIFIED:
        for variant in VARIANTS[:3]:  # most OpenGL drivers cannot run the fp16 files
            yield ["verify", model, *variant]
    picture = ["--before-after", "out/before_after.png"]
    yield [
        "upscale",
        "tests/cases/sample.png",
        "-o",
        "out/sample_2x.png",
        "--shader",
        "weights/C4F16.npz",
        "--compute",
        *picture,
        "--overwrite",
    ]


if __name__ == "__main__":
    sys.exit(main())
