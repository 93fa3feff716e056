#!/usr/bin/env bash
# On a machine with a GPU: verify every model as every variant at every size and storage format, and write what came out
# to bench/results/<renderer>.json, device and driver named. Run from anywhere; the results are for people to read and
# compare, nothing asserts them. Exit code 1 when any verification failed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh demo
exec .venv/bin/python - <<'EOF'
import json, re, subprocess, sys
from pathlib import Path
from shadergen.runtime import context, libplacebo

VARIANTS = (["--fragment"], ["--compute"], ["--compute", "--precision", "fp16"])
SIZES = ("1x1", "17x13", "250x187", "640x360", "1920x1080")

opened = context.open_context()
device = context.describe(opened)
opened.release()
print(f"{device.renderer}, {device.version}")
runs = []
for model in sorted(Path("weights").glob("*.npz")):
    for variant in VARIANTS:
        for size in SIZES:
            arguments = ["verify", model.as_posix(), *variant, "--size", size, "--json"]
            done = subprocess.run([".venv/bin/shadergen", *arguments], capture_output=True, text=True)
            try:
                result = json.loads(done.stdout)
            except ValueError:
                result = done.stderr.strip()
            runs.append({"command": " ".join(["shadergen", *arguments]), "exit": done.returncode, "result": result})
            print("ok    " if done.returncode == 0 else "FAILED", runs[-1]["command"], flush=True)
record = {"vendor": device.vendor, "renderer": device.renderer, "version": device.version}
record |= {"libplacebo": libplacebo.unavailable() or "works", "runs": runs}
out = Path("bench/results", re.sub(r"\W+", "-", device.renderer).strip("-") + ".json")
out.parent.mkdir(exist_ok=True)
out.write_text(json.dumps(record, indent=1) + "\n")
print(out)
sys.exit(any(run["exit"] for run in runs))
EOF
