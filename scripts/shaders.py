"""Every model of weights/ as the files that it ships as (`target.variants`), into shaders/.

python scripts/shaders.py
"""

from __future__ import annotations

from pathlib import Path

from shadergen import compiler, hookfile
from shadergen.files import write_whole
from shadergen.sources import load
from shadergen.target import variants

ROOT = Path(__file__).parent.parent


def main() -> None:
    """Write them, and print their names."""
    for model in sorted(ROOT.glob("weights/*.npz")):
        graph = load(model)
        for target in variants(graph.plane):
            path = ROOT / "shaders" / f"{graph.name}{target.suffix}.glsl"
            write_whole(path, hookfile.format(compiler.compile(graph, target)).encode())
            print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
