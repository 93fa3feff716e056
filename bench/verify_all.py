"""Verify every model as every variant at every size and storage format; everything found as JSON.

    python bench/verify_all.py FILE.json

Exit code 1 when any verification failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from shadergen.errors import ShadergenError
from shadergen.judge import verify
from shadergen.judge.stimuli import SIZES as TESTED
from shadergen.runtime import context, libplacebo
from shadergen.sources import load
from shadergen.target import variants

SIZES = (*TESTED, (640, 360), (1920, 1080))


def main() -> None:
    """Verify and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    out: Path = parser.parse_args().file
    opened = context.open_context()
    device = context.describe(opened)
    opened.release()
    runs = []
    for path in sorted(Path("weights").glob("*.npz")):
        graph = load(path)
        for target in variants(graph.plane):
            name = f"{path.stem}{target.suffix}"
            try:
                result = verify.verify(graph, target, sizes=SIZES).as_dict()
            except ShadergenError as error:
                result = {"shader": name, "status": "failed", "reason": str(error)}
            runs.append(result)
            print(f"{result['status']:<12} {name} {result['reason']}", flush=True)
    record = {"vendor": device.vendor, "renderer": device.renderer, "version": device.version}
    record |= {"libplacebo": libplacebo.unavailable() or "works"}
    out.write_text(json.dumps(record | {"runs": runs}, indent=1) + "\n")
    print(out)
    sys.exit(any(run["status"] == "failed" for run in runs))


if __name__ == "__main__":
    main()
