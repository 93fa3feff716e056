"""What a device can do at best: multiply-adds and copied bytes per second.

The probes are hook files themselves, so they are run and timed exactly as the files that are held against them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import moderngl
import numpy as np

from shadergen.hookfile import parse
from shadergen.runtime.context import describe
from shadergen.runtime.runner import Frame, Runner

_FRAME = Frame({"LUMA": np.full((1, 16, 16), 0.5, np.float32)})
_BEST_OF = 5
_SECONDS = 0.05
"""A measurement at least this long, so that starting and waiting do not count."""

_SIDE = 512
_CHAINS = 8
_UNROLLED = 16
_MAX_ROUNDS = 32768
"""Mesa's llvmpipe ends a loop after 65535 rounds."""

# Eight chains of multiply-adds that do not wait for one another fill a processor's pipelines and still fit its sixteen
# vector registers. They converge to 1, and neither factor is known to the compiler.
_ARITHMETIC = f"""\
//!PARAM rounds
//!TYPE int
1

//!PARAM factor
//!TYPE float
0.75

//!PARAM term
//!TYPE float
0.25

//!HOOK LUMA
//!BIND HOOKED
//!SAVE probe
//!WIDTH {_SIDE}
//!HEIGHT {_SIDE}
//!COMPONENTS 4
{{compute}}vec4 chains(vec2 seed) {{{{
    vec4 a = vec4(seed, seed.yx) / {_SIDE}.0, b = a + 0.5;
    for (int i = 0; i < rounds; i++) {{{{
{"        a = a * factor + term; b = b * factor + term;" * _UNROLLED}
    }}}}
    return a + b;
}}}}
{{hook}}
"""

_COPIED = (4096, 2048)
"""64 MiB a texture: more than the caches hold."""
_COPIES = 4
_COPY = f"""\
//!HOOK LUMA
//!BIND {{bind}}
//!SAVE probe{{number}}
//!WIDTH {_COPIED[0]}
//!HEIGHT {_COPIED[1]}
//!COMPONENTS 4
{{compute}}{{hook}}

"""

_COMPUTE = "//!COMPUTE 16 16\n"
_STORE = "void hook() {{ imageStore(out_image, ivec2(gl_GlobalInvocationID.xy), {value}); }}"
_RETURN = "vec4 hook() {{ return {value}; }}"


@dataclass(frozen=True)
class Peak:
    """The most that was measured on a device."""

    macs_per_second: float
    """Multiply-adds of 32-bit floats per second; 0 when the probe took no time that could be measured."""
    bytes_per_second: float
    """Bytes read and written per second by a copy of 16-bit float texels."""

    @classmethod
    def best(cls, peaks: Sequence[Peak]) -> Peak | None:
        """The larger of each number, or None without any."""
        if not peaks:
            return None
        return cls(max(peak.macs_per_second for peak in peaks), max(peak.bytes_per_second for peak in peaks))


def measure_peak(context: moderngl.Context) -> Peak:
    """Run both probes; compute shaders where there are any. Raises ShaderRunError."""
    compute = describe(context).has_compute
    return Peak(_macs_per_second(context, compute), _bytes_per_second(context, compute))


def _macs_per_second(context: moderngl.Context, compute: bool) -> float:
    value = "chains(vec2(gl_FragCoord.xy))"
    file = parse(_ARITHMETIC.format(**_stage(compute, value)), "<probe>")
    rounds, seconds = 1, 0.0
    while True:
        with Runner(context, file, params={"rounds": rounds}, where="<probe>") as runner:
            seconds = _fastest(runner, 2)
            if seconds >= _SECONDS or rounds >= _MAX_ROUNDS:
                seconds = _fastest(runner, _BEST_OF)
                break
        rounds *= 4
    macs = _SIDE * _SIDE * _CHAINS * _UNROLLED * rounds
    return macs / seconds if seconds else 0.0


def _bytes_per_second(context: moderngl.Context, compute: bool) -> float:
    names = ["HOOKED", *(f"probe{number}" for number in range(_COPIES))]
    text = ""
    for number, bind in enumerate(names[:-1]):
        value = f"texelFetch({bind}_raw, ivec2(gl_FragCoord.xy), 0)" if number else "vec4(gl_FragCoord.xyxy)"
        text += _COPY.format(bind=bind, number=number, **_stage(compute, value))
    with Runner(context, parse(text, "<probe>"), where="<probe>") as runner:
        seconds = _fastest(runner, 3, skipped=1)
    return 2 * 8 * _COPIED[0] * _COPIED[1] / seconds if seconds else 0.0


def _stage(compute: bool, value: str) -> dict[str, str]:
    return {"compute": _COMPUTE if compute else "", "hook": (_STORE if compute else _RETURN).format(value=value)}


def _fastest(runner: Runner, frames: int, skipped: int = 0) -> float:
    """Seconds of the fastest pass but the first `skipped` of several frames."""
    seconds = []
    for _ in range(frames):
        passes = runner.run(_FRAME, (16, 16), stop_after="LUMA", timers=True).passes
        seconds += [run.gpu_seconds for run in passes[skipped:] if run.gpu_seconds is not None]
    return min(seconds)
