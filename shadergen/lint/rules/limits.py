"""Rules on what devices and drivers have no room for: slots, texels, threads, memory, code."""

from __future__ import annotations

import math
from collections.abc import Iterator

from shadergen.hookfile.stages import initial_values, variables
from shadergen.lint import glsltext
from shadergen.lint.rule import Finding, Rule, Shader, line_in_body, line_of, registrar
from shadergen.lint.situations import Situation

RULES: list[Rule] = []
rule = registrar(RULES)


_BINDS_D3D11 = 12


@rule("many-binds", "warning", "mpv #17968")
def _many_binds(shader: Shader) -> Iterator[Finding]:
    """Above 12 BINDs the uniform buffer leaves the 14 slots of D3D11 in recent libplacebo."""
    for block in shader.file.passes:
        if len(block.binds) > _BINDS_D3D11:
            line = [directive.line for directive in block.source if directive.name == "BIND"][_BINDS_D3D11]
            message = f"found {len(block.binds)} BINDs, expected at most {_BINDS_D3D11}"
            yield Finding(line, f"{message}; gpu-api=d3d11 may refuse the pass")


_MAX_EXTENT = 16384


@rule("texture-extent", "warning", "mpv_PlayKit e95ba3d; D3D11 and most GPUs end at 16384")
def _texture_extent(shader: Shader) -> Iterator[Finding]:
    """The size of each result for a 3840x2160 4:2:0 video shown at 7680x4320 should be at most 16384."""
    names = variables(shader.file, initial_values(shader.file))
    situation = Situation(shader.file, (3840, 2160), (7680, 4320), names)
    for block in shader.file.passes:
        for axis, (name, rpn) in enumerate((("WIDTH", block.width), ("HEIGHT", block.height))):
            extents = [situation.evaluate(rpn, hook) for hook in block.hooks] if rpn is not None else []
            extent = max((extent for extent in extents if extent is not None), default=0.0)
            if extent > _MAX_EXTENT:
                message = (
                    f"found {name} {extent:.0f} for a video of {(3840, 2160)[axis]}, expected at most {_MAX_EXTENT}"
                )
                yield Finding(line_of(block, name), f"{message}; guard the pass with WHEN or pack it otherwise")


_MAX_THREADS = 1024


@rule("many-threads", "error", "CM:1484-1489; D3D11 and most GPUs end at 1024")
def _many_threads(shader: Shader) -> Iterator[Finding]:
    """A workgroup has at most 1024 threads; libplacebo disables the file above the GPU's limit."""
    for block in shader.file.passes:
        if block.compute is not None and math.prod(block.compute.threads) > _MAX_THREADS:
            width, height = block.compute.threads
            message = f"found {width}x{height} = {width * height} threads, expected at most {_MAX_THREADS}"
            yield Finding(line_of(block, "COMPUTE"), message)


@rule("block-threads", "warning", "CM:1503-1510, VC:1259-1284")
def _block_threads(shader: Shader) -> Iterator[Finding]:
    """The block is a multiple of the threads in each direction, or of their number where they stand in one row."""
    for block in shader.file.passes:
        if block.compute is None:
            continue
        (width, height), (across, down) = block.compute.block, block.compute.threads
        aligned = width % across == 0 and height % down == 0
        row = 1 in (across, down) and width * height % (across * down) == 0
        if not aligned and not row:
            message = f"found a block of {width}x{height} for {across}x{down} threads, expected a multiple"
            yield Finding(line_of(block, "COMPUTE"), f"{message}; some threads have no texel of their own")


_MAX_SHARED = 32 * 1024


@rule("shared-memory", "warning", "CM:1484; D3D11 has 32 KiB per workgroup")
def _shared_memory(shader: Shader) -> Iterator[Finding]:
    """More than 32 KiB of shared memory per workgroup fails on D3D11 and some GPUs; players do not check it.

    Half-precision arrays count as single precision, as D3D11 stores them.
    """
    for block, code in shader.passes:
        size = None if block.compute is None else glsltext.shared_bytes(code, block.compute.threads)
        if size is not None and size > _MAX_SHARED:
            message = f"found {size} bytes of shared memory, expected at most {_MAX_SHARED}; make the tile smaller"
            yield Finding(line_in_body(block, code, code.index("shared")), message)


_LARGE_FILE = 2 * 1024 * 1024


@rule("large-file", "warning", "libplacebo #340; ArtCNN #37, #43")
def _large_file(shader: Shader) -> Iterator[Finding]:
    """Compile time grows with the code (the data of a TEXTURE is not compiled), and mpv stands still meanwhile."""
    size = sum(len(block.body) for block in shader.file.passes)
    if size > _LARGE_FILE:
        message = f"found {size / 2**20:.1f} MiB of GLSL, expected at most {_LARGE_FILE / 2**20:.0f}"
        yield Finding(1, f"{message}; the player stands still while it compiles")
