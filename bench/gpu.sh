#!/usr/bin/env bash
# On a machine with a GPU, in one command: verify every model as every variant at every size and storage format, time
# them with and without each optimisation, tune, and time them beside other people's shaders.
#
#     bench/gpu.sh [OTHER.glsl...]
#
# Everything goes to bench/results/<renderer>*.json, device and driver named. Run from anywhere; the results are for
# people to read and compare, nothing asserts them. Exit code 1 when any verification failed. FP16 files are verified
# and played by libplacebo on Vulkan, since most OpenGL drivers refuse them.
set -euo pipefail
others=()
for file in "$@"; do others+=("$(realpath "$file")"); done
cd "$(dirname "$0")/.."

scripts/setup.sh demo
export PATH="$PWD/.venv/bin:$PATH"
device=$(python -c '
import re
from shadergen.runtime import context
opened = context.open_context()
print(re.sub(r"\W+", "-", context.describe(opened).renderer).strip("-"))')
out=bench/results/$device
mkdir -p bench/results

python bench/optimisations.py --json "$out-optimisations.json"
# Side by side with others, at the size people watch; the first file is what the ratios are to.
shadergen bench --json "${others[@]}" shaders/*.glsl >"$out-bench.json" || true
shadergen bench --passes "${others[@]}" shaders/*.glsl || true
# What the GPU's compiler makes of them, to hold the estimate against the time.
gpu=$(python -c '
from shadergen.cost import gpus
from shadergen.runtime import context
found = gpus.of_renderer(context.describe(context.open_context()).renderer)
print(found.name if found else "")')
if [ -n "$gpu" ]; then
    shadergen cost --json --gpu "$gpu" "${others[@]}" shaders/*.glsl >"$out-cost.json" || true
fi
for model in weights/*.npz; do
    shadergen build "$model" --compute --tune -o "$(mktemp -d)/" 2>&1 | sed "s|^|$model |"
done | tee "$out-tune.txt"
python bench/verify_all.py "$out.json"
